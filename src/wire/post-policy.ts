/**
 * The signed policy document of a POST form: its signature, its time, its conditions, and that it covers every field.
 *
 * Source: S3 "POST policy", "Authenticating requests in browser-based uploads using POST (SigV4)"; texts as AWS sends them.
 */
import { ServiceError } from "../lib/errors.js";
import { invalidArgument } from "./auth-errors.js";
import {
  ALGORITHM,
  parseAmzDate,
  sameSignature,
  signatureDoesNotMatch,
  signatureOf,
  signingKey,
} from "./sigv4.js";
import type { CredentialScope } from "./claim.js";

/** Text fields of a form by lower-case name, `${filename}` replaced. */
export type FormFields = ReadonlyMap<string, string>;

/** How a form claims to be signed; nothing is proven yet. */
export interface PostClaim {
  readonly kind: "post";
  readonly accessKeyId: string;
  readonly sessionToken: string | undefined;
  readonly scope: CredentialScope;
  readonly amzDate: string;
  readonly signedAtMs: number;
  readonly signature: string;
  /** The policy field as sent: base64, the string to sign. */
  readonly policy: string;
}

/** Sizes that the policy allows for the file, bytes, inclusive. */
export interface PostSizeRange {
  readonly minBytes: number;
  readonly maxBytes: number;
}

const SIGNING_FIELDS = ["x-amz-signature", "x-amz-credential", "x-amz-algorithm", "x-amz-date", "signature", "awsaccesskeyid"];
const FIELD_NAMES: Readonly<Record<string, string>> = {
  "x-amz-algorithm": "X-Amz-Algorithm",
  "x-amz-credential": "X-Amz-Credential",
  "x-amz-date": "X-Amz-Date",
  "x-amz-signature": "X-Amz-Signature",
  policy: "policy",
};

/** A field that the form must have, and has not, or has behind the file. */
export function fieldMissing(name: string): ServiceError {
  return invalidArgument(
    `Bucket POST must contain a field named '${name}'.  If it is specified, please check the order of the fields.`,
    name,
    "",
  );
}

/**
 * Reads how the form is signed; anonymous where it has neither policy nor signature.
 * @throws ServiceError InvalidArgument, InvalidRequest (SigV2), AuthorizationQueryParametersError's form equivalents
 */
export function readPostClaim(fields: FormFields): PostClaim | { readonly kind: "anonymous" } {
  const policy = fields.get("policy");
  if (policy === undefined) {
    if (!SIGNING_FIELDS.some((name) => fields.has(name))) return { kind: "anonymous" };
    throw fieldMissing("policy");
  }
  if (fields.has("awsaccesskeyid") || fields.has("signature")) {
    throw new ServiceError(
      "InvalidRequest",
      "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.",
      { status: 400 },
    );
  }
  const required = (name: string): string => {
    const value = fields.get(name);
    if (value === undefined || value === "") throw fieldMissing(FIELD_NAMES[name] ?? name);
    return value;
  };
  const algorithm = required("x-amz-algorithm");
  const credential = required("x-amz-credential");
  const amzDate = required("x-amz-date");
  const signature = required("x-amz-signature");
  if (algorithm !== ALGORITHM)
    throw invalidArgument(`X-Amz-Algorithm only supports "${ALGORITHM}"`, "X-Amz-Algorithm", algorithm.slice(0, 40));
  const signedAtMs = parseAmzDate(amzDate);
  if (signedAtMs === undefined) {
    throw invalidArgument("X-Amz-Date must be formatted via ISO8601 Long format", "X-Amz-Date", amzDate.slice(0, 40));
  }
  const [accessKeyId = "", date = "", region = "", service = "", terminator = "", ...more] = credential.split("/");
  const fits =
    accessKeyId !== "" &&
    region !== "" &&
    service === "s3" &&
    terminator === "aws4_request" &&
    more.length === 0 &&
    date === amzDate.slice(0, 8);
  if (!fits) {
    throw invalidArgument(
      "Error parsing the X-Amz-Credential parameter; the Credential is mal-formed; expecting " +
        '"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".',
      "X-Amz-Credential",
      "",
    );
  }
  return {
    kind: "post",
    accessKeyId,
    sessionToken: fields.get("x-amz-security-token") || undefined,
    scope: { date, region, service },
    amzDate,
    signedAtMs,
    signature,
    policy,
  };
}

/** Proves the form's signature. @throws ServiceError SignatureDoesNotMatch */
export function verifyPostSignature(claim: PostClaim, secretAccessKey: string): void {
  const computed = signatureOf(signingKey(secretAccessKey, claim.scope), claim.policy);
  if (sameSignature(computed, claim.signature)) return;
  throw signatureDoesNotMatch({
    AWSAccessKeyId: claim.accessKeyId,
    StringToSign: claim.policy,
    SignatureProvided: claim.signature,
  });
}

type Condition =
  | { readonly operator: "eq" | "starts-with"; readonly name: string; readonly value: string; readonly shown: string }
  | { readonly operator: "content-length-range"; readonly min: number; readonly max: number };

const invalidPolicy = (detail: string): ServiceError =>
  new ServiceError("InvalidPolicyDocument", `Invalid Policy: ${detail}`, { status: 400 });
const violated = (detail: string): ServiceError =>
  new ServiceError("AccessDenied", `Invalid according to Policy: ${detail}`, { status: 403 });

/**
 * Checks a form against its policy.
 * @param policy base64, of a proven claim
 * @param bucket that the request addresses
 * @returns what the file's size may be
 * @throws ServiceError InvalidPolicyDocument; AccessDenied `Invalid according to Policy: …`
 */
export function checkPostPolicy(
  policy: string,
  fields: FormFields,
  { bucket, nowMs }: { bucket: string; nowMs: number },
): PostSizeRange {
  const { expiresAtMs, conditions } = parsePolicy(policy);
  if (nowMs >= expiresAtMs) throw violated("Policy expired.");
  const covered = new Set<string>();
  let minBytes = 0;
  let maxBytes = Number.MAX_SAFE_INTEGER;
  for (const condition of conditions) {
    if (condition.operator === "content-length-range") {
      minBytes = Math.max(minBytes, condition.min);
      maxBytes = Math.min(maxBytes, condition.max);
      continue;
    }
    covered.add(condition.name);
    const actual = condition.name === "bucket" ? bucket : (fields.get(condition.name) ?? "");
    if (!holds(condition.operator, condition.name, actual, condition.value))
      throw violated(`Policy Condition failed: ${condition.shown}`);
  }
  if (fields.has("bucket") && fields.get("bucket") !== bucket) {
    throw violated(`Policy Condition failed: ["eq", "$bucket", ${JSON.stringify(bucket)}]`);
  }
  const extra = [...fields.keys()].filter((name) => !covered.has(name) && !name.startsWith("x-ignore-") && !EXEMPT.has(name));
  if (extra.length > 0) throw violated(`Extra input fields: ${extra.join(", ")}`);
  return { minBytes, maxBytes };
}

/** Fields that need no condition. */
const EXEMPT = new Set(["x-amz-signature", "file", "policy"]);

function holds(operator: "eq" | "starts-with", name: string, actual: string, expected: string): boolean {
  if (operator === "eq") return actual === expected;
  // A comma separated Content-Type is a list; each member must begin so.
  if (name === "content-type") return actual.split(",").every((part) => part.trim().startsWith(expected));
  return actual.startsWith(expected);
}

function parsePolicy(base64: string): { expiresAtMs: number; conditions: readonly Condition[] } {
  const compact = base64.replace(/\s+/g, "");
  if (compact === "" || !/^[A-Za-z0-9+/]*={0,2}$/.test(compact)) throw invalidPolicy("Invalid Base64 Encoding.");
  const document = parseJson(Buffer.from(compact, "base64").toString("utf8"));
  if (typeof document !== "object" || document === null || Array.isArray(document)) throw invalidPolicy("Invalid JSON.");
  const { expiration, conditions } = document as Record<string, unknown>;
  if (expiration === undefined) throw invalidPolicy("Policy missing expiration.");
  if (conditions === undefined) throw invalidPolicy("Policy missing conditions.");
  const expiresAtMs =
    typeof expiration === "string" && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$/.test(expiration)
      ? Date.parse(expiration)
      : Number.NaN;
  if (Number.isNaN(expiresAtMs)) throw invalidPolicy(`Invalid 'expiration' value: '${String(expiration).slice(0, 64)}'`);
  if (!Array.isArray(conditions)) throw invalidPolicy("Invalid 'conditions' value: must be a List.");
  return { expiresAtMs, conditions: conditions.flatMap(parseCondition) };
}

/** AWS's policies may escape `$` and vertical tab, which JSON does not know. */
function parseJson(text: string): unknown {
  const plain = text.replace(/\\([\s\S])/g, (whole, char: string) => (char === "$" ? "$" : char === "v" ? "\\u000b" : whole));
  try {
    return JSON.parse(plain);
  } catch {
    throw invalidPolicy("Invalid JSON.");
  }
}

function parseCondition(condition: unknown): Condition {
  if (Array.isArray(condition)) return parseListCondition(condition);
  if (typeof condition !== "object" || condition === null) throw invalidPolicy("Invalid Condition: must be a Map or a List.");
  const [entry, ...more] = Object.entries(condition);
  if (entry === undefined || more.length > 0) {
    throw invalidPolicy("Invalid Simple-Condition: Simple-Conditions must have exactly one property specified.");
  }
  return matchCondition("eq", `$${entry[0]}`, entry[1]);
}

function parseListCondition(condition: readonly unknown[]): Condition {
  const operator = typeof condition[0] === "string" ? condition[0].toLowerCase() : "";
  if (condition.length !== 3) throw invalidPolicy("Invalid Condition: wrong number of arguments.");
  if (operator === "eq" || operator === "starts-with") return matchCondition(operator, condition[1], condition[2]);
  if (operator !== "content-length-range")
    throw invalidPolicy(`Invalid Condition: unknown operation '${operator.slice(0, 40)}'.`);
  const [min, max] = condition.slice(1).map((value) => (/^\d{1,15}$/.test(String(value)) ? Number(value) : Number.NaN));
  if (min === undefined || max === undefined || Number.isNaN(min) || Number.isNaN(max)) {
    throw invalidPolicy("Invalid content-length-range: the bounds must be whole numbers.");
  }
  return { operator, min, max };
}

function matchCondition(operator: "eq" | "starts-with", field: unknown, value: unknown): Condition {
  const text = typeof value === "number" ? String(value) : value;
  if (typeof field !== "string" || !field.startsWith("$") || typeof text !== "string") {
    throw invalidPolicy("Invalid Condition: a field begins with '$' and has a text to compare with.");
  }
  return {
    operator,
    name: field.slice(1).toLowerCase(),
    value: text,
    shown: `["${operator}", ${JSON.stringify(field)}, ${JSON.stringify(text)}]`,
  };
}
