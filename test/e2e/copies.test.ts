/** CopyObject: what goes along, what does not, conditions. Source: S3 API reference §1.3; authorization reference §3.1. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  CopyObjectCommand,
  GetObjectCommand,
  GetObjectTaggingCommand,
  HeadObjectCommand,
  PutObjectCommand,
} from "@aws-sdk/client-s3";
import { failure } from "./server.js";
import { assertBytes, bodyOf, bytesOf, CHUNK, openWorld, withHeaders } from "./world.js";

const world = await openWorld();
const { s3 } = world;
const Bucket = await world.bucket("copies");

test("copy: bytes, metadata and headers go along; REPLACE takes those of the request", async () => {
  const body = bytesOf(2 * CHUNK + 1, 9);
  const source = await s3.send(
    new PutObjectCommand({ Bucket, Key: "copy source/+ä", Body: body, ContentType: "a/b", Metadata: { one: "1" } }),
  );
  const CopySource = encodeURIComponent(`${Bucket}/copy source/+ä`);
  const copied = await s3.send(new CopyObjectCommand({ Bucket, Key: "copy/kept", CopySource }));
  assert.equal(copied.CopyObjectResult?.ETag, source.ETag);
  const kept = await s3.send(new GetObjectCommand({ Bucket, Key: "copy/kept" }));
  assertBytes(await bodyOf(kept), body);
  assert.deepEqual([kept.ContentType, kept.Metadata], ["a/b", { one: "1" }]);
  const input = {
    Bucket,
    Key: "copy/replaced",
    CopySource,
    MetadataDirective: "REPLACE",
    Metadata: { two: "2" },
    ContentType: "c/d",
  } as const;
  await s3.send(new CopyObjectCommand(input));
  const replaced = await s3.send(new HeadObjectCommand({ Bucket, Key: "copy/replaced" }));
  assert.deepEqual([replaced.ContentType, replaced.Metadata], ["c/d", { two: "2" }]);
});

test("copy onto itself without a change is InvalidRequest; with REPLACE it changes metadata", async () => {
  await s3.send(new PutObjectCommand({ Bucket, Key: "self", Body: "self", Metadata: { a: "1" } }));
  const same = await failure(s3.send(new CopyObjectCommand({ Bucket, Key: "self", CopySource: `${Bucket}/self` })));
  assert.deepEqual([same.code, same.status], ["InvalidRequest", 400]);
  await s3.send(
    new CopyObjectCommand({
      Bucket,
      Key: "self",
      CopySource: `${Bucket}/self`,
      MetadataDirective: "REPLACE",
      Metadata: { b: "2" },
    }),
  );
  const got = await s3.send(new GetObjectCommand({ Bucket, Key: "self" }));
  assert.deepEqual([(await bodyOf(got)).toString(), got.Metadata], ["self", { b: "2" }]);
});

test("copy takes tags along, or those of the request; a copy of a multi-chunk object over itself keeps its bytes", async () => {
  const body = bytesOf(3 * CHUNK + 1, 12);
  await s3.send(new PutObjectCommand({ Bucket, Key: "ct/source", Body: body, Tagging: "a=1" }));
  const CopySource = `${Bucket}/ct/source`;
  const tags = async (Key: string) => (await s3.send(new GetObjectTaggingCommand({ Bucket, Key }))).TagSet;
  await s3.send(new CopyObjectCommand({ Bucket, Key: "ct/kept", CopySource }));
  assert.deepEqual(await tags("ct/kept"), [{ Key: "a", Value: "1" }]);
  await s3.send(new CopyObjectCommand({ Bucket, Key: "ct/replaced", CopySource, TaggingDirective: "REPLACE", Tagging: "b=2" }));
  assert.deepEqual(await tags("ct/replaced"), [{ Key: "b", Value: "2" }]);
  await s3.send(
    new CopyObjectCommand({ Bucket, Key: "ct/source", CopySource, MetadataDirective: "REPLACE", StorageClass: "STANDARD_IA" }),
  );
  assertBytes(await bodyOf(await s3.send(new GetObjectCommand({ Bucket, Key: "ct/source" }))), body);
  const taken = await failure(s3.send(new CopyObjectCommand({ Bucket, Key: "ct/kept", CopySource, IfNoneMatch: "*" })));
  assert.deepEqual([taken.code, taken.status], ["PreconditionFailed", 412]);
  const owner = await failure(
    s3.send(new CopyObjectCommand({ Bucket, Key: "ct/x", CopySource, ExpectedSourceBucketOwner: "111122223333" })),
  );
  assert.deepEqual([owner.code, owner.status], ["AccessDenied", 403]);
});

test("copy conditions on the source: 412 where they do not hold", async () => {
  const { ETag } = await s3.send(new PutObjectCommand({ Bucket, Key: "cs", Body: "x" }));
  const CopySource = `${Bucket}/cs`;
  await s3.send(new CopyObjectCommand({ Bucket, Key: "cd", CopySource, CopySourceIfMatch: ETag }));
  for (const input of [
    { CopySourceIfNoneMatch: ETag },
    { CopySourceIfMatch: '"00000000000000000000000000000000"' },
    { CopySourceIfUnmodifiedSince: new Date(Date.now() - 86_400_000) },
  ]) {
    const error = await failure(s3.send(new CopyObjectCommand({ Bucket, Key: "cd2", CopySource, ...input })));
    assert.deepEqual([error.code, error.status], ["PreconditionFailed", 412], JSON.stringify(input));
  }
  assert.equal((await failure(s3.send(new HeadObjectCommand({ Bucket, Key: "cd2" })))).status, 404);
});

test("copy of an absent key is NoSuchKey; a copy source that names nothing is 400", async () => {
  const absent = await failure(s3.send(new CopyObjectCommand({ Bucket, Key: "x", CopySource: `${Bucket}/absent` })));
  assert.deepEqual([absent.code, absent.status], ["NoSuchKey", 404]);
  for (const CopySource of ["", "/", Bucket]) {
    const error = await failure(
      s3.send(withHeaders(new CopyObjectCommand({ Bucket, Key: "x", CopySource: "a/b" }), { "x-amz-copy-source": CopySource })),
    );
    assert.deepEqual([error.code, error.status], ["InvalidArgument", 400], JSON.stringify(CopySource));
  }
});
