/**
 * `coffer restore`: a backup back into an empty directory, each file compared with the manifest. Until its last step, the
 * format file, what is there is no store and is refused. FORMAT: docs/spec/backup.md §4.
 */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { lstat, mkdir, open, readdir } from "node:fs/promises";
import { join } from "node:path";
import { fileSeal, openKeyring } from "../keys/root-key.js";
import { StoreError, type BlobStore } from "../stores/contract.js";
import { blobsPath, metadataPath, syncDirectory, writeFormat } from "../stores/data-directory.js";
import { filesBlobStore } from "../stores/files-blobs.js";
import { BACKUP_KEY, copyBlob, MANIFEST, SNAPSHOTS, snapshotNames } from "./backup.js";
import { BackupIntegrityError, checkManifest, manifestEntries, manifestHead, type ManifestEntry } from "./backup-manifest.js";
import { ConfigError, type Config } from "./config.js";

export interface RestoreOptions {
  /** Name in `snapshots/`; default: the latest. */
  readonly snapshot?: string | undefined;
  /** Restore all but the blobs that are damaged. */
  readonly keepGoing?: boolean | undefined;
}

export interface RestoreSummary {
  readonly name: string;
  readonly blobs: number;
  readonly bytes: number;
  /** Ids of blobs that are not what was written, and are not in the restored store. */
  readonly damaged: readonly string[];
}

/** @throws ConfigError, KeyFileProblem, BackupIntegrityError, StoreError: then the target is no store */
export async function restore(config: Config, directory: string, options: RestoreOptions): Promise<RestoreSummary> {
  const names = await snapshotNames(directory);
  const name = options.snapshot ?? names.at(-1);
  if (name === undefined || !names.includes(name)) throw new ConfigError(
    `no backup ${name ?? ""} in ${directory}`.replace("  ", " "),
  );
  const place = join(directory, SNAPSHOTS, name);
  const manifest = join(place, MANIFEST);
  const { storeId } = await manifestHead(manifest);
  const keyring = await openKeyring(fileSeal(config.keyFile, config.dataDir), storeId);
  try {
    await checkManifest(manifest, keyring.subkey(BACKUP_KEY));
  } finally {
    keyring.close();
  }
  await makeEmpty(config.dataDir);
  const source = await filesBlobStore(blobsPath(directory));
  const target = await filesBlobStore(blobsPath(config.dataDir));
  let blobs = 0;
  let bytes = 0;
  const damaged: string[] = [];
  try {
    for await (const entry of manifestEntries(manifest)) {
      if ("file" in entry) {
        await restoreFile(place, config.dataDir, entry);
        continue;
      }
      if (await restoreBlob(source, target, entry)) {
        blobs += 1;
        bytes += entry.sizeBytes;
      } else damaged.push(entry.blob);
    }
  } finally {
    await source.close();
    await target.close();
  }
  if (damaged.length > 0 && options.keepGoing !== true) {
    throw new BackupIntegrityError(`blobs of the backup are damaged or missing: ${damaged.slice(0, 100).join(", ")}`);
  }
  await writeFormat(config.dataDir, storeId);
  return { name, blobs, bytes, damaged };
}

/** @throws ConfigError where anything lies */
async function makeEmpty(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const names = await readdir(directory);
  if (names.length > 0) throw new ConfigError(`${directory} is not empty: a backup is restored into an empty directory`);
  await mkdir(metadataPath(directory), { mode: 0o700 });
}

/** @throws BackupIntegrityError: without its metadata nothing of a backup can be used */
async function restoreFile(from: string, to: string, entry: ManifestEntry & { readonly file: string }): Promise<void> {
  if (entry.file !== "metadata/data.mdb") throw new BackupIntegrityError(
    `the manifest names a file that no backup has: ${entry.file}`,
  );
  const path = join(from, entry.file);
  const stats = await lstat(path).catch(() => undefined);
  // Looked at before it is read: what stands in its place may have no end.
  if (stats?.isFile() !== true || stats.size !== entry.sizeBytes) throw new BackupIntegrityError(`${path} is damaged`);
  const hash = createHash("sha256");
  const file = await open(join(to, entry.file), "wx", 0o600);
  try {
    for await (const piece of createReadStream(path) as AsyncIterable<Buffer>) {
      hash.update(piece);
      for (let written = 0; written < piece.length; ) written += (await file.write(piece, written)).bytesWritten;
    }
    await file.sync();
  } finally {
    await file.close();
  }
  if (hash.digest("hex") !== entry.sha256) throw new BackupIntegrityError(`${path} is damaged`);
  await syncDirectory(metadataPath(to));
}

/** @returns false when it is not what was written: then it is not there */
async function restoreBlob(
  source: BlobStore, target: BlobStore, entry: ManifestEntry & { readonly blob: string },
): Promise<boolean> {
  if (!(await hasSize(source, entry))) return false;
  const copied = await copyBlob(source, target, entry.blob);
  if (copied?.sha256 === entry.sha256) return true;
  await target.delete(entry.blob);
  return false;
}

async function hasSize(source: BlobStore, { blob, sizeBytes }: ManifestEntry & { readonly blob: string }): Promise<boolean> {
  try {
    return (await source.size(blob)) === sizeBytes;
  } catch (error) {
    // It is no file, or cannot be looked at.
    if (error instanceof StoreError) return false;
    throw error;
  }
}
