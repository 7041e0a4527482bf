import assert from "node:assert/strict";
import { test } from "node:test";
import { refused, root, World, type CallAs } from "./world.js";

const KEY_ARN = "s3:x-amz-server-side-encryption-aws-kms-key-id";
const MINE = { ServerSideEncryption: "aws:kms", SSEKMSKeyId: "alias/mine" };

/** A world in which `alias/mine` stands for the first of two keys. */
async function twoKeys(): Promise<{ world: World; a: string; b: string; point: (arn: string) => Promise<unknown> }> {
  const world = new World();
  await world.bucket();
  const [a, b] = [await world.key(), await world.key()];
  await world.kms("CreateAlias", { AliasName: "alias/mine", TargetKeyId: a });
  const point = (TargetKeyId: string) => world.kms("UpdateAlias", { AliasName: "alias/mine", TargetKeyId });
  return { world, a, b, point };
}

/** Runs `move` once, right behind the next look-up of a key's name: between decision and use. */
function behindLookUp(world: World, move: () => Promise<unknown>): void {
  const lookUp = world.room.resolveKeyArn;
  assert.ok(lookUp !== undefined);
  let moved = false;
  Object.assign(world.room, {
    async resolveKeyArn(region: string, accountId: string, keyId: string) {
      const found = await lookUp(region, accountId, keyId);
      if (!moved) {
        moved = true;
        await move();
      }
      return found;
    },
  });
}

const pinned = (arn: string): object => ({
  policy: JSON.stringify({
    Version: "2012-10-17",
    Statement: [
      { Effect: "Deny", Principal: "*", Action: "s3:PutObject", Resource: "arn:aws:s3:::bucket/*", Condition: { ArnNotEqualsIfExists: { [KEY_ARN]: arn } } },
    ],
  }),
});

test("a write that is denied does not make the managed key; its first use does, and is judged by the key that was made", async () => {
  const world = new World();
  await world.bucket();
  const reader = world.allow("reader", [{ Effect: "Allow", Action: "s3:GetObject", Resource: "*" }]);
  await refused(world.put("k", "x", { ServerSideEncryption: "aws:kms" }, { as: reader }), "AccessDenied");
  assert.deepEqual((await world.kms("ListKeys", {}))["Keys"], []);
  const alias = "arn:aws:kms:us-east-1:111122223333:alias/aws/s3";
  await world.configure("bucket", pinned(alias));
  await refused(world.put("k", "x", { ServerSideEncryption: "aws:kms" }), "AccessDenied");
  await refused(world.get("k"), "NoSuchKey");
});

for (const [name, write] of [
  ["PutObject", (world: World) => world.put("k", "x", MINE)],
  ["PutObject with a bucket key", (world: World) => world.put("k", "x", { ...MINE, BucketKeyEnabled: true })],
  ["PutObject, DSSE", (world: World) => world.put("k", "x", { ...MINE, ServerSideEncryption: "aws:kms:dsse" })],
  ["CopyObject", (world: World) => world.s3("CopyObject", { Bucket: "bucket", Key: "k", CopySource: "bucket/from", ...MINE })],
  ["CreateMultipartUpload", (world: World) => world.s3("CreateMultipartUpload", { Bucket: "bucket", Key: "k", ...MINE })],
] as const) {
  test(`${name}: an alias that moves behind the decision does not bring in a key that the policy forbids`, async () => {
    const { world, a, b, point } = await twoKeys();
    await world.put("from", "x");
    await world.configure("bucket", pinned(a));
    behindLookUp(world, () => point(b));
    await refused(write(world), "AccessDenied");
    await refused(world.get("k"), "NoSuchKey");
    assert.deepEqual((await world.s3("ListMultipartUploads", { Bucket: "bucket" }))["Uploads"], []);
  });
}

test("an alias that moves while a bucket key is made: the key is kept under its own name, not the one looked up", async () => {
  const { world, a, b, point } = await twoKeys();
  const write = { ...MINE, BucketKeyEnabled: true };
  behindLookUp(world, () => point(b));
  assert.equal((await world.put("k", "x", write))["SSEKMSKeyId"], b);
  await point(a);
  assert.equal((await world.put("k", "x", write))["SSEKMSKeyId"], a);
  await point(b);
  assert.equal((await world.put("k", "x", write))["SSEKMSKeyId"], b);
  behindLookUp(world, () => point(a));
  const moved = (await world.put("k", "x", write))["SSEKMSKeyId"];
  assert.equal(moved, a, "the cached key of b is not used where KMS was asked about a");
});

test("who may use a key only by its alias may write with bucket keys and DSSE too", async () => {
  const { world } = await twoKeys();
  const byAlias = world.allow("byalias", [
    { Effect: "Allow", Action: "s3:PutObject", Resource: "*" },
    { Effect: "Allow", Action: "kms:GenerateDataKey", Resource: "*", Condition: { StringEquals: { "kms:RequestAlias": "alias/mine" } } },
  ]);
  const as: CallAs = { as: byAlias };
  for (const mode of [MINE, { ...MINE, BucketKeyEnabled: true }, { ...MINE, ServerSideEncryption: "aws:kms:dsse" }]) {
    await world.put("k", "x", mode, as);
    await world.put("k", "y", mode, as);
    assert.equal((await world.get("k", {}, { as: root() })).bytes.toString(), "y");
  }
});
