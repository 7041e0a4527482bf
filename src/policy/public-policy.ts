/**
 * Is a bucket policy "public" in the sense of Block Public Access? It is, until every Allow is tied to fixed callers
 * or fixed places. Source: authorization reference §5.2; where that leaves room, the stricter reading.
 */
import { operatorParts } from "./conditions.js";
import { normalizeKey } from "./scope.js";
import type { ConditionClause, Policy, Statement } from "./types.js";
import { parseRange } from "./values.js";

/** Keys that tie a statement down when compared positively with fixed values. */
const TYING_KEYS: ReadonlySet<string> = new Set([
  "aws:principalarn", "aws:principalaccount", "aws:principalorgid", "aws:sourcearn", "aws:sourcevpc", "aws:sourcevpce",
  "aws:sourceowner", "aws:sourceaccount", "aws:userid", "s3:x-amz-server-side-encryption-aws-kms-key-id",
  "s3:dataaccesspointaccount",
]);
const TEXT_OPERATORS: ReadonlySet<string> = new Set([
  "StringEquals", "StringEqualsIgnoreCase", "StringLike", "ArnEquals", "ArnLike",
]);

/** Deny statements never make a public policy non-public. */
export function isPublicPolicy(policy: Policy): boolean {
  return policy.statements.some((statement) => statement.effect === "Allow" && isPublicStatement(statement));
}

function isPublicStatement({ principals, conditions }: Statement): boolean {
  if (principals === undefined || principals.not) return true;
  if (principals.entries.some((entry) => entry.kind === "Federated")) return true;
  if (!principals.entries.some((entry) => entry.kind === "Any" || entry.value === "*")) return false;
  // All clauses must hold, so one that ties the statement down is enough.
  return !conditions.some(tiesDown);
}

function tiesDown(clause: ConditionClause): boolean {
  const { base, negated, ifExists, qualifier } = operatorParts(clause.operator);
  // These also hold when the key is absent.
  if (negated || ifExists || qualifier === "all" || clause.values.length === 0) return false;
  const key = normalizeKey(clause.key);
  if (key === "aws:sourceip") return base === "IpAddress" && clause.values.every(isNarrow);
  if (!TEXT_OPERATORS.has(base)) return false;
  if (key === "s3:dataaccesspointarn") return clause.values.every(isFixedAccessPoint);
  return TYING_KEYS.has(key) && clause.values.every(isFixed);
}

/** No wildcard, no variable. */
const isFixed = (value: string): boolean => value !== "" && !/[*?]|\$\{/.test(value);

/** Not broader than /8 (IPv4) or /32 (IPv6). */
function isNarrow(value: string): boolean {
  const range = parseRange(value);
  return range !== undefined && range.prefix >= (range.address.length === 2 ? 8 : 32);
}

/** The name of the access point may be a wildcard, its account not. */
function isFixedAccessPoint(value: string): boolean {
  const fields = value.split(":");
  return fields.length >= 6 && fields.slice(0, 5).every((field) => !/[*?$]/.test(field)) && /^[0-9]{12}$/.test(fields[4] ?? "")
    && !value.includes("${");
}
