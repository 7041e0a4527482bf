import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { DAY_MS, MINUTE_MS } from "../../src/lib/clock.js";
import { bytes, fails, HOME, text, userArn, World } from "./support.js";
import type { OperationName } from "./support.js";

type Verdict = "ok" | "DisabledException" | "KMSInvalidStateException";
const [ok, X1, X3] = ["ok", "DisabledException", "KMSInvalidStateException"] as const;

/** kms.md §6.2, columns Enabled, Disabled, PendingDeletion, for keys with origin AWS_KMS. */
const MATRIX: Readonly<Record<string, readonly [Verdict, Verdict, Verdict]>> = {
  CancelKeyDeletion: [X3, X3, ok],
  CreateAlias: [ok, ok, X3],
  CreateGrant: [ok, X1, X3],
  Decrypt: [ok, X1, X3],
  Encrypt: [ok, X1, X3],
  ReEncrypt: [ok, X1, X3],
  GenerateDataKey: [ok, X1, X3],
  GenerateDataKeyWithoutPlaintext: [ok, X1, X3],
  DeleteAlias: [ok, ok, ok],
  DescribeKey: [ok, ok, ok],
  GetKeyPolicy: [ok, ok, ok],
  PutKeyPolicy: [ok, ok, ok],
  ListAliases: [ok, ok, ok],
  ListGrants: [ok, ok, ok],
  ListKeyPolicies: [ok, ok, ok],
  ListResourceTags: [ok, ok, ok],
  RetireGrant: [ok, ok, ok],
  RevokeGrant: [ok, ok, ok],
  ListKeyRotations: [ok, ok, ok],
  DisableKey: [ok, ok, X3],
  EnableKey: [ok, ok, X3],
  DisableKeyRotation: [ok, X1, X3],
  EnableKeyRotation: [ok, X1, X3],
  GetKeyRotationStatus: [ok, ok, ok],
  RotateKeyOnDemand: [ok, X1, X3],
  ScheduleKeyDeletion: [ok, ok, X3],
  TagResource: [ok, ok, X3],
  UntagResource: [ok, ok, X3],
  UpdateKeyDescription: [ok, ok, X3],
  UpdateAlias: [ok, ok, X3],
};
const STATES = ["Enabled", "Disabled", "PendingDeletion"] as const;

test("every operation on a key has a row in the state matrix", () => {
  const keyless = ["CreateKey", "ListKeys", "GenerateRandom", "ListRetirableGrants"];
  const names = new World().operationNames().filter((name) => !keyless.includes(name));
  assert.deepEqual(names.sort(), Object.keys(MATRIX).sort());
});

for (const [column, state] of STATES.entries()) {
  test(`state matrix: a key in state ${state}`, async () => {
    for (const [name, row] of Object.entries(MATRIX)) {
      const { world, Arn, input } = await prepared(state);
      const call = world.call(name as OperationName, input(name));
      const expected = row[column];
      if (expected === "ok") await call;
      else if (expected === X1) await fails(call, X1, `${Arn} is disabled.`);
      else await fails(call, X3, `${Arn} is ${name === "CancelKeyDeletion" ? "not " : ""}pending deletion.`);
    }
  });
}

async function prepared(state: (typeof STATES)[number]): Promise<{ world: World; Arn: string; input: (name: string) => object }> {
  const world = new World();
  const { KeyId, Arn } = await world.key();
  const other = await world.key();
  await world.call("CreateAlias", { AliasName: "alias/old", TargetKeyId: KeyId });
  await world.call("CreateAlias", { AliasName: "alias/other", TargetKeyId: other.KeyId });
  const { CiphertextBlob } = await world.call("Encrypt", { KeyId, Plaintext: text("x") });
  const { GrantId } = await world.call("CreateGrant", { KeyId, GranteePrincipal: userArn("bob"), Operations: ["Decrypt"] });
  const { Policy } = await world.call("GetKeyPolicy", { KeyId });
  if (state === "Disabled") await world.call("DisableKey", { KeyId });
  if (state === "PendingDeletion") await world.call("ScheduleKeyDeletion", { KeyId });
  const members: Readonly<Record<string, object>> = {
    CreateAlias: { AliasName: "alias/new", TargetKeyId: KeyId },
    CreateGrant: { KeyId, GranteePrincipal: userArn("alice"), Operations: ["Decrypt"] },
    Decrypt: { CiphertextBlob },
    Encrypt: { KeyId, Plaintext: text("x") },
    ReEncrypt: { CiphertextBlob, DestinationKeyId: other.KeyId },
    GenerateDataKey: { KeyId, KeySpec: "AES_256" },
    GenerateDataKeyWithoutPlaintext: { KeyId, KeySpec: "AES_256" },
    DeleteAlias: { AliasName: "alias/old" },
    PutKeyPolicy: { KeyId, Policy },
    RetireGrant: { KeyId, GrantId },
    RevokeGrant: { KeyId, GrantId },
    TagResource: { KeyId, Tags: [{ TagKey: "a", TagValue: "b" }] },
    UntagResource: { KeyId, TagKeys: ["a"] },
    UpdateKeyDescription: { KeyId, Description: "new" },
    UpdateAlias: { AliasName: "alias/other", TargetKeyId: KeyId },
  };
  return { world, Arn, input: (name) => members[name] ?? { KeyId } };
}

test("UpdateAlias moves an alias away from a key that is pending deletion; ReEncrypt to such a key fails", async () => {
  const { world, Arn, input } = await prepared("PendingDeletion");
  const { KeyId: fresh } = await world.key();
  await world.call("UpdateAlias", { AliasName: "alias/old", TargetKeyId: fresh });
  const { CiphertextBlob } = await world.call("Encrypt", { KeyId: fresh, Plaintext: text("x") });
  await fails(world.call("ReEncrypt", { CiphertextBlob, DestinationKeyId: Arn }), X3, `${Arn} is pending deletion.`);
  assert.deepEqual(Object.keys(input("DescribeKey")), ["KeyId"]);
});

test("ScheduleKeyDeletion: window 7 to 30 days, default 30; cancelling leaves the key disabled", async () => {
  const world = new World();
  const { KeyId, Arn } = await world.key();
  for (const days of [0, 1, 6, 31, 365, 366]) {
    await fails(
      world.call("ScheduleKeyDeletion", { KeyId, PendingWindowInDays: days }), "ValidationException",
      /'pendingWindowInDays'/,
    );
  }
  for (const [input, days] of [[{}, 30], [{ PendingWindowInDays: 7 }, 7], [{ PendingWindowInDays: 30 }, 30]] as const) {
    const answer = await world.call("ScheduleKeyDeletion", { KeyId, ...input });
    const DeletionDate = new Date(world.clock.now() + days * DAY_MS);
    assert.deepEqual(answer, { KeyId: Arn, DeletionDate, KeyState: "PendingDeletion", PendingWindowInDays: days });
    const { KeyMetadata: pending } = await world.call("DescribeKey", { KeyId });
    assert.deepEqual([pending?.KeyState, pending?.Enabled, pending?.DeletionDate], ["PendingDeletion", false, DeletionDate]);
    assert.deepEqual(await world.call("CancelKeyDeletion", { KeyId }), { KeyId: Arn });
    const { KeyMetadata: kept } = await world.call("DescribeKey", { KeyId });
    assert.deepEqual([kept?.KeyState, kept?.Enabled, "DeletionDate" in (kept ?? {})], ["Disabled", false, false]);
  }
});

test("key metadata: exactly AWS's members", async () => {
  const world = new World();
  const made = await world.key({ Description: "d", Tags: [{ TagKey: "k", TagValue: "v" }] });
  const { KeyMetadata: described } = await world.call("DescribeKey", { KeyId: made.KeyId });
  assert.deepEqual(described, made);
  assert.match(made.KeyId, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
  assert.match(made.CurrentKeyMaterialId ?? "", /^[0-9a-f]{64}$/);
  assert.deepEqual(described, {
    AWSAccountId: HOME, KeyId: made.KeyId, Arn: `arn:aws:kms:us-east-1:${HOME}:key/${made.KeyId}`, CreationDate: new Date(
      world.clock.now(),
    ),
    Enabled: true, Description: "d", KeyUsage: "ENCRYPT_DECRYPT", KeyState: "Enabled", Origin: "AWS_KMS", KeyManager: "CUSTOMER",
    CustomerMasterKeySpec: "SYMMETRIC_DEFAULT", KeySpec: "SYMMETRIC_DEFAULT", EncryptionAlgorithms: ["SYMMETRIC_DEFAULT"],
    MultiRegion: false,
    CurrentKeyMaterialId: made.CurrentKeyMaterialId,
  });
  await world.call("UpdateKeyDescription", { KeyId: made.KeyId, Description: "" });
  assert.equal((await world.call("DescribeKey", { KeyId: made.KeyId })).KeyMetadata?.Description, "");
  await fails(world.call("UpdateKeyDescription", { KeyId: made.KeyId, Description: "x".repeat(8193) }), "ValidationException");
});

test("regression 25: a key disabled in one process is refused by another at its next call, until enabled", async () => {
  const one = new World();
  const two = new World(one);
  const { KeyId } = await one.key();
  const { CiphertextBlob } = await two.call("Encrypt", { KeyId, Plaintext: text("x") });
  assert.deepEqual(bytes((await two.call("Decrypt", { CiphertextBlob })).Plaintext), text("x"));
  await one.call("DisableKey", { KeyId });
  await fails(two.call("Decrypt", { CiphertextBlob }), "DisabledException");
  await one.call("EnableKey", { KeyId });
  assert.deepEqual(bytes((await two.call("Decrypt", { CiphertextBlob })).Plaintext), text("x"));
});

test("regression 9: a key is gone on its date, whether or not the job has run; the job removes every row", async () => {
  const { deleteDueKeys } = await import("../../src/keys/maintenance.js");
  const world = new World();
  const { KeyId, Arn } = await world.key();
  const other = await world.key();
  await world.call("CreateAlias", { AliasName: "alias/a", TargetKeyId: KeyId });
  await world.call("CreateAlias", { AliasName: "alias/b", TargetKeyId: KeyId });
  for (let i = 0; i < 3; i++) {
    await world.call(
      "CreateGrant",
      { KeyId, GranteePrincipal: userArn("bob"), RetiringPrincipal: userArn("alice"), Operations: ["Decrypt"], Name: `n${i}` },
    );
  }
  await world.call("RotateKeyOnDemand", { KeyId });
  const { CiphertextBlob } = await world.call("Encrypt", { KeyId, Plaintext: text("x") });
  await world.call("ScheduleKeyDeletion", { KeyId, PendingWindowInDays: 7 });
  const walk = deleteDueKeys(world.kms);
  world.clock.advance(7 * DAY_MS - 1);
  while ((await walk.step(world.clock.now())) === "more");
  await world.call("DescribeKey", { KeyId });
  assert.equal(world.events.length, 0);
  world.clock.advance(1);
  await fails(world.call("DescribeKey", { KeyId }), "NotFoundException", `Key '${Arn}' does not exist`);
  await fails(world.call("CancelKeyDeletion", { KeyId }), "NotFoundException");
  await fails(
    world.call("Decrypt", { CiphertextBlob }), "AccessDeniedException", /^The ciphertext refers to a customer master key/,
  );
  await fails(world.call("DescribeKey", { KeyId: "alias/a" }), "NotFoundException", /alias\/a is not found\.$/);
  assert.deepEqual((await world.call("ListKeys")).Keys?.map((key) => key.KeyId), [other.KeyId]);
  assert.deepEqual((await world.call("ListAliases")).Aliases?.map((alias) => alias.AliasName), ["alias/aws/s3"]);
  assert.deepEqual((await world.call("ListRetirableGrants", { RetiringPrincipal: userArn("alice") })).Grants, []);
  // Its names are free at once; the job must not take them away from their new key.
  await world.call("CreateAlias", { AliasName: "alias/a", TargetKeyId: other.KeyId });
  while ((await walk.step(world.clock.now())) === "more");
  assert.deepEqual(world.events.map(({ eventName, keyArn }) => [eventName, keyArn]), [["DeleteKey", Arn]]);
  assert.equal((await world.call("DescribeKey", { KeyId: "alias/a" })).KeyMetadata?.KeyId, other.KeyId);
  const rows = await world.store.range({ from: Buffer.from([0x30]), to: Buffer.from([0x40]), limit: 1000 });
  assert.equal(rows.filter((row) => row.key.includes(KeyId.slice(0, 8))).length, 0);
});

test("material in memory is wiped with its key, and in other processes once it lies idle", async () => {
  const { deleteDueKeys } = await import("../../src/keys/maintenance.js");
  const world = new World();
  const { loadKey } = await import("../../src/keys/load.js");
  const { Materials } = await import("../../src/keys/materials.js");
  const { KeyId } = await world.key();
  const other = await loadKey(world.kms, "us-east-1", (await world.key()).KeyId, world.clock.now());
  const key = await loadKey(world.kms, "us-east-1", KeyId, world.clock.now());
  assert.ok(key !== undefined && other !== undefined);
  let monotonicMs = 0;
  const elsewhere = new Materials(world.kms.tables, world.keyring, { now: () => monotonicMs });
  const [here, there] = await Promise.all([world.kms.materials, elsewhere].map((one) => one.useCurrent(key, (bytes) => bytes)));
  const wiped = (bytes: Buffer | undefined): boolean | undefined => bytes?.every((byte) => byte === 0);
  await world.call("ScheduleKeyDeletion", { KeyId, PendingWindowInDays: 7 });
  world.clock.advance(7 * DAY_MS);
  assert.equal(wiped(here), false);
  while ((await deleteDueKeys(world.kms).step(world.clock.now())) === "more");
  assert.equal(wiped(here), true);
  monotonicMs = 15 * 60_000 - 1;
  await elsewhere.useCurrent(other, () => undefined);
  assert.equal(wiped(there), false);
  monotonicMs += 1;
  const kept = await elsewhere.useCurrent(other, (bytes) => bytes);
  assert.deepEqual([wiped(there), wiped(kept)], [true, false]);
});

test("kept material is found by its own key in its own region alone", async () => {
  const { loadKey } = await import("../../src/keys/load.js");
  const world = new World();
  const [one, other] = [await world.key(), await world.key()];
  const load = (keyId: string): ReturnType<typeof loadKey> => loadKey(world.kms, "us-east-1", keyId, world.clock.now());
  const [key, stranger] = [await load(one.KeyId), await load(other.KeyId)];
  assert.ok(key !== undefined && stranger !== undefined);
  const { materialId } = key.clear;
  const { materials } = world.kms;
  await materials.useCurrent(key, () => undefined);
  assert.equal(materials.useKept(key, materialId, () => "found"), "found");
  for (const asking of [stranger, { ...key, region: "eu-west-1" }]) {
    assert.equal(materials.useKept(asking, materialId, () => "found"), undefined);
    assert.equal(await materials.use(asking, materialId, () => "found"), undefined);
  }
});

test("idle material is wiped although nothing more is asked of KMS", async () => {
  const { loadKey } = await import("../../src/keys/load.js");
  const { Materials } = await import("../../src/keys/materials.js");
  const world = new World();
  const key = await loadKey(world.kms, "us-east-1", (await world.key()).KeyId, world.clock.now());
  assert.ok(key !== undefined);
  mock.timers.enable({ apis: ["setTimeout"] });
  try {
    let monotonicMs = 0;
    const materials = new Materials(world.kms.tables, world.keyring, { now: () => monotonicMs });
    const kept = await materials.useCurrent(key, (bytes) => bytes);
    const pass = (): void => {
      monotonicMs += MINUTE_MS;
      mock.timers.tick(MINUTE_MS);
    };
    for (let minute = 1; minute < 15; minute++) pass();
    assert.ok(kept.some((byte) => byte !== 0));
    pass();
    assert.ok(kept.every((byte) => byte === 0));
  } finally {
    mock.timers.reset();
  }
});

test("regression 26: everything is there after a restart", async () => {
  const before = new World();
  const { KeyId } = await before.key({ Description: "kept", Tags: [{ TagKey: "t", TagValue: "v" }] });
  await before.call("CreateAlias", { AliasName: "alias/kept", TargetKeyId: KeyId });
  await before.call("EnableKeyRotation", { KeyId, RotationPeriodInDays: 90 });
  const { CiphertextBlob } = await before.call("Encrypt", { KeyId, Plaintext: text("x") });
  const { GrantToken } = await before.call("CreateGrant", { KeyId, GranteePrincipal: userArn("bob"), Operations: ["Decrypt"] });
  const after = new World(before);
  assert.deepEqual(await after.call("DescribeKey", { KeyId: "alias/kept" }), await before.call("DescribeKey", { KeyId }));
  assert.deepEqual(bytes((await after.call("Decrypt", { CiphertextBlob })).Plaintext), text("x"));
  assert.deepEqual((await after.call("ListResourceTags", { KeyId })).Tags, [{ TagKey: "t", TagValue: "v" }]);
  assert.equal((await after.call("GetKeyRotationStatus", { KeyId })).RotationPeriodInDays, 90);
  await after.call("RetireGrant", { GrantToken });
});
