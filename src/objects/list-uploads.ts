/** ListParts and ListMultipartUploads. Source: S3 API reference §1.4, §5.4; authorization reference §3.1. */
import { defineOperation, type AnyOperation, type Call } from "../gate/contract.js";
import type {
  CommonPrefix,
  Initiator,
  ListMultipartUploadsOutput,
  ListMultipartUploadsRequest,
  ListPartsOutput,
  ListPartsRequest,
  MultipartUpload,
  Part,
} from "../wire/tables/s3-types.js";
import { findBucket, onObject, shownOwner, type BucketFacts } from "./buckets.js";
import { checksumMembers } from "./checksum-fields.js";
import { permitDecrypt } from "./data-keys.js";
import type { Room } from "./deps.js";
import { invalidArgument, noSuchUpload } from "./errors.js";
import { quoted } from "./etags.js";
import { shownAbort } from "./lifecycle-shown.js";
import { listPermission } from "./list-objects.js";
import { delimiterOf, namePage, pageLimit } from "./list-page.js";
import { MAX_PARTS } from "./part-table.js";
import { unpackJson, type PartPrints, type PartRecord, type UploadByKeyRecord } from "./records.js";
import type { Found } from "../stores/records.js";
import { findUpload, uploadSecrets, type UploadFacts } from "./upload-facts.js";
import { nameEncoder } from "./url-encoding.js";

export function listParts(room: Room): AnyOperation {
  return defineOperation<ListPartsRequest, UploadFacts, ListPartsOutput>({
    service: "s3",
    name: "ListParts",
    resolve: (input, call) => findUpload(room, call, input),
    permissions: (_input, facts, call) => [onObject(room, call, facts, "s3:ListMultipartUploadParts")],
    run: (input, facts, call) => parts(room, call, input, facts),
  });
}

async function parts(room: Room, call: Call, input: ListPartsRequest, facts: UploadFacts): Promise<ListPartsOutput> {
  const { upload, bucket, key, uploadId } = facts;
  if (upload === undefined || upload.clear.state.kind === "completed") throw noSuchUpload(uploadId);
  const { encryption, initiator, owner, storageClass, checksum } = upload.clear;
  await permitDecrypt(call, { bucket, key, kmsContext: uploadSecrets(upload).kmsContext }, encryption);
  const limit = pageLimit(input.MaxParts, "max-parts");
  const marker = partMarker(input.PartNumberMarker);
  const { uploadParts } = room.tables;
  const inc = bucket.record.incarnation;
  const after = uploadParts.key(inc, uploadId, marker);
  const rows = limit === 0 ? [] : await uploadParts.list({ prefix: [inc, uploadId], after, limit: limit + 1 });
  const shown = rows.slice(0, limit);
  return {
    Bucket: bucket.name,
    Key: key,
    UploadId: uploadId,
    PartNumberMarker: String(marker),
    NextPartNumberMarker: String(shown.at(-1)?.clear.partNumber ?? 0),
    MaxParts: limit,
    IsTruncated: rows.length > limit,
    Parts: shown.map((row) => shownPart(row, checksum?.algorithm)),
    Initiator: shownInitiator(room, initiator),
    Owner: shownOwner(room, bucket, owner),
    StorageClass: storageClass ?? "STANDARD",
    ...shownAbort(bucket.record, upload.clear),
    ...(checksum === undefined ? {} : { ChecksumAlgorithm: checksum.algorithm, ChecksumType: checksum.type }),
  };
}

function partMarker(text: string | undefined): number {
  if (text === undefined || text === "") return 0;
  const marker = /^\d{1,10}$/.test(text) ? Number(text) : -1;
  if (marker < 0)
    throw invalidArgument("Argument part-number-marker must be an integer between 0 and 2147483647", "part-number-marker", text);
  return Math.min(marker, MAX_PARTS);
}

/** Every checksum that was claimed for the part is shown; the one kept by default only where the upload asked for it. */
function shownPart(row: Found<PartRecord>, algorithm: keyof PartPrints["checksums"] | undefined): Part {
  const { partNumber, modifiedMs, segment } = row.clear;
  const prints = unpackJson<PartPrints>(row.fingerprints) ?? { etag: "", checksums: {} };
  const checksum = algorithm === undefined ? undefined : prints.checksums[algorithm];
  return {
    PartNumber: partNumber,
    LastModified: new Date(modifiedMs),
    ETag: quoted(prints.etag),
    Size: segment.sizeBytes,
    ...(algorithm === undefined || checksum === undefined ? {} : checksumMembers(algorithm, checksum)),
  };
}

function shownInitiator(room: Room, { arn, account }: UploadByKeyRecord["initiator"]): Initiator {
  return arn === undefined || arn.endsWith(":root")
    ? { ID: room.canonicalIdOf(account) }
    : { ID: arn, DisplayName: arn.split("/").at(-1) };
}

export function listMultipartUploads(room: Room): AnyOperation {
  return defineOperation<ListMultipartUploadsRequest, BucketFacts, ListMultipartUploadsOutput>({
    service: "s3",
    name: "ListMultipartUploads",
    resolve: (input, call) => findBucket(room, call, input),
    permissions: (input, bucket, call) => {
      const { context: _context, ...permission } = listPermission(room, call, bucket, input, "s3:ListBucketMultipartUploads");
      return [permission];
    },
    run: (input, bucket) => uploads(room, bucket, input),
  });
}

async function uploads(room: Room, bucket: BucketFacts, input: ListMultipartUploadsRequest): Promise<ListMultipartUploadsOutput> {
  const encode = nameEncoder(input.EncodingType);
  const limit = pageLimit(input.MaxUploads, "max-uploads");
  const inc = bucket.record.incarnation;
  const { uploadsByKey } = room.tables;
  const delimiter = delimiterOf(input.Delimiter);
  const { KeyMarker, UploadIdMarker } = input;
  const within = KeyMarker !== undefined && KeyMarker !== "" && UploadIdMarker !== undefined && UploadIdMarker !== "";
  const afterKey = within ? uploadsByKey.key(inc, KeyMarker, UploadIdMarker) : undefined;
  const query = { inc, prefix: input.Prefix ?? "", delimiter, after: KeyMarker, limit: limit + 1 };
  const items = limit === 0 ? [] : await namePage(room, uploadsByKey, query, afterKey);
  const shown = items.slice(0, limit);
  const Uploads: MultipartUpload[] = [];
  const CommonPrefixes: CommonPrefix[] = [];
  for (const item of shown) {
    if ("group" in item) CommonPrefixes.push({ Prefix: encode(item.group) });
    else Uploads.push(shownUpload(room, bucket, item.row.clear, encode));
  }
  const last = shown.at(-1);
  const next =
    last === undefined ? {} : "group" in last ? { NextKeyMarker: encode(last.group) } : nextMarkers(last.row.clear, encode);
  return {
    Bucket: bucket.name,
    KeyMarker: encode(KeyMarker ?? ""),
    UploadIdMarker: UploadIdMarker ?? "",
    Prefix: encode(input.Prefix ?? ""),
    ...(delimiter === undefined ? {} : { Delimiter: encode(delimiter) }),
    MaxUploads: limit,
    ...(input.EncodingType === undefined ? {} : { EncodingType: input.EncodingType }),
    IsTruncated: items.length > limit,
    ...(items.length > limit ? next : {}),
    Uploads,
    CommonPrefixes,
  };
}

const nextMarkers = ({ key, uploadId }: UploadByKeyRecord, encode: (name: string) => string): ListMultipartUploadsOutput => ({
  NextKeyMarker: encode(key),
  NextUploadIdMarker: uploadId,
});

function shownUpload(
  room: Room,
  bucket: BucketFacts,
  record: UploadByKeyRecord,
  encode: (name: string) => string,
): MultipartUpload {
  const { uploadId, key, createdMs, initiator, owner, storageClass, ca, ct } = record;
  return {
    UploadId: uploadId,
    Key: encode(key),
    Initiated: new Date(createdMs),
    StorageClass: storageClass ?? "STANDARD",
    Owner: shownOwner(room, bucket, owner),
    Initiator: shownInitiator(room, initiator),
    ...(ca === undefined ? {} : { ChecksumAlgorithm: ca }),
    ...(ct === undefined ? {} : { ChecksumType: ct }),
  };
}
