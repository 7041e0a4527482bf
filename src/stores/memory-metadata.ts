/**
 * Metadata engine in memory: for `--memory`, tests and in-process use. One process, nothing on disk; otherwise the whole
 * contract, so that tests over it say something about the embedded engine as well.
 */
import { checkBatch, checkKey, checkQuery } from "./batch.js";
import { collectGroups } from "./groups.js";
import {
  StoreError,
  type Batch,
  type Check,
  type CommitResult,
  type Entry,
  type GroupsItem,
  type GroupsQuery,
  type MetadataStore,
  type RangeQuery,
  type Stamp,
  type Value,
} from "./contract.js";
import { SortedMap, type Item } from "./sorted-map.js";

class MemoryMetadataStore implements MetadataStore {
  readonly #rows = new SortedMap<Value>();
  #stamp: Stamp = 0;
  #closed = false;

  async get(keys: readonly Uint8Array[]): Promise<(Value | undefined)[]> {
    this.#checkOpen();
    keys.forEach(checkKey);
    return keys.map((key) => {
      const value = this.#rows.get(key);
      return value === undefined ? undefined : copyOf(value);
    });
  }

  async range(query: RangeQuery): Promise<Entry[]> {
    this.#checkOpen();
    checkQuery(query);
    const entries: Entry[] = [];
    const { from, to, limit } = query;
    for (const item of query.reverse === true ? this.#rows.descend(from, to) : this.#rows.ascend(from, to)) {
      entries.push(entryOf(item));
      if (entries.length === limit) break;
    }
    return entries;
  }

  async groups(query: GroupsQuery): Promise<GroupsItem[]> {
    this.#checkOpen();
    checkQuery(query);
    return collectGroups(query, { first: (from) => this.#firstKey(from), rows: (from, to) => this.#entries(from, to) });
  }

  async commit(batch: Batch): Promise<CommitResult> {
    this.#checkOpen();
    checkBatch(batch);
    const failed = (batch.checks ?? []).findIndex((check) => !this.#holds(check));
    if (failed >= 0) return { ok: false, failed };
    const stamp = ++this.#stamp;
    for (const put of batch.puts ?? []) this.#rows.set(put.key, { bytes: Buffer.from(put.bytes), stamp });
    for (const key of batch.deletes ?? []) this.#rows.delete(key);
    return { ok: true, stamp };
  }

  async close(): Promise<void> {
    this.#closed = true;
  }

  #holds(check: Check): boolean {
    if ("key" in check) {
      const value = this.#rows.get(check.key);
      return check.stamp === "absent" ? value === undefined : value?.stamp === check.stamp;
    }
    for (const _ of this.#rows.ascend(check.emptyRange.from, check.emptyRange.to)) return false;
    return true;
  }

  #firstKey(from: Uint8Array): Buffer | undefined {
    for (const { key } of this.#rows.ascend(from, undefined)) return Buffer.from(key);
    return undefined;
  }

  *#entries(from: Uint8Array, to: Uint8Array | undefined): Generator<Entry, void, void> {
    for (const item of this.#rows.ascend(from, to)) yield entryOf(item);
  }

  #checkOpen(): void {
    if (this.#closed) throw new StoreError("the store is closed");
  }
}

/** Copies, as an engine on disk does: callers may overwrite what they read. */
function copyOf(value: Value): Value {
  return { bytes: Buffer.from(value.bytes), stamp: value.stamp };
}

function entryOf(item: Item<Value>): Entry {
  return { key: Buffer.from(item.key), bytes: Buffer.from(item.value.bytes), stamp: item.value.stamp };
}

/** An empty store that lives as long as the object. */
export function memoryMetadataStore(): MetadataStore {
  return new MemoryMetadataStore();
}
