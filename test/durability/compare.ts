/**
 * After a restart: reads everything, key by key, and asks whether it is what the answers of the clients allow: each
 * acknowledged call took place once and whole, each unanswered one wholly or not at all.
 */
import { judge, tell, type Observed } from "../model/history.js";
import type { Counter } from "../model/run.js";
import { RANDOM_ETAG } from "../model/s3-model.js";
import { isContent, type Action, type Answer, type Shown, type State } from "../model/state.js";
import type { Reply, Target } from "../model/target.js";
import { BUCKETS, KEYS } from "./load.js";

/** A Complete that was killed keeps others from its upload until its fence's lease ends: longer than a round. */
const LIMITS = { minPartBytes: 5 * 1024 * 1024, storeFails: true };

/** What the model holds of one key, by `bucket/key`. */
export type States = ReadonlyMap<string, State>;

export const names = (): string[] => Object.keys(BUCKETS).flatMap((bucket) => KEYS.map((key) => `${bucket}/${key}`));

export const emptyStates = (): States =>
  new Map(
    names().map((name) => {
      const [bucket = ""] = name.split("/");
      const versioning = BUCKETS[bucket] === true ? { versioning: "Enabled" } : {};
      return [name, { buckets: { [bucket]: { keys: {}, uploads: {}, ...versioning } }, reads: {} }];
    }),
  );

/** ETags under SSE-KMS are random; everyone else's must be the MD5 of bytes that were sent, or one of parts. */
export function withKnownEtags(target: Target): Target {
  const known = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(known);
    if (value === null || typeof value !== "object") return value;
    const members = Object.entries(value);
    return Object.fromEntries(members.map(([name, each]) => [name, name === "ETag" ? etagOf(String(each)) : known(each)]));
  };
  return async (action) => {
    const reply = await target(action);
    const { answer } = reply;
    return typeof answer === "object" && "ok" in answer ? { ...reply, answer: { ok: known(answer.ok) as Shown } } : reply;
  };
}

const etagOf = (etag: string): string => (isContent(etag) || etag.includes("-") ? etag : RANDOM_ETAG);

/** Everything that can be read of a key. */
async function readKey(name: string, target: Target, see: (told: Action, answer: Answer) => void): Promise<void> {
  const [Bucket = "", Key = ""] = name.split("/");
  const ask = async (sent: Action, told = sent): Promise<Shown> => {
    const { answer } = await asked(target, sent);
    see(told, answer);
    if (typeof answer !== "object" || !("ok" in answer)) return {};
    return answer.ok;
  };
  const list = "ListObjectVersions";
  const listed = await ask({ name: list, input: { Bucket, Prefix: Key } }, { name: list, input: { Bucket, OnlyKey: Key } });
  await ask({ name: "ListObjectsV2", input: { Bucket, Prefix: Key } });
  await ask({ name: "GetObject", input: { Bucket, Key } });
  for (const { VersionId } of (listed["Versions"] ?? []) as Shown[]) {
    await ask({ name: "GetObject", input: { Bucket, Key, VersionId } });
    await ask({ name: "GetObjectTagging", input: { Bucket, Key, VersionId } });
  }
  const uploads = await ask({ name: "ListMultipartUploads", input: { Bucket, Prefix: Key } });
  for (const { UploadId } of (uploads["Uploads"] ?? []) as Shown[])
    await ask({ name: "ListParts", input: { Bucket, Key, UploadId } });
}

/** A worker that died has been replaced by then. */
const PATIENCE_MS = 30_000;

/** A read; again where the connection was one to a worker that is dead, or none listens yet. */
async function asked(target: Target, action: Action): Promise<Reply> {
  for (const deadline = performance.now() + PATIENCE_MS; performance.now() < deadline; ) {
    const reply = await target(action);
    if (reply.answer !== "unknown") return reply;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`not answered after the restart: ${action.name} ${JSON.stringify(action.input)}`);
}

/** @returns what is there now, by key @throws Error with the history of the key that no order explains */
export async function compare(before: States, observed: readonly Observed[], target: Target, counter: Counter): Promise<States> {
  const after = new Map<string, State>();
  for (const name of names()) {
    const history = observed.filter(({ action, answer }) => {
      const { Bucket, OnlyKey, Key } = action.input;
      const isLostRead = answer === "unknown" && /^(Get|List)/.test(action.name);
      return `${String(Bucket)}/${String(OnlyKey ?? Key)}` === name && !isLostRead;
    });
    const reads: Observed[] = [];
    const see = (action: Action, answer: Answer): void =>
      void reads.push({ id: -1 - reads.length, client: -1, action, answer, start: counter.next(), end: counter.next() });
    await readKey(name, target, see);
    const from = before.get(name);
    if (from === undefined) throw new Error(`no state of ${name}`);
    const verdict = judge([...history, ...reads], LIMITS, from);
    if (!verdict.ok) {
      const placed = new Set(verdict.order.map((at) => verdict.moments[at]?.id));
      const stuck = verdict.moments.filter(({ id }) => !placed.has(id)).map(({ id }) => `#${id}`).join(" ");
      const said = `${name}: no order of the calls gives what is there. It held ${JSON.stringify(from)}`;
      const there = `without a place: ${stuck}\nthere: ${JSON.stringify(verdict.state)}`;
      throw new Error([said, tell([...history, ...reads]), there].join("\n"));
    }
    after.set(name, verdict.state);
  }
  return after;
}
