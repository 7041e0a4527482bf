/** HeadBucket, DeleteBucket, GetBucketLocation and ListBuckets. Source: S3 API reference §1.1; authorization reference §5.1. */
import { bucketArn } from "../lib/arn.js";
import { ServiceError } from "../lib/errors.js";
import { defineOperation, type AnyOperation, type Call } from "../gate/contract.js";
import { accessDenied } from "../gate/denied.js";
import type { GetBucketLocationOutput, GetBucketLocationRequest, HeadBucketOutput, HeadBucketRequest } from "../wire/tables/s3-types.js";
import type { Bucket, DeleteBucketRequest, ListBucketsOutput, ListBucketsRequest } from "../wire/tables/s3-types.js";
import { decodeKey } from "../stores/key-encoding.js";
import { findBucket, onBucket, refreshBucket, type BucketFacts } from "./buckets.js";
import type { Room } from "./deps.js";
import { invalidArgument, slowDown } from "./errors.js";
import { addGarbage, noChanges } from "./ledger.js";
import type { BucketRecord } from "./records.js";

export function headBucket(room: Room): AnyOperation {
  return defineOperation<HeadBucketRequest, BucketFacts, HeadBucketOutput>({
    service: "s3",
    name: "HeadBucket",
    resolve: (input, call) => findBucket(room, call, input),
    permissions: (_input, bucket, call) => [onBucket(room, call, bucket, "s3:ListBucket")],
    // Clients learn the region even where they may not look inside.
    denied(denial, _input, bucket, call) {
      const error = accessDenied("s3", call.principal, denial);
      const headers = { "x-amz-bucket-region": bucket.record.region };
      return new ServiceError(error.code, error.message, { ...error.detail, headers });
    },
    async run(_input, { record }) {
      return { BucketRegion: record.region, BucketArn: bucketArn(record.name), AccessPointAlias: false };
    },
  });
}

export function getBucketLocation(room: Room): AnyOperation {
  return defineOperation<GetBucketLocationRequest, BucketFacts, GetBucketLocationOutput>({
    service: "s3",
    name: "GetBucketLocation",
    resolve: (input, call) => findBucket(room, call, input, { anyRegion: true }),
    permissions: (_input, bucket, call) => [onBucket(room, call, bucket, "s3:GetBucketLocation")],
    run: async (_input, { record }) => (record.region === "us-east-1" ? {} : { LocationConstraint: record.region }),
  });
}

const ATTEMPTS = 8;

export function deleteBucket(room: Room): AnyOperation {
  const permissions = (call: Call, bucket: BucketFacts) => [onBucket(room, call, bucket, "s3:DeleteBucket")];
  return defineOperation<DeleteBucketRequest, BucketFacts, void>({
    service: "s3",
    name: "DeleteBucket",
    resolve: (input, call) => findBucket(room, call, input),
    permissions: (_input, bucket, call) => permissions(call, bucket),
    async run(_input, facts, call) {
      let bucket = facts;
      for (let tries = 0; tries < ATTEMPTS; tries++) {
        const { record, key, stamp } = bucket;
        const changes = noChanges();
        changes.checks.push({ key, stamp }, { emptyRange: room.tables.heads.span(record.incarnation) });
        changes.deletes.push(key, room.tables.bucketsByOwner.key(record.ownerAccount, record.name));
        // Uploads left open belong to the incarnation, which nobody can address any more.
        addGarbage(room, changes, record.incarnation, { kind: "bucket", inc: record.incarnation });
        const result = await call.commit(changes);
        if (result.ok) return;
        if (result.failed === 1) throw bucketNotEmpty(record);
        bucket = await refreshBucket(room, call, bucket, (now) => permissions(call, now));
      }
      throw slowDown();
    },
  });
}

function bucketNotEmpty({ name, config }: BucketRecord): ServiceError {
  const versions = config.versioning === undefined ? "" : ". You must delete all versions in the bucket.";
  return new ServiceError("BucketNotEmpty", `The bucket you tried to delete is not empty${versions}`, { status: 409, fields: { BucketName: name } });
}

const MAX_BUCKETS = 10_000;

export function listBuckets(room: Room): AnyOperation {
  return defineOperation<ListBucketsRequest, null, ListBucketsOutput>({
    service: "s3",
    name: "ListBuckets",
    unsigned: false,
    resolve: async () => null,
    permissions: (_input, _facts, call) => [
      {
        action: "s3:ListAllMyBuckets",
        resource: "arn:aws:s3:::*",
        ...(call.principal.accountId === undefined ? {} : { resourceAccount: call.principal.accountId }),
      },
    ],
    run: (input, _facts, call) => list(room, call, input),
  });
}

async function list(room: Room, call: Call, input: ListBucketsRequest): Promise<ListBucketsOutput> {
  const account = call.principal.accountId;
  if (account === undefined) throw new ServiceError("AccessDenied", "Access Denied");
  const limit = maxBuckets(input.MaxBuckets);
  const prefix = input.Prefix ?? "";
  const { bucketsByOwner, buckets } = room.tables;
  const found: Bucket[] = [];
  let after = input.ContinuationToken === undefined ? undefined : bucketsByOwner.key(account, decodeToken(input.ContinuationToken));
  let token: string | undefined;
  for (let more = true; more; ) {
    const page = await bucketsByOwner.list({ prefix: [account], limit: 1000, ...(after === undefined ? {} : { after }) });
    more = page.length === 1000;
    after = page.at(-1)?.key;
    const names = page.map((row) => decodeKey(row.key, ["string", "string"])[1]);
    const rows = await buckets.getMany(names.map((name) => buckets.key(name)));
    for (const row of rows) {
      if (row === undefined || !row.clear.name.startsWith(prefix)) continue;
      const { name, region, createdMs } = row.clear;
      if (input.BucketRegion !== undefined && input.BucketRegion !== region) continue;
      if (found.length === limit) {
        token = encodeToken(found.at(-1)?.Name ?? "");
        more = false;
        break;
      }
      found.push({ Name: name, CreationDate: new Date(createdMs), BucketRegion: region, BucketArn: bucketArn(name) });
    }
  }
  return {
    Buckets: found,
    Owner: { ID: room.canonicalIdOf(account) },
    ...(token === undefined ? {} : { ContinuationToken: token }),
    ...(input.Prefix === undefined ? {} : { Prefix: input.Prefix }),
  };
}

function maxBuckets(asked: number | undefined): number {
  if (asked === undefined) return MAX_BUCKETS;
  if (Number.isInteger(asked) && asked >= 1 && asked <= MAX_BUCKETS) return asked;
  throw invalidArgument(`Argument max-buckets must be an integer between 1 and ${MAX_BUCKETS}`, "max-buckets", String(asked));
}

const encodeToken = (name: string): string => Buffer.from(name, "utf8").toString("base64url");

function decodeToken(token: string): string {
  const name = Buffer.from(token, "base64url").toString("utf8");
  if (encodeToken(name) !== token || !/^[a-z0-9.-]+$/.test(name)) {
    throw invalidArgument("The continuation token provided is incorrect", "continuation-token", token);
  }
  return name;
}
