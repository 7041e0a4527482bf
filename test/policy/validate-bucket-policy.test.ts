/** PutBucketPolicy's answers: authorization reference §1.8 (first table), §1.9. */
import assert from "node:assert/strict";
import test from "node:test";
import { ServiceError } from "../../src/lib/errors.js";
import { MAX_BUCKET_POLICY_BYTES, validateBucketPolicy } from "../../src/policy/validate-bucket-policy.js";
import { HOME } from "./support.js";

const BASE = { Effect: "Allow", Principal: "*", Action: "s3:GetObject", Resource: "arn:aws:s3:::bucket/*" };
const policy = (over: object = {}, ...without: string[]): string => {
  const statement: Record<string, unknown> = { ...BASE, ...over };
  for (const name of without) delete statement[name];
  return JSON.stringify({ Version: "2012-10-17", Statement: [statement] });
};

function refusal(text: string): string | undefined {
  try {
    validateBucketPolicy(text, "bucket");
    return undefined;
  } catch (error) {
    assert.ok(error instanceof ServiceError, String(error));
    assert.equal(error.detail.status, 400);
    assert.ok(error.code === "MalformedPolicy" || error.code === "PolicyTooLarge");
    return error.message;
  }
}

const FIRST_BYTE = "Policies must be valid JSON and the first byte must be '{'";
const NO_JSON = "This policy contains invalid Json";
const PRINCIPAL = "Invalid principal in policy";
const ACTION = "Policy has invalid action";
const RESOURCE = "Policy has invalid resource";
const APPLY = "Action does not apply to any resource(s) in statement";
const KEY = "Policy has an invalid condition key";
const COMBINATION = "Conditions do not apply to combination of actions and resources in statement";

test("malformed documents get AWS's messages", () => {
  const rows: [string, string][] = [
    ["", FIRST_BYTE], ["[]", FIRST_BYTE], [" {}", FIRST_BYTE], ["\ufeff{}", FIRST_BYTE], ["null", FIRST_BYTE],
    ["{", NO_JSON], ["{}x", NO_JSON], ["{} {}", NO_JSON], ["{,}", NO_JSON], ['{"Version":"2012-10-17",}', NO_JSON],
    ["{'a':1}", NO_JSON],
    ['{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Effect":"Allow"}]}', NO_JSON],
    ['{"Version":"2012-10-17","Version":"2012-10-17","Statement":[]}', NO_JSON],
    ['{"Statement":[{"Effect":"All\u0000ow"}]}', NO_JSON], ['{"Statement":[{"Sid":"\\u0000"}]}', NO_JSON],
    ['{"Statement":[{"Sid":"\\ud800"}]}', NO_JSON],
    [`${'{"Statement":'.repeat(40)}1${"}".repeat(40)}`, NO_JSON],
    ["{}", "Missing required field Statement"], ['{"Version":"2012-10-17"}', "Missing required field Statement"],
    ['{"Statement":[]}', "Could not parse the policy: Statement is empty!"],
    ['{"Statement":"x"}', NO_JSON], ['{"Statement":[1]}', NO_JSON], ['{"Statement":null}', NO_JSON],
    ['{"Versio":"2012-10-17","Statement":[]}', "Unknown field Versio"],
    ['{"Version":"2012-10-18","Statement":[]}', "The policy must contain a valid version string"],
    ['{"Version":1,"Statement":[]}', "The policy must contain a valid version string"],
    ['{"Id":1,"Statement":[]}', NO_JSON],
  ];
  for (const [text, message] of rows) assert.equal(refusal(text), message, text.slice(0, 80));
});

test("malformed statements get AWS's messages", () => {
  const rows: [string, string][] = [
    [policy({}, "Effect"), "Missing required field Effect"], [policy({}, "Principal"), "Missing required field Principal"],
    [policy({}, "Action"), "Missing required field Action"], [policy({}, "Resource"), "Missing required field Resource"],
    [policy({ Action: [] }), "Missing required field Action"], [policy({ Resource: [] }), "Missing required field Resource"],
    [policy({ Effect: "allow" }), "Invalid effect: allow"], [policy({ Effect: "Permit" }), "Invalid effect: Permit"],
    [policy({ Effect: 1 }), "Invalid effect: "], [policy({ effect: "Allow" }), "Unknown field effect"],
    [policy({ Conditions: {} }), "Unknown field Conditions"],
    [policy({ NotAction: "s3:*" }), NO_JSON], [policy({ NotResource: "*" }), NO_JSON],
    [policy({ NotPrincipal: "*", Effect: "Deny" }), NO_JSON],
    [policy({ Sid: 1 }), NO_JSON],
  ];
  for (const [text, message] of rows) assert.equal(refusal(text), message, text);
});

test("principals: form only; existence is the resolver's question", () => {
  for (const principal of [
    "x", "", [], {}, { AWS: [] }, { AWS: "" }, { AWS: "alice" }, { AWS: "arn:aws:iam::1:root" },
    { AWS: "arn:aws:iam::111122223333:user/*" }, { AWS: ["*", "arn:aws:iam::x"] },
    { AWS: `arn:aws:iam::${HOME}:group/g` }, { AWS: `arn:aws:sts::${HOME}:assumed-role/app/*` }, { AWS: 1 }, { Aws: HOME },
    { Service: "*" }, { Service: "s3" },
    { CanonicalUser: "abc" }, { CanonicalUser: "*" }, { Federated: "*" }, { AWS: "arn:aws:s3:::bucket" }, null, 12,
  ]) assert.equal(refusal(policy({ Principal: principal })), PRINCIPAL, JSON.stringify(principal));
  for (const principal of [
    "*", { AWS: "*" }, { AWS: HOME }, { AWS: `arn:aws:iam::${HOME}:root` },
    { AWS: [`arn:aws:iam::${HOME}:user/a/b/c`, `arn:aws:iam::${HOME}:role/x`] },
    { AWS: `arn:aws:sts::${HOME}:assumed-role/app/web@x` }, { AWS: `arn:aws:sts::${HOME}:federated-user/fay` },
    { AWS: "AIDAALICEALICEALICE22" },
    { Service: ["s3.amazonaws.com", "logging.s3.amazonaws.com"] }, { CanonicalUser: "a".repeat(64) },
    { Federated: "accounts.google.com" },
    { AWS: HOME, Service: "s3.amazonaws.com" },
  ]) assert.equal(refusal(policy({ Principal: principal })), undefined, JSON.stringify(principal));
});

test("NotPrincipal goes with Deny only", () => {
  assert.equal(refusal(policy({ NotPrincipal: { AWS: HOME } }, "Principal")), "Allow with NotPrincipal is not allowed");
  assert.equal(refusal(policy({ NotPrincipal: { AWS: HOME }, Effect: "Deny" }, "Principal")), undefined);
});

test("actions: known, of S3, and fitting a resource of the statement", () => {
  const bucket = "arn:aws:s3:::bucket";
  const rows: [object, string | undefined][] = [
    [{ Action: "s3:GetObjekt" }, ACTION], [{ Action: "GetObject" }, ACTION], [{ Action: "ec2:Run" }, ACTION],
    [{ Action: "s3:Zzz*" }, ACTION],
    [{ Action: ["s3:GetObject", "kms:Decrypt"] }, ACTION], [{ Action: 1 }, ACTION], [{ Action: {} }, ACTION],
    [{ Action: "s3:" }, ACTION], [{ Action: "" }, ACTION],
    [{ Action: "s3*:GetObject" }, ACTION],
    [{ Action: "s3:getobject" }, undefined], [{ Action: "*" }, undefined], [{ Action: "s3:*" }, undefined],
    [{ Action: "s3:Get*", Resource: bucket }, undefined],
    [{ Action: "s3:GetObject", Resource: bucket }, APPLY], [{ Action: "s3:ListBucket" }, APPLY],
    [{ Action: ["s3:GetObject", "s3:ListBucket"] }, APPLY],
    [{ Action: ["s3:GetObject", "s3:ListBucket"], Resource: [bucket, `${bucket}/*`] }, undefined],
    [{ Action: "s3:ListBucket", Resource: [bucket, `${bucket}/*`] }, undefined],
    [{ Action: "s3:ListAllMyBuckets", Resource: bucket }, APPLY],
    [{ Action: "s3:ListBucket", Resource: `${bucket}*` }, undefined],
    [{ Action: "s3:GetObject", Resource: `${bucket}*` }, undefined],
    [{ Action: "s3:PutBucketPolicy", Resource: bucket }, undefined], [{ Action: "s3:UpdateObjectEncryption" }, undefined],
  ];
  for (const [over, message] of rows) assert.equal(refusal(policy(over)), message, JSON.stringify(over));
});

test("actions of Coffer's own on objects may be named beside S3's", () => {
  const bucket = "arn:aws:s3:::bucket";
  const rows: [object, string | undefined][] = [
    [{ Action: "coffer:InspectObject" }, undefined], [{ Action: ["s3:GetObject", "COFFER:inspectobject"] }, undefined],
    [{ Action: "coffer:*" }, undefined], [{ Action: "coffer:InspectObject", Resource: bucket }, APPLY],
    [{ Action: "coffer:LookupAuditEvents" }, ACTION], [{ Action: "coffer:" }, ACTION], [{ Action: "coffer:Delete*" }, ACTION],
    [{ Action: "coffer:InspectObject", Condition: { IpAddress: { "aws:SourceIp": "10.0.0.0/8" } } }, undefined],
    [{ Action: "coffer:InspectObject", Condition: { StringEquals: { "s3:prefix": "x" } } }, COMBINATION],
  ];
  for (const [over, message] of rows) assert.equal(refusal(policy(over)), message, JSON.stringify(over));
});

test("resources: this bucket and what is in it", () => {
  for (const resource of [
    "*", "", "bucket", "arn:aws:s3:::other/*", "arn:aws:s3:::bucket2/*", "arn:aws:s3:us-east-1::bucket/*",
    `arn:aws:s3::${HOME}:bucket/*`, "arn:aws:sqs:::bucket/*",
    "arn:aws-cn:s3:::bucket/*", "arn:aws:s3:::", "arn:aws:s3:::${aws:username}/*", "arn:aws:s3", 1, { a: 1 },
    ["arn:aws:s3:::bucket/*", "arn:aws:s3:::other/*"],
  ]) assert.equal(refusal(policy({ Resource: resource })), RESOURCE, JSON.stringify(resource));
  for (const resource of [
    "arn:aws:s3:::bucket/a", "arn:aws:s3:::bucket/${aws:username}/*", "arn:aws:s3:::buck*/x", "arn:aws:s3:::b?cket/*",
    "arn:aws:s3:::*/*", "arn:aws:s3:::*",
    "arn:aws:s3:::bucket/ключ/😀", ["arn:aws:s3:::bucket/a", "arn:aws:s3:::bucket/b"],
  ]) assert.equal(refusal(policy({ Resource: resource })), undefined, JSON.stringify(resource));
  assert.equal(refusal(policy({ NotResource: "arn:aws:s3:::other/*" }, "Resource")), RESOURCE);
  assert.equal(refusal(policy({ NotResource: "arn:aws:s3:::bucket/a/*" }, "Resource")), undefined);
});

test("conditions: operators, keys, and keys that the actions fill", () => {
  const rows: [object, string | undefined][] = [
    [{ Condition: [] }, NO_JSON], [{ Condition: { StringEquals: "x" } }, NO_JSON],
    [{ Condition: { StringEquals: { "s3:authType": [] } } }, NO_JSON],
    [{ Condition: { StringEquals: { "s3:authType": null } } }, NO_JSON],
    [{ Condition: { StringEquals: { "s3:authType": [{}] } } }, NO_JSON],
    [{ Condition: { StringEqual: { "s3:authType": "x" } } }, "Invalid Condition type : StringEqual"],
    [{ Condition: { Like: {} } }, "Invalid Condition type : Like"],
    [{ Condition: { NullIfExists: { "s3:authType": "true" } } }, "Invalid Condition type : NullIfExists"],
    [{ Condition: { StringEquals: { "aws:Nothing": "x" } } }, KEY], [{ Condition: { StringEquals: { "s3:nothing": "x" } } }, KEY],
    [{ Condition: { StringEquals: { nothing: "x" } } }, KEY],
    [{ Condition: { StringEquals: { "kms:ViaService": "x" } } }, KEY],
    [{ Condition: { StringEquals: { "aws:PrincipalTag/": "x" } } }, KEY],
    [{ Condition: { StringEquals: { "S3:AUTHTYPE": "x", "aws:principaltag/Team": "y", "AWS:SourceIp": "z" } } }, undefined],
    [{ Condition: { StringEquals: { "s3:prefix": "x" } } }, COMBINATION],
    [{ Condition: { StringEquals: { "s3:x-amz-acl": "x" } } }, COMBINATION],
    [{ Action: "s3:PutObject", Condition: { StringEquals: { "s3:x-amz-acl": "x" } } }, undefined],
    [{ Action: "s3:*", Condition: { StringEquals: { "s3:x-amz-acl": "x" } } }, undefined],
    [{ Action: "s3:ListBucket", Resource: "arn:aws:s3:::bucket", Condition: { StringLike: { "s3:prefix": ["a", ""] } } },
      undefined],
    [{ Action: "s3:*", Condition: { StringLike: { "s3:prefix": "a" } } }, COMBINATION],
    [{ Condition: { StringEquals: { "s3:ExistingObjectTag/k": "x" } } }, undefined],
    [{ Action: "s3:PutObject", Condition: { StringEquals: { "s3:ExistingObjectTag/k": "x" } } }, COMBINATION],
    [{ Condition: { NumericEquals: { "s3:TlsVersion": "x" } } }, "Invalid value in condition for key s3:TlsVersion"],
    [{ Condition: { IpAddress: { "aws:SourceIp": "10.0.0.0/33" } } }, "Invalid value in condition for key aws:SourceIp"],
    [{ Condition: { NumericLessThan: { "s3:TlsVersion": 1.2 } } }, undefined], [{ Condition: {} }, undefined],
  ];
  for (const [over, message] of rows) assert.equal(refusal(policy(over)), message, JSON.stringify(over));
});

test("size: 20 KB of UTF-8 are accepted, one byte more is not", () => {
  const padded = (bytes: number, char: string): string => {
    const empty = policy({ Sid: "" });
    const room = bytes - empty.length;
    return policy({ Sid: char.repeat(Math.floor(room / Buffer.byteLength(char))) + "x".repeat(room % Buffer.byteLength(char)) });
  };
  for (const char of ["a", "é"]) {
    assert.equal(refusal(padded(MAX_BUCKET_POLICY_BYTES, char)), undefined);
    assert.equal(refusal(padded(MAX_BUCKET_POLICY_BYTES + 1, char)), "Policy exceeds the maximum allowed document size.");
  }
});

test("an accepted policy is parsed as it was written", () => {
  const parsed = validateBucketPolicy(policy({ Sid: "With space", Principal: { AWS: [HOME, "*"] },
    Condition: { NumericEquals: { "s3:signatureAge": [1.0, 2] } } }), "bucket");
  assert.deepEqual(parsed, {
    version: "2012-10-17",
    statements: [{
      sid: "With space", effect: "Allow", actions: { not: false, patterns: ["s3:GetObject"] },
        resources: { not: false, patterns: ["arn:aws:s3:::bucket/*"] },
      principals: { not: false, entries: [{ kind: "AWS", value: `arn:aws:iam::${HOME}:root` }, { kind: "Any", value: "*" }] },
      conditions: [{ operator: "NumericEquals", key: "s3:signatureAge", values: ["1", "2"] }],
    }],
  });
  assert.equal(validateBucketPolicy('{"Statement":' + JSON.stringify(BASE) + "}", "bucket").version, "2008-10-17");
});

test("a policy of very many statements is answered quickly", () => {
  const started = process.hrtime.bigint();
  assert.ok(refusal(JSON.stringify({ Statement: new Array(100_000).fill(BASE) })) !== undefined);
  assert.equal(refusal(`{"Statement":${"[".repeat(20_000)}`), NO_JSON);
  assert.ok(Number(process.hrtime.bigint() - started) / 1e6 < 1000);
});
