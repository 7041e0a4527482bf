/** Members that GetObject and HeadObject answer with. Source: S3 encryption reference §6; S3 API reference §1.3. */
import type { Call } from "../gate/contract.js";
import type { Room } from "./deps.js";
import type { CustomerHeaders } from "./encryption.js";
import { quoted } from "./etags.js";
import { shownExpiration } from "./lifecycle-shown.js";
import { GET_TAGGING, onVersion, shownVersionId, type PresentObject } from "./read-facts.js";
import { shownEncryption } from "./sse-fields.js";
import { DEFAULT_CONTENT_TYPE } from "./stored-headers.js";

/** Everything but length, range, checksum and body. */
export function objectMembers(present: PresentObject, headers: CustomerHeaders) {
  const { bucket, key, version, object, secrets, prints } = present;
  const shown = { key, sizeBytes: object.sizeBytes, secrets, modifiedMs: version.record.modifiedMs };
  return {
    AcceptRanges: "bytes",
    ...validatorMembers(present),
    ...(version.isCurrent ? shownExpiration(bucket.record, shown) : {}),
    VersionId: shownVersionId(bucket, version.record.versionId),
    ContentType: DEFAULT_CONTENT_TYPE,
    ...secrets.headers,
    Metadata: secrets.metadata,
    ETag: quoted(prints.etag),
    StorageClass: object.storageClass,
    ...shownEncryption(object.encryption, headers),
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
