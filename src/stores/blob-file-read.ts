/** Reading of one blob file: pieces of 1 MiB, two reads in flight while the reader works on a third. */
import { constants } from "node:fs";
import { open, type FileHandle } from "node:fs/promises";
import { resolveRange } from "./blob-range.js";
import { BufferPool } from "./buffer-pool.js";
import { BlobMissing, BlobShort, StoreError, type BlobRange, type BlobReadOptions } from "./contract.js";
import { errorCode } from "./system-error.js";

const PIECE_BYTES = 1024 * 1024;
const IN_FLIGHT = 2;
/** The last piece of a MiB of plaintext is what its tags take: not worth a buffer of the pool. */
const SMALL_BYTES = 64 * 1024;
const pool = new BufferPool(PIECE_BYTES, 24);

interface Read {
  readonly buffer: Buffer;
  readonly pooled: boolean;
  /** Resolves with the filled part of `buffer`. */
  readonly piece: Promise<Buffer>;
}

/**
 * The bytes of the file at `path`, or of `range`.
 * @throws BlobMissing, StoreError: on the first pull, or where the failure lies
 */
export async function* readBlobFile(
  path: string,
  range: BlobRange | undefined,
  options: BlobReadOptions,
): AsyncGenerator<Buffer, void, void> {
  const handle = await openBlob(path);
  const reads: Read[] = [];
  const done = (read: Read): void => {
    if (read.pooled) pool.give(read.buffer);
  };
  try {
    const stats = await handle.stat();
    if (!stats.isFile()) throw new StoreError("a blob is not a file");
    const extent = resolveRange(range, stats.size);
    let next = extent.start;
    const readAhead = (): void => {
      for (; reads.length < IN_FLIGHT && next < extent.end; next += PIECE_BYTES) {
        reads.push(startRead(handle, next, Math.min(PIECE_BYTES, extent.end - next), options));
      }
    };
    readAhead();
    for (let read = reads[0]; read !== undefined; read = reads[0]) {
      const piece = await read.piece;
      reads.shift();
      readAhead();
      yield piece;
      done(read);
    }
  } catch (error) {
    throw error instanceof StoreError ? error : new StoreError("a blob cannot be read", { cause: error });
  } finally {
    // INVARIANT: no buffer goes back, and the file stays open, while the kernel may still write into one.
    await Promise.allSettled(reads.map((read) => read.piece));
    reads.forEach(done);
    await handle.close();
  }
}

async function openBlob(path: string): Promise<FileHandle> {
  try {
    return await open(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0));
  } catch (error) {
    if (errorCode(error) === "ENOENT") throw new BlobMissing("no such blob", { cause: error });
    throw new StoreError("a blob cannot be opened", { cause: error });
  }
}

function startRead(handle: FileHandle, position: number, length: number, options: BlobReadOptions): Read {
  const pooled = options.transient === true && length > SMALL_BYTES;
  const buffer = pooled ? pool.take() : Buffer.allocUnsafeSlow(length);
  const piece = readFully(handle, buffer.subarray(0, length), position);
  // Its failure is thrown where the piece is awaited, perhaps turns later; until then it counts as handled.
  piece.catch(() => undefined);
  return { buffer, pooled, piece };
}

async function readFully(handle: FileHandle, into: Buffer, position: number): Promise<Buffer> {
  for (let filled = 0; filled < into.length; ) {
    const { bytesRead } = await handle.read(into, filled, into.length - filled, position + filled);
    if (bytesRead === 0) throw new BlobShort("a blob became shorter while it was read");
    filled += bytesRead;
  }
  return into;
}
