/**
 * A whole server of two workers while its disk fails now and then: no worker dies or hangs, calls are served again at
 * once, what was acknowledged is there after kill -9, and Ctrl-C drains.
 */
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { CreateBucketCommand, GetObjectCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import { s3Client, startServer, type TestServer } from "../e2e/server.js";
import { assertBytes, bodyOf, bytesOf } from "../e2e/world.js";
import { eventually } from "../process/support.js";
import { Calls, compileFaults, faultEnvironment, FileFaults } from "./file-faults.js";

const directory = mkdtempSync(join(tmpdir(), "coffer-faulty-workers-"));
after(() => rmSync(directory, { recursive: true, force: true }));
const compiled = compileFaults(directory);
const options = { skip: "reason" in compiled ? compiled.reason : false };
const Bucket = "faulty";
const ROUNDS = 13;
/** An audit log that failed is tried again after a second. */
const SETTLED_MS = 5000;

async function start(environment: NodeJS.ProcessEnv): Promise<TestServer> {
  const server = await startServer({ disk: true, directory, flags: ["--workers", "2"], environment });
  after(() => server.kill());
  return server;
}

/** From a connection of its own: any worker. */
const put = (server: TestServer, Key: string, Body: Buffer) => s3Client(server).send(new PutObjectCommand({ Bucket, Key, Body }));

test("two workers live through a disk that fails now and then, and lose nothing that they acknowledged", options, async () => {
  if (!("library" in compiled)) throw new Error(compiled.reason);
  const control = join(directory, "control");
  const server = await start(faultEnvironment(compiled.library, control));
  // Worker 2 starts when worker 1 serves: a start that meets a fault ends, and is tried again. The third is the primary's.
  const audit = join(directory, "data", "audit");
  await eventually("both workers serve", () => readdirSync(audit).length === 3);
  await sleep(SETTLED_MS / 10);
  const faults = new FileFaults(control, join(directory, "data"));
  await s3Client(server).send(new CreateBucketCommand({ Bucket }));
  const acknowledged = new Map<string, Buffer>();
  let refused = 0;
  for (let round = 1; round <= ROUNDS; round++) {
    faults.arm({ calls: Calls.write | Calls.sync, action: "fail", error: "EIO", nth: round });
    await Promise.all([100, 100_000, 100, 100_000].map(async (size, at) => {
      const [key, body] = [`${round}-${at}`, bytesOf(size, 10 * round + at)];
      try {
        await put(server, key, body);
        acknowledged.set(key, body);
      } catch {
        refused++;
      }
    }));
    faults.disarm();
    const served = (): Promise<boolean> => put(server, `after-${round}`, bytesOf(1)).then(() => true, () => false);
    await eventually(`served again after round ${round}`, served, SETTLED_MS);
  }
  faults.close();
  assert.ok(refused >= ROUNDS / 2 && acknowledged.size > 0, `${refused} refused, ${acknowledged.size} acknowledged`);
  assert.doesNotMatch(server.stderr(), /worker died/);
  await server.kill();
  const again = await start({});
  for (const [Key, body] of acknowledged) {
    assertBytes(await bodyOf(await s3Client(again).send(new GetObjectCommand({ Bucket, Key }))), body, Key);
  }
  assert.equal(await again.stop(), 0);
});
