import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { StoreError, type MetadataStore } from "../../src/stores/contract.js";
import { lmdbMetadataStore } from "../../src/stores/lmdb-metadata.js";
import { metadataSuite } from "./metadata-suite.js";
import { count, type Answer, type Command } from "./store-child.js";

const CHILD = fileURLToPath(new URL("store-child.js", import.meta.url));
const text = (value: string): Buffer => Buffer.from(value);

/** A store in a fresh directory that goes with it. */
async function temporary(): Promise<MetadataStore> {
  const directory = await mkdtemp(join(tmpdir(), "coffer-lmdb-"));
  const store = await lmdbMetadataStore(join(directory, "metadata"));
  const close = store.close.bind(store);
  store.close = async () => {
    await close();
    await rm(directory, { recursive: true, force: true });
  };
  return store;
}

metadataSuite("lmdb", temporary);

async function inTemporary(body: (directory: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), "coffer-lmdb-"));
  try {
    await body(directory);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

interface Child {
  readonly child: ChildProcess;
  readonly ask: (command: Command) => Promise<Answer>;
}

/** A child that answers commands; `fileLimit`: largest file it may write, in 512-byte blocks. */
async function startChild(directory: string, fileLimit = "unlimited"): Promise<Child> {
  const script = `ulimit -f ${fileLimit}; exec "$0" "$1" "$2" answer`;
  const words = ["-c", script, process.execPath, CHILD, directory];
  const child = spawn("sh", words, { stdio: ["ignore", "inherit", "ignore", "ipc"] });
  const [ready] = await once(child, "message");
  assert.deepEqual(ready, { text: "ready" });
  const ask = async (command: Command): Promise<Answer> => {
    child.send(command);
    const [answer] = await once(child, "message");
    return answer as Answer;
  };
  return { child, ask };
}

async function stop(child: ChildProcess): Promise<void> {
  const gone = once(child, "exit");
  child.kill("SIGKILL");
  await gone;
}

describe("lmdb: several processes on one store", () => {
  it("each sees what the other has committed at once, with rising stamps", () =>
    inTemporary(async (directory) => {
      const store = await lmdbMetadataStore(directory);
      const { child, ask } = await startChild(directory);
      try {
        let last = 0;
        for (let i = 0; i < 150; i++) {
          const mine = await store.commit({ puts: [{ key: text("a"), bytes: text(`parent ${i}`) }] });
          assert.ok(mine.ok && mine.stamp > last);
          assert.deepEqual(await ask({ do: "get", key: "a" }), { text: `parent ${i}`, stamp: mine.stamp });
          const theirs = await ask({ do: "set", key: "a", text: `child ${i}` });
          assert.ok(theirs.stamp !== undefined && theirs.stamp > mine.stamp);
          const [value] = await store.get([text("a")]);
          assert.deepEqual(value, { bytes: text(`child ${i}`), stamp: theirs.stamp });
          const [entry] = await store.range({ from: text("a"), to: text("b"), limit: 1 });
          assert.equal(entry?.stamp, theirs.stamp);
          last = theirs.stamp;
        }
      } finally {
        await stop(child);
        await store.close();
      }
    }));

  it("no increment is lost when two processes count against each other", () =>
    inTemporary(async (directory) => {
      const store = await lmdbMetadataStore(directory);
      const { child, ask } = await startChild(directory);
      try {
        await Promise.all([ask({ do: "count", key: "n", times: 200 }), count(store, text("n"), 200)]);
        assert.equal((await store.get([text("n")]))[0]?.bytes.toString(), "400");
      } finally {
        await stop(child);
        await store.close();
      }
    }));

  it("a store that another process has grown a hundredfold is read and written on", () =>
    inTemporary(async (directory) => {
      const store = await lmdbMetadataStore(directory);
      const { child, ask } = await startChild(directory);
      try {
        for (let i = 0; i < 12; i++) {
          assert.equal((await ask({ do: "fill", key: `big${i}`, sizeBytes: 8 * 1024 * 1024 })).error, undefined);
        }
        const [value] = await store.get([text("big11")]);
        assert.ok(value?.bytes.equals(Buffer.alloc(8 * 1024 * 1024, 7)));
        assert.ok((await store.commit({ puts: [{ key: text("a"), bytes: text("1") }] })).ok);
      } finally {
        await stop(child);
        await store.close();
      }
    }));
});

describe("lmdb: durability", () => {
  it("stamps go on where they were after closing and opening, even when every row was deleted", () =>
    inTemporary(async (directory) => {
      let last = 0;
      for (let round = 0; round < 3; round++) {
        const store = await lmdbMetadataStore(directory);
        assert.deepEqual(await store.get([text("a")]), [undefined]);
        const put = await store.commit({ puts: [{ key: text("a"), bytes: text("1") }] });
        const gone = await store.commit({ deletes: [text("a")] });
        assert.ok(put.ok && gone.ok && put.stamp > last && gone.stamp > put.stamp);
        last = gone.stamp;
        await store.close();
      }
    }));

  it("close waits for commits under way; they are there afterwards", () =>
    inTemporary(async (directory) => {
      const store = await lmdbMetadataStore(directory);
      const commits = Array.from({ length: 50 }, (_, i) => store.commit({ puts: [{ key: text(`k${i}`), bytes: text("1") }] }));
      await store.close();
      assert.ok((await Promise.all(commits)).every((result) => result.ok));
      const again = await lmdbMetadataStore(directory);
      assert.equal((await again.range({ from: text("k"), to: text("l"), limit: 99 })).length, 50);
      await again.close();
    }));

  it("what a process acknowledged before kill -9 is there, whole; another process on the store goes on", () =>
    inTemporary(async (directory) => {
      const beside = await lmdbMetadataStore(directory);
      let acknowledged = 0;
      try {
        for (let round = 0; round < 4; round++) {
          const child = spawn(process.execPath, [CHILD, directory, "write"], { stdio: ["ignore", "pipe", "ignore"] });
          let output = "";
          child.stdout.on("data", (data: Buffer) => (output += data.toString()));
          await once(child.stdout, "data");
          await sleep(120 + 60 * round);
          const closed = once(child, "close");
          child.kill("SIGKILL");
          await closed;
          const keys = output.slice(0, output.lastIndexOf("\n")).split("\n");
          const values = await beside.get(keys.map(text));
          values.forEach((value, i) => assert.equal(value?.bytes.toString(), keys[i]?.repeat(20), keys[i]));
          acknowledged += keys.length;
          assert.ok((await beside.commit({ puts: [{ key: text(`beside ${round}`), bytes: text("1") }] })).ok);
        }
      } finally {
        await beside.close();
      }
      assert.ok(acknowledged > 100);
      const again = await lmdbMetadataStore(directory);
      assert.equal((await again.range({ from: text("beside"), to: text("besidf"), limit: 9 })).length, 4);
      await again.close();
    }));
});

describe("engines when the file system refuses", () => {
  it("a commit that cannot be written rejects with StoreError, nothing of it is there, and the store goes on", () =>
    inTemporary(async (directory) => {
      const { child, ask } = await startChild(directory, "16384");
      try {
        assert.equal((await ask({ do: "set", key: "a", text: "before" })).error, undefined);
        assert.equal((await ask({ do: "fill", key: "big", sizeBytes: 15 * 1024 * 1024 })).error, "StoreError");
        assert.equal((await ask({ do: "get", key: "big" })).text, undefined);
        assert.equal((await ask({ do: "get", key: "a" })).text, "before");
        assert.equal((await ask({ do: "set", key: "b", text: "after" })).error, undefined);
      } finally {
        await stop(child);
      }
      const store = await lmdbMetadataStore(directory);
      const found = await store.get([text("a"), text("b"), text("big")]);
      assert.deepEqual(found.map((value) => value?.bytes.toString()), ["before", "after", undefined]);
      await store.close();
    }));

  it("a failure within a transaction undoes every commit of its group, and the store goes on", () =>
    inTemporary(async (directory) => {
      const store = await lmdbMetadataStore(directory);
      const broken = { key: text("broken"), bytes: { length: 1 } as unknown as Uint8Array };
      const group = [
        store.commit({ puts: [{ key: text("a"), bytes: text("1") }] }),
        store.commit({ puts: [{ key: text("b"), bytes: text("1") }, broken] }),
      ];
      for (const result of await Promise.allSettled(group)) {
        assert.ok(result.status === "rejected" && result.reason instanceof StoreError);
      }
      assert.deepEqual(await store.get([text("a"), text("b"), text("broken")]), [undefined, undefined, undefined]);
      assert.ok((await store.commit({ puts: [{ key: text("a"), bytes: text("2") }] })).ok);
      await store.close();
      const again = await lmdbMetadataStore(directory);
      assert.equal((await again.get([text("a")]))[0]?.bytes.toString(), "2");
      await again.close();
    }));

  it("a blob that cannot be written rejects with StoreError and leaves no file", () =>
    inTemporary(async (directory) => {
      const { child, ask } = await startChild(join(directory, "metadata"), "16384");
      try {
        const blobs = join(directory, "blobs");
        assert.equal((await ask({ do: "blob", directory: blobs, sizeBytes: 20 * 1024 * 1024 })).error, "StoreError");
        const entries = await readdir(blobs, { recursive: true, withFileTypes: true });
        assert.deepEqual(entries.filter((entry) => entry.isFile()), []);
      } finally {
        await stop(child);
      }
    }));

  it("a store that cannot be opened is a StoreError with its cause", async () => {
    const unusable = join(CHILD, "not-a-directory");
    const withCause = (error: unknown): boolean => error instanceof StoreError && error.cause instanceof Error;
    await assert.rejects(lmdbMetadataStore(unusable), withCause);
  });
});
