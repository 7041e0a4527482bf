/**
 * Reads of sub-resources that this server does not offer: each says "not configured" in AWS's exact way, since one
 * NotImplemented on a read ends a Terraform refresh. Their writes are not registered: the gate names them NotImplemented.
 * Source: S3 API reference §1.2.
 */
import type { AnyOperation } from "../gate/contract.js";
import { ServiceError } from "../lib/errors.js";
import { configRead } from "./bucket-config.js";
import type { BucketInput } from "./buckets.js";
import type { Room } from "./deps.js";

/** Operation, action, code and message. */
const ABSENT: readonly (readonly [string, string, string, string])[] = [
  ["GetBucketCors", "s3:GetBucketCORS", "NoSuchCORSConfiguration", "The CORS configuration does not exist"],
  ["GetBucketWebsite", "s3:GetBucketWebsite", "NoSuchWebsiteConfiguration", "The specified bucket does not have a website configuration"],
  ["GetBucketReplication", "s3:GetReplicationConfiguration", "ReplicationConfigurationNotFoundError", "The replication configuration was not found"],
  [
    "GetObjectLockConfiguration", "s3:GetBucketObjectLockConfiguration", "ObjectLockConfigurationNotFoundError",
    "Object Lock configuration does not exist for this bucket",
  ],
  ["GetBucketAnalyticsConfiguration", "s3:GetAnalyticsConfiguration", "NoSuchConfiguration", "The specified configuration does not exist."],
  ["GetBucketInventoryConfiguration", "s3:GetInventoryConfiguration", "NoSuchConfiguration", "The specified configuration does not exist."],
  ["GetBucketMetricsConfiguration", "s3:GetMetricsConfiguration", "NoSuchConfiguration", "The specified configuration does not exist."],
  ["GetBucketIntelligentTieringConfiguration", "s3:GetIntelligentTieringConfiguration", "NoSuchConfiguration", "The specified configuration does not exist."],
];

/** Operation, action and the answer of a bucket that never configured it. */
const EMPTY: readonly (readonly [string, string, object])[] = [
  ["GetBucketNotificationConfiguration", "s3:GetBucketNotification", {}],
  ["GetBucketLogging", "s3:GetBucketLogging", {}],
  ["GetBucketAccelerateConfiguration", "s3:GetAccelerateConfiguration", {}],
  ["GetBucketRequestPayment", "s3:GetBucketRequestPayment", { Payer: "BucketOwner" }],
  ["ListBucketAnalyticsConfigurations", "s3:GetAnalyticsConfiguration", { IsTruncated: false }],
  ["ListBucketInventoryConfigurations", "s3:GetInventoryConfiguration", { IsTruncated: false }],
  ["ListBucketMetricsConfigurations", "s3:GetMetricsConfiguration", { IsTruncated: false }],
  ["ListBucketIntelligentTieringConfigurations", "s3:GetIntelligentTieringConfiguration", { IsTruncated: false }],
];

export function bucketUnsetOperations(room: Room): AnyOperation[] {
  const absent = ABSENT.map(([name, action, code, message]) =>
    configRead<BucketInput, object>(room, {
      name,
      action,
      read: (bucket) => {
        throw new ServiceError(code, message, { status: 404, fields: { BucketName: bucket.name } });
      },
    }),
  );
  return [...absent, ...EMPTY.map(([name, action, answer]) => configRead<BucketInput, object>(room, { name, action, read: () => answer }))];
}
