/**
 * Claims in the Authorization header.
 *
 * Source: S3 "Authenticating requests: using the authorization header"; texts as AWS sends them.
 */
import { ServiceError } from "../lib/errors.js";
import {
  hashedAuthorization,
  headerNotImplemented,
  incompleteSignature,
  invalidArgument,
  refusedSignature,
  type Dialect,
} from "./auth-errors.js";
import {
  ECDSA,
  MAX_SKEW_MS,
  assertAllSigned,
  headerOf,
  oldSignature,
  parseCredential,
  type ClaimReader,
} from "./authorization-common.js";
import type { SignatureClaim } from "./claim.js";
import { parsePayloadHash } from "./payload-mode.js";
import { ALGORITHM, formatAmzDate, formatIsoSeconds, parseAmzDate } from "./sigv4.js";

/** @throws ServiceError as `parseAuthorization` */
export function headerClaim(reader: ClaimReader, authorization: string): SignatureClaim {
  const { dialect } = reader;
  const value = authorization.trim();
  const [algorithm = ""] = value.split(" ", 1);
  if (algorithm !== ALGORITHM) throw otherMechanism(reader, algorithm, value);
  const { credential, signedHeaders, signature, more } = components(value.slice(ALGORITHM.length).trim());
  const { amzDate, signedAtMs } = headerDate(reader);
  if (more || !credential || !signedHeaders || !signature) {
    throw componentsMissing(dialect, value, { credential, signedHeaders, signature, amzDate });
  }
  if (amzDate === undefined || signedAtMs === undefined) throw dateMissing(dialect, value);
  const { accessKeyId, scope } = parseCredential(reader, "header", credential, amzDate);
  assertFresh(reader, amzDate, signedAtMs);
  const names = signedHeaders.toLowerCase().split(";");
  assertAllSigned(reader, names);
  return {
    kind: "header",
    accessKeyId,
    scope,
    amzDate,
    signedAtMs,
    signature,
    signedHeaders: names,
    expiresSeconds: undefined,
    sessionToken: headerOf(reader, "x-amz-security-token"),
    payloadHash: dialect === "s3" ? requiredPayloadHash(reader) : undefined,
  };
}

interface Components {
  readonly credential: string | undefined;
  readonly signedHeaders: string | undefined;
  readonly signature: string | undefined;
  /** Is there anything else, or anything twice? */
  readonly more: boolean;
}

/** As clients mostly write it. */
const USUAL = /^Credential=([^,\s]+), ?SignedHeaders=([^,\s]+), ?Signature=([^,\s]+)$/;

/** `A=x, B=y` in any order. */
function components(text: string): Components {
  const usual = USUAL.exec(text);
  if (usual !== null) return { credential: usual[1], signedHeaders: usual[2], signature: usual[3], more: false };
  const found = new Map<string, string>();
  let isList = true;
  for (const part of text.split(",")) {
    const equals = part.indexOf("=");
    const name = part.slice(0, equals).trim();
    if (equals < 0 || found.has(name)) isList = false;
    else found.set(name, part.slice(equals + 1).trim());
  }
  if (!isList) return { credential: undefined, signedHeaders: undefined, signature: undefined, more: true };
  const [credential, signedHeaders, signature] = [found.get("Credential"), found.get("SignedHeaders"), found.get("Signature")];
  return { credential, signedHeaders, signature, more: found.size !== 3 };
}

function otherMechanism(reader: ClaimReader, algorithm: string, value: string): ServiceError {
  if (algorithm === "AWS") return oldSignature(reader.dialect);
  if (reader.dialect !== "s3") {
    return incompleteSignature(
      reader.dialect,
      `Unsupported AWS 'algorithm': '${algorithm.slice(0, 40)}' (only ${ALGORITHM} for now). ` + hashedAuthorization(value),
    );
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
    return new ServiceError(
      "AuthorizationHeaderMalformed",
      "The authorization header is malformed; the authorization header requires " +
        "three components: Credential, SignedHeaders, and Signature.",
      { status: 400 },
    );
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
  return incompleteSignature(
    dialect,
    "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. " + hashedAuthorization(value),
  );
}

/** X-Amz-Date, else Date (ISO basic form or RFC 1123). */
function headerDate(reader: ClaimReader): { amzDate: string | undefined; signedAtMs: number | undefined } {
  const text = headerOf(reader, reader.headers.has("x-amz-date") ? "x-amz-date" : "date");
  if (text === undefined) return { amzDate: undefined, signedAtMs: undefined };
  const iso = parseAmzDate(text);
  if (iso !== undefined) return { amzDate: text, signedAtMs: iso };
  const http = /^[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d (GMT|[+-]0000)$/.test(text)
    ? Date.parse(text)
    : Number.NaN;
  if (!Number.isNaN(http)) return { amzDate: formatAmzDate(http), signedAtMs: http };
  if (reader.dialect === "s3") return { amzDate: undefined, signedAtMs: undefined };
  throw incompleteSignature(
    reader.dialect,
    `Date must be in ISO-8601 'basic format'. Got '${text.slice(0, 64)}'. See http://en.wikipedia.org/wiki/ISO_8601`,
  );
}

function assertFresh(reader: ClaimReader, amzDate: string, signedAtMs: number): void {
  const {
    dialect,
    options: { nowMs },
  } = reader;
  if (Math.abs(nowMs - signedAtMs) <= MAX_SKEW_MS) return;
  if (dialect === "s3") {
    throw new ServiceError("RequestTimeTooSkewed", "The difference between the request time and the current time is too large.", {
      status: 403,
      fields: { RequestTime: amzDate, ServerTime: formatIsoSeconds(nowMs), MaxAllowedSkewMilliseconds: String(MAX_SKEW_MS) },
    });
  }
  const now = formatAmzDate(nowMs);
  throw refusedSignature(
    dialect,
    signedAtMs < nowMs
      ? `Signature expired: ${amzDate} is now earlier than ${formatAmzDate(nowMs - MAX_SKEW_MS)} (${now} - 15 min.)`
      : `Signature not yet current: ${amzDate} is still later than ${formatAmzDate(nowMs + MAX_SKEW_MS)} (${now} + 15 min.)`,
  );
}

/** S3 header authentication: `x-amz-content-sha256` is required. */
function requiredPayloadHash(reader: ClaimReader): string {
  const value = headerOf(reader, "x-amz-content-sha256");
  if (value === undefined) {
    throw new ServiceError("InvalidRequest", "Missing required header for this request: x-amz-content-sha256", { status: 400 });
  }
  parsePayloadHash(value);
  return value;
}
