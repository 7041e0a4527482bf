/**
 * IAM and STS: flat form parameters in (`Tags.member.1.Key=…`), XML out. Source: reference authorization.md §6.1.
 */
import { ServiceError } from "../lib/errors.js";
import type { ResponseIds, WireResponse } from "./contract.js";
import type { ServiceTable, TypeRef } from "./shape.js";
import { structureOf } from "./tables.js";
import { parseTimestamp } from "./timestamps.js";
import { structureEncoder } from "./xml-encode.js";

const MAX_DEPTH = 16;
const MAX_PARAMETERS = 10_000;
export const QUERY_CONTENT_TYPE = "text/xml";

/** Parameters as a tree: `A.member.1.B=x` hangs below A, member, 1, B. */
interface Branch {
  value: string | undefined;
  readonly children: Map<string, Branch>;
}

const malformed = (message: string): ServiceError => new ServiceError("MalformedInput", message, { status: 400 });

/** @throws ServiceError MalformedInput */
export function decodeForm(table: ServiceTable, structure: string | undefined, form: ReadonlyMap<string, string>): object {
  if (structure === undefined) return {};
  return decodeStructure(table, structure, treeOf(form));
}

function treeOf(form: ReadonlyMap<string, string>): Branch {
  if (form.size > MAX_PARAMETERS) throw malformed("Too many parameters.");
  const root: Branch = { value: undefined, children: new Map() };
  for (const [name, value] of form) {
    const steps = name.split(".", MAX_DEPTH + 1);
    if (steps.length > MAX_DEPTH) throw malformed("Parameters are nested too deeply.");
    let branch = root;
    for (const step of steps) {
      let next = branch.children.get(step);
      if (next === undefined) branch.children.set(step, (next = { value: undefined, children: new Map() }));
      branch = next;
    }
    branch.value = value;
  }
  return root;
}

function decodeStructure(table: ServiceTable, name: string, branch: Branch): object {
  const value: Record<string, unknown> = {};
  for (const [member, entry] of Object.entries(structureOf(table, name)?.members ?? {})) {
    const child = branch.children.get(entry.name ?? member);
    const decoded = child === undefined ? undefined : decodeValue(table, entry.type, child, member);
    if (decoded !== undefined) value[member] = decoded;
  }
  return value;
}

function decodeValue(table: ServiceTable, type: TypeRef, branch: Branch, member: string): unknown {
  if (typeof type === "object") {
    if ("map" in type) return decodeMap(table, type.map, branch, member);
    const wrapper = branch.children.get(type.item ?? "member") ?? branch;
    return numbered(wrapper).map((item) => decodeValue(table, type.list, item, member));
  }
  if (type.startsWith("#")) return decodeStructure(table, type.slice(1), branch);
  const text = branch.value;
  if (text === undefined) return undefined;
  if (type.startsWith("timestamp")) return decodeTime(text, member);
  switch (type) {
    case "number":
      return decodeInteger(text, member);
    case "boolean":
      return decodeBoolean(text, member);
    case "blob":
      return Buffer.from(text, "base64");
    default:
      return text;
  }
}

function decodeMap(table: ServiceTable, type: TypeRef, branch: Branch, member: string): object {
  const entries: [string, unknown][] = [];
  for (const entry of numbered(branch.children.get("entry") ?? branch)) {
    const key = entry.children.get("key")?.value;
    const value = entry.children.get("value");
    if (key !== undefined && value !== undefined) entries.push([key, decodeValue(table, type, value, member)]);
  }
  return Object.fromEntries(entries);
}

/** Children `1`, `2`, … in numeric order. */
function numbered(branch: Branch): readonly Branch[] {
  return [...branch.children]
    .filter(([step]) => /^\d{1,6}$/.test(step))
    .sort(([a], [b]) => Number(a) - Number(b))
    .map(([, child]) => child);
}

function decodeInteger(text: string, member: string): number {
  if (!/^[+-]?\d{1,10}$/.test(text)) throw malformed(`Invalid value for ${member}: not an integer.`);
  return Number(text);
}

function decodeBoolean(text: string, member: string): boolean {
  const lower = text.toLowerCase();
  if (lower !== "true" && lower !== "false") throw malformed(`Invalid value for ${member}: must be true or false.`);
  return lower === "true";
}

function decodeTime(text: string, member: string): Date {
  const time = parseTimestamp(text);
  if (time === undefined) throw malformed(`Invalid value for ${member}: not a timestamp.`);
  return time;
}

/** Output → `<XResponse><XResult>…</XResult><ResponseMetadata>…`. */
export function encodeForm(
  table: ServiceTable,
  operation: string,
  structure: string | undefined,
  output: unknown,
  ids: ResponseIds,
): WireResponse {
  const result =
    structure === undefined
      ? ""
      : `<${operation}Result>${structureEncoder(table, structure).content(output ?? {})}</${operation}Result>`;
  const text =
    `<${operation}Response xmlns="${table.xmlNamespace}">${result}<ResponseMetadata><RequestId>${ids.requestId}</RequestId>` +
    `</ResponseMetadata></${operation}Response>`;
  return xmlResponse(200, text, ids);
}

export function xmlResponse(status: number, text: string, ids: ResponseIds): WireResponse {
  const body = Buffer.from(text, "utf8");
  return {
    status,
    headers: { "x-amzn-requestid": ids.requestId, "content-type": QUERY_CONTENT_TYPE, "content-length": String(body.length) },
    body,
  };
}
