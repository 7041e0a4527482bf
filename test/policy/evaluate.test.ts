/** Authorization reference §1.2 (principal forms), §2.1–§2.5 row by row; kms reference §11.1. */
import assert from "node:assert/strict";
import test from "node:test";
import { evaluate } from "../../src/policy/evaluate.js";
import type { Principal, PrincipalPolicies } from "../../src/policy/types.js";
import {
  ALICE_ID, ALL, alice, anonymous, AWAY, BOB_ID, bucketPolicy, decrypt, federated, get, HOME, identity, keyPolicy, NONE, ROLE_ID,
    root,
  s3Service, session, source, user, verdict,
} from "./support.js";

const allow = (principal: unknown, more: object = {}): object =>
  ({ Effect: "Allow", Principal: principal, Action: "s3:GetObject", Resource: "arn:aws:s3:::b/*", ...more });
const deny = (principal: unknown): object => ({ Effect: "Deny", Principal: principal, Action: "s3:*",
  Resource: "arn:aws:s3:::b/*" });
const ALLOW_GET = { Effect: "Allow", Action: "s3:GetObject", Resource: "*" };
const DENY_GET = { Effect: "Deny", Action: "s3:GetObject", Resource: "*" };
const ALLOW_OTHER = { Effect: "Allow", Action: "s3:PutObject", Resource: "*" };
const CANONICAL = "ab".repeat(32);

test("principal forms: whom an Allow in a bucket policy reaches without further policies", () => {
  const rows: [unknown, Principal, string][] = [
    ["*", alice, "allow"], ["*", anonymous, "allow"], ["*", session(), "allow"], [{ AWS: "*" }, anonymous, "allow"],
    [{ AWS: ["*"] }, alice, "allow"],
    ["*", user(AWAY), "implicit identity-based"], ["*", root(AWAY), "allow"], ["*", s3Service, "allow"],
    [{ AWS: HOME }, alice, "implicit identity-based"], [{ AWS: `arn:aws:iam::${HOME}:root` }, alice, "implicit identity-based"],
    [{ AWS: HOME }, root(), "allow"], [{ AWS: AWAY }, root(AWAY), "allow"],
    [{ AWS: HOME }, root(AWAY), "implicit resource-based"],
    [{ AWS: HOME }, anonymous, "implicit resource-based"],
    [{ AWS: ALICE_ID }, alice, "allow"], [{ AWS: BOB_ID }, alice, "implicit identity-based"],
    [{ AWS: ALICE_ID }, user(HOME, "bob", BOB_ID), "implicit identity-based"],
    [{ AWS: ROLE_ID }, session(), "allow"], [{ AWS: `arn:aws:sts::${HOME}:assumed-role/app/web` }, session(), "allow"],
    [{ AWS: `arn:aws:sts::${HOME}:assumed-role/app/other` }, session(), "implicit identity-based"],
    [{ AWS: `arn:aws:sts::${HOME}:federated-user/fay` }, federated(), "allow"], [{ AWS: [BOB_ID, ALICE_ID] }, alice, "allow"],
    [{ Service: "s3.amazonaws.com" }, s3Service, "allow"],
    [{ Service: "logging.s3.amazonaws.com" }, s3Service, "implicit resource-based"],
    [{ Service: "s3.amazonaws.com" }, alice, "implicit identity-based"], [{ AWS: HOME }, s3Service, "implicit resource-based"],
    [{ CanonicalUser: CANONICAL }, { ...root(AWAY), canonicalId: CANONICAL }, "allow"],
    [{ CanonicalUser: CANONICAL }, { ...user(AWAY), canonicalId: CANONICAL }, "implicit identity-based"],
    [{ CanonicalUser: CANONICAL }, root(AWAY), "implicit resource-based"],
    [{ Federated: `arn:aws:iam::${HOME}:oidc-provider/x.example` }, anonymous, "implicit resource-based"],
    [{ Federated: `arn:aws:iam::${HOME}:oidc-provider/x.example` },
      { ...anonymous, federatedProvider: `arn:aws:iam::${HOME}:oidc-provider/x.example` }, "allow"],
  ];
  for (const [principal, who, expected] of rows) {
    const decision = evaluate(who, get({ resourcePolicy: bucketPolicy(allow(principal)) }), NONE);
    assert.equal(verdict(decision), expected, `${JSON.stringify(principal)} ${who.arn ?? who.type}`);
  }
});

test("a Deny of the account or its root reaches every principal of the account, and no other", () => {
  for (const named of [HOME, `arn:aws:iam::${HOME}:root`]) {
    for (const who of [alice, session(), federated(), root()]) {
      assert.equal(verdict(evaluate(who, get({ resourcePolicy: bucketPolicy(deny({ AWS: named })) }), identity(ALL))),
        "explicit resource-based", who.type);
    }
    for (const who of [anonymous, user(AWAY), s3Service]) {
      assert.equal(verdict(evaluate(who, get({ resourcePolicy: bucketPolicy(allow("*"), deny({ AWS: named })) }), identity(ALL))),
        "allow", who.type);
    }
  }
});

test("a Deny of a user also reaches the federated sessions that the user makes", () => {
  const resourcePolicy = bucketPolicy(allow("*"), deny({ AWS: ALICE_ID }));
  assert.equal(verdict(evaluate(federated(), get({ resourcePolicy }), { identity: [], session: [source("identity", "s", ALL)] })),
    "explicit resource-based");
});

test("an unresolved user or role ARN never allows, but denies whoever bears it", () => {
  for (const [who, arn] of [[alice, alice.arn], [session(), session().principalArn]] as const) {
    assert.equal(verdict(evaluate(who, get({ resourcePolicy: bucketPolicy(allow({ AWS: arn })) }), NONE)),
      "implicit identity-based");
    assert.equal(verdict(evaluate(who, get({ resourcePolicy: bucketPolicy(deny({ AWS: arn })) }), identity(ALL))),
      "explicit resource-based");
  }
});

test("NotPrincipal with Deny spares only who is listed by every name", () => {
  const spares = (who: Principal, ...names: string[]): boolean => {
    const statement = { Effect: "Deny", NotPrincipal: { AWS: names }, Action: "s3:*", Resource: "*" };
    return evaluate(who, get({ resourcePolicy: bucketPolicy(statement) }), identity(ALL)).effect === "Allow";
  };
  const sessionArn = `arn:aws:sts::${HOME}:assumed-role/app/web`;
  assert.equal(spares(alice, HOME, ALICE_ID), true);
  assert.equal(spares(alice, ALICE_ID), false);
  assert.equal(spares(alice, HOME), false);
  assert.equal(spares(session(), HOME, ROLE_ID, sessionArn), true);
  assert.equal(spares(session(), HOME, ROLE_ID), false);
  assert.equal(spares(session(), HOME, sessionArn), false);
  assert.equal(spares(session(), ROLE_ID, sessionArn), false);
  assert.equal(spares(root(), HOME), true);
  assert.equal(spares(root(), ALICE_ID), false);
  assert.equal(spares(alice, "*"), true);
});

test("NotPrincipal with Deny always reaches a principal with a permissions boundary, and anonymous", () => {
  const statement = { Effect: "Deny", NotPrincipal: { AWS: [HOME, ALICE_ID] }, Action: "s3:*", Resource: "*" };
  const policies = { ...identity(ALL), boundary: source("identity", "boundary", ALL) };
  assert.equal(verdict(evaluate(alice, get({ resourcePolicy: bucketPolicy(statement) }), policies)), "explicit resource-based");
  assert.equal(verdict(evaluate(anonymous, get({ resourcePolicy: bucketPolicy(allow("*"), statement) }), NONE)),
    "explicit resource-based");
});

test("same account: identity Allow or resource Allow suffices, nothing is an implicit deny", () => {
  assert.equal(verdict(evaluate(alice, get(), NONE)), "implicit identity-based");
  assert.equal(verdict(evaluate(alice, get(), identity(ALLOW_GET))), "allow");
  assert.equal(verdict(evaluate(alice, get(), identity(ALLOW_OTHER))), "implicit identity-based");
  assert.equal(verdict(evaluate(alice, get({ resourcePolicy: bucketPolicy(allow({ AWS: ALICE_ID })) }), NONE)), "allow");
});

test("an explicit deny in any layer wins over every Allow", () => {
  const resourcePolicy = bucketPolicy(allow("*"));
  const full: PrincipalPolicies = { ...identity(ALL), boundary: source("identity", "b", ALL),
    session: [source("identity", "s", ALL)] };
  const no = source("identity", "no", DENY_GET);
  const rows: [PrincipalPolicies, string][] = [
    [full, "allow"], [{ ...full, identity: [...full.identity, no] }, "explicit identity-based"],
    [{ ...full, boundary: source("identity", "b", ALL, DENY_GET) }, "explicit permissions boundary"],
    [{ ...full, session: [source("identity", "s", ALL), no] }, "explicit session"],
  ];
  for (const [policies, expected] of rows) assert.equal(verdict(evaluate(session(), get({ resourcePolicy }), policies)),
    expected);
  assert.equal(verdict(evaluate(session(), get({ resourcePolicy: bucketPolicy(allow("*"), deny("*")) }), full)),
    "explicit resource-based");
  const deniedBy = [{ layer: "public access block", source: "BlockPublicPolicy" }] as const;
  assert.equal(verdict(evaluate(session(), get({ resourcePolicy, deniedBy }), full)), "explicit public access block");
});

test("boundary and session policies limit, they never grant; several session policies add up", () => {
  const b = (...statements: object[]): PrincipalPolicies["boundary"] & object => source("identity", "b", ...statements);
  const run = (policies: PrincipalPolicies, who = session()): string => verdict(evaluate(who, get(), policies));
  assert.equal(run({ ...identity(ALLOW_GET), boundary: b(ALLOW_GET) }), "allow");
  assert.equal(run({ ...identity(ALLOW_GET), boundary: b(ALLOW_OTHER) }), "implicit permissions boundary");
  assert.equal(run({ ...identity(ALLOW_OTHER), boundary: b(ALLOW_GET) }), "implicit identity-based");
  assert.equal(run({ ...identity(ALLOW_GET), session: [b(ALLOW_OTHER)] }), "implicit session");
  assert.equal(run({ ...identity(ALLOW_GET), session: [] }), "implicit session");
  assert.equal(run({ ...identity(ALLOW_GET), session: [b(ALLOW_OTHER), b(ALLOW_GET)] }), "allow");
  assert.equal(run({ ...identity(ALLOW_OTHER), session: [b(ALLOW_GET)] }), "implicit identity-based");
  assert.equal(run(identity(ALLOW_GET)), "allow");
  assert.equal(run({ ...identity(ALLOW_GET), boundary: b(ALLOW_OTHER), session: [b(ALLOW_OTHER)] }), "implicit session");
});

test("a GetFederationToken session without session policy has no permissions", () => {
  assert.equal(verdict(evaluate(federated(), get(), identity(ALL))), "implicit session");
  assert.equal(verdict(evaluate(federated(), get(), { ...identity(ALL), session: [source("identity", "s", ALLOW_GET)] })),
    "allow");
});

test("what a resource-policy Allow overrides (§2.3)", () => {
  const none = source("identity", "silent", ALLOW_OTHER);
  const sessionArn = `arn:aws:sts::${HOME}:assumed-role/app/web`;
  const fedArn = `arn:aws:sts::${HOME}:federated-user/fay`;
  const byArn = allow("*", { Condition: { ArnEquals: { "aws:PrincipalArn": "arn:aws:iam::111122223333:role/app" } } });
  // [who, Principal or statement, implicit deny in identity, in boundary, in session]: does the Allow override it?
  const rows: [Principal, object, boolean, boolean, boolean | undefined][] = [
    [alice, allow({ AWS: ALICE_ID }), true, true, undefined],
    [federated(), allow({ AWS: ALICE_ID }), true, false, false],
    [session(), allow({ AWS: ROLE_ID }), true, false, false],
    [session(), allow({ AWS: sessionArn }), true, true, true],
    [federated(), allow({ AWS: fedArn }), true, true, true],
    [alice, allow("*"), true, true, undefined],
    [session(), allow("*"), true, true, true],
    [session(), byArn, true, true, true],
    [alice, allow({ AWS: HOME }), false, false, undefined],
    [session(), allow({ AWS: HOME }), false, false, false],
    [session(), allow({ AWS: [sessionArn, ROLE_ID, HOME] }), true, true, true],
  ];
  for (const [who, statement, overIdentity, overBoundary, overSession] of rows) {
    const permission = get({ resourcePolicy: bucketPolicy(statement), context: { "aws:PrincipalArn": who.principalArn ?? "" } });
    const open = who.type === "User" ? {} : { session: [source("identity", "s", ALL)] };
    const told = `${who.type} ${JSON.stringify(statement)}`;
    const allowed = (policies: PrincipalPolicies): boolean => evaluate(who, permission, policies).effect === "Allow";
    assert.equal(allowed({ identity: [none], ...open }), overIdentity, `identity: ${told}`);
    assert.equal(allowed({ ...identity(ALL), boundary: none, ...open }), overBoundary, `boundary: ${told}`);
    if (overSession !== undefined) assert.equal(allowed({ ...identity(ALL), session: [none] }), overSession, `session: ${told}`);
  }
});

test("cross-account: both sides must allow", () => {
  const bob = user(AWAY);
  for (const principal of [{ AWS: ALICE_ID }, { AWS: AWAY }, "*"]) {
    const permission = get({ resourcePolicy: bucketPolicy(allow(principal)) });
    assert.equal(verdict(evaluate(bob, permission, identity(ALLOW_GET))), "allow");
    assert.equal(verdict(evaluate(bob, permission, NONE)), "implicit identity-based");
    assert.equal(verdict(evaluate(bob, permission, { ...identity(ALLOW_GET), boundary: source("identity", "b", ALLOW_OTHER) })),
      "implicit permissions boundary");
  }
  assert.equal(verdict(evaluate(bob, get(), identity(ALL))), "implicit resource-based");
  assert.equal(verdict(evaluate(bob, get({ resourcePolicy: bucketPolicy(allow({ AWS: HOME })) }), identity(ALL))),
    "implicit resource-based");
  const there = session(AWAY);
  assert.equal(verdict(evaluate(there, get({ resourcePolicy: bucketPolicy(allow({ AWS: there.arn })) }), NONE)),
    "implicit identity-based");
});

test("root of the owner needs no policy, is denied like anyone, and keeps the bucket policy calls", () => {
  assert.equal(verdict(evaluate(root(), get(), NONE)), "allow");
  assert.equal(verdict(evaluate(root(), get({ resourcePolicy: bucketPolicy(deny("*")) }), NONE)), "explicit resource-based");
  const all = { Effect: "Deny", Principal: "*", Action: "s3:*", Resource: ["arn:aws:s3:::b", "arn:aws:s3:::b/*"] };
  for (const action of ["s3:GetBucketPolicy", "s3:PutBucketPolicy", "s3:DeleteBucketPolicy"]) {
    const permission = get({ action, resource: "arn:aws:s3:::b", resourcePolicy: bucketPolicy(all), rootAlwaysAllowed: true });
    assert.equal(verdict(evaluate(root(), permission, NONE)), "allow");
    assert.equal(verdict(evaluate(alice, permission, identity(ALL))), "explicit resource-based");
    assert.equal(verdict(evaluate(root(AWAY), permission, NONE)), "explicit resource-based");
    const deniedBy = [{ layer: "public access block", source: "BlockPublicPolicy" }] as const;
    assert.equal(verdict(evaluate(root(), { ...permission, deniedBy }, NONE)), "explicit public access block");
  }
  assert.equal(verdict(evaluate(root(AWAY), get(), NONE)), "implicit resource-based");
});

test("a resource without owner is the caller's own", () => {
  const permission = { action: "s3:ListAllMyBuckets", resource: "arn:aws:s3:::*" };
  assert.equal(verdict(evaluate(root(), permission, NONE)), "allow");
  assert.equal(verdict(evaluate(alice, permission, identity(ALL))), "allow");
  assert.equal(verdict(evaluate(anonymous, permission, identity(ALL))), "implicit resource-based");
});

test("anonymous and service principals have no identity side, whatever is passed for them", () => {
  for (const who of [anonymous, s3Service]) assert.equal(verdict(evaluate(who, get(), identity(ALL))), "implicit resource-based");
});

test("ACL entries: accounts delegate, everyone is everyone, and they never deny", () => {
  const account = { layer: "acl", source: CANONICAL } as const;
  const everyone = { layer: "acl", source: "http://acs.amazonaws.com/groups/global/AllUsers", names: "everyone" } as const;
  assert.equal(verdict(evaluate(alice, get({ allowedBy: [account] }), NONE)), "implicit identity-based");
  assert.equal(verdict(evaluate(user(AWAY), get({ allowedBy: [account] }), identity(ALLOW_GET))), "allow");
  assert.equal(verdict(evaluate(alice, get({ allowedBy: [everyone] }), NONE)), "allow");
  assert.equal(verdict(evaluate(anonymous, get({ allowedBy: [everyone] }), NONE)), "allow");
  assert.equal(verdict(evaluate(anonymous, get({ allowedBy: [everyone], resourcePolicy: bucketPolicy(deny("*")) }), NONE)),
    "explicit resource-based");
});

test("an object of another account: the bucket policy's Allow does not count, its Deny does", () => {
  const owned = { resourceAccount: AWAY, resourcePolicyDeniesOnly: true } as const;
  assert.equal(verdict(evaluate(anonymous, get({ ...owned, resourcePolicy: bucketPolicy(allow("*")) }), NONE)),
    "implicit resource-based");
  assert.equal(verdict(evaluate(root(AWAY), get({ ...owned, resourcePolicy: bucketPolicy(deny("*")) }), NONE)),
    "explicit resource-based");
});

const KMS_ALL = { Effect: "Allow", Action: "kms:*", Resource: "*" };
const DELEGATE = { ...KMS_ALL, Principal: { AWS: `arn:aws:iam::${HOME}:root` } };

test("KMS: an identity Allow counts only where the key policy delegates to the account", () => {
  assert.equal(verdict(evaluate(alice, decrypt({ resourcePolicy: keyPolicy(DELEGATE) }), identity(KMS_ALL))), "allow");
  assert.equal(verdict(evaluate(alice, decrypt({ resourcePolicy: keyPolicy(DELEGATE) }), NONE)), "implicit identity-based");
  assert.equal(verdict(evaluate(alice, decrypt({ resourcePolicy: keyPolicy({ ...KMS_ALL, Principal: { AWS: BOB_ID } }) }),
    identity(KMS_ALL))), "implicit resource-based");
  assert.equal(verdict(evaluate(alice, decrypt(), identity(KMS_ALL))), "implicit resource-based");
  assert.equal(verdict(evaluate(alice, decrypt({ resourcePolicy: keyPolicy({ ...KMS_ALL, Principal: { AWS: ALICE_ID } }) }),
    NONE)), "allow");
  // Delegating other actions than the one asked for is no delegation.
  assert.equal(verdict(evaluate(alice, decrypt({ resourcePolicy: keyPolicy({ ...DELEGATE, Action: "kms:Encrypt" }) }),
    identity(KMS_ALL))), "implicit resource-based");
});

test("KMS: root is not implicitly allowed", () => {
  assert.equal(verdict(evaluate(root(), decrypt({ resourcePolicy: keyPolicy({ ...KMS_ALL, Principal: { AWS: ALICE_ID } }) }),
    NONE)), "implicit resource-based");
  assert.equal(verdict(evaluate(root(), decrypt({ resourcePolicy: keyPolicy(DELEGATE) }), NONE)), "allow");
  assert.equal(verdict(evaluate(root(), decrypt({ resourcePolicy: keyPolicy(DELEGATE, { ...DELEGATE, Effect: "Deny" }) }), NONE)),
    "explicit resource-based");
});

test("KMS grants: allow without identity policy, limited by boundary and session, beaten by any deny", () => {
  const allowedBy = [{ layer: "grant", source: "grant-1" }] as const;
  assert.equal(verdict(evaluate(alice, decrypt({ allowedBy }), NONE)), "allow");
  assert.equal(verdict(evaluate(alice, decrypt({ allowedBy }), identity({ ...KMS_ALL, Effect: "Deny" }))),
    "explicit identity-based");
  assert.equal(verdict(evaluate(alice, decrypt({ allowedBy, resourcePolicy: keyPolicy({ ...DELEGATE, Effect: "Deny" }) }), NONE)),
    "explicit resource-based");
  assert.equal(verdict(evaluate(session(), decrypt({ allowedBy }),
    { identity: [], session: [source("identity", "s", ALLOW_OTHER)] })), "implicit session");
  assert.equal(verdict(evaluate(session(), decrypt({ allowedBy }),
    { identity: [], boundary: source("identity", "b", ALLOW_OTHER) })), "implicit permissions boundary");
  assert.equal(verdict(evaluate(user(AWAY), decrypt({ allowedBy }), NONE)), "implicit identity-based");
  assert.equal(verdict(evaluate(user(AWAY), decrypt({ allowedBy }), identity(KMS_ALL))), "allow");
  const account = [{ layer: "grant", source: "grant-2", names: "account" }] as const;
  assert.equal(verdict(evaluate(alice, decrypt({ allowedBy: account }), NONE)), "implicit identity-based");
  assert.equal(verdict(evaluate(root(), decrypt({ allowedBy: account }), NONE)), "allow");
});

test("KMS through S3: the key policy sees kms:ViaService", () => {
  const statement = { ...KMS_ALL, Principal: "*", Condition: { StringEquals: { "kms:ViaService": "s3.us-east-1.amazonaws.com",
    "kms:CallerAccount": HOME } } };
  const via = { "kms:ViaService": "s3.us-east-1.amazonaws.com", "kms:CallerAccount": HOME };
  assert.equal(verdict(evaluate(alice, decrypt({ resourcePolicy: keyPolicy(statement), context: via }), NONE)), "allow");
  assert.equal(verdict(evaluate(alice, decrypt({ resourcePolicy: keyPolicy(statement) }), identity(KMS_ALL))),
    "implicit resource-based");
});

test("key policy statements without Action or Resource are ineffective", () => {
  const who = { Principal: { AWS: ALICE_ID } };
  assert.equal(verdict(evaluate(alice, decrypt({ resourcePolicy: keyPolicy({ Effect: "Allow", ...who, Resource: "*" }) }), NONE)),
    "implicit resource-based");
  assert.equal(verdict(evaluate(alice, decrypt({ resourcePolicy: keyPolicy({ Effect: "Allow", ...who, Action: "kms:*" }) }),
    NONE)), "implicit resource-based");
  assert.equal(verdict(evaluate(alice, decrypt({ resourcePolicy: keyPolicy({ Effect: "Allow", ...who, NotAction: [],
    Resource: "*" }) }), NONE)), "implicit resource-based");
});

test("trust policies: naming the principal suffices, naming the account needs sts:AssumeRole as well", () => {
  const trust = (aws: string): object => ({ Effect: "Allow", Principal: { AWS: aws }, Action: "sts:AssumeRole" });
  const assume = (aws: string, policies: PrincipalPolicies): string => verdict(evaluate(alice, {
    action: "sts:AssumeRole", resource: `arn:aws:iam::${HOME}:role/app`, resourceAccount: HOME, context: {},
      resourcePolicyRequired: true,
    resourcePolicy: source("trust", "role/app/trust", trust(aws)),
  }, policies));
  assert.equal(assume(ALICE_ID, NONE), "allow");
  assert.equal(assume(HOME, NONE), "implicit identity-based");
  assert.equal(assume(HOME, identity({ Effect: "Allow", Action: "sts:AssumeRole", Resource: "*" })), "allow");
  assert.equal(assume(BOB_ID, identity(ALL)), "implicit resource-based");
});

test("actions match without case, NotAction reaches every other service", () => {
  assert.equal(verdict(evaluate(alice, get(), identity({ ...ALLOW_GET, Action: "S3:gEToBJECT" }))), "allow");
  assert.equal(verdict(evaluate(alice, get(), identity({ ...ALLOW_GET, Action: "s3:Get?bject" }))), "allow");
  const but = { Effect: "Allow", NotAction: "s3:GetObject", Resource: "*" };
  assert.equal(verdict(evaluate(alice, get(), identity(but))), "implicit identity-based");
  assert.equal(verdict(evaluate(alice, get({ action: "kms:ListKeys", resource: "*" }), identity(but))), "allow");
  assert.equal(verdict(evaluate(alice, get({ action: "kms:ListKeys", resource: "*" }),
    identity(ALL, { ...but, Effect: "Deny" }))), "explicit identity-based");
});

test("a decision names the statements that made it", () => {
  const decision = evaluate(alice, get(), { identity: [source("identity", "p1", ALLOW_OTHER, { ...ALLOW_GET, Sid: "Read" }),
    source("identity", "p2", ALLOW_GET)] });
  assert.deepEqual(decision.because, [
    { layer: "identity-based", source: "p1", statement: "Read" }, { layer: "identity-based", source: "p2", statement: "#0" },
  ]);
});

test("any error while evaluating is a Deny", () => {
  const broken = { id: "p", get policy(): never { throw new Error("store broken"); } };
  const decision = evaluate(alice, get(), { identity: [source("identity", "p", ALL), broken] });
  assert.deepEqual([decision.effect, decision.layer], ["Deny", "evaluation error"]);
});

test("unknown operators and unusable policy values fail closed: Allow does not match, Deny does", () => {
  for (const clause of [
    { operator: "StringResembles", key: "k", values: ["a"] }, { operator: "NumericEquals", key: "k", values: ["x"] },
    { operator: "NullIfExists", key: "k", values: ["true"] },
    { operator: "Bool", key: "k", values: ["maybe"] }, { operator: "IpAddress", key: "k", values: ["10.0.0.0/33"] },
    { operator: "ArnLike", key: "k", values: ["arn:aws:s3"] },
  ]) {
    const statement = (effect: "Allow" | "Deny"): PrincipalPolicies =>
      ({ identity: [source("identity", "all", ...(effect === "Deny" ? [ALL] : [ALLOW_OTHER])), {
      id: "p", policy: { version: "2012-10-17", statements: [{ effect, actions: { not: false, patterns: ["*"] },
        resources: { not: false, patterns: ["*"] }, conditions: [clause] }] },
    }] });
    assert.equal(evaluate(alice, get(), statement("Allow")).effect, "Deny", clause.operator);
    assert.equal(evaluate(alice, get(), statement("Deny")).effect, "Deny", clause.operator);
  }
});

test("an evaluation takes microseconds", () => {
  const resourcePolicy = bucketPolicy(allow({ AWS: ALICE_ID }),
    ...[1, 2, 3, 4].map((n) => ({ ...deny("*"), Condition: { Bool: { "aws:SecureTransport": false },
      StringEquals: { "s3:prefix": `${n}` } } })));
  const permission = get({ resourcePolicy, context: { "aws:SecureTransport": "true", "aws:SourceIp": "10.0.0.1" } });
  const policies = identity(ALLOW_GET);
  const ROUNDS = 20_000;
  const started = process.hrtime.bigint();
  for (let n = 0; n < ROUNDS; n += 1) evaluate(alice, permission, policies);
  const us = Number(process.hrtime.bigint() - started) / 1000 / ROUNDS;
  // The aim is 10 µs; the bound leaves room for a busy machine.
  assert.ok(us < 100, `${us} µs`);
});
