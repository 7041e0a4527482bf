/** PUTs whose digests are taken in the digest thread: right, refused where they lie, and failed when the thread dies. */
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { after, before, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { endDigestThread } from "../../src/wire/digest-thread.js";
import { answers, request, startHere, Wire, type Attacked } from "./support.js";

const BYTES = 9 * 1024 * 1024 + 11;
let server: Attacked;

async function send(bytes: Buffer) {
  const wire = new Wire(server).write(bytes);
  const [answer] = answers(await wire.answer(60_000));
  wire.close();
  assert.ok(answer !== undefined, wire.text);
  return answer;
}

before(async () => {
  server = await startHere();
  assert.equal((await send(request(server, "PUT", "/digest-bucket"))).status, 200);
});
after(() => server.stop());

test("the ETag of a large SSE-S3 body is its MD5", async () => {
  const body = randomBytes(BYTES);
  const answer = await send(request(server, "PUT", "/digest-bucket/large", { body }));
  assert.equal(answer.status, 200);
  assert.equal(answer.headers["etag"], `"${createHash("md5").update(body).digest("hex")}"`);
});

test("a large body that is not what its hash or checksum says is refused", async () => {
  const body = randomBytes(BYTES);
  const damaged = request(server, "PUT", "/digest-bucket/damaged", { body });
  damaged.writeUInt8(damaged.readUInt8(damaged.length - 1) ^ 1, damaged.length - 1);
  assert.match((await send(damaged)).body, /XAmzContentSHA256Mismatch/);
  const headers = { "content-md5": createHash("md5").update("another").digest("base64") };
  assert.match((await send(request(server, "PUT", "/digest-bucket/damaged", { body, headers }))).body, /BadDigest/);
  assert.equal((await send(request(server, "GET", "/digest-bucket/damaged"))).status, 404);
});

test("a PUT whose digest thread dies answers 500 and leaves no object; the next one succeeds", async () => {
  const whole = request(server, "PUT", "/digest-bucket/orphan", { body: randomBytes(BYTES) });
  const wire = new Wire(server).write(whole.subarray(0, 6 * 1024 * 1024));
  await delay(300);
  await endDigestThread();
  wire.write(whole.subarray(6 * 1024 * 1024));
  const [answer] = answers(await wire.answer(60_000));
  wire.close();
  assert.equal(answer?.status, 500);
  assert.equal((await send(request(server, "GET", "/digest-bucket/orphan"))).status, 404);
  assert.equal((await send(whole)).status, 200);
});
