/**
 * Accounts, users, roles, groups and policies as a seed file or the first start declares them. Additive and idempotent:
 * what is declared comes to be, what is not is left alone, and applying it twice writes nothing.
 */
import type { Batch } from "../stores/contract.js";
import { checkManagedPolicySize } from "../policy/validate-identity-policy.js";
import { addKeyBatch, keyIdsOf, ownsKey, replaceKeysBatch, rewriteKeyBatch, type KeyOwner } from "./access-keys.js";
import { attach } from "./attachment-operations.js";
import { bound } from "./boundary-operations.js";
import { changeBatch, createBatch, type EntityChange } from "./changes.js";
import { boundaryPolicy, newEntity } from "./create-entity.js";
import { checkIdentityDocument, storedTrustDocument } from "./documents.js";
import { concurrentModification, entityNotFound, quotaExceeded, validationError, type EntityKind } from "./errors.js";
import { Fields, pathOf, Rules, tagsOf, type Tag } from "./fields.js";
import { joined } from "./group-operations.js";
import { withInline } from "./inline-policy-operations.js";
import { Limits } from "./limits.js";
import { isAccountId } from "./names.js";
import { Kinds } from "./operation.js";
import { newPolicyClear } from "./managed-policy-operations.js";
import { addVersionBatch } from "./policy-version-operations.js";
import { lower, putPolicy, type AccessKeyClear, type Entity, type ManagedPolicy } from "./records.js";
import type { Found } from "../stores/records.js";
import { policyArn } from "../lib/arn.js";
import type { IamRoom } from "./room.js";

export interface KeyPair {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/** A user, group or role as declared. Members that are absent are left as they are. */
export interface EntityDeclaration {
  readonly name: string;
  /** Default `/`. */
  readonly path?: string;
  /** Users and roles. */
  readonly tags?: Readonly<Record<string, string>>;
  /** ARN; users and roles. */
  readonly boundary?: string;
  /** Inline policies: document (JSON text) by name. */
  readonly policies?: Readonly<Record<string, string>>;
  /** ARNs of managed policies. */
  readonly attached?: readonly string[];
}

export interface UserDeclaration extends EntityDeclaration {
  readonly accessKeys?: readonly KeyPair[];
  /** Names of groups. */
  readonly groups?: readonly string[];
}

export interface RoleDeclaration extends EntityDeclaration {
  /** Trust policy, JSON text. */
  readonly trust: string;
  readonly description?: string;
  readonly maxSessionSeconds?: number;
}

export interface PolicyDeclaration {
  readonly name: string;
  readonly path?: string;
  readonly description?: string;
  /** JSON text. A changed document becomes a new default version. */
  readonly document: string;
}

export interface AccountDeclaration {
  /** 12 digits. */
  readonly accountId: string;
  readonly rootAccessKeys?: readonly KeyPair[];
  readonly policies?: readonly PolicyDeclaration[];
  readonly groups?: readonly EntityDeclaration[];
  readonly users?: readonly UserDeclaration[];
  readonly roles?: readonly RoleDeclaration[];
}

const ATTEMPTS = 10;
const SECRET_CHARACTERS = { min: 8, max: 128 } as const;

/** Checks what a seed gives for a key pair; the secret never enters a message. @throws ServiceError ValidationError */
function checkPair({ accessKeyId, secretAccessKey }: KeyPair): void {
  const fields = new Fields();
  fields.text("accessKeyId", accessKeyId, { min: 3, max: 128, pattern: /^\w+$/, shown: "[\\w]+" });
  fields.done();
  if (accessKeyId.startsWith("ASIA")) {
    throw validationError(`Access key id ${accessKeyId}: ids of this form are for temporary credentials.`);
  }
  const { length } = secretAccessKey;
  if (length < SECRET_CHARACTERS.min || length > SECRET_CHARACTERS.max) {
    throw validationError(
      `The secret of access key ${accessKeyId} must have ${SECRET_CHARACTERS.min} to ${SECRET_CHARACTERS.max} characters.`,
    );
  }
}

export class Seed {
  readonly #room: IamRoom;
  readonly #now: () => number;

  constructor(room: IamRoom, now: () => number) {
    this.#room = room;
    this.#now = now;
  }

  /** Everything that the declaration holds. Policies come before those who use them, roles last: trusts name users. */
  async apply(declaration: AccountDeclaration): Promise<void> {
    const { accountId } = declaration;
    await this.ensureAccount(accountId);
    for (const key of declaration.rootAccessKeys ?? []) await this.putRootAccessKey(accountId, key);
    for (const policy of declaration.policies ?? []) await this.putManagedPolicy(accountId, policy);
    for (const group of declaration.groups ?? []) await this.putGroup(accountId, group);
    for (const user of declaration.users ?? []) await this.putUser(accountId, user);
    for (const role of declaration.roles ?? []) await this.putRole(accountId, role);
  }

  /** @throws ServiceError ValidationError: not 12 digits */
  async ensureAccount(accountId: string): Promise<void> {
    if (!isAccountId(accountId)) throw validationError(`Account id ${accountId} must have 12 digits.`);
    const { accounts } = this.#room.tables;
    await this.#settle(async () => {
      if ((await accounts.get(accountId)) !== undefined) return undefined;
      const key = accounts.key(accountId);
      const clear = { accountId, createdMs: this.#now(), rootAccessKeys: [] };
      return { checks: [{ key, stamp: "absent" }], puts: [accounts.put(key, { clear })] };
    });
  }

  /** A stored access key of the root user. */
  async putRootAccessKey(accountId: string, pair: KeyPair): Promise<void> {
    await this.#putKey(pair, () => this.#rootOwner(accountId));
  }

  /** Has the root user a stored access key, active or not? Those given for one run only do not count. */
  async hasRootAccessKey(accountId: string): Promise<boolean> {
    const account = await this.#room.tables.accounts.get(accountId);
    return (account?.clear.rootAccessKeys.length ?? 0) > 0;
  }

  /** The root user's stored access keys all replaced by this one, in one commit: `coffer root reset`. */
  async resetRootAccessKeys(accountId: string, pair: KeyPair): Promise<void> {
    checkPair(pair);
    const { tables } = this.#room;
    await this.#settle(async () => {
      const owner = await this.#rootOwner(accountId);
      const ids = keyIdsOf(owner);
      const present = await tables.accessKeys.get(pair.accessKeyId);
      if (present !== undefined && ids.length === 1) return this.#sameKey(owner, present, pair);
      if (present !== undefined) throw validationError(`Access key ${pair.accessKeyId} exists: give a new one.`);
      const old = await tables.accessKeys.getMany(ids.map((id) => tables.accessKeys.key(id)));
      return replaceKeysBatch(tables, owner, old.filter((key) => key !== undefined), { ...pair, createdMs: this.#now() });
    });
  }

  async putUser(accountId: string, user: UserDeclaration): Promise<void> {
    await this.#putEntity("user", accountId, user, {});
    for (const group of user.groups ?? []) await this.addUserToGroup(accountId, user.name, group);
    for (const pair of user.accessKeys ?? []) await this.putAccessKey(accountId, user.name, pair);
  }

  /** @throws ServiceError ValidationError when the id is somebody else's; LimitExceeded */
  async putAccessKey(accountId: string, userName: string, pair: KeyPair): Promise<void> {
    await this.#putKey(pair, async () => ({ kind: "user", user: await this.#entity("user", accountId, userName) }));
  }

  async putUserPolicy(accountId: string, userName: string, policyName: string, document: string): Promise<void> {
    await this.#putInline("user", accountId, userName, { name: policyName, document });
  }

  async attachUserPolicy(accountId: string, userName: string, policyArnToAttach: string): Promise<void> {
    await this.#change("user", accountId, userName, (user) => attach(this.#room, user, policyArnToAttach));
  }

  async putGroup(accountId: string, group: EntityDeclaration): Promise<void> {
    await this.#putEntity("group", accountId, group, {});
  }

  async addUserToGroup(accountId: string, userName: string, groupName: string): Promise<void> {
    await this.#change("user", accountId, userName, async (user) =>
      joined(this.#room.tables, user, await this.#entity("group", accountId, groupName)),
    );
  }

  async putRole(accountId: string, role: RoleDeclaration): Promise<void> {
    const trust = await storedTrustDocument(role.trust, this.#room.resolver);
    const { description, maxSessionSeconds } = role;
    await this.#putEntity("role", accountId, role, { trust, description, maxSessionSeconds });
  }

  /** @returns its ARN */
  async putManagedPolicy(accountId: string, policy: PolicyDeclaration): Promise<string> {
    const { name, document, description } = policy;
    const fields = new Fields();
    fields.text("PolicyName", name, Rules.policyName);
    fields.done();
    checkIdentityDocument(document);
    checkManagedPolicySize(document);
    const path = pathOf(policy.path, "policy");
    const { policies } = this.#room.tables;
    const key = policies.key(accountId, lower(name));
    const arn = policyArn(accountId, path, name);
    await this.#settle(async () => {
      const found = await policies.get(accountId, lower(name));
      if (found !== undefined) return this.#newVersion(arn, document);
      const clear = newPolicyClear({ accountId, name, path, description, nowMs: this.#now() });
      const put = putPolicy(this.#room.tables, clear, { tags: [], documents: { v1: document } });
      return { checks: [{ key, stamp: "absent" }], puts: [put] };
    });
    return arn;
  }

  /** @throws ServiceError ValidationError: a policy of that name has another path */
  async #newVersion(arn: string, document: string): Promise<Batch | undefined> {
    const row = (await this.#room.lookup.managedPolicy(arn))?.row;
    if (row === undefined) throw validationError(`A policy of the same name as ${arn} exists under another path.`);
    if (row.documents[row.clear.defaultVersion] === document) return undefined;
    return addVersionBatch(this.#room.tables, withoutOldest(row), { document, isDefault: true, nowMs: this.#now() }).batch;
  }

  async #rootOwner(accountId: string): Promise<KeyOwner> {
    const account = await this.#room.tables.accounts.get(accountId);
    if (account === undefined) throw validationError(`Account ${accountId} does not exist.`);
    return { kind: "root", account };
  }

  async #entity(kind: EntityKind, accountId: string, name: string): Promise<Entity> {
    const entity = await this.#room.lookup.entity(kind, accountId, name);
    if (entity === undefined) throw entityNotFound(kind, name);
    return entity;
  }

  async #putKey(pair: KeyPair, owner: () => Promise<KeyOwner>): Promise<void> {
    checkPair(pair);
    const { tables } = this.#room;
    await this.#settle(async () => {
      const present = await owner();
      const key = await tables.accessKeys.get(pair.accessKeyId);
      if (key !== undefined) return this.#sameKey(present, key, pair);
      const limit = Limits.accessKeysPerUser;
      if (keyIdsOf(present).length >= limit) throw quotaExceeded("AccessKeysPerUser", limit);
      return addKeyBatch(tables, present, { ...pair, createdMs: this.#now() });
    });
  }

  #sameKey(owner: KeyOwner, key: Found<AccessKeyClear>, pair: KeyPair): Batch | undefined {
    if (!ownsKey(owner, key.clear)) throw validationError(`Access key ${pair.accessKeyId} belongs to somebody else.`);
    const secret = key.sealed();
    const same = secret?.toString("utf8") === pair.secretAccessKey;
    secret?.fill(0);
    return same ? undefined : rewriteKeyBatch(this.#room.tables, key, { secretAccessKey: pair.secretAccessKey });
  }

  /** The entity itself, then what hangs on it. */
  async #putEntity(kind: EntityKind, accountId: string, declared: EntityDeclaration, more: RoleMembers): Promise<void> {
    const { name, boundary } = declared;
    const tags = checkDeclaration(kind, declared);
    await this.#settle(async () => {
      const entity = await this.#room.lookup.entity(kind, accountId, name);
      if (entity !== undefined) return this.#asDeclared(entity, declared, tags, more);
      const policy = boundary === undefined ? undefined : await boundaryPolicy(this.#room, accountId, boundary);
      const request = { ...more, path: pathOf(declared.path), tags: tags ?? [] };
      const made = newEntity({ kind, accountId, name }, request, { nowMs: this.#now(), boundary: policy });
      return createBatch(this.#room.tables, made);
    });
    if (boundary !== undefined) await this.#change(kind, accountId, name, (entity) => bound(this.#room, entity, boundary));
    for (const [policyName, document] of Object.entries(declared.policies ?? {})) {
      await this.#putInline(kind, accountId, name, { name: policyName, document });
    }
    for (const arn of declared.attached ?? []) {
      await this.#change(kind, accountId, name, (entity) => attach(this.#room, entity, arn));
    }
  }

  /** The change that makes the row what was declared, if it is not. */
  #asDeclared(
    entity: Entity, declared: EntityDeclaration, tags: readonly Tag[] | undefined, more: RoleMembers,
  ): Batch | undefined {
    const { clear } = entity;
    const path = declared.path ?? clear.path;
    const description = more.description ?? clear.description;
    const maxSessionSeconds = more.maxSessionSeconds ?? clear.maxSessionSeconds;
    const trust = more.trust ?? entity.trust;
    const next = [path, tags ?? entity.tags, description, maxSessionSeconds, trust];
    const now = [clear.path, entity.tags, clear.description, clear.maxSessionSeconds, entity.trust];
    if (JSON.stringify(next) === JSON.stringify(now)) return undefined;
    return changeBatch(this.#room.tables, entity, {
      clear: { path, description, maxSessionSeconds },
      sealed: { tags: tags ?? entity.tags, ...(trust === undefined ? {} : { trust }) },
    });
  }

  async #putInline(kind: EntityKind, accountId: string, name: string, policy: { name: string; document: string }): Promise<void> {
    checkIdentityDocument(policy.document);
    const fields = new Fields();
    fields.text("PolicyName", policy.name, Rules.policyName);
    fields.done();
    await this.#change(kind, accountId, name, async (entity) => {
      const same = entity.inline.some((candidate) => candidate.name === policy.name && candidate.document === policy.document);
      return same ? undefined : { sealed: { inline: withInline(entity, policy) } };
    });
  }

  async #change(
    kind: EntityKind,
    accountId: string,
    name: string,
    make: (entity: Entity) => Promise<EntityChange | undefined>,
  ): Promise<void> {
    await this.#settle(async () => {
      const entity = await this.#entity(kind, accountId, name);
      const made = await make(entity);
      return made === undefined ? undefined : changeBatch(this.#room.tables, entity, made);
    });
  }

  /**
   * Commits what `build` makes of the present state, anew when another process was faster.
   * @param build undefined: nothing to do
   */
  async #settle(build: () => Promise<Batch | undefined>): Promise<void> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const batch = await build();
      if (batch === undefined || (await this.#room.store.commit(batch)).ok) return;
    }
    throw concurrentModification();
  }
}

interface RoleMembers {
  readonly trust?: string | undefined;
  readonly description?: string | undefined;
  readonly maxSessionSeconds?: number | undefined;
}

/** Tags as a sorted list; undefined when none are declared. @throws ServiceError ValidationError, InvalidInput */
function checkDeclaration(kind: EntityKind, declared: EntityDeclaration): readonly Tag[] | undefined {
  const fields = new Fields();
  fields.text(`${kind}Name`, declared.name, kind === "user" ? Rules.newUserName : Kinds[kind].rule);
  fields.done();
  pathOf(declared.path);
  if (declared.tags === undefined) return undefined;
  const tags = Object.entries(declared.tags).map(([Key, Value]) => ({ Key, Value }));
  return tagsOf(fields, tags.sort((a, b) => (a.Key < b.Key ? -1 : 1)));
}

/** Room for one more version: the oldest that is not the default goes. */
function withoutOldest(row: ManagedPolicy): ManagedPolicy {
  const { versions, defaultVersion } = row.clear;
  if (versions.length < Limits.versionsPerPolicy) return row;
  const gone = versions.find(({ id }) => id !== defaultVersion);
  const documents = Object.fromEntries(Object.entries(row.documents).filter(([id]) => id !== gone?.id));
  return { ...row, documents, clear: { ...row.clear, versions: versions.filter((version) => version !== gone) } };
}
