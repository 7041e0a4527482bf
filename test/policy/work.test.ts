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

test("the largest policies against the longest keys are decided, not refused", () => {
  const key = `arn:aws:s3:::bucket/${"ab/".repeat(340)}`;
  const Resource = Array.from({ length: 200 }, (_, at) => `arn:aws:s3:::bucket/*ab/?b/ab/*/${at}*/*?x*`);
  assert.equal(evaluate(alice, get({ resource: key }), identity(ALL, { Effect: "Deny", Action: "*", Resource })).effect, "Allow");
});
