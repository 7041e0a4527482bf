/**
 * Key derivation. HKDF-Expand is built on one HMAC per block because `hkdfSync` costs far more, and Extract is
 * left out where the input is already uniformly random (RFC 5869 §3.3). Labels keep every use of a key apart.
 * Sources: RFC 5869; NIST SP 800-108r1 §4.1 (counter mode).
 */
import { createSecretKey } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { wipe } from "./bytes.js";
import { hmac } from "./hmac.js";
import type { KeyInput } from "./hmac.js";

export type { KeyInput };

/**
 * HKDF-Expand with HMAC-SHA-512.
 * @param prk uniformly random key
 * @param info everything that must tell this output from others
 * @param length bytes wanted, 1 … 255·64
 */
export function hkdfExpand(prk: KeyInput, info: Uint8Array, length: number): Buffer {
  if (length <= 64) return cut(hmac("sha512", prk, [info, FIRST_BLOCK]), length);
  const out = Buffer.allocUnsafeSlow(length);
  const counter = Buffer.alloc(1);
  let previous: Buffer = NO_BYTES;
  for (let at = 0, block = 1; at < length; at += 64, block++) {
    counter[0] = block;
    const next = hmac("sha512", prk, [previous, info, counter]);
    next.copy(out, at);
    wipe(previous);
    previous = next;
  }
  wipe(previous);
  return out;
}

const NO_BYTES = Buffer.alloc(0);
const FIRST_BLOCK = Buffer.from([1]);

/** The first `length` bytes; the others are wiped, so that wiping the result wipes all. */
function cut(block: Buffer, length: number): Buffer {
  if (length === block.length) return block;
  block.fill(0, length);
  return block.subarray(0, length);
}

/** HKDF-Extract with HMAC-SHA-512: 64 bytes, for key bytes that a caller chose. */
export function hkdfExtract(salt: Uint8Array, key: Uint8Array): Buffer {
  return hmac("sha512", salt, [key]);
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
 * @param fixedInput `label ‖ 0x00 ‖ context ‖ [length in bits]`, the length as a 32-bit big-endian number (SP 800-108r1 §4);
 *   whole, or in parts
 */
export function kdfCounter(
  digest: "sha256" | "sha512", key: KeyInput, fixedInput: Uint8Array | readonly Uint8Array[], length: number,
): Buffer {
  const fixed = fixedInput instanceof Uint8Array ? [fixedInput] : fixedInput;
  const first = hmac(digest, key, [FIRST_COUNTER, ...fixed]);
  if (length <= first.length) return cut(first, length);
  const out = Buffer.allocUnsafeSlow(length);
  const counter = Buffer.from(FIRST_COUNTER);
  for (let at = 0, i = 1, next = first; ; next = hmac(digest, key, [counter, ...fixed])) {
    at += next.copy(out, at);
    wipe(next);
    if (at >= length) return out;
    counter.writeUInt32BE(++i);
  }
}

const FIRST_COUNTER = Buffer.from([0, 0, 0, 1]);
