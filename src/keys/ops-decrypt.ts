/**
 * Decrypt and ReEncrypt: the operations whose key is named by the ciphertext. A named key that is not the ciphertext's is
 * IncorrectKeyException; a ciphertext's key that is gone, foreign or denied is one and the same AccessDeniedException.
 * Source: kms.md §4.4 of the reference.
 */
import { defineOperation } from "../gate/contract.js";
import type { AnyOperation, Call } from "../gate/contract.js";
import { ServiceError } from "../lib/errors.js";
import type { Context } from "../policy/types.js";
import type { DecryptRequest, DecryptResponse, ReEncryptRequest, ReEncryptResponse } from "../wire/tables/kms-types.js";
import { decryptUnder, encryptUnder, readHeader } from "./ciphertext.js";
import type { KmsHeader } from "./ciphertext.js";
import { cryptoAudit } from "./crypto-audit.js";
import { denial, hiddenCiphertextKey } from "./denials.js";
import { dryRunSucceeded, ignoresCiphertext } from "./dry-run.js";
import { checkEncryptionContext } from "./encryption-context.js";
import { checkGrantTokens } from "./grant-tokens.js";
import { grantsOf } from "./grants.js";
import type { ContextPairs } from "./grants.js";
import { requireState } from "./key.js";
import type { Key } from "./key.js";
import { auditResource, keyFacts } from "./key-facts.js";
import type { KeyFacts } from "./key-facts.js";
import type { Kms } from "./kms.js";
import { LIMITS } from "./limits.js";
import { loadKey } from "./load.js";
import { annotateCiphertext, annotateMaterial, refuseRecipient, requireAlgorithm, SYMMETRIC } from "./ops-crypto.js";
import { keyPermission } from "./permission.js";
import { invalid, missing, validate } from "./validate.js";

export function decryptOperations(kms: Kms): AnyOperation[] {
  return [decrypt(kms), reEncrypt(kms)];
}

interface Sealed {
  readonly blob: Uint8Array;
  readonly header: KmsHeader;
}

interface SourceFacts extends KeyFacts {
  /** Absent in a dry run that ignores the ciphertext. */
  readonly sealed: Sealed | undefined;
  /** The caller named the key, and so knows of it. */
  readonly named: boolean;
}

interface Source {
  readonly CiphertextBlob?: Uint8Array | undefined;
  readonly KeyId?: string | undefined;
  readonly GrantTokens?: readonly string[] | undefined;
  /** Member that names the key, for messages. */
  readonly keyMember: string;
  readonly ignoresCiphertext: boolean;
  readonly action: string;
}

async function sourceFacts(kms: Kms, source: Source, call: Call): Promise<SourceFacts> {
  checkGrantTokens(kms.keyring, source.GrantTokens);
  if (source.CiphertextBlob === undefined && !source.ignoresCiphertext) throw missing("CiphertextBlob");
  if (source.ignoresCiphertext && source.KeyId === undefined) throw missing(source.keyMember);
  const blob = source.ignoresCiphertext ? undefined : source.CiphertextBlob;
  const sealed = blob === undefined ? undefined : { blob, header: readHeader(blob) };
  if (source.KeyId !== undefined) {
    const rules = { action: source.action, aliases: true, crossAccount: true, noInvalidArn: true };
    const { key, alias, grants } = await keyFacts(kms, { KeyId: source.KeyId }, rules, call);
    return { key, alias, grants, sealed, named: true };
  }
  const key = sealed === undefined ? undefined : await loadKey(kms, call.region, sealed.header.keyId, call.nowMs);
  if (key === undefined) throw hiddenCiphertextKey();
  call.annotate({ resources: [auditResource(key)] });
  return { key, alias: undefined, grants: await grantsOf(kms, key, call.principal), sealed, named: false };
}

/** @throws ServiceError IncorrectKeyException when the key is not the ciphertext's */
function requireSameKey({ key, sealed }: SourceFacts): void {
  if (sealed !== undefined && sealed.header.keyId !== key.keyId) {
    const message = "The key ID in the request does not identify a CMK that can perform this operation.";
    throw new ServiceError("IncorrectKeyException", message);
  }
}

function opened(kms: Kms, { key, sealed }: SourceFacts, context: ContextPairs | undefined, call: Call): Promise<Buffer> {
  if (sealed === undefined) throw new Error("invariant: only dry runs go without a ciphertext");
  return decryptUnder(kms, key, { blob: sealed.blob, header: sealed.header, context }, call.log);
}

function decrypt(kms: Kms): AnyOperation {
  return defineOperation<DecryptRequest, SourceFacts, DecryptResponse>({
    service: "kms",
    name: "Decrypt",
    readOnly: true,
    async resolve(input, call) {
      validate(input, LIMITS.Decrypt);
      checkEncryptionContext(input.EncryptionContext, "encryptionContext");
      refuseRecipient(input);
      const { CiphertextBlob, KeyId, GrantTokens } = input;
      const ignores = ignoresCiphertext(input);
      const asked = { CiphertextBlob, KeyId, GrantTokens, keyMember: "KeyId", action: "kms:Decrypt", ignoresCiphertext: ignores };
      return await sourceFacts(kms, asked, call);
    },
    permissions(input, facts, call) {
      const context = { "kms:EncryptionAlgorithm": input.EncryptionAlgorithm ?? SYMMETRIC };
      const encryptionContext = input.EncryptionContext ?? {};
      return [keyPermission(facts, { action: "Decrypt", context, encryptionContext, grants: facts.grants }, call)];
    },
    async run(input, facts, call) {
      const { key, sealed } = facts;
      requireSameKey(facts);
      requireState("Decrypt", key);
      requireAlgorithm(input.EncryptionAlgorithm, key);
      if (input.DryRun === true) throw dryRunSucceeded();
      const materialId = sealed?.header.materialId ?? "";
      const plaintext = await opened(kms, facts, input.EncryptionContext, call);
      annotateMaterial(call, materialId);
      if (sealed !== undefined) annotateCiphertext(call, sealed.blob);
      return { KeyId: key.arn, Plaintext: plaintext, EncryptionAlgorithm: SYMMETRIC, KeyMaterialId: materialId };
    },
    denied: (refused, _input, facts, call) => (facts.named ? denial(refused, call) : hiddenCiphertextKey()),
    auditParameters: (input) => cryptoAudit(input, { encryptionAlgorithm: input.EncryptionAlgorithm ?? SYMMETRIC }),
  });
}

interface ReEncryptFacts {
  readonly source: SourceFacts;
  /**
   * Or why there is none, told once the source is known to be the caller's to use. INVARIANT: which of the two keys is
   * refused first does not depend on what exists, or a stranger could ask about one key by way of the other.
   */
  readonly destination: KeyFacts | ServiceError;
}

async function destinationFacts(kms: Kms, KeyId: string, call: Call): Promise<ReEncryptFacts["destination"]> {
  const rules = { action: "kms:ReEncryptTo", aliases: true, crossAccount: true, noInvalidArn: true };
  try {
    return await keyFacts(kms, { KeyId }, rules, call);
  } catch (error) {
    if (error instanceof ServiceError) return error;
    throw error;
  }
}

function reEncrypt(kms: Kms): AnyOperation {
  return defineOperation<ReEncryptRequest, ReEncryptFacts, ReEncryptResponse>({
    service: "kms",
    name: "ReEncrypt",
    readOnly: true,
    async resolve(input, call) {
      validate(input, LIMITS.ReEncrypt);
      checkEncryptionContext(input.SourceEncryptionContext, "sourceEncryptionContext");
      checkEncryptionContext(input.DestinationEncryptionContext, "destinationEncryptionContext");
      const { CiphertextBlob, SourceKeyId: KeyId, DestinationKeyId, GrantTokens } = input;
      const named = { keyMember: "SourceKeyId", ignoresCiphertext: ignoresCiphertext(input), action: "kms:ReEncryptFrom" };
      const source = await sourceFacts(kms, { CiphertextBlob, KeyId, GrantTokens, ...named }, call);
      const destination = await destinationFacts(kms, DestinationKeyId, call);
      const keys = destination instanceof ServiceError ? [source.key] : [source.key, destination.key];
      call.annotate({ resources: keys.map(auditResource) });
      return { source, destination };
    },
    permissions(input, { source, destination }, call) {
      const known = destination instanceof ServiceError ? undefined : destination;
      const same = String(source.key.arn === known?.key.arn);
      const context = (algorithm: string | undefined): Context => ({
        "kms:EncryptionAlgorithm": algorithm ?? SYMMETRIC, "kms:ReEncryptOnSameKey": same,
      });
      return [
        keyPermission(source, {
          action: "ReEncryptFrom",
          context: context(input.SourceEncryptionAlgorithm),
          encryptionContext: input.SourceEncryptionContext ?? {},
          grants: source.grants,
        }, call),
        ...(known === undefined ? [] : [keyPermission(known, {
          action: "ReEncryptTo",
          context: context(input.DestinationEncryptionAlgorithm),
          encryptionContext: input.DestinationEncryptionContext ?? {},
          grants: known.grants,
        }, call)]),
      ];
    },
    async run(input, facts, call) {
      const { source, destination } = facts;
      if (destination instanceof ServiceError) throw destination;
      checkReEncrypt(input, source, destination.key);
      if (input.DryRun === true) throw dryRunSucceeded();
      const plaintext = await opened(kms, source, input.SourceEncryptionContext, call);
      try {
        if (plaintext.length > 4096) throw invalid("The plaintext is longer than 4096 bytes.");
        const blob = await encryptUnder(kms, destination.key, plaintext, input.DestinationEncryptionContext);
        return reEncryptAnswer(blob, source, destination.key, call);
      } finally {
        plaintext.fill(0);
      }
    },
    denied: (refused, _input, { source }, call) =>
      refused.permission.action === "kms:ReEncryptFrom" && !source.named ? hiddenCiphertextKey() : denial(refused, call),
    auditParameters: reEncryptAudit,
  });
}

function checkReEncrypt(input: ReEncryptRequest, source: SourceFacts, destination: Key): void {
  requireSameKey(source);
  requireState("ReEncrypt", source.key);
  requireState("ReEncrypt", destination);
  requireAlgorithm(input.SourceEncryptionAlgorithm, source.key);
  requireAlgorithm(input.DestinationEncryptionAlgorithm, destination);
}

function reEncryptAnswer(blob: Buffer, source: SourceFacts, destination: Key, call: Call): ReEncryptResponse {
  const sourceKeyMaterialId = source.sealed?.header.materialId ?? "";
  const destinationKeyMaterialId = destination.clear.materialId;
  call.annotate({ additionalEventData: { sourceKeyMaterialId, destinationKeyMaterialId } });
  return {
    CiphertextBlob: blob,
    SourceKeyId: source.key.arn,
    KeyId: destination.arn,
    SourceEncryptionAlgorithm: SYMMETRIC,
    DestinationEncryptionAlgorithm: SYMMETRIC,
    SourceKeyMaterialId: sourceKeyMaterialId,
    DestinationKeyMaterialId: destinationKeyMaterialId,
  };
}

function reEncryptAudit(input: ReEncryptRequest): Readonly<Record<string, unknown>> {
  const { DestinationEncryptionContext: destinationEncryptionContext } = input;
  return {
    sourceEncryptionAlgorithm: input.SourceEncryptionAlgorithm ?? SYMMETRIC,
    ...(input.SourceEncryptionContext === undefined ? {} : { sourceEncryptionContext: input.SourceEncryptionContext }),
    ...(input.SourceKeyId === undefined ? {} : { sourceKeyId: input.SourceKeyId }),
    destinationKeyId: input.DestinationKeyId,
    destinationEncryptionAlgorithm: input.DestinationEncryptionAlgorithm ?? SYMMETRIC,
    ...(destinationEncryptionContext === undefined ? {} : { destinationEncryptionContext }),
    ...(input.DryRun === undefined ? {} : { dryRun: input.DryRun }),
  };
}
