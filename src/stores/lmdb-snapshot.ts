/**
 * A consistent copy of the metadata of a store that may be in use, by LMDB's own compacting copy. It reads one snapshot,
 * which keeps pages that are freed meanwhile from being used again: for as long as the copy takes, a second or so a million
 * rows, the file may grow by what is written. FORMAT: docs/spec/backup.md §2.
 */
import { mkdir, open, rm } from "node:fs/promises";
import { join } from "node:path";
import { StoreError } from "./contract.js";
import { syncDirectory } from "./data-directory.js";
import { openEnvironment } from "./lmdb-environment.js";

/**
 * INVARIANT: this process has no other environment open on `from`: LMDB's locks would end with the first that is closed.
 * @param from directory of a metadata store
 * @param to made (0700); must not exist
 * @throws StoreError
 */
export async function snapshotMetadata(from: string, to: string): Promise<void> {
  try {
    await mkdir(to, { mode: 0o700 });
    const { env } = openEnvironment(from);
    try {
      await env.backup(to, true);
    } finally {
      await env.close();
    }
    const file = await open(join(to, "data.mdb"), "r+");
    try {
      await file.chmod(0o600);
      await file.sync();
    } finally {
      await file.close();
    }
    await syncDirectory(to);
  } catch (cause) {
    throw new StoreError("the metadata cannot be copied", { cause });
  }
}

/** Takes away what opening a snapshot leaves beside it. */
export const forgetReaders = (directory: string): Promise<void> => rm(join(directory, "lock.mdb"), { force: true });
