/** Wildcards and ARN patterns: authorization reference §1.3, §1.4; pathological patterns §7 #8. */
import assert from "node:assert/strict";
import test from "node:test";
import { evaluate } from "../../src/policy/evaluate.js";
import { globOf, matchesGlob } from "../../src/policy/match.js";
import { ALL, alice, get, HOME, identity, verdict } from "./support.js";

const matches = (pattern: string, text: string): boolean => matchesGlob(globOf(pattern), text);

test("* is any run, ? one character, the whole text must match", () => {
  for (const [pattern, text] of [
    ["", ""], ["*", ""], ["*", "x"], ["a*", "a"], ["*a", "ba"], ["a*a", "aa"], ["a**b", "ab"], ["a*b*c", "axbxc"], ["?", "x"],
    ["a?c", "abc"],
    ["*?", "x"], ["?*?", "xy"], ["a*?b*", "axxbx"], ["?", "😀"], ["*😀*", "a😀b"], ["??", "😀é"], ["*ab", "aab"],
    ["*aab*b", "aaabxb"],
  ] as const) assert.ok(matches(pattern, text), `${pattern} ~ ${text}`);
  for (const [pattern, text] of [
    ["", "x"], ["a", ""], ["a*a", "a"], ["a*b", "abc"], ["?", ""], ["?", "xy"], ["??", "😀"], ["*?", ""], ["a*bc*c", "abc"],
    ["a?c", "a😀😀c"],
    ["A", "a"], ["a*b*b", "ab"], ["*??", "😀"],
  ] as const) assert.ok(!matches(pattern, text), `${pattern} !~ ${text}`);
});

const allows = (pattern: string, resource: string): boolean =>
  verdict(evaluate(alice, get({ resource }), identity({ Effect: "Allow", Action: "*", Resource: pattern }))) === "allow";
const denies = (pattern: string, resource: string): boolean =>
  verdict(evaluate(alice, get({ resource }), identity(ALL, { Effect: "Deny", Action: "*", Resource: pattern }))) !== "allow";

test("bucket and object ARNs, slashes without meaning", () => {
  for (const [pattern, resource, expected] of [
    ["arn:aws:s3:::b", "arn:aws:s3:::b", true], ["arn:aws:s3:::b", "arn:aws:s3:::b/k", false],
    ["arn:aws:s3:::b/*", "arn:aws:s3:::b", false],
    ["arn:aws:s3:::b/*", "arn:aws:s3:::b/k", true], ["arn:aws:s3:::b*", "arn:aws:s3:::b2", true],
    ["arn:aws:s3:::b*", "arn:aws:s3:::b-other/k", true],
    ["arn:aws:s3:::*", "arn:aws:s3:::b/k", true], ["*", "arn:aws:s3:::b", true],
    ["arn:aws:s3:::b/*/test/*", "arn:aws:s3:::b/1/2/test/x", true],
    ["arn:aws:s3:::b/*/test/*", "arn:aws:s3:::b//test/x", true], ["arn:aws:s3:::b/*/test/*", "arn:aws:s3:::b/test/x", false],
    ["arn:aws:s3:::B/k", "arn:aws:s3:::b/k", false], ["arn:aws:s3:::b/K", "arn:aws:s3:::b/k", false],
    ["arn:aws:s3:::b/*", "arn:aws:s3:::b/a:b:c", true],
    ["arn:aws:s3:::b/../c", "arn:aws:s3:::c", false], ["arn:aws:s3:::b/%20", "arn:aws:s3:::b/ ", false],
    ["arn:aws:kms:*", `arn:aws:kms:us-east-1:${HOME}:key/k`, true], ["arn:aws:s3", "arn:aws:s3:::b/k", true],
    ["arn:aws:ec2:*", "arn:aws:s3:::b/k", false],
    ["a*", "arn:aws:s3:::b/k", false], ["arn*", "arn:aws:s3:::b/k", false],
  ] as const) {
    assert.equal(allows(pattern, resource), expected, `Allow ${pattern} ${resource}`);
    assert.equal(denies(pattern, resource), expected, `Deny ${pattern} ${resource}`);
  }
});

test("actions without a resource: only * and, for S3, arn:aws:s3:::* match", () => {
  for (const resource of ["*", "arn:aws:s3:::*"]) {
    for (const [pattern, expected] of [["*", true], ["arn:aws:s3:::*", true], ["arn:aws:s3:::b*", false],
      ["arn:aws:s3:::b", false]] as const) {
      const decision = evaluate(alice, get({ action: "s3:ListAllMyBuckets", resource }),
        identity({ Effect: "Allow", Action: "*", Resource: pattern }));
      assert.equal(decision.effect === "Allow", expected, pattern);
    }
  }
});

test("colon crossing: an Allow matches strictly by field, a Deny by either reading", () => {
  const pattern = `arn:aws:s3:*:${HOME}:accesspoint/*`;
  const trick = `arn:aws:s3:::b/x:${HOME}:accesspoint/y`;
  const plain = `arn:aws:s3:us-east-1:${HOME}:accesspoint/y`;
  assert.equal(allows(pattern, plain), true);
  assert.equal(allows(pattern, trick), false);
  assert.equal(denies(pattern, plain), true);
  assert.equal(denies(pattern, trick), true);
});

test("colon crossing under NotResource: the reading that lets less through, the other way round", () => {
  const pattern = `arn:aws:s3:*:${HOME}:accesspoint/*`;
  const trick = `arn:aws:s3:::b/x:${HOME}:accesspoint/y`;
  const statement = { Action: "*", NotResource: pattern };
  assert.equal(evaluate(alice, get({ resource: trick }), identity({ Effect: "Allow", ...statement })).effect, "Deny");
  assert.equal(evaluate(alice, get({ resource: trick }), identity(ALL, { Effect: "Deny", ...statement })).effect, "Deny");
});

test("a region wildcard does not reach into another account", () => {
  assert.equal(allows(`arn:aws:kms:*:${HOME}:key/*`, "arn:aws:kms:us-east-1:444455556666:key/k"), false);
});

test("variables in resources: substituted after the split, only in the sixth field", () => {
  const at = (pattern: string, resource: string, context: Record<string, string | string[]>): string =>
    verdict(evaluate(alice, get({ resource, context }), identity({ Effect: "Allow", Action: "*", Resource: pattern })));
  const home = "arn:aws:s3:::b/${aws:username}/*";
  assert.equal(at(home, "arn:aws:s3:::b/alice/x", { "aws:username": "alice" }), "allow");
  assert.notEqual(at(home, "arn:aws:s3:::b/bob/x", { "aws:username": "alice" }), "allow");
  assert.notEqual(at(home, "arn:aws:s3:::b/bob/x", { "aws:username": "*" }), "allow");
  assert.equal(at("arn:aws:s3:::b/${s3:prefix}", "arn:aws:s3:::b/a:b/c", { "s3:prefix": "a:b/c" }), "allow");
  assert.notEqual(at(home, "arn:aws:s3:::b/alice/x", {}), "allow");
  assert.equal(at("arn:aws:s3:::b/${aws:PrincipalTag/t, 'pub'}/*", "arn:aws:s3:::b/pub/x", {}), "allow");
  assert.notEqual(at("arn:aws:s3:::b/${aws:TagKeys}", "arn:aws:s3:::b/a", { "aws:TagKeys": ["a"] }), "allow");
  assert.notEqual(at("arn:aws:s3:${aws:RequestedRegion}::b", "arn:aws:s3:x::b", { "aws:RequestedRegion": "x" }), "allow");
});

test("NotResource with a variable without value matches nothing, whatever the effect", () => {
  const statement = { Action: "*", NotResource: ["arn:aws:s3:::b/${aws:username}/*", "arn:aws:s3:::c"] };
  assert.equal(evaluate(alice, get(), identity({ Effect: "Allow", ...statement })).effect, "Deny");
  assert.equal(evaluate(alice, get(), identity(ALL, { Effect: "Deny", ...statement })).effect, "Allow");
});

test("pathological patterns are bounded in time", () => {
  const started = process.hrtime.bigint();
  const text = "a".repeat(1024);
  for (const pattern of [
    `${"*a".repeat(10_000)}*b`, `${"*a".repeat(1000)}b`, `${"?*".repeat(5000)}`, `${"*?".repeat(512)}b`, `${"*".repeat(20_000)}b`,
    `*${"a?".repeat(256)}b*`, `${"*a?".repeat(300)}*c*`, `*${"a".repeat(512)}b`,
  ]) assert.equal(matches(pattern, text), false, pattern.slice(0, 20));
  const header = "a".repeat(16_384);
  assert.equal(matches(`*${"a".repeat(8000)}?b*`, header), false);
  const ms = Number(process.hrtime.bigint() - started) / 1e6;
  assert.ok(ms < 2000, `${ms} ms`);
});
