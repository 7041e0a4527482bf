/**
 * Does a statement's Principal or NotPrincipal reach the caller, and by what name? The name decides what an Allow
 * overrides (§2.3). Stored policies hold unique ids for users and roles, so a re-created namesake is a stranger.
 * Source: authorization reference §1.2, §2.3.
 */
import type { Principal, Statement } from "./types.js";

/**
 * How an Allow names the caller.
 * - `direct`: this very user, session or everyone: overrides implicit denies of identity policy, boundary, session
 * - `principal`: its role, or the user behind a federated session: boundary and session policy still limit
 * - `account`: delegates to the account: its identity policies must allow as well
 */
export type Reach = "direct" | "principal" | "account";

export interface CompiledPrincipals {
  readonly not: boolean;
  readonly anyone: boolean;
  /** 12-digit ids named by root ARN. */
  readonly accounts: ReadonlySet<string>;
  /** Of users and roles; `AROA…:name` of sessions. */
  readonly uniqueIds: ReadonlySet<string>;
  /** Federated users; and what nobody resolved: of that, users and roles count for Deny only. */
  readonly arns: ReadonlySet<string>;
  readonly services: ReadonlySet<string>;
  readonly canonicalIds: ReadonlySet<string>;
  readonly federated: ReadonlySet<string>;
}

const ROOT = /^arn:[a-z-]+:iam::([0-9]{12}):root$/;
const SESSION = /^arn:[a-z-]+:sts::[0-9]{12}:(?:assumed-role|federated-user)\//;

export function compilePrincipals(principals: NonNullable<Statement["principals"]>): CompiledPrincipals {
  const [accounts, uniqueIds, arns] = [new Set<string>(), new Set<string>(), new Set<string>()];
  const [services, canonicalIds, federated] = [new Set<string>(), new Set<string>(), new Set<string>()];
  let anyone = false;
  for (const { kind, value } of principals.entries) {
    if (kind === "Any" || (kind === "AWS" && value === "*")) anyone = true;
    else if (kind === "Service") services.add(value);
    else if (kind === "CanonicalUser") canonicalIds.add(value);
    else if (kind === "Federated") federated.add(value);
    else {
      const account = /^[0-9]{12}$/.test(value) ? value : ROOT.exec(value)?.[1];
      if (account !== undefined) accounts.add(account);
      else if (value.startsWith("arn:")) arns.add(value);
      else uniqueIds.add(value);
    }
  }
  return { not: principals.not, anyone, accounts, uniqueIds, arns, services, canonicalIds, federated };
}

/** The strongest name by which an Allow reaches `principal`; undefined: not at all. NotPrincipal never allows. */
export function allowReach(principals: CompiledPrincipals, principal: Principal): Reach | undefined {
  if (principals.not) return undefined;
  if (principals.anyone) return "direct";
  const { type, uniqueId, issuerUniqueId } = principal;
  // Strongest first: one Allow may name both the role and the session.
  if (namesSession(principals, principal)) return "direct";
  if (uniqueId !== undefined && principals.uniqueIds.has(uniqueId)) return type === "User" ? "direct" : "principal";
  if (issuerUniqueId !== undefined && principals.uniqueIds.has(issuerUniqueId)) return "principal";
  if (namesAccount(principals, principal)) return "account";
  return namesService(principals, principal) ? "direct" : undefined;
}

/**
 * Does a Deny reach `principal`?
 * @param hasBoundary NotPrincipal with Deny always reaches a principal with a permissions boundary (§1.2)
 */
export function denyReaches(principals: CompiledPrincipals, principal: Principal, hasBoundary: boolean): boolean {
  if (principals.not) return hasBoundary || !spared(principals, principal);
  if (allowReach(principals, principal) !== undefined) return true;
  // Fail closed on ARNs that nobody resolved: they deny whoever bears the name now.
  const { arn, principalArn } = principal;
  return (arn !== undefined && principals.arns.has(arn)) || (principalArn !== undefined && principals.arns.has(principalArn));
}

/** NotPrincipal spares a caller only if each of its names is listed: account, user or role, and session. */
function spared(principals: CompiledPrincipals, principal: Principal): boolean {
  if (principals.anyone) return true;
  const { type, uniqueId } = principal;
  if (type === "Service" || type === "Anonymous") return namesService(principals, principal);
  if (!namesAccount(principals, principal)) return false;
  if (type === "Account") return true;
  const named = uniqueId !== undefined && principals.uniqueIds.has(uniqueId);
  const session = namesSession(principals, principal);
  if (type === "User") return named;
  return type === "AssumedRole" ? named && session : session;
}

/** By `aws:userid` for role sessions, so that a re-created role's sessions are strangers; federated users have only an ARN. */
function namesSession(principals: CompiledPrincipals, { type, arn, userId }: Principal): boolean {
  if (type === "AssumedRole" && principals.uniqueIds.has(userId)) return true;
  return arn !== undefined && SESSION.test(arn) && principals.arns.has(arn);
}

function namesAccount(principals: CompiledPrincipals, { accountId, canonicalId }: Principal): boolean {
  return (accountId !== undefined && principals.accounts.has(accountId))
    || (canonicalId !== undefined && principals.canonicalIds.has(canonicalId));
}

function namesService(principals: CompiledPrincipals, { type, service, federatedProvider }: Principal): boolean {
  if (type === "Service") return service !== undefined && principals.services.has(service);
  return type === "Anonymous" && federatedProvider !== undefined && principals.federated.has(federatedProvider);
}
