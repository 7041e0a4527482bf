/** Verifying a store that is in use: nothing that changes meanwhile is taken for damage, and damage is still seen. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { runOver } from "../../src/cli/verify.js";
import { openForProof } from "../../src/objects/verify-keys.js";
import { readToken, verifyUnit, verifierOf } from "../../src/objects/verify-store.js";
import { OwnerIndex } from "../../src/objects/verify-owners.js";
import { isPinned, takePin } from "../../src/objects/pins.js";
import { sweepStep } from "../../src/objects/sweep.js";
import { verifyAll } from "../../src/objects/verify-run.js";
import { HOUR_MS, MINUTE_MS } from "../../src/lib/clock.js";
import type { Finding, VerifyStoreResponse } from "../../src/wire/tables/coffer-types.js";
import { pattern, refused } from "../objects/world.js";
import { House, LARGE, SMALL } from "./house.js";

/** Writers of every kind on few keys, and a sweep that comes often because the clock runs. */
function writers(house: House): { stop(): Promise<number> } {
  let running = true;
  let calls = 0;
  const loop = async (work: (round: number) => Promise<unknown>): Promise<void> => {
    for (let round = 0; running; round++) {
      await work(round).catch((error: unknown) => {
        if (!(error instanceof Error) || error.name !== "ServiceError") throw error;
      });
      calls += 1;
      // A pause, as between requests: the walk lets others have their turn, and would get none itself.
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  };
  const size = (round: number): number => (round % 2 === 0 ? SMALL : LARGE);
  const all = [
    loop((round) => house.put(`k${round % 3}`, pattern(size(round), round))),
    loop((round) => house.put("versions", pattern(size(round), round))),
    loop((round) => house.s3("DeleteObject", { Bucket: "bucket", Key: `k${round % 3}` })),
    loop(async (round) => {
      const listed = await house.s3("ListObjectVersions", { Bucket: "bucket", Prefix: round % 2 === 0 ? "versions" : "k" });
      const [newest] = (listed["Versions"] ?? []) as { Key: string; VersionId: string }[];
      if (newest !== undefined) await house.s3(
        "DeleteObject", { Bucket: "bucket", Key: newest.Key, VersionId: newest.VersionId },
      );
    }),
    loop((round) => house.upload(`multi${round % 2}`, [100_000, SMALL], {})),
    loop(async () => {
      const { UploadId } = await house.s3("CreateMultipartUpload", { Bucket: "bucket", Key: "given-up" });
      await house.part("given-up", UploadId, 1, pattern(LARGE));
      await house.part("given-up", UploadId, 1, pattern(SMALL));
      await house.s3("AbortMultipartUpload", { Bucket: "bucket", Key: "given-up", UploadId });
    }),
    loop(async (round) => {
      await house.bucket(`short-${round % 2}`);
      await house.s3("PutObject", { Bucket: `short-${round % 2}`, Key: "k" }, { body: pattern(size(round)) });
      await house.s3("DeleteObject", { Bucket: `short-${round % 2}`, Key: "k" });
      await house.s3("DeleteBucket", { Bucket: `short-${round % 2}` });
    }),
    loop(async (round) => {
      const key = await house.key();
      await house.kms("CreateAlias", { AliasName: `alias/a${round % 2}`, TargetKeyId: key });
      await house.kms("CreateGrant", { KeyId: key, GranteePrincipal: "arn:aws:iam::111122223333:root", Operations: ["Decrypt"] });
      await house.kms("DeleteAlias", { AliasName: `alias/a${round % 2}` });
      await house.kms("ScheduleKeyDeletion", { KeyId: key, PendingWindowInDays: 7 });
    }),
    loop(async () => {
      house.clock.advance(2 * MINUTE_MS);
      while ((await sweepStep(house.room)) === "more");
    }),
  ];
  return {
    async stop() {
      running = false;
      await Promise.all(all);
      return calls;
    },
  };
}

test("writers, deleters and the sweep at work are no findings, and damage is seen all the same", async () => {
  const house = new House();
  await house.fill();
  const load = writers(house);
  let rounds = 0;
  const findings: Finding[] = [];
  while (rounds < 2) {
    const run = runOver({
      room: house.room, kms: house.keys,
    }, { depth: rounds % 2 === 0 ? "FULL" : "QUICK", report: (finding) => void findings.push(finding), repair: false });
    // A turn of the loop between the units, as between two requests.
    const ask: typeof run.ask = async (input) => {
      await new Promise((resolve) => setImmediate(resolve));
      return run.ask(input);
    };
    await verifyAll({ ...run, ask });
    rounds += 1;
  }
  assert.deepEqual(findings, []);
  await house.blobs.delete((await house.segmentOf("s3/large")).id);
  const damaged = await house.verify({ quick: true });
  assert.deepEqual(
    damaged.findings.map(({ Fault, Subject }) => [Fault, Subject]), [["blob-missing", "s3://bucket/s3/large version null"]],
  );
  const calls = await load.stop();
  assert.ok(rounds > 0 && calls > 20, `${rounds} rounds, ${calls} calls`);
  assert.equal((await house.verify()).findings.length, 1);
});

test("a walk ends after what was there when it began, however much comes between its units; damage is seen", async () => {
  const house = new House();
  await house.fill();
  const quiet = await house.verify({ quick: true });
  await house.blobs.delete((await house.segmentOf("s3/large")).id);
  const { ledger } = house.room.tables;
  const verifier = { ...verifierOf(house.room, house.keys, false), limits: { bytes: 1_000_000, weight: 10 } };
  const findings: Finding[] = [];
  let units = 0;
  const number = (): string => String(units).padStart(6, "0");
  const ask = async ({ NextToken }: { readonly NextToken?: string }): Promise<VerifyStoreResponse> => {
    const { answer } = await verifyUnit(verifier, "QUICK", NextToken === undefined ? undefined : readToken(NextToken));
    units += 1;
    assert.ok(units < 300, `still in ${answer.Phase}`);
    // Garbage comes before the answers of completed uploads, which stand at times to come; other names behind all others.
    const garbage = Array.from({ length: 150 }, (_, at) => ledger.put(
      ledger.key("g", String(house.clock.now() + units).padStart(15, "0"), `${number()}${at}`),
      { clear: { kind: "upload-answer", inc: "none", uploadId: "none" } },
    ));
    await house.store.commit({ puts: garbage });
    await house.put(`zz${number()}`, pattern(SMALL));
    await house.put("s3/small", pattern(SMALL, units));
    // A young row that owns an old body.
    const tagging = { TagSet: [{ Key: "n", Value: number() }] };
    await house.s3("PutObjectTagging", { Bucket: "bucket", Key: "kms/large", Tagging: tagging });
    await house.s3("CreateMultipartUpload", { Bucket: "bucket", Key: "zz" });
    await house.bucket(`zz-${number()}`);
    return answer;
  };
  const { counts } = await verifyAll({ ask, depth: "QUICK", report: (finding) => void findings.push(finding) });
  assert.deepEqual(
    findings.map(({ Fault, Subject }) => [Fault, Subject]), [["blob-missing", "s3://bucket/s3/large version null"]],
  );
  assert.ok(counts.Versions <= quiet.summary.counts.Versions, `${counts.Versions} of ${quiet.summary.counts.Versions}`);
});

test("while a pin is held nothing is swept; one that its holder does not renew runs out by itself", async () => {
  const house = new House();
  await house.fill();
  const pins = { store: house.store, ledger: house.room.tables.ledger, clock: house.clock };
  house.clock.advance(2 * HOUR_MS);
  const garbage = (await house.verify({ quick: true })).summary.counts.Garbage;
  assert.ok(garbage > 0);
  const pin = await takePin(pins);
  const other = await takePin(pins);
  assert.equal(await sweepStep(house.room), "done");
  assert.equal((await house.verify({ quick: true })).summary.counts.Garbage, garbage);
  for (let renewals = 0; renewals < 10; renewals++) {
    house.clock.advance(9 * MINUTE_MS);
    await pin.renew();
    assert.ok(await isPinned(pins));
  }
  await assert.rejects(other.renew(), /has run out/);
  await pin.release();
  while ((await sweepStep(house.room)) === "more");
  // Answers of completed uploads are kept for a day.
  assert.equal((await house.verify({ quick: true })).summary.counts.Garbage, 6);
  const dead = await takePin(pins);
  house.clock.advance(HOUR_MS);
  assert.equal(await isPinned(pins), false);
  await assert.rejects(dead.renew(), /has run out/);
  assert.deepEqual((await house.rows(0x57)).filter(({ key }) => key[1] === "b".charCodeAt(0) + 1), []);
});

test("a place that was not given is refused; a unit is bounded, and says where the next begins", async () => {
  const house = new House();
  await house.fill();
  for (const token of ["", "e30", "x", Buffer.from(
    '{"phase":"objects","since":"1"}',
  ).toString("base64url"), Buffer.from('{"phase":"objects","since":1,"at":{"bucket":"zz"}}').toString("base64url")]) {
    await refused((async () => readToken(token))(), "InvalidNextTokenException");
  }
  const verifier = verifierOf(house.room, house.keys, false);
  await refused(verifyUnit(verifier, "FULL", { phase: "nothing", since: 1 }), "InvalidNextTokenException");
  await refused(verifyUnit(verifier, "OWNERS", { phase: "bucket", since: 1 }), "InvalidNextTokenException");
  const { answer, next } = await verifyUnit(verifier, "FULL", undefined);
  assert.equal(answer.Phase, "objects");
  assert.deepEqual(readToken(answer.NextToken ?? ""), next);
});

test("an object with many versions is walked in several units, each version once", async () => {
  const house = new House();
  await house.bucket();
  await house.configure("bucket", { versioning: "Enabled" });
  const count = 230;
  for (let seed = 0; seed < count; seed++) await house.put("many", pattern(10, seed));
  const verifier = { ...verifierOf(house.room, house.keys, false), limits: { bytes: 1000, weight: 100 } };
  let units = 0;
  let versions = 0;
  const owned = new Set<string>();
  let token: string | undefined;
  do {
    const { answer } = await verifyUnit(verifier, "QUICK", token === undefined ? undefined : readToken(token));
    if (answer.Phase === "objects") units += 1;
    versions += answer.Counts.Versions;
    assert.ok(answer.Counts.Versions < 100, `${answer.Counts.Versions} in one unit`);
    for (const { Id } of answer.Owned) owned.add(Id);
    assert.deepEqual(answer.Findings, []);
    token = answer.NextToken;
  } while (token !== undefined);
  assert.deepEqual([versions, owned.size, units > 2], [count, count, true]);
});

test("a large multipart object is read in several units, current or not, and each of its parts is judged", async () => {
  const house = new House();
  await house.bucket();
  await house.configure("bucket", { versioning: "Enabled" });
  const size = 400_000;
  const uploadId = await house.upload("big", [size, size, size, SMALL], {});
  await house.upload("big", [size, size, SMALL], {});
  const verify = async (): Promise<{ units: number; bytes: number; findings: Finding[] }> => {
    const verifier = { ...verifierOf(house.room, house.keys, false), limits: { bytes: 600_000, weight: 2000 } };
    const found = { units: 0, bytes: 0, findings: [] as Finding[] };
    let token: string | undefined;
    do {
      const { answer } = await verifyUnit(verifier, "FULL", token === undefined ? undefined : readToken(token));
      if (answer.Phase === "objects") found.units += 1;
      found.bytes += answer.Counts.Bytes;
      found.findings.push(...answer.Findings);
      token = answer.NextToken;
    } while (token !== undefined);
    return found;
  };
  const clean = await verify();
  assert.deepEqual(clean.findings, []);
  assert.equal(clean.bytes, 5 * size + 2 * SMALL);
  assert.ok(clean.units >= 3, `${clean.units} units`);
  const { incarnation } = await house.incarnation();
  for (const partNumber of [1, 2, 3]) {
    const part = await house.room.tables.uploadParts.get(incarnation, uploadId, partNumber);
    await house.replaceBlob(part?.clear.segment.id ?? "", (bytes) => {
      bytes.writeUInt8(bytes.readUInt8(300_000) ^ 1, 300_000);
      return bytes;
    });
  }
  const parts = (await verify()).findings.map(({ Fault, Subject }) => [Fault, /part (\d)$/.exec(Subject)?.[1]]);
  assert.deepEqual(parts, ["1", "2", "3"].map((n) => ["body-does-not-open", n]));
});

test("the index of owners: owned or not, shared or not, in whatever range it keeps", () => {
  const id = (n: number): string => (n * 7919).toString(16).padStart(8, "0") + "0".repeat(24);
  const index = new OwnerIndex(0, 1000);
  for (let n = 0; n < 500; n++) index.add({ Id: id(n), Owner: `o${n}` });
  for (let n = 0; n < 100; n++) index.add({ Id: id(n), Owner: n % 2 === 0 ? "" : `o${n}` });
  index.add({ Id: id(7), Owner: "another" });
  assert.deepEqual(index.settle(), [id(7)]);
  assert.equal(index.isPartial, false);
  for (let n = 0; n < 500; n++) assert.ok(index.isOwned(id(n)));
  assert.ok(!index.isOwned(id(500)));
});

test("a key that is disabled while its ciphertext is proven leaves the object unproven, not damaged", async () => {
  const house = new House();
  const bucket = await house.bucket();
  const key = await house.key();
  await house.put("k", pattern(SMALL), { ServerSideEncryption: "aws:kms", SSEKMSKeyId: key });
  const record = (await house.room.tables.buckets.get(bucket))?.clear;
  const encryption = (await house.room.tables.heads.get(record?.incarnation ?? "", "k"))?.clear.object?.encryption;
  assert.ok(record !== undefined && encryption !== undefined);
  const { keys } = house.keys.tables;
  const get = keys.get.bind(keys);
  let reads = 0;
  keys.get = async (...parts) => {
    reads += 1;
    const found = await get(...parts);
    if (reads === 1) await house.kms("DisableKey", { KeyId: key });
    return found;
  };
  const place = { bucket: record, key: "k", encryption, kmsContext: undefined };
  assert.deepEqual(await openForProof(verifierOf(house.room, house.keys, false), place), { unproven: "disabled" });
});
