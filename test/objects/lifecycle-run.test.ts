/** Lifecycle rules carried out on a clock that is moved by hand. It starts at midnight UTC. */
import assert from "node:assert/strict";
import { beforeEach, describe, it } from "node:test";
import { JobRunner } from "../../src/jobs/runner.js";
import { DAY_MS, HOUR_MS } from "../../src/lib/clock.js";
import type { LifecycleEvent } from "../../src/objects/lifecycle-act.js";
import { lifecycleJob, prefixesOf, type LifecycleJob } from "../../src/objects/lifecycle-run.js";
import { sweepGarbage } from "../../src/objects/sweep.js";
import type { Batch } from "../../src/stores/contract.js";
import type { KeyPart } from "../../src/stores/records.js";
import type { LifecycleRule } from "../../src/wire/tables/s3-types.js";
import { pattern, refused, World } from "./world.js";

let world: World;
let job: LifecycleJob;
let events: LifecycleEvent[];

beforeEach(async () => {
  world = new World();
  events = [];
  job = lifecycleJob({ room: world.room, recordEvent: (event) => void events.push(event) });
  await world.bucket();
});

const rules = (...list: readonly object[]): Promise<unknown> => {
  const Rules = list.map((members, at) => ({ ID: `rule-${at}`, Status: "Enabled", Filter: {}, ...members }));
  return world.s3("PutBucketLifecycleConfiguration", { Bucket: "bucket", LifecycleConfiguration: { Rules } });
};
const versioning = (Status: string): Promise<unknown> =>
  world.s3("PutBucketVersioning", { Bucket: "bucket", VersioningConfiguration: { Status } });
const put = async (Key: string, input: object = {}): Promise<string> => String((await world.put(Key, Key, input))["VersionId"]);

/** The whole walk. @returns its steps */
async function run(): Promise<number> {
  for (let steps = 1; ; steps++) if ((await job.step()) === "done") return steps;
}

/** The real thing, with something happening around one of its functions. */
function around<T extends object>(real: T, members: Partial<T>): T {
  return new Proxy(real, {
    get(_target, name) {
      const value: unknown = Reflect.get(name in members ? members : real, name);
      return typeof value === "function" ? (value.bind(real) as unknown) : value;
    },
  });
}

interface Listed {
  readonly Key: string;
  readonly VersionId: string;
}
async function keys(): Promise<string[]> {
  const { Contents } = await world.s3("ListObjectsV2", { Bucket: "bucket" });
  return ((Contents ?? []) as Listed[]).map(({ Key }) => Key);
}
async function versions(): Promise<{ versions: string[]; markers: string[] }> {
  const { Versions, DeleteMarkers } = await world.s3("ListObjectVersions", { Bucket: "bucket" });
  const ids = (list: unknown): string[] => ((list ?? []) as Listed[]).map(({ VersionId }) => VersionId);
  return { versions: ids(Versions), markers: ids(DeleteMarkers) };
}
/** Versions of one key, oldest first, a day apart. */
async function history(Key: string, count: number): Promise<string[]> {
  const ids: string[] = [];
  for (let n = 0; n < count; n++) {
    if (n > 0) world.clock.advance(DAY_MS);
    ids.push(await put(Key));
  }
  return ids;
}

describe("lifecycle: expiration of current versions", () => {
  it("removes objects of an unversioned bucket at the midnight after their days, not before", async () => {
    await rules({ Expiration: { Days: 2 } });
    world.clock.advance(HOUR_MS);
    await put("a");
    world.clock.advance(3 * DAY_MS - HOUR_MS - 1);
    await run();
    assert.deepEqual(await keys(), ["a"], "2 days and an hour are over, the day is not");
    world.clock.advance(1);
    await run();
    assert.deepEqual(await keys(), []);
    await refused(world.get("a"), "NoSuchKey");
  });

  it("counts an object made at midnight from that midnight", async () => {
    await rules({ Expiration: { Days: 1 } });
    await put("a");
    world.clock.advance(DAY_MS - 1);
    await run();
    assert.deepEqual(await keys(), ["a"]);
    world.clock.advance(1);
    await run();
    assert.deepEqual(await keys(), []);
  });

  it("makes a delete marker where versioning is enabled, and a null marker where it is suspended", async () => {
    await versioning("Enabled");
    await rules({ Expiration: { Days: 1 } });
    const kept = await put("a");
    world.clock.advance(DAY_MS);
    await run();
    const enabled = await versions();
    assert.deepEqual(enabled.versions, [kept]);
    assert.equal(enabled.markers.length, 1);
    assert.deepEqual(events.map(({ eventName, key, versionId, ruleId }) => ({ eventName, key, versionId, ruleId })), [
      { eventName: "S3.CREATE.DELETEMARKER", key: "a", versionId: enabled.markers[0], ruleId: "rule-0" },
    ]);
    await run();
    assert.deepEqual(await versions(), enabled, "a marker over versions stays");

    await versioning("Suspended");
    const old = await put("b");
    assert.equal(old, "null");
    world.clock.advance(DAY_MS);
    await run();
    assert.deepEqual((await versions()).markers.slice(1), ["null"], "in the place of the null version");
    assert.deepEqual((await versions()).versions, [kept]);
  });

  it("acts from a date on, on old and new objects alike", async () => {
    await rules({ Expiration: { Date: new Date(world.clock.now() + 2 * DAY_MS) } });
    await put("old");
    world.clock.advance(2 * DAY_MS - 1);
    await run();
    assert.deepEqual(await keys(), ["old"]);
    world.clock.advance(1);
    await put("new");
    await run();
    assert.deepEqual(await keys(), []);
  });

  it("does nothing by disabled rules, and nothing without rules", async () => {
    await put("a");
    world.clock.advance(10 * DAY_MS);
    assert.equal(await run(), 1);
    await rules({ Status: "Disabled", Expiration: { Days: 1 } });
    await run();
    assert.deepEqual(await keys(), ["a"]);
    assert.deepEqual(events, []);
  });

  it("frees what lay on disk", async () => {
    await rules({ Expiration: { Days: 1 } });
    await world.put("big", pattern(100_000));
    world.clock.advance(DAY_MS);
    await run();
    world.clock.advance(DAY_MS);
    while ((await sweepGarbage(world.room)) === "more");
    assert.deepEqual(await world.blobs.list(undefined, 10), []);
  });
});

describe("lifecycle: filters", () => {
  const tagged = { Tagging: "keep=no&x=1" };
  const tags = (keep: string, x: string): object[] => [{ Key: "keep", Value: keep }, { Key: "x", Value: x }];
  const ALL = ["log/1", "log/long", "log/tagged", "other", "tagged"];
  const cases: readonly (readonly [string, object, readonly string[]])[] = [
    ["an empty filter", { Filter: {} }, []],
    ["a prefix", { Filter: { Prefix: "log/" } }, ["other", "tagged"]],
    ["a tag", { Filter: { Tag: { Key: "keep", Value: "no" } } }, ["log/1", "log/long", "other"]],
    ["a tag of another value", { Filter: { Tag: { Key: "keep", Value: "yes" } } }, ALL],
    ["sizes above", { Filter: { ObjectSizeGreaterThan: 5 } }, ["log/1", "other"]],
    ["sizes below", { Filter: { ObjectSizeLessThan: 6 } }, ["log/long", "log/tagged", "tagged"]],
    ["all of And", { Filter: { And: { Prefix: "log/", Tags: tags("no", "1") } } }, ["log/1", "log/long", "other", "tagged"]],
    ["And that one tag does not meet", { Filter: { And: { Tags: tags("no", "2") } } }, ALL],
    ["And of sizes", { Filter: { And: { ObjectSizeGreaterThan: 6, ObjectSizeLessThan: 9 } } }, ["log/1", ...ALL.slice(2)]],
    ["a prefix of the old form", { Filter: undefined, Prefix: "other" }, ["log/1", "log/long", "log/tagged", "tagged"]],
  ];
  for (const [what, members, left] of cases) {
    it(what, async () => {
      await put("log/1");
      await put("log/long");
      await put("log/tagged", tagged);
      await put("other");
      await put("tagged", tagged);
      await rules({ Expiration: { Days: 1 }, ...members });
      world.clock.advance(DAY_MS);
      await run();
      assert.deepEqual(await keys(), left);
    });
  }

  it("of several rules the earliest counts, and each object goes once", async () => {
    await put("a/b");
    const Filter = { Prefix: "a/" };
    await rules({ Expiration: { Days: 9 } }, { Filter, Expiration: { Days: 3 } }, { Filter, Expiration: { Days: 4 } });
    world.clock.advance(5 * DAY_MS);
    await run();
    assert.deepEqual(events.map(({ key, ruleId }) => [key, ruleId]), [["a/b", "rule-1"]]);
  });

  it("the walk visits no prefix twice", () => {
    const of = (...prefixes: string[]) => prefixesOf(prefixes.map((Prefix): LifecycleRule => ({ Status: "Enabled", Prefix })));
    assert.deepEqual(of("b/", "a", "ab", "b/c", "b"), ["a", "b"]);
    assert.deepEqual(of("x", ""), [""]);
    assert.deepEqual(of(), []);
  });
});

describe("lifecycle: noncurrent versions and markers", () => {
  beforeEach(() => versioning("Enabled"));

  it("removes a version some days after it was replaced, however old it is", async () => {
    await rules({ NoncurrentVersionExpiration: { NoncurrentDays: 2 } });
    const first = await put("a");
    world.clock.advance(30 * DAY_MS);
    const second = await put("a");
    await run();
    world.clock.advance(2 * DAY_MS - 1);
    await run();
    assert.deepEqual((await versions()).versions, [second, first]);
    world.clock.advance(1);
    await run();
    assert.deepEqual((await versions()).versions, [second]);
    assert.deepEqual(events.map(({ eventName, versionId }) => [eventName, versionId]), [["S3.EXPIRE.OBJECT", first]]);
    assert.deepEqual(await keys(), ["a"]);
  });

  it("keeps as many newer noncurrent versions as the rule says", async () => {
    const ids = await history("a", 5);
    world.clock.advance(10 * DAY_MS);
    await rules({ NoncurrentVersionExpiration: { NoncurrentDays: 1, NewerNoncurrentVersions: 2 } });
    await run();
    assert.deepEqual((await versions()).versions, ids.slice(2).reverse());
    await run();
    assert.deepEqual((await versions()).versions, ids.slice(2).reverse(), "and goes on keeping them");
  });

  it("removes old markers like old versions, and the null version too", async () => {
    await versioning("Suspended");
    await put("a");
    await versioning("Enabled");
    await world.s3("DeleteObject", { Bucket: "bucket", Key: "a" });
    const current = await put("a");
    await rules({ NoncurrentVersionExpiration: { NoncurrentDays: 1 } });
    world.clock.advance(DAY_MS);
    await run();
    assert.deepEqual(await versions(), { versions: [current], markers: [] });
    await versioning("Suspended");
    assert.equal(await put("a"), "null", "a new null version finds no old one");
  });

  it("removes a lone marker, in the same run that leaves it alone, and no other", async () => {
    await put("gone");
    await put("kept");
    await world.s3("DeleteObject", { Bucket: "bucket", Key: "gone" });
    await world.s3("DeleteObject", { Bucket: "bucket", Key: "kept" });
    await rules(
      { Expiration: { ExpiredObjectDeleteMarker: true } },
      { Filter: { Prefix: "gone" }, NoncurrentVersionExpiration: { NoncurrentDays: 1 } },
    );
    world.clock.advance(DAY_MS);
    await run();
    const left = await versions();
    assert.deepEqual([left.versions.length, left.markers.length], [1, 1], "kept, with its marker");
    assert.deepEqual(events.map(({ key, ruleId }) => [key, ruleId]), [["gone", "rule-1"], ["gone", "rule-0"]]);
    await world.s3("DeleteObject", { Bucket: "bucket", Key: "kept", VersionId: left.markers[0] });
    await world.s3("DeleteObject", { Bucket: "bucket", Key: "kept", VersionId: left.versions[0] });
    await world.s3("DeleteBucket", { Bucket: "bucket" });
  });

  it("removes a lone marker by Days once it is that old, and not because the rule says false", async () => {
    await world.s3("DeleteObject", { Bucket: "bucket", Key: "a" });
    await rules({ Expiration: { ExpiredObjectDeleteMarker: false } });
    world.clock.advance(DAY_MS);
    await run();
    assert.equal((await versions()).markers.length, 1);
    await rules({ Expiration: { Days: 3 } });
    world.clock.advance(DAY_MS);
    await run();
    assert.equal((await versions()).markers.length, 1);
    world.clock.advance(DAY_MS);
    await run();
    assert.equal((await versions()).markers.length, 0);
  });

  it("takes many versions of one key, a hundred a step", async () => {
    for (let n = 0; n < 251; n++) await put("a");
    await rules({ NoncurrentVersionExpiration: { NoncurrentDays: 1 } });
    world.clock.advance(DAY_MS);
    assert.equal(await run(), 3);
    assert.equal((await versions()).versions.length, 1);
    assert.equal(new Set(events.map(({ versionId }) => versionId)).size, 250);
  });
});

describe("lifecycle: uploads that nobody completed", () => {
  const begin = async (Key: string): Promise<string> => {
    const { UploadId } = await world.s3("CreateMultipartUpload", { Bucket: "bucket", Key });
    return String(UploadId);
  };
  const part = (Key: string, UploadId: string): Promise<unknown> =>
    world.s3("UploadPart", { Bucket: "bucket", Key, UploadId, PartNumber: 1 }, { body: pattern(100_000) });
  const open = async (): Promise<string[]> => {
    const { Uploads } = await world.s3("ListMultipartUploads", { Bucket: "bucket" });
    return ((Uploads ?? []) as Listed[]).map(({ Key }) => Key);
  };

  it("aborts them below the prefix after their days, parts and all", async () => {
    await rules({ Filter: { Prefix: "in/" }, AbortIncompleteMultipartUpload: { DaysAfterInitiation: 1 } });
    const inside = await begin("in/a");
    await part("in/a", inside);
    await begin("out");
    world.clock.advance(DAY_MS - 1);
    await begin("in/young");
    await run();
    assert.deepEqual(await open(), ["in/a", "in/young", "out"]);
    world.clock.advance(1);
    await run();
    assert.deepEqual(await open(), ["in/young", "out"]);
    const seen = events.map(({ eventName, key, uploadId }) => [eventName, key, uploadId]);
    assert.deepEqual(seen, [["S3.DELETE.UPLOAD", "in/a", inside]]);
    await refused(part("in/a", inside), "NoSuchUpload");
    world.clock.advance(2 * HOUR_MS);
    while ((await sweepGarbage(world.room)) === "more");
    assert.deepEqual(await world.blobs.list(undefined, 10), []);
  });

  it("leaves what was completed", async () => {
    await rules({ AbortIncompleteMultipartUpload: { DaysAfterInitiation: 1 } });
    const UploadId = await begin("a");
    const { ETag } = (await part("a", UploadId)) as { ETag: string };
    const MultipartUpload = { Parts: [{ PartNumber: 1, ETag }] };
    await world.s3("CompleteMultipartUpload", { Bucket: "bucket", Key: "a", UploadId, MultipartUpload });
    world.clock.advance(2 * DAY_MS);
    await run();
    assert.equal((await world.get("a")).bytes.length, 100_000);
    assert.deepEqual(events, []);
  });

  it("pages through many, each once", async () => {
    await rules({ AbortIncompleteMultipartUpload: { DaysAfterInitiation: 1 } });
    for (let n = 0; n < 401; n++) await begin(`k${n % 3}`);
    world.clock.advance(DAY_MS);
    assert.equal(await run(), 3);
    assert.deepEqual(await open(), []);
    assert.equal(new Set(events.map(({ uploadId }) => uploadId)).size, 401);
  });
});

describe("lifecycle: what answers tell", () => {
  it("every write and read of a current version says when it will expire, and by which rule", async () => {
    await rules({ ID: "two days & more", Filter: { Tag: { Key: "keep", Value: "no" } }, Expiration: { Days: 2 } });
    world.clock.advance(HOUR_MS);
    const Expiration = 'expiry-date="Sun, 04 Jan 2026 00:00:00 GMT", rule-id="two%20days%20%26%20more"';
    const tagged = { Bucket: "bucket", Tagging: "keep=no" };
    assert.equal((await world.put("a", "a", tagged))["Expiration"], Expiration);
    assert.equal((await world.get("a"))["Expiration"], Expiration);
    assert.equal((await world.s3("HeadObject", { Bucket: "bucket", Key: "a" }))["Expiration"], Expiration);
    const copy = await world.s3("CopyObject", { Bucket: "bucket", Key: "b", CopySource: "bucket/a" });
    assert.equal(copy["Expiration"], Expiration, "its tags were copied");
    const { UploadId } = await world.s3("CreateMultipartUpload", { ...tagged, Key: "c" });
    const { ETag } = await world.s3("UploadPart", { Bucket: "bucket", Key: "c", UploadId, PartNumber: 1 }, { body: pattern(1) });
    const input = { Bucket: "bucket", Key: "c", UploadId, MultipartUpload: { Parts: [{ PartNumber: 1, ETag }] } };
    for (const _ of ["first", "repeated"]) assert.equal((await world.s3("CompleteMultipartUpload", input))["Expiration"], Expiration);
    assert.equal((await world.put("d", "d"))["Expiration"], undefined, "the rule does not speak of it");
    await versioning("Enabled");
    await put("a", { Tagging: "keep=no" });
    assert.equal((await world.get("a", { VersionId: "null" }))["Expiration"], undefined, "not current");
  });

  it("an upload says when it will be aborted", async () => {
    await rules({ ID: "r 1", Filter: { Prefix: "in/" }, AbortIncompleteMultipartUpload: { DaysAfterInitiation: 7 } });
    world.clock.advance(1);
    const begun = await world.s3("CreateMultipartUpload", { Bucket: "bucket", Key: "in/a" });
    const listed = await world.s3("ListParts", { Bucket: "bucket", Key: "in/a", UploadId: begun["UploadId"] });
    for (const { AbortDate, AbortRuleId } of [begun, listed]) {
      assert.deepEqual([AbortDate, AbortRuleId], [new Date("2026-01-09T00:00:00Z"), "r%201"]);
    }
    assert.equal((await world.s3("CreateMultipartUpload", { Bucket: "bucket", Key: "out" }))["AbortDate"], undefined);
  });
});

describe("lifecycle: the walk", () => {
  it("is a job of the runner: once per period, begun again in the next", async () => {
    const { clock } = world;
    const { records, log } = world.room;
    const jobs = [{ name: "lifecycle", everyMs: HOUR_MS, step: () => job.step() }];
    const runner = new JobRunner({ jobs, records, clock, log });
    await rules({ Expiration: { Date: new Date(clock.now() - DAY_MS) } });
    await put("a");
    await runner.runDue();
    assert.deepEqual(await keys(), []);
    await put("b");
    clock.advance(HOUR_MS - 1);
    await runner.runDue();
    assert.deepEqual(await keys(), ["b"]);
    clock.advance(1);
    await runner.runDue();
    assert.deepEqual(await keys(), []);
    await runner.stop();
  });

  it("goes through pages of keys and through all buckets, those without rules left alone", async () => {
    for (const size of [0, 1, 199, 200, 201]) {
      const Bucket = `b-${size}`;
      await world.bucket(Bucket);
      for (let n = 0; n < size; n++) await world.put(`k${n}`, "x", { Bucket });
      await world.s3("PutBucketLifecycleConfiguration", {
        Bucket,
        LifecycleConfiguration: { Rules: [{ ID: "r", Status: "Enabled", Filter: {}, Expiration: { Days: 1 } }] },
      });
    }
    await put("stays");
    world.clock.advance(DAY_MS);
    await run();
    assert.equal(events.length, 601);
    for (const size of [0, 1, 199, 200, 201]) await world.s3("DeleteBucket", { Bucket: `b-${size}` });
    assert.deepEqual(await keys(), ["stays"]);
  });

  it("judges again on what is there at the commit: a new object, gone rules, another bucket of that name", async () => {
    await rules({ Expiration: { Days: 1 } });
    for (const key of ["a", "b"]) await put(key);
    world.clock.advance(DAY_MS);
    const meddling = (change: () => Promise<unknown>): LifecycleJob => {
      const { room } = world;
      const { buckets } = room.tables;
      const get = async (...parts: KeyPart[]) => {
        await change();
        return buckets.get(...parts);
      };
      const tables = { ...room.tables, buckets: around(buckets, { get }) };
      return lifecycleJob({ room: { ...room, tables }, recordEvent: (event) => void events.push(event) });
    };
    job = meddling(() => put("a"));
    await run();
    assert.deepEqual(await keys(), ["a"], "a is new, b was due");
    world.clock.advance(DAY_MS);
    job = meddling(() => world.s3("DeleteBucketLifecycle", { Bucket: "bucket" }));
    await run();
    assert.deepEqual(await keys(), ["a"], "no rule any more");
    await rules({ Expiration: { Days: 1 } });
    job = meddling(async () => {
      await world.s3("DeleteObject", { Bucket: "bucket", Key: "a" });
      await world.s3("DeleteBucket", { Bucket: "bucket" }).catch(() => undefined);
      await world.bucket().catch(() => undefined);
    });
    await run();
    assert.deepEqual(events.map(({ key }) => key), ["b"]);
  });

  it("records before it acts: what cannot be recorded does not happen, and is tried again", async () => {
    await rules({ Expiration: { Days: 1 } });
    await put("a");
    world.clock.advance(DAY_MS);
    let full = true;
    const recordEvent = (event: LifecycleEvent): void => {
      if (full) throw new Error("audit log full");
      events.push(event);
    };
    job = lifecycleJob({ room: world.room, recordEvent });
    await assert.rejects(run(), /audit log full/);
    assert.deepEqual(await keys(), ["a"]);
    full = false;
    await run();
    assert.deepEqual(await keys(), []);
    const { timeMs, ...event } = events[0] ?? ({} as LifecycleEvent);
    assert.equal(timeMs, world.clock.now());
    const removed = { eventName: "S3.EXPIRE.OBJECT", key: "a", ruleId: "rule-0" };
    assert.deepEqual(event, { region: "us-east-1", account: "111122223333", bucket: "bucket", ...removed });
  });

  it("corrects its line when another change was faster, and leaves the object to the next run", async () => {
    await rules({ Expiration: { Days: 1 } });
    await put("a");
    world.clock.advance(DAY_MS);
    const commit = async (batch: Batch) => {
      await put("a");
      return world.store.commit(batch);
    };
    const store = around(world.store, { commit });
    job = lifecycleJob({ room: { ...world.room, store }, recordEvent: (event) => void events.push(event) });
    await run();
    assert.deepEqual(events.map(({ key, errorCode }) => [key, errorCode]), [["a", undefined], ["a", "OperationAborted"]]);
    assert.deepEqual(await keys(), ["a"], "which is a new object");
  });
});
