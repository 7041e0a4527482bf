/** Access control lists as stored: grants to accounts (by canonical id) and to AWS's predefined groups. */

export type AclPermission = "FULL_CONTROL" | "READ" | "WRITE" | "READ_ACP" | "WRITE_ACP";

export interface AclGrant {
  /** Canonical user id (64 hex), or a group's URI. */
  readonly grantee: { readonly id: string } | { readonly uri: string };
  readonly permission: AclPermission;
}

export interface Acl {
  readonly grants: readonly AclGrant[];
}

export const ALL_USERS = "http://acs.amazonaws.com/groups/global/AllUsers";
export const AUTHENTICATED_USERS = "http://acs.amazonaws.com/groups/global/AuthenticatedUsers";
export const LOG_DELIVERY = "http://acs.amazonaws.com/groups/s3/LogDelivery";
export const GROUP_URIS: readonly string[] = [ALL_USERS, AUTHENTICATED_USERS, LOG_DELIVERY];
