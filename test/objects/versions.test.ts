import assert from "node:assert/strict";
import { test } from "node:test";
import { HOUR_MS } from "../../src/lib/clock.js";
import type { ServiceError } from "../../src/lib/errors.js";
import { sweepStep } from "../../src/objects/sweep.js";
import { newVersionId, sequenceOf } from "../../src/objects/version-ids.js";
import type { MetadataStore } from "../../src/stores/contract.js";
import { memoryMetadataStore } from "../../src/stores/memory-metadata.js";
import { Space } from "../../src/stores/spaces.js";
import { changedStore } from "../stores/changed-store.js";
import { pattern, refused, World, type Out } from "./world.js";

async function versioned(status = "Enabled"): Promise<World> {
  const world = new World();
  await world.bucket();
  await world.configure("bucket", { versioning: status });
  return world;
}
interface Listed {
  readonly Key: string;
  readonly VersionId: string;
  readonly IsLatest: boolean;
}
const list = (world: World, input: object = {}): Promise<Out> => world.s3("ListObjectVersions", { Bucket: "bucket", ...input });
const versionsOf = async (world: World): Promise<string[]> =>
  ((await list(world))["Versions"] as Listed[]).map((one) => `${one.VersionId}${one.IsLatest ? "*" : ""}`);

test("version ids hold their sequence number", () => {
  for (const seq of [1, 2, 31, 32, 1023, 2 ** 32, 2 ** 48 - 1]) {
    const id = newVersionId(seq);
    assert.match(id, /^[A-Z2-7]{32}$/);
    assert.equal(sequenceOf(id), seq);
  }
  assert.equal(sequenceOf("null"), undefined);
  assert.equal(sequenceOf("x".repeat(32)), undefined);
});

test("every version is kept, read by its id, and deleted for good by its id; the next one becomes current", async () => {
  const world = await versioned();
  const ids: string[] = [];
  for (const size of [10, 200_000, 30]) ids.push((await world.put("k", pattern(size, size)))["VersionId"] as string);
  const [a = "", b = "", c = ""] = ids;
  assert.deepEqual(await versionsOf(world), [`${c}*`, b, a]);
  for (const [id, size] of [
    [a, 10],
    [b, 200_000],
    [c, 30],
  ] as const) {
    const got = await world.get("k", { VersionId: id });
    assert.ok(got.bytes.equals(pattern(size, size)));
    assert.equal(got["VersionId"], id);
  }
  const gone = await world.s3("DeleteObject", { Bucket: "bucket", Key: "k", VersionId: c });
  assert.equal(gone["VersionId"], c);
  assert.equal((await world.get("k"))["VersionId"], b);
  await refused(world.get("k", { VersionId: c }), "NoSuchVersion");
  await world.s3("DeleteObject", { Bucket: "bucket", Key: "k", VersionId: a });
  assert.deepEqual(await versionsOf(world), [`${b}*`]);
  await world.s3("DeleteObject", { Bucket: "bucket", Key: "k", VersionId: b });
  await refused(world.get("k"), "NoSuchKey");
  await world.s3("DeleteBucket", { Bucket: "bucket" });
});

test("a delete marker hides the object; deleting the marker brings it back", async () => {
  const world = await versioned();
  const put = await world.put("k", "x");
  const deleted = await world.s3("DeleteObject", { Bucket: "bucket", Key: "k" });
  assert.equal(deleted["DeleteMarker"], true);
  const marker = deleted["VersionId"] as string;
  const error = await refused(world.get("k"), "NoSuchKey");
  assert.deepEqual(error.detail.headers, { "x-amz-delete-marker": "true", "x-amz-version-id": marker });
  const direct = await refused(world.get("k", { VersionId: marker }), "MethodNotAllowed");
  assert.equal(direct.detail.headers?.["allow"], "DELETE");
  assert.equal(((await world.s3("ListObjectsV2", { Bucket: "bucket" }))["Contents"] as unknown[]).length, 0);
  const markers = (await list(world))["DeleteMarkers"] as Listed[];
  assert.deepEqual(
    markers.map((one) => [one.VersionId, one.IsLatest]),
    [[marker, true]],
  );
  await refused(world.s3("DeleteBucket", { Bucket: "bucket" }), "BucketNotEmpty");
  const undone = await world.s3("DeleteObject", { Bucket: "bucket", Key: "k", VersionId: marker });
  assert.equal(undone["DeleteMarker"], true);
  assert.equal((await world.get("k"))["VersionId"], put["VersionId"]);
});

test("null versions: before enabling, and replaced in place while suspended", async () => {
  const world = new World();
  await world.bucket();
  const first = await world.put("k", "before");
  assert.equal(first["VersionId"], undefined);
  await world.configure("bucket", { versioning: "Enabled" });
  const id = (await world.put("k", "versioned"))["VersionId"] as string;
  assert.deepEqual(await versionsOf(world), [`${id}*`, "null"]);
  assert.equal((await world.get("k", { VersionId: "null" })).bytes.toString(), "before");
  await world.configure("bucket", { versioning: "Suspended" });
  await world.put("k", "suspended");
  assert.deepEqual(await versionsOf(world), ["null*", id]);
  await world.put("k", "again");
  assert.deepEqual(await versionsOf(world), ["null*", id]);
  const marker = await world.s3("DeleteObject", { Bucket: "bucket", Key: "k" });
  assert.equal(marker["VersionId"], "null");
  assert.deepEqual(await versionsOf(world), [id]);
  await world.s3("DeleteObject", { Bucket: "bucket", Key: "k", VersionId: "null" });
  assert.equal((await world.get("k")).bytes.toString(), "versioned");
});

test("listing versions pages through keys, versions and groups without loss", async () => {
  const world = await versioned();
  const expected: string[] = [];
  for (const Key of ["a", "b/1", "b/2", "c"]) {
    const ids: string[] = [];
    for (let i = 0; i < 3; i++) ids.unshift((await world.put(Key, `${i}`))["VersionId"] as string);
    expected.push(...ids.map((id) => `${Key} ${id}`));
  }
  for (const MaxKeys of [1, 2, 5, 12, 1000]) {
    const seen: string[] = [];
    let markers: object = {};
    for (let more = true; more;) {
      const out = await list(world, { MaxKeys, ...markers });
      seen.push(...(out["Versions"] as Listed[]).map((one) => `${one.Key} ${one.VersionId}`));
      markers = { KeyMarker: out["NextKeyMarker"], VersionIdMarker: out["NextVersionIdMarker"] };
      more = out["IsTruncated"] === true;
    }
    assert.deepEqual(seen, expected, `${MaxKeys}`);
  }
  const grouped = await list(world, { Delimiter: "/", MaxKeys: 4 });
  assert.deepEqual(grouped["CommonPrefixes"], [{ Prefix: "b/" }]);
  assert.equal(grouped["NextKeyMarker"], "b/");
  const rest = await list(world, { Delimiter: "/", KeyMarker: "b/" });
  assert.deepEqual(new Set((rest["Versions"] as Listed[]).map((one) => one.Key)), new Set(["c"]));
  await refused(list(world, { VersionIdMarker: "null" }), "InvalidArgument");
});

test("malformed version ids are invalid arguments", async () => {
  const world = await versioned();
  await world.put("k", "x");
  for (const VersionId of ["", "nonsense", "null "]) await refused(world.get("k", { VersionId }), "InvalidArgument");
  await refused(world.get("k", { VersionId: newVersionId(1) }), "NoSuchVersion");
});

/** A store that runs `act` once, right behind the next read of a row of this space: what a slow reader meets. */
function interrupted(): { store: MetadataStore; behind: (space: number, act: () => Promise<unknown>) => void } {
  const inner = memoryMetadataStore();
  let waiting: { space: number; act: () => Promise<unknown> } | undefined;
  const store = changedStore(inner, {
    async get(keys) {
      const values = await inner.get(keys);
      const now = waiting;
      if (now !== undefined && keys.some((key) => key[0] === now.space)) {
        waiting = undefined;
        await now.act();
      }
      return values;
    },
    async range(query) {
      const entries = await inner.range(query);
      const now = waiting;
      if (now !== undefined && query.from[0] === now.space) {
        waiting = undefined;
        await now.act();
      }
      return entries;
    },
  });
  return { store, behind: (space, act) => void (waiting = { space, act }) };
}

/** Two versions of `k`; the newer one can be taken away in the middle of another call. */
async function promoting(): Promise<{ world: World; older: string; during: (work: () => Promise<Out>) => Promise<Out> }> {
  const { store, behind } = interrupted();
  const world = new World({ store });
  await world.bucket();
  await world.configure("bucket", { versioning: "Enabled" });
  const older = (await world.put("k", "older"))["VersionId"] as string;
  const during = async (work: () => Promise<Out>): Promise<Out> => {
    const newer = (await world.put("k", "newer"))["VersionId"] as string;
    behind(Space.heads, () => world.s3("DeleteObject", { Bucket: "bucket", Key: "k", VersionId: newer }));
    return work();
  };
  return { world, older, during };
}

test("a version that becomes current while it is looked up is still there: to read, to tag, to delete", async () => {
  const { world, older, during } = await promoting();
  const named = { Bucket: "bucket", Key: "k", VersionId: older };
  assert.equal(((await during(() => world.get("k", named))) as { bytes: Buffer }).bytes.toString(), "older");
  await during(() => world.s3("PutObjectTagging", { ...named, Tagging: { TagSet: [{ Key: "a", Value: "b" }] } }));
  assert.deepEqual((await world.s3("GetObjectTagging", named))["TagSet"], [{ Key: "a", Value: "b" }]);
  await during(() => world.s3("DeleteObject", named));
  await refused(world.get("k", named), "NoSuchVersion");
  assert.deepEqual(await versionsOf(world), []);
});

test("a listing shows every version once, whatever moves while it is made", async () => {
  const { world, older, during } = await promoting();
  const shown = async (): Promise<string[]> => ((await list(world))["Versions"] as Listed[]).map((one) => one.VersionId);
  assert.ok(((await during(() => list(world)))["Versions"] as Listed[]).some((one) => one.VersionId === older));
  const { store, behind } = interrupted();
  const other = new World({ store });
  await other.bucket();
  await other.configure("bucket", { versioning: "Enabled" });
  for (const body of ["1", "2"]) await other.put("k", body);
  behind(Space.heads, async () => other.put("k", "3"));
  const ids = ((await list(other, { Prefix: "k" }))["Versions"] as Listed[]).map((one) => one.VersionId);
  assert.equal(new Set(ids).size, ids.length);
  assert.equal((await shown()).length, 1);
});

test("version listings stay within their prefix and groups, wherever their markers point", async () => {
  const world = await versioned();
  const ids: string[] = [];
  for (const body of ["1", "2", "3"]) ids.push((await world.put("secret/a", body))["VersionId"] as string);
  await world.put("home/a", "1");
  const KeyMarker = "secret/a";
  const VersionIdMarker = ids[2];
  const names = (out: Out): string[] => (out["Versions"] as Listed[]).map((one) => one.Key);
  assert.deepEqual(names(await list(world, { Prefix: "home/", KeyMarker, VersionIdMarker })), []);
  assert.deepEqual(names(await list(world, { Prefix: "secret/", KeyMarker, VersionIdMarker })), ["secret/a", "secret/a"]);
  const grouped = await list(world, { Delimiter: "/", KeyMarker, VersionIdMarker });
  assert.deepEqual(names(grouped), []);
  const lister = world.allow("lister", [
    { Effect: "Allow", Action: "s3:ListBucketVersions", Resource: "*", Condition: { StringLike: { "s3:prefix": "home/*" } } },
  ]);
  const out = await world.s3("ListObjectVersions", { Bucket: "bucket", Prefix: "home/", KeyMarker, VersionIdMarker }, { as: lister });
  assert.deepEqual(names(out), []);
  assert.deepEqual(names(await list(world, { KeyMarker: "k".repeat(3000), VersionIdMarker: "null" })), ["secret/a", "secret/a", "secret/a"]);
});

/** What AWS documents of versioning, as lists of versions, newest first. */
test("random changes under every versioning state leave what a naive model has, and the sweep leaves nothing else", async () => {
  const world = new World();
  await world.bucket();
  const keys = ["a", "a/b", "b"];
  const model = new Map(keys.map((key) => [key, [] as { id: string; body?: string }[]]));
  let seed = 20260731;
  const below = (n: number): number => Math.floor(((seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0) / 2 ** 32) * n);
  let state: string | undefined;
  for (let step = 0; step < 120; step++) {
    const Key = keys[below(keys.length)] ?? "a";
    const versions = model.get(Key) ?? [];
    const add = (id: string, body?: string): void => {
      const old = id === "null" ? versions.findIndex((version) => version.id === "null") : -1;
      if (old >= 0) versions.splice(old, 1);
      versions.unshift(body === undefined ? { id } : { id, body });
    };
    const what = below(10);
    if (what === 0) await world.configure("bucket", { versioning: (state = state === "Enabled" ? "Suspended" : "Enabled") });
    else if (what < 5) {
      const body = `${step}${below(4) === 0 ? "x".repeat(70_000) : ""}`;
      const { VersionId } = await world.put(Key, body);
      assert.equal(VersionId === undefined, state === undefined);
      assert.equal(VersionId === "null", state === "Suspended");
      add((VersionId as string | undefined) ?? "null", body);
    } else if (what < 7) {
      const { VersionId, DeleteMarker } = await world.s3("DeleteObject", { Bucket: "bucket", Key });
      assert.equal(DeleteMarker, state === undefined ? undefined : true);
      if (state === undefined) versions.length = 0;
      else add(VersionId as string);
    } else {
      const VersionId = below(3) === 0 ? "null" : versions[below(versions.length || 1)]?.id;
      if (VersionId === undefined) continue;
      await world.s3("DeleteObject", { Bucket: "bucket", Key, VersionId });
      const at = versions.findIndex((version) => version.id === VersionId);
      if (at >= 0) versions.splice(at, 1);
    }
    const expected = keys.flatMap((key) => (model.get(key) ?? []).map(({ id }, i) => `${key} ${id} ${i === 0}`));
    for (const MaxKeys of [1000, 2]) {
      const seen: string[] = [];
      let markers: object = {};
      for (let more = true; more; ) {
        const out = await list(world, { MaxKeys, ...markers });
        const { items } = out["$interleaved"] as { items: readonly (readonly [string, Listed])[] };
        seen.push(...items.map(([, one]) => `${one.Key} ${one.VersionId} ${one.IsLatest}`));
        markers = { KeyMarker: out["NextKeyMarker"], VersionIdMarker: out["NextVersionIdMarker"] };
        more = out["IsTruncated"] === true;
      }
      assert.deepEqual(seen, expected, `step ${step}`);
    }
    const answer = (input: object): Promise<string> =>
      world.get(Key, input).then(({ bytes }) => bytes.toString(), (error: unknown) => (error as ServiceError).code);
    assert.equal(await answer({}), versions[0]?.body ?? "NoSuchKey");
    for (const { id, body } of versions) assert.equal(await answer({ VersionId: id }), body ?? "MethodNotAllowed");
  }
  for (const [Key, versions] of model) for (const { id } of versions) await world.s3("DeleteObject", { Bucket: "bucket", Key, VersionId: id });
  world.clock.advance(3 * HOUR_MS);
  while ((await sweepStep(world.room)) === "more");
  const spaces = [Space.heads, Space.versions, Space.listable, Space.bodies, Space.ledger];
  for (const space of spaces) {
    assert.deepEqual(await world.store.range({ from: Buffer.from([space]), to: Buffer.from([space + 1]), limit: 1 }), []);
  }
  assert.deepEqual(await world.blobs.list(undefined, 1), []);
});
