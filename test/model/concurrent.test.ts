/**
 * Random calls of several clients on few keys, in seeded turns: an order of them exists that the model answers alike.
 * More of them: `npm run soak -- model`.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { tell } from "./history.js";
import { randomProgram, type ProgramOptions } from "./program.js";
import { COMING_AND_GOING, failureOf, runScheduled, SMALL, UPLOADS } from "./scheduled.js";

const HISTORIES = Number(process.env["COFFER_TEST_HISTORIES"] ?? 30);
const FIRST = Number(process.env["COFFER_TEST_SEED"] ?? 1);

const KINDS: Readonly<Record<string, ProgramOptions>> = {
  "four clients on two keys": SMALL,
  "buckets that come and go under their writers": COMING_AND_GOING,
  "parts, copies and completions of the same uploads": UPLOADS,
};

for (const [kind, options] of Object.entries(KINDS)) {
  test(`${HISTORIES} histories of ${kind} have an order that the model answers alike`, async () => {
    for (let seed = FIRST; seed < FIRST + HISTORIES; seed++) {
      const failure = await failureOf(seed, options);
      assert.equal(failure, undefined, failure);
    }
  });
}

test("one client alone gets exactly the model's answers, pages of listings among them", async () => {
  const keys = ["a", "a/b", "a/b/c", "a0", "b", "x/y", "ü"];
  for (let seed = FIRST; seed < FIRST + HISTORIES; seed++) {
    const failure = await failureOf(seed, { ...SMALL, clients: 1, keys, pages: true });
    assert.equal(failure, undefined, failure);
  }
});

test("a seed gives the same history again", async () => {
  const again = async (): Promise<string> =>
    tell(await runScheduled(randomProgram(7, SMALL), 7)).replaceAll(/[A-Z2-7]{32}|[0-9a-f]{64}/g, "…");
  assert.equal(await again(), await again());
});
