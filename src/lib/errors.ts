/**
 * The one error that reaches callers.
 *
 * Everything else that is thrown is a bug or an engine failure: the gate answers 500 and logs it with its cause.
 * Codes are AWS's; the HTTP status comes from the wire tables unless given here.
 */
export interface ErrorDetail {
  /** HTTP status, where the tables of the service don't know the code. */
  readonly status?: number;
  /** Further elements of the error body, e.g. `{ BucketName: "b" }`; names as AWS writes them. */
  readonly fields?: Readonly<Record<string, string>>;
  /** Extra response headers, e.g. `{ "x-amz-bucket-region": "us-east-1" }`. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly cause?: unknown;
}

export class ServiceError extends Error {
  readonly code: string;
  readonly detail: ErrorDetail;

  /**
   * @param code AWS error code, e.g. `NoSuchBucket`, `NotFoundException`
   * @param message AWS's text; the empty string where AWS sends none. Never a secret.
   */
  constructor(code: string, message: string, detail: ErrorDetail = {}) {
    super(message, detail.cause === undefined ? undefined : { cause: detail.cause });
    this.name = "ServiceError";
    this.code = code;
    this.detail = detail;
  }
}

/** Our own invariant; a failure is a bug in Coffer and answers 500. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(`invariant: ${message}`);
}

/** For the `default` of an exhaustive switch. */
export function unreachable(value: never): never {
  throw new Error(`invariant: unexpected ${JSON.stringify(value)}`);
}

/** Stored data that failed authentication, in whichever room it was found: `SealIntegrityError`, `RecordIntegrityError`. */
export function isIntegrityError(error: unknown): boolean {
  return error instanceof Error && error.name.endsWith("IntegrityError");
}
