import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";

/** Runs `work` with a directory of its own under `parent`, which is gone afterwards, also when the process is told to end. */
export async function inDirectory<T>(parent: string, work: (directory: string) => Promise<T>): Promise<T> {
  const directory = mkdtempSync(join(parent, "coffer-bench-"));
  const remove = (): void => rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
  process.once("exit", remove);
  try {
    return await work(directory);
  } finally {
    process.off("exit", remove);
    remove();
  }
}
