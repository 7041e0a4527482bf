/**
 * Roles and their trust policies. Source: docs/reference/authorization.md §1.2, §6.5.
 */
import { defineOperation, type AnyOperation } from "../gate/contract.js";
import { validateTrustPolicy } from "../policy/validate-trust-policy.js";
import type {
  CreateRoleRequest, CreateRoleResponse, DeleteRoleRequest, GetRoleRequest, GetRoleResponse, ListRolesRequest,
  ListRolesResponse, UpdateAssumeRolePolicyRequest, UpdateRoleDescriptionRequest, UpdateRoleDescriptionResponse,
  UpdateRoleRequest, UpdateRoleResponse,
} from "../wire/tables/iam-types.js";
import { removeBatch } from "./changes.js";
import { createEntity } from "./create-entity.js";
import { storedTrustDocument } from "./documents.js";
import { deleteConflict, entityNotFound } from "./errors.js";
import { Fields, pathOf, Rules, tagsOf, type Tag } from "./fields.js";
import { listByName } from "./listing.js";
import { listOperation } from "./list-operation.js";
import {
  change, commitFor, entityOperation, iamPermission, requestTags, resolveTarget, type EntityScope, type Target,
} from "./operation.js";
import { entityArn, type Entity } from "./records.js";
import type { IamRoom } from "./room.js";
import { roleShape } from "./shapes.js";

const MIN_SESSION_SECONDS = 3600;
const MAX_SESSION_SECONDS = 43_200;

interface CreateFacts {
  readonly target: Target;
  readonly tags: readonly Tag[];
  readonly path: string;
}

const checkSession = (fields: Fields, seconds: number | undefined): void =>
  void fields.number("MaxSessionDuration", seconds, MIN_SESSION_SECONDS, MAX_SESSION_SECONDS);

function createRole(room: IamRoom): AnyOperation {
  return defineOperation<CreateRoleRequest, CreateFacts, CreateRoleResponse>({
    service: "iam",
    name: "CreateRole",
    async resolve(input, call) {
      const fields = new Fields();
      const name = fields.text("RoleName", input.RoleName, Rules.roleName);
      fields.text("AssumeRolePolicyDocument", input.AssumeRolePolicyDocument, Rules.document);
      fields.optional("Description", input.Description, Rules.description);
      checkSession(fields, input.MaxSessionDuration);
      const tags = tagsOf(fields, input.Tags);
      const path = pathOf(input.Path);
      validateTrustPolicy(input.AssumeRolePolicyDocument);
      const target = await resolveTarget(room, call, "role", name);
      return { target: { ...target, arn: entityArn("role", target.accountId, path, name) }, tags, path };
    },
    permissions(input, { target, tags }) {
      const fresh = { ...target, entity: undefined };
      const boundary = input.PermissionsBoundary === undefined ? {} : { "iam:PermissionsBoundary": input.PermissionsBoundary };
      return [
        iamPermission("CreateRole", fresh, { ...requestTags(tags), ...boundary }),
        ...(tags.length === 0 ? [] : [iamPermission("TagRole", fresh, requestTags(tags))]),
      ];
    },
    async run(input, { target, tags, path }, call) {
      const role = await createEntity(room, call, target, {
        path,
        tags,
        boundary: input.PermissionsBoundary,
        description: input.Description,
        maxSessionSeconds: input.MaxSessionDuration,
        trust: await storedTrustDocument(input.AssumeRolePolicyDocument, room.resolver),
      });
      return { Role: await roleShape(role, "full", room.resolver) };
    },
  });
}

const deleteRole = (scope: EntityScope<DeleteRoleRequest>): Promise<void> =>
  commitFor(scope, async (role) => {
    if (role.clear.attached.length > 0) throw deleteConflict("must detach all policies first.");
    if (role.inline.length > 0) throw deleteConflict("must delete policies first.");
    const { boundary } = role.clear;
    const { lookup, tables } = scope.room;
    return removeBatch(tables, role, boundary === undefined ? undefined : await lookup.managedPolicy(boundary));
  });

function listRoles(room: IamRoom): AnyOperation {
  return listOperation<ListRolesRequest, ListRolesResponse>(room, {
    name: "ListRoles",
    check: (fields, input) => void fields.optional("PathPrefix", input.PathPrefix, Rules.pathPrefix),
    async run({ input, accountId, size }) {
      const prefix = input.PathPrefix ?? "/";
      const { rows, page } = await listByName(room, {
        table: room.tables.role, accountId, input, size, scope: ["ListRoles", accountId, prefix],
        matches: (clear) => clear.path.startsWith(prefix),
      });
      const roles = rows.map((row) => room.lookup.open("role", row));
      return { Roles: await Promise.all(roles.map((role) => roleShape(role, "listed", room.resolver))), ...page };
    },
  });
}

/** The role after a change; @throws ServiceError NoSuchEntity when it went meanwhile */
async function readAgain(room: IamRoom, role: Entity): Promise<Entity> {
  const again = await room.lookup.entity("role", role.clear.accountId, role.clear.name);
  if (again === undefined) throw entityNotFound("role", role.clear.name);
  return again;
}

export function roleOperations(room: IamRoom): AnyOperation[] {
  return [
    createRole(room),
    listRoles(room),
    entityOperation<GetRoleRequest, GetRoleResponse>(room, {
      name: "GetRole",
      kind: "role",
      run: async ({ entity }) => ({ Role: await roleShape(entity, "full", room.resolver) }),
    }),
    entityOperation<UpdateRoleRequest, UpdateRoleResponse>(room, {
      name: "UpdateRole",
      kind: "role",
      check(fields, input) {
        fields.optional("Description", input.Description, Rules.description);
        checkSession(fields, input.MaxSessionDuration);
      },
      async run(scope) {
        const { Description: description, MaxSessionDuration: seconds } = scope.input;
        const clear = {
          ...(description === undefined ? {} : { description }),
          ...(seconds === undefined ? {} : { maxSessionSeconds: seconds }),
        };
        await change(scope, () => (Object.keys(clear).length === 0 ? undefined : { clear }));
        return {};
      },
    }),
    entityOperation<UpdateRoleDescriptionRequest, UpdateRoleDescriptionResponse>(room, {
      name: "UpdateRoleDescription",
      kind: "role",
      check: (fields, input) => void fields.text("Description", input.Description, Rules.description),
      async run(scope) {
        await change(scope, () => ({ clear: { description: scope.input.Description } }));
        return { Role: await roleShape(await readAgain(room, scope.entity), "full", room.resolver) };
      },
    }),
    entityOperation<UpdateAssumeRolePolicyRequest, void>(room, {
      name: "UpdateAssumeRolePolicy",
      kind: "role",
      check: (fields, input) => void fields.text("PolicyDocument", input.PolicyDocument, Rules.document),
      run: (scope) =>
        change(scope, async (role) => {
          const trust = await storedTrustDocument(scope.input.PolicyDocument, room.resolver);
          return trust === role.trust ? undefined : { sealed: { trust } };
        }),
    }),
    entityOperation<DeleteRoleRequest, void>(room, { name: "DeleteRole", kind: "role", run: deleteRole }),
  ];
}
