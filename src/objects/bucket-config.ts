/**
 * The one form of every bucket sub-resource: find the bucket, say the permission, read or change its row. A change is
 * decided on the row it replaces: where the row moved meanwhile, permission and change are worked out again.
 */
import type { Stamp } from "../stores/contract.js";
import { defineOperation, type AnyOperation, type Call } from "../gate/contract.js";
import type { Context, Permission } from "../policy/types.js";
import { withRetry, AGAIN } from "../stores/commit-retry.js";
import { bucketTags, findBucket, onBucket, refreshBucket, type BucketFacts, type BucketInput } from "./buckets.js";
import type { Room } from "./deps.js";
import { packJson, type BucketRecord, type BucketSecrets } from "./records.js";

export interface ConfigRead<I, O> {
  readonly name: string;
  /** `s3:GetBucketPolicy` */
  readonly action: string;
  readonly anyRegion?: boolean;
  readonly rootAlwaysAllowed?: boolean;
  /** @throws ServiceError the exact "not configured" answer */
  read(bucket: BucketFacts, input: I, call: Call): O | Promise<O>;
}

export function configRead<I extends BucketInput, O>(room: Room, spec: ConfigRead<I, O>): AnyOperation {
  const options = spec.anyRegion === true ? { anyRegion: true } : {};
  return defineOperation<I, BucketFacts, O>({
    service: "s3",
    name: spec.name,
    resolve: (input, call) => findBucket(room, call, input, options),
    permissions: (_input, bucket, call) => [permissionOf(room, call, bucket, spec)],
    run: async (input, bucket, call) => spec.read(bucket, input, call),
  });
}

/** What a change leaves behind. */
export interface Changed {
  readonly config: BucketRecord["config"];
  /** Absent: as before. */
  readonly secrets?: BucketSecrets;
}

export interface ConfigChange<I, O = undefined> {
  readonly name: string;
  readonly action: string;
  readonly rootAlwaysAllowed?: boolean;
  context?(input: I): Context;
  /** Runs after authorization; may run again. @throws ServiceError for a bad document */
  change(bucket: BucketFacts, input: I, call: Call): Changed | Promise<Changed>;
  /** Absent: the answer is empty. */
  answer?(input: I): O;
}

export function configChange<I extends BucketInput, O = undefined>(room: Room, spec: ConfigChange<I, O>): AnyOperation {
  const permissions = (input: I, bucket: BucketFacts, call: Call): readonly Permission[] => [
    permissionOf(room, call, bucket, spec, spec.context?.(input)),
  ];
  return defineOperation<I, BucketFacts, O | undefined>({
    service: "s3",
    name: spec.name,
    resolve: (input, call) => findBucket(room, call, input),
    permissions,
    run: async (input, found, call) => {
      await changeBucket(room, call, found, {
        permissions: (bucket) => permissions(input, bucket, call),
        change: (bucket) => spec.change(bucket, input, call),
      });
      return spec.answer?.(input);
    },
  });
}

interface Change {
  /** Asked again when the row moved. */
  permissions(bucket: BucketFacts): readonly Permission[];
  change(bucket: BucketFacts): Changed | Promise<Changed>;
}

/** Replaces the bucket's row. @throws ServiceError NoSuchBucket, AccessDenied where it moved meanwhile */
export async function changeBucket(room: Room, call: Call, found: BucketFacts, { permissions, change }: Change): Promise<void> {
  let bucket = found;
  let first = true;
  await withRetry(async () => {
    if (!first) bucket = await refreshBucket(room, call, bucket, permissions);
    first = false;
    return (await saved(room, call, bucket, await change(bucket))) ? undefined : AGAIN;
  });
}

async function saved(room: Room, call: Call, bucket: BucketFacts, { config, secrets }: Changed): Promise<boolean> {
  const sealed = secrets ?? bucketTags(bucket);
  const record: BucketRecord = { ...bucket.record, config };
  const check: { key: Buffer; stamp: Stamp } = { key: bucket.key, stamp: bucket.stamp };
  const put = room.tables.buckets.put(bucket.key, { clear: record, ...(sealed.tags === undefined ? {} : { sealed: packJson(sealed) }) });
  return (await call.commit({ checks: [check], puts: [put] })).ok;
}

interface Permitted {
  readonly action: string;
  readonly rootAlwaysAllowed?: boolean;
}

function permissionOf(room: Room, call: Call, bucket: BucketFacts, spec: Permitted, context: Context = {}): Permission {
  const permission = onBucket(room, call, bucket, spec.action, context);
  return spec.rootAlwaysAllowed === true ? { ...permission, rootAlwaysAllowed: true } : permission;
}

/** `config` without one member: the sub-resource is not configured any more. */
export function without<K extends keyof BucketRecord["config"]>(config: BucketRecord["config"], member: K): BucketRecord["config"] {
  const { [member]: _gone, ...rest } = config;
  return rest;
}
