/**
 * Wildcard matching that cannot be made slow. A pattern is cut at its `*` into pieces; each piece is searched from
 * where the one before ended and never moved again, so there is no backtracking: `*a*a*a*…` is linear, and the worst
 * piece with `?` costs text × piece. Source: authorization reference §1.3, §1.4; ARNs are compared field by field.
 */
import { hasVariable, lengthOf, substitute, tokenize, type Lookup, type Token } from "./template.js";
import { spend } from "./work.js";

/** A compiled wildcard pattern. */
export type Glob =
  | { readonly kind: "any" }
  | { readonly kind: "exact"; readonly text: string }
  /** Pieces between runs; the first is anchored at the start, the last at the end; at least two. */
  | { readonly kind: "pieces"; readonly pieces: readonly string[] }
  /** With `?`: pieces of code points, `ONE` for the wildcard; a single piece is anchored at both ends. */
  | { readonly kind: "points"; readonly pieces: readonly (readonly number[])[] };

const ONE = -1;
/** What taking a character's code point into a piece costs, in comparisons. */
const POINT_COST = 32;

/** @param tokens without variables */
export function compileGlob(tokens: readonly Token[]): Glob {
  if (tokens.some((token) => token.kind === "one")) return { kind: "points", pieces: pointPieces(tokens) };
  const pieces: string[] = [""];
  for (const token of tokens) {
    if (token.kind === "run") pieces.push("");
    if (token.kind === "text") pieces[pieces.length - 1] += token.text;
  }
  const [first = ""] = pieces;
  if (pieces.length === 1) return { kind: "exact", text: first };
  if (pieces.every((piece) => piece === "")) return { kind: "any" };
  return { kind: "pieces", pieces };
}

/** Pattern without variables. */
export const globOf = (pattern: string): Glob => compileGlob(tokenize(pattern, { wildcards: true, variables: false }));

function pointPieces(tokens: readonly Token[]): number[][] {
  let piece: number[] = [];
  const pieces = [piece];
  for (const token of tokens) {
    if (token.kind === "one") piece.push(ONE);
    if (token.kind === "text") for (const char of token.text) piece.push(char.codePointAt(0) ?? 0);
    if (token.kind === "run") {
      piece = [];
      pieces.push(piece);
    }
  }
  return pieces;
}

/** Does the whole of `text` match? Case-sensitive; `?` is one code point. */
export function matchesGlob(glob: Glob, text: string): boolean {
  switch (glob.kind) {
    case "any":
      return true;
    case "exact":
      return glob.text === text;
    case "pieces":
      return matchesPieces(glob.pieces, text);
    case "points":
      return matchesPoints(glob.pieces, text);
  }
}

function matchesPieces(pieces: readonly string[], text: string): boolean {
  const first = pieces[0] ?? "";
  const last = pieces[pieces.length - 1] ?? "";
  if (text.length < first.length + last.length || !text.startsWith(first) || !text.endsWith(last)) return false;
  let at = first.length;
  const end = text.length - last.length;
  for (let index = 1; index < pieces.length - 1; index += 1) {
    const piece = pieces[index] ?? "";
    // Long literals, too, can be chosen so that a search goes over them again and again.
    spend((end - at) * Math.ceil(piece.length / 64));
    const found = text.indexOf(piece, at);
    if (found < 0 || found + piece.length > end) return false;
    at = found + piece.length;
  }
  return true;
}

function matchesPoints(pieces: readonly (readonly number[])[], text: string): boolean {
  const first = pieces[0] ?? [];
  const last = pieces[pieces.length - 1] ?? [];
  let at = behindPiece(first, text, 0);
  if (pieces.length === 1) return at === text.length;
  const end = startOfLast(text, last.length);
  if (at < 0 || end < at || behindPiece(last, text, end) < 0) return false;
  for (let index = 1; index < pieces.length - 1; index += 1) {
    const piece = pieces[index] ?? [];
    let behind = behindPiece(piece, text, at);
    while (behind < 0 && at < end) {
      at += unitsAt(text, at);
      behind = behindPiece(piece, text, at);
    }
    if (behind < 0 || behind > end) return false;
    at = behind;
  }
  return true;
}

/** Where `text` goes on behind `piece`, which must begin at `at`; -1: it does not. Offsets are UTF-16 units. */
function behindPiece(piece: readonly number[], text: string, at: number): number {
  let index = 0;
  while (index < piece.length && at < text.length) {
    const point = text.codePointAt(at) ?? 0;
    const wanted = piece[index];
    if (wanted !== ONE && wanted !== point) break;
    at += point > 0xffff ? 2 : 1;
    index += 1;
  }
  spend(index + 1);
  return index === piece.length ? at : -1;
}

/** Where the last `points` code points of `text` begin; -1 when it has fewer. */
function startOfLast(text: string, points: number): number {
  let at = text.length;
  for (let left = points; left > 0; left -= 1) {
    if (at <= 0) return -1;
    at -= at > 1 && unitsAt(text, at - 2) === 2 ? 2 : 1;
  }
  spend(points);
  return at;
}

const unitsAt = (text: string, at: number): 1 | 2 => ((text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1);

/** A string with wildcards and perhaps variables; without variables compiled once. */
export interface Pattern {
  readonly glob: Glob | undefined;
  readonly tokens: readonly Token[];
}

export function patternOf(tokens: readonly Token[]): Pattern {
  return { glob: hasVariable(tokens) ? undefined : compileGlob(tokens), tokens };
}

/** @returns undefined when a variable has neither value nor default: the pattern matches nothing */
export function globFor(pattern: Pattern, lookup: Lookup): Glob | undefined {
  if (pattern.glob !== undefined) return pattern.glob;
  const tokens = substitute(pattern.tokens, lookup);
  if (tokens === undefined) return undefined;
  if (tokens.some((token) => token.kind === "one")) spend(POINT_COST * lengthOf(tokens));
  return compileGlob(tokens);
}

/** An ARN, or the `*` of actions without resource, with its six fields. */
export interface SplitArn {
  readonly text: string;
  /** Undefined when `text` has fewer than six fields. */
  readonly fields: readonly string[] | undefined;
}

/** The sixth field keeps its colons. */
export function splitArn(text: string): SplitArn {
  const fields = splitFields(text);
  return { text, fields: fields.length === 6 ? fields : undefined };
}

function splitFields(text: string): string[] {
  const fields: string[] = [];
  let from = 0;
  while (fields.length < 5) {
    const colon = text.indexOf(":", from);
    if (colon < 0) break;
    fields.push(text.slice(from, colon));
    from = colon + 1;
  }
  fields.push(text.slice(from));
  return fields;
}

/** A pattern over ARNs. */
export interface ArnPattern {
  /** The pattern `*`. */
  readonly everything: boolean;
  /** The first five fields. */
  readonly head: readonly Pattern[];
  /** The sixth field. */
  readonly tail: Pattern;
  /**
   * The whole pattern as one wildcard over the whole ARN, where one of its first five fields ends in `*`: AWS lets
   * such a `*` expand over colons. Strictly by field for Allow, either reading for Deny (NotResource the other way
   * round), so that both fail closed (reference §1.4, recommendation).
   */
  readonly crossing: Pattern | undefined;
  /** Neither `*` nor begun with the field `arn`, or a variable where none may be: matches nothing. */
  readonly invalid: boolean;
  /** Had the text six fields? */
  readonly complete: boolean;
}

/** Where variables count: `sixth` in Resource, `every` in conditions (reference §1.4, §1.6); nowhere before 2012-10-17. */
export type VariableFields = "none" | "sixth" | "every";

/** @param pattern fields that are missing at the end count as `*` */
export function compileArn(pattern: string, variables: VariableFields): ArnPattern {
  const fields = patternFields(tokenize(pattern, { wildcards: true, variables: variables !== "none" }));
  const complete = fields.length === 6;
  while (fields.length < 6) fields.push([{ kind: "run" }]);
  const head = fields.slice(0, 5);
  const tail = fields[5] ?? [];
  const colon: Token = { kind: "text", text: ":" };
  const crosses = head.some((field) => field.at(-1)?.kind === "run");
  const misplaced = variables !== "every" && head.some(hasVariable);
  return {
    everything: pattern === "*",
    head: head.map(patternOf),
    tail: patternOf(tail),
    crossing: crosses ? patternOf([...head.flatMap((tokens) => [...tokens, colon]), ...tail]) : undefined,
    invalid: pattern !== "*" && (misplaced || !pattern.startsWith("arn:")),
    complete,
  };
}

/** Cut at the first five colons of the literal text: a variable's name has colons of its own. */
function patternFields(tokens: readonly Token[]): Token[][] {
  let field: Token[] = [];
  const fields = [field];
  for (const token of tokens) {
    if (token.kind !== "text") {
      field.push(token);
      continue;
    }
    let { text } = token;
    for (let colon = text.indexOf(":"); colon >= 0 && fields.length < 6; colon = text.indexOf(":")) {
      if (colon > 0) field.push({ kind: "text", text: text.slice(0, colon) });
      text = text.slice(colon + 1);
      field = [];
      fields.push(field);
    }
    if (text !== "") field.push({ kind: "text", text });
  }
  return fields;
}

/**
 * @param crossing take the wider reading of `ArnPattern.crossing` as well: for Deny
 * @returns undefined when a variable of the pattern has no value
 */
export function matchesArn(pattern: ArnPattern, arn: SplitArn, lookup: Lookup, crossing: boolean): boolean | undefined {
  if (pattern.everything) return true;
  if (pattern.invalid) return false;
  const tail = globFor(pattern.tail, lookup);
  if (tail === undefined) return undefined;
  const fields = arn.fields;
  if (fields !== undefined && matchesGlob(tail, fields[5] ?? "") && headMatches(pattern.head, fields, lookup)) return true;
  if (!crossing || pattern.crossing === undefined) return false;
  const whole = globFor(pattern.crossing, lookup);
  return whole !== undefined && matchesGlob(whole, arn.text);
}

function headMatches(head: readonly Pattern[], fields: readonly string[], lookup: Lookup): boolean {
  for (let index = 0; index < head.length; index += 1) {
    const pattern = head[index];
    const glob = pattern === undefined ? undefined : globFor(pattern, lookup);
    if (glob === undefined || !matchesGlob(glob, fields[index] ?? "")) return false;
  }
  return true;
}
