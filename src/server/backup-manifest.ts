/**
 * The manifest of one backup: what it holds, each with size and SHA-256, under a MAC of the root key's, so that whatever
 * happens to a backup is named before anything of it is used. Written and read line by line. FORMAT: docs/spec/backup.md §3.
 */
import { createHmac, timingSafeEqual, type Hmac, type KeyObject } from "node:crypto";
import { createReadStream } from "node:fs";
import { open, type FileHandle } from "node:fs/promises";
import { createInterface } from "node:readline";

export interface ManifestHead {
  readonly backupVersion: 1;
  readonly storeId: string;
  /** ISO 8601, UTC. */
  readonly taken: string;
}

/** Path below the snapshot, or a blob's id. */
export type ManifestEntry = ({ readonly file: string } | { readonly blob: string }) & {
  readonly sizeBytes: number;
  readonly sha256: string;
};

/** A backup that is not what was written. */
export class BackupIntegrityError extends Error {
  override readonly name = "BackupIntegrityError";
}

export class ManifestWriter {
  readonly #file: FileHandle;
  readonly #mac: Hmac;
  #waiting: string[] = [];

  private constructor(file: FileHandle, key: KeyObject) {
    this.#file = file;
    this.#mac = createHmac("sha256", key);
  }

  static async create(path: string, key: KeyObject, head: ManifestHead): Promise<ManifestWriter> {
    const writer = new ManifestWriter(await open(path, "wx", 0o600), key);
    await writer.#line(head);
    return writer;
  }

  async add(entry: ManifestEntry): Promise<void> {
    await this.#line(entry);
  }

  /** Durable when it resolves. */
  async end(): Promise<void> {
    await this.#flush();
    const mac = this.#mac.digest("hex");
    await this.#file.write(`${JSON.stringify({ mac })}\n`);
    await this.#file.sync();
    await this.#file.close();
  }

  async abandon(): Promise<void> {
    await this.#file.close();
  }

  async #line(value: object): Promise<void> {
    this.#waiting.push(`${JSON.stringify(value)}\n`);
    if (this.#waiting.length >= 1000) await this.#flush();
  }

  async #flush(): Promise<void> {
    const bytes = Buffer.from(this.#waiting.join(""), "utf8");
    this.#waiting = [];
    this.#mac.update(bytes);
    for (let written = 0; written < bytes.length; ) written += (await this.#file.write(bytes, written)).bytesWritten;
  }
}

/** What names the store, before anything is known to be true. @throws BackupIntegrityError */
export async function manifestHead(path: string): Promise<ManifestHead> {
  for await (const line of linesOf(path)) {
    const head = parsed(path, line) as Partial<ManifestHead>;
    if (head.backupVersion === 1 && typeof head.storeId === "string" &&
      /^[0-9a-f]{32}$/.test(head.storeId)) return head as ManifestHead;
    break;
  }
  throw new BackupIntegrityError(`${path} is no manifest of a backup that this Coffer knows`);
}

/** Reads it whole, and compares. @throws BackupIntegrityError unless it is what was written */
export async function checkManifest(path: string, key: KeyObject): Promise<void> {
  const mac = createHmac("sha256", key);
  let last: string | undefined;
  for await (const line of linesOf(path)) {
    if (last !== undefined) mac.update(`${last}\n`, "utf8");
    last = line;
  }
  const { mac: found } = parsed(path, last ?? "") as { readonly mac?: unknown };
  const expected = mac.digest();
  const bytes = Buffer.from(typeof found === "string" ? found : "", "hex");
  if (bytes.length !== expected.length || !timingSafeEqual(bytes, expected)) {
    throw new BackupIntegrityError(`${path} was changed, or is not whole`);
  }
}

/** Its entries in order: files, then blobs by id. Check it first. */
export async function* manifestEntries(path: string): AsyncGenerator<ManifestEntry> {
  let first = true;
  for await (const line of linesOf(path)) {
    const value = parsed(path, line);
    if (!first && !("mac" in value)) yield value as ManifestEntry;
    first = false;
  }
}

const linesOf = (path: string): AsyncIterable<string> =>
  createInterface({ input: createReadStream(path, { encoding: "utf8" }), crlfDelay: 0 });

function parsed(path: string, line: string): object {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value === "object" && value !== null) return value;
  } catch {
    // Told below, with the place.
  }
  throw new BackupIntegrityError(`${path} is damaged`);
}
