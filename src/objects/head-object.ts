/**
 * HeadObject: as GetObject, from the head row alone; KMS is asked only when checksums are to be shown.
 * Source: S3 encryption reference §4; S3 API reference §1.3.
 */
import { defineOperation, type AnyOperation, type Call } from "../gate/contract.js";
import type { OutputExtras } from "../wire/contract.js";
import type { HeadObjectOutput, HeadObjectRequest } from "../wire/tables/s3-types.js";
import { annotateObject } from "./audit-notes.js";
import { shownChecksum } from "./checksum-fields.js";
import { permitChecksums } from "./data-keys.js";
import type { Room } from "./deps.js";
import { invalidRequest } from "./errors.js";
import { customerKeyFor } from "./open-object.js";
import { objectMembers, tagCount, validatorMembers } from "./object-answer.js";
import { numberedPart } from "./part-number.js";
import { presentParts } from "./present-parts.js";
import { judgeRead } from "./preconditions.js";
import { contentRange, parseRange } from "./ranges.js";
import { findObject, GET_OBJECT, onVersion, requireObject, type PresentObject, type ReadFacts } from "./read-facts.js";
import { checkTransport, refuseWriteHeaders } from "./transport.js";

type Output = HeadObjectOutput & OutputExtras;

export function headObject(room: Room): AnyOperation {
  return defineOperation<HeadObjectRequest, ReadFacts, Output>({
    service: "s3",
    name: "HeadObject",
    resolve: (input, call) => findObject(room, call, input),
    permissions: (_input, facts, call) => [onVersion(room, call, facts, GET_OBJECT)],
    async run(input, facts, call) {
      refuseWriteHeaders(call);
      if (input.Range !== undefined && input.PartNumber !== undefined) {
        throw invalidRequest("Cannot specify both Range header and partNumber query parameter");
      }
      const present = await requireObject(room, call, facts);
      customerKeyFor(call, present, input)?.wipe();
      const verdict = judgeRead(input, { etag: present.prints.etag, modifiedMs: present.version.record.modifiedMs });
      if (verdict === "not-modified") return { ...validatorMembers(present), $status: 304 };
      if (verdict !== "go") throw verdict;
      annotateObject(call, present, present.object.encryption);
      const extent = await extentOf(room, input, present);
      const wantsChecksum = input.ChecksumMode?.toUpperCase() === "ENABLED" && extent.$status === undefined;
      const output: Output = Object.assign(objectMembers(present, input), extent);
      if (wantsChecksum) Object.assign(output, await checksumOf(call, present));
      output.TagCount = await tagCount(room, call, present, input.VersionId);
      return output;
    },
  });
}

async function extentOf(room: Room, input: HeadObjectRequest, present: PresentObject): Promise<Partial<Output>> {
  const { sizeBytes } = present.object;
  if (input.PartNumber === undefined) {
    const range = parseRange(input.Range, sizeBytes);
    if (range === undefined) return { ContentLength: sizeBytes };
    return { ContentLength: range.end - range.start + 1, ContentRange: contentRange(range, sizeBytes), $status: 206 };
  }
  const entries = await presentParts(room, present);
  const part = numberedPart(input.PartNumber, sizeBytes, entries);
  return {
    ContentLength: part.sizeBytes,
    ...(part.range === undefined ? {} : { ContentRange: contentRange(part.range, sizeBytes), $status: 206 }),
    ...(part.count === undefined ? {} : { PartsCount: part.count }),
  };
}

async function checksumOf(call: Call, { bucket, key, object, secrets, prints }: PresentObject): Promise<Partial<Output>> {
  if (object.encryption.mode !== "SSE-C") checkTransport(call, object.encryption.mode);
  await permitChecksums(call, { bucket, key, kmsContext: secrets.kmsContext }, object.encryption);
  return shownChecksum(object.checksum, prints.checksum);
}
