/**
 * What time does to keys, one bounded unit a call, for whoever holds the job's lease: remove keys past their deletion date,
 * rotate keys whose date has come. Both only make lasting what every request sees already.
 */
import { keyArn } from "../lib/arn.js";
import type { Batch, Check } from "../stores/contract.js";
import type { Found } from "../stores/records.js";
import { grantRowKeys } from "./grant-rows.js";
import { isGone, keyIn } from "./key.js";
import type { Kms } from "./kms.js";
import type { KeyClear } from "./records.js";
import { rotateNow, rotationDue } from "./rotation.js";

/** Walks over all keys, a page a step; `"done"` when the end was reached. Keep one for each job; it remembers its place. */
export interface KeyWalk {
  step(nowMs: number): Promise<"more" | "done">;
}

const KEYS_PER_STEP = 100;
const GRANTS_PER_COMMIT = 200;
const MATERIALS_PER_COMMIT = 500;

/** Removes keys past their deletion date with all that hangs on them. */
export function deleteDueKeys(kms: Kms): KeyWalk {
  return walk(kms, async (found, nowMs) => {
    if (!isGone(found.clear, nowMs)) return "done";
    return removeKey(kms, found, nowMs);
  });
}

/** Rotates keys whose automatic rotation is due, though nobody uses them. */
export function rotateDueKeys(kms: Kms): KeyWalk {
  return walk(kms, async (found, nowMs) => {
    const { region, keyId } = found.clear;
    if (isGone(found.clear, nowMs) || found.clear.rotation === undefined) return "done";
    const key = keyIn(kms.decoded, found);
    if (rotationDue(key, nowMs)) await rotateNow(kms, key, nowMs);
    return "done";
  });
}

function walk(kms: Kms, visit: (found: Found<KeyClear>, nowMs: number) => Promise<"more" | "done">): KeyWalk {
  let after: Buffer | undefined;
  return {
    async step(nowMs) {
      const rows = await kms.tables.keys.list({ limit: KEYS_PER_STEP, ...(after === undefined ? {} : { after }) });
      for (const row of rows) {
        // A key with more rows than one commit should hold: come back to it before going on.
        if ((await visit(row, nowMs)) === "more") return "more";
        after = row.key;
      }
      if (rows.length === KEYS_PER_STEP) return "more";
      after = undefined;
      return "done";
    },
  };
}

/** Removes this key now if its deletion date has passed: for whoever needs its id or names again before the job has come. */
export async function removeGoneKey(kms: Kms, [region, keyId]: readonly [string, string], nowMs: number): Promise<void> {
  for (;;) {
    const found = await kms.tables.keys.get(region, keyId);
    if (found === undefined || !isGone(found.clear, nowMs)) return;
    await removeKey(kms, found, nowMs);
  }
}

async function removeKey(kms: Kms, found: Found<KeyClear>, nowMs: number): Promise<"more" | "done"> {
  const { region, keyId } = found.clear;
  const grants = await kms.tables.grants.list({ prefix: [region, keyId], limit: GRANTS_PER_COMMIT });
  const unchanged: Check = { key: found.key, stamp: found.stamp };
  if (grants.length > 0) {
    const deletes = grants.flatMap((grant) => grantRowKeys(kms, region, keyId, grant.clear));
    await kms.store.commit({ checks: [unchanged], deletes });
    return "more";
  }
  const batch = await lastRows(kms, found);
  const { account } = found.clear;
  const event = {
    eventName: "DeleteKey",
    timeMs: nowMs,
    region,
    account,
    keyArn: keyArn(region, account, keyId),
    details: { keyId },
  } as const;
  kms.recordEvent(event);
  const result = await kms.store.commit(batch);
  if (result.ok) kms.materials.forgetKey(region, keyId);
  else kms.recordEvent({ ...event, errorCode: "ConflictException" });
  return "done";
}

/** The key, its materials, and those of its aliases that have not been given to another key since. */
async function lastRows(kms: Kms, found: Found<KeyClear>): Promise<Batch> {
  const { tables } = kms;
  const { region, keyId } = found.clear;
  const { account, aliases } = found.clear;
  const materials = await tables.materials.list({ prefix: [region, keyId], limit: MATERIALS_PER_COMMIT });
  const aliasRows = await tables.aliases.getMany(aliases.map((name) => tables.aliases.key(account, region, name)));
  const own = aliasRows.filter((row) => row !== undefined).filter((row) => row.clear.keyId === keyId);
  return {
    checks: [{ key: found.key, stamp: found.stamp }, ...own.map((row) => ({ key: row.key, stamp: row.stamp }))],
    deletes: [
      found.key,
      tables.byAccount.key(account, region, keyId),
      ...materials.map((row) => row.key),
      ...own.map((row) => row.key),
    ],
  };
}
