/**
 * kill -9 while a first start makes the store: the next start makes or finds it. Between the key file and the data there is
 * one moment after which it refuses instead, and says why: it cannot know that the key is not to other data.
 */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { dataOf, keyFileOf, KillableServer } from "./killable.js";
import { callService } from "./registers.js";

/** What a first start makes, in this order; and how long after it appears the kill comes. */
const MOMENTS = [
  ["key file", keyFileOf, 0],
  ["data directory", dataOf, 0],
  ["format", (place) => join(dataOf(place), "format"), 0],
  ["metadata", (place) => join(dataOf(place), "metadata", "data.mdb"), 0],
  ["metadata, somewhat later", (place) => join(dataOf(place), "metadata", "data.mdb"), 30],
  ["audit log", (place) => join(dataOf(place), "audit"), 10],
] as const satisfies readonly (readonly [string, (place: { directory: string; workers: number }) => string, number])[];

for (const [what, pathOf, laterMs] of MOMENTS) {
  test(`killed as soon as there is its ${what}, a first start leaves what the next one can start from`, async () => {
    const place = { directory: mkdtempSync(join(tmpdir(), "coffer-first-")), workers: 1 };
    const first = new KillableServer(place);
    let second: KillableServer | undefined;
    try {
      const deadline = performance.now() + 30_000;
      while (!existsSync(pathOf(place))) {
        assert.ok(performance.now() < deadline && !first.hasEnded, first.errors);
        await new Promise((resolve) => setImmediate(resolve));
      }
      await new Promise((resolve) => setTimeout(resolve, laterMs));
      await first.kill();
      if (existsSync(keyFileOf(place)) && !existsSync(join(dataOf(place), "format"))) await assertRefusedAndMoveKey(place);
      second = new KillableServer(place);
      const client = await second.ready();
      await callService(client, "s3", "CreateBucket", { Bucket: "bucket" });
      const { KeyMetadata } = await callService(client, "kms", "CreateKey", {});
      assert.ok(KeyMetadata !== undefined);
    } finally {
      await first.kill();
      await second?.kill();
      rmSync(place.directory, { recursive: true, force: true });
    }
  });
}

async function assertRefusedAndMoveKey(place: { directory: string; workers: number }): Promise<void> {
  const refused = new KillableServer(place);
  try {
    await assert.rejects(refused.ready(), /the key file .+ exists already, but there is no store.+move the file away/);
  } finally {
    await refused.kill();
  }
  rmSync(keyFileOf(place));
}
