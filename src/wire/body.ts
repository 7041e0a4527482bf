/**
 * The contract of a request body that verifies itself while it is read. Implementation: wire/payload.ts.
 */

export type ChecksumAlgorithm =
  | "CRC32" | "CRC32C" | "CRC64NVME" | "SHA1" | "SHA256" | "SHA512" | "MD5" | "XXHASH64" | "XXHASH3" | "XXHASH128";

export interface BodyResult {
  readonly sizeBytes: number;
  /** Raw digests asked for with `compute`, and those the client claimed (verified). */
  readonly digests: ReadonlyMap<ChecksumAlgorithm, Buffer>;
}

/**
 * Decoded request body: aws-chunked framing removed, payload hash, chunk signatures, Content-MD5, `x-amz-checksum-*`
 * headers and trailers verified. Iterate once. The iteration *throws* (ServiceError BadDigest, IncompleteBody,
 * XAmzContentSHA256Mismatch, SignatureDoesNotMatch, …) after the last good byte where anything does not match: who
 * consumes it must discard what it wrote. `100 Continue` is sent at the first pull, not before.
 */
export interface RequestBody extends AsyncIterable<Buffer> {
  /** Content-Length or x-amz-decoded-content-length; undefined only where the client may omit it. */
  readonly declaredSizeBytes: number | undefined;
  /** Algorithm that the client claims a checksum for (header or announced trailer), other than Content-MD5. */
  readonly claimedAlgorithm: ChecksumAlgorithm | undefined;
  /** Ask for a digest over the decoded bytes; before iterating, idempotent. */
  compute(algorithm: ChecksumAlgorithm): void;
  /** @throws Error before the iteration has ended well */
  result(): BodyResult;
  /**
   * Takes memory back: of this piece and those before it, which nobody will read again. It is used for others from then on.
   * INVARIANT: `piece` is the one pulled last. Absent: nothing does.
   */
  done?(piece: Uint8Array): void;
}
