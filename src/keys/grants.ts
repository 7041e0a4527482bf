/**
 * Which grants speak for a caller. A grant can only allow; its constraints are checked here against the very request, and
 * the policy evaluator counts the result beside the key policy. Source: AWS KMS developer guide "Grants"; kms.md §11.4.
 */
import { rootArn } from "../lib/arn.js";
import type { Principal, StatementRef } from "../policy/types.js";
import type { Key } from "./key.js";
import type { Kms } from "./kms.js";
import type { GrantClear } from "./records.js";

export type ContextPairs = Readonly<Record<string, string>>;

/** Grants on one key whose grantee is the caller, or the caller's account as a whole. */
export interface CallerGrants {
  readonly own: readonly GrantClear[];
  readonly account: readonly GrantClear[];
}
export const NO_GRANTS: CallerGrants = { own: [], account: [] };

/** Per grantee and key; AWS's quota is 50 000 a key, whoever the grantees are. */
const MAX_READ = 50_000;

/** Is there anything to read: who need not wait for `grantsOf` asks this first. */
export function mayHaveGrants(key: Key, principal: Principal): boolean {
  return key.clear.grantCount !== 0 && principal.accountId !== undefined;
}

/** Reads the caller's grants afresh; nothing is read for keys without grants. */
export async function grantsOf(kms: Kms, key: Key, principal: Principal): Promise<CallerGrants> {
  if (!mayHaveGrants(key, principal) || principal.accountId === undefined) return NO_GRANTS;
  const account = rootArn(principal.accountId);
  const names = new Set(granteeNames(principal));
  const own = (await Promise.all([...names].map((name) => granteeRows(kms, key, name)))).flat();
  return { own, account: names.has(account) ? [] : await granteeRows(kms, key, account) };
}

/** The forms under which a principal may be grantee or retiring principal: unique id of user, role or session, own ARN. */
export function granteeNames(principal: Principal): string[] {
  const names: string[] = [];
  if (principal.uniqueId !== undefined) names.push(principal.uniqueId);
  if (principal.type === "AssumedRole") names.push(principal.userId);
  if (principal.arn !== undefined) names.push(principal.arn);
  return names;
}

async function granteeRows(kms: Kms, key: Key, grantee: string): Promise<GrantClear[]> {
  const rows = await kms.tables.grantees.list({ prefix: [key.region, key.keyId, grantee], limit: MAX_READ });
  return rows.map((row) => row.clear);
}

/** What a grant must cover. */
export interface GrantUse {
  /** As in GrantOperation: `Decrypt`, `ReEncryptFrom`. */
  readonly operation: string;
  /** Of operations that carry an encryption context; undefined for those that have none. */
  readonly context?: ContextPairs;
  /** Further condition, e.g. the rule for child grants. */
  readonly fits?: (grant: GrantClear) => boolean;
}

/** Does this grant cover the use? Constraints count only where there is an encryption context to compare. */
export function covers(grant: GrantClear, use: GrantUse): boolean {
  if (!grant.operations.includes(use.operation)) return false;
  if (use.fits !== undefined && !use.fits(grant)) return false;
  if (use.context === undefined) return true;
  if (grant.contextEquals !== undefined && !samePairs(grant.contextEquals, use.context)) return false;
  return grant.contextSubset === undefined || includesPairs(use.context, grant.contextSubset);
}

/**
 * For `Permission.allowedBy`. A grant to the caller's whole account lets the account decide by IAM, exactly as naming its
 * root in the key policy would.
 */
export function allowedBy(grants: CallerGrants, use: GrantUse, principal: Principal): StatementRef[] {
  const refs = (from: readonly GrantClear[], account: boolean): StatementRef[] =>
    from.filter((grant) => covers(grant, use)).map((grant) => ({
      layer: "grant",
      source: grant.grantId,
      names: account ? "account" : grant.grantee === principal.uniqueId ? "principal" : "session",
    }));
  return [...refs(grants.own, principal.type === "Account"), ...refs(grants.account, true)];
}

type Scoped = Pick<GrantClear, "operations" | "contextEquals" | "contextSubset">;

/** Is a grant with these operations and constraints no wider than `parent`? */
export function isChildOf(parent: GrantClear, child: Scoped): boolean {
  if (!child.operations.every((operation) => parent.operations.includes(operation))) return false;
  if (parent.contextEquals !== undefined) {
    if (child.contextEquals === undefined || !samePairs(parent.contextEquals, child.contextEquals)) return false;
  }
  if (parent.contextSubset === undefined) return true;
  const narrowed = { ...child.contextSubset, ...child.contextEquals };
  return includesPairs(narrowed, parent.contextSubset);
}

export function samePairs(a: ContextPairs, b: ContextPairs): boolean {
  return Object.keys(a).length === Object.keys(b).length && includesPairs(a, b);
}

function includesPairs(all: ContextPairs, some: ContextPairs): boolean {
  return Object.entries(some).every(([name, value]) => Object.hasOwn(all, name) && all[name] === value);
}
