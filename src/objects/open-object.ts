/**
 * Opening an object: customer key, transport, data key, manifest, part table, then bytes. Used by GetObject, CopyObject and
 * UploadPartCopy, so that there is one way to read and one place where integrity is judged.
 * Source: DESIGN §4 (GET); docs/spec/objects.md §3.
 */
import { isDeepStrictEqual } from "node:util";
import { giveBack, SealIntegrityError, verifyManifest } from "@coffer/seal";
import { isIntegrityError } from "../lib/errors.js";
import type { Secret } from "../lib/secret.js";
import type { Call } from "../gate/contract.js";
import type { StreamedBody } from "../gate/request.js";
import { BlobMissing, BlobShort } from "../stores/contract.js";
import { isCustomerKeyOf, openDataKeys, type DataKeys } from "./data-keys.js";
import type { Room } from "./deps.js";
import { hasCustomerHeaders, parseCustomerKey, wrongCustomerKey, type CustomerHeaders } from "./encryption.js";
import { invalidRequest } from "./errors.js";
import { manifestBytes } from "./manifest.js";
import { readPartTable, slicesOf, type PartSlice } from "./part-table.js";
import type { ByteRange } from "./ranges.js";
import type { PresentObject } from "./read-facts.js";
import type { Segment } from "./records.js";
import { BodyGone, openInline, openSegmentBatches } from "./sealing.js";
import { emptyBytes } from "./sources.js";
import { checkTransport } from "./transport.js";
import { readVersion } from "./versions.js";

/**
 * The customer key that this read needs, verified against the object's check value; undefined for other modes.
 * @returns to be wiped by the caller
 * @throws ServiceError InvalidRequest, AccessDenied, InvalidArgument …
 */
export function customerKeyFor(
  call: Call,
  { object }: Pick<PresentObject, "object">,
  headers: CustomerHeaders,
): Secret | undefined {
  const { encryption } = object;
  if (encryption.mode !== "SSE-C") {
    if (hasCustomerHeaders(headers)) throw invalidRequest("The encryption parameters are not applicable to this object.");
    return undefined;
  }
  if (!hasCustomerHeaders(headers)) {
    throw invalidRequest(
      "The object was stored using a form of Server Side Encryption. The correct parameters must be provided to retrieve the object.",
    );
  }
  checkTransport(call, "SSE-C");
  const key = parseCustomerKey(headers, "read");
  if (isCustomerKeyOf(encryption, key)) return key;
  key.wipe();
  throw wrongCustomerKey();
}

/** The body is gone since the head was read: read the head again. */
export { BodyGone } from "./sealing.js";

/** The body is gone, or cut, although the version that names it is there: nobody took it away by the house's ways. */
export class BodyLostIntegrityError extends Error {
  override readonly name = "BodyLostIntegrityError";
}

/** What `error` means to who reads `present`: a body that is gone was replaced, or is lost. */
async function meaningOf(room: Room, { bucket, key, version, object }: PresentObject, error: unknown): Promise<unknown> {
  if (error instanceof BlobShort) return new BodyLostIntegrityError("the body is cut", { cause: error });
  if (!(error instanceof BlobMissing) && !(error instanceof BodyGone)) return error;
  const now = await readVersion(room, bucket.record.incarnation, key, version.record.versionId);
  const isNamed = isDeepStrictEqual(now?.record.object?.body, object.body);
  if (isNamed) return new BodyLostIntegrityError("the body is lost", { cause: error });
  return error instanceof BodyGone ? error : new BodyGone("blob", { cause: error });
}

/** `meaningOf`, and logged where it is an integrity event. */
async function explained(room: Room, call: Call, present: PresentObject, thrown: unknown): Promise<unknown> {
  const error = await meaningOf(room, present, thrown);
  reportIntegrity(room, call, present, error);
  return error;
}

/** An object whose data key is open and whose manifest has been verified. */
export interface OpenedObject {
  readonly present: PresentObject;
  /** Ordered parts of a multipart object, with the hash verified. */
  readonly parts: readonly PartSlice["entry"][] | undefined;
  /**
   * Plaintext; wipes the data key when it ends. What lies inline comes whole and verified; of a stream, the first piece has
   * been verified when this resolves.
   */
  read(range: ByteRange | undefined): Promise<AsyncIterable<Buffer> | Buffer>;
  /** For reads that never start. */
  close(): void;
}

/**
 * @throws ServiceError what KMS or the customer key check refuses
 * @throws BodyGone when the object was replaced meanwhile
 * @throws SealIntegrityError, PartTableIntegrityError, BodyLostIntegrityError when what is stored is not what was written
 *   (logged as integrity event)
 */
export async function openObject(
  room: Room,
  call: Call,
  present: PresentObject,
  headers: CustomerHeaders,
): Promise<OpenedObject> {
  const { bucket, key, object, secrets } = present;
  checkTransport(call, object.encryption.mode);
  const customer = customerKeyFor(call, present, headers);
  try {
    const at = { bucket, key, customer, kmsContext: secrets.kmsContext };
    const dataKeys = await openDataKeys(room, call, at, object.encryption);
    try {
      return await withKeys(room, call, present, dataKeys);
    } catch (error) {
      dataKeys.wipe();
      throw error;
    }
  } catch (thrown) {
    throw await explained(room, call, present, thrown);
  } finally {
    customer?.wipe();
  }
}

async function withKeys(room: Room, call: Call, present: PresentObject, dataKeys: DataKeys): Promise<OpenedObject> {
  const { bucket, key, version, object, prints } = present;
  const inc = bucket.record.incarnation;
  const { versionId } = version.record;
  const manifest = manifestBytes({ inc, key, versionId, facts: object, prints });
  verifyManifest(dataKeys.bytes, manifest, Buffer.from(object.manifest, "base64"));
  const parts = object.body.kind === "parts" ? await readPartTable(room, inc, object.body) : undefined;
  if (object.body.kind === "parts" && parts === undefined) throw new BodyGone("part table");
  const keys = { dataKeys, parts };
  return {
    present,
    parts,
    read: (range) =>
      object.body.kind === "segment" && object.body.segment.at === "inline"
        ? readInline(room, call, present, { dataKeys, segment: object.body.segment, range })
        : startReading(call, dataKeys, guarded(room, call, present, batchesOf(room, present, keys, range))),
    close: () => dataKeys.wipe(),
  };
}

interface InlineRead {
  readonly dataKeys: DataKeys;
  readonly segment: Segment;
  readonly range: ByteRange | undefined;
}

/** A small body at once: nothing is left open when this resolves. */
async function readInline(room: Room, call: Call, present: PresentObject, read: InlineRead): Promise<Buffer> {
  const { dataKeys, segment, range } = read;
  try {
    return await openInline(room, { inc: present.bucket.record.incarnation, dataKeys }, segment, range);
  } catch (thrown) {
    throw await explained(room, call, present, thrown);
  } finally {
    dataKeys.wipe();
  }
}

interface OpenedKeys {
  readonly dataKeys: DataKeys;
  readonly parts: readonly PartSlice["entry"][] | undefined;
}

async function* batchesOf(
  room: Room,
  { bucket, object }: PresentObject,
  keys: OpenedKeys,
  range: ByteRange | undefined,
): AsyncGenerator<readonly Buffer[]> {
  const at = { inc: bucket.record.incarnation, dataKeys: keys.dataKeys };
  if (object.body.kind === "segment") {
    yield* openSegmentBatches(room, at, object.body.segment, range);
    return;
  }
  for (const slice of slicesOf(keys.parts ?? [], range)) {
    yield* openSegmentBatches(room, at, slice.entry.segment, slice.range);
  }
}

/** Integrity failures are logged where they happen, mid-stream too. */
async function* guarded(
  room: Room,
  call: Call,
  present: PresentObject,
  batches: AsyncIterable<readonly Buffer[]>,
): AsyncGenerator<readonly Buffer[]> {
  try {
    yield* batches;
  } catch (thrown) {
    throw await explained(room, call, present, thrown);
  }
}

/**
 * Pulls the first batch, so that a body that does not verify from the start answers an error instead of a broken stream.
 * The data keys live until the stream ends, is given up, or the client is gone. Hand-written, so that a piece of a batch
 * at hand costs one promise and not one in each generator below.
 */
async function startReading(
  call: Call,
  dataKeys: DataKeys,
  batches: AsyncGenerator<readonly Buffer[]>,
): Promise<AsyncIterable<Buffer> & StreamedBody> {
  const first = await batches.next().catch((error: unknown) => {
    dataKeys.wipe();
    throw error;
  });
  if (first.done === true) {
    dataKeys.wipe();
    return emptyBytes();
  }
  let batch: Iterator<Buffer> = first.value.values();
  const close = async (): Promise<void> => {
    call.signal.removeEventListener("abort", onAbort);
    batch = [].values();
    await batches.return(undefined);
    dataKeys.wipe();
  };
  const onAbort = (): void =>
    void close().catch((error: unknown) => call.log.warn({ requestId: call.requestId, err: String(error) }, "body not closed"));
  call.signal.addEventListener("abort", onAbort, { once: true });
  if (call.signal.aborted) onAbort();
  const iterator: AsyncIterator<Buffer> = {
    async next() {
      for (;;) {
        const piece = batch.next();
        if (piece.done !== true) return piece;
        const more = await batches.next().catch(async (error: unknown) => {
          await close();
          throw error;
        });
        // INVARIANT: whoever copies these bytes never takes a part for the whole.
        call.signal.throwIfAborted();
        if (more.done === true) {
          await close();
          return { done: true, value: undefined };
        }
        batch = more.value.values();
      }
    },
    async return() {
      await close();
      return { done: true, value: undefined };
    },
  };
  return { [Symbol.asyncIterator]: () => iterator, done: giveBack };
}

/** One line that an operator can find, naming object, part and chunk, without a secret. */
function reportIntegrity(room: Room, call: Call, { bucket, key, version }: PresentObject, error: unknown): void {
  if (!(error instanceof Error) || !isIntegrityError(error)) return;
  const chunk = error instanceof SealIntegrityError ? error.index : undefined;
  room.log.error(
    {
      event: "integrity",
      requestId: call.requestId,
      bucket: bucket.name,
      key,
      versionId: version.record.versionId,
      fault: error.message,
      ...(chunk === undefined ? {} : { chunk }),
    },
    "stored object is not what was written",
  );
}
