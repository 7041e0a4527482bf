/** GetObjectAttributes. Source: S3 API reference §1.3; S3 encryption reference §4; authorization reference §3.1. */
import { defineOperation, type AnyOperation, type Call } from "../gate/contract.js";
import type {
  GetObjectAttributesOutput,
  GetObjectAttributesParts,
  GetObjectAttributesRequest,
  ObjectPart,
} from "../wire/tables/s3-types.js";
import { annotateObject } from "./audit-notes.js";
import { checksumMembers, shownChecksum } from "./checksum-fields.js";
import { permitChecksums } from "./data-keys.js";
import type { Room } from "./deps.js";
import { invalidArgument } from "./errors.js";
import { customerKeyFor } from "./open-object.js";
import { presentParts } from "./present-parts.js";
import {
  findObject,
  GET_OBJECT,
  onVersion,
  requireObject,
  shownVersionId,
  type PresentObject,
  type ReadFacts,
} from "./read-facts.js";
import type { PartEntry } from "./records.js";
import { checkTransport, refuseWriteHeaders } from "./transport.js";

const ATTRIBUTES = { plain: "s3:GetObjectAttributes", versioned: "s3:GetObjectVersionAttributes" };
const KNOWN: readonly string[] = ["ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"];

export function getObjectAttributes(room: Room): AnyOperation {
  return defineOperation<GetObjectAttributesRequest, ReadFacts, GetObjectAttributesOutput>({
    service: "s3",
    name: "GetObjectAttributes",
    resolve: (input, call) => findObject(room, call, input),
    permissions: (_input, facts, call) => [onVersion(room, call, facts, GET_OBJECT), onVersion(room, call, facts, ATTRIBUTES)],
    async run(input, facts, call) {
      refuseWriteHeaders(call);
      const wanted = wantedAttributes(input.ObjectAttributes);
      const present = await requireObject(room, call, facts);
      customerKeyFor(call, present, input)?.wipe();
      annotateObject(call, present, present.object.encryption);
      const { bucket, version, object, prints } = present;
      const checksum = wanted.has("Checksum") ? await checksumOf(call, present) : {};
      return {
        LastModified: new Date(version.record.modifiedMs),
        VersionId: shownVersionId(bucket, version.record.versionId),
        ...(wanted.has("ETag") ? { ETag: prints.etag } : {}),
        ...checksum,
        ...(wanted.has("ObjectParts") ? await partsOf(room, input, present) : {}),
        ...(wanted.has("StorageClass") ? { StorageClass: object.storageClass ?? "STANDARD" } : {}),
        ...(wanted.has("ObjectSize") ? { ObjectSize: object.sizeBytes } : {}),
      };
    },
  });
}

function wantedAttributes(names: readonly string[]): ReadonlySet<string> {
  const wanted = names.flatMap((name) => name.split(",")).map((name) => name.trim());
  const unknown = wanted.find((name) => !KNOWN.includes(name));
  if (unknown !== undefined || wanted.length === 0) {
    throw invalidArgument("Invalid attribute name specified.", "x-amz-object-attributes", unknown ?? "");
  }
  return new Set(wanted);
}

async function checksumOf(
  call: Call,
  { bucket, key, object, secrets, prints }: PresentObject,
): Promise<GetObjectAttributesOutput> {
  if (object.encryption.mode !== "SSE-C") checkTransport(call, object.encryption.mode);
  await permitChecksums(call, { bucket, key, kmsContext: secrets.kmsContext }, object.encryption);
  const Checksum = shownChecksum(object.checksum, prints.checksum);
  return Object.keys(Checksum).length === 0 ? {} : { Checksum };
}

const MAX_PARTS = 1000;

async function partsOf(
  room: Room,
  input: GetObjectAttributesRequest,
  present: PresentObject,
): Promise<GetObjectAttributesOutput> {
  const { object } = present;
  const entries = await presentParts(room, present);
  if (entries === undefined) return {};
  // Parts are listed one by one only where each has a checksum of its own, as on AWS.
  if (object.checksum?.type !== "COMPOSITE") return { ObjectParts: { TotalPartsCount: entries.length } };
  const { algorithm } = object.checksum;
  const limit = Math.min(input.MaxParts ?? MAX_PARTS, MAX_PARTS);
  const marker = Number(input.PartNumberMarker ?? "0");
  if (!Number.isInteger(marker) || marker < 0) throw invalidArgument("Invalid part number marker", "x-amz-part-number-marker");
  const rest = entries.filter((entry) => entry.n > marker);
  const page = rest.slice(0, limit);
  const shown = (entry: PartEntry): ObjectPart => ({
    PartNumber: entry.n,
    Size: entry.segment.sizeBytes,
    ...(entry.checksum === undefined ? {} : checksumMembers(algorithm, entry.checksum)),
  });
  const ObjectParts: GetObjectAttributesParts = {
    TotalPartsCount: entries.length,
    PartNumberMarker: String(marker),
    NextPartNumberMarker: String(page.at(-1)?.n ?? 0),
    MaxParts: limit,
    IsTruncated: rest.length > page.length,
    Parts: page.map(shown),
  };
  return { ObjectParts };
}
