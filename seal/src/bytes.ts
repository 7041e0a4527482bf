/** Small byte tools that every format here shares. No format of its own. */
import { timingSafeEqual } from "node:crypto";

/** Compares in constant time; false for different lengths (lengths are not secret). */
export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

/** A view of the same bytes as a Buffer; no copy. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Not Buffer's own, which calls into Node for the same. */
const { fill } = Uint8Array.prototype;

/** Overwrites secret bytes. Best effort: the garbage collector may have copied them. */
export function wipe(...buffers: readonly (Uint8Array | undefined)[]): void {
  for (const buffer of buffers) if (buffer !== undefined) fill.call(buffer, 0);
}

/** @throws RangeError naming `what`: a wrong length here is the caller's bug, never input */
export function requireLength(bytes: Uint8Array, length: number, what: string): void {
  if (bytes.length !== length) throw new RangeError(`${what}: ${bytes.length} bytes instead of ${length}`);
}
