/**
 * System headers and user metadata of an object: what is kept of a request and what comes back.
 * Source: S3 API reference §3.3 (`aws-chunked` is not stored); user metadata ≤ 2 KiB.
 */
import { ServiceError } from "../lib/errors.js";
import type { StoredHeaders } from "./records.js";

/** Members that PutObject, CopyObject and CreateMultipartUpload share. */
export interface HeaderInput {
  readonly CacheControl?: string | undefined;
  readonly ContentDisposition?: string | undefined;
  readonly ContentEncoding?: string | undefined;
  readonly ContentLanguage?: string | undefined;
  readonly ContentType?: string | undefined;
  readonly Expires?: string | undefined;
  readonly WebsiteRedirectLocation?: string | undefined;
  readonly Metadata?: Readonly<Record<string, string>> | undefined;
}

export const DEFAULT_CONTENT_TYPE = "binary/octet-stream";
const MAX_METADATA_BYTES = 2048;

const NAMES = [
  "CacheControl",
  "ContentDisposition",
  "ContentEncoding",
  "ContentLanguage",
  "ContentType",
  "Expires",
  "WebsiteRedirectLocation",
] as const;

/** @throws ServiceError InvalidRedirectLocation */
export function headersToStore(input: HeaderInput): StoredHeaders {
  const kept: Record<string, string> = {};
  for (const name of NAMES) {
    const value = name === "ContentEncoding" ? withoutChunked(input.ContentEncoding) : input[name];
    if (value !== undefined && value !== "") kept[name] = asHeader(value);
  }
  const redirect = kept["WebsiteRedirectLocation"];
  if (redirect !== undefined && !/^(\/|https?:\/\/)/.test(redirect)) {
    throw new ServiceError(
      "InvalidRedirectLocation",
      "The website redirect location must have a prefix of 'http://' or 'https://' or '/'.",
      { status: 400 },
    );
  }
  return kept;
}

/** Fields of browser forms may hold what no header can: their UTF-8 goes out byte by byte, as clients send it in headers. */
const asHeader = (value: string): string => (/[^\0-\xff]/.test(value) ? Buffer.from(value, "utf8").toString("latin1") : value);

function withoutChunked(encoding: string | undefined): string | undefined {
  if (encoding === undefined || !/aws-chunked/i.test(encoding)) return encoding;
  const rest = encoding.split(",").filter((item) => item.trim().toLowerCase() !== "aws-chunked");
  return rest.length === 0 ? undefined : rest.map((item) => item.trim()).join(",");
}

/** @throws ServiceError MetadataTooLarge */
export function metadataToStore(metadata: Readonly<Record<string, string>> | undefined): Readonly<Record<string, string>> {
  const kept = metadata ?? {};
  let size = 0;
  for (const [name, value] of Object.entries(kept)) size += Buffer.byteLength(name) + Buffer.byteLength(value);
  if (size > MAX_METADATA_BYTES) {
    throw new ServiceError("MetadataTooLarge", "Your metadata headers exceed the maximum allowed metadata size", {
      status: 400,
      fields: { Size: String(size), MaxSizeAllowed: String(MAX_METADATA_BYTES) },
    });
  }
  return kept;
}

const STORAGE_CLASSES = new Set([
  "STANDARD",
  "REDUCED_REDUNDANCY",
  "STANDARD_IA",
  "ONEZONE_IA",
  "INTELLIGENT_TIERING",
  "GLACIER_IR",
  "GLACIER",
  "DEEP_ARCHIVE",
]);

/**
 * The class to record; STANDARD is not recorded. A label only: every class is stored and read alike.
 * @throws ServiceError InvalidStorageClass
 */
export function storageClassToStore(name: string | undefined): string | undefined {
  if (name === undefined || name === "STANDARD") return undefined;
  if (!STORAGE_CLASSES.has(name)) {
    throw new ServiceError("InvalidStorageClass", "The storage class you specified is not valid", {
      status: 400,
      fields: { StorageClassRequested: name },
    });
  }
  return name;
}
