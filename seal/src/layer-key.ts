/**
 * Keys of one sealed stream (one layer): message key, base nonce and commitment out of an input key, a salt and a context,
 * and the nonce of each chunk. Source: C2SP chunked-encryption@v1, "Key derivation" and "AEAD usage".
 * FORMAT: docs/spec/sealed-stream.md §2.
 */
import { createCipheriv, createDecipheriv, createSecretKey } from "node:crypto";
import type { CipherGCM, DecipherGCM } from "node:crypto";
import { sameBytes, wipe } from "./bytes.js";
import { hkdfExpand } from "./derive.js";
import type { KeyInput } from "./derive.js";
import { SealIntegrityError } from "./errors.js";
import { COMMITMENT_BYTES, PREFIX_BYTES, SALT_BYTES, TAG_BYTES } from "./suites.js";
import type { Suite } from "./suites.js";
import { MAX_CHUNKS } from "./sizes.js";

const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const COMMITMENT_AT = KEY_BYTES + NONCE_BYTES;
const GCM_OPTIONS = { authTagLength: TAG_BYTES } as const;

/** Everything one layer needs to be sealed or opened. */
export interface LayerKey {
  readonly suite: Suite;
  /** Salt and commitment, 56 bytes: the stream's beginning. */
  readonly prefix: Buffer;
  readonly key: KeyInput;
  readonly baseNonce: Buffer;
}

/**
 * @param inputKey 32 uniformly random bytes; (`inputKey`, `salt`) must never repeat for new plaintext
 * @param salt 24 bytes
 * @param context what the stream is bound to; not stored
 */
export function deriveLayerKey(suite: Suite, inputKey: Uint8Array, salt: Uint8Array, context: Uint8Array): LayerKey {
  const okm = expand(suite, inputKey, salt, context);
  return lasting(suite, Buffer.concat([salt, okm.subarray(COMMITMENT_AT)], PREFIX_BYTES), okm);
}

/**
 * The layer's key for opening, out of the stream's own prefix.
 * @throws SealIntegrityError `commitment` when input key, context or prefix are not those it was sealed with
 */
export function layerKeyFromPrefix(suite: Suite, inputKey: Uint8Array, prefix: Uint8Array, context: Uint8Array): LayerKey {
  return lasting(suite, Buffer.from(prefix), checked(suite, inputKey, prefix, context));
}

/**
 * Runs `use` with what `layerKeyFromPrefix` returns, at once and synchronously: the key's bytes are wiped behind it, so that
 * no object of Node's has to keep them.
 */
export function useLayerKey<T>(
  layer: { readonly suite: Suite; readonly inputKey: Uint8Array; readonly prefix: Buffer; readonly context: Uint8Array },
  use: (layer: LayerKey) => T,
): T {
  const { suite, inputKey, prefix, context } = layer;
  const okm = checked(suite, inputKey, prefix, context);
  try {
    const baseNonce = okm.subarray(KEY_BYTES, COMMITMENT_AT);
    return use({ suite, prefix, key: okm.subarray(0, KEY_BYTES), baseNonce });
  } finally {
    wipe(okm);
  }
}

/** Key, base nonce and commitment, one behind the other. */
function expand(suite: Suite, inputKey: Uint8Array, salt: Uint8Array, context: Uint8Array): Buffer {
  return hkdfExpand(inputKey, Buffer.concat([suite.info, salt, context]), COMMITMENT_AT + COMMITMENT_BYTES);
}

/** `expand`, where the commitment is the prefix's. @throws SealIntegrityError */
function checked(suite: Suite, inputKey: Uint8Array, prefix: Uint8Array, context: Uint8Array): Buffer {
  if (prefix.length !== PREFIX_BYTES) throw new SealIntegrityError("size", "segment prefix");
  const okm = expand(suite, inputKey, prefix.subarray(0, SALT_BYTES), context);
  if (sameBytes(okm.subarray(COMMITMENT_AT), prefix.subarray(SALT_BYTES))) return okm;
  wipe(okm);
  throw new SealIntegrityError("commitment", "segment");
}

/** A key for as long as a stream may take; wipes `okm`. */
function lasting(suite: Suite, prefix: Buffer, okm: Buffer): LayerKey {
  const key = createSecretKey(okm.subarray(0, KEY_BYTES));
  const baseNonce = Buffer.from(okm.subarray(KEY_BYTES, COMMITMENT_AT));
  wipe(okm);
  return { suite, prefix, key, baseNonce };
}

/** Base nonce XOR chunk number as a 96-bit big-endian integer. */
function chunkNonce(layer: LayerKey, chunk: number): Buffer {
  if (chunk >= MAX_CHUNKS) throw new RangeError("chunk number");
  if (chunk === 0) return layer.baseNonce;
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
