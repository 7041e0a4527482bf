import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ACCOUNT, allow, fails, house, keysOf, list, OTHER, policy, roleArn, str, text, trusting, userArn } from "./support.js";

describe("roles", () => {
  it("a role shows its trust policy URL-encoded, its duration, and its tags only when read alone", async () => {
    const { root } = await house();
    const trust = trusting({ AWS: ACCOUNT });
    const made = (await root.iam("CreateRole", {
      RoleName: "r", AssumeRolePolicyDocument: trust, Description: "d", MaxSessionDuration: 7200,
      Tags: [{ Key: "a", Value: "b" }],
    }))["Role"];
    assert.equal(made?.["Arn"], roleArn("r"));
    assert.match(str(made?.["RoleId"]), /^AROA/);
    assert.equal(decodeURIComponent(str(made?.["AssumeRolePolicyDocument"])), trust);
    assert.deepEqual((await root.iam("GetRole", { RoleName: "R" }))["Role"], made);
    assert.equal(made?.["MaxSessionDuration"], 7200);
    const [listed] = list((await root.iam("ListRoles"))["Roles"]);
    assert.equal(listed?.["Tags"], undefined);
    assert.equal(listed?.["Description"], "d");
    await fails(
      root.iam("CreateRole", { RoleName: "R", AssumeRolePolicyDocument: trust }), "EntityAlreadyExists",
      "Role with name R already exists.",
    );
    await fails(root.iam("GetRole", { RoleName: "x" }), "NoSuchEntity", "The role with name x cannot be found.");
    await fails(root.iam("ListInstanceProfilesForRole", { RoleName: "x" }), "NoSuchEntity");
    assert.deepEqual((await root.iam("ListInstanceProfilesForRole", { RoleName: "r" }))["InstanceProfiles"], []);
  });

  it("description and duration change; durations outside 3,600 to 43,200 are refused", async () => {
    const { root } = await house();
    await root.iam("CreateRole", { RoleName: "r", AssumeRolePolicyDocument: trusting({ AWS: ACCOUNT }) });
    await root.iam("UpdateRole", { RoleName: "r", Description: "one", MaxSessionDuration: 43_200 });
    const role = (await root.iam("UpdateRoleDescription", { RoleName: "r", Description: "two" }))["Role"];
    assert.deepEqual([role?.["Description"], role?.["MaxSessionDuration"]], ["two", 43_200]);
    for (const MaxSessionDuration of [3599, 43_201]) {
      await fails(root.iam("UpdateRole", { RoleName: "r", MaxSessionDuration }), "ValidationError");
    }
  });

  it("a trust policy must name principals that exist, and hold no resource", async () => {
    const { root } = await house();
    const create = (document: string): Promise<unknown> =>
      root.iam("CreateRole", { RoleName: "r", AssumeRolePolicyDocument: document });
    for (const arn of [userArn("nobody"), roleArn("nobody"), "arn:aws:iam::999999999999:root"]) {
      await fails(create(trusting({ AWS: arn })), "MalformedPolicyDocument", `Invalid principal in policy: "AWS":"${arn}"`);
    }
    await fails(
      create(trusting({ AWS: ACCOUNT }, "sts:AssumeRole", { Resource: "*" })), "MalformedPolicyDocument",
      "Has prohibited field Resource.",
    );
    await fails(create("{"), "MalformedPolicyDocument", "This policy contains invalid Json");
    await create(trusting({ AWS: [ACCOUNT, OTHER], Service: "s3.amazonaws.com" }));
  });

  it("a session that a trust policy names is the role's of that moment, not its namesake's", async () => {
    const { root, user, as } = await house();
    const ann = await user("ann");
    const arn = `arn:aws:sts::${ACCOUNT}:assumed-role/r/job`;
    const create = (RoleName: string, AWS: string): Promise<unknown> =>
      root.iam("CreateRole", { RoleName, AssumeRolePolicyDocument: trusting({ AWS }) });
    const next = async (): Promise<unknown> => {
      const session = as(keysOf((await ann.sts("AssumeRole", { RoleArn: roleArn("r"), RoleSessionName: "job" }))["Credentials"]));
      return session.sts("AssumeRole", { RoleArn: roleArn("next"), RoleSessionName: "job" });
    };
    await create("r", userArn("ann"));
    await create("next", arn);
    const shown = async (): Promise<string> =>
      decodeURIComponent(str((await root.iam("GetRole", { RoleName: "next" }))["Role"]?.["AssumeRolePolicyDocument"]));
    assert.equal(await shown(), trusting({ AWS: arn }));
    await next();
    await root.iam("DeleteRole", { RoleName: "r" });
    await create("r", userArn("ann"));
    await fails(next(), "AccessDenied");
    assert.match(await shown(), /"AWS":"AROA[A-Z0-9]{17}:job"/);
    for (const wrong of [arn.replace("/r/", "/none/"), arn.replace("/r/", `/${"r".repeat(1800)}/`), arn.replace("/r/", "/R/")]) {
      await fails(create("x", wrong), "MalformedPolicyDocument", `Invalid principal in policy: "AWS":"${wrong}"`);
    }
  });

  it("a deleted principal stays in the trust policy as its unique id, and its namesake is not trusted", async () => {
    const { root, user } = await house();
    const ann = await user("ann");
    const id = str((await root.iam("GetUser", { UserName: "ann" }))["User"]?.["UserId"]);
    await root.iam("CreateRole", { RoleName: "r", AssumeRolePolicyDocument: trusting({ AWS: userArn("ann") }) });
    await ann.sts("AssumeRole", { RoleArn: roleArn("r"), RoleSessionName: "s1" });
    await root.iam("DeleteAccessKey", { UserName: "ann", AccessKeyId: ann.keys.accessKeyId });
    await root.iam("DeleteUser", { UserName: "ann" });
    const again = await user("ann");
    await fails(
      again.sts("AssumeRole", { RoleArn: roleArn("r"), RoleSessionName: "s1" }), "AccessDenied",
      `User: ${userArn("ann")} is not authorized to perform: sts:AssumeRole on resource: ${roleArn("r")}`,
    );
    const shown = decodeURIComponent(str((await root.iam("GetRole", { RoleName: "r" }))["Role"]?.["AssumeRolePolicyDocument"]));
    assert.equal(shown, trusting({ AWS: id }));
    await root.iam("UpdateAssumeRolePolicy", { RoleName: "r", PolicyDocument: trusting({ AWS: userArn("ann") }) });
    await again.sts("AssumeRole", { RoleArn: roleArn("r"), RoleSessionName: "s1" });
  });

  it("a role cannot be deleted before its policies", async () => {
    const { root } = await house();
    await root.iam("CreateRole", { RoleName: "r", AssumeRolePolicyDocument: trusting({ AWS: ACCOUNT }) });
    const PolicyArn = "arn:aws:iam::aws:policy/ReadOnlyAccess";
    await root.iam("AttachRolePolicy", { RoleName: "r", PolicyArn });
    await root.iam("PutRolePolicy", { RoleName: "r", PolicyName: "p", PolicyDocument: text(policy(allow("s3:*"))) });
    await fails(
      root.iam("DeleteRole", { RoleName: "r" }), "DeleteConflict", "Cannot delete entity, must detach all policies first.",
    );
    assert.deepEqual(
      (await root.iam("ListAttachedRolePolicies", { RoleName: "r" }))["AttachedPolicies"],
      [{ PolicyName: "ReadOnlyAccess", PolicyArn }],
    );
    await root.iam("DetachRolePolicy", { RoleName: "r", PolicyArn });
    await fails(root.iam("DeleteRole", { RoleName: "r" }), "DeleteConflict", "Cannot delete entity, must delete policies first.");
    await root.iam("DeleteRolePolicy", { RoleName: "r", PolicyName: "p" });
    await root.iam("DeleteRole", { RoleName: "r" });
  });

  it("tags and boundary of a role are set and taken away", async () => {
    const { root } = await house();
    await root.iam("CreateRole", { RoleName: "r", AssumeRolePolicyDocument: trusting({ AWS: ACCOUNT }) });
    await root.iam("TagRole", { RoleName: "r", Tags: [{ Key: "a", Value: "1" }] });
    assert.deepEqual((await root.iam("ListRoleTags", { RoleName: "r" }))["Tags"], [{ Key: "a", Value: "1" }]);
    await root.iam("UntagRole", { RoleName: "r", TagKeys: ["A"] });
    const boundary = "arn:aws:iam::aws:policy/ReadOnlyAccess";
    await root.iam("PutRolePermissionsBoundary", { RoleName: "r", PermissionsBoundary: boundary });
    assert.equal(
      (await root.iam("GetRole", { RoleName: "r" }))["Role"]?.["PermissionsBoundary"]?.["PermissionsBoundaryArn"], boundary,
    );
    await root.iam("DeleteRolePermissionsBoundary", { RoleName: "r" });
    assert.equal((await root.iam("GetRole", { RoleName: "r" }))["Role"]?.["PermissionsBoundary"], undefined);
  });
});
