/**
 * Parsed policies by row and stamp: rows are read afresh at every decision, so a change is seen by the next request in
 * every process, while documents are parsed once. Bounded; the least recently used row goes first.
 */
import type { Stamp } from "../stores/contract.js";

export class StampCache<T> {
  readonly #rows = new Map<string, { readonly stamp: Stamp; readonly value: T }>();
  readonly #capacity: number;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** The value made from this very version of the row. */
  get(row: { readonly key: Buffer; readonly stamp: Stamp }, make: () => T): T {
    const id = row.key.toString("latin1");
    const known = this.#rows.get(id);
    if (known !== undefined) this.#rows.delete(id);
    const entry = known?.stamp === row.stamp ? known : { stamp: row.stamp, value: make() };
    this.#rows.set(id, entry);
    if (this.#rows.size > this.#capacity) {
      const oldest = this.#rows.keys().next();
      if (oldest.done !== true) this.#rows.delete(oldest.value);
    }
    return entry.value;
  }
}
