/** Wrapped keys, customer keys, manifests, and the keys under the root key. */
import assert from "node:assert/strict";
import { createHmac, randomBytes } from "node:crypto";
import { test } from "node:test";
import {
  CUSTOMER_SALT_BYTES,
  SealIntegrityError,
  WRAP_OVERHEAD_BYTES,
  customerCheck,
  customerKey,
  deriveRootKeys,
  isSameCustomerKey,
  keyFingerprint,
  keyMaterialId,
  macManifest,
  newCustomerSalt,
  newDataKey,
  newRootKey,
  newStoreId,
  rootSubkey,
  unwrapKey,
  verifyManifest,
  wrapKey,
  wrappedUnder,
  wrappingKey,
  wrappingKeyId,
} from "@coffer/seal";
import { flipped } from "./support.js";

const under = wrappingKey(newDataKey());
const aad = Buffer.from("label and owner");

test("secrets of any length come back; the blob is 90 bytes longer and names its wrapping key", () => {
  for (const size of [0, 1, 32, 64, 5000]) {
    const secret = randomBytes(size);
    const blob = wrapKey(under, secret, aad);
    assert.equal(blob.length, size + WRAP_OVERHEAD_BYTES);
    assert.deepEqual(unwrapKey(under, blob, aad), secret);
    assert.deepEqual(wrappedUnder(blob), under.id);
  }
  assert.equal(WRAP_OVERHEAD_BYTES, 90);
});

test("another wrapping key or other aad is a commitment fault; any flip and any other length is refused", () => {
  const blob = wrapKey(under, newDataKey(), aad);
  const refused = { name: "SealIntegrityError", fault: "commitment" };
  assert.throws(() => unwrapKey(wrappingKey(newDataKey()), blob, aad), refused);
  for (const other of [Buffer.alloc(0), Buffer.from("label and other"), Buffer.concat([aad, aad])]) {
    assert.throws(() => unwrapKey(under, blob, other), refused);
  }
  // An id that lies about the key is found out as well.
  assert.throws(() => unwrapKey({ ...wrappingKey(newDataKey()), id: under.id }, blob, aad), refused);
  for (let at = 0; at < blob.length; at++) {
    const fault = at < 2 ? "format" : at < 74 ? "commitment" : "tag";
    assert.throws(() => unwrapKey(under, flipped(blob, at), aad), { name: "SealIntegrityError", fault }, `byte ${at}`);
  }
  for (let length = 0; length < blob.length; length++) {
    assert.throws(() => unwrapKey(under, blob.subarray(0, length), aad), SealIntegrityError);
  }
  assert.throws(() => unwrapKey(under, Buffer.concat([blob, Buffer.alloc(1)]), aad), SealIntegrityError);
});

test("wrapping keys are 32 bytes, copied, and named by a one-way id", () => {
  const bytes = newDataKey();
  const key = wrappingKey(bytes);
  const blob = wrapKey(key, aad, aad);
  const again = wrappingKey(bytes);
  bytes.fill(0);
  assert.deepEqual(unwrapKey(again, blob, aad), aad);
  assert.deepEqual(again.id, key.id);
  for (const size of [0, 16, 31, 33]) assert.throws(() => wrappingKey(Buffer.alloc(size)), RangeError);
});

test("key bytes beside their id wrap and unwrap as their copy does, and no more once they are wiped", () => {
  const bytes = newDataKey();
  const kept = { id: wrappingKeyId(bytes), key: bytes };
  const blob = wrapKey(kept, aad, aad);
  assert.deepEqual(unwrapKey(wrappingKey(bytes), blob, aad), aad);
  assert.deepEqual(unwrapKey(kept, wrapKey(wrappingKey(bytes), aad, aad), aad), aad);
  bytes.fill(0);
  assert.throws(() => unwrapKey(kept, blob, aad), { name: "SealIntegrityError", fault: "commitment" });
  assert.throws(() => wrappingKeyId(bytes.subarray(1)), RangeError);
});

test("salts: no two of ten thousand blobs are alike, whatever blocks they are cut from", () => {
  const salts = Array.from({ length: 10_000 }, () => wrapKey(under, Buffer.alloc(0), aad).toString("hex", 18, 42));
  assert.equal(new Set(salts).size, salts.length);
  // Every byte of a salt takes every value: none is left unfilled.
  for (let at = 0; at < 24; at++) assert.equal(new Set(salts.map((salt) => salt.slice(2 * at, 2 * at + 2))).size, 256);
});

test("a customer key is recognised, a wrong one told apart, and nothing stored is equal between objects", () => {
  const secret = randomBytes(32);
  const [salt, otherSalt] = [newCustomerSalt(), newCustomerSalt()];
  const stored = customerKey(secret, salt);
  const blob = wrapKey(stored.wrapping, newDataKey(), aad);
  assert.ok(isSameCustomerKey(customerKey(secret, salt), stored.check));
  assert.ok(!isSameCustomerKey(customerKey(flipped(secret, 31), salt), stored.check));
  assert.ok(!isSameCustomerKey(customerKey(secret, otherSalt), stored.check));
  assert.ok(!isSameCustomerKey(stored, Buffer.alloc(0)));
  assert.deepEqual(customerCheck(secret, salt).check, stored.check);
  assert.throws(() => customerCheck(Buffer.alloc(31), salt), RangeError);
  assert.equal(unwrapKey(customerKey(secret, salt).wrapping, blob, aad).length, 32);
  assert.throws(() => unwrapKey(customerKey(secret, otherSalt).wrapping, blob, aad), SealIntegrityError);
  assert.throws(() => customerKey(Buffer.alloc(31), salt), RangeError);
  assert.throws(() => customerKey(secret, salt.subarray(1)), RangeError);
  assert.equal(salt.length, CUSTOMER_SALT_BYTES);
});

test("a manifest verifies only with its data keys, its bytes and its MAC", () => {
  for (const dataKeys of [[newDataKey()], [newDataKey(), newDataKey()]]) {
    const manifest = Buffer.from("bucket, key, version, parts");
    const mac = macManifest(dataKeys, manifest);
    verifyManifest(dataKeys, manifest, mac);
    const refused = { name: "SealIntegrityError", fault: "tag" };
    for (let at = 0; at < manifest.length; at++) {
      assert.throws(() => verifyManifest(dataKeys, flipped(manifest, at), mac), refused);
    }
    for (let at = 0; at < mac.length; at++) {
      assert.throws(() => verifyManifest(dataKeys, manifest, flipped(mac, at)), refused);
    }
    assert.throws(() => verifyManifest(dataKeys, manifest, mac.subarray(1)), refused);
    assert.throws(() => verifyManifest(dataKeys, manifest.subarray(1), mac), refused);
    dataKeys.forEach((_, i) => assert.throws(() => verifyManifest(dataKeys.with(i, newDataKey()), manifest, mac), refused));
    if (dataKeys.length === 2) assert.throws(() => verifyManifest(dataKeys.toReversed(), manifest, mac), refused);
  }
  assert.throws(() => macManifest([], aad), RangeError);
});

test("keys under the root key differ by label, store and root key, and are stable", () => {
  const [rootKey, storeId] = [newRootKey(), newStoreId()];
  const bytes = (root: Buffer, store: string, label: string): string => rootSubkey(root, store, label).export().toString("hex");
  const mine = bytes(rootKey, storeId, "audit-chain");
  assert.equal(bytes(rootKey, storeId, "audit-chain"), mine);
  const otherStore = bytes(rootKey, newStoreId(), "audit-chain");
  const otherRoot = bytes(newRootKey(), storeId, "audit-chain");
  assert.equal(new Set([mine, bytes(rootKey, storeId, "audit-chai"), otherStore, otherRoot]).size, 4);
  assert.throws(() => rootSubkey(rootKey, storeId, ""), RangeError);
  assert.throws(() => rootSubkey(rootKey.subarray(1), storeId, "x"), RangeError);
  assert.throws(() => rootSubkey(rootKey, storeId.toUpperCase().replace(/^./, "A"), "x"), RangeError);
});

test("material ids are 64 hex digits, bound to the key's id, and not a bare hash of the material", () => {
  const keys = deriveRootKeys(newRootKey(), newStoreId());
  const material = newDataKey();
  const id = keyMaterialId(keys.materialIdKey, "key-1", material);
  assert.match(id, /^[0-9a-f]{64}$/);
  assert.equal(keyMaterialId(keys.materialIdKey, "key-1", material), id);
  assert.notEqual(keyMaterialId(keys.materialIdKey, "key-2", material), id);
  assert.notEqual(keyMaterialId(deriveRootKeys(newRootKey(), newStoreId()).materialIdKey, "key-1", material), id);
  assert.notEqual(createHmac("sha256", "").update(material).digest("hex"), id);
});

test("wrapped material of one store does not open in another with the same root key", () => {
  const rootKey = newRootKey();
  const [one, two] = [deriveRootKeys(rootKey, newStoreId()), deriveRootKeys(rootKey, newStoreId())];
  const blob = wrapKey(one.materialWrapping, newDataKey(), aad);
  assert.throws(() => unwrapKey(two.materialWrapping, blob, aad), SealIntegrityError);
  assert.equal(one.fingerprint, keyFingerprint(rootKey));
  assert.match(one.fingerprint, /^[0-9a-f]{32}$/);
});
