import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { AGAIN, CommitContention, withRetry } from "../../src/stores/commit-retry.js";
import { memoryMetadataStore } from "../../src/stores/memory-metadata.js";
import { count } from "./store-child.js";

describe("commit retry", () => {
  it("answers what the first attempt that does not say AGAIN answers, and no attempt follows", async () => {
    for (const losses of [0, 1, 4]) {
      let tried = 0;
      assert.equal(await withRetry(async () => (tried++ < losses ? AGAIN : "done"), { attempts: 5 }), "done");
      assert.equal(tried, losses + 1);
    }
  });

  it("gives up after its attempts, with CommitContention", async () => {
    let tried = 0;
    await assert.rejects(withRetry(async () => (tried++, AGAIN), { attempts: 3 }), CommitContention);
    assert.equal(tried, 3);
  });

  it("an attempt's own error ends it at once; an abort ends it before the next attempt", async () => {
    let tried = 0;
    await assert.rejects(withRetry(async () => { tried++; throw new RangeError("own"); }), RangeError);
    assert.equal(tried, 1);
    const aborter = new AbortController();
    const attempt = async (): Promise<typeof AGAIN> => {
      aborter.abort(new Error("gone"));
      return AGAIN;
    };
    await assert.rejects(withRetry(attempt, { signal: () => aborter.signal }), /gone/);
  });

  it("counters that race through it lose no increment", async () => {
    const store = memoryMetadataStore();
    const key = Buffer.from("n");
    await Promise.all(Array.from({ length: 8 }, () => count(store, key, 25)));
    assert.equal((await store.get([key]))[0]?.bytes.toString(), "200");
  });
});
