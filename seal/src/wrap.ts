/**
 * Key wrapping: one secret under one 32-byte key. Each blob has its own AES-256-GCM key, derived from the wrapping key and a
 * random salt and used for this one message under the zero nonce, so one wrapping key may wrap any number of secrets; and a
 * commitment, so a blob opens under one key only.
 * Used for key material under the root key, data keys under a bucket key, data keys under an SSE-C customer key.
 * FORMAT: docs/spec/records.md §5.
 */
import { createCipheriv, createDecipheriv, createSecretKey } from "node:crypto";
import { asBuffer, requireLength, sameBytes, wipe } from "./bytes.js";
import { hkdfExpand } from "./derive.js";
import type { KeyInput } from "./derive.js";
import { SealIntegrityError } from "./errors.js";
import { randomSalt } from "./random.js";

const VERSION = 1;
const SUITE = 1;
const KEY_ID_AT = 2;
export const WRAPPING_KEY_ID_BYTES = 16;
const SALT_AT = KEY_ID_AT + WRAPPING_KEY_ID_BYTES;
const WRAP_SALT_BYTES = 24;
const COMMITMENT_AT = SALT_AT + WRAP_SALT_BYTES;
const COMMITMENT_BYTES = 32;
const BODY_AT = COMMITMENT_AT + COMMITMENT_BYTES;
const TAG_BYTES = 16;
const KEY_BYTES = 32;
/** FORMAT: a derived key encrypts one message, so its nonce needs no entropy. */
const NONCE = Buffer.alloc(12);
/** Bytes that a blob is longer than its secret. */
export const WRAP_OVERHEAD_BYTES = BODY_AT + TAG_BYTES;

const LABEL_WRAP = Buffer.from("coffer/wrap/v1", "latin1");
const LABEL_KEY_ID = Buffer.from("coffer/key-id/v1", "latin1");

/** A key that wraps others, and the id by which its blobs name it. */
export interface WrappingKey {
  /** 16 bytes; a one-way function of the key. */
  readonly id: Buffer;
  /** Bytes that the caller can wipe, or a copy of them. */
  readonly key: KeyInput;
}

/** Takes a copy of `bytes` (32, uniformly random): the caller wipes its own. */
export function wrappingKey(bytes: Uint8Array): WrappingKey {
  return { id: wrappingKeyId(bytes), key: createSecretKey(bytes) };
}

/** The id of a key of 32 bytes, for those who keep it beside the key: `{ id, key: bytes }` then wraps without a copy. */
export function wrappingKeyId(bytes: Uint8Array): Buffer {
  requireLength(bytes, 32, "wrapping key");
  return hkdfExpand(bytes, LABEL_KEY_ID, WRAPPING_KEY_ID_BYTES);
}

/**
 * @param secret any length
 * @param aad what the secret belongs to, unambiguous (length-prefixed, beginning with a label); must be given again to unwrap
 */
export function wrapKey(under: WrappingKey, secret: Uint8Array, aad: Uint8Array): Buffer {
  return wrapKeyWithSalt(under, secret, aad, randomSalt(WRAP_SALT_BYTES));
}

/**
 * @returns the secret in a fresh buffer, to be wiped by the caller
 * @throws SealIntegrityError `format` (not such a blob), `commitment` (other key, id or aad), `tag` (altered)
 */
export function unwrapKey(under: WrappingKey, blob: Uint8Array, aad: Uint8Array): Buffer {
  const bytes = asBuffer(blob);
  if (!sameBytes(wrappedUnder(bytes), under.id)) throw new SealIntegrityError("commitment", "wrapped key");
  const okm = deriveWrap(under, bytes.subarray(0, COMMITMENT_AT), aad);
  try {
    if (!sameBytes(okm.subarray(KEY_BYTES), bytes.subarray(COMMITMENT_AT, BODY_AT))) {
      throw new SealIntegrityError("commitment", "wrapped key");
    }
    const decipher = createDecipheriv("aes-256-gcm", okm.subarray(0, KEY_BYTES), NONCE, { authTagLength: TAG_BYTES });
    decipher.setAAD(bytes.subarray(0, BODY_AT)).setAuthTag(bytes.subarray(bytes.length - TAG_BYTES));
    const secret = decipher.update(bytes.subarray(BODY_AT, bytes.length - TAG_BYTES));
    try {
      decipher.final();
    } catch {
      wipe(secret);
      throw new SealIntegrityError("tag", "wrapped key");
    }
    return secret;
  } finally {
    wipe(okm);
  }
}

/** Id of the key that `blob` was wrapped under. @throws SealIntegrityError `format` */
export function wrappedUnder(blob: Uint8Array): Buffer {
  if (blob.length < WRAP_OVERHEAD_BYTES || blob[0] !== VERSION || blob[1] !== SUITE) {
    throw new SealIntegrityError("format", "wrapped key");
  }
  return asBuffer(blob).subarray(KEY_ID_AT, SALT_AT);
}

/** For tests and vectors only (`@coffer/seal/testing`). */
export function wrapKeyWithSalt(under: WrappingKey, secret: Uint8Array, aad: Uint8Array, salt: Uint8Array): Buffer {
  requireLength(under.id, WRAPPING_KEY_ID_BYTES, "wrapping key id");
  requireLength(salt, WRAP_SALT_BYTES, "wrap salt");
  const out = Buffer.allocUnsafe(BODY_AT + secret.length + TAG_BYTES);
  out[0] = VERSION;
  out[1] = SUITE;
  out.set(under.id, KEY_ID_AT);
  out.set(salt, SALT_AT);
  const okm = deriveWrap(under, out.subarray(0, COMMITMENT_AT), aad);
  out.set(okm.subarray(KEY_BYTES), COMMITMENT_AT);
  const cipher = createCipheriv("aes-256-gcm", okm.subarray(0, KEY_BYTES), NONCE, { authTagLength: TAG_BYTES });
  wipe(okm);
  cipher.setAAD(out.subarray(0, BODY_AT));
  out.set(cipher.update(secret), BODY_AT);
  cipher.final();
  out.set(cipher.getAuthTag(), BODY_AT + secret.length);
  return out;
}

/** FORMAT: key(32) ‖ commitment(32) = HKDF-Expand(wrapping key, "coffer/wrap/v1" ‖ head (42 bytes) ‖ aad): one HMAC. */
function deriveWrap(under: WrappingKey, head: Uint8Array, aad: Uint8Array): Buffer {
  return hkdfExpand(under.key, Buffer.concat([LABEL_WRAP, head, aad]), 64);
}
