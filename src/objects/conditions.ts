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
  for (const [name, value] of Object.entries(members)) if (value !== undefined) context[name] = value;
  return context;
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
  return contextOf({
    "s3:x-amz-acl": input.ACL,
    "s3:x-amz-grant-full-control": input.GrantFullControl,
    "s3:x-amz-grant-read": input.GrantRead,
    "s3:x-amz-grant-read-acp": input.GrantReadACP,
    "s3:x-amz-grant-write": input.GrantWrite,
    "s3:x-amz-grant-write-acp": input.GrantWriteACP,
  });
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

/** Keys of `s3:PutObject` that come from its headers. @param creation false for Create, UploadPart and UploadPartCopy */
export function writeContext(input: WriteContextInput, creation: boolean): Context {
  return {
    ...aclContext(input),
    ...contextOf({
      "s3:x-amz-storage-class": input.StorageClass,
      "s3:x-amz-website-redirect-location": input.WebsiteRedirectLocation,
      "s3:x-amz-metadata-directive": input.MetadataDirective,
      "s3:if-match": input.IfMatch,
      "s3:if-none-match": input.IfNoneMatch,
      "s3:ObjectCreationOperation": String(creation),
      "s3:object-lock-mode": input.ObjectLockMode,
      "s3:object-lock-retain-until-date": input.ObjectLockRetainUntilDate?.toISOString(),
      "s3:object-lock-legal-hold": input.ObjectLockLegalHoldStatus,
    }),
  };
}
