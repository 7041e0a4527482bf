/** Audit members of cryptographic calls: names as CloudTrail has them, no blob, no grant token. Source: kms.md §17. */
export interface AuditedCrypto {
  readonly KeyId?: string | undefined;
  readonly EncryptionContext?: Readonly<Record<string, string>> | undefined;
  readonly DryRun?: boolean | undefined;
}

/** Members that Encrypt, Decrypt and the data key operations share; the key id as sent. */
export function cryptoAudit(input: AuditedCrypto): Readonly<Record<string, unknown>> {
  return {
    ...(input.KeyId === undefined ? {} : { keyId: input.KeyId }),
    ...(input.EncryptionContext === undefined ? {} : { encryptionContext: input.EncryptionContext }),
    ...(input.DryRun === undefined ? {} : { dryRun: input.DryRun }),
  };
}
