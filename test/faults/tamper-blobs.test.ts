/**
 * Sealed bodies on disk, changed, cut, lengthened, with pieces doubled, dropped or exchanged, and put in the place of other
 * parts, versions, objects and buckets: in every encryption, whole or in parts. A reader gets an error before the first
 * byte, or a connection that breaks; a copy is refused; a range that does not touch the damage is right. Never a wrong byte.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, unlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { pattern } from "../objects/world.js";
import { House, member } from "./house.js";

const directory = mkdtempSync(join(tmpdir(), "coffer-tamper-"));
const house = new House(directory);
await house.open();
after(async () => {
  await house.close();
  rmSync(directory, { recursive: true, force: true });
});

const CHUNK = 65_536;
/** A sealed chunk and its tag; before the first, a prefix (docs/spec/sealed-stream.md §2). DSSE: of its outer layer. */
const SEALED_CHUNK = CHUNK + 16;
const PREFIX = 56;
const SIZE = 3 * CHUNK + 1000;
const PART = 5 * 1024 * 1024;

const CUSTOMER_KEY = Buffer.alloc(32, 5);
const C = {
  SSECustomerAlgorithm: "AES256",
  SSECustomerKey: CUSTOMER_KEY.toString("base64"),
  SSECustomerKeyMD5: createHash("md5").update(CUSTOMER_KEY).digest("base64"),
};
const { KeyId } = member<{ KeyId: string }>(await house.call("kms", "CreateKey"), "KeyMetadata");
const KMS = { ServerSideEncryption: "aws:kms", SSEKMSKeyId: KeyId };
const MODES: Readonly<Record<string, object>> = {
  "SSE-S3": {},
  "SSE-KMS": KMS,
  "a bucket key": { ...KMS, BucketKeyEnabled: true },
  DSSE: { ...KMS, ServerSideEncryption: "aws:kms:dsse" },
  "SSE-C": C,
};

const blobs = (): string[] => {
  const entries = readdirSync(join(directory, "data", "blobs"), { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
};

/** The file that `write` adds. */
async function blobOf(write: () => Promise<unknown>): Promise<string> {
  const before = new Set(blobs());
  await write();
  const [made, ...more] = blobs().filter((path) => !before.has(path));
  assert.ok(made !== undefined && more.length === 0, "one file a body");
  return made;
}

for (const Bucket of ["one", "two"]) {
  member(await house.s3("CreateBucket", { Bucket }), "");
  member(await house.s3("PutBucketVersioning", { Bucket, VersioningConfiguration: { Status: "Enabled" } }), "");
}

interface Body {
  readonly path: string;
  readonly sealed: Buffer;
}

async function body(write: () => Promise<unknown>): Promise<Body> {
  const path = await blobOf(write);
  return { path, sealed: readFileSync(path) };
}

const put = (Bucket: string, Key: string, mode: string, seed: number) => async () =>
  member(await house.s3("PutObject", { Bucket, Key, ...MODES[mode] }, pattern(SIZE, seed)), "VersionId");

/** What can be done to a sealed body; `others`: sealed bodies of the same size from other places. */
function changes(sealed: Buffer, others: Readonly<Record<string, Buffer>>): Record<string, Buffer | undefined> {
  const first = PREFIX;
  const flipped = (at: number): Buffer => {
    const bytes = Buffer.from(sealed);
    bytes.writeUInt8(bytes.readUInt8(at) ^ 0x80, at);
    return bytes;
  };
  const chunk = (n: number): Buffer => sealed.subarray(first + n * SEALED_CHUNK, first + (n + 1) * SEALED_CHUNK);
  const [head, rest] = [sealed.subarray(0, first), sealed.subarray(first + 2 * SEALED_CHUNK)];
  return {
    "the first bit of the prefix": flipped(0),
    "the last byte of the prefix": flipped(first - 1),
    "the first byte of a chunk": flipped(first),
    "a byte in the middle": flipped(sealed.length >> 1),
    "the tag of the first chunk": flipped(first + SEALED_CHUNK - 1),
    "the last byte": flipped(sealed.length - 1),
    "cut by one byte": sealed.subarray(0, -1),
    "cut by the last chunk": sealed.subarray(0, first + 3 * SEALED_CHUNK),
    "cut to its prefix": sealed.subarray(0, first),
    "cut to nothing": Buffer.alloc(0),
    "longer by one byte": Buffer.concat([sealed, Buffer.alloc(1)]),
    "its last chunk twice": Buffer.concat([sealed, sealed.subarray(first + 3 * SEALED_CHUNK)]),
    "its first chunk twice": Buffer.concat([head, chunk(0), chunk(0), rest]),
    "two chunks exchanged": Buffer.concat([head, chunk(1), chunk(0), rest]),
    "a chunk left out": Buffer.concat([head, chunk(1), rest]),
    "deleted": undefined,
    ...others,
  };
}

/** Every way to read the body: nothing may succeed but what does not need the damaged bytes. */
async function assertNeverWrong(place: object, plain: Buffer, mode: string, what: string): Promise<void> {
  const reading = mode === "SSE-C" ? C : {};
  const before = await house.integrityEvents();
  const whole = await house.s3("GetObject", { ...place, ...reading });
  assert.ok(!whole.ok, `${what}: GetObject answered ${whole.ok ? 200 : 0}`);
  assert.ok(whole.status === 500 || whole.status === "broken", `${what}: ${whole.status} ${whole.code}`);
  assert.ok((await house.integrityEvents()) > before, `${what}: an integrity event`);
  assert.ok((await house.s3("HeadObject", { ...place, ...reading })).ok, `${what}: HeadObject needs no bytes`);
  for (const [start, end] of [[0, 99], [CHUNK - 10, CHUNK + 10], [SIZE - 50, SIZE - 1]] as const) {
    const got = await house.s3("GetObject", { ...place, ...reading, Range: `bytes=${start}-${end}` });
    if (got.ok) assert.ok(got.bytes.equals(plain.subarray(start, end + 1)), `${what}: wrong bytes ${start}-${end}`);
    else assert.ok(got.status === 500 || got.status === "broken", `${what}: ${got.status} ${got.code}`);
  }
  const { Bucket, Key, VersionId } = place as { Bucket: string; Key: string; VersionId?: string };
  const from = {
    CopySource: `${Bucket}/${Key}${VersionId === undefined ? "" : `?versionId=${VersionId}`}`,
    ...(mode !== "SSE-C" ? {} : Object.fromEntries(Object.entries(C).map(([name, value]) => [`CopySource${name}`, value]))),
  };
  const copied = await house.s3("CopyObject", { Bucket, Key: "copy", ...from });
  assert.ok(!copied.ok && (copied.status === 500 || copied.status === "broken"), `${what}: CopyObject`);
  const copy = await house.s3("HeadObject", { Bucket, Key: "copy" });
  assert.ok(!copy.ok && copy.status === 404, `${what}: a copy was made`);
}

for (const mode of Object.keys(MODES)) {
  test(`${mode}: a body on disk that is not what was written is never read as right`, async () => {
    const Key = `k-${mode.replaceAll(" ", "-")}`;
    const place = { Bucket: "one", Key };
    let VersionId: unknown;
    const older = await body(async () => (VersionId = await put("one", Key, mode, 1)()));
    const mine = await body(put("one", Key, mode, 2));
    const object = await body(put("one", `${Key}-other`, mode, 3));
    const bucket = await body(put("two", Key, mode, 2));
    const others = { "its older version's": older.sealed, "another object's": object.sealed, "another bucket's": bucket.sealed };
    for (const [what, bytes] of Object.entries(changes(mine.sealed, others))) {
      if (bytes === undefined) unlinkSync(mine.path);
      else writeFileSync(mine.path, bytes);
      await assertNeverWrong(place, pattern(SIZE, 2), mode, what);
      writeFileSync(mine.path, mine.sealed, { mode: 0o600 });
    }
    writeFileSync(older.path, mine.sealed);
    await assertNeverWrong({ ...place, VersionId }, pattern(SIZE, 1), mode, "an older version with the younger's body");
    writeFileSync(older.path, older.sealed);
    const got = await house.s3("GetObject", { ...place, ...(mode === "SSE-C" ? C : {}) });
    assert.ok(got.ok && got.bytes.equals(pattern(SIZE, 2)), "right again");
  });
}

test("parts that were exchanged, dropped or brought from another upload are never read as right", async () => {
  const upload = async (Key: string, seed: number): Promise<Body[]> => {
    const UploadId = member<string>(await house.s3("CreateMultipartUpload", { Bucket: "one", Key }), "UploadId");
    const Parts: object[] = [];
    const files: Body[] = [];
    for (const PartNumber of [1, 2]) {
      const part = { Bucket: "one", Key, UploadId, PartNumber };
      files.push(await body(async () => {
        Parts.push({ PartNumber, ETag: member(await house.s3("UploadPart", part, pattern(PART, seed + PartNumber)), "ETag") });
      }));
    }
    member(await house.s3("CompleteMultipartUpload", { Bucket: "one", Key, UploadId, MultipartUpload: { Parts } }), "ETag");
    return files;
  };
  const [first, second] = await upload("parts", 10);
  const [foreign] = await upload("other-parts", 10);
  assert.ok(first !== undefined && second !== undefined && foreign !== undefined);
  const whole = Buffer.concat([pattern(PART, 11), pattern(PART, 12)]);
  const read = async (what: string, pieces: readonly [Body, Buffer | undefined][]): Promise<void> => {
    for (const [{ path }, bytes] of pieces) {
      if (bytes === undefined) unlinkSync(path);
      else writeFileSync(path, bytes);
    }
    const before = await house.integrityEvents();
    const got = await house.s3("GetObject", { Bucket: "one", Key: "parts" });
    assert.ok(!got.ok && (got.status === 500 || got.status === "broken"), what);
    assert.ok((await house.integrityEvents()) > before, `${what}: an integrity event`);
    for (const PartNumber of [1, 2]) {
      const part = await house.s3("GetObject", { Bucket: "one", Key: "parts", PartNumber });
      if (part.ok) assert.ok(part.bytes.equals(pattern(PART, 10 + PartNumber)), `${what}: part ${PartNumber}`);
    }
    for (const { path, sealed } of [first, second]) writeFileSync(path, sealed);
  };
  await read("exchanged", [[first, second.sealed], [second, first.sealed]]);
  await read("the first twice", [[second, first.sealed]]);
  await read("of another upload", [[first, foreign.sealed]]);
  await read("the last one gone", [[second, undefined]]);
  await read("the last one cut by a chunk", [[second, second.sealed.subarray(0, -SEALED_CHUNK)]]);
  const changed = Buffer.from(second.sealed);
  changed.writeUInt8(changed.readUInt8(changed.length - 1) ^ 1, changed.length - 1);
  await read("a bit of the last one", [[second, changed]]);
  const got = await house.s3("GetObject", { Bucket: "one", Key: "parts" });
  assert.ok(got.ok && got.bytes.equals(whole), "right again");
});
