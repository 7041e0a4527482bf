/** ListObjects (v1 and v2). Source: S3 API reference §5.4; authorization reference §3.2, §4.1. */
import { defineOperation, type AnyOperation, type Call } from "../gate/contract.js";
import type { Permission } from "../policy/types.js";
import { decodeText } from "../stores/key-encoding.js";
import type { Found } from "../stores/records.js";
import type {
  CommonPrefix,
  ListObjectsOutput,
  ListObjectsRequest,
  ListObjectsV2Output,
  ListObjectsV2Request,
  _Object as ListedObject,
} from "../wire/tables/s3-types.js";
import { findBucket, onBucket, shownOwner, type BucketFacts } from "./buckets.js";
import { contextOf } from "./conditions.js";
import type { Room } from "./deps.js";
import { invalidArgument } from "./errors.js";
import { quoted } from "./etags.js";
import { delimiterOf, namePage, pageLimit } from "./list-page.js";
import type { ListableRecord } from "./records.js";
import { nameEncoder } from "./url-encoding.js";
import { printsOf } from "./versions.js";

interface Query {
  readonly Prefix?: string | undefined;
  readonly Delimiter?: string | undefined;
  readonly MaxKeys?: number | undefined;
  readonly EncodingType?: string | undefined;
}

/** Keys for the condition of every listing. */
export function listPermission(room: Room, call: Call, bucket: BucketFacts, input: Query, action: string): Permission {
  return onBucket(
    room,
    call,
    bucket,
    action,
    contextOf({
      "s3:prefix": input.Prefix,
      "s3:delimiter": input.Delimiter,
      "s3:max-keys": String(input.MaxKeys ?? 1000),
    }),
  );
}

export function listObjects(room: Room): AnyOperation {
  return defineOperation<ListObjectsRequest, BucketFacts, ListObjectsOutput>({
    service: "s3",
    name: "ListObjects",
    resolve: (input, call) => findBucket(room, call, input),
    permissions: (input, bucket, call) => [listPermission(room, call, bucket, input, "s3:ListBucket")],
    async run(input, bucket) {
      const encode = nameEncoder(input.EncodingType);
      const page = await listPage(room, bucket, input, { after: input.Marker, withOwner: true });
      return {
        ...sharedMembers(bucket, input, page),
        Marker: encode(input.Marker ?? ""),
        // Without a delimiter clients go on behind the last key.
        ...(page.next === undefined || delimiterOf(input.Delimiter) === undefined ? {} : { NextMarker: encode(page.next) }),
      };
    },
  });
}

export function listObjectsV2(room: Room): AnyOperation {
  return defineOperation<ListObjectsV2Request, BucketFacts, ListObjectsV2Output>({
    service: "s3",
    name: "ListObjectsV2",
    resolve: (input, call) => findBucket(room, call, input),
    permissions: (input, bucket, call) => [listPermission(room, call, bucket, input, "s3:ListBucket")],
    async run(input, bucket) {
      const { ContinuationToken, StartAfter } = input;
      const encode = nameEncoder(input.EncodingType);
      const after = ContinuationToken === undefined ? StartAfter : decodeToken(ContinuationToken);
      const page = await listPage(room, bucket, input, { after, withOwner: input.FetchOwner === true });
      return {
        ...sharedMembers(bucket, input, page),
        KeyCount: page.objects.length + page.prefixes.length,
        ...(ContinuationToken === undefined ? {} : { ContinuationToken }),
        ...(StartAfter === undefined ? {} : { StartAfter: encode(StartAfter) }),
        ...(page.next === undefined ? {} : { NextContinuationToken: encodeToken(page.next) }),
      };
    },
  });
}

interface Page {
  readonly objects: readonly ListedObject[];
  readonly prefixes: readonly CommonPrefix[];
  readonly limit: number;
  /** Name to go on behind, when there is more. */
  readonly next: string | undefined;
}

async function listPage(
  room: Room,
  bucket: BucketFacts,
  input: Query,
  { after, withOwner }: { readonly after: string | undefined; readonly withOwner: boolean },
): Promise<Page> {
  const limit = pageLimit(input.MaxKeys, "max-keys");
  const encode = nameEncoder(input.EncodingType);
  if (limit === 0) return { objects: [], prefixes: [], limit, next: undefined };
  const query = {
    inc: bucket.record.incarnation,
    prefix: input.Prefix ?? "",
    delimiter: delimiterOf(input.Delimiter),
    after,
    limit: limit + 1,
  };
  const items = await namePage(room, room.tables.listable, query);
  const nameAt = room.tables.listable.key(query.inc).length;
  const shown = items.slice(0, limit);
  const ownerOf = (writer: string): ListedObject["Owner"] => (withOwner ? shownOwner(room, bucket, writer) : undefined);
  const objects: ListedObject[] = [];
  const prefixes: CommonPrefix[] = [];
  let last = "";
  for (const item of shown) {
    if ("group" in item) {
      last = item.group;
      prefixes.push({ Prefix: encode(last) });
    } else {
      // A row key ends with the name and its terminator.
      last = decodeText(item.row.key.subarray(nameAt, -1));
      objects.push(listed(encode(last), item.row, ownerOf));
    }
  }
  return { objects, prefixes, limit, next: items.length > limit ? last : undefined };
}

function listed(Key: string, row: Found<ListableRecord>, ownerOf: (writer: string) => ListedObject["Owner"]): ListedObject {
  const { m, s, o, c, ca, ct } = row.clear;
  // One shape for every row, absent members undefined: objects put together from spreads cost an eighth of a page.
  return {
    Key,
    LastModified: new Date(m),
    ETag: quoted(printsOf(row).etag),
    ChecksumAlgorithm: ca === undefined ? undefined : [ca],
    ChecksumType: ct,
    Size: s,
    Owner: ownerOf(o),
    StorageClass: c ?? "STANDARD",
  };
}

function sharedMembers(bucket: BucketFacts, input: Query, page: Page) {
  const encode = nameEncoder(input.EncodingType);
  const delimiter = delimiterOf(input.Delimiter);
  return {
    Name: bucket.name,
    Prefix: encode(input.Prefix ?? ""),
    ...(delimiter === undefined ? {} : { Delimiter: encode(delimiter) }),
    MaxKeys: page.limit,
    ...(input.EncodingType === undefined ? {} : { EncodingType: input.EncodingType }),
    IsTruncated: page.next !== undefined,
    Contents: page.objects,
    CommonPrefixes: page.prefixes,
  };
}

/** Opaque to clients; a version digit, so that the form may change. */
const encodeToken = (name: string): string => Buffer.from(`1${name}`, "utf8").toString("base64url");

function decodeToken(token: string): string {
  const text = Buffer.from(token, "base64url").toString("utf8");
  if (!text.startsWith("1") || encodeToken(text.slice(1)) !== token) {
    throw invalidArgument("The continuation token provided is incorrect", "continuation-token");
  }
  return text.slice(1);
}
