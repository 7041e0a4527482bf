import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { deriveRootKeys, newRootKey, newStoreId, type RecordKeys } from "@coffer/seal";
import { StoreError, type Entry, type MetadataStore } from "../../src/stores/contract.js";
import { memoryMetadataStore } from "../../src/stores/memory-metadata.js";
import { createRecords } from "../../src/stores/record-table.js";
import { RecordIntegrityError, type Table, type TableSpec } from "../../src/stores/records.js";
import { Space } from "../../src/stores/spaces.js";

interface Person {
  readonly name: string;
  readonly age: number;
}

const SPEC: TableSpec = { space: Space.users, kind: "person", version: 2 };
const CANARY = Buffer.from("CANARY-4f1c2e-do-not-find-me-on-disk");

const newKeys = (): RecordKeys => deriveRootKeys(newRootKey(), newStoreId()).records;

function fixture(spec: TableSpec = SPEC): { store: MetadataStore; keys: RecordKeys; people: Table<Person> } {
  const store = memoryMetadataStore();
  const keys = newKeys();
  return { store, keys, people: createRecords(store, keys).table<Person>(spec) };
}

async function bytesAt(store: MetadataStore, key: Uint8Array): Promise<Buffer> {
  const [value] = await store.get([key]);
  assert.ok(value);
  return value.bytes;
}

const ANN: Person = { name: "Ann", age: 7 };

describe("record rows", () => {
  it("a row comes back with its clear part, fingerprints, sealed part and stamp; absent parts are empty", async () => {
    const { store, people } = fixture();
    const [whole, bare] = [people.key("a", "whole"), people.key("a", "bare")];
    const fingerprints = Buffer.from("d41d8cd98f00b204e9800998ecf8427e", "hex");
    const result = await store.commit({
      puts: [people.put(whole, { clear: ANN, sealed: CANARY, fingerprints }), people.put(bare, { clear: ANN })],
    });
    assert.ok(result.ok);
    const found = await people.get("a", "whole");
    assert.ok(found);
    assert.deepEqual(found.clear, ANN);
    assert.deepEqual(found.fingerprints, fingerprints);
    assert.deepEqual(found.sealed(), CANARY);
    assert.notEqual(found.sealed(), found.sealed());
    assert.equal(found.stamp, result.stamp);
    assert.deepEqual(found.key, whole);
    const empty = await people.get("a", "bare");
    assert.equal(empty?.sealed(), undefined);
    assert.equal(empty?.fingerprints.length, 0);
    assert.equal(await people.get("a", "nobody"), undefined);
    assert.deepEqual((await people.getMany([people.key("a", "nobody"), bare])).map((row) => row?.clear), [undefined, ANN]);
  });

  it("neither the sealed part nor the fingerprints are in the row's bytes, in any of their forms", () => {
    const { people } = fixture();
    const { bytes } = people.put(people.key("a"), { clear: ANN, sealed: CANARY, fingerprints: CANARY });
    const forms = [CANARY, Buffer.from(CANARY.toString("hex")), Buffer.from(CANARY.toString("base64"))];
    for (const form of forms) assert.equal(Buffer.from(bytes).includes(form), false);
    for (let i = 0; i + 8 <= CANARY.length; i++) assert.equal(Buffer.from(bytes).includes(CANARY.subarray(i, i + 8)), false);
  });

  it("any flipped bit anywhere in the row is a RecordIntegrityError, and no part is given out", async () => {
    const { store, people } = fixture();
    const key = people.key("a");
    const { bytes } = people.put(key, { clear: ANN, sealed: CANARY, fingerprints: Buffer.alloc(16, 3) });
    for (let i = 0; i < bytes.length; i++) {
      const altered = Buffer.from(bytes);
      altered[i] = (altered[i] ?? 0) ^ (1 << i % 8);
      await store.commit({ puts: [{ key, bytes: altered }] });
      await assert.rejects(people.get("a"), RecordIntegrityError, `byte ${i}`);
    }
  });

  it("a row cut short at any length, or longer, is a RecordIntegrityError", async () => {
    const { store, people } = fixture();
    const key = people.key("a");
    const { bytes } = people.put(key, { clear: ANN, sealed: CANARY });
    for (let length = 0; length < bytes.length; length++) {
      await store.commit({ puts: [{ key, bytes: bytes.subarray(0, length) }] });
      await assert.rejects(people.get("a"), RecordIntegrityError, `length ${length}`);
    }
    await store.commit({ puts: [{ key, bytes: Buffer.concat([bytes, Buffer.alloc(1)]) }] });
    await assert.rejects(people.get("a"), RecordIntegrityError);
  });

  it("a row moved to another key, taken for another kind, or brought from another store is a RecordIntegrityError", async () => {
    const { store, keys, people } = fixture();
    const { bytes } = people.put(people.key("ann"), { clear: ANN });
    await store.commit({ puts: [{ key: people.key("ann"), bytes }, { key: people.key("bob"), bytes }] });
    assert.deepEqual((await people.get("ann"))?.clear, ANN);
    await assert.rejects(people.get("bob"), RecordIntegrityError);
    const animals = createRecords(store, keys).table<Person>({ ...SPEC, kind: "animal" });
    await assert.rejects(animals.get("ann"), RecordIntegrityError);
    const elsewhere = createRecords(store, newKeys()).table<Person>(SPEC);
    await assert.rejects(elsewhere.get("ann"), RecordIntegrityError);
    const rootKey = newRootKey();
    const [one, two] = [deriveRootKeys(rootKey, newStoreId()).records, deriveRootKeys(rootKey, newStoreId()).records];
    await store.commit({ puts: [createRecords(store, one).table<Person>(SPEC).put(people.key("ann"), { clear: ANN })] });
    await assert.rejects(createRecords(store, two).table<Person>(SPEC).get("ann"), RecordIntegrityError);
  });

  it("one bad row of a page fails the page and is named by its key", async () => {
    const { store, people } = fixture();
    const names = ["a", "b", "c"];
    await store.commit({ puts: names.map((name) => people.put(people.key(name), { clear: ANN })) });
    await store.commit({ puts: [{ key: people.key("b"), bytes: await bytesAt(store, people.key("a")) }] });
    const named = new RegExp(`person row at ${people.key("b").toString("hex")} `);
    const isNamed = (error: unknown): boolean => error instanceof RecordIntegrityError && named.test(error.message);
    await assert.rejects(people.list({ limit: 10 }), isNamed);
    assert.equal((await people.list({ prefix: ["a"], limit: 10 })).length, 1);
  });
});

describe("record pages", () => {
  it("a decoded page equals its rows decoded one by one", async () => {
    const { store, people } = fixture();
    const puts = Array.from({ length: 100 }, (_, i) =>
      people.put(people.key("page", i), {
        clear: { name: `n${i}`, age: i },
        ...(i % 3 === 0 ? { fingerprints: Buffer.alloc(i, i) } : {}),
        ...(i % 2 === 0 ? { sealed: Buffer.from(`secret ${i}`) } : {}),
      }));
    await store.commit({ puts });
    const entries: Entry[] = await store.range({ ...people.span("page"), limit: 1000 });
    const page = people.decodePage(entries);
    assert.equal(page.length, 100);
    for (const [i, row] of page.entries()) {
      const single = await people.get("page", i);
      assert.deepEqual(row.clear, single?.clear);
      assert.deepEqual(row.fingerprints, single?.fingerprints);
      assert.deepEqual(row.fingerprints, i % 3 === 0 ? Buffer.alloc(i, i) : Buffer.alloc(0));
      assert.deepEqual(row.sealed(), single?.sealed());
      assert.equal(row.stamp, single?.stamp);
    }
    assert.deepEqual(people.decodePage([]), []);
  });

  it("lists by prefix, behind a key, up to a limit, both ways", async () => {
    const { store, people } = fixture();
    const rows = [["a", 0], ["a", 1], ["a", 2], ["ab", 0], ["b", 7]] as const;
    await store.commit({ puts: rows.map(([name, age]) => people.put(people.key(name, age), { clear: { name, age } })) });
    const names = async (query: Parameters<typeof people.list>[0]): Promise<string[]> =>
      (await people.list(query)).map(({ clear }) => `${clear.name}${clear.age}`);
    assert.deepEqual(await names({ limit: 9 }), ["a0", "a1", "a2", "ab0", "b7"]);
    assert.deepEqual(await names({ prefix: ["a"], limit: 9 }), ["a0", "a1", "a2"]);
    assert.deepEqual(await names({ prefix: ["a"], limit: 2 }), ["a0", "a1"]);
    assert.deepEqual(await names({ prefix: ["a"], limit: 2, reverse: true }), ["a2", "a1"]);
    assert.deepEqual(await names({ prefix: ["a"], after: people.key("a", 0), limit: 9 }), ["a1", "a2"]);
    assert.deepEqual(await names({ prefix: ["a"], after: people.key("a", 2), limit: 9 }), []);
    assert.deepEqual(await names({ prefix: ["a"], after: people.key("a", 2), limit: 9, reverse: true }), ["a1", "a0"]);
    assert.deepEqual(await names({ prefix: ["b"], after: people.key("a", 2), limit: 9 }), ["b7"]);
    assert.deepEqual(await names({ after: people.key("a", 1), limit: 2 }), ["a2", "ab0"]);
  });
});

describe("record versions", () => {
  it("an older row is migrated on read; a newer one, and one without a migration, is refused", async () => {
    const { store, keys } = fixture();
    const records = createRecords(store, keys);
    const old = records.table<{ full: string }>({ ...SPEC, version: 1 });
    await store.commit({ puts: [old.put(old.key("a"), { clear: { full: "Ann" }, sealed: CANARY })] });
    const migrate = (from: number, clear: unknown): unknown => ({ name: (clear as { full: string }).full, age: from });
    const present = records.table<Person>({ ...SPEC, version: 2, migrate });
    const found = await present.get("a");
    assert.deepEqual(found?.clear, { name: "Ann", age: 1 });
    assert.deepEqual(found?.sealed(), CANARY);
    await assert.rejects(records.table<Person>(SPEC).get("a"), /no migration/);
    await store.commit({ puts: [present.put(present.key("a"), { clear: ANN })] });
    await assert.rejects(old.get("a"), StoreError);
  });
});

describe("record cache", () => {
  it("a row in the cache is the very same object until any writer rewrites it", async () => {
    const { store, keys, people } = fixture({ ...SPEC, cache: 2 });
    await store.commit({ puts: ["a", "b", "c"].map((name) => people.put(people.key(name), { clear: ANN })) });
    const first = await people.get("a");
    assert.equal(await people.get("a"), first);
    const other = createRecords(store, keys).table<Person>(SPEC);
    await store.commit({ puts: [other.put(other.key("a"), { clear: { name: "Ann", age: 8 } })] });
    assert.deepEqual((await people.get("a"))?.clear, { name: "Ann", age: 8 });
    await store.commit({ deletes: [people.key("a")] });
    assert.equal(await people.get("a"), undefined);
  });

  it("keeps no more rows than told; one that is asked for again and again stays while others come and go", async () => {
    const { store, people } = fixture({ ...SPEC, cache: 4 });
    const names = ["a", "b", "c", "d", "e", "f", "g", "h", "i"];
    await store.commit({ puts: names.map((name) => people.put(people.key(name), { clear: ANN })) });
    const seen = new Map<string, unknown>();
    for (const name of names) {
      seen.set(name, await people.get(name));
      assert.equal(await people.get("a"), seen.get("a"), `a, after ${name}`);
    }
    // From the newest to the oldest: each that is read anew drives out only what was asked for already.
    let kept = 0;
    for (const name of names.toReversed()) if ((await people.get(name)) === seen.get(name)) kept += 1;
    assert.ok(kept >= 1 && kept <= 4, `${kept} kept`);
  });
});
