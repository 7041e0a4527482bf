/**
 * The three keys of metadata rows, and the two primitives that work on a whole page at once: a MAC over many rows and a
 * keystream for many rows, each with a fixed number of AES calls whatever the number of rows, on ciphers that are set up
 * once. A cipher or HMAC object a row costs 3–5 µs; a listing opens 1000 rows. FORMAT: docs/spec/records.md §3, §4.
 */
import { createCipheriv, hash } from "node:crypto";
import type { Cipher, KeyObject } from "node:crypto";

const BLOCK = 16;
export const ROW_MAC_BYTES = 16;

/** Opaque outside this workspace; made by `deriveRootKeys`. */
export interface RecordKeys {
  readonly storeId: Buffer;
  /** AES-256 in ECB mode over independent blocks, kept ready: no set-up a call. */
  readonly mac: Cipher;
  readonly mask: Cipher;
  readonly seal: Cipher;
  /** What the place of every row of a kind begins with, as made so far. */
  readonly places: Map<string, Buffer>;
}

/** @param storeId 16 bytes */
export function recordKeys(storeId: Buffer, keys: { mac: KeyObject; mask: KeyObject; seal: KeyObject }): RecordKeys {
  return { storeId, mac: blockCipher(keys.mac), mask: blockCipher(keys.mask), seal: blockCipher(keys.seal), places: new Map() };
}

function blockCipher(key: KeyObject): Cipher {
  return createCipheriv("aes-256-ecb", key, null).setAutoPadding(false);
}

/** SHA-256 of `bytes`, in one call. */
export function sha256(bytes: Uint8Array): Buffer {
  return hash("sha256", bytes, "buffer");
}

/**
 * MACs of many rows from their SHA-256 hashes: `AES(AES(h[0..16]) XOR h[16..32])`, that is CBC-MAC over inputs of one fixed
 * length, a PRF; with a collision-resistant hash before it, a MAC for any length (hash-then-PRF).
 * @param hashes n × 32 bytes @returns n × 16 bytes, in order
 */
export function macHashes(mac: Cipher, hashes: Uint8Array): Buffer {
  const count = hashes.length / 32;
  const first = Buffer.allocUnsafe(count * BLOCK);
  for (let i = 0; i < count; i++) first.set(hashes.subarray(i * 32, i * 32 + BLOCK), i * BLOCK);
  const middle = mac.update(first);
  for (let at = 0; at < middle.length; at++) {
    const second = (at >> 4) * 32 + BLOCK + (at & 15);
    middle[at] = (middle[at] ?? 0) ^ (hashes[second] ?? 0);
  }
  return mac.update(middle);
}

/** One row's share of a keystream call. */
export interface Masked {
  /** 16 random bytes of the row. */
  readonly nonce: Uint8Array;
  /** Bytes to mask or unmask. */
  readonly bytes: Uint8Array;
}

/**
 * XORs each row's bytes with its AES-256-CTR keystream (initial counter block = the row's nonce, incremented as a 128-bit
 * big-endian number), all rows in one cipher call. Its own inverse. @returns fresh buffers, in order
 */
export function applyMask(mask: Cipher, rows: readonly Masked[]): Buffer[] {
  let blocks = 0;
  for (const { bytes } of rows) blocks += Math.ceil(bytes.length / BLOCK);
  if (blocks === 0) return rows.map(() => Buffer.alloc(0));
  const counters = Buffer.allocUnsafe(blocks * BLOCK);
  let at = 0;
  for (const { nonce, bytes } of rows) {
    for (let i = 0; i * BLOCK < bytes.length; i++, at += BLOCK) {
      counters.set(nonce, at);
      addToCounter(counters, at, i);
    }
  }
  const stream = mask.update(counters);
  at = 0;
  return rows.map(({ bytes }) => {
    const out = Buffer.allocUnsafe(bytes.length);
    for (let i = 0; i < bytes.length; i++) out[i] = (bytes[i] ?? 0) ^ (stream[at + i] ?? 0);
    at += Math.ceil(bytes.length / BLOCK) * BLOCK;
    return out;
  });
}

function addToCounter(counters: Buffer, at: number, add: number): void {
  for (let j = at + BLOCK - 1, carry = add; carry > 0 && j >= at; j--) {
    const sum = (counters[j] ?? 0) + (carry & 0xff);
    counters[j] = sum & 0xff;
    carry = (carry >>> 8) + (sum >>> 8);
  }
}
