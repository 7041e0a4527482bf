import assert from "node:assert/strict";
import { test } from "node:test";
import type { BlobStore } from "../../src/stores/contract.js";
import { memoryBlobStore } from "../../src/stores/memory-blobs.js";
import { DataKeys } from "../../src/objects/data-keys.js";
import { PendingBlob } from "../../src/objects/ledger.js";
import { newOrphanSearch, orphanStep, sweepPending, sweepStep } from "../../src/objects/sweep.js";
import { Space } from "../../src/stores/spaces.js";
import { collect, pattern, refused, TestBody, World } from "./world.js";

/** A blob store whose bytes a test can change. */
class OpenBlobs implements BlobStore {
  readonly #inner = memoryBlobStore();
  change: ((bytes: Buffer) => Buffer) | undefined;

  put: BlobStore["put"] = (id, bytes, signal) => this.#inner.put(id, bytes, signal);
  async *get(id: string, range?: { start: number; end: number }): AsyncGenerator<Buffer> {
    const whole = await collect(this.#inner.get(id));
    const changed = this.change?.(whole) ?? whole;
    yield range === undefined ? changed : changed.subarray(range.start, range.end + 1);
  }
  size: BlobStore["size"] = (id) => this.#inner.size(id);
  delete: BlobStore["delete"] = (id) => this.#inner.delete(id);
  list: BlobStore["list"] = (after, limit) => this.#inner.list(after, limit);
  close: BlobStore["close"] = () => this.#inner.close();
}

const flip =
  (at: number) =>
  (bytes: Buffer): Buffer => {
    const changed = Buffer.from(bytes);
    const index = at < 0 ? changed.length + at : at;
    changed.writeUInt8(changed.readUInt8(index) ^ 1, index);
    return changed;
  };

test("a changed blob: an error before the first byte or a broken stream, an integrity event, never a wrong byte", async () => {
  const blobs = new OpenBlobs();
  const world = new World({ blobs });
  await world.bucket();
  const bytes = pattern(300_000);
  await world.put("k", bytes);
  const changes = [
    flip(0),
    flip(100),
    flip(70_000),
    flip(-1),
    (all: Buffer) => all.subarray(0, -1),
    (all: Buffer) => all.subarray(0, 56 + 65552),
    (all: Buffer) => Buffer.concat([all, all]),
  ];
  for (const change of changes) {
    blobs.change = change;
    world.logged.length = 0;
    const seen: Buffer[] = [];
    await assert.rejects(async () => {
      const out = await world.s3("GetObject", { Bucket: "bucket", Key: "k" });
      for await (const piece of out["Body"] as AsyncIterable<Buffer>) seen.push(Buffer.from(piece));
    });
    const got = Buffer.concat(seen);
    assert.ok(bytes.subarray(0, got.length).equals(got));
    const event = world.logged.find((line) => line.fields["event"] === "integrity");
    assert.deepEqual([event?.level, event?.fields["bucket"], event?.fields["key"]], ["error", "bucket", "k"]);
  }
  blobs.change = flip(56 + 65552 + 10);
  assert.ok((await world.get("k", { Range: "bytes=0-65535" })).bytes.equals(bytes.subarray(0, 65536)));
  await assert.rejects(world.get("k", { Range: "bytes=65536-65540" }));
});

test("a body that is lost or cut is an integrity event for every reader, and never \"try again\"", async () => {
  const world = new World();
  await world.bucket();
  const span = async (space: number): Promise<Buffer[]> =>
    (await world.store.range({ from: Buffer.from([space]), to: Buffer.from([space + 1]), limit: 10 })).map((entry) => entry.key);
  await world.put("inline", "x");
  await world.store.commit({ deletes: await span(Space.bodies) });
  await world.put("blob", pattern(300_000));
  const [lost = ""] = await world.blobs.list(undefined, 1);
  await world.blobs.delete(lost);
  await world.put("cut", pattern(300_000));
  const [cut = ""] = await world.blobs.list(undefined, 1);
  const sealed = await collect(world.blobs.get(cut));
  await world.blobs.delete(cut);
  await world.blobs.put(cut, new TestBody(sealed.subarray(0, 100_000)));
  const { UploadId } = await world.s3("CreateMultipartUpload", { Bucket: "bucket", Key: "parts" });
  const part = await world.s3("UploadPart", { Bucket: "bucket", Key: "parts", UploadId, PartNumber: 1 }, { body: pattern(10) });
  const Parts = [{ PartNumber: 1, ETag: part["ETag"] }];
  await world.s3("CompleteMultipartUpload", { Bucket: "bucket", Key: "parts", UploadId, MultipartUpload: { Parts } });
  await world.store.commit({ deletes: await span(Space.partTables) });
  for (const [Key, Range] of [["inline"], ["blob"], ["blob", "bytes=1-2"], ["cut", "bytes=250000-250001"], ["parts"]] as const) {
    const copy = { Bucket: "bucket", Key: "copy", CopySource: `bucket/${Key}` };
    const reads = [() => world.get(Key, { Range }), ...(Range === undefined ? [() => world.s3("CopyObject", copy)] : [])];
    for (const read of reads) {
      world.logged.length = 0;
      await assert.rejects(read(), { name: "BodyLostIntegrityError" });
      const events = world.logged.filter((line) => line.fields["event"] === "integrity");
      assert.deepEqual(events.map(({ level, fields }) => [level, fields["key"]]), [["error", Key]]);
    }
  }
  await refused(world.get("copy"), "NoSuchKey");
});

test("data keys are wiped when a body ends, is empty and never read, is given up, or fails", async () => {
  const blobs = new OpenBlobs();
  const world = new World({ blobs });
  await world.bucket();
  await world.put("big", pattern(300_000));
  await world.put("empty", "");
  const { wipe } = DataKeys.prototype;
  let wiped = new WeakSet<DataKeys>();
  let count = 0;
  DataKeys.prototype.wipe = function (this: DataKeys): void {
    if (!wiped.has(this)) count++;
    wiped.add(this);
    wipe.call(this);
  };
  const body = async (Key: string): Promise<AsyncIterable<Buffer>> => {
    wiped = new WeakSet();
    count = 0;
    return (await world.s3("GetObject", { Bucket: "bucket", Key }))["Body"] as AsyncIterable<Buffer>;
  };
  try {
    const whole = await body("big");
    assert.equal(count, 0);
    await collect(whole);
    assert.equal(count, 1);
    await body("empty");
    assert.equal(count, 1);
    for await (const piece of await body("big")) {
      assert.ok(piece.length > 0);
      break;
    }
    assert.equal(count, 1);
    blobs.change = flip(-1);
    await assert.rejects(async () => collect(await body("big")));
    assert.equal(count, 1);
  } finally {
    DataKeys.prototype.wipe = wipe;
  }
});

test("a body whose reader is gone fails: what reads on never takes a part for the whole", async () => {
  const world = new World();
  await world.bucket();
  await world.put("large", pattern(3 * 1024 * 1024));
  const client = new AbortController();
  const { Body } = await world.s3("GetObject", { Bucket: "bucket", Key: "large" }, { signal: client.signal });
  let read = 0;
  const rest = async (): Promise<void> => {
    for await (const piece of Body as AsyncIterable<Buffer>) {
      read += piece.length;
      client.abort();
    }
  };
  await assert.rejects(rest, { name: "AbortError" });
  assert.ok(read > 0 && read < 3 * 1024 * 1024);
});

test("an inline body put in another object's place is detected", async () => {
  const world = new World();
  await world.bucket();
  await world.put("a", "body of a");
  await world.put("b", "body of b");
  const from = Buffer.from([Space.bodies]);
  const rows = await world.store.range({ from, to: Buffer.from([Space.bodies + 1]), limit: 10 });
  const [one, two] = rows;
  assert.ok(one !== undefined && two !== undefined);
  await world.store.commit({
    puts: [
      { key: one.key, bytes: two.bytes },
      { key: two.key, bytes: one.bytes },
    ],
  });
  await assert.rejects(world.get("a"), { name: "SealIntegrityError" });
  await assert.rejects(world.get("b"), { name: "SealIntegrityError" });
});

test("a head row copied to another key, or an older one put back by who can write rows, does not open", async () => {
  const world = new World();
  await world.bucket();
  const { heads, buckets } = world.room.tables;
  const inc = (await buckets.get("bucket"))?.clear.incarnation ?? "";
  await world.put("a", "body of a");
  await world.put("b", "body of b");
  const b = await heads.get(inc, "b");
  const a = await heads.get(inc, "a");
  assert.ok(a !== undefined && b !== undefined);
  const [raw] = await world.store.get([b.key]);
  assert.ok(raw !== undefined);
  await world.store.commit({ puts: [{ key: a.key, bytes: raw.bytes }] });
  await assert.rejects(world.get("a"), { name: "RecordIntegrityError" });
  // With the metadata key one could write such a row; the manifest, under the data key, still tells.
  const sealed = b.sealed();
  assert.ok(sealed !== undefined);
  const forged = { clear: { ...b.clear, key: "a" }, sealed, fingerprints: b.fingerprints };
  await world.store.commit({ puts: [heads.put(a.key, forged)] });
  await assert.rejects(world.get("a"));
});

const HOUR = 3_600_000;
async function* one(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes;
}
async function sweepAll(world: World): Promise<void> {
  for (let i = 0; i < 1000; i++) if ((await sweepStep(world.room)) === "done") return;
  assert.fail("the sweep does not end");
}
const count = async (world: World): Promise<number> => (await world.blobs.list(undefined, 1000)).length;
const ledgerRows = async (world: World): Promise<number> =>
  (await world.store.range({ from: Buffer.from([Space.ledger]), to: Buffer.from([Space.ledger + 1]), limit: 1000 })).length;

test("the sweep takes replaced and deleted blobs after the grace, and nothing else", async () => {
  const world = new World();
  await world.bucket();
  await world.put("k", pattern(100_000, 1));
  await world.put("k", pattern(100_000, 2));
  await world.put("gone", pattern(100_000, 3));
  await world.s3("DeleteObject", { Bucket: "bucket", Key: "gone" });
  await sweepAll(world);
  assert.equal(await count(world), 3);
  world.clock.advance(HOUR);
  await sweepAll(world);
  assert.equal(await count(world), 1);
  assert.equal(await ledgerRows(world), 1);
  assert.ok((await world.get("k")).bytes.equals(pattern(100_000, 2)));
});

test("multipart: unlisted and replaced parts, aborted uploads, deleted objects and buckets leave nothing", async () => {
  const world = new World();
  await world.bucket();
  const begin = async (): Promise<object> => {
    const { UploadId } = await world.s3("CreateMultipartUpload", { Bucket: "bucket", Key: "k" });
    return { Bucket: "bucket", Key: "k", UploadId };
  };
  const part = (upload: object, PartNumber: number, size = 100_000): Promise<Record<string, unknown>> =>
    world.s3("UploadPart", { ...upload, PartNumber }, { body: pattern(size, PartNumber) });
  const upload = await begin();
  await part(upload, 1);
  const { ETag } = await part(upload, 1);
  await part(upload, 2);
  await part(upload, 3, 10);
  await world.s3("CompleteMultipartUpload", { ...upload, MultipartUpload: { Parts: [{ PartNumber: 1, ETag }] } });
  const aborted = await begin();
  await part(aborted, 1);
  await world.s3("AbortMultipartUpload", aborted);
  world.clock.advance(HOUR);
  await sweepAll(world);
  assert.equal(await count(world), 1);
  assert.ok((await world.get("k")).bytes.equals(pattern(100_000, 1)));
  await part(await begin(), 1);
  await world.s3("DeleteObject", { Bucket: "bucket", Key: "k" });
  await world.s3("DeleteBucket", { Bucket: "bucket" });
  world.clock.advance(HOUR);
  await sweepAll(world);
  world.clock.advance(HOUR);
  await sweepAll(world);
  assert.equal(await count(world), 0);
  world.clock.advance(48 * HOUR);
  await sweepAll(world);
  const left = await world.store.range({
    from: Buffer.from([Space.heads]),
    to: Buffer.from([Space.uploadsByKey + 1]),
    limit: 1000,
  });
  assert.deepEqual(
    left.map((row) => row.key.toString("hex")),
    [],
  );
});

test("a writer that died leaves a pending blob, which goes after its lease", async () => {
  const world = new World();
  await world.bucket();
  const id = "a".repeat(32);
  await PendingBlob.announce(world.room, id);
  await world.blobs.put(id, one(pattern(10)));
  await sweepAll(world);
  assert.equal(await count(world), 1);
  world.clock.advance(HOUR);
  await sweepAll(world);
  world.clock.advance(HOUR);
  await sweepAll(world);
  assert.equal(await count(world), 0);
  assert.equal(await ledgerRows(world), 0);
});

test("a writer that slept longer than its lease loses; one that keeps renewing does not", async () => {
  const world = new World();
  await world.bucket();
  const waiting = (ms: number) => async (): Promise<void> => {
    world.clock.advance(ms);
    await sweepAll(world);
  };
  const pieces = [pattern(70_000), ...Array.from({ length: 20 }, () => pattern(10))];
  await refused(world.put("late", new TestBody(pieces, { between: waiting(2 * HOUR) })), "SlowDown");
  await world.put("steady", new TestBody(pieces, { between: waiting(9 * 60_000) }));
  world.clock.advance(2 * HOUR);
  await sweepAll(world);
  assert.equal(await count(world), 1);
  assert.ok((await world.get("steady")).bytes.equals(Buffer.concat(pieces)));
});

test("ten thousand uploads under way do not keep garbage from being swept", async () => {
  const world = new World();
  await world.bucket();
  await world.put("k", pattern(100_000));
  await world.put("k", "x");
  world.clock.advance(2 * HOUR);
  const { ledger } = world.room.tables;
  const clear = { leaseUntilMs: world.clock.now() + HOUR };
  for (let page = 0; page < 10; page++) {
    const rows = Array.from({ length: 1000 }, (_, n) => ledger.put(ledger.key("p", `${page}${n}`.padStart(32, "0")), { clear }));
    await world.store.commit({ puts: rows });
  }
  assert.equal(await sweepStep(world.room), "done");
  assert.equal(await count(world), 0);
});

test("a blob that no row knows is told of once, when it was seen twice a grace apart, and left in place", async () => {
  const world = new World();
  await world.bucket();
  await world.put("k", pattern(100_000));
  await world.put("replaced", pattern(100_000));
  await world.put("replaced", "x");
  await world.blobs.put("f".repeat(32), one(pattern(10)));
  let raised = 0;
  const search = newOrphanSearch(() => raised++);
  await orphanStep(world.room, search);
  await orphanStep(world.room, search);
  assert.equal(raised, 0);
  for (let round = 0; round < 3; round++) {
    world.clock.advance(HOUR);
    await orphanStep(world.room, search);
  }
  assert.equal(await count(world), 3);
  const told = world.logged.filter(({ fields }) => fields["event"] === "orphan");
  assert.deepEqual([raised, told.map(({ fields }) => fields["blob"])], [1, ["f".repeat(32)]]);
  await sweepAll(world);
  assert.equal(await count(world), 2);
  await world.get("k");
  await refused(world.get("absent"), "NoSuchKey");
});

test("an object whose ledger row is lost is told of, and goes on being read", async () => {
  const world = new World();
  await world.bucket();
  await world.put("k", pattern(100_000));
  const [id = ""] = await world.blobs.list(undefined, 1);
  await world.store.commit({ deletes: [world.room.tables.ledger.key("l", id)] });
  const search = newOrphanSearch();
  for (let round = 0; round < 4; round++) {
    await orphanStep(world.room, search);
    world.clock.advance(HOUR);
    await sweepAll(world);
  }
  assert.deepEqual(
    world.logged.filter(({ fields }) => fields["event"] === "orphan").map(({ fields }) => fields["blob"]), [id],
  );
  assert.ok((await world.get("k")).bytes.equals(pattern(100_000)));
});

test("a blob whose writer died is no orphan while it waits for the sweep", async () => {
  const world = new World();
  const id = "e".repeat(32);
  const { ledger } = world.room.tables;
  const clear = { leaseUntilMs: world.clock.now() };
  await world.store.commit({ puts: [ledger.put(ledger.key("p", id), { clear })] });
  await world.blobs.put(id, one(pattern(10)));
  const search = newOrphanSearch(() => assert.fail("it is in the ledger"));
  await orphanStep(world.room, search);
  world.clock.advance(HOUR);
  assert.equal(await sweepPending(world.room), "done");
  for (let round = 0; round < 3; round++) {
    await orphanStep(world.room, search);
    world.clock.advance(HOUR);
  }
  await sweepAll(world);
  assert.equal(await count(world), 0);
  assert.equal((await ledger.list({ limit: 10 })).length, 0);
});
