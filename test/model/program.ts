/**
 * Random programs of S3 calls. A call may need what an earlier one answered (a version id, an upload id, an ETag): it names
 * that call, so that a program stays one when calls are taken out of it.
 */
import { Random } from "../random.js";
import type { Action, Answer } from "./state.js";

/** What the answer of step `of` has under `member`; without such an answer, a name of right form that nothing has. */
export interface Reference {
  readonly of: number;
  readonly member: "VersionId" | "UploadId" | "ETag" | "NextToken" | "Last";
}

/** As an action, with references in the place of names. */
export interface Step {
  readonly id: number;
  readonly client: number;
  readonly name: string;
  readonly input: Readonly<Record<string, unknown>>;
  readonly body?: Buffer;
}

export interface ProgramOptions {
  readonly clients: number;
  readonly steps: number;
  readonly keys: readonly string[];
  /** Sizes of bodies. */
  readonly sizes: readonly number[];
  readonly partSizes: readonly number[];
  /** Pages of listings, which only one client can compare. */
  readonly pages: boolean;
  /** `buckets` come and go, without versions, so that they can be emptied; `uploads`: mostly their calls. */
  readonly focus?: "buckets" | "uploads";
}

/** The client whose steps come before all others'. */
export const FIRST = -1;
export const BUCKETS = ["first", "second"] as const;
const NOTHING: Readonly<Record<Reference["member"], string>> = {
  VersionId: "A".repeat(32),
  UploadId: "0".repeat(64),
  ETag: `"${"0".repeat(32)}"`,
  NextToken: "",
  Last: "",
};

export function randomProgram(seed: number, options: ProgramOptions): Step[] {
  const random = new Random(seed);
  const writer = new Writer(random, options);
  const steps = [writer.step("CreateBucket", { Bucket: BUCKETS[0] }, FIRST)];
  const isVersioned = random.chance(0.6) && options.focus !== "buckets";
  const VersioningConfiguration = { Status: random.chance(0.7) ? "Enabled" : "Suspended" };
  if (isVersioned) steps.push(writer.step("PutBucketVersioning", { Bucket: BUCKETS[0], VersioningConfiguration }, FIRST));
  while (steps.length < options.steps) steps.push(writer.any());
  return steps;
}

/** A step whose answer others refer to. */
interface Made {
  readonly id: number;
  readonly client: number;
  readonly key: string;
}

class Writer {
  readonly #random: Random;
  readonly #options: ProgramOptions;
  #ids = 0;
  /** Who makes the step that is being written. */
  #client = 0;
  /** Steps that answer with an ETag, a version id or both. */
  readonly #made: Made[] = [];
  readonly #uploads: (Made & { readonly parts: Map<number, number> })[] = [];
  readonly #pages: { readonly id: number; readonly input: Readonly<Record<string, unknown>> }[] = [];

  constructor(random: Random, options: ProgramOptions) {
    this.#random = random;
    this.#options = options;
  }

  step(name: string, input: Readonly<Record<string, unknown>>, client = this.#client, body?: Buffer): Step {
    return { id: ++this.#ids, client, name, input, ...(body === undefined ? {} : { body }) };
  }

  any(): Step {
    this.#client = this.#random.below(this.#options.clients);
    const buckets = this.#options.focus === "buckets";
    const uploads = this.#options.focus === "uploads" ? 4 : 1;
    const make = this.#random.weighted<() => Step>([
      [18, () => this.#put()],
      [8, () => this.#read("GetObject")],
      [4, () => this.#read("HeadObject")],
      [12, () => this.#delete()],
      [5, () => this.#copy()],
      [6, () => this.step("ListObjectVersions", { Bucket: this.#bucket() })],
      [6, () => this.#list()],
      [3, () => this.#tag()],
      [4, () => this.#create()],
      [10 * uploads, () => this.#part()],
      [8 * uploads, () => this.#complete()],
      [3, () => this.#upload("AbortMultipartUpload")],
      [2 * uploads, () => this.#upload("ListParts")],
      [2, () => this.step("ListMultipartUploads", { Bucket: this.#bucket() })],
      [buckets ? 0 : 4, () => this.#versioning()],
      [buckets ? 25 : 3, () => this.#bucketCall()],
    ]);
    return make();
  }

  #bucket(): string {
    return this.#random.chance(0.98) ? BUCKETS[0] : BUCKETS[1];
  }

  #at(): { Bucket: string; Key: string } {
    return { Bucket: this.#bucket(), Key: this.#random.pick(this.#options.keys) };
  }

  #note(step: Step): Step {
    this.#made.push({ id: step.id, client: step.client, key: String(step.input["Key"]) });
    return step;
  }

  /** An earlier step of that key, perhaps of another. */
  #earlier(key: string): number {
    return this.#nearest(this.#random.chance(0.05) ? this.#made : this.#made.filter((each) => each.key === key))?.id ?? 0;
  }

  /** Mostly a late one, and of the same client: its answer is there by then. */
  #nearest<T extends Made>(of: readonly T[]): T | undefined {
    const own = of.filter(({ client }) => client === this.#client);
    const from = own.length === 0 || this.#random.chance(0.3) ? of : own;
    return from.length === 0 ? undefined : this.#random.pick(from.slice(-3));
  }

  #etag(key: string): Reference | "*" {
    return this.#random.chance(0.15) ? "*" : { of: this.#earlier(key), member: "ETag" };
  }

  #conditions(key: string): Readonly<Record<string, unknown>> {
    const dice = this.#random.next();
    if (dice < 0.2) return { IfNoneMatch: "*" };
    return dice < 0.4 ? { IfMatch: this.#etag(key) } : {};
  }

  #described(): Readonly<Record<string, unknown>> {
    const Metadata = { m: `m${this.#ids}` };
    const described = this.#random.chance(0.3) ? { Metadata } : {};
    return this.#random.chance(0.2) ? { ...described, Tagging: `t=v${this.#ids}` } : described;
  }

  #put(): Step {
    const at = this.#at();
    const body = this.#random.bytes(this.#random.pick(this.#options.sizes));
    return this.#note(this.step("PutObject", { ...at, ...this.#described(), ...this.#conditions(at.Key) }, undefined, body));
  }

  #version(key: string, chance: number): Readonly<Record<string, unknown>> {
    if (!this.#random.chance(chance)) return {};
    return { VersionId: this.#random.chance(0.25) ? "null" : { of: this.#earlier(key), member: "VersionId" } };
  }

  #read(name: string): Step {
    const at = this.#at();
    const dice = this.#random.next();
    const more =
      dice < 0.1
        ? { IfMatch: { of: this.#earlier(at.Key), member: "ETag" } }
        : dice < 0.2
          ? { IfNoneMatch: { of: this.#earlier(at.Key), member: "ETag" } }
          : dice < 0.35 && name === "GetObject"
            ? { Range: this.#random.pick(["bytes=0-3", "bytes=2-", "bytes=-5", "bytes=100-200", "bytes=7-7"]) }
            : {};
    return this.step(name, { ...at, ...this.#version(at.Key, 0.35), ...more });
  }

  #delete(): Step {
    const at = this.#at();
    if (this.#random.chance(0.15)) {
      const Objects = Array.from({ length: 1 + this.#random.below(3) }, () => {
        const Key = this.#random.pick(this.#options.keys);
        return { Key, ...this.#version(Key, 0.4) };
      });
      return this.step("DeleteObjects", { Bucket: at.Bucket, Delete: { Objects } });
    }
    const condition = this.#random.chance(0.2) ? { IfMatch: this.#etag(at.Key) } : {};
    return this.#note(this.step("DeleteObject", { ...at, ...this.#version(at.Key, 0.45), ...condition }));
  }

  #source(): { CopySource: readonly unknown[] } {
    const { Bucket, Key } = this.#at();
    const { VersionId } = this.#version(Key, 0.3);
    const plain = `${Bucket}/${encodeURIComponent(Key)}`;
    return { CopySource: VersionId === undefined ? [plain] : [plain, "?versionId=", VersionId] };
  }

  #copy(): Step {
    const at = this.#at();
    const replaced = this.#random.chance(0.4) ? { MetadataDirective: "REPLACE", Metadata: { m: `c${this.#ids}` } } : {};
    return this.#note(this.step("CopyObject", { ...at, ...this.#source(), ...replaced, ...this.#conditions(at.Key) }));
  }

  #list(): Step {
    const Bucket = this.#bucket();
    const grouped = this.#random.chance(0.5) ? { Delimiter: "/" } : {};
    if (!this.#options.pages) return this.step("ListObjectsV2", { Bucket, ...grouped });
    const before = this.#pages.at(-1);
    if (before !== undefined && this.#random.chance(0.6)) {
      const ContinuationToken: Reference = { of: before.id, member: "NextToken" };
      const { StartAfter: _start, ...input } = before.input;
      return this.#page({ ...input, ContinuationToken, After: { of: before.id, member: "Last" } });
    }
    const input = {
      Bucket,
      MaxKeys: this.#random.below(4),
      ...grouped,
      ...(this.#random.chance(0.3) ? { Prefix: this.#random.pick(["a", "a/", "b", "x"]) } : {}),
      ...(this.#random.chance(0.3) ? { StartAfter: this.#random.pick(this.#options.keys) } : {}),
    };
    if (this.#random.chance(0.5)) return this.#page(input);
    const { StartAfter: KeyMarker, ...rest } = { StartAfter: undefined, ...input };
    return this.step("ListObjectVersions", { ...rest, ...this.#markers(KeyMarker) });
  }

  #markers(KeyMarker: string | undefined): Readonly<Record<string, unknown>> {
    if (KeyMarker === undefined) return {};
    const VersionIdMarker: Reference = { of: this.#earlier(KeyMarker), member: "VersionId" };
    return { KeyMarker, ...(this.#random.chance(0.5) ? { VersionIdMarker } : {}) };
  }

  #page(input: Readonly<Record<string, unknown>>): Step {
    const step = this.step("ListObjectsV2", input);
    this.#pages.push({ id: step.id, input });
    return step;
  }

  #tag(): Step {
    const at = this.#at();
    const where = { ...at, ...this.#version(at.Key, 0.4) };
    const name = this.#random.pick(["PutObjectTagging", "GetObjectTagging", "DeleteObjectTagging"]);
    const Tagging = { TagSet: [{ Key: "t", Value: `w${this.#ids}` }] };
    return this.step(name, name === "PutObjectTagging" ? { ...where, Tagging } : where);
  }

  #create(): Step {
    const step = this.step("CreateMultipartUpload", { ...this.#at(), ...this.#described() });
    this.#uploads.push({ id: step.id, client: step.client, key: String(step.input["Key"]), parts: new Map() });
    return step;
  }

  #part(): Step {
    const upload = this.#nearest(this.#uploads);
    if (upload === undefined) return this.#create();
    const PartNumber = 1 + this.#random.below(3);
    const at = { Bucket: BUCKETS[0], Key: upload.key, UploadId: { of: upload.id, member: "UploadId" }, PartNumber };
    const step = this.#random.chance(0.25)
      ? this.step("UploadPartCopy", { ...at, ...this.#source() })
      : this.step("UploadPart", at, undefined, this.#random.bytes(this.#random.pick(this.#options.partSizes)));
    upload.parts.set(PartNumber, step.id);
    return step;
  }

  #upload(name: string): Step {
    const upload = this.#nearest(this.#uploads);
    if (upload === undefined) return this.#create();
    return this.step(name, { Bucket: BUCKETS[0], Key: upload.key, UploadId: { of: upload.id, member: "UploadId" } });
  }

  #complete(): Step {
    const upload = this.#nearest(this.#uploads.filter(({ parts }) => parts.size > 0));
    if (upload === undefined) return this.#part();
    const Parts = [...upload.parts]
      .sort(([a], [b]) => a - b)
      .filter((_part, at) => at === 0 || this.#random.chance(0.8))
      .map(([PartNumber, of]) => ({ PartNumber, ETag: { of, member: "ETag" } }));
    if (this.#random.chance(0.05)) Parts.reverse();
    const at = { Bucket: BUCKETS[0], Key: upload.key, UploadId: { of: upload.id, member: "UploadId" } };
    const input = { ...at, MultipartUpload: { Parts }, ...this.#conditions(upload.key) };
    return this.#note(this.step("CompleteMultipartUpload", input));
  }

  #versioning(): Step {
    const Bucket = this.#bucket();
    if (this.#random.chance(0.2)) return this.step("GetBucketVersioning", { Bucket });
    const Status = this.#random.chance(0.65) ? "Enabled" : "Suspended";
    return this.step("PutBucketVersioning", { Bucket, VersioningConfiguration: { Status } });
  }

  #bucketCall(): Step {
    return this.step(this.#random.pick(["CreateBucket", "DeleteBucket", "HeadBucket"]), {
      Bucket: BUCKETS[this.#random.chance(this.#options.focus === "buckets" ? 0.9 : 0.4) ? 0 : 1],
    });
  }
}

const isReference = (value: object): value is Reference => "of" in value && "member" in value;

/** The call that a step stands for, once earlier ones were answered. */
export function resolveStep({ name, input, body }: Step, answers: ReadonlyMap<number, Answer>): Action {
  const value = (raw: unknown): unknown => {
    if (raw === null || typeof raw !== "object") return raw;
    if (isReference(raw)) return named(raw, answers.get(raw.of));
    if (Array.isArray(raw)) return raw.map(value);
    return Object.fromEntries(Object.entries(raw).map(([member, each]) => [member, value(each)]));
  };
  const resolved = value(input) as Record<string, unknown>;
  const { CopySource, ContinuationToken, ...rest } = resolved;
  // A page that does not exist is not asked for: the first one is.
  const token = ContinuationToken === undefined || ContinuationToken === "" ? {} : { ContinuationToken };
  const after = "ContinuationToken" in token ? {} : { After: undefined };
  const source = Array.isArray(CopySource) ? { CopySource: CopySource.join("") } : {};
  const members = Object.entries({ ...rest, ...token, ...after, ...source });
  const clean = Object.fromEntries(members.filter(([, each]) => each !== undefined));
  return { name, input: clean, ...(body === undefined ? {} : { body }) };
}

function named({ member }: Reference, answer: Answer | undefined): unknown {
  const ok = typeof answer === "object" && "ok" in answer ? answer.ok : {};
  if (member === "ETag" && typeof ok["ETag"] === "string") return `"${ok["ETag"]}"`;
  return ok[member] ?? NOTHING[member];
}
