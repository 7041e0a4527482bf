/** Symmetric cryptography: encrypt, data keys, random bytes. Source: kms service model; kms.md §4, §8, §10.5. */
import { defineOperation } from "../gate/contract.js";
import type { AnyOperation, Call } from "../gate/contract.js";
import { ciphertextId } from "../lib/ciphertext-id.js";
import { ServiceError } from "../lib/errors.js";
import type {
  EncryptRequest, EncryptResponse, GenerateDataKeyRequest, GenerateDataKeyResponse, GenerateRandomRequest, GenerateRandomResponse,
} from "../wire/tables/kms-types.js";
import { cryptoAudit } from "./crypto-audit.js";
import { encryptUnder } from "./ciphertext.js";
import { dryRunSucceeded } from "./dry-run.js";
import { checkEncryptionContext } from "./encryption-context.js";
import { requireState } from "./key.js";
import type { Key } from "./key.js";
import { keyFacts } from "./key-facts.js";
import type { KeyFacts } from "./key-facts.js";
import { unsupported } from "./key-kinds.js";
import type { Kms } from "./kms.js";
import { LIMITS } from "./limits.js";
import { iamPermission, keyPermission } from "./permission.js";
import { invalid, validate } from "./validate.js";

export function cryptoOperations(kms: Kms): AnyOperation[] {
  return [encrypt(kms), generateDataKey(kms), generateDataKeyWithoutPlaintext(kms), generateRandom(kms)];
}

export const SYMMETRIC = "SYMMETRIC_DEFAULT";

/** @throws ServiceError InvalidKeyUsageException */
export function requireAlgorithm(algorithm: string | undefined, key: Key): void {
  if (algorithm === undefined || algorithm === SYMMETRIC) return;
  throw new ServiceError("InvalidKeyUsageException", `Algorithm ${algorithm} is incompatible with key spec ${key.clear.spec}.`);
}

/** Nitro attestation is not verified here, so nothing may be handed out on its word. */
export function refuseRecipient(input: { readonly Recipient?: unknown }): void {
  if (input.Recipient !== undefined) throw unsupported("Recipient");
}

const RULES = { aliases: true, crossAccount: true, noInvalidArn: true } as const;

/** Names the material in the audit line. */
export function annotateMaterial(call: Call, materialId: string): void {
  call.annotate({ additionalEventData: { keyMaterialId: materialId } });
}

/** Names the ciphertext of a data key that S3 has made or opened, so that the objects under it can be told from the line. */
export function annotateCiphertext(call: Call, blob: Uint8Array): void {
  if (call.viaService !== undefined) call.annotate({ additionalEventData: { ciphertextId: ciphertextId(blob) } });
}

function encrypt(kms: Kms): AnyOperation {
  const rules = { ...RULES, action: "kms:Encrypt" };
  return defineOperation<EncryptRequest, KeyFacts, EncryptResponse>({
    service: "kms",
    name: "Encrypt",
    readOnly: true,
    async resolve(input, call) {
      validate(input, LIMITS.Encrypt);
      checkEncryptionContext(input.EncryptionContext, "encryptionContext");
      return await keyFacts(kms, input, rules, call);
    },
    permissions: (input, facts, call) => [cryptoPermission("Encrypt", input, facts, call)],
    async run(input, { key }, call) {
      requireState("Encrypt", key);
      requireAlgorithm(input.EncryptionAlgorithm, key);
      if (input.DryRun === true) throw dryRunSucceeded();
      annotateMaterial(call, key.clear.materialId);
      const blob = await encryptUnder(kms, key, input.Plaintext, input.EncryptionContext);
      return { CiphertextBlob: blob, KeyId: key.arn, EncryptionAlgorithm: SYMMETRIC };
    },
    auditParameters: (input) => cryptoAudit(input, { encryptionAlgorithm: input.EncryptionAlgorithm ?? SYMMETRIC }),
  });
}

interface CryptoInput {
  readonly EncryptionContext?: Readonly<Record<string, string>> | undefined;
  readonly EncryptionAlgorithm?: string | undefined;
}

function cryptoPermission(action: string, input: CryptoInput, facts: KeyFacts, call: Call): ReturnType<typeof keyPermission> {
  const context = { "kms:EncryptionAlgorithm": input.EncryptionAlgorithm ?? SYMMETRIC };
  return keyPermission(facts, { action, context, encryptionContext: input.EncryptionContext ?? {}, grants: facts.grants }, call);
}

/** GenerateDataKeyWithoutPlaintext has the same members but Recipient. */
type DataKeyRequest = GenerateDataKeyRequest;

/** @throws ServiceError ValidationException unless exactly one of the two is given */
function dataKeyBytes({ KeySpec, NumberOfBytes }: DataKeyRequest): number {
  if ((KeySpec === undefined) === (NumberOfBytes === undefined)) {
    throw invalid("Please specify either number of bytes or key spec.");
  }
  return NumberOfBytes ?? (KeySpec === "AES_128" ? 16 : 32);
}

/** Both forms; the plaintext stays in the answer or is wiped. */
function dataKeyOperation(kms: Kms, name: "GenerateDataKey" | "GenerateDataKeyWithoutPlaintext"): AnyOperation {
  const rules = { ...RULES, action: `kms:${name}` };
  return defineOperation<DataKeyRequest, KeyFacts, GenerateDataKeyResponse>({
    service: "kms",
    name,
    readOnly: true,
    async resolve(input, call) {
      validate(input, LIMITS[name]);
      dataKeyBytes(input);
      refuseRecipient(input);
      checkEncryptionContext(input.EncryptionContext, "encryptionContext");
      return await keyFacts(kms, input, rules, call);
    },
    permissions: (input, facts, call) => [cryptoPermission(name, input, facts, call)],
    async run(input, { key }, call) {
      requireState(name, key);
      if (input.DryRun === true) throw dryRunSucceeded();
      annotateMaterial(call, key.clear.materialId);
      const plaintext = kms.random(dataKeyBytes(input));
      const blob = await encryptUnder(kms, key, plaintext, input.EncryptionContext);
      annotateCiphertext(call, blob);
      const KeyMaterialId = key.clear.materialId;
      if (name === "GenerateDataKey") return { CiphertextBlob: blob, KeyId: key.arn, KeyMaterialId, Plaintext: plaintext };
      plaintext.fill(0);
      return { CiphertextBlob: blob, KeyId: key.arn, KeyMaterialId };
    },
    auditParameters: (input) => {
      const members = cryptoAudit(input);
      if (input.KeySpec !== undefined) members["keySpec"] = input.KeySpec;
      if (input.NumberOfBytes !== undefined) members["numberOfBytes"] = input.NumberOfBytes;
      return members;
    },
  });
}

const generateDataKey = (kms: Kms): AnyOperation => dataKeyOperation(kms, "GenerateDataKey");
const generateDataKeyWithoutPlaintext = (kms: Kms): AnyOperation => dataKeyOperation(kms, "GenerateDataKeyWithoutPlaintext");

function generateRandom(kms: Kms): AnyOperation {
  return defineOperation<GenerateRandomRequest, null, GenerateRandomResponse>({
    service: "kms",
    name: "GenerateRandom",
    readOnly: true,
    async resolve(input) {
      validate(input, LIMITS.GenerateRandom);
      refuseRecipient(input);
      if (input.CustomKeyStoreId !== undefined) {
        throw new ServiceError("CustomKeyStoreNotFoundException", `There is no custom key store ${input.CustomKeyStoreId}.`);
      }
      if (input.NumberOfBytes === undefined) throw invalid("NumberOfBytes is required.");
      return null;
    },
    permissions: (_input, _facts, call) => [iamPermission("GenerateRandom", "*", call)],
    run: async (input) => ({ Plaintext: kms.random(input.NumberOfBytes ?? 0) }),
  });
}
