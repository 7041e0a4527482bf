import assert from "node:assert/strict";
import { test } from "node:test";
import { deriveRootKeys, newRootKey, newStoreId } from "@coffer/seal";
import { JobRunner, type Job } from "../../src/jobs/runner.js";
import { ManualClock, MINUTE_MS } from "../../src/lib/clock.js";
import { silentLog } from "../../src/lib/log.js";
import { memoryMetadataStore } from "../../src/stores/memory-metadata.js";
import { createRecords } from "../../src/stores/record-table.js";

function setting() {
  const records = createRecords(memoryMetadataStore(), deriveRootKeys(newRootKey(), newStoreId()).records);
  const clock = new ManualClock();
  const runner = (jobs: readonly Job[]): JobRunner => new JobRunner({ jobs, records, clock, log: silentLog });
  return { clock, runner };
}

test("a job runs to its end, then not before its period is over, whichever process asks", async () => {
  const { clock, runner } = setting();
  let steps = 0;
  const job: Job = { name: "count", everyMs: MINUTE_MS, step: async () => (++steps % 3 === 0 ? "done" : "more") };
  const [one, two] = [runner([job]), runner([job])];
  await one.runDue();
  await two.runDue();
  assert.equal(steps, 3);
  clock.advance(MINUTE_MS - 1);
  await one.runDue();
  assert.equal(steps, 3);
  clock.advance(1);
  await two.runDue();
  assert.equal(steps, 6);
});

test("a job that one process holds is left alone by the others until its lease is over", async () => {
  const { clock, runner } = setting();
  let inside = 0;
  let release = (): void => {};
  const held = new Promise<void>((resolve) => (release = resolve));
  const job: Job = { name: "slow", everyMs: 0, step: async () => (inside++, await held, "done") };
  const running = runner([job]).runDue();
  while (inside === 0) await new Promise((resolve) => setImmediate(resolve));
  await runner([job]).runDue();
  assert.equal(inside, 1);
  clock.advance(3 * MINUTE_MS);
  const taken = runner([job]).runDue();
  while (inside === 1) await new Promise((resolve) => setImmediate(resolve));
  release();
  await Promise.all([running, taken]);
  assert.equal(inside, 2);
});

test("a failing job is tried again, and does not keep the next one from running", async () => {
  const { clock, runner } = setting();
  let tries = 0;
  let others = 0;
  const failing: Job = { name: "fails", everyMs: MINUTE_MS, step: async () => (tries++, Promise.reject(new Error("no"))) };
  const other: Job = { name: "works", everyMs: 0, step: async () => (others++, "done") };
  await runner([failing, other]).runDue();
  clock.advance(3 * MINUTE_MS);
  await runner([failing, other]).runDue();
  assert.deepEqual([tries, others], [2, 2]);
});

test("stop waits for the unit under way and begins no other", async () => {
  const { runner } = setting();
  let steps = 0;
  const endless: Job = { name: "endless", everyMs: 0, step: async () => (steps++, "more") };
  const it = runner([endless]);
  const running = it.runDue();
  while (steps < 3) await new Promise((resolve) => setImmediate(resolve));
  await it.stop();
  await running;
  const ended = steps;
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(steps, ended);
});
