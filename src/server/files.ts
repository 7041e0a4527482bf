/** Small private files: made whole or not at all, readable by their owner only. */
import { closeSync, fsyncSync, linkSync, mkdirSync, openSync, renameSync, rmSync, unlinkSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { randomHex } from "../lib/ids.js";

/** Replaces `path` atomically; mode 0600, its directory (0700) made if absent. */
export function replacePrivateFile(path: string, text: string): void {
  const temporary = writeTemporary(path, text);
  removeIfFailing(temporary, () => renameSync(temporary, path));
  syncDirectory(dirname(path));
}

/** Makes `path`, or leaves the file that is there. @returns whether it was made */
export function createPrivateFile(path: string, text: string): boolean {
  const temporary = writeTemporary(path, text);
  try {
    linkSync(temporary, path);
    syncDirectory(dirname(path));
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  } finally {
    unlinkSync(temporary);
  }
}

function writeTemporary(path: string, text: string): string {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const temporary = `${path}.${randomHex(6)}.tmp`;
  const fd = openSync(temporary, "wx", 0o600);
  removeIfFailing(temporary, () => {
    try {
      const bytes = Buffer.from(text, "utf8");
      for (let written = 0; written < bytes.length;) written += writeSync(fd, bytes, written);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
  });
  return temporary;
}

/** What could not be finished may hold a secret, and would lie about for ever. */
function removeIfFailing(temporary: string, work: () => void): void {
  try {
    work();
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

function syncDirectory(path: string): void {
  const fd = openSync(path, "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
