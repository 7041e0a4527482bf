/**
 * The canonical request of Signature Version 4, computed from a request as it was received.
 *
 * The server must arrive at the bytes that the client signed although it only sees what the client sent. Path and query
 * are therefore decoded and encoded again by one rule; nothing is normalised beyond that: for S3, `//`, `.` and `..` are
 * parts of keys. Header values are the bytes on the wire (Node hands them out as latin1).
 *
 * Source: "Create a signed AWS API request", S3 "Signature calculations for the authorization header".
 */
import { recode } from "./recode.js";
import { partsOf, type QueryParameter } from "./request-parts.js";
import type { RequestHead } from "./types.js";
import { percentEncode } from "./uri.js";

/** As `percentEncode`, but leaves `/`: an S3 key as a path. */
export function percentEncodePath(path: string): string {
  return percentEncode(path).replaceAll("%2F", "/");
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

/** Query string sorted by name, then value; without the signature of a presigned URL. */
export function canonicalQuery(parameters: readonly QueryParameter[]): string {
  const pairs = parameters.filter(([name]) => name !== "X-Amz-Signature");
  if (!isSorted(pairs)) pairs.sort(compareParameters);
  let text = "";
  for (const [name, value] of pairs) text += `${text === "" ? "" : "&"}${name}=${value}`;
  return text;
}

function compareParameters([a, x]: QueryParameter, [b, y]: QueryParameter): number {
  return a < b ? -1 : a > b ? 1 : x < y ? -1 : x > y ? 1 : 0;
}

/** As clients mostly send them. */
function isSorted(pairs: readonly QueryParameter[]): boolean {
  let before: QueryParameter | undefined;
  for (const pair of pairs) {
    if (before !== undefined && compareParameters(before, pair) > 0) return false;
    before = pair;
  }
  return true;
}

/** Trimmed at both ends, runs of white space one blank. */
function compact(value: string): string {
  return /^[ \t]|[ \t]$|[ \t]{2}|\t/.test(value) ? value.replace(/^[ \t]+|[ \t]+$/g, "").replace(/[ \t]+/g, " ") : value;
}

/** `name:value\n` of every signed header, and the names joined by `;`. @param names lower case */
export function canonicalHeaders(
  values: ReadonlyMap<string, readonly string[]>,
  names: readonly string[],
): { lines: string; list: string } {
  const sorted = isAscending(names) ? names : [...new Set(names)].sort();
  let lines = "";
  for (const name of sorted) {
    const found = values.get(name) ?? [];
    lines += `${name}:${found.length === 1 ? compact(found[0] ?? "") : found.map(compact).join(",")}\n`;
  }
  return { lines, list: sorted.join(";") };
}

/** As clients mostly send them: sorted, none twice. */
function isAscending(names: readonly string[]): boolean {
  for (let i = 1; i < names.length; i++) if (!((names[i - 1] ?? "") < (names[i] ?? ""))) return false;
  return true;
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
  const { rawPath, parameters, headers } = partsOf(head);
  const { lines, list } = canonicalHeaders(headers, parts.signedHeaders);
  const tail = `\n${canonicalQuery(parameters)}\n${lines}\n${list}\n${parts.payloadHash}`;
  const paths = isS3 ? s3CanonicalPaths(rawPath) : [plainCanonicalPath(rawPath)];
  return paths.map((canonicalPath) => `${head.method}\n${canonicalPath}${tail}`);
}
