import { timingSafeEqual } from "node:crypto";

/** Compares in constant time; false for different lengths (lengths are not secret). */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

/** Unambiguous concatenation: each part behind its length as u32 big-endian. Strings as UTF-8. */
export function lengthPrefixed(...parts: readonly (Uint8Array | string)[]): Buffer {
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
