/**
 * The loop: mutate, run, keep what reaches new code, shrink what fails. Repeats exactly from target and seed, but for
 * inputs that were kept by coverage a run earlier.
 */
import { Random } from "../random.js";
import { Coverage } from "./coverage.js";
import { mutate } from "./mutate.js";
import type { Target } from "./target.js";

/** Coverage is asked for after so many inputs: asking costs more than running one. */
const BATCH = 64;
/** An input that keeps the processor this long is a finding of its own. */
const SLOW_MS = 1000;
const MAX_CORPUS = 2000;
const MAX_SHRINK_RUNS = 3000;

export interface FuzzOptions {
  readonly seed: number;
  readonly forMs: number;
  /** Ends earlier: after so many inputs. */
  readonly maxRuns?: number;
}

export interface FuzzResult {
  readonly runs: number;
  readonly corpus: number;
  readonly blocks: number;
  readonly finding: Finding | undefined;
}

export interface Finding {
  /** The shortest input found that fails alike. */
  readonly input: Buffer;
  readonly error: unknown;
}

export async function fuzz(target: Target, { seed, forMs, maxRuns = Infinity }: FuzzOptions): Promise<FuzzResult> {
  const random = new Random(seed);
  const coverage = new Coverage();
  const corpus: Buffer[] = [];
  let runs = 0;
  const done = (finding?: Finding): FuzzResult => ({ runs, corpus: corpus.length, blocks: coverage.blocks, finding });
  try {
    for (const input of target.seeds) {
      runs++;
      const error = await failure(target, input);
      if (error !== undefined) return done(await shrunk(target, input, error));
      corpus.push(input);
    }
    coverage.note();
    const until = performance.now() + forMs;
    while (performance.now() < until && runs < maxRuns) {
      const batch: Buffer[] = [];
      for (let n = 0; n < BATCH; n++) {
        const input = mutate(random.pick(corpus), random.pick(corpus), target.words, random).subarray(0, target.maxBytes);
        runs++;
        const error = await failure(target, input);
        if (error !== undefined) return done(await shrunk(target, input, error));
        batch.push(input);
      }
      if (coverage.fresh() > 0) await keep(target, batch, { corpus, coverage });
    }
    return done();
  } finally {
    coverage.close();
  }
}

interface Kept {
  readonly corpus: Buffer[];
  readonly coverage: Coverage;
}

/** The batch reached something new: its inputs are run again, one by one, to find which. */
async function keep(target: Target, batch: readonly Buffer[], { corpus, coverage }: Kept): Promise<void> {
  for (const input of batch) {
    await failure(target, input);
    if (coverage.note() === 0) continue;
    if (corpus.length < MAX_CORPUS) corpus.push(input);
  }
}

/** What `input` throws, slowness included; undefined when all is well. */
export async function failure(target: Target, input: Buffer): Promise<unknown> {
  const began = process.cpuUsage();
  try {
    await target.run(input);
  } catch (error) {
    return error ?? new Error("threw nothing");
  }
  const { user, system } = process.cpuUsage(began);
  const tookMs = (user + system) / 1000;
  return tookMs > SLOW_MS ? new TooSlow(`${tookMs.toFixed(0)} ms of processor time`) : undefined;
}

/** The input took longer than any may. */
export class TooSlow extends Error {
  override readonly name = "TooSlow";
}

/** Cuts pieces out, then sets bytes to "0", for as long as it still fails with an error of the same kind. */
async function shrunk(target: Target, found: Buffer, error: unknown): Promise<Finding> {
  let best: Finding = { input: found, error };
  // Each try would take as long again.
  if (error instanceof TooSlow) return best;
  let runs = 0;
  const better = async (input: Buffer): Promise<boolean> => {
    if (runs++ >= MAX_SHRINK_RUNS) return false;
    const now = await failure(target, input);
    if (now === undefined || kindOf(now) !== kindOf(error)) return false;
    best = { input, error: now };
    return true;
  };
  for (let size = Math.max(1, found.length >> 1); size >= 1; size >>= 1) {
    for (let at = 0; at < best.input.length; ) {
      const cut = Buffer.concat([best.input.subarray(0, at), best.input.subarray(at + size)]);
      if (!(await better(cut))) at += size;
    }
  }
  for (let at = 0; at < best.input.length; at++) {
    if (best.input[at] === 0x30) continue;
    const plain = Buffer.from(best.input);
    plain[at] = 0x30;
    await better(plain);
  }
  return best;
}

const kindOf = (error: unknown): string => (error instanceof Error ? error.name : typeof error);
