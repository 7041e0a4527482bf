/** Who may know the metadata of a key, for rooms that would show some of it. */
import type { Call } from "../gate/contract.js";
import { parseArn } from "../lib/arn.js";
import { grantsOf } from "./grants.js";
import { HOUSE_ACCOUNT } from "./identifiers.js";
import type { Kms } from "./kms.js";
import { loadKey } from "./load.js";
import { keyPermission } from "./permission.js";

/**
 * Would `kms:DescribeKey` on this key be allowed to the caller now? Evaluated as that call would be; nothing is recorded.
 * @param arn of a key; false for any other text, and for a key that is gone
 */
export async function mayDescribeKey(kms: Kms, arn: string, call: Call): Promise<boolean> {
  const parsed = parseArn(arn);
  if (parsed === undefined || parsed.account === HOUSE_ACCOUNT || !parsed.resource.startsWith("key/")) return false;
  const key = await loadKey(kms, parsed.region, parsed.resource.slice("key/".length), call.nowMs);
  if (key === undefined || key.account !== parsed.account) return false;
  const grants = await grantsOf(kms, key, call.principal);
  return (await call.decide(keyPermission({ key }, { action: "DescribeKey", grants }, call))).effect === "Allow";
}
