import assert from "node:assert/strict";
import { test } from "node:test";
import { AWAY, allow, bytes, DELEGATED, document, fails, HOME, root, rootArn, text, user, userArn, World } from "./support.js";

const LOCKOUT = "The new key policy will not allow you to update the key policy in the future.";
const PRINCIPALS = "Policy contains a statement with one or more invalid principals.";

test("a key policy is evaluated: IAM alone gives nothing, the policy alone is enough, a deny wins", async () => {
  const world = new World();
  const alice = { as: user("alice") };
  const bob = { as: user("bob") };
  const { KeyId } = await world.key({ Policy: document(allow(userArn("alice"))) }, alice);
  const encrypt = (as: object): Promise<unknown> => world.call("Encrypt", { KeyId, Plaintext: text("x") }, as);
  world.identities.set(userArn("alice"), document({ Effect: "Allow", Action: "s3:*", Resource: "*" }));
  await encrypt(alice);
  await fails(encrypt(bob), "AccessDeniedException", /because no resource-based policy allows the kms:Encrypt action$/);
  await fails(encrypt({ as: root() }), "AccessDeniedException", /because no resource-based policy allows/);
  world.identities.set(userArn("alice"), document({ Effect: "Deny", Action: "kms:Encrypt", Resource: "*" }));
  await fails(encrypt(alice), "AccessDeniedException", /with an explicit deny in an identity-based policy$/);
});

test("the default policy lets the account decide by IAM", async () => {
  const world = new World();
  const { KeyId, Arn } = await world.key();
  const { Policy, PolicyName } = await world.call("GetKeyPolicy", { KeyId });
  assert.equal(PolicyName, "default");
  assert.deepEqual(JSON.parse(Policy ?? ""), {
    Version: "2012-10-17", Id: "key-default-1",
    Statement: [
      { Sid: "Enable IAM User Permissions", Effect: "Allow", Principal: { AWS: rootArn(HOME) }, Action: "kms:*", Resource: "*" },
    ],
  });
  world.identities.set(userArn("bob"), document({ Effect: "Allow", Action: "kms:Decrypt", Resource: Arn }));
  await fails(
    world.call("Encrypt", { KeyId, Plaintext: text("x") }, { as: user("bob") }), "AccessDeniedException",
    `User: ${userArn("bob")} is not authorized to perform: kms:Encrypt on resource: ${Arn} because no identity-based policy ` +
      "allows the kms:Encrypt action",
  );
  const { CiphertextBlob } = await world.call("Encrypt", { KeyId, Plaintext: text("x") });
  await world.call("Decrypt", { CiphertextBlob }, { as: user("bob") });
});

test("regression 14: lock-out check and principal check", async () => {
  const world = new World();
  const alice = { as: user("alice") };
  const create = (Policy: string, more: object = {}): Promise<unknown> => world.call("CreateKey", { Policy, ...more }, alice);
  await fails(create(document(allow(userArn("bob")))), "MalformedPolicyDocumentException", LOCKOUT);
  await fails(create(document(allow(userArn("alice"), "kms:Encrypt"))), "MalformedPolicyDocumentException", LOCKOUT);
  await fails(
    create(document(DELEGATED, { ...allow(userArn("alice"), "kms:PutKeyPolicy"), Effect: "Deny" })),
    "MalformedPolicyDocumentException", LOCKOUT,
  );
  await create(document(allow(userArn("bob"))), { BypassPolicyLockoutSafetyCheck: true });
  await create(document(DELEGATED));
  await create(document(allow(userArn("alice"), "kms:Put*")));
  // Delegation is enough, whatever IAM says today.
  world.identities.set(userArn("alice"), document({ Effect: "Allow", Action: "kms:CreateKey", Resource: "*" }));
  await create(document(DELEGATED));
  for (const principal of [
    "arn:aws:iam::111122223333:user/nobody", "arn:aws:iam::999999999999:root", "AIDANOBODYNOBODYNOB22",
    "arn:aws:iam::111122223333:user/*", "bob",
  ]) {
    await fails(create(document(DELEGATED, allow(principal))), "MalformedPolicyDocumentException", PRINCIPALS);
  }
  for (const broken of [
    "{", "[]", "x", document({ Effect: "Allow", Action: "kms:*", Resource: "*" }),
    document({ ...DELEGATED, Effect: "allow" }),
  ]) {
    await fails(create(broken), "MalformedPolicyDocumentException");
  }
  await fails(create(""), "ValidationException", /at 'policy'/);
  await fails(create(document(DELEGATED, { ...DELEGATED, Sid: "x".repeat(33_000) })), "LimitExceededException");
});

test("PutKeyPolicy takes effect at once; GetKeyPolicy gives the text back byte for byte; only `default` exists", async () => {
  const world = new World();
  const { KeyId } = await world.key();
  const principals = `{"AWS":["${userArn("bob")}","${AWAY}"]}`;
  const deny = `{"Sid":"r\\u00e9sum\\u00e9","Effect":"Deny","Principal":${principals},"Action":"kms:Encrypt","Resource":"*"}`;
  const given = `{ "Version":"2012-10-17",\n\t"Statement" : [ ${JSON.stringify(DELEGATED)},\r\n ${deny}] }`;
  await world.call("Encrypt", { KeyId, Plaintext: text("x") }, { as: user("bob") });
  await world.call("PutKeyPolicy", { KeyId, Policy: given, PolicyName: "default" });
  assert.equal((await world.call("GetKeyPolicy", { KeyId, PolicyName: "default" })).Policy, given);
  await fails(
    world.call("Encrypt", { KeyId, Plaintext: text("x") }, { as: user("bob") }), "AccessDeniedException",
    /explicit deny in a resource-based policy$/,
  );
  await fails(
    world.call("PutKeyPolicy", { KeyId, Policy: given, PolicyName: "other" }), "NotFoundException",
    "No such policy exists",
  );
  await fails(world.call("GetKeyPolicy", { KeyId, PolicyName: "other" }), "NotFoundException", "No such policy exists");
  await fails(
    world.call("PutKeyPolicy", { KeyId, Policy: document(allow(userArn("alice"))) }), "MalformedPolicyDocumentException",
    LOCKOUT,
  );
  await world.call("PutKeyPolicy", { KeyId, Policy: document(allow(userArn("alice"))), BypassPolicyLockoutSafetyCheck: true });
  await fails(world.call("PutKeyPolicy", { KeyId, Policy: given }), "AccessDeniedException");
  await world.call(
    "PutKeyPolicy",
    { KeyId, Policy: document(DELEGATED), BypassPolicyLockoutSafetyCheck: true }, { as: user("alice") },
  );
});

test("attack 50: a deleted principal shows as its unique id, and a namesake made later is a stranger", async () => {
  const world = new World();
  const { KeyId } = await world.key({ Policy: document(DELEGATED, allow(userArn("bob"), "kms:Encrypt")) });
  world.deleted.add("bob");
  const { Policy } = await world.call("GetKeyPolicy", { KeyId });
  assert.equal(Policy, document(DELEGATED, allow("AIDABOBBOBBOBBOBBOB22", "kms:Encrypt")));
  world.identities.set(userArn("bob"), document({ Effect: "Allow", Action: "s3:*", Resource: "*" }));
  const namesake = { ...user("bob"), userId: "AIDAOTHEROTHEROTHER22", uniqueId: "AIDAOTHEROTHEROTHER22" };
  await fails(world.call("Encrypt", { KeyId, Plaintext: text("x") }, { as: namesake }), "AccessDeniedException");
});

test("condition keys of cryptographic calls", async () => {
  const world = new World();
  const { KeyId } = await world.key();
  const may = (condition: object): void => {
    world.identities.set(userArn("bob"), document({ Effect: "Allow", Action: "kms:*", Resource: "*", Condition: condition }));
  };
  const encrypt = (EncryptionContext?: object, options: object = {}): Promise<unknown> =>
    world.call(
      "Encrypt",
      { KeyId, Plaintext: text("x"), ...(EncryptionContext === undefined ? {} : { EncryptionContext }) },
      { as: user("bob"), ...options },
    );
  const allowed = async (condition: object, context?: object, options: object = {}): Promise<void> => {
    may(condition);
    await encrypt(context, options);
  };
  const denied = async (condition: object, context?: object, options: object = {}): Promise<void> => {
    may(condition);
    await fails(encrypt(context, options), "AccessDeniedException");
  };
  const pair = { StringEquals: { "kms:EncryptionContext:app": "x" } };
  await allowed(pair, { app: "x", other: "y" });
  await denied(pair, { app: "X" });
  await denied(pair);
  await denied(pair, { app: "x", APP: "evil" });
  await allowed({ "ForAllValues:StringEquals": { "kms:EncryptionContextKeys": ["app"] } }, { app: "x" });
  await denied({ "ForAllValues:StringEquals": { "kms:EncryptionContextKeys": ["app"] } }, { app: "x", more: "y" });
  await allowed({ Null: { "kms:EncryptionContextKeys": "true" } });
  await denied({ Null: { "kms:EncryptionContextKeys": "true" } }, { a: "b" });
  await allowed({ StringEquals: { "kms:CallerAccount": HOME } });
  await denied({ StringEquals: { "kms:CallerAccount": AWAY } });
  await allowed(
    {
      StringEquals: {
        "kms:EncryptionAlgorithm": "SYMMETRIC_DEFAULT", "kms:KeySpec": "SYMMETRIC_DEFAULT", "kms:KeyUsage": "ENCRYPT_DECRYPT",
        "kms:KeyOrigin": "AWS_KMS",
      },
      Bool: { "kms:MultiRegion": "false" },
    },
  );
  await denied({ StringEquals: { "kms:KeySpec": "RSA_2048" } });
});

test("attack 55: kms:ViaService is S3's word alone", async () => {
  const world = new World();
  const { KeyId } = await world.key();
  const viaS3 = { Condition: { StringEquals: { "kms:ViaService": "s3.us-east-1.amazonaws.com" } } };
  world.identities.set(userArn("bob"), document({ Effect: "Allow", Action: "kms:*", Resource: "*", ...viaS3 }));
  const input = { KeyId, Plaintext: text("x"), EncryptionContext: { "kms:ViaService": "s3.us-east-1.amazonaws.com" } };
  await fails(world.call("Encrypt", input, { as: user("bob") }), "AccessDeniedException");
  await world.call("Encrypt", input, { as: user("bob"), viaS3: true });
});

test("condition keys of administration", async () => {
  const world = new World();
  const { KeyId } = await world.key();
  const bob = { as: user("bob") };
  const may = (condition: object): void => {
    world.identities.set(userArn("bob"), document({ Effect: "Allow", Action: "kms:*", Resource: "*", Condition: condition }));
  };
  may({ NumericGreaterThanEquals: { "kms:ScheduleKeyDeletionPendingWindowInDays": "14" } });
  await fails(world.call("ScheduleKeyDeletion", { KeyId, PendingWindowInDays: 13 }, bob), "AccessDeniedException");
  await world.call("ScheduleKeyDeletion", { KeyId, PendingWindowInDays: 14 }, bob);
  await world.call("CancelKeyDeletion", { KeyId });
  await world.call("EnableKey", { KeyId });
  may({ NumericLessThanEquals: { "kms:RotationPeriodInDays": "180" } });
  await fails(world.call("EnableKeyRotation", { KeyId, RotationPeriodInDays: 181 }, bob), "AccessDeniedException");
  await world.call("EnableKeyRotation", { KeyId, RotationPeriodInDays: 180 }, bob);
  may({ Bool: { "kms:BypassPolicyLockoutSafetyCheck": "false" } });
  await fails(world.call("CreateKey", { BypassPolicyLockoutSafetyCheck: true }, bob), "AccessDeniedException");
  await world.call("CreateKey", {}, bob);
  may({ "ForAllValues:StringEquals": { "kms:GrantOperations": ["Decrypt"] } });
  const grant = { KeyId, GranteePrincipal: userArn("alice") };
  await fails(world.call("CreateGrant", { ...grant, Operations: ["Decrypt", "Encrypt"] }, bob), "AccessDeniedException");
  await world.call("CreateGrant", { ...grant, Operations: ["Decrypt"] }, bob);
  may({ StringEquals: { "kms:GranteePrincipal": userArn("alice") }, Bool: { "kms:GrantIsForAWSResource": "true" } });
  await fails(world.call("CreateGrant", { ...grant, Operations: ["Decrypt"] }, bob), "AccessDeniedException");
  await world.call("CreateGrant", { ...grant, Operations: ["Decrypt"] }, { ...bob, viaS3: true });
  may({ StringEquals: { "aws:RequestTag/team": "a" }, "ForAllValues:StringEquals": { "aws:TagKeys": ["team"] } });
  await fails(world.call("TagResource", { KeyId, Tags: [{ TagKey: "team", TagValue: "b" }] }, bob), "AccessDeniedException");
  await world.call("TagResource", { KeyId, Tags: [{ TagKey: "team", TagValue: "a" }] }, bob);
});

test("a decision is made again when the policy changes under a change", async () => {
  const world = new World();
  const { KeyId } = await world.key({ Policy: document(DELEGATED) });
  // Both read the key before either writes: the second must see that bob has lost his right.
  const deny = world.call("PutKeyPolicy", { KeyId, Policy: document(DELEGATED, { ...allow(userArn("bob")), Effect: "Deny" }) });
  const change = world.call("UpdateKeyDescription", { KeyId, Description: "by bob" }, { as: user("bob") });
  const [, changed] = await Promise.allSettled([deny, change]);
  const { KeyMetadata } = await world.call("DescribeKey", { KeyId });
  assert.equal(KeyMetadata?.Description === "by bob", changed.status === "fulfilled");
  await fails(world.call("UpdateKeyDescription", { KeyId, Description: "again" }, { as: user("bob") }), "AccessDeniedException");
});

test("root of another account named in the policy may use the key", async () => {
  const world = new World();
  const { Arn } = await world.key({ Policy: document(DELEGATED, allow({ AWS: AWAY }, "kms:Encrypt")) });
  const sealed = await world.call("Encrypt", { KeyId: Arn, Plaintext: text("x") }, { as: root(AWAY) });
  assert.equal(bytes(sealed.CiphertextBlob).length, 134);
});
