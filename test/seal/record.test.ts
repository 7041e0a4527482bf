/** Metadata rows: what is written comes back, nothing shows that should not, and no row opens altered or elsewhere. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import { sealRowWithNonce } from "@coffer/seal/testing";
import { SealIntegrityError, deriveRootKeys, newRootKey, newStoreId, openRow, openRows, sealRow } from "@coffer/seal";
import type { RowParts } from "@coffer/seal";
import { flipped, pattern } from "./support.js";

const rootKey = newRootKey();
const storeId = newStoreId();
const keys = deriveRootKeys(rootKey, storeId).records;
const place = { kind: "bucket", key: Buffer.from("\x50my-bucket\0") };
const clear = Buffer.from('{"name":"my-bucket"}');

const VARIANTS: Record<string, RowParts> = {
  "clear part only": { version: 1, clear },
  "an empty clear part": { version: 0, clear: Buffer.alloc(0) },
  "fingerprints of one block": { version: 2, clear, fingerprints: pattern(16) },
  "fingerprints of no whole number of blocks": { version: 2, clear, fingerprints: pattern(33) },
  "no byte of fingerprints": { version: 2, clear, fingerprints: Buffer.alloc(0) },
  "the most fingerprints": { version: 2, clear, fingerprints: pattern(4096) },
  "an empty sealed part": { version: 3, clear, sealed: Buffer.alloc(0) },
  "everything": { version: 65535, clear: pattern(1000), fingerprints: pattern(64), sealed: pattern(2000) },
};

for (const [name, parts] of Object.entries(VARIANTS)) {
  test(`a row with ${name} comes back; a flip of any byte and any other length is refused`, () => {
    const row = sealRow(keys, place, parts);
    const opened = openRow(keys, place, row);
    assert.equal(opened.version, parts.version);
    assert.deepEqual(opened.clear, parts.clear);
    assert.deepEqual(opened.fingerprints, parts.fingerprints ?? Buffer.alloc(0));
    assert.deepEqual(opened.sealed(), parts.sealed);
    for (let at = 0; at < row.length; at++) assert.throws(() => openRow(keys, place, flipped(row, at)), SealIntegrityError);
    for (let length = 0; length < row.length; length++) {
      assert.throws(() => openRow(keys, place, row.subarray(0, length)), SealIntegrityError);
    }
    assert.throws(() => openRow(keys, place, Buffer.concat([row, Buffer.alloc(1)])), SealIntegrityError);
  });
}

test("a row opens only in its place: same store, same kind, same key, same root key", () => {
  const row = sealRow(keys, place, { version: 1, clear, sealed: clear });
  const refused = { name: "SealIntegrityError", fault: "tag" };
  assert.throws(() => openRow(keys, { ...place, kind: "head" }, row), refused);
  assert.throws(() => openRow(keys, { ...place, key: Buffer.from("\x50my-bucket2\0") }, row), refused);
  // The border between kind and key is part of what is authenticated.
  assert.throws(() => openRow(keys, { kind: "bucketP", key: Buffer.from("my-bucket\0") }, row), refused);
  assert.throws(() => openRow(deriveRootKeys(rootKey, newStoreId()).records, place, row), refused);
  assert.throws(() => openRow(deriveRootKeys(newRootKey(), storeId).records, place, row), refused);
  assert.deepEqual(openRow(deriveRootKeys(rootKey, storeId).records, place, row).sealed(), clear);
});

test("fingerprints and sealed part are not visible in the row, and equal ones look different each time", () => {
  const secret = Buffer.from("canary-canary-canary-canary-0123");
  const parts = { version: 1, clear, fingerprints: secret, sealed: secret };
  const [one, two] = [sealRow(keys, place, parts), sealRow(keys, place, parts)];
  for (let at = 0; at + 8 <= secret.length; at++) assert.equal(one.indexOf(secret.subarray(at, at + 8)), -1);
  assert.equal(one.length, two.length);
  // Only header and clear part agree.
  assert.notDeepEqual(one.subarray(8, 24), two.subarray(8, 24));
  assert.notDeepEqual(one.subarray(26, 58), two.subarray(26, 58));
  assert.notDeepEqual(one.subarray(-48), two.subarray(-48));
});

test("a page of mixed rows opens as its rows do one by one; none and one are pages too", () => {
  const rows = Array.from({ length: 257 }, (_, i) => {
    const key = Buffer.from(`\x52key-${i}`);
    const parts: RowParts = {
      version: i,
      clear: pattern(i * 3),
      ...(i % 2 === 0 ? { fingerprints: randomBytes(i) } : {}),
      ...(i % 3 === 0 ? { sealed: randomBytes(i) } : {}),
    };
    return { key, parts, bytes: sealRow(keys, { kind: "head", key }, parts) };
  });
  const opened = openRows(keys, "head", rows);
  assert.equal(opened.length, rows.length);
  rows.forEach(({ parts }, i) => {
    assert.deepEqual(opened[i]?.clear, parts.clear);
    assert.deepEqual(opened[i]?.fingerprints, parts.fingerprints ?? Buffer.alloc(0));
    assert.deepEqual(opened[i]?.sealed(), parts.sealed);
  });
  assert.deepEqual(openRows(keys, "head", []), []);
  assert.equal(openRows(keys, "head", rows.slice(0, 1)).length, 1);
});

test("counter blocks count on through all sixteen bytes of the nonce", () => {
  const zeros = Buffer.alloc(40);
  const streamAt = (nonce: Buffer): Buffer =>
    sealRowWithNonce(keys, place, { version: 1, clear, fingerprints: zeros }, nonce).subarray(26, 66);
  const carried: readonly (readonly [string, string])[] = [
    ["ffffffffffffffffffffffffffffffff", "00000000000000000000000000000000"],
    ["0102030405060708090a0bffffffffff", "0102030405060708090a0c0000000000"],
    ["010203040506070809ffffff00fffffe", "010203040506070809ffffff00ffffff"],
  ];
  for (const [nonce, next] of carried) {
    const [one, following] = [streamAt(Buffer.from(nonce, "hex")), streamAt(Buffer.from(next, "hex"))];
    assert.deepEqual(one.subarray(16), following.subarray(0, 24), nonce);
  }
});

test("one bad row in a page is named by its index, and the page is not returned", () => {
  const rows = Array.from({ length: 10 }, (_, i) => {
    const key = Buffer.from(`k${i}`);
    return { key, bytes: sealRow(keys, { kind: "head", key }, { version: 1, clear, fingerprints: pattern(20) }) };
  });
  for (const index of [0, 5, 9]) {
    const bad = rows.map((row, i) => (i === index ? { ...row, bytes: flipped(row.bytes, 60) } : row));
    assert.throws(() => openRows(keys, "head", bad), { name: "SealIntegrityError", index });
  }
  const [first, second, ...rest] = rows;
  assert.ok(first && second);
  const swapped = [{ ...first, bytes: second.bytes }, { ...second, bytes: first.bytes }, ...rest];
  assert.throws(() => openRows(keys, "head", swapped), { name: "SealIntegrityError", fault: "tag", index: 0 });
});

test("parts over their limits are refused before anything is written", () => {
  assert.throws(() => sealRow(keys, place, { version: 1, clear, fingerprints: Buffer.alloc(4097) }), RangeError);
  assert.throws(() => sealRow(keys, place, { version: 65536, clear }), RangeError);
  assert.throws(() => sealRow(keys, { ...place, kind: "k".repeat(256) }, { version: 1, clear }), RangeError);
  assert.throws(() => sealRow(keys, { ...place, key: Buffer.alloc(65536) }, { version: 1, clear }), RangeError);
});
