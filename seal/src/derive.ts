/**
 * Key derivation. HKDF-Expand is built on one HMAC per block because `hkdfSync` costs four times as much, and Extract is
 * left out where the input is already uniformly random (RFC 5869 §3.3). Labels keep every use of a key apart.
 * Sources: RFC 5869; NIST SP 800-108r1 §4.1 (counter mode).
 */
import { createHmac, createSecretKey } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { wipe } from "./bytes.js";

/** Key bytes, or the same inside Node's KeyObject, which ciphers use faster. */
export type KeyInput = Uint8Array | KeyObject;

/**
 * HKDF-Expand with HMAC-SHA-512.
 * @param prk uniformly random key
 * @param info everything that must tell this output from others
 * @param length bytes wanted, 1 … 255·64
 */
export function hkdfExpand(prk: KeyInput, info: Uint8Array, length: number): Buffer {
  if (length <= 64) return cut(createHmac("sha512", prk).update(info).update(FIRST_BLOCK).digest(), length);
  const out = Buffer.allocUnsafeSlow(length);
  const counter = Buffer.alloc(1);
  let previous: Buffer | undefined;
  for (let at = 0, block = 1; at < length; at += 64, block++) {
    counter[0] = block;
    const hmac = createHmac("sha512", prk);
    if (previous !== undefined) hmac.update(previous);
    const next = hmac.update(info).update(counter).digest();
    next.copy(out, at);
    wipe(previous);
    previous = next;
  }
  wipe(previous);
  return out;
}

const FIRST_BLOCK = Buffer.from([1]);

/** The first `length` bytes; the others are wiped, so that wiping the result wipes all. */
function cut(block: Buffer, length: number): Buffer {
  block.fill(0, length);
  return block.subarray(0, length);
}

/** HKDF-Extract with HMAC-SHA-512: 64 bytes, for key bytes that a caller chose. */
export function hkdfExtract(salt: Uint8Array, key: Uint8Array): Buffer {
  return createHmac("sha512", salt).update(key).digest();
}

/** `hkdfExpand` to a 32-byte KeyObject; the bytes in between are wiped. */
export function deriveKeyObject(prk: KeyInput, info: Uint8Array): KeyObject {
  const bytes = hkdfExpand(prk, info, 32);
  const key = createSecretKey(bytes);
  wipe(bytes);
  return key;
}

/**
 * KDF in counter mode with HMAC and a 32-bit big-endian counter in front: `K(i) = HMAC(key, [i] ‖ fixedInput)`.
 * @param fixedInput label, context and length, as `kdfFixedInput` lays them out
 */
export function kdfCounter(digest: "sha256" | "sha512", key: KeyInput, fixedInput: Uint8Array, length: number): Buffer {
  const counter = Buffer.alloc(4);
  const block = (i: number): Buffer => {
    counter.writeUInt32BE(i);
    return createHmac(digest, key).update(counter).update(fixedInput).digest();
  };
  const first = block(1);
  if (length <= first.length) return cut(first, length);
  const out = Buffer.allocUnsafeSlow(length);
  for (let at = 0, i = 1, next = first; ; next = block(++i)) {
    at += next.copy(out, at);
    wipe(next);
    if (at >= length) return out;
  }
}

/** `label ‖ 0x00 ‖ context ‖ [length in bits]`, the length as a 32-bit big-endian number (SP 800-108r1 §4). */
export function kdfFixedInput(label: string, context: readonly Uint8Array[], length: number): Buffer {
  const bits = Buffer.alloc(4);
  bits.writeUInt32BE(length * 8);
  return Buffer.concat([Buffer.from(`${label}\0`, "utf8"), ...context, bits]);
}
