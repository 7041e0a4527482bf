/** `partNumber` on GET and HEAD: one part of a multipart object, or all of a single-part object as its part 1. */
import { ServiceError } from "../lib/errors.js";
import type { PartEntry } from "./records.js";
import type { ByteRange } from "./ranges.js";

export interface NumberedPart {
  /** Absent for empty parts. */
  readonly range: ByteRange | undefined;
  readonly sizeBytes: number;
  /** Parts of the object; undefined for objects that were not uploaded in parts. */
  readonly count: number | undefined;
  /** base64 checksum of the part. */
  readonly checksum: string | undefined;
}

/**
 * @param entries part table; undefined for a single-part object
 * @throws ServiceError InvalidPartNumber (416)
 */
export function numberedPart(partNumber: number, sizeBytes: number, entries: readonly PartEntry[] | undefined): NumberedPart {
  if (entries === undefined) {
    if (partNumber !== 1) throw notSatisfiable(partNumber, 1);
    return { range: whole(0, sizeBytes), sizeBytes, count: undefined, checksum: undefined };
  }
  // Parts are addressed by their place in the list, whatever numbers the upload gave them.
  const entry = entries[partNumber - 1];
  if (entry === undefined) throw notSatisfiable(partNumber, entries.length);
  let start = 0;
  for (const before of entries.slice(0, partNumber - 1)) start += before.segment.sizeBytes;
  const size = entry.segment.sizeBytes;
  return { range: whole(start, size), sizeBytes: size, count: entries.length, checksum: entry.checksum };
}

const whole = (start: number, sizeBytes: number): ByteRange | undefined =>
  sizeBytes === 0 ? undefined : { start, end: start + sizeBytes - 1 };

function notSatisfiable(partNumber: number, count: number): ServiceError {
  return new ServiceError("InvalidPartNumber", "The requested partnumber is not satisfiable", {
    status: 416,
    fields: { PartNumberRequested: String(partNumber), ActualPartCount: String(count) },
  });
}
