/** Rows that belong to nothing: of kinds that nobody knows, of buckets that are not there, parts of unknown uploads. */
import { successor } from "../stores/byte-order.js";
import { decodeKey, decodeStrings } from "../stores/key-encoding.js";
import { Space } from "../stores/spaces.js";
import { damagedRow, openPage } from "../stores/verify-rows.js";
import type { Table } from "../stores/records.js";
import { GARBAGE } from "./ledger.js";
import type { GarbageRecord } from "./records.js";
import { UNIT_ROWS, type PhaseAt, type Unit, type Verifier } from "./verify-unit.js";

/** Given out, but without rows in this version. */
const EMPTY_SPACES: ReadonlySet<number> = new Set([
  Space.meta, Space.policyVersions, Space.sessions, Space.kmsGrantTokens, Space.accountSettings,
]);
const SHOWN = 20;
const PAGE = 1000;

/** Rows between the spaces that have tables. */
export async function unknownRowsUnit({ room }: Verifier, unit: Unit): Promise<PhaseAt> {
  const known = Object.values(Space).filter((space) => !EMPTY_SPACES.has(space)).sort((a, b) => a - b);
  let from = 0;
  for (const space of [...known, 0xff]) {
    if (from < space) {
      const query = { from: Buffer.from(from === 0 ? [0] : [from]), to: Buffer.from([space]), limit: SHOWN };
      for (const { key } of await room.store.range(query)) await unit.damage(
        "row-unknown", `row ${key.toString("hex")}`, "no such kind of row is known",
      );
    }
    from = space + 1;
  }
  return undefined;
}

/** Every row below a bucket begins with its incarnation: it must be a bucket's, or on its way out. */
export async function strayRowsUnit(verifier: Verifier, unit: Unit): Promise<PhaseAt> {
  const { tables } = verifier.room;
  const emptied: readonly (readonly [string, Table<never>])[] = [
    ["object", tables.heads as Table<never>], ["version", tables.versions as Table<never>],
    ["listing row", tables.listable as Table<never>],
  ];
  // Parts of an upload that is over may lie inline.
  const swept: readonly (readonly [string, Table<never>])[] = [
    ["body row", tables.bodies as Table<never>],
    ["part table", tables.partTables as Table<never>], ["upload", tables.uploads as Table<never>],
    ["upload part", tables.uploadParts as Table<never>], ["listed upload", tables.uploadsByKey as Table<never>],
  ];
  // Read afresh for each doubt: a bucket may have been made, or deleted, meanwhile.
  const ofBucket = async (inc: string): Promise<boolean> => (await bucketIncarnations(verifier)).has(inc);
  const sweptSoon = async (inc: string): Promise<boolean> =>
    (await ofBucket(inc)) || (await garbageOf(verifier)).incarnations.has(inc);
  const buckets = await bucketIncarnations(verifier);
  for (const [kind, table] of emptied) await seek(verifier, unit, { kind, table, buckets, known: ofBucket });
  for (const [kind, table] of swept) await seek(verifier, unit, { kind, table, buckets, known: sweptSoon });
  return undefined;
}

interface Search {
  readonly kind: string;
  readonly table: Table<never>;
  readonly buckets: ReadonlySet<string>;
  /** Asked where `buckets` does not have it. */
  known(inc: string): Promise<boolean>;
}

/** One look for each incarnation that has rows. */
async function seek(verifier: Verifier, unit: Unit, { kind, table, buckets, known }: Search): Promise<void> {
  const { store } = verifier.room;
  const { from, to } = table.span();
  for (let next = from; ; ) {
    const [entry] = await store.range({ from: next, to, limit: 1 });
    if (entry === undefined) return;
    const end = entry.key.indexOf(0, 1);
    const [inc = entry.key.toString("hex")] = decodeStrings(entry.key.subarray(0, end + 1));
    const isKnown = buckets.has(inc) || (await known(inc));
    const isStill = isKnown || (await store.get([entry.key]))[0] !== undefined;
    if (!isKnown && isStill) await unit.damage(
      "bucket-missing", `${kind} of bucket ${inc}`, "there are rows of a bucket that is not there",
    );
    const behind = successor(entry.key.subarray(0, end < 0 ? entry.key.length : end + 1));
    if (behind === undefined) return;
    next = behind;
  }
}

async function bucketIncarnations({ room }: Verifier): Promise<ReadonlySet<string>> {
  const all = new Set<string>();
  for (let after: Buffer | undefined; ; ) {
    const page = await openPage(room.store, room.tables.buckets, { prefix: [], after, limit: PAGE });
    for (const { clear } of page.rows) all.add(clear.incarnation);
    if (page.last === undefined) return all;
    after = page.last;
  }
}

interface GarbageNames {
  readonly incarnations: ReadonlySet<string>;
  readonly uploads: ReadonlySet<string>;
}

/** Buckets and uploads that the sweep has yet to deal with. */
async function garbageOf({ room }: Verifier): Promise<GarbageNames> {
  const incarnations = new Set<string>();
  const uploads = new Set<string>();
  for (let after: Buffer | undefined; ; ) {
    const page = await openPage(room.store, room.tables.ledger, { prefix: [GARBAGE], after, limit: PAGE });
    for (const { clear } of page.rows) {
      const garbage = clear as GarbageRecord;
      incarnations.add(garbage.inc);
      if ("uploadId" in garbage) uploads.add(garbage.uploadId);
    }
    if (page.last === undefined) return { incarnations, uploads };
    after = page.last;
  }
}

const PART_ROW = { kind: "upload part", parts: ["string", "string", "number"] } as const;

/** Part rows belong to an upload, or to one that the sweep has yet to take away. */
export async function partRowsUnit(verifier: Verifier, unit: Unit, at: PhaseAt): Promise<PhaseAt> {
  const { room } = verifier;
  const after = typeof at?.["after"] === "string" ? Buffer.from(at["after"], "hex") : undefined;
  const page = await openPage(room.store, room.tables.uploadParts, { prefix: [], after, to: unit.to, limit: UNIT_ROWS });
  for (const { key, error } of page.damaged) await unit.report(damagedRow(PART_ROW, key, error));
  unit.counts.Rows += page.rows.length;
  const uploads = new Map<string, string>();
  for (const { key } of page.rows) {
    const [inc, uploadId] = decodeKey(key, PART_ROW.parts);
    uploads.set(uploadId, inc);
  }
  let garbage: ReadonlySet<string> | undefined;
  for (const [uploadId, inc] of uploads) {
    const key = room.tables.uploads.key(inc, uploadId);
    if ((await room.store.get([key]))[0] !== undefined) continue;
    garbage ??= (await garbageOf(verifier)).uploads;
    if (garbage.has(uploadId)) continue;
    const rows = await room.tables.uploadParts.list({ prefix: [inc, uploadId], limit: 1 }).catch(() => [undefined]);
    if (rows.length > 0) await unit.damage(
      "upload-missing", `parts of upload ${uploadId}`, "there are parts of an upload that is not there",
    );
  }
  return page.last === undefined ? undefined : { after: page.last.toString("hex") };
}
