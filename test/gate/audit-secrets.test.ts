/** What is recorded and said holds no secret (attack A.11 no. 44, CVE-2018-16889), and failures are recorded. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, before, beforeEach, describe, test } from "node:test";
import type { Gate } from "../../src/gate/gate.js";
import type { Log } from "../../src/lib/log.js";
import type { App } from "../../src/server/app.js";
import { signPostForm } from "../../src/wire/sign.js";
import { codeIn, gateOver, incoming, openTestApp, presigned, ROOT, signed, signerOf, TestAudit, textOf, type Sent } from "./support.js";

const KEY = Buffer.alloc(32, 7);
const KEY_TEXT = KEY.toString("base64");
const KEY_MD5 = createHash("md5").update(KEY).digest("base64");
const TOKEN = "c2Vzc2lvbiB0b2tlbiB0aGF0IG5vYm9keSBtYXkgc2Vl";
const SSE_C = {
  "x-amz-server-side-encryption-customer-algorithm": "AES256",
  "x-amz-server-side-encryption-customer-key": KEY_TEXT,
  "x-amz-server-side-encryption-customer-key-md5": KEY_MD5,
};
const PRIVATE = {
  "x-amz-meta-diagnosis": "private-metadata",
  "x-amz-tagging": "owner=private-tag",
  "content-disposition": 'attachment; filename="private-name"',
  "content-type": "private/type",
  "cache-control": "private-cache",
  "x-amz-website-redirect-location": "/private-redirect",
  "if-none-match": "*",
};
const FINGERPRINT = "5d41402abc4b2a76b9719d911017c592";
const NOWHERE = [KEY_TEXT, encodeURIComponent(KEY_TEXT), TOKEN, KEY.toString("hex"), ROOT.secretAccessKey];
const NOT_RECORDED = [...NOWHERE, KEY_MD5, "private-metadata", "private-tag", "private-name", "private/type", "private-cache", "private-redirect", FINGERPRINT];

describe("audit, log and errors", () => {
  let app: App & { release(): Promise<void> };
  let gate: Gate;
  let audit: TestAudit;
  const logged: string[] = [];
  before(async () => {
    app = await openTestApp({ "sse-c-on-new-buckets": "allow" });
    const root = { type: "Account", accountId: "000000000000", arn: "arn:aws:iam::000000000000:root", userId: "000000000000" } as const;
    await app.gate.internal(root, "s3", "CreateBucket", { Bucket: "a-bucket" });
  });
  after(() => app.release());
  beforeEach(() => {
    audit = new TestAudit();
    logged.length = 0;
    const note = (fields: object, message: string): void => void logged.push(message + JSON.stringify(fields));
    const log: Log = { debug: note, info: note, warn: note, error: note };
    gate = gateOver(app, app.operations, { audit, log, store: app.kms.store });
  });

  async function send(request: Sent): Promise<{ status: number; code: string; text: string }> {
    const given = await gate.handle(incoming(request));
    const text = await textOf(given);
    return { status: given.status, code: codeIn(text), text: text + JSON.stringify(given.headers) };
  }
  function assertClean(said: string): void {
    const recorded = JSON.stringify(audit.records);
    for (const secret of NOT_RECORDED) assert.ok(!recorded.includes(secret), `audit holds ${secret}`);
    for (const secret of NOWHERE) {
      assert.ok(!logged.join("\n").includes(secret), `log holds ${secret}`);
      assert.ok(!said.includes(secret), `answer holds ${secret}`);
    }
  }
  const put = (headers: Record<string, string>, target = "/a-bucket/k"): Sent => ({ method: "PUT", target, headers, body: Buffer.from("hello") });

  test("a PUT with a customer key, metadata, tags and stored headers", async () => {
    const { status, text } = await send(signed(put({ ...SSE_C, ...PRIVATE }), signerOf("s3")));
    assert.equal(status, 200, text);
    assert.equal(audit.records.length, 1);
    assertClean("");
  });

  test("a read with a wrong customer key, conditions that name a fingerprint, and an MFA code", async () => {
    await send(signed(put(SSE_C, "/a-bucket/c"), signerOf("s3")));
    const wrong = Buffer.alloc(32, 9);
    const headers = {
      ...SSE_C,
      "x-amz-server-side-encryption-customer-key": wrong.toString("base64"),
      "x-amz-server-side-encryption-customer-key-md5": createHash("md5").update(wrong).digest("base64"),
      "if-match": `"${FINGERPRINT}"`,
      "x-amz-mfa": "arn 123456",
    };
    const { text } = await send(signed({ method: "GET", target: "/a-bucket/c", headers }, signerOf("s3")));
    assertClean(text);
    assert.ok(!JSON.stringify(audit.records).includes(wrong.toString("base64")));
  });

  test("a wrong signature over a customer key in the header, in the query, and over a session token", async () => {
    const bad = { ...signerOf("s3"), credentials: { ...ROOT, secretAccessKey: "wrong-secret-0000000000000000000000001" } };
    const query = Object.entries(SSE_C).map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join("&");
    for (const request of [signed(put(SSE_C), bad), presigned(put({}, `/a-bucket/k?${query}`), bad, 300)]) {
      const { code, text } = await send(request);
      assert.equal(code, "SignatureDoesNotMatch");
      assertClean(text);
    }
    const withToken = { ...bad, credentials: { ...bad.credentials, sessionToken: TOKEN } };
    for (const request of [signed(put({}), withToken), presigned(put({}), withToken, 300)]) {
      const { code, text } = await send(request);
      assert.equal(code, "InvalidToken");
      assertClean(text);
    }
  });

  test("a presigned PUT with the customer key in its query", async () => {
    const query = Object.entries(SSE_C).map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join("&");
    const { status, text } = await send(presigned(put({}, `/a-bucket/q?${query}`), signerOf("s3"), 300));
    assert.equal(status, 200, text);
    assertClean("");
  });

  test("a browser form with a customer key whose policy is violated is recorded, without it", async () => {
    const fields = signPostForm(signerOf("s3"), { bucket: "a-bucket", expiresSeconds: 300, fields: { key: "k", ...SSE_C } });
    const all = Object.entries({ ...fields, "x-amz-meta-diagnosis": "private-metadata" });
    const parts = all.map(([name, value]) => `--B\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`).join("");
    const body = Buffer.from(`${parts}--B\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\nhello\r\n--B--\r\n`);
    const { code, text } = await send({ method: "POST", target: "/a-bucket", headers: { "content-type": "multipart/form-data; boundary=B" }, body });
    assert.equal(code, "AccessDenied");
    assert.deepEqual(audit.records.map((record) => [record["eventName"], record["errorCode"]]), [["PutObject", "AccessDenied"]]);
    assertClean(text);
  });

  test("a body that is not what was signed is recorded as a failure of its caller", async () => {
    const policy = { method: "PUT", target: "/a-bucket?tagging", headers: { "content-md5": "AAAAAAAAAAAAAAAAAAAAAA==" }, body: Buffer.from("<Tagging/>") };
    assert.equal((await send(signed(policy, signerOf("s3")))).code, "BadDigest");
    const [record] = audit.records;
    assert.equal(record?.["errorCode"], "BadDigest");
    assert.equal((record["userIdentity"] as { accessKeyId: string }).accessKeyId, ROOT.accessKeyId);
  });
});
