/** The rows of a grant: itself, by grantee, by retiring principal, by name; and the key's count of grants. */
import { createHash } from "node:crypto";
import { lengthPrefixed } from "../lib/bytes.js";
import { randomHex } from "../lib/ids.js";
import type { Batch, Check, Put } from "../stores/contract.js";
import type { Found } from "../stores/records.js";
import type { GrantRequest } from "./grant-request.js";
import type { Key } from "./key.js";
import { together, updateKey } from "./key-facts.js";
import type { Kms } from "./kms.js";
import type { GrantClear } from "./records.js";

/** A request whose principals are resolved. */
export interface WantedGrant extends GrantRequest {
  readonly grantee: string;
  readonly retiring?: string;
}

/** Equal for requests with the same name and the same parameters. */
function nameHash(name: string, wanted: WantedGrant | GrantClear): string {
  const pairs = (context: Readonly<Record<string, string>> | undefined): string =>
    JSON.stringify(context === undefined ? null : Object.entries(context).sort(([a], [b]) => (a < b ? -1 : 1)));
  const { grantee, retiring = "", operations, contextEquals, contextSubset } = wanted;
  const parts = [name, grantee, retiring, operations.join(","), pairs(contextEquals), pairs(contextSubset)];
  return createHash("sha256").update(lengthPrefixed(...parts)).digest("hex");
}

/** Id of the grant that an equal named request made before. */
export async function sameGrant(kms: Kms, key: Key, wanted: WantedGrant): Promise<string | undefined> {
  if (wanted.name === undefined) return undefined;
  const row = await kms.tables.grantNames.get(key.region, key.keyId, nameHash(wanted.name, wanted));
  return row?.clear.grantId;
}

/** Rows of a new grant; checks that the key row is still the one read, and so that no equal grant came between. */
export async function newGrant(
  kms: Kms, key: Key, wanted: WantedGrant, origin: { readonly issuingAccount: string; readonly nowMs: number },
): Promise<{ readonly batch: Batch; readonly grantId: string }> {
  const { tables } = kms;
  const { region, keyId } = key;
  const grantId = randomHex(32);
  const clear: GrantClear = { ...wanted, grantId, createdMs: origin.nowMs, issuingAccount: origin.issuingAccount };
  const checks: Check[] = [];
  const puts: Put[] = [
    tables.grants.put(tables.grants.key(region, keyId, grantId), { clear }),
    tables.grantees.put(tables.grantees.key(region, keyId, clear.grantee, grantId), { clear }),
  ];
  if (clear.retiring !== undefined) {
    puts.push(tables.retirable.put(tables.retirable.key(region, clear.retiring, keyId, grantId), { clear: { keyId, grantId } }));
  }
  if (clear.name !== undefined) {
    const nameKey = tables.grantNames.key(region, keyId, nameHash(clear.name, clear));
    checks.push({ key: nameKey, stamp: "absent" });
    puts.push(tables.grantNames.put(nameKey, { clear: { grantId } }));
  }
  const counted = updateKey(kms, key, { clear: { ...key.clear, grantCount: key.clear.grantCount + 1 } });
  return { batch: together(counted, { checks, puts }), grantId };
}

/** Keys of all rows of a grant. */
export function grantRowKeys(kms: Kms, region: string, keyId: string, grant: GrantClear): Buffer[] {
  const { tables } = kms;
  return [
    tables.grants.key(region, keyId, grant.grantId),
    tables.grantees.key(region, keyId, grant.grantee, grant.grantId),
    ...(grant.retiring === undefined ? [] : [tables.retirable.key(region, grant.retiring, keyId, grant.grantId)]),
    ...(grant.name === undefined ? [] : [tables.grantNames.key(region, keyId, nameHash(grant.name, grant))]),
  ];
}

/** Removes a grant. */
export async function dropGrant(kms: Kms, key: Key, grant: Found<GrantClear>): Promise<Batch> {
  const counted = updateKey(kms, key, { clear: { ...key.clear, grantCount: Math.max(0, key.clear.grantCount - 1) } });
  const checks = [{ key: grant.key, stamp: grant.stamp }];
  return together(counted, { checks, deletes: grantRowKeys(kms, key.region, key.keyId, grant.clear) });
}
