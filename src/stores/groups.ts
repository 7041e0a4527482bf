/**
 * Delimited listing over ordered keys: what every embedded engine runs inside itself, so that a listing never pays a
 * round trip a prefix. One seek a group, however many rows the group stands for.
 */
import { asBuffer, justBehind, startsWith, successor } from "./byte-order.js";
import type { Entry, GroupsItem, GroupsQuery } from "./contract.js";

/** Rows of `from ≤ key < to` in order; no `to`: up to the last. Pulled lazily; must release what it holds on `return()`. */
export type Scan = (from: Uint8Array, to: Uint8Array | undefined) => Iterable<Entry>;

/** Answers `query` from one snapshot that `scan` reads. */
export function collectGroups(query: GroupsQuery, scan: Scan): GroupsItem[] {
  const end = successor(query.prefix);
  const items: GroupsItem[] = [];
  let from = startOf(query);
  while (from !== undefined && items.length < query.limit) {
    let behindGroup: Buffer | undefined;
    for (const entry of scan(from, end)) {
      const group = groupOf(entry.key, query);
      items.push(group === undefined ? { entry } : { group });
      if (group !== undefined) behindGroup = successor(group);
      if (group !== undefined || items.length === query.limit) break;
    }
    from = behindGroup;
  }
  return items;
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

function groupOf(key: Buffer, query: GroupsQuery): Buffer | undefined {
  const at = key.indexOf(query.delimiter, query.prefix.length);
  if (at < 0) return undefined;
  const nameEnd = key.indexOf(0, query.prefix.length);
  return nameEnd >= 0 && nameEnd < at ? undefined : Buffer.from(key.subarray(0, at + query.delimiter.length));
}
