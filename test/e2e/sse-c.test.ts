/**
 * SSE-C: objects under keys that only the caller has, the whole validation table, and its blocking on buckets.
 * Source: S3 encryption reference §6, §8, §12.
 */
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { test } from "node:test";
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateMultipartUploadCommand,
  GetBucketEncryptionCommand,
  GetObjectAttributesCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutBucketEncryptionCommand,
  PutObjectCommand,
  UploadPartCommand,
  UploadPartCopyCommand,
} from "@aws-sdk/client-s3";
import { createPresignedPost } from "@aws-sdk/s3-presigned-post";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import { failure } from "./server.js";
import { assertBytes, bodyOf, bytesOf, CHUNK, codeOf, MIB, openWorld, S3_ALL, withHeaders } from "./world.js";

const world = await openWorld();
const { s3, s3tls } = world;

const openTo = (Bucket: string, EncryptionType: "NONE" | "SSE-C") =>
  s3.send(
    new PutBucketEncryptionCommand({
      Bucket,
      ServerSideEncryptionConfiguration: {
        Rules: [
          {
            ApplyServerSideEncryptionByDefault: { SSEAlgorithm: "AES256" },
            BlockedEncryptionTypes: { EncryptionType: [EncryptionType] },
          },
        ],
      },
    }),
  );
const Bucket = await world.bucket("ssec");
await openTo(Bucket, "NONE");

const key = Buffer.from("0123456789abcdef0123456789abcdef");
const wrong = Buffer.alloc(32, 9);
const SSE = "x-amz-server-side-encryption";
const base64 = (bytes: Buffer): string => bytes.toString("base64");
const md5 = (bytes: Buffer): string => createHash("md5").update(bytes).digest("base64");
/** The three headers; an override of undefined leaves one out. */
function headers(
  over: Readonly<Record<string, string | undefined>> = {},
  secret = key,
  prefix = SSE,
): Record<string, string | undefined> {
  const all = { algorithm: "AES256", key: base64(secret), "key-md5": md5(secret), ...over };
  return Object.fromEntries(Object.entries(all).map(([name, value]) => [`${prefix}-customer-${name}`, value]));
}
const SOURCE = "x-amz-copy-source-server-side-encryption";
const C = { SSECustomerAlgorithm: "AES256", SSECustomerKey: base64(key) } as const;
const C_SOURCE = { CopySourceSSECustomerAlgorithm: "AES256", CopySourceSSECustomerKey: base64(key) } as const;

for (const size of [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK + 1, 2 * MIB + 1]) {
  test(`${size} bytes come back to the one who has the key; ETag is no MD5; no server-side-encryption header`, async () => {
    const Key = `size/${size}`;
    const body = bytesOf(size, size + 3);
    const put = await s3tls.send(new PutObjectCommand({ Bucket, Key, Body: body, ...C }));
    const got = await s3.send(new GetObjectCommand({ Bucket, Key, ...C }));
    assertBytes(await bodyOf(got), body);
    const head = await s3.send(new HeadObjectCommand({ Bucket, Key, ...C }));
    assert.equal(head.ContentLength, size);
    for (const answer of [put, got, head]) {
      assert.deepEqual(
        [answer.SSECustomerAlgorithm, answer.SSECustomerKeyMD5, answer.ServerSideEncryption],
        ["AES256", md5(key), undefined],
      );
      assert.equal(answer.ETag, put.ETag);
    }
    assert.match(put.ETag ?? "", /^"[0-9a-f]{32}"$/);
    assert.notEqual(put.ETag, `"${createHash("md5").update(body).digest("hex")}"`);
  });
}

test("ranges across chunks", async () => {
  const body = bytesOf(3 * CHUNK + 11, 8);
  await s3.send(new PutObjectCommand({ Bucket, Key: "ranged", Body: body, ...C }));
  for (const [start, end] of [
    [0, 0],
    [CHUNK - 1, CHUNK],
    [CHUNK, 2 * CHUNK],
    [3 * CHUNK, 3 * CHUNK + 10],
  ] as const) {
    const got = await s3.send(new GetObjectCommand({ Bucket, Key: "ranged", Range: `bytes=${start}-${end}`, ...C }));
    assertBytes(await bodyOf(got), body.subarray(start, end + 1));
  }
});

test("any 32 bytes are a key, each object its own", async () => {
  for (const secret of [Buffer.alloc(32), Buffer.alloc(32, 255), randomBytes(32)]) {
    await s3.send(withHeaders(new PutObjectCommand({ Bucket, Key: base64(secret), Body: base64(secret) }), headers({}, secret)));
    const got = await s3.send(withHeaders(new GetObjectCommand({ Bucket, Key: base64(secret) }), headers({}, secret)));
    assert.equal((await bodyOf(got)).toString(), base64(secret));
  }
});

const INVALID_ALGORITHM = [
  "InvalidEncryptionAlgorithmError",
  "The Encryption request you specified is not valid. Supported value: AES256.",
] as const;
/** Requests that are wrong in themselves, whatever is stored. */
const WRITE_TABLE: readonly (readonly [string, Record<string, string | undefined>, string, string])[] = [
  [
    "SSE-C with x-amz-server-side-encryption",
    { ...headers(), [SSE]: "AES256" },
    "InvalidArgument",
    "Server Side Encryption with Customer provided key is incompatible with the encryption method specified",
  ],
  [
    "SSE-C with aws:kms",
    { ...headers(), [SSE]: "aws:kms" },
    "InvalidArgument",
    "Server Side Encryption with Customer provided key is incompatible with the encryption method specified",
  ],
  ["another algorithm", headers({ algorithm: "AES128" }), ...INVALID_ALGORITHM],
  ["the algorithm in lower case", headers({ algorithm: "aes256" }), ...INVALID_ALGORITHM],
  [
    "a key without algorithm",
    headers({ algorithm: undefined }),
    "InvalidArgument",
    "Requests specifying Server Side Encryption with Customer provided keys must provide a valid encryption algorithm.",
  ],
  [
    "an algorithm without key",
    headers({ key: undefined, "key-md5": undefined }),
    "InvalidArgument",
    "Requests specifying Server Side Encryption with Customer provided keys must provide an appropriate secret key.",
  ],
  ["no MD5", headers({ "key-md5": undefined }), "InvalidArgument", "The secret key was invalid for the specified algorithm."],
  [
    "a key of 31 bytes",
    headers({}, key.subarray(1)),
    "InvalidArgument",
    "The secret key was invalid for the specified algorithm.",
  ],
  [
    "a key of 33 bytes",
    headers({}, Buffer.concat([key, key.subarray(0, 1)])),
    "InvalidArgument",
    "The secret key was invalid for the specified algorithm.",
  ],
  [
    "a key that is no base64",
    headers({ key: "%%%" }),
    "InvalidArgument",
    "The secret key was invalid for the specified algorithm.",
  ],
  [
    "the MD5 of another key",
    headers({ "key-md5": md5(wrong) }),
    "InvalidArgument",
    "The calculated MD5 hash of the key did not match the hash that was provided.",
  ],
];

for (const [what, sent, code, message] of WRITE_TABLE) {
  test(`validation: ${what} → ${code} on PUT, copy and CreateMultipartUpload; nothing is stored`, async () => {
    await s3.send(new PutObjectCommand({ Bucket, Key: "plain", Body: "plain" }));
    for (const command of [
      new PutObjectCommand({ Bucket, Key: "bad", Body: "x" }),
      new PutObjectCommand({ Bucket, Key: "bad", Body: bytesOf(CHUNK + 1) }),
      new CopyObjectCommand({ Bucket, Key: "bad", CopySource: `${Bucket}/plain` }),
      new CreateMultipartUploadCommand({ Bucket, Key: "bad" }),
    ]) {
      const error = await failure(s3.send(withHeaders(command as PutObjectCommand, sent)));
      assert.deepEqual(error, { code, status: 400, message }, command.constructor.name);
    }
    assert.equal((await failure(s3.send(new HeadObjectCommand({ Bucket, Key: "bad" })))).status, 404);
  });
}

test("ArgumentName of the table is always x-amz-server-side-encryption; ArgumentValue AES256 for the clash", async () => {
  for (const [what, sent] of WRITE_TABLE) {
    const clean = Object.fromEntries(Object.entries(sent).filter((entry): entry is [string, string] => entry[1] !== undefined));
    const answer = await world.wire().send({ method: "PUT", path: `/${Bucket}/bad`, headers: clean, body: "x" });
    assert.match(answer.body.toString(), new RegExp(`<ArgumentName>${SSE}</ArgumentName>`), what);
    if (what === "SSE-C with x-amz-server-side-encryption")
      assert.match(answer.body.toString(), /<ArgumentValue>AES256<\/ArgumentValue>/);
  }
});

const STORED =
  "The object was stored using a form of Server Side Encryption. The correct parameters must be provided to retrieve the object.";
const CORRECT = "Requests specifying Server Side Encryption with Customer provided keys must provide the correct secret key.";
const READ_TABLE: readonly (readonly [string, Record<string, string | undefined>, number, string, string])[] = [
  ["no headers", {}, 400, "InvalidRequest", STORED],
  ["the wrong key", headers({}, wrong), 403, "AccessDenied", CORRECT],
  ["no MD5", headers({ "key-md5": undefined }), 403, "AccessDenied", CORRECT],
  ["another algorithm", headers({ algorithm: "AES128" }), 400, ...INVALID_ALGORITHM],
];

for (const [what, sent, status, code, message] of READ_TABLE) {
  test(`GET with ${what} → ${status} ${code}; HEAD is a bare ${status}; objects of no size leak`, async () => {
    for (const size of [0, 1, CHUNK + 1]) {
      const Key = `read/${size}`;
      await s3.send(new PutObjectCommand({ Bucket, Key, Body: bytesOf(size), ...C }));
      assert.deepEqual(await failure(s3.send(withHeaders(new GetObjectCommand({ Bucket, Key }), sent))), {
        code,
        status,
        message,
      });
      assert.equal((await failure(s3.send(withHeaders(new HeadObjectCommand({ Bucket, Key }), sent)))).status, status);
      const clean = Object.fromEntries(Object.entries(sent).filter((entry): entry is [string, string] => entry[1] !== undefined));
      const head = await world.wire().send({ method: "HEAD", path: `/${Bucket}/${Key}`, headers: clean });
      assert.equal(head.body.length, 0);
      assert.equal(head.headers.etag, undefined);
    }
  });

  test(`copy source with ${what} → ${status} ${code}`, async () => {
    await s3.send(new PutObjectCommand({ Bucket, Key: "copy/source", Body: "abc", ...C }));
    const asSource = Object.fromEntries(Object.entries(sent).map(([name, value]) => [name.replace(SSE, SOURCE), value]));
    const error = await failure(
      s3.send(withHeaders(new CopyObjectCommand({ Bucket, Key: "copy/none", CopySource: `${Bucket}/copy/source` }), asSource)),
    );
    assert.deepEqual([error.code, error.status], [code, status]);
    assert.equal((await failure(s3.send(new HeadObjectCommand({ Bucket, Key: "copy/none" })))).status, 404);
  });
}

test("SSE-C headers on the read of an object without SSE-C are refused", async () => {
  await s3.send(new PutObjectCommand({ Bucket, Key: "plain", Body: "plain" }));
  const error = await failure(s3.send(new GetObjectCommand({ Bucket, Key: "plain", ...C })));
  assert.equal(error.status, 400);
});

test("copies: into SSE-C, out of it, to another key", async () => {
  await s3.send(new PutObjectCommand({ Bucket, Key: "c/plain", Body: "abc" }));
  const into = await s3.send(new CopyObjectCommand({ Bucket, Key: "c/c", CopySource: `${Bucket}/c/plain`, ...C }));
  assert.deepEqual(
    [into.SSECustomerAlgorithm, into.SSECustomerKeyMD5, into.ServerSideEncryption],
    ["AES256", md5(key), undefined],
  );
  const other = { SSECustomerAlgorithm: "AES256", SSECustomerKey: base64(wrong) } as const;
  await s3.send(new CopyObjectCommand({ Bucket, Key: "c/other", CopySource: `${Bucket}/c/c`, ...C_SOURCE, ...other }));
  assert.equal((await bodyOf(await s3.send(new GetObjectCommand({ Bucket, Key: "c/other", ...other })))).toString(), "abc");
  assert.equal((await failure(s3.send(new GetObjectCommand({ Bucket, Key: "c/other", ...C })))).status, 403);
  await s3.send(
    new CopyObjectCommand({
      Bucket,
      Key: "c/out",
      CopySource: `${Bucket}/c/other`,
      CopySourceSSECustomerAlgorithm: "AES256",
      CopySourceSSECustomerKey: base64(wrong),
    }),
  );
  assert.equal((await bodyOf(await s3.send(new GetObjectCommand({ Bucket, Key: "c/out" })))).toString(), "abc");
});

test("attributes show checksums only to the key", async () => {
  await s3.send(new PutObjectCommand({ Bucket, Key: "attributes", Body: "abc", ChecksumAlgorithm: "SHA256", ...C }));
  const input = { Bucket, Key: "attributes", ObjectAttributes: ["Checksum", "ObjectSize"] } as const;
  assert.equal(
    (await failure(s3.send(new GetObjectAttributesCommand({ ...input, ObjectAttributes: ["Checksum", "ObjectSize"] })))).status,
    400,
  );
  const got = await s3.send(new GetObjectAttributesCommand({ ...input, ObjectAttributes: ["Checksum", "ObjectSize"], ...C }));
  assert.equal(got.Checksum?.ChecksumSHA256, createHash("sha256").update("abc").digest("base64"));
});

test("multipart: parts need the upload's key; without, with another, or on a plain upload they are refused", async () => {
  const Key = "multipart";
  const { UploadId, SSECustomerKeyMD5 } = await s3.send(new CreateMultipartUploadCommand({ Bucket, Key, ...C }));
  assert.equal(SSECustomerKeyMD5, md5(key));
  const bodies = [bytesOf(5 * MIB, 1), bytesOf(CHUNK + 1, 2)] as const;
  const ETags: (string | undefined)[] = [];
  for (const [at, Body] of bodies.entries()) {
    const part = await s3.send(new UploadPartCommand({ Bucket, Key, UploadId, PartNumber: at + 1, Body, ...C }));
    assert.deepEqual([part.SSECustomerAlgorithm, part.SSECustomerKeyMD5], ["AES256", md5(key)]);
    ETags.push(part.ETag);
  }
  const part = { Bucket, Key, UploadId, PartNumber: 3, Body: "x" };
  assert.deepEqual(await failure(s3.send(new UploadPartCommand(part))), {
    code: "InvalidRequest",
    status: 400,
    message:
      "The multipart upload initiate requested encryption. Subsequent part requests must include the appropriate encryption parameters.",
  });
  assert.deepEqual(await failure(s3.send(withHeaders(new UploadPartCommand(part), headers({}, wrong)))), {
    code: "InvalidRequest",
    status: 400,
    message: "The provided encryption parameters did not match the ones used originally.",
  });
  const Parts = ETags.map((ETag, at) => ({ PartNumber: at + 1, ETag }));
  const done = await s3.send(new CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload: { Parts }, ...C }));
  assert.match(done.ETag ?? "", /^"[0-9a-f]{32}-2"$/);
  const whole = Buffer.concat(bodies);
  assertBytes(await bodyOf(await s3.send(new GetObjectCommand({ Bucket, Key, ...C }))), whole);
  const Range = `bytes=${5 * MIB - 3}-${5 * MIB + 3}`;
  assertBytes(
    await bodyOf(await s3.send(new GetObjectCommand({ Bucket, Key, Range, ...C }))),
    whole.subarray(5 * MIB - 3, 5 * MIB + 4),
  );
  assert.equal((await failure(s3.send(new GetObjectCommand({ Bucket, Key })))).status, 400);

  const plain = await s3.send(new CreateMultipartUploadCommand({ Bucket, Key: "plain-upload" }));
  const reversed = await failure(
    s3.send(new UploadPartCommand({ Bucket, Key: "plain-upload", UploadId: plain.UploadId, PartNumber: 1, Body: "x", ...C })),
  );
  assert.deepEqual([reversed.code, reversed.status], ["InvalidRequest", 400]);
  await s3.send(new AbortMultipartUploadCommand({ Bucket, Key: "plain-upload", UploadId: plain.UploadId }));
});

test("part copies out of and into SSE-C", async () => {
  await s3.send(new PutObjectCommand({ Bucket, Key: "pc/source", Body: bytesOf(CHUNK * 2, 4), ...C }));
  const Key = "pc/target";
  const { UploadId } = await s3.send(new CreateMultipartUploadCommand({ Bucket, Key, ...C }));
  const input = { Bucket, Key, UploadId, PartNumber: 1, CopySource: `${Bucket}/pc/source`, CopySourceRange: `bytes=1-${CHUNK}` };
  assert.equal(
    (await failure(s3.send(new UploadPartCopyCommand({ ...input, ...C })))).code,
    "InvalidRequest",
    "the source's key is needed",
  );
  const copied = await s3.send(new UploadPartCopyCommand({ ...input, ...C, ...C_SOURCE }));
  const Parts = [{ PartNumber: 1, ETag: copied.CopyPartResult?.ETag }];
  await s3.send(new CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload: { Parts }, ...C }));
  assertBytes(
    await bodyOf(await s3.send(new GetObjectCommand({ Bucket, Key, ...C }))),
    bytesOf(CHUNK * 2, 4).subarray(1, CHUNK + 1),
  );
});

test("new buckets block SSE-C: every write path is 403; NONE opens them; blocking again leaves objects readable", async () => {
  const fresh = await world.bucket("blocked");
  const rule = (await s3.send(new GetBucketEncryptionCommand({ Bucket: fresh }))).ServerSideEncryptionConfiguration?.Rules?.[0];
  assert.deepEqual(rule?.BlockedEncryptionTypes?.EncryptionType, ["SSE-C"]);
  await s3.send(new PutObjectCommand({ Bucket: fresh, Key: "plain", Body: "plain" }));
  const blocked = async (): Promise<void> => {
    for (const command of [
      new PutObjectCommand({ Bucket: fresh, Key: "k", Body: "x", ...C }),
      new CopyObjectCommand({ Bucket: fresh, Key: "k", CopySource: `${fresh}/plain`, ...C }),
      new CreateMultipartUploadCommand({ Bucket: fresh, Key: "k", ...C }),
    ]) {
      const error = await failure(s3.send(command as PutObjectCommand));
      assert.deepEqual([error.code, error.status], ["AccessDenied", 403], command.constructor.name);
    }
    const { url, fields } = await createPresignedPost(s3, {
      Bucket: fresh,
      Key: "k",
      Fields: headers() as Record<string, string>,
      Conditions: [
        ["starts-with", `$${SSE}-customer-algorithm`, ""],
        ["starts-with", `$${SSE}-customer-key`, ""],
        ["starts-with", `$${SSE}-customer-key-md5`, ""],
      ],
    });
    const form = new FormData();
    for (const [name, value] of Object.entries(fields)) form.append(name, value);
    form.append("file", new Blob(["x"]));
    const answer = await fetch(url, { method: "POST", body: form });
    assert.deepEqual([answer.status, codeOf(await answer.text())], [403, "AccessDenied"], "POST form");
  };
  await blocked();
  await openTo(fresh, "NONE");
  await s3.send(new PutObjectCommand({ Bucket: fresh, Key: "kept", Body: "kept", ...C }));
  await openTo(fresh, "SSE-C");
  await blocked();
  assert.equal((await bodyOf(await s3.send(new GetObjectCommand({ Bucket: fresh, Key: "kept", ...C })))).toString(), "kept");
  assert.deepEqual(
    (await s3.send(new ListObjectsV2Command({ Bucket: fresh }))).Contents?.map(({ Key }) => Key),
    ["kept", "plain"],
  );
});

/** A browser form with SSE fields, covered by its policy whatever they are. */
async function postForm(fields: Readonly<Record<string, string | undefined>>): Promise<string> {
  const given = Object.entries(fields).filter((entry): entry is [string, string] => entry[1] !== undefined);
  const Conditions = given.map(([name]) => ["starts-with" as const, `$${name}`, ""] as ["starts-with", string, string]);
  const { url, fields: all } = await createPresignedPost(s3, {
    Bucket,
    Key: "posted",
    Fields: Object.fromEntries(given),
    Conditions,
  });
  const form = new FormData();
  for (const [name, value] of Object.entries(all)) form.append(name, value);
  form.append("file", new Blob(["posted"]));
  const answer = await fetch(url, { method: "POST", body: form });
  const text = await answer.text();
  return answer.ok ? "" : `${answer.status} ${codeOf(text)} ${/<Message>([^<]*)/.exec(text)?.[1] ?? ""}`;
}

test("browser forms: SSE-C fields encrypt; every row of the table holds for them", async () => {
  assert.equal(await postForm(headers()), "");
  const got = await s3.send(new GetObjectCommand({ Bucket, Key: "posted", ...C }));
  assert.equal((await bodyOf(got)).toString(), "posted");
  for (const [what, sent, code, message] of WRITE_TABLE) assert.equal(await postForm(sent), `400 ${code} ${message}`, what);
});

test("a presigned SSE-C URL signs the algorithm; key and MD5 are the user's to send", async () => {
  const signed = [`${SSE}-customer-algorithm`, `${SSE}-customer-key`, `${SSE}-customer-key-md5`];
  for (const [method, command] of [
    ["PUT", new PutObjectCommand({ Bucket, Key: "presigned", ...C })],
    ["GET", new GetObjectCommand({ Bucket, Key: "presigned", ...C })],
  ] as const) {
    const url = await getSignedUrl(s3, command as GetObjectCommand, { unhoistableHeaders: new Set(signed) });
    assert.ok(!url.includes(encodeURIComponent(base64(key))), "the key is not in the URL");
    const path = url.slice(url.indexOf("/", 8));
    const host = new URL(url).host;
    const without = await world.raw({ method, path, headers: { host }, ...(method === "PUT" ? { body: "x" } : {}) });
    assert.equal(without.status, 403);
    const sent = await world.raw({
      method,
      path,
      headers: { host, ...(headers() as Record<string, string>) },
      ...(method === "PUT" ? { body: "presigned" } : {}),
    });
    assert.equal(sent.status, 200, sent.text);
    if (method === "GET") assert.equal(sent.text, "presigned");
  }
});

test("SSE-C needs no KMS right, and gives no right of S3", async () => {
  await s3.send(new PutObjectCommand({ Bucket, Key: "rights", Body: "abc", ...C }));
  const reader = await world.user("reader", [S3_ALL]);
  assert.equal((await bodyOf(await reader.s3.send(new GetObjectCommand({ Bucket, Key: "rights", ...C })))).toString(), "abc");
  const nobody = await world.user("nobody");
  assert.deepEqual(await failure(nobody.s3.send(new GetObjectCommand({ Bucket, Key: "rights", ...C }))), {
    code: "AccessDenied",
    status: 403,
    message: "Access Denied",
  });
});
