/**
 * Pages over the entities and policies of an account, in order of lower-case name. Bounded: a filter that matches
 * nothing ends a page early with `IsTruncated`. Source: docs/reference/authorization.md §6.6.
 */
import type { MetadataStore } from "../stores/contract.js";
import type { Found, Table } from "../stores/records.js";
import type { PageInput, PageOutput } from "./pages.js";
import { lower } from "./records.js";
import type { IamRoom } from "./room.js";

const CHUNK_ROWS = 500;
const MAX_ROWS = 5000;

export interface ListRequest<C> {
  readonly table: Table<C>;
  readonly accountId: string;
  /** Of the marker: operation, account, filters. */
  readonly scope: readonly string[];
  readonly input: PageInput;
  /** Items wanted. */
  readonly size: number;
  readonly matches: (clear: C) => boolean;
}

/** One page of rows keyed by (accountId, lower-case name). */
export async function listByName<C extends { readonly name: string }>(
  room: IamRoom,
  request: ListRequest<C>,
): Promise<{ rows: readonly Found<C>[]; page: PageOutput }> {
  const { table, accountId, scope, input, size, matches } = request;
  let position = room.markers.read(scope, input.Marker);
  const rows: Found<C>[] = [];
  for (let seen = 0; seen < MAX_ROWS; seen += CHUNK_ROWS) {
    const after = position === undefined ? {} : { after: table.key(accountId, position) };
    const chunk = await table.list({ prefix: [accountId], limit: CHUNK_ROWS, ...after });
    for (const row of chunk) {
      if (rows.length === size) return { rows, page: { IsTruncated: true, Marker: room.markers.make(scope, position ?? "") } };
      if (matches(row.clear)) rows.push(row);
      position = lower(row.clear.name);
    }
    if (chunk.length < CHUNK_ROWS) return { rows, page: { IsTruncated: false } };
  }
  return { rows, page: { IsTruncated: true, Marker: room.markers.make(scope, position ?? "") } };
}

/** Rows of a span, at most `limit`; their contents are not opened. */
export async function countRows(
  store: MetadataStore, span: { readonly from: Buffer; readonly to: Buffer }, limit: number,
): Promise<number> {
  return (await store.range({ ...span, limit })).length;
}
