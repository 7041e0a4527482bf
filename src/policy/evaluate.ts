/**
 * The decision: may this principal do this, given these policies? Pure, with its reasons, and fail closed: whatever
 * goes wrong on the way is a Deny. Order and exceptions: authorization reference §2.1 (same account), §2.2
 * (cross-account), §2.3 (what a resource policy overrides), §2.4 (KMS), §2.5 (root, anonymous, ACL).
 */
import { applies, statementsOf, type Target } from "./compile.js";
import { splitArn } from "./match.js";
import { allowReach, denyReaches, type Reach } from "./principal-match.js";
import { Scope } from "./scope.js";
import type {
  Context, Decision, Permission, PolicyLayer, PolicySource, Principal, PrincipalPolicies, StatementRef,
} from "./types.js";
import { withinBudget } from "./work.js";

/** What the policies of one layer say. */
interface Finding {
  readonly allows: readonly StatementRef[];
  readonly denies: readonly StatementRef[];
}

/** What the resource side says: Allows by the way they name the caller. */
interface ResourceFinding {
  readonly byReach: Readonly<Record<Reach, readonly StatementRef[]>>;
  readonly denies: readonly StatementRef[];
}

/** Everything that was found out; the rules below only combine it. */
interface Findings {
  readonly principal: Principal;
  readonly permission: Permission;
  readonly identity: Finding;
  /** Undefined: there is none, so nothing limits. */
  readonly boundary: Finding | undefined;
  readonly session: Finding | undefined;
  readonly resource: ResourceFinding;
}

/**
 * Decides one permission.
 * @param contextOf all condition keys, the global ones merged into the permission's own; names in any case. Asked for
 *   when a statement has conditions or variables to look up, which most decisions do not come to
 * @param policies what hangs on the principal itself; ignored for anonymous and service principals
 * @returns never throws: an error is a Deny with the layer `evaluation error`
 */
export function evaluate(
  principal: Principal, permission: Permission, policies: PrincipalPolicies,
  contextOf: () => Context | undefined = () => permission.context,
): Decision {
  try {
    return withinBudget(() => decide(collect(principal, permission, policies, contextOf)));
  } catch (error) {
    const source = error instanceof Error ? error.message : String(error);
    return deny(false, "evaluation error", [{ layer: "evaluation error", source }]);
  }
}

const allow = (layer: PolicyLayer, because: readonly StatementRef[]): Decision =>
  ({ effect: "Allow", explicit: true, layer, because });
const deny = (explicit: boolean, layer: PolicyLayer, because: readonly StatementRef[]): Decision =>
  ({ effect: "Deny", explicit, layer, because });

function collect(
  principal: Principal, permission: Permission, policies: PrincipalPolicies, contextOf: () => Context | undefined,
): Findings {
  const target = targetOf(permission, contextOf);
  const own = principal.type === "Anonymous" || principal.type === "Service" ? NO_POLICIES : policies;
  return {
    principal,
    permission,
    identity: findAll(own.identity, "identity-based", target),
    boundary: own.boundary === undefined ? undefined : findAll([own.boundary], "permissions boundary", target),
    session: own.session === undefined ? undefined : findAll(own.session, "session", target),
    resource: findResource(principal, permission, own.boundary !== undefined, target),
  };
}

const NO_POLICIES: PrincipalPolicies = { identity: [] };

function targetOf(permission: Permission, contextOf: () => Context | undefined): Target {
  const action = permission.action.toLowerCase();
  // S3's calls without a resource type (ListBuckets) are met by `*` and by `arn:aws:s3:::*` (reference §3).
  const resource = permission.resource === "*" && action.startsWith("s3:") ? "arn:aws:s3:::*" : permission.resource;
  return { action, resource: splitArn(resource), scope: new Scope(contextOf) };
}

function findAll(sources: readonly PolicySource[], layer: PolicyLayer, target: Target): Finding {
  const allows: StatementRef[] = [];
  const denies: StatementRef[] = [];
  for (const source of sources) {
    for (const statement of statementsOf(source.policy)) {
      // A principal has no place here: what it means is unknown, so it can only deny.
      if (statement.principals !== undefined && !statement.deny) continue;
      if (!applies(statement, target)) continue;
      (statement.deny ? denies : allows).push({ layer, source: source.id, statement: statement.label });
    }
  }
  return { allows, denies };
}

function findResource(principal: Principal, permission: Permission, hasBoundary: boolean, target: Target): ResourceFinding {
  const byReach: Record<Reach, StatementRef[]> = { direct: [], principal: [], account: [] };
  const denies: StatementRef[] = [];
  const source = permission.resourcePolicy;
  for (const statement of source === undefined ? [] : statementsOf(source.policy)) {
    if (source === undefined || !applies(statement, target)) continue;
    const ref: StatementRef = { layer: "resource-based", source: source.id, statement: statement.label };
    const { principals } = statement;
    if (statement.deny) {
      if (principals === undefined || denyReaches(principals, principal, hasBoundary)) denies.push(ref);
      continue;
    }
    const reach = principals === undefined || permission.resourcePolicyDeniesOnly === true
      ? undefined : allowReach(principals, principal);
    if (reach !== undefined) byReach[reach].push(ref);
  }
  for (const ref of permission.allowedBy ?? []) byReach[reachOf(ref)].push(ref);
  return { byReach, denies };
}

function reachOf(ref: StatementRef): Reach {
  const names = ref.names ?? (ref.layer === "acl" ? "account" : "principal");
  return names === "everyone" || names === "session" ? "direct" : names;
}

function decide(found: Findings): Decision {
  const { principal, permission, resource } = found;
  const denied = permission.deniedBy ?? [];
  const owner = permission.resourceAccount ?? principal.accountId;
  const atHome = principal.accountId !== undefined && principal.accountId === owner;
  const ownerRoot = atHome && principal.type === "Account";
  // The one exception to "an explicit deny wins": nobody can lock the owner out of the bucket policy calls (§2.5).
  const unlockable = permission.rootAlwaysAllowed === true && ownerRoot;
  const denies = unlockable ? denied : [
    ...resource.denies, ...(found.session?.denies ?? []), ...(found.boundary?.denies ?? []), ...found.identity.denies, ...denied,
  ];
  const [first] = denies;
  if (first !== undefined) return deny(true, first.layer, denies);

  if (principal.accountId === undefined) return outsider(resource);
  if (!atHome) return crossAccount(found);
  if (unlockable) return allow("root", [rootRef(principal)]);
  if (ownerRoot) return root(found);
  return sameAccount(found);
}

const rootRef = (principal: Principal): StatementRef => ({ layer: "root", source: principal.arn ?? principal.userId });

/** Anonymous and service principals have no policies of their own: only the resource can let them in. */
function outsider({ byReach }: ResourceFinding): Decision {
  const allows = allAllows(byReach);
  const [first] = allows;
  return first === undefined ? deny(false, "resource-based", []) : allow(first.layer, allows);
}

function root(found: Findings): Decision {
  if (found.permission.resourcePolicyRequired !== true) return allow("root", [rootRef(found.principal)]);
  return outsider(found.resource);
}

const allAllows = (byReach: ResourceFinding["byReach"]): readonly StatementRef[] =>
  [...byReach.direct, ...byReach.principal, ...byReach.account];

/** §2.1, §2.3; with `resourcePolicyRequired` §2.4. */
function sameAccount(found: Findings): Decision {
  const { direct, principal, account } = found.resource.byReach;
  const [first] = direct;
  if (first !== undefined) return allow(first.layer, direct);
  const required = found.permission.resourcePolicyRequired === true;
  if (required && principal.length === 0 && account.length === 0) return deny(false, "resource-based", []);
  const limit = limitOf(found);
  if (limit !== undefined) return deny(false, limit, []);
  const [named] = principal;
  if (named !== undefined) return allow(named.layer, principal);
  return identityDecision(found, required ? account : []);
}

/** Both sides must allow (§2.2). */
function crossAccount(found: Findings): Decision {
  const allows = allAllows(found.resource.byReach);
  const [first] = allows;
  if (first === undefined) return deny(false, "resource-based", []);
  if (found.principal.type === "Account") return allow(first.layer, [...allows, rootRef(found.principal)]);
  const limit = limitOf(found);
  if (limit !== undefined) return deny(false, limit, []);
  return identityDecision(found, allows);
}

/** The layer that limits and does not allow; a federated session without session policy has no permissions (§2.1). */
function limitOf(found: Findings): PolicyLayer | undefined {
  const { session, boundary, principal } = found;
  if (session === undefined ? principal.type === "FederatedUser" : session.allows.length === 0) return "session";
  return boundary !== undefined && boundary.allows.length === 0 ? "permissions boundary" : undefined;
}

function identityDecision(found: Findings, resourceSide: readonly StatementRef[]): Decision {
  if (found.identity.allows.length === 0) return deny(false, "identity-based", []);
  return allow("identity-based", [...found.identity.allows, ...resourceSide]);
}
