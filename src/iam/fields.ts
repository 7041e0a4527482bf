/**
 * Validation of input members with the query protocol's texts: all faults of a request in one ValidationError.
 * Lengths and patterns are those of the IAM 2010-05-08 and STS 2011-06-15 models.
 * Source: docs/reference/authorization.md §6.1, §6.3.
 */
import type { ServiceError } from "../lib/errors.js";
import { invalidInput, validationError } from "./errors.js";

/** Limits of one text member. */
export interface TextRule {
  readonly min?: number;
  readonly max?: number;
  /** Matched against the whole value. */
  readonly pattern?: RegExp;
  /** The model's pattern, as the text shows it. */
  readonly shown?: string;
}

const NAME = /^[\w+=,.@-]+$/;
const NAME_SHOWN = "[\\w+=,.@-]+";
const NAME_OR_EMPTY_SHOWN = "[\\w+=,.@-]*";
const text = (min: number, max: number, pattern?: RegExp, shown?: string): TextRule => ({
  min,
  max,
  ...(pattern === undefined ? {} : { pattern }),
  ...(shown === undefined ? {} : { shown }),
});

const DOCUMENT = /^[\u0009\u000A\u000D\u0020-\u00FF]+$/;
const DOCUMENT_SHOWN = "[\\u0009\\u000A\\u000D\\u0020-\\u00FF]+";
const DESCRIPTION = /^[\u0009\u000A\u000D\u0020-\u007E\u00A1-\u00FF]*$/;

/** Rules by what the member is, not by operation. */
export const Rules = {
  newUserName: text(1, 64, NAME, NAME_SHOWN),
  userName: text(1, 128, NAME, NAME_SHOWN),
  roleName: text(1, 64, NAME, NAME_SHOWN),
  groupName: text(1, 128, NAME, NAME_SHOWN),
  policyName: text(1, 128, NAME, NAME_SHOWN),
  document: text(1, 131072, DOCUMENT, DOCUMENT_SHOWN),
  description: text(0, 1000, DESCRIPTION, "[\\u0009\\u000A\\u000D\\u0020-\\u007E\\u00A1-\\u00FF]*"),
  policyDescription: text(0, 1000),
  accessKeyId: text(16, 128, /^\w+$/, "[\\w]+"),
  versionId: text(1, 64, /^v[1-9][0-9]*(\.[A-Za-z0-9-]*)?$/, "v[1-9][0-9]*(\\.[A-Za-z0-9-]*)?"),
  pathPrefix: text(1, 512, /^\/[\u0021-\u007F]*$/, "\\u002F[\\u0021-\\u007F]*"),
  tagKey: text(1, 128, /^[\p{L}\p{Z}\p{N}_.:/=+\-@]+$/u, "[\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]+"),
  tagValue: text(0, 256, /^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$/u, "[\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]*"),
  roleSessionName: text(2, 64, /^[\w+=,.@-]*$/, NAME_OR_EMPTY_SHOWN),
  federationName: text(2, 32, /^[\w+=,.@-]*$/, NAME_OR_EMPTY_SHOWN),
  externalId: text(2, 1224, /^[\w+=,.@:/-]*$/, "[\\w+=,.@:\\/-]*"),
  sourceIdentity: text(2, 64, /^[\w+=,.@-]*$/, NAME_OR_EMPTY_SHOWN),
  sessionPolicy: text(1, 2048, DOCUMENT, DOCUMENT_SHOWN),
  roleArn: text(20, 2048),
  encodedMessage: text(1, 10240),
} as const satisfies Record<string, TextRule>;

const SHOWN_CHARACTERS = 1024;
const camel = (member: string): string => member.charAt(0).toLowerCase() + member.slice(1);

/** Collects the faults of one request; `done` throws them together. Members are named as in the model: `UserName`. */
export class Fields {
  readonly #faults: string[] = [];

  /** A required text. The value itself, or "" together with a fault. */
  text(member: string, value: string | undefined, rule: TextRule): string {
    if (value === undefined) {
      this.#faults.push(`Value null at '${camel(member)}' failed to satisfy constraint: Member must not be null`);
      return "";
    }
    return this.optional(member, value, rule) ?? "";
  }

  optional(member: string, value: string | undefined, rule: TextRule): string | undefined {
    if (value === undefined) return undefined;
    const { min, max, pattern, shown } = rule;
    if (pattern !== undefined && !pattern.test(value)) {
      this.#fault(member, value, `Member must satisfy regular expression pattern: ${shown ?? pattern.source}`);
    }
    const { length } = value;
    if (min !== undefined && length < min) this.#fault(member, value, `Member must have length greater than or equal to ${min}`);
    if (max !== undefined && length > max) this.#fault(member, value, `Member must have length less than or equal to ${max}`);
    return value;
  }

  number(member: string, value: number | undefined, min: number, max: number): number | undefined {
    if (value === undefined) return undefined;
    if (value < min) this.#fault(member, String(value), `Member must have value greater than or equal to ${min}`);
    if (value > max) this.#fault(member, String(value), `Member must have value less than or equal to ${max}`);
    return value;
  }

  oneOf<T extends string>(member: string, value: string | undefined, values: readonly T[]): T | undefined {
    if (value === undefined) return undefined;
    const known = values.find((candidate) => candidate === value);
    if (known === undefined) this.#fault(member, value, `Member must satisfy enum value set: [${values.join(", ")}]`);
    return known;
  }

  requiredOneOf<T extends string>(member: string, value: string | undefined, values: readonly T[], fallback: T): T {
    if (value === undefined) this.text(member, undefined, {});
    return this.oneOf(member, value, values) ?? fallback;
  }

  /** A list's length. */
  count(member: string, list: readonly unknown[] | undefined, max: number): void {
    if (list !== undefined && list.length > max) {
      this.#faults.push(
        `Value '[...]' at '${camel(member)}' failed to satisfy constraint: ` +
          `Member must have length less than or equal to ${max}`,
      );
    }
  }

  /** @throws ServiceError ValidationError when anything was wrong */
  done(): void {
    const [first] = this.#faults;
    if (first === undefined) return;
    const count = this.#faults.length;
    throw validationError(`${count} validation error${count === 1 ? "" : "s"} detected: ${this.#faults.join("; ")}`);
  }

  #fault(member: string, value: string, constraint: string): void {
    const shown = value.length > SHOWN_CHARACTERS ? `${value.slice(0, SHOWN_CHARACTERS)}...` : value;
    this.#faults.push(`Value '${shown}' at '${camel(member)}' failed to satisfy constraint: ${constraint}`);
  }
}

const PATH = /^\/([\u0021-\u007E]+\/)?$/;
const POLICY_PATH = /^((\/[A-Za-z0-9.,+@=_-]+)*)\/$/;

/**
 * A path with both slashes; `/` when absent.
 * @throws ServiceError ValidationError
 */
export function pathOf(value: string | undefined, kind: "entity" | "policy" = "entity"): string {
  if (value === undefined) return "/";
  if (value.length > 512 || !(kind === "policy" ? POLICY_PATH : PATH).test(value)) {
    throw validationError(
      "The specified value for path is invalid. It must begin and end with / and contain only alphanumeric characters " +
        "and/or / characters.",
    );
  }
  return value;
}

/** One tag, both members present. */
export interface Tag {
  readonly Key: string;
  readonly Value: string;
}

export const MAX_TAGS = 50;

/** Checks of tags differ between IAM (InvalidInput) and STS (InvalidParameterValue) in the code of one error only. */
export function tagsOf(
  fields: Fields,
  tags: readonly { readonly Key?: string | undefined; readonly Value?: string | undefined }[] | undefined,
  error: (message: string) => ServiceError = invalidInput,
): readonly Tag[] {
  fields.count("Tags", tags, MAX_TAGS);
  const result = (tags ?? []).slice(0, MAX_TAGS).map((tag, index) => ({
    Key: fields.text(`tags.${index + 1}.member.key`, tag.Key, Rules.tagKey),
    Value: fields.text(`tags.${index + 1}.member.value`, tag.Value, Rules.tagValue),
  }));
  fields.done();
  if (result.some(({ Key }) => Key.toLowerCase().startsWith("aws:"))) {
    throw error("aws: prefixed tag key names are not allowed for external use.");
  }
  if (new Set(result.map(({ Key }) => Key.toLowerCase())).size !== result.length) {
    throw error("Duplicate tag keys found. Please note that Tag keys are case insensitive.");
  }
  return result;
}
