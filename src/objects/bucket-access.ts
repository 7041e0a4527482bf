/** Who owns and who may be let in: ownership controls, public access block, bucket ACL. Source: authorization reference §5.2–§5.5. */
import type { AnyOperation } from "../gate/contract.js";
import { ServiceError } from "../lib/errors.js";
import type {
  GetBucketAclOutput, GetBucketOwnershipControlsOutput, GetPublicAccessBlockOutput, PutBucketAclRequest,
  PutBucketOwnershipControlsRequest, PutPublicAccessBlockRequest,
} from "../wire/tables/s3-types.js";
import { aclNotSupported, aclOfHeaders, aclOfPolicy, checkPublicAcl, hasAclHeaders, ownerOf, privateAcl, shownGrants } from "./acl.js";
import type { Acl } from "./acl-types.js";
import { configChange, configRead, without } from "./bucket-config.js";
import type { BucketFacts, BucketInput } from "./buckets.js";
import { aclContext } from "./conditions.js";
import type { Room } from "./deps.js";
import { malformedXml } from "./errors.js";
import type { ObjectOwnership } from "./records.js";

export function bucketAccessOperations(room: Room): AnyOperation[] {
  return [...ownership(room), ...publicAccessBlock(room), ...bucketAcl(room)];
}

function ownership(room: Room): AnyOperation[] {
  return [
    configRead<BucketInput, GetBucketOwnershipControlsOutput>(room, {
      name: "GetBucketOwnershipControls",
      action: "s3:GetBucketOwnershipControls",
      read: ({ name, record }) => {
        const { ownership: mode } = record.config;
        if (mode !== undefined) return { OwnershipControls: { Rules: [{ ObjectOwnership: mode }] } };
        throw new ServiceError("OwnershipControlsNotFoundError", "The bucket ownership controls were not found", { status: 404, fields: { BucketName: name } });
      },
    }),
    configChange<PutBucketOwnershipControlsRequest>(room, {
      name: "PutBucketOwnershipControls",
      action: "s3:PutBucketOwnershipControls",
      change: (bucket, input) => {
        const [rule, ...more] = input.OwnershipControls.Rules;
        if (rule === undefined || more.length > 0 || !isOwnership(rule.ObjectOwnership)) throw malformedXml();
        if (rule.ObjectOwnership === "BucketOwnerEnforced") refuseForeignGrants(room, bucket);
        return { config: { ...bucket.record.config, ownership: rule.ObjectOwnership } };
      },
    }),
    configChange<BucketInput>(room, {
      name: "DeleteBucketOwnershipControls",
      action: "s3:PutBucketOwnershipControls",
      change: ({ record }) => ({ config: without(record.config, "ownership") }),
    }),
  ];
}

const isOwnership = (text: string): text is ObjectOwnership => ["BucketOwnerEnforced", "BucketOwnerPreferred", "ObjectWriter"].includes(text);

function refuseForeignGrants(room: Room, { record }: BucketFacts): void {
  const owner = room.canonicalIdOf(record.ownerAccount);
  const foreign = record.config.acl?.grants.some(({ grantee }) => !("id" in grantee) || grantee.id !== owner) ?? false;
  if (!foreign) return;
  const text = "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting";
  throw new ServiceError("InvalidBucketAclWithObjectOwnership", text, { status: 400 });
}

const SWITCHES = ["BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"] as const;

function publicAccessBlock(room: Room): AnyOperation[] {
  return [
    configRead<BucketInput, GetPublicAccessBlockOutput>(room, {
      name: "GetPublicAccessBlock",
      action: "s3:GetBucketPublicAccessBlock",
      read: ({ name, record }) => {
        const { publicAccessBlock: block } = record.config;
        if (block !== undefined) return { PublicAccessBlockConfiguration: block };
        const text = "The public access block configuration was not found";
        throw new ServiceError("NoSuchPublicAccessBlockConfiguration", text, { status: 404, fields: { BucketName: name } });
      },
    }),
    configChange<PutPublicAccessBlockRequest>(room, {
      name: "PutPublicAccessBlock",
      action: "s3:PutBucketPublicAccessBlock",
      change: ({ record }, input) => {
        const given = input.PublicAccessBlockConfiguration;
        if (SWITCHES.every((name) => given[name] === undefined)) {
          throw new ServiceError("InvalidRequest", "Must specify at least one configuration.", { status: 400 });
        }
        const block = {
          BlockPublicAcls: given.BlockPublicAcls ?? false,
          IgnorePublicAcls: given.IgnorePublicAcls ?? false,
          BlockPublicPolicy: given.BlockPublicPolicy ?? false,
          RestrictPublicBuckets: given.RestrictPublicBuckets ?? false,
        };
        return { config: { ...record.config, publicAccessBlock: block } };
      },
    }),
    configChange<BucketInput>(room, {
      name: "DeletePublicAccessBlock",
      action: "s3:PutBucketPublicAccessBlock",
      change: ({ record }) => ({ config: without(record.config, "publicAccessBlock") }),
    }),
  ];
}

function bucketAcl(room: Room): AnyOperation[] {
  return [
    configRead<BucketInput, GetBucketAclOutput>(room, {
      name: "GetBucketAcl",
      action: "s3:GetBucketAcl",
      read: ({ record }) => {
        const owner = room.canonicalIdOf(record.ownerAccount);
        const { acl, ownership: mode, publicAccessBlock: block } = record.config;
        const shown = acl === undefined || mode === "BucketOwnerEnforced" ? privateAcl(owner) : acl;
        return { Owner: ownerOf(owner), Grants: shownGrants(shown, block?.IgnorePublicAcls === true) };
      },
    }),
    configChange<PutBucketAclRequest>(room, {
      name: "PutBucketAcl",
      action: "s3:PutBucketAcl",
      context: (input) => aclContext(input),
      change: (bucket, input) => {
        const acl = requestedAcl(room, bucket, input);
        if (bucket.record.config.ownership === "BucketOwnerEnforced") throw aclNotSupported();
        checkPublicAcl(acl, bucket.record);
        return { config: { ...bucket.record.config, acl } };
      },
    }),
  ];
}

/** Headers or document, not both, not neither. */
function requestedAcl(room: Room, { record }: BucketFacts, input: PutBucketAclRequest): Acl {
  const owner = room.canonicalIdOf(record.ownerAccount);
  const document = input.AccessControlPolicy;
  if (document !== undefined && hasAclHeaders(input)) {
    throw new ServiceError("UnexpectedContent", "This request does not support content", { status: 400 });
  }
  const acl = document === undefined ? aclOfHeaders(input, { owner, bucketOwner: owner }, "bucket") : aclOfPolicy(document);
  if (acl !== undefined) return acl;
  throw new ServiceError("MissingSecurityHeader", "Your request was missing a required header", { status: 400, fields: { MissingHeaderName: "x-amz-acl" } });
}
