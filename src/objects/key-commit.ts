/**
 * The commit on one key of a bucket: read the head, plan, commit with the stamps of everything the decision rests on, and
 * begin again when another writer was faster. Source: docs/spec/objects.md §2.
 */
import type { Call } from "../gate/contract.js";
import type { Permission } from "../policy/types.js";
import { AGAIN, CommitContention, withRetry } from "../stores/commit-retry.js";
import { refreshBucket, type BucketFacts } from "./buckets.js";
import type { Room } from "./deps.js";
import { slowDown } from "./errors.js";
import { noChanges, type Changes } from "./ledger.js";
import type { HeadRow } from "./versions.js";

const ATTEMPTS = 64;

export interface Attempt {
  readonly bucket: BucketFacts;
  /** The key's head now; undefined: the key has no version. */
  readonly head: HeadRow | undefined;
  /** Another writer changed the key since the first attempt. */
  readonly overtaken: boolean;
}

export interface KeyCommit<T> {
  readonly bucket: BucketFacts;
  readonly key: string;
  /** Judged again when the bucket row changed. */
  permissions(bucket: BucketFacts): readonly Permission[];
  /** After that: what else the changed bucket forbids. @throws ServiceError */
  readonly stillFits?: ((bucket: BucketFacts) => void) | undefined;
  /** Adds its changes; throws to give up; answers what the call returns. `changes` undefined-free and fresh each time. */
  plan(attempt: Attempt, changes: Changes): Promise<T>;
  /** A check that the plan added failed: throw, or return to try again. @param index among the plan's own checks */
  lost?(index: number): Promise<void>;
}

/** Whether a body may be discarded after a failure: not when the store did not say if it committed. */
export class CommitProgress {
  /** A commit was sent whose result is not known. */
  uncertain = false;
}

/** @throws ServiceError SlowDown after too many lost attempts; whatever `plan` throws */
export async function commitOnKey<T>(room: Room, call: Call, work: KeyCommit<T>, progress = new CommitProgress()): Promise<T> {
  let { bucket } = work;
  let overtaken = false;
  const inc = bucket.record.incarnation;
  const headKey = room.tables.heads.key(inc, work.key);
  const attempt = async (): Promise<T | typeof AGAIN> => {
    const head = await room.tables.heads.get(inc, work.key);
    const changes = noChanges();
    changes.checks.push({ key: bucket.key, stamp: bucket.stamp }, { key: headKey, stamp: head?.stamp ?? "absent" });
    const answer = await work.plan({ bucket, head, overtaken }, changes);
    if (changes.puts.length + changes.deletes.length === 0) return answer;
    progress.uncertain = true;
    const result = await call.commit(changes);
    progress.uncertain = false;
    if (result.ok) return answer;
    if (result.failed === 0) bucket = await refreshed(room, call, bucket, work);
    else if (result.failed === 1) overtaken = true;
    else await work.lost?.(result.failed - 2);
    return AGAIN;
  };
  return again(call, attempt);
}

/** @throws ServiceError SlowDown when others were faster every time; the abort reason where the client has gone */
async function again<T>(call: Call, attempt: () => Promise<T | typeof AGAIN>): Promise<T> {
  if (call.gone) call.signal.throwIfAborted();
  try {
    return await withRetry(attempt, { attempts: ATTEMPTS, signal: () => call.signal });
  } catch (error) {
    if (error instanceof CommitContention) throw slowDown();
    throw error;
  }
}

async function refreshed(
  room: Room,
  call: Call,
  before: BucketFacts,
  work: Pick<KeyCommit<unknown>, "permissions" | "stillFits">,
): Promise<BucketFacts> {
  const bucket = await refreshBucket(room, call, before, work.permissions);
  work.stillFits?.(bucket);
  return bucket;
}

export interface BucketCommit<T> {
  readonly bucket: BucketFacts;
  permissions(bucket: BucketFacts): readonly Permission[];
  /** As in `KeyCommit`. */
  stillFits?(bucket: BucketFacts): void;
  plan(bucket: BucketFacts, changes: Changes): Promise<T>;
  /** As in `KeyCommit`. */
  lost?(index: number): Promise<void>;
}

/** A commit that rests on the bucket but on no key: uploads and their parts. Errors as `commitOnKey`. */
export async function commitInBucket<T>(
  room: Room,
  call: Call,
  work: BucketCommit<T>,
  progress = new CommitProgress(),
): Promise<T> {
  let { bucket } = work;
  const attempt = async (): Promise<T | typeof AGAIN> => {
    const changes = noChanges();
    changes.checks.push({ key: bucket.key, stamp: bucket.stamp });
    const answer = await work.plan(bucket, changes);
    progress.uncertain = true;
    const result = await call.commit(changes);
    progress.uncertain = false;
    if (result.ok) return answer;
    if (result.failed === 0) bucket = await refreshed(room, call, bucket, work);
    else await work.lost?.(result.failed - 1);
    return AGAIN;
  };
  return again(call, attempt);
}
