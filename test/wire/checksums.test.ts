/** The ten algorithms against published check values, and CRC combination against direct computation. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import { cpuMs } from "../cpu-time.js";
import {
  CHECKSUM_ALGORITHMS,
  CHECKSUM_SIZES,
  algorithmOfHeader,
  checksum,
  checksumHeader,
  compositeChecksum,
  createHasher,
  decodeChecksum,
  parseChecksumAlgorithm,
} from "../../src/wire/checksums.js";
import { combineCrc, isCombinable } from "../../src/wire/crc-combine.js";
import type { ChecksumAlgorithm } from "../../src/wire/body.js";

/** Of `123456789` where a catalogue gives it (CRC), else of the empty string (XXHASH: reference implementation). */
const KNOWN: readonly (readonly [ChecksumAlgorithm, string, string])[] = [
  ["CRC32", "123456789", "cbf43926"],
  ["CRC32C", "123456789", "e3069283"],
  ["CRC64NVME", "123456789", "ae8b14860a799888"],
  ["SHA1", "abc", "a9993e364706816aba3e25717850c26c9cd0d89d"],
  ["MD5", "abc", "900150983cd24fb0d6963f7d28e17f72"],
  ["SHA256", "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"],
  [
    "SHA512",
    "",
    "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e",
  ],
  ["XXHASH64", "", "ef46db3751d8e999"],
  ["XXHASH3", "", "2d06800538d394c2"],
  ["XXHASH128", "", "99aa06d3014798d86001c324468d497f"],
];

for (const [algorithm, text, hex] of KNOWN) {
  test(`${algorithm} of ${JSON.stringify(text)} is its published value`, async () => {
    assert.equal((await checksum(algorithm, Buffer.from(text))).toString("hex"), hex);
  });
}

for (const algorithm of CHECKSUM_ALGORITHMS) {
  test(`${algorithm}: pieces give what the whole gives, hashers do not share state`, async () => {
    const bytes = randomBytes(100_003);
    const whole = await checksum(algorithm, bytes);
    assert.equal(whole.length, CHECKSUM_SIZES[algorithm]);
    const [one, other] = [await createHasher(algorithm), await createHasher(algorithm)];
    for (let at = 0; at < bytes.length; at += 1009) {
      one.update(bytes.subarray(at, at + 1009));
      other.update(Buffer.from("noise"));
    }
    assert.deepEqual(one.digest(), whole);
    assert.notDeepEqual(other.digest(), whole);
    assert.deepEqual(await checksum(algorithm, bytes), whole);
    assert.equal(algorithmOfHeader(checksumHeader(algorithm)), algorithm);
    assert.equal(parseChecksumAlgorithm(algorithm.toLowerCase()), algorithm);
    assert.deepEqual(decodeChecksum(algorithm, whole.toString("base64")), whole);
    assert.equal(decodeChecksum(algorithm, whole.subarray(1).toString("base64")), undefined);
    assert.equal(decodeChecksum(algorithm, ` ${whole.toString("base64")}`), undefined);
  });
}

for (const algorithm of CHECKSUM_ALGORITHMS.filter(isCombinable)) {
  test(`${algorithm}: combined from parts of every odd size`, async () => {
    for (const sizes of [
      [],
      [0],
      [1],
      [0, 5, 0],
      [1, 2, 3, 4],
      [65_535, 65_536, 65_537],
      [5_000_000, 5_000_000, 17],
      Array.from({ length: 50 }, (_, i) => i * 31),
    ]) {
      const parts = sizes.map((size) => randomBytes(size));
      const combined = combineCrc(
        algorithm,
        await Promise.all(parts.map(async (part) => ({ digest: await checksum(algorithm, part), sizeBytes: part.length }))),
      );
      assert.deepEqual(combined, await checksum(algorithm, Buffer.concat(parts)), sizes.join());
    }
  });

  test(`${algorithm}: combining 10000 parts of different 5 GiB sizes takes well under a second`, () => {
    const digest = randomBytes(CHECKSUM_SIZES[algorithm]);
    const start = cpuMs();
    combineCrc(
      algorithm,
      Array.from({ length: 10_000 }, (_, i) => ({ digest, sizeBytes: 5 * 1024 ** 3 - i })),
    );
    assert.ok(cpuMs() - start < 1000);
  });
}

test("composite checksums are the checksum of raw checksums, with the number of parts", async () => {
  const parts = [await checksum("SHA256", Buffer.from("a")), await checksum("SHA256", Buffer.from("b"))];
  assert.equal(
    await compositeChecksum("SHA256", parts),
    `${(await checksum("SHA256", Buffer.concat(parts))).toString("base64")}-2`,
  );
  assert.equal(parseChecksumAlgorithm("CRC31"), undefined);
});
