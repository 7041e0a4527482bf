import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ACCOUNT, allow, deny, fails, house, list, policy, text } from "./support.js";

describe("groups", () => {
  it("are created, renamed, listed, and deleted once empty", async () => {
    const { root } = await house();
    const made = (await root.iam("CreateGroup", { GroupName: "Dev", Path: "/x/" }))["Group"];
    assert.equal(made?.["Arn"], `arn:aws:iam::${ACCOUNT}:group/x/Dev`);
    await fails(root.iam("CreateGroup", { GroupName: "dev" }), "EntityAlreadyExists", "Group with name dev already exists.");
    await fails(root.iam("GetGroup", { GroupName: "no" }), "NoSuchEntity", "The group with name no cannot be found.");
    await root.iam("CreateUser", { UserName: "u" });
    await root.iam("AddUserToGroup", { GroupName: "Dev", UserName: "u" });
    await root.iam("UpdateGroup", { GroupName: "Dev", NewGroupName: "Ops" });
    assert.deepEqual(
      list((await root.iam("ListGroupsForUser", { UserName: "u" }))["Groups"]).map((group) => group["GroupName"]), ["Ops"],
    );
    assert.deepEqual(list((await root.iam("ListGroups"))["Groups"]).map((group) => group["GroupName"]), ["Ops"]);
    await fails(
      root.iam("DeleteGroup", { GroupName: "Ops" }), "DeleteConflict",
      "Cannot delete entity, must remove users from group first.",
    );
    await root.iam("RemoveUserFromGroup", { GroupName: "Ops", UserName: "u" });
    await root.iam("DeleteGroup", { GroupName: "Ops" });
  });

  it("a member's page is cut at MaxItems and goes on", async () => {
    const { root } = await house();
    await root.iam("CreateGroup", { GroupName: "g" });
    for (const name of ["a", "b", "c"]) {
      await root.iam("CreateUser", { UserName: name });
      await root.iam("AddUserToGroup", { GroupName: "g", UserName: name });
    }
    const first = await root.iam("GetGroup", { GroupName: "g", MaxItems: 2 });
    const second = await root.iam("GetGroup", { GroupName: "g", MaxItems: 2, Marker: first["Marker"] });
    const seen = [...list(first["Users"]), ...list(second["Users"])].map((user) => user["UserName"]);
    assert.deepEqual(seen.sort(), ["a", "b", "c"]);
    assert.equal(second["IsTruncated"], false);
  });

  it("inline and attached policies of a group count for its members, and stop with membership", async () => {
    const { root, user } = await house();
    const ann = await user("ann");
    await root.iam("CreateGroup", { GroupName: "g" });
    await root.iam("PutGroupPolicy", { GroupName: "g", PolicyName: "p", PolicyDocument: text(policy(allow("s3:GetObject"))) });
    await root.iam("AttachGroupPolicy", { GroupName: "g", PolicyArn: "arn:aws:iam::aws:policy/AmazonS3FullAccess" });
    assert.equal(await ann.may("s3:PutObject"), false);
    await root.iam("AddUserToGroup", { GroupName: "g", UserName: "ann" });
    assert.equal(await ann.may("s3:PutObject"), true);
    await root.iam("DetachGroupPolicy", { GroupName: "g", PolicyArn: "arn:aws:iam::aws:policy/AmazonS3FullAccess" });
    assert.equal(await ann.may("s3:PutObject"), false);
    assert.equal(await ann.may("s3:GetObject"), true);
    await root.iam("PutGroupPolicy", { GroupName: "g", PolicyName: "no", PolicyDocument: text(policy(deny("s3:GetObject"))) });
    assert.equal(await ann.may("s3:GetObject"), false);
    await root.iam("RemoveUserFromGroup", { GroupName: "g", UserName: "ann" });
    assert.equal(await ann.may("s3:GetObject"), false);
  });

  it("a user is in ten groups at most", async () => {
    const { root } = await house();
    await root.iam("CreateUser", { UserName: "u" });
    for (let index = 0; index <= 10; index++) await root.iam("CreateGroup", { GroupName: `g${index}` });
    for (let index = 0; index < 10; index++) await root.iam("AddUserToGroup", { GroupName: `g${index}`, UserName: "u" });
    await root.iam("AddUserToGroup", { GroupName: "g0", UserName: "u" });
    await fails(
      root.iam("AddUserToGroup", { GroupName: "g10", UserName: "u" }), "LimitExceeded",
      "Cannot exceed quota for GroupsPerUser: 10",
    );
  });
});
