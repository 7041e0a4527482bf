/**
 * Attaching and detaching managed policies, alike for users, roles and groups, and the list of what is attached.
 * Source: docs/reference/authorization.md §6.5.
 */
import type { AnyOperation } from "../gate/contract.js";
import type { AttachedPolicy } from "../wire/tables/iam-types.js";
import type { EntityChange } from "./changes.js";
import { policyNotAttachable, policyNotFound, quotaExceeded, type EntityKind } from "./errors.js";
import { Fields, Rules } from "./fields.js";
import { Limits } from "./limits.js";
import { policyCheck } from "./lookup.js";
import { parsePolicyArn } from "./names.js";
import { change, entityOperation, heldBoundary, Kinds, type NamedInput } from "./operation.js";
import { pageSize, type PageInput, type PageOutput } from "./pages.js";
import { checkPolicyArn } from "./policy-arn.js";
import { attachmentKey, putAttachment, type Entity } from "./records.js";
import type { IamRoom } from "./room.js";

interface ArnInput extends NamedInput {
  readonly PolicyArn: string;
}
type ListInput = NamedInput & PageInput & { readonly PathPrefix?: string | undefined };

/**
 * The entity with the policy attached; undefined when it is already.
 * @throws ServiceError NoSuchEntity, LimitExceeded
 */
export async function attach(room: IamRoom, entity: Entity, arn: string): Promise<EntityChange | undefined> {
  const { clear, kind } = entity;
  if (clear.attached.includes(arn)) return undefined;
  const name = parsePolicyArn(arn);
  const own = name?.account === clear.accountId || name?.account === "aws";
  const policy = own ? await room.lookup.managedPolicy(arn) : undefined;
  if (policy === undefined) throw policyNotAttachable(arn);
  if (clear.attached.length >= Limits.attachedPolicies) {
    throw quotaExceeded(`PoliciesPer${Kinds[kind].quota}`, Limits.attachedPolicies);
  }
  return {
    clear: { attached: [...clear.attached, arn] },
    checks: policyCheck(policy),
    puts: [putAttachment(room.tables, "policy", policy.id, entity)],
  };
}

async function detach(room: IamRoom, entity: Entity, arn: string): Promise<EntityChange> {
  if (!entity.clear.attached.includes(arn)) throw policyNotFound(arn);
  const policy = await room.lookup.managedPolicy(arn);
  return {
    clear: { attached: entity.clear.attached.filter((candidate) => candidate !== arn) },
    deletes: policy === undefined ? [] : [attachmentKey(room.tables, "policy", policy.id, entity)],
  };
}

/** Groups have no boundary; `heldBoundary` is empty for them. */
function operationsOf(room: IamRoom, kind: EntityKind): AnyOperation[] {
  const { word } = Kinds[kind];
  return [
    entityOperation<ArnInput, void>(room, {
      name: `Attach${word}Policy`,
      kind,
      check: (fields, input) => checkPolicyArn(fields, input.PolicyArn),
      context: (input, target) => ({ "iam:PolicyARN": input.PolicyArn, ...heldBoundary(target.entity) }),
      run: (scope) => change(scope, (entity) => attach(room, entity, scope.input.PolicyArn)),
    }),
    entityOperation<ArnInput, void>(room, {
      name: `Detach${word}Policy`,
      kind,
      check: (fields, input) => checkPolicyArn(fields, input.PolicyArn),
      context: (input, target) => ({ "iam:PolicyARN": input.PolicyArn, ...heldBoundary(target.entity) }),
      run: (scope) => change(scope, (entity) => detach(room, entity, scope.input.PolicyArn)),
    }),
    entityOperation<ListInput, PageOutput & { readonly AttachedPolicies: readonly AttachedPolicy[] }>(room, {
      name: `ListAttached${word}Policies`,
      kind,
      check(fields, input) {
        fields.optional("PathPrefix", input.PathPrefix, Rules.pathPrefix);
        pageSize(fields, input);
      },
      async run({ input, entity }) {
        const prefix = input.PathPrefix ?? "/";
        const all = entity.clear.attached.flatMap((arn) => {
          const name = parsePolicyArn(arn);
          return name?.path.startsWith(prefix) === true ? [{ PolicyName: name.name, PolicyArn: arn }] : [];
        });
        const scope = [`ListAttached${word}Policies`, entity.clear.id, prefix];
        const { items, page } = room.markers.slice(scope, all, input, pageSize(new Fields(), input));
        return { AttachedPolicies: items, ...page };
      },
    }),
  ];
}

export const attachmentOperations = (room: IamRoom): AnyOperation[] =>
  (["user", "role", "group"] as const).flatMap((kind) => operationsOf(room, kind));
