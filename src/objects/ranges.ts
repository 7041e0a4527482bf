/**
 * The Range header as S3 reads it: one range of bytes; anything malformed or with several ranges gives the whole object.
 * Source: RFC 9110 §14; S3 API reference §5.2.
 */
import { ServiceError } from "../lib/errors.js";

/** Bytes `start … end`, both inclusive. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/**
 * @param sizeBytes of the object
 * @returns the satisfiable part of the range, or undefined for "the whole object"
 * @throws ServiceError InvalidRange (416)
 */
export function parseRange(header: string | undefined, sizeBytes: number): ByteRange | undefined {
  if (header === undefined) return undefined;
  const match = /^bytes\s*=\s*(\d*)\s*-\s*(\d*)\s*$/i.exec(header);
  if (match === null) return undefined;
  const [, first = "", last = ""] = match;
  if (first === "" && last === "") return undefined;
  if (first === "") {
    const suffix = Number(last);
    if (suffix === 0 || sizeBytes === 0) throw notSatisfiable(header, sizeBytes);
    return { start: Math.max(0, sizeBytes - suffix), end: sizeBytes - 1 };
  }
  const start = Number(first);
  const end = last === "" ? sizeBytes - 1 : Number(last);
  if (last !== "" && end < start) return undefined;
  if (start >= sizeBytes) throw notSatisfiable(header, sizeBytes);
  return { start, end: Math.min(end, sizeBytes - 1) };
}

function notSatisfiable(header: string, sizeBytes: number): ServiceError {
  return new ServiceError("InvalidRange", "The requested range is not satisfiable", {
    status: 416,
    fields: { RangeRequested: header, ActualObjectSize: String(sizeBytes) },
    headers: { "content-range": `bytes */${sizeBytes}` },
  });
}

/**
 * `x-amz-copy-source-range`, which has one form only and must lie within the source.
 * @throws ServiceError InvalidArgument, InvalidRange
 */
export function parseCopyRange(header: string | undefined, sizeBytes: number): ByteRange | undefined {
  if (header === undefined) return undefined;
  const match = /^bytes=(\d+)-(\d+)$/.exec(header);
  const start = Number(match?.[1]);
  const end = Number(match?.[2]);
  if (match === null || end < start) {
    throw new ServiceError(
      "InvalidArgument",
      "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the zero-based offsets of the first and last bytes to copy",
      { fields: { ArgumentName: "x-amz-copy-source-range", ArgumentValue: header } },
    );
  }
  if (end >= sizeBytes) {
    throw new ServiceError("InvalidArgument", `Range specified is not valid for source object of size: ${sizeBytes}`, {
      fields: { ArgumentName: "x-amz-copy-source-range", ArgumentValue: header },
    });
  }
  return { start, end };
}

export const contentRange = (range: ByteRange, sizeBytes: number): string => `bytes ${range.start}-${range.end}/${sizeBytes}`;
