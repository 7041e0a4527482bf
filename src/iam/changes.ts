/**
 * Changes to entities as batches: which rows go together. Pure; operations and the seed commit them.
 */
import type { Batch, Check, CommitResult, Put } from "../stores/contract.js";
import type { Call } from "../gate/contract.js";
import { concurrentModification, entityNotFound, type EntityKind } from "./errors.js";
import {
  attachmentKey, entityKey, putAttachment, putEntity, putUniqueId, type Entity, type EntityClear, type EntitySealed,
  type IamTables,
} from "./records.js";
import type { PolicyView } from "./lookup.js";
import { policyCheck } from "./lookup.js";

/** What becomes of an entity's own row, and the rows that change with it. */
export interface EntityChange {
  /** Members to replace; `boundary: undefined` takes it away. */
  readonly clear?: { readonly [M in keyof EntityClear]?: EntityClear[M] | undefined };
  readonly sealed?: Partial<EntitySealed>;
  readonly checks?: readonly Check[];
  readonly puts?: readonly Put[];
  readonly deletes?: readonly Uint8Array[];
}

export const unchanged = (entity: Entity): Check => ({ key: entity.key, stamp: entity.stamp });

/** The entity's row rewritten. */
export function changeBatch(tables: IamTables, entity: Entity, change: EntityChange): Batch {
  const clear = { ...entity.clear, ...change.clear } as EntityClear;
  const put = putEntity(tables, entity.kind, clear, { ...entity, ...change.sealed });
  return {
    checks: [unchanged(entity), ...(change.checks ?? [])],
    puts: [put, ...(change.puts ?? [])],
    deletes: change.deletes ?? [],
  };
}

export interface NewEntity {
  readonly kind: EntityKind;
  readonly clear: EntityClear;
  readonly sealed: EntitySealed;
  readonly boundary?: PolicyView | undefined;
}

/** First check: the name is free. */
export function createBatch(tables: IamTables, entity: NewEntity): Batch {
  const { kind, clear, boundary } = entity;
  return {
    checks: [
      { key: entityKey(tables, kind, clear.accountId, clear.name), stamp: "absent" },
      ...(boundary === undefined ? [] : policyCheck(boundary)),
    ],
    puts: [
      putEntity(tables, kind, clear, entity.sealed),
      putUniqueId(tables, kind, clear),
      ...(boundary === undefined ? [] : [putAttachment(tables, "boundary", boundary.id, entity)]),
    ],
  };
}

/** The entity's rows gone. Callers have seen that nothing hangs on it, in this very version of the row. */
export function removeBatch(tables: IamTables, entity: Entity, boundary: PolicyView | undefined): Batch {
  return {
    checks: [unchanged(entity)],
    deletes: [
      entity.key,
      tables.uniqueIds.key(entity.clear.id),
      ...(boundary === undefined ? [] : [attachmentKey(tables, "boundary", boundary.id, entity)]),
    ],
  };
}

const ATTEMPTS = 8;

/** Would the decision on a call be the same for both states of the entity? */
function sameForDecisions(before: Entity, after: Entity): boolean {
  const facts = ({ clear, arn, tags }: Entity): string => JSON.stringify([clear.id, arn, clear.boundary ?? "", tags]);
  return facts(before) === facts(after);
}

export interface CommitScope {
  readonly call: Pick<Call, "commit">;
  readonly entity: Entity;
  /** Reads the entity again. */
  readonly reload: () => Promise<Entity | undefined>;
}

/**
 * Commits what `build` makes of the entity; when somebody else was faster, builds anew on the new state, as long as the
 * permission would have been decided on the same facts.
 * @param build undefined: there is nothing to change; throws what the caller shall see
 * @throws ServiceError ConcurrentModification, NoSuchEntity
 */
export async function commitEntity(scope: CommitScope, build: (entity: Entity) => Promise<Batch | undefined>): Promise<void> {
  let { entity } = scope;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const batch = await build(entity);
    if (batch === undefined) return;
    const result: CommitResult = await scope.call.commit(batch);
    if (result.ok) return;
    const again = await scope.reload();
    if (again === undefined) throw entityNotFound(entity.kind, entity.clear.name);
    if (!sameForDecisions(entity, again)) throw concurrentModification();
    entity = again;
  }
  throw concurrentModification();
}
