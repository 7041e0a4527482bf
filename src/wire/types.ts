import type { IncomingHttpHeaders } from "node:http";

/** The five services of one endpoint. `coffer` is our own, in aws-json form. */
export type Service = "s3" | "s3-control" | "kms" | "iam" | "sts" | "coffer";

/**
 * Head of an HTTP request, as received and otherwise untouched: what routing, signatures and decoding read.
 * Built once by the server room.
 */
export interface RequestHead {
  /** Upper case as sent. */
  readonly method: string;
  /** Request target exactly as sent, e.g. `/b/a%20b?x-id=PutObject`; never normalised. */
  readonly target: string;
  /** Names lower case. Duplicates that Node would fold are in `rawHeaders`. */
  readonly headers: IncomingHttpHeaders;
  /** Name, value, name, value … as received. */
  readonly rawHeaders: readonly string[];
  /** TLS on this connection, or a configured trusted proxy says so. */
  readonly secure: boolean;
}
