/**
 * The AWS CLI, v1 and v2 where both are there: default encryption, SSE-S3, SSE-KMS and SSE-C by `s3 cp`, sync, presigned
 * URLs, large files in parts, recursive removal. The bytes are compared, not only the exit codes.
 */
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { HeadObjectCommand, ListMultipartUploadsCommand, type HeadObjectCommandOutput } from "@aws-sdk/client-s3";
import { ROOT } from "../e2e/server.js";
import { assertBytes, openWorld, unique, type World } from "../e2e/world.js";
import { assertTree, TREE, writeTree } from "./files.js";
import { allPrograms, reportMissing, run, scratch, succeed } from "./programs.js";

const home = scratch();
const found = new Map<string, string>();
for (const path of allPrograms("aws")) {
  const { stdout } = await run(path, ["--version"], home);
  const major = /^aws-cli\/(\d)\./.exec(stdout)?.[1];
  if (major !== undefined && !found.has(major)) found.set(major, path);
}

/** Parts of 5 MiB, so that a small file is a large one; v1 still presigns with SigV2 unless told, which AWS has retired. */
const CONFIG = [
  "[default]",
  "region = us-east-1",
  "s3 =",
  "    addressing_style = path",
  "    signature_version = s3v4",
  "    multipart_threshold = 5MB",
  "    multipart_chunksize = 5MB",
  "",
].join("\n");
const CUSTOMER_KEY = Buffer.alloc(32, "customer-key");

const world = found.size > 0 ? await openWorld({ flags: ["--sse-c-on-new-buckets", "allow"] }) : undefined;
if (world !== undefined) {
  mkdirSync(join(home, ".aws"));
  writeFileSync(join(home, ".aws", "config"), CONFIG);
  writeFileSync(join(home, "customer.key"), CUSTOMER_KEY);
  writeFileSync(join(home, "other.key"), Buffer.alloc(32, "another"));
  writeTree(join(home, "tree"));
}
const key = world === undefined ? "" : await world.key();
for (const [version, debianPackage] of [
  ["1", undefined],
  ["2", "awscli"],
] as const) {
  const path = found.get(version);
  if (path === undefined || world === undefined) reportMissing(`AWS CLI v${version}`, debianPackage);
  else testVersion(path, `AWS CLI v${version}`, { server: world.server, s3: world.s3, key });
}

interface Shell {
  readonly bucket: string;
  aws(...args: string[]): Promise<string>;
  refuse(...args: string[]): Promise<string>;
  head(Key: string): Promise<HeadObjectCommandOutput>;
}

function testVersion(
  path: string,
  title: string,
  { server, s3, key }: Pick<World, "server" | "s3"> & { readonly key: string },
): void {
  const bucket = unique("cli");
  const env = { AWS_ACCESS_KEY_ID: ROOT.accessKeyId, AWS_SECRET_ACCESS_KEY: ROOT.secretAccessKey, AWS_CA_BUNDLE: server.caFile };
  const shell: Shell = {
    bucket,
    aws: (...args) => succeed(path, ["--endpoint-url", server.httpsUrl, ...args], home, { env }),
    refuse: async (...args) => {
      const { code, stderr } = await run(path, ["--endpoint-url", server.httpsUrl, ...args], home, { env });
      assert.notEqual(code, 0);
      return stderr;
    },
    head: (Key) => s3.send(new HeadObjectCommand({ Bucket: bucket, Key })),
  };

  defaultEncryption(title, shell, key);
  perObject(title, shell, key);
  customerKeys(title, shell);
  trees(title, shell);

  test(`${title}: a presigned URL reads without credentials until it is changed`, async () => {
    const { stdout } = await run(
      path,
      ["--endpoint-url", server.httpUrl, "s3", "presign", `s3://${bucket}/tree/canary.txt`, "--expires-in", "60"],
      home,
      { env },
    );
    const url = stdout.trim();
    const answer = await fetch(url);
    assertBytes(Buffer.from(await answer.arrayBuffer()), TREE.get("canary.txt") ?? Buffer.alloc(0));
    assert.equal((await fetch(url.replace("canary.txt", "one"))).status, 403);
    assert.equal((await fetch(url.replace("Expires=60", "Expires=61"))).status, 403);
  });

  test(`${title}: s3 rm --recursive leaves nothing, s3 rb removes the bucket`, async () => {
    await shell.aws("s3", "rm", `s3://${bucket}/tree/`, "--recursive");
    assert.doesNotMatch(await shell.aws("s3", "ls", `s3://${bucket}`, "--recursive"), /tree\//);
    const { Uploads = [] } = await s3.send(new ListMultipartUploadsCommand({ Bucket: bucket }));
    assert.deepEqual(Uploads, [], "no upload was left open");
    await shell.aws("s3", "rb", `s3://${bucket}`, "--force");
    assert.doesNotMatch(await shell.aws("s3", "ls"), new RegExp(bucket));
  });
}

function defaultEncryption(title: string, { bucket, aws, head }: Shell, key: string): void {
  test(`${title}: s3 mb, put-bucket-encryption; a copy without any --sse takes the default`, async () => {
    await aws("s3", "mb", `s3://${bucket}`);
    const rule = { ApplyServerSideEncryptionByDefault: { SSEAlgorithm: "aws:kms", KMSMasterKeyID: key }, BucketKeyEnabled: true };
    const put = ["s3api", "put-bucket-encryption", "--bucket", bucket, "--server-side-encryption-configuration"];
    await aws(...put, JSON.stringify({ Rules: [rule] }));
    const shown = JSON.parse(await aws("s3api", "get-bucket-encryption", "--bucket", bucket)) as {
      ServerSideEncryptionConfiguration: { Rules: object[] };
    };
    assert.deepEqual(
      { ...rule, ...shown.ServerSideEncryptionConfiguration.Rules[0] },
      shown.ServerSideEncryptionConfiguration.Rules[0],
    );
    await aws("s3", "cp", "--no-progress", "tree/canary.txt", `s3://${bucket}/default`);
    const { ServerSideEncryption, SSEKMSKeyId, BucketKeyEnabled } = await head("default");
    assert.deepEqual([ServerSideEncryption, SSEKMSKeyId, BucketKeyEnabled], ["aws:kms", key, true]);
    await aws("s3api", "delete-bucket-encryption", "--bucket", bucket);
    await aws("s3", "cp", "--no-progress", "tree/canary.txt", `s3://${bucket}/default`);
    assert.equal((await head("default")).ServerSideEncryption, "AES256");
  });
}

function perObject(title: string, { bucket, aws, head }: Shell, key: string): void {
  const large = TREE.get("large.bin") ?? Buffer.alloc(0);
  const place = `s3://${bucket}/sse/large.bin`;

  test(`${title}: s3 cp --sse in parts; s3 cp --sse aws:kms takes the managed key`, async () => {
    await aws("s3", "cp", "--no-progress", "tree/large.bin", place, "--sse");
    const { ServerSideEncryption, ETag } = await head("sse/large.bin");
    assert.equal(ServerSideEncryption, "AES256");
    assert.match(ETag ?? "", /^"[0-9a-f]{32}-3"$/);
    await aws("s3", "cp", "--no-progress", "tree/chunk+1", `s3://${bucket}/sse/chunk+1`, "--sse", "aws:kms");
    const managed = await head("sse/chunk+1");
    assert.equal(managed.ServerSideEncryption, "aws:kms");
    assert.match(managed.SSEKMSKeyId ?? "", /^arn:aws:kms:us-east-1:000000000000:key\//);
  });

  test(`${title}: s3 cp --sse aws:kms --sse-kms-key-id in parts, up, across and down`, async () => {
    const flags = ["--sse", "aws:kms", "--sse-kms-key-id", key];
    await aws("s3", "cp", "--no-progress", "tree/large.bin", place, ...flags);
    await aws("s3", "cp", "--no-progress", place, `s3://${bucket}/sse/copy`, ...flags);
    for (const name of ["sse/large.bin", "sse/copy"]) {
      const { ServerSideEncryption, SSEKMSKeyId } = await head(name);
      assert.deepEqual([ServerSideEncryption, SSEKMSKeyId], ["aws:kms", key]);
    }
    await aws("s3", "cp", "--no-progress", `s3://${bucket}/sse/copy`, "down");
    assertBytes(readFileSync(join(home, "down")), large);
  });
}

function customerKeys(title: string, { bucket, aws, refuse }: Shell): void {
  test(`${title}: s3 cp --sse-c, in parts: opens with the key only; copied to another key`, async () => {
    const large = TREE.get("large.bin") ?? Buffer.alloc(0);
    const with_ = (file: string): string[] => ["--sse-c", "AES256", "--sse-c-key", `fileb://${file}`];
    const place = `s3://${bucket}/sse-c/large.bin`;
    await aws("s3", "cp", "--no-progress", "tree/large.bin", place, ...with_("customer.key"));
    await aws("s3", "cp", "--no-progress", place, "down", ...with_("customer.key"));
    assertBytes(readFileSync(join(home, "down")), large);
    assert.match(await refuse("s3", "cp", "--no-progress", place, "down"), /\(400\)/);
    assert.match(await refuse("s3", "cp", "--no-progress", place, "down", ...with_("other.key")), /\(403\)/);
    const source = ["--sse-c-copy-source", "AES256", "--sse-c-copy-source-key", "fileb://customer.key"];
    await aws("s3", "cp", "--no-progress", place, `s3://${bucket}/sse-c/copy`, ...source, ...with_("other.key"));
    await aws("s3", "cp", "--no-progress", `s3://${bucket}/sse-c/copy`, "down", ...with_("other.key"));
    assertBytes(readFileSync(join(home, "down")), large);
    await aws("s3", "rm", `s3://${bucket}/sse-c/`, "--recursive");
  });
}

function trees(title: string, { bucket, aws }: Shell): void {
  test(`${title}: s3 sync up and down, nothing to do the second time, --delete`, async () => {
    await aws("s3", "sync", "--no-progress", "tree", `s3://${bucket}/tree`);
    const back = unique("back");
    await aws("s3", "sync", "--no-progress", `s3://${bucket}/tree`, back);
    assertTree(join(home, back));
    assert.equal((await aws("s3", "sync", "--no-progress", "tree", `s3://${bucket}/tree`)).trim(), "");
    await aws("s3", "rm", `s3://${bucket}/tree/one`);
    await aws("s3", "sync", "--no-progress", `s3://${bucket}/tree`, back, "--delete");
    assertTree(join(home, back), new Map([...TREE].filter(([name]) => name !== "one")));
  });

  test(`${title}: s3 cp from and to a pipe`, async () => {
    const text = await aws("s3", "cp", "--no-progress", `s3://${bucket}/tree/canary.txt`, "-");
    assert.equal(text, TREE.get("canary.txt")?.toString());
  });
}
