/**
 * XML tree → typed structure, compiled to closures per shape on first use. Unknown elements are ignored; what AWS answers
 * with MalformedXML throws XmlError: a wrong root, a missing required member, a scalar twice, a bad number, boolean, time
 * or enum value.
 */
import { OPEN_ENUMS } from "./constraints/s3.js";
import type { MemberTable, ServiceTable, TypeRef } from "./shape.js";
import { structureOf } from "./tables.js";
import { parseTimestamp } from "./timestamps.js";
import { XmlError, type XmlNode } from "./xml-parse.js";

export type NodeDecoder = (node: XmlNode) => unknown;

const caches = new WeakMap<ServiceTable, Map<string, NodeDecoder>>();

/** Decoder of a structure; recursion in shapes is resolved through the cache. */
export function structureDecoder(table: ServiceTable, name: string): NodeDecoder {
  let cache = caches.get(table);
  if (cache === undefined) caches.set(table, (cache = new Map()));
  const found = cache.get(name);
  if (found !== undefined) return found;
  let decode: NodeDecoder | undefined;
  const entry: NodeDecoder = (node) => (decode ??= compileStructure(table, name))(node);
  cache.set(name, entry);
  return entry;
}

interface MemberDecoder {
  readonly member: string;
  readonly flat: boolean;
  readonly decode: NodeDecoder;
}

function compileStructure(table: ServiceTable, name: string): NodeDecoder {
  const shape = structureOf(table, name);
  if (shape === undefined) throw new Error(`invariant: no structure ${name} in ${table.service}`);
  const elements = new Map<string, MemberDecoder>();
  const attributes: (readonly [string, string])[] = [];
  for (const [member, entry] of Object.entries(shape.members)) {
    if (entry.in !== undefined) continue;
    const wire = entry.name ?? member;
    if (entry.attribute === true) attributes.push([wire.slice(wire.indexOf(":") + 1), member]);
    else elements.set(wire, memberDecoder(table, member, entry));
  }
  const bodyMembers = new Set([...elements.values()].map((each) => each.member));
  const required = (shape.required ?? []).filter((member) => bodyMembers.has(member));
  return (node) => {
    const value: Record<string, unknown> = {};
    for (const [attribute, member] of attributes) {
      const text = node.attributes?.get(attribute);
      if (text !== undefined) value[member] = text;
    }
    for (const child of node.children) {
      const entry = elements.get(child.name);
      if (entry === undefined) continue;
      const before = value[entry.member];
      if (entry.flat) {
        if (before === undefined) value[entry.member] = [entry.decode(child)];
        else (before as unknown[]).push(entry.decode(child));
      } else {
        if (before !== undefined) throw new XmlError(`${child.name} twice`);
        value[entry.member] = entry.decode(child);
      }
    }
    for (const member of required) if (value[member] === undefined) throw new XmlError(`${member} is missing`);
    return value;
  };
}

function memberDecoder(table: ServiceTable, member: string, entry: MemberTable): MemberDecoder {
  const flat = entry.flat === true && typeof entry.type === "object";
  const type = flat && typeof entry.type === "object" && "list" in entry.type ? entry.type.list : entry.type;
  return { member, flat, decode: checked(valueDecoder(table, type), table, entry, !flat && isList(type)) };
}

const isList = (type: TypeRef): boolean => typeof type === "object" && "list" in type;

/** Adds the enum check; for a wrapped list, to each item. */
function checked(decode: NodeDecoder, table: ServiceTable, entry: MemberTable, each: boolean): NodeDecoder {
  if (entry.enum === undefined || OPEN_ENUMS.has(entry.enum)) return decode;
  const allowed = new Set<unknown>(table.enums[entry.enum]);
  return (node) => {
    const value = decode(node);
    const bad = each ? (value as unknown[]).some((item) => !allowed.has(item)) : !allowed.has(value);
    if (bad) throw new XmlError(`${node.name}: not one of the permitted values`);
    return value;
  };
}

/** Decoder of a value inside its element. */
export function valueDecoder(table: ServiceTable, type: TypeRef): NodeDecoder {
  if (typeof type === "object")
    return "list" in type ? listDecoder(table, type.list, type.item ?? "member") : mapDecoder(table, type.map);
  if (type.startsWith("#")) return structureDecoder(table, type.slice(1));
  if (type.startsWith("timestamp")) return decodeTime;
  switch (type) {
    case "number":
      return decodeNumber;
    case "boolean":
      return decodeBoolean;
    case "blob":
      return (node) => Buffer.from(scalar(node), "base64");
    default:
      return scalar;
  }
}

function listDecoder(table: ServiceTable, type: TypeRef, item: string): NodeDecoder {
  const decode = valueDecoder(table, type);
  return (node) => node.children.filter((child) => child.name === item).map(decode);
}

function mapDecoder(table: ServiceTable, type: TypeRef): NodeDecoder {
  const decode = valueDecoder(table, type);
  return (node) => {
    const entries: [string, unknown][] = [];
    for (const child of node.children) {
      const key = child.children.find((each) => each.name === "key");
      const value = child.children.find((each) => each.name === "value");
      if (key !== undefined && value !== undefined) entries.push([key.text, decode(value)]);
    }
    return Object.fromEntries(entries);
  };
}

function scalar(node: XmlNode): string {
  if (node.children.length > 0) throw new XmlError(`${node.name} must not have elements`);
  return node.text;
}

function decodeNumber(node: XmlNode): number {
  const text = scalar(node).trim();
  if (!/^[+-]?\d{1,15}$/.test(text)) throw new XmlError(`${node.name} is not an integer`);
  return Number(text);
}

function decodeBoolean(node: XmlNode): boolean {
  const text = scalar(node).trim().toLowerCase();
  if (text === "true" || text === "1") return true;
  if (text === "false" || text === "0") return false;
  throw new XmlError(`${node.name} is not a boolean`);
}

function decodeTime(node: XmlNode): Date {
  const time = parseTimestamp(scalar(node));
  if (time === undefined) throw new XmlError(`${node.name} is not a time`);
  return time;
}
