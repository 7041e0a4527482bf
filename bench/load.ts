/** What a client is given to send, what it must get back, and what it measured. */

export interface Load {
  /** Heads as bytes on the wire, `content-length` of the body included; taken in turn. */
  readonly heads: readonly string[];
  /** Sent behind every head; may be empty. */
  readonly body: Buffer;
  readonly concurrency: number;
  /** How long; with `once`, at most. */
  readonly seconds: number;
  /** Each head once, then the run ends; otherwise they go round. */
  readonly once?: boolean;
  readonly status: number;
  /** The answers' bodies: answer n is `bodies[n % bodies.length]` (wrk, which does not know n: any of them). */
  readonly bodies?: readonly Buffer[];
  /** Where the body is random: what it must look like. Lua and JavaScript read it alike. */
  readonly pattern?: string;
  /** An answer without a body, whatever its `content-length` says. */
  readonly head?: boolean;
}

export interface Measured {
  readonly operations: number;
  readonly seconds: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** An answer that was not the right one, or none at all: the whole run fails. */
export class WrongAnswer extends Error {
  override readonly name = "WrongAnswer";
}

/** The value below which `share` of `sorted` lie (nearest rank). */
export function percentile(sorted: ArrayLike<number>, share: number): number {
  if (sorted.length === 0) return Number.NaN;
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(share * sorted.length) - 1))] ?? Number.NaN;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const [low = Number.NaN, high = Number.NaN] = [sorted[middle - 1], sorted[middle]];
  return sorted.length % 2 === 1 ? high : (low + high) / 2;
}
