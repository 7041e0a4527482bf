/**
 * Typed rows over the metadata store. Every row is authenticated and bound to its place (store id and row key), and its
 * secret part sealed, under keys derived from the root key: an editor of the database can read names, but not change
 * rights. FORMAT: docs/spec/records.md.
 */
import type { Entry, MetadataStore, Put, Stamp } from "./contract.js";
import type { SpaceId } from "./spaces.js";

/** Strings are ordered by their UTF-8 bytes and end before any longer one; numbers are safe integers ≥ 0. */
export type KeyPart = string | number;

export interface TableSpec {
  readonly space: SpaceId;
  /** Name in error messages and in the MAC, e.g. `bucket`. */
  readonly kind: string;
  /** Of the clear part's shape; rows of older versions go through `migrate`. */
  readonly version: number;
  readonly migrate?: (fromVersion: number, clear: unknown) => unknown;
  /** Decoded rows to keep, found again by stamp: coherent between processes since each `get` reads the row afresh. Default 0. */
  readonly cache?: number;
}

/** A row as read. */
export interface Found<C> {
  readonly key: Buffer;
  readonly stamp: Stamp;
  /** Treat as immutable: it may be shared with the cache. */
  readonly clear: C;
  /** Opens the sealed part; undefined when the row has none. A fresh buffer each time. */
  sealed(): Buffer | undefined;
  /** Plaintext fingerprints (MD5, checksums), opened; empty when the row has none. */
  readonly fingerprints: Buffer;
}

export interface Row<C> {
  /** JSON; visible on disk: names, sizes, dates, ids. Never user metadata, tags, fingerprints, secrets. */
  readonly clear: C;
  /** Sealed under the metadata key. */
  readonly sealed?: Uint8Array;
  /** Encrypted so that a page of rows opens with one cipher call. ≤ 4 KiB. */
  readonly fingerprints?: Uint8Array;
}

export interface ListQuery {
  /** Rows whose leading key parts equal these. */
  readonly prefix?: readonly KeyPart[];
  /** Behind this row key, exclusive. */
  readonly after?: Uint8Array;
  readonly limit: number;
  readonly reverse?: boolean;
}

export interface Table<C> {
  key(...parts: KeyPart[]): Buffer;
  /** Keys of all rows below the given parts: `from ≤ key < to`. */
  span(...parts: KeyPart[]): { readonly from: Buffer; readonly to: Buffer };
  get(...parts: KeyPart[]): Promise<Found<C> | undefined>;
  getMany(keys: readonly Uint8Array[]): Promise<(Found<C> | undefined)[]>;
  list(query: ListQuery): Promise<Found<C>[]>;
  /** Rows of one page, all fingerprints opened with one cipher call. For `MetadataStore.groups` and `range`. */
  decodePage(entries: readonly Entry[]): Found<C>[];
  /** For `Batch.puts`. */
  put(key: Uint8Array, row: Row<C>): Put;
}

/** Reading a row that was altered, moved or made by another store. Answers 500; raises an integrity event. */
export class RecordIntegrityError extends Error {
  override readonly name = "RecordIntegrityError";
}

/** The store and its row codec; rooms get one instance from `server/assemble.ts`. */
export interface Records {
  readonly store: MetadataStore;
  table<C>(spec: TableSpec): Table<C>;
}
