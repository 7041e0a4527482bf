/**
 * CiphertextBlob of symmetric KMS keys. Every call has a fresh AES-256-GCM key from a counter-mode KDF over the key material,
 * used for one message under the zero nonce, so there is no nonce limit; the commitment makes "wrong material or context" an
 * event of its own, told apart here and never on the wire.
 * FORMAT: docs/spec/kms-ciphertext.md. Source: NIST SP 800-108r1; NIST SP 800-38D.
 */
import { createCipheriv, createDecipheriv, hash } from "node:crypto";
import { asBuffer, requireLength, sameBytes, wipe } from "./bytes.js";
import { kdfCounter } from "./derive.js";
import type { KeyInput } from "./derive.js";
import { canonicalContext } from "./encryption-context.js";
import type { EncryptionContext } from "./encryption-context.js";
import { randomSalt } from "./random.js";

const MAGIC = 0xc0fe;
const VERSION = 1;
const SUITE = 1;
const FLAG_MULTI_REGION = 1;
const FLAG_IMPORTED = 2;
const SALT_AT = 53;
const SALT_BYTES = 32;
const COMMITMENT_AT = 85;
const BODY_AT = 117;
const TAG_BYTES = 16;
const KEY_BYTES = 32;
/** FORMAT: a derived key encrypts one message, so its nonce needs no entropy. */
const NONCE = Buffer.alloc(12);
/** Bytes that a CiphertextBlob is longer than its plaintext. */
export const KMS_OVERHEAD_BYTES = BODY_AT + TAG_BYTES;

/** Which key material made a ciphertext: all a reader needs to find it. */
export interface KmsHeader {
  /** As AWS writes it: a UUID, or `mrk-` and 32 hex digits. */
  readonly keyId: string;
  /** 64 lower-case hex digits. */
  readonly materialId: string;
  /** The material was imported (Origin EXTERNAL). */
  readonly imported: boolean;
}

/** Why a ciphertext did not open. Told apart in logs and counters; the caller gets InvalidCiphertextException for all. */
export class KmsCiphertextError extends Error {
  override readonly name = "KmsCiphertextError";
  /** `unparsable`: not our format; `commitment`: other material, or other context; `tag`: altered. */
  readonly reason: "unparsable" | "commitment" | "tag";

  constructor(reason: "unparsable" | "commitment" | "tag") {
    super(`KMS ciphertext: ${reason}`);
    this.reason = reason;
  }
}

/** @param material 32 bytes @throws RangeError for a key id or material id of another form, or too long a context */
export function encryptKms(
  header: KmsHeader,
  material: KeyInput,
  plaintext: Uint8Array,
  context: EncryptionContext,
): Buffer {
  return encryptKmsWithSalt(header, material, { plaintext, context, salt: randomSalt(SALT_BYTES) });
}

/**
 * @param material of the key and material id that `parseKmsHeader` named
 * @returns the plaintext in a fresh buffer, to be wiped by the caller
 * @throws KmsCiphertextError
 */
export function decryptKms(blob: Uint8Array, material: KeyInput, context: EncryptionContext): Buffer {
  const bytes = asBuffer(blob);
  checkedFlags(bytes);
  const canonical = canonicalContext(context);
  const okm = deriveKms(material, bytes.subarray(0, COMMITMENT_AT), canonical);
  try {
    if (!sameBytes(okm.subarray(KEY_BYTES), bytes.subarray(COMMITMENT_AT, BODY_AT))) throw new KmsCiphertextError("commitment");
    const decipher = createDecipheriv("aes-256-gcm", okm.subarray(0, KEY_BYTES), NONCE, { authTagLength: TAG_BYTES });
    decipher.setAAD(Buffer.concat([bytes.subarray(0, BODY_AT), canonical]));
    decipher.setAuthTag(bytes.subarray(bytes.length - TAG_BYTES));
    const plaintext = decipher.update(bytes.subarray(BODY_AT, bytes.length - TAG_BYTES));
    try {
      decipher.final();
    } catch {
      wipe(plaintext);
      throw new KmsCiphertextError("tag");
    }
    return plaintext;
  } finally {
    wipe(okm);
  }
}

/** Reads the clear header; nothing of it is authenticated before `decryptKms`. @throws KmsCiphertextError `unparsable` */
export function parseKmsHeader(blob: Uint8Array): KmsHeader {
  const bytes = asBuffer(blob);
  const flags = checkedFlags(bytes);
  return {
    keyId: keyIdText(bytes.subarray(4, 20), (flags & FLAG_MULTI_REGION) !== 0),
    materialId: bytes.toString("hex", 21, SALT_AT),
    imported: (flags & FLAG_IMPORTED) !== 0,
  };
}

/** Flags of what has the shape of a ciphertext of this format. @throws KmsCiphertextError `unparsable` */
function checkedFlags(bytes: Buffer): number {
  const flags = bytes[20] ?? 0xff;
  const ours = bytes.length >= KMS_OVERHEAD_BYTES && bytes.readUInt16BE(0) === MAGIC;
  const known = bytes[2] === VERSION && bytes[3] === SUITE && (flags & ~(FLAG_MULTI_REGION | FLAG_IMPORTED)) === 0;
  if (!ours || !known) throw new KmsCiphertextError("unparsable");
  return flags;
}

/** For tests and vectors only (`@coffer/seal/testing`): a repeated salt destroys secrecy. */
export function encryptKmsWithSalt(
  header: KmsHeader,
  material: KeyInput,
  input: { readonly plaintext: Uint8Array; readonly context: EncryptionContext; readonly salt: Uint8Array },
): Buffer {
  const { salt } = input;
  requireLength(salt, SALT_BYTES, "KMS salt");
  const canonical = canonicalContext(input.context);
  const { plaintext } = input;
  const out = Buffer.allocUnsafe(BODY_AT + plaintext.length + TAG_BYTES);
  out.set(headerBytes(header));
  out.set(salt, SALT_AT);
  const okm = deriveKms(material, out.subarray(0, COMMITMENT_AT), canonical);
  out.set(okm.subarray(KEY_BYTES), COMMITMENT_AT);
  const cipher = createCipheriv("aes-256-gcm", okm.subarray(0, KEY_BYTES), NONCE, { authTagLength: TAG_BYTES });
  wipe(okm);
  cipher.setAAD(Buffer.concat([out.subarray(0, BODY_AT), canonical]));
  out.set(cipher.update(plaintext), BODY_AT);
  cipher.final();
  out.set(cipher.getAuthTag(), BODY_AT + plaintext.length);
  return out;
}

/**
 * FORMAT: key(32) ‖ commitment(32) = KDF_CTR(HMAC-SHA-512, material, "coffer/kms/v1", N ‖ H): one HMAC, with
 * H = header bytes 0 … 52 ‖ SHA-256(canonical context).
 * @param head header and salt, 85 bytes
 */
function deriveKms(material: KeyInput, head: Uint8Array, canonical: Uint8Array): Buffer {
  const size = material instanceof Uint8Array ? material.length : material.symmetricKeySize;
  if (size !== 32) throw new RangeError("key material");
  const contextHash = Buffer.from(hash("sha256", canonical, "binary"), "latin1");
  return kdfCounter("sha512", material, [LABEL, head.subarray(SALT_AT), head.subarray(0, SALT_AT), contextHash, LENGTH], 64);
}

const LABEL = Buffer.from("coffer/kms/v1\0", "latin1");
/** Of the output, in bits. */
const LENGTH = Buffer.from([0, 0, 2, 0]);

/** Made once for each header object: callers keep one for each material that they encrypt under. */
const headers = new WeakMap<KmsHeader, Buffer>();

function headerBytes(header: KmsHeader): Buffer {
  let bytes = headers.get(header);
  if (bytes === undefined) {
    bytes = makeHeader(header);
    headers.set(header, bytes);
  }
  return bytes;
}

function makeHeader(header: KmsHeader): Buffer {
  const multiRegion = header.keyId.startsWith("mrk-");
  const bytes = Buffer.alloc(SALT_AT);
  bytes.writeUInt16BE(MAGIC, 0);
  bytes[2] = VERSION;
  bytes[3] = SUITE;
  const keyId = Buffer.from(multiRegion ? header.keyId.slice(4) : header.keyId.replaceAll("-", ""), "hex");
  if (keyId.length !== 16 || keyIdText(keyId, multiRegion) !== header.keyId) throw new RangeError("KMS key id");
  keyId.copy(bytes, 4);
  bytes[20] = (multiRegion ? FLAG_MULTI_REGION : 0) | (header.imported ? FLAG_IMPORTED : 0);
  if (!/^[0-9a-f]{64}$/.test(header.materialId)) throw new RangeError("KMS key material id");
  bytes.write(header.materialId, 21, "hex");
  return bytes;
}

function keyIdText(bytes: Buffer, multiRegion: boolean): string {
  const hex = bytes.toString("hex");
  if (multiRegion) return `mrk-${hex}`;
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
