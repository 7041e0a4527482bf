/** `coffer verify --audit`: gaps, damage and torn ends of audit files. Source: docs/spec/audit.md §1. */
import assert from "node:assert/strict";
import { appendFileSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { AuditFile } from "../../src/gate/audit-file.js";
import { verifyAuditFiles, type AuditSummary } from "../../src/gate/audit-verify.js";
import { ManualClock } from "../../src/lib/clock.js";
import type { Finding } from "../../src/wire/tables/coffer-types.js";
import { record, START_MS, temporaryDirectory } from "../gate/audit-world.js";

/** Two runs of four files each, three lines a file. */
function logs(): { directory: string; files: string[] } {
  const directory = temporaryDirectory();
  for (let run = 0; run < 2; run++) {
    const clock = new ManualClock(START_MS);
    const log = new AuditFile(directory, clock, { maxFileBytes: 400 });
    for (let at = 0; at < 12; at++) {
      clock.advance(1000);
      log.append(record(`e${at}`));
    }
    log.close();
  }
  return { directory, files: readdirSync(directory).sort().map((name) => join(directory, name)) };
}

async function verified(directory: string): Promise<{ faults: string[]; summary: AuditSummary }> {
  const found: Finding[] = [];
  const summary = await verifyAuditFiles(directory, (finding) => void found.push(finding));
  return { faults: found.map(({ Fault }) => Fault), summary };
}

const edit = (path: string | undefined, change: (text: string) => string): void =>
  writeFileSync(path ?? "", change(readFileSync(path ?? "", "utf8")));

test("whole files of several runs are clean, those of older versions and what is no audit file included", async () => {
  const { directory, files } = logs();
  writeFileSync(join(directory, "notes.txt"), "?");
  writeFileSync(join(directory, "audit-20260101T000000Z-1-00000000.jsonl"), readFileSync(files[0] ?? "", "utf8"));
  const { faults, summary } = await verified(directory);
  assert.deepEqual(faults, []);
  assert.equal(summary.files, files.length + 1);
  assert.ok(summary.lines > 24);
  assert.equal(summary.torn, 0);
});

test("a torn end is counted, and is no damage: the line was never accepted", async () => {
  const { directory, files } = logs();
  appendFileSync(files.at(-1) ?? "", '{"sequence":12,"recordedTi');
  const { faults, summary } = await verified(directory);
  assert.deepEqual([faults, summary.torn], [[], 1]);
});

test("what is missing, changed, doubled or out of order is named", async () => {
  const cases: readonly (readonly [what: string, plant: (files: readonly string[]) => void, faults: readonly string[]])[] = [
    ["a line", (files) => edit(files[0], (text) => text.slice(text.indexOf("\n") + 1)), ["audit-sequence-broken"]],
    ["a whole first file", (files) => rmSync(firstOfRun(files)), ["audit-file-missing", "audit-sequence-broken"]],
    ["a doubled line", (files) => edit(
      files[0], (text) => text.slice(0, text.indexOf("\n") + 1) + text,
    ), ["audit-sequence-broken"]],
    ["a torn line with others behind it", (files) => edit(files[0], (text) => text.replace("}\n", "\n")), ["audit-line-damaged"]],
    ["no JSON", (files) => edit(files[0], (text) => text.replace('"eventID":', '"eventID"')), ["audit-line-damaged"]],
    ["a time that falls", (files) => edit(
      files[0], (text) => text.replace(/"recordedTime":"2026/, '"recordedTime":"2099'),
    ), ["audit-time-falls"]],
  ];
  for (const [what, plant, faults] of cases) {
    const { directory, files } = logs();
    plant(files);
    const found = await verified(directory);
    assert.deepEqual([...new Set(found.faults)], faults, what);
  }
});

const firstOfRun = (files: readonly string[]): string => files.find((name) => name.endsWith("-000000.jsonl")) ?? "";
