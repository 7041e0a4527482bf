/**
 * A strict JSON reader for policy documents. JSON.parse keeps the last of two equal members and forgets where a text
 * stood; both matter here: a member written twice is a known bypass (one reader sees the first, another the last), and
 * principals are replaced in place so that every other byte of a stored policy comes back as it was given.
 * Source: RFC 8259; authorization reference §1.1 (duplicate keys), §7 #8 (BOM, NUL, depth).
 */

export interface JsonText {
  readonly kind: "string";
  readonly value: string;
  /** Offsets of the opening quote and behind the closing one. */
  readonly start: number;
  readonly end: number;
}
export interface JsonObject {
  readonly kind: "object";
  readonly members: ReadonlyMap<string, JsonNode>;
}
export interface JsonArray {
  readonly kind: "array";
  readonly items: readonly JsonNode[];
}
export type JsonNode =
  | JsonText
  | JsonObject
  | JsonArray
  /** As written: `1.0` stays `1.0`. */
  | { readonly kind: "number"; readonly raw: string }
  | { readonly kind: "boolean"; readonly value: boolean }
  | { readonly kind: "null" };

/** The text is not JSON, has a member twice, is nested too deep, or holds NUL or half a surrogate pair. */
export class JsonError extends Error {
  constructor(message: string, at: number) {
    super(`${message} at offset ${at}`);
    this.name = "JsonError";
  }
}

/** A policy needs six levels; more is refused before it can cost anything. */
const MAX_DEPTH = 16;
const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const LONE_SURROGATE = /\p{Surrogate}/u;

/**
 * @returns the tree of `text`
 * @throws JsonError see there; callers bound the length of `text` first
 */
export function parseStrictJson(text: string): JsonNode {
  const reader = new Reader(text);
  const node = reader.value(0);
  reader.skipSpace();
  if (reader.at !== text.length) throw new JsonError("unexpected text behind the document", reader.at);
  return node;
}

class Reader {
  readonly text: string;
  at = 0;

  constructor(text: string) {
    this.text = text;
  }

  skipSpace(): void {
    for (;;) {
      const code = this.text.charCodeAt(this.at);
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return;
      this.at += 1;
    }
  }

  value(depth: number): JsonNode {
    if (depth > MAX_DEPTH) throw new JsonError("nested too deep", this.at);
    this.skipSpace();
    const char = this.text[this.at];
    if (char === "{") return this.object(depth);
    if (char === "[") return this.array(depth);
    if (char === '"') return this.string();
    if (this.word("true")) return { kind: "boolean", value: true };
    if (this.word("false")) return { kind: "boolean", value: false };
    if (this.word("null")) return { kind: "null" };
    return this.number();
  }

  object(depth: number): JsonNode {
    const members = new Map<string, JsonNode>();
    this.at += 1;
    this.skipSpace();
    if (this.take("}")) return { kind: "object", members };
    for (;;) {
      this.skipSpace();
      const name = this.string().value;
      if (members.has(name)) throw new JsonError("member given twice", this.at);
      this.skipSpace();
      if (!this.take(":")) throw new JsonError("expected ':'", this.at);
      members.set(name, this.value(depth + 1));
      this.skipSpace();
      if (this.take("}")) return { kind: "object", members };
      if (!this.take(",")) throw new JsonError("expected ',' or '}'", this.at);
    }
  }

  array(depth: number): JsonNode {
    const items: JsonNode[] = [];
    this.at += 1;
    this.skipSpace();
    if (this.take("]")) return { kind: "array", items };
    for (;;) {
      items.push(this.value(depth + 1));
      this.skipSpace();
      if (this.take("]")) return { kind: "array", items };
      if (!this.take(",")) throw new JsonError("expected ',' or ']'", this.at);
    }
  }

  string(): JsonText {
    const start = this.at;
    if (!this.take('"')) throw new JsonError("expected a string", this.at);
    let escaped = false;
    for (;;) {
      const code = this.text.charCodeAt(this.at);
      // NaN (end of text) fails the comparison as well.
      if (!(code >= 0x20)) throw new JsonError("unterminated string or control character", this.at);
      this.at += 1;
      if (code === 0x22) break;
      if (code === 0x5c) {
        escaped = true;
        this.at += 1;
      }
    }
    const value = escaped ? unescaped(this.text.slice(start, this.at), start) : this.text.slice(start + 1, this.at - 1);
    if (value.includes("\u0000") || LONE_SURROGATE.test(value)) throw new JsonError("forbidden character", start);
    return { kind: "string", value, start, end: this.at };
  }

  number(): JsonNode {
    NUMBER.lastIndex = this.at;
    const raw = NUMBER.exec(this.text)?.[0];
    if (raw === undefined) throw new JsonError("unexpected character", this.at);
    this.at += raw.length;
    return { kind: "number", raw };
  }

  word(word: string): boolean {
    if (!this.text.startsWith(word, this.at)) return false;
    this.at += word.length;
    return true;
  }

  take(char: string): boolean {
    if (this.text[this.at] !== char) return false;
    this.at += 1;
    return true;
  }
}

function unescaped(literal: string, at: number): string {
  try {
    return JSON.parse(literal) as string;
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause;
    throw new JsonError("bad escape", at);
  }
}
