/**
 * Multipart uploads through the AWS SDK: parts in any order and of edge sizes, part copies, lists, Complete, Abort, in
 * every encryption. Source: S3 API reference §1.4, §3.2; S3 encryption reference §6, §9.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  DeleteBucketCommand,
  GetObjectAttributesCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListPartsCommand,
  PutObjectCommand,
  UploadPartCommand,
  UploadPartCopyCommand,
  type CompletedPart,
  type CreateMultipartUploadCommandInput,
} from "@aws-sdk/client-s3";
import { failure } from "./server.js";
import { assertBytes, bodyOf, bytesOf, CHUNK, MIB, openWorld, S3_ALL, withBody, withHeaders } from "./world.js";

const world = await openWorld();
const { s3, s3tls } = world;
const Bucket = await world.bucket("multipart");
const keyArn = await world.key();
const MIN = 5 * MIB;

interface Upload {
  readonly Bucket: string;
  readonly Key: string;
  readonly UploadId: string;
}

async function begin(Key: string, input: Partial<CreateMultipartUploadCommandInput> = {}): Promise<Upload> {
  const { UploadId } = await s3.send(new CreateMultipartUploadCommand({ Bucket, Key, ...input }));
  assert.ok(UploadId !== undefined);
  return { Bucket, Key, UploadId };
}
const send = async (upload: Upload, PartNumber: number, Body: Buffer | string, client = s3): Promise<CompletedPart> => {
  const { ETag } = await client.send(new UploadPartCommand({ ...upload, PartNumber, Body }));
  return { PartNumber, ETag };
};
const finish = (upload: Upload, Parts: CompletedPart[] | undefined) =>
  s3.send(new CompleteMultipartUploadCommand({ ...upload, MultipartUpload: { Parts } }));
const read = async (Key: string, Range?: string) => bodyOf(await s3.send(new GetObjectCommand({ Bucket, Key, Range })));

const MODES: Readonly<Record<string, Partial<CreateMultipartUploadCommandInput>>> = {
  "SSE-S3": {},
  "SSE-KMS": { ServerSideEncryption: "aws:kms", SSEKMSKeyId: keyArn },
  "SSE-KMS with bucket key": { ServerSideEncryption: "aws:kms", SSEKMSKeyId: keyArn, BucketKeyEnabled: true },
  DSSE: { ServerSideEncryption: "aws:kms:dsse", SSEKMSKeyId: keyArn },
};

for (const [mode, input] of Object.entries(MODES)) {
  test(`${mode}: parts of 5 MiB, 5 MiB + 1 and 1 byte, sent out of order, come back as one; ranges cross parts`, async () => {
    const Key = `order/${mode}`;
    const upload = await begin(Key, input);
    const bodies = [bytesOf(MIN, 1), bytesOf(MIN + 1, 2), bytesOf(1, 3)] as const;
    const third = await send(upload, 7, bodies[2]);
    const first = await send(upload, 1, bodies[0], s3tls);
    const second = await send(upload, 3, bodies[1]);
    const done = await finish(upload, [first, second, third]);
    const head = await s3.send(new HeadObjectCommand({ Bucket, Key }));
    const whole = Buffer.concat(bodies);
    for (const answer of [done, head]) {
      assert.match(answer.ETag ?? "", /^"[0-9a-f]{32}-3"$/);
      assert.equal(answer.ServerSideEncryption, input.ServerSideEncryption ?? "AES256");
      assert.equal(answer.SSEKMSKeyId, input.SSEKMSKeyId);
      assert.equal(answer.BucketKeyEnabled, input.BucketKeyEnabled);
    }
    assert.equal(head.ContentLength, whole.length);
    assertBytes(await read(Key), whole);
    const edges: readonly (readonly [number, number])[] = [
      [MIN - 1, MIN],
      [MIN - CHUNK - 1, MIN + CHUNK + 1],
      [2 * MIN, 2 * MIN + 1],
      [2 * MIN + 1, 2 * MIN + 1],
      [MIN, 2 * MIN],
      [0, 0],
    ];
    for (const [start, end] of edges) {
      assertBytes(await read(Key, `bytes=${start}-${end}`), whole.subarray(start, end + 1), `${start}-${end}`);
    }
    assertBytes(await read(Key, "bytes=-2"), whole.subarray(-2), "suffix");
  });
}

test("SSE-S3: the ETag is the MD5 of the parts' MD5s, as on AWS", async () => {
  const bodies = [bytesOf(MIN, 4), bytesOf(CHUNK, 5)];
  const upload = await begin("etag");
  const parts = [await send(upload, 1, bodies[0] ?? ""), await send(upload, 2, bodies[1] ?? "")];
  const md5s = bodies.map((body) => createHash("md5").update(body).digest());
  assert.deepEqual(
    parts.map(({ ETag }) => ETag),
    md5s.map((md5) => `"${md5.toString("hex")}"`),
  );
  const done = await finish(upload, parts);
  assert.equal(done.ETag, `"${createHash("md5").update(Buffer.concat(md5s)).digest("hex")}-2"`);
  assert.equal(done.Key, "etag");
  assert.equal(done.Bucket, Bucket);
  assert.match(done.Location ?? "", /etag$/);
});

test("one part of any size completes: 0, 1, chunk − 1, chunk, chunk + 1", async () => {
  for (const size of [0, 1, CHUNK - 1, CHUNK, CHUNK + 1]) {
    const upload = await begin(`single/${size}`);
    await finish(upload, [await send(upload, 1, bytesOf(size, 6))]);
    assertBytes(await read(`single/${size}`), bytesOf(size, 6), String(size));
  }
});

test("a part sent twice counts as sent last; parts not named in Complete are left out", async () => {
  const upload = await begin("again");
  await send(upload, 1, "first try");
  const second = await send(upload, 1, "second try");
  await send(upload, 2, "never named");
  await finish(upload, [second]);
  assert.equal((await read("again")).toString(), "second try");
});

test("5 MiB − 1 before the last part is EntityTooSmall; the upload goes on", async () => {
  const upload = await begin("small");
  const short = await send(upload, 1, bytesOf(MIN - 1));
  const last = await send(upload, 2, "x");
  const error = await failure(finish(upload, [short, last]));
  assert.deepEqual([error.code, error.status], ["EntityTooSmall", 400]);
  assert.equal((await failure(s3.send(new HeadObjectCommand({ Bucket, Key: "small" })))).status, 404);
  const full = await send(upload, 1, bytesOf(MIN, 9));
  await finish(upload, [full, last]);
  assertBytes(await read("small"), Buffer.concat([bytesOf(MIN, 9), Buffer.from("x")]));
});

test("Complete refuses: wrong order, a wrong ETag, a part never sent, no parts, an unknown upload", async () => {
  const upload = await begin("refuse");
  const one = await send(upload, 1, bytesOf(MIN));
  const two = await send(upload, 2, "x");
  for (const [parts, code] of [
    [[two, one], "InvalidPartOrder"],
    [[one, one], "InvalidPartOrder"],
    [[{ PartNumber: 1, ETag: '"00000000000000000000000000000000"' }], "InvalidPart"],
    [[one, { PartNumber: 3, ETag: two.ETag }], "InvalidPart"],
    [[], "MalformedXML"],
  ] as const) {
    const error = await failure(finish(upload, [...parts]));
    assert.deepEqual([error.code, error.status], [code, 400], JSON.stringify(parts));
  }
  const unknown = await failure(finish({ ...upload, UploadId: "no-such-upload" }, [one]));
  assert.deepEqual([unknown.code, unknown.status], ["NoSuchUpload", 404]);
  const elsewhere = await failure(finish({ ...upload, Key: "another-key" }, [one]));
  assert.deepEqual([elsewhere.code, elsewhere.status], ["NoSuchUpload", 404], "an upload id belongs to its key");
});

test("a Complete whose body is not XML is MalformedXML", async () => {
  const upload = await begin("malformed");
  const part = await send(upload, 1, "x");
  for (const body of ["", "{}", "<CompleteMultipartUpload>", "<CompleteMultipartUpload></CompleteMultipartUpload>", "<A/>"]) {
    const command = new CompleteMultipartUploadCommand({ ...upload, MultipartUpload: { Parts: [part] } });
    const error = await failure(s3.send(withBody(command, body)));
    assert.ok(
      ["MalformedXML", "InvalidRequest"].includes(error.code) && error.status === 400,
      `${JSON.stringify(body)}: ${error.code}`,
    );
  }
});

test("a repeated Complete of a finished upload answers 200 again with the same ETag", async () => {
  const upload = await begin("twice");
  const parts = [await send(upload, 1, "x")];
  const one = await finish(upload, parts);
  const two = await finish(upload, parts);
  assert.equal(two.ETag, one.ETag);
  assert.equal((await failure(s3.send(new UploadPartCommand({ ...upload, PartNumber: 2, Body: "late" })))).code, "NoSuchUpload");
});

test("of Complete, Abort and late parts at the same moment one order results: an object, or none, never a half", async () => {
  for (let round = 0; round < 10; round++) {
    const Key = `race/${round}`;
    const upload = await begin(Key);
    const parts = [await send(upload, 1, bytesOf(MIN, 1)), await send(upload, 2, "end")];
    const [completed, aborted] = await Promise.allSettled([
      finish(upload, parts),
      s3.send(new AbortMultipartUploadCommand(upload)),
      send(upload, 2, "other"),
    ]);
    const read = await s3
      .send(new GetObjectCommand({ Bucket, Key }))
      .then(bodyOf)
      .catch((error: Error) => error.name);
    if (completed?.status === "fulfilled") {
      assert.ok(Buffer.isBuffer(read), "completed, so it is there");
      assertBytes(read, Buffer.concat([bytesOf(MIN, 1), Buffer.from("end")]));
    } else {
      assert.equal(read, "NoSuchKey", String(aborted?.status));
    }
  }
});

test("part numbers are 1 to 10000", async () => {
  const upload = await begin("numbers");
  await send(upload, 1, "x");
  const last = await send(upload, 10_000, "y");
  for (const PartNumber of [0, -1, 10_001]) {
    const error = await failure(s3.send(new UploadPartCommand({ ...upload, PartNumber, Body: "z" })));
    assert.deepEqual([error.code, error.status], ["InvalidArgument", 400], String(PartNumber));
  }
  await finish(upload, [last]);
  assert.equal((await read("numbers")).toString(), "y");
});

test("UploadPart takes no SSE-S3 or SSE-KMS header", async () => {
  const upload = await begin("headers");
  const error = await failure(
    s3.send(
      withHeaders(new UploadPartCommand({ ...upload, PartNumber: 1, Body: "x" }), { "x-amz-server-side-encryption": "AES256" }),
    ),
  );
  assert.deepEqual(
    [error.code, error.status, error.message],
    ["InvalidArgument", 400, "x-amz-server-side-encryption header is not supported for this operation."],
  );
});

test("metadata, headers, tags and context of Create are the object's", async () => {
  const SSEKMSEncryptionContext = Buffer.from('{"a":"b"}').toString("base64");
  const upload = await begin("described", {
    Metadata: { one: "1" },
    ContentType: "a/b",
    CacheControl: "no-cache",
    ServerSideEncryption: "aws:kms",
    SSEKMSKeyId: keyArn,
    SSEKMSEncryptionContext,
    Tagging: "k=v",
  });
  await finish(upload, [await send(upload, 1, "x")]);
  const got = await s3.send(new GetObjectCommand({ Bucket, Key: "described" }));
  assert.deepEqual([got.Metadata, got.ContentType, got.CacheControl, got.TagCount], [{ one: "1" }, "a/b", "no-cache", 1]);
  assert.equal((await bodyOf(got)).toString(), "x");
});

test("GET and HEAD by partNumber: the part's bytes and the count of parts", async () => {
  const bodies = [bytesOf(MIN, 1), bytesOf(CHUNK + 3, 2)] as const;
  const upload = await begin("bypart");
  await finish(upload, [await send(upload, 2, bodies[0]), await send(upload, 5, bodies[1])]);
  for (const [at, body] of bodies.entries()) {
    const PartNumber = at + 1;
    const got = await s3.send(new GetObjectCommand({ Bucket, Key: "bypart", PartNumber }));
    assertBytes(await bodyOf(got), body);
    assert.deepEqual([got.PartsCount, got.$metadata.httpStatusCode], [2, 206]);
    const head = await s3.send(new HeadObjectCommand({ Bucket, Key: "bypart", PartNumber }));
    assert.deepEqual([head.ContentLength, head.PartsCount], [body.length, 2]);
  }
  const beyond = await failure(s3.send(new GetObjectCommand({ Bucket, Key: "bypart", PartNumber: 3 })));
  assert.deepEqual([beyond.code, beyond.status], ["InvalidPartNumber", 416]);
});

test("UploadPartCopy: whole objects and ranges, from every encryption into every encryption", async () => {
  const body = bytesOf(2 * CHUNK + 9, 11);
  for (const [from, source] of Object.entries(MODES))
    await s3.send(new PutObjectCommand({ Bucket, Key: `pc/${from}`, Body: body, ...source }));
  for (const [into, target] of Object.entries(MODES)) {
    for (const from of Object.keys(MODES)) {
      const Key = `pc/${from} to ${into}`;
      const upload = await begin(Key, target);
      const input = { ...upload, CopySource: encodeURIComponent(`${Bucket}/pc/${from}`), PartNumber: 1 };
      const copied = await s3.send(new UploadPartCopyCommand({ ...input, CopySourceRange: `bytes=${CHUNK - 1}-${CHUNK + 1}` }));
      assert.equal(copied.ServerSideEncryption, target.ServerSideEncryption ?? "AES256");
      await finish(upload, [{ PartNumber: 1, ETag: copied.CopyPartResult?.ETag }]);
      assertBytes(await read(Key), body.subarray(CHUNK - 1, CHUNK + 2), Key);
    }
  }
  const upload = await begin("pc/whole");
  const copied = await s3.send(new UploadPartCopyCommand({ ...upload, CopySource: `${Bucket}/pc/DSSE`, PartNumber: 1 }));
  await finish(upload, [{ PartNumber: 1, ETag: copied.CopyPartResult?.ETag }]);
  assertBytes(await read("pc/whole"), body);
});

test("UploadPartCopy refuses a range beyond the source, a malformed range, and an absent source", async () => {
  await s3.send(new PutObjectCommand({ Bucket, Key: "pc/short", Body: "0123456789" }));
  const upload = await begin("pc/refused");
  const input = { ...upload, PartNumber: 1, CopySource: `${Bucket}/pc/short` };
  for (const CopySourceRange of ["bytes=5-10", "bytes=0-", "bytes=-5", "0-5", "bytes=5-2"]) {
    const error = await failure(s3.send(new UploadPartCopyCommand({ ...input, CopySourceRange })));
    assert.ok(["InvalidArgument", "InvalidRequest", "InvalidRange"].includes(error.code), `${CopySourceRange}: ${error.code}`);
  }
  assert.equal(
    (await failure(s3.send(new UploadPartCopyCommand({ ...input, CopySource: `${Bucket}/absent` })))).code,
    "NoSuchKey",
  );
});

test("ListParts pages in order of number and shows size and ETag", async () => {
  const upload = await begin("listparts");
  const sizes = [9, 2, 14, 1];
  for (const PartNumber of sizes) await send(upload, PartNumber, "x".repeat(PartNumber));
  const first = await s3.send(new ListPartsCommand({ ...upload, MaxParts: 3 }));
  assert.deepEqual(
    first.Parts?.map(({ PartNumber, Size }) => [PartNumber, Size]),
    [
      [1, 1],
      [2, 2],
      [9, 9],
    ],
  );
  assert.deepEqual([first.IsTruncated, first.NextPartNumberMarker, first.MaxParts], [true, "9", 3]);
  const second = await s3.send(new ListPartsCommand({ ...upload, PartNumberMarker: first.NextPartNumberMarker }));
  assert.deepEqual([second.IsTruncated, second.Parts?.map(({ PartNumber }) => PartNumber)], [false, [14]]);
  assert.equal(second.Parts?.[0]?.ETag, `"${createHash("md5").update("x".repeat(14)).digest("hex")}"`);
  assert.equal((await failure(s3.send(new ListPartsCommand({ ...upload, UploadId: "nope" })))).code, "NoSuchUpload");
});

test("ListMultipartUploads: by key, then by start; prefix, delimiter, markers", async () => {
  const bucket = await world.bucket("uploads");
  const keys = ["b/1", "a", "b/2", "a", "c"];
  for (const Key of keys) await s3.send(new CreateMultipartUploadCommand({ Bucket: bucket, Key }));
  const all = await s3.send(new ListMultipartUploadsCommand({ Bucket: bucket }));
  assert.deepEqual(
    all.Uploads?.map(({ Key }) => Key),
    ["a", "a", "b/1", "b/2", "c"],
  );
  const grouped = await s3.send(new ListMultipartUploadsCommand({ Bucket: bucket, Delimiter: "/" }));
  assert.deepEqual(
    grouped.CommonPrefixes?.map(({ Prefix }) => Prefix),
    ["b/"],
  );
  const seen: string[] = [];
  let markers: { KeyMarker?: string | undefined; UploadIdMarker?: string | undefined } = {};
  for (let page = 0; page < 10; page++) {
    const answer = await s3.send(new ListMultipartUploadsCommand({ Bucket: bucket, MaxUploads: 1, ...markers }));
    seen.push(...(answer.Uploads ?? []).map(({ Key, UploadId }) => `${Key} ${UploadId}`));
    if (answer.IsTruncated !== true) break;
    markers = { KeyMarker: answer.NextKeyMarker, UploadIdMarker: answer.NextUploadIdMarker };
  }
  assert.equal(new Set(seen).size, 5);
  await s3.send(new DeleteBucketCommand({ Bucket: bucket }));
  assert.equal((await failure(s3.send(new ListMultipartUploadsCommand({ Bucket: bucket })))).code, "NoSuchBucket");
});

test("Abort: 204, parts gone, upload unknown; a second abort is NoSuchUpload", async () => {
  const upload = await begin("aborted");
  const part = await send(upload, 1, bytesOf(CHUNK * 3));
  assert.equal((await s3.send(new AbortMultipartUploadCommand(upload))).$metadata.httpStatusCode, 204);
  for (const refused of [
    () => finish(upload, [part]),
    () => send(upload, 2, "x"),
    () => s3.send(new ListPartsCommand(upload)),
    () => s3.send(new AbortMultipartUploadCommand(upload)),
  ]) {
    assert.equal((await failure(refused())).code, "NoSuchUpload");
  }
  assert.equal((await failure(s3.send(new HeadObjectCommand({ Bucket, Key: "aborted" })))).status, 404);
});

test("an open upload is no object: not listed, not read, not in the way of one", async () => {
  const upload = await begin("open");
  const part = await send(upload, 1, "from the upload");
  assert.equal((await failure(read("open"))).code, "NoSuchKey");
  await s3.send(new PutObjectCommand({ Bucket, Key: "open", Body: "put" }));
  assert.equal((await read("open")).toString(), "put");
  await finish(upload, [part]);
  assert.equal((await read("open")).toString(), "from the upload");
});

test("Complete with If-None-Match * on a key that exists is 412, and the upload goes on", async () => {
  await s3.send(new PutObjectCommand({ Bucket, Key: "exists", Body: "x" }));
  const upload = await begin("exists");
  const parts = [await send(upload, 1, "y")];
  const guarded = new CompleteMultipartUploadCommand({ ...upload, MultipartUpload: { Parts: parts }, IfNoneMatch: "*" });
  assert.deepEqual([(await failure(s3.send(guarded))).code], ["PreconditionFailed"]);
  assert.equal((await read("exists")).toString(), "x");
  await finish(upload, parts);
});

test("x-amz-mp-object-size that does not match is InvalidRequest", async () => {
  const upload = await begin("mpsize");
  const Parts = [await send(upload, 1, "12345")];
  const input = { ...upload, MultipartUpload: { Parts } };
  assert.equal(
    (await failure(s3.send(new CompleteMultipartUploadCommand({ ...input, MpuObjectSize: 4 })))).code,
    "InvalidRequest",
  );
  await s3.send(new CompleteMultipartUploadCommand({ ...input, MpuObjectSize: 5 }));
});

for (const [ChecksumAlgorithm, ChecksumType] of [
  ["CRC32", "FULL_OBJECT"],
  ["CRC32", "COMPOSITE"],
  ["CRC32C", "FULL_OBJECT"],
  ["CRC64NVME", "FULL_OBJECT"],
  ["SHA256", "COMPOSITE"],
  ["SHA1", "COMPOSITE"],
] as const) {
  test(`${ChecksumAlgorithm} ${ChecksumType} over parts: verified at Complete, shown where asked for`, async () => {
    const Key = `sum/${ChecksumAlgorithm}/${ChecksumType}`;
    const name = `Checksum${ChecksumAlgorithm}` as const;
    const upload = await begin(Key, { ChecksumAlgorithm, ChecksumType });
    const Parts: CompletedPart[] = [];
    for (const [at, Body] of [bytesOf(MIN, 1), bytesOf(1, 2)].entries()) {
      const part = await s3.send(new UploadPartCommand({ ...upload, PartNumber: at + 1, Body, ChecksumAlgorithm }));
      assert.ok(part[name] !== undefined);
      Parts.push({ PartNumber: at + 1, ETag: part.ETag, [name]: part[name] });
    }
    const done = await finish(upload, Parts);
    assert.equal(done.ChecksumType, ChecksumType);
    if (ChecksumType === "COMPOSITE") assert.match(done[name] ?? "", /-2$/);
    else assert.doesNotMatch(done[name] ?? "-", /-/);
    const head = await s3.send(new HeadObjectCommand({ Bucket, Key, ChecksumMode: "ENABLED" }));
    assert.equal(head[name], done[name]);
    const attributes = await s3.send(
      new GetObjectAttributesCommand({ Bucket, Key, ObjectAttributes: ["Checksum", "ObjectParts"] }),
    );
    assert.equal(attributes.ObjectParts?.TotalPartsCount, 2);
    await s3.send(new GetObjectCommand({ Bucket, Key, ChecksumMode: "ENABLED" })).then(bodyOf);
    const whole = await s3.send(
      new PutObjectCommand({
        Bucket,
        Key: "sum/whole",
        Body: Buffer.concat([bytesOf(MIN, 1), bytesOf(1, 2)]),
        ChecksumAlgorithm,
      }),
    );
    if (ChecksumType === "FULL_OBJECT") assert.equal(done[name], whole[name], "as of the object sent whole");
  });
}

test("sixty small parts: listed in pages, refused at Complete as too small", async () => {
  const upload = await begin("hundreds");
  const Parts: CompletedPart[] = [];
  for (let at = 1; at <= 60; at += 10) {
    Parts.push(
      ...(await Promise.all(Array.from({ length: 10 }, async (_, next) => send(upload, at + next, `part ${at + next}`)))),
    );
  }
  const error = await failure(finish(upload, Parts));
  assert.equal(error.code, "EntityTooSmall", "they are below 5 MiB");
  const seen: number[] = [];
  let PartNumberMarker: string | undefined;
  do {
    const page = await s3.send(new ListPartsCommand({ ...upload, MaxParts: 25, PartNumberMarker }));
    seen.push(...(page.Parts ?? []).map(({ PartNumber }) => PartNumber ?? 0));
    PartNumberMarker = page.IsTruncated === true ? page.NextPartNumberMarker : undefined;
  } while (PartNumberMarker !== undefined);
  assert.deepEqual(
    seen,
    Array.from({ length: 60 }, (_, at) => at + 1),
  );
  await s3.send(new AbortMultipartUploadCommand(upload));
});

test("permissions: PutObject for Create, parts and Complete; lists and Abort have their own", async () => {
  const person = await world.user("uploader", [
    { Effect: "Allow", Action: "s3:PutObject", Resource: `arn:aws:s3:::${Bucket}/*` },
  ]);
  const { UploadId } = await person.s3.send(new CreateMultipartUploadCommand({ Bucket, Key: "mine" }));
  const upload = { Bucket, Key: "mine", UploadId };
  await person.s3.send(new UploadPartCommand({ ...upload, PartNumber: 1, Body: "x" }));
  assert.equal((await failure(person.s3.send(new ListMultipartUploadsCommand({ Bucket })))).status, 403);
  const nobody = await world.user("nobody", [{ ...S3_ALL, Action: "s3:GetObject" }]);
  assert.equal((await failure(nobody.s3.send(new UploadPartCommand({ ...upload, PartNumber: 1, Body: "x" })))).status, 403);
  assert.equal((await failure(nobody.s3.send(new AbortMultipartUploadCommand(upload)))).status, 403);
  assert.equal((await failure(nobody.s3.send(new ListPartsCommand(upload)))).status, 403);
  assert.equal(
    (await failure(nobody.s3.send(new UploadPartCommand({ ...upload, UploadId: "absent", PartNumber: 1, Body: "x" })))).status,
    403,
    "no oracle of upload ids",
  );
});
