/**
 * Lifecycle rules: what S3 accepts, with its refusals in its words, and the form in which a bucket row keeps them.
 * Actions that this server carries out are expirations; it has one storage class, so a rule that moves objects between
 * classes is refused by name, after everything that S3 itself would refuse.
 * Source: S3 PutBucketLifecycleConfiguration, "Lifecycle configuration elements"; texts as AWS was seen to answer.
 */
import { ServiceError } from "../lib/errors.js";
import { uuid } from "../lib/ids.js";
import type {
  LifecycleExpiration, LifecycleRule, NoncurrentVersionExpiration, NoncurrentVersionTransition, Tag, Transition,
} from "../wire/tables/s3-types.js";
import { DAY_MS } from "../lib/clock.js";
import { invalidRequest, malformedXml } from "./errors.js";
import { filterOf } from "./lifecycle-due.js";
import { MAX_OBJECT_TAGS } from "./tags.js";

const MAX_RULES = 1000;
const MAX_ID_LENGTH = 255;
const MAX_PREFIX_BYTES = 1024;
const MAX_SIZE = 1_099_511_627_776_000;

/**
 * Rules in the order given, each with an id.
 * @throws ServiceError MalformedXML, InvalidArgument, InvalidRequest; NotImplemented for transitions
 */
export function checkRules(rules: readonly LifecycleRule[]): readonly LifecycleRule[] {
  if (rules.length === 0) throw invalidRequest("At least one lifecycle rule must be specified.");
  if (rules.length > MAX_RULES) {
    throw invalidRequest("The number of lifecycle rules must not exceed the allowed limit of 1000 rules.");
  }
  checkIds(rules);
  // S3 calls a configuration whose first rule has a Filter "V2", and mixes the two forms in none.
  const v2 = rules[0]?.Filter !== undefined;
  for (const rule of rules) checkRule(rule, v2);
  if (!v2) checkOverlaps(rules);
  for (const rule of rules) refuseTransitions(rule);
  return rules.map((rule) => (hasId(rule) ? rule : { ...rule, ID: Buffer.from(uuid()).toString("base64") }));
}

const hasId = ({ ID }: LifecycleRule): boolean => ID !== undefined && ID !== "";

function checkIds(rules: readonly LifecycleRule[]): void {
  const seen = new Set<string>();
  for (const { ID } of rules) {
    if (ID === undefined || ID === "") continue;
    if (ID.length > MAX_ID_LENGTH) throw invalid("ID length should not exceed allowed limit of 255");
    if (seen.has(ID)) throw invalid("Rule ID must be unique. Found same ID for more than one rule");
    seen.add(ID);
  }
}

function checkRule(rule: LifecycleRule, v2: boolean): void {
  const { Expiration, NoncurrentVersionExpiration: noncurrent, AbortIncompleteMultipartUpload: abort } = rule;
  checkFilter(rule, v2);
  if (!ACTIONS.some((action) => hasAction(rule, action))) {
    throw invalidRequest("At least one action needs to be specified in a rule");
  }
  if (Expiration !== undefined) checkExpiration(Expiration);
  if (noncurrent !== undefined) checkNoncurrent(noncurrent, v2);
  if (abort !== undefined) {
    if (abort.DaysAfterInitiation === undefined) throw malformedXml();
    if (!isPositive(abort.DaysAfterInitiation)) throw notPositive("DaysAfterInitiation", "AbortIncompleteMultipartUpload");
  }
  checkTransitions(rule);
  checkPairs(rule);
}

/** Tags and sizes say nothing about a delete marker or an upload under way. */
function checkPairs(rule: LifecycleRule): void {
  const { tags, above, below } = filterOf(rule);
  const narrow = tags.length > 0 ? "Tags" : above !== undefined || below !== undefined ? "Object Size" : undefined;
  if (narrow === undefined) return;
  const broad = [
    ...(rule.Expiration?.ExpiredObjectDeleteMarker === undefined ? [] : ["ExpiredObjectDeleteMarker"]),
    ...(rule.AbortIncompleteMultipartUpload === undefined ? [] : ["AbortIncompleteMultipartUpload"]),
  ];
  for (const action of broad) throw invalidRequest(`${action} cannot be specified with ${narrow}.`);
}

function checkFilter(rule: LifecycleRule, v2: boolean): void {
  const { Prefix, Filter } = rule;
  if (Prefix === undefined && Filter === undefined) throw malformedXml();
  if (v2 && Prefix !== undefined) {
    throw invalidRequest("Base level prefix cannot be used in Lifecycle V2, prefixes are only supported in the Filter.");
  }
  if (!v2 && Filter !== undefined) throw invalidRequest("Filter element can only be used in Lifecycle V2.");
  if (Filter !== undefined && membersOf(Filter) > 1) throw malformedXml();
  const { Tags = [], ...others } = Filter?.And ?? {};
  if (Filter?.And !== undefined && membersOf(others) + Tags.length < 2) throw malformedXml();
  const { prefix, tags, above, below } = filterOf(rule);
  if (Buffer.byteLength(prefix) > MAX_PREFIX_BYTES) throw invalid("The maximum size of a prefix is 1024.");
  checkTags(tags);
  checkSize("ObjectSizeGreaterThan", above, 0);
  checkSize("ObjectSizeLessThan", below, 1);
  if (above !== undefined && below !== undefined && above >= below) {
    throw invalidRequest("'ObjectSizeLessThan' has to be a value greater than 'ObjectSizeGreaterThan'.");
  }
}

const membersOf = (value: object): number => Object.values(value).filter((member) => member !== undefined).length;

function checkSize(name: string, size: number | undefined, least: number): void {
  if (size === undefined || (size >= least && size <= MAX_SIZE)) return;
  throw invalidRequest(`'${name}' should be between ${least} and ${MAX_SIZE}.`);
}

function checkTags(tags: readonly Tag[]): void {
  if (tags.length > MAX_OBJECT_TAGS) throw invalid("Object tags cannot be greater than 10");
  if (new Set(tags.map(({ Key }) => Key)).size < tags.length) throw invalidRequest("Duplicate Tag Keys are not allowed.");
  for (const { Key, Value } of tags) {
    if (Key.length < 1 || Key.length > 128) throw invalidRequest("A Tag's Key must be a length between 1 and 128.");
    if (Value.length > 256) throw invalidRequest("A Tag's Value must be a length between 0 and 256.");
  }
}

/** One of its three forms. Terraform and the CLI leave out what they do not set. */
function checkExpiration(expiration: LifecycleExpiration): void {
  const { Date: date, Days } = expiration;
  if (membersOf(expiration) !== 1) throw malformedXml();
  if (Days !== undefined && !isPositive(Days)) throw notPositive("Days", "Expiration");
  if (date !== undefined) checkMidnight(date);
}

function checkMidnight(date: Date): void {
  if (date.getTime() % DAY_MS === 0) return;
  throw invalid("'Date' must be at midnight GMT", { ArgumentName: "Date", ArgumentValue: date.toISOString() });
}

function checkNoncurrent({ NoncurrentDays, NewerNoncurrentVersions }: NoncurrentVersionExpiration, v2: boolean): void {
  if (NoncurrentDays === undefined) throw malformedXml();
  if (!isPositive(NoncurrentDays)) throw notPositive("NoncurrentDays", "NoncurrentVersionExpiration");
  checkNewer(NewerNoncurrentVersions, "NoncurrentVersionExpiration", v2);
}

/** The documented upper bound of 100 is not enforced by S3 either. */
function checkNewer(count: number | undefined, action: string, v2: boolean): void {
  if (count === undefined) return;
  if (!v2) throw invalidRequest("NewerNoncurrentVersions element can only be used in Lifecycle V2.");
  if (!isPositive(count)) throw notPositive("NewerNoncurrentVersions", action);
}

/** Classes that S3 moves objects to only once they are 30 days old. */
const INFREQUENT = new Set(["STANDARD_IA", "ONEZONE_IA"]);

function checkTransitions({ Expiration, Transitions = [], NoncurrentVersionTransitions = [] }: LifecycleRule): void {
  for (const { Date: date, Days, StorageClass } of Transitions) {
    if (StorageClass === undefined || (date === undefined) === (Days === undefined)) throw malformedXml();
    if (date !== undefined) checkMidnight(date);
    if (Days !== undefined && Days < 30 && INFREQUENT.has(StorageClass)) {
      throw invalid(`'Days' in Transition action must be greater than or equal to 30 for storageClass '${StorageClass}'`);
    }
  }
  for (const { NoncurrentDays, StorageClass } of NoncurrentVersionTransitions) {
    if (StorageClass === undefined || NoncurrentDays === undefined) throw malformedXml();
  }
  for (const list of [Transitions, NoncurrentVersionTransitions]) checkClasses(list);
  const timed = [...Transitions, ...(Expiration === undefined ? [] : [Expiration])];
  if (timed.some(({ Date: date }) => date !== undefined) && timed.some(({ Days }) => Days !== undefined)) {
    throw invalidRequest("Found mixed 'Date' and 'Days' based Expiration and Transition actions in lifecycle rule");
  }
}

function checkClasses(transitions: readonly (Transition | NoncurrentVersionTransition)[]): void {
  if (new Set(transitions.map(({ StorageClass }) => StorageClass)).size === transitions.length) return;
  throw invalidRequest("'StorageClass' must be different for 'Transition' actions in same 'Rule'");
}

/** The last check: what S3 would refuse is answered as S3 answers it. */
function refuseTransitions({ Transitions = [], NoncurrentVersionTransitions = [] }: LifecycleRule): void {
  if (Transitions.length + NoncurrentVersionTransitions.length === 0) return;
  const text = "Transitions are not implemented by this server: it has one storage class. Expirations are.";
  throw new ServiceError("NotImplemented", text, { status: 501 });
}

const isPositive = (count: number): boolean => count > 0 && count <= 2_147_483_647;

const ACTIONS = [
  "Expiration", "Transitions", "NoncurrentVersionTransitions", "NoncurrentVersionExpiration", "AbortIncompleteMultipartUpload",
] as const;

const hasAction = (rule: LifecycleRule, action: (typeof ACTIONS)[number]): boolean => {
  const value = rule[action];
  return Array.isArray(value) ? value.length > 0 : value !== undefined;
};

/** Rules of the old form must not speak twice about one object. In order, a prefix stands next to what it begins. */
function checkOverlaps(rules: readonly LifecycleRule[]): void {
  for (const action of ACTIONS) {
    const prefixes = rules.filter((rule) => hasAction(rule, action)).map((rule) => rule.Prefix ?? "").sort();
    for (const [at, prefix] of prefixes.entries()) {
      const next = prefixes[at + 1];
      if (next?.startsWith(prefix) !== true) continue;
      const kind = action.replace(/Transitions$/, "Transition");
      throw invalidRequest(`Found overlapping prefixes '${prefix}' and '${next}' for same action type '${kind}'`);
    }
  }
}

const notPositive = (name: string, action: string): ServiceError =>
  invalid(`'${name}' for ${action} action must be a positive integer`);

const invalid = (message: string, fields: Readonly<Record<string, string>> = {}): ServiceError =>
  new ServiceError("InvalidArgument", message, { status: 400, fields });
