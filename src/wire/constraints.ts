/**
 * Validation of decoded inputs for KMS, IAM, STS and Coffer's own verbs, in AWS's words: `2 validation errors detected: Value '' at 'keyId'
 * failed to satisfy constraint: Member must have length greater than or equal to 1; …`. Enums and required members come
 * from the tables; lengths, ranges and patterns from the hand-written files in constraints/.
 * Source: reference kms.md §2.2, §3.5, authorization.md §6.1.
 */
import { ServiceError } from "../lib/errors.js";
import type { Constraint, ConstraintTable } from "./constraints/constraint.js";
import { COFFER_CONSTRAINTS } from "./constraints/coffer.js";
import { IAM_CONSTRAINTS } from "./constraints/iam.js";
import { KMS_CONSTRAINTS } from "./constraints/kms.js";
import { STS_CONSTRAINTS } from "./constraints/sts.js";
import type { MemberTable, ServiceTable, TypeRef } from "./shape.js";
import { structureOf, tableOf } from "./tables.js";
import type { Service } from "./types.js";

const CONSTRAINTS: Partial<Record<Service, ConstraintTable>> = {
  kms: KMS_CONSTRAINTS,
  iam: IAM_CONSTRAINTS,
  sts: STS_CONSTRAINTS,
  coffer: COFFER_CONSTRAINTS,
};
const CODES: Partial<Record<Service, string>> = {
  kms: "ValidationException",
  iam: "ValidationError",
  sts: "ValidationError",
  coffer: "ValidationException",
};
/** More would only make the answer long. */
const MAX_REPORTED = 20;
const NO_LIMIT: Constraint = {};

/** @throws ServiceError ValidationException (KMS, Coffer), ValidationError (IAM, STS) that names every fault */
export function validateInput(service: Service, structure: string | undefined, input: object): void {
  const table = tableOf(service);
  const code = CODES[service];
  if (code === undefined || structure === undefined) return;
  const faults: string[] = [];
  checkStructure({ table, limits: CONSTRAINTS[service] ?? {}, faults }, structure, input, "");
  if (faults.length === 0) return;
  const shown = faults.slice(0, MAX_REPORTED);
  const count = `${faults.length} validation error${faults.length === 1 ? "" : "s"} detected`;
  throw new ServiceError(code, `${count}: ${shown.join("; ")}`, { status: 400 });
}

interface Check {
  readonly table: ServiceTable;
  readonly limits: ConstraintTable;
  readonly faults: string[];
}

/** Where a value stands and how it may be shown. */
interface Place {
  readonly path: string;
  readonly secret: boolean;
}

function checkStructure(check: Check, name: string, value: object, prefix: string): void {
  const shape = structureOf(check.table, name);
  const owner = value as Readonly<Record<string, unknown>>;
  for (const [member, entry] of Object.entries(shape?.members ?? {})) {
    const path = `${prefix}${member.charAt(0).toLowerCase()}${member.slice(1)}`;
    const each = owner[member];
    if (each !== undefined) {
      const limit = check.limits[`${name}.${member}`] ?? check.limits[member] ?? NO_LIMIT;
      checkValue(check, entry, entry.type, limit, each, { path, secret: entry.sensitive === true });
    } else if (shape?.required?.includes(member) === true) {
      check.faults.push(`Value null at '${path}' failed to satisfy constraint: Member must not be null`);
    }
  }
}

function checkValue(check: Check, entry: MemberTable, type: TypeRef, limit: Constraint, value: unknown, place: Place): void {
  if (typeof type === "object") {
    checkSize(check, limit, (Array.isArray(value) ? value : Object.keys(value as object)).length, value, place);
    if ("list" in type) {
      (value as readonly unknown[]).forEach((item, index) => {
        checkValue(check, entry, type.list, limit.items ?? NO_LIMIT, item, {
          ...place,
          path: `${place.path}.${index + 1}.member`,
        });
      });
      return;
    }
    for (const [key, each] of Object.entries(value as object)) {
      checkString(check, limit.keys ?? NO_LIMIT, key, { ...place, path: `${place.path}.key` });
      checkValue(check, entry, type.map, limit.values ?? NO_LIMIT, each, { ...place, path: `${place.path}.${key}.member` });
    }
    return;
  }
  if (type.startsWith("#")) return checkStructure(check, type.slice(1), value as object, `${place.path}.`);
  if (type === "number" || type === "long") return checkNumber(check, limit, value as number, place);
  if (type === "blob") return checkSize(check, limit, (value as Uint8Array).length, undefined, { ...place, secret: true });
  if (type !== "string") return;
  checkString(check, limit, value as string, place);
  const allowed = entry.enum === undefined || limit.openEnum === true ? undefined : check.table.enums[entry.enum];
  if (allowed !== undefined && !allowed.includes(value as string)) {
    fault(check, value, place, `Member must satisfy enum value set: [${allowed.join(", ")}]`);
  }
}

function checkString(check: Check, limit: Constraint, value: string, place: Place): void {
  checkSize(check, limit, value.length, value, place);
  if (limit.pattern !== undefined && !patternOf(limit.pattern).test(value)) {
    fault(check, value, place, `Member must satisfy regular expression pattern: ${limit.pattern}`);
  }
}

function checkSize(check: Check, { min, max }: Constraint, size: number, value: unknown, place: Place): void {
  if (max !== undefined && size > max) fault(check, value, place, `Member must have length less than or equal to ${max}`);
  if (min !== undefined && size < min) fault(check, value, place, `Member must have length greater than or equal to ${min}`);
}

function checkNumber(check: Check, { atLeast, atMost }: Constraint, value: number, place: Place): void {
  if (atMost !== undefined && value > atMost)
    fault(check, value, place, `Member must have value less than or equal to ${atMost}`);
  if (atLeast !== undefined && value < atLeast)
    fault(check, value, place, `Member must have value greater than or equal to ${atLeast}`);
}

function fault({ faults }: Check, value: unknown, { path, secret }: Place, rule: string): void {
  const shown = secret ? "Value" : `Value '${Array.isArray(value) ? `[${value.join(", ")}]` : String(value)}'`;
  faults.push(`${shown} at '${path}' failed to satisfy constraint: ${rule}`);
}

const patterns = new Map<string, RegExp>();
function patternOf(source: string): RegExp {
  let pattern = patterns.get(source);
  if (pattern === undefined) patterns.set(source, (pattern = new RegExp(`^(?:${source})$`, "u")));
  return pattern;
}
