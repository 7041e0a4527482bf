/**
 * What the model of S3 remembers: buckets, versions newest first, uploads. Plain immutable values, so that a search over
 * orders of calls may go back, and small, so that two states can be compared by their text.
 * Source: S3 API reference §3.1, §5.6.
 */
import { createHash } from "node:crypto";

/** Hex MD5 of some bytes: stands for them in the model, and is the ETag of a whole object under SSE-S3. */
export type ContentId = string;

export interface Version {
  /** As S3 shows it; `null` where written without versioning. */
  readonly id: string;
  readonly marker: boolean;
  readonly content: ContentId;
  /** Without quotes. */
  readonly etag: string;
  /** The one metadata value and the one tag value that the model writes; empty: none. */
  readonly meta: string;
  readonly tag: string;
}

export interface ModelPart {
  readonly content: ContentId;
}

export interface Upload {
  readonly key: string;
  readonly meta: string;
  readonly tag: string;
  readonly parts: Readonly<Record<string, ModelPart>>;
  /** What its Complete answered, and answers again. */
  readonly done?: Shown;
}

export interface Bucket {
  readonly versioning?: string;
  /** Never an empty list. */
  readonly keys: Readonly<Record<string, readonly Version[]>>;
  readonly uploads: Readonly<Record<string, Upload>>;
}

export interface State {
  readonly buckets: Readonly<Record<string, Bucket>>;
  /** What copies under way have read. */
  readonly reads: Readonly<Record<string, Version>>;
}

export const EMPTY: State = { buckets: {}, reads: {} };

/** One call of S3, with members as in the API. */
export interface Action {
  readonly name: string;
  readonly input: Readonly<Record<string, unknown>>;
  readonly body?: Buffer;
}

/** Members of an answer that the model speaks about, in one form whatever the client. */
export type Shown = Readonly<Record<string, unknown>>;

/** `unknown`: the call was cut off, or the server could not say whether it took place. */
export type Answer = { readonly ok: Shown } | { readonly error: string } | "unknown";

/** Bytes by their id: grows with what tests write, shared by all states. */
const contents = new Map<ContentId, Buffer>();

export function contentOf(bytes: Buffer): ContentId {
  const id = createHash("md5").update(bytes).digest("hex");
  if (!contents.has(id)) contents.set(id, Buffer.from(bytes));
  return id;
}

export function bytesOf(id: ContentId): Buffer {
  const bytes = contents.get(id);
  if (bytes === undefined) throw new Error(`no content ${id}`);
  return bytes;
}

export const isContent = (id: string): boolean => contents.has(id);

type Members<T> = Readonly<Record<string, T>>;

/** `record` with one member set, or without it. */
export function withMember<T>(record: Members<T>, name: string, value: T | undefined): Members<T> {
  const { [name]: _before, ...rest } = record;
  return value === undefined ? rest : { ...rest, [name]: value };
}

const canonical = (_name: string, value: unknown): unknown =>
  value !== null && typeof value === "object" && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
    : value;

/** The same text for the same value, whatever the order of its members; members of undefined are absent. */
export const textOf = (value: unknown): string => JSON.stringify(value, canonical);
