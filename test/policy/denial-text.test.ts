/** AccessDenied texts: authorization reference §2.6, kms reference §4.3. */
import assert from "node:assert/strict";
import test from "node:test";
import { denialMessage } from "../../src/policy/denial-text.js";
import { evaluate } from "../../src/policy/evaluate.js";
import type { Permission, Principal, PrincipalPolicies } from "../../src/policy/types.js";
import { ALL, alice, anonymous, AWAY, bucketPolicy, decrypt, get, HOME, identity, KEY_ARN, keyPolicy, NONE, session, source,
  user } from "./support.js";

const say = (who: Principal, permission: Permission, policies: PrincipalPolicies): string => {
  const decision = evaluate(who, permission, policies);
  assert.equal(decision.effect, "Deny");
  return denialMessage(who, permission, decision);
};
const ALICE = `User: arn:aws:iam::${HOME}:user/alice is not authorized to perform:`;
const DENY = { Effect: "Deny", Action: "*", Resource: "*" };

test("S3, same account: quoted ARN and the layer that decided", () => {
  const what = `${ALICE} s3:GetObject on resource: "arn:aws:s3:::b/k"`;
  assert.equal(say(alice, get(), NONE), `${what} because no identity-based policy allows the s3:GetObject action`);
  assert.equal(say(alice, get(), identity(ALL, DENY)), `${what} with an explicit deny in an identity-based policy`);
  assert.equal(say(alice, get({ resourcePolicy: bucketPolicy({ ...DENY, Principal: "*" }) }), identity(ALL)),
    `${what} with an explicit deny in a resource-based policy`);
  const boundary = source("identity", "b", { ...ALL, Action: "s3:PutObject" });
  assert.equal(say(alice, get(), { ...identity(ALL), boundary }),
    `${what} because no permissions boundary allows the s3:GetObject action`);
  assert.equal(say(alice, get(), { ...identity(ALL), boundary: source("identity", "b", DENY) }),
    `${what} with an explicit deny in a permissions boundary`);
  const by = `User: arn:aws:sts::${HOME}:assumed-role/app/web is not authorized to perform: `
    + 's3:GetObject on resource: "arn:aws:s3:::b/k"';
  assert.equal(say(session(), get(), { ...identity(ALL), session: [boundary] }),
    `${by} because no session policy allows the s3:GetObject action`);
  assert.equal(say(session(), get(), { ...identity(ALL), session: [source("identity", "s", DENY)] }),
    `${by} with an explicit deny in a session policy`);
});

test("S3: anonymous and other accounts learn nothing", () => {
  assert.equal(say(anonymous, get(), NONE), "Access Denied");
  assert.equal(say(user(AWAY), get(), identity(ALL)), "Access Denied");
  assert.equal(say(user(AWAY), get({ resourcePolicy: bucketPolicy({ ...ALL, Principal: "*", Resource: "arn:aws:s3:::b/*" }) }),
    NONE), "Access Denied");
});

test("S3: block public access names its switch", () => {
  const put = get({ action: "s3:PutBucketPolicy", resource: "arn:aws:s3:::b",
    deniedBy: [{ layer: "public access block", source: "BlockPublicPolicy" }] });
  assert.equal(say(alice, put, identity(ALL)),
    `${ALICE} s3:PutBucketPolicy on resource: "arn:aws:s3:::b" because `
      + "public policies are blocked by the BlockPublicPolicy block public access setting");
  const acl = get({ action: "s3:PutObjectAcl", deniedBy: [{ layer: "public access block", source: "BlockPublicAcls" }] });
  assert.equal(say(alice, acl, identity(ALL)),
    `${ALICE} s3:PutObjectAcl on resource: "arn:aws:s3:::b/k" because public access control lists (ACLs) `
    + "are blocked by the BlockPublicAcls block public access setting");
  assert.equal(say(alice, get({ deniedBy: [{ layer: "public access block", source: "RestrictPublicBuckets" }] }), identity(ALL)),
    "Access Denied");
});

test("S3: ListBuckets shows the ARN it is evaluated against", () => {
  const permission = { action: "s3:ListAllMyBuckets", resource: "*" };
  assert.equal(say(alice, permission, NONE),
    `${ALICE} s3:ListAllMyBuckets on resource: "arn:aws:s3:::*" `
      + "because no identity-based policy allows the s3:ListAllMyBuckets action");
});

test("KMS: bare ARN, and the hidden text across accounts", () => {
  const delegate = keyPolicy({ ...ALL, Principal: { AWS: HOME } });
  const what = `${ALICE} kms:Decrypt on resource: ${KEY_ARN}`;
  assert.equal(say(alice, decrypt({ resourcePolicy: delegate }), NONE),
    `${what} because no identity-based policy allows the kms:Decrypt action`);
  assert.equal(say(alice, decrypt(), identity(ALL)), `${what} because no resource-based policy allows the kms:Decrypt action`);
  assert.equal(say(alice, decrypt({ resourcePolicy: keyPolicy({ ...DENY, Principal: "*" }) }), identity(ALL)),
    `${what} with an explicit deny in a resource-based policy`);
  assert.equal(say(user(AWAY), decrypt(), identity(ALL)),
    `User: arn:aws:iam::${AWAY}:user/alice is not authorized to perform: kms:Decrypt on this resource because `
    + "the resource does not exist in this Region, "
    + "no resource-based policies allow access, or a resource-based policy explicitly denies access");
});

test("IAM and STS: bare ARN; AssumeRole gives no reason", () => {
  const create = { action: "iam:CreateUser", resource: `arn:aws:iam::${HOME}:user/x`, resourceAccount: HOME };
  assert.equal(say(alice, create, NONE),
    `${ALICE} iam:CreateUser on resource: arn:aws:iam::${HOME}:user/x `
      + "because no identity-based policy allows the iam:CreateUser action");
  for (const account of [HOME, AWAY]) {
    const assume = { action: "sts:AssumeRole", resource: `arn:aws:iam::${account}:role/x`, resourceAccount: account,
      resourcePolicyRequired: true };
    assert.equal(say(alice, assume, identity(ALL)), `${ALICE} sts:AssumeRole on resource: arn:aws:iam::${account}:role/x`);
  }
  const web = { action: "sts:AssumeRoleWithWebIdentity", resource: `arn:aws:iam::${HOME}:role/x`, resourceAccount: HOME,
    resourcePolicyRequired: true };
  assert.equal(say(anonymous, web, NONE), "Not authorized to perform sts:AssumeRoleWithWebIdentity");
});

test("an evaluation error says nothing about policies", () => {
  const broken = { identity: [{ id: "p", get policy(): never { throw new Error("secret detail"); } }] };
  assert.equal(say(alice, get(), broken), "Access Denied");
  assert.equal(say(alice, decrypt(), broken), `${ALICE} kms:Decrypt on resource: ${KEY_ARN}`);
});
