/** What counts as a public bucket policy: authorization reference §5.2, §7 #22. */
import assert from "node:assert/strict";
import test from "node:test";
import { isPublicPolicy } from "../../src/policy/public-policy.js";
import { AWAY, bucketPolicy, HOME } from "./support.js";

const isPublic = (over: object, ...more: object[]): boolean =>
  isPublicPolicy(bucketPolicy({ Effect: "Allow", Principal: "*", Action: "s3:GetObject", Resource: "arn:aws:s3:::b/*", ...over },
    ...more).policy);
const when = (operator: string, key: string, value: unknown): boolean =>
  isPublic({ Condition: { [operator]: { [key]: value } } });

test("principals: everyone and federations are public; accounts, users, roles, services are not", () => {
  for (const principal of ["*", { AWS: "*" }, { AWS: [HOME, "*"] },
    { Federated: "accounts.google.com" }]) assert.ok(isPublic({ Principal: principal }), JSON.stringify(principal));
  for (const principal of [{ AWS: HOME }, { AWS: [`arn:aws:iam::${AWAY}:root`, "AIDAALICEALICEALICE22"] },
    { Service: "s3.amazonaws.com" }, { CanonicalUser: "a".repeat(64) }]) {
    assert.ok(!isPublic({ Principal: principal }), JSON.stringify(principal));
  }
});

test("Deny statements neither make a policy public nor non-public", () => {
  assert.ok(!isPublic({ Effect: "Deny" }));
  assert.ok(isPublic({}, { Effect: "Deny", Principal: "*", Action: "s3:*", Resource: "arn:aws:s3:::b/*" }));
  assert.ok(isPublic({ Principal: { AWS: HOME } }, { Effect: "Allow", Principal: "*", Action: "s3:PutObject",
    Resource: "arn:aws:s3:::b/*" }));
});

test("fixed values of the listed keys make a statement non-public", () => {
  for (const [operator, key, value] of [
    ["StringEquals", "aws:PrincipalAccount", HOME], ["StringEquals", "aws:PrincipalArn", `arn:aws:iam::${HOME}:role/x`],
    ["ArnLike", "aws:PrincipalArn", `arn:aws:iam::${HOME}:role/x`],
    ["StringEquals", "aws:PrincipalOrgID", "o-1"], ["ArnEquals", "aws:SourceArn", "arn:aws:s3:::x"],
    ["StringEquals", "aws:SourceVpce", ["vpce-1", "vpce-2"]],
    ["StringLike", "AWS:sourceaccount", HOME], ["StringEquals", "aws:SourceOwner", HOME], ["StringEquals", "aws:userid", "AIDAX"],
    ["ForAnyValue:StringEquals", "aws:SourceVpc", "vpc-1"],
    ["StringEquals", "s3:x-amz-server-side-encryption-aws-kms-key-id", "arn:aws:kms:r:A:key/k"],
    ["StringEquals", "s3:DataAccessPointAccount", HOME],
    ["ArnLike", "s3:DataAccessPointArn", `arn:aws:s3:us-east-1:${HOME}:accesspoint/*`],
    ["IpAddress", "aws:SourceIp", "8.0.0.0/8"], ["IpAddress", "aws:SourceIp", ["10.0.0.0/8", "192.0.2.1"]],
    ["IpAddress", "aws:SourceIp", "2001:db8::/32"],
  ] as const) assert.ok(!when(operator, key, value), JSON.stringify([operator, key, value]));
});

test("wildcards, variables, wide ranges, other operators and keys leave it public", () => {
  for (const [operator, key, value] of [
    ["StringLike", "aws:PrincipalArn", "*"], ["ArnLike", "aws:PrincipalArn", "arn:aws:iam::*:role/x"],
    ["StringLike", "aws:userid", "AROAX:*"], ["StringEquals", "aws:SourceVpce", "vpce-*"],
    ["StringEquals", "aws:SourceAccount", "${aws:PrincipalAccount}"], ["StringEquals", "aws:SourceVpc", ["vpc-1", "vpc-?"]],
    ["IpAddress", "aws:SourceIp", "0.0.0.0/1"],
    ["IpAddress", "aws:SourceIp", ["0.0.0.0/1", "128.0.0.0/1"]], ["IpAddress", "aws:SourceIp", ["192.0.2.1", "8.0.0.0/7"]],
    ["IpAddress", "aws:SourceIp", "2001::/31"], ["IpAddress", "aws:SourceIp", "::/0"],
    ["NotIpAddress", "aws:SourceIp", "192.0.2.1"], ["StringEquals", "aws:SourceIp", "192.0.2.1"],
    ["StringNotEquals", "aws:PrincipalAccount", HOME], ["StringEqualsIfExists", "aws:PrincipalAccount", HOME],
    ["IpAddressIfExists", "aws:SourceIp", "192.0.2.1"], ["ForAllValues:StringEquals", "aws:PrincipalAccount", HOME],
    ["Null", "aws:PrincipalAccount", "false"], ["Bool", "aws:SecureTransport", "true"],
    ["StringEquals", "aws:Referer", "https://x"], ["StringEquals", "aws:UserAgent", "x"],
    ["ArnLike", "s3:DataAccessPointArn", "arn:aws:s3:us-east-1:*:accesspoint/x"],
    ["StringEquals", "aws:username", "alice"], ["StringEquals", "aws:PrincipalTag/t", "x"],
    ["StringEquals", "aws:PrincipalAccount", ""],
  ] as const) assert.ok(when(operator, key, value), JSON.stringify([operator, key, value]));
});

test("NotPrincipal with Allow counts as public", () => {
  assert.ok(isPublicPolicy({ version: "2012-10-17", statements: [{
    effect: "Allow", principals: { not: true, entries: [{ kind: "AWS", value: HOME }] },
      actions: { not: false, patterns: ["s3:*"] }, resources: { not: false, patterns: ["*"] }, conditions: [],
  }] }));
});
