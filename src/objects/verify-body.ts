/**
 * Verifying one sealed segment: its row or file is there in the exact size, has its ledger row, begins with the recorded
 * salt and commitment, and, read whole, opens chunk by chunk to bytes with the recorded digests.
 */
import { PREFIX_BYTES, sealedSize, suiteById } from "@coffer/seal";
import { isIntegrityError } from "../lib/errors.js";
import { StoreError } from "../stores/contract.js";
import { openRow } from "../stores/verify-rows.js";
import type { ChecksumAlgorithm } from "../wire/body.js";
import type { DataKeys } from "./data-keys.js";
import { LIVE } from "./ledger.js";
import type { Segment } from "./records.js";
import { BodyGone, openSegmentBytes } from "./sealing.js";
import { fromBytes } from "./sources.js";
import type { Unit, Verifier } from "./verify-unit.js";

export interface SegmentPlace {
  readonly inc: string;
  readonly segment: Segment;
  readonly layers: number;
  /** Upload that owns it, for parts. */
  readonly upload?: string | undefined;
  /** Object or part, for people. */
  readonly subject: string;
}

/** What does not depend on any key. @returns whether the bytes are there */
export async function checkSegment(verifier: Verifier, unit: Unit, place: SegmentPlace): Promise<boolean> {
  const { segment, subject, layers } = place;
  if (!/^[0-9a-f]{32}$/.test(segment.id)) {
    await unit.damage("segment-malformed", subject, `${JSON.stringify(segment.id)} is no segment id`);
    return false;
  }
  const expected = sealedSize(segment.sizeBytes, { suite: suiteById(segment.suite), layers });
  const stored = segment.at === "inline" ? await inlineBytes(verifier, place) : await blobStart(verifier, place);
  if (segment.at === "blob") await checkLedger(verifier, unit, place);
  const what = segment.at === "inline" ? `body row ${segment.id}` : `blob ${segment.id}`;
  if (stored === undefined) {
    await unit.damage(segment.at === "inline" ? "body-missing" : "blob-missing", subject, `${what} is not there`);
    return false;
  }
  if (stored.sizeBytes !== expected) {
    await unit.damage("body-size-wrong", subject, `${what} has ${stored.sizeBytes} bytes instead of ${expected}`);
    return false;
  }
  // A stored stream begins with the outermost layer's prefix, which is recorded last.
  const outer = Buffer.from(segment.prefixes, "base64").subarray(-PREFIX_BYTES);
  if (!outer.equals(stored.prefix)) {
    await unit.damage("body-header-wrong", subject, `${what} begins with another salt or commitment than recorded`);
    return false;
  }
  return true;
}

interface StoredStart {
  readonly sizeBytes: number;
  readonly prefix: Buffer;
}

async function inlineBytes({ room }: Verifier, { inc, segment }: SegmentPlace): Promise<StoredStart | undefined> {
  const [row] = await room.store.get([room.tables.bodies.key(inc, segment.id)]);
  return row === undefined ? undefined : { sizeBytes: row.bytes.length, prefix: row.bytes.subarray(0, PREFIX_BYTES) };
}

async function blobStart({ room }: Verifier, { segment }: SegmentPlace): Promise<StoredStart | undefined> {
  const sizeBytes = await room.blobs.size(segment.id);
  if (sizeBytes === undefined || sizeBytes < PREFIX_BYTES) return sizeBytes === undefined ? undefined : {
    sizeBytes, prefix: Buffer.alloc(0),
  };
  const pieces: Buffer[] = [];
  for await (const piece of room.blobs.get(segment.id, { start: 0, end: PREFIX_BYTES - 1 })) pieces.push(Buffer.from(piece));
  return { sizeBytes, prefix: Buffer.concat(pieces) };
}

/** Rebuilt where it is missing: without it the blob is an orphan, and in no backup. */
async function checkLedger({ room }: Verifier, unit: Unit, { inc, segment, upload, subject }: SegmentPlace): Promise<void> {
  const { ledger } = room.tables;
  const key = ledger.key(LIVE, segment.id);
  const row = await openRow(ledger, key);
  if (row === "damaged") return;
  if (row === undefined) {
    await unit.damage("ledger-row-missing", subject, `blob ${segment.id} has no ledger row`, async () => ({
      checks: [{ key, stamp: "absent" }],
      puts: [ledger.put(key, { clear: upload === undefined ? { inc } : { inc, upload } })],
    }));
    return;
  }
  const live = row.clear as { readonly inc?: string; readonly upload?: string };
  if (live.inc === inc && live.upload === upload) return;
  await unit.damage("ledger-row-wrong", subject, `the ledger row of blob ${segment.id} names another bucket or upload`);
}

export type Digests = ReadonlyMap<ChecksumAlgorithm, Buffer>;

/** Reads and opens it whole. @returns undefined when it does not open: reported */
export async function readSegment(
  { room }: Verifier,
  unit: Unit,
  place: SegmentPlace & { readonly dataKeys: DataKeys },
  algorithms: readonly ChecksumAlgorithm[],
): Promise<Digests | undefined> {
  const { inc, segment, dataKeys, subject } = place;
  try {
    const source = await fromBytes(openSegmentBytes(room, { inc, dataKeys }, segment), algorithms);
    for await (const _ of source.bytes);
    const { sizeBytes, digests } = source.result();
    unit.counts.Bytes += sizeBytes;
    if (sizeBytes === segment.sizeBytes) return digests;
    await unit.damage("body-size-wrong", subject, `it opens to ${sizeBytes} bytes instead of ${segment.sizeBytes}`);
  } catch (error) {
    const known = isIntegrityError(error) || error instanceof BodyGone || error instanceof StoreError;
    if (!known || !(error instanceof Error)) throw error;
    await unit.damage("body-does-not-open", subject, `segment ${segment.id}: ${detailOf(error)}`);
  }
  return undefined;
}

/** With the chunk, where the error knows it. */
export function detailOf(error: Error): string {
  const index = "index" in error && typeof error.index === "number" ? `, chunk ${error.index}` : "";
  return `${error.message}${index}`;
}
