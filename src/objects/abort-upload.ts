/** AbortMultipartUpload. Source: S3 API reference §1.4; authorization reference §3.1. */
import { defineOperation, type AnyOperation, type Call } from "../gate/contract.js";
import type { Permission } from "../policy/types.js";
import type { AbortMultipartUploadOutput, AbortMultipartUploadRequest } from "../wire/tables/s3-types.js";
import { annotateObject } from "./audit-notes.js";
import { onObject } from "./buckets.js";
import type { Room } from "./deps.js";
import { operationAborted } from "./errors.js";
import { commitInBucket } from "./key-commit.js";
import { addGarbage, type Changes } from "./ledger.js";
import { findUpload, readUpload, requireOpen, type UploadFacts, type UploadRow } from "./upload-facts.js";

export function abortMultipartUpload(room: Room): AnyOperation {
  const permissionsOf = (call: Call, facts: UploadFacts): Permission[] => [
    allowInitiator(call, facts, onObject(room, call, facts, "s3:AbortMultipartUpload")),
  ];
  return defineOperation<AbortMultipartUploadRequest, UploadFacts, AbortMultipartUploadOutput>({
    service: "s3",
    name: "AbortMultipartUpload",
    resolve: (input, call) => findUpload(room, call, input),
    permissions: (_input, facts, call) => permissionsOf(call, facts),
    async run(_input, facts, call) {
      const { bucket, key, uploadId } = facts;
      let upload = requireOpen(room, facts);
      annotateObject(call, facts);
      await commitInBucket(room, call, {
        bucket,
        permissions: (now) => permissionsOf(call, { ...facts, bucket: now }),
        async plan(now, changes) {
          planAbort(room, now.record.incarnation, upload, changes);
        },
        async lost() {
          upload = requireOpen(room, { ...facts, upload: await readUpload(room, bucket, key, uploadId) });
          if (upload.clear.state.kind === "completing") throw operationAborted();
        },
      });
      return {};
    },
  });
}

/** An open upload goes, unless it moved meanwhile; its parts are left to the sweep. */
export function planAbort(room: Room, inc: string, upload: UploadRow, changes: Changes): void {
  const { key, uploadId } = upload.clear;
  changes.checks.push({ key: upload.key, stamp: upload.stamp });
  changes.deletes.push(upload.key, room.tables.uploadsByKey.key(inc, key, uploadId));
  addGarbage(room, changes, uploadId, { kind: "upload", inc, uploadId });
}

/** Who began an upload may end it. */
function allowInitiator(call: Call, { upload }: UploadFacts, permission: Permission): Permission {
  const initiator = upload?.clear.initiator.arn;
  if (initiator === undefined || initiator !== call.principal.arn) return permission;
  return {
    ...permission,
    allowedBy: [...(permission.allowedBy ?? []), { layer: "acl", source: initiator, statement: "initiator" }],
  };
}
