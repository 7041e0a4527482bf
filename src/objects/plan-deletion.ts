/**
 * What a deletion without version id does to a key, whoever asks for it: callers and lifecycle rules alike. Never
 * versioned: the object goes. Versioned: a delete marker becomes current; suspended: a null marker, in the place of the
 * null version. Source: S3 API reference §5.6.
 */
import type { Room } from "./deps.js";
import type { Changes } from "./ledger.js";
import type { BucketRecord } from "./records.js";
import { newVersionId, NULL_VERSION } from "./version-ids.js";
import { nextSeq, planAdd, planRemove, type HeadRow } from "./versions.js";
import { wholeSeconds } from "./write-version.js";

export interface Deleted {
  /** A marker was made, or the version deleted was one. */
  readonly marker: boolean;
  /** Of the marker made, or of what was deleted. */
  readonly versionId: string | undefined;
}

export interface KeyDeletion {
  readonly bucket: BucketRecord;
  readonly key: string;
  /** Whose stamp (or absence) the caller checks. */
  readonly head: HeadRow | undefined;
  /** Account that owns a marker. */
  readonly owner: string;
}

export async function planDeletion(room: Room, { bucket, key, head, owner }: KeyDeletion, changes: Changes): Promise<Deleted> {
  const { incarnation: inc, config } = bucket;
  if (config.versioning === undefined) {
    if (head !== undefined) await planRemove(room, inc, head, { row: head, record: head.clear, isCurrent: true }, changes);
    return { marker: false, versionId: undefined };
  }
  const versionId = config.versioning === "Enabled" ? newVersionId(nextSeq(head)) : NULL_VERSION;
  const record = { key, versionId, modifiedMs: wholeSeconds(room.clock.now()), owner, marker: true as const };
  await planAdd(room, inc, head, { record, secrets: { headers: {}, metadata: {} }, prints: { etag: "" } }, changes);
  return { marker: true, versionId };
}
