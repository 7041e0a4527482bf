/**
 * The moment an object exists: manifest, head, listing row, body ownership and what it replaces, in one commit.
 * Shared by PutObject, CopyObject and CompleteMultipartUpload. Source: DESIGN §4 step 10; docs/spec/objects.md §2.
 */
import { macManifest } from "@coffer/seal";
import type { Call } from "../gate/contract.js";
import type { Permission } from "../policy/types.js";
import type { BucketFacts } from "./buckets.js";
import type { Room } from "./deps.js";
import { commitOnKey, CommitProgress } from "./key-commit.js";
import type { Changes } from "./ledger.js";
import { manifestBytes } from "./manifest.js";
import { checkWrite, type WriteConditions } from "./preconditions.js";
import type { HeadSecrets, ObjectFacts, Prints } from "./records.js";
import { newVersionId, NULL_VERSION } from "./version-ids.js";
import { nextSeq, planAdd, printsOf, type HeadRow } from "./versions.js";

export interface ObjectWrite {
  readonly bucket: BucketFacts;
  readonly key: string;
  readonly owner: string;
  readonly facts: Omit<ObjectFacts, "manifest">;
  readonly secrets: HeadSecrets;
  readonly prints: Prints;
  readonly conditions: WriteConditions;
  permissions(bucket: BucketFacts): readonly Permission[];
  /** As in `KeyCommit`. */
  stillFits?(bucket: BucketFacts): void;
  /** MAC over the manifest, under the data key. */
  mac(manifest: Buffer): Buffer;
  /** Adds body ownership and the like; called at each attempt. */
  own(changes: Changes, written: WrittenVersion): void;
  lost(index: number): Promise<void>;
}

export interface WrittenVersion {
  readonly versionId: string;
  readonly modifiedMs: number;
  /** To be shown: only where the bucket has ever been versioned. */
  readonly shownVersionId: string | undefined;
}

/** MAC with data keys in clear. */
export const macWith =
  (dataKeys: { readonly bytes: readonly Buffer[] }) =>
  (manifest: Buffer): Buffer =>
    macManifest(dataKeys.bytes, manifest);

/** @throws ServiceError PreconditionFailed, ConditionalRequestConflict, NoSuchBucket, AccessDenied, SlowDown */
export function writeVersion(room: Room, call: Call, write: ObjectWrite, progress: CommitProgress): Promise<WrittenVersion> {
  const { key } = write;
  return commitOnKey(
    room,
    call,
    {
      bucket: write.bucket,
      key,
      permissions: write.permissions,
      stillFits: write.stillFits,
      lost: write.lost,
      async plan({ bucket, head, overtaken }, changes) {
        checkWrite(write.conditions, key, currentValidators(head), overtaken);
        const inc = bucket.record.incarnation;
        const { versioning } = bucket.record.config;
        const versionId = versioning === "Enabled" ? newVersionId(nextSeq(head)) : NULL_VERSION;
        const manifest = manifestBytes({ inc, key, versionId, facts: write.facts, prints: write.prints });
        const object: ObjectFacts = { ...write.facts, manifest: write.mac(manifest).toString("base64") };
        const modifiedMs = wholeSeconds(room.clock.now());
        const record = { key, versionId, modifiedMs, owner: write.owner, object };
        const written = { versionId, modifiedMs, shownVersionId: versioning === undefined ? undefined : versionId };
        await planAdd(room, inc, head, { record, secrets: write.secrets, prints: write.prints }, changes);
        write.own(changes, written);
        return written;
      },
    },
    progress,
  );
}

/** What write conditions compare with; a delete marker is no object. */
export function currentValidators(head: HeadRow | undefined): { etag: string; modifiedMs: number } | undefined {
  if (head?.clear.object === undefined) return undefined;
  return { etag: printsOf(head).etag, modifiedMs: head.clear.modifiedMs };
}

/** S3 knows whole seconds only. */
export const wholeSeconds = (ms: number): number => Math.floor(ms / 1000) * 1000;
