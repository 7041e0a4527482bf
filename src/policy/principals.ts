/**
 * Principals of a resource policy between the two forms it has: as its author wrote it (ARNs), and as it is stored
 * (unique ids, so that a deleted and re-created namesake inherits nothing). Only the principal strings are exchanged;
 * every other byte of the document stays as it was given. Source: authorization reference §1.2; kms reference §11.1.
 */
import { parseStrictJson, type JsonNode, type JsonText } from "./json.js";
import { statementNodes } from "./parse.js";

/** What the iam room knows about principals. */
export interface PrincipalLookup {
  /**
   * Unique id of a user or role, `AROA…:name` of a role's session; the ARN itself for roots of known accounts and federated
   * users; undefined: does not exist.
   */
  uniqueIdOf(arn: string): Promise<string | undefined>;
  /** The ARN that a unique id stands for now; undefined when the entity is gone. */
  arnOf(uniqueId: string): Promise<string | undefined>;
  /** Is this 12-digit account known? */
  accountExists(accountId: string): Promise<boolean>;
}

/** A policy ready to be stored, and the principals that do not exist: if there are any, refuse it. */
export interface ResolvedPolicy {
  readonly text: string;
  readonly unknown: readonly string[];
}

/**
 * Replaces ARNs of users, roles and role sessions by unique ids.
 * @param text accepted by a validator
 */
export async function resolvePrincipals(text: string, lookup: PrincipalLookup): Promise<ResolvedPolicy> {
  const unknown: string[] = [];
  const ids = new Map<string, string>();
  for (const value of principalsOf(text)) {
    const stored = await storedForm(value, lookup);
    if (stored === undefined) unknown.push(value);
    else ids.set(value, stored);
  }
  return { text: replacePrincipals(text, ids), unknown };
}

async function storedForm(value: string, lookup: PrincipalLookup): Promise<string | undefined> {
  if (value === "*") return value;
  if (/^[0-9]{12}$/.test(value)) return (await lookup.accountExists(value)) ? value : undefined;
  if (value.startsWith("arn:")) return lookup.uniqueIdOf(value);
  return (await lookup.arnOf(value)) === undefined ? undefined : value;
}

/**
 * The stored text as its readers expect it: unique ids become the ARNs they stand for now; those of deleted users and
 * roles stay, as on AWS.
 */
export async function displayPrincipals(text: string, lookup: PrincipalLookup): Promise<string> {
  const arns = new Map<string, string>();
  for (const value of principalsOf(text)) {
    if (!/^A[A-Z0-9]+(?::[\w+=,.@-]+)?$/.test(value)) continue;
    const arn = await lookup.arnOf(value);
    if (arn !== undefined) arns.set(value, arn);
  }
  return replacePrincipals(text, arns);
}

/** The distinct `AWS` principals of a policy text, in order of appearance. */
export function principalsOf(text: string): readonly string[] {
  return [...new Set(principalTexts(text).map((node) => node.value))];
}

/** `text` with its `AWS` principals replaced; those that `replacements` does not hold stay. */
export function replacePrincipals(text: string, replacements: ReadonlyMap<string, string>): string {
  let out = "";
  let from = 0;
  for (const node of principalTexts(text)) {
    const replacement = replacements.get(node.value);
    if (replacement === undefined || replacement === node.value) continue;
    out += text.slice(from, node.start) + JSON.stringify(replacement);
    from = node.end;
  }
  return out + text.slice(from);
}

function principalTexts(text: string): readonly JsonText[] {
  const tree = parseStrictJson(text);
  if (tree.kind !== "object") return [];
  const found: JsonText[] = [];
  for (const statement of statementNodes(tree)) {
    for (const name of ["Principal", "NotPrincipal"]) {
      const block = statement.members.get(name);
      const aws: JsonNode | undefined = block?.kind === "object" ? block.members.get("AWS") : undefined;
      for (const item of aws === undefined ? [] : aws.kind === "array" ? aws.items : [aws]) {
        if (item.kind === "string") found.push(item);
      }
    }
  }
  return found.sort((a, b) => a.start - b.start);
}
