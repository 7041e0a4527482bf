/**
 * Grants: what they allow, constraints, tokens, names, retire, revoke, child grants; and through S3. Source: KMS
 * reference §11.4.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  CreateGrantCommand,
  DecryptCommand,
  EncryptCommand,
  GenerateDataKeyCommand,
  ListGrantsCommand,
  ListRetirableGrantsCommand,
  RetireGrantCommand,
  RevokeGrantCommand,
  type CreateGrantCommandInput,
} from "@aws-sdk/client-kms";
import { GetObjectCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import { failure, kmsClient } from "./server.js";
import { ACCOUNT, AWAY, AWAY_ROOT, bodyOf, openWorld, S3_ALL } from "./world.js";

const world = await openWorld();
const { kms } = world;
const text = (value: string): Uint8Array => Buffer.from(value);
const grant = (input: CreateGrantCommandInput, client = kms) => client.send(new CreateGrantCommand(input));

test("a grant lets one who has no policy use the key, for its operations only; revoked it is over at once", async () => {
  const person = await world.user("grantee");
  const KeyId = await world.key();
  const encrypt = () => person.kms.send(new EncryptCommand({ KeyId, Plaintext: text("x") }));
  assert.equal((await failure(encrypt())).code, "AccessDeniedException");
  const made = await grant({ KeyId, GranteePrincipal: person.arn, Operations: ["Encrypt"] });
  assert.match(made.GrantId ?? "", /^[0-9a-f]{64}$/);
  assert.ok((made.GrantToken ?? "").length > 0);
  const { CiphertextBlob } = await encrypt();
  assert.equal((await failure(person.kms.send(new DecryptCommand({ CiphertextBlob })))).code, "AccessDeniedException");
  await kms.send(new RevokeGrantCommand({ KeyId, GrantId: made.GrantId }));
  assert.equal((await failure(encrypt())).code, "AccessDeniedException");
  assert.equal((await failure(kms.send(new RevokeGrantCommand({ KeyId, GrantId: made.GrantId })))).code, "NotFoundException");
});

test("constraints: the exact context, or a subset of it", async () => {
  const person = await world.user("constrained");
  const KeyId = await world.key();
  const encrypt = (EncryptionContext?: Record<string, string>) =>
    person.kms.send(new EncryptCommand({ KeyId, Plaintext: text("x"), EncryptionContext }));
  const equals = await grant({
    KeyId,
    GranteePrincipal: person.arn,
    Operations: ["Encrypt"],
    Constraints: { EncryptionContextEquals: { a: "1" } },
  });
  await encrypt({ a: "1" });
  for (const context of [undefined, { a: "2" }, { a: "1", b: "2" }])
    assert.equal((await failure(encrypt(context))).code, "AccessDeniedException");
  await kms.send(new RevokeGrantCommand({ KeyId, GrantId: equals.GrantId }));
  await grant({
    KeyId,
    GranteePrincipal: person.arn,
    Operations: ["Encrypt"],
    Constraints: { EncryptionContextSubset: { a: "1" } },
  });
  await encrypt({ a: "1" });
  await encrypt({ a: "1", b: "2" });
  for (const context of [undefined, { b: "2" }, { A: "1" }])
    assert.equal((await failure(encrypt(context))).code, "AccessDeniedException");
});

test("the same name and parameters give the same grant and another token; without a name each call makes one", async () => {
  const person = await world.user("named");
  const KeyId = await world.key();
  const input: CreateGrantCommandInput = { KeyId, GranteePrincipal: person.arn, Operations: ["Decrypt"], Name: "once" };
  const [one, two] = [await grant(input), await grant(input)];
  assert.equal(one.GrantId, two.GrantId);
  const [three, four] = [await grant({ ...input, Name: undefined }), await grant({ ...input, Name: undefined })];
  assert.notEqual(three.GrantId, four.GrantId);
  const { Grants } = await kms.send(new ListGrantsCommand({ KeyId }));
  assert.equal(Grants?.length, 3);
  const entry = Grants.find(({ GrantId }) => GrantId === one.GrantId);
  assert.deepEqual(
    [entry?.Name, entry?.GranteePrincipal, entry?.Operations, entry?.IssuingAccount],
    ["once", person.arn, ["Decrypt"], `arn:aws:iam::${ACCOUNT}:root`],
  );
  const filtered = await kms.send(new ListGrantsCommand({ KeyId, GrantId: one.GrantId }));
  assert.equal(filtered.Grants?.length, 1);
  const paged = await kms.send(new ListGrantsCommand({ KeyId, Limit: 2 }));
  assert.deepEqual([paged.Grants?.length, paged.Truncated], [2, true]);
});

test("retire: by the retiring principal, by token or id; a stranger may not; list of what one may retire", async () => {
  const [grantee, retiree, stranger] = [await world.user("g"), await world.user("r"), await world.user("s")];
  const KeyId = await world.key();
  const input: CreateGrantCommandInput = {
    KeyId,
    GranteePrincipal: grantee.arn,
    RetiringPrincipal: retiree.arn,
    Operations: ["Encrypt"],
  };
  const [one, two] = [await grant(input), await grant(input)];
  assert.equal((await kms.send(new ListRetirableGrantsCommand({ RetiringPrincipal: retiree.arn }))).Grants?.length, 2);
  assert.equal(
    (await failure(stranger.kms.send(new RetireGrantCommand({ GrantToken: one.GrantToken })))).code,
    "AccessDeniedException",
  );
  assert.equal(
    (await failure(grantee.kms.send(new RetireGrantCommand({ GrantToken: one.GrantToken })))).code,
    "AccessDeniedException",
  );
  await retiree.kms.send(new RetireGrantCommand({ GrantToken: one.GrantToken }));
  await retiree.kms.send(new RetireGrantCommand({ KeyId, GrantId: two.GrantId }));
  assert.equal((await kms.send(new ListGrantsCommand({ KeyId }))).Grants?.length, 0);
  assert.equal(
    (await failure(grantee.kms.send(new EncryptCommand({ KeyId, Plaintext: text("x") })))).code,
    "AccessDeniedException",
  );
});

test("a grantee with RetireGrant retires his own grant; with CreateGrant he gives on no more than he has", async () => {
  const [one, two] = [await world.user("one"), await world.user("two")];
  const KeyId = await world.key();
  await grant({
    KeyId,
    GranteePrincipal: one.arn,
    Operations: ["CreateGrant", "Encrypt"],
    Constraints: { EncryptionContextSubset: { a: "1" } },
  });
  const child = { KeyId, GranteePrincipal: two.arn, Operations: ["Encrypt" as const] };
  await grant({ ...child, Constraints: { EncryptionContextSubset: { a: "1", b: "2" } } }, one.kms);
  await two.kms.send(new EncryptCommand({ KeyId, Plaintext: text("x"), EncryptionContext: { a: "1", b: "2" } }));
  assert.equal(
    (await failure(grant({ ...child, Operations: ["Decrypt"], Constraints: { EncryptionContextSubset: { a: "1" } } }, one.kms)))
      .code,
    "AccessDeniedException",
  );
  assert.equal((await failure(grant(child, one.kms))).code, "AccessDeniedException", "looser constraints");
  const own = await grant({ KeyId, GranteePrincipal: two.arn, Operations: ["RetireGrant", "Decrypt"] });
  await two.kms.send(new RetireGrantCommand({ GrantToken: own.GrantToken }));
});

test("tokens are accepted and checked", async () => {
  const person = await world.user("token");
  const KeyId = await world.key();
  const made = await grant({ KeyId, GranteePrincipal: person.arn, Operations: ["Encrypt"] });
  await person.kms.send(new EncryptCommand({ KeyId, Plaintext: text("x"), GrantTokens: [made.GrantToken ?? ""] }));
  const error = await failure(person.kms.send(new EncryptCommand({ KeyId, Plaintext: text("x"), GrantTokens: ["made-up"] })));
  assert.equal(error.code, "InvalidGrantTokenException");
});

test("what no grant can say: an operation the key has not, no operations, a principal that is none", async () => {
  const person = await world.user("invalid");
  const KeyId = await world.key();
  const base = { KeyId, GranteePrincipal: person.arn } as const;
  assert.equal((await failure(grant({ ...base, Operations: ["Sign"] }))).code, "ValidationException");
  assert.equal((await failure(grant({ ...base, Operations: ["DeleteKey" as "Sign"] }))).code, "ValidationException");
  assert.notEqual(
    (await failure(grant({ ...base, GranteePrincipal: `arn:aws:iam::${ACCOUNT}:user/nobody`, Operations: ["Encrypt"] }))).code,
    "",
  );
  assert.equal((await failure(grant({ ...base, KeyId: "alias/aws/s3", Operations: ["Encrypt"] }))).status, 400);
});

test("a grant to another account's principal works across accounts", async () => {
  const KeyId = await world.key();
  const theirs = kmsClient(world.server, { credentials: AWAY_ROOT });
  await grant({ KeyId, GranteePrincipal: `arn:aws:iam::${AWAY}:root`, Operations: ["GenerateDataKey"] });
  await theirs.send(new GenerateDataKeyCommand({ KeyId, KeySpec: "AES_256" }));
  assert.equal((await failure(theirs.send(new EncryptCommand({ KeyId, Plaintext: text("x") })))).code, "AccessDeniedException");
});

test("through S3: a grant opens SSE-KMS objects to one without KMS policies, bound to the object by its constraint", async () => {
  const Bucket = await world.bucket("grants");
  const person = await world.user("s3-grantee", [S3_ALL]);
  const KeyId = await world.key();
  const put = (Key: string) =>
    person.s3.send(new PutObjectCommand({ Bucket, Key, Body: Key, ServerSideEncryption: "aws:kms", SSEKMSKeyId: KeyId }));
  const get = (Key: string) => person.s3.send(new GetObjectCommand({ Bucket, Key }));
  assert.equal((await failure(put("mine"))).status, 403);
  const Constraints = { EncryptionContextSubset: { "aws:s3:arn": `arn:aws:s3:::${Bucket}/mine` } };
  const made = await grant({ KeyId, GranteePrincipal: person.arn, Operations: ["GenerateDataKey", "Decrypt"], Constraints });
  await put("mine");
  assert.equal((await bodyOf(await get("mine"))).toString(), "mine");
  assert.equal((await failure(put("other"))).status, 403);
  await kms.send(new RevokeGrantCommand({ KeyId, GrantId: made.GrantId }));
  assert.equal((await failure(get("mine"))).status, 403);
});
