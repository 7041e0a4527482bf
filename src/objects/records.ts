/**
 * Rows of the objects room and the tables that hold them. FORMAT: docs/spec/objects.md §1.
 *
 * Short member names stand only where a row exists once an object; the sealed part of a row is JSON as well and holds
 * what must not lie on disk in clear: metadata, tags, contexts.
 */
import { asBuffer } from "../stores/byte-order.js";
import { Space } from "../stores/spaces.js";
import type { Records, Table } from "../stores/records.js";
import type { Acl } from "./acl-types.js";
import type { ChecksumAlgorithm } from "../wire/body.js";

export type VersioningStatus = "Enabled" | "Suspended";
export type ObjectOwnership = "BucketOwnerEnforced" | "BucketOwnerPreferred" | "ObjectWriter";

export interface PublicAccessBlock {
  readonly BlockPublicAcls: boolean;
  readonly IgnorePublicAcls: boolean;
  readonly BlockPublicPolicy: boolean;
  readonly RestrictPublicBuckets: boolean;
}

/** Default encryption exactly as set; key id in the form that was given. */
export interface BucketEncryption {
  readonly algorithm?: "AES256" | "aws:kms" | "aws:kms:dsse";
  readonly kmsKeyId?: string;
  readonly bucketKeyEnabled?: boolean;
  /** As set, `["NONE"]` included; absent: never said. */
  readonly blocked?: readonly ("NONE" | "SSE-C")[];
  /** Put by a caller, not the default of a new bucket: matters for copies in place. */
  readonly explicit?: boolean;
}

/** Every sub-resource of a bucket; absent member: not configured. */
export interface BucketConfig {
  readonly versioning?: VersioningStatus;
  readonly encryption?: BucketEncryption;
  /** Absent: controls were deleted; behaves as ObjectWriter. */
  readonly ownership?: ObjectOwnership;
  readonly publicAccessBlock?: PublicAccessBlock;
  /** JSON text as saved, with principals replaced by their unique ids. */
  readonly policy?: string;
  /** Absent: owner FULL_CONTROL. */
  readonly acl?: Acl;
  /** Other sub-resources, by name, as JSON of their input shape. */
  readonly documents?: Readonly<Record<string, string>>;
}

export interface BucketRecord {
  readonly name: string;
  /** 32 hex characters; new for each CreateBucket. */
  readonly incarnation: string;
  readonly ownerAccount: string;
  readonly region: string;
  readonly createdMs: number;
  readonly config: BucketConfig;
}

export interface Tag {
  readonly Key: string;
  readonly Value: string;
}

/** Sealed part of a bucket row. */
export interface BucketSecrets {
  readonly tags?: readonly Tag[];
}

export type SseMode = "AES256" | "aws:kms" | "aws:kms:dsse" | "SSE-C";

/** A data key under whoever wraps it; base64. */
export type WrappedKey =
  | { readonly by: "kms"; readonly blob: string }
  /** `bucketKey`: KMS ciphertext of the bucket key. */
  | { readonly by: "bucket-key"; readonly blob: string; readonly bucketKey: string }
  | { readonly by: "customer"; readonly blob: string; readonly salt: string; readonly check: string };

export interface ObjectEncryption {
  readonly mode: SseMode;
  /** One a layer: DSSE has two. Innermost first. */
  readonly keys: readonly WrappedKey[];
  /** KMS modes: ARN of the KMS key. SSE-S3: of the house key. */
  readonly keyArn?: string;
  readonly bucketKey?: true;
}

/** One sealed stream: a single-part object, or one part. */
export interface Segment {
  /** 32 hex characters, random. Also the blob's name or the body row's key. */
  readonly id: string;
  readonly sizeBytes: number;
  readonly at: "inline" | "blob";
  /** base64: salt and commitment of each layer, inner first; pins salt and key, and range reads need it. */
  readonly prefixes: string;
  readonly suite: number;
}

export type ObjectBody =
  | { readonly kind: "segment"; readonly segment: Segment }
  | { readonly kind: "parts"; readonly uploadId: string; readonly count: number; readonly hash: string };

export type ChecksumType = "COMPOSITE" | "FULL_OBJECT";

export interface HeadRecord {
  readonly key: string;
  /** `null` or 32 characters. */
  readonly versionId: string;
  readonly seq: number;
  /** Highest sequence that the key has ever had, while it has rows. Current version only. */
  readonly lastSeq: number;
  /** Sequence of the noncurrent null version. Current version only. */
  readonly nullSeq?: number | undefined;
  /** Are there noncurrent versions? Current version only. */
  readonly hasOlder?: true | undefined;
  readonly modifiedMs: number;
  /** Account that owns the object. */
  readonly owner: string;
  readonly marker?: true | undefined;
  readonly object?: ObjectFacts | undefined;
}

/** What a version has and a delete marker has not. */
export interface ObjectFacts {
  readonly sizeBytes: number;
  readonly storageClass?: string;
  readonly checksum?: { readonly algorithm: ChecksumAlgorithm; readonly type: ChecksumType };
  readonly encryption: ObjectEncryption;
  readonly body: ObjectBody;
  /** base64 MAC under the data key. */
  readonly manifest: string;
}

/** System headers that come back as they were sent. */
export interface StoredHeaders {
  readonly CacheControl?: string;
  readonly ContentDisposition?: string;
  readonly ContentEncoding?: string;
  readonly ContentLanguage?: string;
  readonly ContentType?: string;
  readonly Expires?: string;
  readonly WebsiteRedirectLocation?: string;
}

/** Sealed part of a head row. */
export interface HeadSecrets {
  readonly headers: StoredHeaders;
  readonly metadata: Readonly<Record<string, string>>;
  readonly tags?: readonly Tag[];
  /** Caller's encryption context, base64 as sent. */
  readonly kmsContext?: string;
  readonly acl?: Acl;
}

/** Plaintext fingerprints of a version. */
export interface Prints {
  /** 32 hex characters, multipart with `-n`; without quotes. */
  readonly etag: string;
  /** base64, composite with `-n`. */
  readonly checksum?: string;
}

export interface ListableRecord {
  readonly m: number;
  readonly s: number;
  /** Owner account. */
  readonly o: string;
  readonly c?: string;
  readonly ca?: ChecksumAlgorithm;
  readonly ct?: ChecksumType;
}

export type UploadState =
  | { readonly kind: "open" }
  | { readonly kind: "completing"; readonly untilMs: number }
  | { readonly kind: "completed"; readonly versionId: string };

export interface UploadRecord {
  readonly uploadId: string;
  readonly key: string;
  readonly createdMs: number;
  readonly state: UploadState;
  readonly initiator: { readonly arn?: string; readonly account: string };
  readonly owner: string;
  readonly storageClass?: string;
  readonly encryption: ObjectEncryption;
  /** `x-amz-server-side-encryption` as sent at Create: stands in for the absent header of UploadPart in policies. */
  readonly sseHeader?: string;
  readonly ssecHeader?: string;
  /** Absent: the client said nothing; CRC64NVME is kept over the whole object. */
  readonly checksum?: { readonly algorithm: ChecksumAlgorithm; readonly type: ChecksumType };
}

/** Sealed part of an upload row. */
export interface UploadSecrets extends HeadSecrets {
  /** base64; SSE-C only: clients need not send their key again with Complete. Gone with the row. */
  readonly manifestKey?: string;
  /** Answer of a completed upload. */
  readonly answer?: Readonly<Record<string, string | boolean>>;
}

export interface UploadByKeyRecord {
  readonly uploadId: string;
  readonly key: string;
  readonly createdMs: number;
  readonly initiator: { readonly arn?: string; readonly account: string };
  readonly owner: string;
  readonly storageClass?: string;
  readonly ca?: ChecksumAlgorithm;
  readonly ct?: ChecksumType;
}

export interface PartRecord {
  readonly partNumber: number;
  readonly modifiedMs: number;
  readonly segment: Segment;
}

/** Fingerprints of a part. `checksums`: base64 by algorithm. */
export interface PartPrints {
  readonly etag: string;
  readonly checksums: Readonly<Partial<Record<ChecksumAlgorithm, string>>>;
}

/** One line of a part table. */
export interface PartEntry {
  readonly n: number;
  readonly segment: Segment;
  /** base64 of the upload's algorithm. */
  readonly checksum?: string;
}

export interface PartPageRecord {
  readonly count: number;
}

export type LiveRecord = { readonly inc: string; readonly upload?: string };
export interface PendingRecord {
  readonly leaseUntilMs: number;
}

export type GarbageRecord =
  | { readonly kind: "segment"; readonly inc: string; readonly segment: string; readonly at: "inline" | "blob" }
  | { readonly kind: "parts"; readonly inc: string; readonly uploadId: string }
  | { readonly kind: "upload"; readonly inc: string; readonly uploadId: string }
  | { readonly kind: "upload-rest"; readonly inc: string; readonly uploadId: string }
  | { readonly kind: "upload-answer"; readonly inc: string; readonly uploadId: string }
  | { readonly kind: "bucket"; readonly inc: string };

export type LedgerRecord = LiveRecord | PendingRecord | GarbageRecord;

export interface Tables {
  readonly buckets: Table<BucketRecord>;
  readonly bucketsByOwner: Table<object>;
  readonly heads: Table<HeadRecord>;
  readonly versions: Table<HeadRecord>;
  readonly listable: Table<ListableRecord>;
  readonly bodies: Table<object>;
  readonly partTables: Table<PartPageRecord>;
  readonly uploads: Table<UploadRecord>;
  readonly uploadsByKey: Table<UploadByKeyRecord>;
  readonly uploadParts: Table<PartRecord>;
  readonly ledger: Table<LedgerRecord>;
}

export function openTables(records: Records): Tables {
  return {
    buckets: records.table({ space: Space.buckets, kind: "bucket", version: 1, cache: 1000 }),
    bucketsByOwner: records.table({ space: Space.bucketsByOwner, kind: "bucket of owner", version: 1 }),
    heads: records.table({ space: Space.heads, kind: "head", version: 1, cache: 2048 }),
    versions: records.table({ space: Space.versions, kind: "version", version: 1 }),
    listable: records.table({ space: Space.listable, kind: "listable", version: 1 }),
    bodies: records.table({ space: Space.bodies, kind: "body", version: 1 }),
    partTables: records.table({ space: Space.partTables, kind: "part table", version: 1 }),
    uploads: records.table({ space: Space.uploads, kind: "upload", version: 1 }),
    uploadsByKey: records.table({ space: Space.uploadsByKey, kind: "upload of key", version: 1 }),
    uploadParts: records.table({ space: Space.uploadParts, kind: "upload part", version: 1 }),
    ledger: records.table({ space: Space.ledger, kind: "ledger", version: 1 }),
  };
}

/** Sealed and fingerprint parts are JSON; the row's own MAC vouches for their shape. */
export function packJson(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value), "utf8");
}

export function unpackJson<T>(bytes: Uint8Array | undefined): T | undefined {
  if (bytes === undefined || bytes.length === 0) return undefined;
  return JSON.parse(asBuffer(bytes).toString("utf8")) as T;
}
