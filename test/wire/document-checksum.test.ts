/** Documents that AWS takes without Content-MD5 need a signed hash here; the others need Content-MD5 or a checksum always. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { bodyOf } from "../../src/wire/codec.js";
import { documentNeedsChecksum } from "../../src/wire/document-checksum.js";
import { claimOf, requestHead, signedHead } from "./signing.js";

const HASH = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
function needs(operation: string, payloadHash: string, signed = true): boolean {
  const plan = bodyOf("s3", operation);
  if (signed) {
    const head = signedHead("PUT", "/b?acl", { payloadHash });
    return documentNeedsChecksum(operation, plan, head, claimOf(head));
  }
  return documentNeedsChecksum(operation, plan, requestHead("PUT", "/b?acl", { "x-amz-content-sha256": payloadHash }), { kind: "anonymous" });
}

test("policies and ACLs are taken with a signed hash, and with nothing less", () => {
  for (const operation of ["PutBucketAcl", "PutObjectAcl", "PutBucketPolicy", "PutBucketLogging", "PutBucketWebsite"]) {
    assert.equal(needs(operation, HASH), false, operation);
    assert.equal(needs(operation, "UNSIGNED-PAYLOAD"), true, `${operation}, unsigned body`);
    assert.equal(needs(operation, HASH, false), true, `${operation}, hash without signature`);
  }
});

test("a signed hash replaces no checksum where AWS insists", () => {
  for (const operation of ["DeleteObjects", "PutBucketEncryption", "PutBucketTagging", "PutBucketCors", "PutObjectRetention"]) {
    assert.equal(needs(operation, HASH), true, operation);
  }
  assert.equal(needs("CreateBucket", HASH), false);
});
