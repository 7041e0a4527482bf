/**
 * HMAC of short messages from two one-shot hashes: `H((K ⊕ opad) ‖ H((K ⊕ ipad) ‖ message))`, RFC 2104. Node's Hmac object
 * costs twice as much with what it leaves to the garbage collector, and a small object needs four HMACs to be read. What
 * does not fit goes to Node's.
 */
import { createHmac, hash } from "node:crypto";
import type { KeyObject } from "node:crypto";

/** Key bytes, or the same inside Node's KeyObject. */
export type KeyInput = Uint8Array | KeyObject;

const IPAD = 0x36;
const OPAD = 0x5c;
/** More than any message here, but for object keys and contexts of unusual length. */
const MESSAGE_BYTES = 2048;

/** Memory for each hash, used synchronously: between calls it holds pads without a key, zeros, and the last inner digest. */
class ShortHmac {
  readonly #digest: "sha256" | "sha512";
  readonly #blockBytes: number;
  readonly #inner: Uint8Array;
  readonly #outer: Buffer;

  constructor(digest: "sha256" | "sha512", blockBytes: number, digestBytes: number) {
    this.#digest = digest;
    this.#blockBytes = blockBytes;
    this.#inner = new Uint8Array(blockBytes + MESSAGE_BYTES).fill(IPAD, 0, blockBytes);
    this.#outer = Buffer.alloc(blockBytes + digestBytes).fill(OPAD, 0, blockBytes);
  }

  mac(key: KeyInput, parts: readonly Uint8Array[], encoding: "buffer"): Buffer;
  mac(key: KeyInput, parts: readonly Uint8Array[], encoding: "hex"): string;
  mac(key: KeyInput, parts: readonly Uint8Array[], encoding: "buffer" | "hex"): Buffer | string {
    let end = this.#blockBytes;
    for (const part of parts) end += part.length;
    const fits = key instanceof Uint8Array && key.length <= this.#blockBytes && end <= this.#inner.length;
    if (!fits) return this.#withNode(key, parts, encoding);
    try {
      return hash(this.#digest, this.#outerInput(key, parts, end), encoding);
    } finally {
      // INVARIANT: the pads are without a key again, whatever happened; the next key may be a shorter one.
      this.#inner.fill(IPAD, 0, key.length).fill(0, this.#blockBytes, end);
      for (let i = 0; i < key.length; i++) this.#outer[i] = OPAD;
    }
  }

  /** What the outer hash is taken of. */
  #outerInput(key: Uint8Array, parts: readonly Uint8Array[], end: number): Buffer {
    const [inner, outer] = [this.#inner, this.#outer];
    for (let i = 0; i < key.length; i++) {
      const byte = key[i] ?? 0;
      inner[i] = byte ^ IPAD;
      outer[i] = byte ^ OPAD;
    }
    let at = this.#blockBytes;
    for (const part of parts) {
      inner.set(part, at);
      at += part.length;
    }
    // A string, which nothing can wipe, is good enough for the inner hash: without the key it tells nothing of the outer one.
    outer.write(hash(this.#digest, inner.subarray(0, end), "binary"), this.#blockBytes, "latin1");
    return outer;
  }

  #withNode(key: KeyInput, parts: readonly Uint8Array[], encoding: "buffer" | "hex"): Buffer | string {
    const node = createHmac(this.#digest, key);
    for (const part of parts) node.update(part);
    return encoding === "hex" ? node.digest("hex") : node.digest();
  }
}

const SHORT = { sha256: new ShortHmac("sha256", 64, 32), sha512: new ShortHmac("sha512", 128, 64) };

/** HMAC over the parts, one behind the other, in a fresh buffer. */
export function hmac(digest: "sha256" | "sha512", key: KeyInput, parts: readonly Uint8Array[]): Buffer {
  return SHORT[digest].mac(key, parts, "buffer");
}

/** The same as lower-case hex, for what is no key: a string cannot be wiped. */
export function hmacHex(digest: "sha256" | "sha512", key: KeyInput, parts: readonly Uint8Array[]): string {
  return SHORT[digest].mac(key, parts, "hex");
}
