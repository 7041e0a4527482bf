/**
 * CRC of a concatenation from the CRCs of its parts: FULL_OBJECT checksums of multipart uploads without reading data again.
 *
 * crc(A‖B) = crc(A)·x^(8·|B|) mod p  ⊕  crc(B), for CRCs with all-ones start and end. Polynomials are reflected: the
 * highest bit is x⁰. 64-bit values are pairs of 32-bit halves, because BigInt would cost seconds at 10 000 parts.
 *
 * Source: M. Adler, zlib `crc32_combine`.
 */
import type { ChecksumAlgorithm } from "./body.js";

/** Algorithms whose multipart checksum may be FULL_OBJECT. */
export type CombinableAlgorithm = "CRC32" | "CRC32C" | "CRC64NVME";

export function isCombinable(algorithm: ChecksumAlgorithm): algorithm is CombinableAlgorithm {
  return algorithm === "CRC32" || algorithm === "CRC32C" || algorithm === "CRC64NVME";
}

/** A polynomial over GF(2), reflected: bit 31 of `high` is x⁰; of 32-bit CRCs only `high` is used. */
interface Polynomial {
  readonly high: number;
  readonly low: number;
}

interface Field {
  readonly bits: 32 | 64;
  readonly modulus: Polynomial;
  /** x^(2^i) for i = 0 … 63. */
  readonly powers: Polynomial[];
}

/** a·b mod p, bit by bit. */
function multiply(a: Polynomial, b: Polynomial, { bits, modulus }: Pick<Field, "bits" | "modulus">): Polynomial {
  let high = 0;
  let low = 0;
  let bHigh = b.high;
  let bLow = b.low;
  for (let i = 0; i < bits; i++) {
    const word = i < 32 ? a.high : a.low;
    if ((word >>> (31 - (i & 31))) & 1) {
      high ^= bHigh;
      low ^= bLow;
    }
    const carry = (bits === 32 ? bHigh : bLow) & 1;
    bLow = (bLow >>> 1) | (bHigh << 31);
    bHigh >>>= 1;
    if (carry) {
      bHigh ^= modulus.high;
      bLow ^= modulus.low;
    }
    if (bits === 32) bLow = 0;
  }
  return { high: high >>> 0, low: low >>> 0 };
}

function field(bits: 32 | 64, high: number, low: number): Field {
  const base = { bits, modulus: { high, low } };
  const powers: Polynomial[] = [];
  let power: Polynomial = { high: 0x40000000, low: 0 }; // x¹
  for (let i = 0; i < 64; i++) {
    powers.push(power);
    power = multiply(power, power, base);
  }
  return { ...base, powers };
}

const FIELDS: Readonly<Record<CombinableAlgorithm, Field>> = {
  CRC32: field(32, 0xedb88320, 0),
  CRC32C: field(32, 0x82f63b78, 0),
  CRC64NVME: field(64, 0x9a6c9329, 0xac4bc9b5),
};

/** x^(8·sizeBytes) mod p. */
function shift(sizeBytes: number, of: Field): Polynomial {
  let product: Polynomial = { high: 0x80000000, low: 0 }; // x⁰
  let rest = sizeBytes;
  for (let i = 3; rest > 0; i++) {
    const power = of.powers[i];
    if (rest % 2 === 1 && power !== undefined) product = multiply(product, power, of);
    rest = Math.floor(rest / 2);
  }
  return product;
}

function read(value: Uint8Array, bits: 32 | 64): Polynomial {
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  return { high: bytes.readUInt32BE(0), low: bits === 64 ? bytes.readUInt32BE(4) : 0 };
}

/** One part: its raw CRC, big-endian, and its size. */
export interface CrcPart {
  readonly digest: Uint8Array;
  readonly sizeBytes: number;
}

/** CRC of all parts in order. @param parts sizes up to 2^53; an empty list gives the CRC of nothing */
export function combineCrc(algorithm: CombinableAlgorithm, parts: Iterable<CrcPart>): Buffer {
  const of = FIELDS[algorithm];
  let sum: Polynomial = { high: 0, low: 0 };
  let lastSize = -1;
  let lastShift: Polynomial = sum;
  for (const { digest, sizeBytes } of parts) {
    if (sizeBytes !== lastSize) lastShift = shift(sizeBytes, of); // parts of an upload mostly have one size
    lastSize = sizeBytes;
    const next = read(digest, of.bits);
    const moved = multiply(lastShift, sum, of);
    sum = { high: (moved.high ^ next.high) >>> 0, low: (moved.low ^ next.low) >>> 0 };
  }
  const out = Buffer.alloc(of.bits / 8);
  out.writeUInt32BE(sum.high, 0);
  if (of.bits === 64) out.writeUInt32BE(sum.low, 4);
  return out;
}
