/**
 * Keys that services own: `aws/s3` of each account and region, made at first use, and the house key of each region, which
 * SSE-S3 wraps its data keys with. Both are ordinary key rows; their policies are what protects them.
 * Source: s3-encryption.md §5 of the reference; DESIGN "SSE-S3 uses the house key".
 */
import { createHash } from "node:crypto";
import { keyArn, rootArn } from "../lib/arn.js";
import { uuid } from "../lib/ids.js";
import { newKeyBatch } from "./create.js";
import type { NewKey } from "./create.js";
import { HOUSE_ACCOUNT } from "./identifiers.js";
import type { Key } from "./key.js";
import type { Kms } from "./kms.js";
import { loadKey } from "./load.js";

export const MANAGED_ALIAS = "alias/aws/s3";
/** Aliases that AWS services predefine in every account and region; only S3 is at home here. */
export const PREDEFINED_ALIASES: readonly string[] = [MANAGED_ALIAS];
const MANAGED_DESCRIPTION = "Default key that protects my S3 objects when no other key is defined";
const ROTATION_DAYS = 365;

/** The region's house key. Its id follows from the region, so every process names the same key before it exists. */
export function houseKeyArn(region: string): string {
  return keyArn(region, HOUSE_ACCOUNT, houseKeyId(region));
}

/** Ids made so far: Regions are few, and those of buckets and configuration only. */
const houseKeyIds = new Map<string, string>();

function houseKeyId(region: string): string {
  const known = houseKeyIds.get(region) ?? deriveHouseKeyId(region);
  houseKeyIds.set(region, known);
  return known;
}

function deriveHouseKeyId(region: string): string {
  const hash = createHash("sha256").update(`coffer/house-key/v1\0${region}`).digest().subarray(0, 16);
  hash.writeUInt8((hash.readUInt8(6) & 0x0f) | 0x80, 6); // UUID version 8: custom
  hash.writeUInt8((hash.readUInt8(8) & 0x3f) | 0x80, 8);
  return hash.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

/** The house key, made if this is its first use. @returns undefined when `keyId` is not the region's house key */
export async function ensureHouseKey(kms: Kms, region: string, keyId: string, nowMs: number): Promise<Key | undefined> {
  if (keyId !== houseKeyId(region)) return undefined;
  const existing = await loadKey(kms, region, keyId, nowMs);
  if (existing !== undefined) return existing;
  await create(kms, {
    account: HOUSE_ACCOUNT,
    region,
    keyId,
    nowMs,
    manager: "AWS",
    secret: { description: "Protects objects that are encrypted with SSE-S3", tags: [], policy: housePolicy() },
    rotationPeriodDays: ROTATION_DAYS,
  });
  return loadKey(kms, region, keyId, nowMs);
}

/** The account's `aws/s3` key in a region, made if this is its first use. */
export async function ensureManagedKey(
  kms: Kms, account: string, region: string, nowMs: number,
): Promise<{ readonly keyId: string }> {
  const keyId = uuid();
  const created = await create(kms, {
    account,
    region,
    keyId,
    nowMs,
    manager: "AWS",
    secret: { description: MANAGED_DESCRIPTION, tags: [], policy: managedPolicy(account, region) },
    alias: MANAGED_ALIAS,
    rotationPeriodDays: ROTATION_DAYS,
  });
  if (created) return { keyId };
  const alias = await kms.tables.aliases.get(account, region, MANAGED_ALIAS);
  if (alias === undefined) throw new Error("invariant: the managed key's alias is neither absent nor there");
  return { keyId: alias.clear.keyId };
}

/** @returns false when another call was first */
async function create(kms: Kms, key: NewKey): Promise<boolean> {
  const event = {
    eventName: "CreateManagedKey",
    timeMs: key.nowMs,
    region: key.region,
    account: key.account,
    keyArn: keyArn(key.region, key.account, key.keyId),
    details: { keyId: key.keyId },
  } as const;
  kms.recordEvent(event);
  const result = await kms.store.commit(newKeyBatch(kms, key).batch);
  if (!result.ok) kms.recordEvent({ ...event, errorCode: "AlreadyExistsException" });
  return result.ok;
}

function managedPolicy(account: string, region: string): string {
  return JSON.stringify({
    Version: "2012-10-17",
    Id: "auto-s3-2",
    Statement: [
      {
        Sid: "Allow access through S3 for all principals in the account that are authorized to use S3",
        Effect: "Allow",
        Principal: { AWS: "*" },
        Action: ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"],
        Resource: "*",
        Condition: { StringEquals: { "kms:CallerAccount": account, "kms:ViaService": `s3.${region}.amazonaws.com` } },
      },
      {
        Sid: "Allow direct access to key metadata to the account",
        Effect: "Allow",
        Principal: { AWS: rootArn(account) },
        Action: ["kms:Describe*", "kms:Get*", "kms:List*"],
        Resource: "*",
      },
    ],
  });
}

function housePolicy(): string {
  return JSON.stringify({
    Version: "2012-10-17",
    Id: "coffer-house-1",
    Statement: [
      {
        Sid: "SSE-S3",
        Effect: "Allow",
        Principal: { Service: "s3.amazonaws.com" },
        Action: ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"],
        Resource: "*",
      },
    ],
  });
}
