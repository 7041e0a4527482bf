/** Authorization reference §1.5 row by row: the operator table, the table of cases, key names. */
import assert from "node:assert/strict";
import test from "node:test";
import type { Context } from "../../src/policy/types.js";
import { conditionApplies, HOME } from "./support.js";

type Row = readonly [operator: string, policy: unknown, request: string | readonly string[] | undefined, allow: boolean,
  deny?: boolean];

/** The key that a row is about; policy variables use others. */
const KEY = "s3:x-amz-acl";

function check(rows: readonly Row[], extra: Context = {}, version?: string): void {
  for (const [operator, policy, request, allow, deny = allow] of rows) {
    const context: Context = request === undefined ? extra : { ...extra, [KEY]: request };
    const condition = { [operator]: { [KEY]: policy } };
    const row = JSON.stringify([operator, policy, request]);
    assert.equal(conditionApplies(condition, context, "Allow", version), allow, `Allow ${row}`);
    // A 2008 policy is refused as identity policy by IAM, not by the evaluator.
    assert.equal(conditionApplies(condition, context, "Deny", version), deny, `Deny ${row}`);
  }
}

test("string operators: exact, folded, with wildcards, and their negations", () => check([
  ["StringEquals", "a", "a", true], ["StringEquals", "a", "A", false], ["StringEquals", ["x", "a"], "a", true],
  ["StringEquals", "a*", "ab", false], ["StringEquals", "a*", "a*", true], ["StringEquals", "?", "x", false],
  ["StringEquals", "", "", true],
  ["StringNotEquals", "a", "a", false], ["StringNotEquals", "a", "b", true], ["StringNotEquals", ["a", "b"], "b", false],
  ["StringNotEquals", ["a", "b"], "c", true],
  ["StringEqualsIgnoreCase", "aB", "Ab", true], ["StringEqualsIgnoreCase", "aB", "Ac", false],
  ["StringNotEqualsIgnoreCase", "aB", "Ab", false], ["StringNotEqualsIgnoreCase", "aB", "Ac", true],
  ["StringLike", "a*", "ab", true], ["StringLike", "a*", "a", true], ["StringLike", "a*", "Ab", false],
  ["StringLike", "a?", "a", false],
  ["StringLike", "a?", "ab", true], ["StringLike", "*/x/*", "/x/", true], ["StringLike", ["q", "*b"], "ab", true],
  ["StringNotLike", "a*", "ab", false], ["StringNotLike", "a*", "b", true],
]));

test("values may be numbers and booleans: true is \"true\", 10 is \"10\"", () => check([
  ["StringEquals", true, "true", true], ["StringEquals", 10, "10", true], ["StringEquals", [1.5, false], "1.5", true],
  ["NumericEquals", 10, "10", true], ["Bool", true, "true", true], ["Null", true, undefined, true],
]));

test("numeric operators compare exactly, integers and decimals", () => check([
  ["NumericEquals", "10", "10.0", true], ["NumericEquals", "10", "11", false], ["NumericNotEquals", "10", "11", true],
  ["NumericNotEquals", "10", "10.00", false], ["NumericLessThan", "10", "9.99", true], ["NumericLessThan", "10", "10", false],
  ["NumericLessThanEquals", "10", "10", true], ["NumericLessThanEquals", "10", "10.01", false],
  ["NumericGreaterThan", "10", "10", false], ["NumericGreaterThan", "-1", "0", true],
  ["NumericGreaterThanEquals", "10", "10", true],
  ["NumericGreaterThanEquals", "10", "9", false], ["NumericEquals", "9007199254740993", "9007199254740992", false],
  ["NumericLessThan", ["1", "100"], "50", true],
]));

test("date operators take ISO 8601 and epoch seconds on either side", () => check([
  ["DateEquals", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z", true],
  ["DateEquals", "1767225600", "2026-01-01T00:00:00Z", true],
  ["DateEquals", "2026-01-01T01:00:00+01:00", "1767225600", true], ["DateEquals", "2026-01-01", "2026-01-01T00:00:00.000Z", true],
  ["DateNotEquals", "2026", "2026-01-01T00:00:00Z", false],
  ["DateLessThan", "2026-01-01T00:00:00Z", "2025-12-31T23:59:59Z", true],
  ["DateLessThan", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z", false],
  ["DateLessThanEquals", "2026-01", "2026-01-01T00:00:00Z", true],
  ["DateGreaterThan", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00.001Z", true],
  ["DateGreaterThan", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z", false],
  ["DateGreaterThanEquals", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z", true],
]));

test("Bool compares true and false without case; a missing key is false for both", () => check([
  ["Bool", "true", "true", true], ["Bool", "true", "TRUE", true], ["Bool", "false", "true", false],
  ["Bool", "false", "false", true],
  ["Bool", "true", undefined, false], ["Bool", "false", undefined, false], ["BoolIfExists", "false", undefined, true],
]));

test("BinaryEquals compares decoded bytes", () => check([
  ["BinaryEquals", "AAEC", "AAEC", true], ["BinaryEquals", "AAEC", "AAED", false], ["BinaryEquals", "AAEC", "not base64", false],
]));

test("address operators: CIDR, single addresses, families, mapped addresses", () => check([
  ["IpAddress", "10.0.0.0/8", "10.255.0.1", true], ["IpAddress", "10.0.0.0/8", "11.0.0.1", false],
  ["IpAddress", "192.0.2.1", "192.0.2.1", true],
  ["IpAddress", "192.0.2.1", "192.0.2.2", false], ["IpAddress", "192.0.2.77/24", "192.0.2.1", true],
  ["IpAddress", "0.0.0.0/0", "1.2.3.4", true],
  ["IpAddress", "2001:db8::/32", "2001:db8:1::1", true], ["IpAddress", "2001:db8::/32", "2001:db9::1", false],
  ["IpAddress", "2001:db8::1", "2001:0DB8:0:0:0:0:0:1", true], ["IpAddress", "::/0", "10.0.0.1", false],
  ["IpAddress", "0.0.0.0/0", "::1", false],
  ["IpAddress", "10.0.0.0/8", "::ffff:10.1.2.3", true], ["IpAddress", "::ffff:10.0.0.0/104", "10.1.2.3", true],
  ["NotIpAddress", "10.0.0.0/8", "10.0.0.1", false], ["NotIpAddress", "10.0.0.0/8", "11.0.0.1", true],
  ["NotIpAddress", ["10.0.0.0/8", "11.0.0.0/8"], "11.0.0.1", false],
]));

test("ARN operators compare six fields one by one and never cross a colon", () => check([
  ["ArnEquals", "arn:aws:x:r:A:f/d", "arn:aws:x:r:A:f/d", true], ["ArnLike", "arn:aws:x:r:A:f/*", "arn:aws:x:r:A:f/d", true],
  ["ArnEquals", "arn:aws:x:*:A:f/*", "arn:aws:x:r:A:f/d", true], ["ArnLike", "arn:aws:x:*:A:f/*", "arn:aws:x:r:B:s:A:f/d", false],
  ["StringLike", "arn:aws:x:*:A:f/*", "arn:aws:x:r:B:s:A:f/d", true],
  ["ArnLike", "arn:aws:x:r:A:f/d", "arn:aws:x:r:A:F/d", false],
  ["ArnLike", "*", "arn:aws:x:r:A:f", true], ["ArnNotEquals", "arn:aws:x:r:A:*", "arn:aws:x:r:A:f", false],
  ["ArnNotLike", "arn:aws:x:r:A:*", "arn:aws:x:r:B:f", true], ["ArnLike", "arn:aws:x:r:A:f:*", "arn:aws:x:r:A:f:1:2", true],
]));

test("ARN operators take variables in every field, as literal text within it", () => {
  const extra = { "aws:PrincipalAccount": HOME, "aws:username": "a:b*", "aws:TagKeys": ["x"] };
  const of = (account: string, name: string): string => `arn:aws:iam::${account}:role/${name}`;
  check([
    ["ArnLike", of("${aws:PrincipalAccount}", "x-*"), of(HOME, "x-1"), true],
    ["ArnLike", of("${aws:PrincipalAccount}", "x-*"), of("444455556666", "x-1"), false],
    ["ArnNotLike", of("${aws:PrincipalAccount}", "*"), of(HOME, "x"), false],
    ["ArnEquals", of("${aws:PrincipalAccount}", "${aws:username}"), of(HOME, "a:b*"), true],
    ["ArnEquals", of("${aws:username}", "*"), of("a", "b*:role/x"), false],
    ["ArnLike", of("${aws:TagKeys}", "*"), of("x", "y"), false], ["ArnNotLike", of("${aws:TagKeys}", "*"), of("x", "y"), true],
  ], extra);
});

test("Null asks whether the key is there with a value", () => check([
  ["Null", "true", undefined, true], ["Null", "false", undefined, false], ["Null", "true", "x", false],
  ["Null", "false", "x", true],
  ["Null", "true", [], true], ["Null", "false", [], false], ["Null", "false", "", true], ["Null", ["true", "false"], "x", true],
]));

test("key absent: positive false, negated true, IfExists true", () => check([
  ["StringEquals", "a", undefined, false], ["NumericLessThan", "1", undefined, false],
  ["IpAddress", "0.0.0.0/0", undefined, false],
  ["ArnLike", "*", undefined, false], ["DateGreaterThan", "2000", undefined, false],
  ["StringNotEquals", "a", undefined, true], ["StringNotLike", "*", undefined, true],
  ["StringNotEqualsIgnoreCase", "a", undefined, true],
  ["NumericNotEquals", "1", undefined, true], ["DateNotEquals", "2000", undefined, true],
  ["NotIpAddress", "0.0.0.0/0", undefined, true],
  ["ArnNotEquals", "*", undefined, true], ["ArnNotLike", "*", undefined, true],
  ["StringEqualsIfExists", "a", undefined, true], ["StringNotEqualsIfExists", "a", undefined, true],
  ["StringLikeIfExists", "a", undefined, true],
  ["StringEqualsIfExists", "a", "b", false], ["StringNotEqualsIfExists", "a", "a", false],
  ["ArnNotEqualsIfExists", "*", undefined, true],
  ["NumericGreaterThanIfExists", "5", undefined, true], ["NumericGreaterThanIfExists", "5", "4", false],
]));

test("ForAllValues and ForAnyValue: absent and empty sets", () => check([
  ["ForAllValues:StringEquals", "a", undefined, true], ["ForAllValues:StringNotEquals", "a", undefined, true],
  ["ForAllValues:StringEquals", "a", [], true], ["ForAllValues:StringNotLike", "a", [], true],
  ["ForAnyValue:StringEquals", "a", undefined, false], ["ForAnyValue:StringNotEquals", "a", undefined, false],
  ["ForAnyValue:StringEquals", "a", [], false], ["ForAnyValue:StringNotLike", "a", [], false],
  ["ForAnyValue:StringEqualsIfExists", "a", undefined, true], ["ForAllValues:StringEqualsIfExists", "a", undefined, true],
]));

test("ForAllValues: every value must; ForAnyValue: one is enough; negations the other way", () => check([
  ["ForAllValues:StringEquals", ["a", "b"], ["a", "b"], true], ["ForAllValues:StringEquals", ["a", "b"], ["a", "c"], false],
  ["ForAllValues:StringNotEquals", ["a", "b"], ["c", "d"], true], ["ForAllValues:StringNotEquals", ["a", "b"], ["c", "a"], false],
  ["ForAnyValue:StringEquals", ["a", "b"], ["c", "b"], true], ["ForAnyValue:StringEquals", ["a", "b"], ["c", "d"], false],
  ["ForAnyValue:StringNotEquals", ["a", "b"], ["a", "c"], true], ["ForAnyValue:StringNotEquals", ["a", "b"], ["a", "b"], false],
  ["ForAllValues:StringEquals", ["a"], "a", true], ["ForAnyValue:StringEquals", ["a"], "b", false],
  // The documented table for aws:TagKeys = key1*.
  ["ForAllValues:StringNotLike", "key1*", ["key1:x"], false], ["ForAllValues:StringNotLike", "key1*", ["key2"], true],
  ["ForAllValues:StringNotLike", "key1*", undefined, true],
]));

test("a multi-valued key without qualifier: Allow does not match, Deny does", () => check([
  ["StringEquals", "a", ["a", "b"], false, true], ["StringNotEquals", "c", ["a", "b"], false, true],
  ["StringEquals", "a", ["a"], false, true],
]));

test("a request value that is not of the type: positive false, negated fails closed", () => check([
  ["NumericEquals", "1", "many", false], ["NumericNotEquals", "1", "many", false, true], ["NumericLessThan", "1", "1e3", false],
  ["DateGreaterThan", "2000", "yesterday", false], ["DateNotEquals", "2000", "2026-02-30", false, true],
  ["IpAddress", "0.0.0.0/0", "010.0.0.1", false],
  ["NotIpAddress", "10.0.0.0/8", "10.0.0", false, true], ["ArnLike", "*", "no-arn", false],
  ["ArnNotLike", "arn:aws:x:::y", "no-arn", false, true],
  ["Bool", "true", "yes", false], ["ForAllValues:NumericEquals", "1", ["1", "x"], false],
  ["ForAnyValue:NumericNotEquals", "1", ["1", "x"], false, true],
]));

test("several operators and keys must all hold; an empty Condition is true", () => {
  const both = { StringEquals: { "s3:prefix": "a", "s3:delimiter": "/" }, Bool: { "aws:SecureTransport": true } };
  const full = { "s3:prefix": "a", "s3:delimiter": "/", "aws:SecureTransport": "true" };
  assert.equal(conditionApplies(both, full), true);
  for (const key of Object.keys(full)) assert.equal(conditionApplies(both, { ...full, [key]: "false" }), false, key);
  assert.equal(conditionApplies({}, {}), true);
  assert.equal(conditionApplies({ StringEquals: {} }, {}), true);
});

test("key names are matched without case, tag keys too, except those of S3 objects", () => {
  assert.equal(conditionApplies({ StringEquals: { "AWS:currenttime": "x" } }, { "aws:CurrentTime": "x" }), true);
  assert.equal(conditionApplies({ StringEquals: { "s3:VersionId": "x" } }, { "s3:versionid": "x" }), true);
  assert.equal(conditionApplies({ StringEquals: { "aws:principaltag/TEAM": "x" } }, { "aws:PrincipalTag/team": "x" }), true);
  assert.equal(conditionApplies({ StringEquals: { "S3:existingobjecttag/Team": "x" } }, { "s3:ExistingObjectTag/Team": "x" }),
    true);
  assert.equal(conditionApplies({ StringEquals: { "s3:ExistingObjectTag/team": "x" } }, { "s3:ExistingObjectTag/Team": "x" }),
    false);
});

test("one key in two spellings is several values, so that nothing picks the friendlier one", () => {
  const context = { "kms:EncryptionContext:Dept": "a", "kms:EncryptionContext:dept": "b" };
  assert.equal(conditionApplies({ StringEquals: { "kms:EncryptionContext:dept": "b" } }, context), false);
  assert.equal(conditionApplies({ StringEquals: { "kms:EncryptionContext:dept": "c" } }, context, "Deny"), true);
});

test("policy variables: values, defaults, literals, absent keys", () => check([
  ["StringEquals", "home/${aws:username}", "home/alice", true], ["StringLike", "${aws:username}/*", "alice/x", true],
  ["StringEquals", "${AWS:UserName}", "alice", true], ["StringEquals", "${aws:PrincipalTag/t, 'none'}", "none", true],
  ["StringEquals", "${aws:username, 'none'}", "alice", true], ["StringEquals", "${*}${?}${$}", "*?$", true],
  ["StringLike", "a${*}", "ab", false], ["StringLike", "a${*}", "a*", true],
  ["StringEquals", "${aws:PrincipalTag/t}", "", false], ["StringNotEquals", "${aws:PrincipalTag/t}", "x", true],
  ["StringEquals", ["${aws:PrincipalTag/t}", "x"], "x", true], ["StringEquals", "${aws:TagKeys}", "a", false],
  ["ArnLike", `arn:aws:iam::${HOME}:user/\${aws:username}`, `arn:aws:iam::${HOME}:user/alice`, true],
  ["StringEquals", "${broken", "${broken", true], ["StringEqualsIgnoreCase", "${aws:username}", "ALICE", true],
], { "aws:username": "alice", "aws:TagKeys": ["a"] }));

test("the value of a variable is literal text: no wildcard, no further ARN field", () => check([
  ["StringLike", "${aws:username}", "anything", false], ["StringLike", "${aws:username}", "*:x", true],
  ["ArnLike", `arn:aws:iam::${HOME}:\${aws:username}`, `arn:aws:iam::${HOME}:*:x`, true],
  ["ArnLike", `arn:aws:iam::${HOME}:\${aws:username}`, `arn:aws:iam::${HOME}:abc:x`, false],
], { "aws:username": "*:x" }));

test("version 2008-10-17: ${…} is literal text", () => check([
  ["StringEquals", "${aws:username}", "${aws:username}", true], ["StringEquals", "${aws:username}", "alice", false],
  ["StringLike", "${*}", "${anything}", true],
], { "aws:username": "alice" }, "2008-10-17"));
