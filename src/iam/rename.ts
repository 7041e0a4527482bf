/**
 * New names and paths of users and groups. Unique ids stay, and with them attachments, memberships and every resource
 * policy that was saved with the old name. Source: docs/reference/authorization.md §6.5 (UpdateUser, UpdateGroup).
 */
import type { Batch } from "../stores/contract.js";
import { changeBatch, unchanged } from "./changes.js";
import { entityExists } from "./errors.js";
import { commitFor, type EntityScope } from "./operation.js";
import { entityKey, lower, putEntity, putUniqueId, type Entity, type EntityClear } from "./records.js";
import type { IamRoom } from "./room.js";

export async function rename<I>(
  scope: EntityScope<I>,
  to: { readonly name: string | undefined; readonly path: string | undefined },
): Promise<void> {
  const { room } = scope;
  await commitFor(scope, async (entity) => {
    const name = to.name ?? entity.clear.name;
    const path = to.path ?? entity.clear.path;
    if (name === entity.clear.name && path === entity.clear.path) return undefined;
    if (lower(name) === lower(entity.clear.name)) return changeBatch(room.tables, entity, { clear: { name, path } });
    const taken = await room.lookup.entity(entity.kind, entity.clear.accountId, name);
    if (taken !== undefined) throw entityExists(entity.kind, name);
    return moveBatch(room, entity, { ...entity.clear, name, path });
  });
}

/** The row under its new key; access key rows name their user, so that a request finds it in one step. */
async function moveBatch(room: IamRoom, entity: Entity, clear: EntityClear): Promise<Batch> {
  const { tables } = room;
  const keys = await tables.accessKeys.getMany((clear.accessKeys ?? []).map((id) => tables.accessKeys.key(id)));
  const known = keys.filter((key) => key !== undefined);
  return {
    checks: [
      unchanged(entity),
      { key: entityKey(tables, entity.kind, clear.accountId, clear.name), stamp: "absent" },
      ...known.map(({ key, stamp }) => ({ key, stamp })),
    ],
    puts: [
      putEntity(tables, entity.kind, clear, entity),
      putUniqueId(tables, entity.kind, clear),
      ...known.map((row) => {
        const secret = row.sealed();
        const owned = { ...row.clear, user: { userId: clear.id, name: clear.name } };
        return tables.accessKeys.put(row.key, { clear: owned, ...(secret === undefined ? {} : { sealed: secret }) });
      }),
    ],
    deletes: [entity.key],
  };
}
