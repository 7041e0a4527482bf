/**
 * Text → Policy: the grammar that all policy kinds share. The validators (validate-*.ts) call `readPolicy` and put
 * their service's words to the faults; rooms that read a stored, already validated text call `parsePolicy`.
 * Source: authorization reference §1.1, §1.2; key policies: kms reference §11.1.
 */
import { hasBadValue, isKnownOperator } from "./conditions.js";
import { JsonError, parseStrictJson, type JsonNode, type JsonObject } from "./json.js";
import type { ConditionClause, Policy, PrincipalEntry, Statement } from "./types.js";

/** `identity` also stands for boundaries and session policies. */
export type PolicyKind = "identity" | "bucket" | "key" | "trust";

/** What is wrong with a document; the validators translate it. */
export type Fault =
  | "json" // not JSON, a member twice, a wrong JSON type, both Action and NotAction, …
  | "unknown member"
  | "version"
  | "no statement"
  | "empty statement"
  | "no effect"
  | "effect"
  | "sid"
  | "no principal"
  | "principal"
  | "NotPrincipal with Allow"
  | "principal forbidden"
  | "no action"
  | "action"
  | "no resource"
  | "resource"
  | "resource forbidden"
  | "condition"
  | "condition operator"
  | "condition value";

/** A fault and the text it is about: member name, effect, principal … */
export class PolicyFault extends Error {
  readonly fault: Fault;
  readonly detail: string;
  constructor(fault: Fault, detail = "") {
    super(`${fault}: ${detail}`);
    this.name = "PolicyFault";
    this.fault = fault;
    this.detail = detail;
  }
}

/** A document and what only its validator needs to know. */
export interface ReadPolicy {
  readonly policy: Policy;
  /** Was there a Version member at all? */
  readonly hasVersion: boolean;
  readonly tree: JsonObject;
}

/** The longest text that is looked at: the models' maximum. Real limits are lower (§1.9). */
export const MAX_POLICY_CHARACTERS = 131_072;

/**
 * The policy in a stored text, which a validator has accepted before.
 * @throws PolicyFault if it is broken after all: deny
 */
export function parsePolicy(text: string, kind: PolicyKind): Policy {
  return readPolicy(text, kind).policy;
}

/**
 * Reads the grammar of `kind`: members, types, effects, principal forms, condition operators and values. Members that
 * are missing become elements that match nothing; `missing` is asked whether that is a fault.
 * @throws PolicyFault
 */
export function readPolicy(text: string, kind: PolicyKind): ReadPolicy {
  if (text.length > MAX_POLICY_CHARACTERS) throw new PolicyFault("json", "too long");
  const tree = parseTree(text);
  onlyMembers(tree, ["Version", "Id", "Statement"]);
  const version = tree.members.get("Version");
  const policyVersion = version === undefined ? "2008-10-17" : versionOf(version);
  const id = tree.members.get("Id");
  if (id !== undefined && id.kind !== "string") throw new PolicyFault("json", "Id");
  const statements = statementNodes(tree).map((node) => readStatement(node, kind, policyVersion));
  const policy: Policy = { version: policyVersion, ...(id === undefined ? {} : { id: id.value }), statements };
  return { policy, hasVersion: version !== undefined, tree };
}

function parseTree(text: string): JsonObject {
  let node: JsonNode;
  try {
    node = parseStrictJson(text);
  } catch (cause) {
    if (cause instanceof JsonError) throw new PolicyFault("json", cause.message);
    throw cause;
  }
  if (node.kind !== "object") throw new PolicyFault("json", "not an object");
  return node;
}

function onlyMembers(node: JsonObject, names: readonly string[]): void {
  for (const name of node.members.keys()) if (!names.includes(name)) throw new PolicyFault("unknown member", name);
}

function versionOf(node: JsonNode): "2012-10-17" | "2008-10-17" {
  if (node.kind === "string" && (node.value === "2012-10-17" || node.value === "2008-10-17")) return node.value;
  throw new PolicyFault("version", node.kind === "string" ? node.value : "");
}

/** The statement objects of a document, one or many. */
export function statementNodes(tree: JsonObject): readonly JsonObject[] {
  const node = tree.members.get("Statement");
  if (node === undefined) throw new PolicyFault("no statement");
  const nodes = node.kind === "array" ? node.items : [node];
  if (nodes.length === 0) throw new PolicyFault("empty statement");
  return nodes.map((item) => {
    if (item.kind !== "object") throw new PolicyFault("json", "Statement");
    return item;
  });
}

const STATEMENT_MEMBERS = [
  "Sid", "Principal", "NotPrincipal", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition",
];

function readStatement(node: JsonObject, kind: PolicyKind, version: Policy["version"]): Statement {
  onlyMembers(node, STATEMENT_MEMBERS);
  const sid = node.members.get("Sid");
  if (sid !== undefined && sid.kind !== "string") throw new PolicyFault("json", "Sid");
  const effect = effectOf(node);
  const principals = principalsOf(node, kind, effect);
  const actions = listElement(node, "Action", "action") ?? { not: false, patterns: [] };
  const resources = resourcesOf(node, kind);
  return {
    ...(sid === undefined ? {} : { sid: sid.value }),
    effect,
    ...(principals === undefined ? {} : { principals }),
    actions,
    ...(resources === undefined ? {} : { resources }),
    conditions: conditionsOf(node, version),
  };
}

function effectOf(node: JsonObject): "Allow" | "Deny" {
  const effect = node.members.get("Effect");
  if (effect === undefined) throw new PolicyFault("no effect");
  if (effect.kind === "string" && (effect.value === "Allow" || effect.value === "Deny")) return effect.value;
  throw new PolicyFault("effect", effect.kind === "string" ? effect.value : "");
}

/** `Action`/`NotAction` or `Resource`/`NotResource`; undefined when neither is there. An empty list matches nothing. */
function listElement(node: JsonObject, name: "Action" | "Resource", fault: Fault): Statement["actions"] | undefined {
  const plain = node.members.get(name);
  const negated = node.members.get(`Not${name}`);
  if (plain !== undefined && negated !== undefined) throw new PolicyFault("json", `${name} and Not${name}`);
  const value = plain ?? negated;
  if (value === undefined) return undefined;
  const patterns = stringList(value);
  if (patterns === undefined) throw new PolicyFault(fault, name);
  // INVARIANT: an empty Not… list must not mean "everything".
  return { not: negated !== undefined && patterns.length > 0, patterns };
}

function resourcesOf(node: JsonObject, kind: PolicyKind): Statement["resources"] {
  const resources = listElement(node, "Resource", "resource");
  if (kind !== "trust") return resources ?? { not: false, patterns: [] };
  // The resource of a trust policy is its role.
  if (resources === undefined) return undefined;
  throw new PolicyFault("resource forbidden", node.members.has("Resource") ? "Resource" : "NotResource");
}

function stringList(node: JsonNode): readonly string[] | undefined {
  const items = node.kind === "array" ? node.items : [node];
  const out: string[] = [];
  for (const item of items) {
    if (item.kind !== "string") return undefined;
    out.push(item.value);
  }
  return out;
}

function principalsOf(node: JsonObject, kind: PolicyKind, effect: "Allow" | "Deny"): Statement["principals"] {
  const plain = node.members.get("Principal");
  const negated = node.members.get("NotPrincipal");
  const value = plain ?? negated;
  if (kind === "identity") {
    if (value !== undefined) throw new PolicyFault("principal forbidden");
    return undefined;
  }
  if (value === undefined) throw new PolicyFault("no principal");
  if (plain !== undefined && negated !== undefined) throw new PolicyFault("json", "Principal and NotPrincipal");
  if (negated !== undefined && kind === "trust") throw new PolicyFault("unknown member", "NotPrincipal");
  // NotPrincipal with Allow would grant to everybody else, anonymous included: refused (reference §1.2, recommendation).
  if (negated !== undefined && effect === "Allow") throw new PolicyFault("NotPrincipal with Allow");
  return { not: negated !== undefined, entries: principalEntries(value) };
}

function principalEntries(node: JsonNode): readonly PrincipalEntry[] {
  if (node.kind === "string") {
    if (node.value !== "*") throw new PolicyFault("principal", node.value);
    return [{ kind: "Any", value: "*" }];
  }
  if (node.kind !== "object") throw new PolicyFault("principal");
  const entries: PrincipalEntry[] = [];
  for (const [type, value] of node.members) {
    const values = stringList(value);
    if (values === undefined) throw new PolicyFault("principal");
    for (const one of values) entries.push(principalEntry(type, one));
  }
  if (entries.length === 0) throw new PolicyFault("principal");
  return entries;
}

const ACCOUNT = /^[0-9]{12}$/;
/** Of a user, of a role, of one session of a role. */
const UNIQUE_ID = /^(?:AIDA[A-Z0-9]{12,124}|AROA[A-Z0-9]{12,124}(?::[\w+=,.@-]{2,64})?)$/;
const IAM_PRINCIPAL = /^arn:aws(?:-cn|-us-gov)?:iam::[0-9]{12}:(?:root|(?:user|role)\/[\x21-\x7e]+)$/;
const STS_PRINCIPAL =
  /^arn:aws(?:-cn|-us-gov)?:sts::[0-9]{12}:(?:assumed-role\/[\w+=,.@-]+\/[\w+=,.@-]+|federated-user\/[\w+=,.@-]+)$/;
const SERVICE = /^[a-z0-9][a-z0-9.-]*\.amazonaws\.com(?:\.cn)?$/;
const FEDERATED_ARN = /^arn:aws(?:-cn|-us-gov)?:iam::[0-9]{12}:(?:oidc|saml)-provider\/[\x21-\x7e]+$/;
const FEDERATED_HOST = /^[a-z0-9-]+(?:\.[a-z0-9-]+)+$/;

/** Checks the form only; whether the principal exists is the resolver's question (principals.ts). */
function principalEntry(type: string, value: string): PrincipalEntry {
  const wildcard = value.includes("*") || value.includes("?");
  if (type === "AWS") {
    if (value === "*") return { kind: "Any", value };
    if (ACCOUNT.test(value)) return { kind: "AWS", value: `arn:aws:iam::${value}:root` };
    if (!wildcard && (UNIQUE_ID.test(value) || IAM_PRINCIPAL.test(value) || STS_PRINCIPAL.test(value))) {
      return { kind: "AWS", value };
    }
  }
  if (type === "Service" && SERVICE.test(value)) return { kind: "Service", value };
  if (type === "CanonicalUser" && /^[0-9a-f]{64}$/.test(value)) return { kind: "CanonicalUser", value };
  if (type === "Federated" && !wildcard && (FEDERATED_ARN.test(value) || FEDERATED_HOST.test(value))) {
    return { kind: "Federated", value };
  }
  throw new PolicyFault("principal", value);
}

function conditionsOf(node: JsonObject, version: Policy["version"]): readonly ConditionClause[] {
  const condition = node.members.get("Condition");
  if (condition === undefined) return [];
  if (condition.kind !== "object") throw new PolicyFault("condition");
  const clauses: ConditionClause[] = [];
  for (const [operator, block] of condition.members) {
    if (!isKnownOperator(operator)) throw new PolicyFault("condition operator", operator);
    if (block.kind !== "object") throw new PolicyFault("condition");
    for (const [key, value] of block.members) clauses.push({ operator, key, values: conditionValues(value) });
  }
  for (const clause of clauses) {
    if (hasBadValue(clause, version)) throw new PolicyFault("condition value", clause.key);
  }
  return clauses;
}

/** Numbers and booleans stand for their text: `true` ≡ `"true"`. */
function conditionValues(node: JsonNode): readonly string[] {
  const items = node.kind === "array" ? node.items : [node];
  if (items.length === 0) throw new PolicyFault("condition");
  return items.map((item) => {
    if (item.kind === "string") return item.value;
    if (item.kind === "number") return item.raw;
    if (item.kind === "boolean") return String(item.value);
    throw new PolicyFault("condition");
  });
}
