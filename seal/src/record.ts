/**
 * Metadata rows: a clear part, fingerprints that a whole page opens with one cipher call, and a sealed part that is opened
 * only when asked for; both encrypted in counter mode, all under a MAC that also covers the store's id, the kind of row and
 * the row's key, so a row that was edited, moved or brought from another store does not open. Rolling one row back in its
 * own place is not detected here.
 * FORMAT: docs/spec/records.md §3, §4.
 */
import { timingSafeEqual } from "node:crypto";
import { asBuffer } from "./bytes.js";
import { SealIntegrityError } from "./errors.js";
import { randomSalt } from "./random.js";
import { ROW_MAC_BYTES, applyMask, macHashes, sha256Into } from "./record-keys.js";
import type { Masked, RecordKeys } from "./record-keys.js";

const VERSION = 1;
const FLAG_SEALED = 1;
const FLAG_FINGERPRINTS = 2;
const HEADER_BYTES = 8;
const NONCE_BYTES = 16;
/** Largest fingerprint part: 256 blocks. */
export const MAX_FINGERPRINT_BYTES = 4096;

const LABEL_ROW = Buffer.from("coffer/row/v1", "latin1");

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
  /** Decrypts the sealed part, which the row's MAC has vouched for, into a fresh buffer; undefined when the row has none. */
  sealed(): Buffer | undefined;
}

/** @returns the row's bytes @throws RangeError for parts over their limits */
export function sealRow(keys: RecordKeys, place: RowPlace, parts: RowParts): Buffer {
  return sealRowWithNonce(keys, place, parts, parts.fingerprints || parts.sealed ? randomSalt(NONCE_BYTES) : undefined);
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
  checkMacs(macHashes(keys.mac, hashRows(start, rows)), macsOf(parsed));
  const fingerprints = applyMask(keys.mask, parsed.map(maskedOf));
  return parsed.map((row, index) => ({
    version: row.version,
    clear: row.row.subarray(row.clearAt, row.clearAt + row.clearBytes),
    fingerprints: fingerprints[index] ?? NO_BYTES,
    sealed: sealedPart(keys, row),
  }));
}

function macsOf(parsed: readonly ParsedRow[]): Buffer {
  const macs = Buffer.allocUnsafe(parsed.length * ROW_MAC_BYTES);
  let at = 0;
  // A loop: `copy` of sixteen bytes makes a view of them first.
  for (const { row } of parsed) for (let i = row.length - ROW_MAC_BYTES; i < row.length; i++) macs[at++] = row[i] ?? 0;
  return macs;
}

/** A function of its own: within the page's, a row that is kept would keep the whole page. */
function sealedPart({ seal }: RecordKeys, { row, nonceAt, clearAt, clearBytes, sealedBytes }: ParsedRow): OpenedRow["sealed"] {
  if (sealedBytes === undefined) return () => undefined;
  return () => applyMask(seal, [{ row, nonceAt, at: clearAt + clearBytes, sizeBytes: sealedBytes }])[0];
}

const NO_BYTES = Buffer.alloc(0);

function maskedOf({ row, nonceAt, maskedAt, maskedBytes }: ParsedRow): Masked {
  return { row, nonceAt, at: maskedAt, sizeBytes: maskedBytes };
}

/** For tests and vectors only (`@coffer/seal/testing`): a repeated nonce destroys secrecy. */
export function sealRowWithNonce(keys: RecordKeys, place: RowPlace, parts: RowParts, nonce: Uint8Array | undefined): Buffer {
  const { version, clear, fingerprints, sealed } = parts;
  if (fingerprints !== undefined && fingerprints.length > MAX_FINGERPRINT_BYTES) throw new RangeError("fingerprints");
  const start = placeStart(keys, place.kind);
  const partsBytes = (fingerprints ? 2 + fingerprints.length : 0) + clear.length + (sealed?.length ?? 0);
  const rowAt = start.length + 2 + place.key.length;
  const endAt = rowAt + HEADER_BYTES + (nonce?.length ?? 0) + partsBytes;
  // The place stands in front: what is hashed is one piece.
  const out = Buffer.allocUnsafe(endAt + ROW_MAC_BYTES);
  out.set(start);
  out.writeUInt16BE(place.key.length, start.length);
  out.set(place.key, start.length + 2);
  out[rowAt] = VERSION;
  out[rowAt + 1] = (sealed ? FLAG_SEALED : 0) | (fingerprints ? FLAG_FINGERPRINTS : 0);
  out.writeUInt16BE(version, rowAt + 2);
  let at = out.writeUInt32BE(clear.length, rowAt + 4);
  const add = (bytes: Uint8Array): void => {
    out.set(bytes, at);
    at += bytes.length;
  };
  const addMasked = (mask: RecordKeys["mask"], bytes: Uint8Array): void => {
    add(bytes);
    const from = at - bytes.length;
    const [masked] = applyMask(mask, [{ row: out, nonceAt: rowAt + HEADER_BYTES, at: from, sizeBytes: bytes.length }]);
    masked?.copy(out, from);
  };
  if (nonce) add(nonce);
  if (fingerprints && nonce) {
    at = out.writeUInt16BE(fingerprints.length, at);
    addMasked(keys.mask, fingerprints);
  }
  add(clear);
  if (sealed && nonce) addMasked(keys.seal, sealed);
  const hashed = Buffer.allocUnsafe(32);
  sha256Into(hashed, 0, out.subarray(0, endAt));
  macHashes(keys.mac, hashed).copy(out, endAt);
  return out.subarray(rowAt);
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
    sha256Into(hashes, index * 32, scratch.subarray(0, at + bytes.length - ROW_MAC_BYTES));
  });
  return hashes;
}

/** A row's parts by their places in it. */
interface ParsedRow {
  readonly row: Buffer;
  readonly version: number;
  readonly nonceAt: number;
  readonly maskedAt: number;
  readonly maskedBytes: number;
  readonly clearAt: number;
  readonly clearBytes: number;
  /** Behind the clear part; undefined: the row has no sealed part. */
  readonly sealedBytes: number | undefined;
}

function parseRow(row: Buffer, index: number): ParsedRow {
  const end = row.length - ROW_MAC_BYTES;
  const flags = end < HEADER_BYTES || row[0] !== VERSION ? 0xff : row.readUInt8(1);
  if (flags > (FLAG_SEALED | FLAG_FINGERPRINTS)) throw new SealIntegrityError("format", "row", index);
  const nonceAt = HEADER_BYTES;
  const afterNonce = nonceAt + (flags === 0 ? 0 : NONCE_BYTES);
  const hasMasked = (flags & FLAG_FINGERPRINTS) !== 0;
  const maskedAt = afterNonce + (hasMasked ? 2 : 0);
  const maskedBytes = hasMasked && maskedAt <= end ? row.readUInt16BE(afterNonce) : 0;
  const clearAt = maskedAt + maskedBytes;
  const clearBytes = row.readUInt32BE(4);
  const rest = end - clearAt - clearBytes;
  const hasSealed = (flags & FLAG_SEALED) !== 0;
  if (rest < 0 || (!hasSealed && rest !== 0)) throw new SealIntegrityError("format", "row", index);
  const version = row.readUInt16BE(2);
  return { row, version, nonceAt, maskedAt, maskedBytes, clearAt, clearBytes, sealedBytes: hasSealed ? rest : undefined };
}

function checkMacs(expected: Buffer, found: Buffer): void {
  if (timingSafeEqual(expected, found)) return;
  for (let index = 0; ; index++) {
    const [from, to] = [index * ROW_MAC_BYTES, (index + 1) * ROW_MAC_BYTES];
    const same = timingSafeEqual(expected.subarray(from, to), found.subarray(from, to));
    if (!same) throw new SealIntegrityError("tag", "row", index);
  }
}

/** FORMAT: "coffer/row/v1" ‖ store id (16) ‖ u8 length ‖ kind; u16 length ‖ row key follow. Kinds are few: made once. */
function placeStart(keys: RecordKeys, kind: string): Buffer {
  const known = keys.places.get(kind);
  if (known !== undefined) return known;
  const name = Buffer.from(kind, "utf8");
  if (name.length > 255) throw new RangeError("kind of row");
  const start = Buffer.concat([LABEL_ROW, keys.storeId, Buffer.from([name.length]), name]);
  keys.places.set(kind, start);
  return start;
}
