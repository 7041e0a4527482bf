import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Gate } from "../../src/gate/gate.js";
import type { App } from "../../src/server/app.js";
import { codeIn, gateOver, incoming, openTestApp, signed, signerOf, textOf, type Sent } from "./support.js";

const BUDGET = 100_000;

describe("bodies held in memory", () => {
  let app: App & { release(): Promise<void> };
  let gate: Gate;
  before(async () => {
    app = await openTestApp();
    gate = gateOver(app, app.operations, { store: app.kms.store, bodyBudgetBytes: BUDGET });
  });
  after(() => app.release());

  const remove = (bytes: number): Sent => ({ method: "POST", target: "/a-bucket?delete", headers: { "content-md5": "AAAAAAAAAAAAAAAAAAAAAA==" }, body: Buffer.alloc(bytes, " ") });
  const list = (bytes: number): Sent =>
    signed({ method: "POST", target: "/", headers: { "x-amz-target": "TrentService.ListKeys" }, body: Buffer.from("{}".padEnd(bytes)) }, signerOf("kms"));

  /** The request, its body held back until told. @returns its code once it has been answered */
  function slow(request: Sent): { read: Promise<void>; go: () => void; code: Promise<string> } {
    let go = (): void => {};
    let started = (): void => {};
    const gone = new Promise<void>((resolve) => (go = resolve));
    const read = new Promise<void>((resolve) => (started = resolve));
    const made = incoming(request);
    const body = (async function* () {
      started();
      await gone;
      yield Buffer.from(request.body ?? "");
    })();
    return { read, go, code: gate.handle({ ...made, body }).then(async (answer) => codeIn(await textOf(answer))) };
  }
  const quick = async (request: Sent): Promise<string> => codeIn(await textOf(await gate.handle(incoming(request))));

  test("have one budget together, and give it back however they end", async () => {
    for (let round = 0; round < 3; round += 1) {
      const first = slow(remove(60_000));
      const second = slow(list(40_000));
      await Promise.all([first.read, second.read]);
      assert.equal(await quick(remove(1)), "SlowDown");
      assert.equal(await quick(list(2)), "ThrottlingException");
      first.go();
      second.go();
      assert.equal(await first.code, "BadDigest");
      assert.equal(await second.code, "");
      assert.equal(await quick(list(BUDGET)), "");
      assert.equal(await quick(list(BUDGET + 1)), "ThrottlingException");
    }
  });
});
