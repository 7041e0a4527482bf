/** The catalogue is complete and true: every attack is answered by a test that is there, or by a reason. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { root } from "../root.js";
import { ADVISORIES } from "./advisories-evidence.js";
import { CHECKLIST_EVIDENCE } from "./checklist-evidence.js";
import { CHECKLIST } from "./checklist.js";
import type { Answer } from "./evidence.js";

/** Fewer than these: one has vanished. New ones raise the numbers. */
const ATTACKS = 57;
const ADVISORY_COUNT = 107;

const sources = new Map<string, string>();
function sourceOf(file: string): string {
  const path = join(root, "test", `${file}.test.ts`);
  const text = sources.get(path) ?? (existsSync(path) ? readFileSync(path, "utf8") : "");
  sources.set(path, text);
  return text;
}

/** Is there a test of that title, and not a skipped one? A name in quotes of any kind, as it stands in the source. */
function isTested(file: string, title: string): boolean {
  const quoted = [JSON.stringify(title), `\`${title}\``, `\`${title.replaceAll("`", "\\`")}\``, `'${title}'`];
  return quoted.some((text) =>
    ["test(", "it("].some((call) => new RegExp(`(^|\\s)${escaped(call)}\\s*${escaped(text)}`, "m").test(sourceOf(file))),
  );
}

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

function faults(answers: Readonly<Record<string, Answer>>): string[] {
  return Object.entries(answers).flatMap(([id, answer]) => {
    if ("notApplicable" in answer) return answer.notApplicable.length > 10 ? [] : [`${id} gives no reason`];
    if (answer.length === 0) return [`${id} names no test`];
    return answer
      .filter(({ file, title }) => !isTested(file, title))
      .map(({ file, title }) => `${id}: ${file} has no ${JSON.stringify(title)}`);
  });
}

test("every attack of the checklist is answered by tests that exist, or by a reason", () => {
  assert.deepEqual(Object.keys(CHECKLIST_EVIDENCE), Object.keys(CHECKLIST));
  assert.deepEqual(
    Object.keys(CHECKLIST),
    Array.from({ length: ATTACKS }, (_, at) => String(at + 1)),
  );
  assert.deepEqual(faults(CHECKLIST_EVIDENCE), []);
});

test("every advisory is answered by tests that exist, or by a reason", () => {
  assert.equal(Object.keys(ADVISORIES).length, ADVISORY_COUNT);
  assert.deepEqual(faults(ADVISORIES), []);
});

test("a title that no test has, and a file that is not there, are found out", () => {
  assert.ok(isTested("attacks/catalogue", "a title that no test has, and a file that is not there, are found out"));
  assert.ok(!isTested("attacks/catalogue", "a title"));
  assert.ok(!isTested("attacks/nowhere", "a title that no test has, and a file that is not there, are found out"));
});
