import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mock, test } from "node:test";
import { ManualClock, MINUTE_MS } from "../../src/lib/clock.js";
import { ServiceError } from "../../src/lib/errors.js";
import { Secret } from "../../src/lib/secret.js";
import { BucketKeyCache } from "../../src/objects/bucket-keys.js";
import { MANAGED_KEY, parseCustomerKey, resolveEncryption, type EncryptionHeaders } from "../../src/objects/encryption.js";
import type { BucketEncryption } from "../../src/objects/records.js";
import { pattern, refused, World } from "./world.js";

const ARN = "arn:aws:s3:::bucket/key";
const KEY = pattern(32, 7);
const MD5 = createHash("md5").update(KEY).digest("base64");
const CUSTOMER = { SSECustomerAlgorithm: "AES256", SSECustomerKey: KEY.toString("base64"), SSECustomerKeyMD5: MD5 };
const context = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64");

function fails(work: () => unknown, code: string, message?: string): ServiceError {
  try {
    work();
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    assert.equal(error.code, code);
    if (message !== undefined) assert.equal(error.message, message);
    return error;
  }
  return assert.fail(`expected ${code}`);
}
const resolve = (headers: EncryptionHeaders, fallback?: BucketEncryption) => resolveEncryption(headers, fallback, ARN);

test("precedence: customer key, then header, then bucket default, then SSE-S3", () => {
  const kms: BucketEncryption = { algorithm: "aws:kms", kmsKeyId: "default-key", bucketKeyEnabled: true };
  assert.equal(resolve({}).mode, "AES256");
  assert.deepEqual(resolve({}, kms), { mode: "aws:kms", keyId: "default-key", bucketKey: true, context: {} });
  assert.equal(resolve({ ServerSideEncryption: "AES256" }, kms).mode, "AES256");
  assert.equal(resolve(CUSTOMER, kms).mode, "SSE-C");
  assert.deepEqual(resolve({ ServerSideEncryption: "aws:kms", SSEKMSKeyId: "mine" }), {
    mode: "aws:kms",
    keyId: "mine",
    bucketKey: false,
    context: {},
  });
});

test("trap: aws:kms without a key id is the managed key, whatever the default names", () => {
  const plan = resolve({ ServerSideEncryption: "aws:kms" }, { algorithm: "aws:kms", kmsKeyId: "other" });
  assert.deepEqual(plan, { mode: "aws:kms", keyId: MANAGED_KEY, bucketKey: false, context: {} });
});

test("the bucket-key header overrides the bucket's setting; DSSE has no bucket key", () => {
  const on: BucketEncryption = { algorithm: "aws:kms", bucketKeyEnabled: true };
  const flag = (headers: EncryptionHeaders, fallback?: BucketEncryption): unknown =>
    (resolve(headers, fallback) as { bucketKey?: boolean }).bucketKey;
  assert.equal(flag({ BucketKeyEnabled: false }, on), false);
  assert.equal(flag({ ServerSideEncryption: "aws:kms" }, on), true);
  assert.equal(flag({ ServerSideEncryption: "aws:kms" }), false);
  assert.equal(flag({ ServerSideEncryption: "aws:kms:dsse", BucketKeyEnabled: true }, on), false);
});

test("KMS headers without aws:kms, unknown methods, bad contexts", () => {
  const stray = "Server Side Encryption with AWS KMS managed key requires HTTP header x-amz-server-side-encryption : aws:kms";
  fails(() => resolve({ SSEKMSKeyId: "k" }), "InvalidArgument", stray);
  fails(() => resolve({ ServerSideEncryption: "AES256", SSEKMSKeyId: "k" }), "InvalidArgument", stray);
  fails(() => resolve({ SSEKMSEncryptionContext: context({}) }), "InvalidArgument", stray);
  for (const method of ["AES192", "aws:KMS", "aws:fsx", "", "AES256, aws:kms"]) {
    fails(() => resolve({ ServerSideEncryption: method }), "InvalidArgument", "The encryption method specified is not supported");
  }
  const kms = { ServerSideEncryption: "aws:kms" };
  for (const bad of [
    "",
    "%%%",
    context([]),
    context("x"),
    context({ a: 1 }),
    context({ "aws:s3:arn": "arn:aws:s3:::other/key" }),
  ]) {
    fails(() => resolve({ ...kms, SSEKMSEncryptionContext: bad }), "InvalidArgument");
  }
  const header = context({ a: "b", "aws:s3:arn": ARN });
  const plan = resolve({ ...kms, SSEKMSEncryptionContext: header });
  assert.deepEqual(plan, { mode: "aws:kms", keyId: MANAGED_KEY, bucketKey: false, context: { a: "b" }, contextHeader: header });
});

test("SSE-C: the whole validation table", () => {
  const { SSECustomerAlgorithm, SSECustomerKey, SSECustomerKeyMD5 } = CUSTOMER;
  const incompatible = fails(
    () => resolve({ ...CUSTOMER, ServerSideEncryption: "AES256" }),
    "InvalidArgument",
    "Server Side Encryption with Customer provided key is incompatible with the encryption method specified",
  );
  assert.deepEqual(incompatible.detail.fields, { ArgumentName: "x-amz-server-side-encryption", ArgumentValue: "AES256" });
  fails(
    () => resolve({ ...CUSTOMER, SSECustomerAlgorithm: "AES512" }),
    "InvalidEncryptionAlgorithmError",
    "The Encryption request you specified is not valid. Supported value: AES256.",
  );
  fails(
    () => resolve({ SSECustomerKey, SSECustomerKeyMD5 }),
    "InvalidArgument",
    "Requests specifying Server Side Encryption with Customer provided keys must provide a valid encryption algorithm.",
  );
  fails(
    () => resolve({ SSECustomerAlgorithm, SSECustomerKeyMD5 }),
    "InvalidArgument",
    "Requests specifying Server Side Encryption with Customer provided keys must provide an appropriate secret key.",
  );
  const invalid = "The secret key was invalid for the specified algorithm.";
  fails(() => resolve({ SSECustomerAlgorithm, SSECustomerKey }), "InvalidArgument", invalid);
  const short = KEY.subarray(0, 31).toString("base64");
  fails(() => resolve({ ...CUSTOMER, SSECustomerKey: short }), "InvalidArgument", invalid);
  const other = createHash("md5").update("x").digest("base64");
  fails(
    () => resolve({ ...CUSTOMER, SSECustomerKeyMD5: other }),
    "InvalidArgument",
    "The calculated MD5 hash of the key did not match the hash that was provided.",
  );
  fails(() => parseCustomerKey({ SSECustomerAlgorithm, SSECustomerKey }, "read"), "AccessDenied");
  fails(() => resolve(CUSTOMER, { blocked: ["SSE-C"] }), "AccessDenied");
  assert.equal(resolve(CUSTOMER, { blocked: ["NONE"] }).mode, "SSE-C");
});

test("SSE-C reads: no key, wrong key, a key for an object that has none", async () => {
  const world = new World();
  await world.bucket();
  await world.put("k", "x", CUSTOMER);
  await world.put("plain", "x");
  const without =
    "The object was stored using a form of Server Side Encryption. The correct parameters must be provided to retrieve the object.";
  const wrong = pattern(32, 8);
  const other = {
    ...CUSTOMER,
    SSECustomerKey: wrong.toString("base64"),
    SSECustomerKeyMD5: createHash("md5").update(wrong).digest("base64"),
  };
  for (const operation of ["GetObject", "HeadObject"]) {
    const read = (Key: string, input: object): Promise<unknown> => world.s3(operation, { Bucket: "bucket", Key, ...input });
    await refused(read("k", {}), "InvalidRequest", without);
    await refused(read("k", other), "AccessDenied", /must provide the correct secret key/);
    await refused(read("k", { ...CUSTOMER, SSECustomerKeyMD5: undefined }), "AccessDenied");
    await refused(read("plain", CUSTOMER), "InvalidRequest", "The encryption parameters are not applicable to this object.");
  }
  const out = await world.get("k", CUSTOMER);
  assert.equal(out["ServerSideEncryption"], undefined);
  assert.equal(out["SSECustomerKeyMD5"], MD5);
  const rows = await world.store.range({ from: Buffer.from([1]), to: Buffer.from([255]), limit: 1000 });
  for (const row of rows) assert.equal(row.bytes.includes(KEY) || row.bytes.includes(KEY.toString("base64")), false);
  assert.equal(JSON.stringify(world.audit).includes(KEY.toString("base64")), false);
});

test("clear HTTP: SSE-KMS and SSE-C are refused for writing and reading, SSE-S3 is not", async () => {
  const world = new World();
  await world.bucket();
  const clear = { secure: false };
  await world.put("s3", "x", {}, clear);
  await world.get("s3", {}, clear);
  await world.put("kms", "x", { ServerSideEncryption: "aws:kms" });
  await world.put("c", "x", CUSTOMER);
  const kms = "Requests specifying Server Side Encryption with AWS KMS managed keys must be made over a secure connection";
  const customer =
    "Requests specifying Server Side Encryption with Customer provided keys must be made over a secure connection.";
  await refused(world.put("k", "x", { ServerSideEncryption: "aws:kms" }, clear), "InvalidArgument", kms);
  await refused(world.get("kms", {}, clear), "InvalidArgument", kms);
  await refused(world.put("k", "x", CUSTOMER, clear), "InvalidRequest", customer);
  await refused(world.get("c", CUSTOMER, clear), "InvalidRequest", customer);
});

test("SSE headers that belong to writes are refused on reads and parts", async () => {
  const world = new World();
  await world.bucket();
  await world.put("k", "x");
  const headers = { "x-amz-server-side-encryption": "AES256" };
  const text = "x-amz-server-side-encryption header is not supported for this operation.";
  await refused(world.get("k", {}, { headers }), "InvalidArgument", text);
  await refused(world.s3("HeadObject", { Bucket: "bucket", Key: "k" }, { headers }), "InvalidArgument", text);
});

test("keys that are malformed, absent or of another region give KMS's text under S3's code", async () => {
  const world = new World();
  await world.bucket();
  const put = (SSEKMSKeyId: string): Promise<unknown> => world.put("k", "x", { ServerSideEncryption: "aws:kms", SSEKMSKeyId });
  await refused(put("fake-key-id"), "KMS.NotFoundException", "Invalid keyId 'fake-key-id'");
  const absent = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
  await refused(put(absent), "KMS.NotFoundException", `Key '${absent}' does not exist`);
  await refused(put(absent.replace("us-east-1", "eu-west-1")), "KMS.NotFoundException", "Invalid arn eu-west-1");
  for (const refusal of [put("fake-key-id")]) {
    const error = await refused(refusal, "KMS.NotFoundException");
    assert.equal(error.detail.status, 400);
  }
});

test("the KMS context: object ARN and the caller's pairs; the bucket ARN with a bucket key", async () => {
  const world = new World();
  await world.bucket();
  const arn = await world.key();
  const sse = { ServerSideEncryption: "aws:kms", SSEKMSKeyId: arn };
  const SSEKMSEncryptionContext = context({ team: "blue" });
  const out = await world.put("k", "x", { ...sse, SSEKMSEncryptionContext });
  assert.equal(out["SSEKMSEncryptionContext"], SSEKMSEncryptionContext);
  await world.get("k");
  await world.put("b", "x", { ...sse, BucketKeyEnabled: true });
  const contexts = world.audit
    .filter((record) => record["eventName"] === "GenerateDataKey" || record["eventName"] === "Decrypt")
    .map((record) => (record["requestParameters"] as { encryptionContext: object }).encryptionContext);
  const full = { "aws:s3:arn": "arn:aws:s3:::bucket/k", team: "blue" };
  assert.deepEqual(contexts, [full, full, { "aws:s3:arn": "arn:aws:s3:::bucket" }]);
});

test("a bucket key spares KMS calls for one requester, and is checked afresh at every use", async () => {
  const world = new World();
  await world.bucket();
  const arn = await world.key();
  const sse = { ServerSideEncryption: "aws:kms", SSEKMSKeyId: arn, BucketKeyEnabled: true };
  const calls = (): number =>
    world.audit.filter((record) => record["eventSource"] === "kms.amazonaws.com" && record["eventName"] !== "CreateKey").length;
  for (let i = 0; i < 5; i++) await world.put(`k${i}`, "x", sse);
  assert.equal(calls(), 1);
  for (let i = 0; i < 5; i++) assert.equal((await world.get(`k${i}`))["BucketKeyEnabled"], true);
  assert.equal(calls(), 2);
  const alice = world.allow("alice", [{ Effect: "Allow", Action: ["s3:*"], Resource: "*" }]);
  await refused(world.get("k1", {}, { as: alice }), "AccessDenied", /kms:Decrypt/);
  world.allow("alice", [{ Effect: "Allow", Action: ["s3:*", "kms:Decrypt"], Resource: "*" }]);
  await world.get("k1", {}, { as: alice });
  world.allow("alice", [{ Effect: "Allow", Action: ["s3:*"], Resource: "*" }]);
  await refused(world.get("k1", {}, { as: alice }), "AccessDenied", /kms:Decrypt/);
  world.clock.advance(5 * 60_000);
  const before = calls();
  await world.put("later", "x", sse);
  assert.equal(calls(), before + 1);
});

test("a bucket key that has grown old is wiped although nobody asks for it again", () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  try {
    const clock = new ManualClock();
    const cache = new BucketKeyCache(clock, { ageMs: 5 * MINUTE_MS, uses: 10, entries: 10 });
    const made = { wrappingId: Buffer.alloc(16), blob: Buffer.alloc(1), keyArn: ARN, id: "", broughtBy: "" };
    const [first, second] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)];
    const pass = (): void => {
      clock.advance(MINUTE_MS);
      mock.timers.tick(MINUTE_MS);
    };
    cache.keep("first", { ...made, key: new Secret(first) });
    pass();
    cache.keep("second", { ...made, key: new Secret(second) });
    for (let minute = 2; minute < 5; minute++) pass();
    assert.deepEqual([first[0], second[0]], [1, 2]);
    pass();
    assert.deepEqual([first, second[0]], [Buffer.alloc(32), 2]);
    pass();
    assert.deepEqual(second, Buffer.alloc(32));
  } finally {
    mock.timers.reset();
  }
});

test("anonymous callers cannot read SSE-KMS objects", async () => {
  const world = new World({ settings: { newBucketDefaults: "open" } });
  await world.bucket();
  const policy = { Effect: "Allow", Principal: "*", Action: "s3:GetObject", Resource: "arn:aws:s3:::bucket/*" };
  await world.configure("bucket", { policy: JSON.stringify({ Version: "2012-10-17", Statement: [policy] }) });
  await world.put("s3", "x");
  await world.put("kms", "x", { ServerSideEncryption: "aws:kms" });
  const anonymous = { type: "Anonymous", userId: "anonymous" } as const;
  await world.get("s3", {}, { as: anonymous });
  await refused(
    world.get("kms", {}, { as: anonymous }),
    "InvalidArgument",
    "Requests specifying Server Side Encryption with AWS KMS managed keys require AWS Signature Version 4.",
  );
});
