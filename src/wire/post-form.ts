/**
 * Browser uploads: `POST` of a multipart/form-data form to a bucket, given to the PutObject path as headers and a body.
 *
 * Order of use: `readPostForm` (fields; the file not yet) → `readPostClaim`, `verifyPostSignature`, `checkPostPolicy`
 * (post-policy.ts) → `postObjectHead` for decoding → `openPostBody` for the file → `postAnswer`.
 *
 * Source: S3 "POST Object"; texts as AWS sends them.
 */
import { ServiceError } from "../lib/errors.js";
import { invalidArgument } from "./auth-errors.js";
import { percentEncodePath } from "./canonical.js";
import { readBodyClaims } from "./body-claims.js";
import { hasControls, isHeaderName } from "./header-values.js";
import { MultipartReader, formBoundary, formText, malformedPost } from "./multipart.js";
import { MAX_PUT_BYTES, VerifiedBody, entityTooLarge, pieces, type BodySource } from "./payload.js";
import { fieldMissing, type FormFields, type PostSizeRange } from "./post-policy.js";
import { taggingHeader } from "./post-tagging.js";
import type { RequestBody } from "./body.js";
import type { RequestHead } from "./types.js";
import { percentEncode } from "./uri.js";

/** Everything before the file: field names and values, part headers, boundaries. */
export const MAX_FORM_BYTES = 20 * 1024;

export interface PostForm {
  /** Without the file; `key` has its `${filename}` replaced. */
  readonly fields: FormFields;
  readonly key: string;
  /** Last segment of the file name sent; empty where none was. */
  readonly fileName: string;
  /** Content type of the file's part, not of the form. S3 ignores it. */
  readonly fileContentType: string | undefined;
  /** The file; read it to its end or give up the connection. */
  readonly file: AsyncIterable<Buffer>;
}

/** Is this a form as browsers send it? */
export function isPostForm(head: RequestHead): boolean {
  return head.method === "POST" && formBoundary(head.headers["content-type"]) !== undefined;
}

/**
 * Reads the fields up to the file. The connection's body is being read from here on.
 * @throws ServiceError PreconditionFailed (no form), MalformedPOSTRequest, MaxPostPreDataLengthExceededError, InvalidArgument
 */
export async function readPostForm({
  head,
  stream,
  onStart,
}: {
  head: RequestHead;
  stream: BodySource;
  onStart?: () => void;
}): Promise<PostForm> {
  const boundary = formBoundary(head.headers["content-type"]);
  if (boundary === undefined) {
    throw new ServiceError("PreconditionFailed", "At least one of the pre-conditions you specified did not hold", {
      status: 412,
      fields: { Condition: "Bucket POST must be of the enclosure-type multipart/form-data" },
    });
  }
  onStart?.();
  const reader = new MultipartReader(pieces(stream), boundary);
  const fields = new Map<string, string>();
  let fieldBytes = 0;
  for (;;) {
    const part = await reader.next();
    if (part === undefined) throw fileCount(0);
    if (part.name === "file") {
      const fileName = (part.fileName ?? "").replace(/^.*[/\\]/s, "");
      const key = fields.get("key")?.replaceAll("${filename}", () => fileName);
      if (key === undefined || key === "") throw fieldMissing("key");
      fields.set("key", key);
      return { fields, key, fileName, fileContentType: part.contentType, file: fileBytes(reader) };
    }
    if (fields.has(part.name)) throw invalidArgument("POST requires exactly one value per field.", part.name, "");
    const value: Buffer[] = [];
    for await (const piece of reader.bytes()) {
      fieldBytes += piece.length;
      if (fieldBytes + reader.overheadBytes > MAX_FORM_BYTES) throw formTooLarge();
      value.push(piece);
    }
    if (fieldBytes + reader.overheadBytes > MAX_FORM_BYTES) throw formTooLarge();
    fields.set(part.name, formText(Buffer.concat(value)));
  }
}

const formTooLarge = (): ServiceError =>
  new ServiceError("MaxPostPreDataLengthExceededError", "Your POST request fields preceding the upload file were too large.", {
    status: 400,
    fields: { MaxPostPreDataLengthBytes: String(MAX_FORM_BYTES) },
  });

const fileCount = (count: number): ServiceError =>
  invalidArgument("POST requires exactly one file upload per request.", "file", String(count));

/** The file, then whatever follows it: ignored as on S3, but bounded, and no second file. */
async function* fileBytes(reader: MultipartReader): AsyncGenerator<Buffer, void, void> {
  yield* reader.bytes();
  let trailing = 0;
  for (let part = await reader.next(); part !== undefined; part = await reader.next()) {
    if (part.name === "file") throw fileCount(2);
    for await (const piece of reader.bytes()) {
      trailing += piece.length;
      if (trailing > MAX_FORM_BYTES) throw formTooLarge();
    }
  }
  if (!(await reader.drain(MAX_FORM_BYTES))) throw malformedPost();
}

/** Sizes that a form without policy may have. */
export const ANY_SIZE: PostSizeRange = { minBytes: 0, maxBytes: Number.MAX_SAFE_INTEGER };

/**
 * The file as a body that verifies itself: size range of the policy, Content-MD5 and `x-amz-checksum-*` fields.
 * @param maxSizeBytes the server's own limit, default 5 GiB
 * @throws ServiceError InvalidDigest, InvalidRequest at once; the iteration EntityTooLarge, EntityTooSmall, BadDigest …
 */
export function openPostBody(form: PostForm, range: PostSizeRange, maxSizeBytes: number = MAX_PUT_BYTES): RequestBody {
  const claims = readBodyClaims((name) => (name === "x-amz-trailer" ? undefined : form.fields.get(name)), false);
  const limit = Math.min(range.maxBytes, maxSizeBytes);
  return new VerifiedBody({
    source: atLeast(form.file, range.minBytes),
    declaredSizeBytes: undefined,
    claims,
    maxSizeBytes: limit,
  });
}

async function* atLeast(file: AsyncIterable<Buffer>, minBytes: number): AsyncGenerator<Buffer, void, void> {
  let sizeBytes = 0;
  for await (const piece of file) {
    sizeBytes += piece.length;
    yield piece;
  }
  if (sizeBytes < minBytes) {
    throw new ServiceError("EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size", {
      status: 400,
      fields: { ProposedSize: String(sizeBytes), MinSizeAllowed: String(minBytes) },
    });
  }
}

const PLAIN_HEADERS = new Set([
  "cache-control",
  "content-type",
  "content-disposition",
  "content-encoding",
  "content-language",
  "content-md5",
  "expires",
]);
/** About the signature, the framing, or another operation: never part of the PutObject that a form stands for. */
const NOT_FOR_PUT = new Set(
  [
    "algorithm",
    "credential",
    "date",
    "signature",
    "security-token",
    "content-sha256",
    "decoded-content-length",
    "trailer",
    "metadata-directive",
    "tagging-directive",
  ].map((name) => `x-amz-${name}`),
);
const isForPut = (header: string): boolean =>
  PLAIN_HEADERS.has(header) ||
  (header.startsWith("x-amz-") && !header.startsWith("x-amz-copy-source") && !NOT_FOR_PUT.has(header));

/**
 * The PutObject request that the form stands for: method PUT, path-style target, fields as headers (in Node's form:
 * UTF-8 bytes as latin1). It has no Host header: bucket and key are in the target.
 * @throws ServiceError InvalidArgument for names or values that no header can have, MalformedXML for a bad `tagging` field
 */
export function postObjectHead(head: RequestHead, form: PostForm, bucket: string): RequestHead {
  const headers: Record<string, string> = {};
  for (const [name, value] of form.fields) {
    const header = name === "acl" ? "x-amz-acl" : name;
    if (name === "tagging") headers["x-amz-tagging"] = taggingHeader(value);
    if (!isForPut(header)) continue;
    if (hasControls(value)) throw invalidArgument("POST form fields must not contain control characters", name, "");
    if (!isHeaderName(header)) throw invalidArgument("POST form fields must have names that a header can have", name, "");
    headers[header] = Buffer.from(value.trim(), "utf8").toString("latin1");
  }
  return {
    method: "PUT",
    target: formTarget(form, bucket),
    headers,
    rawHeaders: Object.entries(headers).flat(),
    secure: head.secure,
  };
}

/** Path-style target of the object that the form makes. */
export const formTarget = (form: PostForm, bucket: string): string => `/${percentEncode(bucket)}/${percentEncodePath(form.key)}`;

/** What was stored, for the answer. */
export interface PostedObject {
  readonly bucket: string;
  readonly key: string;
  /** With its quotes. */
  readonly etag: string;
  /** URL of the object. */
  readonly location: string;
}

export interface PostAnswer {
  readonly status: 200 | 201 | 204 | 303;
  readonly headers: Readonly<Record<string, string>>;
  /** XML; only with 201. */
  readonly body: string | undefined;
}

/** Answer by `success_action_redirect` (an http(s) URL), else `success_action_status` (200, 201; anything else is 204). */
export function postAnswer(fields: FormFields, posted: PostedObject): PostAnswer {
  const headers = { ETag: posted.etag, Location: posted.location };
  const redirect = redirectUrl(fields.get("success_action_redirect") ?? fields.get("redirect"));
  if (redirect !== undefined) {
    const mark = redirect.search === "" ? "?" : "&";
    const query = `bucket=${percentEncode(posted.bucket)}&key=${percentEncode(posted.key)}&etag=${percentEncode(posted.etag)}`;
    const hash = redirect.hash;
    redirect.hash = "";
    return { status: 303, headers: { ...headers, Location: `${redirect.href}${mark}${query}${hash}` }, body: undefined };
  }
  const status = fields.get("success_action_status");
  if (status === "201") {
    const elements = { Location: posted.location, Bucket: posted.bucket, Key: posted.key, ETag: posted.etag };
    const inner = Object.entries(elements)
      .map(([name, value]) => `<${name}>${escapeXml(value)}</${name}>`)
      .join("");
    return { status: 201, headers, body: `<?xml version="1.0" encoding="UTF-8"?>\n<PostResponse>${inner}</PostResponse>` };
  }
  return { status: status === "200" ? 200 : 204, headers, body: undefined };
}

/** S3 treats what is no URL as absent. Parsing also keeps line breaks out of the Location header. */
function redirectUrl(text: string | undefined): URL | undefined {
  if (text === undefined || !URL.canParse(text)) return undefined;
  const url = new URL(text);
  return url.protocol === "http:" || url.protocol === "https:" ? url : undefined;
}

const XML_ESCAPES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\r": "&#13;" };

function escapeXml(text: string): string {
  return text
    .replace(/[&<>"\r]/g, (char) => XML_ESCAPES[char] ?? char)
    .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, "\ufffd");
}
