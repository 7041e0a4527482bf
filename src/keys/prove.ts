/**
 * Opening a ciphertext to prove that it opens: for verifying the store, which acts for nobody and gives no plaintext to
 * anyone. It honours the key's state all the same: what nobody may use now is not used, and said to be unproven.
 */
import { decryptKms, parseKmsHeader } from "@coffer/seal";
import type { EncryptionContext } from "@coffer/seal";
import { parseArn } from "../lib/arn.js";
import { Secret } from "../lib/secret.js";
import { isGone, keyIn, stateOf } from "./key.js";
import type { Kms } from "./kms.js";

export type Proof =
  | { readonly opened: Secret }
  /** `absent`: there is no such key, which is what a deleted key leaves behind. */
  | { readonly unproven: "disabled" | "pending-deletion" | "absent" };

/** Wraps a data key somewhere in the store. */
export interface ProvenCiphertext {
  readonly blob: Uint8Array;
  readonly keyArn: string;
  readonly context: EncryptionContext;
}

/** The ciphertext names another key than the row, or material that the key has not. */
export class ForeignCiphertextIntegrityError extends Error {
  override readonly name = "ForeignCiphertextIntegrityError";
}

/** @throws KmsCiphertextError, SealIntegrityError, ForeignCiphertextIntegrityError: it does not open under its key */
export async function proveCiphertext(kms: Kms, { blob, keyArn, context }: ProvenCiphertext, nowMs: number): Promise<Proof> {
  const header = parseKmsHeader(blob);
  const region = parseArn(keyArn)?.region ?? "";
  const found = await kms.tables.keys.get(region, header.keyId);
  if (found === undefined || isGone(found.clear, nowMs)) return { unproven: "absent" };
  const key = keyIn(kms.decoded, found);
  if (key.arn !== keyArn) throw new ForeignCiphertextIntegrityError("the ciphertext names another key");
  const state = stateOf(key);
  if (state !== "Enabled") return { unproven: state === "Disabled" ? "disabled" : "pending-deletion" };
  const plaintext = await kms.materials.use(key, header.materialId, (material) => decryptKms(blob, material, context));
  if (plaintext === undefined) throw new ForeignCiphertextIntegrityError("the key has no such material");
  return { opened: new Secret(plaintext) };
}
