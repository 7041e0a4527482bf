/** Versioning, tags, request payment, location: the plain sub-resources; and S3 Control's tag calls. Source: S3 API reference §1.2, §4.1. */
import { defineOperation, type AnyOperation, type Call } from "../gate/contract.js";
import { parseArn } from "../lib/arn.js";
import { ServiceError } from "../lib/errors.js";
import type {
  GetBucketTaggingOutput, GetBucketVersioningOutput, PutBucketRequestPaymentRequest, PutBucketTaggingRequest,
  PutBucketVersioningRequest,
} from "../wire/tables/s3-types.js";
import type { ListTagsForResourceRequest, ListTagsForResourceResult, TagResourceRequest, UntagResourceRequest } from "../wire/tables/s3-control-types.js";
import { changeBucket, configChange, configRead } from "./bucket-config.js";
import { bucketTags, findBucket, onBucket, type BucketFacts, type BucketInput } from "./buckets.js";
import type { Room } from "./deps.js";
import type { Tag } from "./records.js";
import { checkTags } from "./tags.js";

const MAX_BUCKET_TAGS = 50;

export function bucketSettingOperations(room: Room): AnyOperation[] {
  return [...versioning(room), ...tagging(room), requestPayment(room), ...controlTags(room)];
}

/** The owner pays, and that may be said; the read is in bucket-unset.ts. */
function requestPayment(room: Room): AnyOperation {
  return configChange<PutBucketRequestPaymentRequest>(room, {
    name: "PutBucketRequestPayment",
    action: "s3:PutBucketRequestPayment",
    change: ({ record }, { RequestPaymentConfiguration: { Payer } }) => {
      if (Payer === "BucketOwner") return { config: record.config };
      throw new ServiceError("NotImplemented", "Requester pays is not implemented by this server.", { status: 501 });
    },
  });
}

function versioning(room: Room): AnyOperation[] {
  return [
    configRead<BucketInput, GetBucketVersioningOutput>(room, {
      name: "GetBucketVersioning",
      action: "s3:GetBucketVersioning",
      read: ({ record: { config } }) => (config.versioning === undefined ? {} : { Status: config.versioning }),
    }),
    configChange<PutBucketVersioningRequest>(room, {
      name: "PutBucketVersioning",
      action: "s3:PutBucketVersioning",
      change: ({ record }, { VersioningConfiguration: { Status, MFADelete } }) => {
        if (MFADelete === "Enabled") {
          throw new ServiceError("NotImplemented", "MFA delete is not implemented by this server.", { status: 501 });
        }
        if (Status !== "Enabled" && Status !== "Suspended") {
          throw new ServiceError("IllegalVersioningConfigurationException", "The Versioning element must be specified", { status: 400 });
        }
        return { config: { ...record.config, versioning: Status } };
      },
    }),
  ];
}

function tagging(room: Room): AnyOperation[] {
  return [
    configRead<BucketInput, GetBucketTaggingOutput>(room, {
      name: "GetBucketTagging",
      action: "s3:GetBucketTagging",
      read: (bucket) => {
        const { tags } = bucketTags(bucket);
        if (tags !== undefined && tags.length > 0) return { TagSet: tags };
        throw new ServiceError("NoSuchTagSet", "The TagSet does not exist", { status: 404, fields: { BucketName: bucket.name } });
      },
    }),
    configChange<PutBucketTaggingRequest>(room, {
      name: "PutBucketTagging",
      action: "s3:PutBucketTagging",
      change: ({ record }, { Tagging }) => ({ config: record.config, secrets: { tags: checkTags(Tagging.TagSet, MAX_BUCKET_TAGS) } }),
    }),
    configChange<BucketInput>(room, {
      name: "DeleteBucketTagging",
      action: "s3:PutBucketTagging",
      change: ({ record }) => ({ config: record.config, secrets: {} }),
    }),
  ];
}

interface ControlInput {
  readonly AccountId?: string | undefined;
  readonly ResourceArn: string;
}

/** Terraform's newer providers read and write bucket tags through S3 Control. */
function controlTags(room: Room): AnyOperation[] {
  const resolve = (input: ControlInput, call: Call): Promise<BucketFacts> => findBucket(room, call, { Bucket: bucketOf(input, call) });
  const common = { service: "s3-control", resolve, unsigned: false } as const;
  const changed = (input: ControlInput, call: Call, bucket: BucketFacts, action: string, next: (tags: readonly Tag[]) => readonly Tag[]): Promise<void> =>
    changeBucket(room, call, bucket, {
      permissions: (now) => [onBucket(room, call, now, action)],
      change: (now) => ({ config: now.record.config, secrets: { tags: checkTags(next(bucketTags(now).tags ?? []), MAX_BUCKET_TAGS) } }),
    });
  return [
    defineOperation<ListTagsForResourceRequest, BucketFacts, ListTagsForResourceResult>({
      ...common,
      name: "ListTagsForResource",
      permissions: (_input, bucket, call) => [onBucket(room, call, bucket, "s3:ListTagsForResource")],
      run: async (_input, bucket) => ({ Tags: bucketTags(bucket).tags ?? [] }),
    }),
    defineOperation<TagResourceRequest, BucketFacts, object>({
      ...common,
      name: "TagResource",
      permissions: (input, bucket, call) => [
        onBucket(room, call, bucket, "s3:TagResource", {
          "aws:TagKeys": input.Tags.map(({ Key }) => Key),
          ...Object.fromEntries(input.Tags.map(({ Key, Value }) => [`aws:RequestTag/${Key}`, Value])),
        }),
      ],
      run: async (input, bucket, call) => {
        checkTags(input.Tags, MAX_BUCKET_TAGS);
        const given = new Set(input.Tags.map(({ Key }) => Key));
        await changed(input, call, bucket, "s3:TagResource", (tags) => [...tags.filter(({ Key }) => !given.has(Key)), ...input.Tags]);
        return {};
      },
    }),
    defineOperation<UntagResourceRequest, BucketFacts, object>({
      ...common,
      name: "UntagResource",
      permissions: (input, bucket, call) => [onBucket(room, call, bucket, "s3:UntagResource", { "aws:TagKeys": input.TagKeys })],
      run: async (input, bucket, call) => {
        const gone = new Set(input.TagKeys);
        await changed(input, call, bucket, "s3:UntagResource", (tags) => tags.filter(({ Key }) => !gone.has(Key)));
        return {};
      },
    }),
  ];
}

/** Only buckets are taggable resources here. @throws ServiceError AccessDenied for another account, InvalidRequest */
function bucketOf({ AccountId, ResourceArn }: ControlInput, call: Call): string {
  if (AccountId !== call.principal.accountId) throw new ServiceError("AccessDenied", "Access Denied", { status: 403 });
  const arn = parseArn(ResourceArn);
  if (arn?.service !== "s3" || arn.resource.includes("/") || arn.resource.includes(":")) {
    throw new ServiceError("InvalidRequest", "Invalid resource ARN", { status: 400 });
  }
  return arn.resource;
}
