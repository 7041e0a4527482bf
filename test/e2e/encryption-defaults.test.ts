/**
 * Default encryption of buckets: its configuration as a document, precedence, and the traps. Source: S3 encryption
 * reference §2, §9.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { DescribeKeyCommand } from "@aws-sdk/client-kms";
import {
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateMultipartUploadCommand,
  DeleteBucketEncryptionCommand,
  GetBucketEncryptionCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutBucketEncryptionCommand,
  PutObjectCommand,
  UploadPartCommand,
  type ServerSideEncryptionRule,
} from "@aws-sdk/client-s3";
import { failure, s3Client } from "./server.js";
import { AWAY, AWAY_ROOT, bodyOf, openWorld, S3_ALL, withBody, withHeaders } from "./world.js";

const world = await openWorld({ flags: ["--sse-c-on-new-buckets", "allow"] });
const { s3, kms } = world;
const keyArn = await world.key();
const otherArn = await world.key();
const put = (Bucket: string, ...Rules: ServerSideEncryptionRule[]) =>
  s3.send(new PutBucketEncryptionCommand({ Bucket, ServerSideEncryptionConfiguration: { Rules } }));
const get = async (Bucket: string) =>
  (await s3.send(new GetBucketEncryptionCommand({ Bucket }))).ServerSideEncryptionConfiguration?.Rules;

test("a bucket never configured answers one AES256 rule with BucketKeyEnabled false", async () => {
  const Bucket = await world.bucket("fresh");
  assert.deepEqual(await get(Bucket), [
    { ApplyServerSideEncryptionByDefault: { SSEAlgorithm: "AES256" }, BucketKeyEnabled: false },
  ]);
});

for (const [what, rule, shown] of [
  ["AES256", { ApplyServerSideEncryptionByDefault: { SSEAlgorithm: "AES256" } }, { BucketKeyEnabled: false }],
  ["aws:kms without a key", { ApplyServerSideEncryptionByDefault: { SSEAlgorithm: "aws:kms" } }, { BucketKeyEnabled: false }],
  [
    "aws:kms with an ARN and bucket key",
    { ApplyServerSideEncryptionByDefault: { SSEAlgorithm: "aws:kms", KMSMasterKeyID: keyArn }, BucketKeyEnabled: true },
    {},
  ],
  [
    "aws:kms with an id",
    {
      ApplyServerSideEncryptionByDefault: { SSEAlgorithm: "aws:kms", KMSMasterKeyID: keyArn.split("/")[1] },
      BucketKeyEnabled: false,
    },
    {},
  ],
  [
    "aws:kms with an alias",
    {
      ApplyServerSideEncryptionByDefault: { SSEAlgorithm: "aws:kms", KMSMasterKeyID: "alias/whatever" },
      BucketKeyEnabled: false,
    },
    {},
  ],
  [
    "DSSE",
    { ApplyServerSideEncryptionByDefault: { SSEAlgorithm: "aws:kms:dsse", KMSMasterKeyID: keyArn }, BucketKeyEnabled: false },
    {},
  ],
  [
    "a block of SSE-C",
    {
      ApplyServerSideEncryptionByDefault: { SSEAlgorithm: "AES256" },
      BucketKeyEnabled: false,
      BlockedEncryptionTypes: { EncryptionType: ["SSE-C"] },
    },
    {},
  ],
  [
    "no block",
    {
      ApplyServerSideEncryptionByDefault: { SSEAlgorithm: "AES256" },
      BucketKeyEnabled: false,
      BlockedEncryptionTypes: { EncryptionType: ["NONE"] },
    },
    {},
  ],
] as const) {
  test(`PutBucketEncryption with ${what} is returned exactly as set`, async () => {
    const Bucket = await world.bucket("exact");
    await put(Bucket, rule as unknown as ServerSideEncryptionRule);
    assert.deepEqual(await get(Bucket), [{ ...shown, ...rule }]);
  });
}

test("the key id is not validated when set; the failure comes with the upload", async () => {
  const Bucket = await world.bucket("later");
  await put(Bucket, { ApplyServerSideEncryptionByDefault: { SSEAlgorithm: "aws:kms", KMSMasterKeyID: "fake-key-id" } });
  const error = await failure(s3.send(new PutObjectCommand({ Bucket, Key: "k", Body: "x" })));
  assert.deepEqual(error, { code: "KMS.NotFoundException", status: 400, message: "Invalid keyId 'fake-key-id'" });
});

test("rules: none, two or an unknown algorithm are MalformedXML; AES256 with a key id is InvalidArgument", async () => {
  const Bucket = await world.bucket("rules");
  const rule = { ApplyServerSideEncryptionByDefault: { SSEAlgorithm: "AES256" as const } };
  for (const rules of [[], [rule, rule]]) {
    const error = await failure(put(Bucket, ...rules));
    assert.deepEqual([error.code, error.status], ["MalformedXML", 400], String(rules.length));
  }
  const keyed = await failure(
    put(Bucket, { ApplyServerSideEncryptionByDefault: { SSEAlgorithm: "AES256", KMSMasterKeyID: keyArn } }),
  );
  assert.deepEqual(keyed, {
    code: "InvalidArgument",
    status: 400,
    message: "a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms or aws:kms:dsse",
  });
  const unknown = await failure(put(Bucket, { ApplyServerSideEncryptionByDefault: { SSEAlgorithm: "AES512" as "AES256" } }));
  assert.deepEqual([unknown.code, unknown.status], ["MalformedXML", 400]);
  assert.deepEqual(await get(Bucket), [
    { ApplyServerSideEncryptionByDefault: { SSEAlgorithm: "AES256" }, BucketKeyEnabled: false },
  ]);
});

test("a body without Content-MD5 or checksum is refused", async () => {
  const Bucket = await world.bucket("nosum");
  const body = `<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>AES256</SSEAlgorithm></ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>`;
  const Rules = [{ ApplyServerSideEncryptionByDefault: { SSEAlgorithm: "AES256" as const } }];
  const command = withBody(new PutBucketEncryptionCommand({ Bucket, ServerSideEncryptionConfiguration: { Rules } }), body);
  const error = await failure(s3.send(command));
  assert.deepEqual([error.code, error.status], ["InvalidRequest", 400]);
});

test("DeleteBucketEncryption is 204, idempotent, and resets to SSE-S3, for new objects too", async () => {
  const Bucket = await world.bucket("reset");
  await put(Bucket, { ApplyServerSideEncryptionByDefault: { SSEAlgorithm: "aws:kms", KMSMasterKeyID: keyArn } });
  for (let time = 0; time < 2; time++) {
    assert.equal((await s3.send(new DeleteBucketEncryptionCommand({ Bucket }))).$metadata.httpStatusCode, 204);
  }
  const rules = await get(Bucket);
  assert.equal(rules?.[0]?.ApplyServerSideEncryptionByDefault?.SSEAlgorithm, "AES256");
  const stored = await s3.send(new PutObjectCommand({ Bucket, Key: "k", Body: "x" }));
  assert.deepEqual([stored.ServerSideEncryption, stored.SSEKMSKeyId], ["AES256", undefined]);
});

const SSE = "x-amz-server-side-encryption";
const customer = Buffer.alloc(32, 5);
const CUSTOMER = {
  [`${SSE}-customer-algorithm`]: "AES256",
  [`${SSE}-customer-key`]: customer.toString("base64"),
  [`${SSE}-customer-key-md5`]: createHash("md5").update(customer).digest("base64"),
};
const DEFAULTS: Readonly<Record<string, ServerSideEncryptionRule>> = {
  "SSE-S3": { ApplyServerSideEncryptionByDefault: { SSEAlgorithm: "AES256" } },
  "aws/s3": { ApplyServerSideEncryptionByDefault: { SSEAlgorithm: "aws:kms" } },
  "own key": { ApplyServerSideEncryptionByDefault: { SSEAlgorithm: "aws:kms", KMSMasterKeyID: keyArn }, BucketKeyEnabled: true },
  "own key, DSSE": { ApplyServerSideEncryptionByDefault: { SSEAlgorithm: "aws:kms:dsse", KMSMasterKeyID: keyArn } },
};
const managedArn = async (): Promise<string | undefined> =>
  (await kms.send(new DescribeKeyCommand({ KeyId: "alias/aws/s3" }))).KeyMetadata?.Arn;

for (const [name, rule] of Object.entries(DEFAULTS)) {
  test(`precedence over default ${name}: SSE-C, then the header, then the default; PUT, copy and multipart alike`, async () => {
    const managed = await managedArn();
    const Bucket = await world.bucket("precedence");
    await put(Bucket, rule);
    await s3.send(new PutObjectCommand({ Bucket, Key: "source", Body: "source", ServerSideEncryption: "AES256" }));
    const fallback = rule.ApplyServerSideEncryptionByDefault;
    const kmsKey = fallback?.SSEAlgorithm === "AES256" ? undefined : (fallback?.KMSMasterKeyID ?? managed);
    // A request without key headers takes the rule's bucket key; DSSE has none.
    const flag = rule.BucketKeyEnabled === true ? true : undefined;
    const rows: readonly (readonly [string, Record<string, string>, readonly unknown[]])[] = [
      ["no header", {}, [fallback?.SSEAlgorithm, kmsKey, flag]],
      ["AES256", { [SSE]: "AES256" }, ["AES256", undefined, undefined]],
      ["aws:kms and another key", { [SSE]: "aws:kms", [`${SSE}-aws-kms-key-id`]: otherArn }, ["aws:kms", otherArn, flag]],
      ["aws:kms without a key id is aws/s3, not the default's key", { [SSE]: "aws:kms" }, ["aws:kms", managed, flag]],
      ["aws:kms:dsse without a key id is aws/s3", { [SSE]: "aws:kms:dsse" }, ["aws:kms:dsse", managed, undefined]],
      ["SSE-C", CUSTOMER, [undefined, undefined, undefined]],
    ];
    for (const [what, headers, expected] of rows) {
      const { ServerSideEncryption, SSEKMSKeyId, BucketKeyEnabled } = await s3.send(
        withHeaders(new PutObjectCommand({ Bucket, Key: "k", Body: "x" }), headers),
      );
      assert.deepEqual([ServerSideEncryption, SSEKMSKeyId, BucketKeyEnabled], expected, `PUT, ${what}`);
      const copied = await s3.send(
        withHeaders(new CopyObjectCommand({ Bucket, Key: "c", CopySource: `${Bucket}/source` }), headers),
      );
      assert.deepEqual([copied.ServerSideEncryption, copied.SSEKMSKeyId, copied.BucketKeyEnabled], expected, `copy, ${what}`);
      const upload = await s3.send(withHeaders(new CreateMultipartUploadCommand({ Bucket, Key: "m" }), headers));
      assert.deepEqual(
        [upload.ServerSideEncryption, upload.SSEKMSKeyId, upload.BucketKeyEnabled],
        expected,
        `multipart, ${what}`,
      );
      const head = await s3.send(withHeaders(new HeadObjectCommand({ Bucket, Key: "k" }), what === "SSE-C" ? CUSTOMER : {}));
      assert.deepEqual([head.ServerSideEncryption, head.SSEKMSKeyId, head.BucketKeyEnabled], expected, `HEAD, ${what}`);
    }
  });
}

test("a key header on a bucket whose default key differs: the header's key; changing the default changes no object", async () => {
  const Bucket = await world.bucket("change");
  await put(Bucket, DEFAULTS["own key"] ?? {});
  await s3.send(new PutObjectCommand({ Bucket, Key: "old", Body: "old" }));
  await put(Bucket, { ApplyServerSideEncryptionByDefault: { SSEAlgorithm: "aws:kms", KMSMasterKeyID: otherArn } });
  const old = await s3.send(new GetObjectCommand({ Bucket, Key: "old" }));
  assert.deepEqual([(await bodyOf(old)).toString(), old.SSEKMSKeyId, old.BucketKeyEnabled], ["old", keyArn, true]);
  const fresh = await s3.send(new PutObjectCommand({ Bucket, Key: "new", Body: "new" }));
  assert.deepEqual([fresh.SSEKMSKeyId, fresh.BucketKeyEnabled], [otherArn, undefined]);
});

test("an upload keeps the encryption it began with, whatever the default becomes", async () => {
  const Bucket = await world.bucket("upload");
  await put(Bucket, DEFAULTS["own key"] ?? {});
  const { UploadId } = await s3.send(new CreateMultipartUploadCommand({ Bucket, Key: "k" }));
  await s3.send(new DeleteBucketEncryptionCommand({ Bucket }));
  const part = await s3.send(new UploadPartCommand({ Bucket, Key: "k", UploadId, PartNumber: 1, Body: "x" }));
  const done = await s3.send(
    new CompleteMultipartUploadCommand({
      Bucket,
      Key: "k",
      UploadId,
      MultipartUpload: { Parts: [{ PartNumber: 1, ETag: part.ETag }] },
    }),
  );
  for (const answer of [part, done, await s3.send(new HeadObjectCommand({ Bucket, Key: "k" }))]) {
    assert.deepEqual([answer.ServerSideEncryption, answer.SSEKMSKeyId, answer.BucketKeyEnabled], ["aws:kms", keyArn, true]);
  }
});

test("copy onto itself without any header is allowed where the bucket has an explicit configuration", async () => {
  const Bucket = await world.bucket("inplace");
  await s3.send(new PutObjectCommand({ Bucket, Key: "k", Body: "x" }));
  const copy = () => s3.send(new CopyObjectCommand({ Bucket, Key: "k", CopySource: `${Bucket}/k` }));
  assert.equal((await failure(copy())).code, "InvalidRequest");
  await put(Bucket, DEFAULTS["own key"] ?? {});
  assert.equal((await copy()).SSEKMSKeyId, keyArn);
});

test("a key id in the default, and the managed key, are those of the requester's account", async () => {
  const Bucket = await world.bucket("who");
  const visitor = s3Client(world.server, { credentials: AWAY_ROOT });
  await world.policy(Bucket, [
    {
      Effect: "Allow",
      Principal: { AWS: AWAY },
      Action: "s3:*",
      Resource: [`arn:aws:s3:::${Bucket}`, `arn:aws:s3:::${Bucket}/*`],
    },
  ]);
  const id = keyArn.split("/")[1] ?? "";
  await put(Bucket, { ApplyServerSideEncryptionByDefault: { SSEAlgorithm: "aws:kms", KMSMasterKeyID: id } });
  const write = (client = s3, input: { ServerSideEncryption?: "aws:kms" } = {}) =>
    client.send(new PutObjectCommand({ Bucket, Key: "k", Body: "x", ...input }));
  assert.equal((await write()).SSEKMSKeyId, keyArn);
  const theirs = await failure(write(visitor));
  assert.deepEqual(theirs, {
    code: "KMS.NotFoundException",
    status: 400,
    message: `Key 'arn:aws:kms:us-east-1:${AWAY}:key/${id}' does not exist`,
  });
  const managed = await write(visitor, { ServerSideEncryption: "aws:kms" });
  assert.match(managed.SSEKMSKeyId ?? "", new RegExp(`^arn:aws:kms:us-east-1:${AWAY}:key/`));
  assert.equal(
    (await failure(s3.send(new GetObjectCommand({ Bucket, Key: "k" })))).status,
    403,
    "another account's aws/s3 opens to nobody else",
  );
  await put(Bucket, { ApplyServerSideEncryptionByDefault: { SSEAlgorithm: "AES256" } });
  await write(visitor);
  assert.equal(
    (await bodyOf(await s3.send(new GetObjectCommand({ Bucket, Key: "k" })))).toString(),
    "x",
    "the bucket's owner owns what visitors store",
  );
});

test("reading and setting need their own permissions", async () => {
  const Bucket = await world.bucket("rights");
  const person = await world.user("config", [S3_ALL, { Effect: "Deny", Action: "s3:PutEncryptionConfiguration", Resource: "*" }]);
  const Rules = [{ ApplyServerSideEncryptionByDefault: { SSEAlgorithm: "AES256" as const } }];
  const change = () => person.s3.send(new PutBucketEncryptionCommand({ Bucket, ServerSideEncryptionConfiguration: { Rules } }));
  assert.equal((await failure(change())).status, 403);
  assert.equal((await failure(person.s3.send(new DeleteBucketEncryptionCommand({ Bucket })))).status, 403);
  await person.s3.send(new GetBucketEncryptionCommand({ Bucket }));
  await world.allow(person.name, [{ Effect: "Allow", Action: "s3:PutEncryptionConfiguration", Resource: "*" }]);
  await change();
  assert.equal((await failure(person.s3.send(new GetBucketEncryptionCommand({ Bucket })))).status, 403);
});
