/**
 * Objects through the AWS SDK: bytes come back as they went, at every size around an edge of the sealed format; ranges,
 * metadata, checksums, deletes; keys of any shape.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import {
  CopyObjectCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectAttributesCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
} from "@aws-sdk/client-s3";
import { failure } from "./server.js";
import { assertBytes, bodyOf, bytesOf, CHUNK, MIB, openWorld } from "./world.js";

const world = await openWorld();
const { s3, s3tls } = world;
const Bucket = await world.bucket("objects");

const SIZES = [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK - 1, 2 * CHUNK, 2 * CHUNK + 1, 3 * MIB + 7];
const md5 = (bytes: Buffer): string => `"${createHash("md5").update(bytes).digest("hex")}"`;

for (const [at, size] of SIZES.entries()) {
  for (const [scheme, client] of [
    ["http", s3],
    ["https", s3tls],
  ] as const) {
    test(`${size} bytes over ${scheme} come back, with MD5 as ETag, size and SSE-S3 shown`, async () => {
      const Key = `size/${scheme}/${size}`;
      const body = bytesOf(size, at + 1);
      const put = await client.send(new PutObjectCommand({ Bucket, Key, Body: body }));
      assert.equal(put.ETag, md5(body));
      assert.equal(put.ServerSideEncryption, "AES256");
      const got = await client.send(new GetObjectCommand({ Bucket, Key }));
      assertBytes(await bodyOf(got), body);
      assert.equal(got.ContentLength, size);
      assert.equal(got.ETag, md5(body));
      assert.equal(got.ServerSideEncryption, "AES256");
      const head = await client.send(new HeadObjectCommand({ Bucket, Key }));
      assert.equal(head.ContentLength, size);
      assert.equal(head.ETag, md5(body));
      assert.equal(head.ServerSideEncryption, "AES256");
      assert.ok(Math.abs((head.LastModified?.getTime() ?? 0) - Date.now()) < 60_000);
    });
  }
}

test("an overwrite replaces bytes, metadata and ETag", async () => {
  const Key = "overwrite";
  await s3.send(new PutObjectCommand({ Bucket, Key, Body: bytesOf(CHUNK * 2), Metadata: { old: "1" } }));
  await s3.send(new PutObjectCommand({ Bucket, Key, Body: "second" }));
  const got = await s3.send(new GetObjectCommand({ Bucket, Key }));
  assert.equal((await bodyOf(got)).toString(), "second");
  assert.deepEqual(got.Metadata, {});
});

const RANGED = 3 * CHUNK + 5;
const RANGES: readonly (readonly [string, number, number])[] = [
  ["bytes=0-0", 0, 1],
  ["bytes=0-", 0, RANGED],
  [`bytes=0-${RANGED - 1}`, 0, RANGED],
  [`bytes=${CHUNK - 1}-${CHUNK}`, CHUNK - 1, CHUNK + 1],
  [`bytes=${CHUNK}-${2 * CHUNK - 1}`, CHUNK, 2 * CHUNK],
  [`bytes=${CHUNK + 1}-${3 * CHUNK + 1}`, CHUNK + 1, 3 * CHUNK + 2],
  [`bytes=${RANGED - 1}-`, RANGED - 1, RANGED],
  [`bytes=5-${RANGED + 100}`, 5, RANGED],
  ["bytes=-1", RANGED - 1, RANGED],
  [`bytes=-${CHUNK}`, RANGED - CHUNK, RANGED],
  [`bytes=-${RANGED + 7}`, 0, RANGED],
];

test("ranges: first, last, suffix, inside and across chunks", async () => {
  const Key = "ranged";
  const body = bytesOf(RANGED, 42);
  await s3.send(new PutObjectCommand({ Bucket, Key, Body: body }));
  for (const [Range, start, end] of RANGES) {
    const got = await s3.send(new GetObjectCommand({ Bucket, Key, Range }));
    assertBytes(await bodyOf(got), body.subarray(start, end), Range);
    assert.equal(got.$metadata.httpStatusCode, 206, Range);
    assert.equal(got.ContentRange, `bytes ${start}-${end - 1}/${RANGED}`, Range);
    const head = await s3.send(new HeadObjectCommand({ Bucket, Key, Range }));
    assert.equal(head.ContentLength, end - start, `HEAD ${Range}`);
  }
});

test("a range past the end is 416 InvalidRange; of an empty object too", async () => {
  await s3.send(new PutObjectCommand({ Bucket, Key: "short", Body: "abc" }));
  await s3.send(new PutObjectCommand({ Bucket, Key: "empty", Body: "" }));
  for (const [Key, Range] of [
    ["short", "bytes=3-"],
    ["short", "bytes=3-9"],
    ["empty", "bytes=0-"],
    ["empty", "bytes=0-0"],
    ["empty", "bytes=-1"],
  ] as const) {
    const error = await failure(s3.send(new GetObjectCommand({ Bucket, Key, Range })));
    assert.deepEqual([error.code, error.status], ["InvalidRange", 416], `${Key} ${Range}`);
  }
});

test("a range that is no range, or several ranges, gives the whole object", async () => {
  await s3.send(new PutObjectCommand({ Bucket, Key: "whole", Body: "0123456789" }));
  for (const Range of ["bytes=5-2", "items=0-1", "bytes=a-b", "bytes=0-1,4-5"]) {
    const got = await s3.send(new GetObjectCommand({ Bucket, Key: "whole", Range }));
    assert.equal((await bodyOf(got)).toString(), "0123456789", Range);
    assert.equal(got.$metadata.httpStatusCode, 200, Range);
  }
});

test("metadata and content headers come back; metadata names are lower case", async () => {
  const Key = "metadata";
  const headers = {
    ContentType: "text/x-test; charset=utf-8",
    CacheControl: "max-age=5",
    ContentDisposition: 'attachment; filename="ä.txt"'.replace("ä", "a"),
    ContentEncoding: "gzip",
    ContentLanguage: "de",
    Metadata: { author: "Mary Major", UPPER: "Case Kept", empty: "" },
  };
  await s3.send(
    new PutObjectCommand({ Bucket, Key, Body: "not gzip at all", ...headers, Expires: new Date("2030-01-02T03:04:05Z") }),
  );
  for (const got of [
    await s3.send(new GetObjectCommand({ Bucket, Key })),
    await s3.send(new HeadObjectCommand({ Bucket, Key })),
  ]) {
    const { ContentType, CacheControl, ContentDisposition, ContentEncoding, ContentLanguage, Metadata } = got;
    const expected = { ...headers, Metadata: { author: "Mary Major", upper: "Case Kept", empty: "" } };
    assert.deepEqual({ ContentType, CacheControl, ContentDisposition, ContentEncoding, ContentLanguage, Metadata }, expected);
    assert.equal(got.ExpiresString, "Wed, 02 Jan 2030 03:04:05 GMT");
  }
  assert.equal(
    (await bodyOf(await s3.send(new GetObjectCommand({ Bucket, Key })))).toString(),
    "not gzip at all",
    "bodies are never decompressed",
  );
});

test("metadata of 2048 bytes fits, of 2049 is MetadataTooLarge", async () => {
  await s3.send(new PutObjectCommand({ Bucket, Key: "meta", Body: "", Metadata: { k: "v".repeat(2047) } }));
  const error = await failure(
    s3.send(new PutObjectCommand({ Bucket, Key: "meta2", Body: "", Metadata: { k: "v".repeat(2048) } })),
  );
  assert.deepEqual([error.code, error.status], ["MetadataTooLarge", 400]);
});

test("response-* parameters of a signed GET choose answer headers", async () => {
  await s3.send(new PutObjectCommand({ Bucket, Key: "override", Body: "x", ContentType: "a/b" }));
  const got = await s3.send(
    new GetObjectCommand({
      Bucket,
      Key: "override",
      ResponseContentType: "c/d",
      ResponseContentDisposition: "inline",
      ResponseCacheControl: "no-store",
    }),
  );
  assert.deepEqual([got.ContentType, got.ContentDisposition, got.CacheControl], ["c/d", "inline", "no-store"]);
});

/** Keys are data: nothing in them has a meaning for the store. */
const KEYS = [
  "a",
  "a/",
  "a/b",
  "a//b",
  "/leading",
  "trailing/",
  "trailing ",
  " leading space",
  "with space",
  "plus+plus",
  "%2F",
  "%",
  "100%25",
  "dot/./dot",
  "..",
  "../up",
  "a/../../b",
  "back\\slash",
  "tilde~",
  "quote'\"quote",
  "amp&amp;<tag>",
  "q?x=1#frag",
  "semi;colon:at@eq=",
  "ümläut",
  "u\u0308mla\u0308ut",
  "日本語/キー",
  "😀/😀",
  "UPPER",
  "upper",
  "tab\tkey",
  "new\nline",
  "cr\rlf",
  "bell\u0007",
  "nul\u0000l",
  "\u007f",
  "\uffff",
  "\u{10ffff}",
  "a".repeat(1024),
  "é".repeat(512),
  "-/.live",
  "null",
  "?",
  "*",
  "[x]",
  "{y}",
  "a b/c d",
  "index.html?versionId=1",
];

test("keys of any shape are stored and returned byte-exact", async () => {
  const bucket = await world.bucket("keys");
  for (const Key of KEYS) await s3.send(new PutObjectCommand({ Bucket: bucket, Key, Body: `body of ${Key}` }));
  for (const Key of KEYS) {
    const got = await s3.send(new GetObjectCommand({ Bucket: bucket, Key }));
    assert.equal((await bodyOf(got)).toString(), `body of ${Key}`, JSON.stringify(Key));
    await s3.send(new HeadObjectCommand({ Bucket: bucket, Key }));
  }
  const listed = await s3.send(new ListObjectsV2Command({ Bucket: bucket, EncodingType: "url" }));
  const names = (listed.Contents ?? []).map(({ Key }) => decodeURIComponent((Key ?? "").replaceAll("+", "%20")));
  const expected = [...KEYS].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  assert.deepEqual(names, expected);
});

test("a key of 1025 bytes is KeyTooLongError; no key at all is not an object", async () => {
  const error = await failure(s3.send(new PutObjectCommand({ Bucket, Key: "a".repeat(1025), Body: "" })));
  assert.deepEqual([error.code, error.status], ["KeyTooLongError", 400]);
  const utf8 = await failure(s3.send(new PutObjectCommand({ Bucket, Key: "é".repeat(513), Body: "" })));
  assert.equal(utf8.code, "KeyTooLongError");
});

test("an absent key: GET NoSuchKey, HEAD 404, DELETE 204", async () => {
  const get = await failure(s3.send(new GetObjectCommand({ Bucket, Key: "absent" })));
  assert.deepEqual([get.code, get.status, get.message], ["NoSuchKey", 404, "The specified key does not exist."]);
  assert.deepEqual([(await failure(s3.send(new HeadObjectCommand({ Bucket, Key: "absent" })))).status], [404]);
  assert.equal((await s3.send(new DeleteObjectCommand({ Bucket, Key: "absent" }))).$metadata.httpStatusCode, 204);
});

test("an absent bucket: NoSuchBucket on every object call", async () => {
  for (const command of [
    new GetObjectCommand({ Bucket: "no-such-bucket-here", Key: "k" }),
    new PutObjectCommand({ Bucket: "no-such-bucket-here", Key: "k", Body: "x" }),
    new DeleteObjectCommand({ Bucket: "no-such-bucket-here", Key: "k" }),
    new CopyObjectCommand({ Bucket: "no-such-bucket-here", Key: "k", CopySource: `${Bucket}/ranged` }),
    new CopyObjectCommand({ Bucket, Key: "k", CopySource: "no-such-bucket-here/k" }),
  ]) {
    const error = await failure(s3.send(command as GetObjectCommand));
    assert.deepEqual(
      [error.code, error.status, error.message],
      ["NoSuchBucket", 404, "The specified bucket does not exist"],
      command.constructor.name,
    );
  }
});

test("delete removes; a second delete is 204 as well", async () => {
  await s3.send(new PutObjectCommand({ Bucket, Key: "gone", Body: bytesOf(CHUNK + 1) }));
  for (let time = 0; time < 2; time++) {
    assert.equal((await s3.send(new DeleteObjectCommand({ Bucket, Key: "gone" }))).$metadata.httpStatusCode, 204);
  }
  assert.equal((await failure(s3.send(new GetObjectCommand({ Bucket, Key: "gone" })))).code, "NoSuchKey");
});

test("DeleteObjects: one verdict a key, present and absent alike; quiet says errors only", async () => {
  for (const Key of ["many/1", "many/2", "many/3\u0001"]) await s3.send(new PutObjectCommand({ Bucket, Key, Body: Key }));
  const loud = await s3.send(
    new DeleteObjectsCommand({ Bucket, Delete: { Objects: [{ Key: "many/1" }, { Key: "many/absent" }] } }),
  );
  assert.deepEqual(
    loud.Deleted?.map(({ Key }) => Key),
    ["many/1", "many/absent"],
  );
  assert.equal(loud.Errors, undefined);
  const wrong = { Key: "many/2", ETag: '"00000000000000000000000000000000"' };
  const quiet = await s3.send(new DeleteObjectsCommand({ Bucket, Delete: { Quiet: true, Objects: [wrong] } }));
  assert.equal(quiet.Deleted, undefined);
  assert.deepEqual(
    quiet.Errors?.map(({ Key, Code }) => [Key, Code]),
    [["many/2", "PreconditionFailed"]],
  );
  await s3.send(new HeadObjectCommand({ Bucket, Key: "many/2" }));
});

test("DeleteObjects of 1000 keys works, of 1001 is MalformedXML", async () => {
  const keys = Array.from({ length: 1001 }, (_, at) => ({ Key: `bulk/${at}` }));
  await s3.send(new PutObjectCommand({ Bucket, Key: "bulk/999", Body: "x" }));
  const done = await s3.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects: keys.slice(0, 1000) } }));
  assert.equal(done.Deleted?.length, 1000);
  assert.equal((await failure(s3.send(new HeadObjectCommand({ Bucket, Key: "bulk/999" })))).status, 404);
  const error = await failure(s3.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects: keys } })));
  assert.deepEqual([error.code, error.status], ["MalformedXML", 400]);
});

test("every checksum algorithm is verified, kept and shown in checksum mode", async () => {
  for (const ChecksumAlgorithm of ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"] as const) {
    const Key = `sum/${ChecksumAlgorithm}`;
    const put = await s3.send(new PutObjectCommand({ Bucket, Key, Body: bytesOf(CHUNK + 1), ChecksumAlgorithm }));
    const name = `Checksum${ChecksumAlgorithm}` as const;
    assert.ok(put[name] !== undefined, name);
    const plain = await s3.send(new HeadObjectCommand({ Bucket, Key }));
    assert.equal(plain[name], undefined, "only in checksum mode");
    const head = await s3.send(new HeadObjectCommand({ Bucket, Key, ChecksumMode: "ENABLED" }));
    assert.deepEqual([head[name], head.ChecksumType], [put[name], "FULL_OBJECT"]);
    const got = await s3.send(new GetObjectCommand({ Bucket, Key, ChecksumMode: "ENABLED" }));
    await bodyOf(got);
    assert.equal(got[name], put[name]);
  }
});

test("GetObjectAttributes: ETag without quotes, size, checksum, storage class", async () => {
  const { ETag, ChecksumSHA256 } = await s3.send(
    new PutObjectCommand({ Bucket, Key: "attributes", Body: "abc", ChecksumAlgorithm: "SHA256" }),
  );
  const got = await s3.send(
    new GetObjectAttributesCommand({
      Bucket,
      Key: "attributes",
      ObjectAttributes: ["ETag", "Checksum", "ObjectSize", "StorageClass", "ObjectParts"],
    }),
  );
  assert.equal(got.ETag, ETag?.replaceAll('"', ""));
  assert.deepEqual([got.ObjectSize, got.StorageClass, got.Checksum?.ChecksumSHA256], [3, "STANDARD", ChecksumSHA256]);
});

test("a wrong checksum or Content-MD5 is BadDigest and leaves no object", async () => {
  for (const [input, code] of [
    [{ ChecksumSHA256: Buffer.alloc(32).toString("base64") }, "BadDigest"],
    [{ ChecksumCRC32: "AAAAAA==" }, "BadDigest"],
    [{ ContentMD5: Buffer.alloc(16).toString("base64") }, "BadDigest"],
    [{ ContentMD5: "not base64" }, "InvalidDigest"],
  ] as const) {
    for (const size of [3, CHUNK + 1]) {
      const error = await failure(s3.send(new PutObjectCommand({ Bucket, Key: "digest", Body: bytesOf(size), ...input })));
      assert.deepEqual([error.code, error.status], [code, 400], `${JSON.stringify(input)} ${size}`);
      assert.equal((await failure(s3.send(new HeadObjectCommand({ Bucket, Key: "digest" })))).status, 404);
    }
  }
});

test("without a Content-Type an object is binary/octet-stream", async () => {
  await world.wire().send({ method: "PUT", path: `/${Bucket}/typeless`, body: "x" });
  assert.equal((await s3.send(new HeadObjectCommand({ Bucket, Key: "typeless" }))).ContentType, "binary/octet-stream");
});

test("fifty parallel writers and readers of different keys do not mix bytes", async () => {
  await Promise.all(
    Array.from({ length: 50 }, async (_, at) => {
      const body = bytesOf(CHUNK / 2 + at * 997, at + 1);
      await s3.send(new PutObjectCommand({ Bucket, Key: `parallel/${at}`, Body: body }));
      assertBytes(await bodyOf(await s3.send(new GetObjectCommand({ Bucket, Key: `parallel/${at}` }))), body);
    }),
  );
});
