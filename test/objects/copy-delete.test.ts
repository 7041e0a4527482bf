import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { parseCopySource } from "../../src/objects/copy-source.js";
import { pattern, refused, World, type Out } from "./world.js";

const customer = (seed: number, prefix = ""): Record<string, string> => {
  const key = pattern(32, seed);
  return {
    [`${prefix}SSECustomerAlgorithm`]: "AES256",
    [`${prefix}SSECustomerKey`]: key.toString("base64"),
    [`${prefix}SSECustomerKeyMD5`]: createHash("md5").update(key).digest("base64"),
  };
};
const copy = (world: World, Key: string, CopySource: string, input: object = {}): Promise<Record<string, unknown>> =>
  world.s3("CopyObject", { Bucket: "bucket", Key, CopySource, ...input });

test("copy sources: both forms, encoded keys, versions; nonsense is an invalid argument", () => {
  assert.deepEqual(parseCopySource("b/k"), { bucket: "b", key: "k", versionId: undefined });
  assert.deepEqual(parseCopySource("/b/a%2Fb%3Fversion%2520Id"), { bucket: "b", key: "a/b?version%20Id", versionId: undefined });
  assert.deepEqual(parseCopySource("b//x+y?versionId=abc"), { bucket: "b", key: "/x+y", versionId: "abc" });
  for (const bad of ["", "/", "b", "b/", "/b", "b/%zz", "arn:aws:s3:::b/k", "b/k?x=1"])
    assert.throws(() => parseCopySource(bad), bad);
});

const MODES = ["AES256", "aws:kms", "aws:kms:dsse", "SSE-C"];
test("copies between all modes hold the bytes; encryption is never inherited", async () => {
  const world = new World();
  await world.bucket();
  const bytes = pattern(150_000);
  for (const from of MODES) {
    await world.put("from", bytes, from === "SSE-C" ? customer(1) : { ServerSideEncryption: from });
    const read = from === "SSE-C" ? customer(1, "CopySource") : {};
    const plain = await copy(world, "plain", "bucket/from", read);
    assert.equal(plain["ServerSideEncryption"], "AES256");
    const md5 = `"${createHash("md5").update(bytes).digest("hex")}"`;
    assert.equal((plain["CopyObjectResult"] as { ETag: string }).ETag, md5);
    for (const to of MODES) {
      await copy(world, "to", "bucket/from", { ...read, ...(to === "SSE-C" ? customer(2) : { ServerSideEncryption: to }) });
      assert.ok((await world.get("to", to === "SSE-C" ? customer(2) : {})).bytes.equals(bytes), `${from} → ${to}`);
    }
  }
  await refused(copy(world, "x", "bucket/from"), "InvalidRequest", /stored using a form of Server Side Encryption/);
});

test("metadata and tags follow their directives", async () => {
  const world = new World();
  await world.bucket();
  await world.put("k", "x", { Metadata: { a: "1" }, ContentType: "text/plain", Tagging: "t=1", StorageClass: "STANDARD_IA" });
  await copy(world, "same", "bucket/k", { Metadata: { b: "2" }, ContentType: "image/png" });
  const same = await world.get("same");
  assert.deepEqual(
    [same["Metadata"], same["ContentType"], same["TagCount"], same["StorageClass"]],
    [{ a: "1" }, "text/plain", 1, undefined],
  );
  const replace = { MetadataDirective: "REPLACE", TaggingDirective: "REPLACE", Metadata: { b: "2" }, Tagging: "u=1&v=2" };
  await copy(world, "other", "bucket/k", replace);
  const other = await world.get("other");
  assert.deepEqual([other["Metadata"], other["ContentType"], other["TagCount"]], [{ b: "2" }, "binary/octet-stream", 2]);
  await refused(copy(world, "x", "bucket/k", { MetadataDirective: "replace" }), "InvalidArgument", "Unknown metadata directive.");
});

test("a copy onto itself must change something, unless the bucket's encryption was set explicitly", async () => {
  const world = new World();
  await world.bucket();
  await world.put("k", pattern(70_000));
  await refused(copy(world, "k", "bucket/k"), "InvalidRequest", /copy an object to itself/);
  await copy(world, "k", "bucket/k", { ServerSideEncryption: "aws:kms" });
  const kms = await world.get("k");
  assert.equal(kms["ServerSideEncryption"], "aws:kms");
  await copy(world, "k", "bucket/k", { ServerSideEncryption: "AES256" });
  assert.equal((await world.get("k"))["ETag"], `"${createHash("md5").update(pattern(70_000)).digest("hex")}"`);
  await world.configure("bucket", { encryption: { algorithm: "aws:kms", explicit: true } });
  await copy(world, "k", "bucket/k");
  assert.ok((await world.get("k")).bytes.equals(pattern(70_000)));
});

test("conditions on the source answer 412", async () => {
  const world = new World();
  await world.bucket();
  const { ETag } = await world.put("k", "x");
  await copy(world, "a", "bucket/k", { CopySourceIfMatch: ETag });
  await refused(copy(world, "a", "bucket/k", { CopySourceIfMatch: '"x"' }), "PreconditionFailed");
  await refused(copy(world, "a", "bucket/k", { CopySourceIfNoneMatch: ETag }), "PreconditionFailed");
  await refused(copy(world, "a", "bucket/k", { CopySourceIfModifiedSince: new Date(world.clock.now()) }), "PreconditionFailed");
  await refused(copy(world, "a", "bucket/k", { IfNoneMatch: "*" }), "PreconditionFailed");
  await refused(copy(world, "a", "bucket/none"), "NoSuchKey");
  await refused(copy(world, "a", "none/k"), "NoSuchBucket");
});

test("deletions on condition of size and time: nothing is deleted against them, absent objects are", async () => {
  const world = new World();
  await world.bucket();
  const put = (): Promise<unknown> => world.put("k", "body");
  const modified = new Date(world.clock.now());
  const later = new Date(world.clock.now() + 1000);
  const entry = (Condition: object): Promise<Out> =>
    world.s3("DeleteObjects", { Bucket: "bucket", Delete: { Objects: [{ Key: "k", ...Condition }] } });
  const one = (Condition: object): Promise<Out> => world.s3("DeleteObject", { Bucket: "bucket", Key: "k", ...Condition });
  await put();
  await refused(one({ IfMatchSize: 5 }), "PreconditionFailed");
  await refused(one({ IfMatchSize: 4, IfMatchLastModifiedTime: later }), "PreconditionFailed");
  for (const condition of [{ Size: 5 }, { LastModifiedTime: later }, { Size: 4, LastModifiedTime: modified, ETag: '"x"' }]) {
    const [error] = (await entry(condition))["Errors"] as { Key: string; Code: string }[];
    assert.deepEqual([error?.Key, error?.Code], ["k", "PreconditionFailed"]);
  }
  await world.get("k");
  await one({ IfMatchSize: 4, IfMatchLastModifiedTime: new Date(modified.getTime() + 999) });
  await refused(world.get("k"), "NoSuchKey");
  await one({ IfMatchSize: 4 });
  await put();
  assert.deepEqual((await entry({ Size: 4, LastModifiedTime: modified }))["Deleted"], [{ Key: "k" }]);
  await refused(world.get("k"), "NoSuchKey");
});

test("nothing is written or deleted for a client that has gone", async () => {
  const world = new World();
  await world.bucket();
  const bytes = pattern(1000);
  await world.put("kept", bytes);
  const signal = AbortSignal.abort(new Error("gone"));
  await assert.rejects(world.s3("DeleteObject", { Bucket: "bucket", Key: "kept" }, { signal }));
  await assert.rejects(world.s3("CopyObject", { Bucket: "bucket", Key: "made", CopySource: "bucket/kept" }, { signal }));
  assert.ok((await world.get("kept")).bytes.equals(bytes));
  await refused(world.get("made"), "NoSuchKey");
});

test("DeleteObject: absent is 204, If-Match is judged", async () => {
  const world = new World();
  await world.bucket();
  const remove = (input: object): Promise<unknown> => world.s3("DeleteObject", { Bucket: "bucket", Key: "k", ...input });
  await remove({});
  const { ETag } = await world.put("k", "x");
  await refused(remove({ IfMatch: '"y"' }), "PreconditionFailed");
  await remove({ IfMatch: ETag });
  await refused(world.get("k"), "NoSuchKey");
});

test("tags are put, read and deleted, on any version, with S3's rules", async () => {
  const world = new World();
  await world.bucket();
  await world.configure("bucket", { versioning: "Enabled" });
  const { VersionId } = await world.put("k", "1", { Tagging: "a=1" });
  await world.put("k", "2");
  const tags = async (input: object = {}): Promise<unknown> =>
    (await world.s3("GetObjectTagging", { Bucket: "bucket", Key: "k", ...input }))["TagSet"];
  assert.deepEqual(await tags(), []);
  assert.deepEqual(await tags({ VersionId }), [{ Key: "a", Value: "1" }]);
  const put = (TagSet: object[], input: object = {}): Promise<unknown> =>
    world.s3("PutObjectTagging", { Bucket: "bucket", Key: "k", Tagging: { TagSet }, ...input });
  await put([{ Key: "b", Value: "2" }], { VersionId });
  assert.deepEqual(await tags({ VersionId }), [{ Key: "b", Value: "2" }]);
  assert.deepEqual(await tags(), []);
  await refused(
    put(Array.from({ length: 11 }, (_, i) => ({ Key: `${i}`, Value: "" }))),
    "BadRequest",
    "Object tags cannot be greater than 10",
  );
  await refused(
    put([
      { Key: "a", Value: "1" },
      { Key: "a", Value: "2" },
    ]),
    "InvalidTag",
  );
  await refused(put([{ Key: "aws:x", Value: "1" }]), "InvalidTag");
  await world.s3("DeleteObjectTagging", { Bucket: "bucket", Key: "k", VersionId });
  assert.deepEqual(await tags({ VersionId }), []);
  assert.equal((await world.get("k", { VersionId })).bytes.toString(), "1");
});

test("the source of a copy may not be a delete marker: absent when it is current, refused when named by its version id", async () => {
  const world = new World();
  await world.bucket();
  await world.configure("bucket", { versioning: "Enabled" });
  await world.put("k", "1");
  const { VersionId } = await world.s3("DeleteObject", { Bucket: "bucket", Key: "k" });
  const { UploadId } = await world.s3("CreateMultipartUpload", { Bucket: "bucket", Key: "to" });
  const to = { Bucket: "bucket", Key: "to" };
  const message = "The source of a copy request may not specifically refer to a delete marker by version id.";
  for (const [operation, input] of [["CopyObject", to], ["UploadPartCopy", { ...to, UploadId, PartNumber: 1 }]] as const) {
    const CopySource = `bucket/k?versionId=${String(VersionId)}`;
    await refused(world.s3(operation, { ...input, CopySource }), "InvalidRequest", message);
    await refused(world.s3(operation, { ...input, CopySource: "bucket/k" }), "NoSuchKey");
  }
});
