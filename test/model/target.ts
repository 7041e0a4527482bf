/**
 * The real thing, asked: through the gate in this process, or over HTTP. Answers in the one form that the model speaks.
 */
import { ServiceError } from "../../src/lib/errors.js";
import { decodeAnswer, encodeRequest } from "../../src/wire/client-codec.js";
import { answerError, type WireClient } from "../../src/wire/client.js";
import { collect, TestBody, type World } from "../objects/world.js";
import { compareNames } from "./model-listing.js";
import { contentOf, type Action, type Answer, type Shown } from "./state.js";

/** An answer, and where the next page begins: for steps that go on, never compared. */
export interface Reply {
  readonly answer: Answer;
  readonly next?: { readonly NextToken: string; readonly Last: string };
}

/** Throws only where the test must end. */
export type Target = (action: Action) => Promise<Reply>;

type Out = Readonly<Record<string, unknown>>;
type Rows = readonly Readonly<Record<string, unknown>>[];

const bare = (etag: unknown): unknown => (typeof etag === "string" ? etag.replaceAll('"', "") : etag);
const rows = (value: unknown): Rows => (value ?? []) as Rows;
const ids = ({ VersionId }: Out): Shown => (VersionId === undefined ? {} : { VersionId });

/** The members that the model speaks about, of one operation's output. */
const SHOWN: Readonly<Record<string, (out: Out, body: Buffer | undefined) => Shown>> = {
  PutObject: (out) => ({ ETag: bare(out["ETag"]), ...ids(out) }),
  CompleteMultipartUpload: (out) => ({ ETag: bare(out["ETag"]), ...ids(out) }),
  UploadPart: (out) => ({ ETag: bare(out["ETag"]) }),
  CopyObject: (out) => ({ ...copied(out, "CopyObjectResult"), ...ids(out) }),
  UploadPartCopy: (out) => copied(out, "CopyPartResult"),
  GetObject: (out, body) => ({ ...headOf(out), body: contentOf(body ?? Buffer.alloc(0)) }),
  HeadObject: headOf,
  DeleteObject: (out) => ({ ...ids(out), ...(out["DeleteMarker"] === true ? { DeleteMarker: true } : {}) }),
  DeleteObjects: (out) => ({
    Deleted: rows(out["Deleted"]),
    Errors: rows(out["Errors"]).map(({ Key, VersionId, Code }) => ({ Key, VersionId, Code })),
  }),
  PutObjectTagging: ids,
  DeleteObjectTagging: ids,
  GetObjectTagging: (out) => ({ ...ids(out), tag: rows(out["TagSet"])[0]?.["Value"] ?? "" }),
  CreateMultipartUpload: ({ UploadId }) => ({ UploadId }),
  GetBucketVersioning: ({ Status }) => ({ Status }),
  ListParts: (out) => ({
    Parts: rows(out["Parts"]).map(({ PartNumber, ETag, Size }) => ({ PartNumber, ETag: bare(ETag), Size })),
  }),
  ListMultipartUploads: (out) => ({ Uploads: rows(out["Uploads"]).map(({ Key, UploadId }) => ({ Key, UploadId })) }),
  ListObjectsV2: (out) => ({
    Contents: rows(out["Contents"]).map(({ Key, ETag, Size }) => ({ Key, ETag: bare(ETag), Size })),
    CommonPrefixes: rows(out["CommonPrefixes"]).map(({ Prefix }) => Prefix),
    KeyCount: out["KeyCount"],
    IsTruncated: out["IsTruncated"],
  }),
  ListObjectVersions: (out) => ({
    Versions: rows(out["Versions"]).map(({ ETag, Size, ...row }) => ({ ...entry(row), ETag: bare(ETag), Size })),
    DeleteMarkers: rows(out["DeleteMarkers"]).map(entry),
    CommonPrefixes: rows(out["CommonPrefixes"]).map(({ Prefix }) => Prefix),
    IsTruncated: out["IsTruncated"],
  }),
};

const entry = ({ Key, VersionId, IsLatest }: Out): Shown => ({ Key, VersionId, IsLatest });

function headOf(out: Out): Shown {
  const meta = (out["Metadata"] as { readonly m?: string } | undefined)?.m ?? "";
  return { ETag: bare(out["ETag"]), ContentLength: out["ContentLength"], meta, TagCount: out["TagCount"] ?? 0, ...ids(out) };
}

function copied(out: Out, member: string): Shown {
  const { CopySourceVersionId } = out;
  const { ETag } = (out[member] ?? {}) as { readonly ETag?: string };
  return { ETag: bare(ETag), ...(CopySourceVersionId === undefined ? {} : { CopySourceVersionId }) };
}

const LISTINGS: ReadonlySet<string> = new Set(["ListObjectsV2", "ListObjectVersions", "ListMultipartUploads"]);

/** What of an action goes to the server. */
function sent({ name, input }: Action): Readonly<Record<string, unknown>> {
  const { After: _after, ...rest } = input;
  return LISTINGS.has(name) ? { ...rest, EncodingType: "url" } : rest;
}

const decodeName = (name: unknown): unknown => (typeof name === "string" ? decodeURIComponent(name.replaceAll("+", " ")) : name);

/** Names of listings come encoded. */
function plain(out: Out): Out {
  const decoded = Object.entries(out).map(([member, value]) => {
    if (!["Contents", "Versions", "DeleteMarkers", "Uploads", "CommonPrefixes"].includes(member)) return [member, value];
    return [member, rows(value).map((row) => ({ ...row, Key: decodeName(row["Key"]), Prefix: decodeName(row["Prefix"]) }))];
  });
  return Object.fromEntries(decoded) as Out;
}

function shown(action: Action, raw: Out, body: Buffer | undefined): Reply {
  const out = "EncodingType" in raw ? plain(raw) : raw;
  const answer = { ok: SHOWN[action.name]?.(out, body) ?? {} };
  const { NextContinuationToken: NextToken } = out;
  if (typeof NextToken !== "string") return { answer };
  const names = [...rows(out["Contents"]).map(({ Key }) => Key), ...rows(out["CommonPrefixes"]).map(({ Prefix }) => Prefix)];
  return { answer, next: { NextToken, Last: names.map(String).sort(compareNames).at(-1) ?? "" } };
}

/** Through the gate of a world, in this process. */
export function worldTarget(world: World, onError: (error: unknown) => Answer = internal): Target {
  return async (action) => {
    try {
      const options = action.body === undefined ? {} : { body: new TestBody(action.body, { pieceBytes: 90 }) };
      const out = await world.s3(action.name, sent(action), options);
      if (out["$status"] === 304) return { answer: { error: "NotModified" } };
      return shown(action, out, action.name === "GetObject" ? await collect(out["Body"]) : undefined);
    } catch (error) {
      return { answer: error instanceof ServiceError ? { error: error.code } : onError(error) };
    }
  };
}

/** No answer of the model's: the history fails, and tells it. */
const internal = (error: unknown): Answer => ({ error: `InternalError: ${String(error)}` });

/** What a HEAD answers has no body to say more in. `NotFound`: bucket, key or version. */
const BY_STATUS: Readonly<Record<string, string>> = {
  304: "NotModified",
  404: "NotFound",
  405: "MethodNotAllowed",
  412: "PreconditionFailed",
};

/** A call that is neither answered nor cut off for so long never will be. */
const HANG_MS = 30_000;

/** Over HTTP. A connection that breaks, or a 500, leaves open what took place. */
export function wireTarget(client: WireClient): Target {
  return async (action) => {
    const { body, ...encoded } = encodeRequest("s3", action.name, sent(action));
    const bytes = action.body ?? body;
    const signal = AbortSignal.timeout(HANG_MS);
    const request = { ...encoded, signal, ...(bytes === undefined ? {} : { body: bytes }) };
    const answer = await client.send(request).catch(() => undefined);
    if (signal.aborted) throw new Error(`no answer within ${HANG_MS} ms, and the connection stands: ${action.name}`);
    if (answer === undefined) return { answer: "unknown" };
    if (answer.status < 300) return shown(action, decodeAnswer("s3", action.name, answer) as Out, answer.body);
    const { code } = answerError(answer);
    if (answer.status >= 500 && code !== "SlowDown") return { answer: "unknown" };
    return { answer: { error: code.startsWith("Http") ? (BY_STATUS[answer.status] ?? code) : code } };
  };
}
