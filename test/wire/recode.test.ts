/** Every spelling of the same bytes becomes the one text that is signed; what is canonical already stays as it is. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { recode } from "../../src/wire/recode.js";
import { percentDecode } from "../../src/wire/uri.js";
import { parseAmzDate } from "../../src/wire/sigv4.js";

const UNRESERVED = /^[A-Za-z0-9\-._~]$/;
const escapeOf = (byte: number): string => `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
const BYTES = Array.from({ length: 256 }, (_, byte) => byte);

/** By the words of AWS's documentation: every byte but the unreserved characters is an escape in upper case. */
function expected(byte: number): string {
  const char = String.fromCharCode(byte);
  return UNRESERVED.test(char) ? char : escapeOf(byte);
}

test("every byte, escaped in upper or lower case, between other characters, has one canonical form", () => {
  for (const byte of BYTES) {
    for (const escape of [escapeOf(byte), escapeOf(byte).toLowerCase()]) {
      assert.equal(recode(escape, "query"), expected(byte), escape);
      assert.equal(recode(`a${escape}%2Fb`, "query"), `a${expected(byte)}%2Fb`, escape);
      assert.equal(recode(`a${escape}b`, "path"), `a${expected(byte)}b`, escape);
      assert.equal(recode(`/a${escape}b`, "path-joined"), `/a${byte === 0x2f ? "/" : expected(byte)}b`, escape);
    }
  }
});

test("every byte as it is: a slash stays one in a path, a plus is a blank in a query", () => {
  for (const byte of BYTES) {
    if (byte === 0x25) continue;
    const char = String.fromCharCode(byte);
    assert.equal(recode(char, "query"), char === "+" ? "%20" : expected(byte), char);
    assert.equal(recode(char, "path"), char === "/" ? "/" : expected(byte), char);
    assert.equal(recode(`%2F${char}`, "path"), `%2F${char === "/" ? "/" : expected(byte)}`, char);
  }
});

test("canonical text is returned as it came; a damaged escape is refused wherever it stands", () => {
  const canonical = BYTES.map(expected).join("");
  assert.equal(recode(canonical, "query"), canonical);
  assert.equal(recode(`/${canonical}`, "path"), `/${canonical}`);
  for (const damaged of ["%", "a%2", "%2F%", "%zz", "%2F%G0", "%0"]) {
    for (const rule of ["query", "path", "path-joined"] as const)
      assert.throws(() => recode(damaged, rule), { code: "InvalidURI" }, damaged);
  }
});

test("bytes that are not UTF-8 and damaged escapes are refused in decoding, all others decoded", () => {
  for (const bad of ["%", "%4", "%zz", "%ff", "%c0%80", "%ed%a0%80", "%f5%80%80%80", "a\xff", "%e4%20"])
    assert.throws(() => percentDecode(bad), { code: "InvalidURI" }, bad);
  assert.equal(percentDecode("%EF%BB%BFa%00%c3%a4+%F0%9F%98%80"), "\ufeffa\0ä+😀");
  assert.equal(percentDecode("\xc3\xa4"), "ä");
});

test("a signing date is a real one, of fifteen digits and letters", () => {
  assert.equal(parseAmzDate("20240229T235959Z"), Date.UTC(2024, 1, 29, 23, 59, 59));
  for (const bad of [
    "20230229T000000Z", "20240230T000000Z", "20241301T000000Z", "20240001T000000Z", "20240100T000000Z", "20240101T240000Z",
    "20240101T006000Z", "20240101T000060Z", "00500101T000000Z", "2024101T000000Z", "20240101T000000", " 20240101T000000Z", "",
  ])
    assert.equal(parseAmzDate(bad), undefined, bad);
});
