/**
 * A policy string cut into tokens: literal text, wildcards, policy variables. Cutting happens once, substitution at
 * each request and *after* the cut, so that a `*`, `:` or `/` inside a tag value is only ever literal text.
 * Source: authorization reference §1.6.
 */
import { spend } from "./work.js";

export type Token =
  | { readonly kind: "text"; readonly text: string }
  /** `*` any run, `?` one character. */
  | { readonly kind: "run" }
  | { readonly kind: "one" }
  | { readonly kind: "variable"; readonly key: string; readonly fallback?: string };

/** Value of a condition key for a variable; undefined: none, or not a single value. */
export type Lookup = (key: string) => string | undefined;

/** Which characters of a policy string are special. */
export interface TemplateRules {
  readonly wildcards: boolean;
  /** Only with Version 2012-10-17. */
  readonly variables: boolean;
}

/** The tokens of `text`; neighbouring literals are joined, runs of `*` are one. */
export function tokenize(text: string, rules: TemplateRules): readonly Token[] {
  const tokens: Token[] = [];
  let literal = "";
  const flush = (): void => {
    if (literal !== "") tokens.push({ kind: "text", text: literal });
    literal = "";
  };
  for (let at = 0; at < text.length; at += 1) {
    const char = text.charAt(at);
    if (rules.wildcards && (char === "*" || char === "?")) {
      flush();
      if (char === "?") tokens.push({ kind: "one" });
      else if (tokens.at(-1)?.kind !== "run") tokens.push({ kind: "run" });
      continue;
    }
    const variable = rules.variables && char === "$" ? variableAt(text, at) : undefined;
    if (variable === undefined) {
      literal += char;
      continue;
    }
    at = variable.end - 1;
    if (typeof variable.meaning === "string") {
      literal += variable.meaning;
    } else {
      flush();
      tokens.push(variable.meaning);
    }
  }
  flush();
  return tokens;
}

const VARIABLE = /^([^,'{}$*?]+)(?:, '([^']*)')?$/;

/** The variable that begins at `at`; undefined when the text there is no variable and hence literal. */
function variableAt(text: string, at: number): { meaning: string | Token; end: number } | undefined {
  if (text[at + 1] !== "{") return undefined;
  const close = closingBrace(text, at + 2);
  if (close < 0) return undefined;
  const inner = text.slice(at + 2, close);
  const end = close + 1;
  if (inner === "*" || inner === "?" || inner === "$") return { meaning: inner, end };
  const parts = VARIABLE.exec(inner);
  const key = parts?.[1];
  if (key === undefined) return undefined;
  const fallback = parts?.[2];
  return { meaning: { kind: "variable", key, ...(fallback === undefined ? {} : { fallback }) }, end };
}

/** The `}` that ends a variable, a quoted default skipped; longer than any key or default that means something: none. */
function closingBrace(text: string, from: number): number {
  const MAX_VARIABLE = 1024;
  let quoted = false;
  for (let at = from; at < text.length && at - from <= MAX_VARIABLE; at += 1) {
    const char = text[at];
    if (char === "'") quoted = !quoted;
    if (char === "}" && !quoted) return at;
  }
  return -1;
}

export const hasVariable = (tokens: readonly Token[]): boolean => tokens.some((token) => token.kind === "variable");

/** `tokens` with every variable replaced by its value, as literal text; undefined when one has none and no default. */
export function substitute(tokens: readonly Token[], lookup: Lookup): readonly Token[] | undefined {
  const out: Token[] = [];
  for (const token of tokens) {
    if (token.kind !== "variable") {
      out.push(token);
      continue;
    }
    const value = lookup(token.key) ?? token.fallback;
    if (value === undefined) return undefined;
    // Many variables with one long value are a text far longer than policy and request together.
    spend(value.length);
    out.push({ kind: "text", text: value });
  }
  return out;
}

/** Characters of the literal text among `tokens`. */
export const lengthOf = (tokens: readonly Token[]): number =>
  tokens.reduce((length, token) => length + (token.kind === "text" ? token.text.length : 0), 0);

/** The text of tokens without wildcards and variables. */
export function plainText(tokens: readonly Token[]): string {
  let out = "";
  for (const token of tokens) if (token.kind === "text") out += token.text;
  return out;
}
