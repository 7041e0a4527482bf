/**
 * Reading keys, aliases and grants by what callers say: always the row of this moment, keys brought up to date on the clock.
 * A name that no row can have is not looked up: callers' text may be longer than the store's keys, or no Unicode.
 */
import type { Found } from "../stores/records.js";
import { isGone, keyIn } from "./key.js";
import type { Key } from "./key.js";
import type { Kms } from "./kms.js";
import type { AliasClear, GrantClear } from "./records.js";
import { rotateNow, rotationDue } from "./rotation.js";

/** Other processes may rotate at the same moment; each attempt reads afresh. */
const ATTEMPTS = 8;

/**
 * The key, or undefined when there is none or its deletion date has passed. A due rotation has happened.
 * @param nowMs the call's time
 */
export async function loadKey(kms: Kms, region: string, keyId: string, nowMs: number): Promise<Key | undefined> {
  for (let attempt = 0; ; attempt++) {
    const found = await kms.tables.keys.get(region, keyId);
    if (found === undefined || isGone(found.clear, nowMs)) return undefined;
    const key = keyIn(kms.decoded, found);
    if (!rotationDue(key, nowMs) || attempt === ATTEMPTS) return key;
    await rotateNow(kms, key, nowMs);
  }
}

const ALIAS = /^alias\/[a-zA-Z0-9:/_-]{1,250}$/;
const GRANT_ID = /^[0-9a-f]{64}$/;

/** @param name with `alias/` */
export async function loadAlias(kms: Kms, account: string, region: string, name: string): Promise<Found<AliasClear> | undefined> {
  return ALIAS.test(name) ? kms.tables.aliases.get(account, region, name) : undefined;
}

export async function loadGrant(
  kms: Kms, { region, keyId }: Pick<Key, "region" | "keyId">, grantId: string,
): Promise<Found<GrantClear> | undefined> {
  return GRANT_ID.test(grantId) ? kms.tables.grants.get(region, keyId, grantId) : undefined;
}
