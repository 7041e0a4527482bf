/**
 * What every read of an object does first: find the version, name the permission, and answer absence as AWS does: 404
 * only to who may list, else 403. Source: authorization reference §3.1, §5.1.
 */
import type { Call } from "../gate/contract.js";
import type { Context, Permission } from "../policy/types.js";
import { authorizeAbsence, checkKey, findBucket, onBucket, onObject, type BucketFacts, type BucketInput } from "./buckets.js";
import { contextOf, existingTagContext } from "./conditions.js";
import type { Room } from "./deps.js";
import { methodNotAllowed, noSuchKey, noSuchVersion } from "./errors.js";
import type { HeadSecrets, ObjectFacts, Prints } from "./records.js";
import { checkVersionId } from "./version-ids.js";
import { keptPrintsOf, readVersion, secretsOf, type Version } from "./versions.js";

export interface ReadInput extends BucketInput {
  readonly Key: string;
  readonly VersionId?: string | undefined;
}

/** The version that a call addresses, present or not. */
export interface ReadFacts {
  readonly bucket: BucketFacts;
  readonly key: string;
  readonly versionId: string | undefined;
  readonly version: Version | undefined;
  readonly secrets: HeadSecrets | undefined;
}

/** @throws ServiceError as `findBucket`; KeyTooLongError, InvalidArgument (version id) */
export async function findObject(room: Room, call: Call, input: ReadInput): Promise<ReadFacts> {
  checkKey(input.Key);
  const bucket = await findBucket(room, call, input);
  checkVersionId(input.VersionId);
  return findIn(room, bucket, input.Key, input.VersionId);
}

export async function findIn(room: Room, bucket: BucketFacts, key: string, versionId: string | undefined): Promise<ReadFacts> {
  const version = await readVersion(room, bucket.record.incarnation, key, versionId);
  return { bucket, key, versionId, version, secrets: version === undefined ? undefined : secretsOf(version.row) };
}

/**
 * Permission on the addressed version: `s3:GetObject`, or with a version id `s3:GetObjectVersion` alone.
 * @param verb the action without a version id, and with one
 */
export function onVersion(
  room: Room,
  call: Call,
  facts: ReadFacts,
  verb: { readonly plain: string; readonly versioned: string },
  context: Context = NO_CONTEXT,
): Permission {
  const { bucket, key, versionId, version, secrets } = facts;
  const place = { bucket, key, acl: secrets?.acl, owner: version?.record.owner };
  const tags = secrets?.tags;
  const own = versionId === undefined && tags === undefined
    ? context
    : { ...contextOf({ "s3:versionid": versionId }), ...existingTagContext(tags), ...context };
  return onObject(room, call, place, versionId === undefined ? verb.plain : verb.versioned, own);
}

const NO_CONTEXT: Context = {};

export const GET_OBJECT = { plain: "s3:GetObject", versioned: "s3:GetObjectVersion" } as const;
export const GET_TAGGING = { plain: "s3:GetObjectTagging", versioned: "s3:GetObjectVersionTagging" } as const;

/** An object that is there. */
export interface PresentObject {
  readonly bucket: BucketFacts;
  readonly key: string;
  readonly version: Version;
  readonly object: ObjectFacts;
  readonly secrets: HeadSecrets;
  readonly prints: Prints;
}

/**
 * The object, or the error for its absence; call after authorization.
 * @throws ServiceError NoSuchKey, NoSuchVersion, MethodNotAllowed (a delete marker by id), AccessDenied (may not list)
 */
export async function requireObject(room: Room, call: Call, facts: ReadFacts): Promise<PresentObject> {
  const { bucket, key, versionId, version, secrets } = facts;
  if (version === undefined || secrets === undefined) throw await absence(room, call, facts);
  const { object } = version.record;
  if (object !== undefined) return { bucket, key, version, object, secrets, prints: keptPrintsOf(version.row) };
  const marker = { "x-amz-delete-marker": "true", "x-amz-version-id": version.record.versionId };
  if (versionId !== undefined) {
    const lastModified = new Date(version.record.modifiedMs).toUTCString();
    throw methodNotAllowed(call.head?.method ?? "GET", { ...marker, "last-modified": lastModified, allow: "DELETE" });
  }
  await authorizeAbsence(room, call, bucket, key);
  throw noSuchKey(key, marker);
}

async function absence(room: Room, call: Call, { bucket, key, versionId }: ReadFacts): Promise<Error> {
  if (versionId === undefined) {
    await authorizeAbsence(room, call, bucket, key);
    return noSuchKey(key);
  }
  const listVersions = await call.decide(onBucket(room, call, bucket, "s3:ListBucketVersions", { "s3:prefix": key }));
  if (listVersions.effect !== "Allow") await authorizeAbsence(room, call, bucket, key);
  return noSuchVersion(key, versionId);
}

/** `x-amz-version-id` is shown wherever the bucket has ever been versioned. */
export const shownVersionId = (bucket: BucketFacts, versionId: string): string | undefined =>
  bucket.record.config.versioning === undefined ? undefined : versionId;
