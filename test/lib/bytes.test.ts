/** Length-prefixed bytes: what short ASCII is written with and what anything else is written with agree with the rule. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { lengthPrefixed } from "../../src/lib/bytes.js";

/** Each part behind its length as u32 big-endian, strings as UTF-8. */
function byTheRule(parts: readonly (Uint8Array | string)[]): Buffer {
  const fields = parts.map((part) => Buffer.from(part as string));
  return Buffer.concat(fields.flatMap((bytes) => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    return [length, bytes];
  }));
}

test("strings and bytes of every length around what is short, ASCII or not", () => {
  for (const length of [0, 1, 127, 128, 254, 255, 256, 257, 300, 70_000]) {
    for (const last of ["", "\u0000", "\u007f", "\u0080", "é", "\u0100", "€", "😀", "\ud800"]) {
      const text = "t".repeat(length) + last;
      for (const parts of [[text], ["a", text, "b"], [Buffer.alloc(3, 0xff), text], [text, Buffer.alloc(length, 0xee), ""]]) {
        assert.deepEqual(lengthPrefixed(...parts), byTheRule(parts), `${length} and ${JSON.stringify(last)}`);
      }
    }
  }
});

test("no parts, no bytes; empty parts are told apart by their number", () => {
  assert.equal(lengthPrefixed().length, 0);
  assert.equal(lengthPrefixed("", "").toString("hex"), "0000000000000000");
});
