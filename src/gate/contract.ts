/**
 * What an operation is, and what it is handed. Everything a caller can do is an Operation in one room's
 * `operations.ts`; the gate runs them all: authenticate → decode → resolve → authorize → run → audit.
 */
import type { Clock } from "../lib/clock.js";
import type { ServiceError } from "../lib/errors.js";
import type { Log } from "../lib/log.js";
import type { Context, Decision, Permission, Principal, PrincipalPolicies } from "../policy/types.js";
import type { Batch, CommitResult } from "../stores/contract.js";
import type { RequestBody } from "../wire/body.js";
import type { RequestHead, Service } from "../wire/types.js";

/**
 * One API operation.
 * @typeParam I decoded input, the generated interface of the wire tables (`PutObjectRequest`)
 * @typeParam F facts that permission and work both need: rows with their stamps, the key that will really be used
 * @typeParam O output, the generated interface (`PutObjectOutput`)
 */
export interface Operation<I, F, O> {
  readonly service: Service;
  /** AWS's name, as in the tables: `PutObject`. */
  readonly name: string;
  /** Reads what the decision and the work depend on. Throws NoSuchBucket and the like; nothing that needs a right to be known. */
  resolve(input: I, call: Call): Promise<F>;
  /** All must be allowed. Empty only together with `needsNoPermission`. */
  permissions(input: I, facts: F, call: Call): readonly Permission[];
  /** Why an empty list is right, e.g. "AWS: GetCallerIdentity needs no permission"; "per entry" for DeleteObjects. */
  readonly needsNoPermission?: string;
  /** Does the work; commits through `call.commit` only, with the facts' stamps as checks. */
  run(input: I, facts: F, call: Call): Promise<O>;
  /** May it be called unsigned? Default: S3 yes (the policies decide), every other service no. */
  readonly unsigned?: boolean;
  /** The error for a denial, where it is not the service's usual text. */
  denied?(denial: Denial, input: I, facts: F, call: Call): ServiceError;
  /** Changes nothing and reveals no more than it reads: CloudTrail `readOnly`. Default: name starts with Get, List, Head, Describe. */
  readonly readOnly?: boolean;
  /** Audit members where the default (input without blobs, bodies and sensitive members, lowerCamelCase) is not AWS's shape. */
  auditParameters?(input: I): Readonly<Record<string, unknown>>;
}

/** Any operation, for lists. */
export type AnyOperation = Operation<never, unknown, unknown>;

/** Keeps inference of I, F, O at the definition and erases it for the list. */
export function defineOperation<I, F, O>(operation: Operation<I, F, O>): AnyOperation {
  return operation as unknown as AnyOperation;
}

export interface Denial {
  readonly permission: Permission;
  readonly decision: Decision;
}

/** How the request proved who it is. */
export interface Authentication {
  readonly type: "REST-HEADER" | "REST-QUERY-STRING" | "POST" | "Anonymous" | "Internal";
  /** Region of the credential scope; undefined for Anonymous. */
  readonly scopeRegion?: string | undefined;
  /** When it was signed; presigned URL and POST policy: their date. ms since epoch. */
  readonly signedAtMs?: number | undefined;
  /** `x-amz-content-sha256` header as sent. */
  readonly contentSha256?: string | undefined;
}

/** The call under way, as operations see it. */
export interface Call {
  readonly service: Service;
  readonly operation: string;
  readonly requestId: string;
  readonly principal: Principal;
  readonly authentication: Authentication;
  /** Region that the call speaks to: of the credential scope, else the server's default. KMS's name space. */
  readonly region: string;
  /** Time of arrival; use for every decision of this call. */
  readonly nowMs: number;
  readonly clock: Clock;
  readonly log: Log;
  /** TLS, or a trusted proxy says so: `aws:SecureTransport`. */
  readonly secure: boolean;
  /** Secure, or allowed by the loopback / `--insecure-sse-from` rule: SSE-KMS and SSE-C may travel. */
  readonly secureEnoughForSse: boolean;
  readonly sourceIp: string | undefined;
  /** Present for S3 calls made by S3 to KMS on behalf of the principal: `s3.us-east-1.amazonaws.com`. */
  readonly viaService: string | undefined;
  /** Absent for internal calls. */
  readonly head: RequestHead | undefined;
  /** Streaming request body, only for operations whose input streams (PutObject, UploadPart, POST form). */
  readonly body: RequestBody | undefined;
  /** Aborted when the client goes away or the server ends. */
  readonly signal: AbortSignal;
  /** Is `signal` aborted? Asked without making one. */
  readonly gone: boolean;

  /** Verdict on one more permission: DeleteObjects per entry, 404-or-403, members that are silently omitted. Never throws for a deny. */
  decide(permission: Permission): Promise<Decision>;
  /** As `decide`, but a deny throws the service's AccessDenied. */
  authorize(permission: Permission): Promise<void>;
  /**
   * Calls another operation through the gate, in process: S3 → KMS.
   * @param as `"caller"`: as this principal, `kms:ViaService` set; `"service"`: as the service principal
   *   `s3.amazonaws.com`, for house keys only, without an audit line
   * @param region KMS region to address; default this call's
   */
  invoke<O>(service: Service, operation: string, input: object, options?: InvokeOptions): Promise<O>;
  /**
   * Would `invoke` be allowed and the key usable, now? For bucket-key hits: everything is checked afresh (state, policy,
   * grants; the input's DryRun form), nothing is computed and no audit line written. Throws what `invoke` would throw.
   */
  permit(service: Service, operation: string, input: object, options?: InvokeOptions): Promise<void>;
  /**
   * The only way to change anything. Writes the audit line of success first (what cannot be recorded does not happen),
   * then commits. A call that ends in an error after this gets a second line, with the same eventID and the error.
   */
  commit(batch: Batch): Promise<CommitResult>;
  /** Adds to the audit line; before `commit`. */
  annotate(notes: AuditNotes): void;
}

export interface InvokeOptions {
  readonly as?: "caller" | "service";
  readonly region?: string;
}

export interface AuditNotes {
  readonly requestParameters?: Readonly<Record<string, unknown>>;
  readonly responseElements?: Readonly<Record<string, unknown>>;
  readonly additionalEventData?: Readonly<Record<string, unknown>>;
  /** Replaces earlier resources. */
  readonly resources?: readonly { readonly ARN: string; readonly accountId?: string; readonly type: string }[];
}

/** What the gate asks of the iam room. */
export interface Directory {
  /** The credential behind an active access key id. Temporary keys need their token, long-term keys must come without. */
  credential(accessKeyId: string, sessionToken: string | undefined, nowMs: number): Promise<Credential | CredentialProblem>;
  /** Told of every proven signature: what GetAccessKeyLastUsed answers. Must not wait or throw. */
  noteUse?(accessKeyId: string, service: Service, region: string, nowMs: number): void;
  /** Every policy on the principal: identity (user inline + managed + groups, role), boundary, session. Fresh at each call. */
  policiesOf(principal: Principal): Promise<PrincipalPolicies>;
}

/** `unknown`: no such key, or inactive; `invalid-token`: the session token is missing, damaged or another key's. */
export type CredentialProblem = "unknown" | "invalid-token" | "expired";

export interface Credential {
  /** For the signature check. */
  readonly secretAccessKey: string;
  readonly principal: Principal;
}

/** Resolves principals in resource policies when they are saved, and back when they are read. Given by the iam room. */
export interface PrincipalResolver {
  /**
   * Unique id (`AIDA…`, `AROA…`) of a user or role ARN, `AROA…:name` of a role session's; the ARN itself for roots of known
   * accounts and federated users; undefined: does not exist.
   */
  uniqueIdOf(arn: string): Promise<string | undefined>;
  /** The ARN that a unique id stands for now; undefined when the entity is gone. */
  arnOf(uniqueId: string): Promise<string | undefined>;
  /** Is this 12-digit account known here? */
  accountExists(accountId: string): Promise<boolean>;
}

export type { Context, Decision, Permission, Principal };
