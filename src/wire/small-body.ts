/**
 * Bodies that are read whole: XML of S3 (verified as streams are), JSON and query forms (hashed for the signature).
 *
 * Source: S3 "Error responses"; limits are the caller's.
 */
import { hash } from "node:crypto";
import { MINUTE_MS } from "../lib/clock.js";
import { ServiceError } from "../lib/errors.js";
import { dialectOf } from "./auth-errors.js";
import {
  declaredSize,
  effectiveHeaders,
  payloadMode,
  pieces,
  verifiedBody,
  type BodySource,
  type OpenBodyOptions,
} from "./payload.js";
import { EMPTY_SHA256 } from "./sigv4.js";
import type { RequestHead, Service } from "./types.js";

/** What is held in memory, some of it for callers not proven yet, may not drip in: 8 MiB in a minute is 140 KiB/s. */
const WITHIN_MS = MINUTE_MS;

export interface SmallBodyOptions extends Omit<OpenBodyOptions, "maxSizeBytes" | "minChunkBytes"> {
  readonly limitBytes: number;
  /** The operation's table asks for Content-MD5 or a checksum (`httpChecksumRequired`). */
  readonly checksumRequired?: boolean;
  /** `x-amz-checksum-*` headers are about the object, not this body (CompleteMultipartUpload). */
  readonly objectChecksum?: boolean;
}

/**
 * Reads and verifies the whole body of an S3 request; empty where none was sent.
 * @throws ServiceError MaxMessageLengthExceeded, InvalidRequest (`Missing required header …: Content-MD5`), BadDigest,
 *   InvalidDigest, XAmzContentSHA256Mismatch, IncompleteBody, SignatureDoesNotMatch …
 */
export async function readSmallBody(options: SmallBodyOptions): Promise<Buffer> {
  const { limitBytes } = options;
  const header = effectiveHeaders(options.head, options.claim);
  const mode = payloadMode(options, header);
  const declaredSizeBytes = declaredSize(header, mode) ?? (header("transfer-encoding") === undefined ? 0 : undefined);
  if (declaredSizeBytes === undefined && mode.kind === "chunked") {
    throw new ServiceError("MissingContentLength", "You must provide the Content-Length HTTP header.", { status: 411 });
  }
  if ((declaredSizeBytes ?? 0) > limitBytes) throw tooLong("s3", limitBytes);
  const body = verifiedBody(
    { withinMs: WITHIN_MS, ...options, maxSizeBytes: limitBytes },
    {
      header,
      mode,
      declaredSizeBytes,
      objectChecksum: options.objectChecksum === true,
    },
  );
  if (options.checksumRequired === true && body.claimedAlgorithm === undefined && header("content-md5") === undefined) {
    throw new ServiceError("InvalidRequest", "Missing required header for this request: Content-MD5", { status: 400 });
  }
  const parts: Buffer[] = [];
  try {
    for await (const piece of body) parts.push(piece);
  } catch (error) {
    throw error instanceof ServiceError && error.code === "EntityTooLarge" ? tooLong("s3", limitBytes) : error;
  }
  return Buffer.concat(parts);
}

/** A whole body, and what its signature must say. Not verified yet: that is `verifySignature` with `bodySha256`. */
export interface HashedBody {
  readonly bytes: Buffer;
  /** Hex. */
  readonly sha256: string;
}

export interface HashedBodyOptions {
  readonly head: RequestHead;
  readonly stream: BodySource;
  readonly service: Service;
  readonly limitBytes: number;
  readonly onStart?: (() => void) | undefined;
  /** How long the body may take; default a minute. */
  readonly withinMs?: number;
}

/** Reads the body of a JSON or query request. @throws ServiceError RequestEntityTooLarge(Exception), IncompleteBody, RequestTimeout */
export async function readHashedBody(options: HashedBodyOptions): Promise<HashedBody> {
  const { head, stream, service, limitBytes, onStart, withinMs = WITHIN_MS } = options;
  const length = head.headers["content-length"];
  if (length === undefined && head.headers["transfer-encoding"] === undefined)
    return { bytes: Buffer.alloc(0), sha256: EMPTY_SHA256 };
  if (length !== undefined && Number(length) > limitBytes) throw tooLong(service, limitBytes);
  onStart?.();
  const parts: Buffer[] = [];
  let sizeBytes = 0;
  for await (const piece of pieces(stream, withinMs)) {
    sizeBytes += piece.length;
    if (sizeBytes > limitBytes) throw tooLong(service, limitBytes);
    parts.push(piece);
  }
  const bytes = parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts);
  return { bytes, sha256: hash("sha256", bytes, "hex") };
}

function tooLong(service: Service, limitBytes: number): ServiceError {
  switch (dialectOf(service)) {
    case "s3":
      return new ServiceError("MaxMessageLengthExceeded", "Your request was too big.", {
        status: 400,
        fields: { MaxMessageLengthBytes: String(limitBytes) },
      });
    case "json":
      return new ServiceError("RequestEntityTooLargeException", "Request size exceeded the limit", { status: 413 });
    case "query":
      return new ServiceError("RequestEntityTooLarge", "Request size exceeded the limit", { status: 413 });
  }
}
