import assert from "node:assert/strict";
import { test } from "node:test";
import { Metrics } from "../../src/server/metrics.js";
import { createOperational } from "../../src/server/operational.js";

const metrics = new Metrics();
const ask = async (ready: () => Promise<void>, rawPath = "/-/ready"): Promise<[number, string]> => {
  const { status, body } = await createOperational(
    metrics,
    ready,
  )({ kind: "operational", rawPath, query: new Map(), method: "GET" }, true);
  return [status, body instanceof Uint8Array ? Buffer.from(body).toString("utf8") : ""];
};

test("ready says why it is not", async () => {
  assert.deepEqual(await ask(async () => {}), [200, "ready\n"]);
  assert.deepEqual(await ask(() => Promise.reject(new Error("the store is closed"))), [503, "not ready: the store is closed\n"]);
});

test("a store that never answers is not ready, and alive all the same", async () => {
  const never = (): Promise<void> => new Promise(() => {});
  assert.deepEqual(await ask(never), [503, "not ready: no answer from the store within 2000 ms\n"]);
  assert.deepEqual(await ask(never, "/-/live"), [200, "live\n"]);
});
