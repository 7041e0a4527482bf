/** Small byte tools that every format here shares. No format of its own. */
import { timingSafeEqual } from "node:crypto";
import { MessageChannel } from "node:worker_threads";

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

/** ES2024, from Node 22 on: moves the memory to another buffer; to one of no bytes: frees it. */
const { transfer } = ArrayBuffer.prototype as { transfer?: (this: ArrayBuffer, sizeBytes: number) => ArrayBuffer };
/** For Node 20. Closed: what is moved into it is dropped. Source: Node 20, src/node_messaging.cc, `MessagePort::PostMessage`. */
const nowhere = new MessageChannel().port1;
nowhere.close();

/**
 * Frees the memory of a buffer of its own at once; a view of a part of other memory stays as it is. V8 counts what ciphers
 * put out towards its next collection, and for streams that is a marking of the whole heap every few dozen megabytes: a
 * third of the processor time of large bodies (measured). Freed at once, the next output has the same memory, still cached.
 * INVARIANT: nobody reads `buffer` any more, the kernel included. It is detached: its length is 0 from here on, and `wipe`
 * throws; what is to be wiped is wiped before.
 */
export function giveBack(buffer: Uint8Array): void {
  const { buffer: memory, byteLength } = buffer;
  if (byteLength === 0 || byteLength !== memory.byteLength || !(memory instanceof ArrayBuffer)) return;
  if (transfer === undefined) nowhere.postMessage(null, [memory]);
  else transfer.call(memory, 0);
}

/** @throws RangeError naming `what`: a wrong length here is the caller's bug, never input */
export function requireLength(bytes: Uint8Array, length: number, what: string): void {
  if (bytes.length !== length) throw new RangeError(`${what}: ${bytes.length} bytes instead of ${length}`);
}
