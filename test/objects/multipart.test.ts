import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { HOUR_MS } from "../../src/lib/clock.js";
import { sweepStep } from "../../src/objects/sweep.js";
import { memoryMetadataStore } from "../../src/stores/memory-metadata.js";
import { Space } from "../../src/stores/spaces.js";
import { checksum, compositeChecksum } from "../../src/wire/checksums.js";
import { changedStore } from "../stores/changed-store.js";
import { pattern, refused, TestBody, World, type Out } from "./world.js";

const MIN = 100_000;

async function begin(world: World, input: object = {}, Key = "big"): Promise<{ Bucket: string; Key: string; UploadId: string }> {
  const { UploadId } = await world.s3("CreateMultipartUpload", { Bucket: "bucket", Key, ...input });
  return { Bucket: "bucket", Key, UploadId: UploadId as string };
}
const md5 = (bytes: Buffer): string => createHash("md5").update(bytes).digest("hex");
const customer = (seed = 99): object => {
  const key = pattern(32, seed);
  return {
    SSECustomerAlgorithm: "AES256",
    SSECustomerKey: key.toString("base64"),
    SSECustomerKeyMD5: createHash("md5").update(key).digest("base64"),
  };
};

for (const mode of ["AES256", "aws:kms", "bucket key", "aws:kms:dsse", "SSE-C"]) {
  test(`${mode}: parts in any order, one replaced, become one object that reads whole, in ranges and by part`, async () => {
    const world = new World();
    await world.bucket();
    const sse =
      mode === "SSE-C"
        ? customer()
        : mode === "bucket key"
          ? { ServerSideEncryption: "aws:kms", BucketKeyEnabled: true }
          : { ServerSideEncryption: mode };
    const read = mode === "SSE-C" ? customer() : {};
    const upload = await begin(world, sse);
    const bytes = [pattern(MIN, 1), pattern(MIN + 65536, 2), pattern(10, 3)];
    const etags: string[] = [];
    await world.s3("UploadPart", { ...upload, ...read, PartNumber: 2 }, { body: pattern(MIN, 77) });
    for (const at of [2, 0, 1]) {
      const part = bytes[at] ?? Buffer.alloc(0);
      const out = await world.s3("UploadPart", { ...upload, ...read, PartNumber: at + 1 }, { body: part });
      etags[at] = out["ETag"] as string;
      if (mode === "AES256") assert.equal(out["ETag"], `"${md5(part)}"`);
      if (mode !== "SSE-C") assert.equal(out["ServerSideEncryption"], mode === "bucket key" ? "aws:kms" : mode);
    }
    const Parts = etags.map((ETag, at) => ({ PartNumber: at + 1, ETag }));
    const done = await world.s3("CompleteMultipartUpload", { ...upload, MultipartUpload: { Parts } });
    const raw = Buffer.concat(etags.map((etag) => Buffer.from(etag.slice(1, -1), "hex")));
    assert.equal(done["ETag"], `"${md5(raw)}-3"`);
    const whole = Buffer.concat(bytes);
    assert.equal(done["ChecksumCRC64NVME"], (await checksum("CRC64NVME", whole)).toString("base64"));
    const got = await world.get("big", { ...read, ChecksumMode: "ENABLED" });
    assert.ok(got.bytes.equals(whole));
    assert.equal(got["ETag"], done["ETag"]);
    assert.equal(got["ChecksumType"], "FULL_OBJECT");
    for (const [start, end] of [
      [0, 0],
      [MIN - 1, MIN],
      [MIN - 5, 2 * MIN + 65540],
      [whole.length - 11, whole.length - 1],
      [MIN + 65535, MIN + 65537],
    ] as const) {
      const range = await world.get("big", { ...read, Range: `bytes=${start}-${end}` });
      assert.ok(range.bytes.equals(whole.subarray(start, end + 1)), `${start}-${end}`);
    }
    for (const [at, part] of bytes.entries()) {
      const one = await world.get("big", { ...read, PartNumber: at + 1 });
      assert.ok(one.bytes.equals(part));
      assert.equal(one["PartsCount"], 3);
      assert.equal(one["$status"], 206);
    }
    await refused(world.get("big", { ...read, PartNumber: 4 }), "InvalidPartNumber");
    const again = await world.s3("CompleteMultipartUpload", { ...upload, MultipartUpload: { Parts } });
    assert.deepEqual(again, done);
    await refused(world.s3("UploadPart", { ...upload, ...read, PartNumber: 1 }, { body: pattern(5) }), "NoSuchUpload");
  });
}

test("part lists are checked: order, presence, ETag, size; a refused Complete leaves the upload open", async () => {
  const world = new World();
  await world.bucket();
  const upload = await begin(world);
  const put = async (PartNumber: number, size: number): Promise<string> =>
    (await world.s3("UploadPart", { ...upload, PartNumber }, { body: pattern(size, PartNumber) }))["ETag"] as string;
  const first = await put(1, MIN - 1);
  const second = await put(2, 5);
  const complete = (Parts: object[] | undefined, more: object = {}): Promise<unknown> =>
    world.s3("CompleteMultipartUpload", { ...upload, MultipartUpload: { Parts }, ...more });
  await refused(complete([]), "MalformedXML");
  await refused(complete(undefined), "MalformedXML");
  await refused(
    complete([
      { PartNumber: 2, ETag: second },
      { PartNumber: 1, ETag: first },
    ]),
    "InvalidPartOrder",
  );
  await refused(
    complete([
      { PartNumber: 1, ETag: first },
      { PartNumber: 1, ETag: first },
    ]),
    "InvalidPartOrder",
  );
  await refused(complete([{ PartNumber: 1, ETag: second }]), "InvalidPart");
  await refused(complete([{ PartNumber: 3, ETag: second }]), "InvalidPart");
  const error = await refused(
    complete([
      { PartNumber: 1, ETag: first },
      { PartNumber: 2, ETag: second },
    ]),
    "EntityTooSmall",
  );
  assert.deepEqual(error.detail.fields, {
    ProposedSize: String(MIN - 1),
    MinSizeAllowed: String(MIN),
    PartNumber: "1",
    ETag: first.slice(1, -1),
  });
  const enough = await put(1, MIN);
  const Parts = [
    { PartNumber: 1, ETag: enough },
    { PartNumber: 2, ETag: second },
  ];
  await refused(complete(Parts, { MpuObjectSize: 7 }), "InvalidRequest");
  await refused(complete(Parts, { ChecksumCRC64NVME: "AAAAAAAAAAA=" }), "BadDigest");
  await refused(complete(Parts, { IfMatch: '"x"' }), "NoSuchKey");
  await complete(Parts, { MpuObjectSize: MIN + 5, IfNoneMatch: "*" });
  const other = await begin(world);
  await refused(
    world.s3("CompleteMultipartUpload", { ...other, MultipartUpload: { Parts }, IfNoneMatch: "*" }),
    "PreconditionFailed",
  );
});

test("composite checksums: per part, over the parts, shown by GetObjectAttributes", async () => {
  const world = new World();
  await world.bucket();
  const upload = await begin(world, { ChecksumAlgorithm: "SHA256" });
  const bytes = [pattern(MIN, 1), pattern(3, 2)];
  const Parts: object[] = [];
  for (const [at, part] of bytes.entries()) {
    const out = await world.s3(
      "UploadPart",
      { ...upload, PartNumber: at + 1 },
      { body: new TestBody(part, { claimed: "SHA256" }) },
    );
    assert.equal(out["ChecksumSHA256"], (await checksum("SHA256", part)).toString("base64"));
    Parts.push({ PartNumber: at + 1, ETag: out["ETag"], ChecksumSHA256: out["ChecksumSHA256"] });
  }
  await refused(
    world.s3("UploadPart", { ...upload, PartNumber: 3 }, { body: new TestBody(pattern(1), { claimed: "CRC32" }) }),
    "InvalidRequest",
    "Checksum Type mismatch occurred, expected checksum Type: sha256, actual checksum Type: crc32",
  );
  const bare = Parts.map((part) => ({ ...part, ChecksumSHA256: undefined }));
  await refused(
    world.s3("CompleteMultipartUpload", { ...upload, MultipartUpload: { Parts: bare } }),
    "InvalidRequest",
    /missing for part 1/,
  );
  const done = await world.s3("CompleteMultipartUpload", { ...upload, MultipartUpload: { Parts } });
  const digests = await Promise.all(bytes.map((part) => checksum("SHA256", part)));
  assert.equal(done["ChecksumSHA256"], await compositeChecksum("SHA256", digests));
  assert.equal(done["ChecksumType"], "COMPOSITE");
  const ObjectAttributes = ["Checksum", "ObjectParts", "ObjectSize", "ETag"];
  const attributes = await world.s3("GetObjectAttributes", { Bucket: "bucket", Key: "big", ObjectAttributes });
  const parts = attributes["ObjectParts"] as { TotalPartsCount: number; Parts: { Size: number }[] };
  assert.equal(parts.TotalPartsCount, 2);
  assert.deepEqual(
    parts.Parts.map((part) => part.Size),
    [MIN, 3],
  );
});

test("checksum kinds that S3 does not offer are refused", async () => {
  const world = new World();
  await world.bucket();
  for (const input of [
    { ChecksumType: "FULL_OBJECT" },
    { ChecksumAlgorithm: "SHA1", ChecksumType: "FULL_OBJECT" },
    { ChecksumAlgorithm: "CRC64NVME", ChecksumType: "COMPOSITE" },
    { ChecksumAlgorithm: "SHA3" },
  ])
    await refused(begin(world, input), "InvalidRequest");
});

test("SSE-C parts must come with the upload's key", async () => {
  const world = new World();
  await world.bucket();
  const upload = await begin(world, customer());
  const text =
    "The multipart upload initiate requested encryption. Subsequent part requests must include the appropriate encryption parameters.";
  const body = pattern(5);
  await refused(world.s3("UploadPart", { ...upload, PartNumber: 1 }, { body }), "InvalidRequest", text);
  await refused(
    world.s3("UploadPart", { ...upload, PartNumber: 1, ...customer(5) }, { body }),
    "InvalidRequest",
    "The provided encryption parameters did not match the ones used originally.",
  );
  const plain = await begin(world);
  await refused(world.s3("UploadPart", { ...plain, PartNumber: 1, ...customer() }, { body }), "InvalidRequest", text);
});

test("UploadPartCopy takes a range of any object, whatever its encryption", async () => {
  const world = new World();
  await world.bucket();
  const source = pattern(300_000, 4);
  await world.put("src", source, { ServerSideEncryption: "aws:kms" });
  const upload = await begin(world, { ServerSideEncryption: "aws:kms:dsse" });
  const one = await world.s3("UploadPartCopy", {
    ...upload,
    PartNumber: 1,
    CopySource: "/bucket/src",
    CopySourceRange: "bytes=10-150009",
  });
  const two = await world.s3("UploadPartCopy", { ...upload, PartNumber: 2, CopySource: "bucket/src" });
  const Parts = [one, two].map((out, at) => ({ PartNumber: at + 1, ETag: (out["CopyPartResult"] as { ETag: string }).ETag }));
  await refused(
    world.s3("UploadPartCopy", { ...upload, PartNumber: 3, CopySource: "bucket/src", CopySourceRange: "bytes=0-300000" }),
    "InvalidArgument",
  );
  await world.s3("CompleteMultipartUpload", { ...upload, MultipartUpload: { Parts } });
  assert.ok((await world.get("big")).bytes.equals(Buffer.concat([source.subarray(10, 150_010), source])));
});

test("an aborted upload is gone; a part under way when it is aborted leaves nothing", async () => {
  const world = new World();
  await world.bucket();
  const upload = await begin(world);
  const abort = async (): Promise<void> => void (await world.s3("AbortMultipartUpload", upload));
  let once = true;
  const between = async (): Promise<void> => {
    if (once) await ((once = false), abort());
  };
  await refused(
    world.s3("UploadPart", { ...upload, PartNumber: 1 }, { body: new TestBody(pattern(MIN), { between }) }),
    "NoSuchUpload",
  );
  await refused(world.s3("ListParts", upload), "NoSuchUpload");
  await refused(world.s3("AbortMultipartUpload", upload), "NoSuchUpload");
  assert.deepEqual(await world.blobs.list(undefined, 10), []);
});

test("a Complete while a part is under way: the part loses, the object has the parts that were listed", async () => {
  const world = new World();
  await world.bucket();
  const upload = await begin(world);
  const out = await world.s3("UploadPart", { ...upload, PartNumber: 1 }, { body: pattern(MIN, 1) });
  let once = true;
  const between = async (): Promise<void> => {
    if (!once) return;
    once = false;
    const Parts = [{ PartNumber: 1, ETag: out["ETag"] }];
    await world.s3("CompleteMultipartUpload", { ...upload, MultipartUpload: { Parts } });
  };
  await refused(
    world.s3("UploadPart", { ...upload, PartNumber: 1 }, { body: new TestBody(pattern(MIN, 2), { between }) }),
    "NoSuchUpload",
  );
  assert.ok((await world.get("big")).bytes.equals(pattern(MIN, 1)));
});

test("listings of parts and uploads page by their markers", async () => {
  const world = new World();
  await world.bucket();
  const uploads = [await begin(world, {}, "a/1"), await begin(world, {}, "a/1"), await begin(world, {}, "b")];
  const first = uploads[0];
  assert.ok(first !== undefined);
  for (const PartNumber of [3, 1, 2]) await world.s3("UploadPart", { ...first, PartNumber }, { body: pattern(PartNumber) });
  const page = await world.s3("ListParts", { ...first, MaxParts: 2 });
  assert.deepEqual(
    (page["Parts"] as { PartNumber: number }[]).map((part) => part.PartNumber),
    [1, 2],
  );
  assert.equal(page["NextPartNumberMarker"], "2");
  assert.equal(page["IsTruncated"], true);
  const rest = await world.s3("ListParts", { ...first, PartNumberMarker: "2" });
  assert.deepEqual(
    (rest["Parts"] as { Size: number }[]).map((part) => part.Size),
    [3],
  );
  const seen: string[] = [];
  let markers: object = {};
  for (let more = true; more;) {
    const out = await world.s3("ListMultipartUploads", { Bucket: "bucket", MaxUploads: 1, ...markers });
    for (const { UploadId } of out["Uploads"] as { UploadId: string }[]) seen.push(UploadId);
    markers = { KeyMarker: out["NextKeyMarker"], UploadIdMarker: out["NextUploadIdMarker"] };
    more = out["IsTruncated"] === true;
  }
  assert.deepEqual(new Set(seen), new Set(uploads.map((upload) => upload.UploadId)));
  assert.equal(seen.length, 3);
  const grouped = await world.s3("ListMultipartUploads", { Bucket: "bucket", Delimiter: "/" });
  assert.deepEqual(grouped["CommonPrefixes"], [{ Prefix: "a/" }]);
});

test("pages that a lost Complete with more parts left behind keep no part alive", async () => {
  const world = new World();
  await world.bucket();
  const upload = await begin(world);
  const sizes = [MIN, MIN + 1];
  const Parts: { PartNumber: number; ETag: unknown }[] = [];
  for (const [at, size] of sizes.entries()) {
    const { ETag } = await world.s3("UploadPart", { ...upload, PartNumber: at + 1 }, { body: pattern(size) });
    Parts.push({ PartNumber: at + 1, ETag });
  }
  const { buckets, partTables, uploadParts } = world.room.tables;
  const inc = (await buckets.get("bucket"))?.clear.incarnation ?? "";
  const rows = await uploadParts.list({ prefix: [inc, upload.UploadId], limit: 2 });
  const entries = rows.map(({ clear }) => ({ n: clear.partNumber, segment: clear.segment }));
  const page = { clear: { count: 2 }, sealed: Buffer.from(JSON.stringify(entries)) };
  await world.store.commit({ puts: [partTables.put(partTables.key(inc, upload.UploadId, 1), page)] });
  await world.s3("CompleteMultipartUpload", { ...upload, MultipartUpload: { Parts: Parts.slice(1) } });
  world.clock.advance(3 * HOUR_MS);
  while ((await sweepStep(world.room)) === "more");
  assert.equal((await world.blobs.list(undefined, 9)).length, 1);
  assert.equal((await world.get("big")).bytes.length, MIN + 1);
});

test("uploads are grouped by their keys alone, whatever their ids look like", async () => {
  const world = new World();
  await world.bucket();
  for (const Key of ["k", "a0/1", "a0/2"]) await begin(world, {}, Key);
  for (const [Delimiter, keys, groups] of [
    ["0", ["k"], ["a0"]],
    ["/", ["k"], ["a0/"]],
    ["f", ["a0/1", "a0/2", "k"], []],
  ] as const) {
    const out = await world.s3("ListMultipartUploads", { Bucket: "bucket", Delimiter });
    assert.deepEqual((out["Uploads"] as { Key: string }[]).map(({ Key }) => Key), keys);
    assert.deepEqual((out["CommonPrefixes"] as { Prefix: string }[]).map(({ Prefix }) => Prefix), groups);
  }
});

test("a Complete that died behind its fence does not keep the next one waiting; one that only slept loses", async () => {
  for (const ending of ["dies", "sleeps"] as const) {
    const inner = memoryMetadataStore();
    let wake: (() => void) | undefined;
    let isHeld = false;
    const store = changedStore(inner, {
      commit: async (batch) => {
        // What makes the object exist: the first of its kind waits.
        const isLast = batch.puts?.some(({ key }) => key[0] === Space.heads) === true;
        if (isLast && wake === undefined) {
          isHeld = true;
          await new Promise<void>((resolve) => (wake = resolve));
        }
        return inner.commit(batch);
      },
    });
    const world = new World({ store });
    await world.bucket();
    const at = { Bucket: "bucket", Key: "k" };
    const { UploadId } = await world.s3("CreateMultipartUpload", at);
    const { ETag } = await world.s3("UploadPart", { ...at, UploadId, PartNumber: 1 }, { body: Buffer.from("part") });
    const complete = (): Promise<Out> =>
      world.s3("CompleteMultipartUpload", { ...at, UploadId, MultipartUpload: { Parts: [{ PartNumber: 1, ETag }] } });
    const first = complete();
    first.catch(() => undefined);
    while (!isHeld) await new Promise((resolve) => setImmediate(resolve));
    const answer = await complete();
    if (ending === "sleeps") {
      wake?.();
      await refused(first, "OperationAborted");
    }
    assert.deepEqual(await complete(), answer);
    assert.equal((await world.get("k")).bytes.toString(), "part");
  }
});

test("of two Completes with different parts, the one whose fence was taken over before it read it back loses", async () => {
  const inner = memoryMetadataStore();
  let overtake: (() => Promise<Out>) | undefined;
  const held: (() => void)[] = [];
  let overtaking: Promise<Out> | undefined;
  const store = changedStore(inner, {
    commit: async (batch) => {
      // The second one's part table waits until the first one's stands: it would be the one that is read.
      const isTable = batch.puts?.some(({ key }) => key[0] === Space.partTables) === true;
      if (isTable && overtaking !== undefined && held.length === 0) await new Promise<void>((resolve) => held.push(resolve));
      const result = await inner.commit(batch);
      const isFence = batch.puts?.length === 1 && batch.puts[0]?.key[0] === Space.uploads;
      if (!isFence || overtake === undefined) return result;
      // Committed, but this worker is busy and hears of it late: meanwhile another Complete sets its own fence.
      const begin = overtake;
      overtake = undefined;
      overtaking = begin();
      overtaking.catch(() => undefined);
      while (held.length === 0) await new Promise((resolve) => setImmediate(resolve));
      return result;
    },
  });
  const world = new World({ store });
  await world.bucket();
  const upload = await begin(world);
  const put = async (PartNumber: number): Promise<object> => {
    const { ETag } = await world.s3("UploadPart", { ...upload, PartNumber }, { body: pattern(MIN, PartNumber) });
    return { PartNumber, ETag };
  };
  const [one, two] = [await put(1), await put(2)];
  const complete = (...Parts: object[]): Promise<Out> =>
    world.s3("CompleteMultipartUpload", { ...upload, MultipartUpload: { Parts } });
  overtake = () => complete(two);
  const first = complete(one);
  await refused(first, "OperationAborted");
  held[0]?.();
  await overtaking;
  assert.deepEqual((await world.get("big")).bytes, pattern(MIN, 2));
});
