/** Reading the audit log back: files of many processes and the ring of --memory. FORMAT: docs/spec/audit.md. */
import assert from "node:assert/strict";
import { appendFileSync, readdirSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { auditDirectory } from "../../src/gate/audit-directory.js";
import { AuditFile } from "../../src/gate/audit-file.js";
import { AuditNumbering, recordedMsOf, type AuditLog } from "../../src/gate/audit-lines.js";
import { newestFirst, type ReadRange } from "../../src/gate/audit-read.js";
import { AuditRing } from "../../src/gate/audit-ring.js";
import { ManualClock } from "../../src/lib/clock.js";
import { record, START_MS, temporaryDirectory } from "./audit-world.js";

async function idsOf(log: AuditLog, range: ReadRange = {}): Promise<string[]> {
  const ids: string[] = [];
  for await (const { text, damaged } of newestFirst(log, range)) {
    ids.push(damaged ? "damaged" : (JSON.parse(text) as { eventID: string }).eventID);
  }
  return ids;
}

/** Files of one directory, with a clock that they share. */
function files(count: number): { directory: string; clock: ManualClock; log: AuditLog; open: AuditFile[]; close(): void } {
  const directory = temporaryDirectory();
  const clock = new ManualClock(START_MS);
  const open = Array.from({ length: count }, () => new AuditFile(directory, clock));
  return { directory, clock, log: auditDirectory(directory), open, close: () => open.forEach((file) => file.close()) };
}

for (const count of [0, 1, 2, 50]) {
  test(`${count} records of one file come back, newest first`, async () => {
    const { log, open, clock, close } = files(1);
    for (let at = 0; at < count; at++) {
      open[0]?.append(record(`e${at}`));
      clock.advance(1);
    }
    assert.deepEqual(await idsOf(log), Array.from({ length: count }, (_, at) => `e${count - 1 - at}`));
    close();
  });
}

test("files of several processes are one list by the time of recording", async () => {
  const { log, open, clock, close } = files(3);
  const expected: string[] = [];
  for (let at = 0; at < 60; at++) {
    open[(at * 7) % 3]?.append(record(`e${at}`));
    expected.unshift(`e${at}`);
    clock.advance(1 + (at % 3));
  }
  assert.deepEqual(await idsOf(log), expected);
  close();
});

test("lines around the edges of what is read at once come back whole", async () => {
  for (const edge of [4096, 128 * 1024, 4096 + 128 * 1024]) {
    for (const over of [-2, -1, 0, 1, 2]) {
      const { log, open, close } = files(1);
      const empty = new AuditNumbering(new ManualClock(START_MS)).next(record("long", { pad: "" })).text.length + 1;
      open[0]?.append(record("first", { text: "ä€😀" }));
      open[0]?.append(record("long", { pad: "x".repeat(edge + over - empty) }));
      open[0]?.append(record("last"));
      assert.deepEqual(await idsOf(log), ["last", "long", "first"], `${edge} ${over}`);
      close();
    }
  }
});

test("what a process left unfinished is not there, what others wrote is; foreign files are left alone", async () => {
  const { directory, log, open, close } = files(2);
  open[0]?.append(record("whole"));
  open[1]?.append(record("other"));
  appendFileSync(open[0]?.path ?? "", '{"sequence":1,"recordedTime":"2026-01-01T00:00:00.000Z","eventID":"torn"');
  writeFileSync(join(directory, "audit-notes.jsonl"), '{"eventID":"foreign"}\n');
  assert.deepEqual((await idsOf(log)).sort(), ["other", "whole"]);
  close();
  const { log: second, open: [only], close: end } = files(1);
  appendFileSync(only?.path ?? "", "torn at the very start");
  assert.deepEqual(await idsOf(second), []);
  end();
});

test("a damaged line is given out as such, and hides no other", async () => {
  const { log, open, clock, close } = files(1);
  const path = open[0]?.path ?? "";
  const write = (id: string): void => {
    open[0]?.append(record(id));
    clock.advance(1);
  };
  write("a");
  appendFileSync(path, '{"sequence":1,"recordedTime":"2026-01-01T00:0\n');
  write("b");
  appendFileSync(path, "\u0000\u0000\n\n");
  write("c");
  assert.deepEqual(await idsOf(log), ["c", "damaged", "damaged", "b", "damaged", "a"]);
  // A damaged line stands with the record behind it.
  const ranges = [[-1, []], [0, ["a"]], [1, ["b", "damaged", "a"]], [2, ["c", "damaged", "damaged", "b", "damaged", "a"]]] as const;
  for (const [afterMs, expected] of ranges) {
    assert.deepEqual(await idsOf(log, { notAfterMs: START_MS + afterMs }), expected, String(afterMs));
  }
  close();
});

/** Records at the milliseconds given, in three files by turns; what is to be found for every bound. */
const TIMES = [0, 0, 0, 1, 5, 5, 6, 6, 6, 6, 20, 21, 22, 22, 40];

test("every time range gives exactly the records in it, found by halving", async () => {
  const { log, open, clock, close } = files(3);
  TIMES.forEach((ms, at) => {
    clock.advance(START_MS + ms - clock.now());
    open[at % 3]?.append(record(`${ms}`, { pad: "x".repeat((at * 977) % 6000) }));
  });
  for (let from = -1; from <= 41; from += 7) {
    for (let to = from - 1; to <= 42; to++) {
      const found = await idsOf(log, { notAfterMs: START_MS + to, notBeforeMs: START_MS + from });
      assert.deepEqual(found.map(Number), TIMES.filter((ms) => ms >= from && ms <= to).reverse(), `${from} … ${to}`);
    }
  }
  close();
});

test("reading goes on behind any line, with records added meanwhile left out", async () => {
  const { log, open, clock, close } = files(3);
  TIMES.forEach((ms, at) => {
    clock.advance(START_MS + ms - clock.now());
    open[(at * 2) % 3]?.append(record(`e${at}`));
  });
  const lines = [];
  for await (const line of newestFirst(log, {})) lines.push(line);
  const all = await idsOf(log);
  assert.equal(new Set(all).size, TIMES.length);
  for (let at = 0; at < lines.length; at++) {
    clock.advance(1);
    open[at % 3]?.append(record("later"));
    assert.deepEqual(await idsOf(log, { after: lines[at] }), all.slice(at + 1), `behind ${at}`);
  }
  close();
});

test("times never fall, even when the clock does", () => {
  const clock = new ManualClock(START_MS);
  const numbering = new AuditNumbering(clock);
  const times = [0, 5, -20, 1, 30].map((ms) => {
    clock.advance(ms);
    const { recordedMs, text } = numbering.next({});
    assert.equal(recordedMsOf(text.replace("}", ',"a":1}')), recordedMs);
    return recordedMs - START_MS;
  });
  assert.deepEqual(times, [0, 5, 5, 5, 16]);
});

test("a file that was cut while it is read is named, not read past", async () => {
  const { log, open, close } = files(1);
  for (let at = 0; at < 200; at++) open[0]?.append(record(`e${at}`));
  const [source] = await log.sources();
  const last = await source?.before();
  truncateSync(open[0]?.path ?? "", 10);
  await assert.rejects(async () => {
    for (let offset = last?.offset; offset !== undefined; ) offset = (await source?.before(offset))?.offset;
  }, { name: "AuditPlaceError" });
  close();
});

test("files are for their owner only", () => {
  const { directory, close } = files(1);
  assert.equal(readdirSync(directory).length, 1);
  close();
});

for (const records of [1, 4, 5, 6, 20]) {
  test(`the ring of 5 keeps the last of ${records} records, under the same order and ranges as a file`, async () => {
    const clock = new ManualClock(START_MS);
    const ring = new AuditRing(clock, { records: 5, characters: 1_000_000 });
    for (let at = 0; at < records; at++) {
      ring.append(record(`e${at}`));
      clock.advance(10);
    }
    const all = Array.from({ length: records }, (_, at) => `e${records - 1 - at}`).slice(0, 5);
    assert.deepEqual(await idsOf(ring), all);
    const notAfterMs = START_MS + (records - 2) * 10;
    assert.deepEqual(await idsOf(ring, { notAfterMs }), all.slice(1));
    assert.deepEqual(await idsOf(ring, { notAfterMs: notAfterMs + 9 }), all.slice(1));
    assert.deepEqual(await idsOf(ring, { notBeforeMs: START_MS + (records - 1) * 10 }), all.slice(0, 1));
  });
}

test("the ring is bounded by size as well", async () => {
  const ring = new AuditRing(new ManualClock(START_MS), { records: 1000, characters: 10_000 });
  for (let at = 0; at < 30; at++) ring.append(record(`e${at}`, { pad: "x".repeat(4000) }));
  assert.deepEqual(await idsOf(ring), ["e29", "e28"]);
  ring.append(record("huge", { pad: "x".repeat(20_000) }));
  assert.deepEqual(await idsOf(ring), []);
});
