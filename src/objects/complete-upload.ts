/**
 * CompleteMultipartUpload: fence the upload, choose its parts, write the part table, then one commit makes the object.
 * A repeated Complete answers what the first one answered. Source: docs/spec/objects.md §2; S3 API reference §1.4, §3.1.
 */
import { macWithManifestKey } from "@coffer/seal";
import { defineOperation, type AnyOperation, type Call } from "../gate/contract.js";
import type { Permission } from "../policy/types.js";
import type { CompleteMultipartUploadOutput, CompleteMultipartUploadRequest, CompletedPart } from "../wire/tables/s3-types.js";
import { annotateObject } from "./audit-notes.js";
import type { BucketFacts } from "./buckets.js";
import { shownChecksum } from "./checksum-fields.js";
import {
  checkOrder,
  checkWhole,
  chooseParts,
  wholeChecksum,
  type ChosenParts,
  type UploadedPart,
  type WholeChecksum,
} from "./complete-parts.js";
import { contextOf } from "./conditions.js";
import { openDataKeys } from "./data-keys.js";
import type { Room } from "./deps.js";
import { hasCustomerHeaders } from "./encryption.js";
import { noSuchUpload, operationAborted } from "./errors.js";
import { multipartEtag, quoted } from "./etags.js";
import { fenceUpload, reopenUpload } from "./fence.js";
import { CommitProgress } from "./key-commit.js";
import { addGarbage, type Changes } from "./ledger.js";
import { shownExpiration } from "./lifecycle-shown.js";
import { MAX_PARTS, partTableRows } from "./part-table.js";
import { checkWrite, checkWriteForm } from "./preconditions.js";
import { packJson, unpackJson, type HeadSecrets, type PartPrints, type UploadRecord, type UploadSecrets } from "./records.js";
import { shownEncryption } from "./sse-fields.js";
import {
  findUpload,
  partCustomerKey,
  uploadContext,
  uploadPermission,
  uploadSecrets,
  type UploadFacts,
  type UploadRow,
} from "./upload-facts.js";
import { urlEncode } from "./url-encoding.js";
import { checkTransport } from "./transport.js";
import { currentValidators, macWith, writeVersion, type WrittenVersion } from "./write-version.js";

type Input = CompleteMultipartUploadRequest;
type Output = CompleteMultipartUploadOutput;

export function completeMultipartUpload(room: Room): AnyOperation {
  return defineOperation<Input, UploadFacts, Output>({
    service: "s3",
    name: "CompleteMultipartUpload",
    resolve: (input, call) => findUpload(room, call, input),
    permissions: (input, facts, call) => permissionsOf(room, call, input, facts),
    run: (input, facts, call) => run(room, call, input, facts),
  });
}

function permissionsOf(room: Room, call: Call, input: Input, facts: UploadFacts): Permission[] {
  const conditions = contextOf({ "s3:if-match": input.IfMatch, "s3:if-none-match": input.IfNoneMatch });
  return [uploadPermission(room, call, facts, uploadContext(facts, true, conditions))];
}

async function run(room: Room, call: Call, input: Input, facts: UploadFacts): Promise<Output> {
  const { upload, bucket, key, uploadId } = facts;
  if (upload === undefined) throw noSuchUpload(uploadId);
  if (upload.clear.state.kind === "completed") return repeated(call, input, upload);
  // Another's fence is taken over, and that other loses by its stamp: a client whose server was killed comes again at once.
  checkWriteForm(input);
  const listed = checkOrder(input.MultipartUpload?.Parts);
  const head = await room.tables.heads.get(bucket.record.incarnation, key);
  checkWrite(input, key, currentValidators(head), false);
  const mac = await manifestMac(room, call, input, facts, upload);
  try {
    const fenced = await fenceUpload(room, bucket, upload);
    const progress = new CommitProgress();
    try {
      return await finish(room, call, { input, facts, fenced, listed, mac: mac.mac, progress });
    } catch (error) {
      if (!progress.uncertain) await reopenUpload(room, fenced);
      throw error;
    }
  } finally {
    mac.wipe();
  }
}

interface ManifestMac {
  mac(manifest: Buffer): Buffer;
  wipe(): void;
}

/** KMS is asked for the data key as at every part; SSE-C clients may, but need not, send their key again. */
async function manifestMac(
  room: Room,
  call: Call,
  input: Input,
  { bucket, key }: UploadFacts,
  upload: UploadRow,
): Promise<ManifestMac> {
  const { encryption } = upload.clear;
  const secrets = uploadSecrets(upload);
  if (encryption.mode === "SSE-C" && !hasCustomerHeaders(input)) {
    checkTransport(call, "SSE-C");
    const kept = Buffer.from(secrets.manifestKey ?? "", "base64");
    return { mac: (manifest) => macWithManifestKey(kept, manifest), wipe: () => void kept.fill(0) };
  }
  const customer = partCustomerKey(call, upload, input);
  try {
    const dataKeys = await openDataKeys(room, call, { bucket, key, customer, kmsContext: secrets.kmsContext }, encryption);
    return { mac: macWith(dataKeys), wipe: () => dataKeys.wipe() };
  } finally {
    customer?.wipe();
  }
}

interface Work {
  readonly input: Input;
  readonly facts: UploadFacts;
  /** The upload row behind the fence. */
  readonly fenced: UploadRow;
  readonly listed: readonly CompletedPart[];
  mac(manifest: Buffer): Buffer;
  readonly progress: CommitProgress;
}

async function finish(room: Room, call: Call, work: Work): Promise<Output> {
  const { input, facts, fenced, listed } = work;
  const { bucket, uploadId } = facts;
  const inc = bucket.record.incarnation;
  const chosen = chooseParts(fenced.clear, listed, await uploadedParts(room, inc, uploadId), room.settings.limits);
  const whole = await wholeChecksum(fenced.clear, chosen);
  checkWhole(input, chosen.sizeBytes, whole);
  const { puts, deletes, hash } = partTableRows(room, inc, uploadId, chosen.entries);
  const checks = [{ key: fenced.key, stamp: fenced.stamp }];
  for (const [page, put] of puts.entries()) {
    const result = await room.store.commit({ checks, puts: [put], deletes: page === 0 ? deletes : [] });
    if (!result.ok) throw operationAborted();
  }
  return commit(room, call, work, { chosen, whole, hash });
}

async function uploadedParts(room: Room, inc: string, uploadId: string): Promise<Map<number, UploadedPart>> {
  const parts = new Map<number, UploadedPart>();
  const rows = await room.tables.uploadParts.list({ prefix: [inc, uploadId], limit: MAX_PARTS });
  for (const row of rows) {
    const prints = unpackJson<PartPrints>(row.fingerprints) ?? { etag: "", checksums: {} };
    parts.set(row.clear.partNumber, { record: row.clear, prints });
  }
  return parts;
}

interface Made {
  readonly chosen: ChosenParts;
  readonly whole: WholeChecksum;
  readonly hash: string;
}

async function commit(room: Room, call: Call, work: Work, { chosen, whole, hash }: Made): Promise<Output> {
  const { input, facts, fenced } = work;
  const { bucket, key, uploadId } = facts;
  const { encryption, owner, storageClass } = fenced.clear;
  const { algorithm, type } = whole;
  const etag = multipartEtag(chosen.etags);
  const { sizeBytes } = chosen;
  const secrets = objectSecrets(uploadSecrets(fenced));
  annotateObject(call, facts, encryption, sizeBytes);
  const answer = ({ shownVersionId, modifiedMs }: WrittenVersion): Output => {
    const expiration = shownExpiration(bucket.record, { key, sizeBytes, secrets, modifiedMs });
    return {
      ETag: quoted(etag),
      ...shownChecksum({ algorithm, type }, whole.value),
      ...shownEncryption(encryption),
      ...(shownVersionId === undefined ? {} : { VersionId: shownVersionId }),
      ...(expiration === undefined ? {} : { Expiration: expiration }),
    };
  };
  const written = await writeVersion(
    room,
    call,
    {
      bucket,
      key,
      owner: bucket.record.config.ownership === "BucketOwnerEnforced" ? bucket.record.ownerAccount : owner,
      facts: {
        sizeBytes,
        checksum: { algorithm, type },
        encryption,
        body: { kind: "parts", uploadId, count: chosen.entries.length, hash },
        ...(storageClass === undefined ? {} : { storageClass }),
      },
      secrets,
      prints: { etag, checksum: whole.value },
      conditions: input,
      permissions: (now: BucketFacts) => permissionsOf(room, call, input, { ...facts, bucket: now }),
      mac: work.mac,
      own: (changes, done) => closeUpload(room, changes, { bucket, fenced, versionId: done.versionId, answer: answer(done) }),
      lost: async () => {
        throw operationAborted();
      },
    },
    work.progress,
  );
  return { ...named(call, input), ...answer(written) };
}

const objectSecrets = ({ manifestKey: _manifestKey, answer: _answer, ...rest }: UploadSecrets): HeadSecrets => rest;

interface Closing {
  readonly bucket: BucketFacts;
  readonly fenced: UploadRow;
  readonly versionId: string;
  readonly answer: Output;
}

/** The upload is done: its row keeps the answer for a while, the rest is for the sweep. */
function closeUpload(room: Room, changes: Changes, { bucket, fenced, versionId, answer }: Closing): void {
  const inc = bucket.record.incarnation;
  const { uploadId, key } = fenced.clear;
  const { uploads, uploadsByKey } = room.tables;
  const clear: UploadRecord = { ...fenced.clear, state: { kind: "completed", versionId } };
  const secrets: UploadSecrets = { headers: {}, metadata: {}, answer: answer as Record<string, string | boolean> };
  changes.checks.push({ key: fenced.key, stamp: fenced.stamp });
  changes.puts.push(uploads.put(fenced.key, { clear, sealed: packJson(secrets) }));
  changes.deletes.push(uploadsByKey.key(inc, key, uploadId));
  addGarbage(room, changes, `${uploadId}-rest`, { kind: "upload-rest", inc, uploadId });
  const until = room.clock.now() + room.settings.limits.completedAnswerMs;
  addGarbage(room, changes, `${uploadId}-answer`, { kind: "upload-answer", inc, uploadId }, until);
}

function repeated(call: Call, input: Input, upload: UploadRow): Output {
  const { answer } = uploadSecrets(upload);
  return { ...named(call, input), ...answer };
}

function named(call: Call, { Bucket, Key }: Input): Output {
  const host = call.head?.headers.host ?? "s3.amazonaws.com";
  return { Location: `${call.secure ? "https" : "http"}://${host}/${Bucket}/${urlEncode(Key)}`, Bucket, Key };
}
