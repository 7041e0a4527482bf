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

/** SHA-256 of `bytes` into `out` at `at`. As text on the way: that costs half of what a Buffer object does. */
export function sha256Into(out: Buffer, at: number, bytes: Uint8Array): void {
  out.write(hash("sha256", bytes, "hex"), at, "hex");
}

/**
 * MACs of many rows from their SHA-256 hashes: `AES(AES(h[0..16]) XOR h[16..32])`, that is CBC-MAC over inputs of one fixed
 * length, a PRF; with a collision-resistant hash before it, a MAC for any length (hash-then-PRF).
 * @param hashes n × 32 bytes @returns n × 16 bytes, in order
 */
export function macHashes(mac: Cipher, hashes: Uint8Array): Buffer {
  const count = hashes.length / 32;
  const first = Buffer.allocUnsafe(count * BLOCK);
  for (let i = 0; i < first.length; i++) first[i] = hashes[(i >> 4) * 32 + (i & 15)] ?? 0;
  const middle = mac.update(first);
  for (let at = 0; at < middle.length; at++) {
    const second = (at >> 4) * 32 + BLOCK + (at & 15);
    middle[at] = (middle[at] ?? 0) ^ (hashes[second] ?? 0);
  }
  return mac.update(middle);
}

/** One row's share of a keystream call: places in `row`, because a view of each part of 1000 rows costs as much as its cipher. */
export interface Masked {
  readonly row: Buffer;
  /** Where the row's 16 random bytes are. */
  readonly nonceAt: number;
  /** Where the bytes to mask or unmask begin, and how many they are. */
  readonly at: number;
  readonly sizeBytes: number;
}

/**
 * XORs each row's bytes with its AES-256-CTR keystream (initial counter block = the row's nonce, incremented as a 128-bit
 * big-endian number), all rows in one cipher call. Its own inverse. @returns fresh buffers, in order
 */
export function applyMask(mask: Cipher, rows: readonly Masked[]): Buffer[] {
  let blocks = 0;
  for (const { sizeBytes } of rows) blocks += Math.ceil(sizeBytes / BLOCK);
  if (blocks === 0) return rows.map(() => Buffer.alloc(0));
  const counters = Buffer.allocUnsafe(blocks * BLOCK);
  let block = 0;
  for (const { row, nonceAt, sizeBytes } of rows) {
    for (let i = 0; i * BLOCK < sizeBytes; i++, block += BLOCK) {
      for (let j = 0; j < BLOCK; j++) counters[block + j] = row[nonceAt + j] ?? 0;
      addToCounter(counters, block, i);
    }
  }
  const stream = mask.update(counters);
  block = 0;
  return rows.map(({ row, at, sizeBytes }) => {
    const out = Buffer.allocUnsafe(sizeBytes);
    for (let i = 0; i < sizeBytes; i++) out[i] = (row[at + i] ?? 0) ^ (stream[block + i] ?? 0);
    block += Math.ceil(sizeBytes / BLOCK) * BLOCK;
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
