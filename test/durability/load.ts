/**
 * Clients that change a store as fast as they are answered, and write down what they were told. Keys are shared by all;
 * every call is about one key, so that histories can be judged key by key.
 */
import type { Observed } from "../model/history.js";
import type { Random } from "../random.js";
import type { Counter } from "../model/run.js";
import { contentOf, type Action, type Answer, type State } from "../model/state.js";
import type { Target } from "../model/target.js";

/** By name: has versioning been turned on? */
export const BUCKETS: Readonly<Record<string, boolean>> = { plain: false, versioned: true };
export const KEYS = ["k1", "k2", "k3", "k4"] as const;
/** Objects that are only read: sources of copies, one with the records and one of its own file. */
export const SOURCE_BUCKET = "sources";
export const SOURCES: Readonly<Record<string, Buffer>> = {
  small: Buffer.alloc(700, "small "),
  large: Buffer.alloc(150_000, "large "),
};

const SIZES = [0, 900, 65_535, 65_536, 65_537, 200_000] as const;
const MIB = 1024 * 1024;
/** Of a key; with more, versions are deleted first. */
const MANY_VERSIONS = 6;

/** What clients know of a key, so that calls about versions and uploads find something. */
interface Known {
  readonly versions: string[];
  readonly uploads: { readonly id: string; readonly parts: Map<number, string> }[];
}

export class Load {
  #observed: Observed[] = [];
  readonly #random: Random;
  readonly #counter: Counter;
  readonly #known = new Map<string, Known>();
  #ids = 0;
  #stopped = false;

  constructor(random: Random, counter: Counter) {
    this.#random = random;
    this.#counter = counter;
  }

  stop(): void {
    this.#stopped = true;
  }

  /** Resolves when so many calls have been answered since `take`, whatever the machine's pace. */
  async answered(count: number, withinMs: number): Promise<void> {
    const deadline = performance.now() + withinMs;
    while (this.#observed.length < count && performance.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 2));
  }

  /** What was observed since it was asked last. */
  take(): Observed[] {
    const taken = this.#observed;
    this.#observed = [];
    this.#stopped = false;
    return taken;
  }

  /** Versions and uploads as they were found, instead of as they were heard of. */
  relearn(states: ReadonlyMap<string, State>): void {
    for (const [name, { buckets }] of states) {
      const [bucket = "", key = ""] = name.split("/");
      const { keys = {}, uploads = {} } = buckets[bucket] ?? {};
      const versions = (keys[key] ?? []).map(({ id }) => id);
      const open = Object.entries(uploads).filter(([, { done }]) => done === undefined);
      const found = open.map(([id, { parts }]) => ({
        id,
        parts: new Map(Object.entries(parts).map(([number, { content }]) => [Number(number), content])),
      }));
      this.#known.set(name, { versions: BUCKETS[bucket] === true ? versions : [], uploads: found });
    }
  }

  /** Works until it is stopped, and then until its last call is answered or cut off. */
  async client(client: number, target: Target): Promise<void> {
    for (let failures = 0; !this.#stopped; ) {
      const planned = this.#plan();
      const { answer } = await this.#call(client, target, planned);
      failures = answer === "unknown" ? failures + 1 : 0;
      // Whoever lost a worker comes again; whoever lost the server waits until told to stop.
      if (failures > 0) await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  async #call(client: number, target: Target, { sent, told, learn }: Planned): Promise<{ answer: Answer }> {
    // Known before any answer can show its ETag.
    if (told.body !== undefined) contentOf(told.body);
    const start = this.#counter.next();
    const { answer } = await target(sent);
    this.#observed.push({ id: ++this.#ids, client, action: told, answer, start, end: this.#counter.next() });
    if (typeof answer === "object" && "ok" in answer) learn?.(answer.ok);
    return { answer };
  }

  #plan(): Planned {
    const Bucket = this.#random.pick(Object.keys(BUCKETS));
    const Key = this.#random.pick(KEYS);
    const at = { Bucket, Key };
    const known = this.#knownOf(`${Bucket}/${Key}`);
    const version = known.versions.at(this.#random.below(Math.max(1, known.versions.length)));
    const upload = known.uploads.at(-1);
    const isCrowded = known.versions.length > MANY_VERSIONS;
    return this.#random.weighted<() => Planned>([
      [24, () => this.#put(at, known)],
      [8, () => this.#copy(at, known)],
      [6, () => plain("DeleteObject", at)],
      [isCrowded ? 40 : 6, () => (version === undefined ? this.#put(at, known) : this.#deleteVersion(at, known, version))],
      [6, () => this.#create(at, known)],
      [14, () => (upload === undefined ? this.#create(at, known) : this.#part(at, upload))],
      [10, () => (upload === undefined || upload.parts.size === 0 ? this.#put(at, known) : this.#complete(at, known, upload))],
      [2, () => (upload === undefined ? this.#put(at, known) : this.#abort(at, known, upload))],
      [5, () => this.#tag(at)],
      [10, () => plain("GetObject", at)],
      [4, () => plain("ListObjectVersions", { Bucket, Prefix: Key }, { Bucket, OnlyKey: Key })],
    ])();
  }

  #knownOf(name: string): Known {
    const known = this.#known.get(name) ?? { versions: [], uploads: [] };
    this.#known.set(name, known);
    return known;
  }

  #put(at: At, known: Known): Planned {
    const body = this.#random.bytes(this.#random.pick(SIZES));
    const kms = this.#random.chance(0.25) ? { ServerSideEncryption: "aws:kms" } : {};
    const conditions = this.#random.chance(0.1) ? { IfNoneMatch: "*" } : {};
    const action = { name: "PutObject", input: { ...at, Metadata: { m: `m${this.#ids}` }, ...kms, ...conditions }, body };
    return { sent: action, told: action, learn: versionInto(known) };
  }

  /** Of an object that never changes: to the model a PutObject of the same bytes. */
  #copy(at: At, known: Known): Planned {
    const source = this.#random.pick(Object.keys(SOURCES));
    const described = { Metadata: { m: `c${this.#ids}` } };
    const from = { CopySource: `${SOURCE_BUCKET}/${source}`, MetadataDirective: "REPLACE" };
    return {
      sent: { name: "CopyObject", input: { ...at, ...described, ...from } },
      told: { name: "PutObject", input: { ...at, ...described }, ...bodyOf(source) },
      learn: versionInto(known),
    };
  }

  #deleteVersion(at: At, known: Known, VersionId: string): Planned {
    const learn = (): void => {
      const at = known.versions.indexOf(VersionId);
      if (at >= 0) known.versions.splice(at, 1);
    };
    return { ...plain("DeleteObject", { ...at, VersionId }), learn };
  }

  #create(at: At, known: Known): Planned {
    const learn: Planned["learn"] = ({ UploadId }) => void known.uploads.push({ id: String(UploadId), parts: new Map() });
    return { ...plain("CreateMultipartUpload", { ...at, Metadata: { m: `u${this.#ids}` } }), learn };
  }

  #part(at: At, { id, parts }: Upload): Planned {
    const PartNumber = 1 + this.#random.below(2);
    const input = { ...at, UploadId: id, PartNumber };
    const learn: Planned["learn"] = ({ ETag }) => void parts.set(PartNumber, String(ETag));
    if (this.#random.chance(0.3)) {
      const source = this.#random.pick(Object.keys(SOURCES));
      return {
        sent: { name: "UploadPartCopy", input: { ...input, CopySource: `${SOURCE_BUCKET}/${source}` } },
        told: { name: "UploadPart", input, ...bodyOf(source) },
        learn,
      };
    }
    // Only a part of 5 MiB may have others behind it.
    const size = PartNumber === 1 && this.#random.chance(0.15) ? 5 * MIB : this.#random.pick(SIZES);
    const body = size > MIB ? Buffer.alloc(size, this.#random.bytes(4096)) : this.#random.bytes(size);
    const action = { name: "UploadPart", input, body };
    return { sent: action, told: action, learn };
  }

  #complete(at: At, known: Known, upload: Upload): Planned {
    const Parts = [...upload.parts].sort(([a], [b]) => a - b).map(([PartNumber, ETag]) => ({ PartNumber, ETag: `"${ETag}"` }));
    const action = { name: "CompleteMultipartUpload", input: { ...at, UploadId: upload.id, MultipartUpload: { Parts } } };
    const learn: Planned["learn"] = (ok) => {
      versionInto(known)(ok);
      forget(known, upload);
    };
    return { sent: action, told: action, learn };
  }

  #abort(at: At, known: Known, upload: Upload): Planned {
    return { ...plain("AbortMultipartUpload", { ...at, UploadId: upload.id }), learn: () => forget(known, upload) };
  }

  #tag(at: At): Planned {
    return plain("PutObjectTagging", { ...at, Tagging: { TagSet: [{ Key: "t", Value: `t${this.#ids}` }] } });
  }
}

interface At {
  readonly Bucket: string;
  readonly Key: string;
}

type Upload = Known["uploads"][number];

/** What goes to the server, and what the model is told of it: the same, but for copies and listings. */
interface Planned {
  readonly sent: Action;
  readonly told: Action;
  readonly learn?: (ok: Readonly<Record<string, unknown>>) => void;
}

const plain = (name: string, input: Action["input"], told = input): Planned => ({
  sent: { name, input },
  told: { name, input: told },
});

const bodyOf = (source: string): { readonly body: Buffer } => ({ body: SOURCES[source] ?? Buffer.alloc(0) });

const versionInto = (known: Known) => ({ VersionId }: Readonly<Record<string, unknown>>): void => {
  if (typeof VersionId === "string") known.versions.push(VersionId);
};

function forget({ uploads }: Known, upload: Upload): void {
  const at = uploads.indexOf(upload);
  if (at >= 0) uploads.splice(at, 1);
}
