/**
 * The audit lines of all sources as one list, newest first by the time of recording; at the same millisecond, by source.
 * The order is total, so that reading can go on at a later request behind any line.
 */
import type { AuditLine, AuditLog, AuditSource } from "./audit-lines.js";

/** A line that has been seen. */
export type SeenLine = Pick<AuditLine, "source" | "offset"> & { readonly recordedMs: number };

export interface ReadRange {
  /** Begin behind this line. */
  readonly after?: SeenLine | undefined;
  /** Leave out what was recorded later. */
  readonly notAfterMs?: number | undefined;
  /** Leave out what was recorded earlier. */
  readonly notBeforeMs?: number | undefined;
}

interface Head {
  readonly source: AuditSource;
  readonly line: AuditLine;
  /** Of the line; a damaged one stands with the line recorded behind it. */
  readonly recordedMs: number;
}

export interface ReadLine extends SeenLine {
  readonly text: string;
  /** No record: its time is that of a neighbour. */
  readonly damaged: boolean;
}

/** @throws AuditPlaceError when `after` is no line */
export async function* newestFirst(log: AuditLog, range: ReadRange): AsyncGenerator<ReadLine> {
  const heads: Head[] = [];
  for (const source of await log.sources()) {
    const head = await headOf(source, await startOf(source, range), range.after?.recordedMs ?? Number.MAX_SAFE_INTEGER);
    if (head !== undefined) heads.push(head);
  }
  heads.sort(compareHeads);
  for (let newest = heads.pop(); newest !== undefined; newest = heads.pop()) {
    const { source, line, recordedMs } = newest;
    if (recordedMs < (range.notBeforeMs ?? 0)) return;
    yield { source: line.source, offset: line.offset, text: line.text, recordedMs, damaged: line.recordedMs === undefined };
    const next = await headOf(source, line.offset, recordedMs);
    if (next !== undefined) insert(heads, next);
  }
}

/** Where a source is to be read from; undefined: from its end. */
async function startOf(source: AuditSource, { after, notAfterMs }: ReadRange): Promise<number | undefined> {
  if (after === undefined) return notAfterMs === undefined ? undefined : source.behind(notAfterMs);
  if (source.name === after.source) return after.offset;
  // Of the same millisecond, only sources of smaller name come later.
  return source.behind(source.name < after.source ? after.recordedMs : after.recordedMs - 1);
}

async function headOf(source: AuditSource, offset: number | undefined, damagedMs: number): Promise<Head | undefined> {
  const line = await source.before(offset);
  return line === undefined ? undefined : { source, line, recordedMs: line.recordedMs ?? damagedMs };
}

/** The newest last. */
function compareHeads(a: Head, b: Head): number {
  if (a.recordedMs !== b.recordedMs) return a.recordedMs - b.recordedMs;
  return a.source.name < b.source.name ? -1 : 1;
}

/** Most often the next line of the same source is the newest again. */
function insert(heads: Head[], head: Head): void {
  let at = heads.length;
  for (let before = heads[at - 1]; before !== undefined && compareHeads(before, head) > 0; before = heads[at - 1]) at -= 1;
  heads.splice(at, 0, head);
}
