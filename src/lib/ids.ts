import { randomBytes, randomUUID } from "node:crypto";

const BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/** `length` random characters of `[A-Z2-7]`, as in AWS's access key ids and unique ids. */
export function randomBase32(length: number): string {
  let out = "";
  for (const byte of randomBytes(length)) out += BASE32[byte & 31];
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
