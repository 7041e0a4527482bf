/**
 * Creating users, roles and groups, and the permissions boundary that users and roles may be born with.
 */
import { uniqueId } from "../lib/ids.js";
import type { Call } from "../gate/contract.js";
import { createBatch, type NewEntity } from "./changes.js";
import { concurrentModification, entityExists, invalidInput, noSuchEntity, quotaExceeded, type EntityKind } from "./errors.js";
import type { Tag } from "./fields.js";
import { Limits } from "./limits.js";
import { countRows } from "./listing.js";
import type { PolicyView } from "./lookup.js";
import { parsePolicyArn } from "./names.js";
import type { Target } from "./operation.js";
import { Kinds } from "./operation.js";
import { type Entity, type EntityClear } from "./records.js";
import type { IamRoom } from "./room.js";

export const ID_PREFIX: Readonly<Record<EntityKind, string>> = { user: "AIDA", role: "AROA", group: "AGPA" };

/** IAM's times have whole seconds. */
export const wholeSeconds = (ms: number): number => ms - (ms % 1000);

export interface CreateRequest {
  readonly path: string;
  readonly tags: readonly Tag[];
  readonly boundary?: string | undefined;
  readonly description?: string | undefined;
  readonly maxSessionSeconds?: number | undefined;
  readonly trust?: string | undefined;
}

/**
 * The policy that shall be a boundary.
 * @throws ServiceError InvalidInput: not a policy ARN; NoSuchEntity
 */
export async function boundaryPolicy(room: IamRoom, accountId: string, arn: string): Promise<PolicyView> {
  const name = parsePolicyArn(arn);
  if (name === undefined) throw invalidInput(`Value (${arn}) for parameter PermissionsBoundary is invalid.`);
  const own = name.account === accountId || name.account === "aws";
  const view = own ? await room.lookup.managedPolicy(arn) : undefined;
  if (view === undefined) throw noSuchEntity(`Scope ARN: ${arn} does not exist or is not attachable.`);
  return view;
}

const ATTEMPTS = 3;

/** @throws ServiceError EntityAlreadyExists, LimitExceeded, NoSuchEntity (boundary), ConcurrentModification */
export async function createEntity(room: IamRoom, call: Call, target: Target, request: CreateRequest): Promise<Entity> {
  const { kind, accountId, name } = target;
  if (target.entity !== undefined) throw entityExists(kind, name);
  const limit = Limits.entities[kind];
  if ((await countRows(room.store, room.tables[kind].span(accountId), limit)) >= limit) {
    throw quotaExceeded(`${Kinds[kind].quota}sPerAccount`, limit);
  }
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const boundary = request.boundary === undefined ? undefined : await boundaryPolicy(room, accountId, request.boundary);
    const entity = newEntity(target, request, { nowMs: call.nowMs, boundary });
    const result = await call.commit(createBatch(room.tables, entity));
    if (result.ok) {
      const found = await room.lookup.entity(kind, accountId, name);
      if (found?.clear.id === entity.clear.id) return found;
      throw concurrentModification();
    }
    if (result.failed === 0) throw entityExists(kind, name);
  }
  throw concurrentModification();
}

/** The rows of an entity that does not exist yet; its unique id is drawn here. */
export function newEntity(
  target: Pick<Target, "kind" | "accountId" | "name">,
  request: CreateRequest,
  made: { readonly nowMs: number; readonly boundary: PolicyView | undefined },
): NewEntity {
  const { kind, accountId, name } = target;
  const { path, tags, description, maxSessionSeconds, trust } = request;
  const clear: EntityClear = {
    accountId,
    name,
    path,
    id: uniqueId(ID_PREFIX[kind]),
    createdMs: wholeSeconds(made.nowMs),
    attached: [],
    ...(made.boundary === undefined ? {} : { boundary: made.boundary.arn }),
    ...(kind === "user" ? { groups: [], accessKeys: [] } : {}),
    ...(description === undefined ? {} : { description }),
    ...(maxSessionSeconds === undefined ? {} : { maxSessionSeconds }),
  };
  const sealed = { tags, inline: [], ...(trust === undefined ? {} : { trust }) };
  return { kind, clear, sealed, boundary: made.boundary };
}
