/** Values in headers and query parameters ↔ typed members, with S3's errors for bad ones. */
import { ServiceError } from "../lib/errors.js";
import { INTEGER_BOUNDS, INTEGER_MESSAGES, QUERY_ENUMS } from "./constraints/s3.js";
import type { MemberTable } from "./shape.js";
import { formatTimestamp, parseTimestamp } from "./timestamps.js";

/** Conditional headers with a bad date count as absent (RFC 9110 §13.1.3). */
const IGNORED_WHEN_BAD = /(?:^|-)if-(?:un)?modified-since$/;

function invalid(entry: MemberTable, value: string, message: string): ServiceError {
  return new ServiceError("InvalidArgument", message, {
    status: 400,
    fields: { ArgumentName: entry.name ?? "", ArgumentValue: value },
  });
}

/**
 * One header or query value.
 * @returns undefined for an empty number, boolean or time, and for dates that count as absent
 * @throws ServiceError InvalidArgument
 */
export function parseValue(entry: MemberTable, text: string): unknown {
  const { type } = entry;
  if (typeof type === "object") return "list" in type ? splitList(text) : undefined;
  if (type === "string") return checkedText(entry, text);
  const trimmed = text.trim();
  if (trimmed === "") return undefined;
  if (type === "number") return parseInteger(entry, trimmed);
  if (type === "boolean") return parseBoolean(entry, trimmed);
  const time = parseTimestamp(trimmed);
  if (time === undefined && !IGNORED_WHEN_BAD.test(entry.name ?? "")) throw invalid(entry, text, "Invalid date");
  return time;
}

function splitList(text: string): readonly string[] {
  return text
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
}

function checkedText(entry: MemberTable, text: string): string {
  const name = entry.name ?? "";
  if (entry.in !== "query") return text;
  const choice = QUERY_ENUMS[name];
  if (choice !== undefined && !choice.values.includes(text)) throw invalid(entry, text, choice.message);
  if (name.startsWith("response-") && !isHeaderSafe(text)) {
    throw invalid(entry, text, "Header value cannot be represented using ISO-8859-1.");
  }
  return text;
}

function parseInteger(entry: MemberTable, text: string): number {
  const name = entry.name ?? "";
  const value = /^[+-]?\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  const [min, max] = INTEGER_BOUNDS[name] ?? [0, entry.in === "query" ? 2 ** 31 - 1 : Number.MAX_SAFE_INTEGER];
  if (Number.isNaN(value)) throw invalid(entry, text, INTEGER_MESSAGES[name] ?? `Invalid value for ${name}`);
  if (value < min || value > max) {
    const range =
      entry.in === "query" && INTEGER_BOUNDS[name] === undefined
        ? `Argument ${camel(name)} must be an integer between 0 and 2147483647`
        : undefined;
    throw invalid(entry, text, range ?? INTEGER_MESSAGES[name] ?? `Invalid value for ${name}`);
  }
  return value;
}

const camel = (name: string): string => name.replace(/-(\w)/g, (_found, letter: string) => letter.toUpperCase());

function parseBoolean(entry: MemberTable, text: string): boolean {
  const lower = text.toLowerCase();
  if (lower === "true") return true;
  if (lower === "false") return false;
  throw invalid(entry, text, `Invalid value for ${entry.name ?? ""}`);
}

/** RFC 9110 `token`: what a header may be called. */
export function isHeaderName(text: string): boolean {
  return /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(text);
}

/** A control character other than tab: no header line can carry it. */
export function hasControls(text: string): boolean {
  return /[\x00-\x08\x0a-\x1f\x7f]/.test(text);
}

const PLAIN = /^[\t\x20-\x7e]*$/;

/** Tab and printable latin-1 only: what one header line can hold. */
export function isHeaderSafe(text: string): boolean {
  return /^[\t\x20-\x7e\x80-\xff]*$/.test(text);
}

/**
 * A member's value as header text.
 * @throws ServiceError InvalidArgument for text with control characters: it would end the header line
 */
export function formatValue(entry: MemberTable, value: unknown): string {
  if (value instanceof Date) return formatTimestamp(value, entry.type === "timestamp:date-time" ? "iso" : "http-date");
  if (Array.isArray(value)) return value.map(String).join(",");
  return headerBytes(String(value));
}

/** Non-ASCII text as its UTF-8 bytes in latin-1 characters, which is what Node writes. */
export function headerBytes(text: string): string {
  if (PLAIN.test(text)) return text;
  const bytes = /[^\x00-\x7f]/.test(text) ? Buffer.from(text, "utf8").toString("latin1") : text;
  if (!isHeaderSafe(bytes))
    throw new ServiceError("InvalidArgument", "Header value cannot be represented using ISO-8859-1.", { status: 400 });
  return bytes;
}

/** User metadata: AWS returns non-ASCII values as RFC 2047 encoded words. */
export function metadataValue(text: string): string {
  return PLAIN.test(text) ? text : `=?UTF-8?B?${Buffer.from(text, "utf8").toString("base64")}?=`;
}
