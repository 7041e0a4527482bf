import assert from "node:assert/strict";
import test from "node:test";
import { evaluate } from "../../src/policy/evaluate.js";
import { parsePolicy, type PolicyKind } from "../../src/policy/parse.js";
import type { Decision, Permission, PolicySource, Principal, PrincipalPolicies } from "../../src/policy/types.js";
import { Random } from "../random.js";
import {
  naiveEvaluate, type NaiveAnswer, type NaiveDocument, type NaivePolicies, type NaiveRequest, type NaiveStatement,
} from "./naive.js";
import { ALICE_ID, anonymous, AWAY, BOB_ID, federated, HOME, ROLE_ID, root, s3Service, session, user } from "./support.js";

const CASES = 10_000;
const SEED = Number(process.env["POLICY_SEED"] ?? "20260101");

const ACTIONS = ["s3:GetObject", "s3:PutObject", "s3:ListBucket", "kms:Decrypt", "s3:ListAllMyBuckets"];
const ACTION_PATTERNS = ["*", "s3:*", "s3:Get*", "S3:getobject", "s3:?utObject", "kms:*", "s3:List*", "s3:PutObject",
  "kms:Dec?ypt", "s3:*t*"];
const RESOURCES = [
  "arn:aws:s3:::b", "arn:aws:s3:::b/k", "arn:aws:s3:::b/alice/x", "arn:aws:s3:::bb/k", "arn:aws:s3:::b/a:b:c", "*",
  `arn:aws:kms:us-east-1:${HOME}:key/k`, `arn:aws:kms:us-east-1:${AWAY}:key/k`, `arn:aws:s3:::b/x:${HOME}:accesspoint/y`,
  "arn:aws:s3:::b/😀",
];
const RESOURCE_PATTERNS = [
  "*", "arn:aws:s3:::b", "arn:aws:s3:::b/*", "arn:aws:s3:::b*", "arn:aws:s3:::*", "arn:aws:s3:::b/${aws:username}/*",
  "arn:aws:s3:::b/?",
  "arn:aws:s3:::b/${aws:PrincipalTag/team, 'alice'}/x", "arn:aws:s3:::b/${aws:TagKeys}", "arn:aws:s3:::b/${*}",
  `arn:aws:s3:*:${HOME}:accesspoint/*`,
  `arn:aws:kms:*:${HOME}:key/*`, "arn:aws:kms:*", "arn:aws:s3", "arn:aws:s3:::?/*a*", "arn:aws:*:*:*:*",
  "arn:aws:s3:::b/${s3:prefix}",
];
const UNSET = undefined;
const CONTEXT: Record<string, readonly (string | string[] | undefined)[]> = {
  "aws:username": ["alice", "al*", "a:b", UNSET],
  "aws:SourceIp": ["10.1.2.3", "192.0.2.9", "not-an-ip", UNSET],
  "aws:SecureTransport": ["true", "false", "TRUE", UNSET],
  "aws:CurrentTime": ["2026-01-01T00:00:00Z", "2020-06-01T12:00:00Z", "1767225600"],
  "aws:TagKeys": [["a", "b"], ["a"], [], ["c", "x"], UNSET],
  "aws:PrincipalTag/team": ["red", "alice", UNSET],
  "aws:principaltag/TEAM": [UNSET, UNSET, UNSET, "blue"],
  "s3:max-keys": ["10", "1000", "7.50", "many", UNSET],
  "s3:prefix": ["", "home/alice", "k", UNSET],
  "s3:ExistingObjectTag/Cls": ["x", UNSET],
  "s3:ExistingObjectTag/cls": ["y", UNSET],
  "aws:PrincipalArn": [`arn:aws:iam::${HOME}:user/alice`, `arn:aws:iam::${HOME}:role/app`, "nothing", UNSET],
  "kms:Blob": ["AAEC", "!!", UNSET],
};
const TEXTS = ["alice", "a*", "AL*", "?lice", "red", "${aws:username}", "${aws:PrincipalTag/team, 'red'}", "home/${aws:username}",
  "a", "x", "*", ""];
const VALUES: Record<string, readonly (string | boolean | number)[]> = {
  String: TEXTS,
  Numeric: [10, "1000", "7.5", "-1", 0],
  Date: ["2026-01-01T00:00:00Z", "1767225600", "2023-01-01T00:00:00Z"],
  Bool: [true, "false", "True"],
  Ip: ["10.0.0.0/8", "192.0.2.9", "0.0.0.0/0", "10.1.2.3/31"],
  Arn: [`arn:aws:iam::${HOME}:user/*`, "arn:aws:iam::*:role/app", "*", `arn:aws:iam::${HOME}:user/\${aws:username}`],
  Binary: ["AAEC", "AA=="],
  Null: ["true", false],
};
const OPERATORS: Record<string, readonly string[]> = {
  String: ["StringEquals", "StringNotEquals", "StringLike", "StringNotLike", "StringEqualsIgnoreCase",
    "StringNotEqualsIgnoreCase"],
  Numeric: ["NumericEquals", "NumericNotEquals", "NumericLessThan", "NumericLessThanEquals", "NumericGreaterThan",
    "NumericGreaterThanEquals"],
  Date: ["DateEquals", "DateNotEquals", "DateLessThan", "DateLessThanEquals", "DateGreaterThan", "DateGreaterThanEquals"],
  Bool: ["Bool"], Ip: ["IpAddress", "NotIpAddress"], Arn: ["ArnEquals", "ArnLike", "ArnNotEquals", "ArnNotLike"],
    Binary: ["BinaryEquals"],
};
const FITTING: Record<string, readonly string[]> = {
  Numeric: ["s3:max-keys"], Date: ["aws:CurrentTime"], Bool: ["aws:SecureTransport"], Ip: ["aws:SourceIp"],
    Arn: ["aws:PrincipalArn"],
  Binary: ["kms:Blob"],
};
const KEYS = Object.keys(CONTEXT);
const AWS_PRINCIPALS = [
  "*", HOME, AWAY, `arn:aws:iam::${HOME}:root`, ALICE_ID, BOB_ID, ROLE_ID, `arn:aws:sts::${HOME}:assumed-role/app/web`,
  `arn:aws:sts::${HOME}:federated-user/fay`, `arn:aws:iam::${HOME}:user/alice`, `arn:aws:iam::${HOME}:role/app`,
];
const CALLERS: readonly Principal[] = [
  user(), user(AWAY), user(HOME, "bob", BOB_ID), session(), session(AWAY), federated(), root(), root(AWAY), anonymous, s3Service,
];

function randomCondition(r: Random): NonNullable<NaiveStatement["Condition"]> {
  const condition: NonNullable<NaiveStatement["Condition"]> = {};
  for (let n = 1 + r.below(2); n > 0; n -= 1) {
    const type = r.chance(0.1) ? "Null" : r.pick(Object.keys(OPERATORS));
    let operator = type === "Null" ? "Null" : r.pick(OPERATORS[type] ?? []);
    if (type !== "Null") {
      if (r.chance(0.25)) operator += "IfExists";
      if (r.chance(0.25)) operator = `${r.pick(["ForAllValues", "ForAnyValue"])}:${operator}`;
    }
    const key = r.chance(0.7) ? r.pick(FITTING[type] ?? KEYS) : r.pick(KEYS);
    const spelled = r.chance(0.2) && !key.includes("Existing") ? key.toUpperCase() : key;
    const values = r.some(VALUES[type] ?? [], 3);
    condition[operator] = { ...condition[operator], [spelled]: values.length === 1 && r.chance(0.5)
      ? (values[0] ?? "") : values };
  }
  return condition;
}

function randomStatement(r: Random, kind: PolicyKind): NaiveStatement {
  const effect = r.chance(0.7) ? "Allow" : "Deny";
  const statement: NaiveStatement = { Effect: effect };
  if (kind !== "identity") {
    const block = r.chance(0.2) ? "*" as const
      : { AWS: r.some(AWS_PRINCIPALS, 4), ...(r.chance(0.1) ? { Service: "s3.amazonaws.com" } : {}) };
    if (effect === "Deny" && r.chance(0.3)) statement.NotPrincipal = block;
    else statement.Principal = block;
  }
  if (r.chance(0.12)) statement.NotAction = r.some(ACTION_PATTERNS, 2);
  else statement.Action = r.some(ACTION_PATTERNS, 3);
  if (r.chance(0.15)) statement.NotResource = r.some(RESOURCE_PATTERNS, 2);
  else statement.Resource = r.some(RESOURCE_PATTERNS, 3);
  if (r.chance(0.5)) statement.Condition = randomCondition(r);
  return statement;
}

function randomDocument(r: Random, kind: PolicyKind): NaiveDocument {
  const version = r.chance(0.85) ? { Version: "2012-10-17" } : r.chance(0.5) ? { Version: "2008-10-17" } : {};
  return { ...version, Statement: Array.from({ length: 1 + r.below(4) }, () => randomStatement(r, kind)) };
}

interface Case {
  who: Principal;
  request: NaiveRequest;
  policies: NaivePolicies;
}

function randomCase(r: Random): Case {
  const context: Record<string, string | string[]> = {};
  for (const [key, values] of Object.entries(CONTEXT)) {
    const value = values[r.below(values.length)];
    if (value !== undefined) context[key] = value;
  }
  const request: NaiveRequest = { action: r.pick(ACTIONS), resource: r.pick(RESOURCES), context };
  if (r.chance(0.9)) request.resourceAccount = r.chance(0.8) ? HOME : AWAY;
  if (r.chance(0.7)) request.resourceDocument = randomDocument(r, "bucket");
  if (r.chance(0.25)) request.kmsRule = true;
  const policies: NaivePolicies = { identity: Array.from({ length: r.below(3) }, () => randomDocument(r, "identity")) };
  if (r.chance(0.2)) policies.boundary = randomDocument(r, "identity");
  if (r.chance(0.3)) policies.session = Array.from({ length: 1 + r.below(2) }, () => randomDocument(r, "identity"));
  return { who: r.pick(CALLERS), request, policies };
}

const parsed = (kind: PolicyKind, id: string, document: NaiveDocument): PolicySource =>
  ({ id, policy: parsePolicy(JSON.stringify(document), kind) });

function real({ who, request, policies }: Case): Decision {
  const { resourceDocument, kmsRule, ...rest } = request;
  const permission: Permission = {
    ...rest,
    ...(resourceDocument === undefined ? {} : { resourcePolicy: parsed("bucket", "bucket", resourceDocument) }),
    ...(kmsRule === undefined ? {} : { resourcePolicyRequired: kmsRule }),
  };
  const own: PrincipalPolicies = {
    identity: policies.identity.map((document, n) => parsed("identity", `identity ${n}`, document)),
    ...(policies.boundary === undefined ? {} : { boundary: parsed("identity", "boundary", policies.boundary) }),
    ...(policies.session === undefined ? {} : { session: policies.session.map((d) => parsed("identity", "session", d)) }),
  };
  return evaluate(who, permission, own);
}

const answerOf = (decision: Decision): NaiveAnswer =>
  decision.effect === "Allow" ? "allow" : decision.explicit ? "explicit deny" : "implicit deny";

test(`agrees with the naive evaluator on ${CASES} random policies and requests`, () => {
  const seen = { allow: 0, "explicit deny": 0, "implicit deny": 0 };
  for (let n = 0; n < CASES; n += 1) {
    const seed = SEED + n;
    const one = randomCase(new Random(seed));
    const decision = real(one);
    const expected = naiveEvaluate(one.who as Parameters<typeof naiveEvaluate>[0], one.request, one.policies);
    const told = (): string => `POLICY_SEED=${seed}\n${JSON.stringify(one, null, 1)}\n${JSON.stringify(decision)}`;
    assert.notEqual(decision.layer, "evaluation error", told());
    assert.equal(answerOf(decision), expected, told());
    seen[expected] += 1;
  }
  // The generator must not have degenerated into one answer.
  for (const [answer, count] of Object.entries(seen)) assert.ok(count > CASES / 20, `${answer}: ${count}`);
});

/** Every document of a case, to be changed one at a time. */
function documentsOf({ request, policies }: Case): { document: NaiveDocument; kind: PolicyKind }[] {
  return [
    ...(request.resourceDocument === undefined ? [] : [{ document: request.resourceDocument, kind: "bucket" as const }]),
    ...[...policies.identity, ...(policies.session ?? []), ...(policies.boundary === undefined ? [] : [policies.boundary])]
      .map((document) => ({ document, kind: "identity" as const })),
  ];
}

test("adding a Deny statement never turns Deny into Allow", () => {
  for (let n = 0; n < 2500; n += 1) {
    const seed = SEED + 1_000_000 + n;
    const r = new Random(seed);
    const one = randomCase(r);
    if (real(one).effect === "Allow") continue;
    for (const { document, kind } of documentsOf(one)) {
      const { Principal: allowed, ...statement } = randomStatement(r, kind);
      document.Statement.push({ ...statement, ...(allowed === undefined ? {} : { Principal: allowed }), Effect: "Deny" });
      assert.equal(real(one).effect, "Deny", `POLICY_SEED=${seed}\n${JSON.stringify(one, null, 1)}`);
    }
  }
});

test("removing an Allow statement never turns Deny into Allow", () => {
  for (let n = 0; n < 2500; n += 1) {
    const seed = SEED + 2_000_000 + n;
    const one = randomCase(new Random(seed));
    if (real(one).effect === "Allow") continue;
    for (const { document } of documentsOf(one)) {
      // A document keeps at least one statement: an empty one is not a policy.
      const at = document.Statement.findIndex((statement) => statement.Effect === "Allow");
      if (at < 0 || document.Statement.length < 2) continue;
      document.Statement.splice(at, 1);
      assert.equal(real(one).effect, "Deny", `POLICY_SEED=${seed}\n${JSON.stringify(one, null, 1)}`);
    }
  }
});
