import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import type { Batch } from "../../src/stores/contract.js";
import { anonymous, AWAY, HOME, pattern, refused, root, rootArn, TestBody, userArn, user, userId, World } from "./world.js";
import type { CallAs, Out } from "./world.js";

const customer = (): object => {
  const key = pattern(32, 9);
  return {
    SSECustomerAlgorithm: "AES256",
    SSECustomerKey: key.toString("base64"),
    SSECustomerKeyMD5: createHash("md5").update(key).digest("base64"),
  };
};
const policy = (...Statement: object[]): { policy: string } => ({ policy: JSON.stringify({ Version: "2012-10-17", Statement }) });
const deny = (Condition: object): object => ({
  Effect: "Deny",
  Principal: "*",
  Action: "s3:PutObject",
  Resource: "arn:aws:s3:::bucket/*",
  Condition,
});
const KEY_ARN = "s3:x-amz-server-side-encryption-aws-kms-key-id";
const HEADER = "s3:x-amz-server-side-encryption";

/** S3 encryption reference §11.1, per variant: which uploads pass. */
const VARIANTS: readonly [string, readonly string[]][] = [
  ["AES256", ["AES256"]],
  ["aws:kms", ["aws:kms"]],
  ["both", ["AES256", "aws:kms"]],
];
const UPLOADS: readonly [string, object][] = [
  ["none", {}],
  ["AES256", { ServerSideEncryption: "AES256" }],
  ["aws:kms", { ServerSideEncryption: "aws:kms" }],
  ["aws:kms:dsse", { ServerSideEncryption: "aws:kms:dsse" }],
  ["SSE-C", customer()],
  ["AES192", { ServerSideEncryption: "AES192" }],
];

for (const [name, allowed] of VARIANTS) {
  test(`deny-unencrypted policy (${name}): PUT, multipart and copy by every header, with and without a bucket default`, async () => {
    for (const algorithm of [undefined, "AES256", "aws:kms"]) {
      const world = new World();
      await world.bucket();
      await world.put("source", "x");
      const Null = deny({ Null: { [HEADER]: true } });
      const encryption = algorithm === undefined ? undefined : { algorithm, explicit: true };
      await world.configure("bucket", { ...policy(deny({ StringNotEquals: { [HEADER]: allowed } }), Null), encryption });
      for (const [upload, input] of UPLOADS) {
        const at = { Bucket: "bucket", Key: "k", ...input };
        const calls = [
          () => world.put("k", "x", input),
          () => world.s3("CreateMultipartUpload", at),
          () => world.s3("CopyObject", { ...at, CopySource: "bucket/source" }),
        ];
        for (const call of calls) {
          if (!allowed.includes(upload)) {
            await refused(call(), "AccessDenied");
            continue;
          }
          const { UploadId } = await call();
          if (UploadId === undefined) continue;
          await world.s3("UploadPart", { Bucket: "bucket", Key: "k", UploadId, PartNumber: 1 }, { body: pattern(5) });
        }
      }
      await world.get("source");
      await world.s3("ListObjectsV2", { Bucket: "bucket" });
      await world.s3("DeleteObject", { Bucket: "bucket", Key: "source" });
    }
  });
}

test("the key-id condition sees the key that will really be used: by header, alias and bucket default", async () => {
  const world = new World();
  await world.bucket();
  const [right, wrong] = [await world.key(), await world.key()];
  await world.kms("CreateAlias", { AliasName: "alias/right", TargetKeyId: right });
  await world.configure("bucket", policy(deny({ ArnNotEqualsIfExists: { [KEY_ARN]: right } })));
  const kms = { ServerSideEncryption: "aws:kms" };
  await world.put("k", "x", { ...kms, SSEKMSKeyId: right });
  await world.put("k", "x", { ...kms, SSEKMSKeyId: right.split("/")[1] });
  await world.put("k", "x", { ...kms, SSEKMSKeyId: "alias/right" });
  await refused(world.put("k", "x", { ...kms, SSEKMSKeyId: wrong }), "AccessDenied");
  await refused(world.put("k", "x", kms), "AccessDenied");
  await world.configure("bucket", { encryption: { algorithm: "aws:kms", kmsKeyId: wrong } });
  await refused(world.put("k", "x"), "AccessDenied");
  await world.configure("bucket", { encryption: { algorithm: "aws:kms", kmsKeyId: right } });
  await world.put("k", "x");
  await world.configure("bucket", policy(deny({ Null: { [KEY_ARN]: "true" } })));
  await world.put("k", "x");
  await refused(world.put("k", "x", { ServerSideEncryption: "AES256" }), "AccessDenied");
});

test("absence is told only to who may list; otherwise absent and forbidden look alike", async () => {
  const world = new World();
  await world.bucket();
  await world.put("there", "x");
  const reader = world.allow("reader", [{ Effect: "Allow", Action: "s3:GetObject", Resource: "arn:aws:s3:::bucket/*" }]);
  const lister = world.allow("lister", [{ Effect: "Allow", Action: ["s3:GetObject", "s3:ListBucket"], Resource: "*" }]);
  const blind = world.allow("blind", [{ Effect: "Allow", Action: "s3:ListBucket", Resource: "*" }]);
  await world.get("there", {}, { as: reader });
  await refused(world.get("absent", {}, { as: reader }), "AccessDenied");
  await refused(world.get("absent", {}, { as: lister }), "NoSuchKey");
  await refused(world.get("absent", {}, { as: blind }), "AccessDenied");
  await refused(world.get("there", {}, { as: blind }), "AccessDenied");
  await refused(
    world.s3("CopyObject", { Bucket: "bucket", Key: "k", CopySource: "bucket/absent" }, { as: reader }),
    "AccessDenied",
  );
});

test("a version is read by s3:GetObjectVersion alone, and the current one by s3:GetObject alone", async () => {
  const world = new World();
  await world.bucket();
  await world.configure("bucket", { versioning: "Enabled" });
  const { VersionId } = await world.put("k", "x");
  const plain = world.allow("plain", [{ Effect: "Allow", Action: "s3:GetObject", Resource: "*" }]);
  const versioned = world.allow("versioned", [{ Effect: "Allow", Action: "s3:GetObjectVersion", Resource: "*" }]);
  await world.get("k", {}, { as: plain });
  await refused(world.get("k", { VersionId }, { as: plain }), "AccessDenied");
  await world.get("k", { VersionId }, { as: versioned });
  await refused(world.get("k", {}, { as: versioned }), "AccessDenied");
});

test("tags decide: ExistingObjectTag on reads, RequestObjectTag on writes", async () => {
  const world = new World();
  await world.bucket();
  const alice = world.allow("alice", [
    {
      Effect: "Allow",
      Action: "s3:GetObject",
      Resource: "*",
      Condition: { StringEquals: { "s3:ExistingObjectTag/class": "open" } },
    },
    {
      Effect: "Allow",
      Action: ["s3:PutObject", "s3:PutObjectTagging"],
      Resource: "*",
      Condition: { StringEquals: { "s3:RequestObjectTag/class": "open" } },
    },
  ]);
  await world.put("open", "x", { Tagging: "class=open" });
  await world.put("closed", "x", { Tagging: "class=closed" });
  const got = await world.get("open", {}, { as: alice });
  assert.equal(got["TagCount"], undefined);
  assert.equal((await world.get("open"))["TagCount"], 1);
  await refused(world.get("closed", {}, { as: alice }), "AccessDenied");
  await world.put("mine", "x", { Tagging: "class=open" }, { as: alice });
  await refused(world.put("mine", "x", { Tagging: "class=closed" }, { as: alice }), "AccessDenied");
  await refused(world.put("mine", "x", {}, { as: alice }), "AccessDenied");
});

test("DeleteObjects decides each entry by itself", async () => {
  const world = new World();
  await world.bucket();
  for (const key of ["a/1", "a/2", "b/1"]) await world.put(key, key);
  const alice = world.allow("alice", [{ Effect: "Allow", Action: "s3:DeleteObject", Resource: "arn:aws:s3:::bucket/a/*" }]);
  const Objects = ["a/1", "b/1", "a/none"].map((Key) => ({ Key }));
  const out = await world.s3("DeleteObjects", { Bucket: "bucket", Delete: { Objects } }, { as: alice });
  assert.deepEqual(
    (out["Deleted"] as { Key: string }[]).map((one) => one.Key),
    ["a/1", "a/none"],
  );
  assert.deepEqual(
    (out["Errors"] as { Key: string; Code: string }[]).map((one) => [one.Key, one.Code]),
    [["b/1", "AccessDenied"]],
  );
  await world.get("b/1");
  await refused(world.s3("DeleteObjects", { Bucket: "bucket", Delete: { Objects: [] } }), "MalformedXML");
  const many = Array.from({ length: 1001 }, (_, i) => ({ Key: `${i}` }));
  await refused(world.s3("DeleteObjects", { Bucket: "bucket", Delete: { Objects: many } }), "MalformedXML");
  const quiet = await world.s3("DeleteObjects", { Bucket: "bucket", Delete: { Objects: [{ Key: "b/1" }], Quiet: true } });
  assert.equal(quiet["Deleted"], undefined);
});

test("another account needs the bucket policy, and RestrictPublicBuckets closes a public one to it", async () => {
  const world = new World({ settings: { newBucketDefaults: "open" } });
  await world.bucket();
  await world.put("k", "x");
  const carol: CallAs = { as: world.allow("carol", [{ Effect: "Allow", Action: "s3:*", Resource: "*" }], AWAY) };
  await refused(world.get("k", {}, carol), "AccessDenied", "Access Denied");
  const read = (Principal: unknown): object => ({
    Effect: "Allow",
    Principal,
    Action: "s3:GetObject",
    Resource: "arn:aws:s3:::bucket/*",
  });
  await world.configure("bucket", policy(read({ AWS: userId("carol") })));
  await world.get("k", {}, carol);
  await world.configure("bucket", policy(read("*")));
  await world.get("k", {}, carol);
  const block = { BlockPublicAcls: false, IgnorePublicAcls: false, BlockPublicPolicy: false, RestrictPublicBuckets: true };
  await world.configure("bucket", { publicAccessBlock: block });
  await refused(world.get("k", {}, carol), "AccessDenied");
  await world.get("k", {}, { as: user("alice") });
});

test("a policy that changes while a body travels is the one that decides", async () => {
  const world = new World();
  await world.bucket();
  const between = (): Promise<void> => world.configure("bucket", policy(deny({})));
  await refused(world.put("k", new TestBody(pattern(200_000), { between })), "AccessDenied");
  await refused(world.get("k"), "NoSuchKey");
  assert.deepEqual(await world.blobs.list(undefined, 10), []);
});

test("ACLs: off by default; where they are on, grants decide", async () => {
  const world = new World();
  await world.bucket();
  await world.put("k", "x", { ACL: "bucket-owner-full-control" });
  await refused(world.put("k", "x", { ACL: "public-read" }), "AccessControlListNotSupported", "The bucket does not allow ACLs");
  await refused(world.s3("PutObjectAcl", { Bucket: "bucket", Key: "k", ACL: "public-read" }), "AccessControlListNotSupported");
  const acl = await world.s3("GetObjectAcl", { Bucket: "bucket", Key: "k" });
  const owner = HOME.padEnd(64, "0");
  assert.deepEqual(acl["Grants"], [{ Grantee: { Type: "CanonicalUser", ID: owner }, Permission: "FULL_CONTROL" }]);
  const open = new World({ settings: { newBucketDefaults: "open" } });
  await open.bucket();
  const anonymous: CallAs = { as: { type: "Anonymous", userId: "anonymous" } };
  await open.put("k", "x");
  await refused(open.get("k", {}, anonymous), "AccessDenied");
  await open.s3("PutObjectAcl", { Bucket: "bucket", Key: "k", ACL: "public-read" });
  await open.get("k", {}, anonymous);
  await refused(open.put("k", "x", { ACL: "no-such" }), "InvalidArgument");
  const block = { BlockPublicAcls: true, IgnorePublicAcls: true, BlockPublicPolicy: false, RestrictPublicBuckets: false };
  await open.configure("bucket", { publicAccessBlock: block });
  await refused(open.get("k", {}, anonymous), "AccessDenied");
  await refused(open.put("k2", "x", { ACL: "public-read" }), "AccessDenied");
});

test("expected bucket owner and region are checked before anything else", async () => {
  const world = new World();
  await world.bucket();
  await refused(world.put("k", "x", { ExpectedBucketOwner: AWAY }), "AccessDenied", "Access Denied");
  await refused(world.put("k", "x", { ExpectedBucketOwner: "abc" }), "InvalidBucketOwnerAWSAccountID");
  await world.put("k", "x", { ExpectedBucketOwner: HOME });
  const error = await refused(world.get("k", {}, { region: "eu-west-1" }), "AuthorizationHeaderMalformed");
  assert.deepEqual(error.detail.fields, { Region: "us-east-1" });
  assert.equal(error.detail.headers?.["x-amz-bucket-region"], "us-east-1");
  await refused(world.get("k", { Bucket: "absent" }), "NoSuchBucket");
});

test("the KMS side decides for the caller: S3 allows, KMS denies", async () => {
  const world = new World();
  await world.bucket();
  const arn = await world.key();
  const alice = world.allow("alice", [{ Effect: "Allow", Action: "s3:*", Resource: "*" }]);
  const sse = { ServerSideEncryption: "aws:kms", SSEKMSKeyId: arn };
  const error = await refused(world.put("k", "x", sse, { as: alice }), "AccessDenied", /kms:GenerateDataKey/);
  assert.ok(error.message.includes(userArn("alice")));
  assert.equal(error.detail.status, 403);
  await world.put("managed", "x", { ServerSideEncryption: "aws:kms" }, { as: alice });
  await world.get("managed", {}, { as: alice });
  await world.get("managed", {}, { as: root() });
});

test("what the bucket forbids while a body travels is not written: public ACLs, customer keys", async () => {
  const world = new World();
  await world.bucket();
  const open = { ownership: "ObjectWriter", publicAccessBlock: undefined, encryption: { blocked: ["NONE"] } };
  for (const [input, forbid, code] of [
    [{ ACL: "public-read" }, { publicAccessBlock: { BlockPublicAcls: true } }, "AccessDenied"],
    [{ ACL: "public-read" }, { ownership: "BucketOwnerEnforced" }, "AccessControlListNotSupported"],
    [customer(), { encryption: { blocked: ["SSE-C"] } }, "AccessDenied"],
  ] as const) {
    await world.configure("bucket", open);
    const body = new TestBody(pattern(200_000), { between: () => world.configure("bucket", forbid) });
    await refused(world.put("k", body, input), code);
    await refused(world.get("k"), "NoSuchKey");
  }
  assert.deepEqual(await world.blobs.list(undefined, 1), []);
});

test("an ACL is judged by the bucket that it is written to, not by the one that was read", async () => {
  const world = new World();
  await world.bucket();
  await world.configure("bucket", { ownership: "ObjectWriter", publicAccessBlock: undefined });
  await world.put("k", "x");
  const commit = world.store.commit.bind(world.store);
  let forbidden = false;
  Object.assign(world.store, {
    async commit(batch: Batch) {
      if (!forbidden) {
        forbidden = true;
        await world.configure("bucket", { publicAccessBlock: { BlockPublicAcls: true } });
      }
      return commit(batch);
    },
  });
  await refused(world.s3("PutObjectAcl", { Bucket: "bucket", Key: "k", ACL: "public-read" }), "AccessDenied");
  assert.equal(((await world.s3("GetObjectAcl", { Bucket: "bucket", Key: "k" }))["Grants"] as unknown[]).length, 1);
});

test("tags in the header of a copy that keeps the source's say nothing to policies", async () => {
  const world = new World();
  await world.bucket();
  await world.put("from", "x", { Tagging: "env=test" });
  const allowPut = { Effect: "Allow", Action: "s3:PutObject", Resource: "*" };
  const writer = world.allow("writer", [
    { Effect: "Allow", Action: ["s3:GetObject", "s3:GetObjectTagging", "s3:PutObjectTagging"], Resource: "*" },
    { ...allowPut, Condition: { StringEquals: { "s3:RequestObjectTag/env": "prod" } } },
  ]);
  const destination = { Bucket: "bucket", Key: "to" };
  const copy = (input: object): Promise<Out> =>
    world.s3("CopyObject", { ...destination, CopySource: "bucket/from", Tagging: "env=prod", ...input }, { as: writer });
  await refused(copy({}), "AccessDenied");
  await refused(copy({ TaggingDirective: "COPY" }), "AccessDenied");
  await copy({ TaggingDirective: "REPLACE" });
});

test("the count of tags is told only to who may read these very tags", async () => {
  const world = new World();
  await world.bucket();
  await world.put("k", "x", { Tagging: "class=secret" });
  const denyTags = { Effect: "Deny", Action: "s3:GetObjectTagging", Resource: "*" };
  const reader = world.allow("reader", [
    { Effect: "Allow", Action: ["s3:GetObject", "s3:GetObjectTagging"], Resource: "*" },
    { ...denyTags, Condition: { StringEquals: { "s3:ExistingObjectTag/class": "secret" } } },
  ]);
  assert.equal((await world.get("k", {}, { as: reader }))["TagCount"], undefined);
  assert.equal((await world.get("k"))["TagCount"], 1);
});

test("a Deny of either deletion keeps an unversioned object; a versioned one still gets its marker", async () => {
  const world = new World();
  await world.bucket();
  await world.put("k", "x");
  const remover = world.allow("remover", [{ Effect: "Allow", Action: "s3:DeleteObject", Resource: "*" }]);
  const remove = (): Promise<Out> => world.s3("DeleteObject", { Bucket: "bucket", Key: "k" }, { as: remover });
  const denied = { Effect: "Deny", Principal: "*", Action: "s3:DeleteObjectVersion", Resource: "arn:aws:s3:::bucket/*" };
  await world.configure("bucket", policy(denied));
  await refused(remove(), "AccessDenied");
  const many = await world.s3("DeleteObjects", { Bucket: "bucket", Delete: { Objects: [{ Key: "k" }] } });
  assert.deepEqual((many["Errors"] as { Code: string }[]).map((error) => error.Code), ["AccessDenied"]);
  await world.get("k");
  await world.configure("bucket", { versioning: "Enabled" });
  assert.equal((await remove())["DeleteMarker"], true);
  await world.configure("bucket", { versioning: undefined, policy: undefined });
  await remove();
});

test("a Deny of either deletion that takes too long to be decided keeps an unversioned object", async () => {
  const world = new World();
  await world.bucket();
  const Key = "a".repeat(1000);
  await world.put(Key, "x");
  const remover = world.allow("remover", [{ Effect: "Allow", Action: "s3:DeleteObject", Resource: "*" }]);
  const costly = Array.from({ length: 70 }, () => `arn:aws:s3:::bucket/*${"a".repeat(200)}?b*`);
  const Resource = [...costly, "arn:aws:s3:::bucket/*"];
  await world.configure("bucket", policy({ Effect: "Deny", Principal: "*", Action: "s3:DeleteObjectVersion", Resource }));
  await refused(world.s3("DeleteObject", { Bucket: "bucket", Key }, { as: remover }), "AccessDenied");
  await world.get(Key);
});

test("many entries that each take long to be decided leave others their turn between", async () => {
  const world = new World();
  await world.bucket();
  const Resource = Array.from({ length: 20 }, () => `arn:aws:s3:::bucket/*${"a".repeat(200)}?b*`);
  await world.configure("bucket", policy({ Effect: "Deny", Principal: "*", Action: "s3:DeleteObject", Resource }));
  const Objects = Array.from({ length: 30 }, (_, at) => ({ Key: "a".repeat(1000) + String(at) }));
  let turns = 0;
  let over = false;
  const turn = (): void => {
    turns += 1;
    if (!over) setImmediate(turn);
  };
  setImmediate(turn);
  const { Errors } = await world.s3("DeleteObjects", { Bucket: "bucket", Delete: { Objects } }, { as: anonymous });
  over = true;
  assert.equal((Errors as unknown[]).length, 30);
  assert.ok(turns >= 20, `${turns} turns in 30 decisions`);
});

test("where ACLs are on, an object is its writer's: the bucket's owner needs a grant, may deny, and may delete", async () => {
  const world = new World({ settings: { newBucketDefaults: "open" } });
  await world.bucket();
  const Principal = { AWS: rootArn(AWAY) };
  const everything = { Effect: "Allow", Principal, Action: "s3:PutObject*", Resource: "arn:aws:s3:::bucket/*" };
  await world.configure("bucket", policy(everything));
  const away: CallAs = { as: root(AWAY) };
  const named = { Bucket: "bucket", Key: "k" };
  await world.put("k", "x", {}, away);
  await refused(world.get("k"), "AccessDenied");
  await refused(world.s3("GetObjectAcl", named), "AccessDenied");
  await refused(world.s3("CopyObject", { Bucket: "bucket", Key: "copy", CopySource: "bucket/k" }), "AccessDenied");
  await world.get("k", {}, away);
  const acl = await world.s3("GetObjectAcl", named, away);
  assert.deepEqual(acl["Owner"], { ID: AWAY.padEnd(64, "0") });
  await world.configure("bucket", policy(everything, { ...everything, Effect: "Deny", Action: "s3:GetObject" }));
  await refused(world.get("k", {}, away), "AccessDenied");
  await world.configure("bucket", policy(everything));
  await world.s3("PutObjectAcl", { ...named, ACL: "bucket-owner-read" }, away);
  await world.get("k");
  await refused(world.s3("GetObjectTagging", named), "AccessDenied");
  await world.configure("bucket", { ownership: "BucketOwnerEnforced" });
  await world.s3("GetObjectTagging", named);
  await refused(world.get("k", {}, away), "AccessDenied");
  await world.configure("bucket", { ownership: "ObjectWriter" });
  await world.s3("DeleteObject", named);
  await world.put("k", "x", { ACL: "bucket-owner-full-control" }, away);
  await world.get("k");
  await world.configure("bucket", { ownership: "BucketOwnerPreferred" });
  await world.put("k", "y", { ACL: "bucket-owner-full-control" }, away);
  await refused(world.get("k", {}, away), "AccessDenied");
});

test("with ACLs off the bucket's owner is shown as owner of all, and owns what is completed then", async () => {
  const world = new World({ settings: { newBucketDefaults: "open" } });
  await world.bucket();
  const Principal = { AWS: rootArn(AWAY) };
  const writes = { Effect: "Allow", Principal, Action: "s3:PutObject", Resource: "arn:aws:s3:::bucket/*" };
  await world.configure("bucket", policy(writes));
  const away: CallAs = { as: root(AWAY) };
  await world.put("k", "x", {}, away);
  const { UploadId } = await world.s3("CreateMultipartUpload", { Bucket: "bucket", Key: "big" }, away);
  const upload = { Bucket: "bucket", Key: "big", UploadId };
  const { ETag } = await world.s3("UploadPart", { ...upload, PartNumber: 1 }, { ...away, body: pattern(5) });
  type Lines = { Owner: { ID: string } }[];
  const owners = async (): Promise<string[]> => [
    ...((await world.s3("ListObjectsV2", { Bucket: "bucket", FetchOwner: true }))["Contents"] as Lines),
    ...((await world.s3("ListObjectVersions", { Bucket: "bucket" }))["Versions"] as Lines),
    ...((await world.s3("ListMultipartUploads", { Bucket: "bucket" }))["Uploads"] as Lines),
  ].map(({ Owner }) => Owner.ID.slice(0, 12));
  assert.deepEqual(await owners(), [AWAY, AWAY, AWAY]);
  await world.configure("bucket", { ownership: "BucketOwnerEnforced" });
  assert.deepEqual(await owners(), [HOME, HOME, HOME]);
  await world.s3("CompleteMultipartUpload", { ...upload, MultipartUpload: { Parts: [{ PartNumber: 1, ETag }] } }, away);
  await world.configure("bucket", { ownership: "ObjectWriter" });
  assert.deepEqual(await owners(), [HOME, AWAY, HOME, AWAY]);
});
