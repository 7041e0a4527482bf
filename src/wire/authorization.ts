/**
 * How a request claims to be signed: read, not believed. `verifySignature` (sigv4.ts) proves a claim.
 *
 * Credentials stand in exactly one place: the Authorization header or the query. Whatever is half there, doubled,
 * outside its time, or leaves an `x-amz-*` header unsigned is refused here, in the words of the service's family.
 * POST forms: post-policy.ts.
 *
 * Source: S3 "Authenticating requests: header" and "query parameters"; texts as AWS sends them.
 */
import { MINUTE_MS, SECOND_MS } from "../lib/clock.js";
import { ServiceError } from "../lib/errors.js";
import {
  dialectOf, hashedAuthorization, headerNotImplemented, incompleteSignature, invalidArgument, refusedSignature, signingName,
  type Dialect,
} from "./auth-errors.js";
import { decodeValue, headerValues, queryParameters, splitTarget } from "./canonical.js";
import { parsePayloadHash } from "./payload-mode.js";
import { ALGORITHM, formatAmzDate, formatIsoSeconds, parseAmzDate, type CredentialScope } from "./sigv4.js";
import type { RequestHead, Service } from "./types.js";

/** What a signed request says about itself; nothing here is proven yet. */
export interface SignatureClaim {
  readonly kind: "header" | "query";
  readonly accessKeyId: string;
  /** From header or query; undefined for long-term credentials. */
  readonly sessionToken: string | undefined;
  /** Service is checked; region is the gate's to judge (`wrongRegion`). */
  readonly scope: CredentialScope;
  /** As in the string to sign: `20260131T120000Z`. */
  readonly amzDate: string;
  readonly signedAtMs: number;
  /** Query only: seconds that the URL is good for. */
  readonly expiresSeconds: number | undefined;
  /** Lower case, as listed. */
  readonly signedHeaders: readonly string[];
  readonly signature: string;
  /** S3: what stands for the body in the canonical request. Undefined: the hash of the body itself. */
  readonly payloadHash: string | undefined;
}

export type AuthorizationClaim = { readonly kind: "anonymous" } | SignatureClaim;

export interface ParseOptions {
  readonly service: Service;
  readonly nowMs: number;
}

/** ± 15 minutes. */
export const MAX_SKEW_MS = 15 * MINUTE_MS;
const MAX_EXPIRES_SECONDS = 604_800;
/** Presigned calls of IAM and STS need no X-Amz-Expires. */
const DEFAULT_EXPIRES_SECONDS = 900;
const ECDSA = "AWS4-ECDSA-P256-SHA256";

/** Lists that HTTP may spread over several lines, and metadata, which S3 folds. Everything else `x-amz-*` has one value. */
const MAY_REPEAT = /^x-amz-(meta-|object-attributes$|optional-object-attributes$)/;
const SINGLE = new Set(["authorization", "host", "date", "content-length", "content-md5", "content-type", "content-encoding",
  "transfer-encoding", "range", "if-match", "if-none-match", "if-modified-since", "if-unmodified-since"]);
const AUTH_PARAMETERS = new Set(["x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-expires", "x-amz-signedheaders",
  "x-amz-signature", "x-amz-security-token"]);

/** Query parameters by lower-case name, decoded; the signing ones only once. */
type Parameters = ReadonlyMap<string, readonly string[]>;

function parametersOf(target: string): Parameters {
  const out = new Map<string, string[]>();
  for (const [name, value] of queryParameters(splitTarget(target).query)) {
    const key = name.toLowerCase();
    const values = out.get(key);
    if (values === undefined) out.set(key, [value]);
    else values.push(value);
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
  const headers = headerValues(head.rawHeaders);
  assertSingle(headers, dialect);
  const parameters = head.target.includes("?") ? parametersOf(head.target) : new Map<string, readonly string[]>();
  const authorization = headers.get("authorization")?.[0];
  const inQuery = parameters.has("x-amz-algorithm") || parameters.has("x-amz-credential") || parameters.has("x-amz-signature");
  const oldQuery = parameters.has("awsaccesskeyid") && parameters.has("signature");
  assertHoistedAgree(parameters, headers, dialect);
  if (authorization !== undefined && (inQuery || oldQuery || parameters.has("x-amz-security-token"))) {
    throw twoMechanisms(dialect, authorization);
  }
  if (oldQuery) throw oldSignature(dialect);
  if (authorization === undefined && !inQuery) return { kind: "anonymous" };
  const reader = { head, headers, parameters, options, dialect };
  return authorization !== undefined ? headerClaim(reader, authorization) : queryClaim(reader);
}

interface Reader {
  readonly head: RequestHead;
  readonly headers: ReadonlyMap<string, readonly string[]>;
  readonly parameters: Parameters;
  readonly options: ParseOptions;
  readonly dialect: Dialect;
}

function twoMechanisms(dialect: Dialect, authorization: string): ServiceError {
  const message = "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter or "
    + "the Authorization header should be specified";
  // The value is not repeated beyond its first word: the rest identifies the caller.
  if (dialect === "s3") return invalidArgument(message, "Authorization", authorization.split(" ")[0] ?? "");
  return incompleteSignature(dialect, message);
}

function oldSignature(dialect: Dialect): ServiceError {
  const message = "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.";
  if (dialect === "s3") return new ServiceError("InvalidRequest", message, { status: 400 });
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
 * `x-amz-*` parameters of the query, which mean the same as the header of that name (presigned URLs), by lower-case name.
 * Without the parameters of the signature and `x-amz-content-sha256`.
 */
export function hoistedHeaders(target: string): Readonly<Record<string, string>> {
  const out: Record<string, string> = {};
  if (!target.includes("?")) return out;
  for (const [name, values] of parametersOf(target)) {
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

function headerClaim(reader: Reader, authorization: string): SignatureClaim {
  const { dialect, headers } = reader;
  const value = authorization.trim();
  const [algorithm = ""] = value.split(" ", 1);
  if (algorithm !== ALGORITHM) throw otherMechanism(reader, algorithm, value);
  const parts = components(value.slice(ALGORITHM.length).trim());
  const credential = parts?.get("Credential");
  const signedHeaders = parts?.get("SignedHeaders");
  const signature = parts?.get("Signature");
  const { amzDate, signedAtMs } = headerDate(reader);
  if (parts?.size !== 3 || !credential || !signedHeaders || !signature) {
    throw componentsMissing(dialect, value, { credential, signedHeaders, signature, amzDate });
  }
  if (amzDate === undefined || signedAtMs === undefined) throw dateMissing(dialect, value);
  const { accessKeyId, scope } = parseCredential(reader, "header", credential, amzDate);
  assertFresh(reader, amzDate, signedAtMs);
  const names = signedHeaders.toLowerCase().split(";");
  assertAllSigned(reader, names);
  return {
    kind: "header", accessKeyId, scope, amzDate, signedAtMs, signature, signedHeaders: names, expiresSeconds: undefined,
    sessionToken: headers.get("x-amz-security-token")?.[0]?.trim() || undefined,
    payloadHash: dialect === "s3" ? requiredPayloadHash(reader) : undefined,
  };
}

/** `A=x, B=y` → map; undefined where a part is no pair or a name comes twice. */
function components(text: string): Map<string, string> | undefined {
  const out = new Map<string, string>();
  for (const part of text.split(",")) {
    const equals = part.indexOf("=");
    const name = part.slice(0, equals).trim();
    if (equals < 0 || out.has(name)) return undefined;
    out.set(name, part.slice(equals + 1).trim());
  }
  return out;
}

function otherMechanism(reader: Reader, algorithm: string, value: string): ServiceError {
  if (algorithm === "AWS") return oldSignature(reader.dialect);
  if (reader.dialect !== "s3") {
    return incompleteSignature(reader.dialect, `Unsupported AWS 'algorithm': '${algorithm.slice(0, 40)}' (only ${ALGORITHM} for now). `
      + hashedAuthorization(value));
  }
  if (algorithm === ECDSA) return headerNotImplemented("Authorization", ECDSA);
  return invalidArgument("Unsupported Authorization Type", "Authorization", algorithm.slice(0, 40));
}

interface Found {
  readonly credential: string | undefined;
  readonly signedHeaders: string | undefined;
  readonly signature: string | undefined;
  readonly amzDate: string | undefined;
}

function componentsMissing(dialect: Dialect, value: string, found: Found): ServiceError {
  if (dialect === "s3") {
    return new ServiceError("AuthorizationHeaderMalformed", "The authorization header is malformed; the authorization header requires "
      + "three components: Credential, SignedHeaders, and Signature.", { status: 400 });
  }
  const missing = [
    ...(found.credential ? [] : ["Authorization header requires 'Credential' parameter."]),
    ...(found.signature ? [] : ["Authorization header requires 'Signature' parameter."]),
    ...(found.signedHeaders ? [] : ["Authorization header requires 'SignedHeaders' parameter."]),
    ...(found.amzDate ? [] : ["Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header."]),
  ];
  if (missing.length === 0) missing.push("Authorization header is not a list of distinct key=value pairs.");
  return incompleteSignature(dialect, `${missing.join(" ")} ${hashedAuthorization(value)}`);
}

function dateMissing(dialect: Dialect, value: string): ServiceError {
  if (dialect === "s3") {
    return new ServiceError("AccessDenied", "AWS authentication requires a valid Date or x-amz-date header", { status: 403 });
  }
  return incompleteSignature(dialect, "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. "
    + hashedAuthorization(value));
}

/** X-Amz-Date, else Date (ISO basic form or RFC 1123). */
function headerDate(reader: Reader): { amzDate: string | undefined; signedAtMs: number | undefined } {
  const text = (reader.headers.get("x-amz-date") ?? reader.headers.get("date"))?.[0]?.trim();
  if (text === undefined || text === "") return { amzDate: undefined, signedAtMs: undefined };
  const iso = parseAmzDate(text);
  if (iso !== undefined) return { amzDate: text, signedAtMs: iso };
  const http = /^[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d (GMT|[+-]0000)$/.test(text) ? Date.parse(text) : Number.NaN;
  if (!Number.isNaN(http)) return { amzDate: formatAmzDate(http), signedAtMs: http };
  if (reader.dialect === "s3") return { amzDate: undefined, signedAtMs: undefined };
  throw incompleteSignature(reader.dialect,
    `Date must be in ISO-8601 'basic format'. Got '${text.slice(0, 64)}'. See http://en.wikipedia.org/wiki/ISO_8601`);
}

function parseCredential(reader: Reader, kind: "header" | "query", credential: string, amzDate: string):
    { accessKeyId: string; scope: CredentialScope } {
  const parts = credential.split("/");
  const [accessKeyId = "", date = "", region = "", service = "", terminator = ""] = parts;
  const expected = signingName(reader.options.service);
  const { dialect } = reader;
  if (dialect === "s3") {
    const fault = s3CredentialFault(parts, expected, amzDate);
    if (fault !== undefined) throw malformed(kind, fault);
  } else {
    if (parts.length !== 5) {
      throw incompleteSignature(dialect, "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, "
        + `got: ${parts.length}`);
    }
    if (terminator !== "aws4_request") {
      throw refusedSignature(dialect, "Credential should be scoped with a valid terminator: 'aws4_request'.");
    }
    if (service !== expected) throw refusedSignature(dialect, `Credential should be scoped to correct service: '${expected}'.`);
    if (region === "") throw refusedSignature(dialect, "Credential should be scoped to a valid region. ");
    if (date !== amzDate.slice(0, 8)) {
      throw refusedSignature(dialect, "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
        + `'${date.slice(0, 16)}' != '${amzDate.slice(0, 8)}', from '${amzDate}'.`);
    }
  }
  return { accessKeyId, scope: { date, region, service } };
}

/** What is wrong with an S3 credential, in the words that follow the header's or the parameter's introduction. */
function s3CredentialFault(parts: readonly string[], expected: string, amzDate: string): string | undefined {
  const [accessKeyId = "", date = "", region = "", service = "", terminator = ""] = parts;
  if (parts.length !== 5 || region === "") {
    return "the Credential is mal-formed; expecting \"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request\".";
  }
  if (accessKeyId === "") return "a non-empty Access Key (AKID) must be provided in the credential.";
  if (!/^\d{8}$/.test(date)) {
    return `incorrect date format "${date.slice(0, 16)}". This date in the credential must be in the format "yyyyMMdd".`;
  }
  if (terminator !== "aws4_request") return `incorrect terminator "${terminator.slice(0, 40)}". This endpoint uses "aws4_request".`;
  if (service !== expected) return `incorrect service "${service.slice(0, 40)}". This endpoint belongs to "${expected}".`;
  if (date !== amzDate.slice(0, 8)) {
    return `Invalid credential date "${date}". This date is not the same as X-Amz-Date: "${amzDate.slice(0, 8)}".`;
  }
  return undefined;
}

function malformed(kind: "header" | "query", fault: string): ServiceError {
  return kind === "header"
    ? new ServiceError("AuthorizationHeaderMalformed", `The authorization header is malformed; ${fault}`, { status: 400 })
    : new ServiceError("AuthorizationQueryParametersError", `Error parsing the X-Amz-Credential parameter; ${fault}`, { status: 400 });
}

function assertFresh(reader: Reader, amzDate: string, signedAtMs: number): void {
  const { dialect, options: { nowMs } } = reader;
  if (Math.abs(nowMs - signedAtMs) <= MAX_SKEW_MS) return;
  if (dialect === "s3") {
    throw new ServiceError("RequestTimeTooSkewed", "The difference between the request time and the current time is too large.", {
      status: 403,
      fields: { RequestTime: amzDate, ServerTime: formatIsoSeconds(nowMs), MaxAllowedSkewMilliseconds: String(MAX_SKEW_MS) },
    });
  }
  const now = formatAmzDate(nowMs);
  throw refusedSignature(dialect, signedAtMs < nowMs
    ? `Signature expired: ${amzDate} is now earlier than ${formatAmzDate(nowMs - MAX_SKEW_MS)} (${now} - 15 min.)`
    : `Signature not yet current: ${amzDate} is still later than ${formatAmzDate(nowMs + MAX_SKEW_MS)} (${now} + 15 min.)`);
}

/** Host and every `x-amz-*` header that is there must be signed, or what they say is anyone's. */
function assertAllSigned(reader: Reader, names: readonly string[]): void {
  const signed = new Set(names);
  const unsigned = signed.has("host") ? [] : ["host"];
  for (const name of reader.headers.keys()) if (name.startsWith("x-amz-") && !signed.has(name)) unsigned.push(name);
  // A presigned URL's payload hash is part of the canonical request whether or not its header is listed.
  const open = reader.parameters.has("x-amz-signature") ? unsigned.filter((name) => name !== "x-amz-content-sha256") : unsigned;
  if (open.length === 0) return;
  if (reader.dialect === "s3") {
    throw new ServiceError("AccessDenied", "There were headers present in the request which were not signed",
      { status: 403, fields: { HeadersNotSigned: open.join(", ") } });
  }
  throw refusedSignature(reader.dialect, open[0] === "host"
    ? "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."
    : `'${open[0] ?? ""}' must be a 'SignedHeader' in the AWS Authorization.`);
}

/** S3 header authentication: `x-amz-content-sha256` is required. */
function requiredPayloadHash(reader: Reader): string {
  const value = reader.headers.get("x-amz-content-sha256")?.[0]?.trim();
  if (value === undefined || value === "") {
    throw new ServiceError("InvalidRequest", "Missing required header for this request: x-amz-content-sha256", { status: 400 });
  }
  parsePayloadHash(value);
  return value;
}

function queryClaim(reader: Reader): SignatureClaim {
  const { dialect, parameters, options: { nowMs } } = reader;
  const one = (name: string): string | undefined => {
    const values = parameters.get(name);
    return values?.length === 1 ? decodeValue(values[0] ?? "") : undefined;
  };
  const algorithm = one("x-amz-algorithm");
  const credential = one("x-amz-credential");
  const signature = one("x-amz-signature");
  const amzDate = one("x-amz-date");
  const signedHeaders = one("x-amz-signedheaders");
  const expires = one("x-amz-expires") ?? (dialect === "s3" || parameters.has("x-amz-expires") ? undefined : String(DEFAULT_EXPIRES_SECONDS));
  if (!algorithm || !credential || !signature || !amzDate || !signedHeaders || expires === undefined) {
    throw queryError(dialect, dialect === "s3"
      ? "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, X-Amz-Date, "
        + "X-Amz-SignedHeaders, and X-Amz-Expires parameters."
      : "AWS query-string parameters must include 'X-Amz-Algorithm', 'X-Amz-Credential', 'X-Amz-Signature', 'X-Amz-SignedHeaders' "
        + "and 'X-Amz-Date', each once.");
  }
  if (algorithm === ECDSA && dialect === "s3") throw headerNotImplemented("X-Amz-Algorithm", ECDSA);
  if (algorithm !== ALGORITHM) throw queryError(dialect, `X-Amz-Algorithm only supports "${ALGORITHM} and ${ECDSA}"`);
  const signedAtMs = parseAmzDate(amzDate);
  if (signedAtMs === undefined) throw queryError(dialect, "X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"");
  const { accessKeyId, scope } = parseCredential(reader, "query", credential, amzDate);
  const expiresSeconds = parseExpires(dialect, expires);
  assertInTime(reader, { amzDate, signedAtMs, expiresSeconds, nowMs });
  const names = signedHeaders.toLowerCase().split(";");
  assertAllSigned(reader, names);
  return {
    kind: "query", accessKeyId, scope, amzDate, signedAtMs, expiresSeconds, signature, signedHeaders: names,
    sessionToken: one("x-amz-security-token") || reader.headers.get("x-amz-security-token")?.[0]?.trim() || undefined,
    payloadHash: dialect === "s3" ? presignedPayloadHash(reader, one("x-amz-content-sha256")) : undefined,
  };
}

function queryError(dialect: Dialect, message: string): ServiceError {
  if (dialect === "s3") return new ServiceError("AuthorizationQueryParametersError", message, { status: 400 });
  return incompleteSignature(dialect, message);
}

function parseExpires(dialect: Dialect, text: string): number {
  if (!/^-?\d+$/.test(text)) throw queryError(dialect, "X-Amz-Expires should be a number");
  const seconds = Number(text);
  if (seconds < 1) throw queryError(dialect, "X-Amz-Expires must be non-negative");
  if (seconds > MAX_EXPIRES_SECONDS) {
    throw queryError(dialect, "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than "
      + `${MAX_EXPIRES_SECONDS} seconds`);
  }
  return seconds;
}

interface Validity {
  readonly amzDate: string;
  readonly signedAtMs: number;
  readonly expiresSeconds: number;
  readonly nowMs: number;
}

function assertInTime(reader: Reader, { amzDate, signedAtMs, expiresSeconds, nowMs }: Validity): void {
  const expiresAtMs = signedAtMs + expiresSeconds * SECOND_MS;
  if (reader.dialect !== "s3") {
    if (nowMs > expiresAtMs || signedAtMs > nowMs + MAX_SKEW_MS) {
      throw refusedSignature(reader.dialect, signedAtMs > nowMs
        ? `Signature not yet current: ${amzDate} is still later than ${formatAmzDate(nowMs + MAX_SKEW_MS)}`
        : `Signature expired: ${amzDate} is now earlier than ${formatAmzDate(nowMs - expiresSeconds * SECOND_MS)}`);
    }
    return;
  }
  if (signedAtMs > nowMs + MAX_SKEW_MS) {
    throw new ServiceError("AccessDenied", "Request is not valid yet",
      { status: 403, fields: { "X-Amz-Date": amzDate, ServerTime: formatIsoSeconds(nowMs) } });
  }
  if (nowMs > expiresAtMs) {
    throw new ServiceError("AccessDenied", "Request has expired", {
      status: 403,
      fields: { "X-Amz-Expires": String(expiresSeconds), Expires: formatIsoSeconds(expiresAtMs), ServerTime: formatIsoSeconds(nowMs) },
    });
  }
}

/** Presigned: UNSIGNED-PAYLOAD, unless query or header name something else; it is part of what is signed either way. */
function presignedPayloadHash(reader: Reader, inQuery: string | undefined): string {
  const value = inQuery ?? reader.headers.get("x-amz-content-sha256")?.[0]?.trim() ?? "UNSIGNED-PAYLOAD";
  parsePayloadHash(value);
  return value;
}

