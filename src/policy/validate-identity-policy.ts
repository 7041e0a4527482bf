/**
 * Managed, inline and session policies as IAM and STS accept them. The order of the checks is AWS's: syntax, version,
 * "legacy parsing", Sids, actions, resources. Texts: authorization reference §1.8, sizes §1.9.
 */
import { ServiceError } from "../lib/errors.js";
import { PolicyFault, readPolicy, type ReadPolicy } from "./parse.js";
import type { Policy } from "./types.js";

/** Characters without white space; inline limits are sums over an entity's inline policies. */
export const IDENTITY_POLICY_LIMITS = { managed: 6_144, user: 2_048, group: 5_120, role: 10_240, session: 2_048 } as const;

const malformed = (message: string): ServiceError => new ServiceError("MalformedPolicyDocument", message);
const LEGACY = "The policy failed legacy parsing";

/** Length as the quotas count it: white space left out. */
export function policySize(text: string): number {
  return text.replace(/[\t\n\r ]+/g, "").length;
}

/**
 * @throws ServiceError LimitExceeded (409)
 */
export function checkManagedPolicySize(text: string): void {
  const limit = IDENTITY_POLICY_LIMITS.managed;
  if (policySize(text) > limit) throw new ServiceError("LimitExceeded", `Cannot exceed quota for PolicySize: ${limit}`);
}

/**
 * @param texts all inline policies of the entity, the new one included
 * @throws ServiceError LimitExceeded (409)
 */
export function checkInlinePolicySize(entity: "user" | "group" | "role", name: string, texts: readonly string[]): void {
  const limit = IDENTITY_POLICY_LIMITS[entity];
  const size = texts.reduce((sum, text) => sum + policySize(text), 0);
  if (size <= limit) return;
  throw new ServiceError("LimitExceeded", `Maximum policy size of ${limit} bytes exceeded for ${entity} ${name}`);
}

/**
 * @param text plain JSON; sizes are checked apart, as they depend on where the policy goes
 * @throws ServiceError MalformedPolicyDocument (400)
 */
export function validateIdentityPolicy(text: string): Policy {
  const { policy, hasVersion } = readSyntax(text);
  if (!hasVersion || policy.version !== "2012-10-17") throw malformed("Policy document must be version 2012-10-17 or greater.");
  if (policy.statements.some((statement) => statement.resources?.patterns.some(isShort) === true)) throw malformed(LEGACY);
  checkSids(policy);
  if (policy.statements.some(({ actions }) => actions.patterns.length === 0)) {
    throw malformed("Policy statement must contain actions.");
  }
  for (const { resources } of policy.statements) resources?.patterns.forEach(checkResource);
  for (const { actions } of policy.statements) actions.patterns.forEach(checkAction);
  for (const { conditions } of policy.statements) {
    for (const { key } of conditions) {
      if (!key.includes(":")) throw malformed("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.");
    }
  }
  for (const { resources } of policy.statements) {
    if (resources === undefined || resources.patterns.length === 0) throw malformed("Policy statement must contain resources.");
  }
  return policy;
}

function readSyntax(text: string): ReadPolicy {
  try {
    checkCharacters(text);
    return readPolicy(text, "identity");
  } catch (cause) {
    if (!(cause instanceof PolicyFault)) throw cause;
    const { fault, detail } = cause;
    if (fault === "principal forbidden") throw malformed("Policy document should not specify a principal.");
    if (fault === "condition value" || (fault === "effect" && /^(?:allow|deny)$/i.test(detail))) throw malformed(LEGACY);
    throw malformed("Syntax errors in policy.");
  }
}

/** IAM's document characters: tab, line ends, U+0020–U+00FF. @throws PolicyFault */
export function checkCharacters(text: string): void {
  if (!/^[\t\n\r\x20-\xff]+$/.test(text)) throw new PolicyFault("json", "forbidden character");
}

/** @throws ServiceError when two statements share a Sid, or one is not alphanumeric */
export function checkSids(policy: Policy): void {
  const seen = new Set<string>();
  for (const { sid } of policy.statements) {
    if (sid === undefined || sid === "") continue;
    if (!/^[A-Za-z0-9]+$/.test(sid)) {
      throw malformed("Statement IDs (SID) must be alpha-numeric. "
        + "Check that your input satisfies the regular expression [0-9A-Za-z]*");
    }
    if (seen.has(sid)) throw malformed("Statement IDs (SID) in a single policy must be unique.");
    seen.add(sid);
  }
}

function checkAction(action: string): void {
  if (action === "*") return;
  const [vendor = "", name, ...more] = action.split(":");
  if (name === undefined) throw malformed("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.");
  if (more.length > 0) throw malformed("Actions/Condition can contain only one colon.");
  if (!/^[A-Za-z0-9.-]+$/.test(vendor)) throw malformed(`Vendor ${vendor} is not valid`);
  if (!/^[A-Za-z0-9*?_-]+$/.test(name)) throw malformed(LEGACY);
}

/** An ARN with an empty field where one was left out: `arn:aws:s3::bucket`. Shorter ARNs without such a gap are padded. */
const isShort = (resource: string): boolean =>
  resource.startsWith("arn:aws:") && resource.split(":").length < 6 && (resource.includes("::") || resource.split(":")[2] === "");

const IAM_PATHS = [
  "user/", "federated-user/", "role/", "group/", "instance-profile/", "mfa/", "server-certificate/", "policy/",
  "sms-mfa/", "saml-provider/", "oidc-provider/", "report/", "access-report/",
];

function checkResource(resource: string): void {
  if (resource === "*") return;
  const fields = resource.split(":");
  const [first, partition = "", service = "", region = "", account = ""] = fields;
  if (fields.length < 2) throw malformed(`Resource ${resource} must be in ARN format or "*".`);
  if (!/^(?:aws|aws-cn|aws-us-gov|\*)$/.test(partition)) {
    // AWS shows the ARN with the fields that are missing filled in.
    const rest = fields.slice(2);
    while (rest.length < 4) rest.push("*");
    throw malformed(`Partition "${partition}" is not valid for resource "arn:${partition}:${rest.join(":")}".`);
  }
  if (first !== "arn") throw malformed(`Resource ${resource} must be in ARN format or "*".`);
  if (fields.length < 3 || !/^[A-Za-z0-9-]+$/.test(service)) {
    throw malformed("Resource vendor must be fully qualified and cannot contain regexes.");
  }
  // Access points and jobs have a region and then also an account; buckets have neither.
  if (service === "s3" && region !== "" && account === "") {
    throw malformed(`Resource ${resource} can not contain region information.`);
  }
  if (fields.slice(0, 5).some((field) => field.includes("${"))) throw malformed(LEGACY);
  if (service === "iam") checkIamResource(resource, region, fields.slice(5).join(":"), fields.length);
}

function checkIamResource(resource: string, region: string, path: string, fields: number): void {
  if (region !== "" && fields > 3) throw malformed(`IAM resource ${resource} cannot contain region information.`);
  if (fields < 6 || path === "*" || IAM_PATHS.some((start) => path.startsWith(start))) return;
  throw malformed(`IAM resource path must either be "*" or start with ${IAM_PATHS.join(", ")}.`);
}
