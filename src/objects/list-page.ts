/**
 * One page of names under a bucket, with or without delimiter: the part that all listings share. The skipping over common
 * prefixes happens inside the store engine. Source: S3 API reference §5.4; DESIGN §5.
 */
import { assert } from "../lib/errors.js";
import { justBehind, successor } from "../stores/byte-order.js";
import { decodeText, encodeText } from "../stores/key-encoding.js";
import type { Found, Table } from "../stores/records.js";
import type { Room } from "./deps.js";
import { invalidArgument } from "./errors.js";

export interface NameQuery {
  readonly inc: string;
  readonly prefix: string;
  /** Non-empty, or undefined. */
  readonly delimiter: string | undefined;
  /** Behind this name: a key, or a common prefix as a page ended with it. */
  readonly after: string | undefined;
  readonly limit: number;
}

export type NameItem<C> = { readonly row: Found<C> } | { readonly group: string };

/**
 * @param table keyed by incarnation and name (and perhaps more)
 * @param afterKey row key to go on behind, instead of `after`: for tables with more key parts
 */
export async function namePage<C>(room: Room, table: Table<C>, query: NameQuery, afterKey?: Buffer): Promise<NameItem<C>[]> {
  const base = table.key(query.inc);
  const prefix = Buffer.concat([base, encodeText(query.prefix)]);
  const after = afterKey ?? behind(table, query, base);
  if (query.delimiter === undefined) {
    const to = successor(prefix);
    assert(to !== undefined, "row keys begin with a space byte below 0xff");
    const next = after === undefined ? prefix : justBehind(after);
    const from = Buffer.compare(next, prefix) < 0 ? prefix : next;
    if (Buffer.compare(from, to) >= 0) return [];
    const entries = await room.store.range({ from, to, limit: query.limit });
    return table.decodePage(entries).map((row) => ({ row }));
  }
  const items = await room.store.groups({
    prefix,
    delimiter: encodeText(query.delimiter),
    limit: query.limit,
    ...(after === undefined ? {} : { after }),
  });
  const rows = table.decodePage(items.flatMap((item) => ("entry" in item ? [item.entry] : [])));
  let at = 0;
  return items.map((item): NameItem<C> => {
    if ("group" in item) return { group: decodeText(item.group.subarray(base.length)) };
    const row = rows[at++];
    assert(row !== undefined, "one row an entry");
    return { row };
  });
}

/** A page that ended with a common prefix goes on behind all of it; any other name, behind all rows of that name. */
function behind<C>(table: Table<C>, { inc, prefix, delimiter, after }: NameQuery, base: Buffer): Buffer | undefined {
  if (after === undefined || after === "") return undefined;
  const group = delimiter !== undefined && after.startsWith(prefix) ? after.indexOf(delimiter, prefix.length) : -1;
  if (delimiter !== undefined && group >= 0 && group + delimiter.length === after.length)
    return Buffer.concat([base, encodeText(after)]);
  const span = table.span(inc, after);
  // The last key below the name: of tables with more key parts, all rows of the name are skipped.
  return Buffer.concat([span.from, Buffer.alloc(16, 0xff)]);
}

/** S3's `max-keys` and the like: 0 … 2^31-1, at most 1000 are given. @throws ServiceError InvalidArgument */
export function pageLimit(asked: number | undefined, name: string): number {
  if (asked === undefined) return 1000;
  if (!Number.isInteger(asked) || asked < 0 || asked > 2147483647) {
    throw invalidArgument(`Argument ${name} must be an integer between 0 and 2147483647`, name, String(asked));
  }
  return Math.min(asked, 1000);
}

/** Present but empty delimiters count as absent. */
export const delimiterOf = (text: string | undefined): string | undefined =>
  text === undefined || text === "" ? undefined : text;
