/**
 * `npm run fuzz -- TARGET [--seconds N] [--seed N]`, or `… TARGET --input FILE` to run one input again.
 * A finding is written to a file in the temporary directory, and the exit code is 1.
 */
import { randomInt } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect, parseArgs } from "node:util";
import { failure, fuzz } from "./fuzzer.js";
import type { Target } from "./target.js";
import { TARGETS } from "./targets.js";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { seconds: { type: "string", default: "60" }, seed: { type: "string" }, input: { type: "string" } },
});
const [name] = positionals;
const chosen = TARGETS.filter((target) => target.name === name || name === "all");
if (chosen.length === 0) {
  console.error(`usage: npm run fuzz -- TARGET [--seconds N] [--seed N] [--input FILE]\n\nall: every target, one after another`);
  for (const { name: known, claim } of TARGETS) console.error(`${known}: ${claim}`);
  process.exit(2);
}
for (const target of chosen) await (values.input === undefined ? search(target) : again(target, values.input));

async function search(target: Target): Promise<void> {
  const seed = values.seed === undefined ? randomInt(2 ** 32) : Number(values.seed);
  const { runs, corpus, blocks, finding } = await fuzz(target, { seed, forMs: Number(values.seconds) * 1000 });
  console.log(`${target.name}: ${runs} inputs, ${corpus} kept, ${blocks} blocks of code reached, seed ${seed}`);
  if (finding === undefined) return;
  const file = join(tmpdir(), `coffer-fuzz-${target.name}-${seed}`);
  writeFileSync(file, finding.input);
  report(target, finding.error);
  console.log(`${inspect(finding.input.toString("latin1"))}\nagain: npm run fuzz -- ${target.name} --input ${file}`);
}

async function again(target: Target, file: string): Promise<void> {
  const error = await failure(target, readFileSync(file));
  if (error === undefined) console.log(`${target.name}: holds`);
  else report(target, error);
}

function report({ name: failed, claim }: Target, error: unknown): void {
  process.exitCode = 1;
  console.log(`${failed}: does not hold: ${claim}\n${inspect(error)}`);
}
