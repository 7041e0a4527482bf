/**
 * Request bodies that verify themselves while they are read: the implementation of `RequestBody`.
 *
 * `openBody` decides at the top, from the headers alone, what the body must be (length, framing, hashes), and refuses
 * nonsense before `100 Continue`; the iteration then decodes, digests and compares. Small XML, JSON and query bodies:
 * small-body.ts. POST forms: post-form.ts.
 *
 * Source: S3 "Authenticating requests (SigV4)", "Checking object integrity", "Error responses".
 */
import { giveBack } from "@coffer/seal";
import { equalBytes } from "../lib/bytes.js";
import { ServiceError } from "../lib/errors.js";
import { headerNotImplemented, invalidArgument } from "./auth-errors.js";
import { hoistedHeaders, type AuthorizationClaim } from "./authorization.js";
import { AwsChunkedDecoder, incompleteBody, wrongLength } from "./aws-chunked.js";
import { badChecksum, badMd5, readBodyClaims, type BodyClaims, type HeaderReader } from "./body-claims.js";
import { checksumHeader, decodeChecksum } from "./checksums.js";
import { openDigests } from "./digests.js";
import { isContentClaim } from "./hoisted.js";
import { parsePayloadHash, type PayloadMode } from "./payload-mode.js";
import type { BodyResult, ChecksumAlgorithm, RequestBody } from "./body.js";
import type { VerifiedSignature } from "./sigv4.js";
import type { RequestHead } from "./types.js";

/** S3's limit of a single PUT or part: 5 GiB. */
export const MAX_PUT_BYTES = 5 * 1024 ** 3;
/** Digests are updated in pieces of at most this, so that one huge buffer does not hold up the process. */
const PIECE_BYTES = 1024 * 1024;

/** What a body comes from: an IncomingMessage, or any iterable of buffers. */
export interface BodySource extends AsyncIterable<unknown> {
  /** Node's Readable: leaves the connection usable for an answer when reading stops early. */
  iterator?(options: { destroyOnReturn: boolean }): AsyncIterable<unknown>;
}

export interface OpenBodyOptions {
  readonly head: RequestHead;
  readonly stream: BodySource;
  /** The claim that was verified, or anonymous. */
  readonly claim: AuthorizationClaim;
  /** Of `verifySignature`; the seed of chunk signatures. */
  readonly signature?: VerifiedSignature | undefined;
  /** Largest decoded size; default 5 GiB. */
  readonly maxSizeBytes?: number;
  /** Called once, at the first pull: write `100 Continue` here. */
  readonly onStart?: (() => void) | undefined;
  /** How long the body may take; default: as long as it goes on. */
  readonly withinMs?: number;
  /** aws-chunked: smallest chunk but the last. Default 0 (any); S3 itself refuses less than 8192. */
  readonly minChunkBytes?: number;
}

/**
 * Opens the streaming body of an S3 request (PutObject, UploadPart).
 * @throws ServiceError MissingContentLength, EntityTooLarge, InvalidDigest, InvalidRequest, InvalidArgument, NotImplemented,
 *   AccessDenied (signed chunks without a signature)
 */
export function openBody(options: OpenBodyOptions): RequestBody {
  const header = effectiveHeaders(options.head, options.claim);
  const mode = payloadMode(options, header);
  if (mode.kind !== "chunked" && header("transfer-encoding") !== undefined) {
    throw headerNotImplemented("Transfer-Encoding", header("transfer-encoding") ?? "");
  }
  const declaredSizeBytes = declaredSize(header, mode);
  if (declaredSizeBytes === undefined) {
    throw new ServiceError("MissingContentLength", "You must provide the Content-Length HTTP header.", { status: 411 });
  }
  const maxSizeBytes = options.maxSizeBytes ?? MAX_PUT_BYTES;
  if (declaredSizeBytes > maxSizeBytes) throw entityTooLarge(declaredSizeBytes, maxSizeBytes);
  return verifiedBody(options, { header, mode, declaredSizeBytes, objectChecksum: false });
}

/** Reads headers as S3 means them: a presigned URL's `x-amz-*` parameters count as headers, its checksums do not. */
export function effectiveHeaders(head: RequestHead, claim: AuthorizationClaim): HeaderReader {
  const hoisted = claim.kind === "query" ? hoistedHeaders(head.target) : undefined;
  return (name) => {
    const value = head.headers[name];
    if (typeof value === "string") return value;
    return isContentClaim(name) ? undefined : hoisted?.[name];
  };
}

/** How this body is framed and hashed. INVARIANT: a signed request's mode is the one in its canonical request. */
export function payloadMode(options: Pick<OpenBodyOptions, "claim" | "signature">, header: HeaderReader): PayloadMode {
  const { claim } = options;
  if (claim.kind !== "anonymous") {
    const mode = parsePayloadHash(claim.payloadHash ?? "UNSIGNED-PAYLOAD");
    if (mode.kind === "chunked" && options.signature === undefined)
      throw new Error("invariant: body opened before its signature was verified");
    return mode;
  }
  const declared = header("x-amz-content-sha256")?.trim();
  if (declared !== undefined && declared !== "") {
    const mode = parsePayloadHash(declared);
    if (mode.kind === "chunked" && mode.signed) throw new ServiceError("AccessDenied", "Access Denied", { status: 403 });
    return mode;
  }
  // Unsigned SDK requests carry the framing but no hash.
  const framed =
    /(^|,)\s*aws-chunked\s*(,|$)/i.test(header("content-encoding") ?? "") && header("x-amz-decoded-content-length") !== undefined;
  return framed ? { kind: "chunked", signed: false, trailer: true } : { kind: "unsigned" };
}

/** Decoded bytes that the headers promise. */
export function declaredSize(header: HeaderReader, mode: PayloadMode): number | undefined {
  const name = mode.kind === "chunked" ? "x-amz-decoded-content-length" : "content-length";
  const text = header(name)?.trim();
  if (text === undefined) return undefined;
  const size = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(size)) throw invalidArgument(`The ${name} header is not a valid length`, name, text.slice(0, 40));
  return size;
}

/** The declared or actual size is beyond the limit. */
export function entityTooLarge(proposed: number, max: number): ServiceError {
  return new ServiceError("EntityTooLarge", "Your proposed upload exceeds the maximum allowed size", {
    status: 400,
    fields: { ProposedSize: String(proposed), MaxSizeAllowed: String(max) },
  });
}

/** `Content-Encoding` as it is stored: `aws-chunked` is framing, not content. Undefined where nothing else is there. */
export function storedContentEncoding(value: string | undefined): string | undefined {
  if (value === undefined || !/aws-chunked/i.test(value)) return value;
  const rest = value
    .split(",")
    .map((coding) => coding.trim())
    .filter((coding) => coding !== "" && coding.toLowerCase() !== "aws-chunked");
  return rest.length === 0 ? undefined : rest.join(",");
}

export interface BodyShape {
  readonly header: HeaderReader;
  readonly mode: PayloadMode;
  readonly declaredSizeBytes: number | undefined;
  /** `x-amz-checksum-*` headers are about the finished object, not this body (CompleteMultipartUpload). */
  readonly objectChecksum: boolean;
}

/** Body of a shape already decided. @throws ServiceError as `readBodyClaims` */
export function verifiedBody(options: OpenBodyOptions, shape: BodyShape): VerifiedBody {
  const { header, mode, declaredSizeBytes } = shape;
  const visible: HeaderReader = shape.objectChecksum
    ? (name) => (name.startsWith("x-amz-checksum-") || name.startsWith("x-amz-sdk-checksum") ? undefined : header(name))
    : header;
  const claims = readBodyClaims(visible, mode.kind === "chunked" && mode.trailer);
  const { checksum } = claims;
  let source = pieces(options.stream, options.withinMs);
  let trailer: (() => string | undefined) | undefined;
  const spent: Spent = { piece: undefined };
  if (mode.kind === "chunked") {
    const decoder = new AwsChunkedDecoder({
      decodedSizeBytes: declaredSizeBytes ?? 0,
      seed: mode.signed ? options.signature : undefined,
      trailer: checksum !== undefined && checksum.digest === undefined ? checksumHeader(checksum.algorithm) : undefined,
      trailers: mode.trailer,
      minChunkBytes: options.minChunkBytes ?? 0,
    });
    source = decoded(source, decoder, spent);
    trailer = () => decoder.trailerValue;
  }
  return new VerifiedBody({
    source,
    spent,
    declaredSizeBytes,
    claims,
    trailer,
    sha256: mode.kind === "hash" ? mode.sha256 : undefined,
    maxSizeBytes: options.maxSizeBytes ?? MAX_PUT_BYTES,
    onStart: options.onStart,
  });
}

/** The piece received last of whose data the reader has had every byte. Only one: a reader may never give anything back. */
interface Spent {
  piece: Buffer | undefined;
}

async function* decoded(source: AsyncIterable<Buffer>, decoder: AwsChunkedDecoder, spent: Spent): AsyncGenerator<Buffer, void, void> {
  for await (const piece of source) {
    let heldData = false;
    for (const data of decoder.push(piece)) {
      yield data;
      heldData = true;
    }
    if (heldData) spent.piece = piece;
  }
  decoder.end();
}

/**
 * Buffers of a source. A connection that breaks is an incomplete body; reading stops without destroying the request.
 * @param withinMs how long the whole body may take; default: as long as it goes on
 * @throws ServiceError IncompleteBody, RequestTimeout
 */
export async function* pieces(stream: BodySource, withinMs?: number): AsyncGenerator<Buffer, void, void> {
  const iterable = stream.iterator?.({ destroyOnReturn: false }) ?? stream;
  const iterator = iterable[Symbol.asyncIterator]();
  const late = withinMs === undefined ? undefined : deadline(withinMs);
  let done = false;
  try {
    for (;;) {
      let next: IteratorResult<unknown>;
      try {
        next = await (late === undefined ? iterator.next() : late.before(iterator.next()));
      } catch (cause) {
        done = true;
        throw cause instanceof ServiceError ? cause : incompleteBody(cause);
      }
      if (next.done === true) {
        done = true;
        return;
      }
      if (!Buffer.isBuffer(next.value)) throw new Error("invariant: a body source yields buffers");
      yield next.value;
    }
  } finally {
    late?.clear();
    if (!done) await iterator.return?.();
  }
}

interface Deadline {
  /** What `read` gives, or a rejection when the time is over; the read then ends with the connection. */
  before<T>(read: Promise<T>): Promise<T>;
  clear(): void;
}

function deadline(ms: number): Deadline {
  let over = false;
  let fail: ((error: Error) => void) | undefined;
  const timer = setTimeout(() => {
    over = true;
    fail?.(requestTimeout());
  }, ms);
  return {
    before: (read) =>
      new Promise((resolve, reject) => {
        fail = reject;
        if (over) reject(requestTimeout());
        read.then(resolve, reject);
      }),
    clear: () => clearTimeout(timer),
  };
}

export function requestTimeout(): ServiceError {
  const message = "Your socket connection to the server was not read from or written to within the timeout period. Idle connections will be closed.";
  return new ServiceError("RequestTimeout", message, { status: 400 });
}

export interface VerifiedBodyParts {
  readonly source: AsyncIterable<Buffer>;
  readonly spent?: Spent;
  readonly declaredSizeBytes: number | undefined;
  readonly claims: BodyClaims;
  /** Value of the announced trailer, once the source has ended. */
  readonly trailer?: (() => string | undefined) | undefined;
  /** Hex; of the decoded bytes. */
  readonly sha256?: string | undefined;
  readonly maxSizeBytes: number;
  readonly onStart?: (() => void) | undefined;
}

/** Counts, digests, compares. */
export class VerifiedBody implements RequestBody {
  readonly declaredSizeBytes: number | undefined;
  readonly claimedAlgorithm: ChecksumAlgorithm | undefined;
  readonly #parts: VerifiedBodyParts;
  readonly #algorithms = new Set<ChecksumAlgorithm>();
  #started = false;
  #result: BodyResult | undefined;

  constructor(parts: VerifiedBodyParts) {
    this.#parts = parts;
    this.declaredSizeBytes = parts.declaredSizeBytes;
    this.claimedAlgorithm = parts.claims.checksum?.algorithm;
    if (this.claimedAlgorithm !== undefined) this.#algorithms.add(this.claimedAlgorithm);
    if (parts.claims.md5 !== undefined) this.#algorithms.add("MD5");
    if (parts.sha256 !== undefined) this.#algorithms.add("SHA256");
  }

  compute(algorithm: ChecksumAlgorithm): void {
    if (this.#started) throw new Error("invariant: a digest was asked for after reading began");
    this.#algorithms.add(algorithm);
  }

  result(): BodyResult {
    if (this.#result === undefined) throw new Error("invariant: the body has not been read to a good end");
    return this.#result;
  }

  /** A piece that shares its memory, with framing or with another piece, goes with what it was received in, once that is spent. */
  done(piece: Uint8Array): void {
    giveBack(piece);
    const { spent } = this.#parts;
    if (spent?.piece === undefined) return;
    giveBack(spent.piece);
    spent.piece = undefined;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer, void, void> {
    if (this.#started) throw new Error("invariant: a body is read once");
    this.#started = true;
    const { source, maxSizeBytes, onStart } = this.#parts;
    const limit = this.declaredSizeBytes ?? maxSizeBytes;
    onStart?.();
    const running = await openDigests(this.#algorithms, this.declaredSizeBytes);
    try {
      let sizeBytes = 0;
      for await (const buffer of source) {
        sizeBytes += buffer.length;
        if (sizeBytes > limit) throw this.declaredSizeBytes === undefined ? entityTooLarge(sizeBytes, limit) : wrongLength();
        for (let at = 0; at < buffer.length; at += PIECE_BYTES) {
          const piece = buffer.length <= PIECE_BYTES ? buffer : buffer.subarray(at, at + PIECE_BYTES);
          const waiting = running.update(piece);
          if (waiting !== undefined) await waiting;
          yield piece;
        }
      }
      if (this.declaredSizeBytes !== undefined && sizeBytes !== this.declaredSizeBytes) throw wrongLength();
      const digests = await running.digest();
      this.#verify(digests);
      this.#result = { sizeBytes, digests };
    } finally {
      running.release();
    }
  }

  #verify(digests: ReadonlyMap<ChecksumAlgorithm, Buffer>): void {
    const {
      sha256,
      claims: { md5, checksum },
      trailer,
    } = this.#parts;
    const actualSha256 = digests.get("SHA256")?.toString("hex");
    if (sha256 !== undefined && sha256 !== actualSha256) {
      throw new ServiceError(
        "XAmzContentSHA256Mismatch",
        "The provided 'x-amz-content-sha256' header does not match what was computed.",
        {
          status: 400,
          fields: { ClientComputedContentSHA256: sha256, S3ComputedContentSHA256: actualSha256 ?? "" },
        },
      );
    }
    const actualMd5 = digests.get("MD5");
    if (md5 !== undefined && (actualMd5 === undefined || !equalBytes(md5, actualMd5)))
      throw badMd5(md5, actualMd5 ?? Buffer.alloc(0));
    if (checksum === undefined) return;
    const expected = checksum.digest ?? trailerDigest(checksum.algorithm, trailer?.());
    const actual = digests.get(checksum.algorithm);
    if (actual === undefined || !equalBytes(expected, actual)) throw badChecksum(checksum.algorithm);
  }
}

function trailerDigest(algorithm: ChecksumAlgorithm, text: string | undefined): Buffer {
  const digest = text === undefined ? undefined : decodeChecksum(algorithm, text);
  if (digest !== undefined) return digest;
  throw new ServiceError("InvalidRequest", `Value for ${checksumHeader(algorithm)} trailing header is invalid.`, { status: 400 });
}
