/** Attack A.8 no. 38: policies and requests written to cost time. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { evaluate } from "../../src/policy/evaluate.js";
import { alice, get, identity } from "./support.js";

const ALL = { Effect: "Allow", Action: "*", Resource: "*" };
const elapsed = (work: () => void): number => {
  const { user } = process.cpuUsage();
  work();
  return (process.cpuUsage().user - user) / 1000;
};

test("a policy and a header written against each other are a Deny, within a fraction of a second", () => {
  let exceeded = 0;
  const agent = "a".repeat(60_000);
  const long = (text: string) => ({ StringLike: { "aws:UserAgent": text } });
  for (const pattern of [
    `*${"a".repeat(9000)}?b*`,
    `*?${"a".repeat(19_000)}b*`,
    `*${`${"a".repeat(200)}?b*`.repeat(90)}`,
    `*${"a".repeat(4500)}b${"a".repeat(4500)}*`,
    `*b${"a".repeat(9000)}*`,
    `${"*a".repeat(9000)}*b`,
  ]) {
    const denying = { Effect: "Deny", Action: "*", Resource: "*", Condition: long(pattern) };
    const ms = elapsed(() => {
      for (const statement of [denying, { ...denying, Effect: "Allow" }]) {
        const decision = evaluate(alice, get({ context: { "aws:UserAgent": agent } }), identity(ALL, statement));
        // Too much work is an error, and an error is a Deny; what is decided in time is decided right.
        if (decision.layer === "evaluation error") exceeded += 1;
        else assert.equal(decision.effect, "Allow", pattern.slice(0, 20));
      }
    });
    assert.ok(ms < 500, `${ms} ms for ${pattern.slice(0, 20)}`);
  }
  assert.ok(exceeded > 0, "nothing was written to cost");
});

test("many patterns that each cost a little share one budget; the next decision has its own", () => {
  const Condition = { StringLike: { "aws:UserAgent": Array.from({ length: 80 }, () => `*${"a".repeat(250)}?b*`) } };
  const costly = identity(ALL, { Effect: "Deny", Action: "*", Resource: "*", Condition });
  const of = (text: string) => get({ context: { "aws:UserAgent": text } });
  const ms = elapsed(() => assert.equal(evaluate(alice, of("a".repeat(60_000)), costly).layer, "evaluation error"));
  assert.ok(ms < 500, `${ms} ms`);
  assert.equal(evaluate(alice, of("a".repeat(500)), costly).effect, "Allow");
});

test("variables with a long value, and many patterns with one unknown character each, cost little time and memory", () => {
  const agent = "a".repeat(30_000);
  const variables = "${aws:UserAgent}".repeat(1150);
  const names = (form: (at: number) => string) => Array.from({ length: 700 }, (_, at) => form(at));
  const like = (values: string | string[]) => ({ Resource: "*", Condition: { StringLike: { "aws:Referer": values } } });
  const costly = [
    { Resource: `arn:aws:s3:::bucket/?${variables}` },
    { Resource: names((at) => `arn:aws:s3:::bucket/${at}?\${aws:UserAgent}`) },
    like(`?${variables}`),
    like(names((at) => `?${at}\${aws:UserAgent}`)),
    like(names((at) => `${at}?*`)),
    like(names((at) => `*?${at}`)),
    like(names((at) => `*a?${at}*`)),
    { Resource: "*", Condition: { StringEqualsIgnoreCase: { "aws:Referer": [variables, `${variables}b`] } } },
  ];
  for (const [at, statement] of costly.entries()) {
    const policies = identity(ALL, { Effect: "Deny", Action: "*", ...statement });
    const context = { "aws:UserAgent": agent, "aws:Referer": agent };
    const before = process.memoryUsage().rss;
    const ms = elapsed(() => {
      const { effect, layer } = evaluate(alice, get({ context }), policies);
      assert.ok(effect === "Allow" || layer === "evaluation error", layer);
    });
    assert.ok(ms < 500, `${ms} ms for ${at}`);
    assert.ok(process.memoryUsage().rss - before < 100 * 1024 ** 2, `memory for ${at}`);
  }
});

test("an unknown character is one code point, at either end and in the middle, in pairs of surrogates too", () => {
  const matches = (pattern: string, text: string): boolean => {
    const statement = { Effect: "Allow", Action: "*", Resource: "*", Condition: { StringLike: { "aws:Referer": pattern } } };
    return evaluate(alice, get({ context: { "aws:Referer": text } }), identity(statement)).effect === "Allow";
  };
  const face = "\u{1F600}";
  const right = [
    ["?", face], ["a?", `a${face}`], ["?a", `${face}a`], ["*?", face], ["?*", face], ["*?b*", `a${face}b`], ["??", face + face],
    ["*a?", `aa${face}`], ["?*?", face + face], ["*?", `a\ud83d`], [`*${face}?*`, `x${face}yz`],
  ] as const;
  for (const [pattern, text] of right) assert.ok(matches(pattern, text), `${pattern} ${text}`);
  const wrong = [["??", face], ["?*?", face], ["a?b", `a${face}${face}b`], ["*?b", "b"], ["?", ""], ["*a?", "xa"]] as const;
  for (const [pattern, text] of wrong) assert.ok(!matches(pattern, text), `${pattern} ${text}`);
});

test("the largest policies against the longest keys are decided, not refused", () => {
  const key = `arn:aws:s3:::bucket/${"ab/".repeat(340)}`;
  const Resource = Array.from({ length: 200 }, (_, at) => `arn:aws:s3:::bucket/*ab/?b/ab/*/${at}*/*?x*`);
  assert.equal(evaluate(alice, get({ resource: key }), identity(ALL, { Effect: "Deny", Action: "*", Resource })).effect, "Allow");
});
