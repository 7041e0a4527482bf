/** DSSE-KMS: two layers, the errors and permissions of SSE-KMS, no bucket key. Source: S3 encryption reference §14. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { DisableKeyCommand, EnableKeyCommand } from "@aws-sdk/client-kms";
import {
  CopyObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutBucketEncryptionCommand,
  PutObjectCommand,
} from "@aws-sdk/client-s3";
import { failure } from "./server.js";
import { assertBytes, bodyOf, bytesOf, CHUNK, MIB, openWorld, S3_ALL } from "./world.js";

const world = await openWorld();
const { s3, s3tls, kms } = world;
const Bucket = await world.bucket("dsse");
const keyArn = await world.key();
const DSSE = { ServerSideEncryption: "aws:kms:dsse", SSEKMSKeyId: keyArn } as const;

for (const size of [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK - 1, 2 * CHUNK + 1, 2 * MIB + 3]) {
  test(`${size} bytes come back through both layers`, async () => {
    const body = bytesOf(size, size + 9);
    const put = await s3.send(new PutObjectCommand({ Bucket, Key: `size/${size}`, Body: body, ...DSSE }));
    const got = await s3tls.send(new GetObjectCommand({ Bucket, Key: `size/${size}` }));
    assertBytes(await bodyOf(got), body);
    const head = await s3.send(new HeadObjectCommand({ Bucket, Key: `size/${size}` }));
    assert.equal(head.ContentLength, size);
    for (const answer of [put, got, head]) {
      assert.deepEqual(
        [answer.ServerSideEncryption, answer.SSEKMSKeyId, answer.BucketKeyEnabled],
        ["aws:kms:dsse", keyArn, undefined],
      );
    }
  });
}

test("ranges reach through both layers, across chunks of either", async () => {
  const body = bytesOf(4 * CHUNK + 100, 77);
  await s3.send(new PutObjectCommand({ Bucket, Key: "ranged", Body: body, ...DSSE }));
  for (const [start, end] of [
    [0, 0],
    [CHUNK - 40, CHUNK + 40],
    [CHUNK, CHUNK],
    [2 * CHUNK - 200, 3 * CHUNK + 200],
    [4 * CHUNK, 4 * CHUNK + 99],
  ] as const) {
    const got = await s3.send(new GetObjectCommand({ Bucket, Key: "ranged", Range: `bytes=${start}-${end}` }));
    assertBytes(await bodyOf(got), body.subarray(start, end + 1), `${start}-${end}`);
  }
});

test("no bucket key, even where header or setting ask for one", async () => {
  const configured = await world.bucket("dsse-default");
  const Rules = [
    {
      ApplyServerSideEncryptionByDefault: { SSEAlgorithm: "aws:kms:dsse" as const, KMSMasterKeyID: keyArn },
      BucketKeyEnabled: true,
    },
  ];
  await s3.send(new PutBucketEncryptionCommand({ Bucket: configured, ServerSideEncryptionConfiguration: { Rules } }));
  const put = await s3.send(new PutObjectCommand({ Bucket: configured, Key: "k", Body: "x" }));
  assert.deepEqual([put.ServerSideEncryption, put.SSEKMSKeyId, put.BucketKeyEnabled], ["aws:kms:dsse", keyArn, undefined]);
  assert.equal((await bodyOf(await s3.send(new GetObjectCommand({ Bucket: configured, Key: "k" })))).toString(), "x");
});

test("without a key id it is the managed key; copies go in and out", async () => {
  const put = await s3.send(new PutObjectCommand({ Bucket, Key: "managed", Body: "abc", ServerSideEncryption: "aws:kms:dsse" }));
  assert.match(put.SSEKMSKeyId ?? "", /:key\//);
  const single = await s3.send(
    new CopyObjectCommand({
      Bucket,
      Key: "single",
      CopySource: `${Bucket}/managed`,
      ServerSideEncryption: "aws:kms",
      SSEKMSKeyId: keyArn,
    }),
  );
  assert.equal(single.ServerSideEncryption, "aws:kms");
  const twice = await s3.send(new CopyObjectCommand({ Bucket, Key: "twice", CopySource: `${Bucket}/single`, ...DSSE }));
  assert.equal(twice.ServerSideEncryption, "aws:kms:dsse");
  assert.equal((await bodyOf(await s3.send(new GetObjectCommand({ Bucket, Key: "twice" })))).toString(), "abc");
});

test("a disabled key closes the object and opens it again; permissions are those of SSE-KMS", async () => {
  await s3.send(new PutObjectCommand({ Bucket, Key: "state", Body: "abc", ...DSSE }));
  const nobody = await world.user("nobody", [S3_ALL]);
  assert.equal((await failure(nobody.s3.send(new GetObjectCommand({ Bucket, Key: "state" })))).status, 403);
  assert.equal((await failure(nobody.s3.send(new PutObjectCommand({ Bucket, Key: "state", Body: "x", ...DSSE })))).status, 403);
  await kms.send(new DisableKeyCommand({ KeyId: keyArn }));
  const read = await failure(s3.send(new GetObjectCommand({ Bucket, Key: "state" })));
  assert.deepEqual([read.code, read.status, read.message], ["KMS.DisabledException", 400, `${keyArn} is disabled.`]);
  assert.equal(
    (await failure(s3.send(new PutObjectCommand({ Bucket, Key: "state2", Body: "x", ...DSSE })))).code,
    "KMS.DisabledException",
  );
  await kms.send(new EnableKeyCommand({ KeyId: keyArn }));
  assert.equal((await bodyOf(await s3.send(new GetObjectCommand({ Bucket, Key: "state" })))).toString(), "abc");
});
