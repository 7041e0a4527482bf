/**
 * Every kind of row, changed in every way by someone who can write to the database but has no key: whoever reads it gets
 * an error and the operator an integrity event, or, where the row is not looked at, the same answer as before. Never
 * another answer.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { Space } from "../../src/stores/spaces.js";
import type { Entry, MetadataStore } from "../../src/stores/contract.js";
import { JobRunner } from "../../src/jobs/runner.js";
import { ephemeralRootKey } from "../../src/keys/root-key.js";
import { ManualClock, DAY_MS } from "../../src/lib/clock.js";
import { sweepStep } from "../../src/objects/sweep.js";
import { memoryMetadataStore } from "../../src/stores/memory-metadata.js";
import { createRecords } from "../../src/stores/record-table.js";
import { pattern, World } from "../objects/world.js";
import { openStores } from "../../src/stores/open-stores.js";
import { House, member, type Outcome } from "./house.js";
import { readersOf, type Readers } from "./tamper-readers.js";
import { tamperScene } from "./tamper-scene.js";

const scene = await tamperScene();
const { house } = scene;
const readers = readersOf(scene);
const { store } = house.app.kms;
after(() => house.close());

type SpaceName = keyof typeof Space;
const ROWS = 1000;
/** Of a kind, that are changed. */
const MOST_ROWS = 4;

/** As the scene was written: the calls that copy add rows of their own. Nobody's list shows the house's own key. */
const HOUSE_KEY = Buffer.from("dpggfs.ipvtf");
const written = new Map<SpaceName, Entry[]>();
for (const name of Object.keys(Space) as SpaceName[]) {
  written.set(name, (await rowsIn(store, name)).filter(({ key }) => isRead(name, key)));
}

/** Parts of an upload that was completed are the sweep's alone. */
function isRead(name: SpaceName, key: Buffer): boolean {
  if (name === "kmsKeysByAccount") return !key.includes(HOUSE_KEY);
  if (name !== "uploads" && name !== "uploadParts") return true;
  return scene.buckets.some(({ upload }) => key.includes(Buffer.from(Buffer.from(String(upload)).map((byte) => byte + 1))));
}

const rowsOf = (name: SpaceName): readonly Entry[] => written.get(name) ?? [];
async function rowsIn(where: MetadataStore, name: SpaceName): Promise<Entry[]> {
  return where.range({ from: Buffer.from([Space[name]]), to: Buffer.from([Space[name] + 1]), limit: ROWS });
}

const flipped = (bytes: Buffer, at: number): Buffer => {
  const changed = Buffer.from(bytes);
  changed.writeUInt8(changed.readUInt8(at) ^ 1, at);
  return changed;
};

/** For the rows behind the first of their kind. */
const FEW = new Set(["bit at 8", "cut to half", "another's of its kind"]);

/** What becomes of a row's bytes. `other`: another row of its kind; `foreign`: one of another kind. */
function changes(row: Entry, other: Entry | undefined, foreign: Entry): Record<string, Buffer> {
  const { bytes } = row;
  const flips = [0, 1, 4, 8, 20, Math.floor(bytes.length / 2), bytes.length - 17, bytes.length - 16, bytes.length - 1];
  return {
    ...Object.fromEntries(flips.filter((at) => at >= 0 && at < bytes.length).map((at) => [`bit at ${at}`, flipped(bytes, at)])),
    "cut by one": bytes.subarray(0, -1),
    "cut to half": bytes.subarray(0, bytes.length >> 1),
    "cut to nothing": Buffer.alloc(0),
    "longer by one": Buffer.concat([bytes, Buffer.alloc(1)]),
    "twice": Buffer.concat([bytes, bytes]),
    ...(other === undefined ? {} : { "another's of its kind": other.bytes }),
    "another kind's": foreign.bytes,
  };
}

/** Members that are made anew at each call. */
const stable = (text: string): string =>
  text.replace(/<(RequestId|HostId)>[^<]*<\/\1>/g, "").replace(/"GrantToken":"[^"]*"/g, "");

/** What each call says; what is no success begins with FAILED. */
async function answers(probes: Readers): Promise<Map<string, string>> {
  const all = new Map<string, string>();
  for (const [name, probe] of Object.entries(probes)) {
    const outcome = await probe(house);
    all.set(name, outcome.ok ? shown(outcome) : `FAILED ${outcome.status} ${outcome.code}`);
  }
  return all;
}

function shown({ out, bytes }: Outcome & { readonly ok: true }): string {
  const isText = /^[\s{<]/.test(bytes.toString("latin1", 0, 1));
  return stable(JSON.stringify(out)) + (isText ? stable(bytes.toString("utf8")) : bytes.toString("base64"));
}

async function put(key: Buffer, bytes: Buffer): Promise<void> {
  assert.ok((await store.commit({ puts: [{ key, bytes }] })).ok);
}

for (const [name, probes] of Object.entries(readers) as [SpaceName, Readers | undefined][]) {
  if (probes === undefined) continue;
  test(`${name}: a row that was changed, cut, moved or replaced is never taken for right`, async (context) => {
    const rows = rowsOf(name);
    assert.ok(rows.length > 0, `the scene has rows of ${name}`);
    const foreign = rowsOf(name === "buckets" ? "users" : "buckets")[0];
    assert.ok(foreign !== undefined);
    const before = await answers(probes);
    for (const [call, answer] of before) assert.doesNotMatch(answer, /^FAILED/, `${call} before`);
    let noticed = 0;
    const unnoticed: string[] = [];
    for (const [index, row] of rows.slice(0, MOST_ROWS).entries()) {
      const other = rows.find((each) => !each.key.equals(row.key) && !each.bytes.equals(row.bytes));
      for (const [change, bytes] of Object.entries(changes(row, other, foreign))) {
        if (index > 0 && !FEW.has(change)) continue;
        const events = await house.integrityEvents();
        await put(row.key, bytes);
        const now = await answers(probes);
        await put(row.key, row.bytes);
        let failed = 0;
        for (const [call, answer] of now) {
          if (answer === before.get(call)) continue;
          assert.match(answer, /^FAILED (5\d\d|broken)/, `${change}: ${call}`);
          failed++;
        }
        if (failed > 0) {
          noticed++;
          assert.ok((await house.integrityEvents()) > events, `${change}: an integrity event`);
        } else unnoticed.push(`${row.key.toString("latin1")} ${change}`);
      }
    }
    const fresh = await answers(probes);
    for (const [call, answer] of fresh) assert.equal(answer, before.get(call), `${call}, the rows being right again`);
    context.diagnostic(`${noticed} changes noticed, ${unnoticed.length} of rows that these calls do not read`);
    assert.ok(noticed > 0);
    assert.deepEqual(unnoticed, [], "every row of the kind is read by some call");
  });
}

test("every kind of row that is there has readers here", async () => {
  const elsewhere = new Set<SpaceName>(["kmsMaterials", "ledger", "jobs"]);
  for (const name of Object.keys(Space) as SpaceName[]) {
    const there = rowsOf(name).length > 0;
    assert.equal(there, readers[name] !== undefined || (elsewhere.has(name) && there), `rows of ${name}`);
  }
  const last = await store.range({ from: Buffer.from([0]), to: Buffer.from([0xff]), limit: 10_000 });
  const known = new Set<number>(Object.values(Space));
  assert.deepEqual(last.filter(({ key }) => !known.has(key[0] ?? 0)), []);
});

test("a body or a part table that is gone is told as lost, not as never been", async () => {
  for (const name of ["bodies", "partTables"] as const) {
    const probes = readers[name] ?? {};
    const before = await answers(probes);
    for (const row of rowsOf(name).slice(0, 4)) {
      assert.ok((await store.commit({ deletes: [row.key] })).ok);
      const now = await answers(probes);
      await put(row.key, row.bytes);
      for (const [call, answer] of now) {
        if (answer !== before.get(call)) assert.match(answer, /^FAILED (5\d\d|broken)/, `${name}: ${call}`);
      }
    }
  }
});

/** Opened once and kept, since it never changes: so each try has a process' memory of its own. */
test("key material that was changed, cut or exchanged opens nothing", async () => {
  const directory = mkdtempSync(join(tmpdir(), "coffer-material-"));
  const here = new House(directory);
  try {
    await here.open();
    const sealed: unknown[] = [];
    for (const name of ["one", "two"]) {
      const { KeyId } = member<{ KeyId: string }>(await here.call("kms", "CreateKey"), "KeyMetadata");
      sealed.push(member(await here.call("kms", "Encrypt", { KeyId, Plaintext: Buffer.from(name) }), "CiphertextBlob"));
    }
    await here.close();
    const change = async (puts: readonly { key: Buffer; bytes: Buffer }[]): Promise<void> => {
      const stores = await openStores(here.config.dataDir);
      assert.ok((await stores.metadata.commit({ puts })).ok);
      await stores.close();
    };
    const stores = await openStores(here.config.dataDir);
    const rows = (await rowsIn(stores.metadata, "kmsMaterials")).slice(0, 2);
    await stores.close();
    const [one, two] = rows;
    assert.ok(one !== undefined && two !== undefined);
    const all = changes(one, two, two);
    for (const name of ["bit at 8", `bit at ${one.bytes.length - 1}`, "cut to half", "another's of its kind"]) {
      const bytes = all[name];
      assert.ok(bytes !== undefined, name);
      await change([{ key: one.key, bytes }]);
      await here.open();
      const before = await here.integrityEvents();
      const opened = await Promise.all(sealed.map((CiphertextBlob) => here.call("kms", "Decrypt", { CiphertextBlob })));
      assert.equal(opened.filter((outcome) => !outcome.ok && outcome.status === 500).length, 1, name);
      assert.equal((await here.integrityEvents()) - before, 1, `${name}: an integrity event`);
      await here.close();
      await change([one]);
    }
  } finally {
    await here.close();
    rmSync(directory, { recursive: true, force: true });
  }
});

test("a ledger row that was changed stops the sweep, which takes nothing away on its word", async () => {
  const world = new World();
  await world.bucket();
  await world.put("kept", pattern(100_000));
  await world.put("k", pattern(100_000));
  await world.s3("DeleteObject", { Bucket: "bucket", Key: "k" });
  const [kept = ""] = await world.blobs.list(undefined, 1);
  const rows = await rowsIn(world.store, "ledger");
  const garbage = rows.find(({ key }) => key.includes(Buffer.from("h")));
  assert.ok(garbage !== undefined && kept !== "");
  const blobs = await world.blobs.list(undefined, 9);
  world.clock.advance(2 * DAY_MS);
  const others = rows.filter((row) => row !== garbage);
  for (const bytes of Object.values(changes(garbage, others[0], others[0] ?? garbage))) {
    await world.store.commit({ puts: [{ key: garbage.key, bytes }] });
    await assert.rejects(sweepStep(world.room), { name: "RecordIntegrityError" });
    assert.deepEqual(await world.blobs.list(undefined, 9), blobs);
  }
  await world.store.commit({ puts: [{ key: garbage.key, bytes: garbage.bytes }] });
  while ((await sweepStep(world.room)) === "more");
  assert.equal((await world.blobs.list(undefined, 9)).length, 1);
  assert.ok((await world.get("kept")).bytes.equals(pattern(100_000)));
});

test("a job's row that was changed keeps the job from running, and is told", async () => {
  const inner = memoryMetadataStore();
  const clock = new ManualClock();
  const told: string[] = [];
  let runs = 0;
  const quiet = (): void => undefined;
  const error = (fields: object): void => void told.push((fields as { err: Error }).err.name);
  const log = { debug: quiet, info: quiet, warn: quiet, error };
  const job = { name: "a", everyMs: 1, step: async () => (runs++, "done" as const) };
  const runner = new JobRunner({ jobs: [job], records: createRecords(inner, ephemeralRootKey().records), clock, log });
  await runner.runDue();
  const [row] = await rowsIn(inner, "jobs");
  assert.ok(row !== undefined && runs === 1);
  clock.advance(DAY_MS);
  await inner.commit({ puts: [{ key: row.key, bytes: flipped(row.bytes, row.bytes.length - 1) }] });
  await runner.runDue();
  assert.equal(runs, 1);
  assert.deepEqual(told, ["RecordIntegrityError"]);
});
