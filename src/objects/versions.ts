/**
 * Versions of a key: reading them, and the row changes of adding, replacing and removing one. Pure planning over rows that
 * were read; the commit checks the head row's stamp, which every change of the key bumps.
 * FORMAT: docs/spec/objects.md §1, §2. Source: S3 API reference §5.6.
 */
import type { Found, Row } from "../stores/records.js";
import type { Room } from "./deps.js";
import { slowDown } from "./errors.js";
import { dropBody, type Changes } from "./ledger.js";
import { packJson, unpackJson, type HeadRecord, type HeadSecrets, type ListableRecord, type Prints } from "./records.js";
import { inverted, NULL_VERSION, sequenceOf } from "./version-ids.js";

export type HeadRow = Found<HeadRecord>;

/** One version or delete marker, opened. */
export interface Version {
  readonly row: HeadRow;
  readonly record: HeadRecord;
  readonly isCurrent: boolean;
}

const NO_SECRETS: HeadSecrets = { headers: {}, metadata: {} };

/** Sealed parts as opened, for as long as their rows are kept: a row that is read again and again is opened once. */
const openedSecrets = new WeakMap<HeadRow, HeadSecrets>();

/** What is sealed of a version. Treat as immutable. @throws RecordIntegrityError */
export function secretsOf(row: HeadRow): HeadSecrets {
  const known = openedSecrets.get(row);
  if (known !== undefined) return known;
  const secrets = unpackJson<HeadSecrets>(row.sealed()) ?? NO_SECRETS;
  openedSecrets.set(row, secrets);
  return secrets;
}
export const printsOf = (row: { readonly fingerprints: Buffer }): Prints => unpackJson<Prints>(row.fingerprints) ?? { etag: "" };

const openedPrints = new WeakMap<HeadRow, Prints>();

/** `printsOf` of a row that its table keeps. Treat as immutable. */
export function keptPrintsOf(row: HeadRow): Prints {
  const known = openedPrints.get(row);
  if (known !== undefined) return known;
  const prints = printsOf(row);
  openedPrints.set(row, prints);
  return prints;
}

/** The version that `versionId` names, or the current one. undefined: there is none. */
export async function readVersion(
  room: Room,
  inc: string,
  key: string,
  versionId: string | undefined,
): Promise<Version | undefined> {
  const head = await room.tables.heads.get(inc, key);
  if (head === undefined) return undefined;
  return versionId === undefined ? { row: head, record: head.clear, isCurrent: true } : findVersion(room, inc, head, versionId);
}

/** How often a key may change while one of its versions is looked up. */
const MOVES = 64;

/**
 * The same where the head is at hand. A version moves between its own row and the head's: one that is not found counts as
 * absent only if the head stood still meanwhile.
 * @throws ServiceError SlowDown when the key never stands still
 */
export async function findVersion(room: Room, inc: string, head: HeadRow, versionId: string): Promise<Version | undefined> {
  let now = head;
  for (let tries = 0; tries < MOVES; tries++) {
    const found = await findUnder(room, inc, now, versionId);
    if (found !== undefined) return found;
    const again = await room.tables.heads.get(inc, head.clear.key);
    if (again === undefined || again.stamp === now.stamp) return undefined;
    now = again;
  }
  throw slowDown();
}

async function findUnder(room: Room, inc: string, head: HeadRow, versionId: string): Promise<Version | undefined> {
  const current = head.clear;
  if (current.versionId === versionId) return { row: head, record: current, isCurrent: true };
  const seq = versionId === NULL_VERSION ? current.nullSeq : sequenceOf(versionId);
  if (seq === undefined || seq > current.lastSeq) return undefined;
  const row = await room.tables.versions.get(inc, current.key, inverted(seq));
  return row === undefined || row.clear.versionId !== versionId ? undefined : { row, record: row.clear, isCurrent: false };
}

/** A version to be written: everything but its place in the order. */
export interface NewVersion {
  readonly record: Omit<HeadRecord, "seq" | "lastSeq" | "nullSeq" | "hasOlder">;
  readonly secrets: HeadSecrets;
  readonly prints: Prints;
}

/** Sequence number of the key's next version. */
export const nextSeq = (head: HeadRow | undefined): number => (head?.clear.lastSeq ?? 0) + 1;

/**
 * Makes `made` the current version; its id says whether it joins (`null` replaces the null version) the others.
 * @param head the current row; the caller checks its stamp (or absence)
 */
export async function planAdd(
  room: Room,
  inc: string,
  head: HeadRow | undefined,
  made: NewVersion,
  changes: Changes,
): Promise<void> {
  const { key } = made.record;
  const seq = nextSeq(head);
  let nullSeq = head?.clear.nullSeq;
  let hasOlder = head?.clear.hasOlder === true;
  if (made.record.versionId === NULL_VERSION && nullSeq !== undefined) {
    await dropNoncurrentNull(room, inc, key, nullSeq, changes);
    nullSeq = undefined;
    hasOlder = await hasVersionBesides(room, inc, key, inverted(head?.clear.nullSeq ?? 0));
  }
  if (head !== undefined) {
    const replaced = made.record.versionId === NULL_VERSION && head.clear.versionId === NULL_VERSION;
    if (replaced) dropVersionBody(room, inc, head.clear, changes);
    else {
      moveToVersions(room, inc, head, changes);
      hasOlder = true;
      if (head.clear.versionId === NULL_VERSION) nullSeq = head.clear.seq;
    }
  }
  const { versionId, modifiedMs, owner, marker, object } = made.record;
  // JSON leaves out what is undefined.
  const record: HeadRecord = {
    key, versionId, modifiedMs, owner, marker, object, seq, lastSeq: seq, nullSeq, hasOlder: hasOlder ? true : undefined,
  };
  putCurrent(room, inc, record, { clear: record, sealed: packJson(made.secrets), fingerprints: packJson(made.prints) }, changes);
}

async function dropNoncurrentNull(room: Room, inc: string, key: string, seq: number, changes: Changes): Promise<void> {
  const row = await room.tables.versions.get(inc, key, inverted(seq));
  if (row === undefined) return;
  changes.deletes.push(row.key);
  dropVersionBody(room, inc, row.clear, changes);
}

async function hasVersionBesides(room: Room, inc: string, key: string, invertedSeq: number): Promise<boolean> {
  const besides = room.tables.versions.key(inc, key, invertedSeq);
  const rows = await room.tables.versions.list({ prefix: [inc, key], limit: 2 });
  return rows.some((row) => !row.key.equals(besides));
}

function moveToVersions(room: Room, inc: string, head: HeadRow, changes: Changes): void {
  const { nullSeq: _nullSeq, hasOlder: _hasOlder, ...rest } = head.clear;
  const key = room.tables.versions.key(inc, rest.key, inverted(rest.seq));
  changes.puts.push(room.tables.versions.put(key, { ...rowOf(head), clear: { ...rest, lastSeq: rest.seq } }));
}

/** A row's parts, to be written elsewhere. */
export function rowOf(found: HeadRow): Row<HeadRecord> {
  const sealed = found.sealed();
  return {
    clear: found.clear,
    ...(sealed === undefined ? {} : { sealed }),
    ...(found.fingerprints.length === 0 ? {} : { fingerprints: found.fingerprints }),
  };
}

/** Writes head and listable row of the current version. */
export function putCurrent(room: Room, inc: string, record: HeadRecord, row: Row<HeadRecord>, changes: Changes): void {
  changes.puts.push(room.tables.heads.put(room.tables.heads.key(inc, record.key), row));
  const listableKey = room.tables.listable.key(inc, record.key);
  if (record.object === undefined) changes.deletes.push(listableKey);
  else {
    const { fingerprints } = row;
    changes.puts.push(
      room.tables.listable.put(listableKey, {
        clear: listableOf(record),
        ...(fingerprints === undefined ? {} : { fingerprints }),
      }),
    );
  }
}

/** What a listing shows of the current version. */
export function listableOf(record: HeadRecord): ListableRecord {
  const { object } = record;
  return {
    m: record.modifiedMs,
    s: object?.sizeBytes ?? 0,
    o: record.owner,
    ...(object?.storageClass === undefined ? {} : { c: object.storageClass }),
    ...(object?.checksum === undefined ? {} : { ca: object.checksum.algorithm, ct: object.checksum.type }),
  };
}

function dropVersionBody(room: Room, inc: string, record: HeadRecord, changes: Changes): void {
  if (record.object !== undefined) dropBody(room, changes, inc, record.object.body);
}

/**
 * Takes one version away for good; where it was current, the newest of the others becomes current.
 * @param head the current row, whose stamp the caller checks
 */
export async function planRemove(room: Room, inc: string, head: HeadRow, target: Version, changes: Changes): Promise<void> {
  if (!target.isCurrent) return planRemoveOlder(room, inc, head, [target.row], changes);
  const { key } = head.clear;
  dropVersionBody(room, inc, target.record, changes);
  const others = await room.tables.versions.list({ prefix: [inc, key], limit: 2 });
  const [next, more] = others;
  if (next === undefined) {
    changes.deletes.push(head.key, room.tables.listable.key(inc, key));
    return;
  }
  changes.deletes.push(next.key);
  const nullSeq = next.clear.versionId === NULL_VERSION ? undefined : head.clear.nullSeq;
  const record: HeadRecord = {
    ...next.clear,
    lastSeq: head.clear.lastSeq,
    ...(nullSeq === undefined ? {} : { nullSeq }),
    ...(more === undefined ? {} : { hasOlder: true }),
  };
  putCurrent(room, inc, record, { ...rowOf(next), clear: record }, changes);
}

/** The same for any number of noncurrent versions of one key. */
export async function planRemoveOlder(
  room: Room,
  inc: string,
  head: HeadRow,
  targets: readonly HeadRow[],
  changes: Changes,
): Promise<void> {
  const gone = new Set(targets.map(({ clear }) => clear.seq));
  const others = await room.tables.versions.list({ prefix: [inc, head.clear.key], limit: targets.length + 1 });
  for (const target of targets) {
    dropVersionBody(room, inc, target.clear, changes);
    changes.deletes.push(target.key);
  }
  const hasOlder = others.some((row) => !gone.has(row.clear.seq));
  const { nullSeq, hasOlder: _hasOlder, ...rest } = head.clear;
  const keepsNull = nullSeq !== undefined && !gone.has(nullSeq);
  const record: HeadRecord = { ...rest, ...(keepsNull ? { nullSeq } : {}), ...(hasOlder ? { hasOlder } : {}) };
  changes.puts.push(room.tables.heads.put(head.key, { ...rowOf(head), clear: record }));
}

/**
 * Rewrites the sealed part of a version (tags, ACL). Of a noncurrent one the head row is written again unchanged, so that
 * its stamp guards the key here too.
 */
export function planRewrite(room: Room, head: HeadRow, target: Version, secrets: HeadSecrets, changes: Changes): void {
  const row: Row<HeadRecord> = { ...rowOf(target.row), sealed: packJson(secrets) };
  if (target.isCurrent) {
    changes.puts.push(room.tables.heads.put(head.key, row));
    return;
  }
  changes.puts.push(room.tables.versions.put(target.row.key, row), room.tables.heads.put(head.key, rowOf(head)));
}
