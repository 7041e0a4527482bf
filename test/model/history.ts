/**
 * From calls as clients saw them to moments that a linear order can hold: listings of versions are one read a key,
 * DeleteObjects is one deletion an entry, a copy is a read and a write. And the judgement over all of them.
 *
 * Refusals that only say "someone else was faster" are right whenever someone else was there, and change nothing.
 */
import { linearize, type Happened, type Machine, type Verdict } from "./linearize.js";
import { perform, type Fresh, type ModelLimits, type Outcome } from "./s3-model.js";
import { EMPTY, textOf, type Action, type Answer, type Shown, type State } from "./state.js";

/** A call, when it began and ended, and what was answered. */
export interface Observed {
  /** Of the step of the program that made it. */
  readonly id: number;
  readonly client: number;
  readonly action: Action;
  readonly answer: Answer;
  readonly start: number;
  /** Of a call without an answer: when it could no longer take place, because whoever worked on it was dead. */
  readonly end: number;
}

/** A moment of a call. */
interface Moment extends Happened {
  readonly of: Observed;
  readonly action: Action;
  readonly answer: Answer;
  /** Which half of a copy. */
  readonly step?: string;
  /** Names that a call without an answer may have made. */
  readonly mayHaveMade: readonly Fresh[];
  /** Another call was there that a "try again" may speak of. */
  readonly wasDisturbed: boolean;
  /** It read, while versioning was turned on beside it. */
  readonly mayMissVersioning: boolean;
}

const TRY_AGAIN: ReadonlySet<string> = new Set(["OperationAborted", "ConditionalRequestConflict", "SlowDown"]);
const COPIES: ReadonlySet<string> = new Set(["CopyObject", "UploadPartCopy"]);
const READS = /^(Get|Head|List)/;

export interface Judgement extends Verdict<State> {
  /** The call of each number in `order`. */
  readonly moments: readonly Observed[];
}

/** @param from state before the first call */
export function judge(observed: readonly Observed[], limits: ModelLimits, from = EMPTY): Judgement {
  const moments = momentsOf(observed, from, limits.storeFails === true);
  const machine: Machine<State, Moment> = { initial: from, textOf, step: (state, moment) => stepOf(state, moment, limits) };
  return { ...linearize(moments, machine), moments: moments.map(({ of }) => of) };
}

function momentsOf(observed: readonly Observed[], from: State, storeFails: boolean): Moment[] {
  const loose = looseNames(observed, from);
  const keys = keysOf(observed, from);
  const moments: Moment[] = [];
  for (const of of observed) {
    const isUnknown = of.answer === "unknown";
    const base = {
      of,
      action: of.action,
      answer: of.answer,
      start: of.start,
      end: of.end,
      isOptional: isUnknown,
      mayHaveMade: isUnknown ? [{}, ...loose] : [],
      wasDisturbed:
        storeFails || observed.some((other) => other !== of && !READS.test(other.action.name) && runsBeside(other, of)),
      mayMissVersioning:
        /^(Get|Head|Copy|UploadPartCopy)/.test(of.action.name) &&
        observed.some((other) => other.action.name === "PutBucketVersioning" && runsBeside(other, of)),
    };
    for (const piece of split(base, keys)) {
      const failed = typeof piece.answer === "object" && "error" in piece.answer && piece.answer.error === "InternalError";
      const isOpen = storeFails && failed;
      const open = { answer: "unknown" as const, isOptional: true, mayHaveMade: [{}, ...loose] };
      moments.push({ ...piece, ...(isOpen ? open : {}), ...(piece.after === undefined ? {} : { after: moments.length - 1 }) });
    }
  }
  return moments;
}

/** A call without an answer may still have been there long afterwards. */
const runsBeside = (other: Observed, call: Observed): boolean =>
  other.start < call.end && (other.answer === "unknown" || other.end > call.start);

function split(base: Moment, keys: readonly string[]): Moment[] {
  const { action, answer } = base;
  const ok = typeof answer === "object" && "ok" in answer ? answer.ok : undefined;
  if (COPIES.has(action.name)) {
    if (typeof answer === "object" && "error" in answer) return [{ ...base, step: "copy refused" }];
    const { CopySourceVersionId, ...written } = ok ?? {};
    const read = { ok: CopySourceVersionId === undefined ? {} : { CopySourceVersionId } };
    const copied = { ...base, action: { ...action, input: { ...action.input, CopyId: String(base.of.id) } } };
    return [
      { ...copied, step: "copy read", answer: ok === undefined ? answer : read },
      { ...copied, step: "copy write", answer: ok === undefined ? answer : { ok: written }, after: 0 },
    ];
  }
  if (action.name === "DeleteObjects" && (ok !== undefined || answer === "unknown")) return deletions(base, ok);
  if (action.name === "ListObjectVersions" && ok !== undefined && isWhole(action)) {
    return keys.map((key) => ({
      ...base,
      action: { name: action.name, input: { Bucket: action.input["Bucket"], OnlyKey: key } },
      answer: { ok: onlyKey(ok, key) },
    }));
  }
  return [base];
}

interface Entry {
  readonly Key: string;
  readonly VersionId?: string;
}

/**
 * Each entry is a deletion of its own. Of entries that are alike, those behind are the refused ones: they come later, when
 * the bucket may be gone.
 */
function deletions(base: Moment, ok: Shown | undefined): Moment[] {
  const { Objects } = base.action.input["Delete"] as { readonly Objects: readonly Entry[] };
  const deleted = ((ok?.["Deleted"] ?? []) as readonly Shown[]).values();
  const refused = refusals(Objects, (ok?.["Errors"] ?? []) as readonly Shown[]);
  return Objects.map(({ Key, VersionId }, at): Moment => {
    const input = { Bucket: base.action.input["Bucket"], Key, ...(VersionId === undefined ? {} : { VersionId }) };
    const moment = { ...base, action: { name: "DeleteObject", input } };
    if (ok === undefined) return moment;
    const error = refused.get(at);
    if (error !== undefined) return { ...moment, answer: { error } };
    const { DeleteMarker, DeleteMarkerVersionId, VersionId: named } = deleted.next().value ?? {};
    const marker = DeleteMarker === true ? { DeleteMarker } : {};
    return { ...moment, answer: { ok: { ...marker, ...idOf(named ?? DeleteMarkerVersionId) } } };
  });
}

/** Error code by place of the entry. */
function refusals(entries: readonly Entry[], errors: readonly Shown[]): ReadonlyMap<number, string> {
  const refused = new Map<number, string>();
  for (const { Key, VersionId, Code } of errors.toReversed()) {
    const at = entries.findLastIndex((entry, i) => entry.Key === Key && entry.VersionId === VersionId && !refused.has(i));
    if (at >= 0) refused.set(at, String(Code));
  }
  return refused;
}

const idOf = (VersionId: unknown): Shown => (VersionId === undefined ? {} : { VersionId });

const isWhole = ({ input }: Action): boolean => Object.keys(input).every((name) => name === "Bucket");

function onlyKey(shown: Shown, key: string): Shown {
  const of = (member: string): readonly unknown[] =>
    (shown[member] as readonly { readonly Key: string }[]).filter(({ Key }) => Key === key);
  return { ...shown, Versions: of("Versions"), DeleteMarkers: of("DeleteMarkers") };
}

function keysOf(observed: readonly Observed[], from: State): string[] {
  const written = observed.map(({ action }) => action.input["Key"]).filter((key) => typeof key === "string");
  return [...new Set([...written, ...Object.values(from.buckets).flatMap(({ keys }) => Object.keys(keys))])];
}

/** Version and upload ids that were shown, and that no answer says were made: calls without an answer made them. */
function looseNames(observed: readonly Observed[], from: State): Fresh[] {
  const made = new Set<unknown>(["null"]);
  for (const { keys, uploads } of Object.values(from.buckets)) {
    for (const { id } of Object.values(keys).flat()) made.add(id);
    for (const id of Object.keys(uploads)) made.add(id);
  }
  const shown = new Map<string, Fresh>();
  for (const { action, answer } of observed) {
    if (typeof answer !== "object" || !("ok" in answer)) continue;
    if (!READS.test(action.name)) for (const name of ["VersionId", "UploadId"]) made.add(answer.ok[name]);
    const rows = ["Versions", "DeleteMarkers", "Uploads"].flatMap((name) => (answer.ok[name] ?? []) as Fresh[]);
    for (const { VersionId, UploadId } of [answer.ok as Fresh, ...rows]) {
      if (VersionId !== undefined) shown.set(VersionId, { VersionId });
      if (UploadId !== undefined) shown.set(UploadId, { UploadId });
    }
  }
  return [...shown].filter(([name]) => !made.has(name)).map(([, fresh]) => fresh);
}

/** Calls that make a name which they choose themselves. */
function namesOf(moment: Moment): readonly Fresh[] {
  const { answer, mayHaveMade, of } = moment;
  if (answer === "unknown") {
    const unseen = { VersionId: `unseen ${of.id}`, UploadId: `unseen ${of.id}` };
    return mayHaveMade.map((fresh) => ({ ...unseen, ...fresh }));
  }
  return [typeof answer === "object" && "ok" in answer ? (answer.ok as Fresh) : {}];
}

function stepOf(state: State, moment: Moment, limits: ModelLimits): State[] {
  const { answer, action, step } = moment;
  if (typeof answer === "object" && "error" in answer && TRY_AGAIN.has(answer.error)) return moment.wasDisturbed ? [state] : [];
  const results: State[] = [];
  for (const fresh of namesOf(moment)) {
    const outcome = perform(state, action, fresh, limits, step);
    if (answer === "unknown") {
      if ("next" in outcome && outcome.next !== state) results.push(outcome.next);
    } else if ("ok" in answer) {
      if ("ok" in outcome && agrees(outcome.ok, answer.ok, moment)) results.push(outcome.next);
    } else if (refusalsOf(outcome, moment).some((error) => isError(answer.error, error))) results.push(state);
  }
  return results;
}

const refusalsOf = (outcome: Outcome, { wasDisturbed }: Moment): readonly string[] =>
  "errors" in outcome ? outcome.errors : wasDisturbed ? (outcome.orErrors ?? []) : [];

/** A HEAD over HTTP does not say what was not found. */
const isError = (seen: string, expected: string): boolean =>
  seen === expected || (seen === "NotFound" && /^NoSuch(Bucket|Key|Version)$/.test(expected));

/**
 * A read beside the call that turns versioning on may have seen the bucket before and the object after: then it shows no
 * version id. Everything else must agree.
 */
function agrees(expected: Shown, seen: Shown, { mayMissVersioning, step }: Moment): boolean {
  if (textOf(expected) === textOf(seen)) return true;
  if (!mayMissVersioning || step === "copy write") return false;
  const { VersionId: _expected, CopySourceVersionId: _source, ...rest } = expected;
  return seen["VersionId"] === undefined && seen["CopySourceVersionId"] === undefined && textOf(rest) === textOf(seen);
}

/** A history as a person reads it. */
export function tell(observed: readonly Observed[]): string {
  const lines = [...observed].sort((a, b) => a.start - b.start).map(({ id, client, action, answer, start, end }) => {
    const { name, input, body } = action;
    const sent = `${name} ${textOf(input)}${body === undefined ? "" : ` ${body.length} bytes`}`;
    const answered = typeof answer === "string" ? answer : textOf(answer);
    return `  ${start}–${end} client ${client} #${id}: ${sent}\n      → ${answered}`;
  });
  return lines.join("\n");
}
