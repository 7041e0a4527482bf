import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { COFFER_CONSTRAINTS } from "../../src/wire/constraints/coffer.js";
import { IAM_CONSTRAINTS } from "../../src/wire/constraints/iam.js";
import { KMS_CONSTRAINTS } from "../../src/wire/constraints/kms.js";
import { STS_CONSTRAINTS } from "../../src/wire/constraints/sts.js";
import type { Constraint, ConstraintTable } from "../../src/wire/constraints/constraint.js";
import type { TypeRef } from "../../src/wire/shape.js";
import { bodyOf, operationNames, sensitiveMembers, TABLES, tableOf } from "../../src/wire/tables.js";
import type { Service } from "../../src/wire/types.js";

/** The repository: the nearest directory above with the tool. */
function repository(): string {
  let directory = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(directory, "tools", "wire-tables.mjs"))) directory = dirname(directory);
  return directory;
}

test("the committed tables are what the pinned AWS models say", () => {
  const run = spawnSync(process.execPath, [join(repository(), "tools", "wire-tables.mjs"), "--check"], { encoding: "utf8" });
  assert.equal(run.status, 0, run.stderr);
});

// The denominators of reference s3-api.md and kms.md are botocore 1.43.11's. Its lists are ours plus and minus these.
test("S3: 111 operations in botocore 1.43.11, of them two deprecated pairs; five of ours are newer", () => {
  const names = new Set(operationNames("s3"));
  const newer = [
    "PutObjectAnnotation",
    "GetObjectAnnotation",
    "ListObjectAnnotations",
    "DeleteObjectAnnotation",
    "UpdateBucketMetadataAnnotationTableConfiguration",
  ];
  const deprecated = ["GetBucketLifecycle", "PutBucketLifecycle", "GetBucketNotification", "PutBucketNotification"];
  for (const name of newer) assert.ok(names.has(name), name);
  for (const name of deprecated) assert.ok(!names.has(name), name);
  assert.equal(names.size - newer.length + deprecated.length, 111);
});

test("KMS: 54 operations in botocore 1.43.11; the others of ours are newer", () => {
  const names = operationNames("kms");
  const newer = names.filter((name) => !KMS_OPERATIONS.includes(name));
  assert.deepEqual(
    KMS_OPERATIONS.filter((name) => !names.includes(name)),
    [],
  );
  assert.equal(KMS_OPERATIONS.length, 54);
  assert.deepEqual(newer, NEWER_KMS);
});

/** reference kms.md §1.2 */
const KMS_OPERATIONS = (
  "CancelKeyDeletion ConnectCustomKeyStore CreateAlias CreateCustomKeyStore CreateGrant CreateKey Decrypt DeleteAlias " +
  "DeleteCustomKeyStore DeleteImportedKeyMaterial DeriveSharedSecret DescribeCustomKeyStores DescribeKey DisableKey DisableKeyRotation " +
  "DisconnectCustomKeyStore EnableKey EnableKeyRotation Encrypt GenerateDataKey GenerateDataKeyPair GenerateDataKeyPairWithoutPlaintext " +
  "GenerateDataKeyWithoutPlaintext GenerateMac GenerateRandom GetKeyLastUsage GetKeyPolicy GetKeyRotationStatus GetParametersForImport " +
  "GetPublicKey ImportKeyMaterial ListAliases ListGrants ListKeyPolicies ListKeyRotations ListKeys ListResourceTags ListRetirableGrants " +
  "PutKeyPolicy ReEncrypt ReplicateKey RetireGrant RevokeGrant RotateKeyOnDemand ScheduleKeyDeletion Sign TagResource UntagResource " +
  "UpdateAlias UpdateCustomKeyStore UpdateKeyDescription UpdatePrimaryRegion Verify VerifyMac"
).split(" ");
const NEWER_KMS: readonly string[] = ["Decapsulate", "Encapsulate"];

test("IAM, STS and S3 Control: how many operations, against botocore's 176, 11 and 97", () => {
  assert.deepEqual(
    [operationNames("iam").length, operationNames("sts").length, operationNames("s3-control").length],
    [180, 12, 97],
  );
});

test("every type that a shape names exists", () => {
  for (const table of Object.values(TABLES)) {
    const check = (type: TypeRef, where: string): void => {
      if (typeof type === "object") return check("list" in type ? type.list : type.map, where);
      if (type.startsWith("#")) assert.ok(table.structures[type.slice(1)] !== undefined, `${where}: ${type}`);
      else
        assert.match(
          type,
          /^(string|number|long|boolean|blob|stream|events|timestamp(:(date-time|http-date|epoch-seconds))?)$/,
          where,
        );
    };
    for (const [name, { members, required }] of Object.entries(table.structures)) {
      for (const [member, entry] of Object.entries(members)) check(entry.type, `${table.service} ${name}.${member}`);
      for (const member of required ?? []) assert.ok(members[member] !== undefined, `${name}.${member}`);
    }
    for (const { input, output } of Object.values(table.operations)) {
      for (const structure of [input, output])
        if (structure !== undefined) assert.ok(table.structures[structure] !== undefined, structure);
    }
  }
});

test("how bodies are read: streams, documents, none; checksums where AWS requires them", () => {
  assert.deepEqual(
    [bodyOf("s3", "PutObject").kind, bodyOf("s3", "UploadPart").kind, bodyOf("s3", "PostObject").kind],
    ["stream", "stream", "stream"],
  );
  assert.deepEqual(bodyOf("s3", "PutBucketPolicy"), { kind: "memory", limitBytes: 1 << 20, checksumRequired: true });
  assert.deepEqual(bodyOf("s3", "CompleteMultipartUpload"), { kind: "memory", limitBytes: 8 << 20, checksumRequired: false });
  assert.deepEqual(
    [bodyOf("s3", "GetObject").kind, bodyOf("s3", "CopyObject").kind, bodyOf("s3", "DeleteBucket").kind],
    ["none", "none", "none"],
  );
  assert.deepEqual(
    [
      bodyOf("kms", "Encrypt").kind,
      bodyOf("iam", "CreateUser").kind,
      bodyOf("coffer", "X").kind,
      bodyOf("s3-control", "TagResource").kind,
    ],
    ["memory", "memory", "memory", "memory"],
  );
  const required = operationNames("s3").filter((name) => bodyOf("s3", name).checksumRequired);
  assert.equal(required.length, 25);
  assert.ok(required.includes("DeleteObjects") && required.includes("PutBucketEncryption") && !required.includes("PutObject"));
});

test("sensitive members are known for audit and logs", () => {
  assert.ok(sensitiveMembers("s3", "PutObjectRequest").includes("SSECustomerKey"));
  assert.ok(sensitiveMembers("kms", "EncryptRequest").includes("Plaintext"));
  assert.ok(sensitiveMembers("iam", "CreateLoginProfileRequest").includes("Password"));
});

test("every hand-written constraint names a member that exists, and its pattern compiles", () => {
  const tables: [Service, ConstraintTable][] = [
    ["kms", KMS_CONSTRAINTS],
    ["iam", IAM_CONSTRAINTS],
    ["sts", STS_CONSTRAINTS],
    ["coffer", COFFER_CONSTRAINTS],
  ];
  for (const [service, constraints] of tables) {
    const structures = Object.entries(tableOf(service)?.structures ?? {});
    for (const [name, constraint] of Object.entries(constraints)) {
      const [structure, member = structure] = name.split(".");
      assert.ok(
        structures.some(
          ([each, { members }]) => (name.includes(".") ? each === structure : true) && members[member ?? ""] !== undefined,
        ),
        `${service} ${name}`,
      );
      for (const each of [constraint, constraint.items, constraint.keys, constraint.values]) compiles(each);
    }
  }
});

function compiles(constraint: Constraint | undefined): void {
  if (constraint?.pattern !== undefined) assert.ok(new RegExp(constraint.pattern, "u"));
}
