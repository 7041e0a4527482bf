import { randomBytes, randomFillSync, randomUUID } from "node:crypto";

const BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/** Names, no secrets: many are made from one call of the generator. */
const pool = Buffer.alloc(4096);
let used = pool.length;

/** `length` random characters of `[A-Z2-7]`, as in AWS's access key ids and unique ids. @param length ≤ 4096 */
export function randomBase32(length: number): string {
  if (used + length > pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  let out = "";
  for (const end = used + length; used < end; used += 1) out += BASE32[(pool[used] ?? 0) & 31];
  return out;
}

/** Lower-case hex of `bytes` random bytes. */
export function randomHex(bytes: number): string {
  return randomBytes(bytes).toString("hex");
}

export const uuid: () => string = randomUUID;

/** AWS unique id: a four-letter prefix (`AIDA`, `AROA`, …) and 17 characters. */
export function uniqueId(prefix: string): string {
  return prefix + randomBase32(17);
}

/** Access key id: `AKIA` or `ASIA` and 16 characters. */
export function accessKeyId(prefix: "AKIA" | "ASIA"): string {
  return prefix + randomBase32(16);
}

const SECRET_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/** 40 characters of `[A-Za-z0-9+/]`, 240 random bits. */
export function secretAccessKey(): string {
  let out = "";
  for (const byte of randomBytes(40)) out += SECRET_ALPHABET[byte & 63];
  return out;
}
