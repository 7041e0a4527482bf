/** coffer:InspectObject over the real gate, KMS and stores. Source: docs/reference/coffer-verbs.md. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import type { InspectObjectResponse } from "../../src/wire/tables/coffer-types.js";
import { AWAY, HOME, pattern, refused, root, World, type CallAs } from "./world.js";

const CHUNK = 65_536;

const inspect = async (world: World, Key: string, input: object = {}, options: CallAs = {}): Promise<InspectObjectResponse> =>
  (await world.call("coffer", "InspectObject", { Bucket: "bucket", Key, ...input }, options)) as unknown as InspectObjectResponse;

/** What KMS's audit lines of S3's calls say, in order. */
const kmsLines = (world: World): Record<string, unknown>[] =>
  world.audit
    .filter((line) => line["eventSource"] === "kms.amazonaws.com" && line["eventName"] !== "CreateKey")
    .map((line) => ({ name: line["eventName"], ...(line["additionalEventData"] as object) }));

async function worldWithBucket(): Promise<World> {
  const world = new World();
  await world.bucket();
  return world;
}

test("SSE-KMS: key, context, and the ciphertext and material of the very GenerateDataKey that made the data key", async () => {
  const world = await worldWithBucket();
  const key = await world.key();
  const SSEKMSEncryptionContext = Buffer.from('{"team":"blue"}').toString("base64");
  await world.put("k", pattern(10), { ServerSideEncryption: "aws:kms", SSEKMSKeyId: key, SSEKMSEncryptionContext });
  const found = await inspect(world, "k");
  const [made] = kmsLines(world);
  assert.deepEqual(found.Encryption, {
    Mode: "aws:kms",
    Layers: 1,
    KmsKeyArn: key,
    BucketKeyEnabled: false,
    EncryptionContext: { "team": "blue", "aws:s3:arn": "arn:aws:s3:::bucket/k" },
    DataKeys: [{ Layer: 1, WrappedBy: "KMS_KEY", CiphertextId: made?.["ciphertextId"], KeyMaterialId: made?.["keyMaterialId"] }],
  });
  assert.match(String(made?.["ciphertextId"]), /^[0-9a-f]{16}$/);
  assert.equal(found.ETagKind, "RANDOM");
});

test("key material is shown only to who may kms:DescribeKey; the rest needs coffer:InspectObject alone", async () => {
  const world = await worldWithBucket();
  const key = await world.key();
  await world.put("k", "x", { ServerSideEncryption: "aws:kms", SSEKMSKeyId: key });
  const inspecting = { Effect: "Allow", Action: "coffer:InspectObject", Resource: "*" };
  const describing = { Effect: "Allow", Action: "kms:DescribeKey", Resource: key };
  const without = world.allow("auditor", [inspecting]);
  assert.equal((await inspect(world, "k", {}, { as: without })).Encryption.DataKeys[0]?.KeyMaterialId, undefined);
  assert.equal((await inspect(world, "k", {}, { as: without })).Versions, undefined, "needs s3:ListBucketVersions");
  const before = world.audit.length;
  const found = await inspect(world, "k", {}, { as: world.allow("auditor", [inspecting, describing]) });
  assert.match(found.Encryption.DataKeys[0]?.KeyMaterialId ?? "", /^[0-9a-f]{64}$/);
  assert.deepEqual(world.audit.slice(before).map((line) => line["eventName"]), ["InspectObject"], "nothing is asked of KMS");
});

test("without the right it is refused, to foreign accounts and strangers too; reading the object is not the right", async () => {
  const world = await worldWithBucket();
  await world.put("k", "x");
  const reader = world.allow("reader", [{ Effect: "Allow", Action: "s3:*", Resource: "*" }]);
  const words = /not authorized to perform: coffer:InspectObject/;
  await refused(inspect(world, "k", {}, { as: reader }), "AccessDeniedException", words);
  await refused(inspect(world, "k", {}, { as: root(AWAY) }), "AccessDeniedException");
  await refused(inspect(world, "gone", {}, { as: reader }), "AccessDeniedException");
  const all = world.allow("inspector", [{ Effect: "Allow", Action: "coffer:*", Resource: "*" }]);
  await inspect(world, "k", {}, { as: all });
  await refused(inspect(world, "gone", {}, { as: all }), "AccessDeniedException");
  await refused(inspect(world, "gone"), "NoSuchKey");
  await refused(inspect(world, "k", { Bucket: "absent" }), "NoSuchBucket");
});

test("the bucket policy takes part: it opens to another account, and denies", async () => {
  const world = await worldWithBucket();
  await world.put("k", "x");
  const policy = (Effect: string, Principal: object) => {
    const statement = { Effect, Principal, Action: "coffer:InspectObject", Resource: "arn:aws:s3:::bucket/*" };
    return world.configure("bucket", { policy: JSON.stringify({ Version: "2012-10-17", Statement: [statement] }) });
  };
  await policy("Allow", { AWS: `arn:aws:iam::${AWAY}:root` });
  assert.equal((await inspect(world, "k", {}, { as: root(AWAY) })).BucketOwner, HOME);
  await policy("Deny", { AWS: "*" });
  await refused(inspect(world, "k"), "AccessDeniedException", /explicit deny in a resource-based policy/);
});

test("SSE-S3 shows neither the house key nor anything of its ciphertext", async () => {
  const world = await worldWithBucket();
  await world.put("k", "x");
  const { Encryption, ETagKind } = await inspect(world, "k");
  assert.deepEqual(Encryption, {
    Mode: "AES256", Layers: 1, KmsKeyArn: undefined, BucketKeyEnabled: false, DataKeys: [{ Layer: 1, WrappedBy: "HOUSE_KEY" }],
  });
  assert.equal(ETagKind, "MD5");
});

test("DSSE has two layers, two data keys and two commitments", async () => {
  const world = await worldWithBucket();
  const key = await world.key();
  await world.put("k", pattern(CHUNK), { ServerSideEncryption: "aws:kms:dsse", SSEKMSKeyId: key });
  const { Encryption, Segments, Integrity } = await inspect(world, "k");
  assert.equal(Encryption.Layers, 2);
  assert.deepEqual(Encryption.DataKeys.map(({ CiphertextId }) => CiphertextId), kmsLines(world).map((line) => line["ciphertextId"]));
  assert.equal(new Set(Segments[0]?.CommitmentPrefixes).size, 2);
  assert.equal(Integrity.Bodies, "PRESENT");
});

test("SSE-C shows no trace of the customer's key", async () => {
  const world = await worldWithBucket();
  const key = Buffer.alloc(32, 7);
  const md5 = createHash("md5").update(key).digest("base64");
  const headers = { SSECustomerAlgorithm: "AES256", SSECustomerKey: key.toString("base64"), SSECustomerKeyMD5: md5 };
  await world.put("k", "x", headers);
  const found = await inspect(world, "k");
  assert.deepEqual(found.Encryption.DataKeys, [{ Layer: 1, WrappedBy: "CUSTOMER_KEY" }]);
  assert.ok(!JSON.stringify(found).includes(md5));
});

test("under a bucket key: every object names the one ciphertext, and each S3 line the call that brought it", async () => {
  const world = await worldWithBucket();
  const key = await world.key();
  const sse = { ServerSideEncryption: "aws:kms", SSEKMSKeyId: key, BucketKeyEnabled: true };
  for (const name of ["a", "b"]) await world.put(name, "x", sse);
  await world.get("b");
  const lines = kmsLines(world);
  assert.deepEqual(lines.map((line) => line["name"]), ["GenerateDataKey", "Decrypt"]);
  for (const name of ["a", "b"]) {
    const { Encryption } = await inspect(world, name);
    assert.equal(Encryption.BucketKeyEnabled, true);
    assert.deepEqual(Encryption.EncryptionContext, { "aws:s3:arn": "arn:aws:s3:::bucket" });
    assert.equal(Encryption.DataKeys[0]?.WrappedBy, "BUCKET_KEY");
    assert.equal(Encryption.DataKeys[0]?.CiphertextId, lines[0]?.["ciphertextId"]);
  }
  const s3 = world.audit.filter((line) => line["eventName"] === "PutObject" || line["eventName"] === "GetObject");
  const use = { ciphertextId: lines[0]?.["ciphertextId"], s3RequestId: "TEST" };
  assert.deepEqual(
    s3.map((line) => line["additionalEventData"] as Record<string, unknown>).map((each) => [each["bucketKeyWrite"], each["bucketKeyRead"]]),
    [[use, undefined], [use, undefined], [undefined, use]],
  );
});

for (const [sizeBytes, chunks] of [[0, 1], [1, 1], [CHUNK - 1, 1], [CHUNK, 2], [CHUNK + 1, 2], [3 * CHUNK, 4]] as const) {
  test(`a body of ${sizeBytes} bytes has ${chunks} chunks, and the store holds its sealed size`, async () => {
    const world = await worldWithBucket();
    await world.put("k", pattern(sizeBytes));
    const { Segments, SegmentCount, Size, Format } = await inspect(world, "k");
    const [segment] = Segments;
    assert.deepEqual([Size, SegmentCount, Segments.length, Format.ChunkSize], [sizeBytes, 1, 1, CHUNK]);
    assert.equal(segment?.Chunks, chunks);
    assert.equal(segment?.Storage, sizeBytes <= CHUNK ? "INLINE" : "BLOB");
    assert.equal(segment?.SealedSize, 56 + sizeBytes + 16 * chunks);
    assert.equal(segment?.StoredSize, segment?.SealedSize);
  });
}

test("a body that is gone or cut is reported, not hidden", async () => {
  const world = await worldWithBucket();
  await world.put("k", pattern(2 * CHUNK));
  const [segment] = (await inspect(world, "k")).Segments;
  assert.ok(segment !== undefined);
  await world.blobs.delete(segment.SegmentId);
  const gone = await inspect(world, "k");
  assert.deepEqual([gone.Integrity.Bodies, gone.Segments[0]?.StoredSize], ["MISSING", undefined]);
  await world.blobs.put(segment.SegmentId, (async function* () { yield Buffer.alloc(9); })());
  const cut = await inspect(world, "k");
  assert.deepEqual([cut.Integrity.Bodies, cut.Segments[0]?.StoredSize], ["WRONG_SIZE", 9]);
});

test("parts come in pages by part number", async () => {
  const world = await worldWithBucket();
  const { UploadId } = await world.s3("CreateMultipartUpload", { Bucket: "bucket", Key: "k" });
  const Parts = [];
  for (const PartNumber of [2, 3, 7]) {
    const input = { Bucket: "bucket", Key: "k", UploadId, PartNumber };
    const { ETag } = await world.s3("UploadPart", input, { body: pattern(100_000, PartNumber) });
    Parts.push({ PartNumber, ETag });
  }
  await world.s3("CompleteMultipartUpload", { Bucket: "bucket", Key: "k", UploadId, MultipartUpload: { Parts } });
  const numbers = async (input: object) => {
    const { Segments, SegmentCount, NextPartNumberMarker } = await inspect(world, "k", input);
    return [Segments.map(({ PartNumber }) => PartNumber), SegmentCount, NextPartNumberMarker];
  };
  assert.deepEqual(await numbers({}), [[2, 3, 7], 3, undefined]);
  assert.deepEqual(await numbers({ MaxParts: 3 }), [[2, 3, 7], 3, undefined]);
  assert.deepEqual(await numbers({ MaxParts: 2 }), [[2, 3], 3, 3]);
  assert.deepEqual(await numbers({ MaxParts: 2, PartNumberMarker: 3 }), [[7], 3, undefined]);
  assert.deepEqual(await numbers({ PartNumberMarker: 7 }), [[], 3, undefined]);
  const { ETagKind, Integrity } = await inspect(world, "k");
  assert.equal(ETagKind, "MULTIPART");
  assert.deepEqual(Integrity, { Records: "VERIFIED", PartTable: "VERIFIED", Manifest: "NOT_VERIFIED", Bodies: "PRESENT" });
});

test("versions and delete markers, newest first; a version is inspected by its id", async () => {
  const world = await worldWithBucket();
  await world.configure("bucket", { versioning: "Enabled" });
  const first = (await world.put("k", "one"))["VersionId"] as string;
  const second = (await world.put("k", "three"))["VersionId"] as string;
  await world.s3("DeleteObject", { Bucket: "bucket", Key: "k" });
  const found = await inspect(world, "k", { VersionId: first });
  assert.deepEqual([found.VersionId, found.IsLatest, found.Size], [first, false, 3]);
  const [marker, ...older] = found.Versions ?? [];
  const shown = older.map(({ VersionId, IsDeleteMarker, Size }) => [VersionId, IsDeleteMarker, Size]);
  assert.deepEqual(shown, [[second, false, 5], [first, false, 3]]);
  assert.deepEqual([marker?.IsDeleteMarker, marker?.IsLatest, found.VersionsTruncated], [true, true, false]);
  await refused(inspect(world, "k"), "NoSuchKey");
  await refused(inspect(world, "k", { VersionId: marker?.VersionId }), "MethodNotAllowed");
});

test("no secret, wrapped key, user metadata, tag or fingerprint is in the answer", async () => {
  const world = await worldWithBucket();
  const key = await world.key();
  const kms = { ServerSideEncryption: "aws:kms", SSEKMSKeyId: key };
  const canary = { Metadata: { note: "canary-metadata" }, Tagging: "name=canary-tag", ContentType: "text/canary-type" };
  const inc = (await world.room.tables.buckets.get("bucket"))?.clear.incarnation ?? "";
  for (const sse of [{}, kms, { ...kms, BucketKeyEnabled: true }]) {
    const put = await world.put("k", "canary-body", { ...sse, ...canary });
    const object = (await world.room.tables.heads.get(inc, "k"))?.clear.object;
    const text = JSON.stringify(await inspect(world, "k"));
    const wrapped = object?.encryption.keys.flatMap((each) => Object.values(each)).filter((each) => each.length > 20) ?? [];
    assert.ok(wrapped.length > 0);
    for (const secret of ["canary", (put["ETag"] as string).replaceAll('"', ""), object?.manifest ?? "", ...wrapped]) {
      assert.ok(!text.includes(secret), secret);
    }
  }
});
