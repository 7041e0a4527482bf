/**
 * Looks for secrets in bytes, in every form in which one might lie about: plain, hexadecimal, base64 at each alignment,
 * UTF-16. All needles in one pass: three bytes at each place index the few that may begin there.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";

export interface Needle {
  readonly name: string;
  readonly bytes: Buffer;
}

/** A shorter one would be met by chance in a few hundred megabytes of ciphertext. */
export const LEAST_BYTES = 8;
/** Bytes of a form that are compared: enough to be sure, and few enough to lie within one chunk or page. */
const MOST_BYTES = 64;

/** Every form of one secret. @param secret at least 12 bytes, so that the middle of its base64 forms is long enough */
export function formsOf(name: string, secret: Buffer): Needle[] {
  const forms: [string, Buffer][] = [
    ["plain", secret],
    ["hex", Buffer.from(secret.toString("hex"))],
    ["HEX", Buffer.from(secret.toString("hex").toUpperCase())],
    ["UTF-16LE", Buffer.from(secret.toString("latin1"), "utf16le")],
    ["UTF-16BE", Buffer.from(secret.toString("latin1"), "utf16le").swap16()],
    ...[0, 1, 2].flatMap((shift) => base64Forms(secret, shift)),
  ];
  return forms.map(([form, bytes]) => ({ name: `${name} (${form})`, bytes: bytes.subarray(0, MOST_BYTES) }));
}

/** What base64 makes of the secret when it begins `shift` bytes into a group of three: the characters it alone decides. */
function base64Forms(secret: Buffer, shift: number): [string, Buffer][] {
  const text = Buffer.concat([Buffer.alloc(shift), secret]).toString("base64").replace(/=+$/, "");
  const own = text.slice(shift === 0 ? 0 : shift + 1, Math.floor(((shift + secret.length) * 8) / 6));
  const forms: [string, Buffer][] = [[`base64+${shift}`, Buffer.from(own)]];
  const urlSafe = own.replaceAll("+", "-").replaceAll("/", "_");
  if (urlSafe !== own) forms.push([`base64url+${shift}`, Buffer.from(urlSafe)]);
  return forms;
}

/** Digests and checksums as they are written: as they are (where long enough), base64, hexadecimal. */
export function fingerprintForms(name: string, digest: Buffer): Needle[] {
  const forms: [string, Buffer][] = [
    ["base64", Buffer.from(digest.toString("base64"))],
    ["hex", Buffer.from(digest.toString("hex"))],
    ["HEX", Buffer.from(digest.toString("hex").toUpperCase())],
    ["raw", digest],
  ];
  return forms.filter(([, bytes]) => bytes.length >= LEAST_BYTES).map(([form, bytes]) => ({ name: `${name} (${form})`, bytes }));
}

export class Scanner {
  /** By the first three bytes: is there a needle, and which. */
  readonly #marks = new Uint8Array(1 << 24);
  readonly #needles = new Map<number, Needle[]>();

  constructor(needles: readonly Needle[]) {
    for (const needle of needles) this.#add(needle);
  }

  #add(needle: Needle): void {
    if (needle.bytes.length < LEAST_BYTES) throw new Error(`${needle.name} is too short to be looked for`);
    const start = needle.bytes.readUIntBE(0, 3);
    this.#marks[start] = 1;
    const others = this.#needles.get(start);
    if (others === undefined) this.#needles.set(start, [needle]);
    else others.push(needle);
  }

  /** Names of the needles that are in `bytes`. */
  find(bytes: Buffer): Set<string> {
    const found = new Set<string>();
    const marks = this.#marks;
    let window = 0;
    for (let at = 0; at < bytes.length; at++) {
      window = ((window << 8) | (bytes[at] ?? 0)) & 0xffffff;
      if (marks[window] === 0 || at < 2) continue;
      for (const { name, bytes: wanted } of this.#needles.get(window) ?? []) {
        const here = bytes.subarray(at - 2, at - 2 + wanted.length);
        if (here.equals(wanted)) found.add(name);
      }
    }
    return found;
  }

  /** One line for each file and needle that is in it. @param except paths below `directory` that are left out */
  findInFiles(directory: string, except: readonly string[] = []): string[] {
    const entries = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    const all = entries.map((entry) => relative(directory, join(entry.parentPath, entry.name)));
    const looked = all.filter((path) => !except.includes(path));
    return looked.flatMap((path) => [...this.find(readFileSync(join(directory, path)))].map((name) => `${path}: ${name}`));
  }
}
