/**
 * Writing of one blob file: created exclusively under its final, random name, written in pieces while the next one
 * is gathered, made durable together with its directory entry. No rename: the metadata commit that names the blob is what
 * makes it exist; a crash before leaves a file for the sweep.
 */
import { constants } from "node:fs";
import { open, unlink, type FileHandle } from "node:fs/promises";
import { BufferPool } from "./buffer-pool.js";
import { StoreError } from "./contract.js";

/** Small enough to be in the processor's cache still when the kernel copies it: 1 MiB costs a PUT of that size a tenth more. */
const PIECE_BYTES = 256 * 1024;
const pool = new BufferPool(PIECE_BYTES, 64);
const FLAGS = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | (constants.O_NOFOLLOW ?? 0);

export interface BlobWrite {
  readonly path: string;
  readonly bytes: AsyncIterable<Uint8Array>;
  readonly signal: AbortSignal | undefined;
  /** Makes the entries of the file's directory durable. */
  readonly syncDirectory: () => Promise<void>;
}

/**
 * @returns bytes written, durable
 * @throws StoreError when the file exists or the engine fails; the source's own error; the abort reason
 */
export async function writeBlobFile(write: BlobWrite): Promise<number> {
  write.signal?.throwIfAborted();
  const handle = await engine("a blob cannot be created", open(write.path, FLAGS, 0o600));
  try {
    const sizeBytes = await writeAll(handle, write);
    await engine("a blob cannot be made durable", Promise.all([handle.datasync(), write.syncDirectory()]));
    await engine("a blob cannot be closed", handle.close());
    write.signal?.throwIfAborted();
    return sizeBytes;
  } catch (error) {
    // What cannot be closed or removed now the sweep takes by its pending row; the first error is the one to tell.
    await Promise.allSettled([handle.close()]);
    await Promise.allSettled([unlink(write.path)]);
    throw error;
  }
}

async function writeAll(handle: FileHandle, write: BlobWrite): Promise<number> {
  const writer = new PieceWriter(handle);
  try {
    for await (const piece of write.bytes) {
      write.signal?.throwIfAborted();
      await writer.add(piece);
    }
    write.signal?.throwIfAborted();
    return await writer.end();
  } finally {
    await writer.release();
  }
}

/** Gathers pieces of any size into writes of `PIECE_BYTES`, one of them in flight. Copies: sources reuse their buffers. */
class PieceWriter {
  readonly #handle: FileHandle;
  #gathering: Buffer = pool.take();
  #writing: Buffer = pool.take();
  #inFlight: Promise<void> = Promise.resolve();
  #gathered = 0;
  #position = 0;

  constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  async add(piece: Uint8Array): Promise<void> {
    for (let at = 0; at < piece.length; ) {
      const part = piece.subarray(at, at + PIECE_BYTES - this.#gathered);
      this.#gathering.set(part, this.#gathered);
      this.#gathered += part.length;
      at += part.length;
      if (this.#gathered === PIECE_BYTES) await this.#startWrite();
    }
  }

  async end(): Promise<number> {
    await this.#startWrite();
    await this.#inFlight;
    return this.#position;
  }

  /** INVARIANT: the kernel reads neither buffer any more when they go back. */
  async release(): Promise<void> {
    await Promise.allSettled([this.#inFlight]);
    pool.give(this.#gathering);
    pool.give(this.#writing);
  }

  async #startWrite(): Promise<void> {
    await this.#inFlight;
    [this.#gathering, this.#writing] = [this.#writing, this.#gathering];
    const bytes = this.#writing.subarray(0, this.#gathered);
    this.#inFlight = engine("a blob cannot be written", writeFully(this.#handle, bytes, this.#position));
    // Its failure is thrown where it is awaited, perhaps turns later; until then it counts as handled.
    this.#inFlight.catch(() => undefined);
    this.#position += this.#gathered;
    this.#gathered = 0;
  }
}

async function writeFully(handle: FileHandle, bytes: Buffer, position: number): Promise<void> {
  for (let written = 0; written < bytes.length; ) {
    const { bytesWritten } = await handle.write(bytes, written, bytes.length - written, position + written);
    written += bytesWritten;
  }
}

/** Wraps a failure of the file system; the source's errors pass as they are. */
async function engine<T>(what: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (cause) {
    throw new StoreError(what, { cause });
  }
}
