/** Default encryption and blocked encryption types of a bucket. Source: S3 PutBucketEncryption; encryption reference §2, §12. */
import type { AnyOperation } from "../gate/contract.js";
import type {
  GetBucketEncryptionOutput, PutBucketEncryptionRequest, ServerSideEncryptionConfiguration, ServerSideEncryptionRule,
} from "../wire/tables/s3-types.js";
import { configChange, configRead } from "./bucket-config.js";
import type { BucketInput } from "./buckets.js";
import type { Room } from "./deps.js";
import { invalidArgument, malformedXml } from "./errors.js";
import type { BucketEncryption } from "./records.js";

export function bucketEncryptionOperations(room: Room): AnyOperation[] {
  return [
    configRead<BucketInput, GetBucketEncryptionOutput>(room, {
      name: "GetBucketEncryption",
      action: "s3:GetEncryptionConfiguration",
      read: (bucket) => ({ ServerSideEncryptionConfiguration: { Rules: [ruleOf(bucket.record.config.encryption)] } }),
    }),
    configChange<PutBucketEncryptionRequest>(room, {
      name: "PutBucketEncryption",
      action: "s3:PutEncryptionConfiguration",
      change: ({ record: { config } }, input) => {
        const encryption = parseRule(input.ServerSideEncryptionConfiguration);
        return { config: { ...config, encryption: { ...keptBlock(config.encryption), ...encryption } } };
      },
    }),
    configChange<BucketInput>(room, {
      name: "DeleteBucketEncryption",
      action: "s3:PutEncryptionConfiguration",
      change: ({ record: { config } }) => ({ config: { ...config, encryption: keptBlock(config.encryption) } }),
    }),
  ];
}

/**
 * Blocked types stay when a document does not speak of them: older clients, which know nothing of them, must not lift a
 * block by setting a default key. `NONE` lifts it.
 */
function keptBlock(before: BucketEncryption | undefined): BucketEncryption {
  return before?.blocked === undefined ? {} : { blocked: before.blocked };
}

function parseRule(document: ServerSideEncryptionConfiguration): BucketEncryption {
  const [rule, ...more] = document.Rules;
  if (rule === undefined || more.length > 0) throw malformedXml();
  const { ApplyServerSideEncryptionByDefault: byDefault, BucketKeyEnabled, BlockedEncryptionTypes } = rule;
  const algorithm = byDefault?.SSEAlgorithm;
  if (algorithm !== undefined && !isAlgorithm(algorithm)) throw malformedXml();
  const kmsKeyId = byDefault?.KMSMasterKeyID;
  if (kmsKeyId !== undefined && (algorithm === "AES256" || algorithm === undefined)) {
    const text = "a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms or aws:kms:dsse";
    throw invalidArgument(text, "ApplyServerSideEncryptionByDefault");
  }
  const blocked = BlockedEncryptionTypes?.EncryptionType;
  if (blocked !== undefined && (blocked.length === 0 || !blocked.every(isBlockable))) throw malformedXml();
  return {
    explicit: true,
    ...(algorithm === undefined ? {} : { algorithm }),
    ...(kmsKeyId === undefined ? {} : { kmsKeyId }),
    ...(BucketKeyEnabled === undefined ? {} : { bucketKeyEnabled: BucketKeyEnabled }),
    ...(blocked === undefined ? {} : { blocked }),
  };
}

const isAlgorithm = (text: string): text is NonNullable<BucketEncryption["algorithm"]> => ["AES256", "aws:kms", "aws:kms:dsse"].includes(text);
const isBlockable = (text: string): text is "NONE" | "SSE-C" => text === "NONE" || text === "SSE-C";

/** A bucket that was never configured shows the AES256 rule that applies to it. */
function ruleOf(encryption: BucketEncryption = {}): ServerSideEncryptionRule {
  const { algorithm = "AES256", kmsKeyId, bucketKeyEnabled = false, blocked } = encryption;
  return {
    ApplyServerSideEncryptionByDefault: { SSEAlgorithm: algorithm, ...(kmsKeyId === undefined ? {} : { KMSMasterKeyID: kmsKeyId }) },
    BucketKeyEnabled: bucketKeyEnabled,
    ...(blocked === undefined ? {} : { BlockedEncryptionTypes: { EncryptionType: blocked } }),
  };
}
