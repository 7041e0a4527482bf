/**
 * What lifecycle rules do, one commit each. Candidates come from a walk over rows that may be old by now, so bucket, head
 * and upload are read again and judged again; the commit checks their stamps. A change that keeps losing against callers is
 * left to the next run. The audit line comes first: what cannot be recorded does not happen.
 * Source: S3 user guide, "Expiring objects", "Lifecycle and logging" (names of the events).
 */
import type { Found } from "../stores/records.js";
import { planAbort } from "./abort-upload.js";
import { lifecycleOf } from "./bucket-lifecycle.js";
import type { Room } from "./deps.js";
import { noChanges, type Changes } from "./ledger.js";
import { abortOf, expiryOf, markerExpiryOf, noncurrentExpiryOf, type Due, type Subject } from "./lifecycle-due.js";
import { planDeletion } from "./plan-deletion.js";
import type { BucketRecord, HeadRecord, UploadByKeyRecord } from "./records.js";
import { planRemove, planRemoveOlder, secretsOf, type HeadRow } from "./versions.js";
import type { LifecycleRule } from "../wire/tables/s3-types.js";

/** Something S3 did by itself. */
export interface LifecycleEvent {
  readonly eventName: "S3.EXPIRE.OBJECT" | "S3.CREATE.DELETEMARKER" | "S3.DELETE.UPLOAD";
  readonly timeMs: number;
  readonly region: string;
  /** Owner of the bucket. */
  readonly account: string;
  readonly bucket: string;
  readonly key: string;
  /** Of what was removed; of a marker that was made. */
  readonly versionId?: string;
  readonly uploadId?: string;
  readonly ruleId: string;
  /** The event above did not happen after all: another change was faster. */
  readonly errorCode?: string;
}

export interface LifecycleDeps {
  readonly room: Room;
  /** When it returns, the event is recorded. @throws when it cannot be */
  recordEvent(event: LifecycleEvent): void;
}

/** A bucket as its rules were read. */
export type BucketRow = Found<BucketRecord>;

export const isDue = (room: Room, due: Due | undefined): due is Due => due !== undefined && due.atMs <= room.clock.now();

/** What filters see of a version; a marker has neither size nor tags. */
function subjectOf(row: HeadRow): Subject {
  return { key: row.clear.key, sizeBytes: row.clear.object?.sizeBytes ?? 0, tags: () => secretsOf(row).tags ?? [] };
}

/** The rule by which the current version or lone marker goes now. */
export function currentDue(rules: readonly LifecycleRule[], head: HeadRow): Due | undefined {
  const { key, modifiedMs, object, hasOlder } = head.clear;
  if (object !== undefined) return expiryOf(rules, subjectOf(head), modifiedMs);
  return hasOlder === true ? undefined : markerExpiryOf(rules, key, modifiedMs);
}

/** Expires the current version, or removes a marker that nothing is left under. */
export async function expireCurrent(deps: LifecycleDeps, at: BucketRow, key: string): Promise<void> {
  const { room } = deps;
  await attempt(deps, at, async (bucket, rules, changes) => {
    const inc = bucket.clear.incarnation;
    const head = await checkedHead(room, inc, key, changes);
    const due = head === undefined ? undefined : currentDue(rules, head);
    if (head === undefined || !isDue(room, due)) return [];
    if (head.clear.object === undefined) {
      await planRemove(room, inc, head, { row: head, record: head.clear, isCurrent: true }, changes);
      return [{ eventName: "S3.EXPIRE.OBJECT", key, versionId: head.clear.versionId, ruleId: due.ruleId }];
    }
    const owner = bucket.clear.ownerAccount;
    const { marker, versionId } = await planDeletion(room, { bucket: bucket.clear, key, head, owner }, changes);
    const eventName = marker ? "S3.CREATE.DELETEMARKER" : "S3.EXPIRE.OBJECT";
    return [{ eventName, key, ruleId: due.ruleId, ...(versionId === undefined ? {} : { versionId }) }];
  });
}

/** Versions of one key that one commit removes. */
const OLD_VERSIONS = 100;
const VERSIONS_PER_READ = 1000;

/** Removes noncurrent versions that are due. @returns `more` where some may be left */
export async function expireOlder(deps: LifecycleDeps, at: BucketRow, key: string): Promise<"more" | "done"> {
  const { room } = deps;
  const removed = await attempt(deps, at, async (bucket, rules, changes) => {
    const inc = bucket.clear.incarnation;
    const head = await checkedHead(room, inc, key, changes);
    const old = head === undefined ? [] : await dueVersions(room, inc, rules, head);
    if (head === undefined || old.length === 0) return [];
    await planRemoveOlder(room, inc, head, old.map(({ row }) => row), changes);
    const eventName = "S3.EXPIRE.OBJECT";
    return old.map(({ row, due }) => ({ eventName, key, versionId: row.clear.versionId, ruleId: due.ruleId }));
  });
  return removed === OLD_VERSIONS ? "more" : "done";
}

interface DueVersion {
  readonly row: HeadRow;
  readonly due: Due;
}

/**
 * The oldest that are due: those left keep their number of newer ones. The head's stamp, which any change of the key moves,
 * vouches for that number at the commit.
 */
async function dueVersions(room: Room, inc: string, rules: readonly LifecycleRule[], head: HeadRow): Promise<DueVersion[]> {
  const old: DueVersion[] = [];
  let sinceMs = head.clear.modifiedMs;
  let newer = 0;
  let after: Buffer | undefined;
  for (;;) {
    const query = { prefix: [inc, head.clear.key], limit: VERSIONS_PER_READ };
    const page = await room.tables.versions.list({ ...query, ...(after === undefined ? {} : { after }) });
    for (const row of page) {
      const due = noncurrentExpiryOf(rules, subjectOf(row), { sinceMs, newer });
      if (isDue(room, due)) old.push({ row, due });
      if (old.length > OLD_VERSIONS) old.shift();
      sinceMs = row.clear.modifiedMs;
      newer += 1;
    }
    if (page.length < VERSIONS_PER_READ) return old;
    after = page.at(-1)?.key;
  }
}

/** @returns undefined where the key has no version any more */
async function checkedHead(room: Room, inc: string, key: string, changes: Changes): Promise<Found<HeadRecord> | undefined> {
  const head = await room.tables.heads.get(inc, key);
  if (head !== undefined) changes.checks.push({ key: head.key, stamp: head.stamp });
  return head;
}

/** Aborts an upload that nobody completed. */
export async function abortUpload(deps: LifecycleDeps, at: BucketRow, begun: UploadByKeyRecord): Promise<void> {
  const { room } = deps;
  const { key, uploadId, createdMs } = begun;
  await attempt(deps, at, async (bucket, rules, changes) => {
    const inc = bucket.clear.incarnation;
    const due = abortOf(rules, key, createdMs);
    const upload = await room.tables.uploads.get(inc, uploadId);
    if (upload === undefined || !isDue(room, due)) return [];
    const { state } = upload.clear;
    if (state.kind === "completed" || (state.kind === "completing" && state.untilMs > room.clock.now())) return [];
    planAbort(room, inc, upload, changes);
    return [{ eventName: "S3.DELETE.UPLOAD", key, uploadId, ruleId: due.ruleId }];
  });
}

type Outcome = Pick<LifecycleEvent, "eventName" | "key" | "versionId" | "uploadId" | "ruleId">;
/** Adds its changes and says what they do; nothing: there is nothing to do. */
type Plan = (bucket: BucketRow, rules: readonly LifecycleRule[], changes: Changes) => Promise<readonly Outcome[]>;

const ATTEMPTS = 3;

/** @returns how much was done */
async function attempt({ room, recordEvent }: LifecycleDeps, at: BucketRow, plan: Plan): Promise<number> {
  for (let tries = 0; tries < ATTEMPTS; tries++) {
    const bucket = await room.tables.buckets.get(at.clear.name);
    const lifecycle = bucket?.clear.incarnation === at.clear.incarnation ? lifecycleOf(bucket.clear.config) : undefined;
    if (bucket === undefined || lifecycle === undefined) return 0;
    const changes = noChanges();
    changes.checks.push({ key: bucket.key, stamp: bucket.stamp });
    const outcomes = await plan(bucket, lifecycle.Rules, changes);
    if (outcomes.length === 0) return 0;
    const { name, region, ownerAccount: account } = bucket.clear;
    const common = { timeMs: room.clock.now(), region, account, bucket: name };
    const events = outcomes.map((outcome): LifecycleEvent => ({ ...common, ...outcome }));
    for (const event of events) recordEvent(event);
    if ((await room.store.commit(changes)).ok) return outcomes.length;
    for (const event of events) recordEvent({ ...event, errorCode: "OperationAborted" });
  }
  return 0;
}
