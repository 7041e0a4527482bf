/**
 * Streams: trailing checksums over http and https, aws-chunked in its forms, lib-storage uploads, Expect: 100-continue,
 * and lengths that lie. Source: S3 API reference §3.2, §3.3, §5.2.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { request } from "node:http";
import { connect } from "node:net";
import { Readable } from "node:stream";
import { test } from "node:test";
import { GetObjectCommand, HeadObjectCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import { Upload } from "@aws-sdk/lib-storage";
import { signedChunks, type ChunkedUpload } from "./chunked.js";
import { failure, ROOT } from "./server.js";
import { assertBytes, bodyOf, bytesOf, CHUNK, codeOf, MIB, openWorld } from "./world.js";

const world = await openWorld();
const { s3, s3tls } = world;
const Bucket = await world.bucket("stream");
const key = await world.key();
const SSE = { ServerSideEncryption: "aws:kms", SSEKMSKeyId: key } as const;
const host = new URL(world.server.httpUrl).host;

/** A stream of pieces of odd sizes. */
function* pieces(body: Buffer, step = 10_007): Generator<Buffer> {
  for (let at = 0; at < body.length; at += step) yield body.subarray(at, at + step);
}

for (const [scheme, client] of [
  ["http", s3],
  ["https", s3tls],
] as const) {
  for (const ChecksumAlgorithm of [undefined, "CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"] as const) {
    test(`trailing ${ChecksumAlgorithm ?? "default"} checksum of a stream over ${scheme}, SSE-KMS, at every edge`, async () => {
      for (const size of [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, MIB + 3]) {
        const body = bytesOf(size, size + 5);
        const Key = `trailer/${scheme}/${ChecksumAlgorithm}/${size}`;
        const input = { Bucket, Key, Body: Readable.from(pieces(body)), ContentLength: size, ...SSE };
        const put = await client.send(
          new PutObjectCommand({ ...input, ...(ChecksumAlgorithm === undefined ? {} : { ChecksumAlgorithm }) }),
        );
        const got = await client.send(new GetObjectCommand({ Bucket, Key, ChecksumMode: "ENABLED" }));
        assertBytes(await bodyOf(got), body, String(size));
        assert.equal(got.ContentEncoding, undefined, "aws-chunked is not stored");
        const name = `Checksum${ChecksumAlgorithm ?? "CRC32"}` as const;
        assert.ok(got[name] !== undefined);
        assert.equal(got[name], put[name]);
      }
    });
  }

  test(`lib-storage over ${scheme}: a stream of unknown length is uploaded in parts, a short one at once`, async () => {
    for (const size of [10, 11 * MIB + 5]) {
      const body = bytesOf(size, size);
      const Key = `upload/${scheme}/${size}`;
      const upload = new Upload({
        client,
        params: { Bucket, Key, Body: Readable.from(pieces(body, 999_983)), ...SSE },
        partSize: 5 * MIB,
        queueSize: 3,
      });
      await upload.done();
      const head = await client.send(new HeadObjectCommand({ Bucket, Key }));
      assert.equal(head.ContentLength, size);
      assert.equal(/-3"$/.test(head.ETag ?? ""), size > 5 * MIB);
      assertBytes(await bodyOf(await client.send(new GetObjectCommand({ Bucket, Key }))), body);
    }
  });
}

test("a content encoding beside aws-chunked is kept; nothing is decompressed", async () => {
  const body = Buffer.from("not gzip");
  await s3tls.send(
    new PutObjectCommand({
      Bucket,
      Key: "gzip",
      Body: Readable.from([body]),
      ContentLength: body.length,
      ContentEncoding: "gzip",
    }),
  );
  const got = await s3.send(new GetObjectCommand({ Bucket, Key: "gzip" }));
  assert.equal(got.ContentEncoding, "gzip");
  assertBytes(await bodyOf(got), body);
});

const send = (upload: Omit<ChunkedUpload, "target" | "host" | "credentials">, Key = "chunked") => {
  const target = `/${Bucket}/${Key}`;
  const { headers, body } = signedChunks({ ...upload, target, host, credentials: ROOT });
  return world.raw({ method: "PUT", path: target, headers, body });
};
const absent = async (Key: string): Promise<void> =>
  assert.equal((await failure(s3.send(new HeadObjectCommand({ Bucket, Key })))).status, 404);

test("chunks each with their signature: any sizes; and a signed trailer", async () => {
  const bodies = [bytesOf(8192, 1), bytesOf(CHUNK, 2), bytesOf(1, 3), bytesOf(CHUNK + 1, 4)];
  for (const chunks of [[], [bytesOf(1)], bodies]) {
    const answer = await send({ chunks }, "chunks");
    assert.equal(answer.status, 200, answer.text);
    assertBytes(await bodyOf(await s3.send(new GetObjectCommand({ Bucket, Key: "chunks" }))), Buffer.concat(chunks));
  }
  const sum = createHash("sha256").update(Buffer.concat(bodies)).digest("base64");
  const answer = await send({ chunks: bodies, trailer: ["x-amz-checksum-sha256", sum] }, "trailered");
  assert.equal(answer.status, 200, answer.text);
  const got = await s3.send(new GetObjectCommand({ Bucket, Key: "trailered", ChecksumMode: "ENABLED" }));
  assertBytes(await bodyOf(got), Buffer.concat(bodies));
  assert.equal(got.ChecksumSHA256, sum);
});

test("a wrong chunk signature, wherever, is SignatureDoesNotMatch and leaves no object", async () => {
  for (const size of [100, CHUNK + 1]) {
    for (const bad of [0, 1, 2]) {
      const answer = await send(
        { chunks: [bytesOf(size, 1), bytesOf(size, 2)], tamper: (signature, at) => (at === bad ? "0".repeat(64) : signature) },
        "tampered",
      );
      assert.deepEqual([answer.status, codeOf(answer.text)], [403, "SignatureDoesNotMatch"], `chunk ${bad} of ${size}`);
      await absent("tampered");
    }
  }
  const sum = createHash("sha256").update("abc").digest("base64");
  const trailer = await send(
    {
      chunks: [Buffer.from("abc")],
      trailer: ["x-amz-checksum-sha256", sum],
      tamper: (signature, at) => (at === -1 ? "0".repeat(64) : signature),
    },
    "tampered",
  );
  assert.deepEqual([trailer.status, codeOf(trailer.text)], [403, "SignatureDoesNotMatch"]);
  await absent("tampered");
});

test("a trailer that does not match the bytes is BadDigest and leaves no object", async () => {
  for (const size of [3, CHUNK * 2]) {
    const answer = await send(
      { chunks: [bytesOf(size)], trailer: ["x-amz-checksum-sha256", Buffer.alloc(32).toString("base64")] },
      "wrongsum",
    );
    assert.deepEqual([answer.status, codeOf(answer.text)], [400, "BadDigest"]);
    await absent("wrongsum");
  }
});

test("a decoded length that lies, and a missing last chunk, leave no object", async () => {
  for (const [upload, codes] of [
    [{ chunks: [bytesOf(100)], declaredBytes: 99 }, ["IncompleteBody", "InvalidRequest", "InvalidArgument"]],
    [{ chunks: [bytesOf(100)], declaredBytes: 101 }, ["IncompleteBody", "InvalidRequest"]],
    [{ chunks: [bytesOf(CHUNK + 5)], declaredBytes: CHUNK }, ["IncompleteBody", "InvalidRequest", "InvalidArgument"]],
    [{ chunks: [bytesOf(100)], unterminated: true }, ["IncompleteBody", "InvalidRequest"]],
  ] as const) {
    const answer = await send(upload, "liar");
    assert.equal(answer.status, 400, answer.text);
    assert.ok((codes as readonly string[]).includes(codeOf(answer.text)), codeOf(answer.text));
    await absent("liar");
  }
});

test("aws-chunked without x-amz-decoded-content-length is refused", async () => {
  const target = `/${Bucket}/nolength`;
  const { headers, body } = signedChunks({
    target,
    host,
    credentials: ROOT,
    chunks: [bytesOf(10)],
    headers: { "x-amz-decoded-content-length": "" },
  });
  const answer = await world.raw({ method: "PUT", path: target, headers, body });
  assert.ok(answer.status === 411 || answer.status === 400, String(answer.status));
  await absent("nolength");
});

test("a body shorter than Content-Length, with the connection closed midway, leaves no object", async () => {
  for (const size of [10, 300_000]) {
    const target = `/${Bucket}/cut`;
    const signed = await world.wire().presign({ method: "PUT", path: target }, 60);
    await new Promise<void>((resolve) => {
      const socket = connect(Number(new URL(world.server.httpUrl).port), "127.0.0.1", () => {
        socket.write(`PUT ${signed.slice(signed.indexOf("/", 8))} HTTP/1.1\r\nHost: ${host}\r\nContent-Length: ${size}\r\n\r\n`);
        socket.write(Buffer.alloc(size - 1));
        setTimeout(() => socket.destroy(), 100);
      });
      socket.on("close", () => resolve());
      socket.on("error", () => undefined);
    });
    await absent("cut");
  }
});

/** Sends the head with Expect, and says what came first. */
function expecting(
  headers: Readonly<Record<string, string>>,
  method: string,
  path: string,
  body: Buffer,
): Promise<{ continued: boolean; status: number }> {
  return new Promise((resolve, reject) => {
    let continued = false;
    const sent = request({
      host: "127.0.0.1",
      port: new URL(world.server.httpUrl).port,
      method,
      path,
      headers: { ...headers, expect: "100-continue" },
      agent: false,
    });
    sent.on("continue", () => {
      continued = true;
      sent.end(body);
    });
    sent.on("response", (answer) => {
      answer.resume();
      answer.on("end", () => resolve({ continued, status: answer.statusCode ?? 0 }));
      if (!continued) sent.destroy();
    });
    sent.on("error", (error) => (continued ? reject(error) : undefined));
    sent.flushHeaders();
  });
}

test("100 Continue comes after authorization and conditions; a refusal comes instead of it", async () => {
  const body = Buffer.from("hello");
  const send100 = async (Key: string, extra: Readonly<Record<string, string>> = {}, credentials = ROOT) => {
    const target = `/${Bucket}/${Key}`;
    const { signHeaders } = await import("../../src/wire/sign.js");
    const signer = { credentials, region: "us-east-1", service: "s3", nowMs: Date.now() };
    const headers = signHeaders(
      { method: "PUT", target, headers: { host, "content-length": "5", ...extra } },
      signer,
      createHash("sha256").update(body).digest("hex"),
    );
    return expecting(headers, "PUT", target, body);
  };
  assert.deepEqual(await send100("expected"), { continued: true, status: 200 });
  assert.deepEqual(await send100("expected", { "if-none-match": "*" }), { continued: false, status: 412 });
  assert.deepEqual(await send100("expected", {}, { ...ROOT, secretAccessKey: "wrong" }), { continued: false, status: 403 });
  const nobody = await world.user("nobody");
  assert.deepEqual(await send100("expected", {}, nobody.credentials as typeof ROOT), { continued: false, status: 403 });
  assert.deepEqual(
    await send100("expected", {
      "x-amz-server-side-encryption": "aws:kms",
      "x-amz-server-side-encryption-aws-kms-key-id": "nope",
    }),
    { continued: false, status: 400 },
  );
});

test("a refused upload with an unread body does not disturb the next request of the connection", async () => {
  for (let time = 0; time < 5; time++) {
    assert.equal(
      (await failure(s3.send(new PutObjectCommand({ Bucket: "no-such-bucket-here", Key: "k", Body: bytesOf(2 * MIB) })))).code,
      "NoSuchBucket",
    );
    await s3.send(new HeadObjectCommand({ Bucket, Key: "expected" }));
  }
});

test("a GET broken off by the client leaves the server well", async () => {
  await s3.send(new PutObjectCommand({ Bucket, Key: "large", Body: bytesOf(6 * MIB) }));
  for (let time = 0; time < 10; time++) {
    const controller = new AbortController();
    const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key: "large" }), { abortSignal: controller.signal });
    (Body as Readable).once("data", () => (Body as Readable).destroy());
    await new Promise((resolve) => (Body as Readable).once("close", resolve));
  }
  assertBytes(await bodyOf(await s3.send(new GetObjectCommand({ Bucket, Key: "large" }))), bytesOf(6 * MIB));
});
