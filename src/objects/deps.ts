/**
 * What the objects room is given by `server/assemble.ts`, and its limits. Nothing here is global: every operation factory
 * takes these as its one argument.
 */
import type { Clock } from "../lib/clock.js";
import { DAY_MS, HOUR_MS, MINUTE_MS } from "../lib/clock.js";
import type { Log } from "../lib/log.js";
import type { Call, PrincipalResolver } from "../gate/contract.js";
import type { BlobStore, MetadataStore } from "../stores/contract.js";
import type { Records } from "../stores/records.js";
import type { BucketKeyCache } from "./bucket-keys.js";
import type { Tables } from "./records.js";

/** Facts about this deployment that change what S3 answers. */
export interface ObjectSettings {
  /** Region of buckets made without a LocationConstraint. */
  readonly defaultRegion: string;
  /** Regions that a bucket may be made in; absent: any well-formed name. */
  readonly regions?: readonly string[];
  /** `aws`: ACLs off and public access blocked; `open`: neither, as buckets were before April 2023. */
  readonly newBucketDefaults: "aws" | "open";
  /** May objects under customer keys be written to new buckets? AWS blocks them since April 2026. */
  readonly sseCOnNewBuckets: "block" | "allow";
  readonly limits: ObjectLimits;
}

export interface ObjectLimits {
  /** Plaintext up to this size is stored with the records instead of as a blob. */
  readonly inlineBytes: number;
  readonly maxPutBytes: number;
  readonly maxObjectBytes: number;
  /** Smallest part but the last. */
  readonly minPartBytes: number;
  /** How long a writer may be silent before its blob is garbage; it renews at half of this. */
  readonly leaseMs: number;
  /** Longest read: garbage older than this is taken away. */
  readonly graceMs: number;
  /** How long a repeated Complete is answered. */
  readonly completedAnswerMs: number;
  readonly bucketKeyAgeMs: number;
  readonly bucketKeyUses: number;
  readonly bucketKeyEntries: number;
}

const MIB = 1024 * 1024;

export const DEFAULT_LIMITS: ObjectLimits = {
  inlineBytes: 64 * 1024,
  maxPutBytes: 5 * 1024 * MIB,
  maxObjectBytes: 5 * 1024 * 1024 * MIB,
  minPartBytes: 5 * MIB,
  leaseMs: 10 * MINUTE_MS,
  graceMs: HOUR_MS,
  completedAnswerMs: DAY_MS,
  bucketKeyAgeMs: 5 * MINUTE_MS,
  bucketKeyUses: 10_000,
  bucketKeyEntries: 1000,
};

/** What `objectOperations` needs. */
export interface ObjectDeps {
  readonly records: Records;
  readonly blobs: BlobStore;
  readonly clock: Clock;
  readonly log: Log;
  /** ARN of the service-owned key that wraps SSE-S3 data keys of a region; made on first use. */
  houseKeyArn(region: string): string | Promise<string>;
  /**
   * The key ARN that a key id, key ARN, alias name or alias ARN stands for, for the condition key
   * `s3:x-amz-server-side-encryption-aws-kms-key-id`; undefined: there is none. Decides nothing, makes nothing and is
   * answered to nobody.
   */
  resolveKeyArn?(region: string, accountId: string, keyId: string): Promise<string | undefined>;
  /** May the caller know this key's metadata, such as its key material id? Absent: nobody may. */
  mayDescribeKey?(call: Call, keyArn: string): Promise<boolean>;
  readonly principals: PrincipalResolver;
  /** 64 hex characters that stand for an account in ACLs and listings. */
  canonicalIdOf(accountId: string): string;
  readonly settings: ObjectSettings;
}

/** `ObjectDeps` and what the room makes of it once. */
export interface Room extends ObjectDeps {
  readonly store: MetadataStore;
  readonly tables: Tables;
  readonly bucketKeys: BucketKeyCache;
}
