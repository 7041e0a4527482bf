/**
 * A second process on a store, driven over the IPC channel by the tests: `store-child.js DIRECTORY ROLE`.
 * Roles: `answer` runs commands; `write` commits without end and tells each acknowledged row on standard output;
 * `lock` takes the directory's lock and says so.
 */
import { newBlobId } from "../../src/stores/blob-id.js";
import { AGAIN, withRetry } from "../../src/stores/commit-retry.js";
import { lockDirectory } from "../../src/stores/directory-lock.js";
import { filesBlobStore } from "../../src/stores/files-blobs.js";
import { lmdbMetadataStore } from "../../src/stores/lmdb-metadata.js";
import type { MetadataStore } from "../../src/stores/contract.js";

export type Command =
  | { readonly do: "set"; readonly key: string; readonly text: string }
  | { readonly do: "get"; readonly key: string }
  | { readonly do: "count"; readonly key: string; readonly times: number }
  | { readonly do: "fill"; readonly key: string; readonly sizeBytes: number }
  | { readonly do: "blob"; readonly directory: string; readonly sizeBytes: number };

export interface Answer {
  readonly text?: string | undefined;
  readonly stamp?: number | undefined;
  readonly error?: string;
}

/** Adds one to a decimal counter, `times` times, against whoever else does. */
export async function count(store: MetadataStore, key: Buffer, times: number): Promise<void> {
  for (let i = 0; i < times; i++) {
    await withRetry(async () => {
      const [value] = await store.get([key]);
      const check = { key, stamp: value?.stamp ?? ("absent" as const) };
      const bytes = Buffer.from(String(Number(value?.bytes.toString() ?? "0") + 1));
      const result = await store.commit({ checks: [check], puts: [{ key, bytes }] });
      return result.ok ? undefined : AGAIN;
    }, { attempts: 1000 });
  }
}

async function run(store: MetadataStore, command: Command): Promise<Answer> {
  if (command.do === "blob") return writeBlob(command.directory, command.sizeBytes);
  const key = Buffer.from(command.key);
  if (command.do === "get") {
    const [value] = await store.get([key]);
    return { text: value?.bytes.toString(), stamp: value?.stamp };
  }
  if (command.do === "count") {
    await count(store, key, command.times);
    return {};
  }
  const bytes = command.do === "set" ? Buffer.from(command.text) : Buffer.alloc(command.sizeBytes, 7);
  const result = await store.commit({ puts: [{ key, bytes }] });
  return result.ok ? { stamp: result.stamp } : { error: "failed check" };
}

async function writeBlob(directory: string, sizeBytes: number): Promise<Answer> {
  const blobs = await filesBlobStore(directory);
  try {
    await blobs.put(newBlobId(), (async function* () {
      for (let left = sizeBytes; left > 0; left -= 65_536) yield Buffer.alloc(Math.min(left, 65_536), 7);
    })());
    return {};
  } finally {
    await blobs.close();
  }
}

async function answer(directory: string): Promise<void> {
  const store = await lmdbMetadataStore(directory);
  process.on("message", (command: Command) => {
    run(store, command).then(
      (result) => process.send?.(result),
      (error: unknown) => process.send?.({ error: error instanceof Error ? error.name : "unknown" }),
    );
  });
  process.on("disconnect", () => process.exit(0));
  process.send?.({ text: "ready" });
}

async function write(directory: string): Promise<void> {
  const store = await lmdbMetadataStore(directory);
  const round = process.pid;
  await Promise.all(Array.from({ length: 8 }, async (_, writer) => {
    for (let i = 0; ; i++) {
      const key = `${round}-${writer}-${i}`;
      await store.commit({ puts: [{ key: Buffer.from(key), bytes: Buffer.from(key.repeat(20)) }] });
      process.stdout.write(`${key}\n`);
    }
  }));
}

async function lock(directory: string): Promise<void> {
  await lockDirectory(directory);
  process.stdout.write("locked\n");
  setInterval(() => undefined, 1000);
}

const [directory, role] = process.argv.slice(2);
if (directory !== undefined && role === "answer") await answer(directory);
if (directory !== undefined && role === "write") await write(directory);
if (directory !== undefined && role === "lock") await lock(directory);
