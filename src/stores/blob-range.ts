/** Byte ranges of blobs, resolved alike by every engine. */
import { BlobShort, StoreError, type BlobRange } from "./contract.js";

/** Half-open: `start ≤ at < end`. */
export interface Extent {
  readonly start: number;
  readonly end: number;
}

/**
 * The extent to read: the whole blob, or `range`.
 * @throws BlobShort when the range leaves the blob: the file is shorter than its record says
 * @throws StoreError when it is no range
 */
export function resolveRange(range: BlobRange | undefined, sizeBytes: number): Extent {
  if (range === undefined) return { start: 0, end: sizeBytes };
  const { start, end } = range;
  const whole = Number.isSafeInteger(start) && Number.isSafeInteger(end);
  if (!whole || start < 0 || end < start) throw new StoreError(`bytes ${start}-${end}: not a range`);
  if (end >= sizeBytes) throw new BlobShort(`bytes ${start}-${end} leave a blob of ${sizeBytes} bytes`);
  return { start, end: end + 1 };
}
