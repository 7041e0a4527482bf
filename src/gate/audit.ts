/**
 * Audit records in CloudTrail's shape, one a call, S3's own calls to KMS included. Source: CloudTrail record contents
 * reference; AWS KMS "Logging AWS KMS API calls". Coffer adds `sequence` (per file) and, on KMS calls made by S3,
 * `additionalEventData.s3RequestId`.
 */
import { ServiceError } from "../lib/errors.js";
import { uuid } from "../lib/ids.js";
import type { Principal } from "../policy/types.js";
import type { AnyOperation, AuditNotes, Call } from "./contract.js";

/** Accepts a record before anything that it speaks of may happen. */
export interface AuditSink {
  /** Resolves nothing: when it returns, the operating system has the bytes. @throws when it cannot be recorded */
  append(record: AuditRecord): void;
}

export type AuditRecord = Readonly<Record<string, unknown>>;

/** Builds and writes the lines of one call. */
export class CallAudit {
  readonly #sink: AuditSink;
  readonly #eventId = uuid();
  #notes: AuditNotes = {};
  #written = false;

  constructor(sink: AuditSink) {
    this.#sink = sink;
  }

  annotate(notes: AuditNotes): void {
    this.#notes = {
      ...this.#notes,
      ...notes,
      ...merged("requestParameters", this.#notes, notes),
      ...merged("responseElements", this.#notes, notes),
      ...merged("additionalEventData", this.#notes, notes),
    };
  }

  /** The line of success, once. */
  success(subject: AuditSubject): void {
    if (this.#written) return;
    this.#sink.append(buildRecord(subject, this.#eventId, this.#notes));
    // INVARIANT: only now. A call whose line was refused may try to commit again, or has other commits under way.
    this.#written = true;
  }

  /** The line of failure; after a success line it carries the same eventID and so corrects it. */
  failure(subject: AuditSubject, error: unknown): void {
    const known = error instanceof ServiceError;
    this.#sink.append({
      ...buildRecord(subject, this.#eventId, this.#notes),
      errorCode: known ? error.code : "InternalFailure",
      errorMessage: known ? error.message : "An internal error occurred.",
      responseElements: null,
    });
  }
}

function merged(member: "requestParameters" | "responseElements" | "additionalEventData", old: AuditNotes, more: AuditNotes): AuditNotes {
  const value = { ...old[member], ...more[member] };
  return Object.keys(value).length === 0 ? {} : { [member]: value };
}

/** What a record is about. */
export interface AuditSubject {
  readonly call: Call;
  readonly operation: AnyOperation;
  readonly input: Readonly<Record<string, unknown>>;
  readonly userAgent: string | undefined;
  /** Of the S3 call on whose behalf this KMS call is made. */
  readonly parentRequestId: string | undefined;
}

function buildRecord(subject: AuditSubject, eventID: string, notes: AuditNotes): Record<string, unknown> {
  const { call, operation, parentRequestId } = subject;
  const via = call.viaService === undefined ? undefined : "s3.amazonaws.com";
  const parameters = { ...requestParameters(subject), ...notes.requestParameters };
  const extra = { ...notes.additionalEventData, ...(parentRequestId === undefined ? {} : { s3RequestId: parentRequestId }) };
  const dataEvent = call.service === "s3" && "key" in parameters;
  return {
    eventVersion: "1.08",
    userIdentity: userIdentity(call.principal, via),
    eventTime: new Date(call.nowMs).toISOString().replace(/\.\d{3}Z$/, "Z"),
    eventSource: `${call.service === "s3-control" ? "s3" : call.service}.amazonaws.com`,
    eventName: call.operation,
    awsRegion: call.region,
    sourceIPAddress: via ?? call.sourceIp ?? "",
    userAgent: via ?? subject.userAgent ?? "",
    requestParameters: Object.keys(parameters).length === 0 ? null : parameters,
    responseElements: notes.responseElements ?? null,
    ...(Object.keys(extra).length === 0 ? {} : { additionalEventData: extra }),
    requestID: call.requestId,
    eventID,
    readOnly: operation.readOnly ?? /^(Get|List|Head|Describe)/.test(call.operation),
    ...(notes.resources === undefined ? {} : { resources: notes.resources }),
    eventType: "AwsApiCall",
    managementEvent: !dataEvent,
    recipientAccountId: call.principal.accountId ?? "",
    eventCategory: dataEvent ? "Data" : "Management",
  };
}

function userIdentity(principal: Principal, invokedBy: string | undefined): Record<string, unknown> {
  const common = {
    ...(principal.arn === undefined ? {} : { arn: principal.arn }),
    ...(principal.accountId === undefined ? {} : { accountId: principal.accountId }),
    ...(principal.accessKeyId === undefined ? {} : { accessKeyId: principal.accessKeyId }),
    ...(principal.userName === undefined ? {} : { userName: principal.userName }),
    ...(invokedBy === undefined ? {} : { invokedBy }),
  };
  switch (principal.type) {
    case "Anonymous":
      return { type: "AWSAccount", principalId: "", accountId: "anonymous" };
    case "Service":
      return { type: "AWSService", invokedBy: principal.service };
    case "Account":
      return { type: "Root", principalId: principal.accountId, ...common };
    case "User":
      return { type: "IAMUser", principalId: principal.userId, ...common };
    case "AssumedRole":
    case "FederatedUser":
      return { type: principal.type, principalId: principal.userId, ...common };
  }
}

/** Members that never enter a record, whatever their type: secrets, and what is sealed at rest. */
const NEVER = new Set([
  "Plaintext", "CiphertextBlob", "SSECustomerKey", "SSECustomerKeyMD5", "CopySourceSSECustomerKey", "CopySourceSSECustomerKeyMD5", "GrantTokens", "GrantToken", "Password",
  "SecretAccessKey", "SessionToken", "TokenCode", "Body", "WebIdentityToken", "SAMLAssertion", "OldPassword", "NewPassword",
  "PrivateKey", "AuthenticationCode1", "AuthenticationCode2",
]);
/**
 * Of S3, what is sealed at rest (metadata, tags, stored headers), and fingerprints: the entity tags of conditions are MD5
 * sums, and so is the one of a customer key. `MFA` holds a one-time code.
 */
const NEVER_S3 = new Set([
  "Metadata", "Tagging", "SSEKMSEncryptionContext", "ContentMD5", "SSECustomerKeyMD5", "CopySourceSSECustomerKeyMD5", "MFA",
  "CacheControl", "ContentDisposition", "ContentEncoding", "ContentLanguage", "ContentType", "Expires", "WebsiteRedirectLocation",
  "Token", "RequestToken", "ClientToken",
]);
const FINGERPRINT = /^(Checksum(?!Mode|Algorithm|Type)|ETag$)|If(None)?Match$/;

/** An operation speaks of its own input; what was refused before it was an input is shown as it came. */
function ownParameters(operation: AnyOperation, input: object): Readonly<Record<string, unknown>> | undefined {
  try {
    return operation.auditParameters?.(input as never);
  } catch {
    // INVARIANT: a call is recorded whatever was wrong with it. The usual view of its members takes over.
    return undefined;
  }
}

function requestParameters(subject: AuditSubject): Record<string, unknown> {
  const { operation, input, call } = subject;
  const own = ownParameters(operation, input);
  if (own !== undefined) return { ...own };
  return call.service === "s3" || call.service === "s3-control" ? s3Parameters(input) : (publicMembers(input) as Record<string, unknown>);
}

/** S3 records name bucket and key, and the simple members; documents and lists are left out. */
function s3Parameters(input: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const out: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(input)) {
    if (NEVER.has(name) || NEVER_S3.has(name) || FINGERPRINT.test(name)) continue;
    if (typeof value !== "string" && typeof value !== "number" && typeof value !== "boolean") continue;
    out[name === "Bucket" ? "bucketName" : lowerCamel(name)] = value;
  }
  return out;
}

function publicMembers(value: unknown): unknown {
  if (value instanceof Date) return value.toISOString();
  if (value instanceof Uint8Array) return undefined;
  if (Array.isArray(value)) return value.map(publicMembers);
  if (typeof value !== "object" || value === null) return value;
  const out: Record<string, unknown> = {};
  for (const [name, member] of Object.entries(value)) {
    if (NEVER.has(name) || member === undefined || member instanceof Uint8Array) continue;
    // Keys of an encryption context are the caller's own: they keep their case.
    out[lowerCamel(name)] = /Context(Equals|Subset)?$/.test(name) ? member : publicMembers(member);
  }
  return out;
}

const lowerCamel = (name: string): string => name.slice(0, 1).toLowerCase() + name.slice(1);
