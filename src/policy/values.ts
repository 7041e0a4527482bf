/**
 * The types that condition operators compare: decimals, dates, addresses, bytes. Every parser answers undefined for
 * text that is not of its type; what follows from that is decided in conditions.ts. No node modules: this room also
 * runs in browsers. Source: authorization reference §1.5.
 */

/** A decimal number, exact: `digits` × 10^−`scale`. */
export interface Decimal {
  readonly digits: bigint;
  readonly scale: number;
}

const DECIMAL = /^([+-]?)([0-9]+)(?:\.([0-9]+))?$/;
/** Longer numbers mean nothing here and would cost time. */
const MAX_DECIMAL = 64;

/** Integer or decimal, no exponent. */
export function parseDecimal(text: string): Decimal | undefined {
  if (text.length > MAX_DECIMAL) return undefined;
  const match = DECIMAL.exec(text);
  if (match === null) return undefined;
  const fraction = match[3] ?? "";
  const magnitude = BigInt(`${match[2] ?? "0"}${fraction}`);
  return { digits: match[1] === "-" ? -magnitude : magnitude, scale: fraction.length };
}

/** Negative, zero or positive, as `a` is below, equal to or above `b`. */
export function compareDecimals(a: Decimal, b: Decimal): number {
  const scale = Math.max(a.scale, b.scale);
  const left = a.digits * 10n ** BigInt(scale - a.scale);
  const right = b.digits * 10n ** BigInt(scale - b.scale);
  return left < right ? -1 : left > right ? 1 : 0;
}

const DATE =
  /^(\d{4})(?:-(\d{2})(?:-(\d{2})(?:T(\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?(Z|[+-]\d{2}:\d{2})?)?)?)?$/;
const EPOCH = /^-?\d{1,15}(?:\.\d{1,9})?$/;

/**
 * W3C/ISO 8601 date or date-time (UTC unless it says otherwise), or seconds since the epoch. Four digits are a year.
 * @returns milliseconds since the epoch
 */
export function parseDate(text: string): number | undefined {
  const match = DATE.exec(text);
  if (match === null) return EPOCH.test(text) ? Number(text) * 1000 : undefined;
  const field = (index: number, absent: number): number => (match[index] === undefined ? absent : Number(match[index]));
  const [year, month, day] = [field(1, 0), field(2, 1), field(3, 1)];
  const [hour, minute, second] = [field(4, 0), field(5, 0), field(6, 0)];
  const ms = Number(`0.${match[7] ?? "0"}`) * 1000;
  const date = new Date(Date.UTC(year, month - 1, day));
  date.setUTCFullYear(year, month - 1, day);
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return undefined;
  if (hour > 23 || minute > 59 || second > 59) return undefined;
  const offset = zoneOffsetMs(match[8] ?? "Z");
  if (offset === undefined) return undefined;
  return date.getTime() + ((hour * 60 + minute) * 60 + second) * 1000 + ms - offset;
}

function zoneOffsetMs(zone: string): number | undefined {
  if (zone === "Z") return 0;
  const hours = Number(zone.slice(1, 3));
  const minutes = Number(zone.slice(4, 6));
  if (hours > 23 || minutes > 59) return undefined;
  return (zone.startsWith("-") ? -1 : 1) * (hours * 60 + minutes) * 60_000;
}

/** Eight 16-bit groups, or two for IPv4. Families are told apart by the length. */
export type Address = readonly number[];
export interface AddressRange {
  readonly address: Address;
  readonly prefix: number;
}

/** IPv4 or IPv6 without zone; an IPv4-mapped IPv6 address becomes the IPv4 address. */
export function parseAddress(text: string): Address | undefined {
  const address = parseUnreduced(text);
  return address !== undefined && isMapped(address) ? address.slice(6) : address;
}

/** Address or CIDR block; without prefix: that one address. Bits behind the prefix don't count. */
export function parseRange(text: string): AddressRange | undefined {
  const slash = text.indexOf("/");
  const address = parseUnreduced(slash < 0 ? text : text.slice(0, slash));
  if (address === undefined) return undefined;
  const bits = address.length * 16;
  const prefixText = slash < 0 ? String(bits) : text.slice(slash + 1);
  if (!/^(?:0|[1-9][0-9]{0,2})$/.test(prefixText)) return undefined;
  const prefix = Number(prefixText);
  if (prefix > bits) return undefined;
  if (isMapped(address) && prefix >= 96) return { address: address.slice(6), prefix: prefix - 96 };
  return { address, prefix };
}

export function inRange(address: Address, range: AddressRange): boolean {
  if (address.length !== range.address.length) return false;
  let left = range.prefix;
  for (let index = 0; left > 0; index += 1, left -= 16) {
    const mask = left >= 16 ? 0xffff : (0xffff << (16 - left)) & 0xffff;
    if (((address[index] ?? 0) & mask) !== ((range.address[index] ?? 0) & mask)) return false;
  }
  return true;
}

function isMapped(address: Address): boolean {
  return address.length === 8 && address[5] === 0xffff && address.slice(0, 5).every((group) => group === 0);
}

function parseUnreduced(text: string): Address | undefined {
  return text.includes(":") ? parseV6(text) : parseV4(text);
}

function parseV4(text: string): number[] | undefined {
  const octets = text.split(".");
  if (octets.length !== 4 || !octets.every((octet) => /^(?:0|[1-9][0-9]{0,2})$/.test(octet) && Number(octet) < 256)) {
    return undefined;
  }
  const [a = 0, b = 0, c = 0, d = 0] = octets.map(Number);
  return [(a << 8) | b, (c << 8) | d];
}

function parseV6(text: string): number[] | undefined {
  if (text.length > 45) return undefined;
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const head = groups(halves[0] ?? "", halves.length === 1);
  const tail = halves.length === 2 ? groups(halves[1] ?? "", true) : [];
  if (head === undefined || tail === undefined) return undefined;
  const missing = 8 - head.length - tail.length;
  if (halves.length === 1 ? missing !== 0 : missing < 1) return undefined;
  return [...head, ...new Array<number>(missing).fill(0), ...tail];
}

/** @param last does this half end the address, so that it may end in dotted IPv4 */
function groups(half: string, last: boolean): number[] | undefined {
  if (half === "") return [];
  const out: number[] = [];
  const parts = half.split(":");
  for (const [index, part] of parts.entries()) {
    if (part.includes(".")) {
      const v4 = last && index === parts.length - 1 ? parseV4(part) : undefined;
      if (v4 === undefined) return undefined;
      out.push(...v4);
    } else {
      if (!/^[0-9a-fA-F]{1,4}$/.test(part)) return undefined;
      out.push(Number.parseInt(part, 16));
    }
  }
  return out;
}

/** Bytes of standard, padded base64, one character a byte; undefined if it is none. */
export function parseBase64(text: string): string | undefined {
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return undefined;
  return atob(text);
}

/** `true`/`false` in any case. */
export function parseBool(text: string): boolean | undefined {
  const lower = text.toLowerCase();
  return lower === "true" ? true : lower === "false" ? false : undefined;
}
