/** How a page is read and compared: a test that accepts everything would be worth nothing. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { difference, stepsOf } from "./script.js";

test("blocks of sh are steps, text directly behind is what they print, other blocks are prose", () => {
  const page = "# P\n## One\n```sh\na\n```\n```text\nA\n```\n\n```json\n{}\n```\n## Two\n```sh\nb\nc\n```\n";
  assert.deepEqual(stepsOf(page), [
    { section: "One", line: 3, typed: "a\n", printed: "A\n" },
    { section: "Two", line: 14, typed: "b\nc\n", printed: "" },
  ]);
  assert.throws(() => stepsOf("```text\nA\n```\n"), /output without a command/);
  assert.throws(() => stepsOf("```sh\na\n```\nprose\n```text\nA\n```\n"), /output without a command/);
  assert.throws(() => stepsOf("```sh\na\n"), /does not end/);
});

for (const [expected, actual, same] of [
  ["", "", true],
  ["", "\n \n", true],
  ["", "a", false],
  ["a", "", false],
  ["a\nb", "a  \n\nb\r\n", true],
  ["a", "a\nb", false],
  ["a\nb", "a", false],
  ["a…c", "abbc", true],
  ["a…c", "ac", true],
  ["a…c", "abcd", false],
  ["a.c", "abc", false],
  ["…", "", true],
  ["…", "a\nb", true],
  ["…\nb", "a\nb", true],
  ["…\nb", "b\na\nb", true],
  ["…\nb", "b\na", false],
  ["a\n…\nb\n…", "a\nx\nb", true],
  ["a\n…\nb\n…", "a\nx", false],
  ["… 12 a", "2026 12 a", true],
] as const) {
  test(`${JSON.stringify(expected)} ${same ? "is" : "is not"} what ${JSON.stringify(actual)} prints`, () => {
    assert.equal(difference(expected, actual) === undefined, same);
  });
}
