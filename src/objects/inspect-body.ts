/** The sealed segments of an object as they lie in the stores: sizes, places, the start of each key commitment. */
import { PREFIX_BYTES, sealedSize, suiteById } from "@coffer/seal";
import type { ObjectIntegrity, Segment as ShownSegment } from "../wire/tables/coffer-types.js";
import type { Room } from "./deps.js";
import { presentParts } from "./present-parts.js";
import type { PresentObject } from "./read-facts.js";
import type { PartEntry, Segment } from "./records.js";

export interface SegmentPage {
  /** Segments behind this part number. */
  readonly marker: number;
  /** Default and most: 1000. */
  readonly limit?: number | undefined;
}

export interface InspectedBody {
  readonly suite: number;
  readonly count: number;
  readonly segments: ShownSegment[];
  /** Last part number of this page, where there are more. */
  readonly next: number | undefined;
  readonly state: ObjectIntegrity["Bodies"];
}

const MAX_SEGMENTS = 1000;
/** Each is one question to the blob store. */
const AT_ONCE = 16;

/**
 * @returns undefined when the part table is empty
 * @throws ServiceError NoSuchKey, BodyLostIntegrityError, PartTableIntegrityError: as `presentParts`
 */
export async function inspectBody(room: Room, present: PresentObject, page: SegmentPage): Promise<InspectedBody | undefined> {
  const inc = present.bucket.record.incarnation;
  const { body, encryption } = present.object;
  const entries: readonly PartEntry[] | undefined =
    body.kind === "segment" ? [{ n: 1, segment: body.segment }] : await presentParts(room, present);
  const first = entries?.[0];
  if (entries === undefined || first === undefined) return undefined;
  const rest = entries.filter(({ n }) => n > page.marker);
  const listed = rest.slice(0, Math.min(page.limit ?? MAX_SEGMENTS, MAX_SEGMENTS));
  const segments: ShownSegment[] = [];
  for (let at = 0; at < listed.length; at += AT_ONCE) {
    const group = listed.slice(at, at + AT_ONCE);
    const sizes = await Promise.all(group.map(({ segment }) => storedSize(room, inc, segment)));
    segments.push(...group.map((entry, index) => shownSegment(entry, encryption.keys.length, sizes[index])));
  }
  return {
    suite: first.segment.suite,
    count: entries.length,
    segments,
    next: rest.length > listed.length ? listed.at(-1)?.n : undefined,
    state: stateOf(segments),
  };
}

async function storedSize(room: Room, inc: string, { id, at }: Segment): Promise<number | undefined> {
  if (at === "blob") return room.blobs.size(id);
  const [row] = await room.store.get([room.tables.bodies.key(inc, id)]);
  return row?.bytes.length;
}

function shownSegment({ n, segment }: PartEntry, layers: number, stored: number | undefined): ShownSegment {
  const suite = suiteById(segment.suite);
  return {
    PartNumber: n,
    SegmentId: segment.id,
    Storage: segment.at === "inline" ? "INLINE" : "BLOB",
    Size: segment.sizeBytes,
    SealedSize: sealedSize(segment.sizeBytes, { suite, layers }),
    StoredSize: stored,
    Chunks: Math.floor(segment.sizeBytes / suite.chunkBytes) + 1,
    CommitmentPrefixes: commitments(Buffer.from(segment.prefixes, "base64")),
  };
}

const SALT_BYTES = 24;
const SHOWN_BYTES = 8;

/** Each prefix is salt and commitment. FORMAT: docs/spec/sealed-stream.md §2. */
function commitments(prefixes: Buffer): string[] {
  const out: string[] = [];
  for (let at = SALT_BYTES; at < prefixes.length; at += PREFIX_BYTES) {
    out.push(prefixes.subarray(at, at + SHOWN_BYTES).toString("hex"));
  }
  return out;
}

function stateOf(segments: readonly ShownSegment[]): ObjectIntegrity["Bodies"] {
  if (segments.some(({ StoredSize }) => StoredSize === undefined)) return "MISSING";
  return segments.every(({ StoredSize, SealedSize }) => StoredSize === SealedSize) ? "PRESENT" : "WRONG_SIZE";
}
