/**
 * Sealing and recording one part, for UploadPart and UploadPartCopy. The commit checks the upload row, which a Complete
 * fences first, and the part row, so that of two uploads of one part number exactly one stays.
 * Source: docs/spec/objects.md §2.
 */
import type { Call } from "../gate/contract.js";
import type { Permission } from "../policy/types.js";
import type { ChecksumAlgorithm } from "../wire/body.js";
import { annotateObject } from "./audit-notes.js";
import type { BucketFacts } from "./buckets.js";
import { DEFAULT_ALGORITHM } from "./checksum-fields.js";
import { openDataKeys } from "./data-keys.js";
import type { Secret } from "../lib/secret.js";
import type { Room } from "./deps.js";
import { invalidArgument, slowDown } from "./errors.js";
import { needsMd5, singleEtag } from "./etags.js";
import { commitInBucket, CommitProgress } from "./key-commit.js";
import { dropBody } from "./ledger.js";
import { MAX_PARTS } from "./part-table.js";
import { packJson, type PartPrints, type PartRecord, type UploadRecord } from "./records.js";
import { storeBody, type StoredBody } from "./sealing.js";
import type { BodySource } from "./sources.js";
import { readUpload, requireOpen, uploadSecrets, type UploadFacts, type UploadRow } from "./upload-facts.js";
import { wholeSeconds } from "./write-version.js";

export interface NewPart {
  readonly facts: UploadFacts;
  readonly upload: UploadRow;
  readonly partNumber: number;
  readonly customer: Secret | undefined;
  /** Called once the data key is open. */
  source(algorithms: readonly ChecksumAlgorithm[]): Promise<BodySource>;
  permissions(facts: UploadFacts): readonly Permission[];
}

export interface StoredPart {
  readonly prints: PartPrints;
  readonly modifiedMs: number;
}

/** @throws ServiceError InvalidArgument */
export function checkPartNumber(partNumber: number): void {
  if (Number.isInteger(partNumber) && partNumber >= 1 && partNumber <= MAX_PARTS) return;
  throw invalidArgument(`Part number must be an integer between 1 and ${MAX_PARTS}, inclusive`, "partNumber", String(partNumber));
}

/** The algorithm that parts of this upload are digested with. */
export const partAlgorithm = (upload: UploadRecord): ChecksumAlgorithm => upload.checksum?.algorithm ?? DEFAULT_ALGORITHM;

export async function storePart(room: Room, call: Call, part: NewPart): Promise<StoredPart> {
  const { facts, upload } = part;
  const { bucket, key } = facts;
  const { encryption } = upload.clear;
  const at = { bucket, key, customer: part.customer, kmsContext: uploadSecrets(upload).kmsContext };
  const dataKeys = await openDataKeys(room, call, at, encryption);
  try {
    const algorithm = partAlgorithm(upload.clear);
    const source = await part.source(needsMd5(encryption.mode) ? [algorithm, "MD5"] : [algorithm]);
    const maxBytes = room.settings.limits.maxPutBytes;
    const body = await storeBody(room, source, { inc: bucket.record.incarnation, dataKeys, signal: () => call.signal, maxBytes });
    const checksums: Partial<Record<ChecksumAlgorithm, string>> = {};
    for (const [name, digest] of body.result.digests)
      if (name !== "MD5" || name === algorithm) checksums[name] = digest.toString("base64");
    const prints = { etag: singleEtag(encryption.mode, body.result.digests.get("MD5")), checksums };
    annotateObject(call, facts, encryption, body.result.sizeBytes);
    return await commitPart(room, call, part, { body, prints });
  } finally {
    dataKeys.wipe();
  }
}

interface Sealed {
  readonly body: StoredBody;
  readonly prints: PartPrints;
}

async function commitPart(room: Room, call: Call, part: NewPart, { body, prints }: Sealed): Promise<StoredPart> {
  const { facts, partNumber } = part;
  const { key, uploadId } = facts;
  const progress = new CommitProgress();
  let { upload } = part;
  const reread = async (bucket: BucketFacts): Promise<void> => {
    const found = await readUpload(room, bucket, key, uploadId);
    upload = requireOpen(room, { ...facts, bucket, upload: found });
  };
  try {
    return await commitInBucket(
      room,
      call,
      {
        bucket: facts.bucket,
        permissions: (bucket) => part.permissions({ ...facts, bucket }),
        async plan(bucket, changes) {
          const inc = bucket.record.incarnation;
          const rowKey = room.tables.uploadParts.key(inc, uploadId, partNumber);
          const before = await room.tables.uploadParts.get(inc, uploadId, partNumber);
          changes.checks.push({ key: upload.key, stamp: upload.stamp }, { key: rowKey, stamp: before?.stamp ?? "absent" });
          if (before !== undefined) dropBody(room, changes, inc, { kind: "segment", segment: before.clear.segment });
          const modifiedMs = wholeSeconds(room.clock.now());
          const clear: PartRecord = { partNumber, modifiedMs, segment: body.segment };
          changes.puts.push(room.tables.uploadParts.put(rowKey, { clear, fingerprints: packJson(prints) }));
          reopenAfterLostComplete(room, upload, changes.puts);
          body.goLive(changes, uploadId);
          return { prints, modifiedMs };
        },
        async lost(index) {
          if (index === 0) await reread(facts.bucket);
          // 1: the same part number was uploaded meanwhile; the later one replaces it.
          if (index > 1) throw slowDown();
        },
      },
      progress,
    );
  } catch (error) {
    if (!progress.uncertain) await body.discard();
    throw error;
  }
}

/**
 * A Complete that died left its fence behind. Opening the upload again in the part's own commit moves the row's stamp, so
 * that the dead one, should it live, cannot finish with a part list that is no longer true.
 */
function reopenAfterLostComplete(
  room: Room,
  upload: UploadRow,
  puts: { push(put: ReturnType<Room["tables"]["uploads"]["put"]>): unknown },
): void {
  if (upload.clear.state.kind !== "completing") return;
  const sealed = upload.sealed();
  const clear: UploadRecord = { ...upload.clear, state: { kind: "open" } };
  puts.push(room.tables.uploads.put(upload.key, { clear, ...(sealed === undefined ? {} : { sealed }) }));
}
