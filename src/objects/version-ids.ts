/**
 * Version ids: 32 characters that hold the version's place in its key's order, so that one `get` finds it, and 112 random
 * bits, so that an id cannot be guessed. FORMAT: docs/spec/objects.md §1.
 */
import { randomBytes } from "node:crypto";
import { invalidArgument } from "./errors.js";

export const NULL_VERSION = "null";
const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/** Sequence numbers as row-key parts: larger first. */
export const inverted = (seq: number): number => Number.MAX_SAFE_INTEGER - seq;

/** A fresh id for the version with this sequence number, < 2^48. */
export function newVersionId(seq: number): string {
  const bytes = Buffer.concat([Buffer.alloc(6), randomBytes(14)]);
  bytes.writeUIntBE(seq, 0, 6);
  let out = "";
  let value = 0;
  let bits = 0;
  for (const byte of bytes) {
    value = ((value << 8) | byte) & 0xffff;
    for (bits += 8; bits >= 5; bits -= 5) out += ALPHABET[(value >> (bits - 5)) & 31];
  }
  return out;
}

/** The sequence number within an id, or undefined where `id` is none of ours. */
export function sequenceOf(id: string): number | undefined {
  if (!/^[A-Z2-7]{32}$/.test(id)) return undefined;
  let seq = 0;
  for (let i = 0; i < 9; i++) seq = seq * 32 + ALPHABET.indexOf(id.charAt(i));
  // Nine characters are 45 bits; the tenth brings the last three.
  return seq * 8 + (ALPHABET.indexOf(id.charAt(9)) >> 2);
}

/** @throws ServiceError InvalidArgument for the empty id and for what can never be one */
export function checkVersionId(id: string | undefined): void {
  if (id === undefined || id === NULL_VERSION || sequenceOf(id) !== undefined) return;
  if (id === "") throw invalidArgument("Version id cannot be the empty string", "versionId", id);
  throw invalidArgument("Invalid version id specified", "versionId", id);
}
