/**
 * The audit log: one CloudTrail-shaped line a call, S3's KMS calls included; no secret in it or in any log. Source: KMS
 * reference §17.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { CreateAccessKeyCommand, CreateUserCommand } from "@aws-sdk/client-iam";
import { DecryptCommand, DisableKeyCommand, EncryptCommand, GenerateDataKeyCommand } from "@aws-sdk/client-kms";
import {
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import { auditLines, filesWith, type AuditLine } from "./disk.js";
import { failure, ROOT, s3Client } from "./server.js";
import { ACCOUNT, AWAY, AWAY_ROOT, bodyOf, bytesOf, CHUNK, openWorld, S3_ALL, unique } from "./world.js";

const world = await openWorld({ disk: true, flags: ["--sse-c-on-new-buckets", "allow", "--log-level", "debug"] });
const { s3, kms, iam } = world;
const Bucket = await world.bucket("audit");
const keyArn = await world.key();

/** Lines of calls written while `work` ran; what KMS does by itself (the house key of SSE-S3 is made once) is no call. */
async function during(work: () => Promise<unknown>): Promise<AuditLine[]> {
  const before = new Set(auditLines(world.server).map(({ eventID, errorCode }) => `${eventID} ${errorCode}`));
  await work();
  return auditLines(world.server).filter(
    ({ eventID, errorCode, eventType }) => eventType === "AwsApiCall" && !before.has(`${eventID} ${errorCode}`),
  );
}
const names = (lines: readonly AuditLine[]): string[] =>
  lines.map(({ eventSource, eventName }) => `${eventSource.split(".")[0]}:${eventName}`);

test("a refused call of a stranger, signed or not, names the object and the bucket's owner", async () => {
  await s3.send(new PutObjectCommand({ Bucket, Key: "closed", Body: "x" }));
  const stranger = s3Client(world.server, { credentials: AWAY_ROOT });
  for (const work of [
    () => failure(stranger.send(new GetObjectCommand({ Bucket, Key: "closed" }))),
    () => fetch(`${world.server.httpUrl}/${Bucket}/closed`),
  ]) {
    const [line, ...more] = await during(work);
    assert.deepEqual([line?.errorCode, more.length], ["AccessDenied", 0]);
    assert.deepEqual(
      line?.resources?.map(({ ARN, accountId }) => [ARN, accountId]),
      [[`arn:aws:s3:::${Bucket}/closed`, undefined], [`arn:aws:s3:::${Bucket}`, ACCOUNT]],
    );
  }
  stranger.destroy();
});

test("an SSE-KMS PUT and GET: S3's line and its KMS line, joined by the request id, with key, context and caller", async () => {
  const person = await world.user("alice", [S3_ALL, { Effect: "Allow", Action: "kms:*", Resource: "*" }]);
  for (const [work, s3Name, kmsName] of [
    [
      () =>
        person.s3.send(
          new PutObjectCommand({ Bucket, Key: "k", Body: "x", ServerSideEncryption: "aws:kms", SSEKMSKeyId: keyArn }),
        ),
      "PutObject",
      "GenerateDataKey",
    ],
    [() => person.s3.send(new GetObjectCommand({ Bucket, Key: "k" })).then(bodyOf), "GetObject", "Decrypt"],
  ] as const) {
    const lines = await during(work);
    assert.deepEqual(names(lines).sort(), [`kms:${kmsName}`, `s3:${s3Name}`]);
    const [kmsLine, s3Line] = [
      lines.find(({ eventName }) => eventName === kmsName),
      lines.find(({ eventName }) => eventName === s3Name),
    ];
    assert.ok(kmsLine !== undefined && s3Line !== undefined);
    assert.deepEqual(
      [s3Line.userIdentity.type, s3Line.userIdentity.arn, s3Line.userIdentity.userName, s3Line.userIdentity.accessKeyId],
      ["IAMUser", person.arn, person.name, person.credentials.accessKeyId],
    );
    assert.deepEqual([s3Line.requestParameters?.["bucketName"], s3Line.requestParameters?.["key"]], [Bucket, "k"]);
    assert.deepEqual([s3Line.awsRegion, s3Line.sourceIPAddress], ["us-east-1", "127.0.0.1"]);
    assert.match(s3Line.userAgent, /aws-sdk-js/);
    assert.deepEqual(
      [kmsLine.userIdentity.arn, kmsLine.userIdentity.invokedBy, kmsLine.sourceIPAddress, kmsLine.userAgent],
      [person.arn, "s3.amazonaws.com", "s3.amazonaws.com", "s3.amazonaws.com"],
    );
    assert.deepEqual(kmsLine.requestParameters?.["encryptionContext"], { "aws:s3:arn": `arn:aws:s3:::${Bucket}/k` });
    assert.equal(kmsLine.resources?.[0]?.ARN, keyArn);
    assert.equal(kmsLine.additionalEventData?.["s3RequestId"], s3Line.requestID);
    assert.match(String(kmsLine.additionalEventData?.["keyMaterialId"]), /^[0-9a-f]{64}$/);
  }
});

test("SSE-S3 has no KMS line; a bucket key has one for many objects; DSSE two layers, told by its lines", async () => {
  const plain = await during(() => s3.send(new PutObjectCommand({ Bucket, Key: "plain", Body: "x" })));
  assert.deepEqual(names(plain), ["s3:PutObject"]);
  const many = await during(async () => {
    for (let at = 0; at < 10; at++)
      await s3.send(
        new PutObjectCommand({
          Bucket,
          Key: `bk/${at}`,
          Body: "x",
          ServerSideEncryption: "aws:kms",
          SSEKMSKeyId: keyArn,
          BucketKeyEnabled: true,
        }),
      );
    for (let at = 0; at < 10; at++) await s3.send(new GetObjectCommand({ Bucket, Key: `bk/${at}` })).then(bodyOf);
  });
  const kmsLines = many.filter(({ eventSource }) => eventSource === "kms.amazonaws.com");
  assert.equal(many.length - kmsLines.length, 20);
  assert.ok(kmsLines.length >= 1 && kmsLines.length <= 2, `${kmsLines.length} KMS calls for twenty uses`);
  for (const line of kmsLines)
    assert.deepEqual(line.requestParameters?.["encryptionContext"], { "aws:s3:arn": `arn:aws:s3:::${Bucket}` });
  const dsse = await during(() =>
    s3.send(new PutObjectCommand({ Bucket, Key: "dsse", Body: "x", ServerSideEncryption: "aws:kms:dsse", SSEKMSKeyId: keyArn })),
  );
  assert.ok(names(dsse).filter((name) => name === "kms:GenerateDataKey").length >= 1);
});

test("direct KMS calls: read-only, algorithm and context shown, plaintext and ciphertext never", async () => {
  const lines = await during(async () => {
    const { CiphertextBlob } = await kms.send(
      new EncryptCommand({ KeyId: keyArn, Plaintext: Buffer.from("kms-plaintext-canary"), EncryptionContext: { team: "red" } }),
    );
    await kms.send(new DecryptCommand({ CiphertextBlob, EncryptionContext: { team: "red" } }));
    await kms.send(new GenerateDataKeyCommand({ KeyId: keyArn, KeySpec: "AES_256" }));
  });
  assert.deepEqual(names(lines), ["kms:Encrypt", "kms:Decrypt", "kms:GenerateDataKey"]);
  for (const line of lines) {
    assert.equal(line.readOnly, true);
    assert.equal(line.resources?.[0]?.ARN, keyArn);
    assert.equal(line.userIdentity.type, "Root");
  }
  for (const line of lines.slice(0, 2)) {
    assert.equal(line.requestParameters?.["encryptionAlgorithm"], "SYMMETRIC_DEFAULT");
    assert.deepEqual(line.requestParameters?.["encryptionContext"], { team: "red" });
  }
});

test("failures have their lines, with code and message; a denial names its reason", async () => {
  const nobody = await world.user("nobody");
  const lines = await during(async () => {
    await failure(s3.send(new GetObjectCommand({ Bucket, Key: "absent" })));
    await failure(nobody.s3.send(new GetObjectCommand({ Bucket, Key: "k" })));
    await failure(kms.send(new EncryptCommand({ KeyId: "fake-key-id", Plaintext: Buffer.from("x") })));
  });
  assert.deepEqual(
    lines.map(({ errorCode }) => errorCode),
    ["NoSuchKey", "AccessDenied", "NotFoundException"],
  );
  assert.ok(lines[1]?.additionalEventData?.["denial"] !== undefined);
  assert.equal(lines[2]?.errorMessage, "Invalid keyId 'fake-key-id'");
  const disabled = await world.key();
  await s3.send(new PutObjectCommand({ Bucket, Key: "off", Body: "x", ServerSideEncryption: "aws:kms", SSEKMSKeyId: disabled }));
  await kms.send(new DisableKeyCommand({ KeyId: disabled }));
  const refused = await during(() => failure(s3.send(new GetObjectCommand({ Bucket, Key: "off" }))));
  assert.deepEqual(refused.map(({ eventName, errorCode }) => `${eventName} ${errorCode}`).sort(), [
    "Decrypt DisabledException",
    "GetObject KMS.DisabledException",
  ]);
});

test("every call has one line; a presigned one and a batch delete too", async () => {
  const url = await getSignedUrl(s3, new GetObjectCommand({ Bucket, Key: "plain" }));
  for (const [work, expected] of [
    [() => s3.send(new HeadObjectCommand({ Bucket, Key: "plain" })), ["s3:HeadObject"]],
    [() => s3.send(new ListObjectsV2Command({ Bucket })), ["s3:ListObjectsV2"]],
    [() => fetch(url).then((answer) => answer.text()), ["s3:GetObject"]],
    [
      () => s3.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects: [{ Key: "plain" }, { Key: "absent" }] } })),
      ["s3:DeleteObjects"],
    ],
    [() => iam.send(new CreateUserCommand({ UserName: unique("u") })), ["iam:CreateUser"]],
  ] as const) {
    assert.deepEqual(names(await during(work)), expected);
  }
});

test("lines are numbered without gaps, with ids of their own; times are UTC seconds", async () => {
  const lines = auditLines(world.server);
  assert.ok(lines.length > 30, `${lines.length} lines`);
  assert.deepEqual(
    lines.map(({ sequence }) => sequence),
    lines.map((_, at) => at),
  );
  for (const { eventTime, eventID } of lines) {
    assert.match(eventTime, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    assert.match(eventID, /^[0-9a-f-]{36}$/);
  }
});

test("no secret is on disk or in a log: not in data, database, audit, stdout or stderr, whatever was sent how", async () => {
  const canary = (name: string): string => `canary-${name}-7f3a9c51`;
  const customer = createHash("sha256").update("customer").digest();
  const C = { SSECustomerAlgorithm: "AES256", SSECustomerKey: customer.toString("base64") } as const;
  const sse = { ServerSideEncryption: "aws:kms", SSEKMSKeyId: keyArn } as const;
  const body = (name: string, size: number): Buffer =>
    Buffer.concat([Buffer.from(canary(name)), bytesOf(size), Buffer.from(canary(name))]);
  const plain = body("body", 100);
  for (const [at, input] of [
    {},
    sse,
    { ...sse, BucketKeyEnabled: true },
    { ...sse, ServerSideEncryption: "aws:kms:dsse" as const },
    C,
  ].entries()) {
    for (const size of [10, 2 * CHUNK]) {
      await s3.send(
        new PutObjectCommand({
          Bucket,
          Key: `secret/${at}/${size}`,
          Body: body("body", size),
          Metadata: { m: canary("metadata") },
          Tagging: `t=${canary("tag")}`,
          ...input,
        }),
      );
    }
    await failure(s3.send(new PutObjectCommand({ Bucket: "no-such-bucket-here", Key: "k", Body: plain, ...input })));
  }
  const { UploadId } = await s3.send(
    new CreateMultipartUploadCommand({ Bucket, Key: "secret/parts", Metadata: { m: canary("metadata") }, ...sse }),
  );
  const part = await s3.send(
    new UploadPartCommand({ Bucket, Key: "secret/parts", UploadId, PartNumber: 1, Body: body("body", CHUNK) }),
  );
  await s3.send(new UploadPartCommand({ Bucket, Key: "secret/parts", UploadId, PartNumber: 2, Body: body("body", 10) }));
  await s3.send(
    new CompleteMultipartUploadCommand({
      Bucket,
      Key: "secret/parts",
      UploadId,
      MultipartUpload: { Parts: [{ PartNumber: 1, ETag: part.ETag }] },
    }),
  );
  await failure(
    s3.send(new GetObjectCommand({ Bucket, Key: "secret/4/10", ...C, SSECustomerKey: Buffer.alloc(32, 1).toString("base64") })),
  );
  await s3.send(new GetObjectCommand({ Bucket, Key: "secret/4/10", ...C })).then(bodyOf);
  const { AccessKey } = await iam.send(new CreateAccessKeyCommand({ UserName: (await world.user("holder")).name }));
  const dataKey = await kms.send(new GenerateDataKeyCommand({ KeyId: keyArn, KeySpec: "AES_256" }));
  const etag = createHash("md5").update(plain).digest();
  await s3.send(new PutObjectCommand({ Bucket, Key: "secret/md5", Body: plain }));
  await new Promise((resolve) => setTimeout(resolve, 300));
  const needles: Readonly<Record<string, Buffer | string>> = {
    body: canary("body"),
    metadata: canary("metadata"),
    tag: canary("tag"),
    "KMS plaintext": "kms-plaintext-canary",
    "customer key": customer,
    "customer key in base64": customer.toString("base64"),
    "customer key's MD5": createHash("md5").update(customer).digest("base64"),
    "root secret": ROOT.secretAccessKey,
    "a user's secret": AccessKey?.SecretAccessKey ?? "?",
    "a data key": Buffer.from(dataKey.Plaintext ?? []),
    "a data key in base64": Buffer.from(dataKey.Plaintext ?? []).toString("base64"),
    "an MD5": etag,
    "an MD5 in hex": etag.toString("hex"),
  };
  for (const [name, needle] of Object.entries(needles)) {
    assert.deepEqual(filesWith(`${world.server.directory}/data`, needle), [], `${name} on disk`);
    assert.ok(
      !world.server.stdout().includes(needle.toString()) && !world.server.stderr().includes(needle.toString()),
      `${name} in a log`,
    );
  }
  const bytes = filesWith(`${world.server.directory}/data`, Bucket);
  assert.ok(bytes.length > 0, "names, which are not secret, are found: the search works");
});

test("every line names the account of its caller", () => {
  for (const { userIdentity } of auditLines(world.server)) {
    if (userIdentity.type !== "Root" && userIdentity.type !== "IAMUser") continue;
    assert.equal(userIdentity.accountId, userIdentity.accessKeyId === AWAY_ROOT.accessKeyId ? AWAY : ACCOUNT);
  }
});
