/** Conditional reads, writes and deletes, and what simultaneous callers see. Source: S3 API reference §3.1. */
import assert from "node:assert/strict";
import type { Readable } from "node:stream";
import { test } from "node:test";
import { DeleteObjectCommand, GetObjectCommand, HeadObjectCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import { failure } from "./server.js";
import { bodyOf, bytesOf, CHUNK, MIB, openWorld } from "./world.js";

const world = await openWorld();
const { s3 } = world;
const Bucket = await world.bucket("conditions");

test("conditional reads: If-Match, If-None-Match, If-Modified-Since, If-Unmodified-Since", async () => {
  const Key = "conditional";
  const { ETag } = await s3.send(new PutObjectCommand({ Bucket, Key, Body: "x" }));
  assert.ok(ETag !== undefined);
  const past = new Date(Date.now() - 86_400_000);
  const future = new Date(Date.now() + 86_400_000);
  for (const [input, status] of [
    [{ IfMatch: ETag }, 200],
    [{ IfMatch: "*" }, 200],
    [{ IfMatch: '"00000000000000000000000000000000"' }, 412],
    [{ IfNoneMatch: ETag }, 304],
    [{ IfNoneMatch: "*" }, 304],
    [{ IfNoneMatch: '"00000000000000000000000000000000"' }, 200],
    [{ IfModifiedSince: past }, 200],
    [{ IfUnmodifiedSince: past }, 412],
    [{ IfUnmodifiedSince: future }, 200],
    [{ IfMatch: ETag, IfUnmodifiedSince: past }, 200],
    [{ IfNoneMatch: '"00000000000000000000000000000000"', IfModifiedSince: future }, 200],
  ] as const) {
    for (const Command of [GetObjectCommand, HeadObjectCommand]) {
      const sent = s3.send(new Command({ Bucket, Key, ...input }) as GetObjectCommand);
      if (status === 200) await sent.then(({ Body }) => (Body as Readable | undefined)?.resume());
      else assert.equal((await failure(sent)).status, status, `${Command.name} ${JSON.stringify(input)}`);
    }
  }
});

test("conditional writes: If-None-Match * and If-Match", async () => {
  const Key = "once";
  const first = await s3.send(new PutObjectCommand({ Bucket, Key, Body: "1", IfNoneMatch: "*" }));
  const again = await failure(s3.send(new PutObjectCommand({ Bucket, Key, Body: "2", IfNoneMatch: "*" })));
  assert.deepEqual([again.code, again.status], ["PreconditionFailed", 412]);
  const wrong = await failure(
    s3.send(new PutObjectCommand({ Bucket, Key, Body: "2", IfMatch: '"00000000000000000000000000000000"' })),
  );
  assert.deepEqual([wrong.code, wrong.status], ["PreconditionFailed", 412]);
  await s3.send(new PutObjectCommand({ Bucket, Key, Body: "3", IfMatch: first.ETag }));
  assert.equal((await bodyOf(await s3.send(new GetObjectCommand({ Bucket, Key })))).toString(), "3");
  const absent = await failure(s3.send(new PutObjectCommand({ Bucket, Key: "absent", Body: "2", IfMatch: first.ETag })));
  assert.deepEqual([absent.code, absent.status], ["NoSuchKey", 404]);
});

test("of twenty simultaneous creations with If-None-Match *, exactly one succeeds", async () => {
  const Key = "race";
  const tries = Array.from({ length: 20 }, (_, at) =>
    s3.send(new PutObjectCommand({ Bucket, Key, Body: `writer ${at}`, IfNoneMatch: "*" })),
  );
  const results = await Promise.allSettled(tries);
  const won = results.flatMap((result, at) => (result.status === "fulfilled" ? [at] : []));
  assert.equal(won.length, 1);
  assert.equal((await bodyOf(await s3.send(new GetObjectCommand({ Bucket, Key })))).toString(), `writer ${won[0]}`);
  for (const result of results) {
    if (result.status === "rejected")
      assert.ok(
        ["PreconditionFailed", "ConditionalRequestConflict"].includes((result.reason as Error).name),
        String(result.reason),
      );
  }
});

test("conditional delete: a wrong If-Match is 412 and deletes nothing", async () => {
  const { ETag } = await s3.send(new PutObjectCommand({ Bucket, Key: "guarded", Body: "x" }));
  const error = await failure(
    s3.send(new DeleteObjectCommand({ Bucket, Key: "guarded", IfMatch: '"00000000000000000000000000000000"' })),
  );
  assert.deepEqual([error.code, error.status], ["PreconditionFailed", 412]);
  await s3.send(new HeadObjectCommand({ Bucket, Key: "guarded" }));
  await s3.send(new DeleteObjectCommand({ Bucket, Key: "guarded", IfMatch: ETag }));
  assert.equal((await failure(s3.send(new HeadObjectCommand({ Bucket, Key: "guarded" })))).status, 404);
});

test("of twenty simultaneous overwrites with the same If-Match, exactly one succeeds", async () => {
  const { ETag } = await s3.send(new PutObjectCommand({ Bucket, Key: "swap", Body: "0" }));
  const tries = Array.from({ length: 20 }, (_, at) =>
    s3.send(new PutObjectCommand({ Bucket, Key: "swap", Body: `writer ${at}`, IfMatch: ETag })),
  );
  const won = (await Promise.allSettled(tries)).flatMap(({ status }, at) => (status === "fulfilled" ? [at] : []));
  assert.equal(won.length, 1);
  assert.equal((await bodyOf(await s3.send(new GetObjectCommand({ Bucket, Key: "swap" })))).toString(), `writer ${won[0]}`);
});

test("readers during overwrites and deletes see one whole version or none, never a mixture", async () => {
  const bodies = [bytesOf(MIB + 1, 1), bytesOf(100, 2), bytesOf(3 * CHUNK, 3)];
  const Key = "changing";
  let done = false;
  const writer = async (): Promise<void> => {
    for (let at = 0; at < 30; at++) {
      await s3.send(new PutObjectCommand({ Bucket, Key, Body: bodies[at % 3] ?? "" }));
      if (at % 7 === 6) await s3.send(new DeleteObjectCommand({ Bucket, Key }));
    }
    done = true;
  };
  const reader = async (): Promise<number> => {
    let read = 0;
    while (!done) {
      const outcome = await s3
        .send(new GetObjectCommand({ Bucket, Key }))
        .then(bodyOf)
        .catch((error: Error) => error);
      if (outcome instanceof Error) assert.equal(outcome.name, "NoSuchKey");
      else
        assert.ok(
          bodies.some((body) => body.equals(outcome)),
          `${outcome.length} bytes of no version`,
        );
      read++;
    }
    return read;
  };
  const [, ...reads] = await Promise.all([writer(), reader(), reader(), reader()]);
  assert.ok(reads.every((count) => count > 0));
});
