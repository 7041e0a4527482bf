/** Identity, key and trust policies: authorization reference §1.8, §1.9; kms reference §11.1, §4.3. */
import assert from "node:assert/strict";
import test from "node:test";
import { ServiceError } from "../../src/lib/errors.js";
import { checkInlinePolicySize, checkManagedPolicySize, policySize,
  validateIdentityPolicy } from "../../src/policy/validate-identity-policy.js";
import { MAX_KEY_POLICY_BYTES, validateKeyPolicy } from "../../src/policy/validate-key-policy.js";
import { validateTrustPolicy } from "../../src/policy/validate-trust-policy.js";
import { HOME } from "./support.js";

function refusal(run: () => unknown): string | undefined {
  try {
    run();
    return undefined;
  } catch (error) {
    assert.ok(error instanceof ServiceError, String(error));
    return `${error.code}: ${error.message}`;
  }
}

const BASE = { Effect: "Allow", Action: "s3:ListBucket", Resource: "arn:aws:s3:::example" };
const text = (over: object = {}, ...without: string[]): string => {
  const statement: Record<string, unknown> = { ...BASE, ...over };
  for (const name of without) delete statement[name];
  return JSON.stringify({ Version: "2012-10-17", Statement: statement });
};
const identityRefusal = (document: string): string | undefined =>
  refusal(() => validateIdentityPolicy(document))?.replace("MalformedPolicyDocument: ", "");

const SYNTAX = "Syntax errors in policy.";
const VERSION = "Policy document must be version 2012-10-17 or greater.";
const LEGACY = "The policy failed legacy parsing";
const NO_ACTIONS = "Policy statement must contain actions.";
const NO_RESOURCES = "Policy statement must contain resources.";
const PREFACED = "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.";
const VENDOR = "Resource vendor must be fully qualified and cannot contain regexes.";
const IAM_PATH = 'IAM resource path must either be "*" or start with user/, federated-user/, role/, group/, instance-profile/, '
  + "mfa/, server-certificate/, policy/, sms-mfa/, saml-provider/, oidc-provider/, report/, access-report/.";

test("identity policies: IAM's messages", () => {
  const rows: [string, string | undefined][] = [
    ["not json", SYNTAX], ["", SYNTAX], ["[]", SYNTAX], ['{"Version":"2012-10-17"}', SYNTAX],
    ['{"Version":"2012-10-17","Statement":[]}', SYNTAX],
    ['{"Version":"2012-10-17","Statement":["x"]}', SYNTAX], [text({ Extra: 1 }), SYNTAX], [text({}, "Effect"), SYNTAX],
    [text({ Effect: "invalid" }), SYNTAX],
    ['{"Version":"2013-10-17","Statement":[]}', SYNTAX],
    ['{"Version":"2012-10-17","Version":"2012-10-17","Statement":[]}', SYNTAX],
    [text({ Condition: { Strange: { "a:b": "c" } } }), SYNTAX], [text({ Condition: "a" }), SYNTAX],
    [text({ Resource: "arn:aws:s3:::ключ" }), SYNTAX],
    [JSON.stringify({ Statement: BASE }), VERSION], [JSON.stringify({ Version: "2008-10-17", Statement: BASE }), VERSION],
    [text({ Effect: "allow" }), LEGACY], [text({ Condition: { DateGreaterThan: { "aws:CurrentTime": "b" } } }), LEGACY],
    [text({ Resource: "arn:aws:s3::example" }), LEGACY],
    [text({ Resource: "arn:aws:s3::example" }, "Action"), LEGACY],
    [JSON.stringify({ Version: "2012-10-17", Statement: [{ ...BASE, Sid: "A" }, { ...BASE, Sid: "A" }] }),
      "Statement IDs (SID) in a single policy must be unique."],
    [JSON.stringify({ Version: "2012-10-17", Statement: [{ ...BASE, Sid: "A" }, { ...BASE, Sid: "B" }, BASE, BASE] }), undefined],
    [text({ Sid: "a b" }),
      "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*"],
    [text({}, "Action"), NO_ACTIONS], [text({ Action: [] }), NO_ACTIONS], [text({}, "Action", "Resource"), NO_ACTIONS],
    [text({}, "Resource"), NO_RESOURCES], [text({ Resource: [] }), NO_RESOURCES],
    [text({ Action: "invalid" }), PREFACED], [text({ NotAction: "" }, "Action"), PREFACED],
    [text({ Action: "invalid" }, "Resource"), PREFACED], [text({ Action: "" }), PREFACED],
    [text({ Action: "s3:a:b" }), "Actions/Condition can contain only one colon."],
    [text({ Action: "a a:ListBucket" }), "Vendor a a is not valid"],
    [text({ Action: "s*:ListBucket" }), "Vendor s* is not valid"],
    [text({ Condition: { StringEquals: { plain: "x" } } }), PREFACED],
    [text({ Resource: "invalid resource" }), 'Resource invalid resource must be in ARN format or "*".'],
    [text({ Resource: "" }), 'Resource  must be in ARN format or "*".'],
    [text({ Action: "s:3:x", Resource: "sdfsadf" }), 'Resource sdfsadf must be in ARN format or "*".'],
    [text({ Resource: "arn:error:s3:::example" }), 'Partition "error" is not valid for resource "arn:error:s3:::example".'],
    [text({ Resource: "a:bsdf" }), 'Partition "bsdf" is not valid for resource "arn:bsdf:*:*:*:*".'],
    [text({ Resource: "a:b:cad" }), 'Partition "b" is not valid for resource "arn:b:cad:*:*:*".'],
    [text({ Resource: "a:b:c:d:e:f:g:h" }), 'Partition "b" is not valid for resource "arn:b:c:d:e:f:g:h".'],
    [text({ Resource: "aws:s3:::example" }), 'Partition "s3" is not valid for resource "arn:s3:::example:*".'],
    [text({ Resource: "arn:aws" }), VENDOR], [text({ Resource: "arn:aws:*:::x" }), VENDOR],
    [text({ Resource: "arn:aws:s?:::x" }), VENDOR],
    [text({ Resource: "arn:aws:s3:us-east-1::example" }),
      "Resource arn:aws:s3:us-east-1::example can not contain region information."],
    [text({ Resource: `arn:aws:iam:us-east-1:${HOME}:user/x` }),
      `IAM resource arn:aws:iam:us-east-1:${HOME}:user/x cannot contain region information.`],
    [text({ Resource: "arn:aws:iam:::example" }), IAM_PATH], [text({ Resource: `arn:aws:iam::${HOME}:user*` }), IAM_PATH],
    [text({ Principal: "*" }), "Policy document should not specify a principal."],
    [text({ NotPrincipal: "*" }), "Policy document should not specify a principal."],
    [text({ Resource: "arn:aws:s3:${aws:x}::b" }), LEGACY],
    [text({ Resource: "arn:aws:kms:${aws:x}:1:key/k" }), LEGACY],
  ];
  for (const [document, message] of rows) assert.equal(identityRefusal(document), message, document);
});

test("identity policies that are accepted", () => {
  for (const over of [
    {}, { Action: "*", Resource: "*" }, { Action: ["ec2:*", "unknown:DoIt"] }, { Resource: "arn:aws:ec2:*" },
    { Resource: `arn:aws:s3:us-east-1:${HOME}:accesspoint/x` },
    { Resource: `arn:aws:iam::${HOME}:role/x` }, { Resource: `arn:aws:iam::${HOME}:*` },
    { Resource: "arn:aws:s3:::${aws:username}/*" }, { Effect: "Deny" },
    { Condition: { Bool: { "aws:MultiFactorAuthPresent": true },
      "ForAnyValue:StringLike": { "accounts.google.com:aud": ["a"] } } },
  ]) assert.equal(identityRefusal(text(over)), undefined, JSON.stringify(over));
});

test("sizes are counted without white space, inline policies summed per entity", () => {
  assert.equal(policySize(" {\n\t\"a\" :\r1 } "), 7);
  assert.equal(refusal(() => checkManagedPolicySize("x".repeat(6144) + " ".repeat(500))), undefined);
  assert.equal(refusal(() => checkManagedPolicySize("x".repeat(6145))),
    "LimitExceeded: Cannot exceed quota for PolicySize: 6144");
  for (const [entity, limit] of [["user", 2048], ["group", 5120], ["role", 10_240]] as const) {
    assert.equal(refusal(() => checkInlinePolicySize(entity, "n", ["x".repeat(limit - 1), "y"])), undefined);
    assert.equal(refusal(() => checkInlinePolicySize(entity, "n", ["x".repeat(limit), "y"])),
      `LimitExceeded: Maximum policy size of ${limit} bytes exceeded for ${entity} n`);
  }
});

const KEY = { Effect: "Allow", Principal: { AWS: `arn:aws:iam::${HOME}:root` }, Action: "kms:*", Resource: "*" };
const keyText = (over: object = {}, ...without: string[]): string => {
  const statement: Record<string, unknown> = { ...KEY, ...over };
  for (const name of without) delete statement[name];
  return JSON.stringify({ Version: "2012-10-17", Id: "key-default-1", Statement: [statement] });
};

test("key policies: lenient on actions and resources, strict on principals and syntax", () => {
  for (const document of [
    keyText(), keyText({}, "Action"), keyText({}, "Resource"), keyText({ Sid: "Enable IAM User Permissions" }),
      keyText({ Action: "foo:Bar" }),
    keyText({ Resource: `arn:aws:kms:us-east-1:${HOME}:key/k` }), JSON.stringify({ Statement: KEY }),
  ]) assert.equal(refusal(() => validateKeyPolicy(document)), undefined, document);
  const invalid = "MalformedPolicyDocumentException: Policy contains a statement with one or more invalid principals.";
  for (const principal of [{ AWS: "nobody" }, {}, { AWS: `arn:aws:iam::${HOME}:user/*` }]) {
    assert.equal(refusal(() => validateKeyPolicy(keyText({ Principal: principal }))), invalid);
  }
  assert.equal(refusal(() => validateKeyPolicy(keyText({ NotPrincipal: { AWS: HOME } }, "Principal"))), invalid);
  for (const document of [
    "", "x", "[]", "{}", '{"Statement":[]}', keyText({}, "Principal"), keyText({}, "Effect"), keyText({ Effect: "allow" }),
    keyText({ Foo: 1 }), keyText({ Condition: { Foo: {} } }),
    keyText({ Condition: { Bool: { "kms:MultiRegion": "maybe" } } }), '{"Version":"2012-10-18","Statement":[]}',
      keyText().replace('"Id"', '"Version"'),
  ]) assert.match(refusal(() => validateKeyPolicy(document)) ?? "", /^MalformedPolicyDocumentException: .+/, document);
});

test("key policy size: 32,768 bytes are accepted, one more is not", () => {
  const padded = (size: number): string => keyText().padEnd(size, " ");
  assert.equal(refusal(() => validateKeyPolicy(padded(MAX_KEY_POLICY_BYTES))), undefined);
  assert.match(refusal(() => validateKeyPolicy(padded(MAX_KEY_POLICY_BYTES + 1))) ?? "", /^LimitExceededException: /);
});

const TRUST = { Effect: "Allow", Principal: { AWS: HOME }, Action: "sts:AssumeRole" };
const trustText = (over: object = {}, ...without: string[]): string => {
  const statement: Record<string, unknown> = { ...TRUST, ...over };
  for (const name of without) delete statement[name];
  return JSON.stringify({ Version: "2012-10-17", Statement: [statement] });
};

test("trust policies: IAM's messages", () => {
  const actions = "Trust Policy statement actions can only be sts:AssumeRole, "
    + "sts:AssumeRoleWithSAML,  and sts:AssumeRoleWithWebIdentity";
  const rows: [string, string | undefined][] = [
    [trustText(), undefined], [trustText({ Action: ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"] }), undefined],
    [trustText({ Action: "sts:*" }), undefined],
    [trustText({ Principal: { Service: "s3.amazonaws.com" } }), undefined], [trustText({ Effect: "Deny" }), undefined],
    [trustText({ Principal: { Federated: `arn:aws:iam::${HOME}:oidc-provider/idp.example/x` },
      Action: "sts:AssumeRoleWithWebIdentity", Condition: { StringEquals: { "idp.example/x:aud": "me" } } }), undefined],
    ["{", "This policy contains invalid Json"], [trustText({ Resource: "*" }), "Has prohibited field Resource."],
    [trustText({ NotResource: "*" }), "Has prohibited field NotResource."],
    [trustText({ Action: "s3:GetObject" }), actions],
    [trustText({ Action: ["sts:AssumeRole", "sts:GetCallerIdentity"] }), actions], [trustText({ Action: "*" }), actions],
    [trustText({ NotAction: "sts:AssumeRole" }, "Action"), actions],
    [trustText({ Principal: { AWS: "nobody" } }), 'Invalid principal in policy: "AWS":"nobody"'],
    [trustText({}, "Principal"), "Missing required field Principal"],
    [trustText({ NotPrincipal: { AWS: HOME }, Effect: "Deny" }, "Principal"), "Unknown field NotPrincipal"],
    [trustText({}, "Action"), "Missing required field Action"],
  ];
  for (const [document, message] of rows) {
    assert.equal(refusal(() => validateTrustPolicy(document)), message === undefined
      ? undefined : `MalformedPolicyDocument: ${message}`, document);
  }
  assert.equal(refusal(() => validateTrustPolicy(trustText({ Sid: "x".repeat(2048) }))),
    "LimitExceeded: Cannot exceed quota for ACLSizePerRole: 2048");
});
