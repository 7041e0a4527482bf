/**
 * The form that most IAM operations share: one user, role or group is their resource; the permission is
 * `iam:<Operation>` on its ARN. Source: docs/reference/authorization.md §6.10; service authorization reference of IAM.
 */
import { rootArn } from "../lib/arn.js";
import { defineOperation, type AnyOperation, type Call, type Context, type Permission } from "../gate/contract.js";
import type { Principal } from "../policy/types.js";
import type { Batch } from "../stores/contract.js";
import { changeBatch, commitEntity, type EntityChange } from "./changes.js";
import { accountOf } from "./directory.js";
import { entityNotFound, invalidClientToken, validationError, type EntityKind } from "./errors.js";
import { Fields, Rules, type Tag, type TextRule } from "./fields.js";
import { sessionOf } from "./principals.js";
import { entityArn, type Entity } from "./records.js";
import type { IamRoom } from "./room.js";

/** What the call is about. */
export interface Target {
  readonly accountId: string;
  readonly kind: EntityKind;
  /** As given, else the caller's. */
  readonly name: string;
  readonly arn: string;
  readonly entity: Entity | undefined;
  /** The root user itself: no name given, and root calls. */
  readonly isRoot: boolean;
}

export interface NamedInput {
  readonly UserName?: string | undefined;
  readonly RoleName?: string | undefined;
  readonly GroupName?: string | undefined;
}

/** How a kind is spelled in operation names, members and rules. */
export const Kinds = {
  user: { word: "User", member: "UserName", rule: Rules.userName, quota: "User" },
  role: { word: "Role", member: "RoleName", rule: Rules.roleName, quota: "Role" },
  group: { word: "Group", member: "GroupName", rule: Rules.groupName, quota: "Group" },
} as const satisfies Record<EntityKind, { word: string; member: keyof NamedInput; rule: TextRule; quota: string }>;

/**
 * Credentials of GetSessionToken (without MFA) and GetFederationToken cannot call IAM.
 * @throws ServiceError InvalidClientTokenId
 */
export function refuseRestricted(principal: Principal): void {
  const session = sessionOf(principal);
  if (session !== undefined && session.kind !== "role") throw invalidClientToken();
}

/**
 * The entity of this name in the caller's account; without a name, the caller.
 * @throws ServiceError ValidationError when a session calls without a name
 */
export async function resolveTarget(room: IamRoom, call: Call, kind: EntityKind, name: string | undefined): Promise<Target> {
  const { principal } = call;
  refuseRestricted(principal);
  const accountId = accountOf(principal);
  if (name === undefined && principal.type === "Account") {
    return { accountId, kind, name: "root", arn: rootArn(accountId), entity: undefined, isRoot: true };
  }
  const wanted = name ?? (principal.type === "User" ? principal.userName : undefined);
  if (wanted === undefined) throw validationError("Must specify userName when calling with non-User credentials");
  const entity = await room.lookup.entity(kind, accountId, wanted);
  return { accountId, kind, name: wanted, arn: entity?.arn ?? entityArn(kind, accountId, "/", wanted), entity, isRoot: false };
}

/** `iam:ResourceTag/k` and `aws:ResourceTag/k` of what has tags. */
export function resourceTags(tags: readonly Tag[] | undefined): Context {
  const context: Record<string, string> = {};
  for (const { Key, Value } of tags ?? []) {
    context[`iam:ResourceTag/${Key}`] = Value;
    context[`aws:ResourceTag/${Key}`] = Value;
  }
  return context;
}

/** `aws:RequestTag/k` and `aws:TagKeys` of tags in the request. */
export function requestTags(tags: readonly Tag[]): Context {
  if (tags.length === 0) return {};
  const context: Record<string, string | readonly string[]> = { "aws:TagKeys": tags.map(({ Key }) => Key) };
  for (const { Key, Value } of tags) context[`aws:RequestTag/${Key}`] = Value;
  return context;
}

/** The boundary that an entity holds, for the few actions that have this key. */
export const heldBoundary = (entity: Entity | undefined): Context =>
  entity?.clear.boundary === undefined ? {} : { "iam:PermissionsBoundary": entity.clear.boundary };

/** @param operation AWS's name; the action is `iam:<operation>` */
export function iamPermission(operation: string, target: Target, context: Context = {}): Permission {
  return {
    action: `iam:${operation}`,
    resource: target.arn,
    resourceAccount: target.accountId,
    context: { ...resourceTags(target.entity?.tags), ...context },
  };
}

/** The work on an entity that exists. */
export interface EntityScope<I> {
  readonly room: IamRoom;
  readonly call: Call;
  readonly input: I;
  readonly target: Target;
  readonly entity: Entity;
}

export interface EntityOperation<I, O> {
  readonly name: string;
  readonly kind: EntityKind;
  /** May the name be absent? Then the caller is meant. */
  readonly callerByDefault?: boolean;
  /** Checks the other members; runs before anything is read. */
  check?(fields: Fields, input: I): void;
  /** Condition keys beyond the resource's tags. */
  context?(input: I, target: Target): Context;
  /** Further permissions. */
  also?(input: I, target: Target): readonly Permission[];
  run(scope: EntityScope<I>): Promise<O>;
}

export function entityOperation<I extends NamedInput, O>(room: IamRoom, operation: EntityOperation<I, O>): AnyOperation {
  const { name, kind } = operation;
  const { member, rule } = Kinds[kind];
  return defineOperation<I, Target, O>({
    service: "iam",
    name,
    async resolve(input, call) {
      const fields = new Fields();
      const given = input[member];
      if (given !== undefined || operation.callerByDefault !== true) fields.text(member, given, rule);
      operation.check?.(fields, input);
      fields.done();
      return resolveTarget(room, call, kind, given);
    },
    permissions(input, target) {
      return [iamPermission(name, target, operation.context?.(input, target)), ...(operation.also?.(input, target) ?? [])];
    },
    async run(input, target, call) {
      const { entity } = target;
      if (entity === undefined) throw entityNotFound(kind, target.name);
      return operation.run({ room, call, input, target, entity });
    },
  });
}

/** Commits a batch built on the entity, with retries; see `commitEntity`. */
export function commitFor<I>(scope: EntityScope<I>, build: (entity: Entity) => Promise<Batch | undefined>): Promise<void> {
  const { room, call, entity } = scope;
  const { accountId, name } = entity.clear;
  const reload = (): Promise<Entity | undefined> => room.lookup.entity(entity.kind, accountId, name);
  return commitEntity({ call, entity, reload }, build);
}

/** Rewrites the entity; `change` returns undefined where there is nothing to do. */
export function change<I>(
  scope: EntityScope<I>,
  make: (entity: Entity) => EntityChange | undefined | Promise<EntityChange | undefined>,
): Promise<void> {
  return commitFor(scope, async (entity) => {
    const made = await make(entity);
    return made === undefined ? undefined : changeBatch(scope.room.tables, entity, made);
  });
}
