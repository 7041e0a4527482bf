/**
 * Percent encoding, byte-exact. Keys are any UTF-8: nothing is normalised, and what is not UTF-8 is refused, because
 * two different byte strings must never become one key.
 */
import { ServiceError } from "../lib/errors.js";
import type { Query } from "./contract.js";

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const NEEDS_DECODING = /[%\x80-\uffff]/;
const ASCII = /^[\x00-\x7f]*$/;
const MAX_QUERY_PARAMETERS = 1000;

const invalidUri = (uri: string): ServiceError =>
  new ServiceError("InvalidURI", "Couldn't parse the specified URI.", { status: 400, fields: { URI: uri } });

/**
 * @param text percent-encoded, or raw bytes as Node's latin-1 characters
 * @throws ServiceError InvalidURI for broken percent sequences and for bytes that are not UTF-8
 */
export function percentDecode(text: string): string {
  if (!NEEDS_DECODING.test(text)) return text;
  if (ASCII.test(text)) {
    try {
      // Strict about escapes and UTF-8 as the loop below is, and faster; what it refuses, the loop names.
      return decodeURIComponent(text);
    } catch {
      // Falls through to the error.
    }
  }
  const bytes = Buffer.allocUnsafe(text.length);
  let length = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code !== 0x25) {
      if (code > 0xff) throw invalidUri(text);
      bytes[length++] = code;
      continue;
    }
    const value = hexPair(text, at + 1);
    if (value < 0) throw invalidUri(text);
    bytes[length++] = value;
    at += 2;
  }
  try {
    return utf8.decode(bytes.subarray(0, length));
  } catch (cause) {
    throw new ServiceError("InvalidURI", "Couldn't parse the specified URI.", { status: 400, cause });
  }
}

function hexPair(text: string, at: number): number {
  const high = hexDigit(text.charCodeAt(at));
  const low = hexDigit(text.charCodeAt(at + 1));
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const lower = code | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

/**
 * Query or form text → decoded parameters. `+` is a space; a name without `=` has the empty value.
 * @throws ServiceError InvalidURI
 */
export function parseQuery(text: string): Query {
  const query = new Map<string, string[]>();
  if (text === "") return query;
  const parts = text.split("&", MAX_QUERY_PARAMETERS + 1);
  if (parts.length > MAX_QUERY_PARAMETERS) throw invalidUri("too many parameters");
  for (const part of parts) {
    if (part === "") continue;
    const equals = part.indexOf("=");
    const name = formDecode(equals < 0 ? part : part.slice(0, equals));
    const value = equals < 0 ? "" : formDecode(part.slice(equals + 1));
    const values = query.get(name);
    if (values === undefined) query.set(name, [value]);
    else values.push(value);
  }
  return query;
}

/** `application/x-www-form-urlencoded` text → string. @throws ServiceError InvalidURI */
export function formDecode(text: string): string {
  return percentDecode(text.includes("+") ? text.replaceAll("+", " ") : text);
}

/** First value of a parameter. */
export const firstOf = (query: Query, name: string): string | undefined => query.get(name)?.[0];

/** RFC 3986: all but `A-Z a-z 0-9 - . _ ~`; lone surrogates cannot occur in decoded text. */
export function percentEncode(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}

/**
 * What `encoding-type=url` makes of keys, prefixes and delimiters in listings: as Java's URLEncoder does (space `+`,
 * `*` stays, `~` is encoded), with `/` left alone.
 */
export function urlEncodeKey(text: string): string {
  return encodeURIComponent(text).replace(/%20|%2F|[!'()~]/g, (found) => {
    if (found === "%20") return "+";
    if (found === "%2F") return "/";
    return `%${found.charCodeAt(0).toString(16).toUpperCase()}`;
  });
}

/** Request target → path and query as sent; an absolute-form target loses its authority. @throws ServiceError InvalidURI */
export function splitTarget(target: string): { readonly rawPath: string; readonly rawQuery: string } {
  const absolute = target.startsWith("/") ? null : /^https?:\/\/[^/?]*/i.exec(target);
  const rest = absolute === null ? target : target.slice(absolute[0].length);
  const mark = rest.indexOf("?");
  const rawPath = mark < 0 ? rest : rest.slice(0, mark);
  if (rawPath !== "" && !rawPath.startsWith("/")) throw invalidUri(target);
  return { rawPath: rawPath === "" ? "/" : rawPath, rawQuery: mark < 0 ? "" : rest.slice(mark + 1) };
}
