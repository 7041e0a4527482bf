/**
 * What the iam room stores. One row holds an entity whole (inline policies, attachments, memberships), so that a
 * decision reads few rows and a change is one check. Names are keyed in lower case: unique per account without case.
 * Tags, policy documents and secrets are in the sealed part. FORMAT: docs/spec/iam-records.md.
 */
import { groupArn } from "./names.js";
import { roleArn, userArn } from "../lib/arn.js";
import type { Check, Put, Stamp } from "../stores/contract.js";
import type { Found, Records, Table } from "../stores/records.js";
import { Space } from "../stores/spaces.js";
import type { EntityKind } from "./errors.js";
import type { Tag } from "./fields.js";

/** FORMAT: accounts, key (accountId). */
export interface AccountClear {
  readonly accountId: string;
  readonly createdMs: number;
  /** Ids of the root user's access keys. */
  readonly rootAccessKeys: readonly string[];
}

/** FORMAT: accessKeys, key (accessKeyId); sealed: the secret access key, UTF-8. */
export interface AccessKeyClear {
  readonly accessKeyId: string;
  readonly accountId: string;
  /** Absent: the root user's. */
  readonly user?: { readonly userId: string; readonly name: string };
  readonly status: "Active" | "Inactive";
  readonly createdMs: number;
}

/** FORMAT: accessKeyUses, key (accessKeyId). Written now and then, never by the request itself. */
export interface AccessKeyUseClear {
  readonly usedMs: number;
  readonly service: string;
  readonly region: string;
}

/** FORMAT: users, roles, groups, key (accountId, lower-case name). */
export interface EntityClear {
  readonly accountId: string;
  readonly name: string;
  readonly path: string;
  /** `AIDA…`, `AROA…`, `AGPA…`. */
  readonly id: string;
  readonly createdMs: number;
  /** ARNs of attached managed policies, in order of attachment. */
  readonly attached: readonly string[];
  /** ARN of the permissions boundary; users and roles. */
  readonly boundary?: string;
  /** Ids of the groups a user is in. */
  readonly groups?: readonly string[];
  /** Ids of a user's access keys. */
  readonly accessKeys?: readonly string[];
  /** Roles. */
  readonly description?: string;
  /** Roles; seconds. */
  readonly maxSessionSeconds?: number;
}

export interface InlinePolicy {
  readonly name: string;
  /** As given. */
  readonly document: string;
}

/** FORMAT: sealed part of an entity row, JSON. */
export interface EntitySealed {
  readonly tags: readonly Tag[];
  /** Sorted by name. */
  readonly inline: readonly InlinePolicy[];
  /** Roles: the trust policy, its principals as unique ids. */
  readonly trust?: string;
}

/** FORMAT: managedPolicies, key (accountId, lower-case name). */
export interface PolicyClear {
  readonly accountId: string;
  readonly name: string;
  readonly path: string;
  /** `ANPA…`. */
  readonly id: string;
  readonly description?: string;
  readonly createdMs: number;
  readonly updatedMs: number;
  readonly defaultVersion: string;
  /** Number of the next version; numbers are never used again. */
  readonly nextVersion: number;
  /** Oldest first. */
  readonly versions: readonly { readonly id: string; readonly createdMs: number }[];
}

/** FORMAT: sealed part of a managed policy row, JSON. */
export interface PolicySealed {
  readonly tags: readonly Tag[];
  /** By version id. */
  readonly documents: Readonly<Record<string, string>>;
}

/**
 * FORMAT: attachments, key (relation, target id, accountId, kind, entity id): who uses a policy, who is in a group.
 * Empty rows; their keys make "in use" one range check. Relations: `policy`, `boundary`, `group`.
 */
export interface AttachmentClear {
  readonly id: string;
  readonly kind: EntityKind;
}
export type Relation = "policy" | "boundary" | "group";

/** FORMAT: uniqueIds, key (unique id). Gone with its entity, never re-used. */
export interface UniqueIdClear {
  readonly kind: EntityKind;
  readonly accountId: string;
  readonly name: string;
}

export interface IamTables {
  readonly accounts: Table<AccountClear>;
  readonly accessKeys: Table<AccessKeyClear>;
  readonly uses: Table<AccessKeyUseClear>;
  readonly user: Table<EntityClear>;
  readonly role: Table<EntityClear>;
  readonly group: Table<EntityClear>;
  readonly policies: Table<PolicyClear>;
  readonly attachments: Table<AttachmentClear>;
  readonly uniqueIds: Table<UniqueIdClear>;
}

export function iamTables(records: Records): IamTables {
  return {
    accounts: records.table({ space: Space.accounts, kind: "account", version: 1, cache: 64 }),
    accessKeys: records.table({ space: Space.accessKeys, kind: "access key", version: 1, cache: 1024 }),
    uses: records.table({ space: Space.accessKeyUses, kind: "access key use", version: 1 }),
    user: records.table({ space: Space.users, kind: "user", version: 1, cache: 1024 }),
    role: records.table({ space: Space.roles, kind: "role", version: 1, cache: 1024 }),
    group: records.table({ space: Space.groups, kind: "group", version: 1, cache: 256 }),
    policies: records.table({ space: Space.managedPolicies, kind: "managed policy", version: 1, cache: 1024 }),
    attachments: records.table({ space: Space.attachments, kind: "attachment", version: 1 }),
    uniqueIds: records.table({ space: Space.uniqueIds, kind: "unique id", version: 1, cache: 256 }),
  };
}

/** A user, role or group as stored, opened. */
export interface Entity extends EntitySealed {
  readonly kind: EntityKind;
  readonly key: Buffer;
  readonly stamp: Stamp;
  readonly clear: EntityClear;
  readonly arn: string;
}

/** A managed policy as stored, opened. */
export interface ManagedPolicy extends PolicySealed {
  readonly key: Buffer;
  readonly stamp: Stamp;
  readonly clear: PolicyClear;
}

export const lower = (name: string): string => name.toLowerCase();

export function entityArn(kind: EntityKind, accountId: string, path: string, name: string): string {
  switch (kind) {
    case "user":
      return userArn(accountId, path, name);
    case "role":
      return roleArn(accountId, path, name);
    case "group":
      return groupArn(accountId, path, name);
  }
}

export const entityKey = (tables: IamTables, kind: EntityKind, accountId: string, name: string): Buffer =>
  tables[kind].key(accountId, lower(name));

export const parseSealed = <T>(found: Found<unknown>, empty: T): T => {
  const sealed = found.sealed();
  return sealed === undefined ? empty : (JSON.parse(sealed.toString("utf8")) as T);
};

export const NO_SEALED: EntitySealed = { tags: [], inline: [] };
const NO_POLICY_SEALED: PolicySealed = { tags: [], documents: {} };

export function openEntity(kind: EntityKind, found: Found<EntityClear>): Entity {
  const { clear, key, stamp } = found;
  const arn = entityArn(kind, clear.accountId, clear.path, clear.name);
  return { kind, key, stamp, clear, arn, ...parseSealed(found, NO_SEALED) };
}

export function openPolicy(found: Found<PolicyClear>): ManagedPolicy {
  return { key: found.key, stamp: found.stamp, clear: found.clear, ...parseSealed(found, NO_POLICY_SEALED) };
}

const sealed = (value: EntitySealed | PolicySealed): Buffer => Buffer.from(JSON.stringify(value), "utf8");

export function putEntity(tables: IamTables, kind: EntityKind, clear: EntityClear, secret: EntitySealed): Put {
  const { tags, inline, trust } = secret;
  const body: EntitySealed = { tags, inline, ...(trust === undefined ? {} : { trust }) };
  return tables[kind].put(entityKey(tables, kind, clear.accountId, clear.name), { clear, sealed: sealed(body) });
}

export function putPolicy(tables: IamTables, clear: PolicyClear, secret: PolicySealed): Put {
  const body: PolicySealed = { tags: secret.tags, documents: secret.documents };
  return tables.policies.put(tables.policies.key(clear.accountId, lower(clear.name)), { clear, sealed: sealed(body) });
}

export function putUniqueId(tables: IamTables, kind: EntityKind, clear: EntityClear): Put {
  const row: UniqueIdClear = { kind, accountId: clear.accountId, name: lower(clear.name) };
  return tables.uniqueIds.put(tables.uniqueIds.key(clear.id), { clear: row });
}

/** Key of the row that says: this entity of this account uses that policy, or is in that group. */
export const attachmentKey = (
  tables: IamTables,
  relation: Relation,
  target: string,
  entity: { readonly kind: EntityKind; readonly clear: { readonly accountId: string; readonly id: string } },
): Buffer => tables.attachments.key(relation, target, entity.clear.accountId, entity.kind, entity.clear.id);

export const putAttachment = (
  tables: IamTables,
  relation: Relation,
  target: string,
  entity: { readonly kind: EntityKind; readonly clear: { readonly accountId: string; readonly id: string } },
): Put => {
  const clear: AttachmentClear = { id: entity.clear.id, kind: entity.kind };
  return tables.attachments.put(attachmentKey(tables, relation, target, entity), { clear });
};

export const unused = (tables: IamTables, relation: Relation, target: string): Check => ({
  emptyRange: tables.attachments.span(relation, target),
});
