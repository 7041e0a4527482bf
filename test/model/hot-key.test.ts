/** A key that many overwrite at once: whoever reads it gets one of its bodies, whole, however often it changes meanwhile. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { tell } from "./history.js";
import type { Step } from "./program.js";
import { Random } from "../random.js";
import { runScheduled } from "./scheduled.js";
import { contentOf } from "./state.js";

const WRITERS = 12;
const READERS = 4;
const CALLS = 4;

test("GetObject of an object kept with the records, while twelve clients overwrite it", async () => {
  for (let seed = 1; seed <= 4; seed++) {
    const random = new Random(seed);
    const at = { Bucket: "first", Key: "a" };
    const put = (id: number, client: number): Step => ({ id, client, name: "PutObject", input: at, body: random.bytes(9) });
    const program: Step[] = [{ id: 1, client: -1, name: "CreateBucket", input: { Bucket: "first" } }, put(2, -1)];
    for (let client = 0; client < WRITERS + READERS; client++) {
      for (let call = 0; call < CALLS; call++) {
        const id = program.length + 1;
        program.push(client < WRITERS ? put(id, client) : { id, client, name: "GetObject", input: at });
      }
    }
    const history = await runScheduled(program, seed);
    const failed = history.filter(({ answer }) => typeof answer !== "object" || "error" in answer);
    assert.deepEqual(failed, [], tell(failed));
    // Overwritten at once by twelve, the orders are too many to search: that a body was written at all is what is asked.
    const written = new Set(history.map(({ action: { body } }) => (body === undefined ? "" : contentOf(body))));
    for (const { action, answer } of history) {
      if (action.name !== "GetObject") continue;
      assert.ok(typeof answer === "object" && "ok" in answer && written.has(String(answer.ok["body"])));
    }
  }
});
