/**
 * Bounded, jittered repetition of an optimistic commit: read the facts, commit with their stamps as checks, and begin
 * again when another writer was faster.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { StoreError } from "./contract.js";

/** What an attempt answers when a check failed that a fresh read may satisfy. */
export const AGAIN: unique symbol = Symbol("again");

/** All attempts lost against other writers. */
export class CommitContention extends StoreError {}

export interface RetryOptions {
  /** Default 10. */
  readonly attempts?: number;
  /** Asked for, and heeded, before a repetition: most commits need none, and a call's signal is made when it is asked for. */
  readonly signal?: () => AbortSignal;
}

const LONGEST_PAUSE_MS = 50;

/**
 * Runs `attempt` until it answers anything but `AGAIN`.
 * @param attempt must read its facts anew each time
 * @throws CommitContention after the last attempt; whatever `attempt` throws; the abort reason of `signal`
 */
export async function withRetry<T>(attempt: () => Promise<T | typeof AGAIN>, options: RetryOptions = {}): Promise<T> {
  const attempts = options.attempts ?? 10;
  for (let tried = 0; tried < attempts; tried++) {
    if (tried > 0) await beforeRepetition(tried, options.signal?.());
    const result = await attempt();
    if (result !== AGAIN) return result;
  }
  throw new CommitContention(`lost against other writers ${attempts} times`);
}

async function beforeRepetition(tried: number, signal: AbortSignal | undefined): Promise<void> {
  signal?.throwIfAborted();
  // The first repetition is immediate: most conflicts are with one writer, who is done by now.
  if (tried > 1) await sleep(Math.random() * Math.min(LONGEST_PAUSE_MS, 2 ** tried), undefined, { signal });
}
