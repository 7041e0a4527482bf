/**
 * When a lifecycle rule's action falls due for a version, a delete marker or an upload: pure functions over rules and facts.
 * Days are counted from the time of the object and rounded up to the next midnight UTC; where several rules speak, the
 * earliest counts. Source: S3 user guide, "Lifecycle rules: based on an object's age", "Examples of lifecycle configurations".
 */
import { DAY_MS } from "../lib/clock.js";
import type { LifecycleRule, Tag } from "../wire/tables/s3-types.js";

/** A condition on objects; absent members hold for all. */
export interface RuleFilter {
  readonly prefix: string;
  readonly tags: readonly Tag[];
  /** Sizes above it, in bytes. */
  readonly above?: number;
  /** Sizes below it, in bytes. */
  readonly below?: number;
}

/** The one filter that a rule's `Filter` or `Prefix` stands for. */
export function filterOf({ Prefix, Filter }: LifecycleRule): RuleFilter {
  const { And = {}, ...single } = Filter ?? {};
  const above = single.ObjectSizeGreaterThan ?? And.ObjectSizeGreaterThan;
  const below = single.ObjectSizeLessThan ?? And.ObjectSizeLessThan;
  return {
    prefix: single.Prefix ?? And.Prefix ?? Prefix ?? "",
    tags: single.Tag === undefined ? (And.Tags ?? []) : [single.Tag],
    ...(above === undefined ? {} : { above }),
    ...(below === undefined ? {} : { below }),
  };
}

/** What filters look at. A delete marker or an upload has no tags, and its size is 0. */
export interface Subject {
  readonly key: string;
  readonly sizeBytes: number;
  /** Asked only where a filter names tags: they are sealed. */
  tags(): readonly Tag[];
}

/** A marker or an upload under this key. */
export const bareSubject = (key: string): Subject => ({ key, sizeBytes: 0, tags: () => [] });

export interface Due {
  /** Midnight UTC. */
  readonly atMs: number;
  readonly ruleId: string;
}

type Rules = readonly LifecycleRule[];

/** @param days 0: the next midnight */
function after(fromMs: number, days: number): number {
  return Math.ceil((fromMs + days * DAY_MS) / DAY_MS) * DAY_MS;
}

function matches(rule: LifecycleRule, subject: Subject): boolean {
  const { prefix, tags, above, below } = filterOf(rule);
  if (!subject.key.startsWith(prefix)) return false;
  if (above !== undefined && subject.sizeBytes <= above) return false;
  if (below !== undefined && subject.sizeBytes >= below) return false;
  if (tags.length === 0) return true;
  const own = new Map(subject.tags().map(({ Key, Value }) => [Key, Value]));
  return tags.every(({ Key, Value }) => own.get(Key) === Value);
}

/** @param when the time at which a rule acts, or undefined where it does not */
function earliest(rules: Rules, subject: Subject, when: (rule: LifecycleRule) => number | undefined): Due | undefined {
  let best: Due | undefined;
  for (const rule of rules) {
    const atMs = rule.Status === "Enabled" ? when(rule) : undefined;
    if (atMs === undefined || (best !== undefined && best.atMs <= atMs) || !matches(rule, subject)) continue;
    best = { atMs, ruleId: rule.ID ?? "" };
  }
  return best;
}

/** A current version that is no delete marker. */
export function expiryOf(rules: Rules, subject: Subject, createdMs: number): Due | undefined {
  return earliest(rules, subject, ({ Expiration: { Date: date, Days } = {} }) =>
    Days === undefined ? date?.getTime() : after(createdMs, Days),
  );
}

/**
 * A noncurrent version or marker.
 * @param sinceMs when the next newer version was made
 * @param newer how many noncurrent versions of its key are newer
 */
export function noncurrentExpiryOf(
  rules: Rules,
  subject: Subject,
  { sinceMs, newer }: { readonly sinceMs: number; readonly newer: number },
): Due | undefined {
  return earliest(rules, subject, ({ NoncurrentVersionExpiration: { NoncurrentDays, NewerNoncurrentVersions = 0 } = {} }) =>
    NoncurrentDays === undefined || newer < NewerNoncurrentVersions ? undefined : after(sinceMs, NoncurrentDays),
  );
}

/** A delete marker under which no version is left: by its own action, and by `Days` once it is that old. */
export function markerExpiryOf(rules: Rules, key: string, createdMs: number): Due | undefined {
  return earliest(rules, bareSubject(key), ({ Expiration: { ExpiredObjectDeleteMarker: marker, Days } = {} }) => {
    if (marker === true) return after(createdMs, 0);
    return Days === undefined ? undefined : after(createdMs, Days);
  });
}

/** An upload that was never completed. */
export function abortOf(rules: Rules, key: string, initiatedMs: number): Due | undefined {
  return earliest(rules, bareSubject(key), ({ AbortIncompleteMultipartUpload: { DaysAfterInitiation } = {} }) =>
    DaysAfterInitiation === undefined ? undefined : after(initiatedMs, DaysAfterInitiation),
  );
}
