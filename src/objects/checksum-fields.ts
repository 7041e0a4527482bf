/** Checksums between records and AWS's members (`ChecksumCRC32`, `ChecksumType`), for every output and input that has them. */
import type { ChecksumAlgorithm } from "../wire/body.js";
import { CHECKSUM_ALGORITHMS, parseChecksumAlgorithm } from "../wire/checksums.js";
import { invalidRequest } from "./errors.js";
import type { ChecksumType } from "./records.js";

/** What the server computes for a body that comes without a checksum. */
export const DEFAULT_ALGORITHM: ChecksumAlgorithm = "CRC64NVME";

export type ChecksumMembers = { readonly [A in ChecksumAlgorithm as `Checksum${A}`]?: string | undefined };

/** `{ ChecksumCRC32: value }` */
export function checksumMembers(algorithm: ChecksumAlgorithm, value: string): ChecksumMembers {
  return { [`Checksum${algorithm}`]: value };
}

/** All members of an object's checksum; none where it has none. */
export function shownChecksum(
  checksum: { readonly algorithm: ChecksumAlgorithm; readonly type: ChecksumType } | undefined,
  value: string | undefined,
): ChecksumMembers & { readonly ChecksumType?: string } {
  if (checksum === undefined || value === undefined) return {};
  return { ...checksumMembers(checksum.algorithm, value), ChecksumType: checksum.type };
}

/** The checksum values that an input carries. */
export function claimedChecksums(input: ChecksumMembers): ReadonlyMap<ChecksumAlgorithm, string> {
  const claimed = new Map<ChecksumAlgorithm, string>();
  for (const algorithm of CHECKSUM_ALGORITHMS) {
    const value = input[`Checksum${algorithm}`];
    if (value !== undefined) claimed.set(algorithm, value);
  }
  return claimed;
}

/** @throws ServiceError InvalidRequest for a name that is no algorithm */
export function requireAlgorithm(name: string): ChecksumAlgorithm {
  const algorithm = parseChecksumAlgorithm(name);
  if (algorithm === undefined)
    throw invalidRequest(
      "Checksum algorithm provided is unsupported. Please try again with any of the valid types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]",
    );
  return algorithm;
}
