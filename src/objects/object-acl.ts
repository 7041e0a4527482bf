/**
 * GetObjectAcl and PutObjectAcl. With BucketOwnerEnforced there is one answer, owner FULL_CONTROL, and nothing to put.
 * Source: authorization reference §5.4, §5.5.
 */
import { ServiceError } from "../lib/errors.js";
import { defineOperation, type AnyOperation, type Call } from "../gate/contract.js";
import type { Permission } from "../policy/types.js";
import type { GetObjectAclOutput, GetObjectAclRequest, PutObjectAclOutput, PutObjectAclRequest } from "../wire/tables/s3-types.js";
import { aclNotSupported, aclOfHeaders, aclOfPolicy, checkPublicAcl, hasAclHeaders, isOwnerFullControl } from "./acl.js";
import { ownerOf, privateAcl, shownGrants } from "./acl.js";
import type { Acl } from "./acl-types.js";
import { annotateObject } from "./audit-notes.js";
import { shownOwner } from "./buckets.js";
import { aclContext } from "./conditions.js";
import type { Room } from "./deps.js";
import { findObject, onVersion, requireObject, type PresentObject, type ReadFacts } from "./read-facts.js";
import { rewriteSecrets } from "./rewrite.js";

const action = (verb: "Get" | "Put") => ({ plain: `s3:${verb}ObjectAcl`, versioned: `s3:${verb}ObjectVersionAcl` });

export function getObjectAcl(room: Room): AnyOperation {
  return defineOperation<GetObjectAclRequest, ReadFacts, GetObjectAclOutput>({
    service: "s3",
    name: "GetObjectAcl",
    resolve: (input, call) => findObject(room, call, input),
    permissions: (_input, facts, call) => [onVersion(room, call, facts, action("Get"))],
    async run(_input, facts, call) {
      const present = await requireObject(room, call, facts);
      const { config } = present.bucket.record;
      const { acl, owner } = effectiveAcl(room, present);
      return { Owner: ownerOf(owner), Grants: shownGrants(acl, config.publicAccessBlock?.IgnorePublicAcls === true) };
    },
  });
}

function effectiveAcl(room: Room, { bucket, version, secrets }: PresentObject): { acl: Acl; owner: string } {
  const owner = shownOwner(room, bucket, version.record.owner).ID;
  const acl = bucket.record.config.ownership === "BucketOwnerEnforced" ? undefined : secrets.acl;
  return { owner, acl: acl ?? privateAcl(owner) };
}

export function putObjectAcl(room: Room): AnyOperation {
  const permissionsOf = (call: Call, input: PutObjectAclRequest, facts: ReadFacts): Permission[] => [
    onVersion(room, call, facts, action("Put"), aclContext(input)),
  ];
  return defineOperation<PutObjectAclRequest, ReadFacts, PutObjectAclOutput>({
    service: "s3",
    name: "PutObjectAcl",
    resolve: (input, call) => findObject(room, call, input),
    permissions: (input, facts, call) => permissionsOf(call, input, facts),
    async run(input, facts, call) {
      annotateObject(call, facts);
      if (aclToPut(room, input, await requireObject(room, call, facts)) === undefined) return {};
      await rewriteSecrets(room, call, facts, {
        permissions: (now) => permissionsOf(call, input, now),
        change(present) {
          const acl = aclToPut(room, input, present);
          return acl === undefined ? present.secrets : { ...present.secrets, acl };
        },
      });
      return {};
    },
  });
}

/** @returns undefined where nothing is to be stored: ACLs are off and the caller asked for what holds anyway */
function aclToPut(room: Room, input: PutObjectAclRequest, { bucket, version }: PresentObject): Acl | undefined {
  const { record } = bucket;
  const bucketOwner = room.canonicalIdOf(record.ownerAccount);
  const owners = { owner: shownOwner(room, bucket, version.record.owner).ID, bucketOwner };
  if (!hasAclHeaders(input) && input.AccessControlPolicy === undefined) {
    throw new ServiceError("MissingSecurityHeader", "Your request was missing a required header", {
      status: 400,
      fields: { MissingHeaderName: "x-amz-acl" },
    });
  }
  const acl = hasAclHeaders(input) ? aclOfHeaders(input, owners, "object") : aclOfPolicy(input.AccessControlPolicy ?? {});
  if (acl === undefined) throw new Error("invariant: ACL headers without an ACL");
  if (record.config.ownership === "BucketOwnerEnforced") {
    if (isOwnerFullControl(input, acl, owners)) return undefined;
    throw aclNotSupported();
  }
  checkPublicAcl(acl, record);
  return acl;
}

