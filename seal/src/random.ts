/**
 * Random salts and nonces, cut from a block of the system's random bytes: one call each costs as much as an HMAC, and a
 * small object needs five. For values that are stored in the clear anyway; keys are drawn by themselves, each with a call
 * of its own, so that no copy of one lies here.
 */
import { randomBytes } from "node:crypto";

/** Small: what a process holds ready is less than the generator below it does. */
const BLOCK_BYTES = 1024;
let block = Buffer.alloc(0);
let at = 0;

/** `length` random bytes that nobody else gets; not for keys. */
export function randomSalt(length: number): Buffer {
  if (length > BLOCK_BYTES) return randomBytes(length);
  if (at + length > block.length) {
    block = randomBytes(BLOCK_BYTES);
    at = 0;
  }
  at += length;
  return block.subarray(at - length, at);
}
