/**
 * A short name for a KMS ciphertext, so that an object and the audit lines of the calls that made and opened its keys can
 * be told to belong together without showing the ciphertext anywhere.
 */
import { hash } from "node:crypto";

/** The first 16 hex digits of SHA-256. Says nothing about the plaintext: the ciphertext is salted. */
export function ciphertextId(blob: Uint8Array): string {
  return hash("sha256", blob, "hex").slice(0, 16);
}
