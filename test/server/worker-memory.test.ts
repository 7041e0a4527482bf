/** What worker processes are told about memory, and that it does not overrule who runs them. */
import assert from "node:assert/strict";
import { it } from "node:test";
import { workerArguments, workerEnvironment } from "../../src/server/worker-memory.js";

it("workers get small generations, behind the arguments of this process", () => {
  assert.deepEqual(workerArguments(["--inspect"], undefined), ["--inspect", "--max-semi-space-size=8", "--heap-growing-percent=100"]);
});

it("a size that was chosen stays: as argument, in NODE_OPTIONS, with hyphens or underscores", () => {
  const growing = "--heap-growing-percent=100";
  assert.deepEqual(workerArguments(["--max-semi-space-size=64"], undefined), ["--max-semi-space-size=64", growing]);
  assert.deepEqual(workerArguments(["--max_semi_space_size=64"], ""), ["--max_semi_space_size=64", growing]);
  assert.deepEqual(workerArguments([], "--no-deprecation --max-semi-space-size=64"), [growing]);
  assert.deepEqual(workerArguments(["--heap_growing_percent=10"], undefined), ["--heap_growing_percent=10", "--max-semi-space-size=8"]);
});

it("malloc's arenas are few, where nobody said how many", () => {
  assert.deepEqual(workerEnvironment({ PATH: "/bin" }), { MALLOC_ARENA_MAX: "2" });
  assert.deepEqual(workerEnvironment({ MALLOC_ARENA_MAX: "8" }), {});
});
