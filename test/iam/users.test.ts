import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ACCOUNT, allow, type Answer, deny, fails, house, list, policy, str, text, userArn } from "./support.js";

const names = (answer: Answer, of: string, member: string): readonly string[] =>
  list(answer[of]).map((item) => String(item[member]));

describe("users", () => {
  it("a user is created with path, tags and boundary, read back, and listed without tags and boundary", async () => {
    const { root } = await house();
    const made = await root.iam("CreateUser", {
      UserName: "Ann", Path: "/team/", Tags: [{ Key: "k", Value: "v" }],
      PermissionsBoundary: "arn:aws:iam::aws:policy/AmazonS3FullAccess",
    });
    const user = made["User"] as Answer;
    assert.match(str(user["UserId"]), /^AIDA[A-Z2-7]{17}$/);
    assert.equal(user["Arn"], `arn:aws:iam::${ACCOUNT}:user/team/Ann`);
    assert.deepEqual((await root.iam("GetUser", { UserName: "Ann" }))["User"], user);
    assert.deepEqual(user["Tags"], [{ Key: "k", Value: "v" }]);
    assert.equal(user["PermissionsBoundary"]?.["PermissionsBoundaryArn"], "arn:aws:iam::aws:policy/AmazonS3FullAccess");
    const [listed] = list((await root.iam("ListUsers"))["Users"]);
    assert.equal(listed?.["UserName"], "Ann");
    assert.equal(listed?.["Tags"], undefined);
    assert.equal(listed?.["PermissionsBoundary"], undefined);
  });

  it("names are unique without case, lookups find them in any case, and the stored case is kept", async () => {
    const { root } = await house();
    await root.iam("CreateUser", { UserName: "Ann" });
    await fails(root.iam("CreateUser", { UserName: "ANN" }), "EntityAlreadyExists", "User with name ANN already exists.");
    assert.equal((await root.iam("GetUser", { UserName: "ann" }))["User"]?.["UserName"], "Ann");
  });

  it("an absent user answers with AWS's text for every operation on it", async () => {
    const { root } = await house();
    const absent = "The user with name nobody cannot be found.";
    const calls: readonly (readonly [string, object])[] = [
      ["GetUser", {}], ["DeleteUser", {}], ["UpdateUser", { NewUserName: "x" }], ["CreateAccessKey", {}], ["ListAccessKeys", {}],
      ["ListUserPolicies", {}], ["ListAttachedUserPolicies", {}], ["ListUserTags", {}], ["ListGroupsForUser", {}],
      ["ListMFADevices", {}],
      ["ListSSHPublicKeys", {}], ["ListSigningCertificates", {}], ["ListServiceSpecificCredentials", {}], ["GetLoginProfile", {}],
      ["PutUserPolicy", { PolicyName: "p", PolicyDocument: text(policy(allow("s3:*"))) }], ["GetUserPolicy", { PolicyName: "p" }],
      ["AttachUserPolicy", { PolicyArn: "arn:aws:iam::aws:policy/AdministratorAccess" }],
      ["TagUser", { Tags: [{ Key: "a", Value: "b" }] }],
      ["UntagUser", { TagKeys: ["a"] }], ["DeleteUserPermissionsBoundary", {}],
    ];
    for (const [operation, more] of calls) {
      await fails(root.iam(operation, { UserName: "nobody", ...more }), "NoSuchEntity", absent);
    }
  });

  it("bad members are named together in one ValidationError", async () => {
    const { root } = await house();
    const pattern = "failed to satisfy constraint: Member must satisfy regular expression pattern: [\\w+=,.@-]+";
    await fails(
      root.iam("CreateUser", { UserName: "a b" }), "ValidationError",
      `1 validation error detected: Value 'a b' at 'userName' ${pattern}`,
    );
    await fails(
      root.iam("CreateUser", { UserName: "a".repeat(65) }), "ValidationError",
      /Member must have length less than or equal to 64$/,
    );
    await fails(root.iam("CreateUser", {}), "ValidationError", /Value null at 'userName' .* Member must not be null$/);
    await fails(
      root.iam("GetUserPolicy", { UserName: "a b", PolicyName: "" }), "ValidationError",
      /^3 validation errors detected: .*; .*; /,
    );
    await fails(
      root.iam("CreateUser", { UserName: "a", Path: "x" }), "ValidationError", /^The specified value for path is invalid\./,
    );
    const twice = [{ Key: "k", Value: "" }, { Key: "K", Value: "" }];
    await fails(
      root.iam("CreateUser", { UserName: "a", Tags: twice }), "InvalidInput",
      "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
    );
    await fails(
      root.iam("CreateUser", { UserName: "a", PermissionsBoundary: "not-a-policy-arn-at-all" }), "InvalidInput",
      "Value (not-a-policy-arn-at-all) for parameter PermissionsBoundary is invalid.",
    );
  });

  it("a user cannot be deleted before what hangs on it, in words that say what", async () => {
    const { root } = await house();
    const arn = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess";
    await root.iam("CreateUser", { UserName: "u" });
    await root.iam("CreateGroup", { GroupName: "g" });
    await root.iam("AttachUserPolicy", { UserName: "u", PolicyArn: arn });
    await root.iam("PutUserPolicy", { UserName: "u", PolicyName: "p", PolicyDocument: text(policy(allow("s3:*"))) });
    const id = (await root.iam("CreateAccessKey", { UserName: "u" }))["AccessKey"]?.["AccessKeyId"];
    await root.iam("AddUserToGroup", { UserName: "u", GroupName: "g" });
    const conflict = (rest: string): Promise<void> =>
      fails(root.iam("DeleteUser", { UserName: "u" }), "DeleteConflict", `Cannot delete entity, ${rest}`);
    await conflict("must detach all policies first.");
    await root.iam("DetachUserPolicy", { UserName: "u", PolicyArn: arn });
    await conflict("must delete policies first.");
    await root.iam("DeleteUserPolicy", { UserName: "u", PolicyName: "p" });
    await conflict("must delete access keys first.");
    await root.iam("DeleteAccessKey", { UserName: "u", AccessKeyId: id });
    await conflict("must remove users from group first.");
    await root.iam("RemoveUserFromGroup", { UserName: "u", GroupName: "g" });
    await root.iam("DeleteUser", { UserName: "u" });
    await fails(root.iam("GetUser", { UserName: "u" }), "NoSuchEntity");
  });

  it("a re-created user has a new unique id, and its old one stands for nobody", async () => {
    const { root, iam } = await house();
    const first = str((await root.iam("CreateUser", { UserName: "u" }))["User"]?.["UserId"]);
    assert.equal(await iam.principals.uniqueIdOf(userArn("u")), first);
    await root.iam("DeleteUser", { UserName: "u" });
    assert.equal(await iam.principals.uniqueIdOf(userArn("u")), undefined);
    const second = str((await root.iam("CreateUser", { UserName: "u" }))["User"]?.["UserId"]);
    assert.notEqual(first, second);
    assert.equal(await iam.principals.arnOf(first), undefined);
    assert.equal(await iam.principals.arnOf(second), userArn("u"));
  });

  it("a renamed user keeps id, keys, policies and groups; the old name is free, a taken one refused", async () => {
    const { root, user, iam } = await house();
    const ann = await user("ann", policy(allow("s3:GetObject")));
    await root.iam("CreateGroup", { GroupName: "g" });
    await root.iam("AddUserToGroup", { UserName: "ann", GroupName: "g" });
    await root.iam("CreateUser", { UserName: "taken" });
    await fails(
      root.iam("UpdateUser", { UserName: "ann", NewUserName: "TAKEN" }), "EntityAlreadyExists",
      "User with name TAKEN already exists.",
    );
    const id = await iam.principals.uniqueIdOf(userArn("ann"));
    await root.iam("UpdateUser", { UserName: "ann", NewUserName: "Bea", NewPath: "/x/" });
    assert.equal(await iam.principals.arnOf(id ?? ""), userArn("x/Bea"));
    assert.equal((await ann.sts("GetCallerIdentity"))["Arn"], userArn("x/Bea"));
    assert.equal(await ann.may("s3:GetObject"), true);
    assert.deepEqual(names(await root.iam("GetGroup", { GroupName: "g" }), "Users", "UserName"), ["Bea"]);
    await root.iam("UpdateUser", { UserName: "Bea", NewUserName: "BEA" });
    assert.equal((await ann.sts("GetCallerIdentity"))["Arn"], userArn("x/BEA"));
    await root.iam("CreateUser", { UserName: "ann" });
  });

  it("renaming needs the right on the old and on the new name", async () => {
    const { root, user } = await house();
    const ann = await user("ann", policy(allow("iam:UpdateUser", userArn("old"))));
    await root.iam("CreateUser", { UserName: "old" });
    await fails(
      ann.iam("UpdateUser", { UserName: "old", NewUserName: "new" }), "AccessDenied",
      new RegExp(`resource: ${userArn("new")} `),
    );
  });

  it("pages hold MaxItems, go on at the marker, and end; PathPrefix filters; made-up markers are refused", async () => {
    const { root } = await house();
    for (const name of ["a", "B", "c", "D", "e"]) {
      await root.iam("CreateUser", { UserName: name, Path: name < "a" ? "/upper/" : "/" });
    }
    const seen: string[] = [];
    let page: Answer = await root.iam("ListUsers", { MaxItems: 2 });
    seen.push(...names(page, "Users", "UserName"));
    while (String(page["IsTruncated"]) === "true") {
      assert.ok(str(page["Marker"]).length <= 320);
      page = await root.iam("ListUsers", { MaxItems: 2, Marker: page["Marker"] });
      seen.push(...names(page, "Users", "UserName"));
    }
    assert.deepEqual(seen, ["a", "B", "c", "D", "e"]);
    assert.equal(page["Marker"], undefined);
    assert.deepEqual(names(await root.iam("ListUsers", { PathPrefix: "/upper/" }), "Users", "UserName"), ["B", "D"]);
    const marker = str((await root.iam("ListUsers", { MaxItems: 1 }))["Marker"]);
    const bad = ["x", Buffer.from("a").toString("base64url"), `${marker.slice(0, -2)}${marker.endsWith("AA") ? "AE" : "AA"}`, `${marker}=`];
    for (const Marker of bad) await fails(root.iam("ListUsers", { Marker }), "ValidationError", "Invalid Marker.");
    await fails(root.iam("ListRoles", { Marker: marker }), "ValidationError", "Invalid Marker.");
    await fails(root.iam("ListUsers", { Marker: marker, PathPrefix: "/upper/" }), "ValidationError", "Invalid Marker.");
    await fails(root.iam("ListUsers", { MaxItems: 0 }), "ValidationError", /greater than or equal to 1$/);
    await fails(root.iam("ListUsers", { MaxItems: 1001 }), "ValidationError", /less than or equal to 1000$/);
  });

  it("without a name the caller is meant: a user itself, root itself; sessions must say whom", async () => {
    const { root, user } = await house();
    const ann = await user("ann", policy(allow("iam:GetUser", userArn("ann"))));
    assert.equal((await ann.iam("GetUser"))["User"]?.["UserName"], "ann");
    const own = (await root.iam("GetUser"))["User"];
    assert.equal(own?.["Arn"], `arn:aws:iam::${ACCOUNT}:root`);
    assert.equal(own?.["UserId"], ACCOUNT);
  });

  it("a user may do nothing to itself without a policy, and the text says which right is missing", async () => {
    const { user } = await house();
    const ann = await user("ann");
    await fails(
      ann.iam("GetUser"), "AccessDenied",
      `User: ${userArn("ann")} is not authorized to perform: iam:GetUser on resource: ${userArn("ann")} because no ` +
        "identity-based policy allows the iam:GetUser action",
    );
    await fails(ann.iam("ListUsers"), "AccessDenied", /on resource: \* because no identity-based policy/);
  });

  it("an absent user is not told from a forbidden one", async () => {
    const { user } = await house();
    const ann = await user("ann", policy(deny("iam:GetUser")));
    await fails(ann.iam("GetUser", { UserName: "nobody" }), "AccessDenied", /with an explicit deny in an identity-based policy$/);
  });

  it("tags are replaced without regard to case, limited to 50, and decide (iam:ResourceTag, aws:RequestTag)", async () => {
    const { root, user } = await house();
    await root.iam("CreateUser", { UserName: "u" });
    await root.iam("TagUser", { UserName: "u", Tags: [{ Key: "Team", Value: "a" }, { Key: "x", Value: "1" }] });
    await root.iam("TagUser", { UserName: "u", Tags: [{ Key: "team", Value: "b" }] });
    assert.deepEqual(
      (await root.iam("ListUserTags", { UserName: "u" }))["Tags"], [{ Key: "team", Value: "b" }, { Key: "x", Value: "1" }],
    );
    const many = Array.from({ length: 49 }, (_, index) => ({ Key: `k${index}`, Value: "" }));
    await fails(root.iam("TagUser", { UserName: "u", Tags: many }), "LimitExceeded", "Cannot exceed quota for TagsPerUser: 50");
    await root.iam("UntagUser", { UserName: "u", TagKeys: ["X"] });
    const ann = await user("ann", policy(
      allow("iam:GetUser", "*", { Condition: { StringEquals: { "iam:ResourceTag/team": "b" } } }),
      allow("iam:TagUser", "*", { Condition: { StringEquals: { "aws:RequestTag/cost": "1" } } }),
    ));
    await ann.iam("GetUser", { UserName: "u" });
    await fails(ann.iam("GetUser", { UserName: "ann" }), "AccessDenied");
    await ann.iam("TagUser", { UserName: "u", Tags: [{ Key: "cost", Value: "1" }] });
    await fails(ann.iam("TagUser", { UserName: "u", Tags: [{ Key: "cost", Value: "2" }] }), "AccessDenied");
  });

  it("creating a user with tags needs iam:TagUser too", async () => {
    const { user } = await house();
    const ann = await user("ann", policy(allow("iam:CreateUser")));
    await ann.iam("CreateUser", { UserName: "plain" });
    await fails(
      ann.iam("CreateUser", { UserName: "t", Tags: [{ Key: "a", Value: "" }] }), "AccessDenied", /perform: iam:TagUser/,
    );
  });

  it("the lists that the destroy path asks for are empty, and there is no login profile", async () => {
    const { root } = await house();
    await root.iam("CreateUser", { UserName: "u" });
    const lists = { ListMFADevices: "MFADevices", ListSSHPublicKeys: "SSHPublicKeys", ListSigningCertificates: "Certificates" };
    for (const [operation, member] of Object.entries(lists)) {
      assert.deepEqual(await root.iam(operation, { UserName: "u" }), { [member]: [], IsTruncated: false });
    }
    assert.deepEqual((await root.iam("ListServiceSpecificCredentials", { UserName: "u" }))["ServiceSpecificCredentials"], []);
    assert.deepEqual((await root.iam("ListVirtualMFADevices"))["VirtualMFADevices"], []);
    assert.deepEqual((await root.iam("ListAccountAliases"))["AccountAliases"], []);
    await fails(root.iam("GetLoginProfile", { UserName: "u" }), "NoSuchEntity", "Login Profile for User u cannot be found.");
    const { SummaryMap } = await root.iam("GetAccountSummary");
    assert.equal(SummaryMap?.["Users"], 1);
    assert.equal(SummaryMap?.["UsersQuota"], 5000);
  });
});
