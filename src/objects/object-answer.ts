/** Members that GetObject and HeadObject answer with. Source: S3 encryption reference §6; S3 API reference §1.3. */
import type { Call } from "../gate/contract.js";
import type { GetObjectOutput } from "../wire/tables/s3-types.js";
import type { Room } from "./deps.js";
import type { CustomerHeaders } from "./encryption.js";
import { quoted } from "./etags.js";
import { shownExpiration } from "./lifecycle-shown.js";
import { GET_TAGGING, onVersion, shownVersionId, type PresentObject } from "./read-facts.js";
import { shownEncryption } from "./sse-fields.js";
import { DEFAULT_CONTENT_TYPE } from "./stored-headers.js";

/**
 * Everything but length, range, checksum and body, in an object of the caller's own: it adds those.
 * One literal: a small GET spends more on copying members from object to object than on its cipher.
 */
export function objectMembers(present: PresentObject, headers: CustomerHeaders): GetObjectOutput {
  const { bucket, key, version, object, secrets, prints } = present;
  const { modifiedMs, versionId } = version.record;
  const stored = secrets.headers;
  const encryption = shownEncryption(object.encryption, headers);
  const expiration = version.isCurrent
    ? shownExpiration(bucket.record, { key, sizeBytes: object.sizeBytes, secrets, modifiedMs })
    : undefined;
  return {
    AcceptRanges: "bytes",
    LastModified: new Date(modifiedMs),
    ETag: quoted(prints.etag),
    Expiration: expiration,
    VersionId: shownVersionId(bucket, versionId),
    CacheControl: stored.CacheControl,
    ContentDisposition: stored.ContentDisposition,
    ContentEncoding: stored.ContentEncoding,
    ContentLanguage: stored.ContentLanguage,
    ContentType: stored.ContentType ?? DEFAULT_CONTENT_TYPE,
    Expires: stored.Expires,
    WebsiteRedirectLocation: stored.WebsiteRedirectLocation,
    Metadata: secrets.metadata,
    StorageClass: object.storageClass,
    ServerSideEncryption: encryption.ServerSideEncryption,
    SSEKMSKeyId: encryption.SSEKMSKeyId,
    BucketKeyEnabled: encryption.BucketKeyEnabled,
    SSECustomerAlgorithm: encryption.SSECustomerAlgorithm,
    SSECustomerKeyMD5: encryption.SSECustomerKeyMD5,
  };
}

/** What a 304 carries. */
export function validatorMembers({ version, prints, secrets }: PresentObject) {
  const { CacheControl, Expires } = secrets.headers;
  return { LastModified: new Date(version.record.modifiedMs), ETag: quoted(prints.etag), CacheControl, Expires };
}

/** `x-amz-tagging-count`: only for who may read the tags; silently left out otherwise. */
export async function tagCount(
  room: Room,
  call: Call,
  present: PresentObject,
  versionId: string | undefined,
): Promise<number | undefined> {
  const count = present.secrets.tags?.length ?? 0;
  if (count === 0) return undefined;
  const decision = await call.decide(onVersion(room, call, { ...present, versionId }, GET_TAGGING));
  return decision.effect === "Allow" ? count : undefined;
}
