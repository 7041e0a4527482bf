/** How a server ends: it drains, it ends at once when asked twice, and what was acknowledged survives kill -9. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { request, Agent, type IncomingMessage } from "node:http";
import { test } from "node:test";
import { CreateBucketCommand, GetObjectCommand, PutObjectCommand, type S3Client } from "@aws-sdk/client-s3";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import { s3Client, startServer, type TestServer } from "../e2e/server.js";
import { eventually, inDirectory, withServer } from "./support.js";

const BODY = Buffer.alloc(300_000, "0123456789");
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function bucketOn(server: TestServer): Promise<S3Client> {
  const s3 = s3Client(server);
  s3.config.requestChecksumCalculation = async () => "WHEN_REQUIRED";
  await s3.send(new CreateBucketCommand({ Bucket: "letters" }));
  return s3;
}

/** An upload that has sent its first half and waits. */
async function halfAnUpload(s3: S3Client, Key: string): Promise<{ finish: () => Promise<number> }> {
  const url = await getSignedUrl(s3, new PutObjectCommand({ Bucket: "letters", Key }));
  const upload = request(url, { method: "PUT", headers: { "content-length": BODY.length }, agent: false });
  const answered = once(upload, "response") as Promise<[IncomingMessage]>;
  answered.catch(() => undefined);
  upload.write(BODY.subarray(0, 150_000));
  await pause(300);
  return {
    finish: async () => {
      upload.end(BODY.subarray(150_000));
      const [response] = await answered;
      response.resume();
      return response.statusCode ?? 0;
    },
  };
}

async function read(s3: S3Client, Key: string): Promise<Buffer> {
  const { Body } = await s3.send(new GetObjectCommand({ Bucket: "letters", Key }));
  return Buffer.from((await Body?.transformToByteArray()) ?? []);
}

for (const [title, flags, signal] of [
  ["SIGINT, one worker", ["--workers", "1"], "SIGINT"],
  ["SIGTERM, one worker", ["--workers", "1"], "SIGTERM"],
  ["SIGINT, two workers", ["--workers", "2"], "SIGINT"],
] as const) {
  test(`${title}: new connections are refused, an upload under way finishes and is kept, and the exit code is 0`, () =>
    inDirectory(async (directory) => {
      await withServer(startServer({ disk: true, directory, flags }), async (server) => {
        const { finish } = await halfAnUpload(await bucketOn(server), "slow");
        const exited = once(server.process, "exit");
        server.process.kill(signal);
        await eventually("the listener is closed", () =>
          // A connection that a worker was handed as it closed may wait in the primary: it is neither served nor refused.
          fetch(`${server.httpUrl}/-/live`, { signal: AbortSignal.timeout(1000) }).then(
            () => false,
            (error: unknown) => !(error instanceof DOMException),
          ),
        );
        assert.equal(server.process.exitCode, null);
        assert.equal(await finish(), 200);
        assert.deepEqual(await exited, [0, null]);
      });
      await withServer(startServer({ disk: true, directory }), async (server) =>
        assert.deepEqual(await read(s3Client(server), "slow"), BODY),
      );
    }));
}

test("a download under way is finished whole, and its kept-alive connection does not hold the server", () =>
  inDirectory(async (directory) => {
    await withServer(startServer({ disk: true, directory }), async (server) => {
      const s3 = await bucketOn(server);
      const body = Buffer.alloc(32 * 1024 * 1024, "abcdefg");
      await s3.send(new PutObjectCommand({ Bucket: "letters", Key: "big", Body: body }));
      const url = await getSignedUrl(s3, new GetObjectCommand({ Bucket: "letters", Key: "big" }));
      const agent = new Agent({ keepAlive: true });
      const download = request(url, { agent }).end();
      const [response] = (await once(download, "response")) as [IncomingMessage];
      response.pause();
      const exited = once(server.process, "exit");
      server.process.kill("SIGINT");
      await pause(500);
      assert.equal(server.process.exitCode, null);
      const pieces: Buffer[] = [];
      for await (const piece of response as AsyncIterable<Buffer>) pieces.push(piece);
      assert.equal(Buffer.concat(pieces).equals(body), true);
      const readAtMs = performance.now();
      assert.deepEqual(await exited, [0, null]);
      assert.ok(performance.now() - readAtMs < 3000);
      agent.destroy();
    });
  }));

for (const workers of ["1", "2"]) {
  test(`a second SIGINT ends a server of ${workers} worker${workers === "1" ? "" : "s"} at once, with nothing half-written`, () =>
    inDirectory(async (directory) => {
      await withServer(startServer({ disk: true, directory, flags: ["--workers", workers] }), async (server) => {
        await halfAnUpload(await bucketOn(server), "slow");
        const exited = once(server.process, "exit");
        server.process.kill("SIGINT");
        await pause(1000);
        assert.equal(server.process.exitCode, null, "it waits for the upload");
        const askedMs = performance.now();
        server.process.kill("SIGINT");
        assert.deepEqual(await exited, [130, null]);
        assert.ok(performance.now() - askedMs < 1000);
        await eventually("no worker is left", () =>
          fetch(`${server.httpUrl}/-/live`).then(
            () => false,
            () => true,
          ),
        );
      });
      await withServer(startServer({ disk: true, directory }), async (server) => {
        await assert.rejects(read(s3Client(server), "slow"), { name: "NoSuchKey" });
      });
    }));
}

test("two signals of one keypress (terminal and npm both send it) still drain", () =>
  inDirectory(async (directory) => {
    await withServer(startServer({ disk: true, directory }), async (server) => {
      const { finish } = await halfAnUpload(await bucketOn(server), "slow");
      const exited = once(server.process, "exit");
      server.process.kill("SIGINT");
      await pause(50);
      server.process.kill("SIGINT");
      await pause(200);
      assert.equal(await finish(), 200);
      assert.deepEqual(await exited, [0, null]);
    });
  }));

test("after kill -9 every acknowledged object is there, an upload under way is not, and the next start just works", () =>
  inDirectory(async (directory) => {
    let acknowledged = 0;
    await withServer(startServer({ disk: true, directory }), async (server) => {
      const s3 = await bucketOn(server);
      await halfAnUpload(s3, "torn");
      for (; acknowledged < 20; acknowledged += 1) {
        await s3.send(
          new PutObjectCommand({
            Bucket: "letters",
            Key: `k${acknowledged}`,
            Body: BODY.subarray(0, 10 + acknowledged * 10_000),
          }),
        );
      }
      await server.kill();
    });
    await withServer(startServer({ disk: true, directory }), async (server) => {
      const s3 = s3Client(server);
      for (let at = 0; at < acknowledged; at += 1) assert.deepEqual(await read(s3, `k${at}`), BODY.subarray(0, 10 + at * 10_000));
      await assert.rejects(read(s3, "torn"), { name: "NoSuchKey" });
    });
  }));
