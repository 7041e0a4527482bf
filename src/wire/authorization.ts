/**
 * How a request claims to be signed: read, not believed. `verifySignature` (sigv4.ts) proves a claim.
 *
 * Credentials stand in exactly one place: the Authorization header or the query. Whatever is half there, doubled,
 * outside its time, or leaves an `x-amz-*` header unsigned is refused here, in the words of the service's family.
 * POST forms: post-policy.ts.
 *
 * Source: S3 "Authenticating requests: header" and "query parameters"; texts as AWS sends them.
 */
import { ServiceError } from "../lib/errors.js";
import { dialectOf, incompleteSignature, invalidArgument, type Dialect } from "./auth-errors.js";
import { oldSignature, type ParseOptions } from "./authorization-common.js";
import type { AuthorizationClaim, CredentialScope } from "./claim.js";
import { headerClaim } from "./authorization-header.js";
import { queryClaim } from "./authorization-query.js";
import { hasControls, isHeaderName } from "./header-values.js";
import { decodeValue } from "./recode.js";
import { partsOf, queryParameters, type QueryParameter } from "./request-parts.js";
import type { RequestHead } from "./types.js";
import { splitTarget } from "./uri.js";

export { MAX_SKEW_MS } from "./authorization-common.js";
export type { ParseOptions } from "./authorization-common.js";
export type { AuthorizationClaim, SignatureClaim } from "./claim.js";

/** Lists that HTTP may spread over several lines, and metadata, which S3 folds. Everything else `x-amz-*` has one value. */
const MAY_REPEAT = /^x-amz-(meta-|object-attributes$|optional-object-attributes$)/;
const SINGLE = new Set([
  "authorization",
  "host",
  "date",
  "content-length",
  "content-md5",
  "content-type",
  "content-encoding",
  "transfer-encoding",
  "range",
  "if-match",
  "if-none-match",
  "if-modified-since",
  "if-unmodified-since",
]);
const AUTH_PARAMETERS = new Set([
  "x-amz-algorithm",
  "x-amz-credential",
  "x-amz-date",
  "x-amz-expires",
  "x-amz-signedheaders",
  "x-amz-signature",
  "x-amz-security-token",
]);

/** Values by name as sent, canonically encoded. */
type Parameters = ReadonlyMap<string, readonly string[]>;

function byName(parameters: readonly QueryParameter[]): Parameters {
  const out = new Map<string, string[]>();
  for (const [name, value] of parameters) {
    const values = out.get(name);
    if (values === undefined) out.set(name, [value]);
    else values.push(value);
  }
  return out;
}

/** The same by lower-case name: spellings of one name are one parameter. */
function byLowerName(parameters: Parameters): Parameters {
  const out = new Map<string, readonly string[]>();
  for (const [name, values] of parameters) {
    const lower = name.toLowerCase();
    const seen = out.get(lower);
    out.set(lower, seen === undefined ? values : [...seen, ...values]);
  }
  return out;
}

function assertSingle(headers: ReadonlyMap<string, readonly string[]>, dialect: Dialect): void {
  for (const [name, values] of headers) {
    if (values.length < 2 || MAY_REPEAT.test(name) || !(SINGLE.has(name) || name.startsWith("x-amz-"))) continue;
    const message = `The header ${name} must be sent only once`;
    if (dialect === "s3") throw invalidArgument(message, name, "");
    throw incompleteSignature(dialect, message);
  }
}

/**
 * Reads how the request claims to be signed, and refuses what cannot be a good claim. No secret is needed.
 *
 * Checked: one place, form, algorithm, credential scope (date and service), time (± 15 minutes, or the URL's expiry),
 * signed headers (host and every `x-amz-*` present), S3's `x-amz-content-sha256`, doubled headers, and `x-amz-*` names that
 * say one thing in a header and another in the query.
 * @throws ServiceError AuthorizationHeaderMalformed, AuthorizationQueryParametersError, AccessDenied, RequestTimeTooSkewed,
 *   InvalidArgument, InvalidRequest, NotImplemented; JSON and query services: IncompleteSignature(Exception),
 *   InvalidSignatureException, SignatureDoesNotMatch
 */
export function parseAuthorization(head: RequestHead, options: ParseOptions): AuthorizationClaim {
  const dialect = dialectOf(options.service);
  const parts = partsOf(head);
  const { headers } = parts;
  assertSingle(headers, dialect);
  const parameters = byName(parts.parameters);
  const authorization = headers.get("authorization")?.[0];
  // In any spelling: a parameter that looks like a signature must not pass for none.
  const named = byLowerName(parameters);
  const inQuery = named.has("x-amz-algorithm") || named.has("x-amz-credential") || named.has("x-amz-signature");
  const oldQuery = named.has("awsaccesskeyid") && named.has("signature");
  assertHoistedAgree(named, headers, dialect);
  if (inQuery) assertHoistedAreHeaders(named, dialect);
  if (authorization !== undefined && (inQuery || oldQuery || named.has("x-amz-security-token"))) {
    throw twoMechanisms(dialect, authorization);
  }
  if (oldQuery) throw oldSignature(dialect);
  if (authorization === undefined && !inQuery) return { kind: "anonymous" };
  const reader = { headers, parameters, options, dialect };
  return authorization !== undefined ? headerClaim(reader, authorization) : queryClaim(reader);
}

function twoMechanisms(dialect: Dialect, authorization: string): ServiceError {
  const message =
    "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter or " +
    "the Authorization header should be specified";
  // The value is not repeated beyond its first word: the rest identifies the caller.
  if (dialect === "s3") return invalidArgument(message, "Authorization", authorization.split(" ")[0] ?? "");
  return incompleteSignature(dialect, message);
}

/** One value, one meaning: `x-amz-*` hoisted into the query must not contradict the header. */
function assertHoistedAgree(parameters: Parameters, headers: ReadonlyMap<string, readonly string[]>, dialect: Dialect): void {
  for (const [name, values] of parameters) {
    if (!name.startsWith("x-amz-") || (AUTH_PARAMETERS.has(name) && name !== "x-amz-security-token")) continue;
    const value = headers.get(name)?.[0];
    if (values.length < 2 && (value === undefined || value.trim() === decodeValue(values[0] ?? ""))) continue;
    const message = `${name} has more than one value in the headers and the query string of this request`;
    if (dialect === "s3") throw invalidArgument(message, name, "");
    throw incompleteSignature(dialect, message);
  }
}

/**
 * What stands for a header must be able to be one: a line break in a metadata name would be stored, and then break every
 * answer that shows it.
 */
function assertHoistedAreHeaders(parameters: Parameters, dialect: Dialect): void {
  for (const [name, values] of parameters) {
    if (!name.startsWith("x-amz-")) continue;
    // Text without an escape is unreserved characters alone, which any header can have.
    if (!name.includes("%") && !values.some((value) => value.includes("%"))) continue;
    if (isHeaderName(decodeValue(name)) && !values.some((value) => hasControls(decodeValue(value)))) continue;
    const message = "A query parameter that stands for a header has a name or value that no header can have";
    if (dialect === "s3") throw invalidArgument(message, name, "");
    throw incompleteSignature(dialect, message);
  }
}

/**
 * `x-amz-*` parameters of the query, which mean the same as the header of that name (presigned URLs), by lower-case name.
 * Without the parameters of the signature and `x-amz-content-sha256`.
 */
export function hoistedHeaders(target: string): Readonly<Record<string, string>> {
  const out: Record<string, string> = {};
  if (!target.includes("?")) return out;
  for (const [name, values] of byLowerName(byName(queryParameters(splitTarget(target).rawQuery)))) {
    if (!name.startsWith("x-amz-") || AUTH_PARAMETERS.has(name) || name === "x-amz-content-sha256") continue;
    out[name] = decodeValue(values[0] ?? "");
  }
  return out;
}

/** Scope of the credential as the request shows it, unchecked: for telling services apart. */
export function peekScope(head: RequestHead): CredentialScope | undefined {
  const inHeader = /Credential=([^,\s]+)/.exec(head.headers.authorization ?? "")?.[1];
  const inQuery = inHeader === undefined ? /[?&]X-Amz-Credential=([^&]+)/i.exec(head.target)?.[1] : undefined;
  let text = inHeader;
  if (inQuery !== undefined) {
    try {
      text = decodeURIComponent(inQuery);
    } catch {
      return undefined; // not UTF-8: no credential; parseAuthorization says so
    }
  }
  const [, date, region, service, terminator] = text?.split("/") ?? [];
  if (date === undefined || region === undefined || service === undefined || terminator !== "aws4_request") return undefined;
  return { date, region, service };
}
