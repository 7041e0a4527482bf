/**
 * From a plan and a source of bytes to an object: data key, seal, store, compare, commit, wipe. The one way in for
 * PutObject, browser forms and CopyObject. Source: DESIGN §4.
 */
import type { Call } from "../gate/contract.js";
import type { Permission } from "../policy/types.js";
import type { ChecksumAlgorithm } from "../wire/body.js";
import { annotateObject } from "./audit-notes.js";
import type { BucketFacts } from "./buckets.js";
import { kmsKeyOf, makeDataKeys, type DataKeys } from "./data-keys.js";
import type { Room } from "./deps.js";
import type { EncryptionPlan } from "./encryption.js";
import { slowDown } from "./errors.js";
import { needsMd5, singleEtag } from "./etags.js";
import { CommitProgress } from "./key-commit.js";
import { shownExpiration } from "./lifecycle-shown.js";
import type { WriteConditions } from "./preconditions.js";
import type { ChecksumType, HeadSecrets, ObjectEncryption } from "./records.js";
import { storeBody, type StoredBody } from "./sealing.js";
import type { BodySource } from "./sources.js";
import { macWith, writeVersion, type WrittenVersion } from "./write-version.js";

export interface NewObject {
  readonly bucket: BucketFacts;
  readonly key: string;
  readonly plan: EncryptionPlan;
  /** ARN that the write was decided on; see `effectiveKeyArn`. */
  readonly keyArn: string | undefined;
  /** What the object's checksum will be. */
  readonly algorithm: ChecksumAlgorithm;
  /** Called once the data key is there, with all digests that are needed. */
  source(algorithms: readonly ChecksumAlgorithm[]): Promise<BodySource>;
  readonly owner: string;
  readonly secrets: HeadSecrets;
  readonly storageClass: string | undefined;
  readonly conditions: WriteConditions;
  readonly maxBytes: number;
  /** @param keyArn of the KMS key that is used */
  permissions(bucket: BucketFacts, keyArn: string | undefined): readonly Permission[];
  /** As in `KeyCommit`. */
  stillFits(bucket: BucketFacts): void;
}

export interface StoredObject {
  /** Without quotes. */
  readonly etag: string;
  readonly checksum: { readonly algorithm: ChecksumAlgorithm; readonly type: ChecksumType };
  /** base64 */
  readonly checksumValue: string | undefined;
  readonly encryption: ObjectEncryption;
  readonly written: WrittenVersion;
  /** `x-amz-expiration`, where a lifecycle rule speaks of it. */
  readonly expiration: string | undefined;
}

/** @throws ServiceError what KMS, the source's verification or the commit refuse; then nothing of it stays */
export async function storeObject(room: Room, call: Call, made: NewObject): Promise<StoredObject> {
  const { dataKeys, encryption } = await makeDataKeys(room, call, made, made.plan);
  try {
    const keyArn = kmsKeyOf(encryption);
    if (keyArn !== made.keyArn) for (const permission of made.permissions(made.bucket, keyArn)) await call.authorize(permission);
    const source = await made.source(needsMd5(made.plan.mode) ? [made.algorithm, "MD5"] : [made.algorithm]);
    const target = { inc: made.bucket.record.incarnation, dataKeys, signal: () => call.signal, maxBytes: made.maxBytes };
    const body = await storeBody(room, source, target);
    return await commitObject(room, call, made, { body, dataKeys, encryption });
  } finally {
    dataKeys.wipe();
  }
}

interface Sealed {
  readonly body: StoredBody;
  readonly dataKeys: DataKeys;
  readonly encryption: ObjectEncryption;
}

async function commitObject(
  room: Room,
  call: Call,
  made: NewObject,
  { body, dataKeys, encryption }: Sealed,
): Promise<StoredObject> {
  const progress = new CommitProgress();
  try {
    const { bucket, key, algorithm, storageClass } = made;
    const { sizeBytes, digests } = body.result;
    const checksumValue = digests.get(algorithm)?.toString("base64");
    const checksum = { algorithm, type: "FULL_OBJECT" as const };
    const etag = singleEtag(made.plan.mode, digests.get("MD5"));
    annotateObject(call, { bucket, key }, encryption, sizeBytes);
    const written = await writeVersion(
      room,
      call,
      {
        bucket,
        key,
        owner: made.owner,
        facts: {
          sizeBytes,
          checksum,
          encryption,
          body: { kind: "segment", segment: body.segment },
          ...(storageClass === undefined ? {} : { storageClass }),
        },
        secrets: made.secrets,
        prints: { etag, ...(checksumValue === undefined ? {} : { checksum: checksumValue }) },
        conditions: made.conditions,
        permissions: (now) => made.permissions(now, kmsKeyOf(encryption)),
        stillFits: made.stillFits,
        mac: macWith(dataKeys),
        own: (changes) => body.goLive(changes),
        // Only the body's lease is checked besides: it ran out, and the sweep has taken the blob.
        lost: async () => {
          throw slowDown();
        },
      },
      progress,
    );
    const { modifiedMs } = written;
    const expiration = shownExpiration(bucket.record, { key, sizeBytes, secrets: made.secrets, modifiedMs });
    return { etag, checksum, checksumValue, encryption, written, expiration };
  } catch (error) {
    if (!progress.uncertain) await body.discard();
    throw error;
  }
}
