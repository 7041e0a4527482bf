/** Policy documents: reading, validating, evaluating. */
import assert from "node:assert/strict";
import { evaluate } from "../../../src/policy/evaluate.js";
import { parsePolicy, PolicyFault, type PolicyKind } from "../../../src/policy/parse.js";
import { validateBucketPolicy } from "../../../src/policy/validate-bucket-policy.js";
import { validateIdentityPolicy } from "../../../src/policy/validate-identity-policy.js";
import { validateKeyPolicy } from "../../../src/policy/validate-key-policy.js";
import { validateTrustPolicy } from "../../../src/policy/validate-trust-policy.js";
import type { Policy } from "../../../src/policy/types.js";
import { naiveEvaluate, type NaiveDocument } from "../../policy/naive.js";
import { alice, document, get, HOME, NONE } from "../../policy/support.js";
import { told, type Target } from "../target.js";

const VALIDATORS: Readonly<Record<PolicyKind, (text: string) => Policy>> = {
  bucket: (text) => validateBucketPolicy(text, "b"),
  identity: validateIdentityPolicy,
  key: validateKeyPolicy,
  trust: validateTrustPolicy,
};
const KINDS: readonly PolicyKind[] = ["bucket", "identity", "key", "trust"];

const SEEDS = [
  document({ Effect: "Deny", Principal: "*", Action: "s3:PutObject", Resource: "arn:aws:s3:::b/*",
    Condition: { StringNotEquals: { "s3:x-amz-server-side-encryption": "aws:kms" }, Bool: { "aws:SecureTransport": "false" } } }),
  document({
    Effect: "Allow", Principal: { AWS: `arn:aws:iam::${HOME}:root` }, Action: ["s3:*"],
    Resource: ["arn:aws:s3:::b", "arn:aws:s3:::b/${aws:username}/*"],
    Condition: {
      "ForAllValues:StringLike": { "aws:TagKeys": ["a*", "?"] },
      NumericLessThanEquals: { "s3:max-keys": "10" },
      IpAddress: { "aws:SourceIp": "10.0.0.0/8" },
    },
  }),
  document({
    Effect: "Allow", Action: ["s3:Get*", "kms:Decrypt"], NotResource: "arn:aws:s3:::b/secret*",
    Condition: { Null: { "aws:MultiFactorAuthAge": "true" }, DateLessThan: { "aws:CurrentTime": "2027-01-01T00:00:00Z" } },
  }),
  document({ Effect: "Allow", Principal: { AWS: "*" }, Action: "kms:*", Resource: "*" }),
  document({ Effect: "Allow", Principal: { AWS: HOME }, Action: "sts:AssumeRole" }),
];

export const policy: Target = {
  name: "policy",
  claim: "any text is a policy or refused; what was accepted reads the same, decides as the naive evaluator does, quickly",
  seeds: SEEDS.map((text) => Buffer.from(text)),
  words: [
    '"Effect":"Allow"', '"NotAction"', '"NotPrincipal"', '"Principal":"*"', "${aws:username}", "${", "'default'}", "*", "?",
    "****************", '"Condition":{}', "StringEqualsIfExists", "ForAnyValue:", "BinaryEquals", "ArnLike", "NotIpAddress",
    '"Version":"2008-10-17"', "\\u0000", "\\ud800", "[", "{", "1e999", "aws:PrincipalTag/a", "arn:aws:s3:::",
  ],
  maxBytes: 4096,
  run(input) {
    const text = input.toString("utf8");
    for (const kind of KINDS) {
      const accepted = told(() => VALIDATORS[kind](text), PolicyFault);
      if (accepted === undefined) continue;
      assert.deepEqual(parsePolicy(text, kind), accepted, "a stored policy reads otherwise");
      if (kind === "bucket" || kind === "identity") decidesAlike(text, kind, accepted);
    }
  },
};

const CONTEXTS: readonly Readonly<Record<string, string | string[]>>[] = [
  {},
  {
    "aws:username": "alice", "aws:SecureTransport": "false", "aws:SourceIp": "10.1.2.3", "aws:TagKeys": ["a", "b"],
    "s3:max-keys": "10", "aws:CurrentTime": "2026-06-01T00:00:00Z", "s3:x-amz-server-side-encryption": "AES256",
  },
];

function decidesAlike(text: string, kind: "bucket" | "identity", policy: Policy): void {
  const raw = JSON.parse(text) as NaiveDocument;
  const naive: NaiveDocument = { ...raw, Statement: Array.isArray(raw.Statement) ? raw.Statement : [raw.Statement] };
  const source = { id: "p", policy };
  for (const context of CONTEXTS) {
    for (const resource of ["arn:aws:s3:::b/alice/x", "arn:aws:s3:::b"]) {
      const action = resource.endsWith("b") ? "s3:ListBucket" : "s3:GetObject";
      const asked = { action, resource, resourceAccount: HOME, context };
      const decision = evaluate(
        alice,
        { ...get(), ...asked, ...(kind === "bucket" ? { resourcePolicy: source } : {}) },
        kind === "identity" ? { identity: [source] } : NONE,
      );
      assert.notEqual(decision.layer, "evaluation error", JSON.stringify(decision));
      const expected = naiveEvaluate(
        alice as Parameters<typeof naiveEvaluate>[0],
        { ...asked, ...(kind === "bucket" ? { resourceDocument: naive } : {}) },
        { identity: kind === "identity" ? [naive] : [] },
      );
      const answer = decision.effect === "Allow" ? "allow" : decision.explicit ? "explicit deny" : "implicit deny";
      assert.equal(answer, expected);
    }
  }
}
