/**
 * The errors of authentication, in the words of each protocol family.
 *
 * S3 and S3 Control, the JSON services (KMS, Coffer) and the query services (IAM, STS) say the same things under
 * different codes. Every function here names one situation; callers do not look at the family.
 *
 * Source: S3 "Error responses" and "Authenticating requests (SigV4)"; the common errors of the JSON and query
 * services as their front ends send them.
 */
import { createHash } from "node:crypto";
import { ServiceError } from "../lib/errors.js";
import type { Service } from "./types.js";

/** Family of error codes. */
export type Dialect = "s3" | "json" | "query";

export function dialectOf(service: Service): Dialect {
  if (service === "s3" || service === "s3-control") return "s3";
  return service === "iam" || service === "sts" ? "query" : "json";
}

/** Service name in a credential scope: S3 Control signs as `s3`. */
export function signingName(service: Service): string {
  return service === "s3-control" ? "s3" : service;
}

/** A signed request is required and there is no signature at all. S3 operations rather get a policy decision. */
export function missingAuthentication(service: Service): ServiceError {
  switch (dialectOf(service)) {
    case "s3":
      return new ServiceError("AccessDenied", "Access Denied", { status: 403 });
    case "json":
      return new ServiceError("MissingAuthenticationTokenException", "Missing Authentication Token", { status: 400 });
    case "query":
      return new ServiceError("MissingAuthenticationToken", "Request is missing Authentication Token", { status: 403 });
  }
}

/** The access key id is unknown or inactive. */
export function unknownAccessKey(service: Service, accessKeyId: string): ServiceError {
  switch (dialectOf(service)) {
    case "s3":
      return new ServiceError("InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.", {
        status: 403,
        fields: { AWSAccessKeyId: accessKeyId },
      });
    case "json":
      return new ServiceError("UnrecognizedClientException", "The security token included in the request is invalid.", {
        status: 400,
      });
    case "query":
      return new ServiceError("InvalidClientTokenId", "The security token included in the request is invalid.", { status: 403 });
  }
}

/** The session token does not belong to the access key, or is damaged. The token itself is not repeated. */
export function invalidSessionToken(service: Service): ServiceError {
  switch (dialectOf(service)) {
    case "s3":
      return new ServiceError("InvalidToken", "The provided token is malformed or otherwise invalid.", { status: 400 });
    case "json":
      return new ServiceError("UnrecognizedClientException", "The security token included in the request is invalid.", {
        status: 400,
      });
    case "query":
      return new ServiceError("InvalidClientTokenId", "The security token included in the request is invalid.", { status: 403 });
  }
}

/** The session has ended. */
export function expiredSessionToken(service: Service): ServiceError {
  switch (dialectOf(service)) {
    case "s3":
      return new ServiceError("ExpiredToken", "The provided token has expired.", { status: 400 });
    case "json":
      return new ServiceError("ExpiredTokenException", "The security token included in the request is expired", { status: 400 });
    case "query":
      return new ServiceError("ExpiredToken", "The security token included in the request is expired", { status: 403 });
  }
}

/** S3: the scope names another region than the bucket's (or endpoint's). For the gate, which knows the right one. */
export function wrongRegion(claim: { readonly kind: "header" | "query" }, given: string, expected: string): ServiceError {
  const wrong = `the region '${given}' is wrong; expecting '${expected}'`;
  const detail = { status: 400, fields: { Region: expected }, headers: { "x-amz-bucket-region": expected } };
  return claim.kind === "header"
    ? new ServiceError("AuthorizationHeaderMalformed", `The authorization header is malformed; ${wrong}`, detail)
    : new ServiceError("AuthorizationQueryParametersError", `Error parsing the X-Amz-Credential parameter; ${wrong}`, detail);
}

/** JSON and query services: what the request claims is incomplete or cannot be parsed. */
export function incompleteSignature(dialect: "json" | "query", message: string): ServiceError {
  const code = dialect === "json" ? "IncompleteSignatureException" : "IncompleteSignature";
  return new ServiceError(code, message, { status: 400 });
}

/** JSON and query services: well-formed, but not a signature that can count (scope, time, signed headers). */
export function refusedSignature(dialect: "json" | "query", message: string): ServiceError {
  return dialect === "json"
    ? new ServiceError("InvalidSignatureException", message, { status: 400 })
    : new ServiceError("SignatureDoesNotMatch", message, { status: 403 });
}

/** How AWS's front end names an Authorization header without repeating it. */
export function hashedAuthorization(value: string): string {
  const digest = createHash("sha256").update(value, "latin1").digest("base64");
  return `(Hashed with SHA-256 and encoded with Base64) Authorization=${digest}`;
}

/** S3: a header asks for something this server does not do. */
export function headerNotImplemented(header: string, value: string): ServiceError {
  return new ServiceError("NotImplemented", "A header you provided implies functionality that is not implemented", {
    status: 501,
    fields: { Header: header, AdditionalMessage: value },
  });
}

/** S3 `InvalidArgument` with the argument that it is about. */
export function invalidArgument(message: string, name: string, value: string): ServiceError {
  return new ServiceError("InvalidArgument", message, { status: 400, fields: { ArgumentName: name, ArgumentValue: value } });
}
