/**
 * The manifest's MAC: binds an object's names, sizes and parts to its data key, so that a row moved to another object,
 * parts swapped or dropped, or an older version put back are seen by whoever holds the data key. The canonical bytes are
 * the objects room's. FORMAT: docs/spec/sealed-stream.md §5.
 */
import { requireLength, sameBytes, wipe } from "./bytes.js";
import { hkdfExpand } from "./derive.js";
import { SealIntegrityError } from "./errors.js";
import { hmacHex } from "./hmac.js";
import { DATA_KEY_BYTES } from "./segment.js";

export const MANIFEST_MAC_BYTES = 32;
const LABEL_MANIFEST = Buffer.from("coffer/manifest/v1", "latin1");

/**
 * 32-byte MAC over `manifest`.
 * @param dataKeys the object's one or two data keys, in the order of its segments; with two, both are needed to forge
 * @param manifest canonical bytes: each field length-prefixed
 */
export function macManifest(dataKeys: readonly Uint8Array[], manifest: Uint8Array): Buffer {
  const key = manifestKey(dataKeys);
  const mac = macWithManifestKey(key, manifest);
  wipe(key);
  return mac;
}

/**
 * The MAC's key alone, for who must make a manifest later without the data keys (completing an SSE-C upload whose client
 * does not send its key again). Opens nothing; secret all the same, to be wiped by the caller.
 * FORMAT: HKDF-Expand(K1, label) [‖ HKDF-Expand(K2, label)]: 32 or 64 bytes; 64 are one whole HMAC key block.
 */
export function manifestKey(dataKeys: readonly Uint8Array[]): Buffer {
  if (dataKeys.length !== 1 && dataKeys.length !== 2) throw new RangeError("an object has one or two data keys");
  const parts = dataKeys.map((dataKey) => {
    requireLength(dataKey, DATA_KEY_BYTES, "data key");
    return hkdfExpand(dataKey, LABEL_MANIFEST, 32);
  });
  const [only] = parts;
  if (only !== undefined && parts.length === 1) return only;
  const key = Buffer.concat(parts);
  wipe(...parts);
  return key;
}

/** `macManifest` with a `manifestKey`: HMAC-SHA-256. */
export function macWithManifestKey(key: Uint8Array, manifest: Uint8Array): Buffer {
  return Buffer.from(hmacHex("sha256", key, [manifest]), "hex");
}

/** Constant time. @throws SealIntegrityError `tag` when `mac` is not the MAC of `manifest` */
export function verifyManifest(dataKeys: readonly Uint8Array[], manifest: Uint8Array, mac: Uint8Array): void {
  if (!sameBytes(macManifest(dataKeys, manifest), mac)) throw new SealIntegrityError("tag", "manifest");
}
