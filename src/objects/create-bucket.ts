/**
 * CreateBucket: name rules, region, the defaults of new buckets, tags in the body, ownership and ACL headers.
 * Source: S3 API reference §1.1; authorization reference §3.2, §5.3, §5.4.
 */
import { bucketArn } from "../lib/arn.js";
import { ServiceError } from "../lib/errors.js";
import { randomHex } from "../lib/ids.js";
import { defineOperation, type AnyOperation, type Call } from "../gate/contract.js";
import type { Context, Permission } from "../policy/types.js";
import type { CreateBucketOutput, CreateBucketRequest } from "../wire/tables/s3-types.js";
import { aclOfHeaders, hasAclHeaders, isPublicAcl, privateAcl } from "./acl.js";
import { checkBucketName } from "./bucket-names.js";
import { aclContext, contextOf } from "./conditions.js";
import type { ObjectSettings, Room } from "./deps.js";
import { invalidArgument, notImplemented, slowDown } from "./errors.js";
import { packJson, type BucketConfig, type BucketRecord, type BucketSecrets, type ObjectOwnership, type PublicAccessBlock, type Tag } from "./records.js";
import { checkTags } from "./tags.js";

export const ALL_BLOCKED: PublicAccessBlock = {
  BlockPublicAcls: true,
  IgnorePublicAcls: true,
  BlockPublicPolicy: true,
  RestrictPublicBuckets: true,
};

const MAX_BUCKET_TAGS = 50;

export function createBucket(room: Room): AnyOperation {
  return defineOperation<CreateBucketRequest, null, CreateBucketOutput>({
    service: "s3",
    name: "CreateBucket",
    unsigned: false,
    async resolve(input) {
      checkBucketName(input.Bucket);
      return null;
    },
    permissions: (input, _facts, call) => permissionsOf(call, input),
    run: (input, _facts, call) => run(room, call, input),
  });
}

function permissionsOf(call: Call, input: CreateBucketRequest): Permission[] {
  const resource = bucketArn(input.Bucket);
  const account = call.principal.accountId;
  const on = (action: string, context: Context = {}): Permission => ({
    action,
    resource,
    context,
    ...(account === undefined ? {} : { resourceAccount: account }),
  });
  const tags = input.CreateBucketConfiguration?.Tags ?? [];
  const acl = aclContext(input);
  const tagContext: Record<string, string | readonly string[]> = tags.length === 0 ? {} : { "aws:TagKeys": tags.map((tag) => tag.Key) };
  for (const { Key, Value } of tags) tagContext[`aws:RequestTag/${Key}`] = Value;
  const context = contextOf({
    "s3:locationconstraint": input.CreateBucketConfiguration?.LocationConstraint,
    "s3:x-amz-object-ownership": input.ObjectOwnership,
    "s3:x-amz-bucket-namespace": input.BucketNamespace,
  });
  const permissions = [on("s3:CreateBucket", { ...context, ...acl, ...tagContext })];
  if (hasAclHeaders(input) && input.ACL !== "private") permissions.push(on("s3:PutBucketAcl", acl));
  if (input.ObjectLockEnabledForBucket === true) {
    permissions.push(on("s3:PutBucketObjectLockConfiguration"), on("s3:PutBucketVersioning"));
  }
  if (input.ObjectOwnership !== undefined) {
    permissions.push(on("s3:PutBucketOwnershipControls", contextOf({ "s3:x-amz-object-ownership": input.ObjectOwnership })));
  }
  if (tags.length > 0) permissions.push(on("s3:TagResource", tagContext));
  return permissions;
}

async function run(room: Room, call: Call, input: CreateBucketRequest): Promise<CreateBucketOutput> {
  const account = call.principal.accountId;
  if (account === undefined) throw new ServiceError("AccessDenied", "Access Denied");
  if (input.ObjectLockEnabledForBucket === true) throw notImplemented("x-amz-bucket-object-lock-enabled");
  const region = regionFor(call, input, room.settings);
  const tags = checkTags(input.CreateBucketConfiguration?.Tags ?? [], MAX_BUCKET_TAGS);
  const record: BucketRecord = {
    name: input.Bucket,
    incarnation: randomHex(16),
    ownerAccount: account,
    region,
    createdMs: room.clock.now(),
    config: configFor(room, account, input),
  };
  call.annotate({ resources: [{ type: "AWS::S3::Bucket", ARN: bucketArn(input.Bucket), accountId: account }] });
  await insert(room, call, record, tags);
  return { Location: `/${input.Bucket}`, BucketArn: bucketArn(input.Bucket) };
}

async function insert(room: Room, call: Call, record: BucketRecord, tags: readonly Tag[]): Promise<void> {
  const { buckets, bucketsByOwner } = room.tables;
  const key = buckets.key(record.name);
  const taken = await buckets.get(record.name);
  if (taken !== undefined) throw alreadyTaken(record, taken.clear.ownerAccount);
  const secrets: BucketSecrets = { tags };
  const result = await call.commit({
    checks: [{ key, stamp: "absent" }],
    puts: [
      buckets.put(key, { clear: record, ...(tags.length === 0 ? {} : { sealed: packJson(secrets) }) }),
      bucketsByOwner.put(bucketsByOwner.key(record.ownerAccount, record.name), { clear: {} }),
    ],
  });
  if (result.ok) return;
  const other = await buckets.get(record.name);
  throw other === undefined ? slowDown() : alreadyTaken(record, other.clear.ownerAccount);
}

function alreadyTaken({ name, ownerAccount }: BucketRecord, owner: string): ServiceError {
  const fields = { BucketName: name };
  if (owner === ownerAccount) {
    return new ServiceError("BucketAlreadyOwnedByYou", "Your previous request to create the named bucket succeeded and you already own it.", {
      status: 409,
      fields,
    });
  }
  return new ServiceError(
    "BucketAlreadyExists",
    "The requested bucket name is not available. The bucket namespace is shared by all users of the system. Please select a different name and try again.",
    { status: 409, fields },
  );
}

const REGION = /^[a-z]{2}(-[a-z]+)+-\d{1,2}$/;

/** LocationConstraint, else the deployment's region; a scope of a third region contradicts both. */
function regionFor(call: Call, input: CreateBucketRequest, settings: ObjectSettings): string {
  const asked = input.CreateBucketConfiguration?.LocationConstraint;
  const scope = call.authentication.scopeRegion;
  if (asked === undefined || asked === "") {
    if (scope !== undefined && scope !== settings.defaultRegion && scope !== "us-east-1") throw incompatible("unspecified");
    return settings.defaultRegion;
  }
  const region = asked === "EU" ? "eu-west-1" : asked;
  const known = settings.regions === undefined ? REGION.test(region) : settings.regions.includes(region);
  if (!known || region === "us-east-1") {
    throw new ServiceError("InvalidLocationConstraint", "The specified location-constraint is not valid", {
      status: 400,
      fields: { LocationConstraint: asked },
    });
  }
  if (scope !== undefined && scope !== region && scope !== "us-east-1" && scope !== settings.defaultRegion) throw incompatible(asked);
  return region;
}

const incompatible = (constraint: string): ServiceError =>
  new ServiceError(
    "IllegalLocationConstraintException",
    `The ${constraint} location constraint is incompatible for the region specific endpoint this request was sent to.`,
    { status: 400 },
  );

const OWNERSHIP: readonly string[] = ["BucketOwnerEnforced", "BucketOwnerPreferred", "ObjectWriter"];
const isOwnership = (text: string): text is ObjectOwnership => OWNERSHIP.includes(text);

/**
 * As on AWS, who sends `private` gets a bucket where ACLs work: rclone before 1.62 sends it with the bucket and with
 * each object, and an enforced bucket would refuse the objects (versity/versitygw#1869, rclone/rclone#6413).
 */
function defaultOwnership(open: boolean, input: CreateBucketRequest): ObjectOwnership {
  if (open) return "ObjectWriter";
  return input.ACL === "private" ? "BucketOwnerPreferred" : "BucketOwnerEnforced";
}

function configFor(room: Room, account: string, input: CreateBucketRequest): BucketConfig {
  const open = room.settings.newBucketDefaults === "open";
  const asked = input.ObjectOwnership;
  if (asked !== undefined && !isOwnership(asked)) {
    throw invalidArgument(`Invalid x-amz-object-ownership header: ${asked}`, "x-amz-object-ownership");
  }
  const ownership = asked ?? defaultOwnership(open, input);
  const owner = room.canonicalIdOf(account);
  const acl = aclOfHeaders(input, { owner, bucketOwner: owner }, "bucket") ?? privateAcl(owner);
  const grantsOthers = acl.grants.some(({ grantee }) => !("id" in grantee) || grantee.id !== owner);
  if (grantsOthers && ownership === "BucketOwnerEnforced") {
    throw new ServiceError(
      "InvalidBucketAclWithObjectOwnership",
      "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting",
      { status: 400 },
    );
  }
  if (!open && isPublicAcl(acl)) throw new ServiceError("AccessDenied", "Access Denied");
  return {
    ownership,
    acl,
    ...(open ? {} : { publicAccessBlock: ALL_BLOCKED }),
    ...(room.settings.sseCOnNewBuckets === "block" ? { encryption: { blocked: ["SSE-C"] } } : {}),
  };
}
