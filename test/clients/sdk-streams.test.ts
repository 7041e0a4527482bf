/**
 * The AWS SDK's own ways to move streams: lib-storage in parts, bodies of unknown bytes with trailing checksums of every
 * algorithm, presigned parts; over http and https.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import { test } from "node:test";
import {
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  ListMultipartUploadsCommand,
  PutObjectCommand,
  UploadPartCommand,
  type ChecksumAlgorithm,
  type PutObjectCommandInput,
} from "@aws-sdk/client-s3";
import { Upload } from "@aws-sdk/lib-storage";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import { failure } from "../e2e/server.js";
import { assertBytes, bodyOf, bytesOf, codeOf, CHUNK, MIB, openWorld } from "../e2e/world.js";

const world = await openWorld({ flags: ["--sse-c-on-new-buckets", "allow"] });
const { s3, s3tls } = world;
const Bucket = await world.bucket("streams");
const keyArn = await world.key();
const LARGE = bytesOf(11 * MIB + 5, 31);
const CUSTOMER_KEY = Buffer.alloc(32, 7);
const CUSTOMER = {
  SSECustomerAlgorithm: "AES256",
  SSECustomerKey: CUSTOMER_KEY.toString("base64"),
  SSECustomerKeyMD5: createHash("md5").update(CUSTOMER_KEY).digest("base64"),
};

const MODES: readonly (readonly [string, Partial<PutObjectCommandInput>, object])[] = [
  ["SSE-S3", {}, {}],
  ["SSE-KMS", { ServerSideEncryption: "aws:kms", SSEKMSKeyId: keyArn, BucketKeyEnabled: true }, {}],
  ["SSE-C", CUSTOMER, CUSTOMER],
];
/** In pieces that meet no boundary of parts, chunks or frames. */
const stream = (bytes: Buffer, sizeBytes = 99_991): Readable => Readable.from(pieces(bytes, sizeBytes));

for (const [scheme, client] of [
  ["http", s3],
  ["https", s3tls],
] as const) {
  for (const [mode, input, toRead] of MODES) {
    test(`lib-storage over ${scheme}, ${mode}: a stream of unknown length in parts comes back whole and in ranges`, async () => {
      const Key = `upload/${scheme}/${mode}`;
      const done = await new Upload({
        client,
        params: { Bucket, Key, Body: stream(LARGE), ...input },
        partSize: 5 * MIB,
        queueSize: 3,
      }).done();
      assert.match(done.ETag ?? "", /-3"$/);
      assertBytes(await bodyOf(await client.send(new GetObjectCommand({ Bucket, Key, ...toRead }))), LARGE);
      const range = await client.send(
        new GetObjectCommand({ Bucket, Key, Range: `bytes=${5 * MIB - 3}-${10 * MIB + 2}`, ...toRead }),
      );
      assertBytes(await bodyOf(range), LARGE.subarray(5 * MIB - 3, 10 * MIB + 3));
    });
  }

  for (const ChecksumAlgorithm of ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"] satisfies ChecksumAlgorithm[]) {
    test(`a stream over ${scheme} with a trailing ${ChecksumAlgorithm}: verified, stored, shown`, async () => {
      for (const size of [0, 1, CHUNK - 1, CHUNK + 1, MIB + 1]) {
        const Key = `trailer/${scheme}/${ChecksumAlgorithm}/${size}`;
        const bytes = bytesOf(size, size + 1);
        const member = `Checksum${ChecksumAlgorithm}` as const;
        const put = await client.send(
          new PutObjectCommand({ Bucket, Key, Body: stream(bytes, 8191), ContentLength: size, ChecksumAlgorithm }),
        );
        const got = await client.send(new GetObjectCommand({ Bucket, Key, ChecksumMode: "ENABLED" }));
        assertBytes(await bodyOf(got), bytes, `${size} bytes`);
        assert.ok(put[member] !== undefined, "the answer shows the checksum");
        assert.equal(got[member], put[member]);
      }
    });
  }

  test(`an upload over ${scheme} that breaks off is no object`, async () => {
    const aborter = new AbortController();
    const halves = Readable.from(halfAndNoMore(aborter.signal));
    const put = new PutObjectCommand({ Bucket, Key: `broken/${scheme}`, Body: halves, ContentLength: MIB });
    setTimeout(() => aborter.abort(), 200);
    await assert.rejects(client.send(put, { abortSignal: aborter.signal }), { name: "AbortError" });
    assert.equal((await failure(client.send(new GetObjectCommand({ Bucket, Key: `broken/${scheme}` })))).code, "NoSuchKey");
  });
}

test("lib-storage that is aborted midway leaves no upload and no object", async () => {
  const upload = new Upload({
    client: s3,
    params: { Bucket, Key: "aborted", Body: stream(LARGE, 65_537) },
    partSize: 5 * MIB,
    queueSize: 1,
  });
  upload.on("httpUploadProgress", () => void upload.abort());
  await assert.rejects(upload.done(), { name: "AbortError" });
  // The SDK's own AbortMultipartUpload may still be under way.
  const open = async () => (await s3.send(new ListMultipartUploadsCommand({ Bucket }))).Uploads ?? [];
  for (let tries = 0; tries < 50 && (await open()).length > 0; tries++) await new Promise((resolve) => setTimeout(resolve, 100));
  assert.deepEqual(await open(), []);
  assert.equal((await failure(s3.send(new GetObjectCommand({ Bucket, Key: "aborted" })))).code, "NoSuchKey");
});

test("parts sent by presigned URLs become one object; a URL is good for its part only", async () => {
  const Key = "presigned/parts";
  const { UploadId } = await s3.send(
    new CreateMultipartUploadCommand({ Bucket, Key, ServerSideEncryption: "aws:kms", SSEKMSKeyId: keyArn }),
  );
  const parts = [LARGE.subarray(0, 5 * MIB), LARGE.subarray(5 * MIB, 5 * MIB + 10)];
  const Parts = [];
  for (const [at, part] of parts.entries()) {
    const url = await getSignedUrl(s3, new UploadPartCommand({ Bucket, Key, UploadId, PartNumber: at + 1 }), { expiresIn: 60 });
    const answer = await fetch(url, { method: "PUT", body: new Uint8Array(part) });
    assert.equal(answer.status, 200, await answer.text());
    Parts.push({ PartNumber: at + 1, ETag: answer.headers.get("etag") ?? "" });
    const other = await fetch(url.replace(`partNumber=${at + 1}`, "partNumber=9"), { method: "PUT", body: "x" });
    assert.equal(codeOf(await other.text()), "SignatureDoesNotMatch");
  }
  await s3.send(new CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload: { Parts } }));
  assertBytes(await bodyOf(await s3.send(new GetObjectCommand({ Bucket, Key }))), Buffer.concat(parts));
});

test("a presigned PUT with encryption: the headers are signed, and an upload without them is refused", async () => {
  const command = new PutObjectCommand({ Bucket, Key: "presigned/sse", ServerSideEncryption: "aws:kms", SSEKMSKeyId: keyArn });
  const headers = { "x-amz-server-side-encryption": "aws:kms", "x-amz-server-side-encryption-aws-kms-key-id": keyArn };
  const url = await getSignedUrl(s3, command, { expiresIn: 60, unhoistableHeaders: new Set(Object.keys(headers)) });
  const refused = await fetch(url, { method: "PUT", body: "x" });
  assert.equal(refused.status, 403);
  const put = await fetch(url, { method: "PUT", body: "sealed", headers });
  assert.equal(put.status, 200, await put.text());
  assert.equal(put.headers.get("x-amz-server-side-encryption-aws-kms-key-id"), keyArn);
  assert.equal((await bodyOf(await s3.send(new GetObjectCommand({ Bucket, Key: "presigned/sse" })))).toString(), "sealed");
});

function* pieces(bytes: Buffer, sizeBytes: number): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += sizeBytes) yield bytes.subarray(at, at + sizeBytes);
}

async function* halfAndNoMore(signal: AbortSignal): AsyncGenerator<Buffer> {
  yield Buffer.alloc(MIB / 2, 1);
  await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
}
