/** Form of the hand-written limits in this folder. */

/**
 * Limits of one member. Lengths count UTF-16 units of strings, bytes of blobs, items of lists, entries of maps.
 * @property items of each list item; `keys`, `values` of map entries
 */
export interface Constraint {
  readonly min?: number;
  readonly max?: number;
  /** Value of a number, inclusive. */
  readonly atLeast?: number;
  readonly atMost?: number;
  /** As AWS prints it; anchored at both ends when matched. */
  readonly pattern?: string;
  readonly items?: Constraint;
  readonly keys?: Constraint;
  readonly values?: Constraint;
  /** Not among the values that AWS checks at the door, e.g. because the operation has a better answer. */
  readonly openEnum?: true;
}

/** `Structure.Member`, or `Member` for every structure of the service. */
export type ConstraintTable = Readonly<Record<string, Constraint>>;
