/**
 * Opening one layer, at once or as a stream that starts at any chunk. Plaintext leaves only after its chunk's tag has
 * verified; the end is accepted only at the exact byte that the authenticated plaintext size demands.
 * FORMAT: docs/spec/sealed-stream.md §2, §4.
 */
import type { DecipherGCM } from "node:crypto";
import { sameBytes, wipe } from "./bytes.js";
import { SealIntegrityError } from "./errors.js";
import { chunkDecipher, finishChunk } from "./layer-key.js";
import type { LayerKey } from "./layer-key.js";
import { layerPlainSize, layerSealedRange, layerSealedSize } from "./sizes.js";
import type { ByteRange } from "./sizes.js";
import { PREFIX_BYTES, TAG_BYTES } from "./suites.js";

/** What is read: a plaintext range, or the whole stream when `range` is undefined. */
export interface LayerRead {
  /** Plaintext size of the whole layer, from an authenticated source. */
  readonly sizeBytes: number;
  readonly range: ByteRange | undefined;
}

/** Opens a whole stream whose prefix has been checked already. @throws SealIntegrityError */
export function openLayer(layer: LayerKey, sealed: Uint8Array): Buffer {
  const sizeBytes = layerPlainSize(sealed.length, layer.suite);
  const { chunkBytes } = layer.suite;
  if (sizeBytes < chunkBytes) return openOnlyChunk(layer, sealed, sizeBytes);
  const plain = Buffer.allocUnsafeSlow(sizeBytes);
  try {
    for (let chunk = 0; chunk * chunkBytes <= sizeBytes; chunk++) {
      const from = PREFIX_BYTES + chunk * (chunkBytes + TAG_BYTES);
      const length = Math.min(chunkBytes, sizeBytes - chunk * chunkBytes);
      const decipher = chunkDecipher(layer, chunk);
      const part = decipher.update(sealed.subarray(from, from + length));
      part.copy(plain, chunk * chunkBytes);
      wipe(part);
      finishChunk(decipher, sealed.subarray(from + length, from + length + TAG_BYTES), chunk);
    }
    return plain;
  } catch (error) {
    wipe(plain);
    throw error;
  }
}

/** The common small case, without copying the plaintext. */
function openOnlyChunk(layer: LayerKey, sealed: Uint8Array, sizeBytes: number): Buffer {
  const decipher = chunkDecipher(layer, 0);
  const end = PREFIX_BYTES + sizeBytes;
  const plain = decipher.update(sealed.subarray(PREFIX_BYTES, end));
  try {
    finishChunk(decipher, sealed.subarray(end), 0);
    return plain;
  } catch (error) {
    wipe(plain);
    throw error;
  }
}

/** Sealed bytes: piece by piece, or several at a time. */
export type Pieces = AsyncIterable<Uint8Array | readonly Uint8Array[]>;

/**
 * Opens the pieces of `source`, which must be exactly the bytes that `layerSealedRange` names (or the whole stream),
 * trimmed to the range. What one piece of the source brought to verification is handed out together, each buffer at most a
 * chunk, and where one of them fails, none. The last chunk leaves only when the end has verified: a stream of whole chunks
 * ends with an empty one, and a reader that has all its bytes would not see that one fail.
 * A piece of the source is done with when the next is asked for.
 * @throws SealIntegrityError naming the chunk; whatever the source throws
 */
export async function* openLayerStream(layer: LayerKey, source: Pieces, read: LayerRead): AsyncGenerator<Buffer[]> {
  const chunks = new ChunkReader(layer, read);
  const last: Buffer[] = [];
  try {
    for await (const piece of source) {
      const verified: Buffer[] = [];
      for (const bytes of Array.isArray(piece) ? (piece as readonly Uint8Array[]) : [piece as Uint8Array]) {
        for (let at = 0; at < bytes.length; ) {
          at += chunks.add(bytes, at);
          if (!chunks.complete) continue;
          const parts = chunks.take();
          (chunks.exhausted ? last : verified).push(...parts);
        }
      }
      if (verified.length > 0) yield verified;
    }
    chunks.end();
    if (last.length > 0) yield last;
  } finally {
    chunks.drop();
  }
}

/** The chunk being read: decrypted as its bytes arrive, handed out when its tag has verified. */
class ChunkReader {
  readonly #layer: LayerKey;
  readonly #sizeBytes: number;
  readonly #range: ByteRange;
  readonly #lastChunk: number;
  readonly #prefix = Buffer.alloc(PREFIX_BYTES);
  readonly #tag = Buffer.alloc(TAG_BYTES);
  #prefixMissing: number;
  #tagMissing = TAG_BYTES;
  #chunk: number;
  #plainMissing = 0;
  #decipher: DecipherGCM | undefined;
  #parts: Buffer[] = [];
  complete = false;

  constructor(layer: LayerKey, { sizeBytes, range }: LayerRead) {
    this.#layer = layer;
    this.#sizeBytes = sizeBytes;
    this.#range = range ?? { start: 0, end: sizeBytes - 1 };
    const { chunkBytes } = layer.suite;
    const whole = { start: 0, end: layerSealedSize(sizeBytes, layer.suite) - 1, firstChunk: 0 };
    const sealed = range === undefined ? whole : layerSealedRange(range, sizeBytes, layer.suite);
    this.#chunk = sealed.firstChunk;
    this.#prefixMissing = sealed.start === 0 ? PREFIX_BYTES : 0;
    this.#lastChunk = Math.ceil((sealed.end + 1 - PREFIX_BYTES) / (chunkBytes + TAG_BYTES)) - 1;
    this.#begin();
  }
  #begin(): void {
    const { chunkBytes } = this.#layer.suite;
    this.#plainMissing = Math.min(chunkBytes, this.#sizeBytes - this.#chunk * chunkBytes);
    this.#tagMissing = TAG_BYTES;
    this.#decipher = chunkDecipher(this.#layer, this.#chunk);
    this.#parts = [];
    this.complete = false;
  }
  /** Takes bytes of `piece` from `at` on, up to the end of a field; returns how many. */
  add(piece: Uint8Array, at: number): number {
    if (this.#prefixMissing > 0) return this.#addPrefix(piece.subarray(at, at + this.#prefixMissing));
    const decipher = this.#decipher;
    if (decipher === undefined) throw new SealIntegrityError("trailing", "segment", this.#chunk);
    if (this.#plainMissing > 0) {
      const part = piece.subarray(at, at + this.#plainMissing);
      this.#parts.push(decipher.update(part));
      this.#plainMissing -= part.length;
      return part.length;
    }
    const part = piece.subarray(at, at + this.#tagMissing);
    this.#tag.set(part, TAG_BYTES - this.#tagMissing);
    this.#tagMissing -= part.length;
    if (this.#tagMissing === 0) {
      finishChunk(decipher, this.#tag, this.#chunk);
      this.complete = true;
    }
    return part.length;
  }
  #addPrefix(part: Uint8Array): number {
    this.#prefix.set(part, PREFIX_BYTES - this.#prefixMissing);
    this.#prefixMissing -= part.length;
    if (this.#prefixMissing === 0 && !sameBytes(this.#prefix, this.#layer.prefix)) {
      throw new SealIntegrityError("commitment", "segment");
    }
    return part.length;
  }
  /** The verified chunk's bytes within the range; then begins the next chunk. */
  take(): Buffer[] {
    const parts = this.#parts;
    const wanted: Buffer[] = [];
    let at = this.#chunk * this.#layer.suite.chunkBytes;
    if (this.#chunk++ === this.#lastChunk) {
      this.#decipher = undefined;
      this.#parts = [];
      this.complete = false;
    } else this.#begin();
    for (const part of parts) {
      const from = Math.max(0, this.#range.start - at);
      const to = Math.min(part.length, this.#range.end + 1 - at);
      at += part.length;
      if (to > from) wanted.push(part.subarray(from, to));
    }
    return wanted;
  }
  /** Has every byte of the range been taken? What may still come is the proof of the end. */
  get exhausted(): boolean {
    return this.#chunk * this.#layer.suite.chunkBytes > this.#range.end;
  }
  /** @throws SealIntegrityError when bytes are missing */
  end(): void {
    if (this.#decipher !== undefined) throw new SealIntegrityError("truncated", "segment", this.#chunk);
  }
  /** Wipes plaintext that never verified. */
  drop(): void {
    wipe(...this.#parts);
  }
}
