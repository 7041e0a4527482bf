/** Blob engine in memory, for `--memory` and tests: the whole contract, nothing on disk. */
import { checkBlobId } from "./blob-id.js";
import { BlobMissing, StoreError, type BlobId, type BlobRange, type BlobStore } from "./contract.js";
import { resolveRange } from "./blob-range.js";

/** Pieces that readers get: small enough that range edges within and across pieces are exercised. */
const PIECE_BYTES = 1024 * 1024;

class MemoryBlobStore implements BlobStore {
  readonly #blobs = new Map<BlobId, Buffer>();
  readonly #writing = new Set<BlobId>();

  async put(id: BlobId, bytes: AsyncIterable<Uint8Array>, signal?: AbortSignal): Promise<number> {
    checkBlobId(id);
    if (this.#blobs.has(id) || this.#writing.has(id)) throw new StoreError("the blob exists");
    this.#writing.add(id);
    try {
      const pieces: Buffer[] = [];
      signal?.throwIfAborted();
      for await (const piece of bytes) {
        signal?.throwIfAborted();
        pieces.push(Buffer.from(piece));
      }
      signal?.throwIfAborted();
      const blob = Buffer.concat(pieces);
      this.#blobs.set(id, blob);
      return blob.length;
    } finally {
      this.#writing.delete(id);
    }
  }

  async *get(id: BlobId, range?: BlobRange): AsyncGenerator<Buffer, void, void> {
    checkBlobId(id);
    const blob = this.#blobs.get(id);
    if (blob === undefined) throw new BlobMissing("no such blob");
    const { start, end } = resolveRange(range, blob.length);
    for (let at = start; at < end; at += PIECE_BYTES) yield Buffer.from(blob.subarray(at, Math.min(end, at + PIECE_BYTES)));
  }

  async size(id: BlobId): Promise<number | undefined> {
    checkBlobId(id);
    return this.#blobs.get(id)?.length;
  }

  async delete(id: BlobId): Promise<void> {
    checkBlobId(id);
    this.#blobs.delete(id);
  }

  async list(after: BlobId | undefined, limit: number): Promise<BlobId[]> {
    const ids = [...this.#blobs.keys()].filter((id) => after === undefined || id > after);
    return ids.sort().slice(0, limit);
  }

  async close(): Promise<void> {
    this.#blobs.clear();
  }
}

/** An empty store that lives as long as the object. */
export function memoryBlobStore(): BlobStore {
  return new MemoryBlobStore();
}
