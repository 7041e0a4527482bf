import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { HOUR_MS } from "../../src/lib/clock.js";
import { ACCOUNT, allow, type Answer, fails, house, keysOf, list, OTHER_ROOT, policy, ROOT, str, userArn } from "./support.js";

describe("access keys", () => {
  it("a key is shown with its secret once, listed without it, and at most two a user", async () => {
    const { root } = await house();
    await root.iam("CreateUser", { UserName: "u" });
    const key = (await root.iam("CreateAccessKey", { UserName: "u" }))["AccessKey"] as Answer;
    assert.match(str(key["AccessKeyId"]), /^AKIA[A-Z2-7]{16}$/);
    assert.match(str(key["SecretAccessKey"]), /^[A-Za-z0-9+/]{40}$/);
    assert.equal(key["UserName"], "u");
    await root.iam("CreateAccessKey", { UserName: "u" });
    await fails(root.iam("CreateAccessKey", { UserName: "u" }), "LimitExceeded", "Cannot exceed quota for AccessKeysPerUser: 2");
    const listed = list((await root.iam("ListAccessKeys", { UserName: "u" }))["AccessKeyMetadata"]);
    assert.equal(listed.length, 2);
    assert.deepEqual(Object.keys(listed[0] ?? {}).sort(), ["AccessKeyId", "CreateDate", "Status", "UserName"]);
  });

  it("a deactivated key ends with the next request and works again when activated; a deleted one is unknown", async () => {
    const { root, user } = await house();
    const ann = await user("ann", policy(allow("iam:GetUser")));
    const { accessKeyId: AccessKeyId } = ann.keys;
    await ann.iam("GetUser");
    await root.iam("UpdateAccessKey", { UserName: "ann", AccessKeyId, Status: "Inactive" });
    await fails(ann.iam("GetUser"), "unknown");
    await root.iam("UpdateAccessKey", { UserName: "ann", AccessKeyId, Status: "Active" });
    await ann.iam("GetUser");
    await root.iam("DeleteAccessKey", { UserName: "ann", AccessKeyId });
    await fails(ann.iam("GetUser"), "unknown");
    await fails(
      root.iam("DeleteAccessKey", { UserName: "ann", AccessKeyId }), "NoSuchEntity",
      `The Access Key with id ${AccessKeyId} cannot be found.`,
    );
    await fails(
      root.iam("UpdateAccessKey", { UserName: "ann", AccessKeyId, Status: "Off" }), "ValidationError",
      /enum value set: \[Active, Inactive\]$/,
    );
  });

  it("a key is found under its own user only, and other accounts' keys not at all", async () => {
    const { root, user, as } = await house();
    const ann = await user("ann");
    await user("bea");
    const { accessKeyId: AccessKeyId } = ann.keys;
    await fails(root.iam("DeleteAccessKey", { UserName: "bea", AccessKeyId }), "NoSuchEntity");
    await fails(as(OTHER_ROOT).iam("GetAccessKeyLastUsed", { AccessKeyId }), "NoSuchEntity");
    await fails(as(OTHER_ROOT).iam("GetUser", { UserName: "ann" }), "NoSuchEntity");
  });

  it("root manages its own stored keys without a user name", async () => {
    const { root, as } = await house();
    const keys = keysOf((await root.iam("CreateAccessKey"))["AccessKey"]);
    const stored = as(keys);
    assert.equal((await stored.sts("GetCallerIdentity"))["Arn"], `arn:aws:iam::${ACCOUNT}:root`);
    assert.equal(list((await stored.iam("ListAccessKeys"))["AccessKeyMetadata"]).length, 1);
    await stored.iam("DeleteAccessKey", { AccessKeyId: keys.accessKeyId });
    await fails(stored.sts("GetCallerIdentity"), "unknown");
  });

  it("the root credential given for this run is not stored", async () => {
    const { rawBytes } = await house();
    const bytes = await rawBytes();
    assert.equal(bytes.includes("AKIAROOTROOTROOTROOT"), false);
  });

  it("no secret is found in the raw store, nor in the audit lines", async () => {
    const { rawBytes, user, audit, iam } = await house();
    const ann = await user("ann");
    const canary = "CANARYcanaryCANARYcanaryCANARYcanary0001";
    await iam.seed.putAccessKey(ACCOUNT, "ann", { accessKeyId: "AKIACANARYCANARY0001", secretAccessKey: canary });
    const everything = Buffer.concat([await rawBytes(), Buffer.from(JSON.stringify(audit))]);
    for (const secret of [canary, ann.keys.secretAccessKey]) {
      for (const encoding of ["utf8", "base64", "hex"] as const) {
        assert.equal(everything.includes(Buffer.from(secret).toString(encoding)), false);
      }
    }
    assert.ok(everything.includes("AKIACANARYCANARY0001"));
  });

  it("a long-term key with a session token is refused", async () => {
    const { user, as } = await house();
    const ann = await user("ann");
    await fails(as({ ...ann.keys, sessionToken: "x" }).sts("GetCallerIdentity"), "invalid-token");
  });

  it("last use is N/A at first, then what was noted, before and after a flush", async () => {
    const { root, user, iam, clock } = await house();
    const { accessKeyId: AccessKeyId } = (await user("ann")).keys;
    const read = async (): Promise<Answer> =>
      (await root.iam("GetAccessKeyLastUsed", { AccessKeyId }))["AccessKeyLastUsed"] as Answer;
    assert.deepEqual(await read(), { ServiceName: "N/A", Region: "N/A" });
    iam.uses.note(AccessKeyId, "s3", "us-east-1", clock.now());
    assert.deepEqual(await read(), { ServiceName: "s3", Region: "us-east-1", LastUsedDate: new Date(clock.now()) });
    await iam.uses.flush();
    clock.advance(HOUR_MS / 2);
    iam.uses.note(AccessKeyId, "kms", "eu-west-1", clock.now());
    assert.equal((await read())["ServiceName"], "kms");
    await fails(root.iam("GetAccessKeyLastUsed", { AccessKeyId: "AKIAAAAAAAAAAAAAAAAA" }), "NoSuchEntity");
  });

  it("the use of a key that is not stored is never written", async () => {
    const { iam, clock, rawBytes } = await house();
    iam.uses.note(ROOT.accessKeyId, "s3", "us-east-1", clock.now());
    await iam.uses.flush();
    assert.equal((await rawBytes()).includes(ROOT.accessKeyId), false);
  });

  it("GetAccessKeyLastUsed needs the right on the key's user", async () => {
    const { user } = await house();
    const ann = await user("ann", policy(allow("iam:GetAccessKeyLastUsed", userArn("ann"))));
    const bea = await user("bea");
    await ann.iam("GetAccessKeyLastUsed", { AccessKeyId: ann.keys.accessKeyId });
    await fails(ann.iam("GetAccessKeyLastUsed", { AccessKeyId: bea.keys.accessKeyId }), "AccessDenied");
    await fails(ann.iam("GetAccessKeyLastUsed", { AccessKeyId: "AKIAAAAAAAAAAAAAAAAA" }), "AccessDenied");
  });

  it("a user's sessions and keys end with the user; a namesake does not revive them", async () => {
    const { root, user, as } = await house();
    const ann = await user("ann");
    const session = as(keysOf((await ann.sts("GetSessionToken"))["Credentials"]));
    await session.sts("GetCallerIdentity");
    await root.iam("DeleteAccessKey", { UserName: "ann", AccessKeyId: ann.keys.accessKeyId });
    await root.iam("DeleteUser", { UserName: "ann" });
    await root.iam("CreateUser", { UserName: "ann" });
    await fails(session.sts("GetCallerIdentity"), "unknown");
    await fails(ann.sts("GetCallerIdentity"), "unknown");
  });
});
