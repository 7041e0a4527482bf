/**
 * KMS (and Coffer's own verbs): JSON bodies, blobs as base64, times as epoch seconds. Decoding follows the shapes, so
 * unknown members vanish; JSON `null` counts as absent; the last of duplicate names wins, as at AWS.
 * Source: reference kms.md §3.
 */
import { ServiceError } from "../lib/errors.js";
import { isBase64 } from "../lib/bytes.js";
import type { ResponseIds, WireResponse } from "./contract.js";
import type { ServiceTable, TypeRef } from "./shape.js";
import { structureOf } from "./tables.js";
import { base64 } from "./xml-encode.js";

const MAX_DEPTH = 32;
export const JSON_CONTENT_TYPE = "application/x-amz-json-1.1";
const utf8 = new TextDecoder("utf-8", { fatal: true });

const serialization = (message: string, cause?: unknown): ServiceError =>
  new ServiceError("SerializationException", message, { status: 400, ...(cause === undefined ? {} : { cause }) });

/** Body → object; an empty body is `{}`. @throws ServiceError SerializationException */
export function parseJsonBody(body: Uint8Array): Readonly<Record<string, unknown>> {
  if (body.length === 0) return {};
  let value: unknown;
  try {
    const text = utf8.decode(body);
    assertShallow(text);
    value = /\\u[dD][89a-fA-F]/.test(text) ? JSON.parse(text, wellFormed) : JSON.parse(text);
  } catch (cause) {
    throw cause instanceof ServiceError ? cause : serialization("", cause);
  }
  if (value === null || typeof value !== "object" || Array.isArray(value))
    throw serialization("Start of structure or map found where not expected.");
  return value as Readonly<Record<string, unknown>>;
}

/** Half a surrogate pair, written as an escape, is no text: it has no bytes in UTF-8 and would be stored as another. */
function wellFormed(key: string, value: unknown): unknown {
  if (/\p{Surrogate}/u.test(key) || (typeof value === "string" && /\p{Surrogate}/u.test(value))) throw serialization("");
  return value;
}

/** Bounds nesting before anything recursive sees the text. */
function assertShallow(text: string): void {
  let depth = 0;
  let quoted = false;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (quoted) {
      if (code === 0x5c) at += 1;
      else if (code === 0x22) quoted = false;
    } else if (code === 0x22) quoted = true;
    else if (code === 0x7b || code === 0x5b) {
      if (++depth > MAX_DEPTH) throw serialization("");
    } else if (code === 0x7d || code === 0x5d) depth -= 1;
  }
}

type Decode = (value: unknown) => unknown;
const caches = new WeakMap<ServiceTable, Map<string, Decode>>();

/** @throws ServiceError SerializationException for values of the wrong JSON type */
export function decodeJson(table: ServiceTable, structure: string | undefined, body: Uint8Array): object {
  const value = parseJsonBody(body);
  return structure === undefined ? {} : (structureDecoder(table, structure)(value) as object);
}

function structureDecoder(table: ServiceTable, name: string): Decode {
  let cache = caches.get(table);
  if (cache === undefined) caches.set(table, (cache = new Map()));
  const found = cache.get(name);
  if (found !== undefined) return found;
  let compiled: Decode | undefined;
  const entry: Decode = (value) => (compiled ??= compileStructure(table, name))(value);
  cache.set(name, entry);
  return entry;
}

function compileStructure(table: ServiceTable, name: string): Decode {
  const members = Object.entries(structureOf(table, name)?.members ?? {}).map(
    ([member, entry]) => [member, decoder(table, entry.type)] as const,
  );
  return (value) => {
    const source = objectOf(value);
    const target: Record<string, unknown> = {};
    for (const [member, decode] of members) {
      const each = Object.hasOwn(source, member) ? source[member] : undefined;
      if (each !== undefined && each !== null) target[member] = decode(each);
    }
    return target;
  };
}

function decoder(table: ServiceTable, type: TypeRef): Decode {
  if (typeof type === "object") {
    const decode = decoder(table, "list" in type ? type.list : type.map);
    if ("list" in type)
      return (value) =>
        arrayOf(value)
          .filter((item) => item !== null)
          .map(decode);
    return (value) => {
      const entries = Object.entries(objectOf(value)).filter(([, each]) => each !== null);
      // fromEntries defines own properties: a key named `__proto__` stays a key.
      return Object.fromEntries(entries.map(([key, each]) => [key, decode(each)]));
    };
  }
  if (type.startsWith("#")) return structureDecoder(table, type.slice(1));
  if (type.startsWith("timestamp")) return decodeTime;
  switch (type) {
    case "number":
      return decodeInteger;
    case "long":
      return decodeLong;
    case "boolean":
      return (value) => expectType(value, "boolean", "Boolean");
    case "blob":
      return decodeBlob;
    default:
      return (value) => expectType(value, "string", "String");
  }
}

/** JSON's name for what was found, in the words of AWS's parser. */
function tokenOf(value: unknown): string {
  if (Array.isArray(value)) return "Unexpected list element";
  switch (typeof value) {
    case "string":
      return "STRING_VALUE";
    case "number":
      return "NUMBER_VALUE";
    case "boolean":
      return value ? "TRUE_VALUE" : "FALSE_VALUE";
    default:
      return "Start of structure or map";
  }
}

function expectType(value: unknown, type: "string" | "boolean", word: string): unknown {
  if (typeof value !== type) throw serialization(`${tokenOf(value)} can not be converted to a ${word}`);
  return value;
}

function objectOf(value: unknown): Readonly<Record<string, unknown>> {
  if (value === null || typeof value !== "object" || Array.isArray(value)) throw serialization(`Unexpected field type`);
  return value as Readonly<Record<string, unknown>>;
}

function arrayOf(value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw serialization("Expected list or null");
  return value;
}

function decodeInteger(value: unknown): number {
  if (typeof value !== "number") throw serialization(`${tokenOf(value)} can not be converted to an Integer`);
  const whole = Math.trunc(value);
  if (Math.abs(whole) > 2 ** 31) throw serialization("NUMBER_VALUE can not be converted to an Integer");
  return whole;
}

function decodeLong(value: unknown): number {
  if (!Number.isSafeInteger(value)) throw serialization(`${tokenOf(value)} can not be converted to a Long`);
  return value as number;
}

function decodeTime(value: unknown): Date {
  const time = typeof value === "number" ? new Date(value * 1000) : undefined;
  if (time === undefined || Number.isNaN(time.getTime()))
    throw serialization(`${tokenOf(value)} can not be converted to a Timestamp`);
  return time;
}

function decodeBlob(value: unknown): Uint8Array {
  if (typeof value !== "string" || !isBase64(value)) throw serialization(`${tokenOf(value)} can not be converted to a Blob`);
  return Buffer.from(value, "base64");
}

/** Output → response. Only the shape's members are written; operations without an output answer an empty body. */
export function encodeJson(table: ServiceTable, structure: string | undefined, output: unknown, ids: ResponseIds): WireResponse {
  if (structure === undefined) return jsonResponse(200, "", ids);
  const source = (output ?? {}) as Readonly<Record<string, unknown>>;
  const body: Record<string, unknown> = {};
  for (const member of Object.keys(structureOf(table, structure)?.members ?? {})) {
    if (source[member] !== undefined && source[member] !== null) body[member] = jsonValue(source[member]);
  }
  return jsonResponse(200, JSON.stringify(body), ids);
}

/** Any value in aws-json's form: times as epoch seconds, bytes as base64. */
export function jsonValue(value: unknown): unknown {
  if (value instanceof Date) return value.getTime() / 1000;
  if (value instanceof Uint8Array) return base64(value);
  if (Array.isArray(value)) return value.map(jsonValue);
  if (value === null || typeof value !== "object") return value;
  const entries = Object.entries(value).filter(([name, each]) => each !== undefined && !name.startsWith("$"));
  return Object.fromEntries(entries.map(([name, each]) => [name, jsonValue(each)]));
}

export function jsonResponse(status: number, text: string, ids: ResponseIds): WireResponse {
  const body = Buffer.from(text, "utf8");
  const headers = { "x-amzn-requestid": ids.requestId, "content-type": JSON_CONTENT_TYPE, "content-length": String(body.length) };
  return { status, headers, body };
}
