/**
 * Claims in the query string: presigned URLs.
 *
 * Source: S3 "Authenticating requests: using query parameters"; texts as AWS sends them.
 */
import { SECOND_MS } from "../lib/clock.js";
import { ServiceError } from "../lib/errors.js";
import { headerNotImplemented, incompleteSignature, refusedSignature, type Dialect } from "./auth-errors.js";
import {
  ECDSA,
  MAX_SKEW_MS,
  assertAllSigned,
  headerOf,
  parameterOf,
  parseCredential,
  type ClaimReader,
} from "./authorization-common.js";
import type { SignatureClaim } from "./claim.js";
import { parsePayloadHash } from "./payload-mode.js";
import { ALGORITHM, formatAmzDate, formatIsoSeconds, parseAmzDate } from "./sigv4.js";

const MAX_EXPIRES_SECONDS = 604_800;
/** Presigned calls of IAM and STS need no X-Amz-Expires. */
const DEFAULT_EXPIRES_SECONDS = 900;

/** @throws ServiceError as `parseAuthorization` */
export function queryClaim(reader: ClaimReader): SignatureClaim {
  const {
    dialect,
    parameters,
    options: { nowMs },
  } = reader;
  const one = (name: string): string | undefined => parameterOf(reader, name);
  const algorithm = one("X-Amz-Algorithm");
  const credential = one("X-Amz-Credential");
  const signature = one("X-Amz-Signature");
  const amzDate = one("X-Amz-Date");
  const signedHeaders = one("X-Amz-SignedHeaders");
  const expires =
    one("X-Amz-Expires") ?? (dialect === "s3" || parameters.has("X-Amz-Expires") ? undefined : String(DEFAULT_EXPIRES_SECONDS));
  if (!algorithm || !credential || !signature || !amzDate || !signedHeaders || expires === undefined) {
    throw queryError(
      dialect,
      dialect === "s3"
        ? "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, X-Amz-Date, " +
            "X-Amz-SignedHeaders, and X-Amz-Expires parameters."
        : "AWS query-string parameters must include 'X-Amz-Algorithm', 'X-Amz-Credential', 'X-Amz-Signature', " +
            "'X-Amz-SignedHeaders' and 'X-Amz-Date', each once.",
    );
  }
  if (algorithm === ECDSA && dialect === "s3") throw headerNotImplemented("X-Amz-Algorithm", ECDSA);
  if (algorithm !== ALGORITHM) throw queryError(dialect, `X-Amz-Algorithm only supports "${ALGORITHM} and ${ECDSA}"`);
  const signedAtMs = parseAmzDate(amzDate);
  if (signedAtMs === undefined)
    throw queryError(dialect, "X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"");
  const { accessKeyId, scope } = parseCredential(reader, "query", credential, amzDate);
  const expiresSeconds = parseExpires(dialect, expires);
  assertInTime(reader, { amzDate, signedAtMs, expiresSeconds, nowMs });
  const names = signedHeaders.toLowerCase().split(";");
  assertAllSigned(reader, names);
  return {
    kind: "query",
    accessKeyId,
    scope,
    amzDate,
    signedAtMs,
    expiresSeconds,
    signature,
    signedHeaders: names,
    sessionToken: one("X-Amz-Security-Token") || headerOf(reader, "x-amz-security-token"),
    payloadHash: dialect === "s3" ? presignedPayloadHash(reader) : undefined,
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
    throw queryError(
      dialect,
      "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than " +
        `${MAX_EXPIRES_SECONDS} seconds`,
    );
  }
  return seconds;
}

interface Validity {
  readonly amzDate: string;
  readonly signedAtMs: number;
  readonly expiresSeconds: number;
  readonly nowMs: number;
}

function assertInTime(reader: ClaimReader, { amzDate, signedAtMs, expiresSeconds, nowMs }: Validity): void {
  const expiresAtMs = signedAtMs + expiresSeconds * SECOND_MS;
  if (reader.dialect !== "s3") {
    if (nowMs > expiresAtMs || signedAtMs > nowMs + MAX_SKEW_MS) {
      throw refusedSignature(
        reader.dialect,
        signedAtMs > nowMs
          ? `Signature not yet current: ${amzDate} is still later than ${formatAmzDate(nowMs + MAX_SKEW_MS)}`
          : `Signature expired: ${amzDate} is now earlier than ${formatAmzDate(nowMs - expiresSeconds * SECOND_MS)}`,
      );
    }
    return;
  }
  if (signedAtMs > nowMs + MAX_SKEW_MS) {
    throw new ServiceError("AccessDenied", "Request is not valid yet", {
      status: 403,
      fields: { "X-Amz-Date": amzDate, ServerTime: formatIsoSeconds(nowMs) },
    });
  }
  if (nowMs > expiresAtMs) {
    throw new ServiceError("AccessDenied", "Request has expired", {
      status: 403,
      fields: {
        "X-Amz-Expires": String(expiresSeconds),
        Expires: formatIsoSeconds(expiresAtMs),
        ServerTime: formatIsoSeconds(nowMs),
      },
    });
  }
}

/** Presigned: UNSIGNED-PAYLOAD, unless query or header name something else; it is part of what is signed either way. */
function presignedPayloadHash(reader: ClaimReader): string {
  const value =
    parameterOf(reader, "X-Amz-Content-Sha256") ??
    parameterOf(reader, "x-amz-content-sha256") ??
    headerOf(reader, "x-amz-content-sha256") ??
    "UNSIGNED-PAYLOAD";
  parsePayloadHash(value);
  return value;
}
