/**
 * S3 bucket keys: the flag, the bucket's ARN as context, and permission and state asked for on every hit. Source: S3
 * encryption reference §3.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  CopyObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutBucketEncryptionCommand,
  PutObjectCommand,
} from "@aws-sdk/client-s3";
import { failure } from "./server.js";
import { ACCOUNT, assertBytes, bodyOf, bytesOf, CHUNK, openWorld, S3_ALL } from "./world.js";

const world = await openWorld();
const { s3 } = world;
const keyArn = await world.key();
const on = await world.bucket("bucket-key-on");
const off = await world.bucket("bucket-key-off");
const KMS = { SSEAlgorithm: "aws:kms", KMSMasterKeyID: keyArn } as const;
const setDefault = (Bucket: string, BucketKeyEnabled: boolean) =>
  s3.send(
    new PutBucketEncryptionCommand({
      Bucket,
      ServerSideEncryptionConfiguration: { Rules: [{ ApplyServerSideEncryptionByDefault: KMS, BucketKeyEnabled }] },
    }),
  );
await setDefault(on, true);
await setDefault(off, false);

for (const [Bucket, header, expected] of [
  [on, undefined, true],
  [on, true, true],
  [on, false, undefined],
  [off, undefined, undefined],
  [off, true, true],
  [off, false, undefined],
] as const) {
  const setting = Bucket === on ? "on" : "off";
  test(`setting ${setting}, header ${String(header)}: PUT, GET and HEAD say ${String(expected)}`, async () => {
    const Key = `flag/${String(header)}`;
    const body = bytesOf(CHUNK + 1, 3);
    const flag = header === undefined ? {} : { BucketKeyEnabled: header };
    const put = await s3.send(new PutObjectCommand({ Bucket, Key, Body: body, ...flag }));
    const got = await s3.send(new GetObjectCommand({ Bucket, Key }));
    assertBytes(await bodyOf(got), body);
    const head = await s3.send(new HeadObjectCommand({ Bucket, Key }));
    for (const answer of [put, got, head]) {
      assert.deepEqual([answer.ServerSideEncryption, answer.SSEKMSKeyId, answer.BucketKeyEnabled], ["aws:kms", keyArn, expected]);
    }
  });
}

test("an explicit key header on a bucket without the setting gives no bucket key", async () => {
  const Bucket = await world.bucket("explicit");
  const put = await s3.send(
    new PutObjectCommand({ Bucket, Key: "k", Body: "x", ServerSideEncryption: "aws:kms", SSEKMSKeyId: keyArn }),
  );
  assert.equal(put.BucketKeyEnabled, undefined);
});

test("a copy does not carry the source's flag; it asks again or takes the destination's setting", async () => {
  await s3.send(new PutObjectCommand({ Bucket: on, Key: "src", Body: "abc" }));
  const plain = await s3.send(new CopyObjectCommand({ Bucket: off, Key: "dst", CopySource: `${on}/src` }));
  assert.equal(plain.BucketKeyEnabled, undefined);
  const asked = await s3.send(
    new CopyObjectCommand({ Bucket: off, Key: "dst", CopySource: `${on}/src`, BucketKeyEnabled: true }),
  );
  assert.equal(asked.BucketKeyEnabled, true);
  const inherited = await s3.send(new CopyObjectCommand({ Bucket: on, Key: "dst", CopySource: `${off}/dst` }));
  assert.equal(inherited.BucketKeyEnabled, true);
  assert.equal((await bodyOf(await s3.send(new GetObjectCommand({ Bucket: on, Key: "dst" })))).toString(), "abc");
});

test("under a bucket key KMS sees the bucket's ARN: a key policy pinned to object ARNs stops matching", async () => {
  const pin = (arn: string) => ({
    Version: "2012-10-17",
    Statement: [
      {
        Effect: "Allow",
        Principal: { AWS: `arn:aws:iam::${ACCOUNT}:root` },
        NotAction: ["kms:GenerateDataKey", "kms:Decrypt"],
        Resource: "*",
      },
      {
        Effect: "Allow",
        Principal: { AWS: "*" },
        Action: ["kms:GenerateDataKey", "kms:Decrypt"],
        Resource: "*",
        Condition: { StringLike: { "kms:EncryptionContext:aws:s3:arn": arn } },
      },
    ],
  });
  const Bucket = await world.bucket("pinned");
  const object = await world.key(pin(`arn:aws:s3:::${Bucket}/*`));
  const bucket = await world.key(pin(`arn:aws:s3:::${Bucket}`));
  const put = (SSEKMSKeyId: string, BucketKeyEnabled: boolean) =>
    s3.send(
      new PutObjectCommand({ Bucket, Key: "k", Body: "x", ServerSideEncryption: "aws:kms", SSEKMSKeyId, BucketKeyEnabled }),
    );
  await put(object, false);
  await s3.send(new GetObjectCommand({ Bucket, Key: "k" })).then(bodyOf);
  assert.equal((await failure(put(object, true))).code, "AccessDenied");
  await put(bucket, true);
  await s3.send(new GetObjectCommand({ Bucket, Key: "k" })).then(bodyOf);
  assert.equal((await failure(put(bucket, false))).code, "AccessDenied");
});

test("a warm bucket key gives nothing to one who may not use the KMS key", async () => {
  const use = { Effect: "Allow", Action: ["kms:GenerateDataKey", "kms:Decrypt"], Resource: keyArn };
  const trusted = await world.user("trusted", [S3_ALL, use]);
  const stranger = await world.user("stranger", [S3_ALL]);
  for (let at = 0; at < 3; at++) await trusted.s3.send(new PutObjectCommand({ Bucket: on, Key: `warm/${at}`, Body: "x" }));
  await trusted.s3.send(new GetObjectCommand({ Bucket: on, Key: "warm/0" })).then(bodyOf);
  assert.equal((await failure(stranger.s3.send(new GetObjectCommand({ Bucket: on, Key: "warm/0" })))).status, 403);
  assert.equal((await failure(stranger.s3.send(new PutObjectCommand({ Bucket: on, Key: "warm/9", Body: "x" })))).status, 403);
  await world.allow(trusted.name, [S3_ALL]);
  assert.equal(
    (await failure(trusted.s3.send(new GetObjectCommand({ Bucket: on, Key: "warm/0" })))).status,
    403,
    "taken away at once",
  );
  assert.equal((await failure(trusted.s3.send(new PutObjectCommand({ Bucket: on, Key: "warm/1", Body: "y" })))).status, 403);
});

test("what one requester wrote under a bucket key another reads, with the right", async () => {
  const use = { Effect: "Allow", Action: ["kms:GenerateDataKey", "kms:Decrypt"], Resource: keyArn };
  const one = await world.user("one", [S3_ALL, use]);
  const two = await world.user("two", [S3_ALL, use]);
  await one.s3.send(new PutObjectCommand({ Bucket: on, Key: "shared", Body: "from one" }));
  assert.equal((await bodyOf(await two.s3.send(new GetObjectCommand({ Bucket: on, Key: "shared" })))).toString(), "from one");
});
