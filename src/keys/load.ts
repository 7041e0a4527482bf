/** Reading keys: always the row of this moment, brought up to date on the clock. */
import { isGone } from "./key.js";
import type { Key } from "./key.js";
import type { Kms } from "./kms.js";
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
    const key = kms.decoded.of(found);
    if (!rotationDue(key, nowMs) || attempt === ATTEMPTS) return key;
    await rotateNow(kms, key, nowMs);
  }
}
