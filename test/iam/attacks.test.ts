/** Self-escalation and stale rights: docs/reference/authorization.md §7, numbers in the titles. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { evaluate } from "../../src/policy/evaluate.js";
import { parsePolicy } from "../../src/policy/parse.js";
import { ACCOUNT, allow, deny, fails, house, keysOf, policy, policyArn, roleArn, text, trusting, userArn } from "./support.js";

const ALL = text(policy(allow("*")));

const ADMIN = "arn:aws:iam::aws:policy/AdministratorAccess";
const S3_READ = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess";

describe("self-escalation (#18)", () => {
  it("without the explicit right, a user changes none of its own rights", async () => {
    const { root, user } = await house();
    const ann = await user("ann", policy(allow("s3:*")));
    await root.iam("CreateGroup", { GroupName: "admins" });
    await root.iam("CreatePolicy", { PolicyName: "p", PolicyDocument: text(policy(allow("s3:GetObject"))) });
    await root.iam("AttachUserPolicy", { UserName: "ann", PolicyArn: policyArn("p") });
    await root.iam("CreateRole", { RoleName: "r", AssumeRolePolicyDocument: trusting({ AWS: ACCOUNT }) });
    const attempts: readonly (readonly [string, object])[] = [
      ["PutUserPolicy", { UserName: "ann", PolicyName: "all", PolicyDocument: ALL }],
      ["AttachUserPolicy", { UserName: "ann", PolicyArn: ADMIN }],
      ["AddUserToGroup", { GroupName: "admins", UserName: "ann" }],
      ["PutGroupPolicy", { GroupName: "admins", PolicyName: "all", PolicyDocument: ALL }],
      ["CreatePolicyVersion", { PolicyArn: policyArn("p"), PolicyDocument: ALL, SetAsDefault: true }],
      ["SetDefaultPolicyVersion", { PolicyArn: policyArn("p"), VersionId: "v1" }],
      ["UpdateAssumeRolePolicy", { RoleName: "r", PolicyDocument: trusting({ AWS: userArn("ann") }) }],
      ["PutRolePolicy", { RoleName: "r", PolicyName: "all", PolicyDocument: ALL }],
      ["CreateAccessKey", {}],
      ["CreateUser", { UserName: "second" }],
      ["DeleteUserPermissionsBoundary", { UserName: "ann" }],
      ["TagUser", { UserName: "ann", Tags: [{ Key: "admin", Value: "true" }] }],
    ];
    for (const [operation, input] of attempts) await fails(ann.iam(operation, input), "AccessDenied");
    assert.equal(await ann.may("iam:CreateUser", userArn("x")), false);
  });

  it("a boundary limits whatever the user gives itself, and cannot be taken off without that right", async () => {
    const { root, user } = await house();
    await root.iam("CreatePolicy", {
      PolicyName: "limit", PolicyDocument: text(policy(allow(["s3:GetObject", "iam:PutUserPolicy", "iam:AttachUserPolicy"]))),
    });
    const ann = await user("ann", policy(allow("iam:*")));
    await root.iam("PutUserPermissionsBoundary", { UserName: "ann", PermissionsBoundary: policyArn("limit") });
    await ann.iam("PutUserPolicy", { UserName: "ann", PolicyName: "all", PolicyDocument: ALL });
    assert.equal(await ann.may("s3:GetObject"), true);
    assert.equal(await ann.may("s3:PutObject"), false);
    await fails(
      ann.iam("DeleteUserPermissionsBoundary", { UserName: "ann" }), "AccessDenied",
      /because no permissions boundary allows the iam:DeleteUserPermissionsBoundary action$/,
    );
    await fails(
      ann.iam("PutUserPermissionsBoundary", { UserName: "ann", PermissionsBoundary: ADMIN }),
      "AccessDenied",
    );
    await fails(
      ann.iam("CreatePolicyVersion", { PolicyArn: policyArn("limit"), PolicyDocument: ALL, SetAsDefault: true }),
      "AccessDenied",
    );
  });

  it("iam:PermissionsBoundary and iam:PolicyARN hold a delegated administrator to what it may hand out", async () => {
    const { root, user } = await house();
    await root.iam("CreatePolicy", { PolicyName: "limit", PolicyDocument: text(policy(allow("s3:*"))) });
    const bounded = { Condition: { StringEquals: { "iam:PermissionsBoundary": policyArn("limit") } } };
    const admin = await user("admin", policy(
      allow(["iam:CreateUser", "iam:PutUserPolicy"], "*", bounded),
      allow("iam:AttachUserPolicy", "*", { Condition: { ArnEquals: { "iam:PolicyARN": S3_READ } } }),
    ));
    await fails(admin.iam("CreateUser", { UserName: "free" }), "AccessDenied");
    await admin.iam("CreateUser", { UserName: "bound", PermissionsBoundary: policyArn("limit") });
    await admin.iam("PutUserPolicy", { UserName: "bound", PolicyName: "p", PolicyDocument: ALL });
    await fails(admin.iam("PutUserPolicy", { UserName: "admin", PolicyName: "p", PolicyDocument: ALL }), "AccessDenied");
    await admin.iam("AttachUserPolicy", { UserName: "bound", PolicyArn: S3_READ });
    await fails(
      admin.iam("AttachUserPolicy", { UserName: "bound", PolicyArn: ADMIN }),
      "AccessDenied",
    );
  });

  it("an explicit deny on oneself stands against an administrator's own allow", async () => {
    const { root, user } = await house();
    const ann = await user("ann", policy(allow("*"), deny("iam:*")));
    await fails(
      ann.iam("DeleteUserPolicy", { UserName: "ann", PolicyName: "own" }), "AccessDenied",
      /with an explicit deny in an identity-based policy$/,
    );
    await root.iam("DeleteUserPolicy", { UserName: "ann", PolicyName: "own" });
  });
});

describe("sessions (#17, #28)", () => {
  it("a restricted role session makes neither keys nor users nor wider roles", async () => {
    const { root, user, as } = await house();
    const ann = await user("ann");
    await root.iam("CreateRole", { RoleName: "r", AssumeRolePolicyDocument: trusting({ AWS: userArn("ann") }) });
    await root.iam("PutRolePolicy", { RoleName: "r", PolicyName: "p", PolicyDocument: ALL });
    const Policy = text(policy(allow("s3:GetObject")));
    const restricted = as(
      keysOf((await ann.sts("AssumeRole", { RoleArn: roleArn("r"), RoleSessionName: "job", Policy }))["Credentials"]),
    );
    await fails(
      restricted.iam("CreateAccessKey", { UserName: "ann" }), "AccessDenied",
      /because no session policy allows the iam:CreateAccessKey action$/,
    );
    await fails(restricted.iam("CreateUser", { UserName: "x" }), "AccessDenied");
    await fails(restricted.sts("AssumeRole", { RoleArn: roleArn("r"), RoleSessionName: "again" }), "AccessDenied");
    assert.equal(await restricted.may("s3:GetObject"), true);
    assert.equal(await restricted.may("s3:PutObject"), false);
  });

  it("a session principal that lost its session is a failure, never a wider right", async () => {
    const { user, iam, credential } = await house();
    const ann = await user("ann", policy(allow("*")));
    const { principal } = await credential(keysOf((await ann.sts("GetSessionToken"))["Credentials"]));
    const stripped = Object.fromEntries(Object.entries(principal).filter(([name]) => name !== "session"));
    await assert.rejects(iam.directory.policiesOf(stripped as unknown as typeof principal), /without its session/);
  });
});

describe("stale rights (#19, #30)", () => {
  it("who lost its user, role or a session policy is let in nowhere, not even where everyone is", async () => {
    const { root, user, as, iam, credential } = await house();
    const ann = await user("ann", policy(allow("*")));
    await root.iam("CreateRole", { RoleName: "r", AssumeRolePolicyDocument: trusting({ AWS: userArn("ann") }) });
    await root.iam("CreatePolicy", { PolicyName: "m", PolicyDocument: text(policy(deny("s3:*"))) });
    const input = { RoleArn: roleArn("r"), RoleSessionName: "job" };
    const plain = keysOf((await ann.sts("AssumeRole", input))["Credentials"]);
    const limited = keysOf((await ann.sts("AssumeRole", { ...input, PolicyArns: [{ arn: policyArn("m") }] }))["Credentials"]);
    const everyone = text(policy({ ...allow("s3:*"), Principal: "*" }));
    const resourcePolicy = { id: "bucket/b", policy: parsePolicy(everyone, "bucket") };
    const open = { action: "s3:GetObject", resource: "arn:aws:s3:::b/k", resourcePolicy };
    assert.equal((await as(plain).decide(open)).effect, "Allow");
    assert.equal((await as(limited).decide(open)).effect, "Deny");
    await root.iam("DeletePolicy", { PolicyArn: policyArn("m") });
    assert.equal((await as(limited).decide(open)).effect, "Deny");
    const principals = await Promise.all([plain, ann.keys].map(async (keys) => (await credential(keys)).principal));
    await root.iam("DeleteRole", { RoleName: "r" });
    await root.iam("DeleteAccessKey", { UserName: "ann", AccessKeyId: ann.keys.accessKeyId });
    await root.iam("DeleteUserPolicy", { UserName: "ann", PolicyName: "own" });
    await root.iam("DeleteUser", { UserName: "ann" });
    // Between the proof of the signature and the decision.
    for (const principal of principals) {
      assert.equal(evaluate(principal, open, await iam.directory.policiesOf(principal)).effect, "Deny", principal.type);
    }
  });

  it("a new Deny, a detached policy and a deleted user count at the next request", async () => {
    const { root, user } = await house();
    const ann = await user("ann");
    const PolicyArn = "arn:aws:iam::aws:policy/AmazonS3FullAccess";
    await root.iam("AttachUserPolicy", { UserName: "ann", PolicyArn });
    assert.equal(await ann.may("s3:GetObject"), true);
    await root.iam("PutUserPolicy", { UserName: "ann", PolicyName: "no", PolicyDocument: text(policy(deny("s3:GetObject"))) });
    assert.equal(await ann.may("s3:GetObject"), false);
    await root.iam("DeleteUserPolicy", { UserName: "ann", PolicyName: "no" });
    assert.equal(await ann.may("s3:GetObject"), true);
    await root.iam("DetachUserPolicy", { UserName: "ann", PolicyArn });
    assert.equal(await ann.may("s3:GetObject"), false);
  });

  it("two administrators at once lose no change", async () => {
    const { root } = await house();
    await root.iam("CreateUser", { UserName: "u" });
    const arns = ["AdministratorAccess", "ReadOnlyAccess", "AmazonS3FullAccess", "AmazonS3ReadOnlyAccess", "IAMFullAccess"];
    await Promise.all([
      ...arns.map((name) => root.iam("AttachUserPolicy", { UserName: "u", PolicyArn: `arn:aws:iam::aws:policy/${name}` })),
      root.iam("PutUserPolicy", { UserName: "u", PolicyName: "p", PolicyDocument: ALL }),
    ]);
    const attached = (await root.iam("ListAttachedUserPolicies", { UserName: "u" }))["AttachedPolicies"];
    assert.equal((attached as unknown as readonly unknown[]).length, arns.length);
    assert.deepEqual((await root.iam("ListUserPolicies", { UserName: "u" }))["PolicyNames"], ["p"]);
  });

  it("a policy that is being deleted cannot be attached, nor an attached one deleted, whoever is first", async () => {
    for (let round = 0; round < 8; round++) {
      const { root } = await house();
      await root.iam("CreateUser", { UserName: "u" });
      await root.iam("CreatePolicy", { PolicyName: "p", PolicyDocument: ALL });
      const [attached, deleted] = await Promise.allSettled([
        root.iam("AttachUserPolicy", { UserName: "u", PolicyArn: policyArn("p") }),
        root.iam("DeletePolicy", { PolicyArn: policyArn("p") }),
      ]);
      assert.notEqual(attached.status, deleted.status);
    }
  });
});
