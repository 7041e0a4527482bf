/**
 * HTTP status of error codes. First the tables (modelled errors), then the lists here: codes that AWS sends and the model
 * does not know. Sources: AWS "Error responses" page of the S3 API reference; reference s3-api.md §1–3,
 * s3-encryption.md §7–9, authorization.md §5–6, kms.md §3.2–3.3.
 */
import { tableOf } from "./tables.js";
import type { Protocol } from "./shape.js";
import type { Service } from "./types.js";

const S3_BY_STATUS: Readonly<Record<number, readonly string[]>> = {
  200: ["OK"],
  301: ["PermanentRedirect"],
  304: ["NotModified"],
  307: ["TemporaryRedirect"],
  400: [
    "AccessControlListNotSupported",
    "AmbiguousGrantByEmailAddress",
    "AuthorizationHeaderMalformed",
    "AuthorizationQueryParametersError",
    "BadDigest",
    "BadRequest",
    "CredentialsNotSupported",
    "EntityTooLarge",
    "EntityTooSmall",
    "ExpiredToken",
    "IllegalLocationConstraintException",
    "IllegalVersioningConfigurationException",
    "IncompleteBody",
    "IncorrectNumberOfFilesInPostRequest",
    "InlineDataTooLarge",
    "InvalidArgument",
    "InvalidBucketAclWithObjectOwnership",
    "InvalidBucketName",
    "InvalidBucketOwnerAWSAccountID",
    "InvalidDigest",
    "InvalidEncryptionAlgorithmError",
    "InvalidLocationConstraint",
    "InvalidPart",
    "InvalidPartOrder",
    "InvalidPolicyDocument",
    "InvalidRequest",
    "InvalidSOAPRequest",
    "InvalidStorageClass",
    "InvalidTag",
    "InvalidTargetBucketForLogging",
    "InvalidToken",
    "InvalidURI",
    "InvalidEncryptionMethod",
    "KeyTooLongError",
    "MalformedACLError",
    "MalformedPOSTRequest",
    "MalformedPolicy",
    "MalformedTrailerError",
    "MalformedXML",
    "MaxMessageLengthExceeded",
    "MaxPostPreDataLengthExceededError",
    "MetadataTooLarge",
    "MissingRequestBodyError",
    "MissingSecurityElement",
    "MissingSecurityHeader",
    "NoLoggingStatusForKey",
    "OperationNotSupported",
    "RequestHeaderSectionTooLarge",
    "RequestIsNotMultiPartContent",
    "RequestTimeout",
    "RequestTorrentOfBucketError",
    "TokenRefreshRequired",
    "TooManyBuckets",
    "TooManyConfigurations",
    "UnexpectedContent",
    "UnresolvableGrantByEmailAddress",
    "UnsupportedArgument",
    "UserKeyMustBeSpecified",
    "X509InvalidAlgorithm",
    "XAmzContentChecksumMismatch",
    "XAmzContentSHA256Mismatch",
  ],
  403: [
    "AccessDenied",
    "AccountProblem",
    "AllAccessDisabled",
    "CrossLocationLoggingProhibited",
    "InvalidAccessKeyId",
    "InvalidObjectState",
    "InvalidPayer",
    "InvalidSecurity",
    "NotSignedUp",
    "RequestTimeTooSkewed",
    "SignatureDoesNotMatch",
    "NotDeviceOwnerError",
    "RequestExpired",
  ],
  404: [
    "NoSuchAccessPoint",
    "NoSuchBucketPolicy",
    "NoSuchConfiguration",
    "NoSuchCORSConfiguration",
    "NoSuchLifecycleConfiguration",
    "NoSuchObjectLockConfiguration",
    "NoSuchPublicAccessBlockConfiguration",
    "NoSuchTagSet",
    "NoSuchVersion",
    "NoSuchWebsiteConfiguration",
    "ObjectLockConfigurationNotFoundError",
    "OwnershipControlsNotFoundError",
    "ReplicationConfigurationNotFoundError",
    "ServerSideEncryptionConfigurationNotFoundError",
    "MetadataConfigurationNotFound",
    "NoSuchMultiRegionAccessPoint",
  ],
  405: ["MethodNotAllowed"],
  409: [
    "BucketAlreadyExists",
    "BucketAlreadyOwnedByYou",
    "BucketNotEmpty",
    "ConditionalRequestConflict",
    "InvalidBucketState",
    "OperationAborted",
    "RestoreAlreadyInProgress",
    "DeleteConflict",
  ],
  411: ["MissingContentLength"],
  412: ["PreconditionFailed"],
  416: ["InvalidRange"],
  500: ["InternalError"],
  501: ["NotImplemented", "XNotImplemented"],
  503: ["ServiceUnavailable", "SlowDown", "Busy"],
};

/** Front-door codes of the query protocol (authorization.md §6.1). */
const QUERY_BY_STATUS: Readonly<Record<number, readonly string[]>> = {
  400: [
    "IncompleteSignature",
    "InvalidAction",
    "InvalidParameterCombination",
    "InvalidParameterValue",
    "InvalidQueryParameter",
    "MalformedInput",
    "MalformedQueryString",
    "MissingAction",
    "MissingParameter",
    "RequestExpired",
    "Throttling",
    "ValidationError",
    "RequestEntityTooLarge",
  ],
  403: [
    "AccessDenied",
    "ExpiredToken",
    "InvalidClientTokenId",
    "MissingAuthenticationToken",
    "OptInRequired",
    "SignatureDoesNotMatch",
  ],
  500: ["InternalFailure", "ServiceFailure", "InternalError"],
  501: ["NotImplemented"],
  503: ["ServiceUnavailable"],
};

/** KMS answers 400 to everything that is the caller's fault. */
const JSON_BY_STATUS: Readonly<Record<number, readonly string[]>> = {
  413: ["RequestEntityTooLargeException"],
  500: [
    "InternalFailure",
    "InternalFailureException",
    "InternalServerError",
    "DependencyTimeoutException",
    "KMSInternalException",
    "KeyUnavailableException",
  ],
  501: ["NotImplemented"],
  503: ["ServiceUnavailable", "ServiceUnavailableException"],
};

const invert = (lists: Readonly<Record<number, readonly string[]>>): ReadonlyMap<string, number> =>
  new Map(Object.entries(lists).flatMap(([status, codes]) => codes.map((code) => [code, Number(status)] as const)));

const UNMODELLED: Readonly<Record<Protocol, ReadonlyMap<string, number>>> = {
  "rest-xml": invert(S3_BY_STATUS),
  "aws-query": invert(QUERY_BY_STATUS),
  "aws-json": invert(JSON_BY_STATUS),
};

/** @param code shape name (`NoSuchEntityException`) or code on the wire (`NoSuchEntity`) */
export function statusOf(service: Service, code: string): number {
  const table = tableOf(service);
  const unmodelled = UNMODELLED[table?.protocol ?? "aws-json"].get(code);
  if (unmodelled !== undefined) return unmodelled;
  const modelled = table !== undefined && Object.hasOwn(table.errors, code) ? table.errors[code] : undefined;
  if (modelled !== undefined) return modelled.status;
  if (table?.protocol === "aws-query") {
    return Object.values(table.errors).find((error) => error.code === code)?.status ?? 400;
  }
  // S3 passes on KMS's errors as `KMS.NotFoundException`, all 400 but KMS's own faults.
  return code.startsWith("KMS.") ? (UNMODELLED["aws-json"].get(code.slice(4)) ?? 400) : 400;
}

/** Code as it stands in the answer: the query protocol drops `Exception` from most shape names. */
export function wireCode(service: Service, code: string): string {
  const table = tableOf(service);
  if (table?.protocol !== "aws-query" || !Object.hasOwn(table.errors, code)) return code;
  return table.errors[code]?.code ?? code;
}
