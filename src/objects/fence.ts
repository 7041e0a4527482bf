/**
 * The fence of a Complete: from its commit on, parts under way lose against the moved stamp of the upload row, so the part
 * list that Complete reads behind it is final. A lease lets parts in again when the completing process died.
 * Source: DESIGN §5 "Races"; docs/spec/objects.md §2.
 */
import { MINUTE_MS } from "../lib/clock.js";
import type { Stamp } from "../stores/contract.js";
import type { BucketFacts } from "./buckets.js";
import type { Room } from "./deps.js";
import { operationAborted } from "./errors.js";
import type { UploadRecord, UploadState } from "./records.js";
import type { UploadRow } from "./upload-facts.js";

/** Longer than any Complete takes. */
const FENCE_MS = 5 * MINUTE_MS;

/** @throws ServiceError OperationAborted when another call changed the upload */
export async function fenceUpload(room: Room, bucket: BucketFacts, upload: UploadRow): Promise<UploadRow> {
  const stamp = await setState(room, upload, { kind: "completing", untilMs: room.clock.now() + FENCE_MS });
  const fenced = await room.tables.uploads.get(bucket.record.incarnation, upload.clear.uploadId);
  // INVARIANT: one fence, one Complete. Taken over already, the row would let both write their part tables.
  if (fenced?.stamp !== stamp) throw operationAborted();
  return fenced;
}

/** After a Complete that was refused: parts may come again. Does nothing when someone else went on already. */
export async function reopenUpload(room: Room, fenced: UploadRow): Promise<void> {
  await setState(room, fenced, { kind: "open" }).catch((error: unknown) => {
    room.log.warn({ uploadId: fenced.clear.uploadId, err: String(error) }, "upload stays fenced until its lease ends");
  });
}

async function setState(room: Room, upload: UploadRow, state: UploadState): Promise<Stamp> {
  const clear: UploadRecord = { ...upload.clear, state };
  const sealed = upload.sealed();
  const put = room.tables.uploads.put(upload.key, { clear, ...(sealed === undefined ? {} : { sealed }) });
  const result = await room.store.commit({ checks: [{ key: upload.key, stamp: upload.stamp }], puts: [put] });
  if (!result.ok) throw operationAborted();
  return result.stamp;
}
