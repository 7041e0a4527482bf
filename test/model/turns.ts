/**
 * A seeded scheduler: calls to the stores wait for their turn, and the seed says whose it is. Between two turns everything
 * that can run without the stores runs out. With the random pauses of repeated commits under the same rule, a seed gives
 * the same history again.
 */
import { setImmediate as nextTurn } from "node:timers/promises";
import timers from "node:timers/promises";
import { syncBuiltinESMExports } from "node:module";
import type { BlobStore, MetadataStore } from "../../src/stores/contract.js";
import { Random } from "../random.js";

export class Turns {
  readonly #random: Random;
  readonly #waiting: (() => void)[] = [];

  constructor(seed: number) {
    this.#random = new Random(seed);
  }

  /** Resolves when it is the caller's turn. */
  wait(): Promise<void> {
    return new Promise((resolve) => void this.#waiting.push(resolve));
  }

  /** Gives turns until `work` has ended. */
  async drive<T>(work: Promise<T>): Promise<T> {
    let ended = false;
    const end = (): void => void (ended = true);
    work.then(end, end);
    const restore = pausesAsTurns(() => this.wait());
    try {
      for (let idle = 0; !ended; ) {
        await nextTurn();
        await nextTurn();
        if (this.#waiting.length === 0 && !ended && ++idle > 10_000) throw new Error("nobody waits, and nothing ends");
        if (this.#waiting.length > 0) idle = 0;
        this.#waiting.splice(this.#random.below(this.#waiting.length), 1)[0]?.();
      }
      return await work;
    } finally {
      restore();
    }
  }
}

/** Timers of `node:timers/promises` become turns meanwhile. */
function pausesAsTurns(wait: () => Promise<void>): () => void {
  const real = timers.setTimeout;
  timers.setTimeout = async <T>(_delay?: number, value?: T): Promise<T> => {
    await wait();
    return value as T;
  };
  syncBuiltinESMExports();
  return () => {
    timers.setTimeout = real;
    syncBuiltinESMExports();
  };
}

/** Every call waits for a turn before it begins, and for another before its caller learns how it ended. */
export function inTurns(inner: MetadataStore, turns: Turns): MetadataStore {
  const around = async <T>(work: () => Promise<T>): Promise<T> => {
    await turns.wait();
    const result = await work();
    await turns.wait();
    return result;
  };
  return {
    get: (keys) => around(() => inner.get(keys)),
    range: (query) => around(() => inner.range(query)),
    groups: (query) => around(() => inner.groups(query)),
    commit: (batch) => around(() => inner.commit(batch)),
    close: () => inner.close(),
  };
}

export function blobsInTurns(inner: BlobStore, turns: Turns): BlobStore {
  return {
    put: async (id, bytes, signal) => {
      await turns.wait();
      return inner.put(id, bytes, signal);
    },
    get: async function* (id, range, options) {
      await turns.wait();
      yield* inner.get(id, range, options);
    },
    size: (id) => inner.size(id),
    delete: async (id) => {
      await turns.wait();
      await inner.delete(id);
    },
    list: (after, limit) => inner.list(after, limit),
    close: () => inner.close(),
  };
}
