/**
 * Writes the X.509 certificates of the local development CA: ECDSA P-256, SHA-256, three extensions. Writing this fixed
 * shape takes less than any library would bring in (docs/dependencies.md); parsing certificates is left to Node.
 * Source: RFC 5280 §4; X.690 (DER).
 */
import { createHash, createSign, generateKeyPairSync, randomBytes, type KeyObject } from "node:crypto";
import { isIP } from "node:net";

export interface CertificateRequest {
  /** Common name. */
  readonly subject: string;
  readonly issuer: string;
  readonly publicKey: KeyObject;
  /** P-256 private key of the issuer. */
  readonly signingKey: KeyObject;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** A CA (path length 0), or a server with these DNS names and IP addresses. */
  readonly use: { readonly ca: true } | { readonly ca: false; readonly names: readonly string[] };
}

export function newKeyPair(): { readonly publicKey: KeyObject; readonly privateKey: KeyObject } {
  return generateKeyPairSync("ec", { namedCurve: "prime256v1" });
}

/** @returns the certificate in PEM */
export function writeCertificate(request: CertificateRequest): string {
  const algorithm = sequence(oid("1.2.840.10045.4.3.2"));
  const spki = request.publicKey.export({ type: "spki", format: "der" });
  const serial = randomBytes(16);
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40;
  const body = sequence(
    tagged(0xa0, integer(Buffer.from([2]))),
    integer(serial),
    algorithm,
    name(request.issuer),
    sequence(time(request.notBeforeMs), time(request.notAfterMs)),
    name(request.subject),
    spki,
    tagged(0xa3, sequence(...extensions(request, spki))),
  );
  const signature = createSign("sha256").update(body).sign(request.signingKey);
  const der = sequence(body, algorithm, tagged(0x03, Buffer.concat([Buffer.from([0]), signature])));
  const lines = der.toString("base64").replace(/(.{64})(?=.)/g, "$1\n");
  return `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`;
}

function extensions({ use }: CertificateRequest, spki: Buffer): Buffer[] {
  const keyId = createHash("sha1").update(spki).digest();
  const subjectKeyId = extension("2.5.29.14", false, tagged(0x04, keyId));
  if (use.ca) {
    const basic = extension("2.5.29.19", true, sequence(BOOLEAN_TRUE, integer(Buffer.from([0]))));
    return [basic, extension("2.5.29.15", true, bits(0x06, 1)), subjectKeyId];
  }
  const names = use.names.map((text) =>
    isIP(text) === 0 ? tagged(0x82, Buffer.from(text, "ascii")) : tagged(0x87, ipBytes(text)),
  );
  return [
    extension("2.5.29.19", true, sequence()),
    extension("2.5.29.15", true, bits(0x80, 7)),
    extension("2.5.29.37", false, sequence(oid("1.3.6.1.5.5.7.3.1"))),
    extension("2.5.29.17", false, sequence(...names)),
    subjectKeyId,
  ];
}

const BOOLEAN_TRUE = Buffer.from([0x01, 0x01, 0xff]);

function extension(id: string, critical: boolean, value: Buffer): Buffer {
  return sequence(oid(id), ...(critical ? [BOOLEAN_TRUE] : []), tagged(0x04, value));
}

const bits = (value: number, unused: number): Buffer => tagged(0x03, Buffer.from([unused, value]));
const sequence = (...parts: Buffer[]): Buffer => tagged(0x30, Buffer.concat(parts));
const name = (common: string): Buffer =>
  sequence(tagged(0x31, sequence(oid("2.5.4.3"), tagged(0x0c, Buffer.from(common, "utf8")))));

function tagged(tag: number, content: Buffer): Buffer {
  const { length } = content;
  const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}

/** Positive; a leading zero byte where the top bit is set. */
function integer(bytes: Buffer): Buffer {
  return tagged(0x02, (bytes[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.from([0]), bytes]) : bytes);
}

/** UTCTime before 2050, GeneralizedTime after. */
function time(ms: number): Buffer {
  const text = new Date(ms)
    .toISOString()
    .replace(/[-:T]/g, "")
    .replace(/\.\d+Z$/, "Z");
  return ms < Date.UTC(2050, 0, 1) ? tagged(0x17, Buffer.from(text.slice(2), "ascii")) : tagged(0x18, Buffer.from(text, "ascii"));
}

function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number);
  const bytes = [first * 40 + second];
  for (const part of rest) {
    const groups = [part & 127];
    for (let left = part >>> 7; left > 0; left >>>= 7) groups.unshift((left & 127) | 128);
    bytes.push(...groups);
  }
  return tagged(0x06, Buffer.from(bytes));
}

function ipBytes(address: string): Buffer {
  if (isIP(address) === 4) return Buffer.from(address.split(".").map(Number));
  const [head = "", tail = ""] = address.split("::");
  const left = head === "" ? [] : head.split(":");
  const right = tail === "" ? [] : tail.split(":");
  const middle = address.includes("::") ? Array<string>(8 - left.length - right.length).fill("0") : [];
  return Buffer.from(
    [...left, ...middle, ...right].flatMap((group) => [Number.parseInt(group, 16) >> 8, Number.parseInt(group, 16) & 255]),
  );
}
