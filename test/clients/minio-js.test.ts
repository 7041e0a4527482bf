/** minio-js over http and https: its own signed chunks, multipart by stream, compose, presigned URLs, V1 and V2 listings. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { Agent } from "node:https";
import { join } from "node:path";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { test } from "node:test";
import { Client, CopyDestinationOptions, CopySourceOptions } from "minio";
import { ROOT } from "../e2e/server.js";
import { assertBytes, bytesOf, MIB, openWorld, unique } from "../e2e/world.js";
import { scratch } from "./programs.js";

const world = await openWorld();
const home = scratch();
const keyArn = await world.key();
const LARGE = bytesOf(11 * MIB + 3, 17);
const SMALL = bytesOf(70_001, 18);

for (const [scheme, address] of [
  ["http", world.server.httpUrl],
  ["https", world.server.httpsUrl],
] as const) {
  const url = new URL(address);
  const transportAgent = scheme === "https" ? { transportAgent: new Agent({ ca: readFileSync(world.server.caFile) }) } : {};
  const minio = new Client({
    endPoint: url.hostname,
    port: Number(url.port),
    useSSL: scheme === "https",
    accessKey: ROOT.accessKeyId,
    secretKey: ROOT.secretAccessKey,
    partSize: 5 * MIB,
    pathStyle: true,
    ...transportAgent,
  });
  const bucket = unique("minio");
  const read = async (name: string): Promise<Buffer> => buffer(await minio.getObject(bucket, name));

  test(`minio-js over ${scheme}: buckets, streams in parts, files, ranges, metadata`, async () => {
    await minio.makeBucket(bucket);
    assert.deepEqual([await minio.bucketExists(bucket), await minio.bucketExists(unique("absent"))], [true, false]);
    await minio.putObject(bucket, "buffer", SMALL, SMALL.length, { "Content-Type": "a/b", "X-Amz-Meta-Author": "Janet" });
    assertBytes(await read("buffer"), SMALL);
    await minio.putObject(bucket, "stream", Readable.from(pieces(LARGE, 100_003)));
    assertBytes(await read("stream"), LARGE);
    const directory = mkdtempSync(join(home, scheme));
    writeFileSync(join(directory, "up"), LARGE);
    await minio.fPutObject(bucket, "dir/ü +%41", join(directory, "up"));
    await minio.fGetObject(bucket, "dir/ü +%41", join(directory, "down"));
    assertBytes(readFileSync(join(directory, "down")), LARGE);
    assertBytes(
      await buffer(await minio.getPartialObject(bucket, "stream", 5 * MIB - 2, 4)),
      LARGE.subarray(5 * MIB - 2, 5 * MIB + 2),
    );
    const { size, metaData } = await minio.statObject(bucket, "buffer");
    assert.deepEqual([size, metaData["author"], metaData["content-type"]], [SMALL.length, "Janet", "a/b"]);
    await assert.rejects(minio.statObject(bucket, "absent"), { code: "NotFound" });
    await assert.rejects(minio.getObject(bucket, "absent"), { code: "NoSuchKey" });
  });

  test(`minio-js over ${scheme}: SSE-KMS by header and as default`, async () => {
    const headers = { "X-Amz-Server-Side-Encryption": "aws:kms", "X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id": keyArn };
    await minio.putObject(bucket, "kms", SMALL, SMALL.length, headers);
    assertBytes(await read("kms"), SMALL);
    // Named as on the wire: the client writes the members as XML elements as they are, whatever its types say.
    const byDefault = { SSEAlgorithm: "aws:kms", KMSMasterKeyID: keyArn };
    await minio.setBucketEncryption(bucket, { Rule: [{ ApplyServerSideEncryptionByDefault: byDefault }] });
    await minio.putObject(bucket, "kms-default", LARGE);
    assertBytes(await read("kms-default"), LARGE);
    for (const name of ["kms", "kms-default"]) {
      const { headers: shown } = await minio.makeRequestAsync({ method: "HEAD", bucketName: bucket, objectName: name });
      assert.equal(shown["x-amz-server-side-encryption-aws-kms-key-id"], keyArn, name);
    }
    await minio.removeBucketEncryption(bucket);
  });

  test(`minio-js over ${scheme}: copies, and objects composed of others`, async () => {
    await minio.copyObject(bucket, "copy", `/${bucket}/stream`);
    assertBytes(await read("copy"), LARGE);
    const sources = ["stream", "buffer"].map((Object) => new CopySourceOptions({ Bucket: bucket, Object }));
    await minio.composeObject(new CopyDestinationOptions({ Bucket: bucket, Object: "composed" }), sources);
    assertBytes(await read("composed"), Buffer.concat([LARGE, SMALL]));
  });

  test(`minio-js over ${scheme}: tags, policy, versioning`, async () => {
    await minio.setObjectTagging(bucket, "buffer", { team: "blue" });
    assert.deepEqual(await minio.getObjectTagging(bucket, "buffer"), [{ Key: "team", Value: "blue" }]);
    await minio.setBucketTagging(bucket, { cost: "one" });
    assert.deepEqual(await minio.getBucketTagging(bucket), [{ Key: "cost", Value: "one" }]);
    const Resource = `arn:aws:s3:::${bucket}/never`;
    const policy = JSON.stringify({
      Version: "2012-10-17",
      Statement: [{ Effect: "Deny", Principal: "*", Action: "s3:GetObject", Resource }],
    });
    await minio.setBucketPolicy(bucket, policy);
    assert.deepEqual(JSON.parse(await minio.getBucketPolicy(bucket)), JSON.parse(policy));
    await minio.setBucketPolicy(bucket, "");
    await minio.setBucketVersioning(bucket, { Status: "Enabled" });
    assert.equal((await minio.getBucketVersioning(bucket)).Status, "Enabled");
    await minio.setBucketVersioning(bucket, { Status: "Suspended" });
  });

  // Over http only: Node's fetch takes no CA.
  if (scheme === "http") {
    test("minio-js: presigned GET and PUT, and a form", async () => {
      const put = await fetch(await minio.presignedPutObject(bucket, "presigned", 60), {
        method: "PUT",
        body: new Uint8Array(SMALL),
      });
      assert.equal(put.status, 200);
      const got = await fetch(await minio.presignedGetObject(bucket, "presigned", 60, { "response-content-type": "x/y" }));
      assertBytes(Buffer.from(await got.arrayBuffer()), SMALL);
      assert.equal(got.headers.get("content-type"), "x/y");
      const policy = minio.newPostPolicy();
      policy.setBucket(bucket);
      policy.setKey("posted");
      policy.setExpires(new Date(Date.now() + 60_000));
      policy.setContentLengthRange(1, SMALL.length);
      const { postURL, formData } = await minio.presignedPostPolicy(policy);
      const form = new FormData();
      for (const [name, value] of Object.entries(formData)) form.append(name, String(value));
      form.append("file", new Blob([new Uint8Array(SMALL)]), "f");
      assert.equal((await fetch(postURL, { method: "POST", body: form })).status, 204);
      assertBytes(await read("posted"), SMALL);
    });
  }

  test(`minio-js over ${scheme}: both listings see every object; all are removed at once`, async () => {
    for (let at = 0; at < 7; at++) await minio.putObject(bucket, `many/${at} ü`, "x");
    const many = Array.from({ length: 7 }, (_, at) => `many/${at} ü`);
    const names = async (stream: Readable): Promise<string[]> =>
      ((await stream.toArray()) as { name?: string }[]).map(({ name = "" }) => name);
    assert.deepEqual(await names(minio.listObjectsV2(bucket, "many/", true)), many);
    assert.deepEqual(await names(minio.listObjectsV2(bucket, "many/", true, "many/3 ü")), many.slice(4));
    assert.deepEqual(await names(minio.listObjects(bucket, "many/", true)), many);
    const prefixes = (await minio.listObjectsV2(bucket, "", false).toArray()) as { prefix?: string }[];
    assert.deepEqual(
      prefixes.flatMap(({ prefix }) => prefix ?? []),
      ["dir/", "many/"],
    );
    const all = await names(minio.listObjectsV2(bucket, "", true));
    await minio.removeObjects(bucket, all);
    // Under suspended versioning a marker stays for each: they are versions, and go one by one.
    const markers = (await minio.listObjects(bucket, "", true, { IncludeVersion: true }).toArray()) as {
      name: string;
      versionId: string;
    }[];
    await minio.removeObjects(
      bucket,
      markers.map(({ name, versionId }) => ({ name, versionId })),
    );
    await minio.removeBucket(bucket);
    assert.equal(await minio.bucketExists(bucket), false);
  });
}

function* pieces(bytes: Buffer, sizeBytes: number): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += sizeBytes) yield bytes.subarray(at, at + sizeBytes);
}
