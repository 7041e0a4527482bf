/** Key policies: documents, lock-out, delegation to IAM, conditions, other accounts. Source: KMS reference §4.3, §11, §12. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  CreateAliasCommand,
  CreateKeyCommand,
  DisableKeyCommand,
  EncryptCommand,
  GenerateDataKeyCommand,
  GetKeyPolicyCommand,
  ListKeyPoliciesCommand,
  PutKeyPolicyCommand,
  type KMSClient,
} from "@aws-sdk/client-kms";
import { failure, kmsClient } from "./server.js";
import { ACCOUNT, accountStatement, AWAY, AWAY_ROOT, KMS_ALL, openWorld } from "./world.js";

const world = await openWorld();
const { kms } = world;
const ABSENT = "12345678-1234-1234-1234-123456789012";
type Sendable = Parameters<KMSClient["send"]>[0];
const codeOf = async (command: unknown, client = kms): Promise<string> => (await failure(client.send(command as Sendable))).code;
const text = (value: string): Uint8Array => Buffer.from(value);

test("key policies: default text, own text byte for byte, lock-out check, unknown principals, malformed, too long", async () => {
  const { KeyMetadata } = await kms.send(new CreateKeyCommand({}));
  const KeyId = KeyMetadata?.Arn ?? "";
  const { Policy, PolicyName } = await kms.send(new GetKeyPolicyCommand({ KeyId }));
  assert.equal(PolicyName, "default");
  assert.deepEqual(JSON.parse(Policy ?? ""), {
    Version: "2012-10-17",
    Id: "key-default-1",
    Statement: [
      {
        Sid: "Enable IAM User Permissions",
        Effect: "Allow",
        Principal: { AWS: `arn:aws:iam::${ACCOUNT}:root` },
        Action: "kms:*",
        Resource: "*",
      },
    ],
  });
  const own = `{ "Version": "2012-10-17",   "Statement": [ ${JSON.stringify(accountStatement())} ] }`;
  await kms.send(new PutKeyPolicyCommand({ KeyId, Policy: own }));
  assert.equal((await kms.send(new GetKeyPolicyCommand({ KeyId }))).Policy, own);
  assert.deepEqual((await kms.send(new ListKeyPoliciesCommand({ KeyId }))).PolicyNames, ["default"]);
  assert.deepEqual(await failure(kms.send(new GetKeyPolicyCommand({ KeyId, PolicyName: "other" }))), {
    code: "NotFoundException",
    status: 400,
    message: "No such policy exists",
  });
  const closed = JSON.stringify({
    Version: "2012-10-17",
    Statement: [{ Effect: "Allow", Principal: { AWS: `arn:aws:iam::${AWAY}:root` }, Action: "kms:*", Resource: "*" }],
  });
  const lockedOut = await failure(kms.send(new PutKeyPolicyCommand({ KeyId, Policy: closed })));
  assert.deepEqual(lockedOut, {
    code: "MalformedPolicyDocumentException",
    status: 400,
    message: "The new key policy will not allow you to update the key policy in the future.",
  });
  const nobody = JSON.stringify({
    Statement: [
      accountStatement(),
      { Effect: "Allow", Principal: { AWS: `arn:aws:iam::${ACCOUNT}:user/nobody` }, Action: "kms:*", Resource: "*" },
    ],
  });
  assert.match(
    (await failure(kms.send(new PutKeyPolicyCommand({ KeyId, Policy: nobody })))).message,
    /^Policy contains a statement with one or more invalid principals\.$/,
  );
  for (const bad of ["{", "[]", "{}", '{"Statement":[{"Effect":"Perhaps"}]}']) {
    assert.equal(await codeOf(new PutKeyPolicyCommand({ KeyId, Policy: bad })), "MalformedPolicyDocumentException", bad);
  }
  const sized = (length: number): string =>
    JSON.stringify({ Version: "2012-10-17", Statement: [accountStatement()] }).padEnd(length);
  await kms.send(new PutKeyPolicyCommand({ KeyId, Policy: sized(32_768) }));
  assert.equal(await codeOf(new PutKeyPolicyCommand({ KeyId, Policy: sized(32_769) })), "LimitExceededException");
  assert.equal((await kms.send(new GetKeyPolicyCommand({ KeyId }))).Policy, sized(32_768), "the old policy stays");
});

test("an IAM Allow alone gives nothing: the key policy must delegate; a deny anywhere wins", async () => {
  const person = await world.user("kms", [KMS_ALL]);
  const delegating = await world.key();
  const closed = await world.key({
    Version: "2012-10-17",
    Statement: [
      { Effect: "Allow", Principal: { AWS: `arn:aws:iam::${ACCOUNT}:root` }, Action: "kms:PutKeyPolicy", Resource: "*" },
    ],
  });
  const direct = await world.key({
    Version: "2012-10-17",
    Statement: [accountStatement(), { Effect: "Allow", Principal: { AWS: person.arn }, Action: "kms:Encrypt", Resource: "*" }],
  });
  const encrypt = (KeyId: string) => person.kms.send(new EncryptCommand({ KeyId, Plaintext: text("x") }));
  await encrypt(delegating);
  const refused = await failure(encrypt(closed));
  assert.deepEqual([refused.code, refused.status], ["AccessDeniedException", 400]);
  assert.equal(
    refused.message,
    `User: ${person.arn} is not authorized to perform: kms:Encrypt on resource: ${closed} because no resource-based policy allows the kms:Encrypt action`,
  );
  await world.allow(person.name, [{ Effect: "Allow", Action: "s3:*", Resource: "*" }]);
  await encrypt(direct);
  const unlisted = await failure(encrypt(delegating));
  assert.equal(
    unlisted.message,
    `User: ${person.arn} is not authorized to perform: kms:Encrypt on resource: ${delegating} because no identity-based policy allows the kms:Encrypt action`,
  );
  await world.allow(person.name, [KMS_ALL, { Effect: "Deny", Action: "kms:Encrypt", Resource: "*" }]);
  assert.match((await failure(encrypt(direct))).message, /with an explicit deny in an identity-based policy$/);
});

test("conditions of key policies: context, request alias, via service, caller account", async () => {
  const person = await world.user("conditions", [KMS_ALL]);
  const allow = (Condition: object) => ({
    Effect: "Allow",
    Principal: { AWS: person.arn },
    Action: "kms:*",
    Resource: "*",
    Condition,
  });
  const administrator = {
    Effect: "Allow",
    Principal: { AWS: `arn:aws:iam::${ACCOUNT}:root` },
    NotAction: ["kms:Encrypt"],
    Resource: "*",
  };
  const encrypt = (KeyId: string, EncryptionContext?: Record<string, string>) =>
    person.kms.send(new EncryptCommand({ KeyId, Plaintext: text("x"), EncryptionContext }));
  const byContext = await world.key({
    Statement: [administrator, allow({ StringEquals: { "kms:EncryptionContext:team": "red" } })],
  });
  await encrypt(byContext, { team: "red", more: "1" });
  assert.equal((await failure(encrypt(byContext, { team: "blue" }))).code, "AccessDeniedException");
  const byKeys = await world.key({
    Statement: [
      administrator,
      allow({
        "ForAllValues:StringEquals": { "kms:EncryptionContextKeys": ["a", "b"] },
        Null: { "kms:EncryptionContextKeys": "false" },
      }),
    ],
  });
  await encrypt(byKeys, { a: "1" });
  assert.equal((await failure(encrypt(byKeys, { a: "1", c: "1" }))).code, "AccessDeniedException");
  const byAlias = await world.key({
    Statement: [administrator, allow({ StringEquals: { "kms:RequestAlias": "alias/by-alias" } })],
  });
  await kms.send(new CreateAliasCommand({ AliasName: "alias/by-alias", TargetKeyId: byAlias }));
  await encrypt("alias/by-alias");
  assert.equal((await failure(encrypt(byAlias))).code, "AccessDeniedException");
  const viaS3 = await world.key({
    Statement: [administrator, allow({ StringEquals: { "kms:ViaService": "s3.us-east-1.amazonaws.com" } })],
  });
  assert.equal((await failure(encrypt(viaS3))).code, "AccessDeniedException");
});

test("cross-account: both sides must allow; a foreign key is not told from an absent one", async () => {
  const theirs = kmsClient(world.server, { credentials: AWAY_ROOT });
  const shared = await world.key({
    Version: "2012-10-17",
    Statement: [
      accountStatement(),
      { Effect: "Allow", Principal: { AWS: `arn:aws:iam::${AWAY}:root` }, Action: "kms:Encrypt", Resource: "*" },
    ],
  });
  await theirs.send(new EncryptCommand({ KeyId: shared, Plaintext: text("x") }));
  assert.equal(
    (await failure(theirs.send(new GenerateDataKeyCommand({ KeyId: shared, KeySpec: "AES_256" })))).code,
    "AccessDeniedException",
  );
  const present = await failure(theirs.send(new EncryptCommand({ KeyId: await world.key(), Plaintext: text("x") })));
  const absent = await failure(
    theirs.send(new EncryptCommand({ KeyId: `arn:aws:kms:us-east-1:${ACCOUNT}:key/${ABSENT}`, Plaintext: text("x") })),
  );
  assert.equal(present.code, "AccessDeniedException");
  assert.equal(absent.code, present.code);
  for (const { message } of [present, absent])
    assert.match(
      message,
      /because the resource does not exist in this Region, no resource-based policies allow access, or a resource-based policy explicitly denies access/,
    );
  assert.equal(
    (await failure(theirs.send(new DisableKeyCommand({ KeyId: shared })))).status,
    400,
    "management calls are for the own account",
  );
});
