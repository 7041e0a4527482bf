/** Applies a seed document: accounts and users first, then keys, then buckets as their account's root through the gate. */
import { ServiceError } from "../lib/errors.js";
import { rootArn } from "../lib/arn.js";
import type { Clock } from "../lib/clock.js";
import { seedKey } from "../keys/seed.js";
import type { Principal } from "../policy/types.js";
import type {
  GetBucketEncryptionOutput,
  GetBucketPolicyOutput,
  GetBucketVersioningOutput,
  PutBucketEncryptionRequest,
} from "../wire/tables/s3-types.js";
import type { App } from "./app.js";
import { ConfigError } from "./config.js";
import type { SeedBucket, SeedDocument } from "./seed-document.js";

/** @throws ConfigError naming what could not be applied */
export async function applySeed(app: App, seed: SeedDocument, clock: Clock): Promise<void> {
  const { seed: iam } = app.iam;
  for (const { id, rootAccessKeys } of seed.accounts) {
    await named(`account ${id}`, async () => {
      await iam.ensureAccount(id);
      for (const key of rootAccessKeys) await iam.putRootAccessKey(id, key);
    });
  }
  for (const { account, name, path, accessKeys, policies, managedPolicyArns } of seed.users) {
    await named(`user ${name}`, () => iam.putUser(account, { name, path, accessKeys, policies, attached: managedPolicyArns }));
  }
  for (const key of seed.keys) await named(`key ${key.alias ?? key.id ?? ""}`, () => seedKey(app.kms, key, clock.now()));
  for (const bucket of seed.buckets) await named(`bucket ${bucket.name}`, () => applyBucket(app, bucket));
}

async function named(what: string, apply: () => Promise<unknown>): Promise<void> {
  try {
    await apply();
  } catch (cause) {
    throw new ConfigError(`seed: ${what}: ${(cause as Error).message}`, { cause });
  }
}

async function applyBucket(app: App, bucket: SeedBucket): Promise<void> {
  const { account, region, name: Bucket } = bucket;
  const root: Principal = { type: "Account", accountId: account, arn: rootArn(account), userId: account };
  const call = <O>(operation: string, input: object): Promise<O> =>
    app.gate.internal<O>(root, "s3", operation, { Bucket, ...input }, { region });
  const found = await absent(() => call<object>("HeadBucket", {}), ["NoSuchBucket", "NotFound"]);
  if (found === undefined)
    await call("CreateBucket", region === "us-east-1" ? {} : { CreateBucketConfiguration: { LocationConstraint: region } });
  if (bucket.versioning !== undefined) {
    const { Status } = await call<GetBucketVersioningOutput>("GetBucketVersioning", {});
    if (Status !== bucket.versioning)
      await call("PutBucketVersioning", { VersioningConfiguration: { Status: bucket.versioning } });
  }
  if (bucket.encryption !== undefined) await applyEncryption(call, bucket.encryption);
  if (bucket.policy !== undefined) {
    const policy = await absent(() => call<GetBucketPolicyOutput>("GetBucketPolicy", {}), ["NoSuchBucketPolicy"]);
    if (policy?.Policy !== bucket.policy) await call("PutBucketPolicy", { Policy: bucket.policy });
  }
}

type Calling = <O>(operation: string, input: object) => Promise<O>;

async function applyEncryption(call: Calling, wanted: NonNullable<SeedBucket["encryption"]>): Promise<void> {
  const { algorithm, kmsKeyId, bucketKey = false } = wanted;
  const { ServerSideEncryptionConfiguration: present } = await call<GetBucketEncryptionOutput>("GetBucketEncryption", {});
  const rule = present?.Rules[0];
  const { SSEAlgorithm, KMSMasterKeyID } = rule?.ApplyServerSideEncryptionByDefault ?? {};
  if (SSEAlgorithm === algorithm && KMSMasterKeyID === kmsKeyId && (rule?.BucketKeyEnabled ?? false) === bucketKey) return;
  const input: Omit<PutBucketEncryptionRequest, "Bucket"> = {
    ServerSideEncryptionConfiguration: {
      Rules: [
        {
          ApplyServerSideEncryptionByDefault: {
            SSEAlgorithm: algorithm,
            ...(kmsKeyId === undefined ? {} : { KMSMasterKeyID: kmsKeyId }),
          },
          BucketKeyEnabled: bucketKey,
        },
      ],
    },
  };
  await call("PutBucketEncryption", input);
}

/** The answer, or undefined where it is one of these errors. */
async function absent<O>(ask: () => Promise<O>, codes: readonly string[]): Promise<O | undefined> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof ServiceError && codes.includes(error.code)) return undefined;
    throw error;
  }
}
