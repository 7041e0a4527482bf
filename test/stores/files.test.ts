import assert from "node:assert/strict";
import { constants } from "node:fs";
import { mkdtemp, readdir, rm, stat, symlink, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { newBlobId } from "../../src/stores/blob-id.js";
import { StoreError, type BlobStore } from "../../src/stores/contract.js";
import { filesBlobStore } from "../../src/stores/files-blobs.js";
import { blobSuite, collect, inPieces, pattern } from "./blob-suite.js";

async function inTemporary(body: (directory: string, store: BlobStore) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), "coffer-blobs-"));
  const store = await filesBlobStore(directory);
  try {
    await body(directory, store);
  } finally {
    await store.close();
    await rm(directory, { recursive: true, force: true });
  }
}

blobSuite("files", async () => {
  const directory = await mkdtemp(join(tmpdir(), "coffer-blobs-"));
  const store = await filesBlobStore(directory);
  const close = store.close.bind(store);
  store.close = async () => {
    await close();
    await rm(directory, { recursive: true, force: true });
  };
  return store;
});

const pathOf = (directory: string, id: string): string => join(directory, id.charAt(0), id.charAt(1), id);

async function filesIn(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => !entry.isDirectory()).map((entry) => entry.name);
}

describe("blob files", () => {
  it("lie under two levels of directories by their id, readable by their owner only, and nothing else lies there", () =>
    inTemporary(async (directory, store) => {
      const id = newBlobId();
      await store.put(id, inPieces(pattern(100), 10));
      const path = pathOf(directory, id);
      assert.equal((await stat(path)).mode & 0o777, 0o600);
      assert.equal((await stat(join(path, "..")) ).mode & 0o777, 0o700);
      assert.deepEqual(await filesIn(directory), [id]);
      await store.delete(id);
      assert.deepEqual(await filesIn(directory), []);
    }));

  it("survive closing and opening the store again", () =>
    inTemporary(async (directory, store) => {
      const id = newBlobId();
      await store.put(id, inPieces(pattern(70_000), 1000));
      await store.close();
      const again = await filesBlobStore(directory);
      try {
        assert.ok((await collect(again.get(id))).equals(pattern(70_000)));
        assert.deepEqual(await again.list(undefined, 10), [id]);
      } finally {
        await again.close();
      }
      await assert.rejects(store.put(newBlobId(), inPieces(pattern(1), 1)), StoreError);
    }));

  it("failed puts leave no file behind", () =>
    inTemporary(async (directory, store) => {
      const source = (async function* () {
        yield pattern(3_000_000);
        throw new RangeError("source");
      })();
      await assert.rejects(store.put(newBlobId(), source), RangeError);
      assert.deepEqual(await filesIn(directory), []);
    }));

  it("a symbolic link in a blob's place is neither read nor written through", { skip: constants.O_NOFOLLOW === undefined }, () =>
    inTemporary(async (directory, store) => {
      const target = join(directory, "target");
      await writeFile(target, "outside");
      const id = newBlobId();
      await symlink(target, pathOf(directory, id));
      await assert.rejects(collect(store.get(id)), StoreError);
      await assert.rejects(store.size(id), StoreError);
      await assert.rejects(store.put(id, inPieces(pattern(3), 3)), StoreError);
      assert.equal((await stat(target)).size, 7);
    }));

  it("a file cut short is a StoreError, not a short read", () =>
    inTemporary(async (directory, store) => {
      const id = newBlobId();
      await store.put(id, inPieces(pattern(3_000_000), 100_000));
      await truncate(pathOf(directory, id), 2_999_999);
      await assert.rejects(collect(store.get(id, { start: 0, end: 2_999_999 })), StoreError);
      const slow = (async () => {
        let read = 0;
        for await (const piece of store.get(id)) {
          if (read === 0) await truncate(pathOf(directory, id), 10);
          read += piece.length;
        }
        return read;
      })();
      // Either the whole was read ahead already, or the cut is noticed.
      assert.equal(await slow.catch((error: unknown) => (error instanceof StoreError ? 2_999_999 : 0)), 2_999_999);
    }));

  it("transient pieces are right while they are held, for any number of readers at once", () =>
    inTemporary(async (_, store) => {
      const id = newBlobId();
      const bytes = pattern(9 * 1024 * 1024 + 77);
      await store.put(id, inPieces(bytes, 65_552));
      await Promise.all(Array.from({ length: 6 }, async (_unused, i) => {
        let at = i;
        for await (const piece of store.get(id, { start: i, end: bytes.length - 1 }, { transient: true })) {
          await new Promise((resolve) => setImmediate(resolve));
          assert.ok(piece.equals(bytes.subarray(at, at + piece.length)));
          at += piece.length;
        }
        assert.equal(at, bytes.length);
      }));
    }));

  it("a file system that fails gives a StoreError with its cause", () =>
    inTemporary(async (directory, store) => {
      const id = newBlobId();
      await rm(join(directory, id.charAt(0)), { recursive: true });
      const withCause = (error: Error): boolean => error instanceof StoreError && error.cause instanceof Error;
      await assert.rejects(store.put(id, inPieces(pattern(3), 3)), withCause);
      await assert.rejects(store.list(undefined, 10), withCause);
    }));
});
