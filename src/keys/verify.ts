/**
 * Verifying the rows of this room: keys, materials, aliases and grants agree with each other, and every material unwraps in
 * its place to what its id says. Source: docs/spec/kms-records.md §1; docs/reference/verify.md.
 */
import { decodeStrings } from "../stores/key-encoding.js";
import { refersTo, rowWalk, type Demand, type RowWalk } from "../stores/verify-rows.js";
import type { Found } from "../stores/records.js";
import { grantRowKeys } from "./grant-rows.js";
import { isGone } from "./key.js";
import type { Kms } from "./kms.js";
import type { GrantClear, KeyClear, MaterialClear } from "./records.js";

const GRANT_PAGE = 1000;
const MISPLACED = "the row stands under another key than its content";

/** @param nowMs keys past their deletion date are being taken apart: nothing hangs on them any more */
export function keyWalks(kms: Kms, nowMs: () => number): RowWalk[] {
  const { tables, store } = kms;
  const keyOf = (region: string, keyId: string, fault = "key-row-missing"): Demand =>
    refersTo(tables.keys, tables.keys.key(region, keyId), { fault, detail: "it belongs to a key that has no row" });
  return [
    rowWalk(store, {
      table: tables.keys,
      kind: "KMS key",
      parts: ["string", "string"],
      place: ({ region, keyId }) => tables.keys.key(region, keyId),
      demands: (row) => (isGone(row.clear, nowMs()) ? [] : keyDemands(kms, row)),
    }),
    rowWalk(store, {
      table: tables.materials,
      kind: "KMS key material",
      parts: ["string", "string", "string"],
      demands: (row) => materialDemands(kms, row, placeOf(row.key)),
    }),
    rowWalk(store, {
      table: tables.aliases,
      kind: "KMS alias",
      parts: ["string", "string", "string"],
      demands: (row) => aliasDemands(kms, row, nowMs()),
    }),
    rowWalk(store, {
      table: tables.grants,
      kind: "KMS grant",
      parts: ["string", "string", "string"],
      demands: (row) => grantDemands(kms, row),
    }),
    ...grantIndexes(kms),
    rowWalk(store, {
      table: tables.byAccount,
      kind: "KMS key of account",
      parts: ["string", "string", "string"],
      demands: ({ key, clear }) => [keyOf(decodeStrings(key)[1] ?? "", clear.keyId)],
    }),
  ];
}

const placeOf = (key: Buffer): { readonly region: string; readonly keyId: string } => {
  const [region = "", keyId = ""] = decodeStrings(key);
  return { region, keyId };
};

function keyDemands({ tables }: Kms, { clear }: Found<KeyClear>): Demand[] {
  const { region, keyId, account, materialId, materialCount, aliases, grantCount } = clear;
  const owned = tables.byAccount.key(account, region, keyId);
  return [
    refersTo(tables.materials, tables.materials.key(region, keyId, materialId), {
      fault: "key-material-missing",
      detail: `its current material ${materialId} has no row`,
    }),
    {
      fault: "key-material-missing",
      detail: `it has had ${materialCount} materials, and other than so many are there`,
      holds: async () => (await tables.materials.list({
        prefix: [region, keyId], limit: materialCount + 1,
      })).length === materialCount,
    },
    refersTo(tables.byAccount, owned, {
      fault: "index-row-missing",
      detail: "it is not in the list of its account's keys",
      repair: async () => ({
        checks: [{ key: owned, stamp: "absent" }],
        puts: [tables.byAccount.put(owned, { clear: { keyId } })],
      }),
    }),
    ...aliases.map((name) =>
      refersTo(tables.aliases, tables.aliases.key(account, region, name), {
        fault: "alias-missing",
        detail: `its alias ${name} has no row, or is another key's`,
        fits: (alias) => alias.keyId === keyId,
      }),
    ),
    {
      fault: "grant-count-wrong",
      detail: `it counts ${grantCount} grants, and other than so many are there`,
      holds: async () => (await countGrants(tables.grants, [region, keyId], grantCount + 1)) === grantCount,
    },
  ];
}

async function countGrants(table: Kms["tables"]["grants"], prefix: readonly string[], atMost: number): Promise<number> {
  let count = 0;
  let after: Buffer | undefined;
  while (count < atMost) {
    const rows = await table.list({ prefix, limit: GRANT_PAGE, ...(after === undefined ? {} : { after }) });
    count += rows.length;
    after = rows.at(-1)?.key;
    if (rows.length < GRANT_PAGE) break;
  }
  return count;
}

function materialDemands(kms: Kms, { clear, key }: Found<MaterialClear>, at: { region: string; keyId: string }): Demand[] {
  const { tables, keyring } = kms;
  const { region, keyId } = at;
  const rowKey = tables.materials.key(region, keyId, clear.materialId);
  return [
    { fault: "row-misplaced", detail: MISPLACED, holds: async () => rowKey.equals(key) },
    {
      fault: "key-row-missing",
      detail: "it belongs to a key that has no row",
      holds: async () => (await tables.keys.get(region, keyId)) !== undefined,
    },
    {
      fault: "material-does-not-open",
      detail: "the wrapped material does not open in this place under the root key, or is not what its id says",
      async holds() {
        const found = await tables.keys.get(region, keyId);
        if (found === undefined) return true;
        const { account, spec, origin } = found.clear;
        try {
          const place = { account, region, keyId, materialId: clear.materialId, spec, origin };
          const secret = keyring.unwrapMaterial(Buffer.from(clear.wrapped, "base64"), place);
          const same = keyring.materialId(keyId, secret.bytes) === clear.materialId;
          secret.wipe();
          return same;
        } catch (error) {
          if (error instanceof Error && error.name === "SealIntegrityError") return false;
          throw error;
        }
      },
    },
  ];
}

function aliasDemands({ tables }: Kms, { clear, key }: Found<{ name: string; keyId: string }>, nowMs: number): Demand[] {
  const [account = "", region = "", name = ""] = decodeStrings(key);
  return [
    { fault: "row-misplaced", detail: MISPLACED, holds: async () => name === clear.name },
    refersTo(tables.keys, tables.keys.key(region, clear.keyId), {
      fault: "alias-dangling",
      detail: `its key ${clear.keyId} has no row, is another account's, or does not name it`,
      fits: (found) => found.account === account && (isGone(found, nowMs) || found.aliases.includes(clear.name)),
    }),
  ];
}

function grantDemands(kms: Kms, { clear, key }: Found<GrantClear>): Demand[] {
  const { tables } = kms;
  const { region, keyId } = placeOf(key);
  const [own, grantee, ...indexes] = grantRowKeys(kms, region, keyId, clear);
  return [
    { fault: "row-misplaced", detail: MISPLACED, holds: async () => own?.equals(key) === true },
    refersTo(tables.keys, tables.keys.key(region, keyId), { fault: "key-row-missing", detail: "its key has no row" }),
    refersTo(tables.grantees, grantee ?? key, {
      fault: "index-row-missing",
      detail: "the row that decisions read it by is missing",
      repair: async () => ({
        checks: [{ key: grantee ?? key, stamp: "absent" }],
        puts: [tables.grantees.put(grantee ?? key, { clear })],
      }),
    }),
    ...indexes.map((index) => ({
      fault: "index-row-missing",
      detail: "its row by name or by retiring principal is missing",
      holds: async () => (await kms.store.get([index]))[0] !== undefined,
    })),
  ];
}

/** Each row that leads to a grant leads to one that is there. */
function grantIndexes(kms: Kms): RowWalk[] {
  const { tables, store } = kms;
  const grant = (region: string, keyId: string, grantId: string): Demand =>
    refersTo(tables.grants, tables.grants.key(region, keyId, grantId), {
      fault: "grant-missing",
      detail: `the grant ${grantId} that it stands for has no row`,
    });
  return [
    rowWalk(store, {
      table: tables.grantees,
      kind: "KMS grant by grantee",
      parts: ["string", "string", "string", "string"],
      demands: ({ key, clear }) => [grant(placeOf(key).region, placeOf(key).keyId, clear.grantId)],
    }),
    rowWalk(store, {
      table: tables.grantNames,
      kind: "KMS grant by name",
      parts: ["string", "string", "string"],
      demands: ({ key, clear }) => [grant(placeOf(key).region, placeOf(key).keyId, clear.grantId)],
    }),
    rowWalk(store, {
      table: tables.retirable,
      kind: "KMS grant by retiring principal",
      parts: ["string", "string", "string", "string"],
      demands: ({ key, clear }) => [grant(placeOf(key).region, clear.keyId, clear.grantId)],
    }),
  ];
}
