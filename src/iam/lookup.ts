/**
 * Finding entities and managed policies by name, ARN or unique id. Every call reads the store; what is opened and parsed
 * is kept by stamp.
 */
import { policyArn } from "../lib/arn.js";
import { StampCache } from "../lib/stamp-cache.js";
import type { Policy } from "../policy/types.js";
import type { Check } from "../stores/contract.js";
import type { Found } from "../stores/records.js";
import { BUILTIN_POLICIES, builtinPolicy, type BuiltinPolicy } from "./builtin-policies.js";
import { parseIdentityDocument, parseTrustDocument } from "./documents.js";
import type { EntityKind } from "./errors.js";
import type { Tag } from "./fields.js";
import { parsePolicyArn } from "./names.js";
import {
  lower, openEntity, openPolicy, type Entity, type EntityClear, type IamTables, type ManagedPolicy, type PolicyClear,
  type UniqueIdClear,
} from "./records.js";

/** A managed policy, the customer's or a built-in one. */
export interface PolicyView {
  readonly arn: string;
  readonly id: string;
  readonly name: string;
  readonly path: string;
  readonly description: string | undefined;
  readonly createdMs: number;
  readonly updatedMs: number;
  readonly defaultVersion: string;
  /** Oldest first. */
  readonly versions: readonly { readonly id: string; readonly createdMs: number }[];
  readonly documents: Readonly<Record<string, string>>;
  readonly tags: readonly Tag[];
  /** Absent for built-in policies. */
  readonly row?: ManagedPolicy;
}

export const viewOfBuiltin = (policy: BuiltinPolicy): PolicyView => ({
  arn: policy.arn,
  id: policy.id,
  name: policy.name,
  path: policy.path,
  description: policy.description,
  createdMs: policy.createdMs,
  updatedMs: policy.updatedMs,
  defaultVersion: policy.version,
  versions: [{ id: policy.version, createdMs: policy.createdMs }],
  documents: { [policy.version]: policy.document },
  tags: [],
});

export function viewOfRow(row: ManagedPolicy): PolicyView {
  const { clear } = row;
  return {
    arn: policyArn(clear.accountId, clear.path, clear.name),
    id: clear.id,
    name: clear.name,
    path: clear.path,
    description: clear.description,
    createdMs: clear.createdMs,
    updatedMs: clear.updatedMs,
    defaultVersion: clear.defaultVersion,
    versions: clear.versions,
    documents: row.documents,
    tags: row.tags,
    row,
  };
}

/** The row must still be what it was; nothing for built-in policies. */
export const policyCheck = (policy: PolicyView): Check[] =>
  policy.row === undefined ? [] : [{ key: policy.row.key, stamp: policy.row.stamp }];

/** Policies of one entity, parsed. */
export interface ParsedPolicies {
  readonly inline: readonly { readonly name: string; readonly policy: Policy }[];
}

export class Lookup {
  readonly tables: IamTables;
  readonly #entities = new StampCache<Entity>(4096);
  readonly #policies = new StampCache<ManagedPolicy>(2048);
  readonly #inline = new StampCache<ParsedPolicies>(4096);
  readonly #defaults = new StampCache<Policy>(2048);
  readonly #trusts = new StampCache<Policy>(1024);
  readonly #builtin = new Map<string, Policy>();

  constructor(tables: IamTables) {
    this.tables = tables;
    for (const policy of BUILTIN_POLICIES) this.#builtin.set(policy.arn, parseIdentityDocument(policy.document));
  }

  async entity(kind: EntityKind, accountId: string, name: string): Promise<Entity | undefined> {
    const found = await this.tables[kind].get(accountId, lower(name));
    return found === undefined ? undefined : this.open(kind, found);
  }

  open(kind: EntityKind, found: Found<EntityClear>): Entity {
    return this.#entities.get(found, () => openEntity(kind, found));
  }

  openPolicy(found: Found<PolicyClear>): PolicyView {
    return viewOfRow(this.#policies.get(found, () => openPolicy(found)));
  }

  /** The user or role of this ARN; path and letter case must be those of the entity. */
  async entityOfArn(kind: EntityKind, accountId: string, name: string, arn: string): Promise<Entity | undefined> {
    const entity = await this.entity(kind, accountId, name);
    return entity?.arn === arn ? entity : undefined;
  }

  async byUniqueId(id: string): Promise<Entity | undefined> {
    const [entity] = await this.byUniqueIds([id]);
    return entity;
  }

  /** Same order as `ids`; undefined where the entity is gone. */
  async byUniqueIds(ids: readonly string[]): Promise<(Entity | undefined)[]> {
    if (ids.length === 0) return [];
    const { uniqueIds } = this.tables;
    const places = await uniqueIds.getMany(ids.map((id) => uniqueIds.key(id)));
    return Promise.all(ids.map((id, index) => this.#atPlace(id, places[index]?.clear)));
  }

  async #atPlace(id: string, place: UniqueIdClear | undefined): Promise<Entity | undefined> {
    if (place === undefined) return undefined;
    const entity = await this.entity(place.kind, place.accountId, place.name);
    return entity?.clear.id === id ? entity : undefined;
  }

  /** Same order as `arns`; undefined where there is no such policy. One read for all. */
  async managedPolicies(arns: readonly string[]): Promise<(PolicyView | undefined)[]> {
    const { policies } = this.tables;
    const names = arns.map((arn) => parsePolicyArn(arn));
    const keys = names.flatMap((name) =>
      name === undefined || name.account === "aws" ? [] : [policies.key(name.account, lower(name.name))],
    );
    const found = keys.length === 0 ? [] : await policies.getMany(keys);
    let next = 0;
    return arns.map((arn, index) => {
      const name = names[index];
      if (name === undefined) return undefined;
      if (name.account === "aws") {
        const builtin = builtinPolicy(arn);
        return builtin === undefined ? undefined : viewOfBuiltin(builtin);
      }
      const row = found[next++];
      if (row === undefined) return undefined;
      const view = this.openPolicy(row);
      return view.arn === arn ? view : undefined;
    });
  }

  async managedPolicy(arn: string): Promise<PolicyView | undefined> {
    const [view] = await this.managedPolicies([arn]);
    return view;
  }

  /** Inline policies of an entity, parsed. */
  inlinePolicies(entity: Entity): ParsedPolicies["inline"] {
    return this.#inline.get(entity, () => ({
      inline: entity.inline.map(({ name, document }) => ({ name, policy: parseIdentityDocument(document) })),
    })).inline;
  }

  /** Default version of a managed policy, parsed. */
  defaultVersion(view: PolicyView): Policy {
    const { row } = view;
    const document = view.documents[view.defaultVersion];
    const parse = (): Policy => {
      if (document === undefined) throw new Error(`invariant: ${view.arn} lacks its default version`);
      return parseIdentityDocument(document);
    };
    return row === undefined ? (this.#builtin.get(view.arn) ?? parse()) : this.#defaults.get(row, parse);
  }

  /** A role's trust policy, its principals replaced by the unique ids they stood for when it was saved. */
  trustPolicy(role: Entity): Policy {
    return this.#trusts.get(role, () => {
      if (role.trust === undefined) throw new Error(`invariant: role ${role.arn} lacks a trust policy`);
      return parseTrustDocument(role.trust);
    });
  }
}
