/**
 * Key policies: the default one, what may be stored, and the check that a caller does not lock everybody out.
 * Source: AWS KMS developer guide "Key policies"; kms.md §11.1, §11.2 of the reference.
 */
import type { Call } from "../gate/contract.js";
import { keyArn, rootArn } from "../lib/arn.js";
import { parsePolicy } from "../policy/parse.js";
import { displayPrincipals, resolvePrincipals } from "../policy/principals.js";
import type { Context, Policy } from "../policy/types.js";
import { invalidKeyPolicyPrincipal, keyPolicyLockout, validateKeyPolicy } from "../policy/validate-key-policy.js";
import { callContext } from "./conditions.js";
import type { Kms } from "./kms.js";

/** The policy of a key created without one: the account decides by IAM. */
export function defaultPolicy(account: string): string {
  return `{
  "Version" : "2012-10-17",
  "Id" : "key-default-1",
  "Statement" : [ {
    "Sid" : "Enable IAM User Permissions",
    "Effect" : "Allow",
    "Principal" : {
      "AWS" : "${rootArn(account)}"
    },
    "Action" : "kms:*",
    "Resource" : "*"
  } ]
}`;
}

export interface StorablePolicy {
  /** User and role principals as unique ids. */
  readonly text: string;
  readonly policy: Policy;
}

/**
 * Validates a policy and binds its principals to the users and roles of this moment.
 * @throws ServiceError MalformedPolicyDocumentException, LimitExceededException
 */
export async function storablePolicy(kms: Kms, given: string): Promise<StorablePolicy> {
  validateKeyPolicy(given);
  const { text, unknown } = await resolvePrincipals(given, kms.principals);
  if (unknown.length > 0) throw invalidKeyPolicyPrincipal();
  return { text, policy: parsePolicy(text, "key") };
}

/** The text for GetKeyPolicy: as given, but deleted users and roles show as the unique ids they had. */
export async function shownPolicy(kms: Kms, stored: string): Promise<string> {
  return displayPrincipals(stored, kms.principals);
}

/**
 * Refuses a policy under which the caller could not change the policy again, or, where the policy leaves it to the
 * account's IAM, nobody of the caller's kind could.
 * @throws ServiceError MalformedPolicyDocumentException
 */
export async function checkLockout(
  key: { readonly keyId: string; readonly account: string; readonly policy: Policy; readonly context: Context }, call: Call,
): Promise<void> {
  const decision = await call.decide({
    action: "kms:PutKeyPolicy",
    resource: keyArn(call.region, key.account, key.keyId),
    resourceAccount: key.account,
    context: { ...callContext(call), ...key.context, "kms:BypassPolicyLockoutSafetyCheck": "false" },
    resourcePolicy: { id: `key/${key.keyId}`, policy: key.policy },
    resourcePolicyRequired: true,
  });
  if (decision.effect === "Allow") return;
  // The other layers are not what is being put; they may be widened later by whoever the key policy trusts.
  const own = decision.layer === "resource-based" || decision.layer === "evaluation error";
  if (own) throw keyPolicyLockout();
}
