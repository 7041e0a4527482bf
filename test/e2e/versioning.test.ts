/**
 * Versioning: states, null versions, markers, deletes by version, copies of versions, the list of versions. Source: S3
 * API reference §5.6.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  CopyObjectCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetBucketVersioningCommand,
  GetObjectCommand,
  GetObjectTaggingCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  ListObjectVersionsCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  PutObjectTaggingCommand,
} from "@aws-sdk/client-s3";
import { failure } from "./server.js";
import { bodyOf, bytesOf, assertBytes, CHUNK, openWorld } from "./world.js";

const world = await openWorld();
const { s3 } = world;
const setState = (Bucket: string, Status: "Enabled" | "Suspended") =>
  s3.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status } }));
async function versioned(stem: string): Promise<string> {
  const Bucket = await world.bucket(stem);
  await setState(Bucket, "Enabled");
  return Bucket;
}
const put = async (Bucket: string, Key: string, Body: string) =>
  (await s3.send(new PutObjectCommand({ Bucket, Key, Body }))).VersionId;
const read = async (Bucket: string, Key: string, VersionId?: string) =>
  (await bodyOf(await s3.send(new GetObjectCommand({ Bucket, Key, VersionId })))).toString();

test("the states: none, Enabled, Suspended; anything else is refused", async () => {
  const Bucket = await world.bucket("state");
  assert.equal((await s3.send(new GetBucketVersioningCommand({ Bucket }))).Status, undefined);
  for (const state of ["Enabled", "Suspended", "Enabled"] as const) {
    await setState(Bucket, state);
    assert.equal((await s3.send(new GetBucketVersioningCommand({ Bucket }))).Status, state);
  }
  const wrong = await failure(setState(Bucket, "Disabled" as "Enabled"));
  assert.deepEqual([wrong.code, wrong.status], ["MalformedXML", 400]);
});

test("before versioning no version id is shown; the object is version null", async () => {
  const Bucket = await world.bucket("null");
  assert.equal(await put(Bucket, "k", "zero"), undefined);
  assert.equal(await read(Bucket, "k", "null"), "zero");
  await setState(Bucket, "Enabled");
  const one = await put(Bucket, "k", "one");
  assert.ok(one !== undefined && one !== "null");
  assert.equal(await read(Bucket, "k"), "one");
  assert.equal(await read(Bucket, "k", "null"), "zero");
  assert.equal((await s3.send(new HeadObjectCommand({ Bucket, Key: "k" }))).VersionId, one);
});

test("every version stays readable by its id, in every encryption and size", async () => {
  const Bucket = await versioned("all");
  const keyArn = await world.key();
  const inputs = [
    {},
    { ServerSideEncryption: "aws:kms", SSEKMSKeyId: keyArn },
    { ServerSideEncryption: "aws:kms:dsse", SSEKMSKeyId: keyArn },
  ] as const;
  const versions: { id: string | undefined; body: Buffer }[] = [];
  for (const [at, size] of [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK].entries()) {
    const body = bytesOf(size, at + 1);
    const { VersionId } = await s3.send(new PutObjectCommand({ Bucket, Key: "k", Body: body, ...inputs[at % 3] }));
    versions.push({ id: VersionId, body });
  }
  assert.equal(new Set(versions.map(({ id }) => id)).size, versions.length);
  for (const { id, body } of versions) {
    const got = await s3.send(new GetObjectCommand({ Bucket, Key: "k", VersionId: id }));
    assertBytes(await bodyOf(got), body);
    assert.equal(got.VersionId, id);
  }
});

test("a delete leaves a marker: GET 404 with x-amz-delete-marker, by version 405; removed, the object is back", async () => {
  const Bucket = await versioned("marker");
  const one = await put(Bucket, "k", "one");
  const gone = await s3.send(new DeleteObjectCommand({ Bucket, Key: "k" }));
  assert.equal(gone.DeleteMarker, true);
  assert.ok(gone.VersionId !== undefined && gone.VersionId !== one);
  const answer = await world.wire().send({ method: "GET", path: `/${Bucket}/k` });
  assert.deepEqual(
    [answer.status, answer.headers["x-amz-delete-marker"], answer.headers["x-amz-version-id"]],
    [404, "true", gone.VersionId],
  );
  assert.equal((await failure(s3.send(new GetObjectCommand({ Bucket, Key: "k" })))).code, "NoSuchKey");
  const byVersion = await failure(s3.send(new GetObjectCommand({ Bucket, Key: "k", VersionId: gone.VersionId })));
  assert.deepEqual([byVersion.code, byVersion.status], ["MethodNotAllowed", 405]);
  assert.equal((await failure(s3.send(new HeadObjectCommand({ Bucket, Key: "k", VersionId: gone.VersionId })))).status, 405);
  assert.equal(await read(Bucket, "k", one), "one");
  assert.equal((await s3.send(new ListObjectsV2Command({ Bucket }))).KeyCount, 0);
  const back = await s3.send(new DeleteObjectCommand({ Bucket, Key: "k", VersionId: gone.VersionId }));
  assert.deepEqual([back.DeleteMarker, back.VersionId], [true, gone.VersionId]);
  assert.equal(await read(Bucket, "k"), "one");
});

test("delete by version id removes that version for good; the one before becomes current", async () => {
  const Bucket = await versioned("by-id");
  const ids = [await put(Bucket, "k", "1"), await put(Bucket, "k", "2"), await put(Bucket, "k", "3")];
  await s3.send(new DeleteObjectCommand({ Bucket, Key: "k", VersionId: ids[1] }));
  assert.equal(await read(Bucket, "k"), "3");
  const removed = await s3.send(new DeleteObjectCommand({ Bucket, Key: "k", VersionId: ids[2] }));
  assert.deepEqual([removed.VersionId, removed.DeleteMarker], [ids[2], undefined]);
  assert.equal(await read(Bucket, "k"), "1");
  const error = await failure(s3.send(new GetObjectCommand({ Bucket, Key: "k", VersionId: ids[1] })));
  assert.deepEqual([error.code, error.status], ["NoSuchVersion", 404]);
  assert.equal(
    (await s3.send(new DeleteObjectCommand({ Bucket, Key: "k", VersionId: ids[1] }))).$metadata.httpStatusCode,
    204,
    "again is no error",
  );
});

test("a version id that cannot be one is InvalidArgument; one of another key is NoSuchVersion", async () => {
  const Bucket = await versioned("wrong-id");
  const one = await put(Bucket, "k", "1");
  await put(Bucket, "other", "2");
  const invalid = await failure(s3.send(new GetObjectCommand({ Bucket, Key: "k", VersionId: "not/a/version" })));
  assert.deepEqual([invalid.code, invalid.status], ["InvalidArgument", 400]);
  assert.equal((await failure(s3.send(new GetObjectCommand({ Bucket, Key: "other", VersionId: one })))).code, "NoSuchVersion");
});

test("suspended: writes replace the null version, deletes leave a null marker; older versions stay", async () => {
  const Bucket = await versioned("suspended");
  const one = await put(Bucket, "k", "one");
  await setState(Bucket, "Suspended");
  const two = await s3.send(new PutObjectCommand({ Bucket, Key: "k", Body: "two" }));
  assert.equal(two.VersionId, "null");
  await put(Bucket, "k", "three");
  assert.deepEqual(
    (await s3.send(new ListObjectVersionsCommand({ Bucket }))).Versions?.map(({ VersionId }) => VersionId),
    ["null", one],
  );
  const gone = await s3.send(new DeleteObjectCommand({ Bucket, Key: "k" }));
  assert.deepEqual([gone.DeleteMarker, gone.VersionId], [true, "null"]);
  assert.equal((await failure(s3.send(new GetObjectCommand({ Bucket, Key: "k" })))).code, "NoSuchKey");
  assert.equal(await read(Bucket, "k", one), "one");
  await s3.send(new DeleteObjectCommand({ Bucket, Key: "k", VersionId: "null" }));
  assert.equal(await read(Bucket, "k"), "one");
});

test("ListObjectVersions: keys in order, newest first within a key, markers between; any page size", async () => {
  const Bucket = await versioned("versions");
  const expected: string[] = [];
  for (const Key of ["a", "b/1", "b/2", "c"]) {
    const ids = [
      await put(Bucket, Key, "1"),
      (await s3.send(new DeleteObjectCommand({ Bucket, Key }))).VersionId,
      await put(Bucket, Key, "3"),
    ];
    expected.push(`${Key} ${ids[2]} true`, `${Key} ${ids[1]} false`, `${Key} ${ids[0]} false`);
  }
  for (const MaxKeys of [1, 2, 4, 5, 1000]) {
    const entries: string[] = [];
    let markers: { KeyMarker?: string | undefined; VersionIdMarker?: string | undefined } | undefined = {};
    while (markers !== undefined) {
      const page: Awaited<ReturnType<typeof listPage>> = await listPage(Bucket, MaxKeys, markers);
      const merged = [...(page.Versions ?? []), ...(page.DeleteMarkers ?? [])].map(
        ({ Key, VersionId, IsLatest }) => `${Key} ${VersionId} ${IsLatest}`,
      );
      merged.sort((a, b) => expected.indexOf(a) - expected.indexOf(b));
      assert.ok(merged.length <= MaxKeys);
      entries.push(...merged);
      markers =
        page.IsTruncated === true ? { KeyMarker: page.NextKeyMarker, VersionIdMarker: page.NextVersionIdMarker } : undefined;
    }
    assert.deepEqual(entries, expected, `pages of ${MaxKeys}`);
  }
  const wire = (await world.wire().send({ method: "GET", path: `/${Bucket}`, query: { versions: "" } })).body.toString();
  assert.deepEqual(
    [...wire.matchAll(/<(Version|DeleteMarker)>/g)].slice(0, 3).map((match) => match[1]),
    ["Version", "DeleteMarker", "Version"],
  );
  const grouped = await s3.send(new ListObjectVersionsCommand({ Bucket, Delimiter: "/" }));
  assert.deepEqual([grouped.CommonPrefixes?.map(({ Prefix }) => Prefix), grouped.Versions?.length], [["b/"], 4]);
});
const listPage = (
  Bucket: string,
  MaxKeys: number,
  markers: { KeyMarker?: string | undefined; VersionIdMarker?: string | undefined },
) => s3.send(new ListObjectVersionsCommand({ Bucket, MaxKeys, ...markers }));

test("copy of an old version, onto itself, restores it as a new version", async () => {
  const Bucket = await versioned("restore");
  const one = await put(Bucket, "k", "one");
  await put(Bucket, "k", "two");
  const copied = await s3.send(new CopyObjectCommand({ Bucket, Key: "k", CopySource: `${Bucket}/k?versionId=${one}` }));
  assert.equal(copied.CopySourceVersionId, one);
  assert.ok(copied.VersionId !== undefined && copied.VersionId !== one);
  assert.equal(await read(Bucket, "k"), "one");
  assert.equal((await s3.send(new ListObjectVersionsCommand({ Bucket }))).Versions?.length, 3);
});

test("tags belong to a version", async () => {
  const Bucket = await versioned("tags");
  const one = await put(Bucket, "k", "one");
  const two = await put(Bucket, "k", "two");
  await s3.send(
    new PutObjectTaggingCommand({ Bucket, Key: "k", VersionId: one, Tagging: { TagSet: [{ Key: "v", Value: "1" }] } }),
  );
  assert.deepEqual((await s3.send(new GetObjectTaggingCommand({ Bucket, Key: "k", VersionId: one }))).TagSet, [
    { Key: "v", Value: "1" },
  ]);
  const current = await s3.send(new GetObjectTaggingCommand({ Bucket, Key: "k" }));
  assert.deepEqual([current.TagSet, current.VersionId], [[], two]);
});

test("DeleteObjects: markers by key, removals by version", async () => {
  const Bucket = await versioned("multi");
  const one = await put(Bucket, "k", "one");
  const marked = await s3.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects: [{ Key: "k" }] } }));
  const entry = marked.Deleted?.[0];
  assert.equal(entry?.DeleteMarker, true);
  assert.ok(entry?.DeleteMarkerVersionId !== undefined && entry.VersionId === undefined);
  const removed = await s3.send(
    new DeleteObjectsCommand({
      Bucket,
      Delete: {
        Objects: [
          { Key: "k", VersionId: entry.DeleteMarkerVersionId },
          { Key: "k", VersionId: one },
        ],
      },
    }),
  );
  assert.deepEqual(removed.Deleted?.map(({ VersionId }) => VersionId).sort(), [entry.DeleteMarkerVersionId, one].sort());
  assert.equal((await s3.send(new ListObjectVersionsCommand({ Bucket }))).Versions, undefined);
});

test("twenty simultaneous writers make twenty versions, one of them current", async () => {
  const Bucket = await versioned("race");
  const ids = await Promise.all(Array.from({ length: 20 }, (_, at) => put(Bucket, "k", `writer ${at}`)));
  const listed = (await s3.send(new ListObjectVersionsCommand({ Bucket }))).Versions ?? [];
  assert.deepEqual(listed.map(({ VersionId }) => VersionId).sort(), [...ids].sort());
  assert.equal(listed.filter(({ IsLatest }) => IsLatest === true).length, 1);
  assert.equal(await read(Bucket, "k"), await read(Bucket, "k", listed[0]?.VersionId));
});

test("permissions of versions are their own: GetObjectVersion, DeleteObjectVersion", async () => {
  const Bucket = await versioned("rights");
  const one = await put(Bucket, "k", "one");
  const objects = `arn:aws:s3:::${Bucket}/*`;
  const person = await world.user("plain", [{ Effect: "Allow", Action: ["s3:GetObject", "s3:DeleteObject"], Resource: objects }]);
  assert.equal((await failure(person.s3.send(new GetObjectCommand({ Bucket, Key: "k", VersionId: one })))).status, 403);
  assert.equal((await failure(person.s3.send(new DeleteObjectCommand({ Bucket, Key: "k", VersionId: one })))).status, 403);
  await world.allow(person.name, [
    { Effect: "Allow", Action: ["s3:GetObjectVersion", "s3:DeleteObjectVersion"], Resource: objects },
  ]);
  await person.s3.send(new GetObjectCommand({ Bucket, Key: "k", VersionId: one })).then(bodyOf);
  assert.equal((await failure(person.s3.send(new GetObjectCommand({ Bucket, Key: "k" })))).status, 403);
  await person.s3.send(new DeleteObjectCommand({ Bucket, Key: "k", VersionId: one }));
});
