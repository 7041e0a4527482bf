/** CiphertextBlobs of KMS. */
import assert from "node:assert/strict";
import {
  canonicalContext, decryptKms, encryptKms, KmsCiphertextError, parseKmsHeader, type EncryptionContext,
} from "@coffer/seal";
import { encryptKmsWithSalt } from "@coffer/seal/testing";
import { Choices } from "../bytes.js";
import { told, type Target } from "../target.js";

const HEADER = { keyId: "12345678-1234-1234-1234-123456789012", materialId: "ab".repeat(32), imported: false };
const MATERIALS = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)] as const;
const CONTEXT: EncryptionContext = { a: "bc", purpose: "é" };
const PLAINTEXT = Buffer.from("a data key, thirty-two bytes or so");
const BLOB = encryptKmsWithSalt(HEADER, MATERIALS[0], { plaintext: PLAINTEXT, context: CONTEXT, salt: Buffer.alloc(32, 9) });
/** Another key's, without a context. */
const OTHER = encryptKms({ ...HEADER, keyId: `mrk-${"0f".repeat(16)}` }, MATERIALS[1], Buffer.from("x"), {});

/** Members of a context, one a line, name and value parted by `=`. */
function contextOf(text: string): EncryptionContext {
  const pairs = text.split("\n").filter((line) => line !== "").map((line) => {
    const [name = "", ...value] = line.split("=");
    return [name, value.join("=")] as const;
  });
  return Object.fromEntries(pairs);
}

const alike = (a: EncryptionContext, b: EncryptionContext): boolean =>
  JSON.stringify(Object.entries(a).sort()) === JSON.stringify(Object.entries(b).sort());

/** Bytes: which material, length of the context's text, that text, the blob. */
export const kms: Target = {
  name: "kms",
  claim: "only the blob as it was made opens, with its own material and its own context; each context has one encoding",
  seeds: [BLOB, OTHER].map((blob) => Buffer.concat([Buffer.from("\0\0\x10a=bc\npurpose=é\n"), blob])),
  words: ["a=bc\n", "ab=c\n", "purpose=", "\n", "=", "__proto__=", "\u0000", "e\u0301", BLOB.toString("latin1"), "\xc0\xfe\x01\x01"],
  maxBytes: 2048,
  run(input) {
    const choices = new Choices(input);
    const material = choices.pick(MATERIALS);
    const context = contextOf(choices.take(choices.byte()).toString("utf8"));
    const blob = choices.rest();
    const opened = told(() => decryptKms(blob, material, context), KmsCiphertextError, RangeError);
    const intact = blob.equals(BLOB) && material === MATERIALS[0] && alike(context, CONTEXT);
    if (blob.equals(BLOB)) assert.equal(opened !== undefined, intact, "the blob as it was made");
    if (opened !== undefined && intact) assert.deepEqual(opened, PLAINTEXT);
    // Blobs of the seeds are all that was ever made: whoever makes another has forged it.
    if (opened !== undefined && !intact) assert.ok(material === MATERIALS[1] && opened.equals(Buffer.from("x")), "forged");
    const header = told(() => parseKmsHeader(blob), KmsCiphertextError);
    if (header !== undefined) assert.match(header.keyId, /^(mrk-[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$/);
    const encoded = told(() => canonicalContext(context), RangeError);
    const same = encoded?.equals(canonicalContext(CONTEXT));
    if (same !== undefined) assert.equal(same, alike(context, CONTEXT), "two contexts, one encoding");
    if (header === undefined || encoded === undefined) return;
    const own = encryptKms(header, material, blob.subarray(0, 100), context);
    assert.deepEqual(decryptKms(own, material, context), blob.subarray(0, 100));
    assert.deepEqual(parseKmsHeader(own), header);
  },
};
