/**
 * That nothing is left behind, not even space: on the stopped store, with a clock moved past every lease and grace, after
 * the sweep. While there are objects, each blob is live and each live blob is there; once all are deleted, no row of
 * theirs and no blob is left.
 */
import assert from "node:assert/strict";
import { ManualClock, DAY_MS } from "../../src/lib/clock.js";
import type { Log } from "../../src/lib/log.js";
import { decodeKey } from "../../src/stores/key-encoding.js";
import { houseKeyArn } from "../../src/keys/managed-keys.js";
import { DEFAULT_LIMITS, type Room } from "../../src/objects/deps.js";
import { GARBAGE, LIVE, PENDING } from "../../src/objects/ledger.js";
import { openRoom } from "../../src/objects/operations.js";
import { newOrphanSearch, orphanStep, sweepStep } from "../../src/objects/sweep.js";
import type { Config } from "../../src/server/config.js";
import { openStorage } from "../../src/server/storage.js";
import { createRecords } from "../../src/stores/record-table.js";
import { Space } from "../../src/stores/spaces.js";
import { dataOf, keyFileOf, type Place } from "./killable.js";

export interface Swept {
  /** Blobs without a ledger row, of which the search for orphans told: the ledger should have named them. */
  readonly orphans: number;
  readonly blobs: number;
}

const STEPS = 100_000;

/** Works on the stopped store as the jobs of a server would, two days from now. */
async function inRoom<T>(place: Place, work: (room: Room, clock: ManualClock, warnings: string[]) => Promise<T>): Promise<T> {
  const storage = await openStorage({ memory: false, dataDir: dataOf(place), keyFile: keyFileOf(place) } as Config);
  try {
    const { metadata, blobs } = storage.stores;
    const clock = new ManualClock(Date.now() + 2 * DAY_MS);
    const warnings: string[] = [];
    const note = (_fields: object, message: string): void => void warnings.push(message);
    const log: Log = { debug: () => {}, info: () => {}, warn: note, error: note };
    const room = openRoom({
      records: createRecords(metadata, storage.keyring.records),
      blobs,
      clock,
      log,
      houseKeyArn,
      principals: { uniqueIdOf: async () => undefined, arnOf: async () => undefined, accountExists: async () => false },
      canonicalIdOf: (account) => account.padEnd(64, "0"),
      settings: { defaultRegion: "us-east-1", newBucketDefaults: "aws", sseCOnNewBuckets: "allow", limits: DEFAULT_LIMITS },
    });
    return await work(room, clock, warnings);
  } finally {
    await storage.close();
  }
}

async function untilDone(step: () => Promise<"more" | "done">): Promise<void> {
  for (let steps = 0; steps < STEPS; steps++) if ((await step()) === "done") return;
  assert.fail(`not done after ${STEPS} steps`);
}

async function sweep(room: Room, clock: ManualClock, warnings: readonly string[]): Promise<number> {
  await untilDone(() => sweepStep(room));
  // What the first sweep made garbage, such as pending rows, is as old as now.
  clock.advance(2 * DAY_MS);
  await untilDone(() => sweepStep(room));
  const search = newOrphanSearch();
  await untilDone(() => orphanStep(room, search));
  clock.advance(2 * DAY_MS);
  await untilDone(() => orphanStep(room, search));
  return warnings.filter((message) => message.includes("no ledger row names a blob")).length;
}

async function allBlobs(room: Room): Promise<string[]> {
  const found: string[] = [];
  for (;;) {
    const page = await room.blobs.list(found.at(-1), 1000);
    if (page.length === 0) return found;
    found.push(...page);
  }
}

async function ledgerIds(room: Room, kind: string): Promise<string[]> {
  const rows = await room.tables.ledger.list({ prefix: [kind], limit: 100_000 });
  return rows.map(({ key }) => decodeKey(key, ["string", "string"])[1]);
}

/** After the sweep: blobs and live rows are the same, and nothing is pending or garbage. */
export const sweepAndCount = (place: Place): Promise<Swept> =>
  inRoom(place, async (room, clock, warnings) => {
    const orphans = await sweep(room, clock, warnings);
    const blobs = await allBlobs(room);
    assert.deepEqual(blobs.toSorted(), (await ledgerIds(room, LIVE)).toSorted(), "blobs on disk, and live rows of the ledger");
    for (const kind of [PENDING, GARBAGE]) assert.deepEqual(await ledgerIds(room, kind), [], `ledger rows of kind ${kind}`);
    return { orphans, blobs: blobs.length };
  });

const OBJECT_SPACES = [
  Space.heads, Space.versions, Space.listable, Space.bodies, Space.partTables,
  Space.uploads, Space.uploadsByKey, Space.uploadParts, Space.ledger,
] as const;

/** For a store whose objects and uploads have all been deleted. */
export const assertNothingLeft = (place: Place): Promise<void> =>
  inRoom(place, async (room, clock, warnings) => {
    await sweep(room, clock, warnings);
    for (const space of OBJECT_SPACES) {
      const rows = await room.store.range({ from: Buffer.from([space]), to: Buffer.from([space + 1]), limit: 5 });
      assert.deepEqual(rows.map(({ key }) => key.toString("hex")), [], `rows of space ${space}`);
    }
    assert.deepEqual(await allBlobs(room), []);
  });
