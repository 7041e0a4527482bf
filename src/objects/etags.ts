/**
 * ETags. MD5 of the plaintext only for single-part SSE-S3; in every other mode 32 hex characters that say nothing and
 * differ on every write. Multipart in all modes: `<32hex>-<parts>`. Stored without quotes, shown with them.
 * Source: S3 encryption reference §6.
 */
import { createHash } from "node:crypto";
import { randomHex } from "../lib/ids.js";
import type { SseMode } from "./records.js";

/** Must the body's MD5 be computed? Never for SSE-KMS and SSE-C: it costs a third of the throughput. */
export const needsMd5 = (mode: SseMode): boolean => mode === "AES256";

/** @param md5 of the plaintext; asked for exactly when `needsMd5` */
export function singleEtag(mode: SseMode, md5: Uint8Array | undefined): string {
  if (!needsMd5(mode)) return randomHex(16);
  if (md5 === undefined) throw new Error("invariant: SSE-S3 without the body's MD5");
  return Buffer.from(md5).toString("hex");
}

/** @param partEtags in part order, without quotes */
export function multipartEtag(partEtags: readonly string[]): string {
  const hash = createHash("md5");
  for (const etag of partEtags) hash.update(Buffer.from(etag, "hex"));
  return `${hash.digest("hex")}-${partEtags.length}`;
}

export const quoted = (etag: string): string => `"${etag}"`;

/** What a client sent, with or without quotes. */
export function unquoted(text: string): string {
  const trimmed = text.trim();
  return trimmed.startsWith('"') && trimmed.endsWith('"') && trimmed.length >= 2 ? trimmed.slice(1, -1) : trimmed;
}

/** Does the ETag match an If-Match / If-None-Match list? `*` matches any. Weak tags are compared as strong ones, as S3 does. */
export function matchesEtag(header: string, etag: string): boolean {
  if (header.trim() === "*") return true;
  return header.split(",").some((item) => unquoted(item.trim().replace(/^W\//, "")) === etag);
}
