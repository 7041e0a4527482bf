/**
 * Walks the objects of every bucket: each key's head, its noncurrent versions and its listing row, as one view of one moment,
 * however many versions there are and whoever writes meanwhile.
 */
import { isDeepStrictEqual } from "node:util";
import { justBehind } from "../stores/byte-order.js";
import { damagedRow, openPage, openRow } from "../stores/verify-rows.js";
import type { BucketRecord, HeadRecord } from "./records.js";
import { packJson } from "./records.js";
import { checkVersion } from "./verify-version.js";
import { UNIT_ROWS, Unit, versionName, type PhaseAt, type Verifier } from "./verify-unit.js";
import { inverted, NULL_VERSION } from "./version-ids.js";
import { listableOf, printsOf, rowOf, type HeadRow } from "./versions.js";

const HEAD_PARTS = { kind: "object", parts: ["string", "string"] } as const;
/** Keys that never stand still are judged as they are. */
const ATTEMPTS = 8;

/** One bucket, or a part of it: `bucket` is its row key, `after` the last head, `versions…` where within a key to go on. */
export async function objectsUnit(verifier: Verifier, unit: Unit, at: PhaseAt): Promise<PhaseAt> {
  const found = await bucketAt(verifier, unit, at);
  if (found === undefined) return undefined;
  const { record, rowKey } = found;
  const bucket = rowKey.toString("hex");
  const begun = at?.["bucket"] === bucket ? at : undefined;
  let after: Buffer | undefined = typeof begun?.["after"] === "string" ? Buffer.from(begun["after"], "hex") : undefined;
  const to = typeof begun?.["to"] === "string" ? Buffer.from(begun["to"], "hex") : await endOfHeads(verifier, record);
  const here = (rest = {}): PhaseAt => (
    { bucket, to: to.toString("hex"), ...(after === undefined ? {} : { after: after.toString("hex") }), ...rest }
  );
  const inKey = begun === undefined ? undefined : cursorOf(begun);
  if (inKey !== undefined) {
    const rest = await keyUnit(verifier, unit, { bucket: record, headKey: inKey.headKey, from: inKey });
    if (rest !== undefined) return here(rest);
    after = inKey.headKey;
  }
  while (!unit.isFull) {
    const { room } = verifier;
    const page = await openPage(room.store, room.tables.heads, { prefix: [record.incarnation], after, to, limit: UNIT_ROWS });
    for (const { key, error } of page.damaged) await unit.report(damagedRow(HEAD_PARTS, key, error));
    for (const row of page.rows) {
      if (unit.isFull) return here();
      await unit.turn();
      const rest = await keyUnit(verifier, unit, { bucket: record, headKey: row.key, from: undefined });
      if (rest !== undefined) return here(rest);
      after = row.key;
    }
    if (page.last === undefined) return { behind: bucket };
    after = page.last;
  }
  return here();
}

/** Behind the bucket's last key: keys that come after it are for the next walk. */
async function endOfHeads({ room }: Verifier, { incarnation }: BucketRecord): Promise<Buffer> {
  const { from, to } = room.tables.heads.span(incarnation);
  const [last] = await room.store.range({ from, to, limit: 1, reverse: true });
  return last === undefined ? from : justBehind(last.key);
}

interface Cursor {
  readonly headKey: Buffer;
  readonly stamp: number;
  /** Last version row that is done; undefined: not even the current version is. */
  readonly after: Buffer | undefined;
  /** Part of the next version to go on with. */
  readonly part: number;
}

function cursorOf(at: NonNullable<PhaseAt>): Cursor | undefined {
  const { head, stamp, version, part } = at;
  if (typeof head !== "string" || typeof stamp !== "number") return undefined;
  const after = typeof version === "string" ? Buffer.from(version, "hex") : undefined;
  return { headKey: Buffer.from(head, "hex"), stamp, after, part: typeof part === "number" ? part : 0 };
}

interface BucketAt {
  readonly record: BucketRecord;
  readonly rowKey: Buffer;
}

/** The bucket of `at`, or the next one. Damaged rows are named where the table is walked. */
async function bucketAt({ room }: Verifier, unit: Unit, at: PhaseAt): Promise<BucketAt | undefined> {
  const { buckets } = room.tables;
  if (typeof at?.["bucket"] === "string") {
    const row = await openRow(buckets, Buffer.from(at["bucket"], "hex"));
    if (row !== undefined && row !== "damaged") return { record: row.clear, rowKey: row.key };
  }
  const behind = at?.["behind"] ?? at?.["bucket"];
  let after: Buffer | undefined = typeof behind === "string" ? Buffer.from(behind, "hex") : undefined;
  for (;;) {
    const page = await openPage(room.store, buckets, { prefix: [], after, to: unit.to, limit: 1 });
    const [row] = page.rows;
    if (row !== undefined) return { record: row.clear, rowKey: row.key };
    if (page.last === undefined) return undefined;
    after = page.last;
  }
}

interface KeyPlace {
  readonly bucket: BucketRecord;
  readonly headKey: Buffer;
  readonly from: Cursor | undefined;
}

/**
 * All versions of one key. What is found counts only if the head stood still from beginning to end: every change of the
 * key changes it.
 * @returns where to go on within the key; undefined: it is done
 */
async function keyUnit(
  verifier: Verifier, unit: Unit, place: KeyPlace,
): Promise<Readonly<Record<string, string | number>> | undefined> {
  const { heads } = verifier.room.tables;
  let from = place.from;
  for (let attempt = 0; ; attempt++) {
    const head = await openRow(heads, place.headKey);
    if (head === undefined || head === "damaged") return undefined;
    if (from !== undefined && from.stamp !== head.stamp) from = await moved(verifier, unit, { bucket: place.bucket, head, from });
    const draft = unit.draft();
    let rest = await versionsOf(verifier, draft, { bucket: place.bucket, head, from });
    const again = await openRow(heads, place.headKey);
    const stoodStill = again !== "damaged" && again?.stamp === head.stamp;
    if (!stoodStill && attempt < ATTEMPTS) continue;
    const repairing = verifier.repairs && draft.findings.some(({ State }) => State === "REPAIRABLE");
    // Nobody else writes where repairs are made: the same again, with them.
    if (repairing) rest = await versionsOf(verifier, unit, { bucket: place.bucket, head, from });
    else unit.take(draft);
    return rest === undefined ? undefined : { head: place.headKey.toString("hex"), stamp: head.stamp, ...rest };
  }
}

/**
 * Between two units the key changed. The walk goes on behind what it has seen, or a busy key would hold it for ever: what
 * came since is young, and left to the next walk; but an older version may have become current, and is still owned.
 */
async function moved(
  verifier: Verifier, unit: Unit, { bucket, head, from }: { bucket: BucketRecord; head: HeadRow; from: Cursor },
): Promise<Cursor> {
  const owners = new Unit(verifier, "OWNERS", unit.since);
  await checkVersion(verifier, owners, { bucket, row: head, fromPart: 0 });
  unit.owned.push(...owners.owned);
  const after = from.after ?? verifier.room.tables.versions.span(bucket.incarnation, head.clear.key).from;
  return { ...from, stamp: head.stamp, after, part: 0 };
}

interface HeadPlace {
  readonly bucket: BucketRecord;
  readonly head: HeadRow;
  readonly from: Cursor | undefined;
}

/** @returns the last version that is done, and the part of the next one to go on with */
async function versionsOf(
  verifier: Verifier, unit: Unit, { bucket, head, from }: HeadPlace,
): Promise<{ readonly version?: string; readonly part?: number } | undefined> {
  const { room } = verifier;
  const { key } = head.clear;
  if (from === undefined && !unit.isYoung(head.stamp)) await checkHead(verifier, unit, bucket, head);
  let fromPart = from?.part ?? 0;
  if (from?.after === undefined) {
    const part = await checkVersion(verifier, unit, { bucket, row: head, fromPart });
    if (part !== undefined) return { part };
    fromPart = 0;
  }
  // Before all versions: the current one is done.
  let after: Buffer = from?.after ?? room.tables.versions.span(bucket.incarnation, key).from;
  for (;;) {
    const page = await openPage(room.store, room.tables.versions, { prefix: [bucket.incarnation, key], after, limit: 100 });
    // Damaged ones are named where the table is walked.
    for (const row of page.rows) {
      await unit.turn();
      const part = await checkVersion(verifier, unit, { bucket, row, fromPart });
      if (part !== undefined) return { version: after.toString("hex"), part };
      fromPart = 0;
      after = row.key;
      if (unit.isFull) return { version: row.key.toString("hex") };
    }
    if (page.last === undefined) return undefined;
    after = page.last;
  }
}

/** Head, listing row, and what the head says of older versions. */
async function checkHead(verifier: Verifier, unit: Unit, bucket: BucketRecord, head: HeadRow): Promise<void> {
  const { room } = verifier;
  const { tables } = room;
  const { incarnation: inc } = bucket;
  const { key, seq, lastSeq, nullSeq, hasOlder, versionId } = head.clear;
  const name = versionName(bucket.name, key, versionId);
  if (!tables.heads.key(inc, key).equals(head.key)) {
    await unit.damage("row-misplaced", name, "the head row stands under another key than its content");
    return;
  }
  if (seq > lastSeq) await unit.damage("version-order-wrong", name, `version ${seq} is behind the key's last, ${lastSeq}`);
  const older = await openPage(room.store, tables.versions, { prefix: [inc, key], limit: 1 });
  const hasRows = older.rows.length + older.damaged.length > 0;
  if (hasRows !== (hasOlder === true)) {
    const { hasOlder: _hasOlder, ...rest } = head.clear;
    const clear: HeadRecord = hasRows ? { ...rest, hasOlder: true } : rest;
    await unit.damage("older-versions-unsaid", name, `the head row says ${hasRows ? "no" : "some"} older versions`, async () => ({
      checks: [{ key: head.key, stamp: head.stamp }],
      puts: [tables.heads.put(head.key, { ...rowOf(head), clear })],
    }));
  }
  if (nullSeq !== undefined) {
    const row = await openRow(tables.versions, tables.versions.key(inc, key, inverted(nullSeq)));
    const isNull = row === "damaged" || row?.clear.versionId === NULL_VERSION;
    if (!isNull) await unit.damage("null-version-missing", name, "the null version that the head row names is not there");
  }
  await checkListable(verifier, unit, { bucket, head, name });
}

async function checkListable(
  { room }: Verifier, unit: Unit, { bucket, head, name }: { bucket: BucketRecord; head: HeadRow; name: string },
): Promise<void> {
  const { listable } = room.tables;
  const rowKey = listable.key(bucket.incarnation, head.clear.key);
  const wanted = head.clear.object === undefined ? undefined : listableOf(head.clear);
  const row = await openRow(listable, rowKey);
  const check = { key: head.key, stamp: head.stamp };
  if (row === "damaged") return;
  if (wanted === undefined) {
    const gone = async () => ({ checks: [check], deletes: [rowKey] });
    if (row !== undefined) await unit.damage("listing-row-wrong", name, "a deleted key is still listed", gone);
    return;
  }
  const same = row !== undefined && isDeepStrictEqual(row.clear, wanted) && isDeepStrictEqual(printsOf(row), printsOf(head));
  if (same) return;
  const what = row === undefined ? "the key is not listed" : "the key is listed with other facts than its head row has";
  await unit.damage("listing-row-wrong", name, what, async () => ({
    checks: [check],
    puts: [listable.put(rowKey, { clear: wanted, fingerprints: packJson(printsOf(head)) })],
  }));
}
