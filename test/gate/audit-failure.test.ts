/** What cannot be recorded does not happen (attack A.13 no. 57), and what is recorded holds no secret (A.11 no. 44). */
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import type { Gate } from "../../src/gate/gate.js";
import type { App } from "../../src/server/app.js";
import { encodeRequest } from "../../src/wire/client-codec.js";
import type { Service } from "../../src/wire/types.js";
import { codeIn, gateOver, incoming, openTestApp, signed, signerOf, TestAudit, textOf, type Sent } from "./support.js";

const BUCKET = "a-bucket";

describe("an audit log that refuses", () => {
  let app: App & { release(): Promise<void> };
  let audit: TestAudit;
  let gate: Gate;
  beforeEach(async () => {
    audit = new TestAudit();
    app = await openTestApp({ "sse-c-on-new-buckets": "allow" });
    gate = gateOver(app, app.operations, { audit, store: app.kms.store });
    await call("s3", "CreateBucket", { Bucket: BUCKET });
  });
  afterEach(() => app.release());

  async function send(request: Sent): Promise<{ status: number; code: string; text: string }> {
    const given = await gate.handle(incoming(request));
    const text = await textOf(given);
    return { status: given.status, code: codeIn(text), text };
  }
  function requestOf(service: Service, operation: string, input: object, stream?: Buffer): Sent {
    const { method, path, headers, body } = encodeRequest(service, operation, input);
    return { method, target: path, headers, body: stream ?? body };
  }
  const call = (service: Service, operation: string, input: object, stream?: Buffer) =>
    send(signed(requestOf(service, operation, input, stream), signerOf(service)));
  const put = (Key: string, more: object = {}) => call("s3", "PutObject", { Bucket: BUCKET, Key, ...more }, Buffer.from("hello"));
  const get = (Key: string) => call("s3", "GetObject", { Bucket: BUCKET, Key });
  const refuse = (...names: string[]): void => void (audit.refuse = (record) => names.length === 0 || names.includes(String(record["eventName"])));
  const accept = (): void => void (audit.refuse = () => false);

  test("leaves no object of a PUT", async () => {
    refuse();
    assert.equal((await put("k")).status, 500);
    accept();
    assert.equal((await get("k")).code, "NoSuchKey");
  });

  test("leaves everything that a DeleteObjects names, entries under way together included", async () => {
    const keys = Array.from({ length: 40 }, (_, at) => `k${at}`);
    for (const key of keys) await put(key);
    refuse("DeleteObjects");
    const { status } = await call("s3", "DeleteObjects", { Bucket: BUCKET, Delete: { Objects: keys.map((Key) => ({ Key })) } });
    assert.equal(status, 500);
    accept();
    for (const key of keys) assert.equal((await get(key)).status, 200, key);
  });

  test("gives no body of a GET, and no key material of KMS", async () => {
    await put("k");
    const made = JSON.parse((await call("kms", "CreateKey", {})).text) as { KeyMetadata: { KeyId: string } };
    const KeyId = made.KeyMetadata.KeyId;
    const sealed = JSON.parse((await call("kms", "Encrypt", { KeyId, Plaintext: Buffer.from("secret") })).text) as { CiphertextBlob: string };
    refuse();
    const read = await get("k");
    assert.equal(read.status, 500);
    assert.ok(!read.text.includes("hello"));
    for (const [operation, input] of [
      ["GenerateDataKey", { KeyId, KeySpec: "AES_256" }],
      ["Decrypt", { CiphertextBlob: Buffer.from(sealed.CiphertextBlob, "base64") }],
      ["GenerateRandom", { NumberOfBytes: 32 }],
      ["Encrypt", { KeyId, Plaintext: Buffer.from("x") }],
    ] as const) {
      const { status, text } = await call("kms", operation, input);
      assert.equal(status, 500, operation);
      assert.deepEqual(Object.keys(JSON.parse(text) as object).sort(), ["__type", "message"], operation);
    }
  });

  test("refuses S3's own KMS calls: an object under a key is neither written nor read", async () => {
    const made = JSON.parse((await call("kms", "CreateKey", {})).text) as { KeyMetadata: { KeyId: string } };
    const under = { ServerSideEncryption: "aws:kms", SSEKMSKeyId: made.KeyMetadata.KeyId };
    refuse("GenerateDataKey");
    assert.equal((await put("k", under)).status, 500);
    accept();
    assert.equal((await get("k")).code, "NoSuchKey");
    assert.equal((await put("k", under)).status, 200);
    refuse("Decrypt");
    const { status, text } = await get("k");
    assert.equal(status, 500);
    assert.ok(!text.includes("hello"));
  });

  test("changes nothing in KMS and IAM", async () => {
    refuse();
    assert.equal((await call("kms", "CreateKey", {})).status, 500);
    assert.equal((await call("iam", "CreateUser", { UserName: "u" })).status, 500);
    accept();
    assert.deepEqual(JSON.parse((await call("kms", "ListKeys", {})).text), { Keys: [], Truncated: false });
    assert.equal((await call("iam", "GetUser", { UserName: "u" })).code, "NoSuchEntity");
  });
});
