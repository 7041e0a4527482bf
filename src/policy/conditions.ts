/**
 * Condition operators. A clause is compiled once; `holds` answers for one request. Where AWS leaves a case undefined,
 * the answer depends on the effect and fails closed: Allow does not match, Deny does.
 * Source: authorization reference §1.5 (both tables), §1.6.
 */
import { compileArn, globFor, matchesArn, matchesGlob, patternOf, splitArn, type ArnPattern, type Pattern } from "./match.js";
import { normalizeKey, type Scope } from "./scope.js";
import { hasVariable, plainText, substitute, tokenize, type Lookup, type Token } from "./template.js";
import type { ConditionClause, Policy } from "./types.js";
import {
  compareDecimals, inRange, parseAddress, parseBase64, parseBool, parseDate, parseDecimal, parseRange,
} from "./values.js";

/**
 * Does one request value equal (or lie below, inside …) one of the policy's values? Undefined: the request value is
 * not of the operator's type.
 */
type Test = (value: string, lookup: Lookup) => boolean | undefined;

/** Compiles policy values; undefined when one is not of the operator's type. */
type Compile = (values: readonly string[], variables: boolean) => Test | undefined;

interface Operator {
  readonly negated: boolean;
  readonly compile: Compile;
}

/** A condition clause, ready to be asked. */
export interface Clause {
  /** Normalised. */
  readonly key: string;
  readonly qualifier: "none" | "all" | "any";
  readonly ifExists: boolean;
  readonly negated: boolean;
  /** `Null`: for each policy value, must the key be absent? */
  readonly absence: readonly boolean[] | undefined;
  /** Undefined: unknown operator or a policy value that is not of its type; such a clause fails closed. */
  readonly test: Test | undefined;
}

const anyOf = <T>(items: readonly T[], is: (item: T) => boolean): boolean => {
  for (const item of items) if (is(item)) return true;
  return false;
};

/** Text operators without wildcards; values with variables are built at each request. */
function textTest(fold: (text: string) => string): Compile {
  return (values, variables) => {
    const templates = values.map((value) => tokenize(value, { wildcards: false, variables }));
    const fixed = new Set(templates.filter((tokens) => !hasVariable(tokens)).map((tokens) => fold(plainText(tokens))));
    const open = templates.filter(hasVariable);
    return (value, lookup) => {
      const folded = fold(value);
      return fixed.has(folded) || anyOf(open, (tokens) => substitutedText(tokens, lookup, fold) === folded);
    };
  };
}

function substitutedText(tokens: readonly Token[], lookup: Lookup, fold: (text: string) => string): string | undefined {
  const filled = substitute(tokens, lookup);
  return filled === undefined ? undefined : fold(plainText(filled));
}

const likeTest: Compile = (values, variables) => {
  const patterns = values.map((value) => patternOf(tokenize(value, { wildcards: true, variables })));
  return (value, lookup) => anyOf(patterns, (pattern) => patternMatches(pattern, value, lookup));
};

function patternMatches(pattern: Pattern, value: string, lookup: Lookup): boolean {
  const glob = globFor(pattern, lookup);
  return glob !== undefined && matchesGlob(glob, value);
}

/** Six fields, compared one by one; `*` alone is any ARN. */
const arnTest: Compile = (values, variables) => {
  const patterns: ArnPattern[] = [];
  for (const value of values) {
    const pattern = compileArn(value, variables ? "every" : "none");
    if (!pattern.everything && (!pattern.complete || pattern.invalid)) return undefined;
    patterns.push(pattern);
  }
  return (value, lookup) => {
    const arn = splitArn(value);
    if (arn.fields === undefined || arn.fields[0] !== "arn") return undefined;
    return anyOf(patterns, (pattern) => matchesArn(pattern, arn, lookup, false) === true);
  };
};

/** Operators whose values are parsed on both sides and then compared. */
function typedTest<P, R>(parsePolicy: (text: string) => P | undefined, parseRequest: (text: string) => R | undefined,
  compare: (request: R, policy: P) => boolean): Compile {
  return (values) => {
    const parsed: P[] = [];
    for (const value of values) {
      const one = parsePolicy(value);
      if (one === undefined) return undefined;
      parsed.push(one);
    }
    return (value) => {
      const request = parseRequest(value);
      return request === undefined ? undefined : anyOf(parsed, (one) => compare(request, one));
    };
  };
}

const numeric = (is: (order: number) => boolean): Compile =>
  typedTest(parseDecimal, parseDecimal, (request, policy) => is(compareDecimals(request, policy)));
const date = (is: (order: number) => boolean): Compile =>
  typedTest(parseDate, parseDate, (request, policy) => is(request - policy));
const identity = (text: string): string => text;
const lowerCase = (text: string): string => text.toLowerCase();
const addressTest = typedTest(parseRange, parseAddress, inRange);

const positive = (compile: Compile): Operator => ({ negated: false, compile });
const negated = (compile: Compile): Operator => ({ negated: true, compile });

const OPERATORS: ReadonlyMap<string, Operator> = new Map([
  ["StringEquals", positive(textTest(identity))],
  ["StringNotEquals", negated(textTest(identity))],
  ["StringEqualsIgnoreCase", positive(textTest(lowerCase))],
  ["StringNotEqualsIgnoreCase", negated(textTest(lowerCase))],
  ["StringLike", positive(likeTest)],
  ["StringNotLike", negated(likeTest)],
  ["NumericEquals", positive(numeric((order) => order === 0))],
  ["NumericNotEquals", negated(numeric((order) => order === 0))],
  ["NumericLessThan", positive(numeric((order) => order < 0))],
  ["NumericLessThanEquals", positive(numeric((order) => order <= 0))],
  ["NumericGreaterThan", positive(numeric((order) => order > 0))],
  ["NumericGreaterThanEquals", positive(numeric((order) => order >= 0))],
  ["DateEquals", positive(date((order) => order === 0))],
  ["DateNotEquals", negated(date((order) => order === 0))],
  ["DateLessThan", positive(date((order) => order < 0))],
  ["DateLessThanEquals", positive(date((order) => order <= 0))],
  ["DateGreaterThan", positive(date((order) => order > 0))],
  ["DateGreaterThanEquals", positive(date((order) => order >= 0))],
  ["Bool", positive(typedTest(parseBool, parseBool, (request, policy) => request === policy))],
  ["BinaryEquals", positive(typedTest(parseBase64, parseBase64, (request, policy) => request === policy))],
  ["IpAddress", positive(addressTest)],
  ["NotIpAddress", negated(addressTest)],
  ["ArnEquals", positive(arnTest)],
  ["ArnLike", positive(arnTest)],
  ["ArnNotEquals", negated(arnTest)],
  ["ArnNotLike", negated(arnTest)],
]);

interface OperatorName {
  readonly qualifier: Clause["qualifier"];
  readonly base: string;
  readonly ifExists: boolean;
}

function splitOperator(name: string): OperatorName {
  const qualifier = name.startsWith("ForAllValues:") ? "all" : name.startsWith("ForAnyValue:") ? "any" : "none";
  const rest = qualifier === "none" ? name : name.slice(name.indexOf(":") + 1);
  const ifExists = rest.endsWith("IfExists");
  return { qualifier, ifExists, base: ifExists ? rest.slice(0, -"IfExists".length) : rest };
}

/** `Null` stands alone: without IfExists and without a set qualifier. */
export const isKnownOperator = (name: string): boolean => name === "Null" || OPERATORS.has(splitOperator(name).base);

/** The operator without qualifier and IfExists, and whether it is negated; for questions about policies themselves. */
export function operatorParts(name: string): OperatorName & { readonly negated: boolean } {
  const parts = splitOperator(name);
  return { ...parts, negated: OPERATORS.get(parts.base)?.negated ?? false };
}

/** Is one of the policy's values not of the operator's type? For validation. */
export function hasBadValue(clause: ConditionClause, version: Policy["version"]): boolean {
  return isKnownOperator(clause.operator) && compileClause(clause, version).test === undefined;
}

/** Never throws: what it does not understand becomes a clause that fails closed. */
export function compileClause(clause: ConditionClause, version: Policy["version"]): Clause {
  const key = normalizeKey(clause.key);
  if (clause.operator === "Null") {
    const wants = clause.values.map(parseBool);
    const absence = wants.filter((want) => want !== undefined);
    const valid = absence.length === wants.length;
    return { key, qualifier: "none", ifExists: false, negated: false, absence, test: valid ? () => undefined : undefined };
  }
  const { qualifier, base, ifExists } = splitOperator(clause.operator);
  const operator = OPERATORS.get(base);
  const test = operator?.compile(clause.values, version === "2012-10-17");
  return { key, qualifier, ifExists, negated: operator?.negated ?? false, absence: undefined, test };
}

/** Is the clause met? @param deny the effect of its statement: decides what undefined cases mean */
export function holds(clause: Clause, scope: Scope, deny: boolean): boolean {
  const test = clause.test;
  if (test === undefined) return deny;
  const values = scope.values(clause.key);
  if (clause.absence !== undefined) return clause.absence.includes(values === undefined);
  if (values === undefined) {
    if (clause.ifExists || clause.qualifier === "all") return true;
    return clause.qualifier === "none" && clause.negated;
  }
  const one = (value: string): boolean => {
    const met = test(value, scope.variable);
    // Not of the type: a positive operator is false, a negated one fails closed.
    if (met === undefined) return clause.negated && deny;
    return met !== clause.negated;
  };
  if (typeof values === "string") return one(values);
  if (clause.qualifier === "none") return deny;
  return clause.qualifier === "all" ? values.every(one) : values.some(one);
}
