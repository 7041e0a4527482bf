import assert from "node:assert/strict";
import { test } from "node:test";
import { DAY_MS, MINUTE_MS } from "../../src/lib/clock.js";
import { rotateDueKeys } from "../../src/keys/maintenance.js";
import { bytes, fails, HOME, text, World } from "./support.js";

async function materialOf(world: World, KeyId: string): Promise<string | undefined> {
  return (await world.call("GenerateDataKey", { KeyId, KeySpec: "AES_256" })).KeyMaterialId;
}

test("regression 6: automatic rotation changes the material on the day, old ciphertexts open, the id stays", async () => {
  const world = new World();
  const { KeyId, Arn } = await world.key();
  await world.call("EnableKeyRotation", { KeyId });
  const first = await materialOf(world, KeyId);
  const old = await world.call("Encrypt", { KeyId, Plaintext: text("old"), EncryptionContext: { a: "b" } });
  world.clock.advance(365 * DAY_MS - 1);
  assert.equal(await materialOf(world, KeyId), first);
  world.clock.advance(1);
  const second = await materialOf(world, KeyId);
  assert.notEqual(second, first);
  assert.equal((await world.call("DescribeKey", { KeyId })).KeyMetadata?.CurrentKeyMaterialId, second);
  const opened = await world.call("Decrypt", { CiphertextBlob: old.CiphertextBlob, EncryptionContext: { a: "b" } });
  assert.deepEqual([bytes(opened.Plaintext), opened.KeyId, opened.KeyMaterialId], [text("old"), Arn, first]);
  assert.deepEqual(
    world.events.map(({ eventName, account, keyArn }) => [eventName, account, keyArn]), [["RotateKey", HOME, Arn]],
  );
});

test("rotation happens without use: the job rotates what is due, and only that", async () => {
  const world = new World();
  const due = await world.key();
  const later = await world.key();
  const never = await world.key();
  await world.call("EnableKeyRotation", { KeyId: due.KeyId, RotationPeriodInDays: 90 });
  await world.call("EnableKeyRotation", { KeyId: later.KeyId, RotationPeriodInDays: 91 });
  world.clock.advance(90 * DAY_MS);
  const walk = rotateDueKeys(world.kms);
  while ((await walk.step(world.clock.now())) === "more");
  assert.deepEqual(world.events.map((event) => event.keyArn), [due.Arn]);
  while ((await walk.step(world.clock.now())) === "more");
  assert.equal(world.events.length, 1);
  const current = async (KeyId: string): Promise<string | undefined> =>
    (await world.call("DescribeKey", { KeyId })).KeyMetadata?.CurrentKeyMaterialId;
  assert.notEqual(await current(due.KeyId), due.CurrentKeyMaterialId);
  assert.equal(await current(later.KeyId), later.CurrentKeyMaterialId);
  assert.equal(await current(never.KeyId), never.CurrentKeyMaterialId);
});

test("regression 8: the status names period and next date, and the date does not drift", async () => {
  const world = new World();
  const { KeyId, Arn } = await world.key();
  const status = (): Promise<object> => world.call("GetKeyRotationStatus", { KeyId });
  assert.deepEqual(await status(), { KeyRotationEnabled: false, KeyId: Arn });
  const start = world.clock.now();
  await world.call("EnableKeyRotation", { KeyId, RotationPeriodInDays: 100 });
  const on = (days: number): object => ({
    KeyRotationEnabled: true, KeyId: Arn, RotationPeriodInDays: 100, NextRotationDate: new Date(start + days * DAY_MS),
  });
  assert.deepEqual(await status(), on(100));
  world.clock.advance(10 * DAY_MS);
  await world.call("EnableKeyRotation", { KeyId, RotationPeriodInDays: 100 });
  assert.deepEqual(await status(), on(100));
  await world.call("RotateKeyOnDemand", { KeyId });
  assert.deepEqual(await status(), on(100));
  world.clock.advance(95 * DAY_MS);
  assert.deepEqual(await status(), on(200));
  // Nobody looked for three periods: one rotation, and back on the grid.
  const before = world.events.length;
  world.clock.advance(300 * DAY_MS);
  assert.deepEqual(await status(), on(500));
  assert.equal(world.events.length, before + 1);
  await world.call("EnableKeyRotation", { KeyId });
  assert.deepEqual(await status(), {
    KeyRotationEnabled: true, KeyId: Arn, RotationPeriodInDays: 365, NextRotationDate: new Date(world.clock.now() + 365 * DAY_MS),
  });
  await world.call("DisableKeyRotation", { KeyId });
  assert.deepEqual(await status(), { KeyRotationEnabled: false, KeyId: Arn });
  for (const RotationPeriodInDays of [89, 2561, 0]) {
    await fails(
      world.call("EnableKeyRotation", { KeyId, RotationPeriodInDays }), "ValidationException", /'rotationPeriodInDays'/,
    );
  }
  for (const RotationPeriodInDays of [90, 2560]) await world.call("EnableKeyRotation", { KeyId, RotationPeriodInDays });
});

test("disabled keys do not rotate and catch up when enabled; pending deletion suspends", async () => {
  const world = new World();
  const { KeyId, CurrentKeyMaterialId } = await world.key();
  const current = async (): Promise<string | undefined> =>
    (await world.call("DescribeKey", { KeyId })).KeyMetadata?.CurrentKeyMaterialId;
  await world.call("EnableKeyRotation", { KeyId, RotationPeriodInDays: 90 });
  await world.call("DisableKey", { KeyId });
  world.clock.advance(100 * DAY_MS);
  assert.equal(await current(), CurrentKeyMaterialId);
  assert.equal((await world.call("GetKeyRotationStatus", { KeyId })).KeyRotationEnabled, true);
  await world.call("EnableKey", { KeyId });
  const second = await current();
  assert.notEqual(second, CurrentKeyMaterialId);
  await world.call("ScheduleKeyDeletion", { KeyId, PendingWindowInDays: 30 });
  assert.equal((await world.call("GetKeyRotationStatus", { KeyId })).KeyRotationEnabled, false);
  world.clock.advance(20 * DAY_MS);
  await world.call("CancelKeyDeletion", { KeyId });
  assert.equal((await world.call("GetKeyRotationStatus", { KeyId })).KeyRotationEnabled, true);
  assert.equal(await current(), second);
});

test("regression 7: 25 rotations on demand, each ciphertext stays readable", async () => {
  const world = new World();
  const { KeyId, Arn } = await world.key();
  const sealed: (Uint8Array | undefined)[] = [];
  for (let i = 0; i <= 25; i++) {
    sealed.push((await world.call("Encrypt", { KeyId, Plaintext: text(`${i}`) })).CiphertextBlob);
    if (i < 25) assert.deepEqual(await world.call("RotateKeyOnDemand", { KeyId }), { KeyId: Arn });
  }
  await fails(
    world.call("RotateKeyOnDemand", { KeyId }), "LimitExceededException",
    "The on-demand rotations limit has been reached for the given keyId. " +
      `No more on-demand rotations can be performed for this key: ${Arn}`,
  );
  for (const [i, CiphertextBlob] of sealed.entries()) {
    assert.deepEqual(bytes((await world.call("Decrypt", { CiphertextBlob })).Plaintext), text(`${i}`));
  }
});

test("no rotation on demand within 20 minutes of an automatic one", async () => {
  const world = new World();
  const { KeyId } = await world.key();
  await world.call("EnableKeyRotation", { KeyId, RotationPeriodInDays: 90 });
  world.clock.advance(90 * DAY_MS - 20 * MINUTE_MS - 1);
  await world.call("RotateKeyOnDemand", { KeyId });
  world.clock.advance(1);
  await fails(world.call("RotateKeyOnDemand", { KeyId }), "ConflictException");
});

test("ListKeyRotations: rotations by default, all material on request, in order", async () => {
  const world = new World();
  const { KeyId, CurrentKeyMaterialId } = await world.key();
  assert.deepEqual(await world.call("ListKeyRotations", { KeyId }), { Rotations: [], Truncated: false });
  await world.call("EnableKeyRotation", { KeyId, RotationPeriodInDays: 90 });
  world.clock.advance(DAY_MS);
  const onDemand = new Date(world.clock.now());
  await world.call("RotateKeyOnDemand", { KeyId });
  world.clock.advance(90 * DAY_MS);
  const { Rotations = [] } = await world.call("ListKeyRotations", { KeyId });
  const shown = Rotations.map((one) => [one.RotationType, one.RotationDate, one.KeyMaterialState]);
  assert.deepEqual(shown, [
    ["ON_DEMAND", onDemand, "NON_CURRENT"],
    ["AUTOMATIC", new Date(world.clock.now()), "CURRENT"],
  ]);
  const all = await world.call("ListKeyRotations", { KeyId, IncludeKeyMaterial: "ALL_KEY_MATERIAL" });
  assert.deepEqual(all.Rotations?.[0], { KeyId, KeyMaterialId: CurrentKeyMaterialId, KeyMaterialState: "NON_CURRENT" });
  assert.equal(all.Rotations?.length, 3);
  const one = await world.call("ListKeyRotations", { KeyId, Limit: 1 });
  assert.deepEqual([one.Truncated, one.Rotations?.[0]], [true, Rotations[0]]);
  const two = await world.call("ListKeyRotations", { KeyId, Limit: 1, Marker: one.NextMarker });
  assert.deepEqual([two.Truncated, two.Rotations?.[0]], [false, Rotations[1]]);
  await fails(
    world.call("ListKeyRotations", { KeyId, IncludeKeyMaterial: "ALL_KEY_MATERIAL", Marker: one.NextMarker }),
    "InvalidMarkerException",
  );
});

test("many processes meet a due rotation at once: one new material", async () => {
  const world = new World();
  const { KeyId } = await world.key();
  await world.call("EnableKeyRotation", { KeyId, RotationPeriodInDays: 90 });
  world.clock.advance(90 * DAY_MS);
  const worlds = [world, ...Array.from({ length: 4 }, () => new World(world))];
  const used = await Promise.all(worlds.map((one) => materialOf(one, KeyId)));
  assert.equal(new Set(used).size, 1);
  assert.equal((await world.call("ListKeyRotations", { KeyId })).Rotations?.length, 1);
  const announced = worlds.flatMap((one) => one.events);
  const withdrawn = announced.filter((event) => event.errorCode !== undefined).length;
  assert.equal(announced.length - 2 * withdrawn, 1);
});
