/**
 * Lengths, patterns and enumerations of KMS members, which the wire tables do not carry, and AWS's sentence for a value
 * that breaks one. Checked here and not only at the wire, because S3's own calls to KMS enter behind it.
 * Source: kms service model 2014-11-01; texts as observed on AWS (`1 validation error detected: …`).
 */
import { ServiceError } from "../lib/errors.js";
import { kmsTable } from "../wire/tables/kms.js";

/** What a member must satisfy. `min` and `max` bound a string's or list's length, a number's value, a blob's bytes. */
export interface Rule {
  readonly required?: true;
  readonly min?: number;
  readonly max?: number;
  readonly pattern?: RegExp;
  /** Name of an enumeration of the wire tables. */
  readonly oneOf?: string;
  /** For each item of a list. */
  readonly each?: Rule;
  /** For the members of a structure. */
  readonly members?: Rules;
}
export type Rules = Readonly<Record<string, Rule>>;

/**
 * Checks the members that `rules` names; others pass.
 * @throws ServiceError ValidationException that lists every failure
 */
export function validate(input: object, rules: Rules): void {
  const failures: string[] = [];
  collect(input, rules, "", failures);
  if (failures.length > 0) throw validationErrors(failures);
}

/** A rule with the name of its member, and the form that messages have of it. */
interface NamedRule {
  readonly name: string;
  readonly shown: string;
  readonly rule: Rule;
}

/** The rules are constants: each set is taken apart once. */
const named = new WeakMap<Rules, readonly NamedRule[]>();

function namedRules(rules: Rules): readonly NamedRule[] {
  let list = named.get(rules);
  if (list === undefined) {
    list = Object.entries(rules).map(([name, rule]) => ({ name, shown: lowerCamel(name), rule }));
    named.set(rules, list);
  }
  return list;
}

/** A ValidationException with a sentence of its own. */
export function invalid(message: string): ServiceError {
  return new ServiceError("ValidationException", message);
}

/** AWS's sentence for one member that is absent. */
export function missing(member: string): ServiceError {
  return validationErrors([`Value null at '${lowerCamel(member)}' failed to satisfy constraint: Member must not be null`]);
}

function validationErrors(failures: readonly string[]): ServiceError {
  const plural = failures.length === 1 ? "error" : "errors";
  return invalid(`${failures.length} validation ${plural} detected: ${failures.join("; ")}`);
}

function collect(input: object, rules: Rules, path: string, failures: string[]): void {
  for (const { name, shown: member, rule } of namedRules(rules)) {
    const value = (input as Record<string, unknown>)[name];
    if (value !== undefined || rule.required) check(value, rule, path + member, failures);
  }
}

function check(value: unknown, rule: Rule, path: string, failures: string[]): void {
  if (value === undefined || value === null) {
    if (rule.required) failures.push(`Value null at '${path}' failed to satisfy constraint: Member must not be null`);
    return;
  }
  const broken = brokenConstraint(value, rule);
  if (broken !== undefined) failures.push(`${shown(value)} at '${path}' failed to satisfy constraint: ${broken}`);
  if (rule.each !== undefined && Array.isArray(value)) {
    for (const [i, item] of value.entries()) check(item, rule.each, `${path}.${i + 1}.member`, failures);
  }
  if (rule.members !== undefined && typeof value === "object") collect(value, rule.members, `${path}.`, failures);
}

function brokenConstraint(value: unknown, rule: Rule): string | undefined {
  if (typeof value === "number") {
    if (!Number.isInteger(value)) return "Member must be an integer";
    if (rule.min !== undefined && value < rule.min) return `Member must have value greater than or equal to ${rule.min}`;
    if (rule.max !== undefined && value > rule.max) return `Member must have value less than or equal to ${rule.max}`;
    return undefined;
  }
  const length = lengthOf(value);
  if (length !== undefined && rule.min !== undefined && length < rule.min) {
    return `Member must have length greater than or equal to ${rule.min}`;
  }
  if (length !== undefined && rule.max !== undefined && length > rule.max) {
    return `Member must have length less than or equal to ${rule.max}`;
  }
  if (typeof value !== "string") return undefined;
  if (rule.pattern !== undefined && !rule.pattern.test(value)) {
    return `Member must satisfy regular expression pattern: ${rule.pattern.source}`;
  }
  const values = rule.oneOf === undefined ? undefined : kmsTable.enums[rule.oneOf];
  if (values !== undefined && !values.includes(value)) return `Member must satisfy enum value set: [${values.join(", ")}]`;
  return undefined;
}

function lengthOf(value: unknown): number | undefined {
  if (typeof value === "string" || Array.isArray(value) || value instanceof Uint8Array) return value.length;
  return undefined;
}

/** Longer values are cut: the message also goes to the audit log. */
const SHOWN_LENGTH = 2048;

/** Blobs and structures show no value: they may be secret. */
function shown(value: unknown): string {
  if (typeof value === "string" || typeof value === "number") return `Value '${String(value).slice(0, SHOWN_LENGTH)}'`;
  if (Array.isArray(value) && value.every((item) => typeof item === "string")) {
    return `Value '[${value.join(", ").slice(0, SHOWN_LENGTH)}]'`;
  }
  return "Value";
}

function lowerCamel(name: string): string {
  return name.slice(0, 1).toLowerCase() + name.slice(1);
}
