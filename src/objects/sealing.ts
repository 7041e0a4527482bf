/**
 * Bodies in and out: plaintext → sealed stream → inline row (≤ 64 KiB) or blob, and back, chunk by verified chunk.
 * No unauthenticated byte leaves. Source: docs/spec/sealed-stream.md, docs/spec/objects.md §1.
 */
import {
  giveBack,
  newSegmentId,
  openSegment,
  sealedRange,
  sealedSize,
  segmentOpener,
  segmentSealer,
  shapeOf,
  suiteById,
  DEFAULT_SUITE,
} from "@coffer/seal";
import { assert } from "../lib/errors.js";
import { entityTooLarge } from "./errors.js";
import type { DataKeys } from "./data-keys.js";
import type { Room } from "./deps.js";
import { PendingBlob, type Changes } from "./ledger.js";
import type { ByteRange } from "./ranges.js";
import type { Segment } from "./records.js";
import type { BodySource, SourceResult } from "./sources.js";

export interface SealTarget {
  readonly inc: string;
  readonly dataKeys: DataKeys;
  /** Made when it is asked for: a small body does not. */
  readonly signal: () => AbortSignal;
  readonly maxBytes: number;
}

/** A sealed body that no record owns yet. */
export interface StoredBody {
  readonly segment: Segment;
  readonly result: SourceResult;
  /** Adds what makes the body live to the owner's commit. */
  goLive(changes: Changes, upload?: string): void;
  /** For failures before a commit could have owned it. */
  discard(): Promise<void>;
}

/**
 * Seals and stores a body. If the source throws (a digest or signature does not match), nothing stays.
 * @throws ServiceError EntityTooLarge; whatever the source throws
 */
export async function storeBody(room: Room, source: BodySource, target: SealTarget): Promise<StoredBody> {
  const segmentId = newSegmentId();
  const id = segmentId.toString("hex");
  const sealer = segmentSealer({ segmentId, bucketId: target.inc, dataKeys: target.dataKeys.bytes });
  const base = { id, prefixes: sealer.prefixes.toString("base64"), suite: DEFAULT_SUITE.id };
  const pieces = source.bytes[Symbol.asyncIterator]();
  const { maxBytes } = target;
  const small = await readSmall(pieces, room.settings.limits.inlineBytes, maxBytes);
  if (small.ended) {
    const sealed = sealer.sealAll(small.bytes);
    small.bytes.fill(0);
    const result = source.result();
    return {
      segment: { ...base, sizeBytes: result.sizeBytes, at: "inline" },
      result,
      goLive: (changes) => void changes.puts.push({ key: room.tables.bodies.key(target.inc, id), bytes: sealed }),
      discard: async () => {},
    };
  }
  const pending = await announce(room, id, pieces);
  try {
    const body = { first: small.bytes, rest: pieces, maxBytes, done: source.done };
    const storedBytes = await room.blobs.put(id, sealer.seal(renewing(pending, body)), target.signal());
    const result = source.result();
    // INVARIANT: what is stored is as long as what was read, sealed. A byte lost between them must not become an object.
    const expectedBytes = sealedSize(result.sizeBytes, shapeOf({ dataKeys: target.dataKeys.bytes }));
    assert(storedBytes === expectedBytes, "length of the sealed body");
    return {
      segment: { ...base, sizeBytes: result.sizeBytes, at: "blob" },
      result,
      goLive: (changes, upload) => pending.goLive(changes, target.inc, upload),
      discard: () => pending.discard(),
    };
  } catch (error) {
    // Who never began to read, as a store that refuses at once, has not closed it either.
    await Promise.allSettled([pieces.return?.()]);
    await pending.discard();
    throw error;
  }
}

/** A source that nobody will read is closed: it may hold an open file, or a place in the digest thread. */
async function announce(room: Room, id: string, pieces: AsyncIterator<Uint8Array>): Promise<PendingBlob> {
  try {
    return await PendingBlob.announce(room, id);
  } catch (error) {
    await pieces.return?.();
    throw error;
  }
}

/** @throws ServiceError EntityTooLarge */
function checkSize(sizeBytes: number, maxBytes: number): void {
  if (sizeBytes > maxBytes) throw entityTooLarge(sizeBytes, maxBytes);
}

/** Reads until the end, or until more than `limit` bytes are there; closes the source when it throws. */
async function readSmall(
  pieces: AsyncIterator<Uint8Array>,
  limit: number,
  maxBytes: number,
): Promise<{ readonly bytes: Buffer; readonly ended: boolean }> {
  const parts: Buffer[] = [];
  let size = 0;
  for (;;) {
    const next = await pieces.next();
    if (next.done === true) return { bytes: joined(parts, size), ended: true };
    size += next.value.length;
    if (size > maxBytes) await pieces.return?.();
    checkSize(size, maxBytes);
    // Copied: the source may use its buffer again for the next piece.
    parts.push(Buffer.from(next.value));
    if (size > limit) return { bytes: joined(parts, size), ended: false };
  }
}

function joined(parts: readonly Buffer[], size: number): Buffer {
  const [first] = parts;
  return parts.length === 1 && first !== undefined ? first : Buffer.concat(parts, size);
}

interface LongBody {
  readonly first: Buffer;
  readonly rest: AsyncIterator<Uint8Array>;
  readonly maxBytes: number;
  readonly done: BodySource["done"];
}

/**
 * The first bytes, then the rest; the lease is renewed on the way, and the source closed whatever happens. A piece that has
 * been sealed is done with: waiting for the garbage collector costs a fifth of a large PUT (measured).
 */
async function* renewing(pending: PendingBlob, { first, rest, maxBytes, done }: LongBody): AsyncGenerator<Uint8Array> {
  let ended = false;
  let size = first.length;
  try {
    yield first;
    giveBack(first);
    for (;;) {
      const next = await rest.next();
      if (next.done === true) break;
      size += next.value.length;
      checkSize(size, maxBytes);
      await pending.renew();
      yield next.value;
      done?.(next.value);
    }
    ended = true;
  } finally {
    if (!ended) await rest.return?.();
  }
}

/** Body row or blob is not there: the object was replaced while we read its head. */
export class BodyGone extends Error {
  override readonly name = "BodyGone";
}

/** Where a segment lies, and its keys. */
export interface SegmentPlace {
  readonly inc: string;
  readonly dataKeys: DataKeys;
}

const described = ({ inc, dataKeys }: SegmentPlace, segment: Segment) => ({
  segmentId: Buffer.from(segment.id, "hex"),
  bucketId: inc,
  dataKeys: dataKeys.bytes,
  suite: suiteById(segment.suite),
});

/**
 * Plaintext of a segment that lies in the body row, verified as a whole.
 * @param range inclusive, within the segment; absent: all of it
 * @throws BodyGone, SealIntegrityError, StoreError
 */
export async function openInline(room: Room, at: SegmentPlace, segment: Segment, range?: ByteRange): Promise<Buffer> {
  const [row] = await room.store.get([room.tables.bodies.key(at.inc, segment.id)]);
  if (row === undefined) throw new BodyGone("body row");
  const expected = { prefixes: Buffer.from(segment.prefixes, "base64"), sizeBytes: segment.sizeBytes };
  const plain = openSegment(described(at, segment), row.bytes, expected);
  return range === undefined ? plain : plain.subarray(range.start, range.end + 1);
}

/**
 * The same of any segment, in batches of verified pieces (of a blob, about a MiB); errors come from the iteration.
 * INVARIANT of `transient`: the opener has decrypted a piece of the blob before it asks for the next.
 */
export async function* openSegmentBatches(
  room: Room,
  at: SegmentPlace,
  segment: Segment,
  range?: ByteRange,
): AsyncGenerator<readonly Buffer[]> {
  const { sizeBytes } = segment;
  if (segment.at === "inline") {
    const plain = await openInline(room, at, segment, range);
    if (plain.length > 0) yield [plain];
    return;
  }
  const shape = described(at, segment);
  const opener = segmentOpener(shape, Buffer.from(segment.prefixes, "base64"));
  const sealed = range === undefined ? undefined : sealedRange(range, sizeBytes, shapeOf(shape));
  const extent = sealed === undefined ? undefined : { start: sealed.start, end: sealed.end };
  const source = room.blobs.get(segment.id, extent, { transient: true });
  yield* opener.openBatches(source, range === undefined ? { sizeBytes } : { sizeBytes, range });
}

/** The same, piece by piece. */
export async function* openSegmentBytes(room: Room, at: SegmentPlace, segment: Segment): AsyncGenerator<Buffer> {
  for await (const batch of openSegmentBatches(room, at, segment)) yield* batch;
}
