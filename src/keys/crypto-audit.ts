/** Audit members of cryptographic calls: names as CloudTrail has them, no blob, no grant token. Source: kms.md §17. */
export interface AuditedCrypto {
  readonly KeyId?: string | undefined;
  readonly EncryptionContext?: Readonly<Record<string, string>> | undefined;
  readonly DryRun?: boolean | undefined;
}

/**
 * Members that Encrypt, Decrypt and the data key operations share; the key id as sent.
 * @param members those that come before, in an object that becomes the result
 */
export function cryptoAudit(input: AuditedCrypto, members: Record<string, unknown> = {}): Record<string, unknown> {
  if (input.KeyId !== undefined) members["keyId"] = input.KeyId;
  if (input.EncryptionContext !== undefined) members["encryptionContext"] = input.EncryptionContext;
  if (input.DryRun !== undefined) members["dryRun"] = input.DryRun;
  return members;
}
