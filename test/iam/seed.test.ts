import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { AccountDeclaration } from "../../src/iam/seed.js";
import { ServiceError } from "../../src/lib/errors.js";
import {
  ACCOUNT, allow, deny, fails, house, policy, policyArn, roleArn, text, trusting, userArn, type House,
} from "./support.js";

const KEY = { accessKeyId: "AKIASEEDSEEDSEEDSEED", secretAccessKey: "seed-secret-seed-secret-seed-secret-0001" };
const ROOT_KEY = { accessKeyId: "AKIASEEDROOTSEEDROOT", secretAccessKey: "seed-secret-seed-secret-seed-secret-0002" };
const DECLARED: AccountDeclaration = {
  accountId: "777788889999",
  rootAccessKeys: [ROOT_KEY],
  policies: [{ name: "read", document: text(policy(allow("s3:GetObject"))), description: "reads" }],
  groups: [{ name: "staff", policies: { list: text(policy(allow("s3:ListBucket"))) } }],
  users: [{
    name: "ann", path: "/team/", tags: { b: "2", a: "1" }, boundary: "arn:aws:iam::aws:policy/AmazonS3FullAccess",
    policies: { put: text(policy(allow("s3:PutObject"))) }, attached: ["arn:aws:iam::777788889999:policy/read"],
    groups: ["staff"], accessKeys: [KEY],
  }],
  roles: [{
    name: "r", trust: trusting({ AWS: "arn:aws:iam::777788889999:user/team/ann" }), description: "d", maxSessionSeconds: 7200,
    attached: ["arn:aws:iam::aws:policy/ReadOnlyAccess"],
  }],
};

/** Stamp that the next commit gets, by committing nothing of consequence. */
async function stampOf({ store }: House): Promise<number> {
  const result = await store.commit({ puts: [{ key: Buffer.from([0xf0, 1]), bytes: Buffer.of(1) }] });
  assert.ok(result.ok);
  return result.stamp;
}

describe("seed", () => {
  it("a declaration comes true: keys work, policies, groups, boundary and role count", async () => {
    const made = await house();
    await made.iam.seed.apply(DECLARED);
    const ann = made.as(KEY);
    assert.equal((await ann.sts("GetCallerIdentity"))["Arn"], "arn:aws:iam::777788889999:user/team/ann");
    for (const action of ["s3:GetObject", "s3:PutObject", "s3:ListBucket"]) assert.equal(await ann.may(action), true);
    assert.equal(await ann.may("s3:DeleteObject"), false);
    assert.equal((await made.as(ROOT_KEY).sts("GetCallerIdentity"))["Arn"], "arn:aws:iam::777788889999:root");
    await ann.sts("AssumeRole", { RoleArn: "arn:aws:iam::777788889999:role/r", RoleSessionName: "job", DurationSeconds: 7200 });
  });

  it("applied twice it writes nothing", async () => {
    const made = await house();
    await made.iam.seed.apply(DECLARED);
    const before = await stampOf(made);
    const bytes = await made.rawBytes();
    await made.iam.seed.apply(DECLARED);
    assert.equal(await stampOf(made), before + 1);
    assert.equal((await made.rawBytes()).length, bytes.length);
  });

  it("applied by several processes at once it comes true once", async () => {
    const made = await house();
    await Promise.all([1, 2, 3, 4].map(() => made.iam.seed.apply(DECLARED)));
    assert.equal(await made.as(KEY).may("s3:GetObject"), true);
    const before = await stampOf(made);
    await made.iam.seed.apply(DECLARED);
    assert.equal(await stampOf(made), before + 1);
  });

  it("changes follow (secret, policy document as a new default version, tags); what is not declared stays", async () => {
    const made = await house();
    const { seed } = made.iam;
    await seed.putUser(ACCOUNT, { name: "ann", accessKeys: [KEY], tags: { a: "1" } });
    await made.root.iam(
      "PutUserPolicy", { UserName: "ann", PolicyName: "mine", PolicyDocument: text(policy(allow("s3:GetObject"))) },
    );
    const other = { ...KEY, secretAccessKey: "another-secret-another-secret-another-01" };
    await seed.putUser(ACCOUNT, { name: "ann", accessKeys: [other] });
    assert.equal(await made.as(other).may("s3:GetObject"), true);
    await assert.rejects(made.credential(KEY));
    assert.deepEqual((await made.root.iam("ListUserTags", { UserName: "ann" }))["Tags"], [{ Key: "a", Value: "1" }]);
    for (let index = 0; index < 8; index++) {
      const arn = await seed.putManagedPolicy(ACCOUNT, { name: "p", document: text(policy(allow(`s3:Get${index}`))) });
      assert.equal(arn, policyArn("p"));
    }
    assert.equal((await made.root.iam("GetPolicy", { PolicyArn: policyArn("p") }))["Policy"]?.["DefaultVersionId"], "v8");
    await seed.attachUserPolicy(ACCOUNT, "ann", policyArn("p"));
    assert.equal(await made.as(other).may("s3:Get7"), true);
    await seed.putUserPolicy(ACCOUNT, "ann", "no", text(policy(deny("s3:*"))));
    assert.equal(await made.as(other).may("s3:Get7"), false);
    await seed.putRole(ACCOUNT, { name: "r", trust: trusting({ AWS: userArn("ann") }) });
    await made.as(other).sts("AssumeRole", { RoleArn: roleArn("r"), RoleSessionName: "job" });
  });

  it("root's stored keys are replaced by a reset", async () => {
    const made = await house();
    const { seed } = made.iam;
    await seed.putRootAccessKey(ACCOUNT, KEY);
    await seed.resetRootAccessKeys(ACCOUNT, ROOT_KEY);
    await fails(made.as(KEY).sts("GetCallerIdentity"), "unknown");
    await made.as(ROOT_KEY).sts("GetCallerIdentity");
    const before = await stampOf(made);
    await seed.resetRootAccessKeys(ACCOUNT, ROOT_KEY);
    assert.equal(await stampOf(made), before + 1);
  });

  it("bad declarations are refused, and no message holds the secret", async () => {
    const { iam } = await house();
    const { seed } = iam;
    await fails(seed.ensureAccount("123"), "ValidationError");
    await fails(seed.putUser(ACCOUNT, { name: "a b" }), "ValidationError");
    await seed.putUser(ACCOUNT, { name: "ann", accessKeys: [KEY] });
    await seed.putUser(ACCOUNT, { name: "bea" });
    const attempts = [
      seed.putAccessKey(ACCOUNT, "bea", KEY), seed.putRootAccessKey(ACCOUNT, KEY), seed.putAccessKey(ACCOUNT, "nobody", KEY),
      seed.putAccessKey(ACCOUNT, "bea", { ...KEY, accessKeyId: "ASIASEEDSEEDSEEDSEED" }),
      seed.putAccessKey(ACCOUNT, "bea", { accessKeyId: "AKIABEABEABEABEABEA1", secretAccessKey: "short" }),
    ];
    for (const attempt of attempts) {
      await assert.rejects(
        attempt,
        (error) => error instanceof ServiceError && ![KEY.secretAccessKey, "short"].some((text) => error.message.includes(text)),
      );
    }
  });

  it("accounts are known by id and by canonical id", async () => {
    const { accounts, principals } = (await house()).iam;
    const canonical = accounts.canonicalIdOf(ACCOUNT);
    assert.match(canonical, /^[0-9a-f]{64}$/);
    assert.equal(await accounts.accountOfCanonicalId(canonical), ACCOUNT);
    assert.equal(await accounts.accountOfCanonicalId("0".repeat(64)), undefined);
    assert.equal(await accounts.exists("999999999999"), false);
    assert.equal((await accounts.list()).length, 2);
    assert.equal(await principals.uniqueIdOf(`arn:aws:iam::${ACCOUNT}:root`), `arn:aws:iam::${ACCOUNT}:root`);
    assert.equal(await principals.uniqueIdOf("arn:aws:iam::999999999999:root"), undefined);
  });
});
