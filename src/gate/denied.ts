/**
 * The usual error of a denial, per service. S3 says `Access Denied` to everyone, as the tutorials and tools expect it;
 * callers of the owner's account find AWS's detailed sentence in the header `x-coffer-denial`
 * (docs/decisions/0003-access-denied-text.md). KMS, IAM and STS say it in the message.
 */
import { ServiceError } from "../lib/errors.js";
import { denialMessage } from "../policy/denial-text.js";
import type { Principal } from "../policy/types.js";
import type { Service } from "../wire/types.js";
import type { Denial } from "./contract.js";

const PLAIN = "Access Denied";

export function accessDenied(service: Service, principal: Principal, { permission, decision }: Denial): ServiceError {
  const message = denialMessage(principal, permission, decision);
  switch (service) {
    case "s3":
    case "s3-control": {
      const headers = message === PLAIN ? {} : { "x-coffer-denial": headerText(message) };
      return new ServiceError("AccessDenied", PLAIN, { status: 403, headers });
    }
    case "kms":
    case "coffer":
      return new ServiceError("AccessDeniedException", message, { status: 400 });
    case "iam":
    case "sts":
      return new ServiceError("AccessDenied", message, { status: 403 });
  }
}

/** A header takes visible ASCII; object keys may hold anything, halves of surrogate pairs included. */
function headerText(text: string): string {
  return text.replace(/\p{Surrogate}/gu, "\ufffd").replace(/[^\x20-\x7e]/gu, encodeURIComponent);
}
