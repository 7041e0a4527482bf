/**
 * Segments: one sealed stream (a single-part object or one part), bound to a random immutable id and to its bucket, under
 * one data key; or under two (DSSE), where the outer layer seals the inner layer's bytes. Names of objects are not bound
 * here but in the manifest, so re-wrapping a key never touches data.
 * FORMAT: docs/spec/sealed-stream.md §1, §4.
 */
import { asBuffer, giveBack, requireLength, sameBytes, wipe } from "./bytes.js";
import { SealIntegrityError } from "./errors.js";
import { deriveLayerKey, layerKeyFromPrefix, useLayerKey } from "./layer-key.js";
import type { LayerKey } from "./layer-key.js";
import { openLayer, openLayerStream, type Pieces } from "./layer-open.js";
import { sealLayer, sealLayerStream } from "./layer-seal.js";
import { randomSalt } from "./random.js";
import { plainSize, sealedRange, sealedSize } from "./sizes.js";
import type { ByteRange, Shape } from "./sizes.js";
import { DEFAULT_SUITE, PREFIX_BYTES, SALT_BYTES } from "./suites.js";
import type { Suite } from "./suites.js";

export const SEGMENT_ID_BYTES = 16;
export const DATA_KEY_BYTES = 32;

/** What a segment is sealed under and bound to. Not kept: data keys may be wiped as soon as a function here returns. */
export interface Segment {
  /** 16 random bytes, never used again, not for a retry either. */
  readonly segmentId: Uint8Array;
  /** Id of the bucket's incarnation, at most 255 bytes of UTF-8. */
  readonly bucketId: string;
  /** 32 bytes each: one, or for DSSE two independent ones, inner layer first. */
  readonly dataKeys: readonly Uint8Array[];
  /** Default: the suite of new segments. Readers pass the one recorded. */
  readonly suite?: Suite;
}

/** A segment about to be sealed; good for one plaintext. */
export interface SegmentSealer {
  /** Salt and commitment of each layer, inner first (56 or 112 bytes): record them, range reads need them. Not secret. */
  readonly prefixes: Buffer;
  /**
   * The sealed bytes, in pieces of about 1 MiB, each overwritten when the next one is asked for.
   * @throws Error when called twice: the same key and nonces must never seal a second plaintext
   */
  seal(source: AsyncIterable<Uint8Array>): AsyncIterable<Buffer>;
  /** The same for bytes at hand; counts as the one call. */
  sealAll(plain: Uint8Array): Buffer;
}

/** Which bytes are read, out of what. */
export interface SegmentRead {
  /** Plaintext size of the whole segment, from the manifest. */
  readonly sizeBytes: number;
  /** Plaintext bytes, inclusive; the whole segment when absent (always so when it is empty). */
  readonly range?: ByteRange;
}

/** A segment ready to be read, any number of times. */
export interface SegmentOpener {
  /**
   * Plaintext of `read.range`, each piece verified, at most a chunk (64 KiB) at a time.
   * @param source the sealed bytes that `sealedRange(read.range, read.sizeBytes, shape)` names, in pieces of any size; for the
   *   whole segment the blob to its very end, so that appended bytes are seen
   *   The opener is done with a piece when it asks for the next.
   * @throws SealIntegrityError naming the chunk, from the iteration; whatever the source throws
   */
  open(source: AsyncIterable<Uint8Array>, read: SegmentRead): AsyncIterable<Buffer>;
  /** The same, with what one piece of the source brought to verification handed out together: for large bodies. */
  openBatches(source: AsyncIterable<Uint8Array>, read: SegmentRead): AsyncIterable<readonly Buffer[]>;
}

export function newSegmentId(): Buffer {
  return randomSalt(SEGMENT_ID_BYTES);
}

/** Sizes and ranges of `segment`: pass it to `sealedSize`, `plainSize`, `sealedRange`. */
export function shapeOf(segment: Pick<Segment, "dataKeys" | "suite">): Shape {
  return { suite: segment.suite ?? DEFAULT_SUITE, layers: segment.dataKeys.length };
}

/** Begins a segment with fresh random salts. @throws RangeError for ids and keys of wrong length */
export function segmentSealer(segment: Segment): SegmentSealer {
  return sealerWithSalts(segment, randomSalt(SALT_BYTES * segment.dataKeys.length));
}

/** `segmentSealer(segment).sealAll(plain)`. */
export function sealSegment(segment: Segment, plain: Uint8Array): Buffer {
  return segmentSealer(segment).sealAll(plain);
}

/**
 * @param prefixes as recorded by the sealer
 * @throws SealIntegrityError `commitment` at once when a key, id or prefix is not the one it was sealed with
 */
export function segmentOpener(segment: Segment, prefixes: Uint8Array): SegmentOpener {
  const count = segment.dataKeys.length;
  if (prefixes.length !== PREFIX_BYTES * count) throw new SealIntegrityError("size", "segment prefix");
  const keys = mapLayers(segment, (dataKey, context, suite, layer) =>
    layerKeyFromPrefix(suite, dataKey, prefixes.subarray(layer * PREFIX_BYTES, (layer + 1) * PREFIX_BYTES), context),
  );
  const openBatches: SegmentOpener["openBatches"] = (source, read) => openLayers(keys, source, read);
  return { openBatches, open: (source, read) => singly(openBatches(source, read)) };
}

/**
 * Opens a whole segment at hand.
 * @param expected what the manifest says; compared when given
 * @throws SealIntegrityError
 */
export function openSegment(
  segment: Segment,
  sealed: Uint8Array,
  expected: { readonly prefixes?: Uint8Array; readonly sizeBytes?: number } = {},
): Buffer {
  const sizeBytes = plainSize(sealed.length, shapeOf(segment));
  if (expected.sizeBytes !== undefined && expected.sizeBytes !== sizeBytes) throw new SealIntegrityError("size", "segment");
  const layers = mapLayers(segment, (inputKey, context, suite) => ({ inputKey, context, suite }));
  let bytes = asBuffer(sealed);
  const prefixes: Buffer[] = [];
  for (const { inputKey, context, suite } of layers.reverse()) {
    const prefix = bytes.subarray(0, PREFIX_BYTES);
    prefixes.unshift(prefix);
    const within = bytes;
    bytes = useLayerKey({ suite, inputKey, prefix, context }, (layer) => openLayer(layer, within));
  }
  if (expected.prefixes !== undefined && !sameBytes(Buffer.concat(prefixes), expected.prefixes)) {
    wipe(bytes);
    throw new SealIntegrityError("commitment", "segment");
  }
  return bytes;
}

/** For tests and vectors only (`@coffer/seal/testing`): a repeated salt destroys secrecy. */
export function sealerWithSalts(segment: Segment, salts: Uint8Array): SegmentSealer {
  requireLength(salts, SALT_BYTES * segment.dataKeys.length, "salts");
  const keys = mapLayers(segment, (dataKey, context, suite, layer) =>
    deriveLayerKey(suite, dataKey, salts.subarray(layer * SALT_BYTES, (layer + 1) * SALT_BYTES), context),
  );
  let used = false;
  const once = (): void => {
    if (used) throw new Error("invariant: a segment seals one plaintext");
    used = true;
  };
  return {
    prefixes: Buffer.concat(keys.map((key) => key.prefix)),
    seal(source) {
      once();
      return keys.reduce((pieces, key) => sealLayerStream(key, pieces), source) as AsyncIterable<Buffer>;
    },
    sealAll(plain) {
      once();
      return asBuffer(keys.reduce((bytes, key) => sealLayer(key, bytes), plain));
    },
  };
}

/** For the layer within, which is done with a batch when it asks for the next. */
async function* givingBack(batches: AsyncIterable<readonly Buffer[]>): AsyncGenerator<readonly Buffer[]> {
  for await (const batch of batches) {
    yield batch;
    batch.forEach(giveBack);
  }
}

async function* singly(batches: AsyncIterable<readonly Buffer[]>): AsyncGenerator<Buffer> {
  for await (const batch of batches) yield* batch;
}

function openLayers(keys: readonly LayerKey[], source: Pieces, read: SegmentRead): AsyncIterable<readonly Buffer[]> {
  let pieces = source;
  for (let layer = keys.length - 1; layer >= 0; layer--) {
    const key = keys[layer];
    if (key === undefined) break;
    // The plaintext of this layer is the sealed form of the layers within it.
    const within: Shape = { suite: key.suite, layers: layer };
    const range = read.range === undefined || layer === 0 ? read.range : sealedRange(read.range, read.sizeBytes, within);
    const opened = openLayerStream(key, pieces, { sizeBytes: sealedSize(read.sizeBytes, within), range });
    pieces = layer === 0 ? opened : givingBack(opened);
  }
  return pieces as AsyncIterable<readonly Buffer[]>;
}

/**
 * Calls `each` with every layer's data key, which is its input key, and context, inner first.
 * FORMAT: context = "coffer/v1" ‖ u8 suite ‖ u8 layers ‖ u8 layer (0 = inner) ‖ segment id ‖ u8 length ‖ bucket id.
 */
function mapLayers<T>(
  segment: Segment,
  each: (dataKey: Uint8Array, context: Buffer, suite: Suite, layer: number) => T,
): T[] {
  const { dataKeys, segmentId, suite = DEFAULT_SUITE } = segment;
  if (dataKeys.length !== 1 && dataKeys.length !== 2) throw new RangeError("a segment has one or two data keys");
  requireLength(segmentId, SEGMENT_ID_BYTES, "segment id");
  const bucketId = Buffer.from(segment.bucketId, "utf8");
  if (bucketId.length > 255) throw new RangeError("bucket id");
  return dataKeys.map((dataKey, layer) => {
    requireLength(dataKey, DATA_KEY_BYTES, "data key");
    const context = Buffer.allocUnsafe(BUCKET_AT + bucketId.length);
    context.set(LABEL_CONTEXT);
    context[SUITE_AT] = suite.id;
    context[SUITE_AT + 1] = dataKeys.length;
    context[SUITE_AT + 2] = layer;
    context.set(segmentId, SUITE_AT + 3);
    context[BUCKET_AT - 1] = bucketId.length;
    context.set(bucketId, BUCKET_AT);
    return each(dataKey, context, suite, layer);
  });
}

const LABEL_CONTEXT = Buffer.from("coffer/v1", "latin1");
const SUITE_AT = LABEL_CONTEXT.length;
const BUCKET_AT = SUITE_AT + 3 + SEGMENT_ID_BYTES + 1;
