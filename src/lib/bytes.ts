import { timingSafeEqual } from "node:crypto";

/** Compares in constant time; false for different lengths (lengths are not secret). */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

/** Unambiguous concatenation: each part behind its length as u32 big-endian. Strings as UTF-8. */
export function lengthPrefixed(...parts: readonly (Uint8Array | string)[]): Buffer {
  return ofAscii(parts) ?? ofAny(parts);
}

/** What a string may be long for its characters to be looked at one by one. */
const SHORT = 256;

/** The usual case: short names, for which a call of the UTF-8 encoder costs more than the bytes. */
function ofAscii(parts: readonly (Uint8Array | string)[]): Buffer | undefined {
  let size = 0;
  for (const part of parts) size += 4 + part.length;
  const out = Buffer.allocUnsafe(size);
  let at = 0;
  for (const part of parts) {
    const { length } = part;
    out[at] = length >>> 24;
    out[at + 1] = length >>> 16;
    out[at + 2] = length >>> 8;
    out[at + 3] = length;
    at += 4;
    if (typeof part === "string") {
      if (length > SHORT) return undefined;
      for (let i = 0; i < length; i++) {
        const unit = part.charCodeAt(i);
        if (unit > 0x7f) return undefined;
        out[at + i] = unit;
      }
    } else out.set(part, at);
    at += length;
  }
  return out;
}

function ofAny(parts: readonly (Uint8Array | string)[]): Buffer {
  let size = 0;
  for (const part of parts) size += 4 + sizeOf(part);
  const out = Buffer.allocUnsafe(size);
  let at = 0;
  for (const part of parts) {
    const start = at + 4;
    if (typeof part === "string") at = start + out.write(part, start, "utf8");
    else {
      out.set(part, start);
      at = start + part.length;
    }
    out.writeUInt32BE(at - start, start - 4);
  }
  return out;
}

const sizeOf = (part: Uint8Array | string): number =>
  typeof part === "string" ? Buffer.byteLength(part, "utf8") : part.length;

/** True if `text` is valid base64 in AWS's sense: standard alphabet, padded. */
export function isBase64(text: string): boolean {
  return text.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(text);
}
