/**
 * The ten checksum algorithms of S3: incremental hashers, their header names and base64 forms, and the composite value
 * of a multipart object. Combination of full-object CRCs: crc-combine.ts.
 *
 * Engines by measurement: zlib for CRC32, @node-rs/crc32 for CRC32C, WebAssembly (hash-wasm) for CRC64NVME and the XXHASH
 * family, OpenSSL for the rest. Values are big-endian bytes, as AWS sends them in base64.
 *
 * Source: S3 "Checking object integrity"; CRC-64/NVME: NVM Express NVM Command Set, 64-bit CRC.
 */
import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import { crc32c } from "@node-rs/crc32";
import { createCRC64, createXXHash3, createXXHash64, createXXHash128 } from "hash-wasm";
import type { ChecksumAlgorithm } from "./body.js";

/** A digest in the making. After `digest` it is spent. */
export interface Hasher {
  update(bytes: Uint8Array): void;
  digest(): Buffer;
}

/** Digest sizes in bytes; the keys are all algorithms. */
export const CHECKSUM_SIZES: Readonly<Record<ChecksumAlgorithm, number>> = {
  CRC32: 4,
  CRC32C: 4,
  CRC64NVME: 8,
  SHA1: 20,
  SHA256: 32,
  SHA512: 64,
  MD5: 16,
  XXHASH64: 8,
  XXHASH3: 8,
  XXHASH128: 16,
};

export const CHECKSUM_ALGORITHMS = Object.keys(CHECKSUM_SIZES) as readonly ChecksumAlgorithm[];

/** `CRC32C` → `x-amz-checksum-crc32c`. */
export const checksumHeader = (algorithm: ChecksumAlgorithm): string => `x-amz-checksum-${algorithm.toLowerCase()}`;

const BY_HEADER = new Map(CHECKSUM_ALGORITHMS.map((algorithm) => [checksumHeader(algorithm), algorithm]));

/** `x-amz-checksum-crc32c` → `CRC32C`; undefined for other names. @param name lower case */
export function algorithmOfHeader(name: string): ChecksumAlgorithm | undefined {
  return BY_HEADER.get(name);
}

/** `crc32c` in any case → `CRC32C`; undefined for names that are none of the ten. */
export function parseChecksumAlgorithm(name: string): ChecksumAlgorithm | undefined {
  return BY_HEADER.get(`x-amz-checksum-${name.toLowerCase()}`);
}

/** Bytes of a base64 checksum, or undefined where it is not canonical base64 of the algorithm's size. */
export function decodeChecksum(algorithm: ChecksumAlgorithm, base64: string): Buffer | undefined {
  const bytes = Buffer.from(base64, "base64");
  return bytes.length === CHECKSUM_SIZES[algorithm] && bytes.toString("base64") === base64 ? bytes : undefined;
}

const OPENSSL: Partial<Record<ChecksumAlgorithm, string>> = { SHA1: "sha1", SHA256: "sha256", SHA512: "sha512", MD5: "md5" };

function openssl(name: string): Hasher {
  const hash = createHash(name);
  return { update: (bytes) => void hash.update(bytes), digest: () => hash.digest() };
}

function crc(step: (bytes: Uint8Array, before: number) => number): Hasher {
  let value = 0;
  return {
    update(bytes) {
      value = step(bytes, value);
    },
    digest() {
      const out = Buffer.alloc(4);
      out.writeUInt32BE(value >>> 0);
      return out;
    },
  };
}

type WasmAlgorithm = "CRC64NVME" | "XXHASH64" | "XXHASH3" | "XXHASH128";
type WasmHasher = Awaited<ReturnType<typeof createCRC64>>;

/** Reflected polynomial of CRC-64/NVME; hash-wasm adds the usual all-ones start and end. */
const CRC64_NVME_POLYNOMIAL = "9a6c9329ac4bc9b5";

const WASM: Readonly<Record<WasmAlgorithm, () => Promise<WasmHasher>>> = {
  CRC64NVME: () => createCRC64(CRC64_NVME_POLYNOMIAL),
  XXHASH64: () => createXXHash64(),
  XXHASH3: () => createXXHash3(),
  XXHASH128: () => createXXHash128(),
};

/** Instances are costly to make and hold one state: spent ones wait here for the next body. */
const POOL_LIMIT = 32;
const pools = new Map<WasmAlgorithm, WasmHasher[]>();

const isWasm = (algorithm: ChecksumAlgorithm): algorithm is WasmAlgorithm => algorithm in WASM;

async function wasm(algorithm: WasmAlgorithm): Promise<Hasher> {
  const pool = pools.get(algorithm) ?? [];
  pools.set(algorithm, pool);
  const instance = (pool.pop() ?? (await WASM[algorithm]())).init();
  return {
    update: (bytes) => void instance.update(bytes),
    digest() {
      const out = Buffer.from(instance.digest("binary"));
      if (pool.length < POOL_LIMIT) pool.push(instance);
      return out;
    },
  };
}

/** A fresh hasher. Asynchronous because WebAssembly instances are made on demand. */
export async function createHasher(algorithm: ChecksumAlgorithm): Promise<Hasher> {
  if (isWasm(algorithm)) return wasm(algorithm);
  if (algorithm === "CRC32") return crc((bytes, before) => crc32(bytes, before));
  if (algorithm === "CRC32C") return crc((bytes, before) => crc32c(bytes, before));
  return openssl(OPENSSL[algorithm] ?? "");
}

/** Digest of bytes at hand. */
export async function checksum(algorithm: ChecksumAlgorithm, bytes: Uint8Array): Promise<Buffer> {
  const hasher = await createHasher(algorithm);
  hasher.update(bytes);
  return hasher.digest();
}

/**
 * COMPOSITE checksum of a multipart object: the checksum over the parts' raw checksums, `<base64>-<number of parts>`.
 * @param parts raw checksums in part order, at least one
 */
export async function compositeChecksum(algorithm: ChecksumAlgorithm, parts: readonly Uint8Array[]): Promise<string> {
  return `${(await checksum(algorithm, Buffer.concat(parts))).toString("base64")}-${parts.length}`;
}
