/**
 * CreateMultipartUpload: encryption, ownership, metadata and the kind of checksum are settled here for the whole upload.
 * Source: S3 API reference §1.4, §3.2; S3 encryption reference §9.
 */
import { manifestKey } from "@coffer/seal";
import { objectArn } from "../lib/arn.js";
import { defineOperation, type AnyOperation, type Call } from "../gate/contract.js";
import type { Permission } from "../policy/types.js";
import type { ChecksumAlgorithm } from "../wire/body.js";
import { isCombinable } from "../wire/crc-combine.js";
import type { CreateMultipartUploadOutput, CreateMultipartUploadRequest } from "../wire/tables/s3-types.js";
import { annotateObject } from "./audit-notes.js";
import { checkKey, findBucket, type BucketFacts } from "./buckets.js";
import { requireAlgorithm } from "./checksum-fields.js";
import { kmsKeyOf, makeDataKeys, type NewDataKeys } from "./data-keys.js";
import type { Room } from "./deps.js";
import { resolveEncryption, type EncryptionPlan } from "./encryption.js";
import { invalidRequest } from "./errors.js";
import { commitInBucket } from "./key-commit.js";
import { shownAbort } from "./lifecycle-shown.js";
import { packJson, type ChecksumType, type UploadByKeyRecord, type UploadRecord, type UploadSecrets } from "./records.js";
import { shownContext, shownEncryption } from "./sse-fields.js";
import { storageClassToStore } from "./stored-headers.js";
import { checkTransport } from "./transport.js";
import { newUploadId } from "./upload-facts.js";
import { effectiveKeyArn, objectOwner, refuseByBucket, refuseObjectLock, secretsToStore, writePermissions } from "./write-facts.js";

interface Facts {
  readonly bucket: BucketFacts;
  readonly keyArn: string | undefined;
}

export function createMultipartUpload(room: Room): AnyOperation {
  return defineOperation<CreateMultipartUploadRequest, Facts, CreateMultipartUploadOutput>({
    service: "s3",
    name: "CreateMultipartUpload",
    async resolve(input, call) {
      checkKey(input.Key);
      const bucket = await findBucket(room, call, input);
      return { bucket, keyArn: await effectiveKeyArn(room, call, bucket, input) };
    },
    permissions: (input, facts, call) => permissionsOf(room, call, input, facts),
    run: (input, facts, call) => run(room, call, input, facts),
  });
}

function permissionsOf(room: Room, call: Call, input: CreateMultipartUploadRequest, { bucket, keyArn }: Facts): Permission[] {
  return writePermissions(room, call, input, { bucket, key: input.Key, keyArn }, { creation: false });
}

async function run(
  room: Room,
  call: Call,
  input: CreateMultipartUploadRequest,
  facts: Facts,
): Promise<CreateMultipartUploadOutput> {
  const { bucket } = facts;
  const plan = resolveEncryption(input, bucket.record.config.encryption, objectArn(bucket.name, input.Key));
  try {
    checkTransport(call, plan.mode);
    refuseObjectLock(input);
    return await create(room, call, input, { facts, plan });
  } finally {
    if (plan.mode === "SSE-C") plan.key.wipe();
  }
}

interface Work {
  readonly facts: Facts;
  readonly plan: EncryptionPlan;
}

async function create(
  room: Room,
  call: Call,
  input: CreateMultipartUploadRequest,
  { facts, plan }: Work,
): Promise<CreateMultipartUploadOutput> {
  const { bucket } = facts;
  const checksum = checksumKind(input);
  const secrets = secretsToStore(room, call, bucket.record, input);
  const record = describe(room, call, input, { bucket, checksum });
  const made = await makeDataKeys(room, call, { bucket, key: input.Key }, plan);
  try {
    const keyArn = kmsKeyOf(made.encryption);
    const permissions = (now: BucketFacts): Permission[] => permissionsOf(room, call, input, { bucket: now, keyArn });
    if (keyArn !== facts.keyArn) for (const permission of permissions(bucket)) await call.authorize(permission);
    const row: UploadRecord = { ...record, encryption: made.encryption };
    const sealed: UploadSecrets = { ...secrets, ...manifestKeyOf(made) };
    annotateObject(call, { bucket, key: input.Key }, made.encryption);
    await commitInBucket(room, call, {
      bucket,
      permissions,
      stillFits: (now) => refuseByBucket(room, call, now.record, input),
      async plan(now, { puts }) {
        const { uploads, uploadsByKey } = room.tables;
        const inc = now.record.incarnation;
        puts.push(uploads.put(uploads.key(inc, row.uploadId), { clear: row, sealed: packJson(sealed) }));
        puts.push(uploadsByKey.put(uploadsByKey.key(inc, row.key, row.uploadId), { clear: listedForm(row) }));
      },
    });
  } finally {
    made.dataKeys.wipe();
  }
  return {
    Bucket: input.Bucket,
    Key: input.Key,
    UploadId: record.uploadId,
    ...shownAbort(bucket.record, record),
    ...shownEncryption(made.encryption, input),
    ...shownContext(input.SSEKMSEncryptionContext),
    ...(checksum === undefined ? {} : { ChecksumAlgorithm: checksum.algorithm, ChecksumType: checksum.type }),
  };
}

/**
 * Clients complete SSE-C uploads without sending their key again; the manifest's MAC key, which opens nothing, waits for
 * them.
 */
function manifestKeyOf({ dataKeys, encryption }: NewDataKeys): { readonly manifestKey?: string } {
  if (encryption.mode !== "SSE-C") return {};
  const key = manifestKey(dataKeys.bytes);
  const text = key.toString("base64");
  key.fill(0);
  return { manifestKey: text };
}

interface Kind {
  readonly algorithm: ChecksumAlgorithm;
  readonly type: ChecksumType;
}

function describe(
  room: Room,
  call: Call,
  input: CreateMultipartUploadRequest,
  { bucket, checksum }: { readonly bucket: BucketFacts; readonly checksum: Kind | undefined },
): Omit<UploadRecord, "encryption"> {
  const { arn, accountId } = call.principal;
  const storageClass = storageClassToStore(input.StorageClass);
  const createdMs = room.clock.now();
  return {
    uploadId: newUploadId(createdMs),
    key: input.Key,
    createdMs,
    state: { kind: "open" },
    initiator: { account: accountId ?? bucket.record.ownerAccount, ...(arn === undefined ? {} : { arn }) },
    owner: objectOwner(call, bucket.record, input),
    ...(storageClass === undefined ? {} : { storageClass }),
    ...(input.ServerSideEncryption === undefined ? {} : { sseHeader: input.ServerSideEncryption }),
    ...(input.SSECustomerAlgorithm === undefined ? {} : { ssecHeader: input.SSECustomerAlgorithm }),
    ...(checksum === undefined ? {} : { checksum }),
  };
}

function listedForm({ uploadId, key, createdMs, initiator, owner, storageClass, checksum }: UploadRecord): UploadByKeyRecord {
  return {
    uploadId,
    key,
    createdMs,
    initiator,
    owner,
    ...(storageClass === undefined ? {} : { storageClass }),
    ...(checksum === undefined ? {} : { ca: checksum.algorithm, ct: checksum.type }),
  };
}

/** @throws ServiceError InvalidRequest for pairs that S3 does not offer */
function checksumKind({ ChecksumAlgorithm: name, ChecksumType: type }: CreateMultipartUploadRequest): Kind | undefined {
  if (name === undefined) {
    if (type === undefined) return undefined;
    throw invalidRequest("The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.");
  }
  const algorithm = requireAlgorithm(name);
  const chosen = type ?? (algorithm === "CRC64NVME" ? "FULL_OBJECT" : "COMPOSITE");
  if (chosen !== "COMPOSITE" && chosen !== "FULL_OBJECT")
    throw invalidRequest("Value for x-amz-checksum-type header is invalid.");
  const possible = chosen === "FULL_OBJECT" ? isCombinable(algorithm) : algorithm !== "CRC64NVME";
  if (!possible)
    throw invalidRequest(`The ${chosen} checksum type cannot be used with the ${algorithm.toLowerCase()} checksum algorithm.`);
  return { algorithm, type: chosen };
}
