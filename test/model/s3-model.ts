/**
 * A model of S3 in memory: one call after the other, each with its exact answer. Names that only the server can choose
 * (version ids, upload ids) are taken from what it answered, and must be fresh; everything else is said here.
 * Source: S3 API reference §1–§5; checked against the real thing by the tests beside this file.
 */
import { createHash } from "node:crypto";
import { compareNames, listKeys, listVersions } from "./model-listing.js";
import { bytesOf, contentOf, withMember } from "./state.js";
import type { Action, Bucket, Shown, State, Upload, Version } from "./state.js";

/** Names that the server chose. */
export interface Fresh {
  readonly VersionId?: string;
  readonly UploadId?: string;
}

export type Outcome =
  | {
      readonly next: State;
      readonly ok: Shown;
      /** Refusals that are as right while another call is under way. */
      readonly orErrors?: readonly string[];
    }
  /** All that stands against the call; sequentially it is the first. */
  | { readonly errors: readonly string[] };

export interface ModelLimits {
  readonly minPartBytes: number;
  /** The store below was made to fail: calls may be refused for that, and an entry of DeleteObjects may be open. */
  readonly storeFails?: boolean;
}

/** What a handler works on. */
interface At {
  readonly state: State;
  readonly bucket: Bucket;
  readonly name: string;
  readonly key: string;
  readonly action: Action;
  readonly fresh: Fresh;
  readonly limits: ModelLimits;
}

type Handler = (at: At) => Outcome;

const text = (value: unknown): string => (typeof value === "string" ? value : "");
const unquoted = (etag: unknown): string => text(etag).replaceAll('"', "");
const refuse = (...errors: readonly string[]): Outcome => ({ errors });

const versionsOf = ({ bucket, key }: Pick<At, "bucket" | "key">): readonly Version[] => bucket.keys[key] ?? [];
const withBucket = ({ state, name }: At, bucket: Bucket | undefined): State => ({
  ...state,
  buckets: withMember(state.buckets, name, bucket),
});
const withVersions = (at: At, versions: readonly Version[]): State =>
  withBucket(at, { ...at.bucket, keys: withMember(at.bucket.keys, at.key, versions.length === 0 ? undefined : versions) });
const withUpload = (at: At, bucket: Bucket, id: string, upload: Upload | undefined): State =>
  withBucket(at, { ...bucket, uploads: withMember(bucket.uploads, id, upload) });
const shownId = ({ bucket }: At, id: string): Shown => (bucket.versioning === undefined ? {} : { VersionId: id });

/** A fresh name as answered, or one that agrees with no answer. */
function freshId(at: At, kind: keyof Fresh): string {
  const id = at.fresh[kind];
  const isUsed = Object.values(at.state.buckets).some(({ keys, uploads }) =>
    kind === "UploadId"
      ? id !== undefined && id in uploads
      : Object.values(keys).some((versions) => versions.some((version) => version.id === id)),
  );
  return id === undefined || id === "null" || isUsed ? `no fresh ${kind}` : id;
}

/** Puts a version on top of a key's others. */
function add(at: At, made: Omit<Version, "id">): { readonly next: State; readonly id: string } {
  const { versioning } = at.bucket;
  const id = versioning === "Enabled" ? freshId(at, "VersionId") : "null";
  return { id, next: withVersions(at, [{ ...made, id }, ...versionsOf(at).filter((version) => version.id !== id)]) };
}

const isNow = (versions: readonly Version[]): Version | undefined => (versions[0]?.marker === false ? versions[0] : undefined);

function writeErrors(at: At): string[] {
  const { IfMatch, IfNoneMatch } = at.action.input;
  const current = isNow(versionsOf(at));
  if (IfNoneMatch !== undefined && current !== undefined) return ["PreconditionFailed"];
  if (IfMatch === undefined) return [];
  if (current === undefined) return ["NoSuchKey"];
  return IfMatch === "*" || unquoted(IfMatch) === current.etag ? [] : ["PreconditionFailed"];
}

const metaOf = (input: Action["input"]): string => (input["Metadata"] as { readonly m?: string } | undefined)?.m ?? "";
const tagOf = (input: Action["input"]): string => text(input["Tagging"]).replace(/^t=/, "");

/** Stands for the ETag of an object under SSE-KMS, which says nothing. */
export const RANDOM_ETAG = "random";

const putObject: Handler = (at) => {
  const errors = writeErrors(at);
  if (errors.length > 0) return refuse(...errors);
  const content = contentOf(at.action.body ?? Buffer.alloc(0));
  const { input } = at.action;
  const etag = input["ServerSideEncryption"] === "aws:kms" ? RANDOM_ETAG : content;
  const { next, id } = add(at, { marker: false, content, etag, meta: metaOf(input), tag: tagOf(input) });
  return { next, ok: { ETag: etag, ...shownId(at, id) } };
};

/** The version that a read addresses. */
function find(at: At): Version | string {
  const { VersionId } = at.action.input;
  const versions = versionsOf(at);
  if (VersionId === undefined) return isNow(versions) ?? "NoSuchKey";
  const found = versions.find((version) => version.id === VersionId);
  if (found === undefined) return "NoSuchVersion";
  return found.marker ? "MethodNotAllowed" : found;
}

function rangeOf(header: string, size: number): readonly [number, number] | undefined {
  const [, first = "", last = ""] = /^bytes=(\d*)-(\d*)$/.exec(header) ?? [];
  const start = first === "" ? Math.max(0, size - Number(last)) : Number(first);
  const end = first === "" || last === "" ? size - 1 : Math.min(Number(last), size - 1);
  return start >= size || (first === "" && Number(last) === 0) ? undefined : [start, end + 1];
}

function read(at: At, withBody: boolean): Outcome {
  const version = find(at);
  if (typeof version === "string") return refuse(version);
  const { IfMatch, IfNoneMatch, Range } = at.action.input;
  if (IfMatch !== undefined && unquoted(IfMatch) !== version.etag) return refuse("PreconditionFailed");
  if (IfNoneMatch !== undefined && unquoted(IfNoneMatch) === version.etag) return refuse("NotModified");
  const bytes = bytesOf(version.content);
  const range = Range === undefined ? [0, bytes.length] : rangeOf(text(Range), bytes.length);
  if (range === undefined) return refuse("InvalidRange");
  const shown = bytes.subarray(range[0], range[1]);
  const ok = {
    ETag: version.etag,
    ContentLength: shown.length,
    meta: version.meta,
    TagCount: version.tag === "" ? 0 : 1,
    ...shownId(at, version.id),
    ...(withBody ? { body: contentOf(shown) } : {}),
  };
  return { next: at.state, ok };
}

const deleteObject: Handler = (at) => {
  const { IfMatch, VersionId } = at.action.input;
  const versions = versionsOf(at);
  const target = VersionId === undefined ? versions[0] : versions.find((version) => version.id === VersionId);
  if (IfMatch !== undefined) {
    if (target === undefined || target.marker) return refuse("NoSuchKey");
    if (IfMatch !== "*" && unquoted(IfMatch) !== target.etag) return refuse("PreconditionFailed");
  }
  if (VersionId !== undefined) {
    const next = withVersions(at, versions.filter((version) => version !== target));
    return { next, ok: { VersionId, ...(target?.marker === true ? { DeleteMarker: true } : {}) } };
  }
  if (at.bucket.versioning === undefined) return { next: withVersions(at, []), ok: {} };
  const { next, id } = add(at, { marker: true, content: "", etag: "", meta: "", tag: "" });
  return { next, ok: { DeleteMarker: true, VersionId: id } };
};

const tagging: Handler = (at) => {
  const version = find(at);
  if (typeof version === "string") return refuse(version);
  const ok = shownId(at, version.id);
  if (at.action.name === "GetObjectTagging") return { next: at.state, ok: { ...ok, tag: version.tag } };
  const { TagSet = [] } = (at.action.input["Tagging"] ?? {}) as { readonly TagSet?: readonly { readonly Value: string }[] };
  const tag = TagSet[0]?.Value ?? "";
  return { ok, next: withVersions(at, versionsOf(at).map((each) => (each === version ? { ...each, tag } : each))) };
};

/** The first half of a copy: what it read. */
function source(at: At): Version | string {
  const { CopySource } = at.action.input;
  const [, name = "", key = "", VersionId] = /^([^/]+)\/([^?]+)(?:\?versionId=(.+))?$/.exec(text(CopySource)) ?? [];
  const bucket = at.state.buckets[name];
  if (bucket === undefined) return "NoSuchBucket";
  const { CopySourceIfMatch } = at.action.input;
  const found = find({ ...at, bucket, key: decodeURIComponent(key), action: { name: "", input: { VersionId } } });
  if (found === "MethodNotAllowed") return "InvalidRequest";
  if (typeof found === "string") return found;
  return CopySourceIfMatch !== undefined && unquoted(CopySourceIfMatch) !== found.etag ? "PreconditionFailed" : found;
}

const isOntoItself = ({ bucket, key, name, action }: At, from: Version): boolean =>
  text(action.input["CopySource"]).split("?")[0] === `${name}/${encodeURIComponent(key)}` &&
  bucket.keys[key]?.[0]?.id === from.id &&
  action.input["MetadataDirective"] !== "REPLACE";

/** A copy that was refused, at the moment it was: everything that stood against it then. */
const copyRefused: Handler = (at) => {
  const from = source(at);
  const errors = typeof from === "string" ? [from] : isOntoItself(at, from) ? ["InvalidRequest"] : [];
  if (at.action.name === "UploadPartCopy") return refuse(...(openUpload(at) === undefined ? ["NoSuchUpload"] : []), ...errors);
  return refuse(...errors, ...writeErrors(at));
};

const copyRead: Handler = (at) => {
  const from = source(at);
  if (typeof from === "string") return refuse(from);
  if (at.action.name === "CopyObject" && isOntoItself(at, from)) return refuse("InvalidRequest");
  const { CopyId } = at.action.input;
  const shown = versionIdOfSource(at, from);
  return { next: { ...at.state, reads: withMember(at.state.reads, text(CopyId), from) }, ok: shown };
};

function versionIdOfSource(at: At, from: Version): Shown {
  const bucket = at.state.buckets[text(at.action.input["CopySource"]).split("/")[0] ?? ""];
  return bucket?.versioning === undefined ? {} : { CopySourceVersionId: from.id };
}

/** The second half: what was read is written. */
const copyWrite: Handler = (at) => {
  const { input } = at.action;
  const id = text(input["CopyId"]);
  const from = at.state.reads[id];
  if (from === undefined) return refuse("nothing was read");
  const done: At = { ...at, state: { ...at.state, reads: withMember(at.state.reads, id, undefined) } };
  if (at.action.name === "UploadPartCopy") return putPart(done, from.content);
  const errors = writeErrors(done);
  if (errors.length > 0) return refuse(...errors);
  const meta = input["MetadataDirective"] === "REPLACE" ? metaOf(input) : from.meta;
  const made = add(done, { marker: false, content: from.content, etag: from.content, meta, tag: from.tag });
  return { next: made.next, ok: { ETag: from.content, ...shownId(at, made.id) } };
};

/** The upload that takes parts now. */
function openUpload({ bucket, key, action }: At): Upload | undefined {
  const upload = bucket.uploads[text(action.input["UploadId"])];
  return upload?.key === key && upload.done === undefined ? upload : undefined;
}

const createUpload: Handler = (at) => {
  const { input } = at.action;
  const UploadId = freshId(at, "UploadId");
  const upload = { key: at.key, meta: metaOf(input), tag: tagOf(input), parts: {} };
  return { next: withUpload(at, at.bucket, UploadId, upload), ok: { UploadId } };
};

function putPart(at: At, content: string): Outcome {
  const upload = openUpload(at);
  if (upload === undefined) return refuse("NoSuchUpload");
  const { UploadId, PartNumber } = at.action.input;
  const parts = withMember(upload.parts, String(PartNumber), { content });
  return { next: withUpload(at, at.bucket, text(UploadId), { ...upload, parts }), ok: { ETag: content } };
}

const abortUpload: Handler = (at) =>
  openUpload(at) === undefined
    ? refuse("NoSuchUpload")
    : { next: withUpload(at, at.bucket, text(at.action.input["UploadId"]), undefined), ok: {} };

interface ListedPart {
  readonly PartNumber: number;
  readonly ETag: string;
}

function partErrors(upload: Upload, listed: readonly ListedPart[], { minPartBytes }: ModelLimits): string[] {
  for (const [at, { PartNumber, ETag }] of listed.entries()) {
    const part = upload.parts[String(PartNumber)];
    if (part === undefined || part.content !== unquoted(ETag)) return ["InvalidPart"];
    if (at < listed.length - 1 && bytesOf(part.content).length < minPartBytes) return ["EntityTooSmall"];
  }
  return [];
}

const completeUpload: Handler = (at) => {
  const { input } = at.action;
  const id = text(input["UploadId"]);
  const stored = at.bucket.uploads[id];
  if (stored?.key === at.key && stored.done !== undefined) {
    // Beside the Complete that made the object, a condition may be judged after it of an upload that was seen before it.
    return { next: at.state, ok: stored.done, orErrors: writeErrors(at) };
  }
  const upload = openUpload(at);
  if (upload === undefined) return refuse("NoSuchUpload");
  const { Parts: listed = [] } = (input["MultipartUpload"] ?? {}) as { readonly Parts?: readonly ListedPart[] };
  if (listed.length === 0) return refuse("MalformedXML");
  const isAscending = listed.every(({ PartNumber }, i) => PartNumber > (listed[i - 1]?.PartNumber ?? 0));
  if (!isAscending) return refuse("InvalidPartOrder");
  const errors = [...writeErrors(at), ...partErrors(upload, listed, at.limits)];
  if (errors.length > 0) return refuse(...errors);
  const parts = listed.map(({ PartNumber }) => upload.parts[String(PartNumber)]?.content ?? "");
  const digest = createHash("md5").update(Buffer.from(parts.join(""), "hex")).digest("hex");
  const etag = `${digest}-${parts.length}`;
  const content = contentOf(Buffer.concat(parts.map(bytesOf)));
  const made = add(at, { marker: false, content, etag, meta: upload.meta, tag: upload.tag });
  const done = { ETag: etag, ...shownId(at, made.id) };
  const bucket = made.next.buckets[at.name] ?? at.bucket;
  return { next: withUpload({ ...at, state: made.next }, bucket, id, { ...upload, done }), ok: done };
};

const listParts: Handler = (at) => {
  const upload = openUpload(at);
  if (upload === undefined) return refuse("NoSuchUpload");
  const numbers = Object.keys(upload.parts).map(Number).sort((a, b) => a - b);
  const Parts = numbers.map((PartNumber) => {
    const content = upload.parts[String(PartNumber)]?.content ?? "";
    return { PartNumber, ETag: content, Size: bytesOf(content).length };
  });
  return { next: at.state, ok: { Parts } };
};

const listUploads: Handler = ({ state, bucket }) => {
  const open = Object.entries(bucket.uploads).filter(([, upload]) => upload.done === undefined);
  const Uploads = open.map(([UploadId, { key: Key }]) => ({ Key, UploadId }));
  // Uploads of one key are told in the order of their ids: the order of their first milliseconds, then any.
  Uploads.sort((a, b) => compareNames(a.Key, b.Key) || (a.UploadId < b.UploadId ? -1 : 1));
  return { next: state, ok: { Uploads } };
};

const deleteBucket: Handler = (at) =>
  Object.keys(at.bucket.keys).length > 0 ? refuse("BucketNotEmpty") : { next: withBucket(at, undefined), ok: {} };

const putVersioning: Handler = (at) => {
  const { Status } = at.action.input["VersioningConfiguration"] as { readonly Status: string };
  return { next: withBucket(at, { ...at.bucket, versioning: Status }), ok: {} };
};

const HANDLERS: Readonly<Record<string, Handler>> = {
  HeadBucket: ({ state }) => ({ next: state, ok: {} }),
  DeleteBucket: deleteBucket,
  PutBucketVersioning: putVersioning,
  GetBucketVersioning: ({ state, bucket }) => ({ next: state, ok: { Status: bucket.versioning } }),
  PutObject: putObject,
  GetObject: (at) => read(at, true),
  HeadObject: (at) => read(at, false),
  DeleteObject: deleteObject,
  // Its entries are calls of their own, see history.ts: as a whole only a bucket that is not there refuses it.
  DeleteObjects: () => refuse(),
  PutObjectTagging: tagging,
  GetObjectTagging: tagging,
  DeleteObjectTagging: tagging,
  "copy refused": copyRefused,
  "copy read": copyRead,
  "copy write": copyWrite,
  CreateMultipartUpload: createUpload,
  UploadPart: (at) => putPart(at, contentOf(at.action.body ?? Buffer.alloc(0))),
  CompleteMultipartUpload: completeUpload,
  AbortMultipartUpload: abortUpload,
  ListParts: listParts,
  ListMultipartUploads: listUploads,
  ListObjectsV2: ({ state, bucket, action }) => ({ next: state, ok: listKeys(bucket, action.input) }),
  ListObjectVersions: ({ state, bucket, action }) => ({ next: state, ok: listVersions(bucket, action.input) }),
};

/** What S3 answers to `action` in `state`, and the state afterwards. @param step name of a half of a copy, else the action's */
export function perform(state: State, action: Action, fresh: Fresh, limits: ModelLimits, step = action.name): Outcome {
  const name = text(action.input["Bucket"]);
  const bucket = state.buckets[name];
  if (action.name === "CreateBucket") {
    if (bucket !== undefined) return refuse("BucketAlreadyOwnedByYou");
    return { next: { ...state, buckets: withMember(state.buckets, name, { keys: {}, uploads: {} }) }, ok: {} };
  }
  if (bucket === undefined) return refuse("NoSuchBucket");
  const handler = HANDLERS[step];
  if (handler === undefined) throw new Error(`the model has no ${step}`);
  return handler({ state, bucket, name, key: text(action.input["Key"]), action, fresh, limits });
}
