/** Making a key's rows: for CreateKey, for the keys that services own, for the seed file. */
import type { Batch, Check, Put } from "../stores/contract.js";
import { keyRow } from "./key.js";
import type { Kms } from "./kms.js";
import { makeMaterial } from "./materials.js";
import type { KeyClear, KeySecret } from "./records.js";
import { newSchedule } from "./rotation.js";

export interface NewKey {
  readonly account: string;
  readonly region: string;
  readonly keyId: string;
  readonly nowMs: number;
  readonly manager: "AWS" | "CUSTOMER";
  readonly secret: KeySecret;
  /** With `alias/`. */
  readonly alias?: string;
  readonly rotationPeriodDays?: number;
}

/** Checks and rows of a new symmetric key, with its first material; fails on commit when key or alias exist. */
export function newKeyBatch(kms: Kms, key: NewKey): { readonly batch: Batch; readonly clear: KeyClear } {
  const { tables } = kms;
  const { account, region, keyId, nowMs, alias } = key;
  const made = makeMaterial(tables, kms.keyring, { account, region, keyId, sequence: 0, nowMs }, kms.random);
  const rowKey = tables.keys.key(region, keyId);
  const clear: KeyClear = {
    region,
    keyId,
    account,
    createdMs: nowMs,
    enabled: true,
    manager: key.manager,
    spec: "SYMMETRIC_DEFAULT",
    usage: "ENCRYPT_DECRYPT",
    origin: "AWS_KMS",
    materialId: made.materialId,
    materialCount: 1,
    onDemandRotations: 0,
    ...(key.rotationPeriodDays === undefined ? {} : { rotation: newSchedule(key.rotationPeriodDays, nowMs) }),
    aliases: alias === undefined ? [] : [alias],
    grantCount: 0,
  };
  const checks: Check[] = [{ key: rowKey, stamp: "absent" }, { key: made.rowKey, stamp: "absent" }];
  const puts: Put[] = [
    tables.keys.put(rowKey, keyRow(clear, key.secret)),
    made.put,
    tables.byAccount.put(tables.byAccount.key(account, region, keyId), { clear: { keyId } }),
  ];
  if (alias !== undefined) {
    const aliasKey = tables.aliases.key(account, region, alias);
    checks.push({ key: aliasKey, stamp: "absent" });
    puts.push(tables.aliases.put(aliasKey, { clear: { name: alias, keyId, createdMs: nowMs, updatedMs: nowMs } }));
  }
  return { batch: { checks, puts }, clear };
}
