import assert from "node:assert/strict";
import { test } from "node:test";
import { refused, World, type Out } from "./world.js";

const KEYS = ["a", "a ", "a!", "a/", "a/b", "a/b/c", "a//b", "b", "b/", "dir/x", "dir/y/z", "é", "z\u0001", "😀"];
const byBytes = (keys: readonly string[]): string[] =>
  [...keys].sort((one, two) => Buffer.compare(Buffer.from(one), Buffer.from(two)));

async function filled(): Promise<World> {
  const world = new World();
  await world.bucket();
  for (const key of KEYS) await world.put(key, key);
  return world;
}
const keysOf = (out: Out): string[] => (out["Contents"] as { Key: string }[]).map((one) => one.Key);
const prefixesOf = (out: Out): string[] => (out["CommonPrefixes"] as { Prefix: string }[]).map((one) => one.Prefix);

/** What S3 would list, the slow way. */
function naive(prefix: string, delimiter: string): string[] {
  const names = byBytes(KEYS).filter((key) => key.startsWith(prefix));
  const grouped = names.map((key) => {
    const at = delimiter === "" ? -1 : key.indexOf(delimiter, prefix.length);
    return at < 0 ? key : `${key.slice(0, at + delimiter.length)}|`;
  });
  return [...new Set(grouped)];
}

test("keys of any shape come back byte-exact, in order of their bytes", async () => {
  const world = await filled();
  assert.deepEqual(keysOf(await world.s3("ListObjectsV2", { Bucket: "bucket" })), byBytes(KEYS));
  for (const key of KEYS) assert.equal((await world.get(key)).bytes.toString(), key);
});

for (const version of ["ListObjects", "ListObjectsV2"]) {
  test(`${version}: every prefix and delimiter, at every page size, equals the naive listing`, async () => {
    const world = await filled();
    for (const Prefix of ["", "a", "a/", "b/", "dir/", "nothing"]) {
      for (const Delimiter of ["", "/", "b", "//"]) {
        for (const MaxKeys of [1, 2, 3, 1000]) {
          const seen: string[] = [];
          let marker: object = {};
          for (let more = true; more;) {
            const input = { Bucket: "bucket", Prefix, MaxKeys, ...(Delimiter === "" ? {} : { Delimiter }), ...marker };
            const out = await world.s3(version, input);
            const page = [...keysOf(out), ...prefixesOf(out).map((prefix) => `${prefix}|`)];
            assert.ok(page.length <= MaxKeys);
            assert.ok(seen.length <= 100, `endless: ${JSON.stringify([input, page])}`);
            if (version === "ListObjectsV2") assert.equal(out["KeyCount"], page.length);
            seen.push(...page);
            more = out["IsTruncated"] === true;
            if (version === "ListObjectsV2") marker = { ContinuationToken: out["NextContinuationToken"] };
            else marker = { Marker: out["NextMarker"] ?? keysOf(out).at(-1) };
          }
          assert.deepEqual(byBytes(seen), byBytes(naive(Prefix, Delimiter)), `${Prefix} ${Delimiter} ${MaxKeys}`);
          assert.equal(seen.length, new Set(seen).size);
        }
      }
    }
  });
}

test("max-keys 0 is empty and not truncated, more than 1000 is 1000, negative is an error", async () => {
  const world = await filled();
  const none = await world.s3("ListObjectsV2", { Bucket: "bucket", MaxKeys: 0 });
  assert.deepEqual([none["KeyCount"], none["IsTruncated"], none["MaxKeys"]], [0, false, 0]);
  assert.equal((await world.s3("ListObjectsV2", { Bucket: "bucket", MaxKeys: 5000 }))["MaxKeys"], 1000);
  await refused(world.s3("ListObjectsV2", { Bucket: "bucket", MaxKeys: -1 }), "InvalidArgument");
  await refused(world.s3("ListObjectsV2", { Bucket: "bucket", ContinuationToken: "x" }), "InvalidArgument");
  await refused(world.s3("ListObjectsV2", { Bucket: "bucket", ContinuationToken: "" }), "InvalidArgument");
});

test("start-after is exclusive; encoding-type=url encodes every name", async () => {
  const world = await filled();
  const out = await world.s3("ListObjectsV2", { Bucket: "bucket", StartAfter: "dir/x", EncodingType: "url", FetchOwner: true });
  assert.deepEqual(keysOf(out), ["dir/y/z", "z%01", "%C3%A9", "%F0%9F%98%80"]);
  assert.deepEqual((out["Contents"] as { Owner: object }[])[0]?.Owner, { ID: "111122223333".padEnd(64, "0") });
  await refused(world.s3("ListObjects", { Bucket: "bucket", EncodingType: "xml" }), "InvalidArgument");
});

test("a policy can limit listing to a prefix", async () => {
  const world = await filled();
  const alice = world.allow("alice", [
    {
      Effect: "Allow",
      Action: "s3:ListBucket",
      Resource: "arn:aws:s3:::bucket",
      Condition: { StringEquals: { "s3:prefix": "dir/" } },
    },
  ]);
  await world.s3("ListObjectsV2", { Bucket: "bucket", Prefix: "dir/" }, { as: alice });
  await refused(world.s3("ListObjectsV2", { Bucket: "bucket", Prefix: "a" }, { as: alice }), "AccessDenied");
  await refused(world.s3("ListObjectsV2", { Bucket: "bucket" }, { as: alice }), "AccessDenied");
});
