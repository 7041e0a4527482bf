/**
 * Row keys from strings and numbers, such that byte order is the order of the parts and no two lists of parts share a
 * key. FORMAT: docs/spec/data-directory.md §3.
 *
 * INVARIANT: within one table each position holds either strings or numbers, never both: then keys are unambiguous,
 * because a string ends at its first zero byte and a number has eight.
 */
import { assert } from "../lib/errors.js";
import { successor } from "./byte-order.js";
import type { KeyPart } from "./records.js";

const NUMBER_BYTES = 8;
const LONE_SURROGATE = /[\ud800-\udfff]/u;

/**
 * A string as it stands within a key, without its terminator: UTF-8, each byte + 1. For prefixes and delimiters of
 * `MetadataStore.groups`, and the beginning of a string part.
 */
export function encodeText(text: string): Buffer {
  const out = Buffer.allocUnsafe(Buffer.byteLength(text, "utf8"));
  writeText(out, 0, text);
  return out;
}

/** The string that `encodeText` encoded, e.g. of a group of a delimited listing, its leading parts cut off. */
export function decodeText(bytes: Uint8Array): string {
  const plain = Buffer.allocUnsafe(bytes.length);
  for (let i = 0; i < bytes.length; i++) plain[i] = (bytes[i] ?? 0) - 1;
  return plain.toString("utf8");
}

/** Space byte and parts, one behind the other; strings with their terminator. */
export function encodeKey(space: number, parts: readonly KeyPart[]): Buffer {
  let size = 1;
  for (const part of parts) size += typeof part === "number" ? NUMBER_BYTES : Buffer.byteLength(part, "utf8") + 1;
  const out = Buffer.allocUnsafe(size);
  let at = out.writeUInt8(space);
  for (const part of parts) at = typeof part === "number" ? writeNumber(out, at, part) : out.writeUInt8(0, writeText(out, at, part));
  return out;
}

/** @returns where it ends */
function writeText(out: Buffer, at: number, text: string): number {
  assert(!LONE_SURROGATE.test(text), "key part is not well-formed Unicode");
  const end = at + out.write(text, at, "utf8");
  // UTF-8 has no byte above 0xf4: no overflow, and zero is free for the terminator.
  for (let i = at; i < end; i++) out[i] = (out[i] ?? 0) + 1;
  return end;
}

/** @returns where it ends */
function writeNumber(out: Buffer, at: number, value: number): number {
  assert(Number.isSafeInteger(value) && value >= 0, "key part is not a safe integer ≥ 0");
  return out.writeUInt32BE(value % 2 ** 32, out.writeUInt32BE(Math.floor(value / 2 ** 32), at));
}

/** Kinds of the parts of a key, in order, for decoding. */
export type PartKind = "string" | "number";

/** The TypeScript type of decoded parts. */
export type PartsOf<K extends readonly PartKind[]> = { -readonly [I in keyof K]: K[I] extends "number" ? number : string };

/**
 * The parts of a row key, e.g. `decodeKey(found.key, ["string", "number"])`.
 * @throws Error when the key does not have exactly these parts: a bug
 */
export function decodeKey<const K extends readonly PartKind[]>(key: Uint8Array, kinds: K): PartsOf<K> {
  const bytes = Buffer.from(key.buffer, key.byteOffset, key.byteLength);
  const parts: KeyPart[] = [];
  let at = 1;
  for (const kind of kinds) {
    if (kind === "number") {
      assert(at + NUMBER_BYTES <= bytes.length, "row key ends within a number");
      parts.push(bytes.readUInt32BE(at) * 2 ** 32 + bytes.readUInt32BE(at + 4));
      at += NUMBER_BYTES;
    } else {
      const end = bytes.indexOf(0, at);
      assert(end >= 0, "row key ends within a string");
      parts.push(decodeText(bytes.subarray(at, end)));
      at = end + 1;
    }
  }
  assert(at === bytes.length, "row key has more parts");
  return parts as PartsOf<K>;
}

/** The parts of a key of strings alone, however many; what does not end a string is left out. */
export function decodeStrings(key: Uint8Array): string[] {
  const bytes = Buffer.from(key.buffer, key.byteOffset, key.byteLength);
  const parts: string[] = [];
  for (let at = 1, end = bytes.indexOf(0, at); end >= 0; at = end + 1, end = bytes.indexOf(0, at)) {
    parts.push(decodeText(bytes.subarray(at, end)));
  }
  return parts;
}

/** All keys below the given parts: `from ≤ key < to`. */
export function spanOf(space: number, parts: readonly KeyPart[]): { readonly from: Buffer; readonly to: Buffer } {
  const from = encodeKey(space, parts);
  const to = successor(from);
  assert(to !== undefined, "space 0xff is not used");
  return { from, to };
}
