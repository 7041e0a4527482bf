/**
 * CopyObject: always read, opened and sealed again under a data key of its own; never inherits the source's encryption.
 * Source: S3 encryption reference §6, §9; authorization reference §3.1; S3 API reference §1.3.
 */
import { objectArn } from "../lib/arn.js";
import { defineOperation, type AnyOperation, type Call } from "../gate/contract.js";
import type { Permission } from "../policy/types.js";
import type { CopyObjectOutput, CopyObjectRequest } from "../wire/tables/s3-types.js";
import { checkKey, findBucket, type BucketFacts } from "./buckets.js";
import { DEFAULT_ALGORITHM, requireAlgorithm, shownChecksum } from "./checksum-fields.js";
import { shownCopySource } from "./copy-source.js";
import type { Room } from "./deps.js";
import { hasCustomerHeaders, resolveEncryption, type EncryptionPlan } from "./encryption.js";
import { invalidArgument, invalidRequest, slowDown } from "./errors.js";
import { quoted } from "./etags.js";
import { BodyGone, openObject } from "./open-object.js";
import { checkWrite, checkWriteForm } from "./preconditions.js";
import { GET_TAGGING, onVersion, shownVersionId, type PresentObject } from "./read-facts.js";
import type { HeadSecrets } from "./records.js";
import { fromBytes } from "./sources.js";
import { findSource, requireSource, sourceCustomerHeaders, sourcePermission, type SourceFacts } from "./source-facts.js";
import { shownContext, shownEncryption } from "./sse-fields.js";
import { storageClassToStore } from "./stored-headers.js";
import { storeObject } from "./store-object.js";
import { checkTransport } from "./transport.js";
import {
  effectiveKeyArn, objectOwner, refuseByBucket, refuseObjectLock, secretsToStore, writePermissions,
} from "./write-facts.js";
import { currentValidators } from "./write-version.js";

interface Facts {
  readonly bucket: BucketFacts;
  readonly keyArn: string | undefined;
  readonly source: SourceFacts;
}

export function copyObject(room: Room): AnyOperation {
  return defineOperation<CopyObjectRequest, Facts, CopyObjectOutput>({
    service: "s3",
    name: "CopyObject",
    async resolve(input, call) {
      checkKey(input.Key);
      const bucket = await findBucket(room, call, input);
      const source = await findSource(room, call, input);
      return { bucket, source, keyArn: await effectiveKeyArn(room, call, bucket, input) };
    },
    permissions: (input, facts, call) => [
      ...permissionsOf(room, call, input, facts),
      ...sourcePermissions(room, call, input, facts),
    ],
    run: (input, facts, call) => run(room, call, input, facts),
  });
}

const copiesTags = (input: CopyObjectRequest, { source }: Facts): boolean =>
  input.TaggingDirective !== "REPLACE" && (source.secrets?.tags?.length ?? 0) > 0;

function permissionsOf(room: Room, call: Call, input: CopyObjectRequest, facts: Facts): Permission[] {
  const { bucket, keyArn, source } = facts;
  const context = { "s3:x-amz-copy-source": shownCopySource(source.source) };
  const place = { bucket, key: input.Key, keyArn };
  const extra = { creation: true, context, tagged: copiesTags(input, facts) };
  return writePermissions(room, call, ownTagging(input), place, extra);
}

/** Tags in the header of a copy that keeps the source's are not used, so they are not judged either. */
const ownTagging = (input: CopyObjectRequest): CopyObjectRequest =>
  input.TaggingDirective === "REPLACE" ? input : { ...input, Tagging: undefined };

function sourcePermissions(room: Room, call: Call, input: CopyObjectRequest, facts: Facts): Permission[] {
  const { source } = facts;
  const read = sourcePermission(room, call, source);
  return copiesTags(input, facts) ? [read, onVersion(room, call, source, GET_TAGGING)] : [read];
}

async function run(room: Room, call: Call, input: CopyObjectRequest, facts: Facts): Promise<CopyObjectOutput> {
  const { bucket } = facts;
  checkRequest(input);
  const plan = resolveEncryption(input, bucket.record.config.encryption, objectArn(bucket.name, input.Key));
  try {
    checkTransport(call, plan.mode);
    const present = await requireSource(room, call, input, facts.source);
    refuseIdle(input, facts, present);
    const limit = room.settings.limits.maxPutBytes;
    if (present.object.sizeBytes > limit) {
      throw invalidRequest(`The specified copy source is larger than the maximum allowable size for a copy source: ${limit}`);
    }
    const head = await room.tables.heads.get(bucket.record.incarnation, input.Key);
    checkWrite(input, input.Key, currentValidators(head), false);
    return await copy(room, call, { input, facts, plan, present });
  } catch (error) {
    // The source was replaced while it was opened; the client's next attempt copies what is there then.
    if (error instanceof BodyGone) throw slowDown();
    throw error;
  } finally {
    if (plan.mode === "SSE-C") plan.key.wipe();
  }
}

function checkRequest(input: CopyObjectRequest): void {
  checkWriteForm(input);
  refuseObjectLock(input);
  storageClassToStore(input.StorageClass);
  const { MetadataDirective, TaggingDirective } = input;
  if (MetadataDirective !== undefined && MetadataDirective !== "COPY" && MetadataDirective !== "REPLACE") {
    throw invalidArgument("Unknown metadata directive.", "x-amz-metadata-directive", MetadataDirective);
  }
  if (TaggingDirective !== undefined && TaggingDirective !== "COPY" && TaggingDirective !== "REPLACE") {
    throw invalidArgument("Unknown tagging directive.", "x-amz-tagging-directive", TaggingDirective);
  }
}

/** A copy onto itself must change something; an explicit encryption configuration of the bucket counts as a change. */
function refuseIdle(input: CopyObjectRequest, { bucket, source }: Facts, present: PresentObject): void {
  const inPlace =
    source.bucket.record.incarnation === bucket.record.incarnation && source.key === input.Key && present.version.isCurrent;
  if (!inPlace || input.MetadataDirective === "REPLACE" || input.TaggingDirective === "REPLACE") return;
  const sse = input.ServerSideEncryption !== undefined || hasCustomerHeaders(input);
  if (sse || input.StorageClass !== undefined || input.WebsiteRedirectLocation !== undefined) return;
  if (bucket.record.config.encryption?.explicit === true) return;
  throw invalidRequest(
    "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.",
  );
}

interface Work {
  readonly input: CopyObjectRequest;
  readonly facts: Facts;
  readonly plan: EncryptionPlan;
  readonly present: PresentObject;
}

async function copy(room: Room, call: Call, { input, facts, plan, present }: Work): Promise<CopyObjectOutput> {
  const { bucket } = facts;
  const secrets = copiedSecrets(room, call, { input, facts, plan, present });
  const opened = await openObject(room, call, present, sourceCustomerHeaders(input));
  try {
    const asked = input.ChecksumAlgorithm;
    const stored = await storeObject(room, call, {
      bucket,
      key: input.Key,
      plan,
      keyArn: facts.keyArn,
      algorithm: asked === undefined ? (present.object.checksum?.algorithm ?? DEFAULT_ALGORITHM) : requireAlgorithm(asked),
      source: async (algorithms) => fromBytes(await opened.read(undefined), algorithms, present.object.sizeBytes),
      owner: objectOwner(call, bucket.record, input),
      secrets,
      storageClass: storageClassToStore(input.StorageClass),
      conditions: input,
      maxBytes: room.settings.limits.maxPutBytes,
      permissions: (now, keyArn) => permissionsOf(room, call, input, { ...facts, bucket: now, keyArn }),
      stillFits: (now) => refuseByBucket(room, call, now.record, input),
    });
    return {
      CopyObjectResult: {
        ETag: quoted(stored.etag),
        LastModified: new Date(stored.written.modifiedMs),
        ...shownChecksum(stored.checksum, stored.checksumValue),
      },
      CopySourceVersionId: shownVersionId(present.bucket, present.version.record.versionId),
      VersionId: stored.written.shownVersionId,
      Expiration: stored.expiration,
      ...shownEncryption(stored.encryption, input),
      ...shownContext(input.SSEKMSEncryptionContext),
    };
  } finally {
    opened.close();
  }
}

/** Metadata and tags by their directives; ACL and encryption context always of this request. */
function copiedSecrets(room: Room, call: Call, { input, facts, present }: Work): HeadSecrets {
  const own = secretsToStore(room, call, facts.bucket.record, ownTagging(input));
  const { secrets } = present;
  const { WebsiteRedirectLocation: _theirs, ...headers } = secrets.headers;
  const redirect = own.headers.WebsiteRedirectLocation;
  const described =
    input.MetadataDirective === "REPLACE"
      ? {}
      : {
          headers: { ...headers, ...(redirect === undefined ? {} : { WebsiteRedirectLocation: redirect }) },
          metadata: secrets.metadata,
        };
  const tags = input.TaggingDirective === "REPLACE" ? own.tags : secrets.tags;
  return { ...own, ...described, ...(tags === undefined ? {} : { tags }) };
}
