/**
 * Conditional requests: reads (RFC 9110 §13.2.2 order, as S3 applies it), copy sources and writes. Pure; evaluated after
 * authorization only, so that a 304 or 412 tells nothing to who may not read.
 */
import type { ServiceError } from "../lib/errors.js";
import { conditionalConflict, noSuchKey, notImplemented, preconditionFailed } from "./errors.js";
import { matchesEtag } from "./etags.js";

/** The version that conditions speak about. */
export interface Validators {
  /** Without quotes. */
  readonly etag: string;
  readonly modifiedMs: number;
}

export interface ReadConditions {
  readonly IfMatch?: string | undefined;
  readonly IfNoneMatch?: string | undefined;
  readonly IfModifiedSince?: Date | undefined;
  readonly IfUnmodifiedSince?: Date | undefined;
}

export type ReadVerdict = "go" | "not-modified" | ServiceError;

/** HTTP dates have whole seconds. */
const seconds = (ms: number): number => Math.floor(ms / 1000);

/** If-Match true beats If-Unmodified-Since; If-None-Match present beats If-Modified-Since. */
export function judgeRead(conditions: ReadConditions, { etag, modifiedMs }: Validators): ReadVerdict {
  const { IfMatch, IfNoneMatch, IfModifiedSince, IfUnmodifiedSince } = conditions;
  if (IfMatch !== undefined) {
    if (!matchesEtag(IfMatch, etag)) return preconditionFailed("If-Match");
  } else if (IfUnmodifiedSince !== undefined && seconds(modifiedMs) > seconds(IfUnmodifiedSince.getTime())) {
    return preconditionFailed("If-Unmodified-Since");
  }
  if (IfNoneMatch !== undefined) return matchesEtag(IfNoneMatch, etag) ? "not-modified" : "go";
  if (IfModifiedSince !== undefined && seconds(modifiedMs) <= seconds(IfModifiedSince.getTime())) return "not-modified";
  return "go";
}

export interface CopyConditions {
  readonly CopySourceIfMatch?: string | undefined;
  readonly CopySourceIfNoneMatch?: string | undefined;
  readonly CopySourceIfModifiedSince?: Date | undefined;
  readonly CopySourceIfUnmodifiedSince?: Date | undefined;
}

/** As `judgeRead`, where "not modified" is a failure too. @throws ServiceError PreconditionFailed */
export function checkCopySource(conditions: CopyConditions, validators: Validators): void {
  const { CopySourceIfMatch, CopySourceIfNoneMatch } = conditions;
  const verdict = judgeRead(
    {
      IfMatch: CopySourceIfMatch,
      IfNoneMatch: CopySourceIfNoneMatch,
      IfModifiedSince: conditions.CopySourceIfModifiedSince,
      IfUnmodifiedSince: conditions.CopySourceIfUnmodifiedSince,
    },
    validators,
  );
  if (verdict === "go") return;
  if (verdict !== "not-modified") {
    throw preconditionFailed(
      CopySourceIfMatch === undefined ? "x-amz-copy-source-If-Unmodified-Since" : "x-amz-copy-source-If-Match",
    );
  }
  throw preconditionFailed(
    CopySourceIfNoneMatch === undefined ? "x-amz-copy-source-If-Modified-Since" : "x-amz-copy-source-If-None-Match",
  );
}

export interface WriteConditions {
  readonly IfMatch?: string | undefined;
  readonly IfNoneMatch?: string | undefined;
}

/** @throws ServiceError NotImplemented for an If-None-Match other than `*`, which S3 does not offer on writes */
export function checkWriteForm(conditions: WriteConditions): void {
  const { IfMatch, IfNoneMatch } = conditions;
  if (IfNoneMatch !== undefined && IfNoneMatch.trim() !== "*") throw notImplemented("If-None-Match");
  if (IfMatch !== undefined && IfNoneMatch !== undefined) throw notImplemented("If-Match,If-None-Match");
}

/**
 * Judges a conditional write against the current version.
 * @param current undefined: the key has no current object (absent or delete marker)
 * @param overtaken another writer committed between our first look and this one: what vanished meanwhile is a conflict
 * @throws ServiceError PreconditionFailed, NoSuchKey, ConditionalRequestConflict
 */
export function checkWrite(conditions: WriteConditions, key: string, current: Validators | undefined, overtaken: boolean): void {
  const { IfMatch, IfNoneMatch } = conditions;
  if (IfNoneMatch !== undefined) {
    if (current !== undefined) throw preconditionFailed("If-None-Match");
    if (overtaken) throw conditionalConflict("If-None-Match", key);
  }
  if (IfMatch !== undefined) {
    if (current === undefined) throw overtaken ? conditionalConflict("If-Match", key) : noSuchKey(key);
    if (!matchesEtag(IfMatch, current.etag)) throw preconditionFailed("If-Match");
  }
}
