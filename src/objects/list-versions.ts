/**
 * ListObjectVersions: keys in order, within a key newest first, delete markers among them. Walks the head rows (one a key)
 * and looks into the older versions only where there are any. Source: S3 API reference §5.4, §5.6.
 */
import { defineOperation, type AnyOperation } from "../gate/contract.js";
import type { OutputExtras } from "../wire/contract.js";
import type {
  CommonPrefix,
  DeleteMarkerEntry,
  ListObjectVersionsOutput,
  ListObjectVersionsRequest,
  ObjectVersion,
} from "../wire/tables/s3-types.js";
import { canBeKey, findBucket, shownOwner, type BucketFacts } from "./buckets.js";
import type { Room } from "./deps.js";
import { invalidArgument, slowDown } from "./errors.js";
import { quoted } from "./etags.js";
import { listPermission } from "./list-objects.js";
import { delimiterOf, namePage, pageLimit } from "./list-page.js";
import { nameEncoder } from "./url-encoding.js";
import { checkVersionId, inverted, NULL_VERSION, sequenceOf } from "./version-ids.js";
import { printsOf, type HeadRow } from "./versions.js";

type Output = ListObjectVersionsOutput & OutputExtras;
type Item = { readonly row: HeadRow; readonly isLatest: boolean } | { readonly group: string };

export function listObjectVersions(room: Room): AnyOperation {
  return defineOperation<ListObjectVersionsRequest, BucketFacts, Output>({
    service: "s3",
    name: "ListObjectVersions",
    resolve: (input, call) => findBucket(room, call, input),
    permissions: (input, bucket, call) => [listPermission(room, call, bucket, input, "s3:ListBucketVersions")],
    run: (input, bucket) => run(room, bucket, input),
  });
}

async function run(room: Room, bucket: BucketFacts, input: ListObjectVersionsRequest): Promise<Output> {
  const encode = nameEncoder(input.EncodingType);
  const limit = pageLimit(input.MaxKeys, "max-keys");
  const marker = markerOf(input);
  const items = limit === 0 ? [] : await collect(room, bucket.record.incarnation, input, limit + 1);
  const shown = items.slice(0, limit);
  const show: Show = { name: encode, owner: (writer) => shownOwner(room, bucket, writer) };
  const Versions: ObjectVersion[] = [];
  const DeleteMarkers: DeleteMarkerEntry[] = [];
  const CommonPrefixes: CommonPrefix[] = [];
  const inOrder: (readonly [member: string, item: object])[] = [];
  for (const item of shown) {
    if ("group" in item) {
      CommonPrefixes.push({ Prefix: encode(item.group) });
    } else if (item.row.clear.object === undefined) {
      const entry = markerEntry(show, item);
      DeleteMarkers.push(entry);
      inOrder.push(["DeleteMarkers", entry]);
    } else {
      const entry = versionEntry(show, item);
      Versions.push(entry);
      inOrder.push(["Versions", entry]);
    }
  }
  const delimiter = delimiterOf(input.Delimiter);
  return {
    Name: bucket.name,
    Prefix: encode(input.Prefix ?? ""),
    KeyMarker: encode(input.KeyMarker ?? ""),
    VersionIdMarker: marker ?? "",
    ...(delimiter === undefined ? {} : { Delimiter: encode(delimiter) }),
    MaxKeys: limit,
    ...(input.EncodingType === undefined ? {} : { EncodingType: input.EncodingType }),
    ...(items.length > limit ? { IsTruncated: true, ...nextMarkers(shown.at(-1), encode) } : { IsTruncated: false }),
    Versions,
    DeleteMarkers,
    CommonPrefixes,
    $interleaved: { members: ["Versions", "DeleteMarkers"], items: inOrder },
  };
}

function markerOf({ KeyMarker, VersionIdMarker }: ListObjectVersionsRequest): string | undefined {
  if (VersionIdMarker === undefined || VersionIdMarker === "") return undefined;
  if (KeyMarker === undefined || KeyMarker === "") {
    throw invalidArgument("A version-id marker cannot be specified without a key marker.", "version-id-marker", VersionIdMarker);
  }
  checkVersionId(VersionIdMarker);
  return VersionIdMarker;
}

async function collect(room: Room, inc: string, input: ListObjectVersionsRequest, limit: number): Promise<Item[]> {
  const prefix = input.Prefix ?? "";
  const delimiter = delimiterOf(input.Delimiter);
  const items = await restOfMarker(room, inc, input, limit);
  let after = input.KeyMarker;
  while (items.length < limit) {
    const wanted = limit - items.length;
    const page = await namePage(room, room.tables.heads, { inc, prefix, delimiter, after, limit: wanted });
    for (const item of page) {
      if (items.length >= limit) break;
      if ("group" in item) {
        items.push(item);
        after = item.group;
        continue;
      }
      after = item.row.clear.key;
      items.push(...(await versionsOf(room, inc, item.row, { limit: limit - items.length })));
    }
    if (page.length < wanted) break;
  }
  return items;
}

/** Versions of the marker's key that are older than the marker, unless the listing does not show that key. */
async function restOfMarker(room: Room, inc: string, input: ListObjectVersionsRequest, limit: number): Promise<Item[]> {
  const { KeyMarker: key = "", Prefix: prefix = "" } = input;
  const versionMarker = markerOf(input);
  const delimiter = delimiterOf(input.Delimiter);
  if (versionMarker === undefined || !key.startsWith(prefix) || !canBeKey(key)) return [];
  if (delimiter !== undefined && key.includes(delimiter, prefix.length)) return [];
  const head = await room.tables.heads.get(inc, key);
  if (head === undefined) return [];
  const { versionId, seq, nullSeq } = head.clear;
  const behind = versionMarker === NULL_VERSION ? (versionId === NULL_VERSION ? seq : nullSeq) : sequenceOf(versionMarker);
  return behind === undefined ? [] : versionsOf(room, inc, head, { behind, limit });
}

/** How often a key may change while its versions are listed. */
const MOVES = 64;

/**
 * A key's versions, newest first, as of one moment: where the head moves while the others are read, both are read again.
 * @param behind only those with a lower sequence number
 */
async function versionsOf(room: Room, inc: string, head: HeadRow, page: { behind?: number; limit: number }): Promise<Item[]> {
  const { heads, versions } = room.tables;
  const { key } = head.clear;
  let now = head;
  for (let tries = 0; tries < MOVES; tries++) {
    const { seq, hasOlder } = now.clear;
    const behind = page.behind ?? seq + 1;
    const items: Item[] = seq < behind ? [{ row: now, isLatest: true }] : [];
    if (hasOlder !== true || items.length >= page.limit) return items;
    const after = versions.key(inc, key, inverted(behind));
    const older = await versions.list({ prefix: [inc, key], after, limit: page.limit - items.length });
    const again = await heads.get(inc, key);
    if (again === undefined) return [];
    if (again.stamp === now.stamp) return [...items, ...older.map((row) => ({ row, isLatest: false }))];
    now = again;
  }
  throw slowDown();
}

function nextMarkers(last: Item | undefined, encode: (name: string) => string): ListObjectVersionsOutput {
  if (last === undefined) return {};
  if ("group" in last) return { NextKeyMarker: encode(last.group) };
  return { NextKeyMarker: encode(last.row.clear.key), NextVersionIdMarker: last.row.clear.versionId };
}

type RowItem = Extract<Item, { row: HeadRow }>;

/** How names and owners are shown. */
interface Show {
  name(name: string): string;
  owner(writer: string): { readonly ID: string };
}

function markerEntry(show: Show, { row, isLatest }: RowItem): DeleteMarkerEntry {
  const { key, versionId, modifiedMs, owner } = row.clear;
  return {
    Key: show.name(key),
    VersionId: versionId,
    IsLatest: isLatest,
    LastModified: new Date(modifiedMs),
    Owner: show.owner(owner),
  };
}

function versionEntry(show: Show, item: RowItem): ObjectVersion {
  const { object } = item.row.clear;
  return {
    ...markerEntry(show, item),
    ETag: quoted(printsOf(item.row).etag),
    ...(object?.checksum === undefined ? {} : { ChecksumAlgorithm: [object.checksum.algorithm], ChecksumType: object.checksum.type }),
    Size: object?.sizeBytes ?? 0,
    StorageClass: object?.storageClass ?? "STANDARD",
  };
}
