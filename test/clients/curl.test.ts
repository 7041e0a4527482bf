/**
 * The tutorial's raw requests, typed into curl: virtual-host addressing by the Host header, metadata, Expect, the
 * encryption header; signed by curl itself. Host names have no case: `myBucket.s3.amazonaws.com` is the bucket `mybucket`.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { CreateBucketCommand, GetObjectCommand, HeadObjectCommand, PutBucketPolicyCommand } from "@aws-sdk/client-s3";
import { ROOT } from "../e2e/server.js";
import { assertBytes, bodyOf, bytesOf, codeOf, MIB, openWorld } from "../e2e/world.js";
import { run, scratch, succeed, withProgram } from "./programs.js";

await withProgram("curl", "curl", async (path) => {
  const world = await openWorld();
  const home = scratch();
  const { httpUrl, httpsUrl, caFile } = world.server;
  // The length of the tutorial's example.
  const object = bytesOf(11_434, 8);
  writeFileSync(join(home, "object"), object);
  writeFileSync(join(home, "large"), bytesOf(3 * MIB, 9));
  const signed = [
    "--silent",
    "--show-error",
    "--user",
    `${ROOT.accessKeyId}:${ROOT.secretAccessKey}`,
    "--aws-sigv4",
    "aws:amz:us-east-1:s3",
  ];
  const header = (...lines: string[]): string[] => lines.flatMap((line) => ["--header", line]);
  /** curl before 8.0 leaves this header to its user. */
  const hash = (bytes: Buffer | string = ""): string =>
    `x-amz-content-sha256: ${createHash("sha256").update(bytes).digest("hex")}`;
  const HOST = "Host: myBucket.s3.amazonaws.com";
  const curl = (...args: string[]) => succeed(path, [...signed, ...args], home);
  const status = async (...args: string[]): Promise<string> =>
    (await curl("--output", "answer", "--write-out", "%{http_code}", ...args)).slice(-3);
  await world.s3.send(new CreateBucketCommand({ Bucket: "mybucket" }));

  test("PUT /example-object with Host: myBucket.s3.amazonaws.com, metadata and Expect: 100-continue", async () => {
    const headers = header(HOST, "x-amz-meta-author: Janet", "Expect: 100-continue", "Content-Type: text/plain", hash(object));
    const shown = await run(
      path,
      [...signed, "--verbose", "--upload-file", "object", ...headers, `${httpUrl}/example-object`],
      home,
    );
    assert.match(shown.stderr, /< HTTP\/1\.1 100 Continue[^]*< HTTP\/1\.1 200 OK/);
    assert.match(shown.stderr, new RegExp(`< etag: "${createHash("md5").update(object).digest("hex")}"`, "i"));
    const got = await world.s3.send(new GetObjectCommand({ Bucket: "mybucket", Key: "example-object" }));
    assertBytes(await bodyOf(got), object);
    assert.deepEqual([got.Metadata, got.ContentType, got.ServerSideEncryption], [{ author: "Janet" }, "text/plain", "AES256"]);
  });

  test("with x-amz-server-side-encryption: AES256 PUT and GET answer with the header, GET with the bytes", async () => {
    const headers = header(
      HOST,
      "x-amz-meta-author: Janet",
      "Expect: 100-continue",
      "x-amz-server-side-encryption: AES256",
      hash(object),
    );
    const put = await curl("--include", "--upload-file", "object", ...headers, `${httpUrl}/example-object`);
    assert.match(put, /^HTTP\/1\.1 200 OK\r$/m);
    assert.match(put, /^x-amz-server-side-encryption: AES256\r$/m);
    const got = await curl("--dump-header", "-", "--output", "back", ...header(HOST, hash()), `${httpUrl}/example-object`);
    assert.match(got, /^x-amz-meta-author: Janet\r$/m);
    assert.match(got, /^x-amz-server-side-encryption: AES256\r$/m);
    assertBytes(readFileSync(join(home, "back")), object);
    assert.equal(
      await status(...header(HOST, "x-amz-server-side-encryption: AES256", hash()), `${httpUrl}/example-object`),
      "400",
    );
  });

  test("a policy that denies unencrypted uploads takes the second form and refuses the first", async () => {
    const Condition = { StringNotEquals: { "s3:x-amz-server-side-encryption": "AES256" } };
    const deny = {
      Effect: "Deny",
      Principal: "*",
      Action: "s3:PutObject",
      Resource: "arn:aws:s3:::mybucket/guarded/*",
      Condition,
    };
    await world.s3.send(
      new PutBucketPolicyCommand({ Bucket: "mybucket", Policy: JSON.stringify({ Version: "2012-10-17", Statement: [deny] }) }),
    );
    const put = (...more: string[]) =>
      status("--upload-file", "object", ...header(HOST, "Expect: 100-continue", hash(object), ...more), `${httpUrl}/guarded/o`);
    assert.equal(await put(), "403");
    assert.equal(codeOf(readFileSync(join(home, "answer"), "utf8")), "AccessDenied");
    assert.equal(await put("x-amz-server-side-encryption: AES256"), "200");
  });

  test("path style over https, a body that curl streams with its own Expect, an unsigned payload", async () => {
    const tls = ["--cacert", caFile];
    const url = `${httpsUrl}/mybucket/some%20key%20%2B%20%C3%A9`;
    assert.equal(await status(...tls, "--upload-file", "large", ...header("x-amz-content-sha256: UNSIGNED-PAYLOAD"), url), "200");
    const head = await world.s3.send(new HeadObjectCommand({ Bucket: "mybucket", Key: "some key + é" }));
    assert.equal(head.ContentLength, 3 * MIB);
    assert.equal(await status(...tls, ...header(hash()), url), "200");
    assertBytes(readFileSync(join(home, "answer")), bytesOf(3 * MIB, 9));
    assert.equal(await status(...tls, "--range", "100-199", ...header(hash()), url), "206");
    assertBytes(readFileSync(join(home, "answer")), bytesOf(3 * MIB, 9).subarray(100, 200));
  });

  test("the tutorial's very name over https: the local CA's certificate covers it", async () => {
    const { port } = new URL(httpsUrl);
    // Not mybucket.localhost: OpenSSL takes no wildcard directly below a top-level name.
    const url = `https://mybucket.s3.amazonaws.com:${port}/by-name`;
    const there = ["--cacert", caFile, "--resolve", `mybucket.s3.amazonaws.com:${port}:127.0.0.1`];
    assert.equal(await status(...there, "--upload-file", "object", ...header(hash(object)), url), "200");
    assert.equal(await status(...there, ...header(hash()), url), "200");
    assertBytes(readFileSync(join(home, "answer")), object);
  });

  test("listing, HEAD and DELETE", async () => {
    assert.match(await curl(...header(HOST, hash()), `${httpUrl}/?list-type=2&prefix=example`), /<Key>example-object<\/Key>/);
    assert.match(await curl("--head", ...header(hash()), `${httpUrl}/mybucket`), /^x-amz-bucket-region: us-east-1\r$/m);
    assert.match(await curl("--head", ...header(hash()), `${httpUrl}/mybucket/example-object`), /^content-length: 11434\r$/im);
    assert.equal(await status("--request", "DELETE", ...header(HOST, hash()), `${httpUrl}/example-object`), "204");
    assert.match(await curl("--head", ...header(hash()), `${httpUrl}/mybucket/example-object`), /^HTTP\/1\.1 404 /);
  });

  test("a wrong hash of the payload, and none at all, are refused in AWS's words", async () => {
    assert.equal(await status("--upload-file", "object", ...header(hash("other")), `${httpUrl}/mybucket/wrong`), "400");
    assert.equal(codeOf(readFileSync(join(home, "answer"), "utf8")), "XAmzContentSHA256Mismatch");
    const unsigned = await succeed(path, ["--silent", "--upload-file", "object", `${httpUrl}/mybucket/anonymous`], home);
    assert.equal(codeOf(unsigned), "AccessDenied");
  });
});
