import assert from "node:assert/strict";
import { test } from "node:test";
import { formatTimestamp, parseTimestamp } from "../../src/wire/timestamps.js";

test("each form, around days, years and before the epoch", () => {
  for (const time of [
    0, 999, 1000, 86_399_999, 86_400_000, 951_782_400_000, 951_868_799_999, 1_700_000_000_123, -1, -86_400_000, -86_400_001,
    253_402_300_799_999,
  ]) {
    const date = new Date(time);
    assert.equal(formatTimestamp(date, "s3"), `${date.toISOString().slice(0, 19)}.000Z`);
    assert.equal(formatTimestamp(date, "iso-seconds"), `${date.toISOString().slice(0, 19)}Z`);
    assert.equal(formatTimestamp(date, "iso"), date.toISOString());
    assert.equal(formatTimestamp(date, "http-date"), date.toUTCString());
  }
  assert.equal(formatTimestamp(new Date(1500), "epoch-seconds"), "1.5");
});

test("what AWS accepts as a time is read, all of it as UTC unless it says otherwise", () => {
  const expected = Date.UTC(2026, 0, 31, 12, 0, 0);
  for (const text of [
    "2026-01-31T12:00:00Z",
    "2026-01-31T12:00:00.000Z",
    "2026-01-31T12:00:00",
    "2026-01-31T14:00:00+02:00",
    "Sat, 31 Jan 2026 12:00:00 GMT",
    " 2026-01-31T12:00Z ",
  ]) {
    assert.equal(parseTimestamp(text)?.getTime(), expected, text);
  }
  assert.equal(parseTimestamp("2026-01-31")?.getTime(), Date.UTC(2026, 0, 31));
  for (const text of ["", "soon", "1", "2026", "2026-13-01T00:00:00Z", "2026-01-31 12:00", "Mon", "+1"])
    assert.equal(parseTimestamp(text), undefined, text);
});
