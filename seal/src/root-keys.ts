/**
 * Keys under the root key. Nothing is ever encrypted with the root key itself: each use has its own key, derived with a
 * label and the store's id, so a row or wrapped key of one store never opens in another, even with the same root key.
 * FORMAT: docs/spec/records.md §2.
 */
import { createHmac, randomBytes } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { requireLength, wipe } from "./bytes.js";
import { deriveKeyObject, hkdfExpand } from "./derive.js";
import type { KeyInput } from "./derive.js";
import { recordKeys } from "./record-keys.js";
import type { RecordKeys } from "./record-keys.js";
import { wrappingKey } from "./wrap.js";
import type { WrappingKey } from "./wrap.js";

export const ROOT_KEY_BYTES = 32;

/** What Coffer derives from the root key at start; the root key itself may then be wiped. */
export interface RootKeys {
  /** MAC, mask and seal keys of metadata rows. */
  readonly records: RecordKeys;
  /** Wraps KMS key material. */
  readonly materialWrapping: WrappingKey;
  /** For `keyMaterialId`. */
  readonly materialIdKey: KeyObject;
  /** Fingerprint of the root key: 32 hex digits, not secret. */
  readonly fingerprint: string;
}

/** 32 random bytes. */
export function newRootKey(): Buffer {
  return randomBytes(ROOT_KEY_BYTES);
}

/** 32 random bytes: a data key for one object version. */
export function newDataKey(): Buffer {
  return randomBytes(32);
}

/** A new store's id: 32 lower-case hex digits, random. */
export function newStoreId(): string {
  return randomBytes(16).toString("hex");
}

/** @param storeId 32 lower-case hex digits @throws RangeError for inputs of another form */
export function deriveRootKeys(rootKey: Uint8Array, storeId: string): RootKeys {
  const wrapBytes = rootSubkeyBytes(rootKey, storeId, "material-wrap");
  const materialWrapping = wrappingKey(wrapBytes);
  wipe(wrapBytes);
  return {
    records: recordKeys(storeIdBytes(storeId), {
      mac: rootSubkey(rootKey, storeId, "record-mac"),
      mask: rootSubkey(rootKey, storeId, "record-mask"),
      seal: rootSubkey(rootKey, storeId, "record-seal"),
    }),
    materialWrapping,
    materialIdKey: rootSubkey(rootKey, storeId, "material-id"),
    fingerprint: keyFingerprint(rootKey),
  };
}

/**
 * One more key under the root key, for a use not listed in `RootKeys` (audit chain, session tokens, …).
 * @param label 1 … 255 bytes, one for each use and never reused; lower-case words with hyphens
 */
export function rootSubkey(rootKey: Uint8Array, storeId: string, label: string): KeyObject {
  return deriveKeyObject(checkedRootKey(rootKey), subkeyInfo(storeId, label));
}

/**
 * KMS KeyMaterialId: 64 hex digits; a keyed hash, so that low-entropy imported material cannot be guessed from its id.
 * @param keyId the KMS key's id, as AWS writes it
 */
export function keyMaterialId(materialIdKey: KeyInput, keyId: string, material: Uint8Array): string {
  const id = Buffer.from(keyId, "utf8");
  return createHmac("sha256", materialIdKey).update(Buffer.from([id.length])).update(id).update(material).digest("hex");
}

/** 32 hex digits that name a 32-byte random key without telling anything about it (key check value). */
export function keyFingerprint(key: Uint8Array): string {
  return hkdfExpand(key, Buffer.from("coffer/fingerprint/v1", "latin1"), 16).toString("hex");
}

function rootSubkeyBytes(rootKey: Uint8Array, storeId: string, label: string): Buffer {
  return hkdfExpand(checkedRootKey(rootKey), subkeyInfo(storeId, label), 32);
}

/** FORMAT: "coffer/root/v1" ‖ u8 length ‖ label ‖ store id (16 bytes). */
function subkeyInfo(storeId: string, label: string): Buffer {
  const name = Buffer.from(label, "utf8");
  if (name.length < 1 || name.length > 255) throw new RangeError("root subkey label");
  return Buffer.concat([Buffer.from("coffer/root/v1", "latin1"), Buffer.from([name.length]), name, storeIdBytes(storeId)]);
}

function checkedRootKey(rootKey: Uint8Array): Uint8Array {
  requireLength(rootKey, ROOT_KEY_BYTES, "root key");
  return rootKey;
}

function storeIdBytes(storeId: string): Buffer {
  if (!/^[0-9a-f]{32}$/.test(storeId)) throw new RangeError("store id");
  return Buffer.from(storeId, "hex");
}
