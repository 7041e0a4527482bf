/**
 * Condition keys of S3's own, built from typed input and never by copying headers into a map. A parameter that is absent
 * is an absent key. Source: authorization reference §4.1; S3 encryption reference §10.
 */
import type { Context, ContextValue } from "../policy/types.js";
import type { AclInput } from "./acl.js";
import type { EncryptionHeaders } from "./encryption.js";
import type { Tag } from "./records.js";

type Writable = Record<string, ContextValue>;

/** Leaves out what is undefined. */
export function contextOf(members: Readonly<Record<string, ContextValue | undefined>>): Context {
  const context: Writable = {};
  for (const name in members) set(context, name, members[name]);
  return context;
}

function set(context: Writable, name: string, value: ContextValue | undefined): void {
  if (value !== undefined) context[name] = value;
}

/**
 * The header as sent, and the key that will really be used: a bucket default does not fill the first, but fills the second.
 * @param keyArn effective KMS key ARN, for the KMS modes
 */
export function encryptionContext(headers: EncryptionHeaders, keyArn: string | undefined): Context {
  return contextOf({
    "s3:x-amz-server-side-encryption": headers.ServerSideEncryption,
    "s3:x-amz-server-side-encryption-aws-kms-key-id": keyArn,
    "s3:x-amz-server-side-encryption-customer-algorithm": headers.SSECustomerAlgorithm,
  });
}

export function aclContext(input: AclInput): Context {
  const context: Writable = {};
  addAcl(context, input);
  return context;
}

function addAcl(context: Writable, input: AclInput): void {
  set(context, "s3:x-amz-acl", input.ACL);
  set(context, "s3:x-amz-grant-full-control", input.GrantFullControl);
  set(context, "s3:x-amz-grant-read", input.GrantRead);
  set(context, "s3:x-amz-grant-read-acp", input.GrantReadACP);
  set(context, "s3:x-amz-grant-write", input.GrantWrite);
  set(context, "s3:x-amz-grant-write-acp", input.GrantWriteACP);
}

export function existingTagContext(tags: readonly Tag[] | undefined): Context {
  const context: Writable = {};
  for (const { Key, Value } of tags ?? []) context[`s3:ExistingObjectTag/${Key}`] = Value;
  return context;
}

/** @param tags undefined: the request carries none, so the key set is absent too */
export function requestTagContext(tags: readonly Tag[] | undefined): Context {
  if (tags === undefined) return {};
  const context: Writable = { "s3:RequestObjectTagKeys": tags.map((tag) => tag.Key) };
  for (const { Key, Value } of tags) context[`s3:RequestObjectTag/${Key}`] = Value;
  return context;
}

export interface WriteContextInput extends AclInput {
  readonly StorageClass?: string | undefined;
  readonly WebsiteRedirectLocation?: string | undefined;
  readonly IfMatch?: string | undefined;
  readonly IfNoneMatch?: string | undefined;
  readonly MetadataDirective?: string | undefined;
  readonly ObjectLockMode?: string | undefined;
  readonly ObjectLockRetainUntilDate?: Date | undefined;
  readonly ObjectLockLegalHoldStatus?: string | undefined;
}

/** Keys of `s3:PutObject` that come from its headers, in a record of the caller's own. @param creation false for Create, UploadPart and UploadPartCopy */
export function writeContext(input: WriteContextInput, creation: boolean): Context {
  const context: Writable = {};
  addAcl(context, input);
  set(context, "s3:x-amz-storage-class", input.StorageClass);
  set(context, "s3:x-amz-website-redirect-location", input.WebsiteRedirectLocation);
  set(context, "s3:x-amz-metadata-directive", input.MetadataDirective);
  set(context, "s3:if-match", input.IfMatch);
  set(context, "s3:if-none-match", input.IfNoneMatch);
  set(context, "s3:ObjectCreationOperation", String(creation));
  set(context, "s3:object-lock-mode", input.ObjectLockMode);
  set(context, "s3:object-lock-retain-until-date", input.ObjectLockRetainUntilDate?.toISOString());
  set(context, "s3:object-lock-legal-hold", input.ObjectLockLegalHoldStatus);
  return context;
}
