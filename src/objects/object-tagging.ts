/**
 * PutObjectTagging, GetObjectTagging, DeleteObjectTagging.
 * Source: S3 API reference §1.3; authorization reference §3.1, §4.1.
 */
import { defineOperation, type AnyOperation, type Call } from "../gate/contract.js";
import type { Context, Permission } from "../policy/types.js";
import type {
  DeleteObjectTaggingOutput,
  DeleteObjectTaggingRequest,
  GetObjectTaggingOutput,
  GetObjectTaggingRequest,
  PutObjectTaggingOutput,
  PutObjectTaggingRequest,
} from "../wire/tables/s3-types.js";
import { annotateObject } from "./audit-notes.js";
import { requestTagContext } from "./conditions.js";
import type { Room } from "./deps.js";
import { findObject, GET_TAGGING, onVersion, requireObject, shownVersionId, type ReadFacts } from "./read-facts.js";
import { rewriteSecrets } from "./rewrite.js";
import type { HeadSecrets, Tag } from "./records.js";
import { checkTags } from "./tags.js";

const action = (verb: "Put" | "Delete") => ({
  plain: `s3:${verb}ObjectTagging`,
  versioned: `s3:${verb}ObjectVersionTagging`,
});

export function getObjectTagging(room: Room): AnyOperation {
  return defineOperation<GetObjectTaggingRequest, ReadFacts, GetObjectTaggingOutput>({
    service: "s3",
    name: "GetObjectTagging",
    resolve: (input, call) => findObject(room, call, input),
    permissions: (_input, facts, call) => [onVersion(room, call, facts, GET_TAGGING)],
    async run(_input, facts, call) {
      const { bucket, version, secrets } = await requireObject(room, call, facts);
      return { TagSet: secrets.tags ?? [], VersionId: shownVersionId(bucket, version.record.versionId) };
    },
  });
}

export function putObjectTagging(room: Room): AnyOperation {
  const permissionsOf = (call: Call, input: PutObjectTaggingRequest, facts: ReadFacts): Permission[] => {
    const context: Context = requestTagContext(input.Tagging.TagSet);
    return [onVersion(room, call, facts, action("Put"), context)];
  };
  return defineOperation<PutObjectTaggingRequest, ReadFacts, PutObjectTaggingOutput>({
    service: "s3",
    name: "PutObjectTagging",
    resolve: (input, call) => findObject(room, call, input),
    permissions: (input, facts, call) => permissionsOf(call, input, facts),
    async run(input, facts, call) {
      const tags = checkTags(input.Tagging.TagSet);
      annotateObject(call, facts);
      const versionId = await rewriteSecrets(room, call, facts, {
        permissions: (now) => permissionsOf(call, input, now),
        change: ({ secrets }) => withTags(secrets, tags),
      });
      return { VersionId: shownVersionId(facts.bucket, versionId) };
    },
    // Tags may be confidential: they are named by key only.
    auditParameters: (input) => ({
      bucketName: input.Bucket,
      key: input.Key,
      tagKeys: input.Tagging.TagSet.map((tag) => tag.Key),
    }),
  });
}

export function deleteObjectTagging(room: Room): AnyOperation {
  const permissionsOf = (call: Call, facts: ReadFacts): Permission[] => [onVersion(room, call, facts, action("Delete"))];
  return defineOperation<DeleteObjectTaggingRequest, ReadFacts, DeleteObjectTaggingOutput>({
    service: "s3",
    name: "DeleteObjectTagging",
    resolve: (input, call) => findObject(room, call, input),
    permissions: (_input, facts, call) => permissionsOf(call, facts),
    async run(_input, facts, call) {
      annotateObject(call, facts);
      const versionId = await rewriteSecrets(room, call, facts, {
        permissions: (now) => permissionsOf(call, now),
        change: ({ secrets }) => withTags(secrets, []),
      });
      return { VersionId: shownVersionId(facts.bucket, versionId) };
    },
  });
}

function withTags({ tags: _before, ...rest }: HeadSecrets, tags: readonly Tag[]): HeadSecrets {
  return tags.length === 0 ? rest : { ...rest, tags };
}
