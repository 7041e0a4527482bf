/**
 * Regions: of buckets, of keys, of signatures, and what kms:ViaService says. Source: S3 API reference §5.1; DESIGN §8
 * "Accounts and regions".
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { CreateKeyCommand, DecryptCommand, DescribeKeyCommand, EncryptCommand, ListKeysCommand } from "@aws-sdk/client-kms";
import {
  CreateBucketCommand,
  GetBucketLocationCommand,
  GetObjectCommand,
  HeadBucketCommand,
  ListBucketsCommand,
  PutObjectCommand,
} from "@aws-sdk/client-s3";
import { failure, kmsClient, ROOT, s3Client } from "./server.js";
import { ACCOUNT, bodyOf, codeOf, openWorld, unique } from "./world.js";

const world = await openWorld({ flags: ["--regions", "eu-central-1 ap-southeast-2"] });
const { s3, kms } = world;
const EU = "eu-central-1";
const euS3 = s3Client(world.server, { region: EU });
const euKms = kmsClient(world.server, { region: EU });
const eu = unique("eu");
await euS3.send(new CreateBucketCommand({ Bucket: eu, CreateBucketConfiguration: { LocationConstraint: EU } }));

test("a bucket's region: LocationConstraint, HeadBucket, ListBuckets", async () => {
  assert.equal((await euS3.send(new GetBucketLocationCommand({ Bucket: eu }))).LocationConstraint, EU);
  assert.equal((await euS3.send(new HeadBucketCommand({ Bucket: eu }))).BucketRegion, EU);
  const listed = await s3.send(new ListBucketsCommand({ BucketRegion: EU }));
  assert.deepEqual(
    listed.Buckets?.map(({ Name, BucketRegion }) => [Name, BucketRegion]),
    [[eu, EU]],
  );
});

test("a request signed for another region than the bucket's is AuthorizationHeaderMalformed, naming the right one", async () => {
  const wrong = await world.wire({ region: "us-east-1" }).send({ method: "GET", path: `/${eu}/k` });
  assert.deepEqual([wrong.status, codeOf(wrong.body.toString())], [400, "AuthorizationHeaderMalformed"]);
  assert.match(wrong.body.toString(), new RegExp(`<Region>${EU}</Region>`));
  assert.match(wrong.body.toString(), /the region 'us-east-1' is wrong; expecting 'eu-central-1'/);
  const unknown = await world.wire({ region: "mars-north-1" }).send({ method: "GET", path: "/" });
  assert.deepEqual([unknown.status, codeOf(unknown.body.toString())], [400, "AuthorizationHeaderMalformed"]);
  const head = await world.wire({ region: "us-east-1" }).send({ method: "HEAD", path: `/${eu}` });
  assert.equal(head.headers["x-amz-bucket-region"], EU);
});

test("LocationConstraint: unknown regions are refused; us-east-1 is said by saying nothing", async () => {
  const unknown = await failure(
    s3.send(
      new CreateBucketCommand({ Bucket: unique("x"), CreateBucketConfiguration: { LocationConstraint: "mars-north-1" as "EU" } }),
    ),
  );
  assert.ok(["InvalidLocationConstraint", "IllegalLocationConstraintException"].includes(unknown.code), unknown.code);
  assert.equal(unknown.status, 400);
  const silent = unique("silent");
  assert.equal((await world.wire({ region: "us-east-1" }).send({ method: "PUT", path: `/${silent}` })).status, 200);
  assert.equal((await s3.send(new GetBucketLocationCommand({ Bucket: silent }))).LocationConstraint, undefined);
});

test("keys live in a region: id, alias and ARN of another do not resolve", async () => {
  const { KeyMetadata } = await euKms.send(new CreateKeyCommand({}));
  const arn = KeyMetadata?.Arn ?? "";
  assert.match(arn, new RegExp(`^arn:aws:kms:${EU}:${ACCOUNT}:key/`));
  assert.equal((await failure(kms.send(new DescribeKeyCommand({ KeyId: KeyMetadata?.KeyId })))).code, "NotFoundException");
  assert.deepEqual(await failure(kms.send(new DescribeKeyCommand({ KeyId: arn }))), {
    code: "NotFoundException",
    status: 400,
    message: `Invalid arn ${EU}`,
  });
  assert.ok(!((await kms.send(new ListKeysCommand({}))).Keys ?? []).some(({ KeyArn }) => KeyArn === arn));
  const { CiphertextBlob } = await euKms.send(new EncryptCommand({ KeyId: arn, Plaintext: Buffer.from("x") }));
  assert.equal((await failure(kms.send(new DecryptCommand({ CiphertextBlob })))).code, "AccessDeniedException");
});

test("a bucket uses keys of its own region, and S3 says that region in kms:ViaService", async () => {
  const policy = {
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
        Principal: { AWS: `arn:aws:iam::${ACCOUNT}:root` },
        Action: ["kms:GenerateDataKey", "kms:Decrypt"],
        Resource: "*",
        Condition: { StringEquals: { "kms:ViaService": `s3.${EU}.amazonaws.com` } },
      },
    ],
  };
  const [mine, other] = [await world.key(policy, euKms), await world.key()];
  const put = (SSEKMSKeyId?: string) =>
    euS3.send(new PutObjectCommand({ Bucket: eu, Key: "k", Body: "x", ServerSideEncryption: "aws:kms", SSEKMSKeyId }));
  assert.equal((await put(mine)).SSEKMSKeyId, mine);
  assert.equal((await bodyOf(await euS3.send(new GetObjectCommand({ Bucket: eu, Key: "k" })))).toString(), "x");
  const foreign = await failure(put(other));
  assert.deepEqual([foreign.code, foreign.message], ["KMS.NotFoundException", "Invalid arn us-east-1"]);
  assert.match((await put()).SSEKMSKeyId ?? "", new RegExp(`^arn:aws:kms:${EU}:`), "the managed key is one of the region");
});

test("a presigned URL for the wrong region is refused; the right one works", async () => {
  await euS3.send(new PutObjectCommand({ Bucket: eu, Key: "signed", Body: "x", ServerSideEncryption: "AES256" }));
  for (const [region, status] of [
    [EU, 200],
    ["us-east-1", 400],
  ] as const) {
    const url = world.wire({ region, credentials: ROOT }).presign({ method: "GET", path: `/${eu}/signed` }, 60);
    assert.equal((await fetch(url)).status, status, region);
  }
});
