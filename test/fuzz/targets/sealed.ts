/** Sealed streams: one layer and two, whole and in part. Chunks of 32 bytes, so that small inputs have many. */
import assert from "node:assert/strict";
import {
  openSegment, SealIntegrityError, sealedRange, segmentOpener, shapeOf, SUITE_64K, type Segment, type Suite,
} from "@coffer/seal";
import { sealerWithSalts } from "@coffer/seal/testing";
import { collect, fixedSegment, pattern } from "../../seal/support.js";
import { Choices, chopped } from "../bytes.js";
import { told, toldLater, type Target } from "../target.js";

const SMALL: Suite = { ...SUITE_64K, id: 0xfe, chunkBytes: 32 };
const SIZES = [0, 1, 31, 32, 33, 64, 100];

interface Stored {
  readonly segment: Segment;
  readonly prefixes: Buffer;
  readonly sealed: Buffer;
  readonly plain: Buffer;
}

const STORED: readonly Stored[] = [1, 2].flatMap((layers) =>
  SIZES.map((size) => {
    const segment: Segment = { ...fixedSegment(layers), suite: SMALL };
    const sealer = sealerWithSalts(segment, Buffer.alloc(24 * layers, size + 1));
    const plain = pattern(size);
    return { segment, prefixes: sealer.prefixes, sealed: sealer.sealAll(plain), plain };
  }),
);

/** Bytes: which segment, first and last byte of the range, how many cuts, the cuts; then what lies on the disk. */
export const sealed: Target = {
  name: "sealed",
  claim: "what opens, whole or in part, is what was sealed: byte for byte, and nothing of it where anything was changed",
  seeds: STORED.map(({ sealed }, at) => Buffer.concat([Buffer.from([0, at, 0, 3, 0, 90, 2, 7, 31]), sealed])),
  words: [STORED[3], STORED[6], STORED[10]].map((stored) => (stored?.sealed ?? Buffer.alloc(0)).toString("latin1")),
  maxBytes: 1024,
  async run(input) {
    const choices = new Choices(input);
    const { segment, prefixes, sealed, plain } = choices.pick(STORED);
    const bounds = [choices.below(plain.length + 1), choices.below(plain.length + 1)].sort((a, b) => a - b);
    const [start = 0, end = 0] = bounds;
    const cuts = new Choices(choices.take(choices.byte() % 16));
    const disk = choices.rest();
    const intact = disk.equals(sealed);
    const sizeBytes = plain.length;

    const whole = told(() => openSegment(segment, disk, { prefixes, sizeBytes }), SealIntegrityError);
    assert.equal(whole !== undefined, intact, "opened at once");
    if (whole !== undefined) assert.deepEqual(whole, plain);

    const opener = segmentOpener(segment, prefixes);
    const streamed = await toldLater(() => collect(opener.open(chopped(disk, cuts), { sizeBytes })), SealIntegrityError);
    assert.equal(streamed !== undefined, intact, "opened as a stream");
    if (streamed !== undefined) assert.deepEqual(streamed, plain);

    if (end >= sizeBytes) return;
    const range = { start, end };
    const on = sealedRange(range, sizeBytes, shapeOf(segment));
    const bytes = disk.subarray(on.start, on.end + 1);
    const part = await toldLater(() => collect(opener.open(chopped(bytes, cuts), { sizeBytes, range })), SealIntegrityError);
    assert.equal(part !== undefined, bytes.equals(sealed.subarray(on.start, on.end + 1)), "opened in part");
    if (part !== undefined) assert.deepEqual(part, plain.subarray(start, end + 1));
  },
};
