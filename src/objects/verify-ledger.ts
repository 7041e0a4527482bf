/**
 * Walks what is held: the ledger, body rows, part tables, blobs. Each unit says which pieces there are; whether each has
 * exactly one owner is compared at the end (verify-run.ts). Pieces younger than the walk are not judged: their owners may
 * have come behind it.
 */
import { decodeKey, decodeStrings } from "../stores/key-encoding.js";
import { justBehind } from "../stores/byte-order.js";
import { damagedRow, openPage } from "../stores/verify-rows.js";
import { GARBAGE, LIVE, PENDING } from "./ledger.js";
import { PIN } from "./pins.js";
import { unpackJson, type GarbageRecord, type LedgerRecord, type PartEntry } from "./records.js";
import { tableId, UNIT_ROWS, uploadOwner, type PhaseAt, type Unit, type Verifier } from "./verify-unit.js";

const LEDGER_PARTS = { kind: "ledger row", parts: ["string", "string"] } as const;
const TABLE_PARTS = { kind: "part table", parts: ["string", "string", "number"] } as const;
/** Body rows hold up to 64 KiB each. */
const BODY_PAGE = 64;
const PART_PAGE = 500;
/** Many, since rows stand at times to come too (answers of completed uploads): new ones come before the last, but not as fast. */
const LEDGER_PAGE = 1000;

const afterOf = (at: PhaseAt): Buffer | undefined =>
  typeof at?.["after"] === "string" ? Buffer.from(at["after"], "hex") : undefined;
const behind = (last: Buffer | undefined): PhaseAt => (last === undefined ? undefined : { after: last.toString("hex") });

/** What waits for the sweep still has an owner: the garbage row. */
export async function garbageUnit(verifier: Verifier, unit: Unit, at: PhaseAt): Promise<PhaseAt> {
  const { room } = verifier;
  const { ledger } = room.tables;
  const page = await openPage(room.store, ledger, { prefix: [GARBAGE], after: afterOf(at), to: unit.to, limit: LEDGER_PAGE });
  let done = afterOf(at);
  for (const row of page.rows) {
    if (unit.isFull && done !== undefined) return behind(done);
    await unit.turn();
    done = row.key;
    unit.counts.Garbage += 1;
    const garbage = row.clear as GarbageRecord;
    // Younger than the walk: its owner may have been seen before it was dropped.
    const owner = unit.isYoung(row.stamp) ? "" : "garbage";
    if (garbage.kind === "segment") unit.owned.push({ Id: garbage.segment, Owner: owner });
    if (garbage.kind === "parts") unit.owned.push({ Id: tableId(garbage.inc, garbage.uploadId), Owner: owner });
    if (garbage.kind === "upload") unit.owned.push({ Id: tableId(garbage.inc, garbage.uploadId), Owner: "" });
    if (garbage.kind === "upload" || garbage.kind === "upload-rest") await ownParts(verifier, unit, garbage);
  }
  return behind(page.last);
}

async function ownParts({ room }: Verifier, unit: Unit, { inc, uploadId }: { inc: string; uploadId: string }): Promise<void> {
  for (let after: Buffer | undefined; ; ) {
    const page = await openPage(room.store, room.tables.uploadParts, { prefix: [inc, uploadId], after, limit: PART_PAGE });
    for (const { clear } of page.rows) unit.owned.push({ Id: clear.segment.id, Owner: uploadOwner(uploadId) });
    if (page.last === undefined) return;
    after = page.last;
  }
}

/** Segments that part tables name. A table that was written and given up may name parts that were replaced: a weak claim. */
export async function tablePartsUnit({ room }: Verifier, unit: Unit, at: PhaseAt): Promise<PhaseAt> {
  for (let after = afterOf(at); ; ) {
    const page = await openPage(room.store, room.tables.partTables, { prefix: [], after, to: unit.to, limit: 4 });
    for (const { key, error } of page.damaged) await unit.report(damagedRow(TABLE_PARTS, key, error));
    for (const row of page.rows) {
      unit.counts.Rows += 1;
      for (const { segment } of unpackJson<PartEntry[]>(row.sealed()) ?? []) unit.owned.push({ Id: segment.id, Owner: "" });
    }
    if (page.last === undefined || unit.isFull) return behind(page.last);
    await unit.turn();
    after = page.last;
  }
}

export async function tablesUnit({ room }: Verifier, unit: Unit, at: PhaseAt): Promise<PhaseAt> {
  const page = await openPage(room.store, room.tables.partTables, {
    prefix: [], after: afterOf(at), to: unit.to, limit: UNIT_ROWS / 10,
  });
  for (const { key, stamp } of page.rows) {
    const [inc, uploadId, number] = decodeKey(key, TABLE_PARTS.parts);
    if (!unit.isYoung(stamp)) unit.held.push({
      Id: tableId(inc, uploadId), Kind: "PART_TABLE", Detail: `upload ${uploadId} page ${number}`,
    });
  }
  return behind(page.last);
}

export async function ledgerUnit(verifier: Verifier, unit: Unit, at: PhaseAt): Promise<PhaseAt> {
  const { room } = verifier;
  const { ledger } = room.tables;
  const page = await openPage(room.store, ledger, { prefix: [], after: afterOf(at), to: unit.to, limit: LEDGER_PAGE });
  for (const { key, error } of page.damaged) await unit.report(damagedRow(LEDGER_PARTS, key, error));
  for (const row of page.rows) await ledgerRow(verifier, unit, row);
  unit.counts.Rows += page.rows.length;
  return behind(page.last);
}

async function ledgerRow(
  { room }: Verifier, unit: Unit, { key, stamp, clear }: { key: Buffer; stamp: number; clear: LedgerRecord },
): Promise<void> {
  const [kind = "", id = ""] = decodeStrings(key);
  if (kind === LIVE) {
    unit.counts.Blobs += 1;
    const { inc, upload } = clear as { readonly inc?: string; readonly upload?: string };
    const whose = upload === undefined ? `bucket ${inc ?? "?"}` : `upload ${upload}`;
    if (!unit.isYoung(stamp)) unit.held.push({ Id: id, Kind: "LEDGER", Detail: `ledger row of ${whose}` });
  } else if (kind === PENDING) {
    unit.counts.Pending += 1;
    const { leaseUntilMs = 0 } = clear as { readonly leaseUntilMs?: number };
    const overdueMs = room.clock.now() - leaseUntilMs - room.settings.limits.leaseMs;
    if (overdueMs > room.settings.limits.graceMs) await unit.leftover(
      "pending-stale", `blob ${id}`, "its writer is long gone, and the sweep has not come",
    );
  } else if (kind !== GARBAGE && kind !== PIN) {
    await unit.damage("ledger-row-unknown", `ledger row ${kind} ${id}`, "no such kind of row is known");
  }
}

export async function bodiesUnit({ room }: Verifier, unit: Unit, at: PhaseAt): Promise<PhaseAt> {
  const { from, to } = room.tables.bodies.span();
  const after = afterOf(at);
  const entries = await room.store.range({
    from: after === undefined ? from : justBehind(after), to: unit.to ?? to, limit: BODY_PAGE,
  });
  for (const { key, stamp } of entries) {
    unit.counts.Rows += 1;
    const place = placeOf(key);
    if (place === undefined) await unit.damage("row-misplaced", `body row ${key.toString("hex")}`, "its key is none of a body's");
    else if (!unit.isYoung(stamp)) unit.held.push({ Id: place.id, Kind: "BODY", Detail: `body row of bucket ${place.inc}` });
  }
  return behind(entries.length === BODY_PAGE ? entries.at(-1)?.key : undefined);
}

function placeOf(key: Buffer): { readonly inc: string; readonly id: string } | undefined {
  try {
    const [inc, id] = decodeKey(key, ["string", "string"]);
    return /^[0-9a-f]{32}$/.test(id) ? { inc, id } : undefined;
  } catch {
    return undefined;
  }
}

/** Blobs that neither a live nor a pending row names. */
export async function blobsUnit({ room }: Verifier, unit: Unit, at: PhaseAt): Promise<PhaseAt> {
  const after = typeof at?.["after"] === "string" ? at["after"] : undefined;
  const { ledger } = room.tables;
  const ids = await room.blobs.list(after, UNIT_ROWS);
  const known = await room.store.get(ids.flatMap((id) => [ledger.key(LIVE, id), ledger.key(PENDING, id)]));
  for (const [index, id] of ids.entries()) {
    if (known[2 * index] !== undefined || known[2 * index + 1] !== undefined) continue;
    const sizeBytes = await room.blobs.size(id);
    if (sizeBytes !== undefined) unit.held.push({ Id: id, Kind: "BLOB", Detail: `${sizeBytes} bytes` });
  }
  const last = ids.at(-1);
  return ids.length < UNIT_ROWS || last === undefined ? undefined : { after: last };
}
