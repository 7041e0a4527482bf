/**
 * CreateAccessKey, UpdateAccessKey, DeleteAccessKey, ListAccessKeys, GetAccessKeyLastUsed, for users and, without a
 * user name, for the caller: root's keys too. Source: docs/reference/authorization.md §6.5.
 */
import { userArn } from "../lib/arn.js";
import { defineOperation, type AnyOperation, type Call } from "../gate/contract.js";
import type { Batch } from "../stores/contract.js";
import type { Found } from "../stores/records.js";
import type {
  CreateAccessKeyRequest, CreateAccessKeyResponse, DeleteAccessKeyRequest, GetAccessKeyLastUsedRequest,
  GetAccessKeyLastUsedResponse, ListAccessKeysRequest, ListAccessKeysResponse, UpdateAccessKeyRequest,
} from "../wire/tables/iam-types.js";
import { addKeyBatch, keyIdsOf, newAccessKey, ownsKey, removeKeyBatch, rewriteKeyBatch, type KeyOwner } from "./access-keys.js";
import { wholeSeconds } from "./create-entity.js";
import { accountOf } from "./directory.js";
import { accessKeyNotFound, concurrentModification, entityNotFound, quotaExceeded } from "./errors.js";
import { Fields, Rules } from "./fields.js";
import { Limits } from "./limits.js";
import { iamPermission, refuseRestricted, resolveTarget, resourceTags, type Target } from "./operation.js";
import { pageSize } from "./pages.js";
import type { AccessKeyClear, Entity } from "./records.js";
import type { IamRoom } from "./room.js";

interface KeyInput {
  readonly UserName?: string | undefined;
}

interface KeyScope<I> {
  readonly room: IamRoom;
  readonly call: Call;
  readonly input: I;
  readonly target: Target;
}

interface KeyOperation<I, O> {
  readonly name: string;
  check?(fields: Fields, input: I): void;
  run(scope: KeyScope<I>): Promise<O>;
}

function keyOperation<I extends KeyInput, O>(room: IamRoom, operation: KeyOperation<I, O>): AnyOperation {
  return defineOperation<I, Target, O>({
    service: "iam",
    name: operation.name,
    async resolve(input, call) {
      const fields = new Fields();
      fields.optional("UserName", input.UserName, Rules.userName);
      operation.check?.(fields, input);
      fields.done();
      return resolveTarget(room, call, "user", input.UserName);
    },
    permissions: (_input, target) => [iamPermission(operation.name, target)],
    run: (input, target, call) => operation.run({ room, call, input, target }),
  });
}

/** The owner as stored now. @throws ServiceError NoSuchEntity; also where the user was replaced since the decision */
async function ownerOf(room: IamRoom, target: Target): Promise<KeyOwner> {
  if (target.isRoot) {
    const account = await room.tables.accounts.get(target.accountId);
    if (account === undefined) throw entityNotFound("user", target.name);
    return { kind: "root", account };
  }
  const user = target.entity === undefined ? undefined : await room.lookup.entity("user", target.accountId, target.name);
  if (user === undefined || user.clear.id !== target.entity?.clear.id) throw entityNotFound("user", target.name);
  return { kind: "user", user };
}

const ATTEMPTS = 5;

/** Commits what `build` makes of the owner's state, anew when somebody was faster. */
async function commitForOwner<I>(scope: KeyScope<I>, build: (owner: KeyOwner) => Promise<Batch | undefined>): Promise<void> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const batch = await build(await ownerOf(scope.room, scope.target));
    if (batch === undefined || (await scope.call.commit(batch)).ok) return;
  }
  throw concurrentModification();
}

/** A key of this owner. @throws ServiceError NoSuchEntity */
async function keyOf(room: IamRoom, owner: KeyOwner, id: string): Promise<Found<AccessKeyClear>> {
  const key = await room.tables.accessKeys.get(id);
  if (key === undefined || !ownsKey(owner, key.clear)) throw accessKeyNotFound(id);
  return key;
}

const ownerName = (target: Target): { readonly UserName: string } =>
  ({ ...(target.isRoot ? {} : { UserName: target.entity?.clear.name ?? target.name }) }) as { UserName: string };

async function createAccessKey({ room, call, target }: KeyScope<CreateAccessKeyRequest>): Promise<CreateAccessKeyResponse> {
  const key = newAccessKey(wholeSeconds(call.nowMs));
  const CreateDate = new Date(key.createdMs);
  const shown = { ...ownerName(target), AccessKeyId: key.accessKeyId, Status: "Active", CreateDate };
  call.annotate({
    responseElements: {
      accessKey: {
        userName: shown.UserName, accessKeyId: key.accessKeyId, status: "Active", createDate: CreateDate.toISOString(),
      },
    },
  });
  await commitForOwner({ room, call, target, input: {} }, async (owner) => {
    if (keyIdsOf(owner).length >= Limits.accessKeysPerUser) throw quotaExceeded("AccessKeysPerUser", Limits.accessKeysPerUser);
    return addKeyBatch(room.tables, owner, key);
  });
  return { AccessKey: { ...shown, SecretAccessKey: key.secretAccessKey } };
}

async function listAccessKeys({ room, input, target }: KeyScope<ListAccessKeysRequest>): Promise<ListAccessKeysResponse> {
  const owner = await ownerOf(room, target);
  const { accessKeys } = room.tables;
  const rows = await accessKeys.getMany(keyIdsOf(owner).map((id) => accessKeys.key(id)));
  const all = rows.filter((row) => row !== undefined).map(({ clear }) => ({
    ...ownerName(target),
    AccessKeyId: clear.accessKeyId,
    Status: clear.status,
    CreateDate: new Date(clear.createdMs),
  }));
  const scope = ["ListAccessKeys", target.accountId, target.name];
  const { items, page } = room.markers.slice(scope, all, input, pageSize(new Fields(), input));
  return { AccessKeyMetadata: items, ...page };
}

interface LastUsedFacts {
  readonly accountId: string;
  readonly key: Found<AccessKeyClear> | undefined;
  readonly user: Entity | undefined;
}

function getAccessKeyLastUsed(room: IamRoom): AnyOperation {
  return defineOperation<GetAccessKeyLastUsedRequest, LastUsedFacts, GetAccessKeyLastUsedResponse>({
    service: "iam",
    name: "GetAccessKeyLastUsed",
    async resolve(input, call) {
      refuseRestricted(call.principal);
      const fields = new Fields();
      const id = fields.text("AccessKeyId", input.AccessKeyId, Rules.accessKeyId);
      fields.done();
      const accountId = accountOf(call.principal);
      const found = await room.tables.accessKeys.get(id);
      const key = found?.clear.accountId === accountId ? found : undefined;
      const name = key?.clear.user?.name;
      return { accountId, key, user: name === undefined ? undefined : await room.lookup.entity("user", accountId, name) };
    },
    permissions(_input, { accountId, user }) {
      // An unknown id needs the right on every user: the answer tells whose a key is.
      const resource = user?.arn ?? userArn(accountId, "/", "*");
      return [{ action: "iam:GetAccessKeyLastUsed", resource, resourceAccount: accountId, context: resourceTags(user?.tags) }];
    },
    async run(input, { key, user }) {
      if (key === undefined) throw accessKeyNotFound(input.AccessKeyId);
      const use = await room.uses.lastUse(input.AccessKeyId);
      return {
        ...(user === undefined ? {} : { UserName: user.clear.name }),
        AccessKeyLastUsed: {
          ServiceName: use?.service ?? "N/A",
          Region: use?.region ?? "N/A",
          ...(use === undefined ? {} : { LastUsedDate: new Date(use.usedMs) }),
        },
      };
    },
  });
}

const STATUSES = ["Active", "Inactive"] as const;

export function accessKeyOperations(room: IamRoom): AnyOperation[] {
  return [
    keyOperation<CreateAccessKeyRequest, CreateAccessKeyResponse>(room, { name: "CreateAccessKey", run: createAccessKey }),
    keyOperation<UpdateAccessKeyRequest, void>(room, {
      name: "UpdateAccessKey",
      check(fields, input) {
        fields.text("AccessKeyId", input.AccessKeyId, Rules.accessKeyId);
        fields.requiredOneOf("Status", input.Status, STATUSES, "Inactive");
      },
      run: (scope) =>
        commitForOwner(scope, async (owner) => {
          const key = await keyOf(room, owner, scope.input.AccessKeyId);
          const status = scope.input.Status === "Active" ? "Active" : "Inactive";
          return key.clear.status === status ? undefined : rewriteKeyBatch(room.tables, key, { status });
        }),
    }),
    keyOperation<DeleteAccessKeyRequest, void>(room, {
      name: "DeleteAccessKey",
      check: (fields, input) => void fields.text("AccessKeyId", input.AccessKeyId, Rules.accessKeyId),
      run: (scope) =>
        commitForOwner(scope, async (owner) => {
          const key = await keyOf(room, owner, scope.input.AccessKeyId);
          return removeKeyBatch(room.tables, owner, key);
        }),
    }),
    keyOperation<ListAccessKeysRequest, ListAccessKeysResponse>(room, {
      name: "ListAccessKeys",
      check: (fields, input) => void pageSize(fields, input),
      run: listAccessKeys,
    }),
    getAccessKeyLastUsed(room),
  ];
}
