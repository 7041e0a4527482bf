/**
 * What PutObject, CopyObject and CreateMultipartUpload have in common before a byte is written: the key that will really
 * be used, the permissions, ownership and ACL, and what is kept beside the body.
 * Source: authorization reference §3.1, §4.1; S3 encryption reference §10.
 */
import { aliasArn, keyArn } from "../lib/arn.js";
import type { Call } from "../gate/contract.js";
import type { Context, Permission } from "../policy/types.js";
import { aclForWrite, hasAclHeaders, type AclInput } from "./acl.js";
import type { Acl } from "./acl-types.js";
import { onObject, type BucketFacts } from "./buckets.js";
import {
  aclContext,
  contextOf,
  encryptionContext,
  requestTagContext,
  writeContext,
  type WriteContextInput,
} from "./conditions.js";
import type { Room } from "./deps.js";
import { intendedEncryption, refuseBlocked, type EncryptionHeaders } from "./encryption.js";
import { invalidRequest } from "./errors.js";
import type { BucketRecord, HeadSecrets } from "./records.js";
import { headersToStore, metadataToStore, type HeaderInput } from "./stored-headers.js";
import { parseTagHeader, peekTagHeader } from "./tags.js";

export interface WriteInput extends WriteContextInput, EncryptionHeaders, HeaderInput, AclInput {
  readonly Bucket: string;
  readonly Key: string;
  readonly Tagging?: string | undefined;
}

/**
 * The KMS key ARN that this write would use, for conditions only; undefined for modes without KMS.
 * Where the key does not exist, the ARN that its name would have: a policy that pins a key must not be passed by a name.
 */
export async function effectiveKeyArn(
  room: Room,
  call: Call,
  bucket: BucketFacts,
  headers: EncryptionHeaders,
): Promise<string | undefined> {
  const { keyId } = intendedEncryption(headers, bucket.record.config.encryption);
  if (keyId === undefined) return undefined;
  const { region } = bucket.record;
  const account = call.principal.accountId ?? "";
  const found = await room.resolveKeyArn?.(region, account, keyId);
  if (found !== undefined) return found;
  if (keyId.startsWith("arn:")) return keyId;
  return keyId.startsWith("alias/") ? aliasArn(region, account, keyId) : keyArn(region, account, keyId);
}

export interface WritePlace {
  readonly bucket: BucketFacts;
  readonly key: string;
  readonly keyArn: string | undefined;
}

/** Permissions of a write by its headers. @param creation true: the call itself makes the object */
export function writePermissions(
  room: Room,
  call: Call,
  input: WriteInput,
  place: WritePlace,
  extra: { readonly creation: boolean; readonly context?: Context; readonly tagged?: boolean },
): Permission[] {
  const tags = input.Tagging === undefined ? undefined : peekTagHeader(input.Tagging);
  const context: Context = Object.assign(
    writeContext(input, extra.creation),
    encryptionContext(input, place.keyArn),
    tags === undefined ? undefined : requestTagContext(tags),
    extra.context,
  );
  const permissions = [onObject(room, call, place, "s3:PutObject", context)];
  if (hasAclHeaders(input)) permissions.push(onObject(room, call, place, "s3:PutObjectAcl", aclContext(input)));
  if (tags !== undefined || extra.tagged === true) {
    permissions.push(onObject(room, call, place, "s3:PutObjectTagging", requestTagContext(tags)));
  }
  if (input.ObjectLockMode !== undefined || input.ObjectLockRetainUntilDate !== undefined) {
    const lock = contextOf({
      "s3:object-lock-mode": input.ObjectLockMode,
      "s3:object-lock-retain-until-date": input.ObjectLockRetainUntilDate?.toISOString(),
    });
    permissions.push(onObject(room, call, place, "s3:PutObjectRetention", lock));
  }
  if (input.ObjectLockLegalHoldStatus !== undefined) {
    const hold = contextOf({ "s3:object-lock-legal-hold": input.ObjectLockLegalHoldStatus });
    permissions.push(onObject(room, call, place, "s3:PutObjectLegalHold", hold));
  }
  return permissions;
}

/** @throws ServiceError InvalidRequest: no bucket here has object lock */
export function refuseObjectLock(input: WriteContextInput): void {
  const { ObjectLockMode, ObjectLockRetainUntilDate, ObjectLockLegalHoldStatus } = input;
  if (ObjectLockMode === undefined && ObjectLockRetainUntilDate === undefined && ObjectLockLegalHoldStatus === undefined) return;
  throw invalidRequest("Bucket is missing Object Lock Configuration");
}

/** Account that will own the object. */
export function objectOwner(call: Call, bucket: BucketRecord, input: AclInput): string {
  const writer = call.principal.accountId ?? bucket.ownerAccount;
  if (bucket.config.ownership === "BucketOwnerEnforced") return bucket.ownerAccount;
  if (bucket.config.ownership === "BucketOwnerPreferred" && input.ACL === "bucket-owner-full-control") return bucket.ownerAccount;
  return writer;
}

/**
 * What is kept beside the body.
 * @throws ServiceError for ACLs, tags, metadata or headers that S3 refuses
 */
export function secretsToStore(room: Room, call: Call, bucket: BucketRecord, input: WriteInput): HeadSecrets {
  const acl = aclToStore(room, call, bucket, input);
  const tags = parseTagHeader(input.Tagging);
  return {
    headers: headersToStore(input),
    metadata: metadataToStore(input.Metadata),
    ...(tags === undefined || tags.length === 0 ? {} : { tags }),
    ...(acl === undefined ? {} : { acl }),
    ...(input.SSEKMSEncryptionContext === undefined ? {} : { kmsContext: input.SSEKMSEncryptionContext }),
  };
}

function aclToStore(room: Room, call: Call, bucket: BucketRecord, input: AclInput): Acl | undefined {
  const owner = room.canonicalIdOf(objectOwner(call, bucket, input));
  return aclForWrite(input, { owner, bucketOwner: room.canonicalIdOf(bucket.ownerAccount) }, bucket);
}

/**
 * What the bucket forbids besides its policy, judged again for a write under which the bucket's row changed: ACLs, customer
 * keys. Default encryption and ownership hold as they were when the write began.
 * @throws ServiceError AccessControlListNotSupported, AccessDenied
 */
export function refuseByBucket(room: Room, call: Call, bucket: BucketRecord, input: WriteInput): void {
  aclToStore(room, call, bucket, input);
  refuseBlocked(input, bucket.config.encryption);
}
