/**
 * CreateUser, GetUser, UpdateUser, DeleteUser, ListUsers. Source: docs/reference/authorization.md §6.5.
 */
import { defineOperation, type AnyOperation } from "../gate/contract.js";
import type {
  CreateUserRequest, CreateUserResponse, DeleteUserRequest, GetUserRequest, GetUserResponse, ListUsersRequest,
  ListUsersResponse, UpdateUserRequest, User,
} from "../wire/tables/iam-types.js";
import { removeBatch } from "./changes.js";
import { createEntity } from "./create-entity.js";
import { deleteConflict, entityNotFound } from "./errors.js";
import { Fields, pathOf, Rules, tagsOf, type Tag } from "./fields.js";
import { listByName } from "./listing.js";
import { commitFor, entityOperation, iamPermission, requestTags, resolveTarget, type Target } from "./operation.js";
import { listOperation } from "./list-operation.js";
import { entityArn, type Entity } from "./records.js";
import { rename } from "./rename.js";
import type { IamRoom } from "./room.js";
import { userShape } from "./shapes.js";

interface CreateFacts {
  readonly target: Target;
  readonly tags: readonly Tag[];
  readonly path: string;
}

function createUser(room: IamRoom): AnyOperation {
  return defineOperation<CreateUserRequest, CreateFacts, CreateUserResponse>({
    service: "iam",
    name: "CreateUser",
    async resolve(input, call) {
      const fields = new Fields();
      const name = fields.text("UserName", input.UserName, Rules.newUserName);
      const tags = tagsOf(fields, input.Tags);
      const path = pathOf(input.Path);
      const target = await resolveTarget(room, call, "user", name);
      return { target: { ...target, arn: entityArn("user", target.accountId, path, name) }, tags, path };
    },
    permissions(input, { target, tags }) {
      const fresh = { ...target, entity: undefined };
      const boundary = input.PermissionsBoundary === undefined ? {} : { "iam:PermissionsBoundary": input.PermissionsBoundary };
      const context = { ...requestTags(tags), ...boundary };
      return [
        iamPermission("CreateUser", fresh, context),
        ...(tags.length === 0 ? [] : [iamPermission("TagUser", fresh, requestTags(tags))]),
      ];
    },
    async run(input, { target, tags, path }, call) {
      const user = await createEntity(room, call, target, { path, tags, boundary: input.PermissionsBoundary });
      return { User: userShape(user, "full") };
    },
  });
}

function getUser(room: IamRoom): AnyOperation {
  return defineOperation<GetUserRequest, Target, GetUserResponse>({
    service: "iam",
    name: "GetUser",
    async resolve(input, call) {
      const fields = new Fields();
      fields.optional("UserName", input.UserName, Rules.userName);
      fields.done();
      return resolveTarget(room, call, "user", input.UserName);
    },
    permissions: (_input, target) => [iamPermission("GetUser", target)],
    async run(_input, target) {
      if (target.isRoot) return { User: await rootUser(room, target) };
      if (target.entity === undefined) throw entityNotFound("user", target.name);
      return { User: userShape(target.entity, "full") };
    },
  });
}

/** Root's own data have neither path nor name on AWS; SDKs accept that. */
async function rootUser(room: IamRoom, target: Target): Promise<User> {
  const account = await room.tables.accounts.get(target.accountId);
  const shape: Partial<User> = { UserId: target.accountId, Arn: target.arn, CreateDate: new Date(account?.clear.createdMs ?? 0) };
  return shape as User;
}

/** @throws ServiceError DeleteConflict naming what must go first */
function refuseInUse(user: Entity): void {
  if (user.clear.attached.length > 0) throw deleteConflict("must detach all policies first.");
  if (user.inline.length > 0) throw deleteConflict("must delete policies first.");
  if ((user.clear.accessKeys ?? []).length > 0) throw deleteConflict("must delete access keys first.");
  if ((user.clear.groups ?? []).length > 0) throw deleteConflict("must remove users from group first.");
}

export function userOperations(room: IamRoom): AnyOperation[] {
  return [
    createUser(room),
    getUser(room),
    entityOperation<UpdateUserRequest, void>(room, {
      name: "UpdateUser",
      kind: "user",
      check(fields, input) {
        fields.optional("NewUserName", input.NewUserName, Rules.newUserName);
        if (input.NewPath !== undefined) pathOf(input.NewPath);
      },
      also(input, target) {
        return [iamPermission("UpdateUser", { ...target, arn: renamedArn(target, input.NewUserName, input.NewPath) })];
      },
      run: (scope) => rename(scope, { name: scope.input.NewUserName, path: scope.input.NewPath }),
    }),
    entityOperation<DeleteUserRequest, void>(room, {
      name: "DeleteUser",
      kind: "user",
      run: (scope) =>
        commitFor(scope, async (user) => {
          refuseInUse(user);
          const { boundary } = user.clear;
          return removeBatch(room.tables, user, boundary === undefined ? undefined : await room.lookup.managedPolicy(boundary));
        }),
    }),
    listOperation<ListUsersRequest, ListUsersResponse>(room, {
      name: "ListUsers",
      check: (fields, input) => void fields.optional("PathPrefix", input.PathPrefix, Rules.pathPrefix),
      async run({ input, accountId, size }) {
        const prefix = input.PathPrefix ?? "/";
        const { rows, page } = await listByName(room, {
          table: room.tables.user, accountId, input, size, scope: ["ListUsers", accountId, prefix],
          matches: (clear) => clear.path.startsWith(prefix),
        });
        return { Users: rows.map((row) => userShape(room.lookup.open("user", row), "listed")), ...page };
      },
    }),
  ];
}

/** ARN under the new name and path: renaming needs the right on both. */
export function renamedArn(target: Target, name: string | undefined, path: string | undefined): string {
  const { kind, accountId, entity } = target;
  return entityArn(kind, accountId, path ?? entity?.clear.path ?? "/", name ?? entity?.clear.name ?? target.name);
}
