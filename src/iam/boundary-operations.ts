/**
 * Permissions boundaries of users and roles. Source: docs/reference/authorization.md §2.1, §6.5.
 */
import type { AnyOperation } from "../gate/contract.js";
import type { EntityChange } from "./changes.js";
import { boundaryPolicy } from "./create-entity.js";
import { noSuchEntity } from "./errors.js";
import { policyCheck } from "./lookup.js";
import { change, entityOperation, heldBoundary, Kinds, type NamedInput } from "./operation.js";
import { attachmentKey, putAttachment, type Entity } from "./records.js";
import type { IamRoom } from "./room.js";

interface BoundaryInput extends NamedInput {
  readonly PermissionsBoundary: string;
}

/** Row key of "this entity is bounded by that policy"; none when it has no boundary. */
async function heldRow(room: IamRoom, entity: Entity): Promise<Buffer[]> {
  const { boundary } = entity.clear;
  const policy = boundary === undefined ? undefined : await room.lookup.managedPolicy(boundary);
  return policy === undefined ? [] : [attachmentKey(room.tables, "boundary", policy.id, entity)];
}

/** The entity with this boundary; undefined when it has it already. @throws ServiceError InvalidInput, NoSuchEntity */
export async function bound(room: IamRoom, entity: Entity, arn: string): Promise<EntityChange | undefined> {
  if (entity.clear.boundary === arn) return undefined;
  const policy = await boundaryPolicy(room, entity.clear.accountId, arn);
  return {
    clear: { boundary: arn },
    checks: policyCheck(policy),
    puts: [putAttachment(room.tables, "boundary", policy.id, entity)],
    deletes: await heldRow(room, entity),
  };
}

/** The entity without a boundary; undefined when it has none. */
export async function unbound(room: IamRoom, entity: Entity): Promise<EntityChange | undefined> {
  if (entity.clear.boundary === undefined) return undefined;
  return { clear: { boundary: undefined }, deletes: await heldRow(room, entity) };
}

function operationsOf(room: IamRoom, kind: "user" | "role"): AnyOperation[] {
  const { word } = Kinds[kind];
  return [
    entityOperation<BoundaryInput, void>(room, {
      name: `Put${word}PermissionsBoundary`,
      kind,
      check: (fields, input) => void fields.text("PermissionsBoundary", input.PermissionsBoundary, { min: 20, max: 2048 }),
      context: (input) => ({ "iam:PermissionsBoundary": input.PermissionsBoundary }),
      run: (scope) => change(scope, (entity) => bound(room, entity, scope.input.PermissionsBoundary)),
    }),
    entityOperation<NamedInput, void>(room, {
      name: `Delete${word}PermissionsBoundary`,
      kind,
      context: (_input, target) => heldBoundary(target.entity),
      run: (scope) =>
        change(scope, (entity) => {
          if (entity.clear.boundary === undefined) {
            throw noSuchEntity(`${word} ${entity.clear.name} does not have a permissions boundary attached.`);
          }
          return unbound(room, entity);
        }),
    }),
  ];
}

export const boundaryOperations = (room: IamRoom): AnyOperation[] =>
  (["user", "role"] as const).flatMap((kind) => operationsOf(room, kind));
