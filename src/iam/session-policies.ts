/**
 * Session policies as AssumeRole and GetFederationToken take them. Source: docs/reference/authorization.md §1.9, §6.7.
 */
import { checkIdentityDocument } from "./documents.js";
import { validationError } from "./errors.js";
import { Rules, type Fields } from "./fields.js";
import { parsePolicyArn } from "./names.js";
import { checkPolicyArn } from "./policy-arn.js";
import type { IamRoom } from "./room.js";

export interface SessionPolicyInput {
  readonly Policy?: string | undefined;
  readonly PolicyArns?: readonly { readonly arn?: string | undefined }[] | undefined;
}

const MAX_POLICY_ARNS = 10;

/** Form only. @throws ServiceError ValidationError, MalformedPolicyDocument */
export function checkSessionPolicies(fields: Fields, input: SessionPolicyInput): void {
  fields.optional("Policy", input.Policy, Rules.sessionPolicy);
  fields.count("PolicyArns", input.PolicyArns, MAX_POLICY_ARNS);
  fields.done();
  if (input.Policy !== undefined) checkIdentityDocument(input.Policy);
  for (const { arn } of input.PolicyArns ?? []) checkPolicyArn(fields, arn);
}

/**
 * What goes into the token. The policies must exist, in the session's account or built in.
 * @throws ServiceError ValidationError
 */
export async function requireSessionPolicies(
  room: IamRoom,
  accountId: string,
  input: SessionPolicyInput,
): Promise<{ readonly policy?: string; readonly policyArns?: readonly string[] }> {
  const arns = (input.PolicyArns ?? []).map(({ arn }) => arn ?? "");
  const views = await room.lookup.managedPolicies(arns);
  for (const [index, arn] of arns.entries()) {
    const owner = parsePolicyArn(arn)?.account;
    const own = owner === accountId || owner === "aws";
    if (!own || views[index] === undefined) throw validationError(`Policy ${arn} does not exist or is not attachable.`);
  }
  return { ...(input.Policy === undefined ? {} : { policy: input.Policy }), ...(arns.length === 0 ? {} : { policyArns: arns }) };
}
