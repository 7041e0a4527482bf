/**
 * The key service through the AWS SDK: lifecycle, states, aliases, rotation, tags, pagination; exact errors.
 * Source: KMS reference §4–§8, §14, §16.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  CancelKeyDeletionCommand,
  CreateAliasCommand,
  CreateKeyCommand,
  DecryptCommand,
  DeleteAliasCommand,
  DescribeKeyCommand,
  DisableKeyCommand,
  DisableKeyRotationCommand,
  EnableKeyCommand,
  EnableKeyRotationCommand,
  EncryptCommand,
  GenerateDataKeyCommand,
  GenerateDataKeyWithoutPlaintextCommand,
  GetKeyPolicyCommand,
  GetKeyRotationStatusCommand,
  ListAliasesCommand,
  ListKeyPoliciesCommand,
  ListKeyRotationsCommand,
  ListKeysCommand,
  ListResourceTagsCommand,
  PutKeyPolicyCommand,
  ReEncryptCommand,
  RotateKeyOnDemandCommand,
  ScheduleKeyDeletionCommand,
  TagResourceCommand,
  UntagResourceCommand,
  UpdateAliasCommand,
  UpdateKeyDescriptionCommand,
  type KMSClient,
} from "@aws-sdk/client-kms";
import { PutObjectCommand } from "@aws-sdk/client-s3";
import { failure, kmsClient, s3Client } from "./server.js";
import { ACCOUNT, accountStatement, AWAY, AWAY_ROOT, openWorld, unique } from "./world.js";

/** A third account, for what must be seen in an account without keys. */
const OTHER_ROOT = { accessKeyId: "AKIAOTHERROOT0000001", secretAccessKey: "other-root-secret-access-key-000000000001" };
const accounts = [
  { id: "444455556666", rootAccessKeys: [OTHER_ROOT] },
  { id: AWAY, rootAccessKeys: [AWAY_ROOT] },
];
const world = await openWorld({ seed: { accounts } });
const { kms } = world;
const tls = kmsClient(world.server, { https: true });
const idOf = (arn: string): string => arn.split("/")[1] ?? "";
const ABSENT = "12345678-1234-1234-1234-123456789012";
type Sendable = Parameters<KMSClient["send"]>[0];
const codeOf = async (command: unknown, client = kms): Promise<string> => (await failure(client.send(command as Sendable))).code;
const text = (value: string): Uint8Array => Buffer.from(value);

test("CreateKey: metadata of a symmetric key, over http and https", async () => {
  for (const client of [kms, tls]) {
    const { KeyMetadata: made } = await client.send(
      new CreateKeyCommand({ Description: "a key", Tags: [{ TagKey: "a", TagValue: "b" }] }),
    );
    assert.ok(made?.KeyId !== undefined);
    assert.match(made.KeyId, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    const { CreationDate, CurrentKeyMaterialId, ...rest } = made;
    assert.ok(Math.abs((CreationDate?.getTime() ?? 0) - Date.now()) < 60_000);
    assert.match(CurrentKeyMaterialId ?? "", /^[0-9a-f]{64}$/);
    assert.deepEqual(rest, {
      AWSAccountId: ACCOUNT,
      KeyId: made.KeyId,
      Arn: `arn:aws:kms:us-east-1:${ACCOUNT}:key/${made.KeyId}`,
      Enabled: true,
      Description: "a key",
      KeyUsage: "ENCRYPT_DECRYPT",
      KeyState: "Enabled",
      Origin: "AWS_KMS",
      KeyManager: "CUSTOMER",
      CustomerMasterKeySpec: "SYMMETRIC_DEFAULT",
      KeySpec: "SYMMETRIC_DEFAULT",
      EncryptionAlgorithms: ["SYMMETRIC_DEFAULT"],
      MultiRegion: false,
    });
    assert.deepEqual((await kms.send(new DescribeKeyCommand({ KeyId: made.KeyId }))).KeyMetadata, made);
  }
});

test("resolution: the exact error for what is no key", async () => {
  const arn = (region: string): string => `arn:aws:kms:${region}:${ACCOUNT}:key/${ABSENT}`;
  for (const [KeyId, message] of [
    ["fake-key-id", "Invalid keyId 'fake-key-id'"],
    ["12345678123412341234123456789012", "Invalid keyId '12345678123412341234123456789012'"],
    [ABSENT, `Key '${arn("us-east-1")}' does not exist`],
    [arn("us-east-1"), `Key '${arn("us-east-1")}' does not exist`],
    [arn("eu-west-1"), "Invalid arn eu-west-1"],
    ["alias/absent", `Alias arn:aws:kms:us-east-1:${ACCOUNT}:alias/absent is not found.`],
    [`arn:aws:kms:us-east-1:${ACCOUNT}:alias/absent`, `Alias arn:aws:kms:us-east-1:${ACCOUNT}:alias/absent is not found.`],
  ] as const) {
    for (const command of [new DescribeKeyCommand({ KeyId }), new EncryptCommand({ KeyId, Plaintext: text("x") })]) {
      assert.deepEqual(
        await failure(kms.send(command as EncryptCommand)),
        { code: "NotFoundException", status: 400, message },
        KeyId,
      );
    }
  }
});

test("aliases: create, use, update, list, delete; reserved and malformed names; quota of types", async () => {
  const [one, two] = [await world.key(), await world.key()];
  const AliasName = `alias/${unique("name")}`;
  await kms.send(new CreateAliasCommand({ AliasName, TargetKeyId: idOf(one) }));
  assert.equal((await kms.send(new DescribeKeyCommand({ KeyId: AliasName }))).KeyMetadata?.Arn, one);
  assert.equal(await codeOf(new CreateAliasCommand({ AliasName, TargetKeyId: idOf(two) })), "AlreadyExistsException");
  const box = await kms.send(
    new EncryptCommand({ KeyId: `arn:aws:kms:us-east-1:${ACCOUNT}:${AliasName}`, Plaintext: text("x") }),
  );
  assert.equal(box.KeyId, one, "answers show the key ARN");
  await kms.send(new UpdateAliasCommand({ AliasName, TargetKeyId: two }));
  const listed = (await kms.send(new ListAliasesCommand({ KeyId: two }))).Aliases?.find((alias) => alias.AliasName === AliasName);
  assert.equal(listed?.TargetKeyId, idOf(two));
  assert.equal(listed?.AliasArn, `arn:aws:kms:us-east-1:${ACCOUNT}:${AliasName}`);
  await kms.send(new DeleteAliasCommand({ AliasName }));
  assert.equal(await codeOf(new DeleteAliasCommand({ AliasName })), "NotFoundException");
  assert.deepEqual(await failure(kms.send(new CreateAliasCommand({ AliasName: "noprefix", TargetKeyId: idOf(one) }))), {
    code: "ValidationException",
    status: 400,
    message:
      'Alias must start with the prefix "alias/". Please see https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html',
  });
  for (const name of ["alias/aws/mine", "alias/with space", "alias/"]) {
    const error = await failure(kms.send(new CreateAliasCommand({ AliasName: name, TargetKeyId: idOf(one) })));
    assert.ok(
      ["ValidationException", "InvalidAliasNameException", "NotAuthorizedException"].includes(error.code),
      `${name}: ${error.code}`,
    );
  }
  assert.equal(
    await codeOf(new UpdateAliasCommand({ AliasName: "alias/aws/s3", TargetKeyId: idOf(one) })).then((code) => code !== ""),
    true,
  );
});

test("predefined aws/ aliases are listed, without a target before the key exists", async () => {
  const fresh = kmsClient(world.server, { credentials: AWAY_ROOT });
  const { Aliases } = await fresh.send(new ListAliasesCommand({}));
  const entry = Aliases?.find(({ AliasName }) => AliasName === "alias/aws/s3");
  assert.ok(entry !== undefined);
  assert.equal(entry.TargetKeyId, undefined);
});

test("disabled: cryptography and rotation are DisabledException; reads work; enable, disable are idempotent", async () => {
  const KeyId = await world.key();
  const { CiphertextBlob } = await kms.send(new EncryptCommand({ KeyId, Plaintext: text("x") }));
  for (let time = 0; time < 2; time++) await kms.send(new DisableKeyCommand({ KeyId }));
  const { KeyMetadata } = await kms.send(new DescribeKeyCommand({ KeyId }));
  assert.deepEqual([KeyMetadata?.KeyState, KeyMetadata?.Enabled], ["Disabled", false]);
  for (const command of [
    new EncryptCommand({ KeyId, Plaintext: text("x") }),
    new DecryptCommand({ CiphertextBlob }),
    new ReEncryptCommand({ CiphertextBlob, DestinationKeyId: KeyId }),
    new GenerateDataKeyCommand({ KeyId, KeySpec: "AES_256" }),
    new GenerateDataKeyWithoutPlaintextCommand({ KeyId, KeySpec: "AES_256" }),
    new RotateKeyOnDemandCommand({ KeyId }),
    new EnableKeyRotationCommand({ KeyId }),
    new DisableKeyRotationCommand({ KeyId }),
  ]) {
    assert.deepEqual(
      await failure(kms.send(command as EncryptCommand)),
      { code: "DisabledException", status: 400, message: `${KeyId} is disabled.` },
      command.constructor.name,
    );
  }
  for (const command of readsOf(KeyId)) await kms.send(command as DescribeKeyCommand);
  assert.equal(await codeOf(new CancelKeyDeletionCommand({ KeyId })), "KMSInvalidStateException");
  for (let time = 0; time < 2; time++) await kms.send(new EnableKeyCommand({ KeyId }));
  await kms.send(new DecryptCommand({ CiphertextBlob }));
});

const readsOf = (KeyId: string) => [
  new DescribeKeyCommand({ KeyId }),
  new GetKeyPolicyCommand({ KeyId }),
  new ListKeyPoliciesCommand({ KeyId }),
  new ListAliasesCommand({ KeyId }),
  new ListResourceTagsCommand({ KeyId }),
  new GetKeyRotationStatusCommand({ KeyId }),
  new ListKeyRotationsCommand({ KeyId }),
];

test("pending deletion: window 7 to 30, all changes refused, reads work; cancel leaves the key disabled", async () => {
  const KeyId = await world.key();
  const { CiphertextBlob } = await kms.send(new EncryptCommand({ KeyId, Plaintext: text("x") }));
  for (const PendingWindowInDays of [6, 31])
    assert.equal(await codeOf(new ScheduleKeyDeletionCommand({ KeyId, PendingWindowInDays })), "ValidationException");
  const scheduled = await kms.send(new ScheduleKeyDeletionCommand({ KeyId, PendingWindowInDays: 7 }));
  assert.deepEqual([scheduled.KeyId, scheduled.KeyState, scheduled.PendingWindowInDays], [KeyId, "PendingDeletion", 7]);
  assert.ok(Math.abs((scheduled.DeletionDate?.getTime() ?? 0) - Date.now() - 7 * 86_400_000) < 86_400_000);
  const pending = { code: "KMSInvalidStateException", status: 400, message: `${KeyId} is pending deletion.` };
  for (const command of [
    new EncryptCommand({ KeyId, Plaintext: text("x") }),
    new DecryptCommand({ CiphertextBlob }),
    new GenerateDataKeyCommand({ KeyId, KeySpec: "AES_256" }),
    new EnableKeyCommand({ KeyId }),
    new DisableKeyCommand({ KeyId }),
    new ScheduleKeyDeletionCommand({ KeyId }),
    new CreateAliasCommand({ AliasName: `alias/${unique("late")}`, TargetKeyId: KeyId }),
    new RotateKeyOnDemandCommand({ KeyId }),
    new TagResourceCommand({ KeyId, Tags: [{ TagKey: "a", TagValue: "b" }] }),
    new UpdateKeyDescriptionCommand({ KeyId, Description: "late" }),
  ]) {
    assert.deepEqual(await failure(kms.send(command as EncryptCommand)), pending, command.constructor.name);
  }
  for (const command of readsOf(KeyId)) await kms.send(command as DescribeKeyCommand);
  assert.equal((await kms.send(new CancelKeyDeletionCommand({ KeyId }))).KeyId, KeyId);
  assert.equal((await kms.send(new DescribeKeyCommand({ KeyId }))).KeyMetadata?.KeyState, "Disabled");
  await kms.send(new EnableKeyCommand({ KeyId }));
  await kms.send(new DecryptCommand({ CiphertextBlob }));
  assert.equal((await kms.send(new ScheduleKeyDeletionCommand({ KeyId }))).PendingWindowInDays, 30);
});

test("rotation: on demand changes material, keeps old ciphertexts readable, at most 25 times; status and list tell", async () => {
  const KeyId = await world.key();
  const blobs = [(await kms.send(new EncryptCommand({ KeyId, Plaintext: text("0") }))).CiphertextBlob];
  const materials = new Set([(await kms.send(new DescribeKeyCommand({ KeyId }))).KeyMetadata?.CurrentKeyMaterialId]);
  for (let time = 1; time <= 25; time++) {
    assert.equal((await kms.send(new RotateKeyOnDemandCommand({ KeyId }))).KeyId, KeyId);
    materials.add((await kms.send(new DescribeKeyCommand({ KeyId }))).KeyMetadata?.CurrentKeyMaterialId);
    if (time % 8 === 0) blobs.push((await kms.send(new EncryptCommand({ KeyId, Plaintext: text(String(time)) }))).CiphertextBlob);
  }
  assert.equal(materials.size, 26);
  const error = await failure(kms.send(new RotateKeyOnDemandCommand({ KeyId })));
  assert.equal(error.code, "LimitExceededException");
  assert.match(
    error.message,
    /^The on-demand rotations limit has been reached for the given keyId\. No more on-demand rotations can be performed for this key: /,
  );
  const opened = await Promise.all(
    blobs.map(async (CiphertextBlob) =>
      Buffer.from((await kms.send(new DecryptCommand({ CiphertextBlob }))).Plaintext ?? []).toString(),
    ),
  );
  assert.deepEqual(opened, ["0", "8", "16", "24"]);
  const { Rotations } = await kms.send(new ListKeyRotationsCommand({ KeyId }));
  assert.equal(Rotations?.length, 25);
  assert.ok(Rotations.every(({ RotationType, RotationDate }) => RotationType === "ON_DEMAND" && RotationDate instanceof Date));
});

test("automatic rotation: off by default, on with 365 days or 90 to 2560, off again", async () => {
  const KeyId = await world.key();
  assert.equal((await kms.send(new GetKeyRotationStatusCommand({ KeyId }))).KeyRotationEnabled, false);
  await kms.send(new EnableKeyRotationCommand({ KeyId }));
  const on = await kms.send(new GetKeyRotationStatusCommand({ KeyId }));
  assert.deepEqual([on.KeyRotationEnabled, on.RotationPeriodInDays], [true, 365]);
  assert.ok(Math.abs((on.NextRotationDate?.getTime() ?? 0) - Date.now() - 365 * 86_400_000) < 2 * 86_400_000);
  for (const RotationPeriodInDays of [90, 2560]) {
    await kms.send(new EnableKeyRotationCommand({ KeyId, RotationPeriodInDays }));
    assert.equal((await kms.send(new GetKeyRotationStatusCommand({ KeyId }))).RotationPeriodInDays, RotationPeriodInDays);
  }
  for (const RotationPeriodInDays of [89, 2561])
    assert.equal(await codeOf(new EnableKeyRotationCommand({ KeyId, RotationPeriodInDays })), "ValidationException");
  await kms.send(new DisableKeyRotationCommand({ KeyId }));
  assert.equal((await kms.send(new GetKeyRotationStatusCommand({ KeyId }))).KeyRotationEnabled, false);
});

test("tags: set, replace, list, remove; duplicates, aws: and 51 are TagExceptions", async () => {
  const KeyId = await world.key();
  await kms.send(
    new TagResourceCommand({
      KeyId,
      Tags: [
        { TagKey: "a", TagValue: "1" },
        { TagKey: "b", TagValue: "" },
      ],
    }),
  );
  await kms.send(new TagResourceCommand({ KeyId, Tags: [{ TagKey: "a", TagValue: "2" }] }));
  assert.deepEqual((await kms.send(new ListResourceTagsCommand({ KeyId }))).Tags, [
    { TagKey: "a", TagValue: "2" },
    { TagKey: "b", TagValue: "" },
  ]);
  await kms.send(new UntagResourceCommand({ KeyId, TagKeys: ["b", "absent"] }));
  assert.deepEqual((await kms.send(new ListResourceTagsCommand({ KeyId }))).Tags, [{ TagKey: "a", TagValue: "2" }]);
  for (const [Tags, message] of [
    [
      [
        { TagKey: "x", TagValue: "1" },
        { TagKey: "x", TagValue: "2" },
      ],
      "Duplicate tag keys",
    ],
    [[{ TagKey: "AWS:x", TagValue: "1" }], "Tags beginning with aws: are reserved"],
    [Array.from({ length: 51 }, (_, at) => ({ TagKey: `k${at}`, TagValue: "" })), "Too many tags"],
  ] as const) {
    assert.deepEqual(await failure(kms.send(new TagResourceCommand({ KeyId, Tags: [...Tags] }))), {
      code: "TagException",
      status: 400,
      message,
    });
  }
});

test("DryRun: what would succeed is DryRunOperationException, what would not says why", async () => {
  const KeyId = await world.key();
  const would = { code: "DryRunOperationException", message: "The request would have succeeded, but the DryRun option is set." };
  for (const command of [
    new EncryptCommand({ KeyId, Plaintext: text("x"), DryRun: true }),
    new GenerateDataKeyCommand({ KeyId, KeySpec: "AES_256", DryRun: true }),
  ]) {
    const { code, message } = await failure(kms.send(command as EncryptCommand));
    assert.deepEqual({ code, message }, would);
  }
  await kms.send(new DisableKeyCommand({ KeyId }));
  assert.equal(await codeOf(new EncryptCommand({ KeyId, Plaintext: text("x"), DryRun: true })), "DisabledException");
});

test("pages of ListKeys and ListAliases: every entry once; a wrong marker is InvalidMarkerException", async () => {
  for (let at = 0; at < 5; at++)
    await kms.send(new CreateAliasCommand({ AliasName: `alias/${unique("page")}`, TargetKeyId: await world.key() }));
  const allKeys = (await kms.send(new ListKeysCommand({ Limit: 1000 }))).Keys?.map(({ KeyArn }) => KeyArn) ?? [];
  for (const Limit of [1, 3]) {
    const seen: (string | undefined)[] = [];
    let Marker: string | undefined;
    do {
      const page = await kms.send(new ListKeysCommand({ Limit, Marker }));
      assert.ok((page.Keys?.length ?? 0) <= Limit);
      assert.equal(page.Truncated, page.NextMarker !== undefined);
      seen.push(...(page.Keys ?? []).map(({ KeyArn }) => KeyArn));
      Marker = page.NextMarker;
    } while (Marker !== undefined);
    assert.deepEqual(seen, allKeys);
  }
  const allAliases = (await kms.send(new ListAliasesCommand({ Limit: 100 }))).Aliases?.length ?? 0;
  let count = 0;
  let Marker: string | undefined;
  do {
    const page: { Aliases?: unknown[] | undefined; NextMarker?: string | undefined } = await kms.send(
      new ListAliasesCommand({ Limit: 2, Marker }),
    );
    count += page.Aliases?.length ?? 0;
    Marker = page.NextMarker;
  } while (Marker !== undefined);
  assert.equal(count, allAliases);
  assert.equal(await codeOf(new ListKeysCommand({ Marker: "made-up" })), "InvalidMarkerException");
  assert.equal(await codeOf(new ListKeysCommand({ Limit: 0 })), "ValidationException");
  assert.equal(await codeOf(new ListKeysCommand({ Limit: 1001 })), "ValidationException");
});

test("the managed key aws/s3 cannot be disabled, deleted, re-policied, aliased or used directly", async () => {
  const { KeyMetadata } = await kms.send(new DescribeKeyCommand({ KeyId: "alias/aws/s3" }));
  const KeyId = KeyMetadata?.KeyId ?? "";
  for (const command of [
    new DisableKeyCommand({ KeyId }),
    new ScheduleKeyDeletionCommand({ KeyId }),
    new PutKeyPolicyCommand({ KeyId, Policy: JSON.stringify({ Statement: [accountStatement()] }) }),
    new CreateAliasCommand({ AliasName: `alias/${unique("aws")}`, TargetKeyId: KeyId }),
    new EncryptCommand({ KeyId, Plaintext: text("x") }),
    new GenerateDataKeyCommand({ KeyId, KeySpec: "AES_256" }),
  ]) {
    const error = await failure(kms.send(command as EncryptCommand));
    assert.equal(error.status, 400, command.constructor.name);
  }
  assert.equal((await kms.send(new GetKeyRotationStatusCommand({ KeyId }))).KeyRotationEnabled, true);
});

test("SSE-S3's house key is in no list: an account that stores SSE-S3 objects owns no key", async () => {
  const theirs = kmsClient(world.server, { credentials: OTHER_ROOT });
  const s3 = s3Client(world.server, { credentials: OTHER_ROOT });
  const Bucket = await world.bucket("house", {}, s3);
  await s3.send(new PutObjectCommand({ Bucket, Key: "k", Body: "x", ServerSideEncryption: "AES256" }));
  assert.deepEqual((await theirs.send(new ListKeysCommand({}))).Keys, []);
  const { Aliases } = await theirs.send(new ListAliasesCommand({}));
  assert.ok(Aliases?.every(({ TargetKeyId }) => TargetKeyId === undefined));
});

test("UpdateKeyDescription; asymmetric keys and imports are not offered yet, and say so", async () => {
  const KeyId = await world.key();
  await kms.send(new UpdateKeyDescriptionCommand({ KeyId, Description: "new" }));
  assert.equal((await kms.send(new DescribeKeyCommand({ KeyId }))).KeyMetadata?.Description, "new");
  const asymmetric = await failure(kms.send(new CreateKeyCommand({ KeySpec: "RSA_2048", KeyUsage: "SIGN_VERIFY" })));
  assert.equal(asymmetric.code, "UnsupportedOperationException");
  assert.equal(await codeOf(new CreateKeyCommand({ KeySpec: "AES_9" as "RSA_2048" })), "ValidationException");
});
