/**
 * What `x-amz-content-sha256` says about the body: a hash, nothing, or one of the aws-chunked forms.
 *
 * Source: S3 "Authenticating requests (SigV4)", table of x-amz-content-sha256.
 */
import { headerNotImplemented, invalidArgument } from "./auth-errors.js";

export type PayloadMode =
  | { readonly kind: "hash"; readonly sha256: string }
  | { readonly kind: "unsigned" }
  | { readonly kind: "chunked"; readonly signed: boolean; readonly trailer: boolean };

/**
 * @param value of the header (or of the presigned parameter)
 * @throws ServiceError InvalidArgument; NotImplemented for the ECDSA (SigV4a) forms
 */
export function parsePayloadHash(value: string): PayloadMode {
  if (/^[0-9a-fA-F]{64}$/.test(value)) return { kind: "hash", sha256: value.toLowerCase() };
  switch (value) {
    case "UNSIGNED-PAYLOAD":
      return { kind: "unsigned" };
    case "STREAMING-AWS4-HMAC-SHA256-PAYLOAD":
      return { kind: "chunked", signed: true, trailer: false };
    case "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER":
      return { kind: "chunked", signed: true, trailer: true };
    case "STREAMING-UNSIGNED-PAYLOAD-TRAILER":
      return { kind: "chunked", signed: false, trailer: true };
    case "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD":
    case "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER":
      throw headerNotImplemented("x-amz-content-sha256", value);
    default:
      throw invalidArgument(
        "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, " +
          "STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER, " +
          "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD, " +
          "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER or a valid sha256 value.",
        "x-amz-content-sha256",
        value.slice(0, 100),
      );
  }
}
