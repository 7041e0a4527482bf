/** What a run of the benchmark is asked to do: filters, lengths, places. Defaults make a whole run of about 25 minutes. */
import { availableParallelism, tmpdir } from "node:os";
import { resolve } from "node:path";
import { parseArgs } from "node:util";

export interface Settings {
  /** A case runs if its name holds all words of one of them, whatever their case; none: everything runs. */
  readonly filters: readonly string[];
  readonly seconds: number;
  readonly rounds: number;
  readonly workers: number;
  readonly quick: boolean;
  readonly directory: string;
  /** Another compiled tree, measured beside this one. */
  readonly against: string | undefined;
}

export const USAGE =
  "npm run bench -- [FILTER…] [--duration SECONDS] [--rounds N] [--workers N] [--quick] [--directory DIR]" +
  " [--against BUILD] [--list]";

/** @throws TypeError, RangeError for what cannot be understood */
export function parseArguments(args: readonly string[]): Settings & { readonly list: boolean } {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      duration: { type: "string" },
      rounds: { type: "string" },
      workers: { type: "string" },
      directory: { type: "string" },
      against: { type: "string" },
      quick: { type: "boolean" },
      list: { type: "boolean" },
    },
  });
  const quick = values.quick === true;
  return {
    filters: positionals,
    seconds: count("duration", values.duration, quick ? 1 : 2),
    rounds: count("rounds", values.rounds, quick ? 1 : 3),
    workers: count("workers", values.workers, availableParallelism()),
    quick,
    directory: resolve(values.directory ?? tmpdir()),
    against: values.against === undefined ? undefined : resolve(values.against),
    list: values.list === true,
  };
}

function count(name: string, text: string | undefined, fallback: number): number {
  if (text === undefined) return fallback;
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > 3600) throw new RangeError(`--${name}: a whole number from 1 on`);
  return value;
}

/**
 * Does `name` hold all words of one of the filters? A word is one of its words, or, without a digit, a piece of one:
 * `kms` is in `SSE-KMS`, but `c=1` is not `c=16`.
 */
export function isChosen(name: string, filters: readonly string[]): boolean {
  const words = name.toLowerCase().split(/[\s,]+/);
  const holds = (wanted: string): boolean =>
    words.some((word) => word === wanted || (!/\d/.test(wanted) && word.includes(wanted)));
  return filters.length === 0 || filters.some((filter) => filter.toLowerCase().split(/\s+/).every(holds));
}
