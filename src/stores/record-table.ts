/**
 * `Records` over a metadata store: rows are authenticated and bound to store, kind and key by `@coffer/seal`; here are
 * their keys, their clear part's JSON and its versions, and the cache. FORMAT: docs/spec/records.md.
 */
import { SealIntegrityError, openRows, sealRow, type OpenedRow, type RecordKeys } from "@coffer/seal";
import { assert } from "../lib/errors.js";
import { StampCache } from "../lib/stamp-cache.js";
import { asBuffer, justBehind } from "./byte-order.js";
import { StoreError, type Entry, type MetadataStore, type Put, type Value } from "./contract.js";
import { encodeKey, spanOf } from "./key-encoding.js";
import {
  RecordIntegrityError,
  type Found,
  type KeyPart,
  type ListQuery,
  type Records,
  type Row,
  type Table,
  type TableSpec,
} from "./records.js";

/**
 * The typed rows of one store.
 * @param keys of `deriveRootKeys(…).records`: they carry the store id that every row is bound to
 */
export function createRecords(store: MetadataStore, keys: RecordKeys): Records {
  return { store, table: <C>(spec: TableSpec): Table<C> => new SealedTable<C>(store, keys, spec) };
}

class SealedTable<C> implements Table<C> {
  readonly #store: MetadataStore;
  readonly #keys: RecordKeys;
  readonly #spec: TableSpec;
  readonly #cache: StampCache<Found<C>>;
  /** Type of each key part, as first used. */
  readonly #kinds: string[] = [];

  constructor(store: MetadataStore, keys: RecordKeys, spec: TableSpec) {
    this.#store = store;
    this.#keys = keys;
    this.#spec = spec;
    this.#cache = new StampCache(spec.cache ?? 0);
  }

  key(...parts: KeyPart[]): Buffer {
    this.#checkKinds(parts);
    return encodeKey(this.#spec.space, parts);
  }

  span(...parts: KeyPart[]): { readonly from: Buffer; readonly to: Buffer } {
    this.#checkKinds(parts);
    return spanOf(this.#spec.space, parts);
  }

  async get(...parts: KeyPart[]): Promise<Found<C> | undefined> {
    const key = this.key(...parts);
    const [value] = await this.#store.get([key]);
    if (value === undefined) return undefined;
    const { stamp, bytes } = value;
    return this.#cache.find({ key, stamp }) ?? this.#decode([{ key, stamp, bytes }])[0];
  }

  async getMany(keys: readonly Uint8Array[]): Promise<(Found<C> | undefined)[]> {
    const values = await this.#store.get(keys);
    const rows: (Found<C> | undefined)[] = [];
    const missed: { readonly at: number; readonly entry: Entry }[] = [];
    keys.forEach((bytes, at) => {
      const value: Value | undefined = values[at];
      if (value === undefined) return;
      const key = asBuffer(bytes);
      const cached = this.#cache.find({ key, stamp: value.stamp });
      if (cached === undefined) missed.push({ at, entry: { key, ...value } });
      else rows[at] = cached;
    });
    this.#decode(missed.map(({ entry }) => entry)).forEach((found, i) => {
      const at = missed[i]?.at;
      assert(at !== undefined, "as many rows decoded as read");
      rows[at] = found;
    });
    return keys.map((_, at) => rows[at]);
  }

  async list(query: ListQuery): Promise<Found<C>[]> {
    const reverse = query.reverse === true;
    let { from, to } = this.span(...(query.prefix ?? []));
    if (query.after !== undefined && reverse) to = least(to, asBuffer(query.after));
    if (query.after !== undefined && !reverse) from = greatest(from, justBehind(query.after));
    return this.decodePage(await this.#store.range({ from, to, limit: query.limit, reverse }));
  }

  /** As `decodePage`, and kept where rows of this kind are, in memory of their own. */
  #decode(entries: readonly Entry[]): Found<C>[] {
    if ((this.#spec.cache ?? 0) === 0) return this.decodePage(entries);
    const own = entries.map(({ key, stamp, bytes }) => ({ key: ownMemory(key), stamp, bytes: ownMemory(bytes) }));
    return this.decodePage(own).map((found) => {
      const kept = { ...found, fingerprints: ownMemory(found.fingerprints) };
      this.#cache.keep(kept, kept);
      return kept;
    });
  }

  decodePage(entries: readonly Entry[]): Found<C>[] {
    const opened = this.#open(entries);
    return entries.map((entry, i) => {
      const row = opened[i];
      assert(row !== undefined, "as many rows opened as given");
      return this.#found(entry, row);
    });
  }

  put(key: Uint8Array, row: Row<C>): Put {
    const { kind, version, space } = this.#spec;
    assert(key[0] === space, `a ${kind} row outside its space`);
    const clear = JSON.stringify(row.clear);
    assert(typeof clear === "string", `a ${kind} row without a clear part`);
    const bytes = sealRow(this.#keys, { kind, key }, {
      version,
      clear: Buffer.from(clear, "utf8"),
      ...(row.sealed === undefined ? {} : { sealed: row.sealed }),
      ...(row.fingerprints === undefined ? {} : { fingerprints: row.fingerprints }),
    });
    return { key, bytes };
  }

  #open(entries: readonly Entry[]): OpenedRow[] {
    try {
      return openRows(this.#keys, this.#spec.kind, entries);
    } catch (error) {
      throw this.#integrity(error, error instanceof SealIntegrityError ? entries[error.index ?? -1]?.key : undefined);
    }
  }

  #found({ key, stamp }: Entry, row: OpenedRow): Found<C> {
    const { fingerprints, sealed } = row;
    return { key, stamp, clear: this.#clear(row), fingerprints, sealed };
  }

  #clear(row: OpenedRow): C {
    const { kind, version, migrate } = this.#spec;
    const clear: unknown = JSON.parse(row.clear.toString("utf8"));
    if (row.version === version) return clear as C;
    if (row.version > version) throw new StoreError(`a ${kind} row of version ${row.version}: this store is of a newer Coffer`);
    assert(migrate !== undefined, `${kind} rows of version ${row.version} have no migration`);
    return migrate(row.version, clear) as C;
  }

  /** Any failure to open is one error with the row's place; anything else (a bug) passes through. */
  #integrity(error: unknown, key: Uint8Array | undefined): unknown {
    if (!(error instanceof SealIntegrityError)) return error;
    const place = key === undefined ? "" : ` at ${Buffer.from(key).toString("hex")}`;
    return new RecordIntegrityError(`${this.#spec.kind} row${place} does not open: ${error.fault}`, { cause: error });
  }

  /** INVARIANT of the key encoding: one type for each position. */
  #checkKinds(parts: readonly KeyPart[]): void {
    for (let i = 0; i < parts.length; i++) {
      const kind = typeof parts[i];
      const first = (this.#kinds[i] ??= kind);
      if (first !== kind) throw new Error(`invariant: part ${i} of a ${this.#spec.kind} key is a ${first}`);
    }
  }
}

/** A copy outside Node's pool: a few bytes that are kept long must not keep 8 KiB of others. */
function ownMemory(bytes: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes.length);
  copy.set(bytes);
  return copy;
}

const least = (a: Buffer, b: Buffer): Buffer => (Buffer.compare(a, b) <= 0 ? a : b);
const greatest = (a: Buffer, b: Buffer): Buffer => (Buffer.compare(a, b) >= 0 ? a : b);
