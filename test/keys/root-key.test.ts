import assert from "node:assert/strict";
import { chmod, copyFile, mkdir, mkdtemp, readFile, rename, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { newStoreId } from "@coffer/seal";
import { KeyFileProblem } from "../../src/keys/key-file.js";
import { ephemeralRootKey, ephemeralSeal, fileSeal, openKeyring } from "../../src/keys/root-key.js";
import type { Keyring } from "../../src/keys/root-key.js";
import { Space } from "../../src/stores/spaces.js";
import { text, World } from "./support.js";

interface Place {
  readonly directory: string;
  readonly data: string;
  readonly path: string;
  open(storeId?: string): Promise<Keyring>;
}

async function place(t: TestContext): Promise<Place> {
  const directory = await mkdtemp(join(tmpdir(), "coffer-keys-"));
  t.after(() => rm(directory, { recursive: true }));
  const data = join(directory, "data");
  await mkdir(data);
  const path = join(directory, "config", "root.key");
  return { directory, data, path, open: (storeId) => openKeyring(fileSeal(path, data), storeId) };
}

async function refused(answer: Promise<unknown>, reason: KeyFileProblem["reason"], message: RegExp): Promise<void> {
  await assert.rejects(
    answer,
    (error) => error instanceof KeyFileProblem && error.reason === reason && message.test(error.message),
  );
}

test("a key file is made once, 0600 in a 0700 directory, and opens the same keys again", async (t) => {
  const { path, open, directory } = await place(t);
  const first = await open();
  assert.equal((await stat(path)).mode & 0o777, 0o600);
  assert.equal((await stat(join(directory, "config"))).mode & 0o777, 0o700);
  const again = await open(first.storeId);
  assert.deepEqual(
    [again.storeId, again.fingerprint, again.wrappingKeyId], [first.storeId, first.fingerprint, first.wrappingKeyId],
  );
  const where = { account: "1", region: "r", keyId: "k", materialId: "m", spec: "s", origin: "o" };
  const secret = again.unwrapMaterial(first.wrapMaterial(text("material"), where), where);
  assert.deepEqual(secret.bytes, text("material"));
  assert.deepEqual(first.mac("a", text("x")), again.mac("a", text("x")));
  assert.notDeepEqual(first.mac("a", text("x")), first.mac("b", text("x")));
});

test("a key file is never made beside an existing one", async (t) => {
  const { open, path } = await place(t);
  await open();
  const before = await readFile(path);
  await refused(open(), "exists", /no store in the data directory/);
  assert.deepEqual(await readFile(path), before);
});

test("data without its key file, or with another store's, does not open", async (t) => {
  const { open, path } = await place(t);
  await refused(open(newStoreId()), "missing", /does not exist: without it the data of this store cannot be read/);
  const { storeId } = await open();
  const other = newStoreId();
  await refused(
    open(other), "other-store",
    new RegExp(`belongs to store ${storeId}, but the data directory holds store ${other}`),
  );
  await rename(path, `${path}.moved`);
  await refused(open(storeId), "missing", /does not exist/);
});

test("a key file that others can read, a link, a directory or a file inside the data directory is refused", async (t) => {
  const { open, path, data, directory } = await place(t);
  const { storeId } = await open();
  for (const mode of [0o640, 0o604, 0o620, 0o660, 0o601, 0o610]) {
    await chmod(path, mode);
    await refused(open(storeId), "unsafe", /is open to others \(mode 06\d\d\): chmod 600/);
  }
  await chmod(path, 0o400);
  await open(storeId);
  const link = join(directory, "link.key");
  await symlink(path, link);
  await refused(openKeyring(fileSeal(link, data), storeId), "unsafe", /symbolic link/);
  await refused(openKeyring(fileSeal(directory, data), storeId), "unsafe", /not a regular file/);
  const inside = join(data, "root.key");
  await copyFile(path, inside);
  await refused(openKeyring(fileSeal(inside, data), storeId), "inside-data", /lies inside the data directory/);
  await refused(openKeyring(fileSeal(join(data, "deep", "new.key"), data), undefined), "inside-data", /lies inside/);
  const linked = join(directory, "elsewhere");
  await symlink(data, linked);
  await refused(openKeyring(fileSeal(join(linked, "root.key"), data), storeId), "inside-data", /lies inside/);
  await openKeyring(fileSeal(join(directory, "data-not-inside", "root.key"), data), undefined);
});

test("a damaged key file is named as such, whatever the damage", async (t) => {
  const { open, path } = await place(t);
  const { storeId } = await open();
  const good = await readFile(path, "latin1");
  for (const bad of [
    "", "not a key\n", good.slice(0, -40), good.replace(/root-key ../, "root-key zz"),
    good.replace("version 1", "version 2"), "x".repeat(100_000),
  ]) {
    await writeFile(path, bad);
    await refused(open(storeId), "damaged", /root\.key: /);
  }
  await writeFile(path, good);
  await open(storeId);
});

test("attack 56: wrapped material opens in its own place only", () => {
  const keyring = ephemeralRootKey();
  const where = {
    account: "111122223333", region: "us-east-1", keyId: "k", materialId: "m", spec: "SYMMETRIC_DEFAULT",
    origin: "AWS_KMS",
  };
  const wrapped = keyring.wrapMaterial(text("secret"), where);
  assert.equal(wrapped.includes("secret"), false);
  for (const name of Object.keys(where)) {
    assert.throws(() => keyring.unwrapMaterial(wrapped, { ...where, [name]: "other" }), { name: "SealIntegrityError" });
  }
  for (let at = 0; at < wrapped.length; at++) {
    const altered = Buffer.from(wrapped);
    altered[at] = (altered[at] ?? 0) ^ 1;
    assert.throws(() => keyring.unwrapMaterial(altered, where), { name: "SealIntegrityError" });
  }
  assert.throws(() => ephemeralRootKey().unwrapMaterial(wrapped, where), { name: "SealIntegrityError" });
});

test("attack 56: material rows exchanged between two keys do not open", async () => {
  const world = new World();
  const one = await world.key();
  const two = await world.key();
  const { materials } = world.kms.tables;
  const [a, b] = [
    await materials.get("us-east-1", one.KeyId, one.CurrentKeyMaterialId ?? ""),
    await materials.get("us-east-1", two.KeyId, two.CurrentKeyMaterialId ?? ""),
  ];
  assert.ok(a !== undefined && b !== undefined);
  // Whoever can write rows with valid MACs still cannot move material.
  await world.store.commit({ puts: [materials.put(a.key, { clear: { ...a.clear, wrapped: b.clear.wrapped } })] });
  await assert.rejects(world.call("Encrypt", { KeyId: one.KeyId, Plaintext: text("x") }), { name: "SealIntegrityError" });
  await world.call("Encrypt", { KeyId: two.KeyId, Plaintext: text("x") });
});

test("the ephemeral provider keeps its key while it lives; a closed keyring gives no more keys", async () => {
  const seal = ephemeralSeal();
  const first = await openKeyring(seal, undefined);
  const again = await openKeyring(seal, first.storeId);
  assert.equal(again.fingerprint, first.fingerprint);
  assert.deepEqual(first.subkey("session-token").export(), again.subkey("session-token").export());
  assert.notDeepEqual(first.subkey("session-token").export(), first.subkey("audit-chain").export());
  first.close();
  assert.throws(() => first.subkey("late"), /wipe/);
});

test("no secret of a key is in the clear on the store", async () => {
  const world = new World();
  const { KeyId } = await world.key(
    { Description: "canary-description", Tags: [{ TagKey: "canary-tag", TagValue: "canary-value" }] },
  );
  await world.call("Encrypt", { KeyId, Plaintext: text("x") });
  const rows = await world.store.range({ from: Buffer.from([Space.kmsKeys]), to: Buffer.from([0x40]), limit: 100 });
  assert.ok(rows.length >= 3);
  for (const row of rows) {
    for (const hidden of ["canary-description", "canary-tag", "canary-value", "key-default-1"]) assert.equal(
      row.bytes.includes(hidden), false,
    );
  }
});
