/**
 * What the calls of a multipart upload share: finding the upload, its place in policies, and its customer key.
 * Source: S3 encryption reference §8, §9, §11.1; authorization reference §3.1, §4.1.
 */
import { randomHex } from "../lib/ids.js";
import type { Secret } from "../lib/secret.js";
import type { Call } from "../gate/contract.js";
import type { Context, Permission } from "../policy/types.js";
import type { Found } from "../stores/records.js";
import { checkKey, findBucket, onObject, type BucketFacts, type BucketInput } from "./buckets.js";
import { contextOf } from "./conditions.js";
import { isCustomerKeyOf } from "./data-keys.js";
import type { Room } from "./deps.js";
import { hasCustomerHeaders, parseCustomerKey, type CustomerHeaders } from "./encryption.js";
import { invalidRequest, noSuchUpload, operationAborted } from "./errors.js";
import { unpackJson, type UploadRecord, type UploadSecrets } from "./records.js";
import { checkTransport } from "./transport.js";

export interface UploadInput extends BucketInput {
  readonly Key: string;
  readonly UploadId: string;
}

export type UploadRow = Found<UploadRecord>;

export interface UploadFacts {
  readonly bucket: BucketFacts;
  readonly key: string;
  readonly uploadId: string;
  /** undefined: there is none of this id and key. */
  readonly upload: UploadRow | undefined;
}

/** FORMAT: 12 hex of the time in ms, 52 random. Within a key, text order is order of initiation. */
export const newUploadId = (nowMs: number): string => nowMs.toString(16).padStart(12, "0") + randomHex(26);

const UPLOAD_ID = /^[0-9a-f]{64}$/;

/** @throws ServiceError as `findBucket`, KeyTooLongError; never for an absent upload, which only who may act learns of */
export async function findUpload(room: Room, call: Call, input: UploadInput): Promise<UploadFacts> {
  checkKey(input.Key);
  const bucket = await findBucket(room, call, input);
  return { bucket, key: input.Key, uploadId: input.UploadId, upload: await readUpload(room, bucket, input.Key, input.UploadId) };
}

export async function readUpload(room: Room, bucket: BucketFacts, key: string, uploadId: string): Promise<UploadRow | undefined> {
  if (!UPLOAD_ID.test(uploadId)) return undefined;
  const row = await room.tables.uploads.get(bucket.record.incarnation, uploadId);
  return row?.clear.key === key ? row : undefined;
}

export const uploadSecrets = (row: UploadRow): UploadSecrets =>
  unpackJson<UploadSecrets>(row.sealed()) ?? { headers: {}, metadata: {} };

/** Conditions of calls inside an upload: its recorded encryption stands in for headers that these calls cannot have. */
export function uploadContext({ upload }: UploadFacts, creation: boolean, more: Context = {}): Context {
  const encryption = upload?.clear.encryption;
  const isKms = encryption?.mode === "aws:kms" || encryption?.mode === "aws:kms:dsse";
  return contextOf({
    "s3:x-amz-server-side-encryption": upload?.clear.sseHeader,
    "s3:x-amz-server-side-encryption-aws-kms-key-id": isKms ? encryption.keyArn : undefined,
    "s3:x-amz-server-side-encryption-customer-algorithm": upload?.clear.ssecHeader,
    "s3:ObjectCreationOperation": String(creation),
    ...more,
  });
}

export function uploadPermission(room: Room, call: Call, facts: UploadFacts, context: Context): Permission {
  return onObject(room, call, facts, "s3:PutObject", context);
}

/**
 * An upload that takes parts now.
 * @throws ServiceError NoSuchUpload; OperationAborted while a Complete is under way
 */
export function requireOpen(room: Room, { upload, uploadId }: UploadFacts): UploadRow {
  if (upload === undefined || upload.clear.state.kind === "completed") throw noSuchUpload(uploadId);
  const { state } = upload.clear;
  if (state.kind === "completing" && state.untilMs > room.clock.now()) throw operationAborted();
  return upload;
}

/**
 * The customer key of a part.
 * @returns to be wiped by the caller; undefined for uploads in other modes
 * @throws ServiceError InvalidRequest where part and upload do not agree
 */
export function partCustomerKey(call: Call, upload: UploadRow, headers: CustomerHeaders): Secret | undefined {
  const { encryption } = upload.clear;
  if ((encryption.mode === "SSE-C") !== hasCustomerHeaders(headers)) {
    throw invalidRequest(
      "The multipart upload initiate requested encryption. Subsequent part requests must include the appropriate encryption parameters.",
    );
  }
  checkTransport(call, encryption.mode);
  if (encryption.mode !== "SSE-C") return undefined;
  const key = parseCustomerKey(headers, "write");
  if (isCustomerKeyOf(encryption, key)) return key;
  key.wipe();
  throw invalidRequest("The provided encryption parameters did not match the ones used originally.");
}
