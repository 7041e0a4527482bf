/**
 * Access keys of users and of the root user: the key's own row, and its id in its owner's row, change together.
 */
import { accessKeyId, secretAccessKey } from "../lib/ids.js";
import type { Batch } from "../stores/contract.js";
import type { Found } from "../stores/records.js";
import { changeBatch } from "./changes.js";
import type { AccessKeyClear, AccountClear, Entity, IamTables } from "./records.js";

/** Whose keys: a user, or an account's root user. */
export type KeyOwner =
  | { readonly kind: "user"; readonly user: Entity }
  | { readonly kind: "root"; readonly account: Found<AccountClear> };

export interface NewAccessKey {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly createdMs: number;
}

export const newAccessKey = (createdMs: number): NewAccessKey => ({
  accessKeyId: accessKeyId("AKIA"),
  secretAccessKey: secretAccessKey(),
  createdMs,
});

export const keyIdsOf = (owner: KeyOwner): readonly string[] =>
  owner.kind === "user" ? (owner.user.clear.accessKeys ?? []) : owner.account.clear.rootAccessKeys;

export const ownsKey = (owner: KeyOwner, key: AccessKeyClear): boolean =>
  owner.kind === "user"
    ? key.user?.userId === owner.user.clear.id
    : key.user === undefined && key.accountId === owner.account.clear.accountId;

/** The owner's row with other key ids. */
function ownerBatch(tables: IamTables, owner: KeyOwner, ids: readonly string[]): Batch {
  if (owner.kind === "user") return changeBatch(tables, owner.user, { clear: { accessKeys: ids } });
  const { account } = owner;
  return {
    checks: [{ key: account.key, stamp: account.stamp }],
    puts: [tables.accounts.put(account.key, { clear: { ...account.clear, rootAccessKeys: ids } })],
  };
}

/** Last check: the id is free. */
export const addKeyBatch = (tables: IamTables, owner: KeyOwner, key: NewAccessKey): Batch =>
  newKeyBatch(tables, owner, [...keyIdsOf(owner), key.accessKeyId], key);

/** All the owner's keys, `old`, go; the new one is the only one left. */
export function replaceKeysBatch(
  tables: IamTables, owner: KeyOwner, old: readonly Found<AccessKeyClear>[], key: NewAccessKey,
): Batch {
  const batch = newKeyBatch(tables, owner, [key.accessKeyId], key);
  return {
    checks: [...(batch.checks ?? []), ...old.map(({ key: rowKey, stamp }) => ({ key: rowKey, stamp }))],
    puts: batch.puts ?? [],
    deletes: old.flatMap(({ key: rowKey, clear }) => [rowKey, tables.uses.key(clear.accessKeyId)]),
  };
}

function newKeyBatch(tables: IamTables, owner: KeyOwner, ids: readonly string[], key: NewAccessKey): Batch {
  const batch = ownerBatch(tables, owner, ids);
  const rowKey = tables.accessKeys.key(key.accessKeyId);
  const accountId = owner.kind === "user" ? owner.user.clear.accountId : owner.account.clear.accountId;
  const clear: AccessKeyClear = {
    accessKeyId: key.accessKeyId,
    accountId,
    ...(owner.kind === "user" ? { user: { userId: owner.user.clear.id, name: owner.user.clear.name } } : {}),
    status: "Active",
    createdMs: key.createdMs,
  };
  const row = tables.accessKeys.put(rowKey, { clear, sealed: Buffer.from(key.secretAccessKey, "utf8") });
  return {
    checks: [...(batch.checks ?? []), { key: rowKey, stamp: "absent" }],
    puts: [...(batch.puts ?? []), row],
  };
}

export function removeKeyBatch(tables: IamTables, owner: KeyOwner, key: Found<AccessKeyClear>): Batch {
  const { accessKeyId: id } = key.clear;
  const batch = ownerBatch(tables, owner, keyIdsOf(owner).filter((candidate) => candidate !== id));
  return {
    checks: [...(batch.checks ?? []), { key: key.key, stamp: key.stamp }],
    puts: batch.puts ?? [],
    deletes: [key.key, tables.uses.key(id)],
  };
}

/** The key's row with another status, or another secret. */
export function rewriteKeyBatch(
  tables: IamTables,
  key: Found<AccessKeyClear>,
  to: { readonly status?: AccessKeyClear["status"]; readonly secretAccessKey?: string },
): Batch {
  const secret = to.secretAccessKey === undefined ? key.sealed() : Buffer.from(to.secretAccessKey, "utf8");
  const clear = { ...key.clear, status: to.status ?? key.clear.status };
  return {
    checks: [{ key: key.key, stamp: key.stamp }],
    puts: [tables.accessKeys.put(key.key, { clear, ...(secret === undefined ? {} : { sealed: secret }) })],
  };
}
