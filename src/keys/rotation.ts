/**
 * New material for a key: automatically on the clock, or on demand. Old material stays until the key is deleted. A due
 * rotation takes effect at the key's next use even if no job has run, and the job rotates keys that nobody uses.
 * Source: AWS KMS developer guide "Rotating keys"; kms.md §8.3 of the reference.
 */
import { DAY_MS } from "../lib/clock.js";
import type { Batch } from "../stores/contract.js";
import { keyRow, stateOf } from "./key.js";
import type { Key } from "./key.js";
import { makeMaterial } from "./materials.js";
import type { Kms } from "./kms.js";
import type { KeyClear, RotationSchedule } from "./records.js";

export function newSchedule(periodDays: number, nowMs: number): RotationSchedule {
  return { periodDays, nextMs: nowMs + periodDays * DAY_MS };
}

/** Automatic rotation is due, and the key's state permits it. */
export function rotationDue(key: Key, nowMs: number): boolean {
  const { rotation } = key.clear;
  return rotation !== undefined && rotation.nextMs <= nowMs && stateOf(key) === "Enabled";
}

/** The date after a rotation at `nowMs`: on the same grid, so that it never drifts; periods that passed unused are skipped. */
export function nextRotation(rotation: RotationSchedule, nowMs: number): RotationSchedule {
  const periodMs = rotation.periodDays * DAY_MS;
  const passed = Math.floor((nowMs - rotation.nextMs) / periodMs) + 1;
  return { periodDays: rotation.periodDays, nextMs: rotation.nextMs + Math.max(1, passed) * periodMs };
}

/** What a rotation writes; checks that the key row is still the one read. */
export function rotationBatch(
  kms: Kms, key: Key, rotationType: "AUTOMATIC" | "ON_DEMAND", nowMs: number,
): Batch & { readonly materialId: string } {
  const { account, region, keyId, clear } = key;
  const material = { account, region, keyId, sequence: clear.materialCount, nowMs, rotationType };
  const made = makeMaterial(kms.tables, kms.keyring, material, kms.random);
  const next: KeyClear = {
    ...clear,
    materialId: made.materialId,
    materialCount: clear.materialCount + 1,
    ...(rotationType === "ON_DEMAND" ? { onDemandRotations: clear.onDemandRotations + 1 } : {}),
    ...(rotationType === "AUTOMATIC" && clear.rotation !== undefined ? { rotation: nextRotation(clear.rotation, nowMs) } : {}),
  };
  return {
    checks: [{ key: key.rowKey, stamp: key.stamp }, { key: made.rowKey, stamp: "absent" }],
    puts: [kms.tables.keys.put(key.rowKey, keyRow(next, key.secret)), made.put],
    materialId: made.materialId,
  };
}

/** Rotates a key whose rotation is due. Whether this process or another was first, the key's row has changed afterwards. */
export async function rotateNow(kms: Kms, key: Key, nowMs: number): Promise<void> {
  const { materialId, ...batch } = rotationBatch(kms, key, "AUTOMATIC", nowMs);
  const { keyId, clear } = key;
  const event = {
    eventName: "RotateKey",
    timeMs: nowMs,
    region: key.region,
    account: key.account,
    keyArn: key.arn,
    details: { keyId, rotationType: "AUTOMATIC", previousKeyMaterialId: clear.materialId, keyMaterialId: materialId },
  } as const;
  kms.recordEvent(event);
  const result = await kms.store.commit(batch);
  if (!result.ok) kms.recordEvent({ ...event, errorCode: "ConflictException" });
}
