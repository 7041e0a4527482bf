/** The HMAC of short messages beside Node's: the same bytes whatever the lengths, and whatever was asked before. */
import assert from "node:assert/strict";
import { createHmac, createSecretKey, randomBytes } from "node:crypto";
import { test } from "node:test";
import { hmac, hmacHex } from "@coffer/seal/testing";

const DIGESTS = ["sha256", "sha512"] as const;

function check(digest: (typeof DIGESTS)[number], key: Buffer, parts: readonly Buffer[]): void {
  const expected = createHmac(digest, key).update(Buffer.concat(parts)).digest();
  const what = `${digest}, key of ${key.length}, ${parts.map((part) => part.length).join("+")}`;
  assert.deepEqual(hmac(digest, key, parts), expected, what);
  assert.equal(hmacHex(digest, key, parts), expected.toString("hex"), what);
}

test("RFC 4231, cases 1 and 2", () => {
  const first = hmac("sha256", Buffer.alloc(20, 0x0b), [Buffer.from("Hi There")]);
  assert.equal(first.toString("hex"), "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  const second = hmac("sha512", Buffer.from("Jefe"), [Buffer.from("what do ya want "), Buffer.from("for nothing?")]);
  assert.equal(
    second.toString("hex"),
    "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737",
  );
});

test("keys of every length up to beyond a block, each after a longer one", () => {
  for (const digest of DIGESTS) for (let length = 140; length >= 0; length--) check(digest, randomBytes(length), [randomBytes(40)]);
});

test("messages of every length around a block and around what fits, in parts and after longer ones", () => {
  for (const digest of DIGESTS) {
    for (const length of [2049, 2048, 2047, 5000, 257, 256, 255, 129, 128, 127, 65, 64, 63, 1, 0]) {
      check(digest, randomBytes(32), [randomBytes(length)]);
      check(digest, randomBytes(32), [Buffer.alloc(0), randomBytes(length >> 1), randomBytes(length - (length >> 1))]);
    }
    check(digest, randomBytes(32), []);
  }
});

test("a KeyObject is the same key; results are the caller's own", () => {
  const key = randomBytes(32);
  const message = [randomBytes(10)];
  for (const digest of DIGESTS) {
    const first = hmac(digest, key, message);
    const copy = Buffer.from(first);
    assert.deepEqual(hmac(digest, createSecretKey(key), message), first);
    hmac(digest, randomBytes(32), message);
    assert.deepEqual(first, copy);
    first.fill(0);
    assert.deepEqual(hmac(digest, key, message), copy);
  }
});
