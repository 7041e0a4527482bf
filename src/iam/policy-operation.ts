/**
 * The form that operations on one managed policy share. Built-in policies can be read and attached, not changed.
 * Source: docs/reference/authorization.md §6.5.
 */
import { defineOperation, type AnyOperation, type Call, type Context } from "../gate/contract.js";
import type { Batch } from "../stores/contract.js";
import { accountOf } from "./directory.js";
import { accessDenied, concurrentModification, policyNotFound } from "./errors.js";
import { Fields } from "./fields.js";
import { countRows } from "./listing.js";
import type { PolicyView } from "./lookup.js";
import { parsePolicyArn } from "./names.js";
import { refuseRestricted, resourceTags } from "./operation.js";
import { checkPolicyArn } from "./policy-arn.js";
import type { ManagedPolicy } from "./records.js";
import type { IamRoom } from "./room.js";
import type { PolicyUse } from "./shapes.js";

export interface PolicyScope<I> {
  readonly room: IamRoom;
  readonly call: Call;
  readonly input: I;
  readonly accountId: string;
  readonly view: PolicyView;
}

export interface PolicyOperation<I, O> {
  readonly name: string;
  /** Changes the policy: refused for built-in ones. */
  readonly changes?: boolean;
  check?(fields: Fields, input: I): void;
  context?(input: I): Context;
  run(scope: PolicyScope<I>): Promise<O>;
}

interface PolicyFacts {
  readonly accountId: string;
  readonly view: PolicyView | undefined;
}

export function policyOperation<I extends { readonly PolicyArn: string }, O>(
  room: IamRoom, operation: PolicyOperation<I, O>,
): AnyOperation {
  const { name } = operation;
  return defineOperation<I, PolicyFacts, O>({
    service: "iam",
    name,
    async resolve(input, call) {
      refuseRestricted(call.principal);
      const fields = new Fields();
      operation.check?.(fields, input);
      checkPolicyArn(fields, input.PolicyArn);
      const accountId = accountOf(call.principal);
      const owner = parsePolicyArn(input.PolicyArn)?.account;
      const own = owner === accountId || owner === "aws";
      return { accountId, view: own ? await room.lookup.managedPolicy(input.PolicyArn) : undefined };
    },
    permissions(input, { accountId, view }) {
      // Policies of another account are answered as absent ones: nothing is learned about them.
      const context = { ...resourceTags(view?.tags), ...operation.context?.(input) };
      return [{ action: `iam:${name}`, resource: input.PolicyArn, resourceAccount: accountId, context }];
    },
    async run(input, { accountId, view }, call) {
      if (view === undefined) throw policyNotFound(input.PolicyArn);
      if (operation.changes === true && view.row === undefined) {
        throw accessDenied(`${name} is not allowed on ${view.arn}: policies managed by AWS cannot be changed.`);
      }
      return operation.run({ room, call, input, accountId, view });
    },
  });
}

const ATTEMPTS = 5;

/**
 * Commits what `build` makes of the policy, anew when somebody was faster and the tags are still those of the decision.
 * @throws ServiceError NoSuchEntity, ConcurrentModification
 */
export async function changePolicy<I>(
  scope: PolicyScope<I>,
  build: (view: PolicyView, row: ManagedPolicy) => Promise<Batch | undefined>,
): Promise<void> {
  const { room, call } = scope;
  let { view } = scope;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    if (view.row === undefined) throw policyNotFound(view.arn);
    const batch = await build(view, view.row);
    if (batch === undefined || (await call.commit(batch)).ok) return;
    const again = await room.lookup.managedPolicy(view.arn);
    if (again === undefined) throw policyNotFound(view.arn);
    if (again.id !== view.id || JSON.stringify(again.tags) !== JSON.stringify(view.tags)) throw concurrentModification();
    view = again;
  }
  throw concurrentModification();
}

const MAX_USES = 10_000;

/**
 * How often an account uses a policy.
 * @param limit count no further than this
 */
export async function useOf(
  room: IamRoom, accountId: string, view: Pick<PolicyView, "id">, limit = MAX_USES,
): Promise<PolicyUse> {
  const { attachments } = room.tables;
  const [attached, bounded] = await Promise.all([
    countRows(room.store, attachments.span("policy", view.id, accountId), limit),
    countRows(room.store, attachments.span("boundary", view.id, accountId), limit),
  ]);
  return { attachments: attached, boundaries: bounded };
}
