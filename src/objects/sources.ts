/**
 * Where the plaintext of a new object comes from: the request's body, which verifies itself, or another object. Both give
 * bytes once and digests afterwards.
 */
import type { ChecksumAlgorithm, RequestBody } from "../wire/body.js";
import { openDigests } from "../wire/digests.js";

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
  /** As `RequestBody.done`. */
  readonly done?: (piece: Uint8Array) => void;
}

/** @param algorithms digests wanted besides what the client claims */
export function fromRequest(body: RequestBody, algorithms: readonly ChecksumAlgorithm[]): BodySource {
  for (const algorithm of algorithms) body.compute(algorithm);
  return { bytes: body, result: () => body.result(), done: (piece) => body.done?.(piece) };
}

/**
 * Bytes from inside, digested on the way.
 * @param sizeBytes how many they will be, where that is known
 */
export function fromBytes(
  bytes: AsyncIterable<Uint8Array> | Uint8Array,
  algorithms: readonly ChecksumAlgorithm[],
  sizeBytes?: number,
): BodySource {
  let result: SourceResult | undefined;
  async function* digested(): AsyncGenerator<Uint8Array> {
    const running = await openDigests(algorithms, sizeBytes);
    let size = 0;
    try {
      for await (const piece of bytes instanceof Uint8Array ? [bytes] : bytes) {
        size += piece.length;
        const waiting = running.update(piece);
        if (waiting !== undefined) await waiting;
        yield piece;
      }
      result = { sizeBytes: size, digests: await running.digest() };
    } finally {
      running.release();
    }
  }
  return {
    bytes: digested(),
    result() {
      if (result === undefined) throw new Error("invariant: digests asked for before the end");
      return result;
    },
  };
}

/** An empty body, for requests without one. */
export const emptyBytes = async function* (): AsyncGenerator<Buffer> {};
