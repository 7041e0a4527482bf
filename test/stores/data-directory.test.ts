import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { newStoreId } from "@coffer/seal";
import { newBlobId } from "../../src/stores/blob-id.js";
import { StoreError } from "../../src/stores/contract.js";
import { createDataDirectory, readDataDirectory } from "../../src/stores/data-directory.js";
import { DirectoryLocked, lockDirectory } from "../../src/stores/directory-lock.js";
import { memoryStores, openStores, type Stores } from "../../src/stores/open-stores.js";
import { collect, inPieces, pattern } from "./blob-suite.js";

const CHILD = fileURLToPath(new URL("store-child.js", import.meta.url));

async function inTemporary(body: (directory: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), "coffer-data-"));
  try {
    await body(directory);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function roundTrip(stores: Stores): Promise<void> {
  const id = newBlobId();
  await stores.blobs.put(id, inPieces(pattern(10), 3));
  await stores.metadata.commit({ puts: [{ key: Buffer.from("id"), bytes: Buffer.from(id) }] });
  await check(stores);
}

async function check(stores: Stores): Promise<void> {
  const [value] = await stores.metadata.get([Buffer.from("id")]);
  assert.ok(value);
  assert.deepEqual(await collect(stores.blobs.get(value.bytes.toString())), pattern(10));
}

describe("data directory", () => {
  it("is made once, with an id that stays; the store in it survives closing and opening", () =>
    inTemporary(async (parent) => {
      const directory = join(parent, "deep", "data");
      assert.equal(await readDataDirectory(directory), undefined);
      await assert.rejects(openStores(directory), StoreError);
      const storeId = newStoreId();
      await createDataDirectory(directory, storeId);
      assert.deepEqual(await readDataDirectory(directory), { formatVersion: 1, storeId });
      await assert.rejects(createDataDirectory(directory, newStoreId()), StoreError);
      const first = await openStores(directory);
      await roundTrip(first);
      await first.close();
      const second = await openStores(directory);
      assert.equal(second.storeId, storeId);
      await check(second);
      await second.close();
      assert.deepEqual((await readdir(directory)).sort(), ["blobs", "format", "metadata"]);
      for (const name of ["", "metadata", "blobs"]) assert.equal((await stat(join(directory, name))).mode & 0o777, 0o700);
      assert.equal((await stat(join(directory, "format"))).mode & 0o777, 0o600);
    }));

  it("of many makers at once exactly one succeeds, and its id is the one that is read", () =>
    inTemporary(async (directory) => {
      const ids = Array.from({ length: 8 }, newStoreId);
      const made = await Promise.allSettled(ids.map((id) => createDataDirectory(directory, id)));
      const winners = made.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
      assert.equal(winners.length, 1);
      assert.deepEqual(await readDataDirectory(directory), winners[0]);
      assert.deepEqual(await readdir(directory), ["format"]);
    }));

  it("data without its format file, a damaged one, and one of another version are refused, never overwritten", () =>
    inTemporary(async (directory) => {
      await mkdir(join(directory, "metadata"));
      await assert.rejects(readDataDirectory(directory), /no format file/);
      await assert.rejects(createDataDirectory(directory, newStoreId()), /no format file/);
      const damaged = ["", "{", "[]", "null", "{}", `{"formatVersion":1,"storeId":"${"A".repeat(32)}"}`, " ".repeat(5000)];
      for (const content of damaged) {
        await writeFile(join(directory, "format"), content);
        await assert.rejects(readDataDirectory(directory), /format file is damaged/, content);
        await assert.rejects(openStores(directory), StoreError);
      }
      await writeFile(join(directory, "format"), JSON.stringify({ formatVersion: 2, storeId: newStoreId() }));
      await assert.rejects(readDataDirectory(directory), /has format 2/);
      await assert.rejects(createDataDirectory(join(directory, "x"), "not an id"), StoreError);
    }));

  it("memory stores hold rows and blobs and have an id each", async () => {
    const [one, two] = [memoryStores(), memoryStores()];
    await roundTrip(one);
    assert.match(one.storeId, /^[0-9a-f]{32}$/);
    assert.notEqual(one.storeId, two.storeId);
    assert.deepEqual(await two.metadata.get([Buffer.from("id")]), [undefined]);
    await one.close();
    await two.close();
  });
});

describe("directory lock", () => {
  it("is held by one at a time, and free again after release", () =>
    inTemporary(async (directory) => {
      const first = await lockDirectory(directory);
      const refused = (error: unknown): boolean => error instanceof DirectoryLocked && error.holder === process.pid;
      await assert.rejects(lockDirectory(directory), refused);
      await assert.rejects(lockDirectory(directory), /process \d+\) uses this data directory/);
      await first.release();
      await first.release();
      const second = await lockDirectory(directory);
      await second.release();
      assert.deepEqual(await readdir(directory), []);
    }));

  it("works in directories deeper than a socket path may be long", { skip: process.platform !== "linux" }, () =>
    inTemporary(async (parent) => {
      const directory = join(parent, "d".repeat(100), "e".repeat(100));
      await mkdir(directory, { recursive: true });
      const lock = await lockDirectory(directory);
      await assert.rejects(lockDirectory(directory), DirectoryLocked);
      await lock.release();
    }));

  it("is free at once when its holder was killed; until then it names the holder", () =>
    inTemporary(async (directory) => {
      const child = spawn(process.execPath, [CHILD, directory, "lock"], { stdio: ["ignore", "pipe", "inherit"] });
      await once(child.stdout, "data");
      const refused = (error: unknown): boolean => error instanceof DirectoryLocked && error.holder === child.pid;
      await assert.rejects(lockDirectory(directory), refused);
      const gone = once(child, "exit");
      child.kill("SIGKILL");
      await gone;
      const lock = await lockDirectory(directory);
      await assert.rejects(lockDirectory(directory), DirectoryLocked);
      await lock.release();
    }));

  it("of many that find a dead holder's lock exactly one gets it", () =>
    inTemporary(async (directory) => {
      for (let round = 0; round < 5; round++) {
        const child = spawn(process.execPath, [CHILD, directory, "lock"], { stdio: ["ignore", "pipe", "inherit"] });
        await once(child.stdout, "data");
        const gone = once(child, "exit");
        child.kill("SIGKILL");
        await gone;
        const taken = await Promise.allSettled(Array.from({ length: 8 }, () => lockDirectory(directory)));
        const locks = taken.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
        assert.equal(locks.length, 1);
        for (const lock of locks) await lock.release();
        assert.deepEqual(await readdir(directory), []);
      }
    }));

  it("a directory that is not there is a StoreError", async () => {
    await assert.rejects(lockDirectory(join(tmpdir(), newStoreId())), StoreError);
  });
});
