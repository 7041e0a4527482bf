import assert from "node:assert/strict";
import { test } from "node:test";
import { readHashedBody, readSmallBody } from "../../src/wire/small-body.js";
import { rejection, requestHead } from "./signing.js";

const head = requestHead("POST", "/", { "content-length": "10" });

/** Pieces with a pause before each; `pulled` tells how many were asked for. */
function dripping(pieces: number, pauseMs: number) {
  const state = { pulled: 0 };
  const stream = (async function* () {
    for (let at = 0; at < pieces; at += 1) {
      state.pulled += 1;
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
      yield Buffer.from("x");
    }
  })();
  return { state, stream };
}

test("a document that is in time leaves no timer behind", async () => {
  const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;
  const before = timers();
  const { bytes } = await readHashedBody({ head, stream: dripping(10, 0).stream, service: "kms", limitBytes: 100, withinMs: 60_000 });
  assert.equal(bytes.toString(), "x".repeat(10));
  // Not equal: a timer of the test runner's own may have ended meanwhile.
  assert.ok(timers() <= before);
});

test("a document that drips in longer than it may is refused, however steadily it comes", async () => {
  const hashed = dripping(10, 30);
  const late = await rejection(() => readHashedBody({ head, stream: hashed.stream, service: "kms", limitBytes: 100, withinMs: 100 }));
  assert.equal(late.code, "RequestTimeout");
  assert.ok(hashed.state.pulled < 10);
  const small = dripping(10, 30);
  const refused = await rejection(() => readSmallBody({ head, stream: small.stream, claim: { kind: "anonymous" }, limitBytes: 100, withinMs: 100 }));
  assert.equal(refused.code, "RequestTimeout");
});
