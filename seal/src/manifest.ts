/**
 * The manifest's MAC: binds an object's names, sizes and parts to its data key, so that a row moved to another object,
 * parts swapped or dropped, or an older version put back are seen by whoever holds the data key. The canonical bytes are
 * the objects room's. FORMAT: docs/spec/sealed-stream.md §5.
 */
import { createHmac } from "node:crypto";
import { requireLength, sameBytes, wipe } from "./bytes.js";
import { hkdfExpand } from "./derive.js";
import { SealIntegrityError } from "./errors.js";
import { DATA_KEY_BYTES } from "./segment.js";

export const MANIFEST_MAC_BYTES = 32;
const LABEL_MANIFEST = Buffer.from("coffer/manifest/v1", "latin1");

/**
 * 32-byte MAC over `manifest`.
 * @param dataKeys the object's one or two data keys, in the order of its segments; with two, both are needed to forge
 * @param manifest canonical bytes: each field length-prefixed
 */
export function macManifest(dataKeys: readonly Uint8Array[], manifest: Uint8Array): Buffer {
  if (dataKeys.length !== 1 && dataKeys.length !== 2) throw new RangeError("an object has one or two data keys");
  const parts = dataKeys.map((dataKey) => {
    requireLength(dataKey, DATA_KEY_BYTES, "data key");
    return hkdfExpand(dataKey, LABEL_MANIFEST, 32);
  });
  // FORMAT: HMAC-SHA-256 under HKDF-Expand(K1, label) [‖ HKDF-Expand(K2, label)]: 64 bytes are one whole HMAC key block.
  const key = Buffer.concat(parts);
  const mac = createHmac("sha256", key).update(manifest).digest();
  wipe(key, ...parts);
  return mac;
}

/** Constant time. @throws SealIntegrityError `tag` when `mac` is not the MAC of `manifest` */
export function verifyManifest(dataKeys: readonly Uint8Array[], manifest: Uint8Array, mac: Uint8Array): void {
  if (!sameBytes(macManifest(dataKeys, manifest), mac)) throw new SealIntegrityError("tag", "manifest");
}
