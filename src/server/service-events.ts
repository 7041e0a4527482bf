/**
 * Audit records of what a service does by itself, in the form of CloudTrail's service events: no caller, no request.
 * FORMAT: docs/spec/audit.md §3. Source: CloudTrail, "Non-API events"; S3 user guide, "Lifecycle and logging".
 */
import type { AuditRecord } from "../gate/audit.js";
import type { KmsServiceEvent } from "../keys/kms.js";
import { bucketArn, objectArn } from "../lib/arn.js";
import { uuid } from "../lib/ids.js";
import type { LifecycleEvent } from "../objects/lifecycle-act.js";

/** Key deletion, rotation, managed keys. */
export function kmsEvent(event: KmsServiceEvent): AuditRecord {
  const { account, keyArn, details } = event;
  return {
    ...common(event, "kms"),
    requestParameters: null,
    resources: [{ accountId: account, type: "AWS::KMS::Key", ARN: keyArn }],
    managementEvent: true,
    serviceEventDetails: details,
    eventCategory: "Management",
  };
}

/** What a lifecycle rule did to an object or upload. */
export function lifecycleEvent(event: LifecycleEvent): AuditRecord {
  const { account, bucket, key, versionId, uploadId, ruleId } = event;
  const named = { ...(versionId === undefined ? {} : { versionId }), ...(uploadId === undefined ? {} : { uploadId }) };
  return {
    ...common(event, "s3"),
    requestParameters: { bucketName: bucket, key, ...named },
    resources: [
      { type: "AWS::S3::Object", ARN: objectArn(bucket, key) },
      { accountId: account, type: "AWS::S3::Bucket", ARN: bucketArn(bucket) },
    ],
    managementEvent: false,
    serviceEventDetails: { lifecycleRule: ruleId },
    eventCategory: "Data",
  };
}

interface Common {
  readonly eventName: string;
  readonly timeMs: number;
  readonly region: string;
  readonly account: string;
  readonly errorCode?: string;
}

function common({ eventName, timeMs, region, account, errorCode }: Common, service: string): AuditRecord {
  return {
    eventVersion: "1.08",
    userIdentity: { accountId: account, invokedBy: "AWS Internal" },
    eventTime: new Date(timeMs).toISOString().replace(/\.\d{3}Z$/, "Z"),
    eventSource: `${service}.amazonaws.com`,
    eventName,
    awsRegion: region,
    sourceIPAddress: "AWS Internal",
    userAgent: "AWS Internal",
    responseElements: null,
    eventID: uuid(),
    readOnly: false,
    eventType: "AwsServiceEvent",
    recipientAccountId: account,
    ...(errorCode === undefined ? {} : { errorCode }),
  };
}
