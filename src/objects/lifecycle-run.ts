/**
 * The walk that finds what lifecycle rules are due for: bucket by bucket, only below the prefixes that a rule names, page
 * by page. One page is one step of the job. A walk that was interrupted is begun again by whoever has the job's lease then;
 * nothing it did can be done twice.
 */
import type { LifecycleRule } from "../wire/tables/s3-types.js";
import { lifecycleOf } from "./bucket-lifecycle.js";
import {
  abortUpload, currentDue, expireCurrent, expireOlder, isDue, type BucketRow, type LifecycleDeps,
} from "./lifecycle-act.js";
import { abortOf, filterOf } from "./lifecycle-due.js";
import { namePage } from "./list-page.js";
import type { HeadRow } from "./versions.js";

const BUCKETS_PER_STEP = 100;
const KEYS_PER_STEP = 200;

export interface LifecycleJob {
  /** One page of the walk. */
  step(): Promise<"more" | "done">;
}

export function lifecycleJob(deps: LifecycleDeps): LifecycleJob {
  let walk: AsyncGenerator<undefined> | undefined;
  return {
    async step() {
      walk ??= walkBuckets(deps);
      try {
        if ((await walk.next()).done !== true) return "more";
      } catch (error) {
        walk = undefined;
        throw error;
      }
      walk = undefined;
      return "done";
    },
  };
}

/** Yields at the end of each step. */
async function* walkBuckets(deps: LifecycleDeps): AsyncGenerator<undefined> {
  const { buckets } = deps.room.tables;
  let after: Buffer | undefined;
  for (;;) {
    const page = await buckets.list({ limit: BUCKETS_PER_STEP, ...(after === undefined ? {} : { after }) });
    for (const bucket of page) {
      const rules = lifecycleOf(bucket.clear.config)?.Rules.filter((rule) => rule.Status === "Enabled") ?? [];
      yield* walkKeys(deps, bucket, rules.filter(isOnObjects));
      yield* walkUploads(deps, bucket, rules.filter((rule) => rule.AbortIncompleteMultipartUpload !== undefined));
    }
    if (page.length < BUCKETS_PER_STEP) return;
    after = page.at(-1)?.key;
    yield undefined;
  }
}

const isOnObjects = ({ Expiration, NoncurrentVersionExpiration }: LifecycleRule): boolean =>
  Expiration !== undefined || NoncurrentVersionExpiration !== undefined;

/** Prefixes that cover all rules, none within another. */
export function prefixesOf(rules: Rules): readonly string[] {
  const out: string[] = [];
  for (const prefix of rules.map((rule) => filterOf(rule).prefix).sort()) {
    const last = out.at(-1);
    if (last === undefined || !prefix.startsWith(last)) out.push(prefix);
  }
  return out;
}

async function* walkKeys(deps: LifecycleDeps, bucket: BucketRow, rules: Rules): AsyncGenerator<undefined> {
  const { room } = deps;
  const inc = bucket.clear.incarnation;
  for (const prefix of prefixesOf(rules)) {
    let after: string | undefined;
    for (;;) {
      const page = await namePage(room, room.tables.heads, { inc, prefix, delimiter: undefined, after, limit: KEYS_PER_STEP });
      let heads = page.flatMap((item) => ("row" in item ? [item.row] : []));
      while (heads.length > 0) {
        const unfinished = await Promise.all(heads.map((head) => visitKey(deps, bucket, rules, head)));
        heads = heads.filter((_head, at) => unfinished[at] === "more");
        if (heads.length > 0) yield undefined;
      }
      if (page.length < KEYS_PER_STEP) break;
      const last = page.at(-1);
      after = last !== undefined && "row" in last ? last.row.clear.key : undefined;
      yield undefined;
    }
  }
}

type Rules = readonly LifecycleRule[];

/** Old versions first: the last of them may leave a marker alone. */
async function visitKey(deps: LifecycleDeps, bucket: BucketRow, rules: Rules, head: HeadRow): Promise<"more" | "done"> {
  const { key, hasOlder } = head.clear;
  const mayHaveOld = hasOlder === true && rules.some((rule) => rule.NoncurrentVersionExpiration !== undefined);
  if (mayHaveOld && (await expireOlder(deps, bucket, key)) === "more") return "more";
  if (mayHaveOld || isDue(deps.room, currentDue(rules, head))) await expireCurrent(deps, bucket, key);
  return "done";
}

async function* walkUploads(deps: LifecycleDeps, bucket: BucketRow, rules: Rules): AsyncGenerator<undefined> {
  const { room } = deps;
  const inc = bucket.clear.incarnation;
  for (const prefix of prefixesOf(rules)) {
    let after: Buffer | undefined;
    for (;;) {
      const query = { inc, prefix, delimiter: undefined, after: undefined, limit: KEYS_PER_STEP };
      const page = await namePage(room, room.tables.uploadsByKey, query, after);
      const rows = page.flatMap((item) => ("row" in item ? [item.row] : []));
      const due = rows.filter(({ clear: { key, createdMs } }) => isDue(room, abortOf(rules, key, createdMs)));
      await Promise.all(due.map(({ clear }) => abortUpload(deps, bucket, clear)));
      if (page.length < KEYS_PER_STEP) break;
      after = rows.at(-1)?.key;
      yield undefined;
    }
  }
}
