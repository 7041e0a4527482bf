import assert from "node:assert/strict";
import { test } from "node:test";
import { ServiceError } from "../../src/lib/errors.js";
import { checkWrite, judgeRead } from "../../src/objects/preconditions.js";
import { parseCopyRange, parseRange } from "../../src/objects/ranges.js";
import { pattern, refused, TestBody, World } from "./world.js";

test("ranges: one satisfiable range, or the whole object, or 416", () => {
  const range = (header: string, size = 10): unknown => parseRange(header, size);
  assert.deepEqual(range("bytes=0-0"), { start: 0, end: 0 });
  assert.deepEqual(range("bytes=3-"), { start: 3, end: 9 });
  assert.deepEqual(range("bytes=-3"), { start: 7, end: 9 });
  assert.deepEqual(range("bytes=-30"), { start: 0, end: 9 });
  assert.deepEqual(range("bytes=9-99"), { start: 9, end: 9 });
  for (const whole of ["bytes=5-3", "bytes=0-1,3-4", "items=0-1", "bytes=-", "bytes=a-b", "x"])
    assert.equal(range(whole), undefined, whole);
  for (const [header, size] of [
    ["bytes=10-", 10],
    ["bytes=-0", 10],
    ["bytes=0-0", 0],
    ["bytes=-1", 0],
  ] as const) {
    assert.throws(
      () => parseRange(header, size),
      (error) => error instanceof ServiceError && error.code === "InvalidRange",
    );
  }
  assert.equal(parseRange(undefined, 10), undefined);
  for (const bad of ["bytes=5-", "bytes=-5", "bytes=3-2", "bytes=0-10"]) assert.throws(() => parseCopyRange(bad, 10));
  assert.deepEqual(parseCopyRange("bytes=0-9", 10), { start: 0, end: 9 });
});

test("conditional reads: If-Match beats If-Unmodified-Since, If-None-Match beats If-Modified-Since", () => {
  const validators = { etag: "abc", modifiedMs: 10_500 };
  const before = new Date(9000);
  const same = new Date(10_000);
  assert.equal(judgeRead({ IfMatch: '"abc"', IfUnmodifiedSince: before }, validators), "go");
  assert.equal((judgeRead({ IfMatch: '"x"' }, validators) as ServiceError).code, "PreconditionFailed");
  assert.equal((judgeRead({ IfUnmodifiedSince: before }, validators) as ServiceError).code, "PreconditionFailed");
  assert.equal(judgeRead({ IfUnmodifiedSince: same }, validators), "go");
  assert.equal(judgeRead({ IfNoneMatch: '"x", "abc"' }, validators), "not-modified");
  assert.equal(judgeRead({ IfNoneMatch: '"x"', IfModifiedSince: same }, validators), "go");
  assert.equal(judgeRead({ IfModifiedSince: same }, validators), "not-modified");
  assert.equal(judgeRead({ IfModifiedSince: before }, validators), "go");
  assert.equal(judgeRead({ IfNoneMatch: "*" }, validators), "not-modified");
});

test("conditional writes: 412 for what is there, 409 for what vanished meanwhile, 404 for what never was", () => {
  const there = { etag: "abc", modifiedMs: 0 };
  const code = (work: () => void): string => {
    try {
      work();
    } catch (error) {
      return (error as ServiceError).code;
    }
    return "ok";
  };
  assert.equal(
    code(() => checkWrite({ IfNoneMatch: "*" }, "k", there, false)),
    "PreconditionFailed",
  );
  assert.equal(
    code(() => checkWrite({ IfNoneMatch: "*" }, "k", undefined, false)),
    "ok",
  );
  assert.equal(
    code(() => checkWrite({ IfNoneMatch: "*" }, "k", undefined, true)),
    "ConditionalRequestConflict",
  );
  assert.equal(
    code(() => checkWrite({ IfMatch: "abc" }, "k", there, false)),
    "ok",
  );
  assert.equal(
    code(() => checkWrite({ IfMatch: '"x"' }, "k", there, true)),
    "PreconditionFailed",
  );
  assert.equal(
    code(() => checkWrite({ IfMatch: '"x"' }, "k", undefined, false)),
    "NoSuchKey",
  );
  assert.equal(
    code(() => checkWrite({ IfMatch: '"x"' }, "k", undefined, true)),
    "ConditionalRequestConflict",
  );
});

test("of many If-None-Match writers of one key exactly one wins", async () => {
  const world = new World();
  await world.bucket();
  const results = await Promise.allSettled(Array.from({ length: 20 }, (_, i) => world.put("k", `${i}`, { IfNoneMatch: "*" })));
  assert.equal(results.filter((result) => result.status === "fulfilled").length, 1);
  for (const result of results)
    if (result.status === "rejected") assert.equal((result.reason as ServiceError).code, "PreconditionFailed");
});

test("unconditional writers of one key all succeed, and the last commit stays", async () => {
  const world = new World();
  await world.bucket();
  await Promise.all(Array.from({ length: 20 }, (_, i) => world.put("k", pattern(70_000 + i, i))));
  const { bytes } = await world.get("k");
  assert.ok(bytes.equals(pattern(bytes.length, bytes.length - 70_000)));
});

test("If-Match and If-None-Match are judged before the body, and again in the commit", async () => {
  const world = new World();
  await world.bucket();
  const first = await world.put("k", "1");
  const body = new TestBody(pattern(10), { fails: new Error("the body was read") });
  await refused(world.put("k", body, { IfNoneMatch: "*" }), "PreconditionFailed");
  await refused(world.put("k", body, { IfMatch: '"x"' }), "PreconditionFailed");
  await refused(world.put("k", "2", { IfNoneMatch: '"x"' }), "NotImplemented");
  await world.put("k", "2", { IfMatch: first["ETag"] });
  const between = async (): Promise<void> => void (await world.put("k", "3"));
  const second = (await world.get("k"))["ETag"];
  await refused(world.put("k", new TestBody(pattern(10), { between }), { IfMatch: second }), "PreconditionFailed");
  assert.equal((await world.get("k")).bytes.toString(), "3");
});

test("GET answers 304 with validators, and 412", async () => {
  const world = new World();
  await world.bucket();
  const { ETag } = await world.put("k", "x", { CacheControl: "no-cache" });
  const out = await world.get("k", { IfNoneMatch: ETag });
  assert.deepEqual([out["$status"], out["ETag"], out["CacheControl"], out.bytes.length], [304, ETag, "no-cache", 0]);
  await refused(world.get("k", { IfMatch: '"x"' }), "PreconditionFailed");
});

test("a delete under a writer: DELETE wins or loses, never half", async () => {
  const world = new World();
  await world.bucket();
  for (let round = 0; round < 10; round++) {
    await world.put("k", pattern(100_000));
    await Promise.all([world.put("k", pattern(80_000, round)), world.s3("DeleteObject", { Bucket: "bucket", Key: "k" })]);
    const found = await world.get("k").catch((error: unknown) => error);
    if (found instanceof ServiceError) assert.equal(found.code, "NoSuchKey");
    else assert.ok((found as { bytes: Buffer }).bytes.equals(pattern(80_000, round)));
  }
});

test("DeleteBucket against a PUT: the bucket is not empty, or the PUT finds no bucket", async () => {
  for (let round = 0; round < 10; round++) {
    const world = new World();
    await world.bucket();
    const between = async (): Promise<void> => void (await world.s3("DeleteBucket", { Bucket: "bucket" }));
    await refused(world.put("k", new TestBody(pattern(10), { between })), "NoSuchBucket");
    await world.bucket();
    await refused(world.get("k"), "NoSuchKey");
  }
});
