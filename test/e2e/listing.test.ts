/** ListObjects v1 and v2 and their paging: order, prefix, delimiter, markers, encoding. Source: S3 API reference §5.4. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ListObjectsCommand, ListObjectsV2Command, PutObjectCommand, type ListObjectsV2CommandInput } from "@aws-sdk/client-s3";
import { failure } from "./server.js";
import { openWorld, S3_ALL } from "./world.js";

const world = await openWorld();
const { s3 } = world;
const Bucket = await world.bucket("list");
const KEYS = [
  "a",
  "a/",
  "a/1",
  "a/2",
  "a/b/1",
  "a/b/2",
  "a0",
  "b",
  "b//1",
  "b//2",
  "B",
  "c d",
  "c+d",
  "é",
  "日",
  "z/1",
  "z/2",
  "z/3",
];
for (const Key of KEYS) await s3.send(new PutObjectCommand({ Bucket, Key, Body: Key }));
const inOrder = [...KEYS].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));

/** What a listing must say, told naively. */
function naive(keys: readonly string[], { prefix = "", delimiter = "", after = "" }): { keys: string[]; prefixes: string[] } {
  const out: { keys: string[]; prefixes: string[] } = { keys: [], prefixes: [] };
  for (const key of keys) {
    if (!key.startsWith(prefix)) continue;
    const at = delimiter === "" ? -1 : key.indexOf(delimiter, prefix.length);
    const group = at < 0 ? undefined : key.slice(0, at + delimiter.length);
    if (Buffer.compare(Buffer.from(group ?? key), Buffer.from(after)) <= 0 && after !== "") continue;
    if (group === undefined) out.keys.push(key);
    else if (!out.prefixes.includes(group)) out.prefixes.push(group);
  }
  return out;
}

async function allV2(
  input: Omit<ListObjectsV2CommandInput, "Bucket">,
): Promise<{ keys: string[]; prefixes: string[]; pages: number }> {
  const out = { keys: [] as string[], prefixes: [] as string[], pages: 0 };
  let ContinuationToken: string | undefined;
  do {
    const page = await s3.send(new ListObjectsV2Command({ Bucket, ...input, ContinuationToken }));
    out.keys.push(...(page.Contents ?? []).map(({ Key }) => Key ?? ""));
    out.prefixes.push(...(page.CommonPrefixes ?? []).map(({ Prefix }) => Prefix ?? ""));
    out.pages++;
    const count = (page.Contents?.length ?? 0) + (page.CommonPrefixes?.length ?? 0);
    assert.equal(page.KeyCount, count, "groups count as keys");
    assert.ok(count <= (input.MaxKeys ?? 1000));
    assert.equal(page.NextContinuationToken !== undefined, page.IsTruncated === true);
    ContinuationToken = page.NextContinuationToken;
  } while (ContinuationToken !== undefined);
  return out;
}

test("all keys, in the order of their UTF-8 bytes, with size, ETag, date and class", async () => {
  const page = await s3.send(new ListObjectsV2Command({ Bucket }));
  assert.deepEqual(
    page.Contents?.map(({ Key }) => Key),
    inOrder,
  );
  for (const { Key, Size, ETag, LastModified, StorageClass } of page.Contents ?? []) {
    assert.equal(Size, Buffer.byteLength(Key ?? ""));
    assert.match(ETag ?? "", /^"[0-9a-f]{32}"$/);
    assert.equal(StorageClass, "STANDARD");
    assert.ok(LastModified instanceof Date);
  }
  assert.deepEqual(
    [page.Name, page.MaxKeys, page.IsTruncated, page.KeyCount, page.Prefix],
    [Bucket, 1000, false, KEYS.length, ""],
  );
});

for (const Prefix of ["", "a", "a/", "a/b", "a/b/", "b//", "z", "zz", "é", "c"]) {
  for (const Delimiter of ["", "/", "//", "b", "é"]) {
    const asked = `prefix ${JSON.stringify(Prefix)}, delimiter ${JSON.stringify(Delimiter)}`;
    test(`v2 and v1 with ${asked}: every page size gives the same`, async () => {
      const expected = naive(inOrder, { prefix: Prefix, delimiter: Delimiter });
      const input = { Prefix, ...(Delimiter === "" ? {} : { Delimiter }) };
      for (const MaxKeys of [2, 1000]) {
        const { keys, prefixes } = await allV2({ ...input, MaxKeys });
        assert.deepEqual({ keys, prefixes }, expected, `v2, pages of ${MaxKeys}`);
      }
      const got: { keys: string[]; prefixes: string[] } = { keys: [], prefixes: [] };
      let Marker: string | undefined;
      do {
        const page = await s3.send(new ListObjectsCommand({ Bucket, ...input, MaxKeys: 2, Marker }));
        got.keys.push(...(page.Contents ?? []).map(({ Key }) => Key ?? ""));
        got.prefixes.push(...(page.CommonPrefixes ?? []).map((group) => group.Prefix ?? ""));
        if (Delimiter === "") assert.equal(page.NextMarker, undefined, "NextMarker only with a delimiter");
        Marker = page.IsTruncated === true ? (page.NextMarker ?? page.Contents?.at(-1)?.Key) : undefined;
      } while (Marker !== undefined);
      assert.deepEqual(got, expected, "v1");
    });
  }
}

test("StartAfter begins behind a key, there or not; a continuation token wins over it", async () => {
  for (const StartAfter of ["a/1", "a/1x", "0", "日", "\u{10ffff}"]) {
    assert.deepEqual((await allV2({ StartAfter })).keys, naive(inOrder, { after: StartAfter }).keys, StartAfter);
  }
  const first = await s3.send(new ListObjectsV2Command({ Bucket, MaxKeys: 3 }));
  const next = await s3.send(
    new ListObjectsV2Command({ Bucket, ContinuationToken: first.NextContinuationToken, StartAfter: "z" }),
  );
  assert.equal(next.Contents?.[0]?.Key, inOrder[3]);
});

test("max-keys: 0 is empty and not truncated, above 1000 is 1000, negative or no number is InvalidArgument", async () => {
  const none = await s3.send(new ListObjectsV2Command({ Bucket, MaxKeys: 0 }));
  assert.deepEqual([none.Contents, none.IsTruncated, none.KeyCount, none.MaxKeys], [undefined, false, 0, 0]);
  assert.equal((await s3.send(new ListObjectsV2Command({ Bucket, MaxKeys: 5000 }))).MaxKeys, 1000);
  assert.equal((await failure(s3.send(new ListObjectsV2Command({ Bucket, MaxKeys: -1 })))).code, "InvalidArgument");
  const answer = await world.wire().send({ method: "GET", path: `/${Bucket}`, query: { "list-type": "2", "max-keys": "many" } });
  assert.equal(answer.status, 400);
});

test("a made-up continuation token is InvalidArgument", async () => {
  const error = await failure(s3.send(new ListObjectsV2Command({ Bucket, ContinuationToken: "made-up" })));
  assert.deepEqual([error.code, error.status], ["InvalidArgument", 400]);
});

test("encoding-type=url encodes keys, prefixes, delimiter and markers", async () => {
  const page = await s3.send(new ListObjectsV2Command({ Bucket, EncodingType: "url", Prefix: "c", StartAfter: "c " }));
  assert.deepEqual(
    page.Contents?.map(({ Key }) => Key),
    ["c%20d", "c%2Bd"],
  );
  const groups = await s3.send(new ListObjectsV2Command({ Bucket, EncodingType: "url", Prefix: "é", Delimiter: "é" }));
  assert.deepEqual([groups.Prefix, groups.Delimiter], ["%C3%A9", "%C3%A9"]);
  assert.equal(
    (await failure(s3.send(new ListObjectsV2Command({ Bucket, EncodingType: "base64" as "url" })))).code,
    "InvalidArgument",
  );
});

test("FetchOwner shows the owner in v2; v1 always does", async () => {
  const without = await s3.send(new ListObjectsV2Command({ Bucket, MaxKeys: 1 }));
  assert.equal(without.Contents?.[0]?.Owner, undefined);
  const withOwner = await s3.send(new ListObjectsV2Command({ Bucket, MaxKeys: 1, FetchOwner: true }));
  assert.match(withOwner.Contents?.[0]?.Owner?.ID ?? "", /^[0-9a-f]{64}$/);
  assert.match((await s3.send(new ListObjectsCommand({ Bucket, MaxKeys: 1 }))).Contents?.[0]?.Owner?.ID ?? "", /^[0-9a-f]{64}$/);
});

test("1001 keys: a page of 1000 and one of 1; grouped, one prefix each", async () => {
  const many = await world.bucket("many");
  for (let at = 0; at < 1001; at += 91) {
    await Promise.all(
      Array.from({ length: Math.min(91, 1001 - at) }, (_, next) =>
        s3.send(new PutObjectCommand({ Bucket: many, Key: `${String(at + next).padStart(4, "0")}/x`, Body: "" })),
      ),
    );
  }
  const first = await s3.send(new ListObjectsV2Command({ Bucket: many }));
  assert.deepEqual([first.KeyCount, first.IsTruncated], [1000, true]);
  const rest = await s3.send(new ListObjectsV2Command({ Bucket: many, ContinuationToken: first.NextContinuationToken }));
  assert.deepEqual([rest.Contents?.map(({ Key }) => Key), rest.IsTruncated], [["1000/x"], false]);
  const grouped = await s3.send(new ListObjectsV2Command({ Bucket: many, Delimiter: "/" }));
  assert.deepEqual([grouped.CommonPrefixes?.length, grouped.IsTruncated], [1000, true]);
});

test("ListBucket with a condition on s3:prefix lets a user see his folder only", async () => {
  const person = await world.user("folder", [
    {
      Effect: "Allow",
      Action: "s3:ListBucket",
      Resource: `arn:aws:s3:::${Bucket}`,
      Condition: { StringLike: { "s3:prefix": "a/*" } },
    },
  ]);
  await person.s3.send(new ListObjectsV2Command({ Bucket, Prefix: "a/b" }));
  assert.equal((await failure(person.s3.send(new ListObjectsV2Command({ Bucket })))).status, 403);
  assert.equal((await failure(person.s3.send(new ListObjectsV2Command({ Bucket, Prefix: "b" })))).status, 403);
  await world.allow(person.name, [
    S3_ALL,
    { Effect: "Deny", Action: "s3:ListBucket", Resource: "*", Condition: { NumericGreaterThan: { "s3:max-keys": "10" } } },
  ]);
  await person.s3.send(new ListObjectsV2Command({ Bucket, MaxKeys: 10 }));
  assert.equal(
    (await failure(person.s3.send(new ListObjectsV2Command({ Bucket })))).status,
    403,
    "1000 is meant when nothing is said",
  );
});
