/** The two well-known policy families and AWS's guide policies, for the evaluator: s3-encryption reference §11.1–§11.3. */
import assert from "node:assert/strict";
import test from "node:test";
import { evaluate } from "../../src/policy/evaluate.js";
import type { Context, Permission, PolicySource, Principal } from "../../src/policy/types.js";
import { validateBucketPolicy } from "../../src/policy/validate-bucket-policy.js";
import { resolvePrincipals } from "../../src/policy/principals.js";
import { parsePolicy } from "../../src/policy/parse.js";
import { ALICE_ID, ALL, alice, HOME, identity, root, session } from "./support.js";

const SSE = "s3:x-amz-server-side-encryption";
const KEY_ID = "s3:x-amz-server-side-encryption-aws-kms-key-id";
const SSEC = "s3:x-amz-server-side-encryption-customer-algorithm";
const BUCKET = "arn:aws:s3:::bucket";

function policyOf(...statements: object[]): PolicySource {
  const text = JSON.stringify({ Version: "2012-10-17", Id: "PutObjPolicy", Statement: statements });
  return { id: "bucket/bucket", policy: validateBucketPolicy(text, "bucket") };
}

const put = (sid: string, condition: object, action: unknown = "s3:PutObject"): object =>
  ({ Sid: sid, Effect: "Deny", Principal: "*", Action: action, Resource: `${BUCKET}/*`, Condition: condition });

const allowed = (resourcePolicy: PolicySource, action: string, context: Context = {}, who: Principal = alice,
  resource = `${BUCKET}/k`): boolean => {
  const permission: Permission = { action, resource, resourceAccount: HOME, context, resourcePolicy };
  return evaluate(who, permission, who.type === "Account" ? { identity: [] } : identity(ALL)).effect === "Allow";
};

test("deny unencrypted uploads (§11.1), variants (a) AES256, (b) aws:kms, (c) either", () => {
  const variants = ["AES256", "aws:kms", ["AES256", "aws:kms"]].map((wanted) => policyOf(
    put("DenyIncorrectEncryptionHeader", { StringNotEquals: { [SSE]: wanted } }),
    put("DenyUnEncryptedObjectUploads", { Null: { [SSE]: true } }),
  ));
  // What the request says; the rows of CreateMultipartUpload, CopyObject and POST form are the same question.
  const rows: [string, Context, boolean, boolean, boolean][] = [
    ["no header, also with a bucket default", {}, false, false, false],
    ["AES256", { [SSE]: "AES256" }, true, false, true],
    ["aws:kms", { [SSE]: "aws:kms" }, false, true, true],
    ["aws:kms with key id", { [SSE]: "aws:kms", [KEY_ID]: `arn:aws:kms:us-east-1:${HOME}:key/k` }, false, true, true],
    ["aws:kms:dsse", { [SSE]: "aws:kms:dsse" }, false, false, false],
    ["SSE-C only", { [SSEC]: "AES256" }, false, false, false],
    ["bogus value", { [SSE]: "AES192" }, false, false, false],
    ["upper case is another value", { [SSE]: "aes256" }, false, false, false],
  ];
  for (const [name, context, ...expected] of rows) {
    for (const [index, policy] of variants.entries()) {
      for (const who of [alice, session(), root()]) {
        assert.equal(allowed(policy, "s3:PutObject", context, who), expected[index], `${name}, variant ${index}, ${who.type}`);
      }
      for (const action of ["s3:GetObject", "s3:DeleteObject"]) assert.ok(allowed(policy, action, context));
      assert.ok(allowed(policy, "s3:ListBucket", context, alice, BUCKET));
    }
  }
});

/** §11.2, assembled, with Alice's ARN resolved as at PutBucketPolicy. */
async function defenceInDepth(): Promise<PolicySource> {
  const acls = ["public-read", "public-read-write", "authenticated-read"];
  const groups = ["AllUsers", "AuthenticatedUsers"].map((group) => `*http://acs.amazonaws.com/groups/global/${group}*`);
  const denyAcl = (sid: string, action: unknown, resource: string, condition: object): object =>
    ({ Sid: sid, Effect: "Deny", Principal: { AWS: "*" }, Action: action, Resource: resource, Condition: condition });
  const objectAcl = ["s3:PutObject", "s3:PutObjectAcl"];
  const text = JSON.stringify({ Version: "2012-10-17", Statement: [
    { Sid: "AllowUploaders", Effect: "Allow", Principal: { AWS: [alice.arn] }, Action: objectAcl, Resource: `${BUCKET}/*` },
    denyAcl("DenyPublicReadACL", objectAcl, `${BUCKET}/*`, { StringEquals: { "s3:x-amz-acl": acls } }),
    denyAcl("DenyPublicReadGrant", objectAcl, `${BUCKET}/*`, { StringLike: { "s3:x-amz-grant-read": groups } }),
    denyAcl("DenyPublicListACL", "s3:PutBucketAcl", BUCKET, { StringEquals: { "s3:x-amz-acl": acls } }),
    denyAcl("DenyPublicListGrant", "s3:PutBucketAcl", BUCKET, { StringLike: { "s3:x-amz-grant-read": groups } }),
    { Sid: "DenyInsecureTransport", Effect: "Deny", Principal: "*", Action: "s3:*", Resource: [BUCKET, `${BUCKET}/*`],
      Condition: { Bool: { "aws:SecureTransport": "false" } } },
    put("DenyIncorrectEncryptionHeader", { StringNotEquals: { [SSE]: "AES256" } }),
    put("DenyUnEncryptedObjectUploads", { Null: { [SSE]: "true" } }),
    { Sid: "ProtectEncryptionSetting", Effect: "Deny", Principal: "*", Action: "s3:PutEncryptionConfiguration", Resource: BUCKET,
      Condition: { ArnNotEquals: { "aws:PrincipalArn": `arn:aws:iam::${HOME}:role/Admin` } } },
  ] });
  validateBucketPolicy(text, "bucket");
  const lookup = { uniqueIdOf: async () => ALICE_ID, arnOf: async () => alice.arn, accountExists: async () => true };
  return { id: "bucket/bucket", policy: parsePolicy((await resolvePrincipals(text, lookup)).text, "bucket") };
}

test("defence in depth (§11.2)", async () => {
  const policy = await defenceInDepth();
  const base = { "aws:SecureTransport": "true", [SSE]: "AES256", "aws:PrincipalArn": alice.arn ?? "" };
  const asAlice = (action: string, context: Context = {}, resource?: string): boolean => {
    const permission: Permission = { action, resource: resource ?? `${BUCKET}/k`, resourceAccount: HOME,
      context: { ...base, ...context }, resourcePolicy: policy };
    // Alice has nothing but this policy: the Allow statement must carry her.
    return evaluate(alice, permission, { identity: [] }).effect === "Allow";
  };
  assert.ok(asAlice("s3:PutObject"));
  assert.ok(asAlice("s3:PutObject", { "s3:x-amz-acl": "private" }));
  for (const acl of ["public-read", "public-read-write", "authenticated-read"]) {
    assert.ok(!asAlice("s3:PutObject", { "s3:x-amz-acl": acl }));
    assert.ok(!asAlice("s3:PutObjectAcl", { "s3:x-amz-acl": acl }));
    assert.ok(!allowed(policy, "s3:PutBucketAcl", { ...base, "s3:x-amz-acl": acl }, root(), BUCKET));
  }
  for (const group of ["AllUsers", "AuthenticatedUsers"]) {
    const grant = { "s3:x-amz-grant-read": `uri="http://acs.amazonaws.com/groups/global/${group}"` };
    assert.ok(!asAlice("s3:PutObject", grant));
    assert.ok(!allowed(policy, "s3:PutBucketAcl", { ...base, ...grant }, root(), BUCKET));
  }
  assert.ok(allowed(policy, "s3:PutBucketAcl", { ...base, "s3:x-amz-acl": "private" }, root(), BUCKET));
  assert.ok(!asAlice("s3:PutObject", { "aws:SecureTransport": "false" }));
  assert.ok(!allowed(policy, "s3:ListBucket", { ...base, "aws:SecureTransport": "false" }, root(), BUCKET));
  assert.ok(allowed(policy, "s3:ListBucket", base, root(), BUCKET));
  assert.ok(!asAlice("s3:PutObject", { [SSE]: [] }));
  assert.ok(!asAlice("s3:PutObject", { [SSE]: "aws:kms" }));
  for (const [who, arn, expected] of [
    [root(), root().arn, false], [alice, alice.arn, false], [session(), `arn:aws:iam::${HOME}:role/Admin`, true],
    [session(), `arn:aws:iam::${HOME}:role/admin`, false],
  ] as const) {
    assert.equal(allowed(policy, "s3:PutEncryptionConfiguration", { ...base, "aws:PrincipalArn": arn ?? "" }, who, BUCKET),
      expected, arn);
  }
});

test("AWS's guide policies (§11.3)", () => {
  const arn = `arn:aws:kms:us-east-1:${HOME}:key/k`;
  const rows: [object, Context, boolean][] = [
    [{ Null: { [SSEC]: true } }, {}, false], [{ Null: { [SSEC]: true } }, { [SSEC]: "AES256" }, true],
    [{ Null: { [SSEC]: false } }, {}, true], [{ Null: { [SSEC]: false } }, { [SSEC]: "AES256" }, false],
    [{ Null: { [KEY_ID]: "true" } }, {}, false], [{ Null: { [KEY_ID]: "true" } }, { [KEY_ID]: arn }, true],
    [{ ArnNotEqualsIfExists: { [KEY_ID]: arn } }, { [KEY_ID]: arn }, true],
    [{ ArnNotEqualsIfExists: { [KEY_ID]: arn } }, { [KEY_ID]: `${arn}2` }, false],
    // IfExists is met by an absent key: the Deny fires.
    [{ ArnNotEqualsIfExists: { [KEY_ID]: arn } }, {}, false],
    [{ StringNotEquals: { [SSE]: "aws:kms:dsse" } }, { [SSE]: "aws:kms" }, false],
    [{ StringNotEquals: { [SSE]: "aws:kms:dsse" } }, { [SSE]: "aws:kms:dsse" }, true],
  ];
  for (const [condition, context, expected] of rows) {
    assert.equal(allowed(policyOf(put("Deny", condition)), "s3:PutObject", context), expected,
      JSON.stringify([condition, context]));
  }
});

test("a Deny with s3:ObjectCreationOperation exempts the calls that only prepare an object", () => {
  const policy = policyOf(put("D", { Null: { "s3:if-none-match": "true" }, Bool: { "s3:ObjectCreationOperation": "true" } }));
  assert.ok(!allowed(policy, "s3:PutObject", { "s3:ObjectCreationOperation": "true" }));
  assert.ok(allowed(policy, "s3:PutObject", { "s3:ObjectCreationOperation": "false" }));
});
