/** Sizes at which others have stored what they could not read again: one PUT of 5, 12 and 20 MiB, in each encryption. */
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { ask, request, sha256, startHere, type Attacked } from "../server/support.js";

const MIB = 1024 * 1024;
const customerKey = randomBytes(32);
const CUSTOMER = {
  "x-amz-server-side-encryption-customer-algorithm": "AES256",
  "x-amz-server-side-encryption-customer-key": customerKey.toString("base64"),
  "x-amz-server-side-encryption-customer-key-md5": createHash("md5").update(customerKey).digest("base64"),
};
const MODES: readonly (readonly [string, Record<string, string>, Record<string, string>])[] = [
  ["SSE-S3", {}, {}],
  ["SSE-KMS", { "x-amz-server-side-encryption": "aws:kms" }, {}],
  ["DSSE-KMS", { "x-amz-server-side-encryption": "aws:kms:dsse" }, {}],
  ["SSE-C", CUSTOMER, CUSTOMER],
];

describe("large objects in one piece", () => {
  let server: Attacked;
  before(async () => {
    server = await startHere({ "sse-c-on-new-buckets": "allow" });
    await ask(server, request(server, "PUT", "/large"));
  });
  after(() => server.stop());

  for (const [mode, write, read] of MODES) {
    for (const size of [5 * MIB + 1, 12 * MIB, 20 * MIB + 65_537]) {
      test(`seaweed-ssekms-5mb, rustfs-19mb-decrypt, seaweed-ssec-ctr-offset: ${mode}, ${size} bytes`, async () => {
        const body = randomBytes(size);
        const put = await ask(server, request(server, "PUT", "/large/x", { body, headers: write }), 20_000);
        assert.equal(put.status, 200, put.body);
        const whole = await ask(server, request(server, "GET", "/large/x", { headers: read }), 20_000);
        assert.equal(sha256(Buffer.from(whole.body, "latin1")), sha256(body));
        for (const from of [0, 5 * MIB - 7, size - 70_000]) {
          const range = { ...read, range: `bytes=${from}-${from + 65_600}` };
          const piece = await ask(server, request(server, "GET", "/large/x", { headers: range }), 20_000);
          assert.equal(piece.status, 206);
          assert.ok(Buffer.from(piece.body, "latin1").equals(body.subarray(from, from + 65_601)), `from ${from}`);
        }
      });
    }
  }
});
