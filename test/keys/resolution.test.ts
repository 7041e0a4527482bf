import assert from "node:assert/strict";
import { test } from "node:test";
import { resolveKeyArn } from "../../src/keys/key-names.js";
import { AWAY, allow, DELEGATED, document, fails, HOME, root, text, user, userArn, World } from "./support.js";
import type { OperationName } from "./support.js";

test("regression 27: identifiers that are no key id, ARN or alias name", async () => {
  const world = new World();
  await world.key();
  const encrypt = (KeyId: string): Promise<unknown> => world.call("Encrypt", { KeyId, Plaintext: text("x") });
  for (const id of [
    "fake-key-id", "aws/s3", "alias/", "1234abcd12ab34cd56ef1234567890ab", "mrk-fake",
    "00000000-0000-4000-8000-00000000000G", "ALIAS/x",
  ]) {
    await fails(encrypt(id), "NotFoundException", `Invalid keyId '${id}'`);
  }
  const absent = "00000000-0000-4000-8000-000000000000";
  const missing = `Key 'arn:aws:kms:us-east-1:${HOME}:key/${absent}' does not exist`;
  await fails(encrypt(absent), "NotFoundException", missing);
  await fails(encrypt(`arn:aws:kms:us-east-1:${HOME}:key/${absent}`), "NotFoundException", missing);
  await fails(
    encrypt("mrk-00000000000040008000000000000000"), "NotFoundException",
    /^Key 'arn:.*:key\/mrk-0+40008000000000000000' does not exist$/,
  );
  await fails(encrypt(`arn:aws:kms:eu-west-1:${HOME}:key/${absent}`), "NotFoundException", "Invalid arn eu-west-1");
  await fails(encrypt(`arn:aws:kms:eu-west-1:${HOME}:alias/x`), "NotFoundException", "Invalid arn eu-west-1");
  await fails(encrypt("alias/x"), "NotFoundException", `Alias arn:aws:kms:us-east-1:${HOME}:alias/x is not found.`);
  await fails(encrypt(""), "ValidationException", /at 'keyId'.*length greater than or equal to 1$/);
  await fails(encrypt("x".repeat(2049)), "ValidationException", /less than or equal to 2048$/);
  await fails(
    world.call("Encrypt", { Plaintext: text("x") }), "ValidationException",
    "1 validation error detected: Value null at 'keyId' failed to satisfy constraint: Member must not be null",
  );
  await fails(
    world.call("Encrypt", {}), "ValidationException",
    /^2 validation errors detected: Value null at 'keyId' .*; Value null at 'plaintext' /,
  );
  await fails(world.call("DescribeKey", { KeyId: "arn:aws:kms:us-east-1:nonsense:key/x" }), "InvalidArnException");
  await fails(encrypt("arn:aws:s3:::bucket"), "NotFoundException");
});

test("a name that no alias or grant can have is absent, however long or strange it is", async () => {
  const world = new World();
  const { KeyId } = await world.key();
  for (const name of [`alias/${"a".repeat(1950)}`, `alias/${"a".repeat(251)}`, "alias/\ud800", "alias/\u00e9", "alias/a b"]) {
    const arn = `arn:aws:kms:us-east-1:${HOME}:${name}`;
    for (const id of [name, arn]) {
      await fails(world.call("DescribeKey", { KeyId: id }), "NotFoundException", `Alias ${arn} is not found.`);
    }
    const foreign = `arn:aws:kms:us-east-1:${AWAY}:${name}`;
    await fails(world.call("DescribeKey", { KeyId: foreign }), "AccessDeniedException");
    assert.equal(await resolveKeyArn(world.kms, { region: "us-east-1", account: HOME, keyId: name }), undefined);
  }
  for (const GrantId of ["\ud800", "x".repeat(128), "F".repeat(64)]) {
    await fails(world.call("RevokeGrant", { KeyId, GrantId }), "NotFoundException", `Grant ID ${GrantId} not found`);
    assert.deepEqual((await world.call("ListGrants", { KeyId, GrantId })).Grants, []);
  }
});

test("aliases stand for keys only where AWS accepts them", async () => {
  const world = new World();
  const { KeyId, Arn } = await world.key();
  await world.call("CreateAlias", { AliasName: "alias/a", TargetKeyId: Arn });
  for (const id of ["alias/a", `arn:aws:kms:us-east-1:${HOME}:alias/a`]) {
    assert.equal((await world.call("DescribeKey", { KeyId: id })).KeyMetadata?.KeyId, KeyId);
    const noAlias: readonly (readonly [OperationName, object])[] = [
      ["DisableKey", {}], ["GetKeyPolicy", {}], ["ListGrants", {}], ["ScheduleKeyDeletion", {}], ["ListAliases", {}],
      ["CreateGrant", { GranteePrincipal: userArn("bob"), Operations: ["Decrypt"] }], ["TagResource", { Tags: [] }],
    ];
    for (const [name, input] of noAlias) {
      await fails(world.call(name, { ...input, KeyId: id }), id.startsWith("arn:") ? "InvalidArnException" : "NotFoundException");
    }
    await fails(world.call("CreateAlias", { AliasName: "alias/b", TargetKeyId: id }), "NotFoundException");
  }
});

test("CreateKey refuses what is not served, in AWS's words where AWS would refuse it too", async () => {
  const world = new World();
  const create = (input: object): Promise<unknown> => world.call("CreateKey", input);
  await fails(
    create({ KeySpec: "RSA_2048" }), "ValidationException",
    "You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys.",
  );
  await fails(
    create({ KeySpec: "RSA_2048", KeyUsage: "KEY_AGREEMENT" }), "ValidationException",
    "KeyUsage KEY_AGREEMENT is not compatible with KeySpec RSA_2048",
  );
  await fails(
    create({ KeyUsage: "SIGN_VERIFY" }), "ValidationException",
    "KeyUsage SIGN_VERIFY is not compatible with KeySpec SYMMETRIC_DEFAULT",
  );
  await fails(create({ KeySpec: "AES_256" }), "ValidationException", /at 'keySpec'.*Member must satisfy enum value set: \[/);
  await fails(create({ KeySpec: "SYMMETRIC_DEFAULT", CustomerMasterKeySpec: "SYMMETRIC_DEFAULT" }), "ValidationException");
  for (const input of [
    { KeySpec: "RSA_2048", KeyUsage: "ENCRYPT_DECRYPT" }, { KeySpec: "HMAC_256", KeyUsage: "GENERATE_VERIFY_MAC" }, {
      Origin: "EXTERNAL",
    },
    { Origin: "AWS_CLOUDHSM", CustomKeyStoreId: "cks-1" }, { MultiRegion: true }, { CustomKeyStoreId: "cks-1" },
  ]) {
    await fails(create(input), "UnsupportedOperationException");
  }
  await create({ KeySpec: "SYMMETRIC_DEFAULT", KeyUsage: "ENCRYPT_DECRYPT", Origin: "AWS_KMS", MultiRegion: false });
});

test("keys are of an account and a region", async () => {
  const world = new World();
  const { KeyId } = await world.key();
  await world.call("CreateAlias", { AliasName: "alias/a", TargetKeyId: KeyId });
  await fails(world.call("DescribeKey", { KeyId }, { region: "eu-central-1" }), "NotFoundException", /eu-central-1/);
  await fails(
    world.call("DescribeKey", { KeyId }, { as: root(AWAY) }), "NotFoundException",
    `Key 'arn:aws:kms:us-east-1:${AWAY}:key/${KeyId}' does not exist`,
  );
  for (const where of [{ region: "eu-central-1" }, { as: root(AWAY) }]) {
    assert.deepEqual((await world.call("ListKeys", {}, where)).Keys, []);
    const other = await world.key({}, where);
    await world.call("CreateAlias", { AliasName: "alias/a", TargetKeyId: other.KeyId }, where);
    assert.equal((await world.call("DescribeKey", { KeyId: "alias/a" }, where)).KeyMetadata?.KeyId, other.KeyId);
  }
  assert.equal((await world.call("DescribeKey", { KeyId: "alias/a" })).KeyMetadata?.KeyId, KeyId);
});

test("tags: AWS's rules and texts; they count in conditions at once", async () => {
  const world = new World();
  const tag = (TagKey: string, TagValue = ""): object => ({ TagKey, TagValue });
  const { KeyId } = await world.key({ Tags: [tag("b", "1"), tag("a")] });
  const tags = async (): Promise<unknown> => (await world.call("ListResourceTags", { KeyId })).Tags;
  assert.deepEqual(await tags(), [tag("a"), tag("b", "1")]);
  await world.call("TagResource", { KeyId, Tags: [tag("b", "2"), tag("B", "3")] });
  assert.deepEqual(await tags(), [tag("B", "3"), tag("a"), tag("b", "2")]);
  await world.call("UntagResource", { KeyId, TagKeys: ["a", "absent"] });
  assert.deepEqual(await tags(), [tag("B", "3"), tag("b", "2")]);
  const put = (...Tags: object[]): Promise<unknown> => world.call("TagResource", { KeyId, Tags });
  await fails(put(tag("x"), tag("x")), "TagException", "Duplicate tag keys");
  for (const name of ["aws:x", "AWS:x", "Aws:"]) await fails(
    put(tag(name)), "TagException", "Tags beginning with aws: are reserved",
  );
  await fails(put(tag("")), "ValidationException", /at 'tags\.1\.member\.tagKey'/);
  await fails(put(tag("x".repeat(129))), "ValidationException");
  await put(...Array.from({ length: 48 }, (_, i) => tag(`n${i}`)));
  await fails(put(tag("one more")), "TagException", "Too many tags");
  await fails(
    world.call("CreateKey", { Tags: Array.from({ length: 51 }, (_, i) => tag(`n${i}`)) }), "TagException",
    "Too many tags",
  );
  assert.equal((await world.call("ListResourceTags", { KeyId })).Tags?.length, 50);

  const condition = { Condition: { StringEquals: { "aws:ResourceTag/n7": "2" } } };
  world.identities.set(userArn("alice"), document({ Effect: "Allow", Action: "kms:*", Resource: "*", ...condition }));
  await fails(world.call("Encrypt", { KeyId, Plaintext: text("x") }, { as: user("alice") }), "AccessDeniedException");
  await put(tag("n7", "2"));
  await world.call("Encrypt", { KeyId, Plaintext: text("x") }, { as: user("alice") });
  // A second tag that differs in case only makes the condition ambiguous: it must not open anything.
  await world.call("UntagResource", { KeyId, TagKeys: ["n8"] });
  await put(tag("N7", "9"));
  await fails(world.call("Encrypt", { KeyId, Plaintext: text("x") }, { as: user("alice") }), "AccessDeniedException");
  world.identities.set(userArn("alice"), document({ Effect: "Allow", Action: "kms:CreateKey", Resource: "*" }));
  await world.call("CreateKey", {}, { as: user("alice") });
  await fails(world.call("CreateKey", { Tags: [tag("a")] }, { as: user("alice") }), "AccessDeniedException", /kms:TagResource/);
});

test("regression 15: alias operations need the permission on the alias and on the key", async () => {
  const world = new World();
  const alice = { as: user("alice") };
  const { KeyId, Arn } = await world.key();
  const other = await world.key();
  const alias = `arn:aws:kms:us-east-1:${HOME}:alias/a`;
  const input = { AliasName: "alias/a", TargetKeyId: KeyId };
  const may = (...Resource: string[]): void => {
    world.identities.set(userArn("alice"), document({ Effect: "Allow", Action: "kms:*", Resource }));
  };
  may(Arn);
  await fails(world.call("CreateAlias", input, alice), "AccessDeniedException", /alias\/a/);
  may(alias);
  await fails(world.call("CreateAlias", input, alice), "AccessDeniedException", /key\//);
  may(alias, Arn);
  await world.call("CreateAlias", input, alice);
  await fails(world.call("UpdateAlias", { AliasName: "alias/a", TargetKeyId: other.KeyId }, alice), "AccessDeniedException");
  may(alias, other.Arn);
  await fails(world.call("UpdateAlias", { AliasName: "alias/a", TargetKeyId: other.KeyId }, alice), "AccessDeniedException");
  may(alias, Arn, other.Arn);
  await world.call("UpdateAlias", { AliasName: "alias/a", TargetKeyId: other.KeyId }, alice);
  may(alias, Arn);
  await fails(world.call("DeleteAlias", { AliasName: "alias/a" }, alice), "AccessDeniedException");
  may(other.Arn);
  await fails(world.call("DeleteAlias", { AliasName: "alias/a" }, alice), "AccessDeniedException");
  may(alias, other.Arn);
  await world.call("DeleteAlias", { AliasName: "alias/a" }, alice);
});

test("aliases: names, limits, dates, the set of a key's aliases", async () => {
  const world = new World();
  const { KeyId } = await world.key();
  const other = await world.key();
  const create = (AliasName: string, TargetKeyId = KeyId): Promise<unknown> => world.call(
    "CreateAlias", { AliasName, TargetKeyId },
  );
  await fails(
    create("x"), "ValidationException",
    'Alias must start with the prefix "alias/". Please see https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html',
  );
  await fails(create("alias/ü"), "ValidationException", /at 'aliasName'.*regular expression pattern: \^\[a-zA-Z0-9:\/_-\]\+\$$/);
  await fails(create("alias/"), "ValidationException");
  await fails(create("alias/aws/mine"), "NotAuthorizedException", "");
  await fails(world.call("DeleteAlias", { AliasName: "alias/absent" }), "NotFoundException", /alias\/absent is not found\.$/);
  await fails(
    world.call("UpdateAlias", { AliasName: "alias/absent", TargetKeyId: KeyId }), "NotFoundException",
    /alias\/absent is not found\.$/,
  );
  await create("alias/a");
  await fails(
    create("alias/a"), "AlreadyExistsException",
    `An alias with the name arn:aws:kms:us-east-1:${HOME}:alias/a already exists`,
  );
  const created = new Date(world.clock.now());
  world.clock.advance(1000);
  await world.call("UpdateAlias", { AliasName: "alias/a", TargetKeyId: other.KeyId });
  const { Aliases } = await world.call("ListAliases", { KeyId: other.KeyId });
  assert.deepEqual(Aliases, [{
    AliasName: "alias/a", AliasArn: `arn:aws:kms:us-east-1:${HOME}:alias/a`, TargetKeyId: other.KeyId, CreationDate: created,
    LastUpdatedDate: new Date(world.clock.now()),
  }]);
  assert.deepEqual((await world.call("ListAliases", { KeyId })).Aliases, []);
  for (let i = 0; i < 50; i++) await create(`alias/n${i}`);
  await fails(create("alias/n50"), "LimitExceededException");
  await fails(world.call("UpdateAlias", { AliasName: "alias/a", TargetKeyId: KeyId }), "LimitExceededException");
  await world.call("DeleteAlias", { AliasName: "alias/n0" });
  await create("alias/n50");
});

test("kms:RequestAlias and kms:ResourceAliases", async () => {
  const world = new World();
  const bob = { as: user("bob") };
  const byAlias = allow(userArn("bob"), "kms:Encrypt", { Condition: { StringEquals: { "kms:RequestAlias": "alias/a" } } });
  const { KeyId, Arn } = await world.key({ Policy: document(allow(`arn:aws:iam::${HOME}:root`), byAlias) });
  await world.call("CreateAlias", { AliasName: "alias/a", TargetKeyId: KeyId });
  world.identities.set(userArn("bob"), document({ Effect: "Deny", Action: "kms:Decrypt", Resource: "*" }));
  for (const id of ["alias/a", `arn:aws:kms:us-east-1:${HOME}:alias/a`]) await world.call(
    "Encrypt", { KeyId: id, Plaintext: text("x") }, bob,
  );
  for (const id of [KeyId, Arn]) await fails(
    world.call("Encrypt", { KeyId: id, Plaintext: text("x") }, bob), "AccessDeniedException",
  );
  const resourceAlias = { Condition: { "ForAnyValue:StringEquals": { "kms:ResourceAliases": "alias/b" } } };
  world.identities.set(userArn("alice"), document({ Effect: "Allow", Action: "kms:*", Resource: "*", ...resourceAlias }));
  await fails(world.call("Encrypt", { KeyId, Plaintext: text("x") }, { as: user("alice") }), "AccessDeniedException");
  await world.call("CreateAlias", { AliasName: "alias/b", TargetKeyId: KeyId });
  await world.call("Encrypt", { KeyId, Plaintext: text("x") }, { as: user("alice") });
});

test("regression 30: pages follow each other, markers are bound to their list and cannot be made up", async () => {
  const world = new World();
  const keys: string[] = [];
  for (let i = 0; i < 5; i++) keys.push((await world.key()).KeyId);
  keys.sort();
  const [KeyId = "", second = ""] = keys;
  const seen: (string | undefined)[] = [];
  let Marker: string | undefined;
  do {
    const page = await world.call("ListKeys", { Limit: 2, ...(Marker === undefined ? {} : { Marker }) });
    assert.equal(page.Truncated, page.NextMarker !== undefined);
    seen.push(...(page.Keys ?? []).map((key) => key.KeyId));
    Marker = page.NextMarker;
  } while (Marker !== undefined);
  assert.deepEqual(seen, keys);
  assert.equal((await world.call("ListKeys", { Limit: 5 })).Truncated, false);
  assert.equal((await world.call("ListKeys", { Limit: 4 })).Truncated, true);

  for (let i = 0; i < 4; i++) await world.call("CreateAlias", { AliasName: `alias/${"ayzb"[i]}`, TargetKeyId: KeyId });
  const names: (string | undefined)[] = [];
  do {
    const page: { Aliases?: readonly { AliasName?: string | undefined }[] | undefined; NextMarker?: string | undefined } =
      await world.call("ListAliases", { Limit: 1, ...(Marker === undefined ? {} : { Marker }) });
    names.push(...(page.Aliases ?? []).map((alias) => alias.AliasName));
    Marker = page.NextMarker;
  } while (Marker !== undefined);
  assert.deepEqual(names, ["alias/a", "alias/aws/s3", "alias/b", "alias/y", "alias/z"]);

  const { NextMarker: genuine = "" } = await world.call("ListAliases", { Limit: 1 });
  const altered = `${genuine.startsWith("A") ? "B" : "A"}${genuine.slice(1)}`;
  for (const wrong of ["x", "!", genuine.slice(0, -1), `${genuine}A`, altered]) {
    await fails(world.call("ListAliases", { Marker: wrong }), "InvalidMarkerException");
  }
  await fails(world.call("ListKeys", { Marker: genuine }), "InvalidMarkerException");
  await fails(world.call("ListAliases", { Marker: genuine, KeyId: second }), "InvalidMarkerException");
  await fails(world.call("ListAliases", { Marker: genuine }, { region: "eu-central-1" }), "InvalidMarkerException");
  await fails(world.call("ListAliases", { Marker: genuine }, { as: root(AWAY) }), "InvalidMarkerException");
  await fails(world.call("ListKeyPolicies", { KeyId, Marker: genuine }), "InvalidMarkerException");
  await fails(world.call("ListResourceTags", { KeyId, Marker: genuine }), "InvalidMarkerException");
  for (const Limit of [0, 1001]) await fails(world.call("ListKeys", { Limit }), "ValidationException", /'limit'/);
  assert.deepEqual(await world.call("ListKeyPolicies", { KeyId }), { PolicyNames: ["default"], Truncated: false });
});

test("concurrent changes of one key: none is lost", async () => {
  const world = new World();
  const { KeyId } = await world.key({ Policy: document(DELEGATED) });
  const tags = Array.from(
    { length: 20 },
    (_, i) => world.call("TagResource", { KeyId, Tags: [{ TagKey: `k${i}`, TagValue: "v" }] }),
  );
  const grants = Array.from(
    { length: 10 },
    () => world.call("CreateGrant", { KeyId, GranteePrincipal: userArn("bob"), Operations: ["Decrypt"] }),
  );
  const aliases = Array.from(
    { length: 10 },
    (_, i) => world.call("CreateAlias", { AliasName: `alias/c${i}`, TargetKeyId: KeyId }),
  );
  await Promise.all([...tags, ...grants, ...aliases]);
  assert.equal((await world.call("ListResourceTags", { KeyId })).Tags?.length, 20);
  assert.equal((await world.call("ListGrants", { KeyId })).Grants?.length, 10);
  assert.equal((await world.call("ListAliases", { KeyId })).Aliases?.length, 10);
});

test("another account's alias tells nothing of the key behind it: a condition on the key's ARN is no oracle", async () => {
  const world = new World();
  const { KeyId, Arn } = await world.key();
  await world.call("CreateAlias", { AliasName: "alias/letters", TargetKeyId: KeyId });
  const foreign = `arn:aws:kms:us-east-1:${HOME}:alias/letters`;
  assert.equal(await resolveKeyArn(world.kms, { region: "us-east-1", account: HOME, keyId: foreign }), Arn);
  assert.equal(await resolveKeyArn(world.kms, { region: "us-east-1", account: AWAY, keyId: foreign }), undefined);
});
