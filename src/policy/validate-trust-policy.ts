/**
 * Role trust policies as CreateRole and UpdateAssumeRolePolicy accept them. Source: authorization reference §1.8, §1.9.
 */
import { ServiceError } from "../lib/errors.js";
import { globOf, matchesGlob } from "./match.js";
import { PolicyFault, readPolicy, type Fault } from "./parse.js";
import type { Policy } from "./types.js";
import { checkCharacters, checkSids, policySize } from "./validate-identity-policy.js";

export const MAX_TRUST_POLICY_CHARACTERS = 2_048;

const TEXTS: Partial<Record<Fault, (detail: string) => string>> = {
  json: () => "This policy contains invalid Json",
  "unknown member": (name) => `Unknown field ${name}`,
  "no statement": () => "Missing required field Statement",
  "empty statement": () => "Could not parse the policy: Statement is empty!",
  "no effect": () => "Missing required field Effect",
  effect: () => "The policy failed legacy parsing",
  "no principal": () => "Missing required field Principal",
  principal: (value) => `Invalid principal in policy: "AWS":"${value}"`,
  "no action": () => "Missing required field Action",
  "resource forbidden": (name) => `Has prohibited field ${name}.`,
  "condition value": () => "The policy failed legacy parsing",
};

const malformed = (message: string): ServiceError => new ServiceError("MalformedPolicyDocument", message);

/** For a principal that the resolver does not know. */
export const invalidTrustPolicyPrincipal = (arn: string): ServiceError =>
  malformed(`Invalid principal in policy: "AWS":"${arn}"`);

const ACTIONS = [
  "sts:assumerole", "sts:assumerolewithsaml", "sts:assumerolewithwebidentity", "sts:tagsession", "sts:setsourceidentity",
  "sts:setcontext",
];

/**
 * @throws ServiceError MalformedPolicyDocument (400); LimitExceeded (409)
 */
export function validateTrustPolicy(text: string): Policy {
  if (policySize(text) > MAX_TRUST_POLICY_CHARACTERS) {
    throw new ServiceError("LimitExceeded", `Cannot exceed quota for ACLSizePerRole: ${MAX_TRUST_POLICY_CHARACTERS}`);
  }
  try {
    checkCharacters(text);
    const { policy } = readPolicy(text, "trust");
    checkSids(policy);
    for (const statement of policy.statements) checkActions(statement.actions);
    return policy;
  } catch (cause) {
    if (!(cause instanceof PolicyFault)) throw cause;
    throw malformed(TEXTS[cause.fault]?.(cause.detail) ?? "Syntax errors in policy.");
  }
}

function checkActions({ patterns, not }: Policy["statements"][number]["actions"]): void {
  if (patterns.length === 0) throw new PolicyFault("no action");
  const known = patterns.every((pattern) => {
    const glob = globOf(pattern.toLowerCase());
    return pattern.toLowerCase().startsWith("sts:") && ACTIONS.some((action) => matchesGlob(glob, action));
  });
  if (known && !not) return;
  throw malformed(
    "Trust Policy statement actions can only be sts:AssumeRole, sts:AssumeRoleWithSAML,  and sts:AssumeRoleWithWebIdentity",
  );
}
