/**
 * Decoded rows, found again by key and stamp: every read still fetches the row from the store, and a row that any process
 * has rewritten carries another stamp, so a hit is never stale. Bounded; the least recently used goes first.
 */
import type { Stamp } from "./contract.js";

interface Cached<T> {
  readonly stamp: Stamp;
  readonly row: T;
}

export class RowCache<T> {
  readonly #capacity: number;
  /** In order of use: the first is the oldest. */
  readonly #rows = new Map<string, Cached<T>>();

  /** @param capacity rows to keep; 0 keeps none */
  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  get(key: Buffer, stamp: Stamp): T | undefined {
    if (this.#capacity === 0) return undefined;
    const name = key.toString("latin1");
    const cached = this.#rows.get(name);
    if (cached === undefined) return undefined;
    this.#rows.delete(name);
    if (cached.stamp !== stamp) return undefined;
    this.#rows.set(name, cached);
    return cached.row;
  }

  set(key: Buffer, stamp: Stamp, row: T): void {
    if (this.#capacity === 0) return;
    const name = key.toString("latin1");
    this.#rows.delete(name);
    this.#rows.set(name, { stamp, row });
    if (this.#rows.size <= this.#capacity) return;
    for (const oldest of this.#rows.keys()) {
      this.#rows.delete(oldest);
      return;
    }
  }
}
