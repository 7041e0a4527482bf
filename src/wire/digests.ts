/**
 * Digests of one body while it is read: in the reader's own thread, or, for large bodies with costly digests, in the digest
 * thread. The reader does not know which.
 */
import { availableParallelism } from "node:os";
import type { ChecksumAlgorithm } from "./body.js";
import { createHasher, type Hasher } from "./checksums.js";
import { digestsInThread } from "./digest-thread.js";

export interface BodyDigests {
  /**
   * Takes `bytes` in; they may be used again at once, or, where a promise is given, when it resolves: the next update
   * must wait for it.
   */
  update(bytes: Uint8Array): Promise<void> | undefined;
  /** Of all bytes; once. @throws DigestThreadError */
  digest(): Promise<Map<ChecksumAlgorithm, Buffer>>;
  /** Gives up what is held; after `digest` too. Idempotent. */
  release(): void;
}

/** Below, a body is digested before a thread would have begun. */
const LARGE_BYTES = 4 * 1024 * 1024;
/** Slower than copying to another thread and saying so: below 2 GB/s. */
const COSTLY: ReadonlySet<ChecksumAlgorithm> = new Set(["MD5", "SHA1", "SHA256", "SHA512", "CRC64NVME"]);
const HAS_CORES = availableParallelism() > 1;

/** @param sizeBytes what the body is declared to have; undefined: not known */
export async function openDigests(
  algorithms: Iterable<ChecksumAlgorithm>,
  sizeBytes: number | undefined,
): Promise<BodyDigests> {
  const wanted = [...new Set(algorithms)];
  const beside = HAS_CORES && sizeBytes !== undefined && sizeBytes >= LARGE_BYTES && wanted.some((each) => COSTLY.has(each));
  return (beside ? digestsInThread(wanted) : undefined) ?? inlineDigests(wanted);
}

async function inlineDigests(algorithms: readonly ChecksumAlgorithm[]): Promise<BodyDigests> {
  const hashers: (readonly [ChecksumAlgorithm, Hasher])[] = [];
  for (const algorithm of algorithms) hashers.push([algorithm, await createHasher(algorithm)]);
  return {
    update(bytes) {
      for (const [, hasher] of hashers) hasher.update(bytes);
      return undefined;
    },
    digest: async () => new Map(hashers.map(([algorithm, hasher]) => [algorithm, hasher.digest()])),
    release: () => {},
  };
}
