/**
 * What the gate asks: who is behind an access key id, and which policies hang on a principal. Every answer is read from
 * the store afresh: a deactivated key, a deleted user, a new Deny count at the next request, in every process.
 * Source: docs/reference/authorization.md §2, §6.7.
 */
import type { KeyObject } from "node:crypto";
import { assert } from "../lib/errors.js";
import { StampCache } from "../lib/stamp-cache.js";
import type { Credential, CredentialProblem, Directory } from "../gate/contract.js";
import type { Policy, PolicySource, Principal, PrincipalPolicies } from "../policy/types.js";
import { parseIdentityDocument } from "./documents.js";
import type { KeyUse } from "./key-use.js";
import type { Lookup, PolicyView } from "./lookup.js";
import { rootPrincipal, sessionOf, sessionPrincipal, userPrincipal } from "./principals.js";
import type { Entity } from "./records.js";
import type { RuntimeCredentials } from "./runtime-credentials.js";
import { openToken, type Session, type SessionIssuer } from "./session-token.js";

export interface DirectoryDependencies {
  readonly lookup: Lookup;
  readonly sessionKey: KeyObject;
  readonly runtime: RuntimeCredentials;
  readonly uses: KeyUse;
}

/** A row that vanished between two reads belongs to an entity that changed: it is read again, this often. */
const READ_ATTEMPTS = 5;

export class IamDirectory implements Directory {
  readonly #lookup: Lookup;
  readonly #sessionKey: KeyObject;
  readonly #runtime: RuntimeCredentials;
  readonly #uses: KeyUse;
  readonly #sessionPolicies = new StampCache<Policy>(1024);

  constructor(deps: DirectoryDependencies) {
    this.#lookup = deps.lookup;
    this.#sessionKey = deps.sessionKey;
    this.#runtime = deps.runtime;
    this.#uses = deps.uses;
  }

  noteUse(accessKeyId: string, service: string, region: string, nowMs: number): void {
    this.#uses.note(accessKeyId, service, region, nowMs);
  }

  async credential(
    accessKeyId: string, sessionToken: string | undefined, nowMs: number,
  ): Promise<Credential | CredentialProblem> {
    if (accessKeyId.startsWith("ASIA")) return this.#temporary(accessKeyId, sessionToken, nowMs);
    if (sessionToken !== undefined) return "invalid-token";
    const given = this.#runtime.find(accessKeyId);
    if (given === undefined) return this.#longTerm(accessKeyId);
    const account = await this.#lookup.tables.accounts.get(given.accountId);
    if (account === undefined) return "unknown";
    return { secretAccessKey: given.secretAccessKey, principal: rootPrincipal(given.accountId, accessKeyId) };
  }

  async #longTerm(accessKeyId: string): Promise<Credential | CredentialProblem> {
    const found = await this.#lookup.tables.accessKeys.get(accessKeyId);
    if (found === undefined || found.clear.status !== "Active") return "unknown";
    const { accountId, user } = found.clear;
    const principal =
      user === undefined
        ? rootPrincipal(accountId, accessKeyId)
        : await this.#user(accountId, user.name, user.userId, accessKeyId);
    const secret = found.sealed();
    if (principal === undefined || secret === undefined) return "unknown";
    const secretAccessKey = secret.toString("utf8");
    secret.fill(0);
    return { secretAccessKey, principal };
  }

  async #user(accountId: string, name: string, userId: string, accessKeyId: string): Promise<Principal | undefined> {
    const user = await this.#lookup.entity("user", accountId, name);
    return user?.clear.id === userId ? userPrincipal(user, accessKeyId) : undefined;
  }

  async #temporary(accessKeyId: string, token: string | undefined, nowMs: number): Promise<Credential | CredentialProblem> {
    const opened = token === undefined ? undefined : openToken(this.#sessionKey, accessKeyId, token);
    if (opened === undefined) return "invalid-token";
    const { secretAccessKey, session } = opened;
    const { issuer, accountId } = session;
    if (nowMs >= session.expiresMs) return "expired";
    if (issuer.type === "root") {
      const account = await this.#lookup.tables.accounts.get(accountId);
      if (account === undefined) return "unknown";
      return { secretAccessKey, principal: sessionPrincipal(session, undefined, accessKeyId) };
    }
    const entity = await this.#issuer(issuer);
    return entity === undefined ? "unknown" : { secretAccessKey, principal: sessionPrincipal(session, entity, accessKeyId) };
  }

  async #issuer(issuer: SessionIssuer): Promise<Entity | undefined> {
    if (issuer.type === "root") return undefined;
    const entity = await this.#lookup.byUniqueId(issuer.id);
    return entity?.kind === issuer.type ? entity : undefined;
  }

  async policiesOf(principal: Principal): Promise<PrincipalPolicies> {
    const session = sessionOf(principal);
    // Root itself: nothing hangs on it.
    if (principal.type === "Account" && session === undefined) return { identity: [] };
    const own = await this.#entityPolicies(principal, session);
    return { ...own, ...(session === undefined ? {} : await this.#sessionPart(session)) };
  }

  /** Identity policies and boundary of the user or role behind the principal. */
  async #entityPolicies(principal: Principal, session: Session | undefined): Promise<PrincipalPolicies> {
    for (let attempt = 0; attempt < READ_ATTEMPTS; attempt++) {
      const entity = await this.#entityOf(principal, session);
      if (entity === undefined) return { identity: this.#withoutEntity(principal, session) };
      const policies = await this.#collect(entity);
      if (policies !== undefined) return policies;
    }
    throw new Error("invariant: an attached policy or group does not exist");
  }

  /**
   * Root's own calls need no policy; its federated sessions are limited by their session policies only. Whoever had a user
   * or role that is gone by now had a boundary and Denies too: nothing is left to them.
   */
  #withoutEntity(principal: Principal, session: Session | undefined): readonly PolicySource[] {
    if (principal.type === "FederatedUser" && session?.issuer.type === "root") return [EVERYTHING];
    return principal.type === "Account" ? [] : [NOTHING];
  }

  async #entityOf(principal: Principal, session: Session | undefined): Promise<Entity | undefined> {
    const { accountId, userName, uniqueId } = principal;
    if (principal.type === "User" && accountId !== undefined && userName !== undefined) {
      const user = await this.#lookup.entity("user", accountId, userName);
      if (user?.clear.id === uniqueId) return user;
      const renamed = uniqueId === undefined ? undefined : await this.#lookup.byUniqueId(uniqueId);
      return renamed?.kind === "user" ? renamed : undefined;
    }
    return session === undefined ? undefined : this.#issuer(session.issuer);
  }

  /** Everything on the entity, its groups included; undefined when a row that it names is gone: read it again. */
  async #collect(entity: Entity): Promise<PrincipalPolicies | undefined> {
    const groups = await this.#lookup.byUniqueIds(entity.clear.groups ?? []);
    const owners = [entity, ...groups];
    if (!owners.every((owner) => owner !== undefined)) return undefined;
    const arns = [...new Set(owners.flatMap((owner) => owner.clear.attached))];
    const { boundary } = entity.clear;
    const views = await this.#lookup.managedPolicies(boundary === undefined ? arns : [...arns, boundary]);
    if (!views.every((view) => view !== undefined)) return undefined;
    const managed = views.map((view) => this.#managedSource(view));
    const inline = owners.flatMap((owner) =>
      this.#lookup
        .inlinePolicies(owner)
        .map(({ name, policy }) => ({ id: `${owner.kind}/${owner.clear.name}/inline/${name}`, policy })),
    );
    const limit = boundary === undefined ? undefined : managed.pop();
    return { identity: [...inline, ...managed], ...(limit === undefined ? {} : { boundary: limit }) };
  }

  #managedSource(view: PolicyView): PolicySource {
    return { id: view.arn, policy: this.#lookup.defaultVersion(view) };
  }

  /** Session policies; where one that was passed no longer exists, everything is denied: it may have held a Deny. */
  async #sessionPart(session: Session): Promise<{ readonly session?: readonly PolicySource[] }> {
    const { policy, policyArns = [] } = session;
    if (policy === undefined && policyArns.length === 0) return {};
    const views = await this.#lookup.managedPolicies(policyArns);
    if (!views.every((view) => view !== undefined)) return { session: [NOTHING] };
    const managed = views.map((view) => this.#managedSource(view));
    if (policy === undefined) return { session: managed };
    const key = Buffer.from(policy, "utf8");
    const inline = this.#sessionPolicies.get({ key, stamp: 0 }, () => parseIdentityDocument(policy));
    return { session: [{ id: "session", policy: inline }, ...managed] };
  }
}

/** All of everything, allowed or denied. */
const all = (id: string, Effect: "Allow" | "Deny"): PolicySource => {
  const statement = { Effect, Action: "*", Resource: "*" };
  return { id, policy: parseIdentityDocument(JSON.stringify({ Version: "2012-10-17", Statement: statement })) };
};
const EVERYTHING = all("arn:aws:iam::aws:policy/AdministratorAccess", "Allow");
const NOTHING = all("of what no longer exists", "Deny");

/** The caller's account; IAM and STS are never called without one. */
export function accountOf(principal: Principal): string {
  assert(principal.accountId !== undefined, "caller without an account");
  return principal.accountId;
}
