/**
 * What S3's data events carry besides the request: resources, and how the object is encrypted.
 * Source: CloudTrail, S3 data events.
 */
import { bucketArn, objectArn } from "../lib/arn.js";
import type { Call } from "../gate/contract.js";
import type { BucketKey } from "./bucket-keys.js";
import type { BucketRecord, ObjectEncryption } from "./records.js";

const APPLIED: Readonly<Record<ObjectEncryption["mode"], string>> = {
  AES256: "SSE_S3",
  "aws:kms": "SSE_KMS",
  "aws:kms:dsse": "DSSE_KMS",
  "SSE-C": "SSE_C",
};

/** What a call is about, known from the moment its bucket is: the bucket's owner must find refused calls too. */
export function annotateResources(call: Call, bucket: NamedBucket, key?: string): void {
  call.annotate({ resources: resourcesOf(bucket, key) });
}

type NamedBucket = Pick<BucketRecord, "name" | "ownerAccount">;

function resourcesOf({ name, ownerAccount }: NamedBucket, key: string | undefined) {
  const bucket = { type: "AWS::S3::Bucket", ARN: bucketArn(name), accountId: ownerAccount };
  return key === undefined ? [bucket] : [{ type: "AWS::S3::Object", ARN: objectArn(name, key) }, bucket];
}

/** @param sizeBytes plaintext bytes taken in or given out */
export function annotateObject(
  call: Call,
  { bucket, key }: { readonly bucket: { readonly record: BucketRecord }; readonly key: string },
  encryption?: ObjectEncryption,
  sizeBytes?: number,
): void {
  const additionalEventData: Record<string, unknown> = {};
  if (encryption !== undefined) additionalEventData["SSEApplied"] = APPLIED[encryption.mode];
  if (encryption?.bucketKey === true) additionalEventData["bucketKeyEnabled"] = true;
  if (sizeBytes !== undefined) additionalEventData["bytesTransferred"] = sizeBytes;
  call.annotate({ resources: resourcesOf(bucket.record, key), additionalEventData });
}

/**
 * Which bucket key served this call, and which S3 call brought it from KMS: the KMS line with that `s3RequestId` and
 * `ciphertextId` covers this use.
 */
export function annotateBucketKey(call: Call, use: "bucketKeyWrite" | "bucketKeyRead", { id, broughtBy }: BucketKey): void {
  call.annotate({ additionalEventData: { [use]: { ciphertextId: id, s3RequestId: broughtBy } } });
}
