/** The source side of CopyObject and UploadPartCopy: which object, which permissions, which customer key. */
import type { Call } from "../gate/contract.js";
import type { Permission } from "../policy/types.js";
import { checkKey, findBucket } from "./buckets.js";
import { parseCopySource, type CopySource } from "./copy-source.js";
import type { Room } from "./deps.js";
import type { CustomerHeaders } from "./encryption.js";
import { invalidRequest } from "./errors.js";
import { checkCopySource, type CopyConditions } from "./preconditions.js";
import { findIn, GET_OBJECT, onVersion, requireObject, type PresentObject, type ReadFacts } from "./read-facts.js";
import { checkVersionId } from "./version-ids.js";

export interface SourceInput extends CopyConditions {
  readonly CopySource: string;
  readonly ExpectedSourceBucketOwner?: string | undefined;
  readonly CopySourceSSECustomerAlgorithm?: string | undefined;
  readonly CopySourceSSECustomerKey?: string | undefined;
  readonly CopySourceSSECustomerKeyMD5?: string | undefined;
}

export interface SourceFacts extends ReadFacts {
  readonly source: CopySource;
}

/** @throws ServiceError InvalidArgument, NoSuchBucket … */
export async function findSource(room: Room, call: Call, input: SourceInput): Promise<SourceFacts> {
  const source = parseCopySource(input.CopySource);
  checkKey(source.key);
  checkVersionId(source.versionId);
  const named = { Bucket: source.bucket, ExpectedBucketOwner: input.ExpectedSourceBucketOwner };
  // The signature names the destination's region; the source may be elsewhere.
  const bucket = await findBucket(room, call, named, { anyRegion: true });
  return { ...(await findIn(room, bucket, source.key, source.versionId)), source };
}

export const sourcePermission = (room: Room, call: Call, facts: SourceFacts): Permission =>
  onVersion(room, call, facts, GET_OBJECT);

/** Existence and `x-amz-copy-source-if-*`. @throws ServiceError NoSuchKey, PreconditionFailed, InvalidRequest (a marker) … */
export async function requireSource(room: Room, call: Call, input: SourceInput, facts: ReadFacts): Promise<PresentObject> {
  if (facts.versionId !== undefined && facts.version?.record.marker === true) {
    throw invalidRequest("The source of a copy request may not specifically refer to a delete marker by version id.");
  }
  const present = await requireObject(room, call, facts);
  checkCopySource(input, { etag: present.prints.etag, modifiedMs: present.version.record.modifiedMs });
  return present;
}

export const sourceCustomerHeaders = (input: SourceInput): CustomerHeaders => ({
  SSECustomerAlgorithm: input.CopySourceSSECustomerAlgorithm,
  SSECustomerKey: input.CopySourceSSECustomerKey,
  SSECustomerKeyMD5: input.CopySourceSSECustomerKeyMD5,
});
