/**
 * The lifecycle configuration of a bucket. Kept as it was written, rules in order, an empty Filter included: clients
 * compare what they read with what they wrote. Source: S3 API reference §1.2, §4.2 (Terraform waits for the echoed header).
 */
import type { AnyOperation } from "../gate/contract.js";
import { ServiceError } from "../lib/errors.js";
import type {
  GetBucketLifecycleConfigurationOutput, LifecycleRule, PutBucketLifecycleConfigurationOutput,
  PutBucketLifecycleConfigurationRequest as PutRequest,
} from "../wire/tables/s3-types.js";
import { configChange, configRead } from "./bucket-config.js";
import type { BucketInput } from "./buckets.js";
import type { Room } from "./deps.js";
import { invalidRequest, malformedXml } from "./errors.js";
import { checkRules } from "./lifecycle-rules.js";
import type { BucketConfig } from "./records.js";

const DOCUMENT = "lifecycle";
const MINIMUM_SIZES = ["all_storage_classes_128K", "varies_by_storage_class"] as const;
const DEFAULT_MINIMUM_SIZE = MINIMUM_SIZES[0];

export interface Lifecycle {
  readonly Rules: readonly LifecycleRule[];
  /** Decides about transitions only; kept because clients read it back. */
  readonly TransitionDefaultMinimumObjectSize: string;
}

/** Rows are kept by stamp, so a configuration is parsed once. */
const parsed = new WeakMap<BucketConfig, Lifecycle>();

/** The bucket's configuration; undefined: none. */
export function lifecycleOf(config: BucketConfig): Lifecycle | undefined {
  const text = config.documents?.[DOCUMENT];
  if (text === undefined) return undefined;
  const known = parsed.get(config);
  if (known !== undefined) return known;
  const lifecycle = JSON.parse(text, (name, value: unknown) => (name === "Date" ? new Date(String(value)) : value)) as Lifecycle;
  parsed.set(config, lifecycle);
  return lifecycle;
}

export function bucketLifecycleOperations(room: Room): AnyOperation[] {
  return [
    configRead<BucketInput, GetBucketLifecycleConfigurationOutput>(room, {
      name: "GetBucketLifecycleConfiguration",
      action: "s3:GetLifecycleConfiguration",
      read: ({ name, record }) => {
        const lifecycle = lifecycleOf(record.config);
        if (lifecycle !== undefined) return { ...lifecycle };
        const text = "The lifecycle configuration does not exist";
        throw new ServiceError("NoSuchLifecycleConfiguration", text, { status: 404, fields: { BucketName: name } });
      },
    }),
    configChange<PutRequest, PutBucketLifecycleConfigurationOutput>(room, {
      name: "PutBucketLifecycleConfiguration",
      action: "s3:PutLifecycleConfiguration",
      change: ({ record: { config } }, input) => {
        if (input.LifecycleConfiguration === undefined) throw malformedXml();
        const TransitionDefaultMinimumObjectSize = minimumSizeOf(input);
        const Rules = checkRules(input.LifecycleConfiguration.Rules);
        const lifecycle: Lifecycle = { Rules, TransitionDefaultMinimumObjectSize };
        return { config: { ...config, documents: { ...config.documents, [DOCUMENT]: JSON.stringify(lifecycle) } } };
      },
      answer: (input) => ({ TransitionDefaultMinimumObjectSize: minimumSizeOf(input) }),
    }),
    configChange<BucketInput>(room, {
      name: "DeleteBucketLifecycle",
      action: "s3:PutLifecycleConfiguration",
      change: ({ record: { config } }) => {
        const { [DOCUMENT]: _gone, ...documents } = config.documents ?? {};
        return { config: { ...config, documents } };
      },
    }),
  ];
}

function minimumSizeOf({ TransitionDefaultMinimumObjectSize: given = DEFAULT_MINIMUM_SIZE }: PutRequest): string {
  if ((MINIMUM_SIZES as readonly string[]).includes(given)) return given;
  throw invalidRequest(`Invalid TransitionDefaultMinimumObjectSize found: ${given}`);
}
