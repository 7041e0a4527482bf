/**
 * The part list of a CompleteMultipartUpload against the parts that were uploaded: order, ETags, sizes, checksums. Pure.
 * Source: S3 API reference §1.4, §3.2.
 */
import { ServiceError } from "../lib/errors.js";
import type { ChecksumAlgorithm } from "../wire/body.js";
import { compositeChecksum } from "../wire/checksums.js";
import { combineCrc, isCombinable } from "../wire/crc-combine.js";
import type { CompletedPart } from "../wire/tables/s3-types.js";
import { claimedChecksums, DEFAULT_ALGORITHM } from "./checksum-fields.js";
import { entityTooLarge, invalidRequest, malformedXml } from "./errors.js";
import { unquoted } from "./etags.js";
import { MAX_PARTS } from "./part-table.js";
import type { ChecksumType, PartEntry, PartPrints, PartRecord, UploadRecord } from "./records.js";

export interface UploadedPart {
  readonly record: PartRecord;
  readonly prints: PartPrints;
}

export interface PartLimits {
  readonly minPartBytes: number;
  readonly maxObjectBytes: number;
}

/** The order alone, which needs no store. @throws ServiceError MalformedXML, InvalidPartOrder */
export function checkOrder(listed: readonly CompletedPart[] | undefined): readonly CompletedPart[] {
  if (listed === undefined || listed.length === 0 || listed.length > MAX_PARTS) throw malformedXml();
  let before = 0;
  for (const { PartNumber, ETag } of listed) {
    if (PartNumber === undefined || ETag === undefined) throw malformedXml();
    if (PartNumber <= before) {
      throw new ServiceError(
        "InvalidPartOrder",
        "The list of parts was not in ascending order. Parts must be ordered by part number.",
        { status: 400 },
      );
    }
    before = PartNumber;
  }
  return listed;
}

export interface ChosenParts {
  readonly entries: readonly PartEntry[];
  /** Of the parts, without quotes, in order. */
  readonly etags: readonly string[];
  readonly sizeBytes: number;
}

/**
 * The listed parts as uploaded.
 * @param listed in order, see `checkOrder`
 * @throws ServiceError InvalidPart, EntityTooSmall, EntityTooLarge, InvalidRequest (composite checksum missing)
 */
export function chooseParts(
  upload: UploadRecord,
  listed: readonly CompletedPart[],
  uploaded: ReadonlyMap<number, UploadedPart>,
  limits: PartLimits,
): ChosenParts {
  const algorithm = upload.checksum?.algorithm ?? DEFAULT_ALGORITHM;
  const entries: PartEntry[] = [];
  const etags: string[] = [];
  let sizeBytes = 0;
  listed.forEach((claim, at) => {
    const part = uploaded.get(claim.PartNumber ?? 0);
    if (part === undefined || unquoted(claim.ETag ?? "") !== part.prints.etag) throw invalidPart(upload, claim);
    checkClaims(upload, claim, part);
    const { segment } = part.record;
    if (at < listed.length - 1 && segment.sizeBytes < limits.minPartBytes)
      throw tooSmall(segment.sizeBytes, limits.minPartBytes, claim);
    const checksum = part.prints.checksums[algorithm];
    entries.push({ n: part.record.partNumber, segment, ...(checksum === undefined ? {} : { checksum }) });
    etags.push(part.prints.etag);
    sizeBytes += segment.sizeBytes;
  });
  if (sizeBytes > limits.maxObjectBytes) throw entityTooLarge(sizeBytes, limits.maxObjectBytes);
  return { entries, etags, sizeBytes };
}

/** A composite checksum needs every part's checksum said again; whatever is said must be right. */
function checkClaims(upload: UploadRecord, claim: CompletedPart, part: UploadedPart): void {
  const claims = claimedChecksums(claim);
  const { checksum } = upload;
  if (checksum?.type === "COMPOSITE" && !claims.has(checksum.algorithm)) {
    const name = checksum.algorithm.toLowerCase();
    throw invalidRequest(
      `The upload was created using a ${name} checksum. The complete request must include the checksum for each part. It was missing for part ${claim.PartNumber ?? 0} in the request.`,
    );
  }
  for (const [algorithm, value] of claims) {
    const known = part.prints.checksums[algorithm];
    if (known !== undefined && known !== value) throw invalidPart(upload, claim);
  }
}

function invalidPart(upload: UploadRecord, claim: CompletedPart): ServiceError {
  return new ServiceError(
    "InvalidPart",
    "One or more of the specified parts could not be found.  The part may not have been uploaded, or the specified entity tag may not match the part's entity tag.",
    {
      status: 400,
      fields: { UploadId: upload.uploadId, PartNumber: String(claim.PartNumber ?? ""), ETag: unquoted(claim.ETag ?? "") },
    },
  );
}

function tooSmall(size: number, minimum: number, claim: CompletedPart): ServiceError {
  return new ServiceError("EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size", {
    status: 400,
    fields: {
      ProposedSize: String(size),
      MinSizeAllowed: String(minimum),
      PartNumber: String(claim.PartNumber ?? ""),
      ETag: unquoted(claim.ETag ?? ""),
    },
  });
}

export interface WholeChecksum {
  readonly algorithm: ChecksumAlgorithm;
  readonly type: ChecksumType;
  /** base64, composite with `-n`. */
  readonly value: string;
}

/** Checksum of the whole object: composite over the parts', or combined from them without reading data again. */
export async function wholeChecksum(
  upload: Pick<UploadRecord, "checksum">,
  { entries }: Pick<ChosenParts, "entries">,
): Promise<WholeChecksum> {
  const { algorithm, type } = upload.checksum ?? { algorithm: DEFAULT_ALGORITHM, type: "FULL_OBJECT" as const };
  const digests = entries.map(({ checksum }) => Buffer.from(checksum ?? "", "base64"));
  if (type === "COMPOSITE") return { algorithm, type, value: await compositeChecksum(algorithm, digests) };
  if (!isCombinable(algorithm)) throw new Error("invariant: full-object checksum of an algorithm that does not combine");
  const parts = entries.map((entry, at) => ({ digest: digests[at] ?? Buffer.alloc(0), sizeBytes: entry.segment.sizeBytes }));
  return { algorithm, type, value: combineCrc(algorithm, parts).toString("base64") };
}

/** What the client says about the whole object. @throws ServiceError InvalidRequest, BadDigest */
export function checkWhole(
  input: { readonly MpuObjectSize?: number | undefined; readonly ChecksumType?: string | undefined } & Parameters<
    typeof claimedChecksums
  >[0],
  sizeBytes: number,
  whole: WholeChecksum,
): void {
  if (input.MpuObjectSize !== undefined && input.MpuObjectSize !== sizeBytes) {
    throw invalidRequest(
      `The provided 'x-amz-mp-object-size' header value ${input.MpuObjectSize} does not match what was computed: ${sizeBytes}`,
    );
  }
  if (input.ChecksumType !== undefined && input.ChecksumType !== whole.type) {
    throw badDigest(
      `The upload was created using the ${whole.type} checksum mode. The complete request must use the same checksum mode.`,
    );
  }
  const claimed = claimedChecksums(input).get(whole.algorithm);
  if (claimed === undefined || claimed === whole.value || claimed === whole.value.split("-")[0]) return;
  throw badDigest(`The ${whole.algorithm.toLowerCase()} you specified did not match the calculated checksum.`);
}

const badDigest = (message: string): ServiceError => new ServiceError("BadDigest", message, { status: 400 });
