/**
 * The canonical request of Signature Version 4, computed from a request as it was received.
 *
 * The server must arrive at the bytes that the client signed although it only sees what the client sent. Path and query
 * are therefore decoded and encoded again by one rule; nothing is normalised beyond that: for S3, `//`, `.` and `..` are
 * parts of keys. Header values are the bytes on the wire (Node hands them out as latin1).
 *
 * Source: "Create a signed AWS API request", S3 "Signature calculations for the authorization header".
 */
import { ServiceError } from "../lib/errors.js";
import type { RequestHead } from "./types.js";
import { percentEncode, splitTarget } from "./uri.js";

const HEX: readonly string[] = Array.from({ length: 256 }, (_, byte) => `%${byte.toString(16).toUpperCase().padStart(2, "0")}`);
const SAFE = /^[A-Za-z0-9\-._~]*$/;
const SAFE_PATH = /^[A-Za-z0-9\-._~/]*$/;

/** What becomes of `/` (as sent) and `%2F` in a canonical path or query. */
type SlashRule = "query" | "path" | "path-joined";

/** As `percentEncode`, but leaves `/`: an S3 key as a path. */
export function percentEncodePath(path: string): string {
  return percentEncode(path).replaceAll("%2F", "/");
}

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
function recode(raw: string, rule: SlashRule): string {
  if ((rule === "query" ? SAFE : SAFE_PATH).test(raw)) return raw;
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

/**
 * Canonical forms of a path that S3 clients may have signed. Usually one: `%2F` in the request is signed by some as
 * `%2F`, by others as `/`. Both name the same key, so either may be signed.
 * @throws ServiceError InvalidURI for a damaged percent escape
 */
export function s3CanonicalPaths(path: string): readonly string[] {
  const plain = recode(path, "path");
  return plain.includes("%2F") ? [plain, recode(path, "path-joined")] : [plain];
}

/** Canonical path of every service but S3: dot segments and empty segments removed, each remaining segment encoded *twice*. */
export function plainCanonicalPath(path: string): string {
  const segments: string[] = [];
  for (const segment of path.split("/")) {
    if (segment === "..") segments.pop();
    else if (segment !== "" && segment !== ".") segments.push(segment);
  }
  const joined = segments.map((segment) => percentEncode(recode(segment, "path"))).join("/");
  return joined === "" ? "/" : `/${joined}${path.endsWith("/") ? "/" : ""}`;
}

/** Name and value of each query parameter in canonical encoding, in the order sent. */
export function queryParameters(query: string): readonly (readonly [name: string, value: string])[] {
  if (query === "") return [];
  const out: [string, string][] = [];
  for (const pair of query.split("&")) {
    if (pair === "") continue;
    const equals = pair.indexOf("=");
    const name = equals < 0 ? pair : pair.slice(0, equals);
    out.push([recode(name, "query"), equals < 0 ? "" : recode(pair.slice(equals + 1), "query")]);
  }
  return out;
}

/** Text of a canonically encoded value. @throws ServiceError InvalidURI where the bytes are no UTF-8 */
export function decodeValue(encoded: string): string {
  try {
    return decodeURIComponent(encoded);
  } catch {
    throw invalidUri();
  }
}

/** Query string sorted by name, then value; without the signature of a presigned URL. */
export function canonicalQuery(query: string): string {
  const pairs = queryParameters(query).filter(([name]) => name !== "X-Amz-Signature");
  if (pairs.length > 1) pairs.sort(([a, x], [b, y]) => (a < b ? -1 : a > b ? 1 : x < y ? -1 : x > y ? 1 : 0));
  return pairs.map(([name, value]) => `${name}=${value}`).join("&");
}

/** All values of every header, by lower-case name, in the order received. */
export function headerValues(rawHeaders: readonly string[]): Map<string, string[]> {
  const out = new Map<string, string[]>();
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = (rawHeaders[i] ?? "").toLowerCase();
    const value = rawHeaders[i + 1] ?? "";
    const values = out.get(name);
    if (values === undefined) out.set(name, [value]);
    else values.push(value);
  }
  return out;
}

/** Trimmed at both ends, runs of white space one blank. */
function compact(value: string): string {
  return /^[ \t]|[ \t]$|[ \t]{2}|\t/.test(value) ? value.replace(/^[ \t]+|[ \t]+$/g, "").replace(/[ \t]+/g, " ") : value;
}

/** `name:value\n` of every signed header, and the names joined by `;`. @param names lower case */
export function canonicalHeaders(rawHeaders: readonly string[], names: readonly string[]): { lines: string; list: string } {
  const values = headerValues(rawHeaders);
  const sorted = names.length > 1 ? [...new Set(names)].sort() : names;
  let lines = "";
  for (const name of sorted) lines += `${name}:${(values.get(name) ?? []).map(compact).join(",")}\n`;
  return { lines, list: sorted.join(";") };
}

/** The parts of a canonical request beside its path. */
export interface CanonicalParts {
  readonly signedHeaders: readonly string[];
  readonly payloadHash: string;
}

/**
 * Canonical requests that the client may have signed (more than one only for S3 paths with `%2F`).
 * A string of latin1 characters: hash it as latin1.
 */
export function canonicalRequests(head: RequestHead, isS3: boolean, parts: CanonicalParts): readonly string[] {
  const { rawPath, rawQuery } = splitTarget(head.target);
  const { lines, list } = canonicalHeaders(head.rawHeaders, parts.signedHeaders);
  const tail = `\n${canonicalQuery(rawQuery)}\n${lines}\n${list}\n${parts.payloadHash}`;
  const paths = isS3 ? s3CanonicalPaths(rawPath) : [plainCanonicalPath(rawPath)];
  return paths.map((canonicalPath) => `${head.method}\n${canonicalPath}${tail}`);
}
