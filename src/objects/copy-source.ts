/**
 * `x-amz-copy-source`: `bucket/key` or `/bucket/key`, percent-encoded, with `?versionId=` behind it. Authorization must speak
 * about the very key that is read, so this is decoded once and only once.
 * Source: S3 API reference §5.2; authorization reference §7 (13).
 */
import { invalidArgument } from "./errors.js";

export interface CopySource {
  readonly bucket: string;
  readonly key: string;
  readonly versionId: string | undefined;
}

/** @throws ServiceError InvalidArgument */
export function parseCopySource(header: string): CopySource {
  const at = header.indexOf("?");
  const path = at < 0 ? header : header.slice(0, at);
  const versionId = at < 0 ? undefined : versionOf(header.slice(at + 1));
  const decoded = decode(path.startsWith("/") ? path.slice(1) : path);
  const slash = decoded?.indexOf("/") ?? -1;
  if (decoded === undefined || slash <= 0 || slash === decoded.length - 1 || decoded.startsWith("arn:")) {
    throw invalidArgument(
      "Copy Source must mention the source bucket and key: sourcebucket/sourcekey",
      "x-amz-copy-source",
      header,
    );
  }
  return { bucket: decoded.slice(0, slash), key: decoded.slice(slash + 1), versionId };
}

function versionOf(query: string): string {
  const value = query.startsWith("versionId=") ? decode(query.slice("versionId=".length)) : undefined;
  if (value === undefined || value.includes("&")) {
    throw invalidArgument("Unsupported copy source parameter.", "x-amz-copy-source", query);
  }
  return value;
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

/** The condition key's form. */
export const shownCopySource = ({ bucket, key }: CopySource): string => `${bucket}/${key}`;
