/**
 * Presigned URLs and browser forms: verified, bound to what was signed, expiring; the signer's rights count when they are
 * used. Source: S3 encryption reference §9; S3 API reference §5.3.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  UploadPartCommand,
  CreateMultipartUploadCommand,
  CompleteMultipartUploadCommand,
} from "@aws-sdk/client-s3";
import { createPresignedPost, type PresignedPostOptions } from "@aws-sdk/s3-presigned-post";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import { DisableKeyCommand, EnableKeyCommand } from "@aws-sdk/client-kms";
import { failure, s3Client } from "./server.js";
import { assertBytes, bodyOf, bytesOf, CHUNK, codeOf, KMS_ALL, openWorld, S3_ALL } from "./world.js";

const world = await openWorld();
const { s3, s3tls, kms } = world;
const Bucket = await world.bucket("signed");
await s3.send(new PutObjectCommand({ Bucket, Key: "k", Body: "hello" }));
type Method = "GET" | "PUT" | "HEAD" | "DELETE";

async function use(url: string, method: Method = "GET", body?: Buffer | string, headers: Readonly<Record<string, string>> = {}) {
  const parsed = new URL(url);
  return world.raw({
    method,
    path: url.slice(url.indexOf("/", 8)),
    headers: { host: parsed.host, ...headers },
    https: parsed.protocol === "https:",
    ...(body === undefined ? {} : { body }),
  });
}

for (const [scheme, client] of [
  ["http", s3],
  ["https", s3tls],
] as const) {
  test(`presigned GET, HEAD, PUT, DELETE and list over ${scheme}`, async () => {
    assert.equal((await use(await getSignedUrl(client, new GetObjectCommand({ Bucket, Key: "k" })))).text, "hello");
    assert.equal((await use(await getSignedUrl(client, new HeadObjectCommand({ Bucket, Key: "k" })), "HEAD")).status, 200);
    const body = bytesOf(CHUNK + 1);
    assert.equal((await use(await getSignedUrl(client, new PutObjectCommand({ Bucket, Key: "put" })), "PUT", body)).status, 200);
    assertBytes(await bodyOf(await s3.send(new GetObjectCommand({ Bucket, Key: "put" }))), body);
    assert.match(
      (await use(await getSignedUrl(client, new ListObjectsV2Command({ Bucket, Prefix: "pu" })))).text,
      /<Key>put<\/Key>/,
    );
    assert.equal((await use(await getSignedUrl(client, new DeleteObjectCommand({ Bucket, Key: "put" })), "DELETE")).status, 204);
  });
}

test("a changed path, method, parameter, expiry, signature or credential is refused", async () => {
  await s3.send(new PutObjectCommand({ Bucket, Key: "other", Body: "other" }));
  const url = await getSignedUrl(s3, new GetObjectCommand({ Bucket, Key: "k", ResponseContentType: "a/b" }), { expiresIn: 60 });
  assert.equal((await use(url)).headers["content-type"], "a/b");
  for (const [what, changed, method] of [
    ["path", url.replace("/k?", "/other?"), "GET"],
    ["method", url, "DELETE"],
    ["expiry", url.replace("X-Amz-Expires=60", "X-Amz-Expires=600"), "GET"],
    ["override", url.replace("a%2Fb", "text%2Fhtml"), "GET"],
    ["added parameter", `${url}&response-content-disposition=inline`, "GET"],
    ["signature", url.replace(/Signature=[0-9a-f]{4}/, "Signature=0000"), "GET"],
    [
      "date",
      url.replace(/(X-Amz-Date=\d{8}T\d{5})\d/, (all: string, kept: string) => `${kept}${all.endsWith("0") ? "1" : "0"}`),
      "GET",
    ],
  ] as const) {
    const answer = await use(changed, method);
    assert.equal(answer.status, 403, `${what}: ${answer.status} ${codeOf(answer.text)}`);
  }
  const unknown = await use(url.replace(/Credential=AKIA[A-Z0-9]{4}/, "Credential=AKIAXXXX"));
  assert.deepEqual([unknown.status, codeOf(unknown.text)], [403, "InvalidAccessKeyId"]);
});

test("expired: 403 AccessDenied, Request has expired; more than seven days is refused when used", async () => {
  const past = new Date(Date.now() - 100_000);
  const expired = await use(
    await getSignedUrl(s3, new GetObjectCommand({ Bucket, Key: "k" }), { expiresIn: 60, signingDate: past }),
  );
  assert.deepEqual([expired.status, codeOf(expired.text)], [403, "AccessDenied"]);
  assert.match(expired.text, /Request has expired/);
  const early = await use(
    await getSignedUrl(s3, new GetObjectCommand({ Bucket, Key: "k" }), {
      expiresIn: 60,
      signingDate: new Date(Date.now() + 3_600_000),
    }),
  );
  assert.equal(early.status, 403);
  for (const expires of [604_801, 0]) {
    const url = world.wire().presign({ method: "GET", path: `/${Bucket}/k` }, expires);
    const answer = await use(url);
    assert.ok(answer.status === 400 || answer.status === 403, `${expires}: ${answer.status}`);
  }
  assert.equal((await use(world.wire().presign({ method: "GET", path: `/${Bucket}/k` }, 604_800))).status, 200);
});

test("SSE headers are signed headers: the uploader must send them, and no others", async () => {
  const SSE = "x-amz-server-side-encryption";
  const command = new PutObjectCommand({ Bucket, Key: "sse", ServerSideEncryption: "aws:kms" });
  const url = await getSignedUrl(s3, command, { unhoistableHeaders: new Set([SSE]), signableHeaders: new Set([SSE, "host"]) });
  const missing = await use(url, "PUT", "x");
  assert.equal(missing.status, 403);
  const wrong = await use(url, "PUT", "x", { [SSE]: "AES256" });
  assert.deepEqual([wrong.status, codeOf(wrong.text)], [403, "SignatureDoesNotMatch"]);
  const right = await use(url, "PUT", "x", { [SSE]: "aws:kms" });
  assert.deepEqual([right.status, right.headers[SSE]], [200, "aws:kms"]);
  const unsigned = await use(await getSignedUrl(s3, new PutObjectCommand({ Bucket, Key: "sse" })), "PUT", "x", {
    [SSE]: "AES256",
  });
  assert.deepEqual([unsigned.status, codeOf(unsigned.text)], [403, "AccessDenied"]);
  assert.match(unsigned.text, /There were headers present in the request which were not signed/);
});

test("x-amz headers hoisted into the query mean what they say", async () => {
  const url = await getSignedUrl(
    s3,
    new PutObjectCommand({ Bucket, Key: "hoisted", Metadata: { a: "b" }, Tagging: "t=1", StorageClass: "STANDARD_IA" }),
  );
  assert.equal((await use(url, "PUT", "x")).status, 200);
  const head = await s3.send(new HeadObjectCommand({ Bucket, Key: "hoisted" }));
  assert.deepEqual([head.Metadata, head.StorageClass], [{ a: "b" }, "STANDARD_IA"]);
  const contradiction = await use(url, "PUT", "x", { "x-amz-storage-class": "STANDARD" });
  assert.ok(contradiction.status === 403 || contradiction.status === 400);
});

test("a presigned GET of a KMS object needs the signer's KMS rights and the key's state at the time of use", async () => {
  const KeyId = await world.key();
  await s3.send(
    new PutObjectCommand({ Bucket, Key: "kms", Body: "secret", ServerSideEncryption: "aws:kms", SSEKMSKeyId: KeyId }),
  );
  const person = await world.user("signer", [S3_ALL, KMS_ALL]);
  const url = await getSignedUrl(person.s3, new GetObjectCommand({ Bucket, Key: "kms" }));
  assert.equal((await use(url)).text, "secret");
  await kms.send(new DisableKeyCommand({ KeyId }));
  const disabled = await use(url);
  assert.deepEqual([disabled.status, codeOf(disabled.text)], [400, "KMS.DisabledException"]);
  await kms.send(new EnableKeyCommand({ KeyId }));
  await world.allow(person.name, [S3_ALL]);
  assert.equal((await use(url)).status, 403);
  await world.allow(person.name, [{ Effect: "Deny", Action: "s3:*", Resource: "*" }]);
  assert.deepEqual(codeOf((await use(url)).text), "AccessDenied");
});

test("policies see how a request was signed, and how long ago", async () => {
  const guarded = await world.bucket("guarded");
  await s3.send(new PutObjectCommand({ Bucket: guarded, Key: "k", Body: "x" }));
  const deny = (Condition: object) => ({
    Effect: "Deny",
    Principal: "*",
    Action: "s3:GetObject",
    Resource: `arn:aws:s3:::${guarded}/*`,
    Condition,
  });
  const url = await getSignedUrl(s3, new GetObjectCommand({ Bucket: guarded, Key: "k" }), {
    expiresIn: 3600,
    signingDate: new Date(Date.now() - 660_000),
  });
  assert.equal((await use(url)).status, 200);
  await world.policy(guarded, [deny({ NumericGreaterThan: { "s3:signatureAge": "600000" } })]);
  assert.equal((await use(url)).status, 403);
  assert.equal((await use(await getSignedUrl(s3, new GetObjectCommand({ Bucket: guarded, Key: "k" })))).status, 200);
  await world.policy(guarded, [deny({ StringEquals: { "s3:authType": "REST-QUERY-STRING" } })]);
  assert.equal((await use(await getSignedUrl(s3, new GetObjectCommand({ Bucket: guarded, Key: "k" })))).status, 403);
  await s3.send(new GetObjectCommand({ Bucket: guarded, Key: "k" })).then(bodyOf);
});

test("presigned parts make a multipart upload; keys with odd characters sign right", async () => {
  const Key = "odd /+~%ä'😀.txt";
  const { UploadId } = await s3.send(new CreateMultipartUploadCommand({ Bucket, Key }));
  const answer = await use(
    await getSignedUrl(s3, new UploadPartCommand({ Bucket, Key, UploadId, PartNumber: 1 })),
    "PUT",
    "part",
  );
  assert.equal(answer.status, 200, answer.text);
  await s3.send(
    new CompleteMultipartUploadCommand({
      Bucket,
      Key,
      UploadId,
      MultipartUpload: { Parts: [{ PartNumber: 1, ETag: answer.headers.etag }] },
    }),
  );
  assert.equal((await use(await getSignedUrl(s3, new GetObjectCommand({ Bucket, Key })))).text, "part");
});

async function post(
  options: Partial<PresignedPostOptions>,
  over: { fields?: Record<string, string | undefined>; body?: Buffer | string; client?: typeof s3 } = {},
) {
  const { url, fields } = await createPresignedPost(over.client ?? s3, { Bucket, Key: "form", ...options });
  const form = new FormData();
  for (const [name, value] of Object.entries({ ...fields, ...over.fields })) if (value !== undefined) form.append(name, value);
  form.append("file", new Blob([over.body ?? "from a form"]), "name.txt");
  const answer = await fetch(url, { method: "POST", body: form, redirect: "manual" });
  return { status: answer.status, text: await answer.text(), headers: answer.headers };
}

test("a browser form stores its file; 204, or the status asked for; ${filename} becomes the file's name", async () => {
  const plain = await post({});
  assert.deepEqual([plain.status, plain.text], [204, ""]);
  assert.equal((await bodyOf(await s3.send(new GetObjectCommand({ Bucket, Key: "form" })))).toString(), "from a form");
  const created = await post({ Fields: { success_action_status: "201" } });
  assert.equal(created.status, 201);
  assert.match(created.text, /<PostResponse>.*<Bucket>.*<Key>form<\/Key>.*<ETag>/s);
  assert.equal((await post({ Key: "up/${filename}" })).status, 204);
  await s3.send(new HeadObjectCommand({ Bucket, Key: "up/name.txt" }));
  const redirected = await post({ Fields: { success_action_redirect: "http://example.com/done" } });
  assert.equal(redirected.status, 303);
  assert.match(redirected.headers.get("location") ?? "", /^http:\/\/example\.com\/done\?bucket=.*&key=form&etag=/);
});

test("forms of every size edge, with metadata, content type, tags and SSE-KMS", async () => {
  const key = await world.key();
  const Fields = {
    "Content-Type": "a/b",
    "x-amz-meta-author": "Mary",
    "x-amz-server-side-encryption": "aws:kms",
    "x-amz-server-side-encryption-aws-kms-key-id": key,
  };
  for (const size of [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK]) {
    const body = bytesOf(size, 3);
    assert.equal((await post({ Fields }, { body })).status, 204);
    const got = await s3.send(new GetObjectCommand({ Bucket, Key: "form" }));
    assertBytes(await bodyOf(got), body);
    assert.deepEqual(
      [got.ContentType, got.Metadata, got.ServerSideEncryption, got.SSEKMSKeyId],
      ["a/b", { author: "Mary" }, "aws:kms", key],
    );
  }
});

test("a form is held to its policy: fields, ranges, prefixes, expiry, signature", async () => {
  for (const [what, answer, code] of [
    ["a field the policy does not name", await post({}, { fields: { "x-amz-meta-extra": "1" } }), "AccessDenied"],
    ["another key", await post({}, { fields: { key: "elsewhere" } }), "AccessDenied"],
    [
      "another value",
      await post({ Fields: { "Content-Type": "a/b" } }, { fields: { "Content-Type": "text/html" } }),
      "AccessDenied",
    ],
    ["too large", await post({ Conditions: [["content-length-range", 0, 5]] }), "EntityTooLarge"],
    ["too small", await post({ Conditions: [["content-length-range", 100, 200]] }), "EntityTooSmall"],
    ["outside the prefix", await post({ Key: "x", Conditions: [["starts-with", "$key", "up/"]] }), "AccessDenied"],
    ["expired", await post({ Expires: -10 }), "AccessDenied"],
    ["a wrong signature", await post({}, { fields: { "X-Amz-Signature": "0".repeat(64) } }), "SignatureDoesNotMatch"],
    [
      "a changed policy",
      await post(
        {},
        { fields: { Policy: Buffer.from('{"expiration":"2099-01-01T00:00:00Z","conditions":[]}').toString("base64") } },
      ),
      "SignatureDoesNotMatch",
    ],
  ] as const) {
    assert.equal(codeOf(answer.text), code, `${what}: ${answer.status} ${answer.text}`);
    assert.ok(answer.status === 403 || answer.status === 400, what);
  }
});

test("a form counts as its signer: his rights, his KMS rights, and none without a policy", async () => {
  const person = await world.user("poster", [
    { Effect: "Allow", Action: "s3:PutObject", Resource: `arn:aws:s3:::${Bucket}/allowed/*` },
  ]);
  assert.equal((await post({ Key: "allowed/x" }, { client: person.s3 })).status, 204);
  assert.equal((await post({ Key: "denied/x" }, { client: person.s3 })).status, 403);
  const Fields = { "x-amz-server-side-encryption": "aws:kms", "x-amz-server-side-encryption-aws-kms-key-id": await world.key() };
  const kmsDenied = await post({ Key: "allowed/y", Fields }, { client: person.s3 });
  assert.deepEqual([kmsDenied.status, codeOf(kmsDenied.text)], [403, "AccessDenied"]);
  const form = new FormData();
  form.append("key", "anonymous");
  form.append("file", new Blob(["x"]));
  const anonymous = await fetch(`${world.server.httpUrl}/${Bucket}`, { method: "POST", body: form });
  assert.deepEqual([anonymous.status, codeOf(await anonymous.text())], [403, "AccessDenied"]);
  assert.equal((await failure(s3.send(new HeadObjectCommand({ Bucket, Key: "anonymous" })))).status, 404);
});

test("a presigned URL of temporary credentials carries the token; without it, it is worthless", async () => {
  const { GetSessionTokenCommand } = await import("@aws-sdk/client-sts");
  const person = await world.user("temporary", [S3_ALL]);
  const { Credentials: made } = await world.sts(person.credentials).send(new GetSessionTokenCommand({}));
  const credentials = {
    accessKeyId: made?.AccessKeyId ?? "",
    secretAccessKey: made?.SecretAccessKey ?? "",
    sessionToken: made?.SessionToken ?? "",
  };
  const url = await getSignedUrl(s3Client(world.server, { credentials }), new GetObjectCommand({ Bucket, Key: "k" }));
  assert.equal((await use(url)).text, "hello");
  const stripped = await use(url.replace(/X-Amz-Security-Token=[^&]*&/, ""));
  assert.ok(stripped.status === 403 || stripped.status === 400);
});

test("a URL signed for one bucket's virtual host opens no other bucket", async () => {
  const other = await world.bucket("other");
  await s3.send(new PutObjectCommand({ Bucket: other, Key: "k", Body: "other" }));
  const port = new URL(world.server.httpUrl).port;
  const url = world.wire().presign({ method: "GET", path: "/k", headers: { host: `${Bucket}.localhost:${port}` } }, 60);
  const path = url.slice(url.indexOf("/", 8));
  assert.equal((await world.raw({ path, headers: { host: `${Bucket}.localhost:${port}` } })).text, "hello");
  assert.equal((await world.raw({ path, headers: { host: `${other}.localhost:${port}` } })).status, 403);
});
