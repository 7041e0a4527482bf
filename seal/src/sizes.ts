/**
 * Arithmetic of sealed streams: sizes and ranges, from the suite table alone. One layer is salt, commitment and chunks; a
 * second layer seals the first one's bytes as if they were plaintext, so every formula is applied once a layer.
 * FORMAT: docs/spec/sealed-stream.md §3.
 */
import { SealIntegrityError } from "./errors.js";
import { DEFAULT_SUITE, PREFIX_BYTES, TAG_BYTES } from "./suites.js";
import type { Suite } from "./suites.js";

/** Bytes `start … end`, both inclusive. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** What to fetch for a plaintext range. */
export interface SealedRange extends ByteRange {
  /** Index of the (outer) chunk that the fetched bytes begin with; the prefix comes first when it is 0. */
  readonly firstChunk: number;
}

/** How a segment is sealed, as far as sizes go. */
export interface Shape {
  readonly suite: Suite;
  /** 1; or 2 for DSSE: two layers under independent keys. */
  readonly layers: number;
}

export const ONE_LAYER: Shape = Object.freeze({ suite: DEFAULT_SUITE, layers: 1 });
export const TWO_LAYERS: Shape = Object.freeze({ suite: DEFAULT_SUITE, layers: 2 });

/** Chunk counter limit of the construction. */
export const MAX_CHUNKS = 2 ** 38;

/**
 * Sealed bytes of a plaintext of `sizeBytes`.
 * @throws RangeError for a size that is no whole number ≥ 0 or needs more than 2³⁸ chunks
 */
export function sealedSize(sizeBytes: number, shape: Shape = ONE_LAYER): number {
  let size = sizeBytes;
  for (let layer = 0; layer < shape.layers; layer++) size = layerSealedSize(size, shape.suite);
  return size;
}

/**
 * Plaintext bytes inside `sealedBytes`.
 * @throws SealIntegrityError `size` for a length that no sealed stream has (a cut at a chunk's end is one of them)
 */
export function plainSize(sealedBytes: number, shape: Shape = ONE_LAYER): number {
  let size = sealedBytes;
  for (let layer = 0; layer < shape.layers; layer++) size = layerPlainSize(size, shape.suite);
  return size;
}

/**
 * Sealed byte range that holds plaintext `range`, rounded out to whole chunks. A range that reaches into chunk 0 starts at
 * byte 0, with the prefix; one that reaches the end of the segment includes the last chunk, which proves the length.
 * @param range plaintext bytes, inclusive, within `0 … sizeBytes - 1`
 * @param sizeBytes plaintext size of the whole segment, ≥ 1
 * @throws RangeError if `range` leaves the segment: callers check first, so this is a bug
 */
export function sealedRange(range: ByteRange, sizeBytes: number, shape: Shape = ONE_LAYER): SealedRange {
  if (shape.layers === 1) return layerSealedRange(range, sizeBytes, shape.suite);
  const inner: Shape = { suite: shape.suite, layers: shape.layers - 1 };
  return layerSealedRange(sealedRange(range, sizeBytes, inner), sealedSize(sizeBytes, inner), shape.suite);
}

/** `sealedSize` of one layer. */
export function layerSealedSize(sizeBytes: number, suite: Suite): number {
  if (!Number.isSafeInteger(sizeBytes) || sizeBytes < 0) throw new RangeError("plaintext size");
  const chunks = Math.floor(sizeBytes / suite.chunkBytes) + 1;
  const sealed = PREFIX_BYTES + sizeBytes + chunks * TAG_BYTES;
  if (chunks > MAX_CHUNKS || !Number.isSafeInteger(sealed)) throw new RangeError("plaintext size");
  return sealed;
}

/** `plainSize` of one layer. */
export function layerPlainSize(sealedBytes: number, suite: Suite): number {
  const body = sealedBytes - PREFIX_BYTES;
  if (!Number.isSafeInteger(sealedBytes) || body < TAG_BYTES) throw new SealIntegrityError("size", "sealed stream");
  const full = suite.chunkBytes + TAG_BYTES;
  const last = body % full;
  // INVARIANT: the last chunk is shorter than the others and carries a tag, so no length ends within a tag or at a full chunk.
  if (last < TAG_BYTES) throw new SealIntegrityError("size", "sealed stream");
  return Math.floor(body / full) * suite.chunkBytes + last - TAG_BYTES;
}

/** `sealedRange` of one layer. */
export function layerSealedRange(range: ByteRange, sizeBytes: number, suite: Suite): SealedRange {
  const { start, end } = range;
  const whole = Number.isSafeInteger(start) && Number.isSafeInteger(end);
  if (!whole || start < 0 || end < start || end >= sizeBytes) throw new RangeError("plaintext range");
  const full = suite.chunkBytes + TAG_BYTES;
  const firstChunk = Math.floor(start / suite.chunkBytes);
  const endChunk = Math.floor(end / suite.chunkBytes);
  // A range up to the end takes the last chunk along even when that is empty: only it proves the length.
  const toEnd = end === sizeBytes - 1;
  const sealed = layerSealedSize(sizeBytes, suite);
  const stop = toEnd ? sealed : Math.min(PREFIX_BYTES + (endChunk + 1) * full, sealed);
  return { start: firstChunk === 0 ? 0 : PREFIX_BYTES + firstChunk * full, end: stop - 1, firstChunk };
}
