/**
 * Metadata rows: a clear part, fingerprints that a whole page opens with one cipher call, and a sealed part that is opened
 * only when asked for; all under a MAC that also covers the store's id, the kind of row and the row's key, so a row that
 * was edited, moved or brought from another store does not open. Rolling one row back in its own place is not detected here.
 * FORMAT: docs/spec/records.md §3, §4.
 */
import { createCipheriv, createDecipheriv, randomBytes, timingSafeEqual } from "node:crypto";
import { asBuffer, wipe } from "./bytes.js";
import { hkdfExpand } from "./derive.js";
import { SealIntegrityError } from "./errors.js";
import { ROW_MAC_BYTES, applyMask, macHashes, sha256 } from "./record-keys.js";
import type { RecordKeys } from "./record-keys.js";

const VERSION = 1;
const FLAG_SEALED = 1;
const FLAG_FINGERPRINTS = 2;
const HEADER_BYTES = 8;
const NONCE_BYTES = 16;
const TAG_BYTES = 16;
/** Largest fingerprint part: 256 blocks. */
export const MAX_FINGERPRINT_BYTES = 4096;

const LABEL_ROW = Buffer.from("coffer/row/v1", "latin1");
const LABEL_ROW_SEAL = Buffer.from("coffer/row-seal/v1", "latin1");

/** Where a row stands; authenticated, not stored in the row. */
export interface RowPlace {
  /** Kind of row, e.g. `bucket`; at most 255 bytes of UTF-8. */
  readonly kind: string;
  /** The whole row key, at most 65535 bytes. */
  readonly key: Uint8Array;
}

export interface RowParts {
  /** Version of the clear part's shape, 0 … 65535. */
  readonly version: number;
  /** Visible on disk. */
  readonly clear: Uint8Array;
  /** At most 4096 bytes. */
  readonly fingerprints?: Uint8Array;
  readonly sealed?: Uint8Array;
}

export interface OpenedRow {
  readonly version: number;
  /** A view into the given bytes. */
  readonly clear: Buffer;
  /** Empty when the row has none. */
  readonly fingerprints: Buffer;
  /** Opens the sealed part into a fresh buffer; undefined when the row has none. @throws SealIntegrityError `tag` */
  sealed(): Buffer | undefined;
}

/** @returns the row's bytes @throws RangeError for parts over their limits */
export function sealRow(keys: RecordKeys, place: RowPlace, parts: RowParts): Buffer {
  return sealRowWithNonce(keys, place, parts, parts.fingerprints || parts.sealed ? randomBytes(NONCE_BYTES) : undefined);
}

/** @throws SealIntegrityError when the row was altered, moved, or belongs to another store */
export function openRow(keys: RecordKeys, place: RowPlace, row: Uint8Array): OpenedRow {
  const opened = openRows(keys, place.kind, [{ key: place.key, bytes: row }])[0];
  if (opened === undefined) throw new Error("invariant: one row in, one row out");
  return opened;
}

/**
 * Opens a page of rows of one kind: all MACs with two cipher calls, all fingerprints with one.
 * @throws SealIntegrityError with the `index` of the first row that does not verify; nothing is returned then
 */
export function openRows(
  keys: RecordKeys,
  kind: string,
  rows: readonly { readonly key: Uint8Array; readonly bytes: Uint8Array }[],
): OpenedRow[] {
  if (rows.length === 0) return [];
  const start = placeStart(keys, kind);
  const parsed = rows.map(({ bytes }, index) => parseRow(asBuffer(bytes), index));
  const found = Buffer.allocUnsafe(rows.length * ROW_MAC_BYTES);
  rows.forEach(({ bytes }, index) => found.set(bytes.subarray(bytes.length - ROW_MAC_BYTES), index * ROW_MAC_BYTES));
  checkMacs(macHashes(keys.mac, hashRows(start, rows)), found);
  const unmasked = applyMask(keys.mask, parsed.map((row) => ({ nonce: row.nonce, bytes: row.masked })));
  return parsed.map((row, index) => ({
    version: row.version,
    clear: row.clear,
    fingerprints: unmasked[index] ?? Buffer.alloc(0),
    sealed: () => openSealedPart(keys, row, Buffer.concat([start, placeEnd(rows[index]?.key ?? Buffer.alloc(0))])),
  }));
}

/** For tests and vectors only (`@coffer/seal/testing`): a repeated nonce destroys secrecy. */
export function sealRowWithNonce(keys: RecordKeys, place: RowPlace, parts: RowParts, nonce: Uint8Array | undefined): Buffer {
  const { version, clear, fingerprints, sealed } = parts;
  if (fingerprints !== undefined && fingerprints.length > MAX_FINGERPRINT_BYTES) throw new RangeError("fingerprints");
  const placeBytes = Buffer.concat([placeStart(keys, place.kind), placeEnd(place.key)]);
  const header = Buffer.alloc(HEADER_BYTES);
  header[0] = VERSION;
  header[1] = (sealed ? FLAG_SEALED : 0) | (fingerprints ? FLAG_FINGERPRINTS : 0);
  header.writeUInt16BE(version, 2);
  header.writeUInt32BE(clear.length, 4);
  const pieces: Uint8Array[] = [header];
  if (nonce !== undefined) pieces.push(nonce);
  if (fingerprints && nonce) {
    const length = Buffer.alloc(2);
    length.writeUInt16BE(fingerprints.length);
    pieces.push(length, ...applyMask(keys.mask, [{ nonce, bytes: fingerprints }]));
  }
  pieces.push(clear);
  if (sealed && nonce) pieces.push(sealPart(keys, nonce, sealed, placeBytes));
  const body = Buffer.concat(pieces);
  return Buffer.concat([body, macHashes(keys.mac, sha256(Buffer.concat([placeBytes, body])))]);
}

/** SHA-256 of each row with its place in front, without its MAC; by way of one scratch buffer for the page. */
function hashRows(start: Buffer, rows: readonly { readonly key: Uint8Array; readonly bytes: Uint8Array }[]): Buffer {
  const longest = rows.reduce((most, { key, bytes }) => Math.max(most, key.length + bytes.length), 0);
  const scratch = Buffer.allocUnsafe(start.length + 2 + longest);
  scratch.set(start);
  const hashes = Buffer.allocUnsafe(rows.length * 32);
  rows.forEach(({ key, bytes }, index) => {
    let at = scratch.writeUInt16BE(key.length, start.length);
    scratch.set(key, at);
    at += key.length;
    scratch.set(bytes, at);
    hashes.set(sha256(scratch.subarray(0, at + bytes.length - ROW_MAC_BYTES)), index * 32);
  });
  return hashes;
}

interface ParsedRow {
  readonly version: number;
  readonly nonce: Buffer;
  readonly masked: Buffer;
  readonly clear: Buffer;
  readonly sealed: Buffer | undefined;
}

function parseRow(row: Buffer, index: number): ParsedRow {
  const end = row.length - ROW_MAC_BYTES;
  const fail = (): never => {
    throw new SealIntegrityError("format", "row", index);
  };
  if (end < HEADER_BYTES || row[0] !== VERSION) fail();
  const flags = row.readUInt8(1);
  if (flags > (FLAG_SEALED | FLAG_FINGERPRINTS)) fail();
  let at = HEADER_BYTES;
  const next = (length: number): Buffer => {
    if (at + length > end) fail();
    const part = row.subarray(at, at + length);
    at += length;
    return part;
  };
  const nonce = next(flags === 0 ? 0 : NONCE_BYTES);
  const masked = next((flags & FLAG_FINGERPRINTS) === 0 ? 0 : next(2).readUInt16BE());
  const clear = next(row.readUInt32BE(4));
  const rest = next(end - at);
  const sealed = (flags & FLAG_SEALED) === 0 ? undefined : rest;
  if (sealed === undefined ? rest.length !== 0 : rest.length < TAG_BYTES) fail();
  return { version: row.readUInt16BE(2), nonce, masked, clear, sealed };
}

function checkMacs(expected: Buffer, found: Buffer): void {
  if (timingSafeEqual(expected, found)) return;
  for (let index = 0; ; index++) {
    const [from, to] = [index * ROW_MAC_BYTES, (index + 1) * ROW_MAC_BYTES];
    const same = timingSafeEqual(expected.subarray(from, to), found.subarray(from, to));
    if (!same) throw new SealIntegrityError("tag", "row", index);
  }
}

/** Key and nonce of one row's sealed part: fresh for every row written, so random nonces set no limit to their number. */
function sealedPartKey(keys: RecordKeys, nonce: Uint8Array): Buffer {
  return hkdfExpand(keys.seal, Buffer.concat([LABEL_ROW_SEAL, nonce]), 44);
}

function sealPart(keys: RecordKeys, nonce: Uint8Array, plain: Uint8Array, place: Uint8Array): Buffer {
  const okm = sealedPartKey(keys, nonce);
  const cipher = createCipheriv("aes-256-gcm", okm.subarray(0, 32), okm.subarray(32), { authTagLength: TAG_BYTES });
  const body = cipher.setAAD(place).update(plain);
  cipher.final();
  wipe(okm);
  return Buffer.concat([body, cipher.getAuthTag()]);
}

function openSealedPart(keys: RecordKeys, row: ParsedRow, place: Uint8Array): Buffer | undefined {
  if (row.sealed === undefined) return undefined;
  const okm = sealedPartKey(keys, row.nonce);
  const end = row.sealed.length - TAG_BYTES;
  const decipher = createDecipheriv("aes-256-gcm", okm.subarray(0, 32), okm.subarray(32), { authTagLength: TAG_BYTES });
  wipe(okm);
  decipher.setAAD(place).setAuthTag(row.sealed.subarray(end));
  const plain = decipher.update(row.sealed.subarray(0, end));
  try {
    decipher.final();
    return plain;
  } catch {
    wipe(plain);
    throw new SealIntegrityError("tag", "row's sealed part");
  }
}

/** FORMAT: "coffer/row/v1" ‖ store id (16) ‖ u8 length ‖ kind, then u16 length ‖ row key. */
function placeStart(keys: RecordKeys, kind: string): Buffer {
  const name = Buffer.from(kind, "utf8");
  if (name.length > 255) throw new RangeError("kind of row");
  return Buffer.concat([LABEL_ROW, keys.storeId, Buffer.from([name.length]), name]);
}

function placeEnd(key: Uint8Array): Buffer {
  const out = Buffer.allocUnsafe(2 + key.length);
  out.writeUInt16BE(key.length, 0);
  out.set(key, 2);
  return out;
}
