/**
 * The key file: the root key of one store, in a few lines of text that a person can print and type in again. Losing it is
 * losing the data, so damage is named line by line. The key is never turned into a string here. Reading, writing and
 * permissions of the file are the keys room's. FORMAT: docs/spec/key-file.md.
 */
import { createHash } from "node:crypto";
import { requireLength, sameBytes, wipe } from "./bytes.js";
import { ROOT_KEY_BYTES, keyFingerprint } from "./root-keys.js";

export interface KeyFile {
  /** 32 bytes; the caller wipes them. */
  readonly rootKey: Buffer;
  /** The store this key belongs to: 32 lower-case hex digits. */
  readonly storeId: string;
  /** 32 hex digits, not secret. */
  readonly fingerprint: string;
}

/** A file that is no key file, or a damaged one. The message names the line, never its content. */
export class KeyFileError extends Error {
  override readonly name = "KeyFileError";
  /**
   * `not-a-key-file`: the first line is another; `version`: written by a later release; `damaged`: a line is missing,
   * twice, unknown or malformed; `checksum`: the lines do not belong together.
   */
  readonly reason: "not-a-key-file" | "version" | "damaged" | "checksum";

  constructor(reason: KeyFileError["reason"], message: string) {
    super(message);
    this.reason = reason;
  }
}

const FIRST_LINE = "coffer key file, version ";
const VERSION = "1";
/** Far more than any key file; keeps a wrong path (a video, a device) from being read on. */
export const MAX_KEY_FILE_BYTES = 16384;
const FIELDS = { "store-id": 16, fingerprint: 16, "root-key": 32, checksum: 16 } as const;
type Field = keyof typeof FIELDS;

/** The file's bytes; wipe them after writing. @throws RangeError for a key or store id of another form */
export function encodeKeyFile(rootKey: Uint8Array, storeId: string): Buffer {
  requireLength(rootKey, ROOT_KEY_BYTES, "root key");
  if (!/^[0-9a-f]{32}$/.test(storeId)) throw new RangeError("store id");
  const fingerprint = keyFingerprint(rootKey);
  const keyHex = hexEncode(rootKey);
  const text = (part: string): Buffer => Buffer.from(part, "latin1");
  const file = Buffer.concat([
    text(`${FIRST_LINE}${VERSION}\n`),
    text("# Root key of a Coffer store. Without this file nobody can read the data. Keep a copy in another safe place.\n"),
    text(`store-id ${storeId}\nfingerprint ${fingerprint}\nroot-key `),
    keyHex,
    text(`\nchecksum ${checksum(rootKey, storeId, fingerprint).toString("hex")}\n`),
  ]);
  wipe(keyHex);
  return file;
}

/** Blank lines, lines that begin with `#`, and spaces or CR at a line's end are passed over. @throws KeyFileError */
export function decodeKeyFile(file: Uint8Array): KeyFile {
  if (file.length > MAX_KEY_FILE_BYTES) throw new KeyFileError("not-a-key-file", "this is not a Coffer key file: too large");
  const lines = splitLines(file);
  const first = Buffer.from(lines[0] ?? []).toString("latin1");
  if (!first.startsWith(FIRST_LINE)) throw new KeyFileError("not-a-key-file", "this is not a Coffer key file");
  if (first !== FIRST_LINE + VERSION) throw new KeyFileError("version", "the key file has a version this release does not know");
  const fields = new Map<Field, Buffer>();
  lines.slice(1).forEach((line, index) => readLine(line, index + 2, fields));
  const rootKey = required(fields, "root-key");
  const storeId = required(fields, "store-id").toString("hex");
  const fingerprint = required(fields, "fingerprint").toString("hex");
  const sum = required(fields, "checksum");
  if (!sameBytes(sum, checksum(rootKey, storeId, fingerprint)) || keyFingerprint(rootKey) !== fingerprint) {
    wipe(rootKey);
    throw new KeyFileError("checksum", "the key file is damaged: its checksum does not match; restore it from a copy");
  }
  return { rootKey, storeId, fingerprint };
}

function readLine(line: Uint8Array, number: number, fields: Map<Field, Buffer>): void {
  if (line.length === 0 || line[0] === 0x23) return;
  const space = line.indexOf(0x20);
  const name = Buffer.from(line.subarray(0, Math.max(space, 0))).toString("latin1");
  const damaged = (what: string): never => {
    throw new KeyFileError("damaged", `the key file is damaged: line ${number} ${what}`);
  };
  if (!isField(name)) return damaged("is unknown");
  if (fields.has(name)) return damaged(`repeats ${name}`);
  const value = hexDecode(line.subarray(space + 1));
  if (value === undefined || value.length !== FIELDS[name]) return damaged(`(${name}) is not ${FIELDS[name] * 2} hex digits`);
  fields.set(name, value);
}

function isField(name: string): name is Field {
  return Object.hasOwn(FIELDS, name);
}

function required(fields: ReadonlyMap<Field, Buffer>, name: Field): Buffer {
  const value = fields.get(name);
  if (value === undefined) throw new KeyFileError("damaged", `the key file is damaged: the line ${name} is missing`);
  return value;
}

/** FORMAT: first 16 bytes of SHA-256("coffer/key-file/v1" ‖ store id ‖ fingerprint ‖ root key). */
function checksum(rootKey: Uint8Array, storeId: string, fingerprint: string): Buffer {
  const sum = createHash("sha256").update("coffer/key-file/v1").update(storeId, "hex").update(fingerprint, "hex").update(rootKey);
  return sum.digest().subarray(0, 16);
}

function splitLines(file: Uint8Array): Uint8Array[] {
  const lines: Uint8Array[] = [];
  for (let at = 0; at < file.length; ) {
    const newline = file.indexOf(0x0a, at);
    const stop = newline === -1 ? file.length : newline;
    let end = stop;
    while (end > at && (file[end - 1] === 0x0d || file[end - 1] === 0x20)) end--;
    lines.push(file.subarray(at, end));
    at = stop + 1;
  }
  return lines;
}

const DIGITS = Buffer.from("0123456789abcdef", "latin1");

function hexEncode(bytes: Uint8Array): Buffer {
  const out = Buffer.alloc(bytes.length * 2);
  bytes.forEach((byte, i) => {
    out[i * 2] = DIGITS[byte >> 4] ?? 0;
    out[i * 2 + 1] = DIGITS[byte & 15] ?? 0;
  });
  return out;
}

/** Undefined for anything but pairs of lower-case hex digits. */
function hexDecode(text: Uint8Array): Buffer | undefined {
  const out = Buffer.alloc(text.length >> 1);
  if (text.length % 2 !== 0) return undefined;
  for (let i = 0; i < text.length; i++) {
    const digit = DIGITS.indexOf(text[i] ?? 0);
    if (digit < 0) return undefined;
    out[i >> 1] = ((out[i >> 1] ?? 0) << 4) | digit;
  }
  return out;
}
