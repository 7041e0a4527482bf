/**
 * Listings of the model: keys in byte order, common prefixes, pages. Source: S3 API reference §5.4.
 */
import { bytesOf, type Bucket, type Shown, type Version } from "./state.js";

export const compareNames = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));

type Input = Readonly<Record<string, unknown>>;

interface Page<T> {
  readonly items: readonly ({ readonly item: T } | { readonly group: string })[];
  readonly isTruncated: boolean;
}

interface Named {
  readonly key: string;
}

/** One page of items that lie in order. @param after decides which names the page is behind */
function pageOf<T extends Named>(all: readonly T[], input: Input, isBehind: (item: T) => boolean): Page<T> {
  const prefix = String(input["Prefix"] ?? "");
  const delimiter = String(input["Delimiter"] ?? "");
  const limit = Number(input["MaxKeys"] ?? 1000);
  const items: ({ readonly item: T } | { readonly group: string })[] = [];
  let last = "";
  for (const item of all) {
    if (!item.key.startsWith(prefix) || !isBehind(item)) continue;
    const end = delimiter === "" ? -1 : item.key.indexOf(delimiter, prefix.length);
    const group = end < 0 ? "" : item.key.slice(0, end + delimiter.length);
    if (group !== "" && group === last) continue;
    last = group;
    items.push(group === "" ? { item } : { group });
  }
  return { items: items.slice(0, limit), isTruncated: limit > 0 && items.length > limit };
}

/** A page that ended with a common prefix goes on behind all of it. */
function isBehindName(key: string, after: string, input: Input): boolean {
  const delimiter = String(input["Delimiter"] ?? "");
  const isGroup = delimiter !== "" && after.endsWith(delimiter);
  return after === "" || (compareNames(key, after) > 0 && !(isGroup && key.startsWith(after)));
}

const groupsOf = <T>({ items }: Page<T>): string[] => items.flatMap((each) => ("group" in each ? [each.group] : []));
const itemsOf = <T>({ items }: Page<T>): T[] => items.flatMap((each) => ("item" in each ? [each.item] : []));

/** @param input `After`: the last name of the page before, which its token stands for */
export function listKeys(bucket: Bucket, input: Input): Shown {
  const current = Object.entries(bucket.keys)
    .map(([key, versions]) => ({ key, version: versions[0] }))
    .filter((each): each is { key: string; version: Version } => each.version?.marker === false)
    .sort((a, b) => compareNames(a.key, b.key));
  const after = String(input["After"] ?? input["StartAfter"] ?? "");
  const page = pageOf(current, input, ({ key }) => isBehindName(key, after, input));
  const Contents = itemsOf(page).map(({ key, version }) => ({ Key: key, ETag: version.etag, Size: sizeOf(version) }));
  const CommonPrefixes = groupsOf(page);
  return { Contents, CommonPrefixes, KeyCount: page.items.length, IsTruncated: page.isTruncated };
}

const sizeOf = ({ content }: Version): number => bytesOf(content).length;

/** Versions and markers of each key, newest first. @param input `OnlyKey`: as if the bucket held no other key */
export function listVersions(bucket: Bucket, input: Input): Shown {
  const keyMarker = String(input["KeyMarker"] ?? "");
  const idMarker = input["VersionIdMarker"];
  const { OnlyKey } = input;
  const all = Object.keys(bucket.keys)
    .filter((key) => OnlyKey === undefined || key === OnlyKey)
    .sort(compareNames)
    .flatMap((key) => (bucket.keys[key] ?? []).map((version, at) => ({ key, version, at })));
  const reached = all.find(({ key, version }) => key === keyMarker && version.id === idMarker)?.at;
  const page = pageOf(all, input, ({ key, at }) =>
    key === keyMarker && reached !== undefined ? at > reached : isBehindName(key, keyMarker, input),
  );
  const shown = itemsOf(page).map(({ key, version, at }) => ({
    marker: version.marker,
    entry: { Key: key, VersionId: version.id, IsLatest: at === 0 },
    more: version.marker ? {} : { ETag: version.etag, Size: sizeOf(version) },
  }));
  return {
    Versions: shown.filter(({ marker }) => !marker).map(({ entry, more }) => ({ ...entry, ...more })),
    DeleteMarkers: shown.filter(({ marker }) => marker).map(({ entry }) => entry),
    CommonPrefixes: groupsOf(page),
    IsTruncated: page.isTruncated,
  };
}
