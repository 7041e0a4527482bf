/**
 * Everything is found again after a restart and after kill -9: objects in every encryption, keys and their states, users,
 * open uploads; and with several workers a change holds at once on all of them.
 */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import {
  CreateAliasCommand,
  DescribeKeyCommand,
  DisableKeyCommand,
  EnableKeyCommand,
  RotateKeyOnDemandCommand,
} from "@aws-sdk/client-kms";
import {
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  GetBucketEncryptionCommand,
  GetBucketPolicyCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectVersionsCommand,
  PutBucketEncryptionCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import { filesBelow } from "./disk.js";
import { failure, kmsClient, s3Client, startServer } from "./server.js";
import { assertBytes, bodyOf, bytesOf, CHUNK, KMS_ALL, openWorld, S3_ALL, World } from "./world.js";

const directory = mkdtempSync(join(tmpdir(), "coffer-e2e-restart-"));
after(() => rmSync(directory, { recursive: true, force: true }));
const SIZES = [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK];

test("a stop and a kill -9 lose nothing that was acknowledged", async () => {
  const options = { disk: true, directory, flags: ["--sse-c-on-new-buckets", "allow"] };
  let world = new World(await startServer(options));
  const Bucket = await world.bucket("restart");
  const key = await world.key();
  await world.kms.send(new CreateAliasCommand({ AliasName: "alias/kept", TargetKeyId: key }));
  const person = await world.user("kept", [S3_ALL, KMS_ALL]);
  const C = { SSECustomerAlgorithm: "AES256", SSECustomerKey: Buffer.alloc(32, 3).toString("base64") } as const;
  const modes = {
    s3: {},
    kms: { ServerSideEncryption: "aws:kms", SSEKMSKeyId: key },
    bk: { ServerSideEncryption: "aws:kms", SSEKMSKeyId: key, BucketKeyEnabled: true },
    dsse: { ServerSideEncryption: "aws:kms:dsse", SSEKMSKeyId: key },
    c: C,
  } as const;
  await world.policy(Bucket, [
    { Effect: "Deny", Principal: "*", Action: "s3:DeleteObject", Resource: `arn:aws:s3:::${Bucket}/*` },
  ]);
  await world.s3.send(
    new PutBucketEncryptionCommand({
      Bucket,
      ServerSideEncryptionConfiguration: {
        Rules: [
          {
            ApplyServerSideEncryptionByDefault: { SSEAlgorithm: "aws:kms", KMSMasterKeyID: key },
            BucketKeyEnabled: true,
            BlockedEncryptionTypes: { EncryptionType: ["NONE"] },
          },
        ],
      },
    }),
  );
  await world.s3.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: "Enabled" } }));
  for (const [mode, sse] of Object.entries(modes)) {
    for (const size of SIZES)
      await world.s3.send(
        new PutObjectCommand({
          Bucket,
          Key: `${mode}/${size}`,
          Body: bytesOf(size, size + 1),
          Metadata: { mode },
          ...(mode === "s3" ? { ServerSideEncryption: "AES256" } : sse),
        }),
      );
  }
  const { UploadId } = await world.s3.send(new CreateMultipartUploadCommand({ Bucket, Key: "upload" }));
  const part = await world.s3.send(
    new UploadPartCommand({ Bucket, Key: "upload", UploadId, PartNumber: 1, Body: bytesOf(2 * CHUNK) }),
  );
  await world.kms.send(new RotateKeyOnDemandCommand({ KeyId: key }));

  const check = async (): Promise<void> => {
    for (const mode of Object.keys(modes)) {
      for (const size of SIZES) {
        const got = await world.s3.send(new GetObjectCommand({ Bucket, Key: `${mode}/${size}`, ...(mode === "c" ? C : {}) }));
        assertBytes(await bodyOf(got), bytesOf(size, size + 1), `${mode} ${size}`);
        assert.deepEqual(got.Metadata, { mode });
      }
    }
    assert.equal((await world.kms.send(new DescribeKeyCommand({ KeyId: "alias/kept" }))).KeyMetadata?.Arn, key);
    const again = s3Client(world.server, { credentials: person.credentials });
    await again.send(new HeadObjectCommand({ Bucket, Key: "s3/1" }));
    assert.match((await world.s3.send(new GetBucketPolicyCommand({ Bucket }))).Policy ?? "", /s3:DeleteObject/);
    assert.equal(
      (await world.s3.send(new GetBucketEncryptionCommand({ Bucket }))).ServerSideEncryptionConfiguration?.Rules?.[0]
        ?.BucketKeyEnabled,
      true,
    );
    assert.equal((await world.s3.send(new ListObjectVersionsCommand({ Bucket }))).Versions?.length, SIZES.length * 5);
  };
  await check();
  assert.equal(await world.server.stop(), 0, "Ctrl-C drains and exits 0");
  world = new World(await startServer(options));
  await check();
  await world.kms.send(new DisableKeyCommand({ KeyId: key }));
  await world.server.kill();
  world = new World(await startServer(options));
  const closed = await failure(world.s3.send(new GetObjectCommand({ Bucket, Key: "kms/1" })));
  assert.equal(closed.code, "KMS.DisabledException", "what was answered before the kill holds after it");
  await world.kms.send(new EnableKeyCommand({ KeyId: key }));
  await check();
  await world.s3.send(
    new CompleteMultipartUploadCommand({
      Bucket,
      Key: "upload",
      UploadId,
      MultipartUpload: { Parts: [{ PartNumber: 1, ETag: part.ETag }] },
    }),
  );
  assertBytes(await bodyOf(await world.s3.send(new GetObjectCommand({ Bucket, Key: "upload" }))), bytesOf(2 * CHUNK));
  await world.server.kill();
});

test("kill -9 in the midst of writes: every acknowledged object is whole, no other half there", async () => {
  const here = mkdtempSync(join(tmpdir(), "coffer-e2e-kill-"));
  after(() => rmSync(here, { recursive: true, force: true }));
  let world = new World(await startServer({ disk: true, directory: here }));
  const Bucket = await world.bucket("killed");
  const acknowledged = new Map<string, number>();
  const size = (at: number): number => (at % 3 === 0 ? 10 : CHUNK + at * 1000);
  const writers = Array.from({ length: 8 }, async (_, writer) => {
    for (let at = 0; ; at++) {
      const Key = `${writer}/${at}`;
      await world.s3.send(new PutObjectCommand({ Bucket, Key, Body: bytesOf(size(at), at + 1) }));
      acknowledged.set(Key, at);
    }
  });
  setTimeout(() => void world.server.kill(), 1500);
  await Promise.allSettled(writers);
  assert.ok(acknowledged.size > 10);
  world = new World(await startServer({ disk: true, directory: here }));
  const { Versions = [] } = await world.s3.send(new ListObjectVersionsCommand({ Bucket, MaxKeys: 1000 }));
  const listed = new Set(Versions.map(({ Key }) => Key));
  if (acknowledged.size < 1000) for (const Key of acknowledged.keys()) assert.ok(listed.has(Key), `${Key} was acknowledged`);
  for (const { Key = "", Size } of Versions) {
    const at = Number(Key.split("/")[1]);
    assert.equal(Size, size(at));
    assertBytes(await bodyOf(await world.s3.send(new GetObjectCommand({ Bucket, Key }))), bytesOf(size(at), at + 1), Key);
  }
  await world.server.kill();
});

test("two workers: a key disabled or a right taken holds on the very next request, whoever answers it", async () => {
  const world = await openWorld({ disk: true, flags: ["--workers", "2"] });
  const Bucket = await world.bucket("workers");
  const key = await world.key();
  const person = await world.user("worker", [S3_ALL, KMS_ALL]);
  /** A client of its own connection each time: spread over the workers. */
  const fresh = () => s3Client(world.server, { credentials: person.credentials });
  const get = () =>
    fresh()
      .send(new GetObjectCommand({ Bucket, Key: "k" }))
      .then(bodyOf);
  await world.s3.send(
    new PutObjectCommand({
      Bucket,
      Key: "k",
      Body: "x",
      ServerSideEncryption: "aws:kms",
      SSEKMSKeyId: key,
      BucketKeyEnabled: true,
    }),
  );
  for (let round = 0; round < 5; round++) {
    await Promise.all(Array.from({ length: 8 }, get));
    await kmsClient(world.server).send(new DisableKeyCommand({ KeyId: key }));
    for (const error of await Promise.all(Array.from({ length: 8 }, () => failure(get()))))
      assert.equal(error.code, "KMS.DisabledException");
    await kmsClient(world.server).send(new EnableKeyCommand({ KeyId: key }));
    await Promise.all(Array.from({ length: 8 }, get));
    await world.allow(person.name, [S3_ALL]);
    for (const error of await Promise.all(Array.from({ length: 8 }, () => failure(get()))))
      assert.equal(error.code, "AccessDenied");
    await world.allow(person.name, [S3_ALL, KMS_ALL]);
  }
});

test("a byte changed on disk is never read as right: the answer is an error or breaks off, in every encryption", async () => {
  const here = mkdtempSync(join(tmpdir(), "coffer-e2e-tamper-"));
  after(() => rmSync(here, { recursive: true, force: true }));
  const world = new World(await startServer({ disk: true, directory: here }));
  const Bucket = await world.bucket("tampered");
  const key = await world.key();
  const modes = [
    {},
    { ServerSideEncryption: "aws:kms", SSEKMSKeyId: key },
    { ServerSideEncryption: "aws:kms:dsse", SSEKMSKeyId: key },
  ] as const;
  for (const [mode, sse] of modes.entries()) {
    const body = bytesOf(4 * CHUNK, mode + 1);
    const before = new Set(blobs(here));
    await world.s3.send(new PutObjectCommand({ Bucket, Key: `k${mode}`, Body: body, ...sse }));
    const [blob] = blobs(here).filter((path) => !before.has(path));
    assert.ok(blob !== undefined, "a large body is a file of its own");
    const sealed = readFileSync(blob);
    assert.ok(sealed.length > body.length && !sealed.includes(body.subarray(0, 64)), "sealed, and longer by its tags");
    for (const at of [0, 100, CHUNK + 500, sealed.length - 1]) {
      const damaged = Buffer.from(sealed);
      damaged[at] = (damaged[at] ?? 0) ^ 1;
      writeFileSync(blob, damaged);
      const read = await world.s3
        .send(new GetObjectCommand({ Bucket, Key: `k${mode}` }))
        .then(bodyOf)
        .catch((error: Error) => error);
      assert.ok(read instanceof Error, `byte ${at} of mode ${mode} was read as right`);
    }
    writeFileSync(blob, sealed.subarray(0, sealed.length - 1));
    assert.ok(
      (await world.s3
        .send(new GetObjectCommand({ Bucket, Key: `k${mode}` }))
        .then(bodyOf)
        .catch((error: Error) => error)) instanceof Error,
      "cut short",
    );
    writeFileSync(blob, sealed);
    assertBytes(await bodyOf(await world.s3.send(new GetObjectCommand({ Bucket, Key: `k${mode}` }))), body);
  }
  await world.server.kill();
});

const blobs = (directory: string): string[] => filesBelow(join(directory, "data", "blobs"));
