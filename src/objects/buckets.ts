/**
 * Finding the bucket of a call, and saying which permission a call needs on it or on its objects: the first thing every
 * operation of this room does. Order: bucket exists → expected owner → region; all before any sub-resource or object.
 * Source: authorization reference §5.1, §5.2, §5.6; S3 API reference §1.2.
 */
import { bucketArn, objectArn } from "../lib/arn.js";
import { ServiceError } from "../lib/errors.js";
import type { Call } from "../gate/contract.js";
import { parsePolicy } from "../policy/parse.js";
import { isPublicPolicy } from "../policy/public-policy.js";
import type { Context, Permission, PolicySource, StatementRef } from "../policy/types.js";
import type { Found } from "../stores/records.js";
import type { Stamp } from "../stores/contract.js";
import { aclAllows } from "./acl.js";
import type { Acl } from "./acl-types.js";
import { canBeBucket } from "./bucket-names.js";
import { annotateResources } from "./audit-notes.js";
import type { Room } from "./deps.js";
import { noSuchBucket } from "./errors.js";
import { unpackJson, type BucketRecord, type BucketSecrets } from "./records.js";

/** A bucket as a call sees it, with the stamp that its commit checks. */
export interface BucketFacts {
  readonly name: string;
  readonly key: Buffer;
  readonly stamp: Stamp;
  readonly record: BucketRecord;
  readonly row: Found<BucketRecord>;
  readonly policy: PolicySource | undefined;
  /** Is there a policy that counts as public? */
  readonly policyIsPublic: boolean;
}

export interface BucketInput {
  readonly Bucket: string;
  readonly ExpectedBucketOwner?: string | undefined;
  /** Of an object, where the call is about one: for its audit line. */
  readonly Key?: string | undefined;
}

export interface FindOptions {
  /** GetBucketLocation answers whatever region the caller signed for. */
  readonly anyRegion?: boolean;
}

/**
 * The bucket that `input` names.
 * @throws ServiceError NoSuchBucket, InvalidBucketOwnerAWSAccountID, AccessDenied (expected owner), AuthorizationHeaderMalformed
 */
export async function findBucket(room: Room, call: Call, input: BucketInput, options: FindOptions = {}): Promise<BucketFacts> {
  const expected = input.ExpectedBucketOwner;
  if (expected !== undefined) checkOwnerForm(expected);
  const row = canBeBucket(input.Bucket) ? await room.tables.buckets.get(input.Bucket) : undefined;
  if (row === undefined) throw noSuchBucket(input.Bucket);
  annotateResources(call, row.clear, input.Key);
  if (expected !== undefined && expected !== row.clear.ownerAccount) throw new ServiceError("AccessDenied", "Access Denied");
  if (options.anyRegion !== true) checkRegion(call, row.clear.region);
  return factsOf(row);
}

function checkOwnerForm(value: string): void {
  if (/^\d{12}$/.test(value)) return;
  throw new ServiceError(
    "InvalidBucketOwnerAWSAccountID",
    `The value of the expected bucket owner parameter must be an AWS Account ID... [${value}]`,
    { status: 400 },
  );
}

/** The scope of the signature must name the bucket's region. */
function checkRegion(call: Call, region: string): void {
  const { scopeRegion, type } = call.authentication;
  if (scopeRegion === undefined || scopeRegion === region) return;
  const detail = { status: 400, fields: { Region: region }, headers: { "x-amz-bucket-region": region } };
  if (type === "REST-QUERY-STRING") {
    throw new ServiceError(
      "AuthorizationQueryParametersError",
      `Error parsing the X-Amz-Credential parameter; the region '${scopeRegion}' is wrong; expecting '${region}'`,
      detail,
    );
  }
  throw new ServiceError(
    "AuthorizationHeaderMalformed",
    `The authorization header is malformed; the region '${scopeRegion}' is wrong; expecting '${region}'`,
    detail,
  );
}

/** Made once of each version of a row that the table keeps. */
const known = new WeakMap<Found<BucketRecord>, BucketFacts>();

/** @throws Error when a stored policy does not parse: fails closed as a 500 */
export function factsOf(row: Found<BucketRecord>): BucketFacts {
  let facts = known.get(row);
  if (facts === undefined) known.set(row, (facts = readFacts(row)));
  return facts;
}

function readFacts(row: Found<BucketRecord>): BucketFacts {
  const record = row.clear;
  const { name, config } = record;
  const parsed = config.policy === undefined ? undefined : parsePolicy(config.policy, "bucket");
  return {
    name,
    key: row.key,
    stamp: row.stamp,
    record,
    row,
    policy: parsed === undefined ? undefined : { id: `bucket/${name}`, policy: parsed },
    policyIsPublic: parsed !== undefined && isPublicPolicy(parsed),
  };
}

/** Tags of the bucket. */
export function bucketTags(bucket: BucketFacts): BucketSecrets {
  return unpackJson<BucketSecrets>(bucket.row.sealed()) ?? {};
}

/**
 * The row as it is now, after a commit found it changed: every permission is judged again, for a decision must not outlive
 * its facts.
 * @throws ServiceError NoSuchBucket when it is gone or another bucket of that name; AccessDenied
 */
export async function refreshBucket(
  room: Room,
  call: Call,
  before: BucketFacts,
  permissions: (bucket: BucketFacts) => readonly Permission[],
): Promise<BucketFacts> {
  const row = await room.tables.buckets.get(before.name);
  if (row === undefined || row.clear.incarnation !== before.record.incarnation) throw noSuchBucket(before.name);
  const now = factsOf(row);
  for (const permission of permissions(now)) await call.authorize(permission);
  return now;
}

/** A permission on the bucket itself. */
export function onBucket(room: Room, call: Call, bucket: BucketFacts, action: string, context: Context = NO_CONTEXT): Permission {
  return permissionOn(call, bucket, {
    action,
    resource: bucketArn(bucket.name),
    context,
    allowedBy: aclGrants(room, call, bucket, action, bucket.record.config.acl),
    foreignOwner: undefined,
  });
}

const NO_CONTEXT: Context = {};

/** An object, where it exists. */
export interface ObjectPlace {
  readonly bucket: BucketFacts;
  readonly key: string;
  readonly acl?: Acl | undefined;
  /** Account that owns it. */
  readonly owner?: string | undefined;
}

/**
 * A permission on an object. Where ACLs are on, one that another account than the bucket's owns is that account's: the
 * bucket policy can only deny it, and the bucket's owner needs a grant like everyone else.
 */
export function onObject(room: Room, call: Call, at: ObjectPlace, action: string, context: Context = NO_CONTEXT): Permission {
  const { bucket, key, owner } = at;
  const { config, ownerAccount } = bucket.record;
  const isWrite = action === "s3:PutObject" || action === "s3:DeleteObject";
  // Inspecting (`coffer:`) is the bucket owner's right, whoever wrote the object.
  const aclsDecide = config.ownership !== "BucketOwnerEnforced" && action.startsWith("s3:");
  return permissionOn(call, bucket, {
    action,
    resource: objectArn(bucket.name, key),
    context,
    allowedBy: aclGrants(room, call, bucket, action, isWrite ? config.acl : at.acl),
    foreignOwner: aclsDecide && owner !== ownerAccount ? owner : undefined,
  });
}

interface Asked {
  readonly action: string;
  readonly resource: string;
  readonly context: Context;
  readonly allowedBy: readonly StatementRef[] | undefined;
  /** Account that owns the object, where it is another than the bucket's and ACLs decide. */
  readonly foreignOwner: string | undefined;
}

function permissionOn(call: Call, bucket: BucketFacts, asked: Asked): Permission {
  const { action, resource, context, allowedBy, foreignOwner } = asked;
  const deniedBy = blockedByRestriction(call, bucket);
  return {
    action,
    resource,
    context,
    resourceAccount: foreignOwner ?? bucket.record.ownerAccount,
    resourcePolicy: bucket.policy,
    resourcePolicyDeniesOnly: foreignOwner === undefined ? undefined : true,
    allowedBy,
    deniedBy: deniedBy === undefined ? undefined : [deniedBy],
  };
}

/** RestrictPublicBuckets: while the policy is public, only the owner's account and service principals come in. */
function blockedByRestriction(call: Call, bucket: BucketFacts): StatementRef | undefined {
  const restrict = bucket.record.config.publicAccessBlock?.RestrictPublicBuckets === true;
  if (!restrict || !bucket.policyIsPublic) return undefined;
  const { principal } = call;
  if (principal.type === "Service" || principal.accountId === bucket.record.ownerAccount) return undefined;
  return { layer: "public access block", source: "RestrictPublicBuckets" };
}

function aclGrants(
  room: Room,
  call: Call,
  bucket: BucketFacts,
  action: string,
  acl: Acl | undefined,
): readonly StatementRef[] | undefined {
  const { config } = bucket.record;
  if (acl === undefined || config.ownership === "BucketOwnerEnforced") return undefined;
  const account = call.principal.accountId;
  const refs = aclAllows(acl, action, {
    canonicalId: account === undefined ? undefined : room.canonicalIdOf(account),
    ignorePublic: config.publicAccessBlock?.IgnorePublicAcls === true,
  });
  return refs.length === 0 ? undefined : refs;
}

/** Who owns an object, as shown: with ACLs off the bucket's owner, whoever wrote it. */
export function shownOwner(room: Room, { record }: BucketFacts, writer: string): { readonly ID: string } {
  const { config, ownerAccount } = record;
  return { ID: room.canonicalIdOf(config.ownership === "BucketOwnerEnforced" ? ownerAccount : writer) };
}

/** May the caller list this key, so that its absence may be told? Throws AccessDenied otherwise. */
export async function authorizeAbsence(room: Room, call: Call, bucket: BucketFacts, key: string): Promise<void> {
  await call.authorize(onBucket(room, call, bucket, "s3:ListBucket", { "s3:prefix": key, "s3:max-keys": "1000" }));
}

/** S3's limit on key length, in bytes of UTF-8. */
const MAX_KEY_BYTES = 1024;

/** Can there be an object of this name? */
export const canBeKey = (key: string): boolean =>
  key !== "" && Buffer.byteLength(key, "utf8") <= MAX_KEY_BYTES && !LONE_SURROGATE.test(key);

const LONE_SURROGATE = /[\ud800-\udfff]/u;

/** @throws ServiceError KeyTooLongError, InvalidURI */
export function checkKey(key: string): void {
  const size = Buffer.byteLength(key, "utf8");
  if (size > MAX_KEY_BYTES) {
    throw new ServiceError("KeyTooLongError", "Your key is too long", {
      status: 400,
      fields: { Size: String(size), MaxSizeAllowed: String(MAX_KEY_BYTES) },
    });
  }
  if (!canBeKey(key)) throw new ServiceError("InvalidURI", "Couldn't parse the specified URI.", { status: 400 });
}
