/**
 * Building principals from rows and sessions, and resolving the principals that resource policies name.
 * Source: docs/reference/authorization.md §1.2, §4.2.
 */
import { parseArn, rootArn } from "../lib/arn.js";
import { assert } from "../lib/errors.js";
import type { PrincipalResolver } from "../gate/contract.js";
import type { Principal } from "../policy/types.js";
import type { Tag } from "./fields.js";
import type { Lookup } from "./lookup.js";
import { assumedRoleArn, canonicalUserId, federatedUserArn, isAccountId, parseEntityArn, parseSessionArn } from "./names.js";
import { lower, type Entity } from "./records.js";
import type { Session } from "./session-token.js";

/** A principal with temporary credentials; its session policies come with it, sealed in the token. */
export interface SessionPrincipal extends Principal {
  readonly session: Session;
}

/** The session behind temporary credentials; undefined for long-term ones. */
export function sessionOf(principal: Principal): Session | undefined {
  if ("session" in principal) return (principal as SessionPrincipal).session;
  // INVARIANT: temporary credentials never lose their session: without it their session policies would not count.
  assert(principal.tokenIssuedMs === undefined, "principal of temporary credentials without its session");
  return undefined;
}

/** Tags as a record; later ones win over earlier ones, keys compared without case. */
export function mergedTags(...lists: readonly (readonly Tag[])[]): Readonly<Record<string, string>> {
  const byKey = new Map<string, Tag>();
  for (const tag of lists.flat()) byKey.set(lower(tag.Key), tag);
  return Object.fromEntries([...byKey.values()].map(({ Key, Value }) => [Key, Value]));
}

export function rootPrincipal(accountId: string, accessKeyId: string): Principal {
  const arn = rootArn(accountId);
  const canonicalId = canonicalUserId(accountId);
  return { type: "Account", accountId, canonicalId, arn, principalArn: arn, userId: accountId, accessKeyId };
}

export function userPrincipal(user: Entity, accessKeyId: string): Principal {
  const { arn, clear } = user;
  const { accountId, id, name } = clear;
  const tags = mergedTags(user.tags);
  const own = { userId: id, uniqueId: id, userName: name, tags };
  return { type: "User", accountId, canonicalId: canonicalUserId(accountId), arn, principalArn: arn, ...own, accessKeyId };
}

/** @param issuer the user or role behind the session; undefined for root */
export function sessionPrincipal(session: Session, issuer: Entity | undefined, accessKeyId: string): SessionPrincipal {
  const { accountId, name = "" } = session;
  const common = { session, tokenIssuedMs: session.issuedMs, canonicalId: canonicalUserId(accountId) };
  switch (session.kind) {
    case "session":
      if (issuer === undefined) return { ...rootPrincipal(accountId, accessKeyId), ...common };
      return { ...userPrincipal(issuer, accessKeyId), ...common };
    case "federated": {
      const arn = federatedUserArn(accountId, name);
      const tags = mergedTags(issuer?.tags ?? [], session.tags ?? []);
      return {
        type: "FederatedUser",
        accountId,
        arn,
        principalArn: arn,
        userId: `${accountId}:${name}`,
        ...(issuer === undefined ? {} : { issuerUniqueId: issuer.clear.id }),
        accessKeyId,
        tags,
        ...common,
      };
    }
    case "role": {
      assert(issuer !== undefined, "role session without a role");
      const { id, name: roleName } = issuer.clear;
      return {
        type: "AssumedRole",
        accountId,
        arn: assumedRoleArn(accountId, roleName, name),
        principalArn: issuer.arn,
        userId: `${id}:${name}`,
        uniqueId: id,
        accessKeyId,
        tags: mergedTags(issuer.tags, session.tags ?? []),
        ...common,
        ...(session.sourceIdentity === undefined ? {} : { sourceIdentity: session.sourceIdentity }),
      };
    }
  }
}

/** The resolver that bucket, key and trust policies are saved and shown with. */
export function principalResolver(lookup: Lookup): PrincipalResolver {
  const accountExists = async (accountId: string): Promise<boolean> =>
    isAccountId(accountId) && (await lookup.tables.accounts.get(accountId)) !== undefined;

  const sessionId = async (arn: string): Promise<string | undefined> => {
    const session = parseSessionArn(arn);
    if (session === undefined) return undefined;
    if (session.role === undefined) return (await accountExists(session.account)) ? arn : undefined;
    const role = await lookup.entity("role", session.account, session.role);
    return role?.clear.name === session.role ? `${role.clear.id}:${session.name}` : undefined;
  };

  return {
    accountExists,
    async uniqueIdOf(arn) {
      const parsed = parseArn(arn);
      if (parsed === undefined || parsed.partition !== "aws" || parsed.region !== "") return undefined;
      if (parsed.service === "sts") return sessionId(arn);
      if (parsed.service === "iam" && parsed.resource === "root") return (await accountExists(parsed.account)) ? arn : undefined;
      const entity = parseEntityArn(arn);
      if (entity === undefined) return undefined;
      return (await lookup.entityOfArn(entity.kind, entity.account, entity.name, arn))?.clear.id;
    },
    async arnOf(uniqueId) {
      const [id = "", session] = uniqueId.split(":");
      const entity = await lookup.byUniqueId(id);
      if (entity === undefined || entity.kind === "group") return undefined;
      return session === undefined ? entity.arn : assumedRoleArn(entity.clear.accountId, entity.clear.name, session);
    },
  };
}
