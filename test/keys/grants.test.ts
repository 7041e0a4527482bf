import assert from "node:assert/strict";
import { test } from "node:test";
import {
  AWAY, allow, DELEGATED, document, fails, HOME, ROLE_ARN, root, rootArn, session, text, user, userArn, World,
} from "./support.js";
import type { CallAs } from "./support.js";

const bob: CallAs = { as: user("bob") };
const alice: CallAs = { as: user("alice") };
const carol: CallAs = { as: user("carol") };

/** A key that nobody but root may use by policy or IAM; grants are the only way. */
async function closed(): Promise<{ world: World; KeyId: string; Arn: string }> {
  const world = new World();
  const { KeyId, Arn } = await world.key({ Policy: document(DELEGATED) });
  for (const arn of [userArn("alice"), userArn("bob"), ROLE_ARN]) {
    world.identities.set(arn, document({ Effect: "Allow", Action: "s3:*", Resource: "*" }));
  }
  return { world, KeyId, Arn };
}

test("regression 13: a grant allows its operations to its grantee, at once and no longer than it lives", async () => {
  const { world, KeyId } = await closed();
  const encrypt = (as: CallAs, context?: object): Promise<{ CiphertextBlob?: Uint8Array | undefined }> =>
    world.call("Encrypt", { KeyId, Plaintext: text("x"), ...(context === undefined ? {} : { EncryptionContext: context }) }, as);
  await fails(encrypt(bob), "AccessDeniedException");
  const { GrantId, GrantToken } = await world.call(
    "CreateGrant",
    { KeyId, GranteePrincipal: userArn("bob"), Operations: ["Encrypt", "DescribeKey"] },
  );
  assert.match(GrantId ?? "", /^[0-9a-f]{64}$/);
  const { CiphertextBlob } = await encrypt(bob);
  await fails(encrypt(alice), "AccessDeniedException");
  await fails(world.call("Decrypt", { CiphertextBlob, KeyId }, bob), "AccessDeniedException");
  await fails(world.call("GenerateDataKey", { KeyId, KeySpec: "AES_256" }, bob), "AccessDeniedException");
  await world.call("DescribeKey", { KeyId, GrantTokens: [GrantToken] }, bob);
  await world.call("RevokeGrant", { KeyId, GrantId });
  await fails(encrypt(bob), "AccessDeniedException");
  // A token of a revoked grant is accepted and gives nothing.
  await fails(world.call("Encrypt", { KeyId, Plaintext: text("x"), GrantTokens: [GrantToken] }, bob), "AccessDeniedException");
});

test("an explicit deny beats a grant", async () => {
  const { world, KeyId } = await closed();
  await world.call("CreateGrant", { KeyId, GranteePrincipal: userArn("bob"), Operations: ["Encrypt"] });
  await world.call("PutKeyPolicy", { KeyId, Policy: document(DELEGATED, { ...allow(userArn("bob")), Effect: "Deny" }) });
  await fails(
    world.call("Encrypt", { KeyId, Plaintext: text("x") }, bob), "AccessDeniedException",
    /explicit deny in a resource-based policy$/,
  );
});

test("constraints restrict operations with an encryption context, and only those", async () => {
  for (const [constraint, good, bad] of [
    [
      "EncryptionContextEquals", [{ a: "1", b: "2" }],
      [undefined, {}, { a: "1" }, { a: "1", b: "2", c: "3" }, { a: "2", b: "1" }, { A: "1", b: "2" }],
    ],
    [
      "EncryptionContextSubset", [{ a: "1", b: "2" }, { a: "1", b: "2", c: "3" }],
      [undefined, {}, { a: "1" }, { a: "1", b: "3" }],
    ],
  ] as const) {
    const { world, KeyId } = await closed();
    const Operations = ["Encrypt", "Decrypt", "GenerateDataKey", "ReEncryptFrom", "ReEncryptTo", "DescribeKey"];
    await world.call(
      "CreateGrant",
      { KeyId, GranteePrincipal: userArn("bob"), Operations, Constraints: { [constraint]: { a: "1", b: "2" } } },
    );
    await world.call("DescribeKey", { KeyId }, bob);
    for (const EncryptionContext of good) {
      const { CiphertextBlob } = await world.call("GenerateDataKey", { KeyId, KeySpec: "AES_256", EncryptionContext }, bob);
      await world.call("Decrypt", { CiphertextBlob, EncryptionContext }, bob);
      const move = {
        CiphertextBlob, SourceEncryptionContext: EncryptionContext, DestinationKeyId: KeyId,
        DestinationEncryptionContext: EncryptionContext,
      };
      await world.call("ReEncrypt", move, bob);
      await fails(
        world.call("ReEncrypt", { ...move, DestinationEncryptionContext: {} }, bob), "AccessDeniedException",
        /kms:ReEncryptTo/,
      );
    }
    for (const wrong of bad) {
      const context = wrong === undefined ? {} : { EncryptionContext: wrong };
      await fails(world.call("Encrypt", { KeyId, Plaintext: text("x"), ...context }, bob), "AccessDeniedException");
      const { CiphertextBlob } = await world.call("Encrypt", { KeyId, Plaintext: text("x"), ...context });
      await fails(world.call("Decrypt", { CiphertextBlob, ...context }, bob), "AccessDeniedException");
    }
  }
});

test("attack 49: a grantee passes on no more than it was given", async () => {
  const { world, KeyId } = await closed();
  const give = (Operations: string[], Constraints?: object, as: CallAs = bob): Promise<unknown> =>
    world.call(
      "CreateGrant",
      { KeyId, GranteePrincipal: userArn("alice"), Operations, ...(Constraints === undefined ? {} : { Constraints }) },
      as,
    );
  const parent = async (Operations: string[], Constraints?: object): Promise<void> => {
    for (const { GrantId } of (await world.call("ListGrants", { KeyId })).Grants ?? []) await world.call(
      "RevokeGrant", { KeyId, GrantId },
    );
    await world.call(
      "CreateGrant",
      { KeyId, GranteePrincipal: userArn("bob"), Operations, ...(Constraints === undefined ? {} : { Constraints }) },
    );
  };
  await parent(["Decrypt"]);
  await fails(give(["Decrypt"]), "AccessDeniedException");
  await parent(["Decrypt", "CreateGrant"]);
  await give(["Decrypt"]);
  await give(["Decrypt", "CreateGrant"]);
  await fails(give(["Decrypt", "Encrypt"]), "AccessDeniedException");
  await parent(["Decrypt", "CreateGrant"], { EncryptionContextSubset: { a: "1" } });
  await fails(give(["Decrypt"]), "AccessDeniedException");
  await fails(give(["Decrypt"], { EncryptionContextSubset: { b: "1" } }), "AccessDeniedException");
  await fails(give(["Decrypt"], { EncryptionContextEquals: { a: "2" } }), "AccessDeniedException");
  await give(["Decrypt"], { EncryptionContextSubset: { a: "1" } });
  await give(["Decrypt"], { EncryptionContextSubset: { a: "1", b: "2" } });
  await give(["Decrypt"], { EncryptionContextEquals: { a: "1", b: "2" } });
  await parent(["Decrypt", "CreateGrant"], { EncryptionContextEquals: { a: "1" } });
  await fails(give(["Decrypt"], { EncryptionContextEquals: { a: "1", b: "2" } }), "AccessDeniedException");
  await fails(give(["Decrypt"], { EncryptionContextSubset: { a: "1" } }), "AccessDeniedException");
  await give(["Decrypt"], { EncryptionContextEquals: { a: "1" } });
  // Whoever may make grants by policy is not bound by a parent.
  await give(["Decrypt", "Encrypt"], undefined, { as: root() });
  // Another key is another key.
  const { KeyId: other } = await world.key({ Policy: document(DELEGATED) });
  await fails(
    world.call("CreateGrant", { KeyId: other, GranteePrincipal: userArn("alice"), Operations: ["Decrypt"] }, bob),
    "AccessDeniedException",
  );
});

test("Name makes CreateGrant idempotent: same grant, new token, all tokens alike", async () => {
  const { world, KeyId } = await closed();
  const input = {
    KeyId, GranteePrincipal: userArn("bob"), Operations: ["Decrypt", "Encrypt"], Name: "n",
    Constraints: { EncryptionContextSubset: { a: "1", b: "2" } },
  };
  const one = await world.call("CreateGrant", input);
  const again = { ...input, Operations: ["Encrypt", "Decrypt"], Constraints: { EncryptionContextSubset: { b: "2", a: "1" } } };
  const two = await world.call("CreateGrant", again);
  assert.equal(two.GrantId, one.GrantId);
  assert.notEqual(two.GrantToken, one.GrantToken);
  const both = await Promise.all(
    [world.call("CreateGrant", { ...input, Name: "race" }), world.call("CreateGrant", { ...input, Name: "race" })],
  );
  assert.equal(both[0].GrantId, both[1].GrantId);
  for (const other of [
    { ...input, Name: "m" }, { ...input, Operations: ["Decrypt"] },
    { ...input, GranteePrincipal: userArn("alice") },
  ]) {
    assert.notEqual((await world.call("CreateGrant", other)).GrantId, one.GrantId);
  }
  const { Name: _none, ...nameless } = input;
  assert.notEqual((await world.call("CreateGrant", nameless)).GrantId, (await world.call("CreateGrant", nameless)).GrantId);
  await world.call("RetireGrant", { GrantToken: one.GrantToken });
  await fails(world.call("RetireGrant", { GrantToken: two.GrantToken }), "NotFoundException");
  assert.notEqual((await world.call("CreateGrant", input)).GrantId, one.GrantId);
});

interface Made {
  readonly KeyId: string;
  readonly GrantId: string | undefined;
  readonly GrantToken: string | undefined;
}

test("who may retire a grant: retiring principal, grantee with RetireGrant, the account, and nobody else", async () => {
  const { world, KeyId, Arn } = await closed();
  const make = async (more: object = {}): Promise<Made> => {
    const made = await world.call(
      "CreateGrant",
      { KeyId, GranteePrincipal: userArn("bob"), RetiringPrincipal: userArn("alice"), Operations: ["Decrypt"], ...more },
    );
    return { KeyId, GrantId: made.GrantId, GrantToken: made.GrantToken };
  };
  const byId = (grant: { GrantId: string | undefined }): object => ({ KeyId: Arn, GrantId: grant.GrantId });
  await world.call("RetireGrant", byId(await make()), alice);
  await world.call("RetireGrant", { GrantToken: (await make()).GrantToken }, alice);
  await fails(world.call("RetireGrant", byId(await make()), bob), "AccessDeniedException");
  await world.call("RetireGrant", byId(await make({ Operations: ["Decrypt", "RetireGrant"] })), bob);
  await world.call("RetireGrant", byId(await make()), { as: root() });
  await fails(
    world.call("RetireGrant", byId(await make()), carol), "AccessDeniedException",
    /on this resource because the resource does not exist/,
  );
  await fails(world.call("RetireGrant", { GrantToken: (await make()).GrantToken }, carol), "AccessDeniedException");
  await fails(world.call("RevokeGrant", byId(await make()), alice), "AccessDeniedException");
  await world.call("RetireGrant", byId(await make({ RetiringPrincipal: session.arn })), { as: session });
  await world.call("RetireGrant", byId(await make({ RetiringPrincipal: ROLE_ARN })), { as: session });
  await world.call("RetireGrant", byId(await make({ RetiringPrincipal: rootArn(AWAY) })), carol);
  await fails(world.call("RetireGrant", {}), "ValidationException");
  await fails(world.call("RetireGrant", { KeyId }), "ValidationException");
  const { GrantToken, GrantId } = await make();
  await fails(world.call("RetireGrant", { GrantToken, GrantId }), "ValidationException");
  const { CiphertextBlob } = await world.call("Encrypt", { KeyId, Plaintext: text("x") });
  for (const token of ["x", `${GrantToken}A`, `AQpA${"A".repeat(200)}`, GrantToken?.slice(0, -2)]) {
    await fails(world.call("RetireGrant", { GrantToken: token }), "InvalidGrantTokenException");
    const GrantTokens = [token];
    await fails(world.call("Encrypt", { KeyId, Plaintext: text("x"), GrantTokens }), "InvalidGrantTokenException");
    await fails(world.call("Decrypt", { CiphertextBlob, GrantTokens }), "InvalidGrantTokenException");
    await fails(world.call("ReEncrypt", { CiphertextBlob, DestinationKeyId: KeyId, GrantTokens }), "InvalidGrantTokenException");
  }
  await world.call("Encrypt", { KeyId, Plaintext: text("x"), GrantTokens: Array.from({ length: 10 }, () => GrantToken) });
  await fails(
    world.call("Encrypt", { KeyId, Plaintext: text("x"), GrantTokens: Array.from({ length: 11 }, () => GrantToken) }),
    "ValidationException",
  );
  await fails(world.call("RetireGrant", { KeyId, GrantId: "f".repeat(64) }), "NotFoundException");
  await fails(world.call("RetireGrant", { GrantToken }, { region: "eu-central-1" }), "NotFoundException");
});

test("grantees: users, roles, sessions, accounts; not services, groups or strangers", async () => {
  const { world, KeyId, Arn } = await closed();
  const give = (GranteePrincipal: string): Promise<unknown> => world.call(
    "CreateGrant", { KeyId, GranteePrincipal, Operations: ["Encrypt"] },
  );
  const encrypt = (as: CallAs): Promise<unknown> => world.call("Encrypt", { KeyId: Arn, Plaintext: text("x") }, as);
  for (const wrong of [
    `arn:aws:iam::${HOME}:group/g`, "s3.amazonaws.com", `arn:aws:iam::${HOME}:user/nobody`,
    "arn:aws:iam::999999999999:root",
  ]) {
    await fails(give(wrong), "InvalidArnException", `ARN does not refer to a valid principal: ${wrong}`);
  }
  await fails(give("user with blanks"), "ValidationException");
  await fails(encrypt({ as: session }), "AccessDeniedException");
  await give(ROLE_ARN);
  await encrypt({ as: session });
  await fails(encrypt(carol), "AccessDeniedException");
  await give(rootArn(AWAY));
  await encrypt(carol);
  // The grant names the account, so the account's IAM still decides.
  world.identities.set(userArn("carol"), document({ Effect: "Allow", Action: "s3:*", Resource: "*" }));
  await fails(encrypt(carol), "AccessDeniedException");
  await encrypt({ as: root(AWAY) });
});

test("an account is one grantee, by its id or by its root's ARN", async () => {
  const { world, KeyId } = await closed();
  const give = (GranteePrincipal: string, as: CallAs = {}): Promise<unknown> => world.call(
    "CreateGrant", { KeyId, GranteePrincipal, RetiringPrincipal: GranteePrincipal, Operations: ["Encrypt"] }, as,
  );
  for (const key of ["kms:GranteePrincipal", "kms:RetiringPrincipal"]) {
    const Condition = { ArnEquals: { [key]: rootArn(AWAY) } };
    const all = { Effect: "Allow", Action: "*", Resource: "*" };
    world.identities.set(userArn("alice"), document(all, { ...all, Effect: "Deny", Condition }));
    for (const name of [rootArn(AWAY), AWAY]) await fails(give(name, alice), "AccessDeniedException", /explicit deny/);
  }
  await give(AWAY);
  for (const name of [rootArn(AWAY), AWAY]) {
    const { Grants } = await world.call("ListGrants", { KeyId, GranteePrincipal: name });
    assert.deepEqual(Grants?.map((grant) => grant.GranteePrincipal), [rootArn(AWAY)]);
  }
});

test("a grant is the person's, not the name's", async () => {
  const { world, KeyId } = await closed();
  await world.call("CreateGrant", { KeyId, GranteePrincipal: userArn("bob"), Operations: ["Encrypt"] });
  world.deleted.add("bob");
  const namesake = { ...user("bob"), userId: "AIDAOTHEROTHEROTHER22", uniqueId: "AIDAOTHEROTHEROTHER22" };
  await fails(world.call("Encrypt", { KeyId, Plaintext: text("x") }, { as: namesake }), "AccessDeniedException");
  assert.equal((await world.call("ListGrants", { KeyId })).Grants?.[0]?.GranteePrincipal, "AIDABOBBOBBOBBOBBOB22");
});

test("CreateGrant: limits and operations that a symmetric key does not have", async () => {
  const { world, KeyId } = await closed();
  const give = (more: object): Promise<unknown> => world.call(
    "CreateGrant",
    { KeyId, GranteePrincipal: userArn("bob"), Operations: ["Decrypt"], ...more },
  );
  for (const operation of ["Sign", "Verify", "GetPublicKey", "GenerateMac", "VerifyMac", "DeriveSharedSecret"]) {
    await fails(give({ Operations: ["Decrypt", operation] }), "ValidationException", new RegExp(operation));
  }
  await fails(give({ Operations: [] }), "ValidationException");
  await fails(give({ Operations: ["ScheduleKeyDeletion"] }), "ValidationException", /at 'operations\.1\.member'.*enum value set/);
  const pairs = (count: number, size = 1): object =>
    Object.fromEntries(Array.from({ length: count }, (_, i) => [`k${i}`, "v".repeat(size)]));
  for (const name of ["EncryptionContextEquals", "EncryptionContextSubset"]) {
    await give({ Constraints: { [name]: pairs(8, 384) } });
    await fails(give({ Constraints: { [name]: pairs(9) } }), "ValidationException");
    await fails(give({ Constraints: { [name]: pairs(1, 385) } }), "ValidationException");
  }
  await fails(give({ Name: "no blanks" }), "ValidationException");
  await fails(world.call("CreateGrant", { KeyId, Operations: ["Decrypt"] }), "ValidationException", /granteePrincipal/);
});

test("lists of grants: entries, filters, pages; retirable grants by principal", async () => {
  const { world, KeyId } = await closed();
  const ids: string[] = [];
  for (let i = 0; i < 5; i++) {
    const input = {
      KeyId, GranteePrincipal: userArn(i < 2 ? "alice" : "bob"), RetiringPrincipal: ROLE_ARN, Operations: ["Encrypt", "Decrypt"],
      Name: `g${i}`,
    };
    ids.push((await world.call("CreateGrant", input)).GrantId ?? "");
  }
  const [first = ""] = ids;
  assert.deepEqual((await world.call("ListGrants", { KeyId, GrantId: first })).Grants, [{
    KeyId, GrantId: first, Name: "g0", CreationDate: new Date(world.clock.now()), GranteePrincipal: userArn("alice"),
    RetiringPrincipal: ROLE_ARN,
    IssuingAccount: rootArn(HOME), Operations: ["Decrypt", "Encrypt"],
  }]);
  assert.equal((await world.call("ListGrants", { KeyId, GranteePrincipal: userArn("bob") })).Grants?.length, 3);
  assert.equal((await world.call("ListGrants", { KeyId, GranteePrincipal: userArn("bob"), GrantId: first })).Grants?.length, 0);
  for (const [name, input] of [
    ["ListGrants", { KeyId }], ["ListGrants", { KeyId, GranteePrincipal: userArn("bob") }],
    ["ListRetirableGrants", { RetiringPrincipal: ROLE_ARN }],
  ] as const) {
    const seen: (string | undefined)[] = [];
    let Marker: string | undefined;
    do {
      const page: { Grants?: readonly { GrantId?: string | undefined }[] | undefined; NextMarker?: string | undefined } =
        await world.call(name, { ...input, Limit: 2, ...(Marker === undefined ? {} : { Marker }) });
      seen.push(...(page.Grants ?? []).map((grant) => grant.GrantId));
      Marker = page.NextMarker;
    } while (Marker !== undefined);
    assert.deepEqual(seen.toSorted(), ("GranteePrincipal" in input ? ids.slice(2) : ids).toSorted());
  }
  await fails(world.call("ListRetirableGrants", { RetiringPrincipal: userArn("carol") }), "AccessDeniedException");
  await fails(world.call("ListRetirableGrants", { RetiringPrincipal: "bob" }), "InvalidArnException");
  await fails(world.call("ListRetirableGrants", {}), "ValidationException", /retiringPrincipal/);
  assert.equal(
    (await world.call("ListRetirableGrants", { RetiringPrincipal: ROLE_ARN }, { region: "eu-central-1" })).Grants?.length,
    0,
  );
});
