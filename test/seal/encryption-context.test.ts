/** Canonical contexts of one pair, which are written another way where they are short ASCII: the same bytes by the rule. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { canonicalContext } from "@coffer/seal";

/** As docs/spec/kms-ciphertext.md §3 has it, for one pair. */
function byTheRule(key: string, value: string): Buffer {
  const field = (text: string): Buffer[] => {
    const bytes = Buffer.from(text, "utf8");
    return [Buffer.from([bytes.length >> 8, bytes.length & 0xff]), bytes];
  };
  return Buffer.concat([Buffer.from([0, 1]), ...field(key), ...field(value)]);
}

test("one pair of every length around what is short, ASCII or not", () => {
  for (const length of [0, 1, 2, 126, 127, 128, 255, 256, 257, 500, 505, 506, 507, 508, 509, 512, 513, 1000]) {
    for (const last of ["", "\u0000", "\u007f", "\u0080", "é", "\u00ff", "\u0100", "€", "😀"]) {
      const value = "v".repeat(length) + last;
      assert.deepEqual(canonicalContext({ k: value }), byTheRule("k", value));
      assert.deepEqual(canonicalContext({ [value]: "v" }), byTheRule(value, "v"));
    }
  }
});

test("an own member called __proto__ is a pair like any other", () => {
  const context = JSON.parse('{"__proto__":"x"}') as Record<string, string>;
  assert.deepEqual(canonicalContext(context), byTheRule("__proto__", "x"));
});
