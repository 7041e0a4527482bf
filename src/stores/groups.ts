/**
 * Delimited listing over ordered keys: what every embedded engine runs inside itself, so that a listing never pays a
 * round trip a prefix. One seek a group, however many rows the group stands for.
 */
import { asBuffer, justBehind, startsWith, successor } from "./byte-order.js";
import type { Entry, GroupsItem, GroupsQuery } from "./contract.js";

/** One snapshot, in key order. */
export interface Scan {
  /** The first key ≥ `from`, however far behind it. */
  first(from: Uint8Array): Buffer | undefined;
  /** Rows of `from ≤ key < to`; no `to`: up to the last. Pulled lazily; must release what it holds on `return()`. */
  rows(from: Uint8Array, to: Uint8Array | undefined): Iterable<Entry>;
}

/** Answers `query` from one snapshot that `scan` reads. */
export function collectGroups(query: GroupsQuery, scan: Scan): GroupsItem[] {
  const end = successor(query.prefix);
  const items: GroupsItem[] = [];
  let from = startOf(query);
  while (from !== undefined && items.length < query.limit) {
    const key = scan.first(from);
    if (key === undefined || (end !== undefined && Buffer.compare(key, end) >= 0)) break;
    const group = groupOf(key, query);
    if (group === undefined) {
      from = collectRows(query, scan.rows(key, end), items);
    } else {
      // Behind a group there is another, as a rule: no row is read that is not shown.
      items.push({ group });
      from = successor(group);
    }
  }
  return items;
}

/** Rows up to the next group, and that group. @returns where to go on; undefined: everything is listed, or enough */
function collectRows(query: GroupsQuery, rows: Iterable<Entry>, items: GroupsItem[]): Buffer | undefined {
  for (const entry of rows) {
    const group = groupOf(entry.key, query);
    items.push(group === undefined ? { entry } : { group });
    if (group !== undefined) return successor(group);
    if (items.length === query.limit) break;
  }
  return undefined;
}

/** First key that may be listed; undefined when `after` lies behind everything. */
function startOf(query: GroupsQuery): Uint8Array | undefined {
  const { prefix, after } = query;
  if (after === undefined) return atLeastOne(prefix);
  if (!startsWith(after, prefix)) {
    if (Buffer.compare(after, prefix) < 0) return atLeastOne(prefix);
    return undefined;
  }
  const group = groupOf(asBuffer(after), query);
  // A listing that ended with a group goes on behind all of its rows; one that ended within, behind that row.
  if (group !== undefined && group.length === after.length) return successor(group);
  return justBehind(after);
}

/** Engines have no empty key: the least key is one zero byte. */
function atLeastOne(prefix: Uint8Array): Uint8Array {
  return prefix.length === 0 ? Buffer.alloc(1) : prefix;
}

/** By a loop, as both the delimiter and the end of the name are looked for: names are short, and two searches are two calls. */
function groupOf(key: Buffer, { prefix, delimiter }: GroupsQuery): Buffer | undefined {
  for (let at = prefix.length; at < key.length && key[at] !== 0; at++) {
    if (key[at] === delimiter[0] && isAt(key, at, delimiter)) return key.subarray(0, at + delimiter.length);
  }
  return undefined;
}

function isAt(key: Buffer, at: number, delimiter: Uint8Array): boolean {
  for (let i = 1; i < delimiter.length; i++) if (key[at + i] !== delimiter[i]) return false;
  return true;
}
