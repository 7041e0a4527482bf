/** UploadPart and UploadPartCopy. Source: S3 API reference §1.4, §3.2; S3 encryption reference §8, §9. */
import { defineOperation, type AnyOperation, type Call } from "../gate/contract.js";
import type { Permission } from "../policy/types.js";
import type { ChecksumAlgorithm } from "../wire/body.js";
import type {
  UploadPartCopyOutput,
  UploadPartCopyRequest,
  UploadPartOutput,
  UploadPartRequest,
} from "../wire/tables/s3-types.js";
import { checksumMembers, type ChecksumMembers } from "./checksum-fields.js";
import { shownCopySource } from "./copy-source.js";
import type { Room } from "./deps.js";
import { entityTooLarge, invalidRequest, slowDown } from "./errors.js";
import { quoted } from "./etags.js";
import { BodyGone, openObject } from "./open-object.js";
import { parseCopyRange } from "./ranges.js";
import { shownVersionId } from "./read-facts.js";
import { emptyBytes, fromBytes, fromRequest } from "./sources.js";
import { findSource, requireSource, sourceCustomerHeaders, sourcePermission, type SourceFacts } from "./source-facts.js";
import { shownEncryption } from "./sse-fields.js";
import { checkPartNumber, partAlgorithm, storePart, type StoredPart } from "./store-part.js";
import { refuseWriteHeaders } from "./transport.js";
import {
  findUpload,
  partCustomerKey,
  requireOpen,
  uploadContext,
  uploadPermission,
  type UploadFacts,
  type UploadRow,
} from "./upload-facts.js";

export function uploadPart(room: Room): AnyOperation {
  const permissionsOf = (call: Call, facts: UploadFacts): Permission[] => [
    uploadPermission(room, call, facts, uploadContext(facts, false)),
  ];
  return defineOperation<UploadPartRequest, UploadFacts, UploadPartOutput>({
    service: "s3",
    name: "UploadPart",
    resolve: (input, call) => findUpload(room, call, input),
    permissions: (_input, facts, call) => permissionsOf(call, facts),
    async run(input, facts, call) {
      refuseWriteHeaders(call);
      checkPartNumber(input.PartNumber);
      const upload = requireOpen(room, facts);
      const claimed = call.body?.claimedAlgorithm;
      checkClaim(upload, claimed);
      const declared = call.body?.declaredSizeBytes ?? 0;
      const limit = room.settings.limits.maxPutBytes;
      if (declared > limit) throw entityTooLarge(declared, limit);
      const customer = partCustomerKey(call, upload, input);
      try {
        const stored = await storePart(room, call, {
          facts,
          upload,
          partNumber: input.PartNumber,
          customer,
          source: async (algorithms) =>
            call.body === undefined ? fromBytes(emptyBytes(), algorithms) : fromRequest(call.body, algorithms),
          permissions: (now) => permissionsOf(call, now),
        });
        return {
          ETag: quoted(stored.prints.etag),
          ...partChecksum(stored, claimed ?? partAlgorithm(upload.clear)),
          ...shownEncryption(upload.clear.encryption, input),
        };
      } finally {
        customer?.wipe();
      }
    },
  });
}

/** Parts carry the checksum that the upload was begun with, or none. */
function checkClaim(upload: UploadRow, claimed: ChecksumAlgorithm | undefined): void {
  const expected = upload.clear.checksum?.algorithm;
  if (claimed === undefined || expected === undefined || claimed === expected) return;
  throw invalidRequest(
    `Checksum Type mismatch occurred, expected checksum Type: ${expected.toLowerCase()}, actual checksum Type: ${claimed.toLowerCase()}`,
  );
}

function partChecksum({ prints }: StoredPart, algorithm: ChecksumAlgorithm): ChecksumMembers {
  const value = prints.checksums[algorithm];
  return value === undefined ? {} : checksumMembers(algorithm, value);
}

interface CopyFacts {
  readonly upload: UploadFacts;
  readonly source: SourceFacts;
}

export function uploadPartCopy(room: Room): AnyOperation {
  const destination = (call: Call, upload: UploadFacts, source: SourceFacts): Permission[] => [
    uploadPermission(
      room,
      call,
      upload,
      uploadContext(upload, false, { "s3:x-amz-copy-source": shownCopySource(source.source) }),
    ),
  ];
  return defineOperation<UploadPartCopyRequest, CopyFacts, UploadPartCopyOutput>({
    service: "s3",
    name: "UploadPartCopy",
    async resolve(input, call) {
      const upload = await findUpload(room, call, input);
      return { upload, source: await findSource(room, call, input) };
    },
    permissions: (_input, { upload, source }, call) => [
      ...destination(call, upload, source),
      sourcePermission(room, call, source),
    ],
    async run(input, facts, call) {
      checkPartNumber(input.PartNumber);
      const upload = requireOpen(room, facts.upload);
      const customer = partCustomerKey(call, upload, input);
      try {
        const permissions = (now: UploadFacts): Permission[] => destination(call, now, facts.source);
        return await copyPart(room, call, { input, facts, upload, customer, permissions });
      } catch (error) {
        if (error instanceof BodyGone) throw slowDown();
        throw error;
      } finally {
        customer?.wipe();
      }
    },
  });
}

interface CopyWork {
  readonly input: UploadPartCopyRequest;
  readonly facts: CopyFacts;
  readonly upload: UploadRow;
  readonly customer: ReturnType<typeof partCustomerKey>;
  permissions(now: UploadFacts): Permission[];
}

async function copyPart(
  room: Room,
  call: Call,
  { input, facts, upload, customer, permissions }: CopyWork,
): Promise<UploadPartCopyOutput> {
  const present = await requireSource(room, call, input, facts.source);
  const range = parseCopyRange(input.CopySourceRange, present.object.sizeBytes);
  const size = range === undefined ? present.object.sizeBytes : range.end - range.start + 1;
  const limit = room.settings.limits.maxPutBytes;
  if (size > limit)
    throw invalidRequest(`The specified copy source is larger than the maximum allowable size for a copy source: ${limit}`);
  const opened = await openObject(room, call, present, sourceCustomerHeaders(input));
  try {
    const stored = await storePart(room, call, {
      facts: facts.upload,
      upload,
      partNumber: input.PartNumber,
      customer,
      source: async (algorithms) => fromBytes(await opened.read(range), algorithms, size),
      permissions,
    });
    return {
      CopyPartResult: {
        ETag: quoted(stored.prints.etag),
        LastModified: new Date(stored.modifiedMs),
        ...partChecksum(stored, partAlgorithm(upload.clear)),
      },
      CopySourceVersionId: shownVersionId(present.bucket, present.version.record.versionId),
      ...shownEncryption(upload.clear.encryption, input),
    };
  } finally {
    opened.close();
  }
}
