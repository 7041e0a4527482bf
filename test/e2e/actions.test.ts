/**
 * Which IAM actions each S3 call needs, on which resource: allowed with exactly these, denied when one of them is denied.
 * Source: authorization reference §3.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import * as S3 from "@aws-sdk/client-s3";
import { failure } from "./server.js";
import { KMS_ALL, openWorld, unique } from "./world.js";

const world = await openWorld();
const { s3 } = world;
const Bucket = await world.bucket("actions", { ObjectOwnership: "ObjectWriter" });
const person = await world.user("caller");
await s3.send(new S3.PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: "Enabled" } }));
await s3.send(new S3.PutPublicAccessBlockCommand({ Bucket, PublicAccessBlockConfiguration: { BlockPublicAcls: false } }));
const { VersionId } = await s3.send(new S3.PutObjectCommand({ Bucket, Key: "k", Body: "x" }));
const Key = "k";
const here = { Bucket, Key };
const { UploadId } = await s3.send(new S3.CreateMultipartUploadCommand({ Bucket, Key: "upload" }));
const upload = { Bucket, Key: "upload", UploadId };
const { ETag } = await s3.send(new S3.UploadPartCommand({ ...upload, PartNumber: 1, Body: "x" }));
const started = async (): Promise<string | undefined> =>
  (await s3.send(new S3.CreateMultipartUploadCommand({ Bucket, Key: "upload" }))).UploadId;

/** Where an action is needed: the bucket, the object of the call, an object named, or anywhere. */
type Place = "B" | "O" | "*" | `O:${string}`;
type Needed = readonly [action: string, place: Place];
type Row = readonly [name: string, make: () => unknown, needed: readonly Needed[]];
const on = (place: Place, actions: string): Needed[] => actions.split(" ").map((action) => [action, place]);
const B = (actions: string): Needed[] => on("B", actions);
const O = (actions: string): Needed[] => on("O", actions);
const arnOf = (place: Place, key: string): string => {
  if (place === "*") return "*";
  if (place === "B") return `arn:aws:s3:::${Bucket}`;
  return `arn:aws:s3:::${Bucket}/${place === "O" ? key : place.slice(2)}`;
};

const tags = { TagSet: [{ Key: "a", Value: "b" }] };
const tagged = { Bucket, Key: "tagged" };
await s3.send(new S3.PutObjectCommand({ ...tagged, Body: "x", Tagging: "a=b" }));
const aes = { Rules: [{ ApplyServerSideEncryptionByDefault: { SSEAlgorithm: "AES256" as const } }] };
const policy = JSON.stringify({
  Version: "2012-10-17",
  Statement: [{ Effect: "Deny", Principal: "*", Action: "s3:GetObjectTorrent", Resource: `arn:aws:s3:::${Bucket}/*` }],
});
const ownership = { Rules: [{ ObjectOwnership: "ObjectWriter" as const }] };
const block = { BlockPublicAcls: false };

const ROWS: readonly Row[] = [
  ["GetObject", () => new S3.GetObjectCommand(here), O("GetObject")],
  ["GetObject of a version", () => new S3.GetObjectCommand({ ...here, VersionId }), O("GetObjectVersion")],
  ["HeadObject", () => new S3.HeadObjectCommand(here), O("GetObject")],
  ["HeadObject of a version", () => new S3.HeadObjectCommand({ ...here, VersionId }), O("GetObjectVersion")],
  [
    "GetObjectAttributes",
    () => new S3.GetObjectAttributesCommand({ ...here, ObjectAttributes: ["ObjectSize"] }),
    O("GetObject GetObjectAttributes"),
  ],
  [
    "GetObjectAttributes of a version",
    () => new S3.GetObjectAttributesCommand({ ...here, VersionId, ObjectAttributes: ["ObjectSize"] }),
    O("GetObjectVersion GetObjectVersionAttributes"),
  ],
  ["PutObject", () => new S3.PutObjectCommand({ ...here, Body: "y" }), O("PutObject")],
  ["PutObject with an ACL", () => new S3.PutObjectCommand({ ...here, Body: "y", ACL: "private" }), O("PutObject PutObjectAcl")],
  ["PutObject with tags", () => new S3.PutObjectCommand({ ...here, Body: "y", Tagging: "a=b" }), O("PutObject PutObjectTagging")],
  [
    "CopyObject",
    () => new S3.CopyObjectCommand({ Bucket, Key: "copy", CopySource: `${Bucket}/k`, TaggingDirective: "REPLACE" }),
    [...on("O:k", "GetObject"), ...on("O:copy", "PutObject")],
  ],
  [
    "CopyObject of a version",
    () =>
      new S3.CopyObjectCommand({
        Bucket,
        Key: "copy",
        CopySource: `${Bucket}/k?versionId=${VersionId}`,
        TaggingDirective: "REPLACE",
      }),
    [...on("O:k", "GetObjectVersion"), ...on("O:copy", "PutObject")],
  ],
  [
    "CopyObject with the source's tags",
    () => new S3.CopyObjectCommand({ Bucket, Key: "copy", CopySource: `${Bucket}/tagged` }),
    [...on("O:tagged", "GetObject GetObjectTagging"), ...on("O:copy", "PutObject PutObjectTagging")],
  ],
  [
    "CopyObject with tags of its own",
    () =>
      new S3.CopyObjectCommand({ Bucket, Key: "copy", CopySource: `${Bucket}/k`, TaggingDirective: "REPLACE", Tagging: "a=b" }),
    [...on("O:k", "GetObject"), ...on("O:copy", "PutObject PutObjectTagging")],
  ],
  ["CreateMultipartUpload", () => new S3.CreateMultipartUploadCommand(here), O("PutObject")],
  [
    "CreateMultipartUpload with an ACL",
    () => new S3.CreateMultipartUploadCommand({ ...here, ACL: "private" }),
    O("PutObject PutObjectAcl"),
  ],
  ["UploadPart", () => new S3.UploadPartCommand({ ...upload, PartNumber: 2, Body: "y" }), on("O:upload", "PutObject")],
  [
    "UploadPartCopy",
    () => new S3.UploadPartCopyCommand({ ...upload, PartNumber: 3, CopySource: `${Bucket}/k` }),
    [...on("O:k", "GetObject"), ...on("O:upload", "PutObject")],
  ],
  ["ListParts", () => new S3.ListPartsCommand(upload), on("O:upload", "ListMultipartUploadParts")],
  ["ListMultipartUploads", () => new S3.ListMultipartUploadsCommand({ Bucket }), B("ListBucketMultipartUploads")],
  [
    "CompleteMultipartUpload",
    () => new S3.CompleteMultipartUploadCommand({ ...upload, MultipartUpload: { Parts: [{ PartNumber: 1, ETag }] } }),
    on("O:upload", "PutObject"),
  ],
  ["DeleteObject", () => new S3.DeleteObjectCommand({ Bucket, Key: "absent" }), on("O:absent", "DeleteObject")],
  [
    "DeleteObject of a version",
    () => new S3.DeleteObjectCommand({ Bucket, Key: "absent", VersionId }),
    on("O:absent", "DeleteObjectVersion"),
  ],
  ["GetObjectAcl", () => new S3.GetObjectAclCommand(here), O("GetObjectAcl")],
  ["GetObjectAcl of a version", () => new S3.GetObjectAclCommand({ ...here, VersionId }), O("GetObjectVersionAcl")],
  ["PutObjectAcl", () => new S3.PutObjectAclCommand({ ...here, ACL: "private" }), O("PutObjectAcl")],
  [
    "PutObjectAcl of a version",
    () => new S3.PutObjectAclCommand({ ...here, VersionId, ACL: "private" }),
    O("PutObjectVersionAcl"),
  ],
  ["GetObjectTagging", () => new S3.GetObjectTaggingCommand(here), O("GetObjectTagging")],
  ["GetObjectTagging of a version", () => new S3.GetObjectTaggingCommand({ ...here, VersionId }), O("GetObjectVersionTagging")],
  ["PutObjectTagging", () => new S3.PutObjectTaggingCommand({ ...here, Tagging: tags }), O("PutObjectTagging")],
  [
    "PutObjectTagging of a version",
    () => new S3.PutObjectTaggingCommand({ ...here, VersionId, Tagging: tags }),
    O("PutObjectVersionTagging"),
  ],
  ["DeleteObjectTagging", () => new S3.DeleteObjectTaggingCommand(here), O("DeleteObjectTagging")],
  [
    "DeleteObjectTagging of a version",
    () => new S3.DeleteObjectTaggingCommand({ ...here, VersionId }),
    O("DeleteObjectVersionTagging"),
  ],
  ["ListBuckets", () => new S3.ListBucketsCommand({}), on("*", "ListAllMyBuckets")],
  ["HeadBucket", () => new S3.HeadBucketCommand({ Bucket }), B("ListBucket")],
  ["ListObjects", () => new S3.ListObjectsCommand({ Bucket }), B("ListBucket")],
  ["ListObjectsV2", () => new S3.ListObjectsV2Command({ Bucket }), B("ListBucket")],
  ["ListObjectVersions", () => new S3.ListObjectVersionsCommand({ Bucket }), B("ListBucketVersions")],
  ["GetBucketLocation", () => new S3.GetBucketLocationCommand({ Bucket }), B("GetBucketLocation")],
  ["CreateBucket", () => new S3.CreateBucketCommand({ Bucket: unique("made") }), on("*", "CreateBucket")],
  [
    "CreateBucket with ownership and tags",
    () =>
      new S3.CreateBucketCommand({
        Bucket: unique("made"),
        ObjectOwnership: "ObjectWriter",
        CreateBucketConfiguration: { Tags: [{ Key: "a", Value: "b" }] },
      }),
    on("*", "CreateBucket PutBucketOwnershipControls TagResource"),
  ],
  ["PutBucketPolicy", () => new S3.PutBucketPolicyCommand({ Bucket, Policy: policy }), B("PutBucketPolicy")],
  ["GetBucketPolicy", () => new S3.GetBucketPolicyCommand({ Bucket }), B("GetBucketPolicy")],
  ["GetBucketPolicyStatus", () => new S3.GetBucketPolicyStatusCommand({ Bucket }), B("GetBucketPolicyStatus")],
  ["DeleteBucketPolicy", () => new S3.DeleteBucketPolicyCommand({ Bucket }), B("DeleteBucketPolicy")],
  ["GetBucketAcl", () => new S3.GetBucketAclCommand({ Bucket }), B("GetBucketAcl")],
  ["PutBucketAcl", () => new S3.PutBucketAclCommand({ Bucket, ACL: "private" }), B("PutBucketAcl")],
  ["GetBucketOwnershipControls", () => new S3.GetBucketOwnershipControlsCommand({ Bucket }), B("GetBucketOwnershipControls")],
  [
    "PutBucketOwnershipControls",
    () => new S3.PutBucketOwnershipControlsCommand({ Bucket, OwnershipControls: ownership }),
    B("PutBucketOwnershipControls"),
  ],
  ["GetPublicAccessBlock", () => new S3.GetPublicAccessBlockCommand({ Bucket }), B("GetBucketPublicAccessBlock")],
  [
    "PutPublicAccessBlock",
    () => new S3.PutPublicAccessBlockCommand({ Bucket, PublicAccessBlockConfiguration: block }),
    B("PutBucketPublicAccessBlock"),
  ],
  ["DeletePublicAccessBlock", () => new S3.DeletePublicAccessBlockCommand({ Bucket }), B("PutBucketPublicAccessBlock")],
  ["GetBucketEncryption", () => new S3.GetBucketEncryptionCommand({ Bucket }), B("GetEncryptionConfiguration")],
  [
    "PutBucketEncryption",
    () => new S3.PutBucketEncryptionCommand({ Bucket, ServerSideEncryptionConfiguration: aes }),
    B("PutEncryptionConfiguration"),
  ],
  ["DeleteBucketEncryption", () => new S3.DeleteBucketEncryptionCommand({ Bucket }), B("PutEncryptionConfiguration")],
  ["GetBucketVersioning", () => new S3.GetBucketVersioningCommand({ Bucket }), B("GetBucketVersioning")],
  [
    "PutBucketVersioning",
    () => new S3.PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: "Enabled" } }),
    B("PutBucketVersioning"),
  ],
  ["GetBucketTagging", () => new S3.GetBucketTaggingCommand({ Bucket }), B("GetBucketTagging")],
  ["PutBucketTagging", () => new S3.PutBucketTaggingCommand({ Bucket, Tagging: tags }), B("PutBucketTagging")],
  ["DeleteBucketTagging", () => new S3.DeleteBucketTaggingCommand({ Bucket }), B("PutBucketTagging")],
  ["GetBucketCors", () => new S3.GetBucketCorsCommand({ Bucket }), B("GetBucketCORS")],
  ["GetBucketWebsite", () => new S3.GetBucketWebsiteCommand({ Bucket }), B("GetBucketWebsite")],
  [
    "GetBucketLifecycleConfiguration",
    () => new S3.GetBucketLifecycleConfigurationCommand({ Bucket }),
    B("GetLifecycleConfiguration"),
  ],
  ["GetBucketReplication", () => new S3.GetBucketReplicationCommand({ Bucket }), B("GetReplicationConfiguration")],
  [
    "GetBucketNotificationConfiguration",
    () => new S3.GetBucketNotificationConfigurationCommand({ Bucket }),
    B("GetBucketNotification"),
  ],
  ["GetBucketLogging", () => new S3.GetBucketLoggingCommand({ Bucket }), B("GetBucketLogging")],
  [
    "GetObjectLockConfiguration",
    () => new S3.GetObjectLockConfigurationCommand({ Bucket }),
    B("GetBucketObjectLockConfiguration"),
  ],
  ["GetBucketRequestPayment", () => new S3.GetBucketRequestPaymentCommand({ Bucket }), B("GetBucketRequestPayment")],
  [
    "GetBucketAccelerateConfiguration",
    () => new S3.GetBucketAccelerateConfigurationCommand({ Bucket }),
    B("GetAccelerateConfiguration"),
  ],
  [
    "GetBucketAnalyticsConfiguration",
    () => new S3.GetBucketAnalyticsConfigurationCommand({ Bucket, Id: "x" }),
    B("GetAnalyticsConfiguration"),
  ],
  [
    "ListBucketAnalyticsConfigurations",
    () => new S3.ListBucketAnalyticsConfigurationsCommand({ Bucket }),
    B("GetAnalyticsConfiguration"),
  ],
  [
    "GetBucketInventoryConfiguration",
    () => new S3.GetBucketInventoryConfigurationCommand({ Bucket, Id: "x" }),
    B("GetInventoryConfiguration"),
  ],
  [
    "GetBucketMetricsConfiguration",
    () => new S3.GetBucketMetricsConfigurationCommand({ Bucket, Id: "x" }),
    B("GetMetricsConfiguration"),
  ],
  [
    "GetBucketIntelligentTieringConfiguration",
    () => new S3.GetBucketIntelligentTieringConfigurationCommand({ Bucket, Id: "x" }),
    B("GetIntelligentTieringConfiguration"),
  ],
  ["DeleteBucket", () => new S3.DeleteBucketCommand({ Bucket }), B("DeleteBucket")],
];

const send = (make: () => unknown) => person.s3.send(make() as S3.GetObjectCommand);
/** Status of the call, whatever it is. */
async function statusOf(make: () => unknown): Promise<number> {
  return send(make).then(
    ({ $metadata }) => $metadata.httpStatusCode ?? 0,
    (error: { $metadata?: { httpStatusCode?: number } }) => error.$metadata?.httpStatusCode ?? 0,
  );
}

for (const [name, make, needed] of ROWS) {
  test(`${name} needs ${needed.map(([action]) => `s3:${action}`).join(" and ")}`, async () => {
    const statements = needed.map(([action, place]) => ({
      Effect: "Allow",
      Action: `s3:${action}`,
      Resource: arnOf(place, Key),
    }));
    for (const [action, place] of needed) {
      const deny = { Effect: "Deny", Action: `s3:${action}`, Resource: arnOf(place, Key) };
      await world.allow(person.name, [{ Effect: "Allow", Action: "s3:*", Resource: "*" }, deny]);
      assert.equal((await failure(send(make))).status, 403, `s3:${action} denied`);
    }
    await world.allow(person.name, [KMS_ALL, ...statements]);
    assert.notEqual(await statusOf(make), 403, "with exactly these");
  });
}

test("AbortMultipartUpload needs s3:AbortMultipartUpload", async () => {
  const abort = async (id: string | undefined) =>
    send(() => new S3.AbortMultipartUploadCommand({ Bucket, Key: "upload", UploadId: id }));
  const id = await started();
  await world.allow(person.name, [{ Effect: "Allow", NotAction: "s3:AbortMultipartUpload", Resource: "*" }]);
  assert.equal((await failure(abort(id))).status, 403);
  await world.allow(person.name, [
    { Effect: "Allow", Action: "s3:AbortMultipartUpload", Resource: `arn:aws:s3:::${Bucket}/upload` },
  ]);
  await abort(id);
});

test("DeleteObjects needs s3:DeleteObject for each key, s3:DeleteObjectVersion for each version, and nothing on the bucket", async () => {
  const objects = [{ Key: "absent/1" }, { Key: "absent/2", VersionId }];
  const run = () => person.s3.send(new S3.DeleteObjectsCommand({ Bucket, Delete: { Objects: objects } }));
  await world.allow(person.name, [{ Effect: "Allow", Action: "s3:DeleteObject", Resource: "*" }]);
  assert.deepEqual(
    (await run()).Errors?.map(({ Key: key, Code }) => [key, Code]),
    [["absent/2", "AccessDenied"]],
  );
  await world.allow(person.name, [{ Effect: "Allow", Action: "s3:DeleteObjectVersion", Resource: "*" }]);
  assert.deepEqual(
    (await run()).Errors?.map(({ Key: key, Code }) => [key, Code]),
    [["absent/1", "AccessDenied"]],
  );
});
