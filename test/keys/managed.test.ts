import assert from "node:assert/strict";
import { test } from "node:test";
import { DAY_MS } from "../../src/lib/clock.js";
import { houseKeyArn } from "../../src/keys/managed-keys.js";
import { seedKey } from "../../src/keys/seed.js";
import type { Principal } from "../../src/policy/types.js";
import { AWAY, allow, bytes, DELEGATED, document, fails, HOME, root, rootArn, text, user, userArn, World } from "./support.js";

const S3: Principal = { type: "Service", service: "s3.amazonaws.com", userId: "s3.amazonaws.com" };

test("aws/s3 is made by its first use through S3, once however many come at a time", async () => {
  const world = new World();
  await fails(
    world.call("Encrypt", { KeyId: "alias/aws/s3", Plaintext: text("x") }), "NotFoundException",
    /alias\/aws\/s3 is not found\.$/,
  );
  const other = new World(world);
  const many = Array.from(
    { length: 8 },
    (_, i) => [world, other][i % 2]?.call(
      "GenerateDataKey", { KeyId: "alias/aws/s3", KeySpec: "AES_256" }, { as: user("bob"), viaS3: true },
    ),
  );
  const ids = (await Promise.all(many)).map((made) => made?.KeyId);
  assert.equal(new Set(ids).size, 1);
  const { KeyMetadata } = await world.call("DescribeKey", { KeyId: "alias/aws/s3" });
  assert.deepEqual(
    [KeyMetadata?.Arn, KeyMetadata?.KeyManager, KeyMetadata?.Description, KeyMetadata?.KeyState],
    [ids[0], "AWS", "Default key that protects my S3 objects when no other key is defined", "Enabled"],
  );
  assert.deepEqual((await world.call("ListKeys")).Keys?.map((key) => key.KeyArn), [ids[0]]);
  const { Policy } = await world.call("GetKeyPolicy", { KeyId: ids[0] });
  assert.deepEqual(JSON.parse(Policy ?? ""), {
    Version: "2012-10-17", Id: "auto-s3-2",
    Statement: [
      {
        Sid: "Allow access through S3 for all principals in the account that are authorized to use S3",
        Effect: "Allow",
        Principal: { AWS: "*" },
        Action: ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"], Resource: "*",
        Condition: { StringEquals: { "kms:CallerAccount": HOME, "kms:ViaService": "s3.us-east-1.amazonaws.com" } },
      },
      {
        Sid: "Allow direct access to key metadata to the account", Effect: "Allow", Principal: { AWS: rootArn(HOME) },
        Action: ["kms:Describe*", "kms:Get*", "kms:List*"], Resource: "*",
      },
    ],
  });
});

test("regression 17: alias/aws/s3 is listed without a key until there is one; DescribeKey makes it", async () => {
  const world = new World();
  assert.deepEqual(
    (await world.call("ListAliases")).Aliases,
    [{ AliasName: "alias/aws/s3", AliasArn: `arn:aws:kms:us-east-1:${HOME}:alias/aws/s3` }],
  );
  const { KeyMetadata } = await world.call("DescribeKey", { KeyId: "alias/aws/s3" });
  assert.equal((await world.call("ListAliases")).Aliases?.[0]?.TargetKeyId, KeyMetadata?.KeyId);
  const foreign = `arn:aws:kms:us-east-1:${HOME}:alias/aws/s3`;
  const fresh = new World();
  await fails(fresh.call("DescribeKey", { KeyId: foreign }, { as: root(AWAY) }), "AccessDeniedException");
  assert.deepEqual((await fresh.call("ListKeys")).Keys, []);
});

test("aws/s3 serves its account through S3 only, and nobody can touch it", async () => {
  const world = new World();
  const { KeyMetadata } = await world.call("DescribeKey", { KeyId: "alias/aws/s3" });
  const { KeyId = "", Arn = "" } = KeyMetadata ?? {};
  const bob = { as: user("bob") };
  world.identities.set(userArn("bob"), document({ Effect: "Allow", Action: "s3:*", Resource: "*" }));
  const sealed = await world.call("GenerateDataKey", { KeyId: "alias/aws/s3", KeySpec: "AES_256" }, { ...bob, viaS3: true });
  await world.call("Decrypt", { CiphertextBlob: sealed.CiphertextBlob }, { ...bob, viaS3: true });
  await fails(world.call("Decrypt", { CiphertextBlob: sealed.CiphertextBlob }, bob), "AccessDeniedException");
  await fails(world.call("Encrypt", { KeyId, Plaintext: text("x") }), "AccessDeniedException");
  await fails(
    world.call("GenerateDataKey", { KeyId: Arn, KeySpec: "AES_256" }, { as: user("carol"), viaS3: true }),
    "AccessDeniedException",
  );
  const target = await world.key();
  for (const [name, input] of [
    ["DisableKey", {}], ["EnableKey", {}], ["ScheduleKeyDeletion", {}], ["PutKeyPolicy", { Policy: document(DELEGATED) }], [
      "DisableKeyRotation", {},
    ],
    ["EnableKeyRotation", {}], ["RotateKeyOnDemand", {}], ["TagResource", { Tags: [{ TagKey: "a", TagValue: "b" }] }], [
      "UpdateKeyDescription", { Description: "d" },
    ],
    ["CreateGrant", { GranteePrincipal: userArn("bob"), Operations: ["Decrypt"] }],
  ] as const) {
    await fails(world.call(name, { KeyId, ...input }), "AccessDeniedException");
  }
  await fails(world.call("CreateAlias", { AliasName: "alias/mine", TargetKeyId: KeyId }), "AccessDeniedException");
  await fails(world.call("UpdateAlias", { AliasName: "alias/aws/s3", TargetKeyId: target.KeyId }), "AccessDeniedException");
  await fails(world.call("DeleteAlias", { AliasName: "alias/aws/s3" }), "AccessDeniedException");
  const status = await world.call("GetKeyRotationStatus", { KeyId });
  assert.deepEqual([status.KeyRotationEnabled, status.RotationPeriodInDays], [true, 365]);
  world.clock.advance(365 * DAY_MS);
  const later = await world.call("GenerateDataKey", { KeyId: "alias/aws/s3", KeySpec: "AES_256" }, { ...bob, viaS3: true });
  assert.notEqual(later.KeyMaterialId, sealed.KeyMaterialId);
  await world.call("Decrypt", { CiphertextBlob: sealed.CiphertextBlob }, { ...bob, viaS3: true });
});

test("the house key serves S3 as a service; to everybody else it does not exist", async () => {
  const world = new World();
  const KeyId = houseKeyArn("us-east-1");
  const asS3 = { as: S3 };
  const other = new World(world);
  const worlds = [world, other, world, other];
  const made = await Promise.all(worlds.map((one) => one.call("GenerateDataKey", { KeyId, KeySpec: "AES_256" }, asS3)));
  assert.deepEqual(new Set(made.map((key) => key.KeyId)), new Set([KeyId]));
  assert.equal(new Set(made.map((key) => key.KeyMaterialId)).size, 1);
  for (const { CiphertextBlob, Plaintext } of made) {
    assert.deepEqual(bytes((await world.call("Decrypt", { CiphertextBlob, KeyId }, asS3)).Plaintext), bytes(Plaintext));
    assert.deepEqual(bytes((await world.call("Decrypt", { CiphertextBlob }, asS3)).Plaintext), bytes(Plaintext));
    for (const as of [root(), root(AWAY), user("bob")]) {
      for (const viaS3 of [false, true]) await fails(
        world.call("Decrypt", { CiphertextBlob }, { as, viaS3 }), "AccessDeniedException", /^The ciphertext refers to/,
      );
    }
  }
  for (const as of [root(), user("bob")]) {
    await fails(world.call("DescribeKey", { KeyId }, { as }), "AccessDeniedException", /does not exist in this Region/);
    await fails(world.call("GenerateDataKey", { KeyId, KeySpec: "AES_256" }, { as, viaS3: true }), "AccessDeniedException");
    assert.deepEqual((await world.call("ListKeys", {}, { as })).Keys, []);
    assert.deepEqual((await world.call("ListAliases", {}, { as })).Aliases?.length, 1);
    await fails(world.call("DescribeKey", { KeyId: KeyId.split("/")[1] }, { as }), "NotFoundException");
  }
  for (const name of ["DisableKey", "ScheduleKeyDeletion", "GetKeyPolicy"] as const) await fails(
    world.call(name, { KeyId }, asS3), "AccessDeniedException",
  );
  assert.notEqual(houseKeyArn("eu-central-1").split("/")[1], KeyId.split("/")[1]);
  await fails(
    world.call("GenerateDataKey", { KeyId, KeySpec: "AES_256" }, { ...asS3, region: "eu-central-1" }),
    "NotFoundException",
  );
  const usual = await world.key();
  await fails(world.call("GenerateDataKey", { KeyId: usual.Arn, KeySpec: "AES_256" }, asS3), "AccessDeniedException");
});

test("a seeded key: made once, brought up to what is declared, then left alone", async () => {
  const world = new World();
  const id = "12345678-1234-4234-8234-123456789012";
  const declared = {
    account: HOME, region: "us-east-1", id, alias: "alias/seeded", description: "d",
    policy: document(DELEGATED, allow(userArn("bob"))),
  };
  const stamp = async (): Promise<number | undefined> => (await world.kms.tables.keys.get("us-east-1", id))?.stamp;
  const arn = await seedKey(world.kms, declared, world.clock.now());
  assert.equal(arn, `arn:aws:kms:us-east-1:${HOME}:key/${id}`);
  const first = await stamp();
  await seedKey(world.kms, declared, world.clock.now());
  assert.equal(await stamp(), first);
  assert.equal((await world.call("GetKeyPolicy", { KeyId: id })).Policy, declared.policy);
  assert.equal((await world.call("DescribeKey", { KeyId: "alias/seeded" })).KeyMetadata?.Description, "d");
  await seedKey(world.kms, { ...declared, alias: "alias/second", policy: document(DELEGATED) }, world.clock.now());
  assert.equal((await world.call("GetKeyPolicy", { KeyId: id })).Policy, document(DELEGATED));
  assert.equal((await world.call("ListAliases", { KeyId: id })).Aliases?.length, 2);
  const byAlias = { account: HOME, region: "us-east-1", alias: "alias/by-name" };
  assert.equal(await seedKey(world.kms, byAlias, world.clock.now()), await seedKey(world.kms, byAlias, world.clock.now()));
  await assert.rejects(
    seedKey(world.kms, { ...declared, account: AWAY, alias: undefined }, world.clock.now()), /belongs to account/,
  );
  await assert.rejects(seedKey(world.kms, { ...byAlias, id }, world.clock.now()), /belongs to key/);
  await world.call("ScheduleKeyDeletion", { KeyId: id, PendingWindowInDays: 7 });
  await seedKey(world.kms, declared, world.clock.now());
  assert.equal((await world.call("DescribeKey", { KeyId: id })).KeyMetadata?.KeyState, "PendingDeletion");
  world.clock.advance(7 * DAY_MS);
  await seedKey(world.kms, declared, world.clock.now());
  assert.equal((await world.call("DescribeKey", { KeyId: "alias/seeded" })).KeyMetadata?.KeyState, "Enabled");
  await fails(
    seedKey(world.kms, { ...byAlias, alias: "alias/x", policy: "{" }, world.clock.now()), "MalformedPolicyDocumentException",
  );
});
