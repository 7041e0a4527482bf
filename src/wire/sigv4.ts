/**
 * Signature Version 4: keys, strings to sign, and the comparison.
 *
 * `parseAuthorization` (authorization.ts) says how a request claims to be signed; `verifySignature` proves it. What comes
 * out is what chunk signatures of a streaming body go on from.
 *
 * Source: "Create a signed AWS API request"; S3 "Signature calculations … transferring payload in multiple chunks".
 */
import { createHmac, hash } from "node:crypto";
import { hmacHex } from "@coffer/seal";
import { equalBytes } from "../lib/bytes.js";
import { ServiceError } from "../lib/errors.js";
import { dialectOf, refusedSignature } from "./auth-errors.js";
import { canonicalRequests } from "./canonical.js";
import type { CredentialScope, SignatureClaim } from "./claim.js";
import type { RequestHead, Service } from "./types.js";

const NOT_ASCII = /[\x80-\xff]/;
export const ALGORITHM = "AWS4-HMAC-SHA256";
/** SHA-256 of nothing, hex. */
export const EMPTY_SHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

export const scopeText = (scope: CredentialScope): string => `${scope.date}/${scope.region}/${scope.service}/aws4_request`;

const hmac = (key: Buffer | string, text: string): Buffer => createHmac("sha256", key).update(text, "utf8").digest();

/** Signing keys live a day; deriving one costs four HMACs. First in, first out. */
const KEY_CACHE_LIMIT = 1000;
const keyCache = new Map<string, Buffer>();

/** HMAC key of one secret, day, region and service. Shared: do not wipe. */
export function signingKey(secretAccessKey: string, scope: CredentialScope): Buffer {
  // The cache outlives the caller's secret: it keeps a digest of it, not the text.
  const cacheKey = `${scopeText(scope)}/${hash("sha256", secretAccessKey, "base64")}`;
  const cached = keyCache.get(cacheKey);
  if (cached !== undefined) return cached;
  const day = hmac(`AWS4${secretAccessKey}`, scope.date);
  const key = hmac(hmac(hmac(day, scope.region), scope.service), "aws4_request");
  if (keyCache.size >= KEY_CACHE_LIMIT) {
    const oldest = keyCache.keys().next();
    if (oldest.done !== true) keyCache.delete(oldest.value);
  }
  keyCache.set(cacheKey, key);
  return key;
}

/** @param canonicalRequest latin1 characters, as `canonicalRequests` gives it */
export function stringToSign(amzDate: string, scope: CredentialScope, canonicalRequest: string): string {
  // One call where the text's UTF-8 is its latin1, which it is but for headers of raw bytes.
  const bytes = NOT_ASCII.test(canonicalRequest) ? Buffer.from(canonicalRequest, "latin1") : canonicalRequest;
  const digest = hash("sha256", bytes, "hex");
  return `${ALGORITHM}\n${amzDate}\n${scopeText(scope)}\n${digest}`;
}

/** Hex HMAC of `text` under a signing key. */
export function signatureOf(key: Buffer, text: string): string {
  return hmacHex("sha256", key, [Buffer.from(text, "latin1")]);
}

/** Constant-time comparison of a computed hex signature with the one provided. */
export function sameSignature(computed: string, provided: string): boolean {
  return equalBytes(Buffer.from(computed, "latin1"), Buffer.from(provided, "latin1"));
}

/** A proven signature: the seed of chunk signatures. Holds key material: never log it. */
export interface VerifiedSignature {
  readonly signingKey: Buffer;
  readonly signature: string;
  readonly amzDate: string;
  readonly scope: CredentialScope;
}

export interface SecretInputs {
  readonly service: Service;
  readonly secretAccessKey: string;
  /** Hex SHA-256 of the whole body; needed where `claim.payloadHash` is undefined (all but S3). */
  readonly bodySha256?: string | undefined;
}

/**
 * Proves the signature that `claim` describes.
 * @throws ServiceError SignatureDoesNotMatch (S3 with StringToSign and CanonicalRequest), InvalidSignatureException, InvalidURI
 */
export function verifySignature(claim: SignatureClaim, head: RequestHead, inputs: SecretInputs): VerifiedSignature {
  const payloadHash = claim.payloadHash ?? inputs.bodySha256;
  if (payloadHash === undefined) throw new Error("invariant: the body's hash is needed to verify this signature");
  const isS3 = dialectOf(inputs.service) === "s3";
  const key = signingKey(inputs.secretAccessKey, claim.scope);
  const canonical = canonicalRequests(head, isS3, { signedHeaders: claim.signedHeaders, payloadHash });
  for (const request of canonical) {
    const computed = signatureOf(key, stringToSign(claim.amzDate, claim.scope, request));
    if (sameSignature(computed, claim.signature)) {
      return { signingKey: key, signature: computed, amzDate: claim.amzDate, scope: claim.scope };
    }
  }
  throw mismatch(claim, inputs.service, canonical[0] ?? "");
}

const SECRET_NAMES = "x-amz-(?:copy-source-)?server-side-encryption-customer-key|x-amz-security-token";
const SECRET_LINE = new RegExp(`^(${SECRET_NAMES}):.*$`, "gm");
const SECRET_PARAMETER = new RegExp(`(^|&)(${SECRET_NAMES})=[^&\\n]*`, "gim");

const spacedHex = (bytes: Buffer): string => (bytes.toString("hex").match(/../g) ?? []).join(" ");

/** AWS sends back what it computed. INVARIANT: no customer key and no session token in an error. */
function mismatch(claim: SignatureClaim, service: Service, canonicalRequest: string): ServiceError {
  const dialect = dialectOf(service);
  if (dialect !== "s3") {
    return refusedSignature(
      dialect,
      "The request signature we calculated does not match the signature you provided. Check your AWS " +
        "Secret Access Key and signing method. Consult the service documentation for details.",
    );
  }
  const shown = Buffer.from(
    canonicalRequest.replace(SECRET_LINE, "$1:[secret]").replace(SECRET_PARAMETER, "$1$2=[secret]"),
    "latin1",
  );
  const toSign = stringToSign(claim.amzDate, claim.scope, canonicalRequest);
  return signatureDoesNotMatch({
    AWSAccessKeyId: claim.accessKeyId,
    StringToSign: toSign,
    SignatureProvided: claim.signature,
    StringToSignBytes: spacedHex(Buffer.from(toSign, "latin1")),
    CanonicalRequest: shown.toString("utf8"),
    CanonicalRequestBytes: spacedHex(shown),
  });
}

/** S3's SignatureDoesNotMatch. */
export function signatureDoesNotMatch(fields: Readonly<Record<string, string>>): ServiceError {
  return new ServiceError(
    "SignatureDoesNotMatch",
    "The request signature we calculated does not match the signature you provided. Check your key and signing method.",
    { status: 403, fields },
  );
}

/** `20260131T120000Z` → ms since epoch; undefined if it is no such date. */
export function parseAmzDate(text: string): number | undefined {
  if (text.length !== 16 || text[8] !== "T" || text[15] !== "Z") return undefined;
  const [century, years, month, day] = [twoDigits(text, 0), twoDigits(text, 2), twoDigits(text, 4), twoDigits(text, 6)];
  const [hour, minute, second] = [twoDigits(text, 9), twoDigits(text, 11), twoDigits(text, 13)];
  const year = century * 100 + years;
  // `Date.UTC` takes years before 100 for others; a sum with a wrong digit in it is NaN, which is less than nothing.
  if (!(year >= 100 && month >= 1 && month <= 12 && day >= 1 && hour < 24 && minute < 60 && second < 60)) return undefined;
  if (day > 28 && day > new Date(Date.UTC(year, month, 0)).getUTCDate()) return undefined;
  return Date.UTC(year, month - 1, day, hour, minute, second);
}

/** NaN where they are none. */
function twoDigits(text: string, at: number): number {
  const [tens, ones] = [text.charCodeAt(at) - 0x30, text.charCodeAt(at + 1) - 0x30];
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : Number.NaN;
}

/** ms since epoch → `20260131T120000Z`. */
export function formatAmzDate(ms: number): string {
  return new Date(ms).toISOString().replace(/[-:]|\.\d{3}/g, "");
}

/** ms since epoch → `2026-01-31T12:00:00Z`, as in S3's errors. */
export function formatIsoSeconds(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d{3}/, "");
}
