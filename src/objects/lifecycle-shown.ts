/**
 * What answers tell about lifecycle: `x-amz-expiration` on writes and reads of a current version, `x-amz-abort-date` and
 * `x-amz-abort-rule-id` on uploads. Source: S3 GetObject, CreateMultipartUpload; S3 user guide, "Expiring objects".
 */
import { lifecycleOf } from "./bucket-lifecycle.js";
import { abortOf, expiryOf } from "./lifecycle-due.js";
import type { BucketRecord, HeadSecrets } from "./records.js";

/** Last moment that an HTTP date can say; a rule may speak of later ones. */
const LAST_DATE_MS = Date.UTC(9999, 11, 31);

export interface ShownVersion {
  readonly key: string;
  readonly sizeBytes: number;
  readonly secrets: HeadSecrets;
  readonly modifiedMs: number;
}

/** When the current version will expire, and by which rule (URL-encoded: ids may hold any character). */
export function shownExpiration({ config }: BucketRecord, version: ShownVersion): string | undefined {
  const rules = lifecycleOf(config)?.Rules;
  if (rules === undefined) return undefined;
  const { key, sizeBytes, secrets, modifiedMs } = version;
  const due = expiryOf(rules, { key, sizeBytes, tags: () => secrets.tags ?? [] }, modifiedMs);
  if (due === undefined || due.atMs > LAST_DATE_MS) return undefined;
  return `expiry-date="${new Date(due.atMs).toUTCString()}", rule-id="${encodeURIComponent(due.ruleId)}"`;
}

export interface ShownAbort {
  readonly AbortDate?: Date;
  readonly AbortRuleId?: string;
}

/** When an open upload will be aborted. */
export function shownAbort({ config }: BucketRecord, upload: { readonly key: string; readonly createdMs: number }): ShownAbort {
  const due = abortOf(lifecycleOf(config)?.Rules ?? [], upload.key, upload.createdMs);
  if (due === undefined || due.atMs > LAST_DATE_MS) return {};
  return { AbortDate: new Date(due.atMs), AbortRuleId: encodeURIComponent(due.ruleId) };
}
