/** Directory trees for clients that move files: made, compared byte by byte, and searched for what must not be there. */
import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { assertBytes, bytesOf, CHUNK, MIB } from "../e2e/world.js";

/** Text that a stored plaintext would show. */
export const CANARY = "canary: the plaintext of this file must not be on disk";

/** Names and sizes that clients and listings stumble over; the large one goes as several parts of 5 MiB. */
export const TREE: ReadonlyMap<string, Buffer> = new Map([
  ["empty", Buffer.alloc(0)],
  ["one", Buffer.from("1")],
  ["canary.txt", Buffer.from(CANARY.repeat(3))],
  ["chunk", bytesOf(CHUNK, 3)],
  ["chunk+1", bytesOf(CHUNK + 1, 4)],
  ["deep/er/still/leaf.txt", Buffer.from(`${CANARY}, deep`)],
  ["with space & plus+percent%41.txt", Buffer.from("names are signed as they are")],
  ["ünïcödé/日本語 ✓.txt", Buffer.from("UTF-8")],
  ["large.bin", Buffer.concat([bytesOf(11 * MIB, 5), Buffer.from(CANARY)])],
]);

export function writeTree(directory: string, tree: ReadonlyMap<string, Buffer> = TREE): void {
  for (const [name, bytes] of tree) {
    mkdirSync(dirname(join(directory, name)), { recursive: true });
    writeFileSync(join(directory, name), bytes);
  }
}

/** The directory holds these files with these bytes, and no others. */
export function assertTree(directory: string, tree: ReadonlyMap<string, Buffer> = TREE): void {
  assert.deepEqual(filesUnder(directory), [...tree.keys()].sort());
  for (const [name, bytes] of tree) assertBytes(readFileSync(join(directory, name)), bytes, name);
}

/** Relative paths of all files, sorted. */
export function filesUnder(directory: string): string[] {
  return readdirSync(directory, { recursive: true, encoding: "utf8" })
    .filter((name) => statSync(join(directory, name)).isFile())
    .sort();
}

/** Files under `directory` that contain any of the texts. */
export function filesWith(directory: string, texts: readonly (string | Buffer)[]): string[] {
  return filesUnder(directory).filter((name) => {
    const bytes = readFileSync(join(directory, name));
    return texts.some((text) => bytes.includes(text));
  });
}
