/**
 * What may travel how: SSE-KMS and SSE-C need TLS (or the loopback rule), SSE-KMS needs a signature, and SSE-S3/SSE-KMS
 * headers belong to writes only. Source: S3 encryption reference §7, §15.
 */
import { ServiceError } from "../lib/errors.js";
import type { Call } from "../gate/contract.js";
import type { SseMode } from "./records.js";

/** @throws ServiceError where this connection or signature is not good enough for the mode */
export function checkTransport(call: Call, mode: SseMode): void {
  if (mode === "AES256") return;
  if (mode === "SSE-C") {
    if (call.secureEnoughForSse) return;
    logRefusal(call);
    throw new ServiceError(
      "InvalidRequest",
      "Requests specifying Server Side Encryption with Customer provided keys must be made over a secure connection.",
    );
  }
  if (call.authentication.type === "Anonymous") {
    throw new ServiceError(
      "InvalidArgument",
      "Requests specifying Server Side Encryption with AWS KMS managed keys require AWS Signature Version 4.",
      { fields: { ArgumentName: "Authorization", ArgumentValue: "null" } },
    );
  }
  if (call.secureEnoughForSse) return;
  logRefusal(call);
  throw new ServiceError(
    "InvalidArgument",
    "Requests specifying Server Side Encryption with AWS KMS managed keys must be made over a secure connection",
  );
}

function logRefusal(call: Call): void {
  call.log.warn(
    { requestId: call.requestId, operation: call.operation },
    "SSE-KMS or SSE-C over clear HTTP refused; --insecure-sse-from CIDR would allow a network",
  );
}

const WRITE_ONLY_HEADERS = [
  "x-amz-server-side-encryption",
  "x-amz-server-side-encryption-aws-kms-key-id",
  "x-amz-server-side-encryption-context",
  "x-amz-server-side-encryption-bucket-key-enabled",
];

/** GET, HEAD and UploadPart take customer headers only. */
export function refuseWriteHeaders(call: Call): void {
  for (const name of WRITE_ONLY_HEADERS) {
    const value = call.head?.headers[name];
    if (value === undefined) continue;
    throw new ServiceError("InvalidArgument", `${name} header is not supported for this operation.`, {
      fields: { ArgumentName: name, ArgumentValue: String(value) },
    });
  }
}
