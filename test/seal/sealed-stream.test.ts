/** Sealed segments: every size, every range, every piece size; and nothing altered ever opens. */
import assert from "node:assert/strict";
import { randomBytes, randomInt } from "node:crypto";
import { test } from "node:test";
import {
  PREFIX_BYTES,
  SealIntegrityError,
  giveBack,
  newDataKey,
  newSegmentId,
  openSegment,
  plainSize,
  sealSegment,
  sealedRange,
  sealedSize,
  segmentOpener,
  segmentSealer,
  shapeOf,
  suiteById,
} from "@coffer/seal";
import type { ByteRange, Segment } from "@coffer/seal";
import { SUITE_C2SP_16K } from "@coffer/seal/testing";
import { collect, fixedSegment, flipped, pattern, pieces } from "./support.js";

const CHUNK = 65536;
const TAG = 16;
const SIZES = [0, 1, 15, 16, 17, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 3 * CHUNK + 17, 20 * CHUNK - 1];

const isFault = (...faults: string[]) => (error: unknown): boolean =>
  error instanceof SealIntegrityError && faults.includes(error.fault);

/** Seals as a stream and reads the given plaintext range back through exactly the bytes that `sealedRange` names. */
async function readRange(segment: Segment, stored: { sealed: Buffer; prefixes: Buffer }, sizeBytes: number, range: ByteRange) {
  const { start, end } = sealedRange(range, sizeBytes, shapeOf(segment));
  const source = pieces(stored.sealed.subarray(start, end + 1), randomInt(1, 100_000));
  return collect(segmentOpener(segment, stored.prefixes).open(source, { sizeBytes, range }));
}

for (const layers of [1, 2]) {
  for (const size of SIZES) {
    test(`${layers} layer(s), ${size} bytes: sealed whole or in pieces, opened whole or in pieces`, async () => {
      const segment = { ...fixedSegment(layers), segmentId: newSegmentId() };
      const plain = pattern(size);
      for (const sizes of [[size + 1], [CHUNK], [1, 0, 70_001], [4096]]) {
        const sealer = segmentSealer(segment);
        const sealed = await collect(sealer.seal(pieces(plain, ...sizes)));
        assert.equal(sealed.length, sealedSize(size, shapeOf(segment)));
        assert.equal(plainSize(sealed.length, shapeOf(segment)), size);
        const expected = { prefixes: sealer.prefixes, sizeBytes: size };
        assert.deepEqual(openSegment(segment, sealed, expected), plain);
        const opener = segmentOpener(segment, sealer.prefixes);
        assert.deepEqual(await collect(opener.open(pieces(sealed, ...sizes), { sizeBytes: size })), plain);
      }
      assert.deepEqual(openSegment(segment, sealSegment(segment, plain)), plain);
    });
  }

  test(`${layers} layer(s): input cut anywhere around the 1 MiB at which output leaves, and one cut the more just after`, async () => {
    const segment = { ...fixedSegment(layers), segmentId: newSegmentId() };
    const plain = pattern(33 * CHUNK + 5);
    const expected = sealSegment({ ...segment }, plain).length;
    for (let before = -3; before <= 80; before++) {
      const first = 16 * CHUNK - before;
      for (const sizes of [[first, CHUNK], [first, before + 1, plain.length], [first - 1, 1, 16 * CHUNK, 3, plain.length]]) {
        const sealer = segmentSealer(segment);
        const sealed = await collect(sealer.seal(pieces(plain, ...sizes.map((size) => Math.max(0, size)))));
        assert.equal(sealed.length, expected, `cut ${before} before, ${sizes.join(", ")}`);
        assert.ok(openSegment(segment, sealed, { prefixes: sealer.prefixes, sizeBytes: plain.length }).equals(plain));
      }
    }
  });

  test(`${layers} layer(s): any range of any size equals the slice`, async () => {
    for (const size of SIZES.filter((each) => each > 0)) {
      const segment = { ...fixedSegment(layers), segmentId: newSegmentId() };
      const plain = pattern(size);
      const sealer = segmentSealer(segment);
      const sealed = sealer.sealAll(plain);
      const edges = [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK - 1, size - 2, size - 1].filter((at) => at >= 0 && at < size);
      const ranges = edges.flatMap((start) => edges.filter((end) => end >= start).map((end) => ({ start, end })));
      for (let i = 0; i < 20; i++) {
        const start = randomInt(size);
        ranges.push({ start, end: randomInt(start, size) });
      }
      for (const range of ranges) {
        const got = await readRange(segment, { sealed, prefixes: sealer.prefixes }, size, range);
        assert.ok(got.equals(plain.subarray(range.start, range.end + 1)), `${range.start}-${range.end} of ${size}`);
      }
    }
  });

  test(`${layers} layer(s): a flip in any region is detected, whole and as a stream`, async () => {
    const segment = fixedSegment(layers);
    const size = 2 * CHUNK + 100;
    const sealer = segmentSealer(segment);
    const sealed = sealer.sealAll(pattern(size));
    const full = CHUNK + TAG;
    const inner = PREFIX_BYTES * 2;
    const places = [0, 23, 24, 55, 56, inner - 1, inner, 56 + CHUNK - 1, 56 + CHUNK, 56 + full - 1, 56 + full, 56 + 2 * full];
    for (const at of [...places, sealed.length - 17, sealed.length - 16, sealed.length - 1, randomInt(sealed.length)]) {
      const bad = flipped(sealed, at);
      assert.throws(() => openSegment(segment, bad), isFault("tag", "commitment"), `byte ${at}`);
      const stream = segmentOpener(segment, sealer.prefixes).open(pieces(bad, 5000), { sizeBytes: size });
      await assert.rejects(collect(stream), isFault("tag", "commitment"), `byte ${at}`);
    }
  });

  test(`${layers} layer(s): a stream cut at any length class, or with anything behind it, is refused`, async () => {
    const segment = fixedSegment(layers);
    for (const size of [0, 1, CHUNK, 2 * CHUNK + 100]) {
      const sealer = segmentSealer(segment);
      const sealed = sealer.sealAll(pattern(size));
      const full = CHUNK + TAG;
      const cuts = [0, 1, 24, 55, 56, 57, 71, 72, 56 + full - 1, 56 + full, 56 + full + 1, 56 + full + 16, 56 + 2 * full];
      for (const length of [...cuts, sealed.length - 17, sealed.length - 16, sealed.length - 1]) {
        if (length < 0 || length >= sealed.length) continue;
        const cut = sealed.subarray(0, length);
        assert.throws(() => openSegment(segment, cut), SealIntegrityError, `${length} of ${sealed.length}`);
        const stream = segmentOpener(segment, sealer.prefixes).open(pieces(cut, 9999), { sizeBytes: size });
        await assert.rejects(collect(stream), isFault("truncated", "tag"), `${length} of ${sealed.length}`);
      }
      for (const extra of [1, 16, 72, full]) {
        const longer = Buffer.concat([sealed, Buffer.alloc(extra)]);
        assert.throws(() => openSegment(segment, longer), SealIntegrityError);
        const stream = segmentOpener(segment, sealer.prefixes).open(pieces(longer, 9999), { sizeBytes: size });
        await assert.rejects(collect(stream), isFault("trailing", "tag"));
      }
    }
  });

  test(`${layers} layer(s): the last bytes leave only when the end has verified, an empty last chunk included`, async () => {
    const segment = fixedSegment(layers);
    for (const size of [CHUNK, 2 * CHUNK, 2 * CHUNK + 100]) {
      const sealer = segmentSealer(segment);
      const sealed = sealer.sealAll(pattern(size));
      const wrong = [flipped(sealed, sealed.length - 1), sealed.subarray(0, sealed.length - 1), Buffer.concat([sealed, Buffer.alloc(1)])];
      for (const bad of wrong) {
        let handedOut = 0;
        const stream = segmentOpener(segment, sealer.prefixes).open(pieces(bad, 9999), { sizeBytes: size });
        await assert.rejects(async () => {
          for await (const part of stream) handedOut += part.length;
        }, SealIntegrityError);
        assert.ok(handedOut < size, `${handedOut} of ${size}`);
      }
    }
  });

  test(`${layers} layer(s): another size than the one recorded is refused`, async () => {
    const segment = fixedSegment(layers);
    const sealer = segmentSealer(segment);
    const sealed = sealer.sealAll(pattern(CHUNK + 10));
    for (const sizeBytes of [0, CHUNK, CHUNK + 9, CHUNK + 11, 2 * CHUNK]) {
      assert.throws(() => openSegment(segment, sealed, { sizeBytes }), isFault("size"));
      const stream = segmentOpener(segment, sealer.prefixes).open(pieces(sealed, 1000), { sizeBytes });
      await assert.rejects(collect(stream), SealIntegrityError);
    }
  });

  test(`${layers} layer(s): another key, segment id, bucket or number of layers does not open it`, () => {
    const segment = fixedSegment(layers);
    const sealer = segmentSealer(segment);
    const sealed = sealer.sealAll(pattern(100));
    const others: Segment[] = [
      { ...segment, segmentId: newSegmentId() },
      { ...segment, bucketId: "bkt-000000000002" },
      { ...segment, suite: SUITE_C2SP_16K },
      ...segment.dataKeys.map((_, i) => ({ ...segment, dataKeys: segment.dataKeys.with(i, newDataKey()) })),
    ];
    for (const other of others) {
      assert.throws(() => openSegment(other, sealed), isFault("commitment"));
      assert.throws(() => segmentOpener(other, sealer.prefixes), isFault("commitment"));
    }
    assert.throws(() => openSegment(fixedSegment(3 - layers), sealed), SealIntegrityError);
    assert.throws(() => segmentOpener(fixedSegment(3 - layers), sealer.prefixes), isFault("size"));
  });
}

test("the two layers of DSSE are told apart: equal keys do not make them exchangeable", () => {
  const key = newDataKey();
  const segment: Segment = { ...fixedSegment(1), dataKeys: [key, key] };
  const prefixes = segmentSealer(segment).prefixes;
  const swapped = Buffer.concat([prefixes.subarray(PREFIX_BYTES), prefixes.subarray(0, PREFIX_BYTES)]);
  assert.throws(() => segmentOpener(segment, swapped), isFault("commitment"));
});

test("chunks that are swapped, repeated, dropped or taken from another segment are refused with their index", async () => {
  const segment = fixedSegment(1);
  const size = 4 * CHUNK + 5;
  const sealer = segmentSealer(segment);
  const sealed = sealer.sealAll(pattern(size));
  const other = sealSegment({ ...segment, segmentId: newSegmentId() }, pattern(size));
  const full = CHUNK + TAG;
  const chunk = (from: Buffer, k: number): Buffer => from.subarray(PREFIX_BYTES + k * full, PREFIX_BYTES + (k + 1) * full);
  const build = (...chunks: Buffer[]): Buffer => Buffer.concat([sealed.subarray(0, PREFIX_BYTES), ...chunks]);
  const [c0, c1, c2, c3, c4] = [0, 1, 2, 3, 4].map((k) => chunk(sealed, k)) as [Buffer, Buffer, Buffer, Buffer, Buffer];
  const cases: [string, Buffer, number][] = [
    ["swapped", build(c0, c2, c1, c3, c4), 1],
    ["repeated", build(c0, c1, c1, c3, c4), 2],
    ["dropped", build(c0, c1, c3, c4), 2],
    ["foreign", build(c0, c1, c2, chunk(other, 3), c4), 3],
    ["foreign last", build(c0, c1, c2, c3, chunk(other, 4)), 4],
  ];
  for (const [name, bad, index] of cases) {
    const seen: number[] = [];
    const expected = (error: unknown): boolean => error instanceof SealIntegrityError && error.index === index;
    assert.throws(() => openSegment(segment, bad), expected, name);
    const read = async (): Promise<void> => {
      // Pieces that end where chunks end: what one piece verifies leaves together, or not at all.
      for await (const part of segmentOpener(segment, sealer.prefixes).open(pieces(bad, 8), { sizeBytes: size })) {
        seen.push(part.length);
      }
    };
    await assert.rejects(read(), expected, name);
    // Only the chunks before the bad one came out, byte for byte.
    assert.equal(seen.reduce((sum, length) => sum + length, 0), index * CHUNK, name);
  }
});

for (const layers of [1, 2]) {
  test(`${layers} layer(s): batches: all that a piece verifies leaves together; where one chunk fails, nothing of its piece`, async () => {
    const segment = fixedSegment(layers);
    const size = 5 * CHUNK + 7;
    const sealer = segmentSealer(segment);
    const sealed = sealer.sealAll(pattern(size));
    const opener = segmentOpener(segment, sealer.prefixes);
    const open = (bytes: Buffer) => opener.openBatches(pieces(bytes, 3 * CHUNK), { sizeBytes: size })[Symbol.asyncIterator]();
    const good = open(sealed);
    const batches: Buffer[] = [];
    for (let next = await good.next(); next.done !== true; next = await good.next()) batches.push(Buffer.concat(next.value));
    assert.ok(batches.length <= 2 + layers, `${batches.length} batches`);
    assert.deepEqual(Buffer.concat(batches), pattern(size));
    const damaged = open(flipped(sealed, 2 * CHUNK));
    await assert.rejects(damaged.next(), isFault("tag"));
    assert.equal((await damaged.next()).done, true);
  });

  test(`${layers} layer(s): a source that uses its memory again after each piece is opened and sealed all the same`, async () => {
    async function* reusing(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
      const memory = Buffer.alloc(size);
      for (let at = 0; at < bytes.length; at += size) {
        const length = bytes.copy(memory, 0, at, at + size);
        yield memory.subarray(0, length);
        memory.fill(0xee);
      }
    }
    const segment = fixedSegment(layers);
    const plain = pattern(20 * CHUNK + 3);
    for (const size of [1000, CHUNK, 1 << 20]) {
      const sealer = segmentSealer(segment);
      const sealed = await collect(sealer.seal(reusing(plain, size)));
      const opener = segmentOpener(segment, sealer.prefixes);
      assert.ok((await collect(opener.open(reusing(sealed, size), { sizeBytes: plain.length }))).equals(plain), String(size));
    }
  });
}

test("a range that reaches the end proves the length by the last chunk, even an empty one", async () => {
  const segment = fixedSegment(1);
  const size = 2 * CHUNK;
  const sealer = segmentSealer(segment);
  const sealed = sealer.sealAll(pattern(size));
  const range = { start: size - 1, end: size - 1 };
  const fetched = sealedRange(range, size);
  assert.equal(fetched.end, sealed.length - 1);
  const damaged = flipped(sealed, sealed.length - 1).subarray(fetched.start, fetched.end + 1);
  const opener = segmentOpener(segment, sealer.prefixes);
  await assert.rejects(collect(opener.open(pieces(damaged, 100), { sizeBytes: size, range })), isFault("tag"));
});

test("sealed ranges are whole chunks; those that touch chunk 0 begin with the prefix", () => {
  const size = 3 * CHUNK + 1;
  const full = CHUNK + TAG;
  assert.deepEqual(sealedRange({ start: 0, end: 0 }, size), { start: 0, end: 55 + full, firstChunk: 0 });
  assert.deepEqual(sealedRange({ start: CHUNK, end: CHUNK }, size), { start: 56 + full, end: 55 + 2 * full, firstChunk: 1 });
  assert.deepEqual(sealedRange({ start: CHUNK - 1, end: CHUNK }, size), { start: 0, end: 55 + 2 * full, firstChunk: 0 });
  assert.equal(sealedRange({ start: size - 1, end: size - 1 }, size).end, sealedSize(size) - 1);
  for (const range of [{ start: -1, end: 0 }, { start: 1, end: 0 }, { start: 0, end: size }, { start: 0.5, end: 1 }]) {
    assert.throws(() => sealedRange(range, size), RangeError);
  }
});

test("lengths that no sealed stream has are refused; every other length has exactly one plaintext size", () => {
  const full = CHUNK + TAG;
  for (const length of [0, 55, 56, 57, 71, 56 + full, 56 + full + 15, 56 + 2 * full, -1, 1.5, Number.NaN]) {
    assert.throws(() => plainSize(length), isFault("size"), String(length));
  }
  for (const size of [...SIZES, 5 * 2 ** 40, randomInt(2 ** 40)]) {
    for (const layers of [1, 2]) {
      const shape = shapeOf(fixedSegment(layers));
      assert.equal(plainSize(sealedSize(size, shape), shape), size);
    }
  }
  for (const size of [-1, 1.5, 2 ** 54, Number.NaN]) assert.throws(() => sealedSize(size), RangeError);
});

test("one sealer seals one plaintext: key and nonces are never used twice", () => {
  const sealer = segmentSealer(fixedSegment(1));
  sealer.sealAll(Buffer.alloc(1));
  assert.throws(() => sealer.sealAll(Buffer.alloc(1)), /invariant/);
  assert.throws(() => sealer.seal(pieces(Buffer.alloc(1))), /invariant/);
  const [a, b] = [sealSegment(fixedSegment(1), Buffer.alloc(64)), sealSegment(fixedSegment(1), Buffer.alloc(64))];
  assert.notDeepEqual(a, b);
});

test("data keys may be wiped as soon as sealer or opener exists", async () => {
  const key = newDataKey();
  const segment: Segment = { ...fixedSegment(1), dataKeys: [key] };
  const sealer = segmentSealer(segment);
  const again = Buffer.from(key);
  key.fill(0);
  const sealed = await collect(sealer.seal(pieces(pattern(1000), 100)));
  const opener = segmentOpener({ ...segment, dataKeys: [again] }, sealer.prefixes);
  again.fill(0);
  assert.deepEqual(await collect(opener.open(pieces(sealed, 7), { sizeBytes: 1000 })), pattern(1000));
});

test("big streams leave in pieces of about 1 MiB, and a failing source fails the stream", async () => {
  const lengths: number[] = [];
  for await (const piece of segmentSealer(fixedSegment(1)).seal(pieces(randomBytes(3 << 20), 30_000))) lengths.push(piece.length);
  assert.ok(lengths.length <= 4 && lengths.slice(0, -1).every((length) => length >= 1 << 20), String(lengths));
  async function* failing(): AsyncGenerator<Buffer> {
    yield Buffer.alloc(10);
    throw new Error("client went away");
  }
  await assert.rejects(collect(segmentSealer(fixedSegment(2)).seal(failing())), /client went away/);
});

test("wrong ids, keys and suites are refused before anything is sealed", () => {
  const segment = fixedSegment(1);
  assert.throws(() => segmentSealer({ ...segment, dataKeys: [] }), RangeError);
  assert.throws(() => segmentSealer({ ...segment, dataKeys: [Buffer.alloc(31)] }), RangeError);
  assert.throws(() => segmentSealer({ ...segment, dataKeys: [1, 2, 3].map(newDataKey) }), RangeError);
  assert.throws(() => segmentSealer({ ...segment, segmentId: Buffer.alloc(15) }), RangeError);
  assert.throws(() => segmentSealer({ ...segment, bucketId: "b".repeat(256) }), RangeError);
  assert.equal(suiteById(1).chunkBytes, CHUNK);
  for (const id of [0, 2, 255]) assert.throws(() => suiteById(id), isFault("format"));
});

test("streams that are sealed at the same time, after others have ended or been given up, share no memory", async () => {
  const plain = pattern(20 * CHUNK);
  for (let round = 0; round < 3; round++) {
    const givenUp = segmentSealer(fixedSegment(1)).seal(pieces(plain, CHUNK))[Symbol.asyncIterator]();
    await givenUp.next();
    await givenUp.return?.();
    const sealers = [1, 2, 1, 2].map((layers) => ({ layers, sealer: segmentSealer(fixedSegment(layers)) }));
    await Promise.all(
      sealers.map(async ({ layers, sealer }, index) => {
        const sealed = await collect(sealer.seal(pieces(plain, 10_000 + index, CHUNK)));
        assert.ok(openSegment(fixedSegment(layers), sealed).equals(plain));
      }),
    );
  }
});

test("what is given back is gone if its memory was its own, and stays if others share it", () => {
  const own = Buffer.allocUnsafeSlow(100);
  giveBack(own);
  assert.equal(own.length, 0);
  giveBack(own);
  const view = Buffer.allocUnsafeSlow(100).fill(7).subarray(1);
  giveBack(view);
  assert.deepEqual(view, Buffer.alloc(99, 7));
  const pooled = Buffer.from("in Node's pool");
  giveBack(pooled);
  assert.equal(pooled.toString(), "in Node's pool");
  const shared = new Uint8Array(new SharedArrayBuffer(8));
  giveBack(shared);
  assert.equal(shared.length, 8);
});
