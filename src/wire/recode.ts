/**
 * Percent encoding in the one canonical form that signatures use. What was sent is decoded and encoded again, byte by
 * byte, so that every spelling of the same bytes becomes the same text.
 *
 * Source: "Create a signed AWS API request", S3 "Signature calculations for the authorization header".
 */
import { ServiceError } from "../lib/errors.js";

const HEX: readonly string[] = Array.from({ length: 256 }, (_, byte) => `%${byte.toString(16).toUpperCase().padStart(2, "0")}`);
/** Text that is its own canonical form: unreserved characters, and escapes in upper case of what is not unreserved. */
const ESCAPE = String.raw`%(?:[0189A-F][0-9A-F]|2[0-9A-CF]|3[A-F]|[46]0|5[B-E]|7[B-DF])`;
const CANONICAL = new RegExp(`^[A-Za-z0-9\\-._~]*(?:${ESCAPE}[A-Za-z0-9\\-._~]*)*$`);
const CANONICAL_PATH = new RegExp(`^[A-Za-z0-9\\-._~/]*(?:${ESCAPE}[A-Za-z0-9\\-._~/]*)*$`);

/** What becomes of `/` (as sent) and `%2F` in a canonical path or query. */
type SlashRule = "query" | "path" | "path-joined";

function invalidUri(): ServiceError {
  return new ServiceError("InvalidURI", "Couldn't parse the specified URI.", { status: 400 });
}

function isUnreserved(byte: number): boolean {
  return (
    (byte >= 0x61 && byte <= 0x7a) ||
    (byte >= 0x41 && byte <= 0x5a) ||
    (byte >= 0x30 && byte <= 0x39) ||
    byte === 0x2d ||
    byte === 0x2e ||
    byte === 0x5f ||
    byte === 0x7e
  );
}

/** Decodes percent escapes (and `+` in a query) and encodes again, byte by byte. */
export function recode(raw: string, rule: SlashRule): string {
  if (rule !== "path-joined" && (rule === "query" ? CANONICAL : CANONICAL_PATH).test(raw)) return raw;
  let out = "";
  for (let i = 0; i < raw.length; i++) {
    let byte = raw.charCodeAt(i);
    let isSlash = byte === 0x2f;
    if (byte === 0x25) {
      const pair = raw.slice(i + 1, i + 3);
      if (!/^[0-9A-Fa-f]{2}$/.test(pair)) throw invalidUri();
      byte = Number.parseInt(pair, 16);
      isSlash = byte === 0x2f && rule === "path-joined";
      i += 2;
    } else if (byte === 0x2b && rule === "query") byte = 0x20;
    if (byte > 0xff) throw invalidUri();
    out += isUnreserved(byte) || (isSlash && rule !== "query") ? String.fromCharCode(byte) : HEX[byte];
  }
  return out;
}

/** Text of a canonically encoded value. @throws ServiceError InvalidURI where the bytes are no UTF-8 */
export function decodeValue(encoded: string): string {
  if (!encoded.includes("%")) return encoded;
  try {
    return decodeURIComponent(encoded);
  } catch {
    throw invalidUri();
  }
}
