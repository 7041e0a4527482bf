/**
 * Is there an order of these calls, one at a time, that gives the answers that were seen? Each call takes place at one
 * moment between its start and its end; one without an answer perhaps never.
 * A depth-first search over what may come next, with the (done, state) pairs that led nowhere remembered.
 * Source: Wing and Gong, "Testing and verifying concurrent objects", 1993; Lowe, "Testing for linearizability", 2017.
 */

/** One call as it was seen. Its place in the history's list is its number. */
export interface Happened {
  readonly start: number;
  /** Infinity: it may take place at any time to come. */
  readonly end: number;
  /** It was not answered, and may not have taken place at all. */
  readonly isOptional: boolean;
  /** Takes place after this one, whatever the clock says. */
  readonly after?: number;
}

export interface Machine<S, H extends Happened> {
  readonly initial: S;
  /** States that `call` may lead to from `state` with the answer that was seen; none: it cannot take place here. */
  step(state: S, call: H): readonly S[];
  textOf(state: S): string;
}

export interface Verdict<S> {
  readonly ok: boolean;
  /** Of the longest order found: numbers of calls. */
  readonly order: readonly number[];
  /** Where that order ends. */
  readonly state: S;
  readonly looked: number;
}

/** More than this many states: the history is too wide to be decided, which is an error of the test. */
const MOST_STATES = 400_000;

export function linearize<S, H extends Happened>(calls: readonly H[], machine: Machine<S, H>): Verdict<S> {
  const search = new Search(calls, machine);
  const ok = search.from(machine.initial, []);
  return { ok, order: search.longest, state: search.reached, looked: search.looked };
}

class Search<S, H extends Happened> {
  longest: readonly number[] = [];
  reached: S;
  looked = 0;
  readonly #calls: readonly H[];
  readonly #machine: Machine<S, H>;
  readonly #byStart: readonly number[];
  readonly #done: boolean[];
  readonly #hopeless = new Set<string>();

  constructor(calls: readonly H[], machine: Machine<S, H>) {
    this.#calls = calls;
    this.#machine = machine;
    this.reached = machine.initial;
    this.#done = calls.map(() => false);
    this.#byStart = calls.map((_call, at) => at).sort((a, b) => (calls[a]?.start ?? 0) - (calls[b]?.start ?? 0));
  }

  /** Depth is bounded by the length of the history. */
  from(state: S, order: readonly number[]): boolean {
    if (order.length > this.longest.length) {
      this.longest = order;
      this.reached = state;
    }
    const next = this.#possible(order);
    if (next === undefined) {
      this.longest = order;
      this.reached = state;
      return true;
    }
    const place = `${this.#done.map((done) => (done ? "1" : "0")).join("")}${this.#machine.textOf(state)}`;
    if (this.#hopeless.has(place)) return false;
    if (++this.looked > MOST_STATES) throw new Error(`undecided after ${MOST_STATES} states`);
    for (const at of next) {
      const call = this.#calls[at];
      if (call === undefined) continue;
      this.#done[at] = true;
      for (const after of this.#machine.step(state, call)) if (this.from(after, [...order, at])) return true;
      this.#done[at] = false;
    }
    this.#hopeless.add(place);
    return false;
  }

  /** Calls that may be next; undefined: none is left that must take place. */
  #possible(order: readonly number[]): number[] | undefined {
    const latestStart = order.reduce((latest, at) => Math.max(latest, this.#calls[at]?.start ?? 0), 0);
    let earliestEnd = Number.POSITIVE_INFINITY;
    let isDone = true;
    for (const [at, call] of this.#calls.entries()) {
      if (this.#done[at] === true || call.isOptional) continue;
      isDone = false;
      earliestEnd = Math.min(earliestEnd, call.end);
    }
    if (isDone) return undefined;
    return this.#byStart.filter((at) => {
      const call = this.#calls[at];
      if (call === undefined || this.#done[at] === true || call.start >= earliestEnd || call.end <= latestStart) return false;
      return call.after === undefined || this.#done[call.after] === true;
    });
  }
}
