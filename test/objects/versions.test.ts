import assert from "node:assert/strict";
import { test } from "node:test";
import { newVersionId, sequenceOf } from "../../src/objects/version-ids.js";
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
