/**
 * Bad input gets AWS's code and message, never a crash, a hang or a half-written object: malformed XML, JSON and policies,
 * lying lengths, oversize everything, unsupported operations by name. Source: S3 API reference §2; KMS reference §3.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { connect } from "node:net";
import { test } from "node:test";
import { ListKeysCommand } from "@aws-sdk/client-kms";
import {
  CreateSessionCommand,
  GetObjectTorrentCommand,
  HeadObjectCommand,
  ListBucketsCommand,
  PutBucketAbacCommand,
  PutObjectCommand,
  RestoreObjectCommand,
  SelectObjectContentCommand,
  type S3Client,
} from "@aws-sdk/client-s3";
import { sha256Hex, signHeaders } from "../../src/wire/sign.js";
import { failure, ROOT } from "./server.js";
import { bytesOf, codeOf, MIB, openWorld } from "./world.js";

const world = await openWorld();
const { s3, kms } = world;
const Bucket = await world.bucket("bad");
await s3.send(new PutObjectCommand({ Bucket, Key: "k", Body: "x" }));
const url = new URL(world.server.httpUrl);
const wire = world.wire();
const md5 = (text: string | Buffer): string => createHash("md5").update(text).digest("base64");

interface Sent {
  readonly status: number;
  readonly code: string;
  readonly text: string;
}
async function send(
  method: string,
  path: string,
  options: { query?: Record<string, string>; body?: string | Buffer; headers?: Record<string, string> } = {},
): Promise<Sent> {
  const answer = await wire.send({ method, path, ...options });
  const text = answer.body.toString("utf8");
  return { status: answer.status, code: codeOf(text), text };
}
/** A document with its digest. */
const put = (path: string, query: Record<string, string>, body: string, method = "PUT") =>
  send(method, path, { query, body, headers: { "content-md5": md5(body) } });

const DOCUMENTS: readonly (readonly [string, string, string, Record<string, string>])[] = [
  ["PutBucketEncryption", "PUT", `/${Bucket}`, { encryption: "" }],
  ["PutBucketVersioning", "PUT", `/${Bucket}`, { versioning: "" }],
  ["PutBucketTagging", "PUT", `/${Bucket}`, { tagging: "" }],
  ["PutObjectTagging", "PUT", `/${Bucket}/k`, { tagging: "" }],
  ["PutPublicAccessBlock", "PUT", `/${Bucket}`, { publicAccessBlock: "" }],
  ["PutBucketOwnershipControls", "PUT", `/${Bucket}`, { ownershipControls: "" }],
  ["DeleteObjects", "POST", `/${Bucket}`, { delete: "" }],
];

for (const [operation, method, path, query] of DOCUMENTS) {
  test(`${operation}: what is no XML, or not the right one, is 400 MalformedXML`, async () => {
    for (const body of [
      "x",
      "<",
      "<a>",
      "<a></b>",
      "{}",
      "<a/><b/>",
      "<Wrong/>",
      "<a>\u0000</a>",
      '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
      '<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>',
      `${"<a>".repeat(500)}${"</a>".repeat(500)}`,
      `<?xml version="1.0"?>${"<!-- -->".repeat(10)}`,
    ]) {
      const { status, code, text } = await put(path, query, body, method);
      assert.deepEqual([status, code], [400, "MalformedXML"], `${body.slice(0, 60)}: ${text}`);
    }
  });

  test(`${operation}: wrong Content-MD5: BadDigest; no digest at all: InvalidRequest; not base64: InvalidDigest`, async () => {
    const body = "<a/>";
    assert.deepEqual([(await send(method, path, { query, body, headers: { "content-md5": md5("other") } })).code], ["BadDigest"]);
    assert.deepEqual(
      [(await send(method, path, { query, body, headers: { "content-md5": "nonsense" } })).code],
      ["InvalidDigest"],
    );
    const none = await send(method, path, { query, body, headers: { "x-amz-content-sha256": "UNSIGNED-PAYLOAD" } });
    assert.deepEqual([none.status, none.code], [400, "InvalidRequest"]);
  });
}

test("a document larger than any can be is refused before it is read whole", async () => {
  const body = `<Delete>${" ".repeat(6 * MIB)}</Delete>`;
  const { status, code } = await put(`/${Bucket}`, { delete: "" }, body, "POST");
  assert.equal(status, 400);
  assert.ok(["MaxMessageLengthExceeded", "EntityTooLarge", "MalformedXML"].includes(code), code);
  const policy = await send("PUT", `/${Bucket}`, {
    query: { policy: "" },
    body: JSON.stringify({ Version: "2012-10-17", Statement: [], Id: "x".repeat(30_000) }),
    headers: {},
  });
  assert.equal(policy.status, 400);
});

test("bucket policies that are no policies are MalformedPolicy", async () => {
  for (const body of [
    "",
    "{",
    "null",
    "[]",
    '"x"',
    "{}",
    '{"Version":"2012-10-17","Statement":"x"}',
    '{"Version":"1999-01-01","Statement":[]}',
    `{"Statement":${"[".repeat(5000)}${"]".repeat(5000)}}`,
    '{"Statement":[{"Effect":"Allow","Effect":"Deny"}]}',
    "\ufeff{}",
  ]) {
    const { status, code } = await put(`/${Bucket}`, { policy: "" }, body);
    assert.equal(status, 400, body.slice(0, 40));
    assert.ok(
      ["MalformedPolicy", "MissingRequestBodyError", "InvalidPolicyDocument", "MalformedXML"].includes(code),
      `${body.slice(0, 40)}: ${code}`,
    );
  }
});

async function kmsCall(
  target: string,
  body: string | Buffer,
  headers: Record<string, string> = {},
): Promise<{ status: number; type: string; message: string | undefined }> {
  const answer = await wire.send({
    service: "kms",
    method: "POST",
    path: "/",
    body,
    headers: { "content-type": "application/x-amz-json-1.1", "x-amz-target": target, ...headers },
  });
  const parsed = JSON.parse(answer.body.toString("utf8") || "{}") as { __type?: string; message?: string };
  return { status: answer.status, type: parsed.__type ?? "", message: parsed.message };
}

test("KMS: no JSON or wrong types: SerializationException; an unknown operation: UnknownOperationException", async () => {
  for (const body of [
    "{",
    "[]",
    "null",
    '"x"',
    "nonsense",
    '{"KeyId":1}',
    '{"KeyId":{}}',
    '{"KeyId":["a"]}',
    '{"KeyId":"a","KeyId":"b"',
    Buffer.from([0xff, 0xfe]),
  ]) {
    const { status, type } = await kmsCall("TrentService.DescribeKey", body);
    assert.deepEqual([status, type], [400, "SerializationException"], body.toString());
  }
  for (const body of ["", "{}"]) {
    const { status, type } = await kmsCall("TrentService.DescribeKey", body);
    assert.deepEqual([status, type], [400, "ValidationException"], `missing KeyId: ${body}`);
  }
  for (const target of [
    "TrentService.Nonsense",
    "TrentService.",
    "Other.DescribeKey",
    "TrentService.toString",
    "TrentService.__proto__",
  ]) {
    const { status, type } = await kmsCall(target, "{}");
    assert.deepEqual([status, type], [400, "UnknownOperationException"], target);
  }
  assert.equal((await kmsCall("TrentService.Encrypt", '{"KeyId":"a","Plaintext":"not base64!"}')).type, "SerializationException");
  assert.equal(
    (await kmsCall("TrentService.Encrypt", `{"KeyId":"${"a".repeat(2049)}","Plaintext":"eA=="}`)).type,
    "ValidationException",
  );
  assert.equal((await kmsCall("TrentService.DescribeKey", `{"KeyId":${"[".repeat(100_000)}`)).status, 400);
  assert.equal(
    (await kmsCall("TrentService.Encrypt", JSON.stringify({ KeyId: "a", Plaintext: "x".repeat(5 * MIB) }))).status >= 400,
    true,
  );
});

test("KMS: operations not built yet are refused by name, never silently taken", async () => {
  for (const operation of ["Sign", "GetPublicKey", "ImportKeyMaterial", "ReplicateKey", "CreateCustomKeyStore", "GenerateMac"]) {
    const { status, type, message } = await kmsCall(`TrentService.${operation}`, "{}");
    assert.ok(status === 400 || status === 501, operation);
    assert.ok(
      ["UnsupportedOperationException", "NotImplemented", "ValidationException", "UnknownOperationException"].includes(type),
      `${operation}: ${type} ${message}`,
    );
  }
});

test("IAM and STS: an unknown or missing action, a wrong version, malformed parameters", async () => {
  const query = async (service: string, body: string) => {
    const answer = await wire.send({
      service,
      method: "POST",
      path: "/",
      body,
      headers: { "content-type": "application/x-www-form-urlencoded; charset=utf-8" },
    });
    return { status: answer.status, code: codeOf(answer.body.toString()), text: answer.body.toString() };
  };
  const unknown = await query("iam", "Action=Nonsense&Version=2010-05-08");
  assert.deepEqual([unknown.status, unknown.code], [400, "InvalidAction"]);
  assert.match(unknown.text, /Could not find operation Nonsense for version 2010-05-08/);
  assert.match(unknown.text, /<ErrorResponse xmlns="https:\/\/iam\.amazonaws\.com\/doc\/2010-05-08\/"/);
  assert.equal((await query("iam", "Version=2010-05-08")).code, "MissingAction");
  assert.equal((await query("iam", "Action=CreateUser&Version=2010-05-08")).status, 400);
  const name = await query("iam", `Action=CreateUser&Version=2010-05-08&UserName=${encodeURIComponent("bad name!")}`);
  assert.deepEqual([name.status, name.code], [400, "ValidationError"]);
  const session = await query("sts", "Action=AssumeRole&Version=2011-06-15&RoleArn=x&RoleSessionName=a b");
  assert.deepEqual([session.status, session.code], [400, "ValidationError"]);
  assert.equal((await query("sts", `Action=GetCallerIdentity&Version=2011-06-15&${"x=y&".repeat(20_000)}`)).status < 500, true);
});

test("operations that are not offered are 501 NotImplemented, named", async () => {
  const name = "Select";
  for (const command of [
    new SelectObjectContentCommand({
      Bucket,
      Key: "k",
      Expression: name,
      ExpressionType: "SQL",
      InputSerialization: { CSV: {} },
      OutputSerialization: { CSV: {} },
    }),
    new GetObjectTorrentCommand({ Bucket, Key: "k" }),
    new RestoreObjectCommand({ Bucket, Key: "k", RestoreRequest: { Days: 1 } }),
    new PutBucketAbacCommand({ Bucket, AbacStatus: { Status: "Enabled" } }),
    new CreateSessionCommand({ Bucket }),
  ]) {
    const error = await failure(s3.send(command as Parameters<S3Client["send"]>[0]));
    assert.deepEqual([error.code, error.status], ["NotImplemented", 501], command.constructor.name);
    assert.match(error.message, new RegExp(command.constructor.name.replace("Command", "")));
  }
});

test("methods that a resource has not are MethodNotAllowed; unknown methods never reach anything", async () => {
  for (const [method, path] of [
    ["POST", `/${Bucket}/k`],
    ["PUT", "/"],
    ["DELETE", "/"],
    ["POST", "/"],
  ] as const) {
    const { status, code } = await send(method, path, { body: "" });
    assert.ok(
      (status === 405 && code === "MethodNotAllowed") || status === 400 || status === 412,
      `${method} ${path}: ${status} ${code}`,
    );
  }
  for (const method of ["PATCH", "TRACE", "PROPFIND"]) {
    const { status } = await send(method, `/${Bucket}/k`);
    assert.ok(status === 405 || status === 400 || status === 501, `${method}: ${status}`);
  }
});

test("keys that are no UTF-8, have bad escapes, or are too long are 400; nothing is stored under another name", async () => {
  for (const path of [`/${Bucket}/%ff`, `/${Bucket}/%`, `/${Bucket}/%zz`, `/${Bucket}/%c3%28`, `/${Bucket}/%ed%a0%80`]) {
    const { status } = await world.raw({ method: "PUT", path, headers: { host: url.host, "content-length": "1" }, body: "x" });
    assert.equal(status, 400, path);
  }
  const long = await send("PUT", `/${Bucket}/${"a".repeat(1025)}`, { body: "x" });
  assert.deepEqual([long.status, long.code], [400, "KeyTooLongError"]);
  const { text } = await send("GET", `/${Bucket}`, { query: { "list-type": "2" } });
  assert.deepEqual(
    [...text.matchAll(/<Key>([^<]*)<\/Key>/g)].map((match) => match[1]),
    ["k"],
  );
});

test("header values out of their range are 400 InvalidArgument or InvalidRequest, each", async () => {
  for (const [method, path, headers, query] of [
    ["PUT", `/${Bucket}/x`, { "x-amz-storage-class": "FLOPPY" }, {}],
    ["PUT", `/${Bucket}/x`, { "x-amz-tagging": "a=1&a=2" }, {}],
    ["PUT", `/${Bucket}/x`, { "x-amz-sdk-checksum-algorithm": "CRC32" }, {}],
    ["PUT", `/${Bucket}/x`, { "x-amz-checksum-crc32": "not-base64" }, {}],
    ["PUT", `/${Bucket}/x`, { "x-amz-checksum-crc32": "AAAAAA==", "x-amz-checksum-sha1": "AAAA" }, {}],
    ["PUT", `/${Bucket}/x`, { "x-amz-object-lock-mode": "FOREVER" }, {}],
    ["PUT", `/${Bucket}/x`, { "x-amz-copy-source": `${Bucket}/k`, "x-amz-metadata-directive": "MAYBE" }, {}],
    ["GET", `/${Bucket}/k`, {}, { partNumber: "0" }],
    ["GET", `/${Bucket}/k`, {}, { partNumber: "x" }],
    ["GET", `/${Bucket}/k`, {}, { versionId: "" }],
    ["GET", `/${Bucket}`, {}, { "list-type": "2", "max-keys": "-1" }],
    ["GET", `/${Bucket}`, {}, { "max-keys": "99999999999999999999" }],
    ["PUT", `/${Bucket}/x`, {}, { partNumber: "1", uploadId: "" }],
  ] as const) {
    const { status, code } = await send(method, path, {
      headers: { ...headers } as Record<string, string>,
      query: { ...query } as Record<string, string>,
      ...(method === "PUT" ? { body: "x" } : {}),
    });
    assert.ok(status >= 400 && status < 500, `${JSON.stringify(headers)} ${JSON.stringify(query)}: ${status} ${code}`);
  }
  assert.equal((await failure(s3.send(new HeadObjectCommand({ Bucket, Key: "x" })))).status, 404);
});

test("signatures: too old, too new, of SigV2, in two places, for the wrong service, of another body", async () => {
  const path = `/${Bucket}/k`;
  const headers = (over: { nowMs?: number; service?: string; hash?: string } = {}) =>
    signHeaders(
      { method: "GET", target: path, headers: { host: url.host } },
      { credentials: ROOT, region: "us-east-1", service: over.service ?? "s3", nowMs: over.nowMs ?? Date.now() },
      over.hash ?? sha256Hex(""),
    );
  const get = async (sent: Record<string, string>, target = path) => {
    const { status, text } = await world.raw({ path: target, headers: sent });
    return `${status} ${codeOf(text)}`;
  };
  assert.equal(await get(headers()), "200 ");
  for (const minutes of [-16, 16])
    assert.equal(await get(headers({ nowMs: Date.now() + minutes * 60_000 })), "403 RequestTimeTooSkewed");
  for (const minutes of [-14, 14]) assert.equal(await get(headers({ nowMs: Date.now() + minutes * 60_000 })), "200 ");
  assert.match(await get(headers({ service: "kms" })), /^40[03] /);
  const bodied = await world.raw({
    method: "PUT",
    path,
    headers: {
      ...signHeaders(
        { method: "PUT", target: path, headers: { host: url.host, "content-length": "1" } },
        { credentials: ROOT, region: "us-east-1", service: "s3", nowMs: Date.now() },
        sha256Hex("y"),
      ),
    },
    body: "z",
  });
  assert.deepEqual([bodied.status, codeOf(bodied.text)], [400, "XAmzContentSHA256Mismatch"]);
  assert.match(
    await get({ host: url.host, authorization: `AWS ${ROOT.accessKeyId}:c2lnbmF0dXJl`, date: new Date().toUTCString() }),
    /^400 (InvalidRequest|InvalidArgument)$/,
  );
  assert.match(await get({ host: url.host, authorization: "Bearer x" }), /^40[03] /);
  for (const authorization of [
    "AWS4-HMAC-SHA256",
    "AWS4-HMAC-SHA256 Credential=x",
    "AWS4-HMAC-SHA256 Credential=a/b/c/d/e, SignedHeaders=host, Signature=x",
  ]) {
    assert.match(
      await get({ host: url.host, authorization, "x-amz-date": "20260101T000000Z", "x-amz-content-sha256": sha256Hex("") }),
      /^40[03] (AuthorizationHeaderMalformed|InvalidArgument|AccessDenied|RequestTimeTooSkewed)$/,
      authorization,
    );
  }
  assert.match(await get(headers(), `${path}?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=x`), /^400 InvalidArgument$/);
});

/** Writes bytes as they are and reads what comes until the server closes, or `ms` pass. */
function raw(bytes: string | Buffer, ms = 3000): Promise<string> {
  return new Promise((resolve) => {
    let text = "";
    const socket = connect(Number(url.port), "127.0.0.1", () => socket.write(bytes));
    const timer = setTimeout(() => socket.destroy(), ms);
    socket.on("data", (piece: Buffer) => (text += piece.toString("latin1")));
    socket.on("error", () => undefined);
    socket.on("close", () => {
      clearTimeout(timer);
      resolve(text);
    });
  });
}

test("HTTP that is none gets 400 and a closed connection; two lengths, length with chunked, bare line feeds too", async () => {
  const host = `Host: ${url.host}\r\n`;
  for (const bytes of [
    "nonsense\r\n\r\n",
    `GET /${Bucket}/k HTTP/9.9\r\n${host}\r\n`,
    `GET /${Bucket}/k HTTP/1.1\r\n\r\n`,
    `GET /${Bucket}/k HTTP/1.1\r\n${host}${host}\r\n`,
    `PUT /${Bucket}/x HTTP/1.1\r\n${host}Content-Length: 1\r\nContent-Length: 2\r\n\r\nxx`,
    `PUT /${Bucket}/x HTTP/1.1\r\n${host}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    `PUT /${Bucket}/x HTTP/1.1\r\n${host}Content-Length: -1\r\n\r\n`,
    `PUT /${Bucket}/x HTTP/1.1\r\n${host}Content-Length: 1e3\r\n\r\n`,
    `GET /${Bucket}/k HTTP/1.1\r\n${host}Bad Header: x\r\n\r\n`,
    `GET /${Bucket}/k HTTP/1.1\r\n${host}X: ${"a".repeat(200_000)}\r\n\r\n`,
    `GET /${"a".repeat(200_000)} HTTP/1.1\r\n${host}\r\n`,
    Buffer.from([0x16, 0x03, 0x01, 0x00, 0x05, 1, 2, 3, 4, 5]),
  ]) {
    const text = await raw(bytes);
    assert.match(text, /^HTTP\/1\.1 4\d\d /, `${bytes.toString("latin1").slice(0, 60)}: ${text.slice(0, 80)}`);
  }
});

test("PUT without a length is 411 MissingContentLength; over 5 GiB EntityTooLarge, before a byte is read", async () => {
  const target = `/${Bucket}/x`;
  const head = (length: string) => {
    const headers = signHeaders(
      { method: "PUT", target, headers: { host: url.host, ...(length === "" ? {} : { "content-length": length }) } },
      { credentials: ROOT, region: "us-east-1", service: "s3", nowMs: Date.now() },
      "UNSIGNED-PAYLOAD",
    );
    return `PUT ${target} HTTP/1.1\r\n${Object.entries(headers)
      .map(([name, value]) => `${name}: ${value}\r\n`)
      .join("")}connection: close\r\n\r\n`;
  };
  assert.match(await raw(head("")), /^HTTP\/1\.1 411 [^]*<Code>MissingContentLength<\/Code>/);
  assert.match(await raw(head(String(5 * 1024 * MIB + 1))), /^HTTP\/1\.1 400 [^]*<Code>EntityTooLarge<\/Code>/);
  assert.match(await raw(head("99999999999999999999999")), /^HTTP\/1\.1 4\d\d /);
});

test("an unread body, a slow one and a vanished client keep nobody else waiting", async () => {
  const sockets = Array.from({ length: 50 }, () => {
    const socket = connect(Number(url.port), "127.0.0.1", () =>
      socket.write(`PUT /${Bucket}/x HTTP/1.1\r\nHost: ${url.host}\r\nContent-Length: 1000000\r\n\r\nxx`),
    );
    socket.on("error", () => undefined);
    return socket;
  });
  const begun = Date.now();
  for (let at = 0; at < 20; at++) await s3.send(new PutObjectCommand({ Bucket, Key: "y", Body: bytesOf(1000) }));
  assert.ok(Date.now() - begun < 5000);
  for (const socket of sockets) socket.destroy();
  assert.equal((await failure(s3.send(new HeadObjectCommand({ Bucket, Key: "x" })))).status, 404);
});

test("members named like JavaScript's own are ordinary names", async () => {
  for (const Key of ["__proto__", "constructor", "toString", "hasOwnProperty"]) {
    await s3.send(new PutObjectCommand({ Bucket, Key, Body: Key, Metadata: { [Key.toLowerCase()]: "v" } }));
    const head = await s3.send(new HeadObjectCommand({ Bucket, Key }));
    assert.equal(Object.entries(head.Metadata ?? {}).length >= (Key === "__proto__" ? 0 : 1), true, Key);
  }
  assert.equal((await kmsCall("TrentService.ListKeys", '{"__proto__":{"Limit":1},"constructor":1}')).status, 200);
  await kms.send(new ListKeysCommand({}));
});

test("after all of this the server is alive and has seen no bug of its own", async () => {
  assert.equal(world.server.process.exitCode, null);
  await s3.send(new ListBucketsCommand({}));
  assert.doesNotMatch(world.server.stderr(), /invariant|TypeError|unhandled/i);
});
