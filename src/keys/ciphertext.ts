/**
 * Encrypting and decrypting under a KMS key, once state and permission are settled. Why a ciphertext did not open goes to
 * the log, never to the caller. FORMAT: docs/spec/kms-ciphertext.md.
 */
import { decryptKms, encryptKms, KmsCiphertextError, parseKmsHeader } from "@coffer/seal";
import type { KmsHeader } from "@coffer/seal";
import type { Log } from "../lib/log.js";
import { ServiceError } from "../lib/errors.js";
import type { Key } from "./key.js";
import type { Kms } from "./kms.js";

export type { KmsHeader };
type Pairs = Readonly<Record<string, string>> | undefined;

/** AWS sends no message. */
export function invalidCiphertext(): ServiceError {
  return new ServiceError("InvalidCiphertextException", "");
}

/** @throws ServiceError InvalidCiphertextException when these bytes are no ciphertext of KMS */
export function readHeader(blob: Uint8Array): KmsHeader {
  try {
    return parseKmsHeader(blob);
  } catch (error) {
    if (error instanceof KmsCiphertextError) throw invalidCiphertext();
    throw error;
  }
}

export async function encryptUnder(kms: Kms, key: Key, plaintext: Uint8Array, context: Pairs): Promise<Buffer> {
  const encrypt = (material: Buffer): Buffer => encryptKms(key.header, material, plaintext, context ?? {});
  return kms.materials.useKept(key, key.clear.materialId, encrypt) ?? await kms.materials.useCurrent(key, encrypt);
}

/**
 * @param header of `blob`; names `key`
 * @returns the plaintext in a fresh buffer
 * @throws ServiceError InvalidCiphertextException
 */
export async function decryptUnder(
  kms: Kms, key: Key, sealed: { readonly blob: Uint8Array; readonly header: KmsHeader; readonly context: Pairs }, log: Log,
): Promise<Buffer> {
  const { blob, header, context } = sealed;
  try {
    const decrypt = (material: Buffer): Buffer => decryptKms(blob, material, context ?? {});
    const { materialId } = header;
    const plaintext = kms.materials.useKept(key, materialId, decrypt) ?? await kms.materials.use(key, materialId, decrypt);
    if (plaintext !== undefined) return plaintext;
    log.info({ key: key.arn, reason: "material" }, "ciphertext did not open");
  } catch (error) {
    if (!(error instanceof KmsCiphertextError)) throw error;
    // `commitment`: other context; `tag`: altered bytes.
    log.info({ key: key.arn, reason: error.reason }, "ciphertext did not open");
  }
  throw invalidCiphertext();
}
