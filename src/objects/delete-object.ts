/**
 * DeleteObject and DeleteObjects: one rule for both. Without a version id a versioned bucket gets a delete marker; with
 * one, that very version goes for good. Absent objects answer 204.
 * Source: S3 API reference §3.1, §5.6; authorization reference §3.1, §5.1.
 */
import { ServiceError } from "../lib/errors.js";
import { defineOperation, type AnyOperation, type Call } from "../gate/contract.js";
import type { Context, Permission } from "../policy/types.js";
import type {
  DeletedObject,
  DeleteObjectOutput,
  DeleteObjectRequest,
  DeleteObjectsOutput,
  DeleteObjectsRequest,
  _Error as EntryError,
  ObjectIdentifier,
} from "../wire/tables/s3-types.js";
import { annotateObject } from "./audit-notes.js";
import { checkKey, findBucket, onObject, type BucketFacts } from "./buckets.js";
import { contextOf } from "./conditions.js";
import type { Room } from "./deps.js";
import { malformedXml, noSuchKey, preconditionFailed } from "./errors.js";
import { matchesEtag } from "./etags.js";
import { commitOnKey, type Attempt } from "./key-commit.js";
import type { Changes } from "./ledger.js";
import { planDeletion, type Deleted } from "./plan-deletion.js";
import { checkVersionId } from "./version-ids.js";
import { findVersion, planRemove, printsOf, type Version } from "./versions.js";
import { wholeSeconds } from "./write-version.js";

/** One deletion, however it was asked for. */
interface Deletion {
  readonly bucket: BucketFacts;
  readonly key: string;
  readonly versionId: string | undefined;
  readonly conditions: Conditions;
  readonly bypass: boolean;
}

/** What the version to be deleted must be. AWS knows the last two of directory buckets; nothing is deleted against them. */
interface Conditions {
  /** `*`: any object. */
  readonly ifMatch: string | undefined;
  readonly modified: Date | undefined;
  readonly sizeBytes: number | undefined;
}

function permissionsOf(room: Room, call: Call, deletion: Deletion, bucket = deletion.bucket): Permission[] {
  const { key, versionId, conditions, bypass } = deletion;
  const context: Context = contextOf({ "s3:versionid": versionId, "s3:if-match": conditions.ifMatch });
  const action = versionId === undefined ? "s3:DeleteObject" : "s3:DeleteObjectVersion";
  const permissions = [onObject(room, call, { bucket, key }, action, context)];
  if (bypass) permissions.push(onObject(room, call, { bucket, key }, "s3:BypassGovernanceRetention"));
  return permissions;
}

/**
 * An explicit Deny of the one action or the other keeps an unversioned object: `permissionsOf` heeds the first, this the
 * second. Source: S3 DeleteObject, "Permissions". @throws ServiceError AccessDenied
 */
async function heedVersionDeny(room: Room, call: Call, { key, versionId }: Deletion, bucket: BucketFacts): Promise<void> {
  if (versionId !== undefined || bucket.record.config.versioning !== undefined) return;
  const permission = onObject(room, call, { bucket, key }, "s3:DeleteObjectVersion");
  const decision = await call.decide(permission);
  if (decision.effect === "Allow") return;
  // What could not be decided may have been a Deny.
  if (decision.explicit || decision.layer === "evaluation error") await call.authorize(permission);
}

/** @throws ServiceError PreconditionFailed, NoSuchBucket, AccessDenied, SlowDown */
function remove(room: Room, call: Call, deletion: Deletion): Promise<Deleted> {
  const { bucket, key } = deletion;
  return commitOnKey(room, call, {
    bucket,
    key,
    permissions: (now) => permissionsOf(room, call, deletion, now),
    async plan(attempt, changes) {
      await heedVersionDeny(room, call, deletion, attempt.bucket);
      return planCalled(room, call, deletion, attempt, changes);
    },
  });
}

async function planCalled(room: Room, call: Call, deletion: Deletion, attempt: Attempt, changes: Changes): Promise<Deleted> {
  const { key, versionId, conditions } = deletion;
  const { bucket, head } = attempt;
  const { incarnation: inc } = bucket.record;
  if (versionId !== undefined) {
    const target = head === undefined ? undefined : await findVersion(room, inc, head, versionId);
    checkMatch(key, conditions, target);
    if (head === undefined || target === undefined) return { marker: false, versionId };
    await planRemove(room, inc, head, target, changes);
    return { marker: target.record.marker === true, versionId };
  }
  const current = head === undefined ? undefined : { row: head, record: head.clear, isCurrent: true };
  checkMatch(key, conditions, current);
  const owner = call.principal.accountId ?? bucket.record.ownerAccount;
  return planDeletion(room, { bucket: bucket.record, key, head, owner }, changes);
}

/** Of an absent object only If-Match speaks: it wants one to be there. @throws ServiceError NoSuchKey, PreconditionFailed */
function checkMatch(key: string, { ifMatch, modified, sizeBytes }: Conditions, target: Version | undefined): void {
  const object = target?.record.object;
  if (target === undefined || object === undefined) {
    if (ifMatch !== undefined) throw noSuchKey(key);
    return;
  }
  if (ifMatch !== undefined && !matchesEtag(ifMatch, printsOf(target.row).etag)) throw preconditionFailed("If-Match");
  if (modified !== undefined && wholeSeconds(modified.getTime()) !== target.record.modifiedMs) {
    throw preconditionFailed("x-amz-if-match-last-modified-time");
  }
  if (sizeBytes !== undefined && sizeBytes !== object.sizeBytes) throw preconditionFailed("x-amz-if-match-size");
}

interface OneFacts {
  readonly deletion: Deletion;
}

export function deleteObject(room: Room): AnyOperation {
  return defineOperation<DeleteObjectRequest, OneFacts, DeleteObjectOutput>({
    service: "s3",
    name: "DeleteObject",
    async resolve(input, call) {
      checkKey(input.Key);
      const bucket = await findBucket(room, call, input);
      checkVersionId(input.VersionId);
      const { Key: key, VersionId: versionId, IfMatch: ifMatch } = input;
      const conditions = { ifMatch, modified: input.IfMatchLastModifiedTime, sizeBytes: input.IfMatchSize };
      return { deletion: { bucket, key, versionId, conditions, bypass: input.BypassGovernanceRetention === true } };
    },
    permissions: (_input, { deletion }, call) => permissionsOf(room, call, deletion),
    async run(_input, { deletion }, call) {
      annotateObject(call, deletion);
      const { marker, versionId } = await remove(room, call, deletion);
      return { ...(marker ? { DeleteMarker: true } : {}), ...(versionId === undefined ? {} : { VersionId: versionId }) };
    },
  });
}

const MAX_ENTRIES = 1000;

export function deleteObjects(room: Room): AnyOperation {
  return defineOperation<DeleteObjectsRequest, BucketFacts, DeleteObjectsOutput>({
    service: "s3",
    name: "DeleteObjects",
    resolve: (input, call) => findBucket(room, call, input),
    permissions: () => [],
    needsNoPermission: "each entry is decided by itself; denied entries are told inside the answer",
    readOnly: false,
    async run(input, bucket, call) {
      const entries = input.Delete.Objects;
      if (entries.length === 0 || entries.length > MAX_ENTRIES) throw malformedXml();
      const bypass = input.BypassGovernanceRetention === true;
      const outcomes = await deleteAll(entries, (entry) => attempt(room, call, bucket, { entry, bypass }));
      const Deleted = outcomes.flatMap(({ deleted }) => (deleted === undefined ? [] : [deleted]));
      const Errors = outcomes.flatMap(({ error }) => (error === undefined ? [] : [error]));
      return { ...(input.Delete.Quiet === true ? {} : { Deleted }), ...(Errors.length === 0 ? {} : { Errors }) };
    },
    auditParameters: (input) => ({ bucketName: input.Bucket, delete: "", quiet: input.Delete.Quiet === true }),
  });
}

interface Outcome {
  readonly deleted?: DeletedObject;
  readonly error?: EntryError;
}

/** Entries under way at once: enough to share the store's group commits. */
const AT_ONCE = 16;

/** Outcomes in the order of the entries. Entries of one key run one behind the other, as they were listed. */
async function deleteAll(
  entries: readonly ObjectIdentifier[],
  run: (entry: ObjectIdentifier) => Promise<Outcome>,
): Promise<Outcome[]> {
  const queues = new Map<string, number[]>();
  entries.forEach(({ Key }, at) => queues.set(Key, [...(queues.get(Key) ?? []), at]));
  const outcomes: Outcome[] = [];
  const waiting = [...queues.values()].values();
  const worker = async (): Promise<void> => {
    for (const queue of waiting) {
      for (const at of queue) {
        const entry = entries[at];
        if (entry !== undefined) outcomes[at] = await run(entry);
      }
    }
  };
  const ended = await Promise.allSettled(Array.from({ length: AT_ONCE }, worker));
  for (const end of ended) if (end.status === "rejected") throw end.reason;
  return outcomes;
}

interface Entry {
  readonly entry: ObjectIdentifier;
  readonly bypass: boolean;
}

async function attempt(room: Room, call: Call, bucket: BucketFacts, entry: Entry): Promise<Outcome> {
  try {
    return { deleted: await deleteEntry(room, call, bucket, entry) };
  } catch (error) {
    return { error: entryError(call, entry.entry, error) };
  }
}

async function deleteEntry(room: Room, call: Call, bucket: BucketFacts, { entry, bypass }: Entry): Promise<DeletedObject> {
  const { Key, VersionId, ETag: ifMatch, LastModifiedTime: modified, Size: sizeBytes } = entry;
  checkKey(Key);
  checkVersionId(VersionId);
  const deletion: Deletion = { bucket, key: Key, versionId: VersionId, conditions: { ifMatch, modified, sizeBytes }, bypass };
  for (const permission of permissionsOf(room, call, deletion)) await call.authorize(permission);
  const { marker, versionId } = await remove(room, call, deletion);
  return {
    Key,
    ...(VersionId === undefined ? {} : { VersionId }),
    ...(marker ? { DeleteMarker: true, DeleteMarkerVersionId: versionId } : {}),
  };
}

/** Only errors that are meant for callers appear in the answer; anything else ends the call. */
function entryError(call: Call, { Key, VersionId }: ObjectIdentifier, error: unknown): EntryError {
  if (!(error instanceof ServiceError)) throw error;
  call.log.debug({ requestId: call.requestId, code: error.code }, "entry not deleted");
  return { Key, ...(VersionId === undefined ? {} : { VersionId }), Code: error.code, Message: error.message };
}
