/**
 * XML body → tree, bounded: no DTD, no entities but XML's five and characters, depth and element count limited. Strict
 * about well-formedness (saxes), tolerant about namespaces: only local names count (clients send S3's namespace, an older
 * one, or none).
 */
import { SaxesParser } from "saxes";

export interface XmlNode {
  /** Local name. */
  readonly name: string;
  /** By local name, so that `xsi:type` is `type`; undefined where there are none. */
  readonly attributes: ReadonlyMap<string, string> | undefined;
  readonly children: XmlNode[];
  /** All character data of this element, not of its children. */
  text: string;
}

/** The document is not well-formed or too large; callers turn it into their protocol's error. */
export class XmlError extends Error {}

export interface XmlLimits {
  readonly maxDepth: number;
  readonly maxElements: number;
}

/** 10 000 parts with number, ETag and some checksums; no document of S3 is deeper than 8. */
export const XML_LIMITS: XmlLimits = { maxDepth: 20, maxElements: 120_000 };

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false });
const MAX_ATTRIBUTES = 16;
/** `&#x1;` … `&#31;`: not XML 1.0, but the only way to name an S3 key that holds such a character. */
const CONTROL_REFERENCE = /&#(?:x0*([1-8bcef]|1[0-9a-f])|0*([1-8]|1[124-9]|2\d|3[01]));/gi;

/** @throws XmlError */
export function parseXml(body: Uint8Array, limits: XmlLimits = XML_LIMITS): XmlNode {
  let text: string;
  try {
    text = utf8.decode(body);
  } catch (cause) {
    throw new XmlError("body is not UTF-8", { cause });
  }
  const parser = new SaxesParser({ xmlns: false, fragment: false, position: false });
  const builder = new TreeBuilder(limits);
  parser.on("error", (cause) => {
    throw new XmlError("not well-formed", { cause });
  });
  parser.on("doctype", () => {
    throw new XmlError("a document type is not allowed");
  });
  // Counted as they come: a tag of a million attributes must not be read to its end.
  parser.on("attribute", () => builder.countAttribute());
  parser.on("opentag", (tag) => builder.open(tag.name, tag.attributes));
  parser.on("closetag", () => builder.close());
  parser.on("text", (value) => builder.text(value));
  parser.on("cdata", (value) => builder.text(value));
  parser.write(nameControlCharacters(text, parser.ENTITIES));
  parser.close();
  return builder.root();
}

/**
 * saxes refuses references to control characters. Each is renamed to an entity that only this document knows; CDATA
 * would show the new name, so documents with both are left to fail.
 */
function nameControlCharacters(text: string, entities: Record<string, string>): string {
  if (!text.includes("&#") || text.includes("<![CDATA[") || text.includes("&control-")) return text;
  return text.replace(CONTROL_REFERENCE, (_found, hex: string | undefined, decimal: string | undefined) => {
    const code = hex === undefined ? Number(decimal) : Number.parseInt(hex, 16);
    entities[`control-${code}`] = String.fromCharCode(code);
    return `&control-${code};`;
  });
}

class TreeBuilder {
  readonly #limits: XmlLimits;
  readonly #open: XmlNode[] = [];
  #root: XmlNode | undefined;
  #elements = 0;
  #attributes = 0;

  constructor(limits: XmlLimits) {
    this.#limits = limits;
  }

  countAttribute(): void {
    this.#attributes += 1;
    if (this.#attributes > MAX_ATTRIBUTES) throw new XmlError("too many attributes");
  }

  open(name: string, attributes: Readonly<Record<string, string>>): void {
    this.#attributes = 0;
    this.#elements += 1;
    if (this.#elements > this.#limits.maxElements) throw new XmlError("too many elements");
    if (this.#open.length >= this.#limits.maxDepth) throw new XmlError("nested too deeply");
    const node: XmlNode = { name: localName(name), attributes: attributeMap(attributes), children: [], text: "" };
    const parent = this.#open.at(-1);
    if (parent !== undefined) parent.children.push(node);
    else this.#root ??= node;
    this.#open.push(node);
  }

  close(): void {
    this.#open.pop();
  }

  text(value: string): void {
    const node = this.#open.at(-1);
    if (node !== undefined) node.text += value;
  }

  root(): XmlNode {
    if (this.#root === undefined) throw new XmlError("no element");
    return this.#root;
  }
}

/** @throws XmlError for what is no qualified name: `a:`, `:b`, `a:b:c` */
function localName(name: string): string {
  const colon = name.indexOf(":");
  if (colon < 0) return name;
  const local = name.slice(colon + 1);
  if (colon === 0 || local === "" || local.includes(":")) throw new XmlError("not a qualified name");
  return local;
}

function attributeMap(attributes: Readonly<Record<string, string>>): ReadonlyMap<string, string> | undefined {
  let map: Map<string, string> | undefined;
  for (const name in attributes) {
    if (name === "xmlns" || name.startsWith("xmlns:")) continue;
    map ??= new Map();
    map.set(localName(name), attributes[name] ?? "");
  }
  return map;
}
