import assert from "node:assert/strict";
import { closeSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { AuditFile } from "../../src/gate/audit-file.js";
import { AuditNumbering } from "../../src/gate/audit-lines.js";
import { DAY_MS, ManualClock } from "../../src/lib/clock.js";
import { record, START_MS, temporaryDirectory } from "./audit-world.js";

/** Takes the file away under the log, as a failing disk does: its next write is refused. */
function breakFile(path: string): void {
  for (const fd of readdirSync("/proc/self/fd")) {
    try {
      if (readlinkSync(`/proc/self/fd/${fd}`) === path) closeSync(Number(fd));
    } catch {
      // The directory's own descriptor is gone by now.
    }
  }
}

test("a log that fails refuses, tries a new file once a second, and goes on in it", { skip: process.platform !== "linux" && "needs /proc" }, () => {
  const directory = temporaryDirectory();
  const clock = new ManualClock(START_MS);
  const log = new AuditFile(directory, clock);
  log.append(record("e0"));
  log.assertWorks();
  breakFile(log.path);
  assert.throws(() => log.append(record("e1")), { code: "EBADF" });
  assert.throws(() => log.append(record("e2")), /cannot be written/);
  assert.throws(() => log.assertWorks(), /cannot be written/);
  assert.equal(readdirSync(directory).length, 1);
  clock.advance(1000);
  log.assertWorks();
  log.append(record("e3"));
  log.append(record("e4"));
  log.close();
  const lines = readdirSync(directory).map((name) => readFileSync(join(directory, name), "utf8").trim().split("\n").map((line) => JSON.parse(line) as { sequence: number; eventID: string }));
  lines.sort((a, b) => a.length - b.length);
  assert.deepEqual(lines.map((file) => file.map(({ sequence, eventID }) => [sequence, eventID])), [[[0, "e0"]], [[1, "e3"], [2, "e4"]]]);
});

interface Line {
  readonly sequence: number;
  readonly eventID: string;
}

/** Lines by file, in the order of names. */
const filesOf = (directory: string): (readonly [name: string, lines: Line[]])[] =>
  readdirSync(directory)
    .sort()
    .map((name) => {
      const lines = readFileSync(join(directory, name), "utf8").split("\n").slice(0, -1);
      return [name, lines.map((line) => JSON.parse(line) as Line)] as const;
    });

test("a file that would grow too large is ended; numbers go on in the next, and no file is emptied or removed", () => {
  const directory = temporaryDirectory();
  const clock = new ManualClock(START_MS);
  const oneLine = Buffer.byteLength(`${new AuditNumbering(clock).next(record("e0")).text}\n`);
  const log = new AuditFile(directory, clock, { maxFileBytes: 2 * oneLine });
  for (const id of ["e0", "e1", "e2"]) log.append(record(id));
  log.append(record("long", { pad: "x".repeat(3 * oneLine) }));
  log.append(record("e4"));
  log.close();
  const files = filesOf(directory);
  assert.deepEqual(
    files.map(([, lines]) => lines.map(({ sequence, eventID }) => [sequence, eventID])),
    [[[0, "e0"], [1, "e1"]], [[2, "e2"]], [[3, "long"]], [[4, "e4"]]],
  );
  assert.deepEqual(files.map(([name]) => /-(\d{6})\.jsonl$/.exec(name)?.[1]), ["000000", "000001", "000002", "000003"]);
  assert.equal(new Set(files.map(([name]) => name.replace(/-\d{6}\.jsonl$/, ""))).size, 1, "one run, one second");
});

test("a day that ends ends the file, unless it is empty", () => {
  const directory = temporaryDirectory();
  const clock = new ManualClock(Date.UTC(2026, 0, 1, 23, 59, 59, 999));
  const log = new AuditFile(directory, clock);
  clock.advance(DAY_MS);
  log.append(record("e0"));
  log.append(record("e1"));
  clock.advance(1);
  log.append(record("e2"));
  log.close();
  assert.deepEqual(
    filesOf(directory).map(([name, lines]) => [name.slice(0, 14), lines.map(({ sequence }) => sequence)]),
    [["audit-20260101", [0, 1]], ["audit-20260103", [2]]],
  );
});

test("a directory that cannot be written to stops the start", () => {
  const directory = temporaryDirectory();
  const file = join(directory, "in-the-way");
  writeFileSync(file, "");
  assert.throws(() => new AuditFile(file, new ManualClock(START_MS)));
});
