/**
 * What lies in a data directory that should not: files among the blobs that are none, blobs in another's place, leftovers of
 * a start that was cut off. Other rooms' files beside the store (audit log) are theirs. FORMAT: docs/spec/data-directory.md §1.
 */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { Finding } from "../wire/tables/coffer-types.js";
import { blobsPath, metadataPath } from "./data-directory.js";

const DIGITS = [..."0123456789abcdef"];
const BLOB = /^[0-9a-f]{32}$/;
const METADATA = new Set(["data.mdb", "lock.mdb"]);
/** Temporary names of `format` and `lock`. */
const TEMPORARY = /^(format|lock)\.[0-9a-f]{16}$/;

/** Calls `report` for each; the store is not in use. */
export async function verifyDirectory(directory: string, report: (finding: Finding) => void): Promise<void> {
  const stray = (path: string, detail: string): void =>
    report({ Severity: "LEFTOVER", Fault: "file-stray", Subject: path, Detail: detail });
  for (const name of await readdir(directory)) if (TEMPORARY.test(name)) stray(
    join(directory, name), "left by a start that was cut off",
  );
  for (const name of await readdir(metadataPath(directory))) {
    if (!METADATA.has(name)) stray(join(metadataPath(directory), name), "it is no part of the metadata store");
  }
  const blobs = blobsPath(directory);
  await onlyDirectories(blobs, stray);
  for (const a of DIGITS) {
    await onlyDirectories(join(blobs, a), stray);
    for (const b of DIGITS) await verifyFan(join(blobs, a, b), a + b, stray);
  }
}

type Stray = (path: string, detail: string) => void;

/** One for each hex digit and nothing else. */
async function onlyDirectories(path: string, stray: Stray): Promise<void> {
  for (const entry of await readdir(path, { withFileTypes: true })) {
    if (!entry.isDirectory() || !DIGITS.includes(entry.name)) stray(
      join(path, entry.name), "there are no such entries among the blobs",
    );
  }
}

async function verifyFan(path: string, fan: string, stray: Stray): Promise<void> {
  for (const entry of await readdir(path, { withFileTypes: true })) {
    const where = join(path, entry.name);
    if (!entry.isFile() || !BLOB.test(entry.name)) stray(where, "it is no blob");
    else if (!entry.name.startsWith(fan)) stray(where, "a blob in the directory of others: it is never read here");
  }
}
