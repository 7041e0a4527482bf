/**
 * What was made of a row, found again by key and stamp: rows are read afresh at every request, so a change is seen by the
 * next one in every process, while opening and parsing is done once a version. Bounded; the least recently used goes first.
 */
export class StampCache<T> {
  /** In order of use: the first is the oldest. */
  readonly #rows = new Map<string, { readonly stamp: number; readonly value: T }>();
  readonly #capacity: number;

  /** @param capacity rows to keep; 0 keeps none */
  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** What was made from this very version of the row; a value of another version goes. */
  find(row: RowVersion): T | undefined {
    if (this.#capacity === 0) return undefined;
    const id = row.key.toString("latin1");
    const known = this.#rows.get(id);
    if (known === undefined) return undefined;
    this.#rows.delete(id);
    if (known.stamp !== row.stamp) return undefined;
    this.#rows.set(id, known);
    return known.value;
  }

  keep({ key, stamp }: RowVersion, value: T): void {
    if (this.#capacity === 0) return;
    const id = key.toString("latin1");
    this.#rows.delete(id);
    this.#rows.set(id, { stamp, value });
    if (this.#rows.size <= this.#capacity) return;
    const oldest = this.#rows.keys().next();
    if (oldest.done !== true) this.#rows.delete(oldest.value);
  }

  /** The value made from this very version of the row, made now if need be. */
  get(row: RowVersion, make: () => T): T {
    const known = this.find(row);
    if (known !== undefined) return known;
    const value = make();
    this.keep(row, value);
    return value;
  }
}

/** A row as it was read. */
export interface RowVersion {
  readonly key: Buffer;
  readonly stamp: number;
}
