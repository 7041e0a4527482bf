/**
 * `coffer:InspectObject`: how an object is encrypted and where its sealed bytes lie, from the records alone. Nothing is
 * decrypted, and no key, wrapped key, user metadata, tag or fingerprint is in the answer.
 * Source: docs/reference/coffer-verbs.md.
 */
import { parseKmsHeader, suiteById } from "@coffer/seal";
import { bucketArn, objectArn } from "../lib/arn.js";
import { ciphertextId } from "../lib/ciphertext-id.js";
import { defineOperation, type AnyOperation, type Call } from "../gate/contract.js";
import type {
  DataKey, InspectObjectRequest, InspectObjectResponse, ObjectEncryption as ShownEncryption, Version as ShownVersion,
} from "../wire/tables/coffer-types.js";
import { annotateObject } from "./audit-notes.js";
import { onBucket } from "./buckets.js";
import type { Room } from "./deps.js";
import { storedContext } from "./encryption.js";
import { noSuchKey } from "./errors.js";
import { needsMd5 } from "./etags.js";
import { inspectBody } from "./inspect-body.js";
import { findObject, onVersion, requireObject, shownVersionId, type PresentObject, type ReadFacts } from "./read-facts.js";
import type { HeadRecord, WrappedKey } from "./records.js";

const INSPECT_OBJECT = { plain: "coffer:InspectObject", versioned: "coffer:InspectObject" } as const;

export function inspectObject(room: Room): AnyOperation {
  return defineOperation<InspectObjectRequest, ReadFacts, InspectObjectResponse>({
    service: "coffer",
    name: "InspectObject",
    readOnly: true,
    resolve: (input, call) => findObject(room, call, input),
    permissions: (_input, facts, call) => [onVersion(room, call, facts, INSPECT_OBJECT)],
    run: (input, facts, call) => run(room, call, input, facts),
    auditParameters: ({ Bucket, Key, VersionId }) => ({
      bucketName: Bucket, key: Key, ...(VersionId === undefined ? {} : { versionId: VersionId }),
    }),
  });
}

async function run(room: Room, call: Call, input: InspectObjectRequest, facts: ReadFacts): Promise<InspectObjectResponse> {
  const present = await requireObject(room, call, facts);
  annotateObject(call, present, present.object.encryption);
  const { bucket, key, version, object, prints } = present;
  const { record } = bucket;
  const body = await inspectBody(room, present, { marker: input.PartNumberMarker ?? 0, limit: input.MaxParts });
  if (body === undefined) throw noSuchKey(key);
  const suite = suiteById(body.suite);
  return {
    Bucket: record.name,
    BucketOwner: record.ownerAccount,
    BucketRegion: record.region,
    Key: key,
    ObjectArn: objectArn(record.name, key),
    VersionId: shownVersionId(bucket, version.record.versionId),
    IsLatest: version.isCurrent,
    LastModified: new Date(version.record.modifiedMs),
    Size: object.sizeBytes,
    StorageClass: object.storageClass ?? "STANDARD",
    ETagKind: prints.etag.includes("-") ? "MULTIPART" : needsMd5(object.encryption.mode) ? "MD5" : "RANDOM",
    ChecksumAlgorithm: object.checksum?.algorithm,
    ChecksumType: object.checksum?.type,
    Encryption: await shownEncryption(room, call, present),
    Format: { Suite: suite.id, SuiteName: suite.name, ChunkSize: suite.chunkBytes },
    // Rows whose MAC, and tables whose hash, do not match were refused when they were read.
    Integrity: {
      Records: "VERIFIED",
      ...(object.body.kind === "parts" ? { PartTable: "VERIFIED" } : {}),
      Manifest: "NOT_VERIFIED",
      Bodies: body.state,
    },
    SegmentCount: body.count,
    Segments: body.segments,
    NextPartNumberMarker: body.next,
    ...(await shownVersions(room, call, present)),
  };
}

async function shownEncryption(room: Room, call: Call, present: PresentObject): Promise<ShownEncryption> {
  const { encryption } = present.object;
  const { mode, keyArn, keys } = encryption;
  const kms = mode === "aws:kms" || mode === "aws:kms:dsse";
  // The house key is in no list and belongs to nobody who could ask.
  const arn = kms ? keyArn : undefined;
  const material = arn !== undefined && (await room.mayDescribeKey?.(call, arn)) === true;
  return {
    Mode: mode,
    Layers: keys.length,
    KmsKeyArn: arn,
    BucketKeyEnabled: encryption.bucketKey === true,
    ...(kms ? { EncryptionContext: contextOf(present) } : {}),
    DataKeys: keys.map((wrapped, at) => ({ Layer: at + 1, ...shownKey(wrapped, kms, material) })),
  };
}

/** What KMS is told for this object, the same as at its write and at each read. */
function contextOf({ bucket, key, object, secrets }: PresentObject): Record<string, string> {
  if (object.encryption.bucketKey === true) return { "aws:s3:arn": bucketArn(bucket.name) };
  const arn = objectArn(bucket.name, key);
  return { ...storedContext(secrets.kmsContext, arn), "aws:s3:arn": arn };
}

function shownKey(wrapped: WrappedKey, kms: boolean, material: boolean): Omit<DataKey, "Layer"> {
  if (wrapped.by === "customer") return { WrappedBy: "CUSTOMER_KEY" };
  if (!kms) return { WrappedBy: "HOUSE_KEY" };
  const blob = Buffer.from(wrapped.by === "bucket-key" ? wrapped.bucketKey : wrapped.blob, "base64");
  return {
    WrappedBy: wrapped.by === "bucket-key" ? "BUCKET_KEY" : "KMS_KEY",
    CiphertextId: ciphertextId(blob),
    ...(material ? { KeyMaterialId: parseKmsHeader(blob).materialId } : {}),
  };
}

const MAX_VERSIONS = 100;
type VersionList = Pick<InspectObjectResponse, "Versions" | "VersionsTruncated">;

/** All versions of the key, newest first: what ListObjectVersions would show, to those who may call it. */
async function shownVersions(room: Room, call: Call, { bucket, key }: PresentObject): Promise<VersionList> {
  const listing = onBucket(room, call, bucket, "s3:ListBucketVersions", { "s3:prefix": key });
  if ((await call.decide(listing)).effect !== "Allow") return {};
  const inc = bucket.record.incarnation;
  const head = await room.tables.heads.get(inc, key);
  if (head === undefined) return {};
  const older = await room.tables.versions.list({ prefix: [inc, key], limit: MAX_VERSIONS });
  const all = [shownVersion(head.clear, true), ...older.map((row) => shownVersion(row.clear, false))];
  return { Versions: all.slice(0, MAX_VERSIONS), VersionsTruncated: all.length > MAX_VERSIONS };
}

function shownVersion(record: HeadRecord, isLatest: boolean): ShownVersion {
  return {
    VersionId: record.versionId,
    IsLatest: isLatest,
    IsDeleteMarker: record.object === undefined,
    LastModified: new Date(record.modifiedMs),
    Size: record.object?.sizeBytes,
    Mode: record.object?.encryption.mode,
  };
}
