/**
 * What was made of a row, found again by key and stamp: rows are read afresh at every request, so a change is seen by the
 * next one in every process, while opening and parsing is done once a version. Bounded: what is used seldom goes first.
 */
export class StampCache<T> {
  /** Half of what is kept: found or made of late. */
  #young = new Map<string, Kept<T>>();
  /** The other half: goes as a whole when the young are enough for a half; what is asked for again is young again. */
  #old = new Map<string, Kept<T>>();
  readonly #half: number;

  /** @param capacity rows to keep; 0 keeps none */
  constructor(capacity: number) {
    this.#half = Math.ceil(capacity / 2);
  }

  /** What was made from this very version of the row; a value of another version goes. */
  find({ key, stamp }: RowVersion): T | undefined {
    if (this.#half === 0) return undefined;
    const id = key.toString("latin1");
    let kept = this.#young.get(id);
    if (kept === undefined) {
      kept = this.#old.get(id);
      if (kept === undefined) return undefined;
      this.#old.delete(id);
      if (kept.stamp === stamp) this.#add(id, kept);
    } else if (kept.stamp !== stamp) this.#young.delete(id);
    return kept.stamp === stamp ? kept.value : undefined;
  }

  keep({ key, stamp }: RowVersion, value: T): void {
    if (this.#half === 0) return;
    const id = key.toString("latin1");
    this.#old.delete(id);
    this.#add(id, { stamp, value });
  }

  /** The value made from this very version of the row, made now if need be. */
  get(row: RowVersion, make: () => T): T {
    const known = this.find(row);
    if (known !== undefined) return known;
    const value = make();
    this.keep(row, value);
    return value;
  }

  #add(id: string, kept: Kept<T>): void {
    this.#young.set(id, kept);
    if (this.#young.size < this.#half) return;
    this.#old = this.#young;
    this.#young = new Map();
  }
}

interface Kept<T> {
  readonly stamp: number;
  readonly value: T;
}

/** A row as it was read. */
export interface RowVersion {
  readonly key: Buffer;
  readonly stamp: number;
}
