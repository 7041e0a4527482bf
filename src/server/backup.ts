/**
 * `coffer backup`: a consistent copy of a store that may be in use. First the metadata, as of one moment; then, while a pin
 * holds the sweep, the blobs that this moment's ledger names and that no earlier backup in the same place has; last the
 * manifest, which makes it a backup. The key file is not in it. FORMAT: docs/spec/backup.md.
 */
import { createHash } from "node:crypto";
import { lstat, mkdir, readdir, rename, rm, stat } from "node:fs/promises";
import { createReadStream } from "node:fs";
import { join } from "node:path";
import { fileSeal, openKeyring, type Keyring } from "../keys/root-key.js";
import { randomHex } from "../lib/ids.js";
import { systemClock } from "../lib/clock.js";
import { LIVE, GARBAGE } from "../objects/ledger.js";
import { takePin, type Pin } from "../objects/pins.js";
import { openTables, type GarbageRecord, type LedgerRecord } from "../objects/records.js";
import type { BlobStore } from "../stores/contract.js";
import { blobsPath, metadataPath, readDataDirectory, syncDirectory } from "../stores/data-directory.js";
import { DirectoryLocked, lockDirectory } from "../stores/directory-lock.js";
import { filesBlobStore } from "../stores/files-blobs.js";
import { decodeStrings } from "../stores/key-encoding.js";
import { lmdbMetadataStore } from "../stores/lmdb-metadata.js";
import { forgetReaders, snapshotMetadata } from "../stores/lmdb-snapshot.js";
import { createRecords } from "../stores/record-table.js";
import type { Table } from "../stores/records.js";
import { checkManifest, manifestEntries, manifestHead, ManifestWriter, type ManifestEntry } from "./backup-manifest.js";
import { ConfigError, type Config } from "./config.js";
import { graceMsOf } from "./limits.js";

export const MANIFEST = "manifest.jsonl";
export const SNAPSHOTS = "snapshots";
export const BACKUP_KEY = "backup-manifest";
const PARTIAL = ".partial";
/** Time to the millisecond, so that the order of names is that of their making. */
const COMPLETE = /^\d{8}T\d{9}Z-[0-9a-f]{8}$/;
const PAGE = 256;
/** Blobs copied at a time. */
const AT_ONCE = 4;

export interface BackupSummary {
  /** Its name in `snapshots/`. */
  readonly name: string;
  readonly blobs: number;
  readonly copied: number;
  readonly copiedBytes: number;
  /** Blobs that the store should have and has not, or cannot read: named, and not in the backup. */
  readonly missing: readonly string[];
}

/** @throws ConfigError, KeyFileProblem, StoreError, BackupIntegrityError */
export async function backup(config: Config, directory: string): Promise<BackupSummary> {
  const found = await readDataDirectory(config.dataDir);
  if (found === undefined) throw new ConfigError(`no store in ${config.dataDir}`);
  await refuseStores(config, directory);
  const keyring = await openKeyring(fileSeal(config.keyFile, config.dataDir), found.storeId);
  try {
    await mkdir(join(directory, SNAPSHOTS), { recursive: true, mode: 0o700 });
    const lock = await lockDirectory(directory).catch((error: unknown) => {
      if (error instanceof DirectoryLocked) throw new ConfigError(
        `another backup is being made into ${directory}`, { cause: error },
      );
      throw error;
    });
    try {
      return await backupLocked(config, directory, keyring);
    } finally {
      await lock.release();
    }
  } finally {
    keyring.close();
  }
}

const DIGITS = [..."0123456789abcdef"];

/**
 * What is in the way of a backup is removed; so it must be the backups' own. A store's blobs would be taken for what a
 * backup that was cut off has left, and a link, whoever made it, may lead to them. @throws ConfigError
 */
async function refuseStores({ dataDir }: Config, directory: string): Promise<void> {
  const looked = [blobsPath(dataDir), blobsPath(directory), join(directory, "format")];
  const [own, other, format] = await Promise.all(looked.map((path) => stat(path).catch(() => undefined)));
  const same = own !== undefined && own.dev === other?.dev && own.ino === other.ino;
  if (same || format !== undefined) throw new ConfigError(`${directory} holds a store: it is not a place for backups`);
  const below = DIGITS.flatMap((a) => [a, ...DIGITS.map((b) => join(a, b))]).map((fan) => join(blobsPath(directory), fan));
  for (const path of [join(directory, SNAPSHOTS), ...below]) {
    const entry = await lstat(path).catch(() => undefined);
    if (entry?.isSymbolicLink() === true) throw new ConfigError(`${path} is a link: it is not a place for backups`);
  }
}

async function backupLocked(config: Config, directory: string, keyring: Keyring): Promise<BackupSummary> {
  const earlier = await latestManifest(directory, keyring);
  await removePartial(directory);
  const taken = new Date(systemClock.now());
  const name = `${taken.toISOString().replace(/[-:.]/g, "")}-${randomHex(4)}`;
  const place = join(directory, SNAPSHOTS, name + PARTIAL);
  await mkdir(place, { mode: 0o700 });
  const startedMs = systemClock.now();
  await snapshotMetadata(metadataPath(config.dataDir), join(place, "metadata"));
  const target = await filesBlobStore(blobsPath(directory));
  const pinned = await pinStore(config, keyring);
  try {
    // The pin follows the snapshot: what was deleted in between must still be there.
    if (systemClock.now() - startedMs > graceMsOf(config) / 2) throw new ConfigError(
      "the copy of the metadata took too long: try again",
    );
    const head = { backupVersion: 1, storeId: keyring.storeId, taken: taken.toISOString() } as const;
    const writer = await ManifestWriter.create(join(place, MANIFEST), keyring.subkey(BACKUP_KEY), head);
    try {
      const copy = new BlobCopy({ source: pinned.blobs, target, writer, pin: pinned.pin, earlier });
      // Hashed before it is opened: opening changes nothing of the rows, but what is kept is what was copied.
      await writer.add(await fileEntry(place, "metadata/data.mdb"));
      await withSnapshot(join(place, "metadata"), keyring, (ledger) => copy.run(ledger));
      await writer.end();
      await syncDirectory(place);
      await rename(place, join(directory, SNAPSHOTS, name));
      await syncDirectory(join(directory, SNAPSHOTS));
      return { name, ...copy.summary };
    } catch (error) {
      await writer.abandon().catch(() => undefined);
      throw error;
    }
  } finally {
    await pinned.close();
    await target.close();
  }
}

/** Names of the backups in `directory`, oldest first. */
export async function snapshotNames(directory: string): Promise<string[]> {
  try {
    return (await readdir(join(directory, SNAPSHOTS))).filter((name) => COMPLETE.test(name)).sort();
  } catch (cause) {
    throw new ConfigError(`no backup in ${directory}`, { cause });
  }
}

/** Entries of the latest backup, which say what need not be copied again. @throws ConfigError for another store's */
async function latestManifest(directory: string, keyring: Keyring): Promise<AsyncIterator<ManifestEntry> | undefined> {
  const name = (await snapshotNames(directory)).at(-1);
  if (name === undefined) return undefined;
  const path = join(directory, SNAPSHOTS, name, MANIFEST);
  const { storeId } = await manifestHead(path);
  if (storeId !== keyring.storeId) throw new ConfigError(
    `${directory} holds backups of store ${storeId}, this is store ${keyring.storeId}`,
  );
  await checkManifest(path, keyring.subkey(BACKUP_KEY));
  return manifestEntries(path)[Symbol.asyncIterator]();
}

/** What a backup that was cut off has left; its blobs are copied anew. */
async function removePartial(directory: string): Promise<void> {
  for (const name of await readdir(join(directory, SNAPSHOTS))) {
    if (name.endsWith(PARTIAL)) await rm(join(directory, SNAPSHOTS, name), { recursive: true, force: true });
  }
}

interface PinnedStore {
  readonly blobs: BlobStore;
  readonly pin: Pin;
  close(): Promise<void>;
}

/** The store itself, with the sweep held. */
async function pinStore(config: Config, keyring: Keyring): Promise<PinnedStore> {
  const store = await lmdbMetadataStore(metadataPath(config.dataDir));
  const { ledger } = openTables(createRecords(store, keyring.records));
  const pin = await takePin({ store, ledger, clock: systemClock });
  const blobs = await filesBlobStore(blobsPath(config.dataDir));
  return {
    blobs,
    pin,
    close: async () => {
      await pin.release();
      await blobs.close();
      await store.close();
    },
  };
}

async function withSnapshot(path: string, keyring: Keyring, work: (ledger: Table<LedgerRecord>) => Promise<void>): Promise<void> {
  const store = await lmdbMetadataStore(path);
  try {
    await work(openTables(createRecords(store, keyring.records)).ledger);
  } finally {
    await store.close();
    await forgetReaders(path);
  }
}

interface CopyPlan {
  readonly source: BlobStore;
  readonly target: BlobStore;
  readonly writer: ManifestWriter;
  readonly pin: Pin;
  readonly earlier: AsyncIterator<ManifestEntry> | undefined;
}

/** Copies what the ledger names, in order of ids, which is the order of the earlier manifest too. */
class BlobCopy {
  readonly #plan: CopyPlan;
  #known: ManifestEntry | undefined;
  #blobs = 0;
  #copied = 0;
  #copiedBytes = 0;
  readonly #missing: string[] = [];
  #renewing: Promise<void> | undefined;

  constructor(plan: CopyPlan) {
    this.#plan = plan;
  }

  get summary(): Omit<BackupSummary, "name"> {
    return { blobs: this.#blobs, copied: this.#copied, copiedBytes: this.#copiedBytes, missing: this.#missing };
  }

  async run(ledger: Table<LedgerRecord>): Promise<void> {
    await this.#nextKnown();
    const gone: { readonly id: string; readonly upload: string | undefined }[] = [];
    for (let after: Buffer | undefined; ; ) {
      const rows = await ledger.list({ prefix: [LIVE], limit: PAGE, ...(after === undefined ? {} : { after }) });
      const wanted: { readonly id: string; readonly known: ManifestEntry | undefined }[] = [];
      for (const { key } of rows) {
        const [, id = ""] = decodeStrings(key);
        wanted.push({ id, known: await this.#knownOf(id) });
      }
      for (let at = 0; at < wanted.length; at += AT_ONCE) {
        const entries = await Promise.all(wanted.slice(at, at + AT_ONCE).map(({ id, known }) => this.#take(id, known)));
        for (const [index, entry] of entries.entries()) {
          if (entry !== undefined) await this.#plan.writer.add(entry);
          else gone.push({ id: wanted[at + index]?.id ?? "", upload: uploadOf(rows[at + index]?.clear) });
        }
        await this.#renew();
      }
      if (rows.length < PAGE) break;
      after = rows.at(-1)?.key;
    }
    if (gone.length > 0) this.#missing.push(...(await notGarbage(ledger, gone)));
  }

  async #nextKnown(): Promise<void> {
    const next = await this.#plan.earlier?.next();
    this.#known = next === undefined || next.done === true ? undefined : next.value;
  }

  async #knownOf(id: string): Promise<ManifestEntry | undefined> {
    while (this.#known !== undefined && (!("blob" in this.#known) || this.#known.blob < id)) await this.#nextKnown();
    return this.#known !== undefined && "blob" in this.#known && this.#known.blob === id ? this.#known : undefined;
  }

  /** @returns undefined when the store has no such blob, or cannot read it */
  async #take(id: string, known: ManifestEntry | undefined): Promise<ManifestEntry | undefined> {
    const { source, target } = this.#plan;
    this.#blobs += 1;
    const present = await target.size(id);
    if (known !== undefined && present === known.sizeBytes) return known;
    // Not by a backup that was finished: nobody knows what it is.
    if (present !== undefined) await target.delete(id);
    const copied = await copyBlob(source, target, id, () => this.#renew());
    if (copied === undefined) {
      this.#blobs -= 1;
      return undefined;
    }
    this.#copied += 1;
    this.#copiedBytes += copied.sizeBytes;
    return { blob: id, ...copied };
  }

  /** A piece at a time: a few of the largest blobs take longer than the pin lasts. Asked by several copies at once. */
  #renew(): Promise<void> {
    return (this.#renewing ??= this.#plan.pin.renew().finally(() => {
      this.#renewing = undefined;
    }));
  }
}

/** @returns undefined when the source has it not, or cannot read it @throws what keeps the target from taking it */
export async function copyBlob(
  source: BlobStore, target: BlobStore, id: string, onPiece?: () => Promise<void>,
): Promise<Pick<ManifestEntry, "sizeBytes" | "sha256"> | undefined> {
  const hash = createHash("sha256");
  let unreadable = false;
  async function* pieces(): AsyncGenerator<Buffer> {
    const read = source.get(id, undefined, { transient: true })[Symbol.asyncIterator]();
    try {
      for (;;) {
        const next = await read.next().catch((error: unknown) => {
          unreadable = true;
          throw error;
        });
        if (next.done === true) return;
        hash.update(next.value);
        yield next.value;
        await onPiece?.();
      }
    } finally {
      await read.return?.();
    }
  }
  try {
    return { sizeBytes: await target.put(id, pieces()), sha256: hash.digest("hex") };
  } catch (error) {
    if (unreadable) return undefined;
    throw error;
  }
}

const uploadOf = (
  clear: LedgerRecord | undefined,
): string | undefined => (clear !== undefined && "upload" in clear ? clear.upload : undefined);

/** Of the blobs that are gone, those that were no garbage in the snapshot: the sweep was not there, they are lost. */
async function notGarbage(
  ledger: Table<LedgerRecord>, gone: readonly { readonly id: string; readonly upload: string | undefined }[],
): Promise<string[]> {
  const waiting = new Set<string>();
  for (let after: Buffer | undefined; ; ) {
    const rows = await ledger.list({ prefix: [GARBAGE], limit: PAGE, ...(after === undefined ? {} : { after }) });
    for (const { clear } of rows) {
      const garbage = clear as GarbageRecord;
      waiting.add(garbage.kind === "segment" ? garbage.segment : "uploadId" in garbage ? garbage.uploadId : "");
    }
    if (rows.length < PAGE) break;
    after = rows.at(-1)?.key;
  }
  return gone.filter(({ id, upload }) => !waiting.has(id) && (upload === undefined || !waiting.has(upload))).map(({ id }) => id);
}

/** Size and hash of a file. */
export async function fileEntry(directory: string, file: string): Promise<ManifestEntry> {
  const hash = createHash("sha256");
  for await (const piece of createReadStream(join(directory, file)) as AsyncIterable<Buffer>) hash.update(piece);
  return { file, sizeBytes: (await stat(join(directory, file))).size, sha256: hash.digest("hex") };
}
