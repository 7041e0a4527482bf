/** The attacks of authorization reference §7 that the evaluator itself must stand; numbers are the reference's rows. */
import assert from "node:assert/strict";
import test from "node:test";
import { evaluate } from "../../src/policy/evaluate.js";
import { validateBucketPolicy } from "../../src/policy/validate-bucket-policy.js";
import { validateIdentityPolicy } from "../../src/policy/validate-identity-policy.js";
import {
  ALICE_ID, ALL, alice, anonymous, AWAY, bucketPolicy, conditionApplies, decrypt, federated, get, HOME, identity, keyPolicy, NONE,
    root, s3Service, session, source,
  user, verdict,
} from "./support.js";

const READ = { Effect: "Allow", Action: "s3:GetObject", Resource: "arn:aws:s3:::b/*" };

test("#1 only the context decides: a key that is not in it is absent, whatever else the request says", () => {
  assert.equal(conditionApplies({ IpAddress: { "aws:SourceIp": "10.0.0.0/8" } },
    { "X-Forwarded-For": "10.0.0.1", "aws-SourceIp": "10.0.0.1" }), false);
});

test("#1 members of the prototype are no condition keys", () => {
  for (const key of ["constructor", "toString", "__proto__", "hasOwnProperty"]) {
    assert.equal(conditionApplies({ Null: { [key]: "true" } }, {}), true, key);
    assert.equal(conditionApplies({ StringLike: { [key]: "*" } }, {}), false, key);
  }
});

test("#2 an empty or missing set: ForAllValues matches for Allow and Deny, ForAnyValue for neither", () => {
  for (const context of [{}, { "aws:TagKeys": [] }]) {
    for (const effect of ["Allow", "Deny"] as const) {
      assert.equal(conditionApplies({ "ForAllValues:StringEquals": { "aws:TagKeys": "a" } }, context, effect), true);
      assert.equal(conditionApplies({ "ForAnyValue:StringEquals": { "aws:TagKeys": "a" } }, context, effect), false);
    }
  }
  assert.equal(conditionApplies({ "ForAllValues:StringEquals": { "aws:TagKeys": "a" }, Null: { "aws:TagKeys": "false" } }, {}),
    false);
});

test("#4 letter case: actions and key names without, values and resources with", () => {
  assert.equal(verdict(evaluate(alice, get(), identity({ ...READ, Action: "S3:GETOBJECT" }))), "allow");
  assert.equal(verdict(evaluate(alice, get({ resource: "arn:aws:s3:::b/K" }),
    identity({ ...READ, Resource: "arn:aws:s3:::b/k" }))), "implicit identity-based");
  assert.equal(verdict(evaluate(alice, get({ resource: "arn:aws:s3:::B/k" }), identity(READ))), "implicit identity-based");
});

test("#8 duplicate members, BOM, NUL are refused", () => {
  for (const text of ['{"Effect":1,"Effect":2}', "\ufeff{}", '{"Statement":"\\u0000"}']) {
    assert.throws(() => validateBucketPolicy(text, "b"));
    assert.throws(() => validateIdentityPolicy(text));
  }
});

test("#9 NotPrincipal with Allow never allows, even if it got into a store", () => {
  const statement = {
    effect: "Allow", principals: { not: true, entries: [{ kind: "AWS", value: AWAY }] }, actions: { not: false, patterns: ["*"] },
      resources: { not: false, patterns: ["*"] }, conditions: [],
  } as const;
  const resourcePolicy = { id: "bucket/b", policy: { version: "2012-10-17", statements: [statement] } } as const;
  for (const who of [alice, anonymous, session()]) assert.equal(evaluate(who, get({ resourcePolicy }), NONE).effect, "Deny");
});

test("a resource-policy statement without principal never allows and always denies", () => {
  const statement = (effect: "Allow" | "Deny") => ({ effect, actions: { not: false, patterns: ["*"] }, resources: { not: false,
    patterns: ["*"] }, conditions: [] });
  const policy = (effect: "Allow" | "Deny") => ({ id: "b", policy: { version: "2012-10-17" as const,
    statements: [statement(effect)] } });
  assert.equal(evaluate(alice, get({ resourcePolicy: policy("Allow") }), NONE).effect, "Deny");
  assert.equal(evaluate(alice, get({ resourcePolicy: policy("Deny") }), identity(ALL)).effect, "Deny");
});

test("#12 a versioned read is decided by GetObjectVersion only", () => {
  const versioned = get({ action: "s3:GetObjectVersion" });
  assert.equal(verdict(evaluate(alice, versioned, identity(READ))), "implicit identity-based");
  assert.equal(verdict(evaluate(alice, versioned, identity({ ...READ, Action: "s3:GetObjectVersion" }))), "allow");
});

test("#15 a Deny of BypassGovernanceRetention is effective against s3:*", () => {
  const deny = { Effect: "Deny", Action: "s3:BypassGovernanceRetention", Resource: "*" };
  assert.equal(verdict(evaluate(alice, get({ action: "s3:BypassGovernanceRetention" }), identity(ALL, deny))),
    "explicit identity-based");
});

test("#17 a restricted session cannot do more by creating identities, nor a federation without policy", () => {
  const policies = { ...identity(ALL), session: [source("identity", "s", READ)] };
  for (const action of ["iam:CreateAccessKey", "iam:CreateUser", "iam:CreateRole", "sts:AssumeRole"]) {
    assert.equal(verdict(evaluate(session(), { action, resource: `arn:aws:iam::${HOME}:user/x`, resourceAccount: HOME },
      policies)), "implicit session");
  }
  assert.equal(verdict(evaluate(federated(), get(), identity(ALL))), "implicit session");
});

test("#18 the boundary limits rights over one's own boundary and policies", () => {
  const policies = { ...identity(ALL), boundary: source("identity", "b", READ) };
  for (const action of ["iam:PutUserPolicy", "iam:DeleteUserPermissionsBoundary", "iam:SetDefaultPolicyVersion"]) {
    assert.equal(verdict(evaluate(alice, { action, resource: alice.arn ?? "", resourceAccount: HOME }, policies)),
      "implicit permissions boundary");
  }
});

test("#21 the root principal in a bucket policy is not everyone in the account", () => {
  const resourcePolicy = bucketPolicy({ ...READ, Principal: { AWS: `arn:aws:iam::${HOME}:root` } });
  assert.equal(verdict(evaluate(alice, get({ resourcePolicy }), NONE)), "implicit identity-based");
  assert.equal(verdict(evaluate(alice, get({ resourcePolicy }), identity(READ))), "allow");
});

test("#25 KMS allowed by IAM only, a silent key policy, a grant against an explicit deny, another ViaService", () => {
  const kms = { Effect: "Allow", Action: "kms:*", Resource: "*" };
  assert.equal(verdict(evaluate(alice, decrypt({ resourcePolicy: keyPolicy({ ...kms, Principal: { AWS: AWAY } }) }),
    identity(kms))), "implicit resource-based");
  const allowedBy = [{ layer: "grant", source: "g" }] as const;
  const deny = keyPolicy({ ...kms, Effect: "Deny", Principal: { AWS: ALICE_ID } });
  assert.equal(verdict(evaluate(alice, decrypt({ allowedBy, resourcePolicy: deny }), identity(kms))), "explicit resource-based");
  const via = keyPolicy({ ...kms, Principal: "*",
    Condition: { StringEquals: { "kms:ViaService": "s3.us-east-1.amazonaws.com" } } });
  for (const value of ["s3.eu-west-1.amazonaws.com", "S3.us-east-1.amazonaws.com", ""]) {
    assert.equal(verdict(evaluate(alice, decrypt({ resourcePolicy: via, context: { "kms:ViaService": value } }), identity(kms))),
      "implicit resource-based");
  }
});

test("#26 a service principal is not reached by the account, nor a user by the service's name", () => {
  const service = bucketPolicy({ ...READ, Principal: { Service: "s3.amazonaws.com" } });
  assert.equal(verdict(evaluate(s3Service, get({ resourcePolicy: service }), NONE)), "allow");
  const posing = user(AWAY, "s3.amazonaws.com", "AIDAPOSINGPOSINGPOS22");
  assert.equal(verdict(evaluate({ ...posing, service: "s3.amazonaws.com" }, get({ resourcePolicy: service }), identity(ALL))),
    "implicit resource-based");
  const confused = bucketPolicy({ ...READ, Principal: { Service: "s3.amazonaws.com" },
    Condition: { StringEquals: { "aws:SourceAccount": HOME } } });
  assert.equal(verdict(evaluate(s3Service, get({ resourcePolicy: confused, context: { "aws:SourceAccount": AWAY } }), NONE)),
    "implicit resource-based");
});

test("#29 an action that no policy knows is denied", () => {
  assert.equal(verdict(evaluate(alice, get({ action: "s3:BrandNew" }), identity(READ))), "implicit identity-based");
  assert.equal(verdict(evaluate(root(AWAY), get({ action: "" }), NONE)), "implicit resource-based");
});
