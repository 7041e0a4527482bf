import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { giveBack } from "@coffer/seal";
import { ServiceError } from "../../src/lib/errors.js";
import { DEFAULT_LIMITS } from "../../src/objects/deps.js";
import { collect, pattern, refused, TestBody, World } from "./world.js";

const CHUNK = 65536;
const SIZES = [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 300_000, 3 * 1024 * 1024 + 7];

const customer = (): { SSECustomerAlgorithm: string; SSECustomerKey: string; SSECustomerKeyMD5: string } => {
  const key = pattern(32, 99);
  const md5 = createHash("md5").update(key).digest("base64");
  return { SSECustomerAlgorithm: "AES256", SSECustomerKey: key.toString("base64"), SSECustomerKeyMD5: md5 };
};

for (const mode of ["AES256", "aws:kms", "bucket key", "aws:kms:dsse", "SSE-C"]) {
  test(`${mode}: what was put comes back, whole and in ranges, at every size around the edges`, async () => {
    const world = new World();
    await world.bucket();
    const read = mode === "SSE-C" ? customer() : {};
    const write =
      mode === "SSE-C"
        ? read
        : mode === "bucket key"
          ? { ServerSideEncryption: "aws:kms", BucketKeyEnabled: true }
          : { ServerSideEncryption: mode };
    for (const size of SIZES) {
      const bytes = pattern(size, size);
      const put = await world.put(`k${size}`, bytes, write);
      const got = await world.get(`k${size}`, read);
      assert.ok(got.bytes.equals(bytes), `${size}`);
      assert.equal(got["ContentLength"], size);
      // What lies inline is answered at once, in one piece.
      assert.equal(got["Body"] instanceof Uint8Array, size <= DEFAULT_LIMITS.inlineBytes, `${size}`);
      assert.equal(got["ETag"], put["ETag"]);
      const md5 = `"${createHash("md5").update(bytes).digest("hex")}"`;
      if (mode === "AES256") assert.equal(put["ETag"], md5);
      else assert.notEqual(put["ETag"], md5);
      for (const [start, end] of [
        [0, 0],
        [size - 1, size - 1],
        [CHUNK - 1, CHUNK],
        [1, size - 2],
      ] as const) {
        if (start < 0 || end >= size || end < start) continue;
        const part = await world.get(`k${size}`, { ...read, Range: `bytes=${start}-${end}` });
        assert.ok(part.bytes.equals(bytes.subarray(start, end + 1)), `${size} ${start}-${end}`);
        assert.equal(part["ContentRange"], `bytes ${start}-${end}/${size}`);
        assert.equal(part["$status"], 206);
      }
    }
  });
}

/** As the wire's: its pieces may be taken back. */
class GivingBody extends TestBody {
  done(piece: Uint8Array): void {
    giveBack(piece);
  }
}

test("pieces that are taken back once sealed arrive; views of others' memory and other bodies stay", async () => {
  const world = new World();
  await world.bucket();
  const sizes = [70_000, CHUNK, 1, 3 * CHUNK + 5, 12_345];
  const bytes = pattern(sizes.reduce((sum, size) => sum + size, 0));
  const views = (): Buffer[] => {
    let at = 0;
    return sizes.map((size) => bytes.subarray(at, (at += size)));
  };
  const own = (): Buffer[] => views().map((view) => Buffer.allocUnsafeSlow(view.length).fill(view));
  // The first is copied: until it is there, the body may be a small one.
  const taken = [70_000, 0, 0, 0, 0];
  for (const mode of ["AES256", "aws:kms:dsse"]) {
    for (const [body, pieces, left] of [
      [GivingBody, own(), taken],
      [GivingBody, views(), sizes],
      [TestBody, own(), sizes],
    ] as const) {
      const put = await world.put("k", new body(pieces), { ServerSideEncryption: mode });
      assert.ok((await world.get("k")).bytes.equals(bytes));
      if (mode === "AES256") assert.equal(put["ETag"], `"${createHash("md5").update(bytes).digest("hex")}"`);
      assert.deepEqual(pieces.map((piece) => piece.length), left);
    }
  }
});

test("nothing of the plaintext lies in the stores, and a flipped bit is an error before the first byte", async () => {
  const world = new World();
  await world.bucket();
  for (const size of [1000, 200_000]) {
    const bytes = Buffer.alloc(size, "canary ");
    await world.put("k", bytes, { Metadata: { secret: "canary metadata" }, Tagging: "t=canary" });
    const rows = await world.store.range({ from: Buffer.from([1]), to: Buffer.from([255]), limit: 1000 });
    for (const row of rows) assert.equal(row.bytes.includes("canary"), false, row.key.toString("hex"));
    for (const id of await world.blobs.list(undefined, 100))
      assert.equal((await collect(world.blobs.get(id))).includes("canary"), false);
  }
});

test("a body that does not verify leaves no object and no blob", async () => {
  const world = new World();
  await world.bucket();
  for (const size of [10, 200_000]) {
    const fails = new ServiceError("BadDigest", "The Content-MD5 you specified did not match what we received.");
    await refused(world.put("k", new TestBody(pattern(size), { fails })), "BadDigest");
    await refused(world.get("k"), "NoSuchKey");
    assert.deepEqual(await world.blobs.list(undefined, 10), []);
  }
});

/** A body that says nothing of its length, as a browser form's. */
class UndeclaredBody extends TestBody {
  override readonly declaredSizeBytes = undefined;
  closed = false;
  override async *[Symbol.asyncIterator](): AsyncGenerator<Buffer> {
    try {
      yield* super[Symbol.asyncIterator]();
    } finally {
      this.closed = true;
    }
  }
}

test("a body that grows over the limit on the way is closed, and leaves no object and no blob", async () => {
  for (const maxPutBytes of [1000, 120_000]) {
    const world = new World({ limits: { maxPutBytes } });
    await world.bucket();
    for (const size of [maxPutBytes + 1, maxPutBytes + 100_000]) {
      const body = new UndeclaredBody(pattern(size), { pieceBytes: 30_000 });
      await refused(world.put("k", body), "EntityTooLarge");
      assert.ok(body.closed, `${size}`);
      await refused(world.get("k"), "NoSuchKey");
      assert.deepEqual(await world.blobs.list(undefined, 10), []);
    }
  }
});

test("an overwrite replaces, the old blob becomes garbage", async () => {
  const world = new World();
  await world.bucket();
  await world.put("k", pattern(200_000, 1));
  await world.put("k", "small");
  assert.equal((await world.get("k")).bytes.toString(), "small");
  await world.put("k", pattern(100_000, 2));
  assert.ok((await world.get("k")).bytes.equals(pattern(100_000, 2)));
});

test("PUT, GET and HEAD show the encryption", async () => {
  const world = new World();
  await world.bucket();
  const arn = await world.key();
  const put = await world.put("k", "x", { ServerSideEncryption: "aws:kms", SSEKMSKeyId: arn.split("/")[1] });
  const head = await world.s3("HeadObject", { Bucket: "bucket", Key: "k" });
  for (const out of [put, head, await world.get("k")]) {
    assert.equal(out["ServerSideEncryption"], "aws:kms");
    assert.equal(out["SSEKMSKeyId"], arn);
    assert.equal(out["BucketKeyEnabled"], undefined);
  }
  assert.equal(head["ContentLength"], 1);
});

test("a disabled key closes GET and PUT at once, with and without bucket key; enabled again it opens", async () => {
  const world = new World();
  await world.bucket();
  const arn = await world.key();
  for (const BucketKeyEnabled of [false, true]) {
    const sse = { ServerSideEncryption: "aws:kms", SSEKMSKeyId: arn, BucketKeyEnabled };
    await world.put("k", "secret", sse);
    await world.get("k");
    await world.kms("DisableKey", { KeyId: arn });
    await refused(world.get("k"), "KMS.DisabledException", `${arn} is disabled.`);
    await refused(world.put("k2", "x", sse), "KMS.DisabledException", `${arn} is disabled.`);
    await world.kms("EnableKey", { KeyId: arn });
    assert.equal((await world.get("k")).bytes.toString(), "secret");
    await world.kms("ScheduleKeyDeletion", { KeyId: arn });
    await refused(world.get("k"), "KMS.KMSInvalidStateException", `${arn} is pending deletion.`);
    await world.kms("CancelKeyDeletion", { KeyId: arn });
    await world.kms("EnableKey", { KeyId: arn });
  }
});

test("stored headers come back as they were; what no header can carry, as its UTF-8", async () => {
  const world = new World();
  await world.bucket();
  const plain = { CacheControl: "no-store", ContentLanguage: "de", Expires: "soon", ContentType: "text/plain", ContentEncoding: "gzip" };
  const raw = Buffer.from("inline; filename=\"\u20ac.txt\"", "utf8").toString("latin1");
  for (const ContentDisposition of ["inline; filename=\"\u20ac.txt\"", raw]) {
    await world.put("k", "x", { ...plain, ContentEncoding: "aws-chunked, gzip,AWS-chunked", ContentDisposition });
    const out = await world.get("k");
    for (const [name, value] of Object.entries({ ...plain, ContentDisposition: raw })) assert.equal(out[name], value, name);
  }
});
