/**
 * Keys of one sealed stream (one layer): message key, base nonce and commitment out of an input key, a salt and a context,
 * and the nonce of each chunk. Source: C2SP chunked-encryption@v1, "Key derivation" and "AEAD usage".
 * FORMAT: docs/spec/sealed-stream.md §2.
 */
import { createCipheriv, createDecipheriv, createSecretKey } from "node:crypto";
import type { CipherGCM, DecipherGCM, KeyObject } from "node:crypto";
import { sameBytes, wipe } from "./bytes.js";
import { hkdfExpand } from "./derive.js";
import { SealIntegrityError } from "./errors.js";
import { COMMITMENT_BYTES, PREFIX_BYTES, SALT_BYTES, TAG_BYTES } from "./suites.js";
import type { Suite } from "./suites.js";
import { MAX_CHUNKS } from "./sizes.js";

const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const GCM_OPTIONS = { authTagLength: TAG_BYTES } as const;

/** Everything one layer needs to be sealed or opened. */
export interface LayerKey {
  readonly suite: Suite;
  /** Salt and commitment, 56 bytes: the stream's beginning. */
  readonly prefix: Buffer;
  readonly key: KeyObject;
  readonly baseNonce: Buffer;
}

/**
 * @param inputKey 32 uniformly random bytes; (`inputKey`, `salt`) must never repeat for new plaintext
 * @param salt 24 bytes
 * @param context what the stream is bound to; not stored
 */
export function deriveLayerKey(suite: Suite, inputKey: Uint8Array, salt: Uint8Array, context: Uint8Array): LayerKey {
  const okm = hkdfExpand(inputKey, Buffer.concat([suite.info, salt, context]), KEY_BYTES + NONCE_BYTES + COMMITMENT_BYTES);
  const key = createSecretKey(okm.subarray(0, KEY_BYTES));
  const baseNonce = Buffer.from(okm.subarray(KEY_BYTES, KEY_BYTES + NONCE_BYTES));
  const prefix = Buffer.concat([salt, okm.subarray(KEY_BYTES + NONCE_BYTES)], PREFIX_BYTES);
  wipe(okm);
  return { suite, prefix, key, baseNonce };
}

/**
 * The layer's key for opening, out of the stream's own prefix.
 * @throws SealIntegrityError `commitment` when input key, context or prefix are not those it was sealed with
 */
export function layerKeyFromPrefix(suite: Suite, inputKey: Uint8Array, prefix: Uint8Array, context: Uint8Array): LayerKey {
  if (prefix.length !== PREFIX_BYTES) throw new SealIntegrityError("size", "segment prefix");
  const layer = deriveLayerKey(suite, inputKey, prefix.subarray(0, SALT_BYTES), context);
  if (!sameBytes(layer.prefix, prefix)) throw new SealIntegrityError("commitment", "segment");
  return layer;
}

/** Base nonce XOR chunk number as a 96-bit big-endian integer. */
function chunkNonce(layer: LayerKey, chunk: number): Buffer {
  if (chunk >= MAX_CHUNKS) throw new RangeError("chunk number");
  const nonce = Buffer.from(layer.baseNonce);
  nonce.writeUInt32BE((nonce.readUInt32BE(8) ^ (chunk % 2 ** 32)) >>> 0, 8);
  nonce.writeUInt8(nonce.readUInt8(7) ^ Math.floor(chunk / 2 ** 32), 7);
  return nonce;
}

export function chunkCipher(layer: LayerKey, chunk: number): CipherGCM {
  return createCipheriv("aes-256-gcm", layer.key, chunkNonce(layer, chunk), GCM_OPTIONS);
}

export function chunkDecipher(layer: LayerKey, chunk: number): DecipherGCM {
  return createDecipheriv("aes-256-gcm", layer.key, chunkNonce(layer, chunk), GCM_OPTIONS);
}

/** @throws SealIntegrityError `tag` naming the chunk; the caller then drops what `decipher` gave before */
export function finishChunk(decipher: DecipherGCM, tag: Uint8Array, chunk: number): void {
  try {
    decipher.setAuthTag(tag);
    decipher.final();
  } catch {
    // OpenSSL says no more than that the tag is wrong; the error that names the chunk replaces it.
    throw new SealIntegrityError("tag", "segment", chunk);
  }
}
