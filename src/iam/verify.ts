/**
 * Verifying the rows of this room: accounts, access keys, users, roles, groups and policies agree with each other and with
 * the rows that find them. Source: docs/spec/iam-records.md; docs/reference/verify.md.
 */
import type { Found, Records } from "../stores/records.js";
import { refersTo, rowWalk, type Demand, type RowWalk } from "../stores/verify-rows.js";
import { builtinPolicy } from "./builtin-policies.js";
import type { EntityKind } from "./errors.js";
import { parsePolicyArn } from "./names.js";
import {
  attachmentKey, entityKey, iamTables, lower, openPolicy,
  type AccessKeyClear, type AttachmentClear, type EntityClear, type IamTables,
} from "./records.js";

export function identityWalks(records: Records): RowWalk[] {
  const tables = iamTables(records);
  const { store } = records;
  const entities = (["user", "role", "group"] as const).map((kind) =>
    rowWalk(store, {
      table: tables[kind],
      kind,
      parts: ["string", "string"],
      place: ({ accountId, name }) => entityKey(tables, kind, accountId, name),
      demands: (row) => entityDemands(tables, kind, row),
    }),
  );
  return [
    rowWalk(store, {
      table: tables.accounts,
      kind: "account",
      parts: ["string"],
      place: ({ accountId }) => tables.accounts.key(accountId),
      demands: ({ clear }) => clear.rootAccessKeys.map((id) => accessKeyDemand(tables, id, (key) => key.user === undefined)),
    }),
    rowWalk(store, {
      table: tables.accessKeys,
      kind: "access key",
      parts: ["string"],
      place: ({ accessKeyId }) => tables.accessKeys.key(accessKeyId),
      demands: (row) => ownerDemands(tables, row),
    }),
    rowWalk(store, { table: tables.uses, kind: "access key use", parts: ["string"] }),
    ...entities,
    rowWalk(store, {
      table: tables.policies,
      kind: "managed policy",
      parts: ["string", "string"],
      place: ({ accountId, name }) => tables.policies.key(accountId, lower(name)),
      demands: (row) => [versionsDemand(row)],
    }),
    rowWalk(store, {
      table: tables.attachments,
      kind: "attachment",
      parts: ["string", "string", "string", "string", "string"],
      demands: ({ clear }) => [attachedDemand(tables, clear)],
    }),
    rowWalk(store, {
      table: tables.uniqueIds,
      kind: "unique id",
      parts: ["string"],
      demands: ({ key, clear }) => [
        refersTo(tables[clear.kind], tables[clear.kind].key(clear.accountId, clear.name), {
          fault: "entity-missing",
          detail: `the ${clear.kind} ${clear.name} that it stands for is not there`,
          fits: ({ id }) => tables.uniqueIds.key(id).equals(key),
        }),
      ],
    }),
  ];
}

function accessKeyDemand(tables: IamTables, id: string, fits: (clear: AccessKeyClear) => boolean): Demand {
  const detail = `its access key ${id} has no row, or is another's`;
  return refersTo(tables.accessKeys, tables.accessKeys.key(id), { fault: "access-key-missing", detail, fits });
}

function ownerDemands(tables: IamTables, { clear, sealed }: Found<AccessKeyClear>): Demand[] {
  const { accountId, accessKeyId, user } = clear;
  const owner =
    user === undefined
      ? refersTo(tables.accounts, tables.accounts.key(accountId), {
          fault: "owner-missing",
          detail: `its account ${accountId} has no row, or does not name it`,
          fits: (account) => account.rootAccessKeys.includes(accessKeyId),
        })
      : refersTo(tables.user, tables.user.key(accountId, lower(user.name)), {
          fault: "owner-missing",
          detail: `its user ${user.name} has no row, or does not name it`,
          fits: (found) => found.id === user.userId && found.accessKeys?.includes(accessKeyId) === true,
        });
  return [owner, { fault: "secret-missing", detail: "it has no sealed secret", holds: async () => sealed() !== undefined }];
}

function entityDemands(tables: IamTables, kind: EntityKind, { clear }: Found<EntityClear>): Demand[] {
  const { accountId, name, id, attached, boundary, groups = [], accessKeys = [] } = clear;
  const idKey = tables.uniqueIds.key(id);
  const attachments = [
    ...attached.map((arn) => policyDemand(tables, { kind, clear }, "policy", arn)),
    ...(boundary === undefined ? [] : [policyDemand(tables, { kind, clear }, "boundary", boundary)]),
    ...groups.map((group) => attachmentDemand(
      tables, attachmentKey(tables, "group", group, { kind, clear }), `in the group ${group}`,
    )),
  ];
  return [
    refersTo(tables.uniqueIds, idKey, {
      fault: "index-row-missing",
      detail: `its unique id ${id} has no row, or stands for another`,
      fits: (row) => row.kind === kind && row.accountId === accountId && row.name === lower(name),
      repair: async () => ({
        checks: [{ key: idKey, stamp: "absent" }],
        puts: [tables.uniqueIds.put(idKey, { clear: { kind, accountId, name: lower(name) } })],
      }),
    }),
    ...accessKeys.map((key) => accessKeyDemand(tables, key, (row) => row.user?.userId === id)),
    ...attachments,
  ];
}

type Owner = Parameters<typeof attachmentKey>[3];

/** The policy is there, and knows that it is used. */
function policyDemand(tables: IamTables, owner: Owner, relation: "policy" | "boundary", arn: string): Demand {
  return {
    fault: "policy-missing",
    detail: `the ${relation} ${arn} is not there, or does not know that it is used`,
    async holds() {
      const id = await policyIdOf(tables, arn);
      if (id === undefined) return false;
      return (await tables.attachments.getMany([attachmentKey(tables, relation, id, owner)]))[0] !== undefined;
    },
  };
}

async function policyIdOf(tables: IamTables, arn: string): Promise<string | undefined> {
  const known = builtinPolicy(arn);
  if (known !== undefined) return known.id;
  const name = parsePolicyArn(arn);
  return name === undefined ? undefined : (await tables.policies.get(name.account, lower(name.name)))?.clear.id;
}

function attachmentDemand(tables: IamTables, key: Buffer, what: string): Demand {
  return refersTo(tables.attachments, key, { fault: "index-row-missing", detail: `the row that says it is ${what} is missing` });
}

function attachedDemand(tables: IamTables, { id }: AttachmentClear): Demand {
  return refersTo(
    tables.uniqueIds, tables.uniqueIds.key(id), { fault: "entity-missing", detail: `its entity ${id} is not there` },
  );
}

function versionsDemand(row: Parameters<typeof openPolicy>[0]): Demand {
  return {
    fault: "policy-version-missing",
    detail: "its versions and their documents are not the same, or its default is none of them",
    async holds() {
      const { clear, documents } = openPolicy(row);
      const ids = clear.versions.map(({ id }) => id);
      const same = ids.length === Object.keys(documents).length && ids.every((id) => Object.hasOwn(documents, id));
      return same && ids.includes(clear.defaultVersion);
    },
  };
}
