/** Flipped rows of every table, and space that nobody owns: named, and given to the sweep. Source: docs/reference/verify.md. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { orphanStep, newOrphanSearch, sweepStep } from "../../src/objects/sweep.js";
import { DAY_MS, HOUR_MS } from "../../src/lib/clock.js";
import { newBlobId } from "../../src/stores/blob-id.js";
import { pattern } from "../objects/world.js";
import { must } from "./damage.js";
import { House, LARGE, Space } from "./house.js";

test("every row of every table that is flipped is named", async () => {
  const house = new House();
  await house.fill();
  for (const space of Object.values(Space)) {
    if (space === Space.bodies) continue;
    const [row] = await house.rows(space);
    if (row === undefined) continue;
    const { bytes } = must((await house.store.get([row.key]))[0]);
    await house.flipRow(row.key);
    const { findings } = await house.verify({ quick: true });
    assert.ok(
      findings.some(({ Fault, Detail }) => Fault === "row-damaged" && Detail.includes(row.key.toString("hex"))), `space ${space}`,
    );
    await house.store.commit({ puts: [{ key: row.key, bytes }] });
  }
  assert.deepEqual((await house.verify({ quick: true })).findings, []);
});

test("a blob that no row knows is a leftover: repaired by giving it to the sweep, which waits for the longest read", async () => {
  const house = new House();
  await house.fill();
  const id = newBlobId();
  await house.blobs.put(id, (async function* () {
    yield pattern(100);
  })());
  const found = await house.verify();
  assert.deepEqual(found.findings, [
    {
      Severity: "LEFTOVER",
      Fault: "blob-orphan",
      Subject: `blob ${id}`,
      Detail: "no ledger row and no owner, 100 bytes",
      State: "REPAIRABLE",
    },
  ]);
  assert.equal((await house.verify({ repair: true })).summary.repaired, 1);
  assert.equal(await house.blobs.size(id), 100);
  assert.deepEqual((await house.verify()).findings, []);
  house.clock.advance(2 * HOUR_MS);
  while ((await sweepStep(house.room)) === "more");
  assert.equal(await house.blobs.size(id), undefined);
  assert.deepEqual((await house.verify()).findings, []);
});

test("a pending row whose writer is long gone is a leftover; one whose lease runs is none", async () => {
  const house = new House();
  const { ledger } = house.room.tables;
  const put = ledger.put(ledger.key("p", "a".repeat(32)), { clear: { leaseUntilMs: house.clock.now() } });
  await house.store.commit({ puts: [put] });
  assert.deepEqual((await house.verify()).findings, []);
  house.clock.advance(DAY_MS);
  assert.deepEqual(
    (await house.verify()).findings.map(({ Severity, Fault }) => [Severity, Fault]), [["LEFTOVER", "pending-stale"]],
  );
});

test("a blob whose ledger row is lost survives the search for orphans and the sweep, verified or not", async () => {
  const house = new House();
  await house.fill();
  const { id } = await house.segmentOf("s3/large");
  await house.store.commit({ deletes: [house.room.tables.ledger.key("l", id)] });
  let told = 0;
  const search = newOrphanSearch(() => told++);
  for (const expected of [1, 1]) {
    for (let round = 0; round < 3; round++) {
      while ((await orphanStep(house.room, search)) === "more");
      house.clock.advance(2 * HOUR_MS);
      while ((await sweepStep(house.room)) === "more");
    }
    assert.equal(told, expected);
    assert.ok((await house.get("s3/large")).bytes.equals(pattern(LARGE)));
    await house.verify({ repair: true });
  }
  assert.deepEqual((await house.verify()).findings, []);
});
