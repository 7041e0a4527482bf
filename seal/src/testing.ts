/**
 * For tests and test vectors only, never imported by the server: chosen salts and nonces make output repeatable, which in
 * use would destroy secrecy; and the C2SP suite of 16 KiB chunks, which Coffer checks itself against but never writes.
 */
import type { Suite } from "./suites.js";

export { hkdfExpand, kdfCounter } from "./derive.js";
export { hmac, hmacHex } from "./hmac.js";
export { encryptKmsWithSalt } from "./kms-ciphertext.js";
export { deriveLayerKey, layerKeyFromPrefix } from "./layer-key.js";
export type { LayerKey } from "./layer-key.js";
export { openLayer, openLayerStream } from "./layer-open.js";
export { sealLayer, sealLayerStream } from "./layer-seal.js";
export { sealRowWithNonce } from "./record.js";
export { sealerWithSalts } from "./segment.js";
export { layerPlainSize, layerSealedRange, layerSealedSize } from "./sizes.js";
export { wrapKeyWithSalt } from "./wrap.js";

/** Cobblestone-256: c2sp.org/chunked-encryption@v1 with SHA-512 and AES-256-GCM. In no suite table. */
export const SUITE_C2SP_16K: Suite = Object.freeze({
  id: 0xff,
  name: "c2sp-16k-aes256gcm-sha512",
  chunkBytes: 16384,
  info: Buffer.from("c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\0", "latin1"),
});
