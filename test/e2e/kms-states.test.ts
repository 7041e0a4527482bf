/**
 * What a key's state and policy do to objects, with and without bucket key, at once and on every path: the exact errors on
 * GET and on PUT, and readable again afterwards. Source: S3 encryption reference §7; KMS reference §6.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  CancelKeyDeletionCommand,
  DisableKeyCommand,
  EnableKeyCommand,
  PutKeyPolicyCommand,
  RotateKeyOnDemandCommand,
  ScheduleKeyDeletionCommand,
} from "@aws-sdk/client-kms";
import {
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectAttributesCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  UploadPartCommand,
  type PutObjectCommandInput,
} from "@aws-sdk/client-s3";
import { failure } from "./server.js";
import { ACCOUNT, accountStatement, assertBytes, bodyOf, bytesOf, CHUNK, openWorld } from "./world.js";

const world = await openWorld();
const { s3, s3tls, kms } = world;
const Bucket = await world.bucket("states");
await s3.send(new PutObjectCommand({ Bucket, Key: "plain", Body: "plain" }));
const small = bytesOf(100, 1);
const large = bytesOf(2 * CHUNK + 5, 2);

type Mode = "no bucket key" | "bucket key" | "DSSE";
const MODES: readonly Mode[] = ["no bucket key", "bucket key", "DSSE"];

function encryption(mode: Mode, SSEKMSKeyId: string): Partial<PutObjectCommandInput> {
  if (mode === "DSSE") return { ServerSideEncryption: "aws:kms:dsse", SSEKMSKeyId };
  return { ServerSideEncryption: "aws:kms", SSEKMSKeyId, BucketKeyEnabled: mode === "bucket key" };
}

interface Expected {
  readonly code: string;
  readonly status: number;
  readonly message: string | RegExp;
}

/** Every way to use the key through S3 fails with the same error, and nothing is stored. */
async function closed(
  prefix: string,
  sse: Partial<PutObjectCommandInput>,
  on: { read: Expected; write: Expected },
): Promise<void> {
  const expect = async (what: string, promise: Promise<unknown>, { code, status, message }: Expected): Promise<void> => {
    const error = await failure(promise);
    assert.deepEqual([error.code, error.status], [code, status], what);
    if (typeof message === "string") assert.equal(error.message, message, what);
    else assert.match(error.message, message, what);
  };
  for (const name of ["small", "large"]) {
    const Key = `${prefix}/${name}`;
    await expect(`GET ${name}`, s3.send(new GetObjectCommand({ Bucket, Key })), on.read);
    await expect(`GET ${name} over https`, s3tls.send(new GetObjectCommand({ Bucket, Key })), on.read);
    await expect(`GET range ${name}`, s3.send(new GetObjectCommand({ Bucket, Key, Range: "bytes=1-2" })), on.read);
    await expect(
      `copy from ${name}`,
      s3.send(new CopyObjectCommand({ Bucket, Key: `${prefix}/none`, CopySource: `${Bucket}/${Key}` })),
      on.read,
    );
  }
  for (const Body of [small, large, ""]) {
    await expect(
      `PUT of ${Body.length}`,
      s3.send(new PutObjectCommand({ Bucket, Key: `${prefix}/none`, Body, ...sse })),
      on.write,
    );
  }
  await expect(
    "copy to it",
    s3.send(new CopyObjectCommand({ Bucket, Key: `${prefix}/none`, CopySource: `${Bucket}/plain`, ...sse })),
    on.write,
  );
  await expect(
    "CreateMultipartUpload",
    s3.send(new CreateMultipartUploadCommand({ Bucket, Key: `${prefix}/none`, ...sse })),
    on.write,
  );
  assert.equal(
    (await failure(s3.send(new HeadObjectCommand({ Bucket, Key: `${prefix}/none` })))).status,
    404,
    "nothing was stored",
  );
  const head = await s3.send(new HeadObjectCommand({ Bucket, Key: `${prefix}/large` }));
  assert.equal(head.ContentLength, large.length, "HEAD needs no key");
  const listed = await s3.send(new ListObjectsV2Command({ Bucket, Prefix: `${prefix}/` }));
  assert.deepEqual(
    listed.Contents?.map(({ Key }) => Key),
    [`${prefix}/large`, `${prefix}/small`],
    "nor does a list",
  );
}

async function write(prefix: string, sse: Partial<PutObjectCommandInput>): Promise<void> {
  await s3.send(new PutObjectCommand({ Bucket, Key: `${prefix}/small`, Body: small, ...sse }));
  await s3.send(new PutObjectCommand({ Bucket, Key: `${prefix}/large`, Body: large, ...sse }));
}

async function open(prefix: string): Promise<void> {
  assertBytes(await bodyOf(await s3.send(new GetObjectCommand({ Bucket, Key: `${prefix}/small` }))), small);
  assertBytes(await bodyOf(await s3.send(new GetObjectCommand({ Bucket, Key: `${prefix}/large` }))), large);
}

for (const mode of MODES) {
  test(`${mode}: a disabled key closes its objects at once, and opens them at once when enabled`, async () => {
    const arn = await world.key();
    const sse = encryption(mode, arn);
    await write(`disabled ${mode}`, sse);
    await open(`disabled ${mode}`);
    for (let time = 0; time < 2; time++) {
      await kms.send(new DisableKeyCommand({ KeyId: arn }));
      const expected = { code: "KMS.DisabledException", status: 400, message: `${arn} is disabled.` };
      await closed(`disabled ${mode}`, sse, { read: expected, write: expected });
      await kms.send(new EnableKeyCommand({ KeyId: arn }));
      await open(`disabled ${mode}`);
    }
    await write(`disabled ${mode}`, sse);
  });

  test(`${mode}: a key pending deletion closes its objects; cancelled it is disabled; enabled it opens them`, async () => {
    const arn = await world.key();
    const sse = encryption(mode, arn);
    await write(`pending ${mode}`, sse);
    await kms.send(new ScheduleKeyDeletionCommand({ KeyId: arn, PendingWindowInDays: 7 }));
    const pending = { code: "KMS.KMSInvalidStateException", status: 400, message: `${arn} is pending deletion.` };
    await closed(`pending ${mode}`, sse, { read: pending, write: pending });
    await kms.send(new CancelKeyDeletionCommand({ KeyId: arn }));
    const disabled = { code: "KMS.DisabledException", status: 400, message: `${arn} is disabled.` };
    await closed(`pending ${mode}`, sse, { read: disabled, write: disabled });
    await kms.send(new EnableKeyCommand({ KeyId: arn }));
    await open(`pending ${mode}`);
  });

  test(`${mode}: a key policy that denies closes objects for the owner too, and opens them again`, async () => {
    const arn = await world.key();
    const sse = encryption(mode, arn);
    await write(`denied ${mode}`, sse);
    const deny = { Effect: "Deny", Principal: "*", Action: ["kms:Decrypt", "kms:GenerateDataKey"], Resource: "*" };
    const policy = (statements: readonly object[]) => JSON.stringify({ Version: "2012-10-17", Statement: statements });
    await kms.send(new PutKeyPolicyCommand({ KeyId: arn, Policy: policy([accountStatement(), deny]) }));
    const sentence = (action: string) =>
      `User: arn:aws:iam::${ACCOUNT}:root is not authorized to perform: ${action} on resource: ${arn} with an explicit deny in a resource-based policy`;
    const read = { code: "AccessDenied", status: 403, message: sentence("kms:Decrypt") };
    await closed(`denied ${mode}`, sse, { read, write: { ...read, message: sentence("kms:GenerateDataKey") } });
    await kms.send(new PutKeyPolicyCommand({ KeyId: arn, Policy: policy([accountStatement()]) }));
    await open(`denied ${mode}`);
  });

  test(`${mode}: a key policy that asks for another encryption context closes objects`, async () => {
    const arn = await world.key();
    const sse = encryption(mode, arn);
    await write(`context ${mode}`, sse);
    const wrong = {
      Effect: "Deny",
      Principal: "*",
      Action: ["kms:Decrypt", "kms:GenerateDataKey"],
      Resource: "*",
      Condition: { StringNotEquals: { "kms:EncryptionContext:aws:s3:arn": "arn:aws:s3:::another-bucket/key" } },
    };
    await kms.send(
      new PutKeyPolicyCommand({
        KeyId: arn,
        Policy: JSON.stringify({ Version: "2012-10-17", Statement: [accountStatement(), wrong] }),
      }),
    );
    const expected = (action: string) => ({
      code: "AccessDenied",
      status: 403,
      message: new RegExp(`perform: ${action} on resource: .* with an explicit deny`),
    });
    await closed(`context ${mode}`, sse, { read: expected("kms:Decrypt"), write: expected("kms:GenerateDataKey") });
  });

  test(`${mode}: objects stay readable over rotations of the key`, async () => {
    const arn = await world.key();
    await write(`rotated ${mode}`, encryption(mode, arn));
    for (let time = 0; time < 3; time++) {
      await kms.send(new RotateKeyOnDemandCommand({ KeyId: arn }));
      await open(`rotated ${mode}`);
      await s3.send(new PutObjectCommand({ Bucket, Key: `rotated ${mode}/after${time}`, Body: "x", ...encryption(mode, arn) }));
    }
    for (let time = 0; time < 3; time++) {
      assert.equal(
        (await bodyOf(await s3.send(new GetObjectCommand({ Bucket, Key: `rotated ${mode}/after${time}` })))).toString(),
        "x",
      );
    }
  });
}

for (const mode of MODES) {
  test(`${mode}: a key disabled in the middle of an upload stops its parts and its completion; enabled, it goes on`, async () => {
    const arn = await world.key();
    const Key = `upload ${mode}`;
    const { UploadId } = await s3.send(new CreateMultipartUploadCommand({ Bucket, Key, ...encryption(mode, arn) }));
    const part = () => s3.send(new UploadPartCommand({ Bucket, Key, UploadId, PartNumber: 1, Body: large }));
    const complete = (ETag: string | undefined) =>
      s3.send(
        new CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload: { Parts: [{ PartNumber: 1, ETag }] } }),
      );
    const { ETag } = await part();
    await kms.send(new DisableKeyCommand({ KeyId: arn }));
    for (const refused of [part, () => complete(ETag)]) {
      const error = await failure(refused());
      assert.deepEqual([error.code, error.message], ["KMS.DisabledException", `${arn} is disabled.`]);
    }
    await kms.send(new EnableKeyCommand({ KeyId: arn }));
    await complete(ETag);
    assertBytes(await bodyOf(await s3.send(new GetObjectCommand({ Bucket, Key }))), large);
  });
}

test("GetObjectAttributes: checksums need the key, size does not; delete needs none", async () => {
  const arn = await world.key();
  await s3.send(new PutObjectCommand({ Bucket, Key: "attributes", Body: small, ...encryption("no bucket key", arn) }));
  await kms.send(new DisableKeyCommand({ KeyId: arn }));
  const size = await s3.send(new GetObjectAttributesCommand({ Bucket, Key: "attributes", ObjectAttributes: ["ObjectSize"] }));
  assert.equal(size.ObjectSize, small.length);
  const sums = await failure(
    s3.send(new GetObjectAttributesCommand({ Bucket, Key: "attributes", ObjectAttributes: ["Checksum"] })),
  );
  assert.equal(sums.code, "KMS.DisabledException");
  await s3.send(new DeleteObjectCommand({ Bucket, Key: "attributes" }));
});

test("other keys' objects, and SSE-S3 objects, are not touched by a disabled key", async () => {
  const [one, two] = [await world.key(), await world.key()];
  await write("other", encryption("bucket key", one));
  await write("mine", encryption("bucket key", two));
  await kms.send(new DisableKeyCommand({ KeyId: two }));
  await open("other");
  assert.equal((await bodyOf(await s3.send(new GetObjectCommand({ Bucket, Key: "plain" })))).toString(), "plain");
});
