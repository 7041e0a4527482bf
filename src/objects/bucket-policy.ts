/** Bucket policies: stored as written but for principals, which become unique ids. Source: S3 PutBucketPolicy; authorization reference §1.8, §2.5, §5.2. */
import type { AnyOperation, Call } from "../gate/contract.js";
import { ServiceError } from "../lib/errors.js";
import { displayPrincipals, resolvePrincipals } from "../policy/principals.js";
import { isPublicPolicy } from "../policy/public-policy.js";
import { validateBucketPolicy } from "../policy/validate-bucket-policy.js";
import type { OutputExtras } from "../wire/contract.js";
import type { GetBucketPolicyOutput, GetBucketPolicyStatusOutput, PutBucketPolicyRequest } from "../wire/tables/s3-types.js";
import { configChange, configRead, without } from "./bucket-config.js";
import { onBucket, type BucketFacts, type BucketInput } from "./buckets.js";
import type { Room } from "./deps.js";

export function bucketPolicyOperations(room: Room): AnyOperation[] {
  return [
    configRead<BucketInput, GetBucketPolicyOutput>(room, {
      name: "GetBucketPolicy",
      action: "s3:GetBucketPolicy",
      rootAlwaysAllowed: true,
      read: async (bucket, _input, call) => {
        ownAccountOnly(bucket, call);
        return { Policy: await displayPrincipals(policyText(bucket), room.principals) };
      },
    }),
    configRead<BucketInput, GetBucketPolicyStatusOutput>(room, {
      name: "GetBucketPolicyStatus",
      action: "s3:GetBucketPolicyStatus",
      read: (bucket) => {
        policyText(bucket);
        return { PolicyStatus: { IsPublic: bucket.policyIsPublic } };
      },
    }),
    configChange<PutBucketPolicyRequest, OutputExtras>(room, {
      name: "PutBucketPolicy",
      action: "s3:PutBucketPolicy",
      rootAlwaysAllowed: true,
      change: async (bucket, input, call) => {
        ownAccountOnly(bucket, call);
        const policy = validateBucketPolicy(input.Policy, bucket.name);
        const { text, unknown } = await resolvePrincipals(input.Policy, room.principals);
        if (unknown.length > 0) throw new ServiceError("MalformedPolicy", "Invalid principal in policy", { fields: { Detail: unknown.join(", ") } });
        if (isPublicPolicy(policy)) await refuseIfBlocked(room, bucket, call);
        return { config: { ...bucket.record.config, policy: text } };
      },
      // The model says 200, AWS has always answered 204, and minio-js accepts nothing else.
      answer: () => ({ $status: 204 }),
    }),
    configChange<BucketInput>(room, {
      name: "DeleteBucketPolicy",
      action: "s3:DeleteBucketPolicy",
      rootAlwaysAllowed: true,
      change: (bucket, _input, call) => {
        ownAccountOnly(bucket, call);
        return { config: without(bucket.record.config, "policy") };
      },
    }),
  ];
}

function policyText(bucket: BucketFacts): string {
  const text = bucket.record.config.policy;
  if (text === undefined) {
    throw new ServiceError("NoSuchBucketPolicy", "The bucket policy does not exist", { status: 404, fields: { BucketName: bucket.name } });
  }
  return text;
}

/** Allowed, but of another account: AWS answers 405. */
function ownAccountOnly(bucket: BucketFacts, call: Call): void {
  if (call.principal.accountId === bucket.record.ownerAccount) return;
  throw new ServiceError("MethodNotAllowed", "The specified method is not allowed against this resource.", { status: 405 });
}

async function refuseIfBlocked(room: Room, bucket: BucketFacts, call: Call): Promise<void> {
  if (bucket.record.config.publicAccessBlock?.BlockPublicPolicy !== true) return;
  const deniedBy = [{ layer: "public access block", source: "BlockPublicPolicy" } as const];
  await call.authorize({ ...onBucket(room, call, bucket, "s3:PutBucketPolicy"), deniedBy });
}
