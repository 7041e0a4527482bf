/**
 * What was made of a row, found again by key and stamp: rows are read afresh at every request, so a change is seen by the
 * next one in every process, while opening and parsing is done once a version. Bounded; the least recently used goes first.
 */
export class StampCache<T> {
  readonly #rows = new Map<string, { readonly stamp: number; readonly value: T }>();
  readonly #capacity: number;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** The value made from this very version of the row. */
  get(row: { readonly key: Buffer; readonly stamp: number }, make: () => T): T {
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
