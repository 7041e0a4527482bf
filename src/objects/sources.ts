/**
 * Where the plaintext of a new object comes from: the request's body, which verifies itself, or another object. Both give
 * bytes once and digests afterwards.
 */
import type { ChecksumAlgorithm, RequestBody } from "../wire/body.js";
import { createHasher, type Hasher } from "../wire/checksums.js";

export interface SourceResult {
  readonly sizeBytes: number;
  /** Raw digests; those asked for are all there. */
  readonly digests: ReadonlyMap<ChecksumAlgorithm, Buffer>;
}

export interface BodySource {
  /** Iterate once. */
  readonly bytes: AsyncIterable<Uint8Array>;
  /** After the iteration has ended well. */
  result(): SourceResult;
}

/** @param algorithms digests wanted besides what the client claims */
export function fromRequest(body: RequestBody, algorithms: readonly ChecksumAlgorithm[]): BodySource {
  for (const algorithm of algorithms) body.compute(algorithm);
  return { bytes: body, result: () => body.result() };
}

/** Bytes from inside, digested on the way. */
export async function fromBytes(
  bytes: AsyncIterable<Uint8Array> | Uint8Array,
  algorithms: readonly ChecksumAlgorithm[],
): Promise<BodySource> {
  const hashers = new Map<ChecksumAlgorithm, Hasher>();
  for (const algorithm of algorithms) hashers.set(algorithm, await createHasher(algorithm));
  let sizeBytes = 0;
  let ended = false;
  async function* digested(): AsyncGenerator<Uint8Array> {
    for await (const piece of bytes instanceof Uint8Array ? [bytes] : bytes) {
      sizeBytes += piece.length;
      for (const hasher of hashers.values()) hasher.update(piece);
      yield piece;
    }
    ended = true;
  }
  return {
    bytes: digested(),
    result() {
      if (!ended) throw new Error("invariant: digests asked for before the end");
      return { sizeBytes, digests: new Map([...hashers].map(([name, hasher]) => [name, hasher.digest()])) };
    },
  };
}

/** An empty body, for requests without one. */
export const emptyBytes = async function* (): AsyncGenerator<Buffer> {};
