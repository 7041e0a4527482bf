/** What a fuzz target is. Targets are listed in targets.ts; `run` throws on anything that must not be, whatever the bytes. */
import assert from "node:assert/strict";
import { ServiceError } from "../../src/lib/errors.js";

export interface Target {
  readonly name: string;
  /** What must hold, in one sentence. */
  readonly claim: string;
  /** Well-formed inputs to begin from. */
  readonly seeds: readonly Buffer[];
  /** Words of the format, spliced in by mutation. */
  readonly words: readonly string[];
  /** Inputs are cut to this. */
  readonly maxBytes: number;
  /** @throws (any) when the claim does not hold for `input` */
  run(input: Buffer): void | Promise<void>;
}

/** What `read` gives; undefined where it refuses as a caller would be told. Any other error passes through: a finding. */
export function told<T>(read: () => T, ...refusals: (new (...args: never[]) => Error)[]): T | undefined {
  try {
    return read();
  } catch (error) {
    refusedProperly(error, refusals);
    return undefined;
  }
}

/** `told` of what takes its time. */
export async function toldLater<T>(
  read: () => Promise<T>,
  ...refusals: (new (...args: never[]) => Error)[]
): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    refusedProperly(error, refusals);
    return undefined;
  }
}

function refusedProperly(error: unknown, refusals: readonly (new (...args: never[]) => Error)[]): void {
  if (refusals.some((kind) => error instanceof kind)) return;
  if (!(error instanceof ServiceError)) throw error;
  const status = error.detail.status ?? 400;
  assert.ok(status >= 400 && status < 500 || status === 501, `${error.code} blames the server (${status}) for its input`);
}
