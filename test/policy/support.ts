/** Callers, policies and requests that the tests of this room share. */
import { evaluate } from "../../src/policy/evaluate.js";
import { parsePolicy, type PolicyKind } from "../../src/policy/parse.js";
import type { Context, Decision, Permission, PolicySource, Principal, PrincipalPolicies } from "../../src/policy/types.js";

export const HOME = "111122223333";
export const AWAY = "444455556666";
export const ALICE_ID = "AIDAALICEALICEALICE22";
export const BOB_ID = "AIDABOBBOBBOBBOBBOB22";
export const ROLE_ID = "AROAAPPAPPAPPAPPAPP22";

export const user = (accountId = HOME, name = "alice", uniqueId = ALICE_ID): Principal => ({
  type: "User", accountId, arn: `arn:aws:iam::${accountId}:user/${name}`, principalArn: `arn:aws:iam::${accountId}:user/${name}`,
  userId: uniqueId, uniqueId, userName: name,
});
export const alice = user();
export const session = (accountId = HOME): Principal => ({
  type: "AssumedRole", accountId, arn: `arn:aws:sts::${accountId}:assumed-role/app/web`,
  principalArn: `arn:aws:iam::${accountId}:role/app`, userId: `${ROLE_ID}:web`, uniqueId: ROLE_ID,
});
export const federated = (accountId = HOME): Principal => ({
  type: "FederatedUser", accountId, arn: `arn:aws:sts::${accountId}:federated-user/fay`,
  principalArn: `arn:aws:sts::${accountId}:federated-user/fay`, userId: `${accountId}:fay`, issuerUniqueId: ALICE_ID,
});
export const root = (accountId = HOME): Principal => ({
  type: "Account", accountId, arn: `arn:aws:iam::${accountId}:root`, principalArn: `arn:aws:iam::${accountId}:root`,
    userId: accountId,
});
export const anonymous: Principal = { type: "Anonymous", userId: "anonymous" };
export const s3Service: Principal = { type: "Service", userId: "s3.amazonaws.com", service: "s3.amazonaws.com" };

export const document = (...statements: object[]): string => JSON.stringify({ Version: "2012-10-17", Statement: statements });

export function source(kind: PolicyKind, id: string, ...statements: object[]): PolicySource {
  return { id, policy: parsePolicy(document(...statements), kind) };
}
export const identity = (...statements: object[]): PrincipalPolicies =>
  ({ identity: [source("identity", "user/alice/inline/p", ...statements)] });
export const bucketPolicy = (...statements: object[]): PolicySource => source("bucket", "bucket/b", ...statements);
export const keyPolicy = (...statements: object[]): PolicySource => source("key", "key/k", ...statements);

export const NONE: PrincipalPolicies = { identity: [] };
export const ALL = { Effect: "Allow", Action: "*", Resource: "*" };
export const KEY_ARN = `arn:aws:kms:us-east-1:${HOME}:key/k`;

export function get(over: Partial<Permission> = {}): Permission {
  return { action: "s3:GetObject", resource: "arn:aws:s3:::b/k", resourceAccount: HOME, context: {}, ...over };
}
export function decrypt(over: Partial<Permission> = {}): Permission {
  return { action: "kms:Decrypt", resource: KEY_ARN, resourceAccount: HOME, context: {}, resourcePolicyRequired: true, ...over };
}

export const verdict = (decision: Decision): string =>
  decision.effect === "Allow" ? "allow" : `${decision.explicit ? "explicit" : "implicit"} ${decision.layer}`;

/** Does a one-statement identity policy with this condition apply? */
export function conditionApplies(condition: object, context: Context, effect: "Allow" | "Deny" = "Allow",
  version = "2012-10-17"): boolean {
  const statement = { Effect: effect, Action: "s3:GetObject", Resource: "*", Condition: condition };
  const text = JSON.stringify({ Version: version, Statement: effect === "Allow" ? [statement] : [ALL, statement] });
  const policies = { identity: [{ id: "p", policy: parsePolicy(text, "identity") }] };
  const decision = evaluate(alice, get({ context }), policies);
  return effect === "Allow" ? decision.effect === "Allow" : decision.effect === "Deny";
}
