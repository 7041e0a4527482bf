/** What the tests of sealed formats share: patterned plaintext, piecewise sources, and ways to damage bytes. */
import type { Segment } from "@coffer/seal";

/** Byte i is `i mod 251`, a prime, so that no two chunks are equal. */
export function pattern(length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  for (let i = 0; i < length; i++) bytes[i] = i % 251;
  return bytes;
}

/** `bytes` in pieces of the sizes given, over and over; a size of 0 gives an empty piece. */
export async function* pieces(bytes: Buffer, ...sizes: number[]): AsyncGenerator<Buffer> {
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const size = sizes[i % sizes.length] ?? bytes.length;
    yield bytes.subarray(at, at + size);
    at += size;
  }
}

/** Copies: sealers use their memory again. */
export async function collect(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const part of source) parts.push(Buffer.from(part));
  return Buffer.concat(parts);
}

/** A copy with one bit of byte `at` turned over. */
export function flipped(bytes: Uint8Array, at: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[at] = (copy[at] ?? 0) ^ 0x01;
  return copy;
}

/** A segment with fixed keys and ids, of one layer or two. */
export function fixedSegment(layers: number): Segment {
  return {
    segmentId: Buffer.alloc(16, 0xa1),
    bucketId: "bkt-000000000001",
    dataKeys: [Buffer.alloc(32, 0x11), Buffer.alloc(32, 0x22)].slice(0, layers),
  };
}

export function hex(text: string): Buffer {
  return Buffer.from(text, "hex");
}
