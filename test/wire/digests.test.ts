/** Digests in the digest thread: the same values as beside the reader, bounded, and never wrong when the thread dies. */
import assert from "node:assert/strict";
import { randomBytes, randomInt } from "node:crypto";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { CHECKSUM_ALGORITHMS, checksum } from "../../src/wire/checksums.js";
import { digestsInThread, DigestThreadError, endDigestThread } from "../../src/wire/digest-thread.js";
import { openDigests, type BodyDigests } from "../../src/wire/digests.js";

const MIB = 1024 * 1024;
const SIZES = [0, 1, 512 * 1024 - 1, 512 * 1024, 512 * 1024 + 1, MIB, MIB + 1, 3 * MIB + 17];

/** A place in the thread; one that was given up is free when the thread has said so. */
async function inThread(): Promise<BodyDigests> {
  for (let tries = 0; tries < 2000; tries++) {
    const digests = digestsInThread(CHECKSUM_ALGORITHMS);
    if (digests !== undefined) return digests;
    await delay(5);
  }
  throw new assert.AssertionError({ message: "no place in the thread" });
}

/** Feeds `bytes` from memory that is overwritten as soon as it may be. */
async function feed(digests: BodyDigests, bytes: Buffer, most = 300_000): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    const piece = Buffer.from(bytes.subarray(at, at + randomInt(1, most)));
    at += piece.length;
    const waiting = digests.update(piece);
    if (waiting !== undefined) await waiting;
    piece.fill(0xee);
  }
}

async function expectDigests(found: Map<string, Buffer>, bytes: Buffer): Promise<void> {
  for (const algorithm of CHECKSUM_ALGORITHMS) {
    assert.equal(found.get(algorithm)?.toString("hex"), (await checksum(algorithm, bytes)).toString("hex"), algorithm);
  }
}

for (const size of SIZES) {
  test(`every algorithm in the thread, ${size} bytes: as beside the reader`, async () => {
    const bytes = randomBytes(size);
    const digests = await inThread();
    try {
      await feed(digests, bytes);
      await expectDigests(await digests.digest(), bytes);
    } finally {
      digests.release();
    }
  });
}

test("many bodies at once are kept apart; beyond the bound they are digested beside the reader", async () => {
  const opened = Array.from({ length: 12 }, () => digestsInThread(["MD5"]));
  assert.ok(opened.slice(0, 4).every((each) => each !== undefined));
  assert.equal(opened.at(-1), undefined);
  for (const each of opened) each?.release();
  const bodies = Array.from({ length: 12 }, () => randomBytes(4 * MIB + randomInt(MIB)));
  await Promise.all(
    bodies.map(async (bytes) => {
      const digests = await openDigests(CHECKSUM_ALGORITHMS, bytes.length);
      try {
        await feed(digests, bytes);
        await expectDigests(await digests.digest(), bytes);
      } finally {
        digests.release();
      }
    }),
  );
});

test("a body that is given up frees its place, and the next ones are right", async () => {
  for (let i = 0; i < 30; i++) {
    const digests = await inThread();
    const waiting = digests.update(randomBytes(MIB));
    digests.release();
    digests.release();
    await waiting;
  }
  const bytes = randomBytes(2 * MIB);
  const digests = await inThread();
  await feed(digests, bytes);
  await expectDigests(await digests.digest(), bytes);
  digests.release();
});

test("when the thread dies, bodies under way fail wherever they are, and the next one is digested by a new thread", async () => {
  const waiting = await inThread();
  const between = await inThread();
  const ending = await inThread();
  between.update(randomBytes(1000));
  const full = waiting.update(randomBytes(4 * MIB));
  assert.ok(full !== undefined, "two slots hold a MiB: the rest must wait");
  const digest = ending.digest();
  const failures = Promise.all([assert.rejects(full, DigestThreadError), assert.rejects(digest, DigestThreadError)]);
  await endDigestThread();
  await failures;
  assert.throws(() => between.update(Buffer.alloc(1)), DigestThreadError);
  await assert.rejects(between.digest(), DigestThreadError);
  for (const each of [waiting, between, ending]) each.release();
  const bytes = randomBytes(MIB + 5);
  const next = await inThread();
  await feed(next, bytes);
  await expectDigests(await next.digest(), bytes);
  next.release();
});
