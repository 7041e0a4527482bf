/**
 * What header and query authentication have in common: the request taken apart, the credential, the signed headers.
 *
 * Source: S3 "Authenticating requests (SigV4)"; texts as AWS sends them.
 */
import { MINUTE_MS } from "../lib/clock.js";
import { ServiceError } from "../lib/errors.js";
import { incompleteSignature, refusedSignature, signingName, type Dialect } from "./auth-errors.js";
import type { CredentialScope } from "./claim.js";
import { decodeValue } from "./recode.js";
import type { RequestHead, Service } from "./types.js";

export interface ParseOptions {
  readonly service: Service;
  readonly nowMs: number;
}

/** ± 15 minutes. */
export const MAX_SKEW_MS = 15 * MINUTE_MS;
/** Signature Version 4A: known, not offered. */
export const ECDSA = "AWS4-ECDSA-P256-SHA256";

/** A request taken apart, for the readers of claims. */
export interface ClaimReader {
  /** All values by lower-case name. */
  readonly headers: ReadonlyMap<string, readonly string[]>;
  /** Canonically encoded values by name as sent. */
  readonly parameters: ReadonlyMap<string, readonly string[]>;
  readonly options: ParseOptions;
  readonly dialect: Dialect;
}

/** First value of a header, trimmed; undefined where it is absent or empty. */
export function headerOf(reader: ClaimReader, name: string): string | undefined {
  return reader.headers.get(name)?.[0]?.trim() || undefined;
}

/** The only value of a query parameter, decoded; undefined where it is absent or comes twice. @param name exact */
export function parameterOf(reader: ClaimReader, name: string): string | undefined {
  const values = reader.parameters.get(name);
  return values?.length === 1 ? decodeValue(values[0] ?? "") : undefined;
}

/** Signature Version 2. */
export function oldSignature(dialect: Dialect): ServiceError {
  const message = "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.";
  if (dialect === "s3") return new ServiceError("InvalidRequest", message, { status: 400 });
  return incompleteSignature(dialect, message);
}

/**
 * Splits and checks a credential.
 * @throws ServiceError AuthorizationHeaderMalformed, AuthorizationQueryParametersError; JSON and query services:
 *   IncompleteSignature(Exception), InvalidSignatureException, SignatureDoesNotMatch
 */
export function parseCredential(
  reader: ClaimReader,
  kind: "header" | "query",
  credential: string,
  amzDate: string,
): { accessKeyId: string; scope: CredentialScope } {
  const parts = credential.split("/");
  const [accessKeyId = "", date = "", region = "", service = "", terminator = ""] = parts;
  const expected = signingName(reader.options.service);
  const { dialect } = reader;
  if (dialect === "s3") {
    const fault = s3CredentialFault(parts, expected, amzDate);
    if (fault !== undefined) throw malformed(kind, fault);
  } else {
    if (parts.length !== 5) {
      throw incompleteSignature(
        dialect,
        "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, " + `got: ${parts.length}`,
      );
    }
    if (terminator !== "aws4_request") {
      throw refusedSignature(dialect, "Credential should be scoped with a valid terminator: 'aws4_request'.");
    }
    if (service !== expected) throw refusedSignature(dialect, `Credential should be scoped to correct service: '${expected}'.`);
    if (region === "") throw refusedSignature(dialect, "Credential should be scoped to a valid region. ");
    if (date !== amzDate.slice(0, 8)) {
      throw refusedSignature(
        dialect,
        "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: " +
          `'${date.slice(0, 16)}' != '${amzDate.slice(0, 8)}', from '${amzDate}'.`,
      );
    }
  }
  return { accessKeyId, scope: { date, region, service } };
}

/** What is wrong with an S3 credential, in the words that follow the header's or the parameter's introduction. */
function s3CredentialFault(parts: readonly string[], expected: string, amzDate: string): string | undefined {
  const [accessKeyId = "", date = "", region = "", service = "", terminator = ""] = parts;
  if (parts.length !== 5 || region === "") {
    return 'the Credential is mal-formed; expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".';
  }
  if (accessKeyId === "") return "a non-empty Access Key (AKID) must be provided in the credential.";
  if (!/^\d{8}$/.test(date)) {
    return `incorrect date format "${date.slice(0, 16)}". This date in the credential must be in the format "yyyyMMdd".`;
  }
  if (terminator !== "aws4_request")
    return `incorrect terminator "${terminator.slice(0, 40)}". This endpoint uses "aws4_request".`;
  if (service !== expected) return `incorrect service "${service.slice(0, 40)}". This endpoint belongs to "${expected}".`;
  if (date !== amzDate.slice(0, 8)) {
    return `Invalid credential date "${date}". This date is not the same as X-Amz-Date: "${amzDate.slice(0, 8)}".`;
  }
  return undefined;
}

function malformed(kind: "header" | "query", fault: string): ServiceError {
  return kind === "header"
    ? new ServiceError("AuthorizationHeaderMalformed", `The authorization header is malformed; ${fault}`, { status: 400 })
    : new ServiceError("AuthorizationQueryParametersError", `Error parsing the X-Amz-Credential parameter; ${fault}`, {
        status: 400,
      });
}

/** Host and every `x-amz-*` header that is there must be signed, or what they say is anyone's. */
export function assertAllSigned(reader: ClaimReader, names: readonly string[]): void {
  const signed = new Set(names);
  const unsigned = signed.has("host") ? [] : ["host"];
  for (const name of reader.headers.keys()) if (name.startsWith("x-amz-") && !signed.has(name)) unsigned.push(name);
  if (unsigned.length === 0) return;
  // A presigned URL's payload hash is part of the canonical request whether or not its header is listed.
  const open = reader.parameters.has("X-Amz-Signature") ? unsigned.filter((name) => name !== "x-amz-content-sha256") : unsigned;
  if (open.length === 0) return;
  if (reader.dialect === "s3") {
    throw new ServiceError("AccessDenied", "There were headers present in the request which were not signed", {
      status: 403,
      fields: { HeadersNotSigned: open.join(", ") },
    });
  }
  throw refusedSignature(
    reader.dialect,
    open[0] === "host"
      ? "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."
      : `'${open[0] ?? ""}' must be a 'SignedHeader' in the AWS Authorization.`,
  );
}
