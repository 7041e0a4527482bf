/**
 * Blob engine of the embedded store: one file a blob. FORMAT: docs/spec/data-directory.md §4: `<a>/<b>/<id>`, a and b
 * the first two digits of the id. The 256 directories are made and made durable when the store is opened, so that a put
 * has only its own entry to make durable.
 */
import { mkdir, open, readdir, lstat, unlink, type FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { checkBlobId } from "./blob-id.js";
import { readBlobFile } from "./blob-file-read.js";
import { writeBlobFile } from "./blob-file-write.js";
import { StoreError, type BlobId, type BlobRange, type BlobReadOptions, type BlobStore } from "./contract.js";
import { syncDirectory } from "./data-directory.js";
import { errorCode } from "./system-error.js";

const DIGITS = [..."0123456789abcdef"];
const FANS = DIGITS.flatMap((a) => DIGITS.map((b) => a + b));
const ID = /^[0-9a-f]{32}$/;

/**
 * Opens the store in `directory`, which is made (0700) when missing.
 * @throws StoreError when that fails
 */
export async function filesBlobStore(directory: string): Promise<BlobStore> {
  const fans = new Map<string, FileHandle>();
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    for (const a of DIGITS) {
      await mkdir(join(directory, a), { recursive: true, mode: 0o700 });
      await Promise.all(DIGITS.map((b) => mkdir(join(directory, a, b), { recursive: true, mode: 0o700 })));
      await syncDirectory(join(directory, a));
    }
    await syncDirectory(directory);
    for (const fan of FANS) fans.set(fan, await open(pathOfFan(directory, fan), "r"));
    return new FilesBlobStore(directory, fans);
  } catch (cause) {
    for (const handle of fans.values()) await handle.close();
    throw new StoreError("the blob store cannot be opened", { cause });
  }
}

class FilesBlobStore implements BlobStore {
  readonly #directory: string;
  /** The directories, kept open: each put makes its entry durable through one. */
  readonly #fans: Map<string, FileHandle>;

  constructor(directory: string, fans: Map<string, FileHandle>) {
    this.#directory = directory;
    this.#fans = fans;
  }

  async put(id: BlobId, bytes: AsyncIterable<Uint8Array>, signal?: AbortSignal): Promise<number> {
    const path = this.#path(id);
    const fan = this.#fans.get(id.slice(0, 2));
    if (fan === undefined) throw new StoreError("the store is closed");
    return writeBlobFile({ path, bytes, signal, syncDirectory: () => fan.sync() });
  }

  async *get(id: BlobId, range?: BlobRange, options: BlobReadOptions = {}): AsyncGenerator<Buffer, void, void> {
    yield* readBlobFile(this.#path(id), range, options);
  }

  async size(id: BlobId): Promise<number | undefined> {
    const path = this.#path(id);
    try {
      const stats = await lstat(path);
      if (stats.isFile()) return stats.size;
    } catch (cause) {
      if (errorCode(cause) === "ENOENT") return undefined;
      throw new StoreError("a blob cannot be examined", { cause });
    }
    throw new StoreError("a blob is not a file");
  }

  async delete(id: BlobId): Promise<void> {
    try {
      // Not made durable: a file that a power cut brings back is an orphan, which `coffer verify --repair` removes.
      await unlink(this.#path(id));
    } catch (cause) {
      if (cause instanceof StoreError) throw cause;
      if (errorCode(cause) !== "ENOENT") throw new StoreError("a blob cannot be deleted", { cause });
    }
  }

  async list(after: BlobId | undefined, limit: number): Promise<BlobId[]> {
    const ids: BlobId[] = [];
    for (const fan of FANS) {
      if (after !== undefined && fan < after.slice(0, 2)) continue;
      const names = await this.#names(fan);
      for (const name of names.sort()) {
        if (after !== undefined && name <= after) continue;
        ids.push(name);
        if (ids.length === limit) return ids;
      }
    }
    return ids;
  }

  async close(): Promise<void> {
    const handles = [...this.#fans.values()];
    this.#fans.clear();
    for (const handle of handles) await handle.close();
  }

  async #names(fan: string): Promise<string[]> {
    try {
      const names = await readdir(pathOfFan(this.#directory, fan));
      return names.filter((name) => ID.test(name) && name.startsWith(fan));
    } catch (cause) {
      throw new StoreError("blobs cannot be listed", { cause });
    }
  }

  #path(id: BlobId): string {
    checkBlobId(id);
    return join(pathOfFan(this.#directory, id), id);
  }
}

/** @param fan an id, or its first two digits */
function pathOfFan(directory: string, fan: string): string {
  return join(directory, fan.charAt(0), fan.charAt(1));
}
