/**
 * Times on the wire: each protocol and place has its own form. S3's XML shows seconds as `.000Z`; a member with its own
 * date-time format (a retention date) keeps its milliseconds; headers are RFC 1123; JSON is epoch seconds; the query
 * protocol ISO 8601 without milliseconds.
 */
export type TimestampFormat = "s3" | "iso" | "iso-seconds" | "http-date" | "epoch-seconds";

export function formatTimestamp(date: Date, format: TimestampFormat): string {
  switch (format) {
    case "s3":
      return `${isoSeconds(date)}.000Z`;
    case "iso":
      return date.toISOString();
    case "iso-seconds":
      return `${isoSeconds(date)}Z`;
    case "http-date":
      return date.toUTCString();
    case "epoch-seconds":
      return String(date.getTime() / 1000);
  }
}

const DAY_SECONDS = 86_400;
const TWO_DIGITS = Array.from({ length: 60 }, (_, number) => String(number).padStart(2, "0"));
let cachedDay = Number.NaN;
let cachedDayText = "";

/** `2026-01-31T12:00:00`. A page of a listing has 1000 of them, mostly of few days: the day's text is kept. */
function isoSeconds(date: Date): string {
  const seconds = Math.floor(date.getTime() / 1000);
  const day = Math.floor(seconds / DAY_SECONDS);
  if (day !== cachedDay) {
    cachedDayText = date.toISOString().slice(0, -13);
    cachedDay = day;
  }
  const rest = seconds - day * DAY_SECONDS;
  const minutes = Math.floor(rest / 60);
  return `${cachedDayText}${TWO_DIGITS[Math.floor(minutes / 60)]}:${TWO_DIGITS[minutes % 60]}:${TWO_DIGITS[rest % 60]}`;
}

const ISO = /^\d{4}-\d\d-\d\d(?:[Tt]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:[Zz]|[+-]\d\d:?\d\d)?)?$/;
const HTTP = /^[A-Za-z]{3,9},? /;

/** @returns undefined if `text` is no time in any of the forms AWS accepts: ISO 8601, RFC 1123/850, asctime */
export function parseTimestamp(text: string): Date | undefined {
  const trimmed = text.trim();
  let time = Number.NaN;
  if (ISO.test(trimmed)) time = Date.parse(hasZone(trimmed) ? trimmed : `${trimmed}Z`);
  else if (HTTP.test(trimmed)) time = Date.parse(/(?:GMT|UTC|[+-]\d{4})$/.test(trimmed) ? trimmed : `${trimmed} GMT`);
  return Number.isNaN(time) ? undefined : new Date(time);
}

// A date alone is UTC already; a date and time without zone would be read as local time.
const hasZone = (text: string): boolean => !/[Tt]/.test(text) || /(?:[Zz]|[+-]\d\d:?\d\d)$/.test(text);
