/** Data and key belong together: what refuses to start, and that a refusal changes nothing. */
import assert from "node:assert/strict";
import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { failToStart, startServer } from "../e2e/server.js";
import { coffer, inDirectory, mode, placeFlags, withServer } from "./support.js";

/** A store that has been started and stopped once. */
const withStore = (work: (directory: string, keyFile: string) => Promise<void>): Promise<void> =>
  inDirectory(async (directory) => {
    await withServer(startServer({ disk: true, directory }), async (server) => assert.equal(await server.stop(), 0));
    await work(directory, join(directory, "config", "root.key"));
  });

async function refuses(directory: string, reason: RegExp, flags: readonly string[] = []): Promise<void> {
  const { code, stderr } = await failToStart(directory, { disk: true, flags });
  assert.equal(code, 1);
  assert.match(stderr, /^coffer: [^\n]+\n$/, "one line, no stack");
  assert.match(stderr, reason);
}

test("data without its key file refuses to start, and makes no new key", () =>
  withStore(async (directory, keyFile) => {
    renameSync(keyFile, `${keyFile}.elsewhere`);
    await refuses(directory, /root\.key does not exist/);
    assert.equal(existsSync(keyFile), false);
    renameSync(`${keyFile}.elsewhere`, keyFile);
    await withServer(startServer({ disk: true, directory }), async () => {});
  }));

test("a key file without its data refuses to start, and is not overwritten", () =>
  withStore(async (directory, keyFile) => {
    const before = readFileSync(keyFile);
    rmSync(join(directory, "data"), { recursive: true });
    await refuses(directory, /exists already, but there is no store/);
    assert.deepEqual(readFileSync(keyFile), before);
  }));

test("the key file of another store refuses to start", () =>
  withStore(async (directory, keyFile) => {
    await withStore(async (_other, otherKey) => {
      rmSync(keyFile);
      cpSync(otherKey, keyFile);
      await refuses(directory, /store/);
    });
  }));

test("a damaged key file refuses to start", () =>
  withStore(async (directory, keyFile) => {
    const bytes = readFileSync(keyFile);
    const middle = Math.floor(bytes.length / 2);
    bytes[middle] = bytes[middle] === 0x41 ? 0x42 : 0x41;
    rmSync(keyFile);
    writeFileSync(keyFile, bytes, { mode: 0o600 });
    await refuses(directory, /root\.key/);
  }));

test("a key file that group or others can read refuses to start", () =>
  withStore(async (directory, keyFile) => {
    for (const open of [0o640, 0o604, 0o660]) {
      chmodSync(keyFile, open);
      await refuses(directory, /open to others/);
    }
    chmodSync(keyFile, 0o600);
    await withServer(startServer({ disk: true, directory }), async () => {});
  }));

test("a key file that is a symbolic link refuses to start", () =>
  withStore(async (directory, keyFile) => {
    renameSync(keyFile, `${keyFile}.real`);
    symlinkSync(`${keyFile}.real`, keyFile);
    await refuses(directory, /symbolic link/);
  }));

test("a key file inside the data directory refuses to start, also through a link, and leaves nothing behind", () =>
  inDirectory(async (directory) => {
    const data = join(directory, "data");
    await refuses(directory, /inside the data directory/, ["--key-file", join(data, "root.key")]);
    assert.equal(existsSync(join(data, "root.key")), false);
    assert.equal(existsSync(join(data, "format")), false);
    mkdirSync(join(data, "below"), { recursive: true });
    symlinkSync(join(data, "below"), join(directory, "link"));
    await refuses(directory, /inside the data directory/, ["--key-file", join(directory, "link", "root.key")]);
  }));

test("a second server on the same data directory refuses to start, and the first serves on", () =>
  inDirectory(async (directory) => {
    await withServer(startServer({ disk: true, directory }), async (server) => {
      await refuses(directory, new RegExp(`another Coffer server \\(process ${server.process.pid}\\)`));
      const { status } = await fetch(`${server.httpUrl}/-/ready`);
      assert.equal(status, 200);
    });
  }));

test("`coffer key backup` copies the key, checked and 0600, and a restored copy opens the store; it never overwrites", () =>
  withStore(async (directory, keyFile) => {
    const copy = join(directory, "copy.key");
    const { code, stdout } = await coffer(["key", "backup", copy, ...placeFlags(directory)]);
    assert.equal(code, 0);
    assert.match(stdout, /copied the key of store [0-9a-f]{32}/);
    assert.equal(mode(copy), 0o600);
    assert.deepEqual(readFileSync(copy), readFileSync(keyFile));
    const again = await coffer(["key", "backup", copy, ...placeFlags(directory)]);
    assert.equal(again.code, 1);
    assert.match(again.stderr, /^coffer: key backup: .*EEXIST/);
    renameSync(copy, keyFile);
    await withServer(startServer({ disk: true, directory }), async () => {});
  }));
