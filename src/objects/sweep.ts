/**
 * What takes away blobs that nobody owns any more: pending ones whose writer died, garbage older than the longest read,
 * parts of aborted or completed uploads, uploads of deleted buckets. Bounded steps for the jobs room; each can be repeated
 * after a crash at any point, because a blob goes before the row that names it.
 * Source: docs/spec/objects.md §4; DESIGN §5 "Sweep".
 */
import { decodeKey } from "../stores/key-encoding.js";
import type { Found } from "../stores/records.js";
import type { Room } from "./deps.js";
import { addGarbage, GARBAGE, LIVE, noChanges, PENDING, timeText, type Changes } from "./ledger.js";
import { MAX_PARTS } from "./part-table.js";
import { isPinned } from "./pins.js";
import {
  unpackJson,
  type GarbageRecord,
  type LedgerRecord,
  type PartEntry,
  type PendingRecord,
  type Segment,
} from "./records.js";

export type StepResult = "more" | "done";

/** Rows of one step. */
const BATCH = 100;

/**
 * One step of everything: expired pending rows, then old garbage. Nothing while a backup holds a pin.
 * @returns `more` when there may be work left
 */
export async function sweepStep(room: Room): Promise<StepResult> {
  if (await isPinned({ store: room.store, ledger: room.tables.ledger, clock: room.clock })) return "done";
  const expired = await sweepPending(room);
  return expired === "more" ? "more" : sweepGarbage(room);
}

/** Blobs whose writer let the lease run out, a grace ago. */
export async function sweepPending(room: Room): Promise<StepResult> {
  const { ledger } = room.tables;
  const overdue = room.clock.now() - room.settings.limits.leaseMs;
  let after: Buffer | undefined;
  let taken = 0;
  for (let pages = 0; pages < BATCH; pages++) {
    const rows = await ledger.list({ prefix: [PENDING], limit: BATCH, ...(after === undefined ? {} : { after }) });
    for (const row of rows) {
      if (!isPending(row.clear) || row.clear.leaseUntilMs > overdue) continue;
      if (await takePending(room, row)) taken++;
    }
    if (rows.length < BATCH) return "done";
    if (taken >= BATCH) return "more";
    after = rows.at(-1)?.key;
  }
  // More writers at work than one step looks at: no reason to keep garbage waiting, nor to look again at once.
  return taken > 0 ? "more" : "done";
}

const isPending = (record: LedgerRecord): record is PendingRecord => "leaseUntilMs" in record;

/**
 * The row first becomes garbage under its stamp: a writer that wakes up loses its commit, so the blob below is nobody's.
 */
async function takePending(room: Room, row: Found<LedgerRecord>): Promise<boolean> {
  const [, id] = decodeKey(row.key, ["string", "string"]);
  const changes = noChanges();
  changes.checks.push({ key: row.key, stamp: row.stamp });
  changes.deletes.push(row.key);
  // As long as a blob is there, a pending or a live row says so.
  changes.puts.push(room.tables.ledger.put(room.tables.ledger.key(LIVE, id), { clear: { inc: "" } }));
  addGarbage(room, changes, id, { kind: "segment", inc: "", segment: id, at: "blob" });
  return (await room.store.commit(changes)).ok;
}

/** Garbage older than the longest read. */
export async function sweepGarbage(room: Room): Promise<StepResult> {
  const { ledger } = room.tables;
  const oldest = room.clock.now() - room.settings.limits.graceMs;
  const rows = await ledger.list({ prefix: [GARBAGE], limit: BATCH });
  const end = ledger.key(GARBAGE, timeText(Math.max(0, oldest + 1)));
  for (const row of rows) {
    // Rows are in order of time: behind the first young one all are young.
    if (Buffer.compare(row.key, end) >= 0) return "done";
    if ((await takeAway(room, row, row.clear as GarbageRecord)) === "more") return "more";
  }
  return rows.length < BATCH ? "done" : "more";
}

async function takeAway(room: Room, row: Found<LedgerRecord>, garbage: GarbageRecord): Promise<StepResult> {
  switch (garbage.kind) {
    case "segment":
      await room.blobs.delete(garbage.segment);
      await finish(room, row, [room.tables.ledger.key(LIVE, garbage.segment)]);
      return "done";
    case "parts":
      return takeParts(room, row, garbage);
    case "upload":
      return takeUploadParts(room, row, garbage, new Set());
    case "upload-rest":
      return takeUploadParts(room, row, garbage, await keptSegments(room, garbage));
    case "upload-answer":
      await finish(room, row, [room.tables.uploads.key(garbage.inc, garbage.uploadId)]);
      return "done";
    case "bucket":
      return takeUploads(room, row, garbage.inc);
  }
}

async function finish(room: Room, row: Found<LedgerRecord>, deletes: readonly Uint8Array[]): Promise<void> {
  await room.store.commit({ checks: [{ key: row.key, stamp: row.stamp }], deletes: [row.key, ...deletes] });
}

type OfUpload = Extract<GarbageRecord, { uploadId: string }>;

/** Blobs are deleted at once; their rows, and body rows, in the commit that follows. */
async function dropSegments(room: Room, inc: string, segments: readonly Segment[], changes: Changes): Promise<void> {
  for (const { id, at } of segments) {
    if (at === "inline") changes.deletes.push(room.tables.bodies.key(inc, id));
    else {
      await room.blobs.delete(id);
      changes.deletes.push(room.tables.ledger.key(LIVE, id));
    }
  }
}

/** One page of the part table of a deleted multipart object; the garbage row goes with the last. */
async function takeParts(room: Room, row: Found<LedgerRecord>, { inc, uploadId }: OfUpload): Promise<StepResult> {
  const [page] = await room.tables.partTables.list({ prefix: [inc, uploadId], limit: 1 });
  if (page === undefined) {
    await finish(room, row, []);
    return "done";
  }
  const changes = noChanges();
  const entries = unpackJson<PartEntry[]>(page.sealed()) ?? [];
  await dropSegments(
    room,
    inc,
    entries.map((entry) => entry.segment),
    changes,
  );
  changes.deletes.push(page.key);
  await room.store.commit(changes);
  return "more";
}

/** Segments that the completed object owns: they stay. */
async function keptSegments(room: Room, { inc, uploadId }: OfUpload): Promise<ReadonlySet<string>> {
  const kept = new Set<string>();
  const pages = await room.tables.partTables.list({ prefix: [inc, uploadId], limit: MAX_PARTS });
  for (const page of pages) for (const { segment } of unpackJson<PartEntry[]>(page.sealed()) ?? []) kept.add(segment.id);
  return kept;
}

/** Part rows of an upload that is over, and the bodies that no object took over. */
async function takeUploadParts(
  room: Room,
  row: Found<LedgerRecord>,
  { inc, uploadId, kind }: OfUpload,
  kept: ReadonlySet<string>,
): Promise<StepResult> {
  const parts = await room.tables.uploadParts.list({ prefix: [inc, uploadId], limit: BATCH });
  const changes = noChanges();
  const loose = parts.map((part) => part.clear.segment).filter((segment) => !kept.has(segment.id));
  await dropSegments(room, inc, loose, changes);
  changes.deletes.push(...parts.map((part) => part.key));
  if (parts.length < BATCH) {
    changes.deletes.push(row.key);
    // An aborted upload may have written part table pages before its Complete failed.
    if (kind === "upload") {
      const pages = await room.tables.partTables.list({ prefix: [inc, uploadId], limit: MAX_PARTS });
      changes.deletes.push(...pages.map((page) => page.key));
    }
  }
  await room.store.commit(changes);
  return parts.length < BATCH ? "done" : "more";
}

/** Uploads that were open when their bucket was deleted. */
async function takeUploads(room: Room, row: Found<LedgerRecord>, inc: string): Promise<StepResult> {
  const uploads = await room.tables.uploads.list({ prefix: [inc], limit: BATCH });
  const changes = noChanges();
  for (const { key, clear } of uploads) {
    changes.deletes.push(key);
    if (clear.state.kind === "completed") continue;
    changes.deletes.push(room.tables.uploadsByKey.key(inc, clear.key, clear.uploadId));
    addGarbage(room, changes, clear.uploadId, { kind: "upload", inc, uploadId: clear.uploadId });
  }
  if (uploads.length < BATCH) changes.deletes.push(row.key);
  await room.store.commit(changes);
  return uploads.length < BATCH ? "done" : "more";
}

/** Where an orphan search stands; kept by the job between steps. */
export interface OrphanSearch {
  after: string | undefined;
  /** Unknown blobs, with the time they were first seen. */
  readonly suspects: Map<string, number>;
  /** Those that were told of. */
  readonly told: Set<string>;
  /** Called once for each orphan. */
  readonly onOrphan: () => void;
}

export const newOrphanSearch = (onOrphan: () => void = () => undefined): OrphanSearch =>
  ({ after: undefined, suspects: new Map(), told: new Set(), onOrphan });

/** More than these are not remembered: the first have said that the store must be verified, which names all. */
const MAX_SUSPECTS = 10_000;

/**
 * Blobs that no ledger row knows, seen twice, a grace apart: told of once, and left where they are. Such a blob may be one
 * whose deletion a power cut undid, or an object's only body whose ledger row was lost: `coffer verify --repair` looks who
 * names it, and gives it back its row, or to the sweep.
 * @returns `done` at the end of a round
 */
export async function orphanStep(room: Room, search: OrphanSearch): Promise<StepResult> {
  const ids = await room.blobs.list(search.after, BATCH);
  const { ledger } = room.tables;
  const known = await room.store.get(ids.flatMap((id) => [ledger.key(LIVE, id), ledger.key(PENDING, id)]));
  for (const [at, id] of ids.entries()) {
    if (known[2 * at] === undefined && known[2 * at + 1] === undefined) suspect(room, search, id);
    else forget(search, id);
  }
  search.after = ids.at(-1);
  if (ids.length === BATCH) return "more";
  search.after = undefined;
  return "done";
}

function suspect(room: Room, search: OrphanSearch, id: string): void {
  const now = room.clock.now();
  const since = search.suspects.get(id);
  if (since === undefined && search.suspects.size < MAX_SUSPECTS) search.suspects.set(id, now);
  if (since === undefined || now - since < room.settings.limits.graceMs || search.told.has(id)) return;
  search.told.add(id);
  search.onOrphan();
  room.log.error(
    { event: "orphan", blob: id },
    "integrity event: no ledger row names a blob; it is left in place: stop the server and run coffer verify --repair",
  );
}

function forget({ suspects, told }: OrphanSearch, id: string): void {
  suspects.delete(id);
  told.delete(id);
}
