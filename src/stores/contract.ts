/**
 * The two storage contracts. Engines know bytes only: no bucket, no key, no S3. Each contract has one suite that every
 * engine passes (test/stores/). Source: docs/decisions/0001-two-storage-contracts.md.
 */

/** Position of a commit: store-wide, strictly increasing, never reused, not even after delete or restart. */
export type Stamp = number;

export interface Value {
  readonly bytes: Buffer;
  /** Stamp of the commit that wrote this value. */
  readonly stamp: Stamp;
}

export interface Entry extends Value {
  readonly key: Buffer;
}

/** What must hold at the moment of commit. */
export type Check =
  /** The row's present stamp equals `stamp`; `"absent"`: there is no such row. */
  | { readonly key: Uint8Array; readonly stamp: Stamp | "absent" }
  /** There is no row in `from ≤ key < to`. */
  | { readonly emptyRange: { readonly from: Uint8Array; readonly to: Uint8Array } };

export interface Put {
  readonly key: Uint8Array;
  readonly bytes: Uint8Array;
}

export interface Batch {
  readonly checks?: readonly Check[];
  readonly puts?: readonly Put[];
  readonly deletes?: readonly Uint8Array[];
}

export type CommitResult =
  | { readonly ok: true; readonly stamp: Stamp }
  /** Index into `checks` of the first that failed; nothing was written. */
  | { readonly ok: false; readonly failed: number };

/** Bounds may be longer than any key. */
export interface RangeQuery {
  /** Inclusive. */
  readonly from: Uint8Array;
  /** Exclusive. */
  readonly to: Uint8Array;
  /** At most this many entries, ≥ 1. */
  readonly limit: number;
  /** Largest first. */
  readonly reverse?: boolean;
}

export interface GroupsQuery {
  /** Rows whose key starts with these bytes. */
  readonly prefix: Uint8Array;
  /** Looked for in the bytes after `prefix`, up to the first zero byte, which ends a name; non-empty, without zero bytes. */
  readonly delimiter: Uint8Array;
  /**
   * Exclusive: start behind this key. Equal to a group (it ends with the first delimiter): behind the whole group. Within
   * a group: behind that row, and the group is listed again if rows remain. Rows before `prefix` are never listed.
   */
  readonly after?: Uint8Array;
  /** Entries plus groups, ≥ 1. */
  readonly limit: number;
}

/** One line of a delimited listing, in key order. */
export type GroupsItem =
  | { readonly entry: Entry }
  /** `prefix` … up to and including the first delimiter; stands for one or more rows. */
  | { readonly group: Buffer };

/**
 * Ordered bytes with optimistic commit. Keys 1 … 1900 bytes, values up to 16 MiB.
 * Reads see every commit that had resolved before they were called, in any process on the same store.
 * Engine failures reject with `StoreError` (cause attached).
 */
export interface MetadataStore {
  /** Same order as `keys`. One consistent snapshot. */
  get(keys: readonly Uint8Array[]): Promise<(Value | undefined)[]>;
  /** One consistent snapshot. */
  range(query: RangeQuery): Promise<Entry[]>;
  /** `range` that skips over common prefixes inside the engine. */
  groups(query: GroupsQuery): Promise<GroupsItem[]>;
  /** Atomic; durable when it resolves; all checks against one state. A key may appear once in puts ∪ deletes. */
  commit(batch: Batch): Promise<CommitResult>;
  close(): Promise<void>;
}

/** Name of a blob: 32 lower-case hex characters, random, made by `newBlobId`. */
export type BlobId = string;

export interface BlobRange {
  /** First byte. */
  readonly start: number;
  /** Last byte, inclusive. */
  readonly end: number;
}

export interface BlobReadOptions {
  /**
   * The reader is done with a piece, and with every view of it, when it asks for the next: the engine may then fill the
   * same memory again. Faster for large blobs; wrong for readers that collect pieces. Default false: pieces are the reader's.
   */
  readonly transient?: boolean;
}

/** Immutable blobs under random ids, each with exactly one owner. */
export interface BlobStore {
  /**
   * Durable when it resolves with the number of bytes. If the source throws or `signal` aborts, nothing stays and that
   * error is thrown as it is. A piece may be overwritten by the source when the next one is asked for.
   * @throws StoreError when the id exists or the engine fails
   */
  put(id: BlobId, bytes: AsyncIterable<Uint8Array>, signal?: AbortSignal): Promise<number>;
  /**
   * The blob's bytes, or those of `range`, in pieces of the engine's choice.
   * @throws BlobMissing when there is no such blob (on the first pull); BlobShort when the range leaves it; StoreError
   */
  get(id: BlobId, range?: BlobRange, options?: BlobReadOptions): AsyncIterable<Buffer>;
  /** Size in bytes, or undefined. */
  size(id: BlobId): Promise<number | undefined>;
  /** Idempotent. */
  delete(id: BlobId): Promise<void>;
  /** Ids in order, behind `after`; at most `limit`. */
  list(after: BlobId | undefined, limit: number): Promise<BlobId[]>;
  close(): Promise<void>;
}

export class StoreError extends Error {
  override readonly name = "StoreError";
}
export class BlobMissing extends StoreError {}
/** The blob ends before the range that was asked for. */
export class BlobShort extends StoreError {}
