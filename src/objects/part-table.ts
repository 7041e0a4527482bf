/**
 * Part tables: the ordered parts of a multipart object, in pages of 500 rows' worth. Their hash is in the manifest.
 * FORMAT: docs/spec/objects.md §1, §3.
 */
import type { Put } from "../stores/contract.js";
import type { Room } from "./deps.js";
import { PartTableHash } from "./manifest.js";
import type { ByteRange } from "./ranges.js";
import { packJson, unpackJson, type ObjectBody, type PartEntry } from "./records.js";

export const PART_PAGE = 500;
/** S3's largest part number. */
export const MAX_PARTS = 10_000;

type Parts = Extract<ObjectBody, { kind: "parts" }>;

const MAX_PAGES = MAX_PARTS / PART_PAGE;

/** The table's rows for the store, pages that an earlier attempt with more parts may have left, and the hash for the manifest. */
export function partTableRows(
  room: Room,
  inc: string,
  uploadId: string,
  entries: readonly PartEntry[],
): { puts: Put[]; deletes: Buffer[]; hash: string } {
  const hash = new PartTableHash();
  const puts: Put[] = [];
  for (let at = 0; at < entries.length; at += PART_PAGE) {
    const page = entries.slice(at, at + PART_PAGE);
    for (const entry of page) hash.add(entry);
    const key = room.tables.partTables.key(inc, uploadId, at / PART_PAGE);
    puts.push(room.tables.partTables.put(key, { clear: { count: page.length }, sealed: packJson(page) }));
  }
  const deletes: Buffer[] = [];
  for (let page = puts.length; page < MAX_PAGES; page++) deletes.push(room.tables.partTables.key(inc, uploadId, page));
  return { puts, deletes, hash: hash.digest() };
}

/** The part table is not the one that the manifest names. */
export class PartTableIntegrityError extends Error {
  override readonly name = "PartTableIntegrityError";
}

/**
 * All entries in order, verified against the hash in the (verified) body.
 * @returns undefined when the table is gone: the object was deleted meanwhile
 * @throws PartTableIntegrityError
 */
export async function readPartTable(room: Room, inc: string, body: Parts): Promise<PartEntry[] | undefined> {
  const entries: PartEntry[] = [];
  const pages = Math.ceil(body.count / PART_PAGE);
  const keys = Array.from({ length: pages }, (_, page) => room.tables.partTables.key(inc, body.uploadId, page));
  for (const row of await room.tables.partTables.getMany(keys)) {
    if (row === undefined) return undefined;
    entries.push(...(unpackJson<PartEntry[]>(row.sealed()) ?? []));
  }
  const hash = new PartTableHash();
  for (const entry of entries) hash.add(entry);
  if (entries.length !== body.count || hash.digest() !== body.hash) throw new PartTableIntegrityError("part table");
  return entries;
}

/** A part and the bytes wanted of it. */
export interface PartSlice {
  readonly entry: PartEntry;
  /** Within the part; absent: all of it. */
  readonly range?: ByteRange;
}

/** The parts that a range of the object touches, in order. */
export function slicesOf(entries: readonly PartEntry[], range: ByteRange | undefined): PartSlice[] {
  if (range === undefined) return entries.map((entry) => ({ entry }));
  const slices: PartSlice[] = [];
  let at = 0;
  for (const entry of entries) {
    const size = entry.segment.sizeBytes;
    const start = Math.max(range.start - at, 0);
    const end = Math.min(range.end - at, size - 1);
    at += size;
    if (start > end) continue;
    slices.push(start === 0 && end === size - 1 ? { entry } : { entry, range: { start, end } });
    if (at > range.end) break;
  }
  return slices;
}
