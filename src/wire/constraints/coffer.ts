/** Lengths, ranges and patterns of the members of Coffer's own verbs. */
import type { ConstraintTable } from "./constraint.js";

export const COFFER_CONSTRAINTS: ConstraintTable = {
  Bucket: { min: 1, max: 255 },
  "InspectObjectRequest.Key": { min: 1, max: 1024 },
  "InspectObjectRequest.VersionId": { min: 1, max: 64 },
  ExpectedBucketOwner: { min: 12, max: 12, pattern: "^\\d{12}$" },
  PartNumberMarker: { atLeast: 0, atMost: 10_000 },
  MaxParts: { atLeast: 1, atMost: 1000 },
  ObjectArn: { min: 1, max: 2048, pattern: "^arn:aws:s3:::[^/]+/[^]+$" },
  KeyArn: { min: 1, max: 2048, pattern: "^arn:aws:kms:[^:]+:\\d{12}:key/[^:/]+$" },
  "LookupAuditEventsRequest.CiphertextId": { min: 16, max: 16, pattern: "^[0-9a-f]{16}$" },
  "LookupAuditEventsRequest.EventName": { min: 1, max: 128 },
  PrincipalArn: { min: 1, max: 2048 },
  "LookupAuditEventsRequest.AccessKeyId": { min: 1, max: 128 },
  MaxResults: { atLeast: 1, atMost: 1000 },
  NextToken: { min: 1, max: 131_072 },
};
