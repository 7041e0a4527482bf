/**
 * SSE-S3 and SSE-KMS through the AWS SDK: what goes back in headers, how keys may be named, which encryption context KMS
 * sees, who needs which permission, and the errors of keys that are not there. Source: S3 encryption reference §1–§7.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { CreateAliasCommand, DescribeKeyCommand, GetKeyPolicyCommand, ListAliasesCommand } from "@aws-sdk/client-kms";
import {
  CopyObjectCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
} from "@aws-sdk/client-s3";
import { failure, kmsClient, s3Client } from "./server.js";
import {
  ACCOUNT,
  accountStatement,
  AWAY,
  AWAY_ROOT,
  assertBytes,
  bodyOf,
  bytesOf,
  CHUNK,
  KMS_ALL,
  openWorld,
  S3_ALL,
  withHeaders,
} from "./world.js";

const world = await openWorld();
const { s3, s3tls, kms } = world;
const Bucket = await world.bucket("kms");
const keyArn = await world.key();
const keyId = keyArn.split("/")[1] ?? "";
const alias = "alias/for-s3";
await kms.send(new CreateAliasCommand({ AliasName: alias, TargetKeyId: keyId }));
const aliasArn = `arn:aws:kms:us-east-1:${ACCOUNT}:${alias}`;
const HEX = /^"[0-9a-f]{32}"$/;

for (const size of [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK + 1]) {
  for (const [scheme, client] of [
    ["http", s3],
    ["https", s3tls],
  ] as const) {
    test(`SSE-KMS: ${size} bytes over ${scheme} come back; ARN and mode are shown; the ETag is no MD5`, async () => {
      const Key = `kms/${scheme}/${size}`;
      const body = bytesOf(size, size + 1);
      const put = await client.send(
        new PutObjectCommand({ Bucket, Key, Body: body, ServerSideEncryption: "aws:kms", SSEKMSKeyId: keyId }),
      );
      const got = await client.send(new GetObjectCommand({ Bucket, Key }));
      assertBytes(await bodyOf(got), body);
      const head = await client.send(new HeadObjectCommand({ Bucket, Key }));
      for (const answer of [put, got, head]) {
        assert.deepEqual(
          [answer.ServerSideEncryption, answer.SSEKMSKeyId, answer.BucketKeyEnabled],
          ["aws:kms", keyArn, undefined],
        );
        assert.equal(answer.ETag, put.ETag);
      }
      assert.match(put.ETag ?? "", HEX);
      assert.notEqual(put.ETag, `"${createHash("md5").update(body).digest("hex")}"`);
      const again = await client.send(
        new PutObjectCommand({ Bucket, Key, Body: body, ServerSideEncryption: "aws:kms", SSEKMSKeyId: keyId }),
      );
      assert.notEqual(again.ETag, put.ETag, "differs on every write of the same data");
    });
  }
}

test("ranges of an SSE-KMS object across chunks", async () => {
  const body = bytesOf(3 * CHUNK + 9, 5);
  await s3.send(new PutObjectCommand({ Bucket, Key: "ranged", Body: body, ServerSideEncryption: "aws:kms", SSEKMSKeyId: keyId }));
  for (const [start, end] of [
    [0, 0],
    [CHUNK - 1, CHUNK],
    [CHUNK, 2 * CHUNK - 1],
    [2 * CHUNK + 1, 3 * CHUNK + 8],
  ] as const) {
    const got = await s3.send(new GetObjectCommand({ Bucket, Key: "ranged", Range: `bytes=${start}-${end}` }));
    assertBytes(await bodyOf(got), body.subarray(start, end + 1));
    assert.equal(got.SSEKMSKeyId, keyArn);
  }
});

for (const [form, name] of [
  ["key id", keyId],
  ["key ARN", keyArn],
  ["alias", alias],
  ["alias ARN", aliasArn],
] as const) {
  test(`a key named by its ${form} is shown as key ARN`, async () => {
    const put = await s3.send(
      new PutObjectCommand({ Bucket, Key: form, Body: "x", ServerSideEncryption: "aws:kms", SSEKMSKeyId: name }),
    );
    assert.equal(put.SSEKMSKeyId, keyArn);
    const got = await s3.send(new GetObjectCommand({ Bucket, Key: form }));
    assert.equal((await bodyOf(got)).toString(), "x");
    assert.equal(got.SSEKMSKeyId, keyArn);
  });
}

test("SSE-S3 shows AES256 and no key; lists show no encryption at all", async () => {
  const put = await s3.send(new PutObjectCommand({ Bucket, Key: "list/one", Body: "x", ServerSideEncryption: "AES256" }));
  assert.deepEqual([put.ServerSideEncryption, put.SSEKMSKeyId, put.BucketKeyEnabled], ["AES256", undefined, undefined]);
  const wire = await world.wire().send({ method: "GET", path: `/${Bucket}`, query: { "list-type": "2", prefix: "list/" } });
  assert.doesNotMatch(wire.body.toString(), /encryption|AES256|aws:kms/i);
  await s3.send(new ListObjectsV2Command({ Bucket, Prefix: "list/" }));
});

test("aws:kms without a key id makes and uses the managed key aws/s3", async () => {
  const managed = await world.bucket("managed");
  const put = await s3.send(new PutObjectCommand({ Bucket: managed, Key: "k", Body: "x", ServerSideEncryption: "aws:kms" }));
  assert.match(put.SSEKMSKeyId ?? "", new RegExp(`^arn:aws:kms:us-east-1:${ACCOUNT}:key/`));
  const { KeyMetadata } = await kms.send(new DescribeKeyCommand({ KeyId: "alias/aws/s3" }));
  assert.equal(KeyMetadata?.Arn, put.SSEKMSKeyId);
  assert.equal(KeyMetadata?.KeyManager, "AWS");
  assert.equal(KeyMetadata?.Description, "Default key that protects my S3 objects when no other key is defined");
  const { Policy } = await kms.send(new GetKeyPolicyCommand({ KeyId: KeyMetadata?.KeyId }));
  assert.equal((JSON.parse(Policy ?? "") as { Id: string }).Id, "auto-s3-2");
  const { Aliases } = await kms.send(new ListAliasesCommand({}));
  assert.equal(Aliases?.find(({ AliasName }) => AliasName === "alias/aws/s3")?.TargetKeyId, KeyMetadata?.KeyId);
  const named = await s3.send(
    new PutObjectCommand({ Bucket: managed, Key: "n", Body: "x", ServerSideEncryption: "aws:kms", SSEKMSKeyId: "alias/aws/s3" }),
  );
  assert.equal(named.SSEKMSKeyId, put.SSEKMSKeyId);
  assert.equal((await bodyOf(await s3.send(new GetObjectCommand({ Bucket: managed, Key: "n" })))).toString(), "x");
});

test("aws/s3 without alias/ is no key id", async () => {
  const error = await failure(
    s3.send(new PutObjectCommand({ Bucket, Key: "k", Body: "x", ServerSideEncryption: "aws:kms", SSEKMSKeyId: "aws/s3" })),
  );
  assert.deepEqual([error.code, error.status, error.message], ["KMS.NotFoundException", 400, "Invalid keyId 'aws/s3'"]);
});

const ABSENT = "12345678-1234-1234-1234-123456789012";
const absentArn = `arn:aws:kms:us-east-1:${ACCOUNT}:key/${ABSENT}`;
for (const [what, name, message] of [
  ["malformed id", "fake-key-id", "Invalid keyId 'fake-key-id'"],
  ["absent id", ABSENT, `Key '${absentArn}' does not exist`],
  ["absent ARN", absentArn, `Key '${absentArn}' does not exist`],
  ["ARN of another region", `arn:aws:kms:eu-west-1:${ACCOUNT}:key/${ABSENT}`, "Invalid arn eu-west-1"],
  ["absent alias", "alias/absent", `Alias arn:aws:kms:us-east-1:${ACCOUNT}:alias/absent is not found.`],
] as const) {
  test(`PUT and copy with a key that is not there (${what}): KMS.NotFoundException, and no object`, async () => {
    await s3.send(new PutObjectCommand({ Bucket, Key: "source", Body: "x" }));
    for (const command of [
      new PutObjectCommand({ Bucket, Key: "none", Body: "x", ServerSideEncryption: "aws:kms", SSEKMSKeyId: name }),
      new PutObjectCommand({ Bucket, Key: "none", Body: bytesOf(CHUNK * 2), ServerSideEncryption: "aws:kms", SSEKMSKeyId: name }),
      new CopyObjectCommand({
        Bucket,
        Key: "none",
        CopySource: `${Bucket}/source`,
        ServerSideEncryption: "aws:kms",
        SSEKMSKeyId: name,
      }),
    ]) {
      const error = await failure(s3.send(command as PutObjectCommand));
      assert.deepEqual([error.code, error.status, error.message], ["KMS.NotFoundException", 400, message]);
    }
    assert.equal((await failure(s3.send(new HeadObjectCommand({ Bucket, Key: "none" })))).status, 404);
  });
}

const STRAY = "Server Side Encryption with AWS KMS managed key requires HTTP header x-amz-server-side-encryption : aws:kms";
for (const [what, headers, message] of [
  ["a key id without an algorithm", { "x-amz-server-side-encryption-aws-kms-key-id": keyId }, STRAY],
  [
    "AES256 with a key id",
    { "x-amz-server-side-encryption": "AES256", "x-amz-server-side-encryption-aws-kms-key-id": keyId },
    STRAY,
  ],
  ["an unknown algorithm", { "x-amz-server-side-encryption": "AES192" }, "The encryption method specified is not supported"],
  ["aws:KMS in capitals", { "x-amz-server-side-encryption": "aws:KMS" }, "The encryption method specified is not supported"],
  [
    "aws:fsx on a general purpose bucket",
    { "x-amz-server-side-encryption": "aws:fsx" },
    "The encryption method specified is not supported",
  ],
  [
    "an unknown algorithm with a key id",
    { "x-amz-server-side-encryption": "bogus", "x-amz-server-side-encryption-aws-kms-key-id": keyId },
    "The encryption method specified is not supported",
  ],
] as const) {
  test(`${what}: 400 InvalidArgument on PUT and copy`, async () => {
    await s3.send(new PutObjectCommand({ Bucket, Key: "source", Body: "x" }));
    for (const command of [
      new PutObjectCommand({ Bucket, Key: "bad", Body: "x" }),
      new CopyObjectCommand({ Bucket, Key: "bad", CopySource: `${Bucket}/source` }),
    ]) {
      const error = await failure(s3.send(withHeaders(command as PutObjectCommand, headers)));
      assert.deepEqual([error.code, error.status, error.message], ["InvalidArgument", 400, message]);
    }
    assert.equal((await failure(s3.send(new HeadObjectCommand({ Bucket, Key: "bad" })))).status, 404);
  });
}

test("SSE headers of writes are refused on GET and HEAD", async () => {
  await s3.send(new PutObjectCommand({ Bucket, Key: "source", Body: "x" }));
  const headers = { "x-amz-server-side-encryption": "AES256" };
  const get = await failure(s3.send(withHeaders(new GetObjectCommand({ Bucket, Key: "source" }), headers)));
  assert.deepEqual(
    [get.code, get.status, get.message],
    ["InvalidArgument", 400, "x-amz-server-side-encryption header is not supported for this operation."],
  );
  assert.equal((await failure(s3.send(withHeaders(new HeadObjectCommand({ Bucket, Key: "source" }), headers)))).status, 400);
});

const context = (pairs: unknown): string => Buffer.from(JSON.stringify(pairs)).toString("base64");
const S3_USE = ["kms:GenerateDataKey", "kms:Decrypt"];

test("without a bucket key KMS sees the object's ARN and the caller's pairs as encryption context", async () => {
  const pinned = await world.key({
    Version: "2012-10-17",
    Statement: [
      { Effect: "Allow", Principal: { AWS: `arn:aws:iam::${ACCOUNT}:root` }, NotAction: S3_USE, Resource: "*" },
      {
        Effect: "Allow",
        Principal: { AWS: "*" },
        Action: S3_USE,
        Resource: "*",
        Condition: {
          StringEquals: {
            "kms:EncryptionContext:aws:s3:arn": `arn:aws:s3:::${Bucket}/pinned`,
            "kms:EncryptionContext:project": "x",
            "kms:ViaService": "s3.us-east-1.amazonaws.com",
            "kms:CallerAccount": ACCOUNT,
          },
        },
      },
    ],
  });
  const SSEKMSEncryptionContext = context({ project: "x" });
  const input = { Bucket, Body: "x", ServerSideEncryption: "aws:kms", SSEKMSKeyId: pinned } as const;
  const put = await s3.send(new PutObjectCommand({ ...input, Key: "pinned", SSEKMSEncryptionContext }));
  assert.equal(put.SSEKMSEncryptionContext, SSEKMSEncryptionContext, "the caller's context is echoed");
  assert.equal(
    (await bodyOf(await s3.send(new GetObjectCommand({ Bucket, Key: "pinned" })))).toString(),
    "x",
    "a read sends the stored context",
  );
  const own = context({ project: "x", "aws:s3:arn": `arn:aws:s3:::${Bucket}/pinned` });
  await s3.send(new PutObjectCommand({ ...input, Key: "pinned", SSEKMSEncryptionContext: own }));
  for (const refused of [
    new PutObjectCommand({ ...input, Key: "other", SSEKMSEncryptionContext }),
    new PutObjectCommand({ ...input, Key: "pinned" }),
    new PutObjectCommand({ ...input, Key: "pinned", SSEKMSEncryptionContext: context({ project: "y" }) }),
    new PutObjectCommand({ ...input, Key: "pinned", SSEKMSEncryptionContext, BucketKeyEnabled: true }),
  ]) {
    const error = await failure(s3.send(refused));
    assert.deepEqual([error.code, error.status], ["AccessDenied", 403]);
    assert.match(
      error.message,
      /^User: arn:aws:iam::000000000000:root is not authorized to perform: kms:GenerateDataKey on resource: arn:aws:kms:/,
    );
  }
});

test("a context that is no base64 of a JSON string map, or names another aws:s3:arn, is InvalidArgument", async () => {
  const bad = [
    "{}",
    "%%%",
    Buffer.from("not json").toString("base64"),
    context([1]),
    context({ a: 1 }),
    context("a"),
    context({ "aws:s3:arn": "arn:aws:s3:::other/key" }),
  ];
  for (const SSEKMSEncryptionContext of bad) {
    const error = await failure(
      s3.send(new PutObjectCommand({ Bucket, Key: "ctx", Body: "x", ServerSideEncryption: "aws:kms", SSEKMSEncryptionContext })),
    );
    assert.deepEqual([error.code, error.status], ["InvalidArgument", 400], SSEKMSEncryptionContext);
  }
});

test("a copy takes nothing of the source's encryption: neither key nor context", async () => {
  const SSEKMSEncryptionContext = context({ project: "x" });
  await s3.send(
    new PutObjectCommand({
      Bucket,
      Key: "cs",
      Body: "abc",
      ServerSideEncryption: "aws:kms",
      SSEKMSKeyId: keyId,
      SSEKMSEncryptionContext,
    }),
  );
  const plain = await s3.send(new CopyObjectCommand({ Bucket, Key: "cd", CopySource: `${Bucket}/cs` }));
  assert.deepEqual(
    [plain.ServerSideEncryption, plain.SSEKMSKeyId, plain.SSEKMSEncryptionContext],
    ["AES256", undefined, undefined],
  );
  assert.equal(
    plain.CopyObjectResult?.ETag,
    `"${createHash("md5").update("abc").digest("hex")}"`,
    "SSE-S3 brings the MD5 ETag back",
  );
  const kept = await s3.send(
    new CopyObjectCommand({ Bucket, Key: "cd", CopySource: `${Bucket}/cs`, ServerSideEncryption: "aws:kms", SSEKMSKeyId: alias }),
  );
  assert.deepEqual([kept.ServerSideEncryption, kept.SSEKMSKeyId], ["aws:kms", keyArn]);
  assert.equal((await bodyOf(await s3.send(new GetObjectCommand({ Bucket, Key: "cd" })))).toString(), "abc");
});

test("copy in place from one encryption to the other: SSE headers make it legal", async () => {
  await s3.send(new PutObjectCommand({ Bucket, Key: "inplace", Body: "abc" }));
  const copy = { Bucket, Key: "inplace", CopySource: `${Bucket}/inplace` };
  const up = await s3.send(new CopyObjectCommand({ ...copy, ServerSideEncryption: "aws:kms", SSEKMSKeyId: keyId }));
  assert.equal(up.SSEKMSKeyId, keyArn);
  const down = await s3.send(new CopyObjectCommand({ ...copy, ServerSideEncryption: "AES256" }));
  assert.equal(down.CopyObjectResult?.ETag, `"${createHash("md5").update("abc").digest("hex")}"`);
  assert.equal((await bodyOf(await s3.send(new GetObjectCommand({ Bucket, Key: "inplace" })))).toString(), "abc");
});

test("the caller's own KMS permissions count: GenerateDataKey to write, Decrypt to read, none else", async () => {
  const person = await world.user("kms-user", [S3_ALL]);
  const write = () =>
    person.s3.send(new PutObjectCommand({ Bucket, Key: "mine", Body: "x", ServerSideEncryption: "aws:kms", SSEKMSKeyId: keyId }));
  const read = () => person.s3.send(new GetObjectCommand({ Bucket, Key: "mine" }));
  const denied = await failure(write());
  assert.deepEqual([denied.code, denied.status], ["AccessDenied", 403]);
  assert.equal(
    denied.message,
    `User: ${person.arn} is not authorized to perform: kms:GenerateDataKey on resource: ${keyArn} because no identity-based policy allows the kms:GenerateDataKey action`,
  );
  await world.allow(person.name, [S3_ALL, { Effect: "Allow", Action: "kms:GenerateDataKey", Resource: keyArn }]);
  await write();
  const unread = await failure(read());
  assert.deepEqual([unread.code, unread.status], ["AccessDenied", 403]);
  assert.match(unread.message, /is not authorized to perform: kms:Decrypt on resource: /);
  await person.s3.send(new HeadObjectCommand({ Bucket, Key: "mine" }));
  await world.allow(person.name, [S3_ALL, { Effect: "Allow", Action: ["kms:GenerateDataKey", "kms:Decrypt"], Resource: keyArn }]);
  assert.equal((await bodyOf(await read())).toString(), "x");
  await world.allow(person.name, [S3_ALL]);
  await person.s3.send(new ListObjectsV2Command({ Bucket }));
  await person.s3.send(new DeleteObjectCommand({ Bucket, Key: "mine" }));
});

test("HEAD in checksum mode needs GenerateDataKey and Decrypt", async () => {
  await s3.send(
    new PutObjectCommand({
      Bucket,
      Key: "headsum",
      Body: "x",
      ServerSideEncryption: "aws:kms",
      SSEKMSKeyId: keyId,
      ChecksumAlgorithm: "SHA256",
    }),
  );
  const person = await world.user("head-user", [S3_ALL]);
  await person.s3.send(new HeadObjectCommand({ Bucket, Key: "headsum" }));
  assert.equal(
    (await failure(person.s3.send(new HeadObjectCommand({ Bucket, Key: "headsum", ChecksumMode: "ENABLED" })))).status,
    403,
  );
  await world.allow(person.name, [S3_ALL, KMS_ALL]);
  assert.ok(
    (await person.s3.send(new HeadObjectCommand({ Bucket, Key: "headsum", ChecksumMode: "ENABLED" }))).ChecksumSHA256 !==
      undefined,
  );
});

test("another account's key: by ARN, with the key policy's and the caller's consent; never by id; never its aws/s3", async () => {
  const theirs = kmsClient(world.server, { credentials: AWAY_ROOT });
  const closed = await world.key(undefined, theirs);
  const put = (SSEKMSKeyId: string) =>
    s3.send(new PutObjectCommand({ Bucket, Key: "cross", Body: "x", ServerSideEncryption: "aws:kms", SSEKMSKeyId }));
  const refused = await failure(put(closed));
  assert.deepEqual([refused.code, refused.status], ["AccessDenied", 403]);
  assert.equal(
    (await failure(put(closed.split("/")[1] ?? ""))).code,
    "KMS.NotFoundException",
    "an id is looked up in the caller's account",
  );
  const open = await world.key(
    {
      Version: "2012-10-17",
      Statement: [accountStatement(AWAY), { Effect: "Allow", Principal: { AWS: ACCOUNT }, Action: S3_USE, Resource: "*" }],
    },
    theirs,
  );
  assert.equal((await put(open)).SSEKMSKeyId, open);
  assert.equal((await bodyOf(await s3.send(new GetObjectCommand({ Bucket, Key: "cross" })))).toString(), "x");
  const theirS3 = s3Client(world.server, { credentials: AWAY_ROOT });
  const theirBucket = await world.bucket("theirs", {}, theirS3);
  const managed = await theirS3.send(
    new PutObjectCommand({ Bucket: theirBucket, Key: "k", Body: "x", ServerSideEncryption: "aws:kms" }),
  );
  assert.equal((await failure(put(managed.SSEKMSKeyId ?? ""))).status, 403);
});
