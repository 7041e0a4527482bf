/**
 * Groups and their members. A user's row holds the ids of its groups; rows of the relation `group` say who is in one.
 * Source: docs/reference/authorization.md §6.4, §6.5.
 */
import { defineOperation, type AnyOperation } from "../gate/contract.js";
import type {
  AddUserToGroupRequest, CreateGroupRequest, CreateGroupResponse, DeleteGroupRequest, GetGroupRequest, GetGroupResponse,
  ListGroupsForUserRequest, ListGroupsForUserResponse, ListGroupsRequest, ListGroupsResponse, RemoveUserFromGroupRequest,
  UpdateGroupRequest,
} from "../wire/tables/iam-types.js";
import { changeBatch, commitEntity, removeBatch, unchanged, type EntityChange } from "./changes.js";
import { createEntity } from "./create-entity.js";
import { deleteConflict, entityNotFound, quotaExceeded } from "./errors.js";
import { Fields, pathOf, Rules } from "./fields.js";
import { Limits } from "./limits.js";
import { countRows, listByName } from "./listing.js";
import { listOperation } from "./list-operation.js";
import { commitFor, entityOperation, iamPermission, resolveTarget, type EntityScope, type Target } from "./operation.js";
import { pageSize } from "./pages.js";
import { attachmentKey, entityArn, putAttachment, unused, type Entity, type IamTables } from "./records.js";
import { rename } from "./rename.js";
import type { IamRoom } from "./room.js";
import { groupShape, userShape } from "./shapes.js";
import { renamedArn } from "./user-operations.js";

function createGroup(room: IamRoom): AnyOperation {
  return defineOperation<CreateGroupRequest, { target: Target; path: string }, CreateGroupResponse>({
    service: "iam",
    name: "CreateGroup",
    async resolve(input, call) {
      const fields = new Fields();
      const name = fields.text("GroupName", input.GroupName, Rules.groupName);
      fields.done();
      const path = pathOf(input.Path);
      const target = await resolveTarget(room, call, "group", name);
      return { path, target: { ...target, arn: entityArn("group", target.accountId, path, name) } };
    },
    permissions: (_input, { target }) => [iamPermission("CreateGroup", target)],
    async run(_input, { target, path }, call) {
      return { Group: groupShape(await createEntity(room, call, target, { path, tags: [] })) };
    },
  });
}

/** The user as a member of the group; undefined when it is one already. @throws ServiceError LimitExceeded */
export function joined(tables: IamTables, user: Entity, group: Entity): EntityChange | undefined {
  const groups = user.clear.groups ?? [];
  if (groups.includes(group.clear.id)) return undefined;
  if (groups.length >= Limits.groupsPerUser) throw quotaExceeded("GroupsPerUser", Limits.groupsPerUser);
  return {
    clear: { groups: [...groups, group.clear.id] },
    checks: [unchanged(group)],
    puts: [putAttachment(tables, "group", group.clear.id, user)],
  };
}

function left(tables: IamTables, user: Entity, group: Entity): EntityChange | undefined {
  const groups = user.clear.groups ?? [];
  if (!groups.includes(group.clear.id)) return undefined;
  return {
    clear: { groups: groups.filter((id) => id !== group.clear.id) },
    deletes: [attachmentKey(tables, "group", group.clear.id, user)],
  };
}

/** Changes the user's row; both must still be there at the commit. */
async function changeMember(
  scope: EntityScope<{ readonly UserName: string }>,
  make: (user: Entity, group: Entity) => EntityChange | undefined,
): Promise<void> {
  const { room, call, input, target } = scope;
  const find = (): Promise<Entity | undefined> => room.lookup.entity("user", target.accountId, input.UserName);
  const user = await find();
  if (user === undefined) throw entityNotFound("user", input.UserName);
  await commitEntity({ call, entity: user, reload: find }, async (current) => {
    const group = await room.lookup.entity("group", target.accountId, target.name);
    if (group === undefined || group.clear.id !== target.entity?.clear.id) throw entityNotFound("group", target.name);
    const made = make(current, group);
    return made === undefined ? undefined : changeBatch(room.tables, current, made);
  });
}

async function getGroup({ room, input, entity, target }: EntityScope<GetGroupRequest>): Promise<GetGroupResponse> {
  const { attachments } = room.tables;
  const size = pageSize(new Fields(), input);
  const scope = ["GetGroup", entity.clear.id];
  const position = room.markers.read(scope, input.Marker);
  const behind = (id: string): Buffer => attachments.key("group", entity.clear.id, target.accountId, "user", id);
  const after = position === undefined ? {} : { after: behind(position) };
  const rows = await attachments.list({ prefix: ["group", entity.clear.id], limit: size + 1, ...after });
  const shown = rows.slice(0, size);
  const users = (await room.lookup.byUniqueIds(shown.map(({ clear }) => clear.id))).filter((user) => user !== undefined);
  const last = rows.length > size ? shown.at(-1) : undefined;
  const more = last === undefined ? {} : { Marker: room.markers.make(scope, last.clear.id) };
  const page = { IsTruncated: last !== undefined, ...more };
  return { Group: groupShape(entity), Users: users.map((user) => userShape(user, "listed")), ...page };
}

const deleteGroup = (scope: EntityScope<DeleteGroupRequest>): Promise<void> =>
  commitFor(scope, async (group) => {
    const { tables, store } = scope.room;
    if (group.clear.attached.length > 0) throw deleteConflict("must detach all policies first.");
    if (group.inline.length > 0) throw deleteConflict("must delete policies first.");
    const members = await countRows(store, tables.attachments.span("group", group.clear.id), 1);
    if (members > 0) throw deleteConflict("must remove users from group first.");
    const batch = removeBatch(tables, group, undefined);
    return { ...batch, checks: [...(batch.checks ?? []), unused(tables, "group", group.clear.id)] };
  });

function listGroups(room: IamRoom): AnyOperation {
  return listOperation<ListGroupsRequest, ListGroupsResponse>(room, {
    name: "ListGroups",
    check: (fields, input) => void fields.optional("PathPrefix", input.PathPrefix, Rules.pathPrefix),
    async run({ input, accountId, size }) {
      const prefix = input.PathPrefix ?? "/";
      const { rows, page } = await listByName(room, {
        table: room.tables.group, accountId, input, size, scope: ["ListGroups", accountId, prefix],
        matches: (clear) => clear.path.startsWith(prefix),
      });
      return { Groups: rows.map((row) => groupShape(room.lookup.open("group", row))), ...page };
    },
  });
}

const checkMember = (fields: Fields, input: { readonly UserName: string }): void =>
  void fields.text("UserName", input.UserName, Rules.userName);

export function groupOperations(room: IamRoom): AnyOperation[] {
  return [
    createGroup(room),
    listGroups(room),
    entityOperation<GetGroupRequest, GetGroupResponse>(room, {
      name: "GetGroup",
      kind: "group",
      check: (fields, input) => void pageSize(fields, input),
      run: getGroup,
    }),
    entityOperation<UpdateGroupRequest, void>(room, {
      name: "UpdateGroup",
      kind: "group",
      check(fields, input) {
        fields.optional("NewGroupName", input.NewGroupName, Rules.groupName);
        if (input.NewPath !== undefined) pathOf(input.NewPath);
      },
      also(input, target) {
        return [iamPermission("UpdateGroup", { ...target, arn: renamedArn(target, input.NewGroupName, input.NewPath) })];
      },
      run: (scope) => rename(scope, { name: scope.input.NewGroupName, path: scope.input.NewPath }),
    }),
    entityOperation<DeleteGroupRequest, void>(room, { name: "DeleteGroup", kind: "group", run: deleteGroup }),
    entityOperation<AddUserToGroupRequest, void>(room, {
      name: "AddUserToGroup",
      kind: "group",
      check: checkMember,
      run: (scope) => changeMember(scope, (user, group) => joined(room.tables, user, group)),
    }),
    entityOperation<RemoveUserFromGroupRequest, void>(room, {
      name: "RemoveUserFromGroup",
      kind: "group",
      check: checkMember,
      run: (scope) => changeMember(scope, (user, group) => left(room.tables, user, group)),
    }),
    entityOperation<ListGroupsForUserRequest, ListGroupsForUserResponse>(room, {
      name: "ListGroupsForUser",
      kind: "user",
      check: (fields, input) => void pageSize(fields, input),
      async run({ input, entity }) {
        const scope = ["ListGroupsForUser", entity.clear.id];
        const { items, page } = room.markers.slice(scope, entity.clear.groups ?? [], input, pageSize(new Fields(), input));
        const groups = (await room.lookup.byUniqueIds(items)).filter((group) => group !== undefined);
        return { Groups: groups.map(groupShape), ...page };
      },
    }),
  ];
}
