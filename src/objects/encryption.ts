/**
 * Which encryption a new object gets: a pure function of the request's headers and the bucket's default.
 * Precedence: SSE-C headers, then `x-amz-server-side-encryption`, then the default. All validation happens here, and is
 * called after authorization, since on AWS a policy speaks before the validation of a bogus value does.
 * Source: docs/reference of S3 encryption §2, §7, §8 (texts verified against AWS where marked so there).
 */
import { createHash } from "node:crypto";
import { equalBytes, isBase64 } from "../lib/bytes.js";
import { ServiceError } from "../lib/errors.js";
import { Secret } from "../lib/secret.js";
import type { BucketEncryption, SseMode } from "./records.js";

const SSE = "x-amz-server-side-encryption";

/** SSE-C headers as sent; of the object or, for copies, of the source. */
export interface CustomerHeaders {
  readonly SSECustomerAlgorithm?: string | undefined;
  readonly SSECustomerKey?: string | undefined;
  readonly SSECustomerKeyMD5?: string | undefined;
}

/** Encryption headers of PutObject, CopyObject and CreateMultipartUpload as sent. */
export interface EncryptionHeaders extends CustomerHeaders {
  readonly ServerSideEncryption?: string | undefined;
  readonly SSEKMSKeyId?: string | undefined;
  readonly SSEKMSEncryptionContext?: string | undefined;
  readonly BucketKeyEnabled?: boolean | undefined;
}

export interface KmsPlan {
  readonly mode: "aws:kms" | "aws:kms:dsse";
  /** As the caller or the bucket default names it; `alias/aws/s3` where neither does. */
  readonly keyId: string;
  readonly bucketKey: boolean;
  /** The caller's pairs, without `aws:s3:arn`. */
  readonly context: Readonly<Record<string, string>>;
  /** The header as sent, to be echoed. */
  readonly contextHeader?: string;
}

export type EncryptionPlan = { readonly mode: "AES256" } | KmsPlan | { readonly mode: "SSE-C"; readonly key: Secret };

export const MANAGED_KEY = "alias/aws/s3";

/** Mode and key that a write would use, without judging the headers: for condition keys. */
export interface IntendedEncryption {
  readonly mode: SseMode | undefined;
  /** Only for KMS modes. */
  readonly keyId?: string;
}

/** What the request asks for, or the bucket default; never throws. */
export function intendedEncryption(headers: EncryptionHeaders, fallback: BucketEncryption | undefined): IntendedEncryption {
  if (hasCustomerHeaders(headers)) return { mode: "SSE-C" };
  const asked = headers.ServerSideEncryption;
  if (asked === undefined) {
    const mode = fallback?.algorithm ?? "AES256";
    return mode === "AES256" ? { mode } : { mode, keyId: fallback?.kmsKeyId ?? MANAGED_KEY };
  }
  if (asked === "AES256") return { mode: asked };
  if (asked === "aws:kms" || asked === "aws:kms:dsse") return { mode: asked, keyId: headers.SSEKMSKeyId ?? MANAGED_KEY };
  return { mode: undefined };
}

/**
 * Judges the headers and settles the encryption of a new object or upload.
 * @param arn of the object, the only value that a caller's own `aws:s3:arn` pair may have
 * @throws ServiceError InvalidArgument, InvalidEncryptionAlgorithmError, AccessDenied (SSE-C blocked on the bucket)
 */
export function resolveEncryption(
  headers: EncryptionHeaders,
  fallback: BucketEncryption | undefined,
  arn: string,
): EncryptionPlan {
  const asked = headers.ServerSideEncryption;
  if (hasCustomerHeaders(headers)) return customerPlan(headers, fallback);
  if (asked !== undefined && asked !== "AES256" && asked !== "aws:kms" && asked !== "aws:kms:dsse") {
    throw invalid("The encryption method specified is not supported", asked);
  }
  if (asked !== "aws:kms" && asked !== "aws:kms:dsse") refuseStrayKmsHeaders(headers);
  if (asked === "AES256") return { mode: "AES256" };
  const mode = asked ?? fallback?.algorithm ?? "AES256";
  if (mode === "AES256") return { mode };
  // An explicit aws:kms without a key id means the managed key, even where the default names another key.
  const keyId = asked === undefined ? fallback?.kmsKeyId : headers.SSEKMSKeyId;
  const contextHeader = headers.SSEKMSEncryptionContext;
  return {
    mode,
    keyId: keyId ?? MANAGED_KEY,
    bucketKey: mode === "aws:kms" && (headers.BucketKeyEnabled ?? fallback?.bucketKeyEnabled ?? false),
    context: parseContext(contextHeader, arn),
    ...(contextHeader === undefined ? {} : { contextHeader }),
  };
}

/** Is any SSE-C header there? */
export function hasCustomerHeaders(headers: CustomerHeaders): boolean {
  const { SSECustomerAlgorithm, SSECustomerKey, SSECustomerKeyMD5 } = headers;
  return SSECustomerAlgorithm !== undefined || SSECustomerKey !== undefined || SSECustomerKeyMD5 !== undefined;
}

function customerPlan(headers: EncryptionHeaders, fallback: BucketEncryption | undefined): EncryptionPlan {
  if (headers.ServerSideEncryption !== undefined) {
    throw invalid(
      "Server Side Encryption with Customer provided key is incompatible with the encryption method specified",
      headers.ServerSideEncryption,
    );
  }
  refuseStrayKmsHeaders(headers);
  refuseBlocked(headers, fallback);
  return { mode: "SSE-C", key: parseCustomerKey(headers, "write") };
}

/** @throws ServiceError AccessDenied where the bucket blocks customer keys */
export function refuseBlocked(headers: CustomerHeaders, settings: BucketEncryption | undefined): void {
  if (!hasCustomerHeaders(headers) || settings?.blocked?.includes("SSE-C") !== true) return;
  throw new ServiceError("AccessDenied", "Server-side encryption with customer-provided keys (SSE-C) is blocked for this bucket.");
}

function refuseStrayKmsHeaders(headers: EncryptionHeaders): void {
  if (headers.SSEKMSKeyId === undefined && headers.SSEKMSEncryptionContext === undefined) return;
  throw invalid(
    "Server Side Encryption with AWS KMS managed key requires HTTP header x-amz-server-side-encryption : aws:kms",
    headers.ServerSideEncryption,
  );
}

/**
 * The customer key, checked in AWS's order.
 * @param use on reads a missing MD5 is a wrong key (403), on writes an invalid argument
 * @throws ServiceError
 */
export function parseCustomerKey(headers: CustomerHeaders, use: "read" | "write"): Secret {
  const { SSECustomerAlgorithm: algorithm, SSECustomerKey: key, SSECustomerKeyMD5: md5 } = headers;
  if (algorithm === undefined) {
    throw invalid(
      "Requests specifying Server Side Encryption with Customer provided keys must provide a valid encryption algorithm.",
    );
  }
  if (algorithm !== "AES256") {
    throw new ServiceError(
      "InvalidEncryptionAlgorithmError",
      "The Encryption request you specified is not valid. Supported value: AES256.",
      {
        status: 400,
        fields: { ArgumentName: SSE, ArgumentValue: algorithm },
      },
    );
  }
  if (key === undefined) {
    throw invalid(
      "Requests specifying Server Side Encryption with Customer provided keys must provide an appropriate secret key.",
    );
  }
  if (md5 === undefined && use === "read") throw wrongCustomerKey();
  const bytes = isBase64(key) ? Buffer.from(key, "base64") : Buffer.alloc(0);
  if (md5 === undefined || bytes.length !== 32) {
    bytes.fill(0);
    throw invalid("The secret key was invalid for the specified algorithm.");
  }
  const claimed = isBase64(md5) ? Buffer.from(md5, "base64") : Buffer.alloc(0);
  if (!equalBytes(claimed, createHash("md5").update(bytes).digest())) {
    bytes.fill(0);
    throw invalid("The calculated MD5 hash of the key did not match the hash that was provided.");
  }
  return new Secret(bytes);
}

export function wrongCustomerKey(): ServiceError {
  return new ServiceError(
    "AccessDenied",
    "Requests specifying Server Side Encryption with Customer provided keys must provide the correct secret key.",
  );
}

const CONTEXT_TEXT =
  "The header 'x-amz-server-side-encryption-context' shall be Base64-encoded UTF-8 string holding JSON which represents a string-string map";

/** The caller's pairs. His own `aws:s3:arn` must equal what S3 would add; it is left out. */
function parseContext(header: string | undefined, arn: string): Readonly<Record<string, string>> {
  if (header === undefined) return {};
  const pairs = isBase64(header) && header !== "" ? parsePairs(Buffer.from(header, "base64")) : undefined;
  if (pairs === undefined) throw contextError(header);
  const own = pairs.get("aws:s3:arn");
  if (own !== undefined && own !== arn) throw contextError(header);
  pairs.delete("aws:s3:arn");
  return Object.fromEntries(pairs);
}

function contextError(header: string): ServiceError {
  return new ServiceError("InvalidArgument", CONTEXT_TEXT, { fields: { ArgumentName: `${SSE}-context`, ArgumentValue: header } });
}

function parsePairs(bytes: Buffer): Map<string, string> | undefined {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  const pairs = new Map<string, string>();
  for (const [name, text] of Object.entries(value)) {
    if (typeof text !== "string") return undefined;
    pairs.set(name, text);
  }
  return pairs;
}

function invalid(message: string, value?: string): ServiceError {
  return new ServiceError("InvalidArgument", message, {
    fields: { ArgumentName: SSE, ...(value === undefined ? {} : { ArgumentValue: value }) },
  });
}

/** The caller's stored context as pairs; what was accepted once parses again. */
export function storedContext(header: string | undefined, arn: string): Readonly<Record<string, string>> {
  return parseContext(header, arn);
}
