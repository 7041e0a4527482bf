/** `--memory`: nothing on disk but the local CA, in a temporary directory that goes with the server. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdirSync, readdirSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { CreateKeyCommand } from "@aws-sdk/client-kms";
import { CreateBucketCommand, GetObjectCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import { failToStart, kmsClient, s3Client, startServer } from "../e2e/server.js";
import { filesBelow, inDirectory, withServer } from "./support.js";

const everywhere = (home: string): NodeJS.ProcessEnv => ({
  HOME: home,
  TMPDIR: join(home, "tmp"),
  XDG_DATA_HOME: join(home, "xdg-data"),
  XDG_CONFIG_HOME: join(home, "xdg-config"),
});
const places = (home: string): string[] => ["--data-dir", join(home, "data"), "--key-file", join(home, "config", "root.key")];

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  test(`a server in memory, used and ended by ${signal}, has written nothing but its CA, which is gone with it`, () =>
    inDirectory(async (home) => {
      mkdirSync(join(home, "tmp"));
      const options = { directory: home, environment: everywhere(home), flags: places(home) };
      await withServer(startServer(options), async (server) => {
        const s3 = s3Client(server, { https: true });
        await s3.send(new CreateBucketCommand({ Bucket: "letters" }));
        const { KeyMetadata } = await kmsClient(server).send(new CreateKeyCommand({}));
        const sse = { ServerSideEncryption: "aws:kms", SSEKMSKeyId: KeyMetadata?.KeyId } as const;
        // One that is kept with the records, and one that would be a file.
        for (const [Key, size] of [
          ["small", 10],
          ["large", 3_000_000],
        ] as const) {
          await s3.send(new PutObjectCommand({ Bucket: "letters", Key, Body: Buffer.alloc(size, "x"), ...sse }));
          const { Body } = await s3.send(new GetObjectCommand({ Bucket: "letters", Key }));
          assert.equal((await Body?.transformToByteArray())?.length, size);
        }
        const tls = dirname(server.caFile);
        assert.deepEqual(
          filesBelow(home).map((name) => join(home, name)),
          ["ca.key", "ca.pem", "server.key", "server.pem"].map((name) => join(tls, name)),
        );
        assert.equal(statSync(tls).mode & 0o777, 0o700);
        const exited = once(server.process, "exit");
        server.process.kill(signal);
        assert.deepEqual(await exited, [0, null]);
      });
      assert.deepEqual(filesBelow(home), []);
      assert.deepEqual(readdirSync(home), ["tmp"]);
    }));
}

test("a server in memory that cannot start leaves nothing behind either", () =>
  inDirectory(async (home) => {
    mkdirSync(join(home, "tmp"));
    await withServer(startServer(), async (other) => {
      const { code, stderr } = await failToStart(home, {
        environment: everywhere(home),
        flags: ["--tls-listen", new URL(other.httpsUrl).host],
      });
      assert.equal(code, 1);
      assert.match(stderr, /^coffer: cannot listen on 127\.0\.0\.1:\d+: .*EADDRINUSE[^\n]*\n$/);
    });
    assert.deepEqual(readdirSync(join(home, "tmp")), []);
  }));

test("several workers cannot share a memory: refused", () =>
  inDirectory(async (home) => {
    const { code, stderr } = await failToStart(home, { flags: ["--workers", "2"] });
    assert.equal(code, 1);
    assert.match(stderr, /--memory runs in one worker/);
  }));
