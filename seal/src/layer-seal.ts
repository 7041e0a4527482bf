/**
 * Sealing one layer, at once or as a stream. Input of any piece size is encrypted as it comes (no gathering of whole
 * chunks); output leaves in pieces of about 1 MiB, so that the blob engine below writes few and large blocks.
 * FORMAT: docs/spec/sealed-stream.md §2.
 */
import type { CipherGCM } from "node:crypto";
import { giveBack } from "./bytes.js";
import { chunkCipher } from "./layer-key.js";
import type { LayerKey } from "./layer-key.js";
import { layerSealedSize } from "./sizes.js";
import { PREFIX_BYTES, TAG_BYTES } from "./suites.js";

/** Size of an output piece, up to the rounding to whole chunks. */
const PIECE_BYTES = 1 << 20;
/** Output buffers of streams that have ended, kept for the next ones. What they hold is sealed, so they are not wiped. */
const KEPT = 16;
const free: Buffer[] = [];

/** Seals `plain` as one whole stream, prefix included. */
export function sealLayer(layer: LayerKey, plain: Uint8Array): Buffer {
  const { chunkBytes } = layer.suite;
  const out = Buffer.allocUnsafeSlow(layerSealedSize(plain.length, layer.suite));
  let at = layer.prefix.copy(out, 0);
  for (let chunk = 0; chunk * chunkBytes <= plain.length; chunk++) {
    const cipher = chunkCipher(layer, chunk);
    at += cipher.update(plain.subarray(chunk * chunkBytes, (chunk + 1) * chunkBytes)).copy(out, at);
    cipher.final();
    at += cipher.getAuthTag().copy(out, at);
  }
  return out;
}

/**
 * Seals `source` as one whole stream, prefix included; ends the stream with the source. A piece is overwritten when the
 * next one is asked for: the page faults of a fresh megabyte each cost more than copying it.
 */
export async function* sealLayerStream(layer: LayerKey, source: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  const pieces = new SealedPieces(layer);
  try {
    for await (const piece of source) {
      for (let at = 0; at < piece.length; ) {
        at += pieces.add(piece, at);
        if (pieces.full) yield pieces.take();
      }
    }
    pieces.finish();
    yield pieces.take();
  } finally {
    pieces.release();
  }
}

/** Output under way: chunks are encrypted into one buffer until it is full. */
class SealedPieces {
  readonly #layer: LayerKey;
  readonly #pieceBytes: number;
  readonly #out: Buffer;
  #at: number;
  #chunk = 0;
  #cipher: CipherGCM;
  /** Plaintext bytes that the present chunk still takes. */
  #room: number;

  constructor(layer: LayerKey) {
    this.#layer = layer;
    const full = layer.suite.chunkBytes + TAG_BYTES;
    this.#pieceBytes = Math.max(1, Math.floor(PIECE_BYTES / layer.suite.chunkBytes)) * full;
    const sizeBytes = PREFIX_BYTES + this.#pieceBytes;
    const kept = free.at(-1)?.length === sizeBytes ? free.pop() : undefined;
    this.#out = kept ?? Buffer.allocUnsafeSlow(sizeBytes);
    this.#at = layer.prefix.copy(this.#out, 0);
    this.#cipher = chunkCipher(layer, 0);
    this.#room = layer.suite.chunkBytes;
  }
  /** INVARIANT: only between chunks. Taken within one, the rest of it and its tag would overflow the next buffer. */
  get full(): boolean {
    return this.#room === this.#layer.suite.chunkBytes && this.#at >= this.#pieceBytes;
  }
  /** Encrypts bytes of `piece` from `at` on, up to the end of the chunk; returns how many. */
  add(piece: Uint8Array, at: number): number {
    const part = piece.subarray(at, at + this.#room);
    const sealed = this.#cipher.update(part);
    this.#at += sealed.copy(this.#out, this.#at);
    giveBack(sealed);
    this.#room -= part.length;
    // INVARIANT: a full chunk is never the last one; when the source ends here, an empty chunk follows.
    if (this.#room === 0) {
      this.finish();
      this.#cipher = chunkCipher(this.#layer, ++this.#chunk);
      this.#room = this.#layer.suite.chunkBytes;
    }
    return part.length;
  }
  /** Writes the present chunk's tag. */
  finish(): void {
    this.#cipher.final();
    this.#at += this.#cipher.getAuthTag().copy(this.#out, this.#at);
  }
  /** What has been sealed since the last call; good until the next `add`. */
  take(): Buffer {
    const piece = this.#out.subarray(0, this.#at);
    this.#at = 0;
    return piece;
  }
  /** INVARIANT: once, when the stream is over: nobody reads the last piece any more. */
  release(): void {
    if (free.length < KEPT) free.push(this.#out);
  }
}
