/** Inputs and outputs of Coffer's own verbs, written by hand beside their table (coffer.ts). */

export interface InspectObjectRequest {
  Bucket: string;
  Key: string;
  VersionId?: string | undefined;
  ExpectedBucketOwner?: string | undefined;
  /** Segments behind this part are listed. */
  PartNumberMarker?: number | undefined;
  /** 1 … 1000, default 1000. */
  MaxParts?: number | undefined;
}

export type EncryptionMode = "AES256" | "aws:kms" | "aws:kms:dsse" | "SSE-C";
export type IntegrityState = "VERIFIED" | "NOT_VERIFIED";

export interface DataKey {
  /** 1 is the inner layer. */
  Layer: number;
  WrappedBy: "KMS_KEY" | "BUCKET_KEY" | "HOUSE_KEY" | "CUSTOMER_KEY";
  /** Names the KMS ciphertext: of the data key, or under a bucket key of that. The audit lines of its calls carry the same. */
  CiphertextId?: string | undefined;
  /** Of the KMS key; only for who may `kms:DescribeKey` it. */
  KeyMaterialId?: string | undefined;
}

export interface ObjectEncryption {
  Mode: EncryptionMode;
  Layers: number;
  KmsKeyArn?: string | undefined;
  BucketKeyEnabled: boolean;
  /** What KMS is told when the data key, or the bucket key, is made and opened. */
  EncryptionContext?: Record<string, string> | undefined;
  DataKeys: DataKey[];
}

export interface SealedFormat {
  Suite: number;
  SuiteName: string;
  /** Plaintext bytes of every chunk but the last. */
  ChunkSize: number;
}

export interface ObjectIntegrity {
  /** The rows' own MACs, checked on every read of a row. */
  Records: IntegrityState;
  /** Multipart objects: the table against the hash in the head row. */
  PartTable?: IntegrityState | undefined;
  /** The MAC under the data key: checked by every read of the object, not without the data key. */
  Manifest: IntegrityState;
  /** Of the segments listed in this answer. */
  Bodies: "PRESENT" | "MISSING" | "WRONG_SIZE";
}

export interface Segment {
  /** 1 for objects that are no multipart objects. */
  PartNumber: number;
  /** Also the name of the blob. */
  SegmentId: string;
  Storage: "INLINE" | "BLOB";
  /** Plaintext bytes. */
  Size: number;
  SealedSize: number;
  /** What the store holds; absent: nothing. */
  StoredSize?: number | undefined;
  /** Of one layer. */
  Chunks: number;
  /** First 8 bytes of each layer's key commitment in hex, inner layer first. */
  CommitmentPrefixes: string[];
}

export interface Version {
  VersionId: string;
  IsLatest: boolean;
  IsDeleteMarker: boolean;
  LastModified: Date;
  Size?: number | undefined;
  Mode?: EncryptionMode | undefined;
}

export interface InspectObjectResponse {
  Bucket: string;
  BucketOwner: string;
  BucketRegion: string;
  Key: string;
  ObjectArn: string;
  VersionId?: string | undefined;
  IsLatest: boolean;
  LastModified: Date;
  Size: number;
  StorageClass: string;
  ETagKind: "MD5" | "MULTIPART" | "RANDOM";
  ChecksumAlgorithm?: string | undefined;
  ChecksumType?: string | undefined;
  Encryption: ObjectEncryption;
  Format: SealedFormat;
  Integrity: ObjectIntegrity;
  SegmentCount: number;
  Segments: Segment[];
  NextPartNumberMarker?: number | undefined;
  /** Newest first; only for who may `s3:ListBucketVersions`. */
  Versions?: Version[] | undefined;
  VersionsTruncated?: boolean | undefined;
}

export interface LookupAuditEventsRequest {
  ObjectArn?: string | undefined;
  Bucket?: string | undefined;
  KeyArn?: string | undefined;
  CiphertextId?: string | undefined;
  EventName?: string | undefined;
  PrincipalArn?: string | undefined;
  AccessKeyId?: string | undefined;
  StartTime?: Date | undefined;
  EndTime?: Date | undefined;
  /** 1 … 1000, default 50. */
  MaxResults?: number | undefined;
  NextToken?: string | undefined;
}

export interface Resource {
  ResourceType?: string | undefined;
  ResourceName?: string | undefined;
}

export interface Event {
  EventId: string;
  EventName: string;
  EventTime: Date;
  EventSource: string;
  /** `true` or `false`, as text. */
  ReadOnly: string;
  Username?: string | undefined;
  AccessKeyId?: string | undefined;
  Resources: Resource[];
  /** Not of the object itself: this call brought the bucket key under which an event of the object was served. */
  CoversBucketKey?: boolean | undefined;
  /** The whole record, JSON. */
  CloudTrailEvent: string;
}

export interface LookupAuditEventsResponse {
  Events: Event[];
  /** Lines met that are no records: damage. */
  UnreadableLines?: number | undefined;
  /** There may be more, even where `Events` is empty. */
  NextToken?: string | undefined;
}

export interface VerifyStoreRequest {
  /** QUICK: bodies are not read. OWNERS: only who owns what. Default FULL. */
  Depth?: "FULL" | "QUICK" | "OWNERS" | undefined;
  NextToken?: string | undefined;
}

/** Something that is not as it should be. */
export interface Finding {
  /** LEFTOVER: space that nobody owns, or a row that follows from others; nothing is lost. */
  Severity: "DAMAGE" | "LEFTOVER";
  /** Fixed words: `blob-missing`. */
  Fault: string;
  /** What it is about: `s3://BUCKET/KEY version ID`, `KMS key …`. */
  Subject: string;
  Detail: string;
  /** Default FOUND. */
  State?: "FOUND" | "REPAIRABLE" | "REPAIRED" | undefined;
}

/** A piece that must be there, and who owns it. */
export interface OwnedPiece {
  /** 32 hex digits: of a blob or body row, or made of an upload id. */
  Id: string;
  /** Empty: may own it, which denies no other owner. */
  Owner: string;
}

/** A piece that is there, and must have an owner. */
export interface HeldPiece {
  Id: string;
  Kind: "LEDGER" | "BODY" | "PART_TABLE" | "BLOB";
  Detail: string;
}

/** A KMS key that may not be used now: what is under it is not proven to open. */
export interface UnprovenKey {
  KeyArn: string;
  Reason: "disabled" | "pending-deletion" | "absent";
  Versions: number;
}

export interface VerifyCounts {
  Rows: number;
  /** Objects' versions, delete markers not counted, and parts of open uploads. */
  Versions: number;
  /** Of these, those whose data key was opened and whose manifest (of parts: commitment) was verified. */
  Opened: number;
  /** Of these, those under a customer's key: sizes, places and MACs alone. */
  CustomerKeyed: number;
  /** Plaintext bytes read and verified. */
  Bytes: number;
  Blobs: number;
  Pending: number;
  Garbage: number;
}

export interface VerifyStoreResponse {
  Findings: Finding[];
  Owned: OwnedPiece[];
  Held: HeldPiece[];
  Unproven: UnprovenKey[];
  Counts: VerifyCounts;
  Phase: string;
  NextToken?: string | undefined;
}
