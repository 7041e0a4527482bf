/**
 * SSE-KMS and SSE-C over clear HTTP: refused as on AWS, except between loopback addresses without forwarding headers, and
 * from networks that the operator named; who may say that TLS ended before. Source: S3 encryption reference §7, §15.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  CopyObjectCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
  type S3Client,
} from "@aws-sdk/client-s3";
import { failure } from "./server.js";
import { bodyOf, openWorld, withHeaders, type World } from "./world.js";

const KMS_TEXT = "Requests specifying Server Side Encryption with AWS KMS managed keys must be made over a secure connection";
const C_TEXT = "Requests specifying Server Side Encryption with Customer provided keys must be made over a secure connection.";
const C = { SSECustomerAlgorithm: "AES256", SSECustomerKey: Buffer.alloc(32, 1).toString("base64") } as const;
/** Says that someone else stands behind this loopback connection. */
const FORWARDED = { "x-forwarded-for": "203.0.113.9" };
const allow = ["--sse-c-on-new-buckets", "allow"];

interface Prepared {
  readonly world: World;
  readonly Bucket: string;
}
async function prepare(flags: readonly string[]): Promise<Prepared> {
  const world = await openWorld({ flags: [...allow, ...flags] });
  const Bucket = await world.bucket("transport");
  await world.s3.send(new PutObjectCommand({ Bucket, Key: "kms", Body: "kms", ServerSideEncryption: "aws:kms" }));
  await world.s3.send(new PutObjectCommand({ Bucket, Key: "c", Body: "c", ...C }));
  await world.s3.send(new PutObjectCommand({ Bucket, Key: "plain", Body: "plain" }));
  return { world, Bucket };
}
const kmsCalls = (Bucket: string) => [
  () => new PutObjectCommand({ Bucket, Key: "new", Body: "x", ServerSideEncryption: "aws:kms" }),
  () => new PutObjectCommand({ Bucket, Key: "new", Body: "x", ServerSideEncryption: "aws:kms:dsse" }),
  () => new GetObjectCommand({ Bucket, Key: "kms" }),
  () => new CopyObjectCommand({ Bucket, Key: "new", CopySource: `${Bucket}/plain`, ServerSideEncryption: "aws:kms" }),
  () => new CreateMultipartUploadCommand({ Bucket, Key: "new", ServerSideEncryption: "aws:kms" }),
];
const cCalls = (Bucket: string) => [
  () => new PutObjectCommand({ Bucket, Key: "new", Body: "x", ...C }),
  () => new GetObjectCommand({ Bucket, Key: "c", ...C }),
  () => new CopyObjectCommand({ Bucket, Key: "new", CopySource: `${Bucket}/plain`, ...C }),
  () => new CreateMultipartUploadCommand({ Bucket, Key: "new", ...C }),
];
const send = (client: S3Client, make: () => unknown, headers: Readonly<Record<string, string>>) =>
  client.send(withHeaders(make(), headers) as GetObjectCommand);

const aws = await prepare([]);

test("a local client uses SSE-KMS and SSE-C over http", async () => {
  const { world, Bucket } = aws;
  for (const make of [...kmsCalls(Bucket), ...cCalls(Bucket)]) await send(world.s3, make, {});
});

for (const [what, headers] of [
  ["X-Forwarded-For", FORWARDED],
  ["Forwarded", { forwarded: "for=203.0.113.9" }],
  ["a forged X-Forwarded-Proto", { ...FORWARDED, "x-forwarded-proto": "https" }],
] as const) {
  test(`over http with ${what}, from no trusted proxy: SSE-KMS and SSE-C are refused, SSE-S3 is not`, async () => {
    const { world, Bucket } = aws;
    for (const make of kmsCalls(Bucket))
      assert.deepEqual(await failure(send(world.s3, make, headers)), { code: "InvalidArgument", status: 400, message: KMS_TEXT });
    for (const make of cCalls(Bucket))
      assert.deepEqual(await failure(send(world.s3, make, headers)), { code: "InvalidRequest", status: 400, message: C_TEXT });
    await send(world.s3, () => new GetObjectCommand({ Bucket, Key: "plain" }), headers);
    await send(world.s3, () => new PutObjectCommand({ Bucket, Key: "plain", Body: "plain" }), headers);
    for (const make of [...kmsCalls(Bucket), ...cCalls(Bucket)]) await send(world.s3tls, make, headers);
  });
}

test("--insecure-sse-from names a network that may; the start announces it", async () => {
  const { world, Bucket } = await prepare(["--insecure-sse-from", "127.0.0.0/8"]);
  for (const make of [...kmsCalls(Bucket), ...cCalls(Bucket)]) await send(world.s3, make, FORWARDED);
  assert.match(world.server.stdout() + world.server.stderr(), /insecure-sse-from|clear HTTP/i);
});

test("a trusted proxy's https is TLS, for SSE and aws:SecureTransport; its client's address is aws:SourceIp", async () => {
  const { world, Bucket } = await prepare(["--trusted-proxies", "127.0.0.0/8"]);
  const https = { ...FORWARDED, "x-forwarded-proto": "https" };
  for (const make of [...kmsCalls(Bucket), ...cCalls(Bucket)]) await send(world.s3, make, https);
  for (const proto of [{}, { "x-forwarded-proto": "http" }, { "x-forwarded-proto": "HTTPS,http" }]) {
    for (const make of kmsCalls(Bucket))
      assert.equal((await failure(send(world.s3, make, { ...FORWARDED, ...proto }))).message, KMS_TEXT);
  }
  const objects = `arn:aws:s3:::${Bucket}/*`;
  await world.policy(Bucket, [
    {
      Effect: "Deny",
      Principal: "*",
      Action: "s3:*",
      Resource: objects,
      Condition: { Bool: { "aws:SecureTransport": "false" } },
    },
  ]);
  const head = () => new HeadObjectCommand({ Bucket, Key: "plain" });
  await send(world.s3, head, https);
  assert.equal((await failure(send(world.s3, head, {}))).status, 403);
  assert.equal((await failure(send(world.s3, head, { "x-forwarded-proto": "http" }))).status, 403);
  await world.policy(Bucket, [
    {
      Effect: "Deny",
      Principal: "*",
      Action: "s3:GetObject",
      Resource: objects,
      Condition: { IpAddress: { "aws:SourceIp": "203.0.113.0/24" } },
    },
  ]);
  assert.equal((await failure(send(world.s3, head, https))).status, 403);
  await send(world.s3, head, { "x-forwarded-for": "203.0.113.9, 198.51.100.7" });
  await send(world.s3, head, {});
});

test("from anyone else X-Forwarded-For says nothing about aws:SourceIp", async () => {
  const { world, Bucket } = aws;
  await world.policy(Bucket, [
    {
      Effect: "Deny",
      Principal: "*",
      Action: "s3:GetObject",
      Resource: `arn:aws:s3:::${Bucket}/*`,
      Condition: { NotIpAddress: { "aws:SourceIp": "203.0.113.0/24" } },
    },
  ]);
  assert.equal((await failure(send(world.s3, () => new GetObjectCommand({ Bucket, Key: "plain" }), FORWARDED))).status, 403);
  await world.policy(Bucket, [
    {
      Effect: "Deny",
      Principal: "*",
      Action: "s3:GetObject",
      Resource: `arn:aws:s3:::${Bucket}/*`,
      Condition: { IpAddress: { "aws:SourceIp": "203.0.113.0/24" } },
    },
  ]);
  await bodyOf((await send(world.s3, () => new GetObjectCommand({ Bucket, Key: "plain" }), FORWARDED)) as never);
});
