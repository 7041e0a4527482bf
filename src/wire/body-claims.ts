/**
 * What the headers claim about a body's content: Content-MD5, one `x-amz-checksum-*`, or a trailer to come.
 *
 * Read before the first byte, so that nonsense is refused without `100 Continue`. A name hoisted into a presigned query
 * counts as the header.
 *
 * Source: S3 "Checking object integrity"; texts as AWS sends them.
 */
import { ServiceError } from "../lib/errors.js";
import { CHECKSUM_ALGORITHMS, algorithmOfHeader, checksumHeader, decodeChecksum, parseChecksumAlgorithm } from "./checksums.js";
import type { ChecksumAlgorithm } from "./body.js";

export interface BodyClaims {
  /** Raw Content-MD5. */
  readonly md5: Buffer | undefined;
  /** The claimed checksum; `digest` undefined: it comes as a trailer. */
  readonly checksum: { readonly algorithm: ChecksumAlgorithm; readonly digest: Buffer | undefined } | undefined;
}

/** Reads a header by lower-case name. */
export type HeaderReader = (name: string) => string | undefined;

const invalidRequest = (message: string): ServiceError => new ServiceError("InvalidRequest", message, { status: 400 });

/**
 * @param trailers does the framing of this body allow trailers?
 * @throws ServiceError InvalidDigest, InvalidRequest
 */
export function readBodyClaims(header: HeaderReader, trailers: boolean): BodyClaims {
  const given = CHECKSUM_ALGORITHMS.filter((algorithm) => header(checksumHeader(algorithm)) !== undefined);
  const announced = announcedTrailer(header, trailers);
  if (given.length > 1) {
    throw invalidRequest("Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.");
  }
  if (given.length === 1 && announced !== undefined) throw invalidRequest("Expecting a single x-amz-checksum- header");
  assertSdkAlgorithm(header, given.length > 0 || announced !== undefined);
  const algorithm = given[0] ?? announced;
  return {
    md5: contentMd5(header),
    checksum: algorithm === undefined ? undefined : { algorithm, digest: claimedDigest(header, algorithm, given.length > 0) },
  };
}

function claimedDigest(header: HeaderReader, algorithm: ChecksumAlgorithm, inHeader: boolean): Buffer | undefined {
  if (!inHeader) return undefined;
  const name = checksumHeader(algorithm);
  const digest = decodeChecksum(algorithm, (header(name) ?? "").trim());
  if (digest === undefined) throw invalidRequest(`Value for ${name} header is invalid.`);
  return digest;
}

/** `x-amz-trailer` may name one checksum, and nothing else. */
function announcedTrailer(header: HeaderReader, trailers: boolean): ChecksumAlgorithm | undefined {
  const text = header("x-amz-trailer");
  if (text === undefined || text.trim() === "") return undefined;
  const names = text
    .split(",")
    .map((name) => name.trim().toLowerCase())
    .filter((name) => name !== "x-amz-trailer-signature");
  const algorithm = algorithmOfHeader(names[0] ?? "");
  if (!trailers || names.length !== 1 || algorithm === undefined) {
    throw invalidRequest("The value specified in the x-amz-trailer header is not supported");
  }
  return algorithm;
}

function assertSdkAlgorithm(header: HeaderReader, accompanied: boolean): void {
  const name = header("x-amz-sdk-checksum-algorithm");
  if (name === undefined) return;
  if (parseChecksumAlgorithm(name.trim()) === undefined) {
    throw invalidRequest("Value for x-amz-sdk-checksum-algorithm header is invalid.");
  }
  if (accompanied) return; // beside a checksum the parameter is ignored
  throw invalidRequest(
    "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers were found.",
  );
}

function contentMd5(header: HeaderReader): Buffer | undefined {
  const text = header("content-md5");
  if (text === undefined) return undefined;
  const digest = decodeChecksum("MD5", text.trim());
  if (digest !== undefined) return digest;
  throw new ServiceError("InvalidDigest", "The Content-MD5 you specified was invalid.", {
    status: 400,
    fields: { "Content-MD5": text.slice(0, 100) },
  });
}

/** The body does not have the checksum claimed in a header or trailer. */
export function badChecksum(algorithm: ChecksumAlgorithm): ServiceError {
  return new ServiceError("BadDigest", `The ${algorithm} you specified did not match the calculated checksum.`, { status: 400 });
}

/** The body does not have the Content-MD5 claimed. */
export function badMd5(expected: Buffer, calculated: Buffer): ServiceError {
  return new ServiceError("BadDigest", "The Content-MD5 you specified did not match what we received.", {
    status: 400,
    fields: { ExpectedDigest: expected.toString("base64"), CalculatedDigest: calculated.toString("base64") },
  });
}
