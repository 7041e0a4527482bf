/**
 * @coffer/seal: everything Coffer does with keys and ciphertext, on bytes alone; imports node: modules only.
 * Formats: docs/spec/sealed-stream.md, kms-ciphertext.md, records.md, key-file.md, with vectors in docs/spec/vectors/.
 */
export { giveBack, sameBytes, wipe } from "./bytes.js";
export { CUSTOMER_SALT_BYTES, customerCheck, customerKey, isSameCustomerKey, newCustomerSalt } from "./customer-key.js";
export type { CustomerKey } from "./customer-key.js";
export type { KeyInput } from "./hmac.js";
export { hmacHex } from "./hmac.js";
export { canonicalContext } from "./encryption-context.js";
export type { EncryptionContext } from "./encryption-context.js";
export { SealIntegrityError } from "./errors.js";
export type { SealFault } from "./errors.js";
export { KeyFileError, MAX_KEY_FILE_BYTES, decodeKeyFile, encodeKeyFile } from "./key-file.js";
export type { KeyFile } from "./key-file.js";
export { KMS_OVERHEAD_BYTES, KmsCiphertextError, decryptKms, encryptKms, parseKmsHeader } from "./kms-ciphertext.js";
export type { KmsHeader } from "./kms-ciphertext.js";
export { MANIFEST_MAC_BYTES, macManifest, macWithManifestKey, manifestKey, verifyManifest } from "./manifest.js";
export { MAX_FINGERPRINT_BYTES, openRow, openRows, sealRow } from "./record.js";
export type { OpenedRow, RowParts, RowPlace } from "./record.js";
export type { RecordKeys } from "./record-keys.js";
export {
  ROOT_KEY_BYTES,
  deriveRootKeys,
  keyFingerprint,
  keyMaterialId,
  newDataKey,
  newRootKey,
  newStoreId,
  rootSubkey,
} from "./root-keys.js";
export type { RootKeys } from "./root-keys.js";
export {
  DATA_KEY_BYTES,
  SEGMENT_ID_BYTES,
  newSegmentId,
  openSegment,
  sealSegment,
  segmentOpener,
  segmentSealer,
  shapeOf,
} from "./segment.js";
export type { Segment, SegmentOpener, SegmentRead, SegmentSealer } from "./segment.js";
export { ONE_LAYER, TWO_LAYERS, plainSize, sealedRange, sealedSize } from "./sizes.js";
export type { ByteRange, SealedRange, Shape } from "./sizes.js";
export { DEFAULT_SUITE, PREFIX_BYTES, SUITE_64K, suiteById } from "./suites.js";
export type { Suite } from "./suites.js";
export { WRAP_OVERHEAD_BYTES, unwrapKey, wrapKey, wrappedUnder, wrappingKey, wrappingKeyId } from "./wrap.js";
export type { WrappingKey } from "./wrap.js";
