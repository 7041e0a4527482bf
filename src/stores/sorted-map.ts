/**
 * Ordered map from byte keys, for the memory engine: a list of sorted leaves, found by binary search. Inserting moves at
 * most one leaf and the list of leaves, which is a memory copy even at millions of rows.
 */
export interface Item<V> {
  readonly key: Buffer;
  value: V;
}

const LEAF_MAX = 512;

export class SortedMap<V> {
  /** INVARIANT: no leaf is empty; keys ascend within and across leaves. */
  readonly #leaves: Item<V>[][] = [];

  get(key: Uint8Array): V | undefined {
    const leaf = this.#leaves[this.#leafOf(key)];
    const item = leaf?.[lowerBound(leaf, key)];
    return item !== undefined && Buffer.compare(item.key, key) === 0 ? item.value : undefined;
  }

  /** The key is copied. */
  set(key: Uint8Array, value: V): void {
    const at = this.#leafOf(key);
    const leaf = this.#leaves[at];
    if (leaf === undefined) {
      this.#leaves.push([{ key: Buffer.from(key), value }]);
      return;
    }
    const index = lowerBound(leaf, key);
    const item = leaf[index];
    if (item !== undefined && Buffer.compare(item.key, key) === 0) {
      item.value = value;
      return;
    }
    leaf.splice(index, 0, { key: Buffer.from(key), value });
    if (leaf.length > LEAF_MAX) this.#leaves.splice(at + 1, 0, leaf.splice(leaf.length >> 1));
  }

  delete(key: Uint8Array): void {
    const at = this.#leafOf(key);
    const leaf = this.#leaves[at];
    if (leaf === undefined) return;
    const index = lowerBound(leaf, key);
    const item = leaf[index];
    if (item === undefined || Buffer.compare(item.key, key) !== 0) return;
    leaf.splice(index, 1);
    if (leaf.length === 0) this.#leaves.splice(at, 1);
  }

  /** `from ≤ key < to`, least first. The map must not change meanwhile. */
  *ascend(from: Uint8Array, to: Uint8Array | undefined): Generator<Item<V>, void, void> {
    let at = this.#leafOf(from);
    let index = lowerBound(this.#leaves[at] ?? [], from);
    for (; at < this.#leaves.length; at++, index = 0) {
      const leaf = this.#leaves[at] ?? [];
      for (; index < leaf.length; index++) {
        const item = leaf[index];
        if (item === undefined || (to !== undefined && Buffer.compare(item.key, to) >= 0)) return;
        yield item;
      }
    }
  }

  /** `from ≤ key < to`, largest first. The map must not change meanwhile. */
  *descend(from: Uint8Array, to: Uint8Array): Generator<Item<V>, void, void> {
    let at = this.#leafOf(to);
    let index = lowerBound(this.#leaves[at] ?? [], to) - 1;
    for (; at >= 0; at--, index = (this.#leaves[at]?.length ?? 0) - 1) {
      const leaf = this.#leaves[at] ?? [];
      for (; index >= 0; index--) {
        const item = leaf[index];
        if (item === undefined || Buffer.compare(item.key, from) < 0) return;
        yield item;
      }
    }
  }

  /** Index of the last leaf whose first key is ≤ `key`; 0 when there is none. */
  #leafOf(key: Uint8Array): number {
    let low = 0;
    let high = this.#leaves.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const first = this.#leaves[middle]?.[0];
      if (first !== undefined && Buffer.compare(first.key, key) <= 0) low = middle + 1;
      else high = middle;
    }
    return Math.max(0, low - 1);
  }
}

/** Index of the first item whose key is ≥ `key`. */
function lowerBound<V>(leaf: readonly Item<V>[], key: Uint8Array): number {
  let low = 0;
  let high = leaf.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const item = leaf[middle];
    if (item !== undefined && Buffer.compare(item.key, key) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
