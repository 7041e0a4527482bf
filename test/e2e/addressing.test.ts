/**
 * How a request finds its service and bucket: path style, virtual hosts of every form, S3 Control, KMS, IAM and STS on one
 * endpoint; operational paths on the service host only. Source: S3 API reference §5.1.
 */
import assert from "node:assert/strict";
import { Agent } from "node:http";
import type { LookupFunction } from "node:net";
import { test } from "node:test";
import {
  ListTagsForResourceCommand,
  S3ControlClient,
  TagResourceCommand,
  UntagResourceCommand,
} from "@aws-sdk/client-s3-control";
import {
  CreateBucketCommand,
  GetObjectCommand,
  ListBucketsCommand,
  PutObjectCommand,
  S3Client,
  GetBucketTaggingCommand,
} from "@aws-sdk/client-s3";
import { ListKeysCommand } from "@aws-sdk/client-kms";
import { ListUsersCommand } from "@aws-sdk/client-iam";
import { GetCallerIdentityCommand } from "@aws-sdk/client-sts";
import { NodeHttpHandler } from "@smithy/node-http-handler";
import { sha256Hex, signHeaders } from "../../src/wire/sign.js";
import { failure, kmsClient, iamClient, ROOT, stsClient } from "./server.js";
import { ACCOUNT, bodyOf, codeOf, openWorld } from "./world.js";

const world = await openWorld({ flags: ["--domain", "s3.example.test"] });
const { s3 } = world;
const port = new URL(world.server.httpUrl).port;
const Bucket = await world.bucket("address");
const Dotted = await world.bucket("with.dots");
await s3.send(new PutObjectCommand({ Bucket, Key: "dir/k", Body: "in the bucket" }));
await s3.send(new PutObjectCommand({ Bucket: Dotted, Key: "dir/k", Body: "in the dotted bucket" }));

/** Signs for any Host and sends to the server, whatever names its certificate has. */
function signed(method: string, target: string, host: string, https: boolean) {
  const signer = { credentials: ROOT, region: "us-east-1", service: "s3", nowMs: Date.now() };
  return world.raw({
    method,
    path: target,
    https,
    headers: signHeaders({ method, target, headers: { host } }, signer, sha256Hex("")),
  });
}

const SUFFIXES = [
  "localhost",
  `localhost:${port}`,
  "s3.amazonaws.com",
  "s3.us-east-1.amazonaws.com",
  "s3-us-east-1.amazonaws.com",
  "s3.dualstack.us-east-1.amazonaws.com",
  "s3.example.test",
  `s3.example.test:${port}`,
];
for (const suffix of SUFFIXES) {
  test(`Host: BUCKET.${suffix.replace(port, "PORT")} is the bucket, on both schemes, dots and capitals included`, async () => {
    for (const https of [false, true]) {
      for (const [name, text] of [
        [Bucket, "in the bucket"],
        [Dotted, "in the dotted bucket"],
      ] as const) {
        const answer = await signed("GET", "/dir/k", `${name}.${suffix}`, https);
        assert.deepEqual([answer.status, answer.text], [200, text], `${name} ${https}`);
        const listed = await signed("GET", "/?list-type=2", `${name}.${suffix}`, https);
        assert.match(listed.text, new RegExp(`<Name>${name}</Name>`));
        assert.equal((await signed("HEAD", "/", `${name}.${suffix}`, https)).status, 200);
      }
      const upper = await signed("GET", "/dir/k", `${Bucket.toUpperCase()}.${suffix}`, https);
      assert.equal(upper.status, 200, "host names have no case");
    }
  });
}

for (const host of [
  "localhost",
  "127.0.0.1",
  "[::1]",
  "s3.amazonaws.com",
  "s3.us-east-1.amazonaws.com",
  "s3.example.test",
  "unknown.example.org",
  "s3.localhost",
]) {
  test(`Host: ${host} is the service: path style`, async () => {
    const answer = await world.wire().send({ method: "GET", path: `/${Bucket}/dir/k`, headers: { host } });
    assert.deepEqual([answer.status, answer.body.toString()], [200, "in the bucket"]);
    const buckets = await world.wire().send({ method: "GET", path: "/", headers: { host } });
    assert.match(buckets.body.toString(), /<ListAllMyBucketsResult/);
  });
}

/** Not every resolver knows that names under localhost are this machine (RFC 6761 §6.3). */
const lookup: LookupFunction = (_host, options, done) =>
  options.all === true ? done(null, [{ address: "127.0.0.1", family: 4 }]) : done(null, "127.0.0.1", 4);
const local = () => ({
  endpoint: `http://localhost:${port}`,
  region: "us-east-1",
  credentials: { ...ROOT },
  requestHandler: new NodeHttpHandler({ httpAgent: new Agent({ lookup, keepAlive: true }) }),
});

test("the SDK in virtual-host style writes and reads through BUCKET.localhost", async () => {
  const client = new S3Client({ ...local(), forcePathStyle: false });
  await client.send(new PutObjectCommand({ Bucket, Key: "virtual", Body: "x" }));
  assert.equal((await bodyOf(await s3.send(new GetObjectCommand({ Bucket, Key: "virtual" })))).toString(), "x");
  const name = `${Bucket}-new`;
  await client.send(new CreateBucketCommand({ Bucket: name }));
  await client.send(new PutObjectCommand({ Bucket: name, Key: "a b/+?", Body: "odd" }));
  assert.equal((await bodyOf(await client.send(new GetObjectCommand({ Bucket: name, Key: "a b/+?" })))).toString(), "odd");
});

test("keys that look like paths are keys on virtual hosts as well", async () => {
  const client = new S3Client({ ...local(), forcePathStyle: false });
  for (const Key of [
    "/",
    "//",
    "/leading",
    "a//b",
    "a/",
    ".",
    "..",
    "../k",
    "a/./b",
    "%2F",
    "-/live",
    "v20180820/tags/x",
    Bucket,
    `${Bucket}/k`,
    "?",
    "#",
    "😀",
  ]) {
    await client.send(new PutObjectCommand({ Bucket, Key, Body: Key }));
    for (const reader of [client, s3]) {
      assert.equal((await bodyOf(await reader.send(new GetObjectCommand({ Bucket, Key })))).toString(), Key, JSON.stringify(Key));
    }
  }
});

test("a virtual host of an absent bucket is NoSuchBucket; the object path never becomes a bucket", async () => {
  const answer = await world
    .wire()
    .send({ method: "GET", path: `/${Bucket}/dir/k`, headers: { host: "no-such-bucket-here.localhost" } });
  assert.deepEqual([answer.status, codeOf(answer.body.toString())], [404, "NoSuchBucket"]);
  const inside = await world.wire().send({ method: "GET", path: `/${Bucket}/dir/k`, headers: { host: `${Bucket}.localhost` } });
  assert.deepEqual([inside.status, codeOf(inside.body.toString())], [404, "NoSuchKey"]);
});

test("KMS, IAM, STS and S3 Control answer on the same endpoint, over http and https", async () => {
  for (const https of [false, true]) {
    await kmsClient(world.server, { https }).send(new ListKeysCommand({}));
    await iamClient(world.server, { https }).send(new ListUsersCommand({}));
    assert.equal(
      (await stsClient(world.server, { https, credentials: ROOT }).send(new GetCallerIdentityCommand({}))).Account,
      ACCOUNT,
    );
    await s3.send(new ListBucketsCommand({}));
  }
});

test("S3 Control tag calls with the account in the header and in the host; the same tags as the bucket's", async () => {
  const ResourceArn = `arn:aws:s3:::${Bucket}`;
  const headers = { "x-amz-account-id": ACCOUNT };
  const control = new S3ControlClient(local());
  await control.send(new TagResourceCommand({ AccountId: ACCOUNT, ResourceArn, Tags: [{ Key: "sdk", Value: "1" }] }));
  assert.deepEqual((await control.send(new ListTagsForResourceCommand({ AccountId: ACCOUNT, ResourceArn }))).Tags, [
    { Key: "sdk", Value: "1" },
  ]);
  await control.send(new UntagResourceCommand({ AccountId: ACCOUNT, ResourceArn, TagKeys: ["sdk"] }));
  const path = `/v20180820/tags/${encodeURIComponent(ResourceArn)}`;
  const body = `<TagResourceRequest xmlns="http://awss3control.amazonaws.com/doc/2018-08-20/"><Tags><Tag><Key>a</Key><Value>b</Value></Tag></Tags></TagResourceRequest>`;
  assert.equal((await world.wire().send({ method: "POST", path, headers, body })).status, 204);
  for (const host of [
    new URL(world.server.httpUrl).host,
    `${ACCOUNT}.localhost:${port}`,
    `${ACCOUNT}.s3-control.us-east-1.amazonaws.com`,
  ]) {
    const answer = await world.wire().send({ method: "GET", path, headers: { ...headers, host } });
    assert.equal(answer.status, 200, `${host}: ${answer.body.toString()}`);
    assert.match(answer.body.toString(), /<Key>a<\/Key><Value>b<\/Value>/);
  }
  assert.deepEqual((await s3.send(new GetBucketTaggingCommand({ Bucket }))).TagSet, [{ Key: "a", Value: "b" }]);
  assert.equal((await world.wire().send({ method: "DELETE", path, query: { tagKeys: "a" }, headers })).status, 204);
  assert.equal((await failure(s3.send(new GetBucketTaggingCommand({ Bucket })))).code, "NoSuchTagSet");
});

test("buckets named like an account id or v20180820 are buckets", async () => {
  for (const name of ["123456789012", "v20180820", ACCOUNT]) {
    await s3.send(new CreateBucketCommand({ Bucket: name }));
    await s3.send(new PutObjectCommand({ Bucket: name, Key: "tags/k", Body: name }));
    assert.equal((await bodyOf(await s3.send(new GetObjectCommand({ Bucket: name, Key: "tags/k" })))).toString(), name);
    const virtual = await world.wire().send({ method: "GET", path: "/tags/k", headers: { host: `${name}.localhost:${port}` } });
    assert.equal(virtual.body.toString(), name);
  }
});

test("/-/live, /-/ready and /-/metrics on the service host; on a bucket's host the same path is a key", async () => {
  for (const https of [false, true]) {
    for (const path of ["/-/live", "/-/ready"])
      assert.equal((await world.raw({ path, https, headers: { host: `127.0.0.1:${port}` } })).status, 200, path);
  }
  const metrics = await world.raw({ path: "/-/metrics", headers: { host: `127.0.0.1:${port}` } });
  assert.match(metrics.text, /^# (HELP|TYPE) /m);
  await s3.send(new PutObjectCommand({ Bucket, Key: "-/live", Body: "a key" }));
  const key = await world.wire().send({ method: "GET", path: "/-/live", headers: { host: `${Bucket}.localhost` } });
  assert.equal(key.body.toString(), "a key");
  assert.equal(
    (await world.raw({ path: "/-/live", headers: { host: `${Bucket}.localhost` } })).status,
    403,
    "and as closed as any",
  );
});

test("every answer, good or bad, carries x-amz-request-id; HEAD errors have no body", async () => {
  const seen = new Set<string>();
  for (const path of ["/", `/${Bucket}`, `/${Bucket}/dir/k`, "/no-such-bucket-here", "/-/live"]) {
    for (const method of ["GET", "HEAD"]) {
      const answer = await world.wire().send({ method, path });
      if (path !== "/-/live") {
        const id = String(answer.headers["x-amz-request-id"]);
        assert.match(id, /^[0-9A-Z]{16}$/, `${method} ${path}`);
        seen.add(id);
      }
      if (method === "HEAD") assert.equal(answer.body.length, 0);
    }
  }
  assert.equal(seen.size, 8);
});
