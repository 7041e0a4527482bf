/**
 * Ids and ARNs of accounts and of the entities that lib/arn does not name.
 * Source: docs/reference/authorization.md §6.2, §6.3.
 */
import { hash } from "node:crypto";

export const groupArn = (account: string, path: string, name: string): string => `arn:aws:iam::${account}:group${path}${name}`;
export const assumedRoleArn = (account: string, role: string, session: string): string =>
  `arn:aws:sts::${account}:assumed-role/${role}/${session}`;
export const federatedUserArn = (account: string, name: string): string => `arn:aws:sts::${account}:federated-user/${name}`;

const ACCOUNT_ID = /^[0-9]{12}$/;
export const isAccountId = (text: string): boolean => ACCOUNT_ID.test(text);

/** Every signed request needs its account's. Bounded. */
const canonicalIds = new Map<string, string>();
const MAX_CANONICAL_IDS = 1024;

/** The 64 hex characters by which S3 names an account in ACLs and owners: the same for an account id everywhere. */
export function canonicalUserId(accountId: string): string {
  const known = canonicalIds.get(accountId);
  if (known !== undefined) return known;
  const id = hash("sha256", `coffer canonical user id\0${accountId}`, "hex");
  if (canonicalIds.size >= MAX_CANONICAL_IDS) canonicalIds.clear();
  canonicalIds.set(accountId, id);
  return id;
}

/** A policy ARN's account (`aws` for built-in ones), path with both slashes, and name. */
export interface PolicyName {
  readonly account: string;
  readonly path: string;
  readonly name: string;
}

/** IAM's longest path and name; what is longer names nothing, and would not fit the store's keys either. */
const fits = (path: string, name: string): boolean => path.length <= 512 && name.length <= 128;

const POLICY_ARN = /^arn:aws:iam::([0-9]{12}|aws):policy(\/(?:[A-Za-z0-9.,+@=_-]+\/)*)([\w+=,.@-]+)$/;

export function parsePolicyArn(arn: string): PolicyName | undefined {
  const [, account, path, name] = POLICY_ARN.exec(arn) ?? [];
  if (account === undefined || path === undefined || name === undefined || !fits(path, name)) return undefined;
  return { account, path, name };
}

const SESSION_ARN = /^arn:aws:sts::([0-9]{12}):(assumed-role\/([\w+=,.@-]{1,64})|federated-user)\/([\w+=,.@-]{2,64})$/;

/** ARN of temporary credentials: of a role's session, or without `role` of a federated user. */
export function parseSessionArn(
  arn: string,
): { readonly account: string; readonly role: string | undefined; readonly name: string } | undefined {
  const [, account, , role, name] = SESSION_ARN.exec(arn) ?? [];
  return account === undefined || name === undefined ? undefined : { account, role, name };
}

const ENTITY_ARN = /^arn:aws:iam::([0-9]{12}):(user|role)(\/(?:[\u0021-\u007E]+\/)?)([\w+=,.@-]+)$/;

/** A user's or role's ARN taken apart. */
export function parseEntityArn(
  arn: string,
): { readonly account: string; readonly kind: "user" | "role"; readonly path: string; readonly name: string } | undefined {
  const [, account, kind, path, name] = ENTITY_ARN.exec(arn) ?? [];
  if (account === undefined || path === undefined || name === undefined || !fits(path, name)) return undefined;
  return { account, kind: kind === "role" ? "role" : "user", path, name };
}
