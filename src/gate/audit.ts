/**
 * Audit records in CloudTrail's shape, one a call, S3's own calls to KMS included. Source: CloudTrail record contents
 * reference; AWS KMS "Logging AWS KMS API calls". Coffer adds `sequence` (per file) and, on KMS calls made by S3,
 * `additionalEventData.s3RequestId`.
 */
import { isoSeconds } from "../lib/clock.js";
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
  /** In order; later ones win. */
  readonly #notes: AuditNotes[] = [];
  #eventId: string | undefined;
  #written = false;

  constructor(sink: AuditSink) {
    this.#sink = sink;
  }

  annotate(notes: AuditNotes): void {
    this.#notes.push(notes);
  }

  /** The line of success, once. */
  success(subject: AuditSubject): void {
    if (this.#written) return;
    this.#sink.append(this.#record(subject));
    // INVARIANT: only now. A call whose line was refused may try to commit again, or has other commits under way.
    this.#written = true;
  }

  /** The line of failure; after a success line it carries the same eventID and so corrects it. */
  failure(subject: AuditSubject, error: unknown): void {
    const known = error instanceof ServiceError;
    const record = this.#record(subject);
    record["errorCode"] = known ? error.code : "InternalFailure";
    record["errorMessage"] = known ? error.message : "An internal error occurred.";
    record["responseElements"] = null;
    this.#sink.append(record);
  }

  #record(subject: AuditSubject): Record<string, unknown> {
    return buildRecord(subject, (this.#eventId ??= uuid()), this.#notes);
  }
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

type Members = Record<string, unknown>;

/** Members are written in this order. */
function buildRecord(subject: AuditSubject, eventID: string, notes: readonly AuditNotes[]): Members {
  const { call, operation, parentRequestId } = subject;
  const via = call.viaService === undefined ? undefined : "s3.amazonaws.com";
  const parameters = requestParameters(subject);
  const elements: Members = {};
  const extra: Members = {};
  let resources: AuditNotes["resources"];
  for (const note of notes) {
    Object.assign(parameters, note.requestParameters);
    Object.assign(elements, note.responseElements);
    Object.assign(extra, note.additionalEventData);
    resources = note.resources ?? resources;
  }
  if (parentRequestId !== undefined) extra["s3RequestId"] = parentRequestId;
  const dataEvent = call.service === "s3" && "key" in parameters;
  const record: Members = {
    eventVersion: "1.08",
    userIdentity: userIdentity(call.principal, via),
    eventTime: `${isoSeconds(call.nowMs)}Z`,
    eventSource: `${call.service === "s3-control" ? "s3" : call.service}.amazonaws.com`,
    eventName: call.operation,
    awsRegion: call.region,
    sourceIPAddress: via ?? call.sourceIp ?? "",
    userAgent: via ?? subject.userAgent ?? "",
    requestParameters: isEmpty(parameters) ? null : parameters,
    responseElements: isEmpty(elements) ? null : elements,
  };
  if (!isEmpty(extra)) record["additionalEventData"] = extra;
  record["requestID"] = call.requestId;
  record["eventID"] = eventID;
  record["readOnly"] = operation.readOnly ?? /^(Get|List|Head|Describe)/.test(call.operation);
  if (resources !== undefined) record["resources"] = resources;
  record["eventType"] = "AwsApiCall";
  record["managementEvent"] = !dataEvent;
  record["recipientAccountId"] = call.principal.accountId ?? "";
  record["eventCategory"] = dataEvent ? "Data" : "Management";
  return record;
}

function isEmpty(members: object): boolean {
  for (const _name in members) return false;
  return true;
}

function userIdentity(principal: Principal, invokedBy: string | undefined): Members {
  switch (principal.type) {
    case "Anonymous":
      return { type: "AWSAccount", principalId: "", accountId: "anonymous" };
    case "Service":
      return { type: "AWSService", invokedBy: principal.service };
    case "Account":
      return named("Root", principal.accountId, principal, invokedBy);
    case "User":
      return named("IAMUser", principal.userId, principal, invokedBy);
    case "AssumedRole":
    case "FederatedUser":
      return named(principal.type, principal.userId, principal, invokedBy);
  }
}

/** JSON leaves out what is undefined. */
function named(type: string, principalId: string | undefined, principal: Principal, invokedBy: string | undefined): Members {
  const { arn, accountId, accessKeyId, userName } = principal;
  return { type, principalId, arn, accountId, accessKeyId, userName, invokedBy };
}

/** Members that never enter a record, whatever their type: secrets, and what is sealed at rest. */
const NEVER = new Set([
  "Plaintext", "CiphertextBlob", "SSECustomerKey", "SSECustomerKeyMD5", "CopySourceSSECustomerKey",
  "CopySourceSSECustomerKeyMD5", "GrantTokens", "GrantToken", "Password",
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

/** A fresh object. */
function requestParameters(subject: AuditSubject): Members {
  const { operation, input, call } = subject;
  const own = ownParameters(operation, input);
  if (own !== undefined) return { ...own };
  return call.service === "s3" || call.service === "s3-control" ? s3Parameters(input) : (publicMembers(input) as Members);
}

/** S3 records name bucket and key, and the simple members; documents and lists are left out. */
function s3Parameters(input: Readonly<Members>): Members {
  const out: Members = {};
  for (const name of Object.keys(input)) {
    const value = input[name];
    if (typeof value !== "string" && typeof value !== "number" && typeof value !== "boolean") continue;
    const shown = s3NameOf(name);
    if (shown !== undefined) out[shown] = value;
  }
  return out;
}

/** By member, as it is decided once; decoded inputs have the tables' members and no others. */
const s3Names = new Map<string, string | undefined>();

/** What a member of S3's inputs is called in a record; undefined where it never enters one. */
function s3NameOf(name: string): string | undefined {
  if (!s3Names.has(name)) {
    const hidden = NEVER.has(name) || NEVER_S3.has(name) || FINGERPRINT.test(name);
    s3Names.set(name, hidden ? undefined : name === "Bucket" ? "bucketName" : lowerCamel(name));
  }
  return s3Names.get(name);
}

function publicMembers(value: unknown): unknown {
  if (value instanceof Date) return value.toISOString();
  if (value instanceof Uint8Array) return undefined;
  if (Array.isArray(value)) return value.map(publicMembers);
  if (typeof value !== "object" || value === null) return value;
  const out: Members = {};
  for (const [name, member] of Object.entries(value)) {
    if (NEVER.has(name) || member === undefined || member instanceof Uint8Array) continue;
    // Keys of an encryption context are the caller's own: they keep their case.
    out[lowerCamel(name)] = /Context(Equals|Subset)?$/.test(name) ? member : publicMembers(member);
  }
  return out;
}

const lowerCamel = (name: string): string => name.slice(0, 1).toLowerCase() + name.slice(1);
