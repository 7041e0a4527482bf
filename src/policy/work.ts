/**
 * How much work one decision may be. Wildcards are matched piece by piece without backtracking, so cost is bounded by the
 * length of policies times that of what they are held against; but both may be chosen by people who mean harm (a policy of
 * 20 KB, a header of 60 KB: seconds, in which nobody else is served). What is beyond the budget fails, and so is a Deny.
 */

/** Comparisons: some 25 ms. The largest policies against the longest keys stay far below it, unless written to cost. */
export const WORK_BUDGET = 8_000_000;

// One decision at a time, never over an await.
let left = Number.POSITIVE_INFINITY;
let done = 0;

/** Runs `decide` within the budget. @throws what `decide` throws; Error when it takes too much */
export function withinBudget<T>(decide: () => T): T {
  left = WORK_BUDGET;
  try {
    return decide();
  } finally {
    done += WORK_BUDGET - left;
    left = Number.POSITIVE_INFINITY;
  }
}

/** Comparisons of all decisions so far. */
export const workDone = (): number => done;

export function spend(comparisons: number): void {
  left -= comparisons;
  if (left < 0) throw new Error("the policies take too long to be held against this request");
}
