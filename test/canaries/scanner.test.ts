/** The scanner sees what it is to see: each form of a secret, wherever it begins, and nothing in random bytes. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import { fingerprintForms, formsOf, Scanner } from "./scanner.js";

const SECRET = Buffer.from("canary-7f3a9c1e5b2d");

test("every form of a secret is found at the beginning, in the middle and at the end of bytes", () => {
  const scanner = new Scanner(formsOf("secret", SECRET));
  const utf16 = Buffer.from(SECRET.toString(), "utf16le");
  const forms: Record<string, Buffer> = {
    plain: SECRET,
    hex: Buffer.from(SECRET.toString("hex")),
    HEX: Buffer.from(SECRET.toString("hex").toUpperCase()),
    "UTF-16LE": utf16,
    "UTF-16BE": Buffer.from(utf16).swap16(),
  };
  for (const before of [0, 1, 2, 3, 4, 5]) {
    const text = Buffer.concat([randomBytes(before), SECRET, randomBytes(5)]).toString("base64");
    forms[`base64+${before % 3}`] = Buffer.from(text);
  }
  for (const [form, bytes] of Object.entries(forms)) {
    for (const place of [bytes, Buffer.concat([bytes, randomBytes(99)]), Buffer.concat([randomBytes(99), bytes])]) {
      assert.ok([...scanner.find(place)].some((name) => name === `secret (${form})`), form);
    }
  }
});

test("fingerprints are found as bytes, base64 and hexadecimal", () => {
  const digest = randomBytes(16);
  const scanner = new Scanner(fingerprintForms("MD5", digest));
  for (const bytes of [digest, Buffer.from(digest.toString("base64")), Buffer.from(digest.toString("hex"))]) {
    assert.equal(scanner.find(Buffer.concat([randomBytes(7), bytes, randomBytes(7)])).size, 1);
  }
});

test("what is not there is not found, nor what is one bit off or cut", () => {
  const scanner = new Scanner(formsOf("secret", SECRET));
  const off = Buffer.from(SECRET);
  off.writeUInt8(off.readUInt8(9) ^ 1, 9);
  for (const bytes of [randomBytes(1 << 20), off, SECRET.subarray(1), SECRET.subarray(0, -1), Buffer.alloc(0)]) {
    assert.deepEqual([...scanner.find(bytes)], []);
  }
});
