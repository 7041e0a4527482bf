/** The checker can fail: each planted mistake is found within a few seeds, and shrunk to a history that a person can read. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { judge, type Observed } from "./history.js";
import { failing, MISTAKES, TAKE_LONG } from "./plants.js";
import { failureOf, LIMITS, SMALL } from "./scheduled.js";
import { contentOf } from "./state.js";

/** Seeds that a mistake may hide from. */
const SEEDS = 60;
/** A history that a person can read. */
const READABLE_CALLS = 16;

const isLong = process.env["COFFER_TEST_LONG"] !== undefined;

for (const [mistake, [plant, options]] of Object.entries(MISTAKES)) {
  const when = { skip: isLong || !TAKE_LONG.has(mistake) ? false : "takes long: npm run soak -- model" };
  test(`found and shrunk: ${mistake}`, when, async (context) => {
    let found = 0;
    for (let seed = 1; seed <= SEEDS; seed++) {
      const failure = await failureOf(seed, options, plant);
      if (failure === undefined) continue;
      assert.match(failure, new RegExp(`seed ${seed}, schedule \\d+`));
      found++;
      const calls = failure.split("\n").filter((line) => line.includes(" client ")).length;
      // Leaving calls out changes who meets whom, so shrinking may end where one call less hides it: then another seed tells.
      if (calls > READABLE_CALLS) continue;
      context.diagnostic(`${calls} calls\n${failure}`);
      assert.ok(found <= 3, `only failure ${found} can be read`);
      return;
    }
    assert.fail(`found ${found} times with ${SEEDS} seeds, never readable`);
  });
}

test("commits that fail without saying whether they took place leave calls open, and nothing else", async () => {
  for (let seed = 1; seed <= SEEDS; seed++) {
    const failure = await failureOf(seed, SMALL, failing(seed), { ...LIMITS, storeFails: true });
    assert.equal(failure, undefined, failure);
  }
});

const put = (id: number, start: number, end: number, body: string): Observed => {
  const bytes = Buffer.from(body);
  const action = { name: "PutObject", input: { Bucket: "b", Key: "k" }, body: bytes };
  return { id, client: id, action, answer: { ok: { ETag: contentOf(bytes) } }, start, end };
};
const get = (id: number, start: number, end: number, body: string): Observed => {
  const content = contentOf(Buffer.from(body));
  const ok = { ETag: content, ContentLength: body.length, meta: "", TagCount: 0, body: content };
  return { id, client: id, action: { name: "GetObject", input: { Bucket: "b", Key: "k" } }, answer: { ok }, start, end };
};
const CREATE = { name: "CreateBucket", input: { Bucket: "b" } };
const BUCKET: Observed = { id: 0, client: 0, action: CREATE, answer: { ok: {} }, start: 1, end: 2 };

test("by hand: what may be seen while two writes overlap, and what may not", () => {
  const writes = [BUCKET, put(1, 3, 10, "one"), put(2, 4, 9, "two")];
  const holds = (...reads: Observed[]): boolean => judge([...writes, ...reads], LIMITS).ok;
  assert.ok(holds(get(3, 5, 6, "one"), get(4, 11, 12, "two")));
  assert.ok(holds(get(3, 5, 6, "two"), get(4, 11, 12, "one")));
  assert.ok(!holds(get(3, 5, 6, "one"), get(4, 7, 8, "two"), get(5, 11, 12, "one")), "a write takes place once");
  assert.ok(!holds(get(3, 11, 12, "one"), get(4, 13, 14, "two")), "nothing changes once both have ended");
  assert.ok(!holds(get(3, 11, 12, "three")), "never written");
});

test("by hand: a call that was cut off took place once, or never, but not before it began", () => {
  const open: Observed = { ...put(2, 5, Number.POSITIVE_INFINITY, "two"), answer: "unknown" };
  const holds = (...reads: Observed[]): boolean => judge([BUCKET, put(1, 3, 4, "one"), open, ...reads], LIMITS).ok;
  assert.ok(holds(get(3, 7, 8, "one")));
  assert.ok(holds(get(3, 7, 8, "one"), get(4, 9, 10, "two")));
  assert.ok(!holds(get(3, 7, 8, "two"), get(4, 9, 10, "one")));
  assert.ok(!judge([BUCKET, put(1, 3, 8, "one"), { ...open, start: 9 }, get(3, 4, 7, "two")], LIMITS).ok);
  const dead: Observed = { ...open, end: 6 };
  assert.ok(judge([BUCKET, put(1, 3, 4, "one"), dead, get(3, 7, 8, "two")], LIMITS).ok);
  const late = [BUCKET, put(1, 3, 4, "one"), dead, get(3, 7, 8, "one"), get(4, 9, 10, "two")];
  assert.ok(!judge(late, LIMITS).ok, "its server is dead");
});
