/**
 * PutObject; the gate turns browser forms (POST) into the same call, their fields as the same typed input.
 * Source: DESIGN §4; S3 encryption reference §2, §4; authorization reference §3.1.
 */
import { objectArn } from "../lib/arn.js";
import { defineOperation, type AnyOperation, type Call } from "../gate/contract.js";
import type { Permission } from "../policy/types.js";
import type { ChecksumAlgorithm } from "../wire/body.js";
import type { PutObjectOutput, PutObjectRequest } from "../wire/tables/s3-types.js";
import { checkKey, findBucket, type BucketFacts } from "./buckets.js";
import { DEFAULT_ALGORITHM, shownChecksum } from "./checksum-fields.js";
import type { Room } from "./deps.js";
import { resolveEncryption, type EncryptionPlan } from "./encryption.js";
import { entityTooLarge, notImplemented } from "./errors.js";
import { quoted } from "./etags.js";
import { checkWrite, checkWriteForm } from "./preconditions.js";
import type { HeadSecrets } from "./records.js";
import { storeObject } from "./store-object.js";
import { emptyBytes, fromBytes, fromRequest, type BodySource } from "./sources.js";
import { shownContext, shownEncryption } from "./sse-fields.js";
import { storageClassToStore } from "./stored-headers.js";
import { checkTransport } from "./transport.js";
import {
  effectiveKeyArn, objectOwner, refuseByBucket, refuseObjectLock, secretsToStore, writePermissions,
} from "./write-facts.js";
import { currentValidators } from "./write-version.js";

interface Facts {
  readonly bucket: BucketFacts;
  readonly keyArn: string | undefined;
}

export function putObject(room: Room): AnyOperation {
  return defineOperation<PutObjectRequest, Facts, PutObjectOutput>({
    service: "s3",
    name: "PutObject",
    async resolve(input, call) {
      checkKey(input.Key);
      const bucket = await findBucket(room, call, input);
      return { bucket, keyArn: await effectiveKeyArn(room, call, bucket, input) };
    },
    permissions: (input, facts, call) => permissionsOf(room, call, input, facts),
    run: (input, facts, call) => run(room, call, input, facts),
  });
}

function permissionsOf(room: Room, call: Call, input: PutObjectRequest, { bucket, keyArn }: Facts): Permission[] {
  return writePermissions(room, call, input, { bucket, key: input.Key, keyArn }, { creation: true });
}

async function run(room: Room, call: Call, input: PutObjectRequest, facts: Facts): Promise<PutObjectOutput> {
  const { bucket } = facts;
  const { record } = bucket;
  const plan = resolveEncryption(input, record.config.encryption, objectArn(record.name, input.Key));
  try {
    checkTransport(call, plan.mode);
    checkRequest(room, call, input);
    const secrets = secretsToStore(room, call, record, input);
    await checkEarly(room, bucket, input);
    return await store(room, call, { input, facts, plan, secrets });
  } finally {
    if (plan.mode === "SSE-C") plan.key.wipe();
  }
}

/** @throws ServiceError for what is wrong whatever the bucket holds */
function checkRequest(room: Room, call: Call, input: PutObjectRequest): void {
  checkWriteForm(input);
  refuseObjectLock(input);
  storageClassToStore(input.StorageClass);
  if (input.WriteOffsetBytes !== undefined) throw notImplemented("x-amz-write-offset-bytes");
  const declared = call.body?.declaredSizeBytes;
  const limit = room.settings.limits.maxPutBytes;
  if (declared !== undefined && declared > limit) throw entityTooLarge(declared, limit);
}

/** Conditions are judged before the body is asked for, and again in the commit. */
async function checkEarly(room: Room, bucket: BucketFacts, input: PutObjectRequest): Promise<void> {
  if (input.IfMatch === undefined && input.IfNoneMatch === undefined) return;
  const head = await room.tables.heads.get(bucket.record.incarnation, input.Key);
  checkWrite(input, input.Key, currentValidators(head), false);
}

interface Work {
  readonly input: PutObjectRequest;
  readonly facts: Facts;
  readonly plan: EncryptionPlan;
  readonly secrets: HeadSecrets;
}

async function store(room: Room, call: Call, { input, facts, plan, secrets }: Work): Promise<PutObjectOutput> {
  const { bucket } = facts;
  const stored = await storeObject(room, call, {
    bucket,
    key: input.Key,
    plan,
    keyArn: facts.keyArn,
    algorithm: call.body?.claimedAlgorithm ?? DEFAULT_ALGORITHM,
    source: (algorithms) => sourceOf(call, algorithms),
    owner: objectOwner(call, bucket.record, input),
    secrets,
    storageClass: storageClassToStore(input.StorageClass),
    conditions: input,
    maxBytes: room.settings.limits.maxPutBytes,
    permissions: (now, keyArn) => permissionsOf(room, call, input, { bucket: now, keyArn }),
    stillFits: (now) => refuseByBucket(room, call, now.record, input),
  });
  return {
    ETag: quoted(stored.etag),
    ...shownChecksum(stored.checksum, stored.checksumValue),
    ...shownEncryption(stored.encryption, input),
    ...shownContext(input.SSEKMSEncryptionContext),
    VersionId: stored.written.shownVersionId,
    Expiration: stored.expiration,
  };
}

/** The request's body; a request without one makes an empty object. */
async function sourceOf(call: Call, algorithms: readonly ChecksumAlgorithm[]): Promise<BodySource> {
  return call.body === undefined ? fromBytes(emptyBytes(), algorithms) : fromRequest(call.body, algorithms);
}
