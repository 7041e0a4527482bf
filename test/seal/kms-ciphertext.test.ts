/** KMS ciphertexts: bound to key, material and context; every altered byte and every other length is refused, with its reason. */
import assert from "node:assert/strict";
import { createSecretKey, randomBytes, randomUUID } from "node:crypto";
import { test } from "node:test";
import { KMS_OVERHEAD_BYTES, KmsCiphertextError, canonicalContext, decryptKms, encryptKms, parseKmsHeader } from "@coffer/seal";
import { flipped } from "./support.js";

const header = { keyId: randomUUID(), materialId: "0f".repeat(32), imported: false };
const material = randomBytes(32);
const context = { purpose: "test", "aws:s3:arn": "arn:aws:s3:::b" };

const isReason = (reason: string) => (error: unknown): boolean => error instanceof KmsCiphertextError && error.reason === reason;

test("plaintexts of 0, 1, 32 and 4096 bytes come back, with a KeyObject or bytes; the overhead is 133 bytes", () => {
  for (const size of [0, 1, 32, 4096]) {
    const plain = randomBytes(size);
    const blob = encryptKms(header, createSecretKey(material), plain, context);
    assert.equal(blob.length, size + KMS_OVERHEAD_BYTES);
    assert.deepEqual(decryptKms(blob, material, context), plain);
  }
  assert.equal(KMS_OVERHEAD_BYTES + 4096, 4229);
});

test("two encryptions of the same plaintext differ", () => {
  assert.notDeepEqual(encryptKms(header, material, material, context), encryptKms(header, material, material, context));
});

test("the header names key, material, multi-Region and import", () => {
  for (const keyId of [randomUUID(), `mrk-${randomBytes(16).toString("hex")}`]) {
    for (const imported of [false, true]) {
      const given = { keyId, materialId: randomBytes(32).toString("hex"), imported };
      assert.deepEqual(parseKmsHeader(encryptKms(given, material, Buffer.alloc(1), {})), given);
    }
  }
});

test("another material or context is a commitment mismatch", () => {
  const blob = encryptKms(header, material, Buffer.from("x"), context);
  assert.throws(() => decryptKms(blob, randomBytes(32), context), isReason("commitment"));
  const contexts = [{}, { purpose: "test" }, { ...context, more: "" }, { ...context, purpose: "Test" }, { Purpose: "test" }];
  for (const other of contexts) assert.throws(() => decryptKms(blob, material, other as never), isReason("commitment"));
});

test("the order of a context's pairs does not matter", () => {
  const blob = encryptKms(header, material, Buffer.from("x"), { a: "1", b: "2" });
  assert.deepEqual(decryptKms(blob, material, { b: "2", a: "1" }), Buffer.from("x"));
});

test("a flip in any byte is refused: magic, version and suite as unparsable, header as commitment, body as tag", () => {
  const blob = encryptKms(header, material, Buffer.alloc(40), context);
  for (let at = 0; at < blob.length; at++) {
    const reason = at < 4 ? "unparsable" : at < 117 ? "commitment" : "tag";
    assert.throws(() => decryptKms(flipped(blob, at), material, context), isReason(reason), `byte ${at}`);
  }
  const unknownFlag = Buffer.from(blob);
  unknownFlag[20] = 4;
  assert.throws(() => parseKmsHeader(unknownFlag), isReason("unparsable"));
});

test("every shorter and longer blob is refused", () => {
  const blob = encryptKms(header, material, Buffer.alloc(3), context);
  for (let length = 0; length < blob.length; length++) {
    const reason = length < KMS_OVERHEAD_BYTES ? "unparsable" : "tag";
    assert.throws(() => decryptKms(blob.subarray(0, length), material, context), isReason(reason), `${length} bytes`);
  }
  assert.throws(() => decryptKms(Buffer.concat([blob, Buffer.alloc(1)]), material, context), isReason("tag"));
});

test("key ids, material ids and materials of another form are refused before anything is encrypted", () => {
  const encrypt = (change: object, key: Buffer = material) => () =>
    encryptKms({ ...header, ...change }, key, Buffer.alloc(1), {});
  for (const keyId of ["", "alias/x", header.keyId.toUpperCase().replace(/^./, "A"), `${header.keyId}0`, "mrk-12", "mrk-"]) {
    assert.throws(encrypt({ keyId }), RangeError, keyId);
  }
  for (const materialId of ["", "0f".repeat(31), "0F".repeat(32)]) assert.throws(encrypt({ materialId }), RangeError);
  for (const size of [0, 16, 31, 33, 64]) assert.throws(encrypt({}, Buffer.alloc(size)), RangeError);
});

test("canonical contexts: sorted by UTF-8 bytes, length-prefixed, never ambiguous", () => {
  assert.equal(canonicalContext({}).toString("hex"), "0000");
  assert.equal(canonicalContext({ b: "2", a: "" }).toString("hex"), "0002000161000000016200" + "0132");
  // U+FFFF sorts before an emoji in UTF-8 and after it in UTF-16.
  assert.equal(canonicalContext({ "😀": "", "\uffff": "" }).toString("hex"), "00020003efbfbf00000004f09f98800000");
  assert.notDeepEqual(canonicalContext({ ab: "c" }), canonicalContext({ a: "bc" }));
  assert.notDeepEqual(canonicalContext({ a: "1", b: "2" }), canonicalContext({ a: "1b2" }));
  const prototype = canonicalContext(JSON.parse('{"__proto__":"x","constructor":"y"}') as Record<string, string>);
  assert.equal(prototype.readUInt16BE(0), 2);
});

test("contexts that leave u16 lengths, or whose keys are one in UTF-8, are refused", () => {
  assert.equal(canonicalContext({ k: "v".repeat(65535) }).length, 2 + 3 + 2 + 65535);
  assert.throws(() => canonicalContext({ k: "v".repeat(65536) }), RangeError);
  assert.throws(() => canonicalContext({ ["é".repeat(32768)]: "" }), RangeError);
  assert.throws(() => canonicalContext({ "\ud800": "a", "\ud801": "b" }), RangeError);
});
