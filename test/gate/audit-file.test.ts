import assert from "node:assert/strict";
import { closeSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { AuditFile } from "../../src/gate/audit-file.js";
import { ManualClock } from "../../src/lib/clock.js";
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
  const log = new AuditFile(directory, START_MS, clock);
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
  assert.deepEqual(lines.map((file) => file.map(({ sequence, eventID }) => [sequence, eventID])), [[[0, "e0"]], [[0, "e3"], [1, "e4"]]]);
});

test("a directory that cannot be written to stops the start", () => {
  const directory = temporaryDirectory();
  const file = join(directory, "in-the-way");
  writeFileSync(file, "");
  assert.throws(() => new AuditFile(file, START_MS, new ManualClock(START_MS)));
});
