/** Which KMS permissions each S3 call needs, and that it needs no more: the whole table. Source: S3 encryption reference §4. */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectAclCommand,
  GetObjectAttributesCommand,
  GetObjectCommand,
  GetObjectTaggingCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  ListPartsCommand,
  PutBucketEncryptionCommand,
  PutObjectCommand,
  PutObjectTaggingCommand,
  UploadPartCommand,
  UploadPartCopyCommand,
} from "@aws-sdk/client-s3";
import { failure } from "./server.js";
import { bodyOf, openWorld, S3_ALL, type Person } from "./world.js";

const world = await openWorld();
const { s3 } = world;
const Bucket = await world.bucket("rights");
const [source, destination] = [await world.key(), await world.key()];
const person: Person = await world.user("caller");
const KMS = { ServerSideEncryption: "aws:kms", SSEKMSKeyId: destination } as const;
let upload: { Bucket: string; Key: string; UploadId: string | undefined };
let part: { PartNumber: number; ETag: string | undefined };

before(async () => {
  await s3.send(
    new PutObjectCommand({
      Bucket,
      Key: "source",
      Body: "x",
      ServerSideEncryption: "aws:kms",
      SSEKMSKeyId: source,
      ChecksumAlgorithm: "SHA256",
    }),
  );
  upload = {
    Bucket,
    Key: "upload",
    UploadId: (await s3.send(new CreateMultipartUploadCommand({ Bucket, Key: "upload", ...KMS }))).UploadId,
  };
  part = { PartNumber: 1, ETag: (await s3.send(new UploadPartCommand({ ...upload, PartNumber: 1, Body: "x" }))).ETag };
});

type Right = "source:Decrypt" | "source:GenerateDataKey" | "destination:GenerateDataKey" | "destination:Decrypt";
const RIGHTS: readonly Right[] = [
  "source:Decrypt",
  "source:GenerateDataKey",
  "destination:GenerateDataKey",
  "destination:Decrypt",
];
const statement = (right: Right): object => {
  const [key, action] = right.split(":");
  return { Effect: "Allow", Action: `kms:${action}`, Resource: key === "source" ? source : destination };
};

/** Of a multipart upload Create makes the data key, and each part and Complete reopen it: the whole needs both permissions. */
const CALLS: readonly (readonly [string, () => unknown, readonly Right[]])[] = [
  ["PutObject", () => new PutObjectCommand({ Bucket, Key: "new", Body: "x", ...KMS }), ["destination:GenerateDataKey"]],
  ["GetObject", () => new GetObjectCommand({ Bucket, Key: "source" }), ["source:Decrypt"]],
  ["HeadObject", () => new HeadObjectCommand({ Bucket, Key: "source" }), []],
  [
    "HeadObject in checksum mode",
    () => new HeadObjectCommand({ Bucket, Key: "source", ChecksumMode: "ENABLED" }),
    ["source:Decrypt", "source:GenerateDataKey"],
  ],
  [
    "GetObjectAttributes of the size",
    () => new GetObjectAttributesCommand({ Bucket, Key: "source", ObjectAttributes: ["ObjectSize"] }),
    [],
  ],
  [
    "GetObjectAttributes of checksums",
    () => new GetObjectAttributesCommand({ Bucket, Key: "source", ObjectAttributes: ["Checksum"] }),
    ["source:Decrypt", "source:GenerateDataKey"],
  ],
  [
    "CopyObject",
    () => new CopyObjectCommand({ Bucket, Key: "copy", CopySource: `${Bucket}/source`, ...KMS }),
    ["source:Decrypt", "destination:GenerateDataKey"],
  ],
  [
    "CopyObject out of KMS",
    () => new CopyObjectCommand({ Bucket, Key: "copy", CopySource: `${Bucket}/source` }),
    ["source:Decrypt"],
  ],
  [
    "CreateMultipartUpload",
    () => new CreateMultipartUploadCommand({ Bucket, Key: "created", ...KMS }),
    ["destination:GenerateDataKey"],
  ],
  ["UploadPart", () => new UploadPartCommand({ ...upload, PartNumber: 2, Body: "y" }), ["destination:Decrypt"]],
  [
    "UploadPartCopy",
    () => new UploadPartCopyCommand({ ...upload, PartNumber: 3, CopySource: `${Bucket}/source` }),
    ["source:Decrypt", "destination:Decrypt"],
  ],
  ["ListParts", () => new ListPartsCommand(upload), ["destination:Decrypt"]],
  ["ListMultipartUploads", () => new ListMultipartUploadsCommand({ Bucket }), []],
  ["ListObjectsV2", () => new ListObjectsV2Command({ Bucket }), []],
  ["GetObjectTagging", () => new GetObjectTaggingCommand({ Bucket, Key: "source" }), []],
  ["PutObjectTagging", () => new PutObjectTaggingCommand({ Bucket, Key: "source", Tagging: { TagSet: [] } }), []],
  ["GetObjectAcl", () => new GetObjectAclCommand({ Bucket, Key: "source" }), []],
  ["DeleteObject", () => new DeleteObjectCommand({ Bucket, Key: "new" }), []],
  ["DeleteObjects", () => new DeleteObjectsCommand({ Bucket, Delete: { Objects: [{ Key: "copy" }] } }), []],
  [
    "PutBucketEncryption",
    () =>
      new PutBucketEncryptionCommand({
        Bucket,
        ServerSideEncryptionConfiguration: { Rules: [{ ApplyServerSideEncryptionByDefault: { SSEAlgorithm: "AES256" } }] },
      }),
    [],
  ],
  [
    "CompleteMultipartUpload",
    () => new CompleteMultipartUploadCommand({ ...upload, MultipartUpload: { Parts: [part] } }),
    ["destination:Decrypt"],
  ],
];

const call = (make: () => unknown) => person.s3.send(make() as GetObjectCommand);

for (const [name, make, needed] of CALLS) {
  test(`${name} needs ${needed.length === 0 ? "no KMS permission" : needed.join(" and ")}`, async () => {
    for (const missing of needed) {
      await world.allow(person.name, [S3_ALL, ...RIGHTS.filter((right) => right !== missing).map(statement)]);
      const error = await failure(call(make));
      assert.deepEqual(
        [error.code, error.status],
        [name.startsWith("HeadObject") ? error.code : "AccessDenied", 403],
        `without ${missing}`,
      );
      if (!name.startsWith("HeadObject")) assert.match(error.message, new RegExp(`kms:${missing.split(":")[1]} on resource: `));
    }
    await world.allow(person.name, [S3_ALL, ...needed.map(statement)]);
    const { Body } = await call(make);
    if (Body !== undefined) await bodyOf({ Body });
  });
}

test("AbortMultipartUpload needs none", async () => {
  const { UploadId } = await s3.send(new CreateMultipartUploadCommand({ Bucket, Key: "aborted", ...KMS }));
  await world.allow(person.name, [S3_ALL]);
  await person.s3.send(new AbortMultipartUploadCommand({ Bucket, Key: "aborted", UploadId }));
});

test("S3 allows but KMS denies → denied; KMS allows but S3 denies → denied", async () => {
  await world.allow(person.name, [
    S3_ALL,
    { Effect: "Allow", Action: "kms:*", Resource: "*" },
    { Effect: "Deny", Action: "kms:Decrypt", Resource: source },
  ]);
  const kms = await failure(call(() => new GetObjectCommand({ Bucket, Key: "source" })));
  assert.match(kms.message, /with an explicit deny in an identity-based policy$/);
  await world.allow(person.name, [{ Effect: "Allow", Action: "kms:*", Resource: "*" }]);
  assert.deepEqual(await failure(call(() => new GetObjectCommand({ Bucket, Key: "source" }))), {
    code: "AccessDenied",
    status: 403,
    message: "Access Denied",
  });
});

test("a permission limited to kms:ViaService S3 is of no use directly; one for direct use only, of none through S3", async () => {
  const { DecryptCommand, GenerateDataKeyCommand } = await import("@aws-sdk/client-kms");
  const via = { "kms:ViaService": "s3.us-east-1.amazonaws.com" };
  const use = { Effect: "Allow", Action: ["kms:GenerateDataKey", "kms:Decrypt"], Resource: "*" };
  await world.allow(person.name, [S3_ALL, { ...use, Condition: { StringEquals: via } }]);
  await call(() => new PutObjectCommand({ Bucket, Key: "via", Body: "x", ...KMS }));
  assert.equal(
    (await failure(person.kms.send(new GenerateDataKeyCommand({ KeyId: destination, KeySpec: "AES_256" })))).code,
    "AccessDeniedException",
  );
  await world.allow(person.name, [S3_ALL, { ...use, Condition: { Null: { "kms:ViaService": "true" } } }]);
  const { CiphertextBlob } = await person.kms.send(new GenerateDataKeyCommand({ KeyId: destination, KeySpec: "AES_256" }));
  await person.kms.send(new DecryptCommand({ CiphertextBlob }));
  assert.equal((await failure(call(() => new GetObjectCommand({ Bucket, Key: "via" })))).status, 403);
});
