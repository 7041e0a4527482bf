/**
 * Decoder of `aws-chunked` bodies: chunks with or without signatures, then trailers.
 *
 *     <hex size>[;chunk-signature=<64 hex>]\r\n <data> \r\n … 0[;chunk-signature=…]\r\n [<name>:<value>\r\n …] \r\n
 *
 * Data is passed on before its chunk's signature is proven: whoever consumes it discards it when the iteration throws.
 * Every line is bounded, no chunk may exceed what the declared length leaves, and nothing may follow the end.
 *
 * Source: S3 "Signature calculations … (chunked upload)" and "… including trailing headers".
 */
import { createHash, type Hash } from "node:crypto";
import { ServiceError } from "../lib/errors.js";
import {
  ALGORITHM,
  EMPTY_SHA256,
  sameSignature,
  scopeText,
  signatureDoesNotMatch,
  signatureOf,
  type VerifiedSignature,
} from "./sigv4.js";

/** Longest chunk header: 16 hex digits, the signature extension, and room. */
const LINE_LIMIT = 256;
/** All trailers of a body: one checksum and a signature. */
const TRAILER_LIMIT = 2048;
const CR = 0x0d;
const LF = 0x0a;

export interface ChunkedFraming {
  /** `x-amz-decoded-content-length`: the decoded bytes must be exactly as many. */
  readonly decodedSizeBytes: number;
  /** Seed of the chunk signatures; undefined for STREAMING-UNSIGNED-PAYLOAD-TRAILER. */
  readonly seed: VerifiedSignature | undefined;
  /** Name of the one trailer announced by `x-amz-trailer`, lower case. */
  readonly trailer: string | undefined;
  /** The mode ends in `-TRAILER`: a signed one then has a trailer signature. */
  readonly trailers: boolean;
  /** Smallest chunk but the last; S3 asks for 8192. 0: any. */
  readonly minChunkBytes: number;
}

/** The framing is damaged or ends early. */
export function incompleteBody(cause?: unknown): ServiceError {
  return new ServiceError("IncompleteBody", "The request body terminated unexpectedly", { status: 400, cause });
}

/** The body is not as long as it was declared to be. */
export function wrongLength(): ServiceError {
  return new ServiceError(
    "IncompleteBody",
    "You did not provide the number of bytes specified by the Content-Length HTTP header",
    { status: 400 },
  );
}

const malformedTrailer = (): ServiceError =>
  new ServiceError(
    "MalformedTrailerError",
    "The request contained trailing data that was not well-formed or did not conform to our published schema.",
    { status: 400 },
  );

/** Push decoder: `push` yields decoded bytes (views of the input), `end` checks that the body is whole. */
export class AwsChunkedDecoder {
  readonly #framing: ChunkedFraming;
  #state: "header" | "data" | "data-end" | "rest" = "header";
  #line = "";
  #left = 0;
  #decoded = 0;
  #chunks = 0;
  #lastSize = 0;
  #signature = "";
  #previous: string;
  #hash: Hash | undefined;
  #trailerValue: string | undefined;

  constructor(framing: ChunkedFraming) {
    this.#framing = framing;
    this.#previous = framing.seed?.signature ?? "";
  }

  /** Value of the announced trailer, after `end`. */
  get trailerValue(): string | undefined {
    return this.#trailerValue;
  }

  /** @throws ServiceError IncompleteBody, SignatureDoesNotMatch, InvalidChunkSizeError, MalformedTrailerError */
  *push(piece: Buffer): Generator<Buffer, void, void> {
    let at = 0;
    while (at < piece.length) {
      if (this.#state === "data") {
        const data = piece.subarray(at, at + this.#left);
        at += data.length;
        this.#left -= data.length;
        this.#hash?.update(data);
        if (this.#left === 0) this.#state = "data-end";
        yield data;
      } else at = this.#state === "rest" ? this.#collect(piece, at) : this.#readLine(piece, at);
    }
  }

  /** The body has ended. @throws as `push`, where something is missing or does not match */
  end(): void {
    if (this.#state !== "rest") throw incompleteBody();
    if (this.#decoded !== this.#framing.decodedSizeBytes) throw wrongLength();
    if (this.#framing.trailers) this.#readTrailers();
    else if (this.#line !== "\r\n") throw incompleteBody();
  }

  #collect(piece: Buffer, at: number): number {
    this.#line += piece.toString("latin1", at);
    if (this.#line.length <= TRAILER_LIMIT) return piece.length;
    throw this.#framing.trailers ? malformedTrailer() : incompleteBody();
  }

  /** Up to and including LF: a chunk header, or the CRLF behind chunk data. */
  #readLine(piece: Buffer, at: number): number {
    const lf = piece.indexOf(LF, at);
    const end = lf < 0 ? piece.length : lf + 1;
    if (end - at + this.#line.length > LINE_LIMIT) throw incompleteBody();
    this.#line += piece.toString("latin1", at, end);
    if (lf < 0) return end;
    if (this.#line.charCodeAt(this.#line.length - 2) !== CR) throw incompleteBody();
    const line = this.#line.slice(0, -2);
    this.#line = "";
    if (this.#state === "header") this.#openChunk(line);
    else if (line === "") this.#closeChunk();
    else throw incompleteBody();
    return end;
  }

  #openChunk(line: string): void {
    const { seed, decodedSizeBytes, minChunkBytes } = this.#framing;
    const match = (seed === undefined ? /^([0-9a-fA-F]{1,16})$/ : /^([0-9a-fA-F]{1,16});chunk-signature=([0-9a-f]{64})$/).exec(
      line,
    );
    if (match === null) throw incompleteBody();
    const size = Number.parseInt(match[1] ?? "", 16);
    this.#signature = match[2] ?? "";
    if (size > 0 && this.#chunks > 0 && this.#lastSize < minChunkBytes) throw this.#chunkTooSmall();
    // INVARIANT: no more bytes than declared are ever read as data.
    if (size > decodedSizeBytes - this.#decoded) throw wrongLength();
    this.#chunks++;
    this.#lastSize = size;
    this.#decoded += size;
    this.#left = size;
    if (size > 0) {
      this.#hash = seed === undefined ? undefined : createHash("sha256");
      this.#state = "data";
      return;
    }
    this.#verifyChunk(EMPTY_SHA256);
    this.#state = "rest";
  }

  #closeChunk(): void {
    if (this.#hash !== undefined) this.#verifyChunk(this.#hash.digest("hex"));
    this.#state = "header";
  }

  #chunkTooSmall(): ServiceError {
    return new ServiceError(
      "InvalidChunkSizeError",
      `Only the last chunk is allowed to have a size less than ${this.#framing.minChunkBytes} bytes`,
      { status: 403, fields: { Chunk: String(this.#chunks + 1), BadChunkSize: String(this.#lastSize) } },
    );
  }

  #verifyChunk(sha256: string): void {
    const { seed } = this.#framing;
    if (seed === undefined) return;
    this.#verify(seed, `${ALGORITHM}-PAYLOAD`, `${EMPTY_SHA256}\n${sha256}`, this.#signature);
  }

  #verify(seed: VerifiedSignature, kind: string, tail: string, provided: string): void {
    const text = `${kind}\n${seed.amzDate}\n${scopeText(seed.scope)}\n${this.#previous}\n${tail}`;
    const computed = signatureOf(seed.signingKey, text);
    if (!sameSignature(computed, provided)) throw signatureDoesNotMatch({ StringToSign: text, SignatureProvided: provided });
    this.#previous = computed;
  }

  /** Lines end in CRLF; some writers put the LF of the string to sign before it. */
  #readTrailers(): void {
    const { seed, trailer } = this.#framing;
    const match = /^((?:[^\r\n]*[^\r\n]\n?\r\n)*)\r\n(?:\r\n)?$/.exec(this.#line);
    if (match === null) throw this.#line.endsWith("\r\n\r\n") || this.#line === "" ? malformedTrailer() : incompleteBody();
    let signature: string | undefined;
    for (const line of (match[1] ?? "").split(/\n?\r\n/)) {
      if (line === "") continue;
      const colon = line.indexOf(":");
      const name = line.slice(0, Math.max(colon, 0)).trim().toLowerCase();
      const value = line.slice(colon + 1).trim();
      if (name === "x-amz-trailer-signature" && seed !== undefined && signature === undefined) signature = value;
      else if (name !== "" && name === trailer && this.#trailerValue === undefined && signature === undefined)
        this.#trailerValue = value;
      else throw malformedTrailer();
    }
    if (trailer !== undefined && this.#trailerValue === undefined) throw malformedTrailer();
    if (seed === undefined) return;
    if (signature === undefined) throw malformedTrailer();
    const signed = trailer === undefined ? "" : `${trailer}:${this.#trailerValue ?? ""}\n`;
    this.#verify(seed, `${ALGORITHM}-TRAILER`, createHash("sha256").update(signed, "latin1").digest("hex"), signature);
  }
}
