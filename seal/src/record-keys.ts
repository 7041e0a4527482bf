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

/** SHA-256 of `bytes` into `out` at `at`. As text, a character a byte, on the way: half of what a Buffer object costs. */
export function sha256Into(out: Buffer, at: number, bytes: Uint8Array): void {
  out.write(hash("sha256", bytes, "binary"), at, "latin1");
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
  writeCounters(counters, rows);
  const stream = mask.update(counters);
  const streamed = viewOf(stream, undefined);
  let [read, written]: (DataView | undefined)[] = [];
  let from = stream.byteOffset;
  return rows.map(({ row, at, sizeBytes }) => {
    const out = Buffer.allocUnsafe(sizeBytes);
    read = viewOf(row, read);
    written = viewOf(out, written);
    const [start, to] = [row.byteOffset + at, out.byteOffset];
    let i = 0;
    for (; i + 4 <= sizeBytes; i += 4) written.setInt32(to + i, read.getInt32(start + i) ^ streamed.getInt32(from + i));
    for (; i < sizeBytes; i++) written.setUint8(to + i, read.getUint8(start + i) ^ streamed.getUint8(from + i));
    from += Math.ceil(sizeBytes / BLOCK) * BLOCK;
    return out;
  });
}

/** The counter blocks of all rows, as four numbers each. */
function writeCounters(counters: Buffer, rows: readonly Masked[]): void {
  const out = viewOf(counters, undefined);
  let read: DataView | undefined;
  let at = counters.byteOffset;
  for (const { row, nonceAt, sizeBytes } of rows) {
    read = viewOf(row, read);
    const nonce = row.byteOffset + nonceAt;
    const [first, second] = [read.getUint32(nonce), read.getUint32(nonce + 4)];
    const [third, last] = [read.getUint32(nonce + 8), read.getUint32(nonce + 12)];
    for (let i = 0; i * BLOCK < sizeBytes; i++, at += BLOCK) {
      out.setUint32(at, first);
      out.setUint32(at + 4, second);
      out.setUint32(at + 8, third);
      out.setUint32(at + 12, last + i);
      if (last + i > 0xffffffff) carry(out, at + 12);
    }
  }
}

/** Adds one to the number of twelve bytes that ends at `end`. */
function carry(view: DataView, end: number): void {
  for (let at = end - 1; at >= end - 12; at--) {
    const sum = view.getUint8(at) + 1;
    view.setUint8(at, sum);
    if (sum <= 0xff) return;
  }
}

/** The memory that `bytes` lie in, four bytes at a time; small buffers share theirs, so the view before often serves again. */
function viewOf(bytes: Buffer, before: DataView | undefined): DataView {
  return before?.buffer === bytes.buffer ? before : new DataView(bytes.buffer);
}
