/** `coffer inspect s3://BUCKET/KEY`: how an object is encrypted and stored, for those with the right. */
import { ServiceError } from "../lib/errors.js";
import { DAY_MS, MINUTE_MS } from "../lib/clock.js";
import type {
  DataKey,
  Event,
  InspectObjectResponse,
  LookupAuditEventsResponse,
  ObjectEncryption,
  Segment,
  Version,
} from "../wire/tables/coffer-types.js";
import { ConfigError } from "../server/config.js";
import { parseObjectAddress, serviceOf, type Ask, type Environment } from "./service.js";
import { print, rows, safeJson, shownTime } from "./text.js";

export interface InspectOptions {
  readonly versionId?: string;
  readonly json?: boolean;
}

/** @throws ServiceError what the server refuses; ConfigError for a bad address or environment */
export async function inspect(address: string, options: InspectOptions, environment: Environment): Promise<void> {
  const { bucket, key } = parseObjectAddress(address);
  const ask = serviceOf(environment);
  const question = { Bucket: bucket, Key: key, ...(options.versionId === undefined ? {} : { VersionId: options.versionId }) };
  const found = await inspectAll(ask, question);
  if (options.json === true) return print(safeJson(JSON.stringify(found, undefined, 2)));
  const made = await eventsOfKeys(ask, found);
  for (const line of describe(found, made)) print(line);
}

/** With the segments of every page. */
async function inspectAll(ask: Ask, question: object): Promise<InspectObjectResponse> {
  const first = (await ask("InspectObject", question)) as InspectObjectResponse;
  const segments = [...first.Segments];
  let bodies = first.Integrity.Bodies;
  for (let next = first.NextPartNumberMarker; next !== undefined;) {
    // The same version, should another become current meanwhile.
    const version = first.VersionId === undefined ? {} : { VersionId: first.VersionId };
    const page = (await ask("InspectObject", { ...question, ...version, PartNumberMarker: next })) as InspectObjectResponse;
    if (page.LastModified.getTime() !== first.LastModified.getTime() || page.SegmentCount !== first.SegmentCount) {
      throw new ConfigError("the object was replaced while it was inspected: ask again");
    }
    segments.push(...page.Segments);
    if (bodies === "PRESENT") bodies = page.Integrity.Bodies;
    next = page.NextPartNumberMarker;
  }
  const { NextPartNumberMarker: _marker, ...rest } = first;
  return { ...rest, Integrity: { ...first.Integrity, Bodies: bodies }, Segments: segments };
}

/** By ciphertext id: the event that made it; empty for those who may not read the audit log. */
type KeyEvents = ReadonlyMap<string, Event>;
/** A bucket key is minutes older than its objects; the key of a multipart upload as old as the upload. */
const LOOK_BACK_MS = 7 * DAY_MS;
const MAX_PAGES = 20;

async function eventsOfKeys(ask: Ask, found: InspectObjectResponse): Promise<KeyEvents> {
  const events = new Map<string, Event>();
  for (const { CiphertextId } of found.Encryption.DataKeys) {
    if (CiphertextId === undefined || events.has(CiphertextId)) continue;
    const event = await firstEvent(ask, found.LastModified, { CiphertextId, EventName: "GenerateDataKey", MaxResults: 1 });
    if (event !== undefined) events.set(CiphertextId, event);
  }
  return events;
}

async function firstEvent(ask: Ask, written: Date, filter: object): Promise<Event | undefined> {
  const range = { StartTime: new Date(written.getTime() - LOOK_BACK_MS), EndTime: new Date(written.getTime() + MINUTE_MS) };
  let token: string | undefined;
  for (let page = 0; page < MAX_PAGES; page++) {
    const question = { ...filter, ...range, ...(token === undefined ? {} : { NextToken: token }) };
    let answer: LookupAuditEventsResponse;
    try {
      answer = (await ask("LookupAuditEvents", question)) as LookupAuditEventsResponse;
    } catch (error) {
      if (error instanceof ServiceError && error.code === "AccessDeniedException") return undefined;
      throw error;
    }
    token = answer.NextToken;
    if (answer.Events[0] !== undefined || token === undefined) return answer.Events[0];
  }
  return undefined;
}

const ETAGS: Readonly<Record<InspectObjectResponse["ETagKind"], string>> = {
  MD5: "MD5 of the content",
  MULTIPART: "of a multipart upload",
  RANDOM: "random, says nothing of the content",
};

function describe(found: InspectObjectResponse, made: KeyEvents): string[] {
  const { Encryption: encryption, Format: format, Integrity: integrity } = found;
  return [
    ...rows([
      ["object", found.ObjectArn],
      ["version", found.VersionId === undefined ? undefined : `${found.VersionId}${found.IsLatest ? " (latest)" : ""}`],
      ["owner", `account ${found.BucketOwner}, region ${found.BucketRegion}`],
      ["written", shownTime(found.LastModified)],
      ["size", `${found.Size} bytes, ${found.StorageClass}`],
      ["etag", ETAGS[found.ETagKind]],
      ["checksum", found.ChecksumAlgorithm === undefined ? "none" : `${found.ChecksumAlgorithm}, ${found.ChecksumType ?? ""}`],
      ...encryptionRows(encryption),
    ]),
    ...encryption.DataKeys.flatMap((key) => keyLines(key, encryption, made)),
    ...rows([
      ["format", `suite ${format.Suite} (${format.SuiteName}), chunks of ${format.ChunkSize} bytes`],
      ["records", verdict(integrity.Records)],
      ["part table", integrity.PartTable === undefined ? undefined : verdict(integrity.PartTable)],
      ["manifest", integrity.Manifest === "VERIFIED" ? "verified" : "not verified: that takes the data key, as every read does"],
      ["bodies", integrity.Bodies.toLowerCase().replace("_", " ")],
      ["segments", found.SegmentCount],
    ]),
    ...found.Segments.map(segmentLine),
    ...versionLines(found),
  ];
}

const MODES: Readonly<Record<ObjectEncryption["Mode"], string>> = {
  AES256: "SSE-S3 (AES256)",
  "aws:kms": "SSE-KMS (aws:kms)",
  "aws:kms:dsse": "DSSE-KMS (aws:kms:dsse)",
  "SSE-C": "SSE-C (customer key)",
};

function encryptionRows(encryption: ObjectEncryption): [string, string | undefined][] {
  const { Mode, Layers, KmsKeyArn, BucketKeyEnabled, EncryptionContext } = encryption;
  const context = Object.entries(EncryptionContext ?? {}).map(([name, value]) => `${name}=${value}`);
  return [
    ["mode", `${MODES[Mode]}, ${Layers} layer${Layers === 1 ? "" : "s"}`],
    ["KMS key", KmsKeyArn],
    ["context", context.length === 0 ? undefined : context.join(", ")],
    ["bucket key", KmsKeyArn === undefined ? undefined : BucketKeyEnabled ? "yes" : "no"],
  ];
}

const WRAPPED: Readonly<Record<DataKey["WrappedBy"], string>> = {
  KMS_KEY: "under the KMS key",
  BUCKET_KEY: "under a bucket key, that under the KMS key",
  HOUSE_KEY: "under the house key of the region",
  CUSTOMER_KEY: "under the customer's key",
};

function keyLines(key: DataKey, { KmsKeyArn }: ObjectEncryption, made: KeyEvents): string[] {
  const { Layer, WrappedBy, CiphertextId, KeyMaterialId } = key;
  const event = CiphertextId === undefined ? undefined : made.get(CiphertextId);
  const lines = rows([
    ["wrapped", WRAPPED[WrappedBy]],
    ["ciphertext", CiphertextId],
    ["material", KmsKeyArn === undefined ? undefined : (KeyMaterialId ?? "not shown: needs kms:DescribeKey on the key")],
    ["made by", event === undefined ? undefined : `${event.EventName} ${event.EventId}`],
    ["made at", event === undefined ? undefined : `${shownTime(event.EventTime)} for ${event.Username ?? "?"}`],
  ]);
  return [`data key of layer ${Layer}`, ...lines.map((line) => `  ${line}`)];
}

const verdict = (state: "VERIFIED" | "NOT_VERIFIED"): string => (state === "VERIFIED" ? "verified" : "not verified");

function segmentLine(segment: Segment): string {
  const { PartNumber, SegmentId, Storage, Size, SealedSize, StoredSize, Chunks, CommitmentPrefixes } = segment;
  const place = Storage === "INLINE" ? "inline" : `blob ${SegmentId}`;
  const stored = StoredSize === SealedSize ? "" : StoredSize === undefined ? ", MISSING" : `, STORED ${StoredSize}`;
  const chunks = `${Chunks} chunk${Chunks === 1 ? "" : "s"}`;
  const sealed = `sealed ${SealedSize}${stored}`;
  return `  part ${PartNumber}: ${Size} bytes, ${sealed}, ${chunks}, ${place}, commitment ${CommitmentPrefixes.join(" ")}`;
}

function versionLines({ Versions, VersionsTruncated }: InspectObjectResponse): string[] {
  if (Versions === undefined) return ["versions  not shown: needs s3:ListBucketVersions"];
  const lines = Versions.map((version: Version) => {
    const what = version.IsDeleteMarker ? "delete marker" : `${version.Size ?? 0} bytes, ${version.Mode ?? ""}`;
    return `  ${version.VersionId}  ${shownTime(version.LastModified)}  ${what}${version.IsLatest ? "  (latest)" : ""}`;
  });
  return [`versions  ${Versions.length}${VersionsTruncated === true ? ", and more" : ""}`, ...lines];
}
