/** Which permission each KMS call needs, on the key or on the alias: allowed with exactly these. Source: KMS reference §1.3. */
import assert from "node:assert/strict";
import { test } from "node:test";
import * as KMS from "@aws-sdk/client-kms";
import { failure } from "./server.js";
import { ACCOUNT, openWorld, unique } from "./world.js";

const world = await openWorld();
const { kms } = world;
const person = await world.user("caller");
const key = await world.key();
const other = await world.key();
const aliasArn = (name: string): string => `arn:aws:kms:us-east-1:${ACCOUNT}:${name}`;
const name = `alias/${unique("actions")}`;
await kms.send(new KMS.CreateAliasCommand({ AliasName: name, TargetKeyId: key }));
const { CiphertextBlob } = await kms.send(new KMS.EncryptCommand({ KeyId: key, Plaintext: Buffer.from("x") }));
const { Policy } = await kms.send(new KMS.GetKeyPolicyCommand({ KeyId: key }));
const grant = await kms.send(
  new KMS.CreateGrantCommand({ KeyId: key, GranteePrincipal: `arn:aws:iam::${ACCOUNT}:root`, Operations: ["Decrypt"] }),
);

type Needed = readonly [action: string, resource: string];
type Row = readonly [operation: string, make: () => unknown, needed: readonly Needed[]];
const one = (action: string, resource = key): Needed[] => [[action, resource]];
const KeyId = key;
const created = (): string => `alias/${unique("made")}`;
const fresh = created();

const ROWS: readonly Row[] = [
  ["DescribeKey", () => new KMS.DescribeKeyCommand({ KeyId }), one("DescribeKey")],
  ["DescribeKey by alias", () => new KMS.DescribeKeyCommand({ KeyId: name }), one("DescribeKey")],
  ["ListKeys", () => new KMS.ListKeysCommand({}), one("ListKeys", "*")],
  ["ListAliases", () => new KMS.ListAliasesCommand({}), one("ListAliases", "*")],
  ["GenerateRandom", () => new KMS.GenerateRandomCommand({ NumberOfBytes: 1 }), one("GenerateRandom", "*")],
  ["CreateKey", () => new KMS.CreateKeyCommand({}), one("CreateKey", "*")],
  [
    "CreateKey with tags",
    () => new KMS.CreateKeyCommand({ Tags: [{ TagKey: "a", TagValue: "b" }] }),
    [...one("CreateKey", "*"), ...one("TagResource", "*")],
  ],
  ["Encrypt", () => new KMS.EncryptCommand({ KeyId, Plaintext: Buffer.from("x") }), one("Encrypt")],
  ["Decrypt", () => new KMS.DecryptCommand({ CiphertextBlob }), one("Decrypt")],
  [
    "ReEncrypt",
    () => new KMS.ReEncryptCommand({ CiphertextBlob, DestinationKeyId: other }),
    [...one("ReEncryptFrom"), ...one("ReEncryptTo", other)],
  ],
  ["GenerateDataKey", () => new KMS.GenerateDataKeyCommand({ KeyId, KeySpec: "AES_256" }), one("GenerateDataKey")],
  [
    "GenerateDataKeyWithoutPlaintext",
    () => new KMS.GenerateDataKeyWithoutPlaintextCommand({ KeyId, KeySpec: "AES_256" }),
    one("GenerateDataKeyWithoutPlaintext"),
  ],
  ["GetKeyPolicy", () => new KMS.GetKeyPolicyCommand({ KeyId }), one("GetKeyPolicy")],
  ["PutKeyPolicy", () => new KMS.PutKeyPolicyCommand({ KeyId, Policy }), one("PutKeyPolicy")],
  ["ListKeyPolicies", () => new KMS.ListKeyPoliciesCommand({ KeyId }), one("ListKeyPolicies")],
  ["UpdateKeyDescription", () => new KMS.UpdateKeyDescriptionCommand({ KeyId, Description: "x" }), one("UpdateKeyDescription")],
  ["TagResource", () => new KMS.TagResourceCommand({ KeyId, Tags: [{ TagKey: "a", TagValue: "b" }] }), one("TagResource")],
  ["UntagResource", () => new KMS.UntagResourceCommand({ KeyId, TagKeys: ["a"] }), one("UntagResource")],
  ["ListResourceTags", () => new KMS.ListResourceTagsCommand({ KeyId }), one("ListResourceTags")],
  ["EnableKeyRotation", () => new KMS.EnableKeyRotationCommand({ KeyId }), one("EnableKeyRotation")],
  ["GetKeyRotationStatus", () => new KMS.GetKeyRotationStatusCommand({ KeyId }), one("GetKeyRotationStatus")],
  ["DisableKeyRotation", () => new KMS.DisableKeyRotationCommand({ KeyId }), one("DisableKeyRotation")],
  ["RotateKeyOnDemand", () => new KMS.RotateKeyOnDemandCommand({ KeyId }), one("RotateKeyOnDemand")],
  ["ListKeyRotations", () => new KMS.ListKeyRotationsCommand({ KeyId }), one("ListKeyRotations")],
  [
    "CreateGrant",
    () => new KMS.CreateGrantCommand({ KeyId, GranteePrincipal: person.arn, Operations: ["DescribeKey"], DryRun: true }),
    one("CreateGrant"),
  ],
  ["ListGrants", () => new KMS.ListGrantsCommand({ KeyId }), one("ListGrants")],
  ["RevokeGrant", () => new KMS.RevokeGrantCommand({ KeyId, GrantId: grant.GrantId }), one("RevokeGrant")],
  [
    "ListRetirableGrants",
    () => new KMS.ListRetirableGrantsCommand({ RetiringPrincipal: person.arn }),
    one("ListRetirableGrants", "*"),
  ],
  [
    "CreateAlias",
    () => new KMS.CreateAliasCommand({ AliasName: fresh, TargetKeyId: key }),
    [...one("CreateAlias"), ...one("CreateAlias", aliasArn(fresh))],
  ],
  [
    "UpdateAlias",
    () => new KMS.UpdateAliasCommand({ AliasName: name, TargetKeyId: other }),
    [...one("UpdateAlias"), ...one("UpdateAlias", other), ...one("UpdateAlias", aliasArn(name))],
  ],
  [
    "DeleteAlias",
    () => new KMS.DeleteAliasCommand({ AliasName: name }),
    [...one("DeleteAlias", other), ...one("DeleteAlias", aliasArn(name))],
  ],
  ["DisableKey", () => new KMS.DisableKeyCommand({ KeyId }), one("DisableKey")],
  ["EnableKey", () => new KMS.EnableKeyCommand({ KeyId }), one("EnableKey")],
  ["ScheduleKeyDeletion", () => new KMS.ScheduleKeyDeletionCommand({ KeyId }), one("ScheduleKeyDeletion")],
  ["CancelKeyDeletion", () => new KMS.CancelKeyDeletionCommand({ KeyId }), one("CancelKeyDeletion")],
];

/** Whoever may not use the key inside a ciphertext is not told that it exists. */
const UNTOLD: ReadonlySet<string> = new Set(["Decrypt", "ReEncryptFrom"]);

for (const [operation, make, needed] of ROWS) {
  test(`${operation} needs ${needed.map(([action]) => `kms:${action}`).join(" and ")}`, async () => {
    const send = () => person.kms.send(make() as KMS.DescribeKeyCommand);
    for (const [action, resource] of needed) {
      const deny = { Effect: "Deny", Action: `kms:${action}`, Resource: resource };
      await world.allow(person.name, [{ Effect: "Allow", Action: "kms:*", Resource: "*" }, deny]);
      const error = await failure(send());
      assert.deepEqual([error.code, error.status], ["AccessDeniedException", 400], `kms:${action} on ${resource} denied`);
      const told = new RegExp(`not authorized to perform: kms:${action} on resource: .* with an explicit deny`);
      assert.match(
        error.message,
        UNTOLD.has(action) ? /^The ciphertext refers to a customer master key that does not exist, / : told,
      );
    }
    const allowed = needed.map(([action, Resource]) => ({ Effect: "Allow", Action: `kms:${action}`, Resource }));
    await world.allow(person.name, allowed);
    const outcome = await send().then(
      () => "done",
      (error: Error) => error.name,
    );
    assert.ok(outcome === "done" || outcome === "DryRunOperationException", `with exactly these: ${outcome}`);
  });
}
