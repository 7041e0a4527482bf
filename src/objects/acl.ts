/**
 * Access control lists: what grants allow, canned ACLs and grant headers as grants, and lists as AWS shows them. With
 * BucketOwnerEnforced (the default) none of it takes part in decisions.
 * Source: authorization reference §5.4, §5.5.
 */
import { ServiceError } from "../lib/errors.js";
import type { StatementRef } from "../policy/types.js";
import type { AccessControlPolicy, Grant, Owner } from "../wire/tables/s3-types.js";
import { ALL_USERS, AUTHENTICATED_USERS, GROUP_URIS, LOG_DELIVERY } from "./acl-types.js";
import type { Acl, AclGrant, AclPermission } from "./acl-types.js";
import type { BucketRecord } from "./records.js";

/** Which ACL permission an action needs; FULL_CONTROL holds them all. */
const NEEDS: Readonly<Record<string, AclPermission>> = {
  "s3:ListBucket": "READ",
  "s3:ListBucketVersions": "READ",
  "s3:ListBucketMultipartUploads": "READ",
  "s3:PutObject": "WRITE",
  "s3:DeleteObject": "WRITE",
  "s3:GetBucketAcl": "READ_ACP",
  "s3:PutBucketAcl": "WRITE_ACP",
  "s3:GetObject": "READ",
  "s3:GetObjectVersion": "READ",
  "s3:GetObjectAcl": "READ_ACP",
  "s3:GetObjectVersionAcl": "READ_ACP",
  "s3:PutObjectAcl": "WRITE_ACP",
  "s3:PutObjectVersionAcl": "WRITE_ACP",
};

export interface AclCaller {
  /** undefined: anonymous. */
  readonly canonicalId: string | undefined;
  readonly ignorePublic: boolean;
}

/** Grants that allow `action` to the caller. */
export function aclAllows(acl: Acl, action: string, caller: AclCaller): readonly StatementRef[] {
  const needed = NEEDS[action];
  if (needed === undefined) return [];
  const refs: StatementRef[] = [];
  for (const { grantee, permission } of acl.grants) {
    if (permission !== needed && permission !== "FULL_CONTROL") continue;
    if (!isCaller(grantee, caller)) continue;
    refs.push("id" in grantee ? { layer: "acl", source: grantee.id } : { layer: "acl", source: grantee.uri, names: "everyone" });
  }
  return refs;
}

function isCaller(grantee: AclGrant["grantee"], { canonicalId, ignorePublic }: AclCaller): boolean {
  if ("id" in grantee) return grantee.id === canonicalId;
  if (ignorePublic) return false;
  return grantee.uri === ALL_USERS || (grantee.uri === AUTHENTICATED_USERS && canonicalId !== undefined);
}

export const isPublicAcl = (acl: Acl): boolean =>
  acl.grants.some(({ grantee }) => "uri" in grantee && (grantee.uri === ALL_USERS || grantee.uri === AUTHENTICATED_USERS));

/** ACL members that many inputs share. */
export interface AclInput {
  readonly ACL?: string | undefined;
  readonly GrantFullControl?: string | undefined;
  readonly GrantRead?: string | undefined;
  readonly GrantReadACP?: string | undefined;
  readonly GrantWrite?: string | undefined;
  readonly GrantWriteACP?: string | undefined;
}

const GRANT_HEADERS = [
  ["GrantFullControl", "FULL_CONTROL"],
  ["GrantRead", "READ"],
  ["GrantReadACP", "READ_ACP"],
  ["GrantWrite", "WRITE"],
  ["GrantWriteACP", "WRITE_ACP"],
] as const;

/** Does the request carry any ACL header? */
export const hasAclHeaders = (input: AclInput): boolean =>
  input.ACL !== undefined || GRANT_HEADERS.some(([name]) => input[name] !== undefined);

/** Canonical ids of the accounts that canned ACLs speak of. */
export interface AclOwners {
  readonly owner: string;
  readonly bucketOwner: string;
}

/**
 * The ACL of a request's headers, or undefined when it carries none.
 * @throws ServiceError InvalidRequest, InvalidArgument
 */
export function aclOfHeaders(input: AclInput, owners: AclOwners, target: "bucket" | "object"): Acl | undefined {
  const grants: AclGrant[] = [];
  for (const [name, permission] of GRANT_HEADERS) {
    const header = input[name];
    if (header !== undefined) for (const grantee of parseGrantees(header)) grants.push({ grantee, permission });
  }
  if (input.ACL === undefined) return grants.length === 0 ? undefined : limited({ grants });
  if (grants.length > 0) {
    throw new ServiceError("InvalidRequest", "Specifying both Canned ACLs and Header Grants is not allowed", { status: 400 });
  }
  return cannedAcl(input.ACL, owners, target);
}

/** @throws ServiceError InvalidArgument for an unknown name */
export function cannedAcl(name: string, { owner, bucketOwner }: AclOwners, target: "bucket" | "object"): Acl {
  const full: AclGrant = { grantee: { id: owner }, permission: "FULL_CONTROL" };
  const group = (uri: string, permission: AclPermission): AclGrant => ({ grantee: { uri }, permission });
  const toBucketOwner = (permission: AclPermission): AclGrant[] =>
    owner === bucketOwner ? [] : [{ grantee: { id: bucketOwner }, permission }];
  switch (name) {
    case "private":
    case "aws-exec-read":
      return { grants: [full] };
    case "public-read":
      return { grants: [full, group(ALL_USERS, "READ")] };
    case "public-read-write":
      return { grants: [full, group(ALL_USERS, "READ"), group(ALL_USERS, "WRITE")] };
    case "authenticated-read":
      return { grants: [full, group(AUTHENTICATED_USERS, "READ")] };
    case "bucket-owner-read":
      return { grants: [full, ...(target === "object" ? toBucketOwner("READ") : [])] };
    case "bucket-owner-full-control":
      return { grants: [full, ...(target === "object" ? toBucketOwner("FULL_CONTROL") : [])] };
    case "log-delivery-write":
      if (target === "bucket") return { grants: [full, group(LOG_DELIVERY, "WRITE"), group(LOG_DELIVERY, "READ_ACP")] };
      break;
  }
  throw new ServiceError("InvalidArgument", "", { status: 400, fields: { ArgumentName: "x-amz-acl", ArgumentValue: name } });
}

function parseGrantees(header: string): AclGrant["grantee"][] {
  return header.split(",").map((item) => {
    const match = /^\s*(id|uri|emailAddress)\s*=\s*"?([^"]*)"?\s*$/.exec(item);
    const value = match?.[2];
    if (match === null || value === undefined) {
      throw new ServiceError("InvalidArgument", "Argument format not recognized", { status: 400 });
    }
    if (match[1] === "emailAddress") {
      throw new ServiceError("UnresolvableGrantByEmailAddress", "The email address you provided does not match any account on record.", {
        status: 400,
      });
    }
    return match[1] === "uri" ? { uri: knownGroup(value) } : { id: knownId(value) };
  });
}

function knownGroup(uri: string): string {
  if (GROUP_URIS.includes(uri)) return uri;
  throw new ServiceError("InvalidArgument", "Invalid group uri", { status: 400, fields: { ArgumentName: "uri", ArgumentValue: uri } });
}

function knownId(id: string): string {
  if (/^[0-9a-f]{64}$/.test(id)) return id;
  throw new ServiceError("InvalidArgument", "Invalid id", { status: 400, fields: { ArgumentName: "CanonicalUser/ID", ArgumentValue: id } });
}

/** @throws ServiceError MalformedACLError, InvalidArgument */
export function aclOfPolicy(policy: AccessControlPolicy): Acl {
  const grants = (policy.Grants ?? []).map(({ Grantee, Permission }): AclGrant => {
    if (Grantee === undefined || !isPermission(Permission)) throw malformedAcl();
    if (Grantee.URI !== undefined) return { grantee: { uri: knownGroup(Grantee.URI) }, permission: Permission };
    if (Grantee.ID === undefined) throw malformedAcl();
    return { grantee: { id: knownId(Grantee.ID) }, permission: Permission };
  });
  return limited({ grants });
}

const PERMISSIONS: readonly string[] = ["FULL_CONTROL", "READ", "WRITE", "READ_ACP", "WRITE_ACP"];
const isPermission = (text: string | undefined): text is AclPermission => text !== undefined && PERMISSIONS.includes(text);

const malformedAcl = (): ServiceError =>
  new ServiceError("MalformedACLError", "The XML you provided was not well-formed or did not validate against our published schema", {
    status: 400,
  });

function limited(acl: Acl): Acl {
  if (acl.grants.length > 100) throw malformedAcl();
  return acl;
}

/** Grants as AWS shows them. @param ignorePublic IgnorePublicAcls shows what is effective */
export function shownGrants(acl: Acl, ignorePublic: boolean): Grant[] {
  const shown: Grant[] = [];
  for (const { grantee, permission } of acl.grants) {
    if ("id" in grantee) shown.push({ Grantee: { Type: "CanonicalUser", ID: grantee.id }, Permission: permission });
    else if (!ignorePublic) shown.push({ Grantee: { Type: "Group", URI: grantee.uri }, Permission: permission });
  }
  return shown;
}

export const ownerOf = (canonicalId: string): Owner => ({ ID: canonicalId });
export const privateAcl = (canonicalId: string): Acl => ({ grants: [{ grantee: { id: canonicalId }, permission: "FULL_CONTROL" }] });

/**
 * What a write may say about ACLs under the bucket's ownership and public access block.
 * @returns the ACL to store; undefined under BucketOwnerEnforced
 * @throws ServiceError AccessControlListNotSupported, AccessDenied
 */
export function aclForWrite(input: AclInput, owners: AclOwners, bucket: BucketRecord): Acl | undefined {
  const acl = aclOfHeaders(input, owners, "object");
  if (bucket.config.ownership === "BucketOwnerEnforced") {
    if (acl !== undefined && !isOwnerFullControl(input, acl, owners)) throw aclNotSupported();
    return undefined;
  }
  if (acl !== undefined) checkPublicAcl(acl, bucket);
  return acl ?? privateAcl(owners.owner);
}

/** @throws ServiceError AccessDenied where BlockPublicAcls forbids this ACL */
export function checkPublicAcl(acl: Acl, bucket: BucketRecord): void {
  if (bucket.config.publicAccessBlock?.BlockPublicAcls === true && isPublicAcl(acl)) {
    throw new ServiceError("AccessDenied", "Access Denied");
  }
}

/** Is this what holds under BucketOwnerEnforced anyway: the canned name, or one grant that says the same? */
export function isOwnerFullControl(input: AclInput, acl: Acl, owners: AclOwners): boolean {
  if (input.ACL === "bucket-owner-full-control") return true;
  const [first, ...rest] = acl.grants;
  if (input.ACL !== undefined || first === undefined || rest.length > 0) return false;
  return first.permission === "FULL_CONTROL" && "id" in first.grantee && first.grantee.id === owners.bucketOwner;
}

export const aclNotSupported = (): ServiceError =>
  new ServiceError("AccessControlListNotSupported", "The bucket does not allow ACLs", { status: 400 });
