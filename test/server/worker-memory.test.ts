/** What worker processes are told about memory, and that it does not overrule who runs them. */
import assert from "node:assert/strict";
import { it } from "node:test";
import { workerArguments, workerEnvironment } from "../../src/server/worker-memory.js";

it("workers get a small young generation, behind the arguments of this process", () => {
  assert.deepEqual(workerArguments(["--inspect"], undefined), ["--inspect", "--max-semi-space-size=8"]);
});

it("a size that was chosen stays: as argument, in NODE_OPTIONS, with hyphens or underscores", () => {
  assert.deepEqual(workerArguments(["--max-semi-space-size=64"], undefined), ["--max-semi-space-size=64"]);
  assert.deepEqual(workerArguments(["--max_semi_space_size=64"], ""), ["--max_semi_space_size=64"]);
  assert.deepEqual(workerArguments([], "--no-deprecation --max-semi-space-size=64"), []);
});

it("malloc's arenas are few, where nobody said how many", () => {
  assert.deepEqual(workerEnvironment({ PATH: "/bin" }), { MALLOC_ARENA_MAX: "2" });
  assert.deepEqual(workerEnvironment({ MALLOC_ARENA_MAX: "8" }), {});
});
