/** A short run of every fuzz target, and proof that the fuzzer finds what is there to be found. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";
import { fuzz, TooSlow } from "./fuzzer.js";
import type { Target } from "./target.js";
import { TARGETS } from "./targets.js";

const SEED = Number(process.env["FUZZ_SEED"] ?? "20261123");
const FOR_MS = 2000;

for (const target of TARGETS) {
  test(`fuzz ${target.name}: ${target.claim}`, async () => {
    const { runs, finding } = await fuzz(target, { seed: SEED, forMs: FOR_MS });
    const told = finding && `FUZZ_SEED=${SEED}: ${inspect(finding.input.toString("latin1"))}\n${inspect(finding.error)}`;
    assert.equal(finding, undefined, told);
    assert.ok(runs > target.seeds.length, "only the seeds were run");
  });
}

/** Fails for inputs that hold `needle`, and for nothing else. */
const planted = (needle: string): Target => ({
  name: "planted",
  claim: "finds what was planted",
  seeds: [Buffer.from("some innocent words, and more of them")],
  words: ["ba", "cd"],
  maxBytes: 200,
  run: (input) => assert.ok(!input.includes(needle), "found"),
});

test("a planted fault is found and shrunk to its least form", async () => {
  const { finding } = await fuzz(planted("bacd"), { seed: 1, forMs: 20_000, maxRuns: 200_000 });
  assert.equal(finding?.input.toString(), "bacd");
});

test("the same seed finds the same", async () => {
  const find = async (): Promise<number> => (await fuzz(planted("bac"), { seed: 7, forMs: 20_000, maxRuns: 200_000 })).runs;
  assert.equal(await find(), await find());
});

test("an input that takes too long is a finding", async () => {
  const slow: Target = { ...planted(""), run: (input) => spin(input.includes("cd") ? 1200 : 0) };
  const { finding } = await fuzz(slow, { seed: 1, forMs: 20_000 });
  assert.ok(finding?.error instanceof TooSlow);
});

function spin(ms: number): void {
  const began = process.cpuUsage();
  while (process.cpuUsage(began).user < ms * 1000);
}
