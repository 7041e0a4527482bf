/**
 * Coffer's own verbs, written by hand in the form of the generated tables. What they do: docs/reference/coffer-verbs.md.
 * Members that AWS has are named as AWS names them; `Event` is CloudTrail's of LookupEvents.
 */
import type { ServiceTable } from "../shape.js";

export const cofferTable: ServiceTable = {
  service: "coffer",
  protocol: "aws-json",
  version: "2026-01-01",
  xmlNamespace: "",
  operations: {
    InspectObject: { method: "POST", uri: "/", status: 200, input: "InspectObjectRequest", output: "InspectObjectResponse" },
    LookupAuditEvents: { method: "POST", uri: "/", status: 200, input: "LookupAuditEventsRequest", output: "LookupAuditEventsResponse" },
    VerifyStore: { method: "POST", uri: "/", status: 200, input: "VerifyStoreRequest", output: "VerifyStoreResponse" },
  },
  structures: {
    InspectObjectRequest: {
      required: ["Bucket", "Key"],
      members: {
        Bucket: { type: "string" },
        Key: { type: "string" },
        VersionId: { type: "string" },
        ExpectedBucketOwner: { type: "string" },
        PartNumberMarker: { type: "number" },
        MaxParts: { type: "number" },
      },
    },
    InspectObjectResponse: {
      members: {
        Bucket: { type: "string" },
        BucketOwner: { type: "string" },
        BucketRegion: { type: "string" },
        Key: { type: "string" },
        ObjectArn: { type: "string" },
        VersionId: { type: "string" },
        IsLatest: { type: "boolean" },
        LastModified: { type: "timestamp" },
        Size: { type: "long" },
        StorageClass: { type: "string" },
        ETagKind: { type: "string", enum: "ETagKind" },
        ChecksumAlgorithm: { type: "string" },
        ChecksumType: { type: "string" },
        Encryption: { type: "#ObjectEncryption" },
        Format: { type: "#SealedFormat" },
        Integrity: { type: "#ObjectIntegrity" },
        SegmentCount: { type: "number" },
        Segments: { type: { list: "#Segment" } },
        NextPartNumberMarker: { type: "number" },
        Versions: { type: { list: "#Version" } },
        VersionsTruncated: { type: "boolean" },
      },
    },
    ObjectEncryption: {
      members: {
        Mode: { type: "string", enum: "EncryptionMode" },
        Layers: { type: "number" },
        KmsKeyArn: { type: "string" },
        BucketKeyEnabled: { type: "boolean" },
        EncryptionContext: { type: { map: "string" } },
        DataKeys: { type: { list: "#DataKey" } },
      },
    },
    DataKey: {
      members: {
        Layer: { type: "number" },
        WrappedBy: { type: "string", enum: "WrappedBy" },
        CiphertextId: { type: "string" },
        KeyMaterialId: { type: "string" },
      },
    },
    SealedFormat: {
      members: { Suite: { type: "number" }, SuiteName: { type: "string" }, ChunkSize: { type: "number" } },
    },
    ObjectIntegrity: {
      members: {
        Records: { type: "string", enum: "IntegrityState" },
        PartTable: { type: "string", enum: "IntegrityState" },
        Manifest: { type: "string", enum: "IntegrityState" },
        Bodies: { type: "string", enum: "BodyState" },
      },
    },
    Segment: {
      members: {
        PartNumber: { type: "number" },
        SegmentId: { type: "string" },
        Storage: { type: "string", enum: "SegmentStorage" },
        Size: { type: "long" },
        SealedSize: { type: "long" },
        StoredSize: { type: "long" },
        Chunks: { type: "number" },
        CommitmentPrefixes: { type: { list: "string" } },
      },
    },
    Version: {
      members: {
        VersionId: { type: "string" },
        IsLatest: { type: "boolean" },
        IsDeleteMarker: { type: "boolean" },
        LastModified: { type: "timestamp" },
        Size: { type: "long" },
        Mode: { type: "string", enum: "EncryptionMode" },
      },
    },
    LookupAuditEventsRequest: {
      members: {
        ObjectArn: { type: "string" },
        Bucket: { type: "string" },
        KeyArn: { type: "string" },
        CiphertextId: { type: "string" },
        EventName: { type: "string" },
        PrincipalArn: { type: "string" },
        AccessKeyId: { type: "string" },
        StartTime: { type: "timestamp" },
        EndTime: { type: "timestamp" },
        MaxResults: { type: "number" },
        NextToken: { type: "string" },
      },
    },
    LookupAuditEventsResponse: {
      members: {
        Events: { type: { list: "#Event" } },
        UnreadableLines: { type: "number" },
        NextToken: { type: "string" },
      },
    },
    Event: {
      members: {
        EventId: { type: "string" },
        EventName: { type: "string" },
        EventTime: { type: "timestamp" },
        EventSource: { type: "string" },
        ReadOnly: { type: "string" },
        Username: { type: "string" },
        AccessKeyId: { type: "string" },
        Resources: { type: { list: "#Resource" } },
        CoversBucketKey: { type: "boolean" },
        CloudTrailEvent: { type: "string" },
      },
    },
    VerifyStoreRequest: {
      members: { Depth: { type: "string", enum: "VerifyDepth" }, NextToken: { type: "string" } },
    },
    VerifyStoreResponse: {
      members: {
        Findings: { type: { list: "#Finding" } },
        Owned: { type: { list: "#OwnedPiece" } },
        Held: { type: { list: "#HeldPiece" } },
        Unproven: { type: { list: "#UnprovenKey" } },
        Counts: { type: "#VerifyCounts" },
        Phase: { type: "string" },
        NextToken: { type: "string" },
      },
    },
    Finding: {
      members: {
        Severity: { type: "string", enum: "FindingSeverity" },
        Fault: { type: "string" },
        Subject: { type: "string" },
        Detail: { type: "string" },
        State: { type: "string", enum: "FindingState" },
      },
    },
    OwnedPiece: { members: { Id: { type: "string" }, Owner: { type: "string" } } },
    HeldPiece: {
      members: { Id: { type: "string" }, Kind: { type: "string", enum: "HeldKind" }, Detail: { type: "string" } },
    },
    UnprovenKey: { members: { KeyArn: { type: "string" }, Reason: { type: "string", enum: "UnprovenReason" }, Versions: { type: "number" } } },
    VerifyCounts: {
      members: {
        Rows: { type: "long" },
        Versions: { type: "long" },
        Opened: { type: "long" },
        CustomerKeyed: { type: "long" },
        Bytes: { type: "long" },
        Blobs: { type: "long" },
        Pending: { type: "long" },
        Garbage: { type: "long" },
      },
    },
    Resource: {
      members: { ResourceType: { type: "string" }, ResourceName: { type: "string" } },
    },
  },
  errors: {
    AccessDenied: { status: 403 },
    AccessDeniedException: { status: 400 },
    InvalidNextTokenException: { status: 400 },
    LimitExceededException: { status: 400 },
    MethodNotAllowed: { status: 405 },
    NoSuchBucket: { status: 404 },
    NoSuchKey: { status: 404 },
    NoSuchVersion: { status: 404 },
    ValidationException: { status: 400 },
  },
  enums: {
    BodyState: ["MISSING", "PRESENT", "WRONG_SIZE"],
    ETagKind: ["MD5", "MULTIPART", "RANDOM"],
    EncryptionMode: ["AES256", "SSE-C", "aws:kms", "aws:kms:dsse"],
    FindingSeverity: ["DAMAGE", "LEFTOVER"],
    FindingState: ["FOUND", "REPAIRABLE", "REPAIRED"],
    HeldKind: ["BLOB", "BODY", "LEDGER", "PART_TABLE"],
    IntegrityState: ["NOT_VERIFIED", "VERIFIED"],
    SegmentStorage: ["BLOB", "INLINE"],
    UnprovenReason: ["absent", "disabled", "pending-deletion"],
    VerifyDepth: ["FULL", "OWNERS", "QUICK"],
    WrappedBy: ["BUCKET_KEY", "CUSTOMER_KEY", "HOUSE_KEY", "KMS_KEY"],
  },
};
