/**
 * KMS's refusals in S3's words: `KMS.` before the code, status 400; a denial becomes S3's AccessDenied with KMS's sentence.
 * Source: S3 encryption reference §7.
 */
import { ServiceError } from "../lib/errors.js";

const TRANSIENT = new Set([
  "KMSInternalException",
  "DependencyTimeoutException",
  "KeyUnavailableException",
  "ThrottlingException",
]);

/** The error that an S3 caller sees for one that KMS gave; anything else is passed on as it is. */
export function asS3Error(error: unknown): unknown {
  if (!(error instanceof ServiceError)) return error;
  const { code, message } = error;
  if (code === "AccessDeniedException") return new ServiceError("AccessDenied", message, { status: 403, cause: error });
  if (TRANSIENT.has(code)) {
    return new ServiceError("ServiceUnavailable", "Reduce your request rate.", { status: 503, cause: error });
  }
  if (code === "InternalFailure" || code === "InternalError") return error;
  return new ServiceError(`KMS.${code}`, message, { status: 400, cause: error });
}

/** Runs a KMS call and translates its refusal. */
export async function viaKms<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw asS3Error(error);
  }
}
