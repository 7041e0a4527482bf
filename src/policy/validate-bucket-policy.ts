/**
 * Bucket policies as PutBucketPolicy accepts them: grammar, and whether actions, resources and condition keys fit
 * together and belong to this bucket. Texts and rules: authorization reference §1.8, §1.9.
 */
import { ServiceError } from "../lib/errors.js";
import { globOf, matchesGlob } from "./match.js";
import { PolicyFault, readPolicy, type Fault } from "./parse.js";
import { actionsOfKey, COFFER_OBJECT_ACTIONS, S3_ACTIONS, type ResourceType } from "./s3-actions.js";
import type { Policy, Statement } from "./types.js";

/** 20 KB. */
export const MAX_BUCKET_POLICY_BYTES = 20_480;

const TEXTS: Readonly<Record<Fault, (detail: string) => string>> = {
  json: () => "This policy contains invalid Json",
  "unknown member": (name) => `Unknown field ${name}`,
  version: () => "The policy must contain a valid version string",
  "no statement": () => "Missing required field Statement",
  "empty statement": () => "Could not parse the policy: Statement is empty!",
  "no effect": () => "Missing required field Effect",
  effect: (value) => `Invalid effect: ${value}`,
  sid: () => "This policy contains invalid Json",
  "no principal": () => "Missing required field Principal",
  principal: () => "Invalid principal in policy",
  "NotPrincipal with Allow": () => "Allow with NotPrincipal is not allowed",
  "principal forbidden": () => "Invalid principal in policy",
  "no action": () => "Missing required field Action",
  action: () => "Policy has invalid action",
  "no resource": () => "Missing required field Resource",
  resource: () => "Policy has invalid resource",
  "resource forbidden": () => "Policy has invalid resource",
  condition: () => "This policy contains invalid Json",
  "condition operator": (name) => `Invalid Condition type : ${name}`,
  "condition value": (key) => `Invalid value in condition for key ${key}`,
};

const malformed = (message: string): ServiceError => new ServiceError("MalformedPolicy", message, { status: 400 });

/**
 * @param text the request body
 * @param bucket name of the bucket it is for
 * @throws ServiceError MalformedPolicy (400); PolicyTooLarge (400) beyond 20 KB
 */
export function validateBucketPolicy(text: string, bucket: string): Policy {
  if (!text.startsWith("{")) throw malformed("Policies must be valid JSON and the first byte must be '{'");
  if (text.length > MAX_BUCKET_POLICY_BYTES || new TextEncoder().encode(text).length > MAX_BUCKET_POLICY_BYTES) {
    throw new ServiceError("PolicyTooLarge", "Policy exceeds the maximum allowed document size.", { status: 400 });
  }
  try {
    const { policy } = readPolicy(text, "bucket");
    for (const statement of policy.statements) checkStatement(statement, policy.version, bucket);
    return policy;
  } catch (cause) {
    if (cause instanceof PolicyFault) throw malformed(TEXTS[cause.fault](cause.detail));
    throw cause;
  }
}

function checkStatement(statement: Statement, version: Policy["version"], bucket: string): void {
  if (statement.actions.patterns.length === 0) throw new PolicyFault("no action");
  const resources = statement.resources?.patterns ?? [];
  if (resources.length === 0) throw new PolicyFault("no resource");
  const types = new Set(resources.flatMap((resource) => resourceTypes(resource, version, bucket)));
  const actions = statement.actions.patterns.map(actionsMatching);
  for (const { names, wildcard } of actions) {
    // AWS lets wildcards (`s3:Get*`) fit either type, and NotAction names what is *not* meant.
    if (wildcard || statement.actions.not) continue;
    if (!names.some((name) => types.has(typeOf(name)))) {
      throw malformed("Action does not apply to any resource(s) in statement");
    }
  }
  checkConditionKeys(statement, actions.flatMap(({ names }) => names), types);
}

const typeOf = (name: string): ResourceType => (COFFER_OBJECT_ACTIONS.has(name) ? "object" : S3_ACTIONS.get(name) ?? "other");

interface ActionMatch {
  /** Lower case, S3's without prefix; never empty. */
  readonly names: readonly string[];
  readonly wildcard: boolean;
}

function actionsMatching(pattern: string): ActionMatch {
  const lower = pattern.toLowerCase();
  const all = [...S3_ACTIONS.keys()];
  if (lower === "*") return { names: all, wildcard: true };
  if (lower.startsWith("coffer:")) return cofferActionsMatching(pattern);
  if (!lower.startsWith("s3:")) throw new PolicyFault("action", pattern);
  const glob = globOf(lower.slice(3));
  const names = all.filter((name) => matchesGlob(glob, name));
  if (names.length === 0) throw new PolicyFault("action", pattern);
  return { names, wildcard: glob.kind !== "exact" };
}

function cofferActionsMatching(pattern: string): ActionMatch {
  const glob = globOf(pattern.toLowerCase());
  const names = [...COFFER_OBJECT_ACTIONS].filter((name) => matchesGlob(glob, name));
  if (names.length === 0) throw new PolicyFault("action", pattern);
  return { names, wildcard: glob.kind !== "exact" };
}

const BUCKET_ARN = "arn:aws:s3:::";

/** What a resource pattern can mean: the bucket, objects in it, or with a `*` at the end of the name both. */
function resourceTypes(resource: string, version: Policy["version"], bucket: string): readonly ResourceType[] {
  if (!resource.startsWith(BUCKET_ARN)) throw new PolicyFault("resource", resource);
  const path = resource.slice(BUCKET_ARN.length);
  const slash = path.indexOf("/");
  const name = slash < 0 ? path : path.slice(0, slash);
  // Variables may only stand in the key: the bucket is known.
  if (version === "2012-10-17" && name.includes("${")) throw new PolicyFault("resource", resource);
  if (slash >= 0) {
    if (!matchesGlob(globOf(name), bucket)) throw new PolicyFault("resource", resource);
    return ["object"];
  }
  const glob = globOf(name);
  const types: ResourceType[] = matchesGlob(glob, bucket) ? ["bucket"] : [];
  // `b*` also matches `bucket/key`: the wildcard knows no slash. A probe key stands for all.
  if (name.endsWith("*") && matchesGlob(glob, `${bucket}/key`)) types.push("object");
  if (types.length === 0) throw new PolicyFault("resource", resource);
  return types;
}

function checkConditionKeys(statement: Statement, actions: readonly string[], types: ReadonlySet<ResourceType>): void {
  for (const { key } of statement.conditions) {
    const fillers = actionsOfKey(key);
    if (fillers === undefined) throw malformed("Policy has an invalid condition key");
    if (fillers === "every" || statement.actions.not) continue;
    if (!actions.some((name) => fillers.has(name) && types.has(typeOf(name)))) {
      throw malformed("Conditions do not apply to combination of actions and resources in statement");
    }
  }
}
