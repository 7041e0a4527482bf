import assert from "node:assert/strict";
import { test } from "node:test";
import { AWAY, allow, bytes, DELEGATED, document, fails, HOME, root, rootArn, text, user, userArn, World } from "./support.js";

const HIDDEN =
  "The ciphertext refers to a customer master key that does not exist, does not exist in this region, " +
  "or you are not allowed to access.";
const INCORRECT = "The key ID in the request does not identify a CMK that can perform this operation.";

test("Encrypt and Decrypt give back the plaintext, with sizes at the edges", async () => {
  const world = new World();
  const { Arn, KeyId, CurrentKeyMaterialId } = await world.key();
  for (const size of [1, 2, 31, 32, 33, 4095, 4096]) {
    const plaintext = Buffer.alloc(size, size & 0xff);
    const sealed = await world.call("Encrypt", { KeyId, Plaintext: plaintext });
    assert.equal(sealed.KeyId, Arn);
    assert.equal(sealed.EncryptionAlgorithm, "SYMMETRIC_DEFAULT");
    assert.equal(bytes(sealed.CiphertextBlob).includes(plaintext) && size > 4, false);
    const opened = await world.call("Decrypt", { CiphertextBlob: sealed.CiphertextBlob });
    assert.deepEqual(bytes(opened.Plaintext), plaintext);
    assert.deepEqual(
      [opened.KeyId, opened.EncryptionAlgorithm, opened.KeyMaterialId], [Arn, "SYMMETRIC_DEFAULT", CurrentKeyMaterialId],
    );
  }
  const longest = "1 validation error detected: Value at 'plaintext' failed to satisfy constraint: Member must have length";
  await fails(
    world.call("Encrypt", { KeyId, Plaintext: Buffer.alloc(4097) }), "ValidationException",
    `${longest} less than or equal to 4096`,
  );
  await fails(
    world.call("Encrypt", { KeyId, Plaintext: Buffer.alloc(0) }), "ValidationException", `${longest} greater than or equal to 1`,
  );
  const blob = { CiphertextBlob: Buffer.alloc(6145) };
  await fails(world.call("Decrypt", blob), "ValidationException", /at 'ciphertextBlob'.*less than or equal to 6144$/);
  await fails(world.call("Decrypt", { CiphertextBlob: Buffer.alloc(6144) }), "InvalidCiphertextException", "");
});

test("one plaintext twice gives two ciphertexts", async () => {
  const world = new World();
  const { KeyId } = await world.key();
  const one = await world.call("Encrypt", { KeyId, Plaintext: text("x") });
  const two = await world.call("Encrypt", { KeyId, Plaintext: text("x") });
  assert.notDeepEqual(bytes(one.CiphertextBlob), bytes(two.CiphertextBlob));
});

test("data keys: exactly one of KeySpec and NumberOfBytes, with or without plaintext", async () => {
  const world = new World();
  const { KeyId, Arn, CurrentKeyMaterialId } = await world.key();
  for (const [input, size] of [
    [{ KeySpec: "AES_256" }, 32], [{ KeySpec: "AES_128" }, 16], [{ NumberOfBytes: 1 }, 1],
    [{ NumberOfBytes: 1024 }, 1024],
  ] as const) {
    const made = await world.call("GenerateDataKey", { KeyId, ...input });
    assert.equal(bytes(made.Plaintext).length, size);
    assert.deepEqual([made.KeyId, made.KeyMaterialId], [Arn, CurrentKeyMaterialId]);
    const opened = await world.call("Decrypt", { CiphertextBlob: made.CiphertextBlob });
    assert.deepEqual(bytes(opened.Plaintext), bytes(made.Plaintext));
    const blind = await world.call("GenerateDataKeyWithoutPlaintext", { KeyId, ...input });
    assert.equal("Plaintext" in blind, false);
    assert.equal(bytes((await world.call("Decrypt", { CiphertextBlob: blind.CiphertextBlob })).Plaintext).length, size);
  }
  const both = "Please specify either number of bytes or key spec.";
  await fails(world.call("GenerateDataKey", { KeyId }), "ValidationException", both);
  await fails(world.call("GenerateDataKey", { KeyId, KeySpec: "AES_256", NumberOfBytes: 32 }), "ValidationException", both);
  const zero =
    "1 validation error detected: Value '0' at 'numberOfBytes' failed to satisfy constraint: " +
    "Member must have value greater than or equal to 1";
  await fails(world.call("GenerateDataKey", { KeyId, NumberOfBytes: 0 }), "ValidationException", zero);
  await fails(
    world.call("GenerateDataKey", { KeyId, NumberOfBytes: 1025 }), "ValidationException", /less than or equal to 1024$/,
  );
  await fails(
    world.call("GenerateDataKey", { KeyId, KeySpec: "AES_512" }), "ValidationException", /at 'keySpec'.*enum value set: \[/,
  );
  await fails(world.call("GenerateDataKey", { KeyId, KeySpec: "AES_256", Recipient: {} }), "UnsupportedOperationException");
});

test("GenerateRandom", async () => {
  const world = new World();
  for (const size of [1, 2, 1023, 1024]) assert.equal(
    bytes((await world.call("GenerateRandom", { NumberOfBytes: size })).Plaintext).length, size,
  );
  await fails(world.call("GenerateRandom"), "ValidationException", "NumberOfBytes is required.");
  await fails(world.call("GenerateRandom", { NumberOfBytes: 1025 }), "ValidationException");
  await fails(world.call("GenerateRandom", { NumberOfBytes: 1, CustomKeyStoreId: "cks-1" }), "CustomKeyStoreNotFoundException");
});

test("regression 1, 2: an encryption context is order-free, exact and unambiguous", async () => {
  const world = new World();
  const { KeyId } = await world.key();
  const encrypt = async (context?: object): Promise<Uint8Array | undefined> => {
    const bound = context === undefined ? {} : { EncryptionContext: context };
    return (await world.call("Encrypt", { KeyId, Plaintext: text("x"), ...bound })).CiphertextBlob;
  };
  const blob = await encrypt({ a: "bc", z: "1", "ü": "€" });
  await world.call("Decrypt", { CiphertextBlob: blob, EncryptionContext: { "ü": "€", z: "1", a: "bc" } });
  for (const wrong of [
    undefined, {}, { a: "bc" }, { ab: "c", z: "1", "ü": "€" }, { A: "bc", z: "1", "ü": "€" },
    { a: "bc", z: "1", "ü": "€", more: "" }, { a: "bc ", z: "1", "ü": "€" },
  ]) {
    await fails(
      world.call("Decrypt", { CiphertextBlob: blob, ...(wrong === undefined ? {} : { EncryptionContext: wrong }) }),
      "InvalidCiphertextException", "",
    );
  }
  const empty = await encrypt({});
  await world.call("Decrypt", { CiphertextBlob: empty });
  await world.call("Decrypt", { CiphertextBlob: await encrypt({ "": "" }), EncryptionContext: { "": "" } });
  await fails(world.call("Decrypt", { CiphertextBlob: empty, EncryptionContext: { "": "" } }), "InvalidCiphertextException");
  await fails(encrypt({ a: "\ud800" }), "ValidationException");
  await fails(encrypt({ a: "x".repeat(8192) }), "ValidationException");
  await encrypt({ a: "x".repeat(8191) });
});

test("a ciphertext altered in any byte, cut or extended does not open", async () => {
  const world = new World();
  const { KeyId } = await world.key();
  const blob = bytes(
    (await world.call("Encrypt", { KeyId, Plaintext: text("plain"), EncryptionContext: { a: "b" } })).CiphertextBlob,
  );
  for (let at = 0; at < blob.length; at++) {
    const altered = Buffer.from(blob);
    altered[at] = (altered[at] ?? 0) ^ 1;
    // Another key id, or the flag that changes its form, names a key that does not exist: the same answer as for a foreign one.
    const code = at >= 4 && at <= 20 ? "AccessDeniedException" : "InvalidCiphertextException";
    await fails(world.call("Decrypt", { CiphertextBlob: altered, EncryptionContext: { a: "b" } }), code);
  }
  for (const wrong of [blob.subarray(0, blob.length - 1), blob.subarray(0, 20), Buffer.concat([blob, Buffer.from([0])])]) {
    await fails(
      world.call("Decrypt", { CiphertextBlob: wrong, EncryptionContext: { a: "b" } }), "InvalidCiphertextException",
      "",
    );
  }
});

test("regression 18: Decrypt takes the ciphertext's key only, and says so in AWS's words", async () => {
  const world = new World();
  const key = await world.key();
  const other = await world.key();
  await world.call("CreateAlias", { AliasName: "alias/key", TargetKeyId: key.KeyId });
  const { CiphertextBlob } = await world.call("Encrypt", { KeyId: "alias/key", Plaintext: text("x") });
  for (const KeyId of [key.KeyId, key.Arn, "alias/key", `arn:aws:kms:us-east-1:${HOME}:alias/key`]) {
    assert.deepEqual(bytes((await world.call("Decrypt", { CiphertextBlob, KeyId })).Plaintext), text("x"));
  }
  await fails(world.call("Decrypt", { CiphertextBlob, KeyId: other.KeyId }), "IncorrectKeyException", INCORRECT);
  await world.call("DisableKey", { KeyId: other.KeyId });
  await fails(world.call("Decrypt", { CiphertextBlob, KeyId: other.KeyId }), "IncorrectKeyException", INCORRECT);
  const reEncrypt = { CiphertextBlob, SourceKeyId: other.KeyId, DestinationKeyId: key.KeyId };
  await fails(world.call("ReEncrypt", reEncrypt), "IncorrectKeyException", INCORRECT);
  const algorithm = { KeyId: key.KeyId, EncryptionAlgorithm: "RSAES_OAEP_SHA_256" };
  const incompatible = "Algorithm RSAES_OAEP_SHA_256 is incompatible with key spec SYMMETRIC_DEFAULT.";
  await fails(world.call("Encrypt", { ...algorithm, Plaintext: text("x") }), "InvalidKeyUsageException", incompatible);
  await fails(world.call("Decrypt", { ...algorithm, CiphertextBlob }), "InvalidKeyUsageException", incompatible);
});

test("no oracle: a ciphertext's key that is gone, foreign, of another region or denied has one answer", async () => {
  const world = new World();
  const { KeyId } = await world.key({ Policy: document(DELEGATED, { ...allow(userArn("bob")), Effect: "Deny" }) });
  const { CiphertextBlob } = await world.call("Encrypt", { KeyId, Plaintext: text("x") });
  await fails(world.call("Decrypt", { CiphertextBlob }, { as: user("carol") }), "AccessDeniedException", HIDDEN);
  await fails(world.call("Decrypt", { CiphertextBlob }, { as: user("bob") }), "AccessDeniedException", HIDDEN);
  await fails(world.call("Decrypt", { CiphertextBlob }, { region: "eu-central-1" }), "AccessDeniedException", HIDDEN);
  const absent = bytes(CiphertextBlob);
  absent[5] = (absent[5] ?? 0) ^ 0xff;
  await fails(world.call("Decrypt", { CiphertextBlob: absent }), "AccessDeniedException", HIDDEN);
  await fails(world.call("ReEncrypt", { CiphertextBlob: absent, DestinationKeyId: KeyId }), "AccessDeniedException", HIDDEN);
  await fails(
    world.call("Decrypt", { CiphertextBlob, KeyId }, { as: user("bob") }), "AccessDeniedException",
    /^User: arn:.*:user\/bob is not authorized to perform: kms:Decrypt on resource: .* explicit deny in a resource-based policy$/,
  );
});

test("no oracle: ReEncrypt tells nothing of one key by way of the other", async () => {
  const world = new World();
  const { KeyId, Arn } = await world.key();
  const { CiphertextBlob } = await world.call("Encrypt", { KeyId, Plaintext: text("x") });
  const absent = bytes(CiphertextBlob);
  absent[5] = (absent[5] ?? 0) ^ 0xff;
  const stranger = { as: user("carol") };
  const own = await world.key({}, { as: root(AWAY) });
  const nowhere = "00000000-0000-4000-8000-000000000000";
  const said = async (input: object): Promise<string> =>
    world.call("ReEncrypt", input, stranger).then(() => "", (error: Error) => error.message.replaceAll(nowhere, KeyId));
  // The source is there or not, the destination cannot be.
  for (const DestinationKeyId of [nowhere, "alias/none", "nonsense", own.KeyId]) {
    assert.equal(await said({ CiphertextBlob, DestinationKeyId }), await said({ CiphertextBlob: absent, DestinationKeyId }));
    const named = { CiphertextBlob, SourceKeyId: Arn, DestinationKeyId };
    assert.equal(await said(named), await said({ ...named, SourceKeyId: Arn.replace(KeyId, nowhere) }));
  }
  // The destination is there or not, the source cannot be used.
  world.identities.set(userArn("carol"), document({ Effect: "Allow", Action: "kms:ReEncryptTo", Resource: "*" }));
  const mine = (await world.call("Encrypt", { KeyId: own.KeyId, Plaintext: text("x") }, { as: root(AWAY) })).CiphertextBlob;
  const to = { CiphertextBlob: mine, DestinationKeyId: Arn };
  assert.equal(await said(to), await said({ ...to, DestinationKeyId: Arn.replace(KeyId, nowhere) }));
});

test("ReEncrypt moves a ciphertext to another key and context without showing the plaintext", async () => {
  const world = new World();
  const from = await world.key();
  const to = await world.key();
  const { CiphertextBlob } = await world.call(
    "Encrypt",
    { KeyId: from.KeyId, Plaintext: text("x"), EncryptionContext: { a: "1" } },
  );
  const input = {
    CiphertextBlob, SourceEncryptionContext: { a: "1" }, DestinationKeyId: to.KeyId, DestinationEncryptionContext: { b: "2" },
  };
  const moved = await world.call("ReEncrypt", input);
  const { CiphertextBlob: blob, ...rest } = moved;
  assert.deepEqual(rest, {
    SourceKeyId: from.Arn, KeyId: to.Arn, SourceEncryptionAlgorithm: "SYMMETRIC_DEFAULT",
    DestinationEncryptionAlgorithm: "SYMMETRIC_DEFAULT",
    SourceKeyMaterialId: from.CurrentKeyMaterialId, DestinationKeyMaterialId: to.CurrentKeyMaterialId,
  });
  const opened = await world.call("Decrypt", { CiphertextBlob: blob, EncryptionContext: { b: "2" }, KeyId: to.Arn });
  assert.deepEqual(bytes(opened.Plaintext), text("x"));
  await fails(world.call("ReEncrypt", { ...input, SourceEncryptionContext: {} }), "InvalidCiphertextException", "");
  const policy = (action: string): string => document({ Effect: "Allow", Action: action, Resource: "*" });
  world.identities.set(userArn("bob"), policy("kms:ReEncryptFrom"));
  await fails(world.call("ReEncrypt", input, { as: user("bob") }), "AccessDeniedException", /kms:ReEncryptTo on resource/);
  world.identities.set(userArn("bob"), policy("kms:ReEncryptTo"));
  await fails(world.call("ReEncrypt", input, { as: user("bob") }), "AccessDeniedException", HIDDEN);
  await fails(
    world.call("ReEncrypt", { ...input, SourceKeyId: from.KeyId }, { as: user("bob") }), "AccessDeniedException",
    /kms:ReEncryptFrom on resource/,
  );
  world.identities.set(
    userArn("bob"),
    document(
      { Effect: "Allow", Action: "kms:ReEncrypt*", Resource: "*", Condition: { Bool: { "kms:ReEncryptOnSameKey": "true" } } },
    ),
  );
  await world.call("ReEncrypt", { ...input, DestinationKeyId: from.KeyId }, { as: user("bob") });
  await fails(world.call("ReEncrypt", input, { as: user("bob") }), "AccessDeniedException");
});

test("regression 21: DryRun checks everything and does nothing, on every operation that has it", async () => {
  const world = new World();
  const { KeyId } = await world.key();
  const { CiphertextBlob } = await world.call("Encrypt", { KeyId, Plaintext: text("x") });
  const grant = await world.call("CreateGrant", { KeyId, GranteePrincipal: userArn("bob"), Operations: ["Decrypt"] });
  const inputs = [
    ["Encrypt", { KeyId, Plaintext: text("x") }],
    ["Decrypt", { CiphertextBlob }],
    ["ReEncrypt", { CiphertextBlob, DestinationKeyId: KeyId }],
    ["GenerateDataKey", { KeyId, KeySpec: "AES_256" }],
    ["GenerateDataKeyWithoutPlaintext", { KeyId, KeySpec: "AES_256" }],
    ["CreateGrant", { KeyId, GranteePrincipal: userArn("alice"), Operations: ["Decrypt"] }],
    ["RevokeGrant", { KeyId, GrantId: grant.GrantId }],
    ["RetireGrant", { KeyId, GrantId: grant.GrantId }],
  ] as const;
  for (const [name, input] of inputs) {
    const would = "The request would have succeeded, but the DryRun option is set.";
    await fails(world.call(name, { ...input, DryRun: true }), "DryRunOperationException", would);
  }
  assert.equal((await world.call("ListGrants", { KeyId })).Grants?.length, 1);
  world.identities.set(userArn("alice"), document({ Effect: "Deny", Action: "*", Resource: "*" }));
  for (const [name, input] of inputs) {
    await fails(world.call(name, { ...input, DryRun: true }, { as: user("alice") }), "AccessDeniedException");
  }
  const ignore = { DryRun: true, DryRunModifiers: ["IGNORE_CIPHERTEXT"] };
  await fails(world.call("Decrypt", { KeyId, ...ignore }), "DryRunOperationException");
  await fails(world.call("ReEncrypt", { SourceKeyId: KeyId, DestinationKeyId: KeyId, ...ignore }), "DryRunOperationException");
  await fails(world.call("Decrypt", ignore), "ValidationException", /Value null at 'keyId'/);
  await fails(world.call("Decrypt", { KeyId, DryRunModifiers: ["IGNORE_CIPHERTEXT"] }), "ValidationException");
  await fails(world.call("Decrypt", { KeyId, DryRun: true }), "ValidationException", /Value null at 'ciphertextBlob'/);
  await world.call("DisableKey", { KeyId });
  for (const [name, input] of inputs.slice(0, 6)) await fails(world.call(name, { ...input, DryRun: true }), "DisabledException");
});

test("a key of another account works by ARN, when both sides allow", async () => {
  const world = new World();
  const key = await world.key(
    { Policy: document(DELEGATED, allow(rootArn(AWAY), ["kms:Encrypt", "kms:Decrypt", "kms:DescribeKey"])) },
  );
  await world.call("CreateAlias", { AliasName: "alias/shared", TargetKeyId: key.KeyId });
  const carol = { as: user("carol") };
  for (const KeyId of [key.Arn, `arn:aws:kms:us-east-1:${HOME}:alias/shared`]) {
    const { CiphertextBlob } = await world.call("Encrypt", { KeyId, Plaintext: text("x") }, carol);
    assert.deepEqual(bytes((await world.call("Decrypt", { CiphertextBlob }, carol)).Plaintext), text("x"));
  }
  await fails(
    world.call("Encrypt", { KeyId: key.KeyId, Plaintext: text("x") }, carol), "NotFoundException",
    `Key 'arn:aws:kms:us-east-1:${AWAY}:key/${key.KeyId}' does not exist`,
  );
  await fails(
    world.call("Encrypt", { KeyId: "alias/shared", Plaintext: text("x") }, carol), "NotFoundException",
    `Alias arn:aws:kms:us-east-1:${AWAY}:alias/shared is not found.`,
  );
  const hidden = new RegExp(
    "^User: arn:aws:iam::444455556666:user/carol is not authorized to perform: kms:\\w+ on this resource because the resource " +
      "does not exist in this Region, no resource-based policies allow access, or a resource-based policy explicitly denies " +
      "access$",
  );
  const KeyId = key.Arn;
  await fails(world.call("GenerateDataKey", { KeyId, KeySpec: "AES_256" }, carol), "AccessDeniedException", hidden);
  await fails(world.call("DisableKey", { KeyId }, carol), "AccessDeniedException", hidden);
  await fails(
    world.call(
      "Encrypt",
      { KeyId: key.Arn.replace(key.KeyId, "00000000-0000-4000-8000-000000000000"), Plaintext: text("x") },
      carol,
    ),
    "AccessDeniedException", hidden,
  );
  await fails(
    world.call("Encrypt", { KeyId: `arn:aws:kms:us-east-1:${HOME}:alias/absent`, Plaintext: text("x") }, carol),
    "AccessDeniedException", hidden,
  );
  world.identities.set(userArn("carol"), document({ Effect: "Allow", Action: "s3:*", Resource: "*" }));
  await fails(world.call("Encrypt", { KeyId, Plaintext: text("x") }, carol), "AccessDeniedException", hidden);
  await world.call("Encrypt", { KeyId, Plaintext: text("x") }, { as: root(AWAY) });
});

test("audit: parameters as sent, material id, resources; never a blob, plaintext or grant token", async () => {
  const world = new World();
  const { KeyId, Arn, CurrentKeyMaterialId } = await world.key();
  await world.call("CreateAlias", { AliasName: "alias/a", TargetKeyId: KeyId });
  const grant = await world.call("CreateGrant", { KeyId, GranteePrincipal: userArn("bob"), Operations: ["Decrypt"] });
  world.audit.length = 0;
  const context = { Department: "Engineering" };
  const secret = "5ecret-plaintext";
  const { CiphertextBlob } = await world.call(
    "Encrypt",
    { KeyId: "alias/a", Plaintext: text(secret), EncryptionContext: context, GrantTokens: [grant.GrantToken] },
  );
  await world.call("Decrypt", { CiphertextBlob, EncryptionContext: context });
  await world.call("GenerateDataKey", { KeyId: Arn, NumberOfBytes: 32 });
  await world.call("ReEncrypt", { CiphertextBlob, SourceEncryptionContext: context, DestinationKeyId: KeyId });
  const parameters = world.audit.map((record) => record["requestParameters"]);
  assert.deepEqual(parameters, [
    { encryptionAlgorithm: "SYMMETRIC_DEFAULT", keyId: "alias/a", encryptionContext: context },
    { encryptionAlgorithm: "SYMMETRIC_DEFAULT", encryptionContext: context },
    { keyId: Arn, numberOfBytes: 32 },
    {
      sourceEncryptionAlgorithm: "SYMMETRIC_DEFAULT", sourceEncryptionContext: context, destinationKeyId: KeyId,
      destinationEncryptionAlgorithm: "SYMMETRIC_DEFAULT",
    },
  ]);
  const resource = { ARN: Arn, accountId: HOME, type: "AWS::KMS::Key" };
  assert.deepEqual(world.audit.map((record) => record["resources"]), [[resource], [resource], [resource], [resource, resource]]);
  for (const record of world.audit) assert.deepEqual([record["readOnly"], record["responseElements"]], [true, null]);
  assert.deepEqual(world.audit[1]?.["additionalEventData"], { keyMaterialId: CurrentKeyMaterialId });
  const log = JSON.stringify(world.audit);
  for (const hidden of [
    secret, text(secret).toString("base64"), bytes(CiphertextBlob).toString("base64"), grant.GrantToken ?? "",
  ]) {
    assert.equal(log.includes(hidden), false);
  }
});
