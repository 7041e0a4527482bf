/** Limits of the metadata contract, checked alike by every engine before anything is queued or read. */
import { justBehind } from "./byte-order.js";
import { StoreError, type Batch, type GroupsQuery, type RangeQuery } from "./contract.js";

export const MAX_KEY_BYTES = 1900;
/** So many keys are compared with each other faster than they are put into a set. */
const FEW = 8;
export const MAX_VALUE_BYTES = 16 * 1024 * 1024;

/** @throws StoreError for keys, values or repetitions outside the contract: a bug of the caller */
export function checkBatch(batch: Batch): void {
  const puts = batch.puts ?? [];
  const deletes = batch.deletes ?? [];
  for (const check of batch.checks ?? []) if ("key" in check) checkKey(check.key);
  for (const put of puts) {
    checkKey(put.key);
    if (put.bytes.length > MAX_VALUE_BYTES) throw new StoreError(`value of ${put.bytes.length} bytes: more than 16 MiB`);
  }
  for (const key of deletes) checkKey(key);
  if (puts.length + deletes.length > 1) checkDistinct([...puts.map((put) => put.key), ...deletes]);
}

/** @throws StoreError unless the key has 1 … 1900 bytes */
export function checkKey(key: Uint8Array): void {
  if (key.length < 1 || key.length > MAX_KEY_BYTES) throw new StoreError(`key of ${key.length} bytes: not 1 … ${MAX_KEY_BYTES}`);
}

/** A bound that parts the rows as `bound` does, for engines that cannot seek to longer keys than they store. */
export function seekable(bound: Uint8Array): Uint8Array {
  return bound.length <= MAX_KEY_BYTES ? bound : justBehind(bound.subarray(0, MAX_KEY_BYTES));
}

/** @throws StoreError unless the limit is a whole number ≥ 1 (and a group's delimiter is not empty) */
export function checkQuery(query: RangeQuery | GroupsQuery): void {
  if (!Number.isSafeInteger(query.limit) || query.limit < 1) throw new StoreError("limit: not a whole number ≥ 1");
  if ("delimiter" in query && query.delimiter.length === 0) throw new StoreError("empty delimiter");
}

function checkDistinct(keys: readonly Uint8Array[]): void {
  if (keys.length <= FEW) {
    const twice = keys.some((key, i) => keys.some((other, j) => j > i && Buffer.compare(key, other) === 0));
    if (twice) throw new StoreError("a key appears twice in one batch");
    return;
  }
  const seen = new Set<string>();
  for (const key of keys) seen.add(Buffer.from(key).toString("latin1"));
  if (seen.size !== keys.length) throw new StoreError("a key appears twice in one batch");
}
