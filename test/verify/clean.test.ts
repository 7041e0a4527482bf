/** A store as it is written is clean, whatever was done to it. Source: docs/reference/verify.md. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { sweepStep } from "../../src/objects/sweep.js";
import { DAY_MS } from "../../src/lib/clock.js";
import { House, modes } from "./house.js";

test("a store with objects of every mode and way of writing is clean; each opens with its own key alone", async () => {
  const house = new House();
  await house.fill();
  const { findings, summary } = await house.verify();
  assert.deepEqual(findings, []);
  // Of 5 modes 4 objects each, one of them under a customer's key.
  assert.equal(summary.counts.CustomerKeyed, 4);
  assert.equal(summary.counts.Opened, summary.counts.Versions - 4);
  assert.ok(summary.counts.Bytes > 4 * 500_000);
  assert.deepEqual(summary.unproven, []);
});

test("it is clean with old garbage swept, with buckets deleted, and in quick mode no body is read", async () => {
  const house = new House();
  const key = await house.fill();
  await house.bucket("gone");
  const { UploadId } = await house.s3("CreateMultipartUpload", { Bucket: "gone", Key: "k" });
  await house.s3("UploadPart", { Bucket: "gone", Key: "k", UploadId, PartNumber: 1 }, { body: Buffer.alloc(200_000) });
  await house.s3("DeleteBucket", { Bucket: "gone" });
  assert.deepEqual((await house.verify()).findings, []);
  for (let day = 0; day < 3; day++) {
    house.clock.advance(DAY_MS);
    while ((await sweepStep(house.room)) === "more");
    const { findings, summary } = await house.verify({ quick: true });
    assert.deepEqual(findings, []);
    assert.equal(summary.counts.Bytes, 0);
  }
  assert.equal((await house.verify()).summary.counts.Garbage, 0);
  await house.kms("ScheduleKeyDeletion", { KeyId: key, PendingWindowInDays: 7 });
  assert.deepEqual((await house.verify()).findings, []);
});

test("a key that may not be used now is named, not used, and no failure; nor is a deleted one", async () => {
  const house = new House();
  const key = await house.fill();
  await house.kms("DisableKey", { KeyId: key });
  const kmsModes = modes(key).length - 2;
  const { findings, summary } = await house.verify();
  assert.deepEqual(findings, []);
  assert.deepEqual(summary.unproven, [{ KeyArn: key, Reason: "disabled", Versions: kmsModes * 4 }]);
  await house.kms("EnableKey", { KeyId: key });
  await house.kms("ScheduleKeyDeletion", { KeyId: key, PendingWindowInDays: 7 });
  assert.deepEqual(
    (await house.verify()).summary.unproven, [{ KeyArn: key, Reason: "pending-deletion", Versions: kmsModes * 4 }],
  );
  house.clock.advance(8 * DAY_MS);
  const { deleteDueKeys } = await import("../../src/keys/maintenance.js");
  const job = deleteDueKeys(house.keys);
  while ((await job.step(house.clock.now())) === "more");
  const after = await house.verify();
  assert.deepEqual(after.findings, []);
  assert.deepEqual(after.summary.unproven, [{ KeyArn: key, Reason: "absent", Versions: kmsModes * 4 }]);
});

test("the index of owners narrows where not all fit, and the walk is made again for the rest", async () => {
  const house = new House();
  await house.fill();
  const { findings, summary } = await house.verify({ indexLimit: 7 });
  assert.deepEqual(findings, []);
  assert.equal(summary.counts.Versions, (await house.verify()).summary.counts.Versions);
});
