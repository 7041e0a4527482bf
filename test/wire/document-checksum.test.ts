/** Documents that AWS takes without Content-MD5 need a signed hash or TLS here; the others need Content-MD5 or a checksum always. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { bodyOf } from "../../src/wire/codec.js";
import { documentNeedsChecksum } from "../../src/wire/document-checksum.js";
import { claimOf, requestHead, signedHead } from "./signing.js";

const HASH = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
function needs(operation: string, payloadHash: string, { signed = true, secure = false } = {}): boolean {
  const plan = bodyOf("s3", operation);
  const head = signed ? signedHead("PUT", "/b?acl", { payloadHash }) : requestHead("PUT", "/b?acl", { "x-amz-content-sha256": payloadHash });
  return documentNeedsChecksum(operation, plan, { ...head, secure }, signed ? claimOf(head) : { kind: "anonymous" });
}

test("policies and ACLs are taken signed, with a hash or over TLS, and with nothing less", () => {
  for (const operation of ["PutBucketAcl", "PutObjectAcl", "PutBucketPolicy", "PutBucketLogging", "PutBucketWebsite"]) {
    assert.equal(needs(operation, HASH), false, operation);
    assert.equal(needs(operation, "UNSIGNED-PAYLOAD"), true, `${operation}, unsigned body`);
    assert.equal(needs(operation, "UNSIGNED-PAYLOAD", { secure: true }), false, `${operation}, over TLS`);
    for (const secure of [false, true]) assert.equal(needs(operation, HASH, { signed: false, secure }), true, `${operation}, anonymous`);
  }
});

test("a signed hash replaces no checksum where AWS insists", () => {
  for (const operation of ["DeleteObjects", "PutBucketEncryption", "PutBucketTagging", "PutBucketCors", "PutObjectRetention"]) {
    for (const secure of [false, true]) assert.equal(needs(operation, HASH, { secure }), true, operation);
  }
  assert.equal(needs("CreateBucket", HASH), false);
});
