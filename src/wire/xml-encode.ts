/**
 * Typed structure → XML text, compiled to closures per shape on first use: a listing of 1000 keys is one pass of string
 * concatenation. Also writes the responses of the query protocol, which differ in times and list items only.
 */
import type { Interleaved } from "./contract.js";
import type { MemberTable, ServiceTable, TypeRef } from "./shape.js";
import { structureOf } from "./tables.js";
import { formatTimestamp, type TimestampFormat } from "./timestamps.js";
import { escapeXml } from "./xml-write.js";

/** Content of an element, without its tags. */
type Content = (value: unknown) => string;
/** Whole element or elements of a member; "" if the value is undefined. */
type MemberEncoder = (owner: Readonly<Record<string, unknown>>) => string;

interface StructureEncoder {
  readonly content: Content;
  /** Attributes of the structure's own element, each with a leading space. */
  readonly attributes: (value: unknown) => string;
}

const caches = new WeakMap<ServiceTable, Map<string, StructureEncoder>>();

/** Encodes members that have no place of their own (headers and labels are not in the body). */
export function structureEncoder(table: ServiceTable, name: string): StructureEncoder {
  let cache = caches.get(table);
  if (cache === undefined) caches.set(table, (cache = new Map()));
  const found = cache.get(name);
  if (found !== undefined) return found;
  let compiled: StructureEncoder | undefined;
  const lazy = (): StructureEncoder => (compiled ??= compileStructure(table, name));
  const entry: StructureEncoder = { content: (value) => lazy().content(value), attributes: (value) => lazy().attributes(value) };
  cache.set(name, entry);
  return entry;
}

function compileStructure(table: ServiceTable, name: string): StructureEncoder {
  const shape = structureOf(table, name);
  if (shape === undefined) throw new Error(`invariant: no structure ${name} in ${table.service}`);
  const members: MemberEncoder[] = [];
  const byName = new Map<string, MemberEncoder>();
  const attributes: (readonly [string, string])[] = [];
  for (const [member, entry] of Object.entries(shape.members)) {
    if (entry.in !== undefined) continue;
    if (entry.attribute === true) attributes.push([entry.name ?? member, member]);
    else {
      const encode = memberEncoder(table, member, entry);
      members.push(encode);
      byName.set(member, encode);
    }
  }
  return {
    content(value) {
      const owner = value as Readonly<Record<string, unknown>>;
      const mixed = owner["$interleaved"] as Interleaved | undefined;
      let text = "";
      if (mixed !== undefined) return mixedContent(byName, owner, mixed);
      for (let i = 0; i < members.length; i++) text += members[i]?.(owner) ?? "";
      return text;
    },
    attributes:
      attributes.length === 0
        ? () => ""
        : (value) => {
            const owner = value as Readonly<Record<string, unknown>>;
            return attributes
              .map(([wire, member]) => (owner[member] === undefined ? "" : ` ${wire}="${escapeXml(String(owner[member]))}"`))
              .join("");
          },
  };
}

/** Flat lists whose items are written as one, where the first of them stands. */
function mixedContent(encoders: ReadonlyMap<string, MemberEncoder>, owner: Readonly<Record<string, unknown>>, mixed: Interleaved): string {
  let text = "";
  let items = mixed.items;
  for (const [member, encode] of encoders) {
    if (!mixed.members.includes(member)) {
      text += encode(owner);
      continue;
    }
    for (const [list, item] of items) text += encoders.get(list)?.({ [list]: [item] }) ?? "";
    items = [];
  }
  return text;
}

function memberEncoder(table: ServiceTable, member: string, entry: MemberTable): MemberEncoder {
  const tag = entry.name ?? member;
  const { type } = entry;
  const ns = entry.ns === undefined ? "" : ` xmlns${entry.ns[0] === "" ? "" : `:${entry.ns[0]}`}="${entry.ns[1]}"`;
  if (typeof type === "object" && "list" in type && entry.flat === true) {
    const each = element(table, tag, type.list, "");
    return (owner) => {
      const list = owner[member];
      if (list === undefined || list === null) return "";
      const items = list as readonly unknown[];
      let text = "";
      for (let i = 0; i < items.length; i++) text += each(items[i]);
      return text;
    };
  }
  if (type === "string") return stringMember(member, `<${tag}${ns}>`, `</${tag}>`);
  const one = element(table, tag, type, ns);
  return (owner) => {
    const value = owner[member];
    return value === undefined || value === null ? "" : one(value);
  };
}

/**
 * Most members of a listing: one closure instead of three saves a fifth of the page. Of many of them (storage class,
 * checksum type) a thousand entries have the same value: its element is kept.
 */
function stringMember(member: string, open: string, close: string): MemberEncoder {
  let last: unknown;
  let lastText = "";
  return (owner) => {
    const value = owner[member];
    if (value === undefined || value === null) return "";
    if (value === last) return lastText;
    const text = open + escapeXml(value as string) + close;
    if ((value as string).length <= KEPT_LENGTH) [last, lastText] = [value, text];
    return text;
  };
}

/** Longer texts are names, seldom the same twice. */
const KEPT_LENGTH = 16;

/** Encoder of one element with its tags. */
function element(table: ServiceTable, tag: string, type: TypeRef, ns: string): Content {
  const close = `</${tag}>`;
  if (typeof type === "string" && type.startsWith("#")) {
    const structure = structureEncoder(table, type.slice(1));
    return (value) => `<${tag}${ns}${structure.attributes(value)}>${structure.content(value)}${close}`;
  }
  const open = `<${tag}${ns}>`;
  const content = contentEncoder(table, type);
  return (value) => open + content(value) + close;
}

function contentEncoder(table: ServiceTable, type: TypeRef): Content {
  if (typeof type === "object") {
    if ("list" in type) {
      const item = element(table, type.item ?? "member", type.list, "");
      return (value) => (value as readonly unknown[]).map(item).join("");
    }
    const value = element(table, "value", type.map, "");
    return (map) =>
      Object.entries(map as object)
        .map(([key, each]) => `<entry><key>${escapeXml(key)}</key>${value(each)}</entry>`)
        .join("");
  }
  switch (type) {
    case "string":
      return (value) => escapeXml(value as string);
    case "number":
    case "boolean":
      return String;
    case "blob":
      return (value) => base64(value as Uint8Array);
    default: {
      const format = timeFormat(table, type);
      return (value) => formatTimestamp(value as Date, format);
    }
  }
}

function timeFormat(table: ServiceTable, type: string): TimestampFormat {
  if (type === "timestamp:http-date") return "http-date";
  if (table.protocol === "aws-query") return "iso-seconds";
  return type === "timestamp:date-time" ? "iso" : "s3";
}

export function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
}
