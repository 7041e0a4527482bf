import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  ACCOUNT, allow, type Answer, deny, fails, house, list, OTHER, OTHER_ROOT, policy, policyArn, str, text,
} from "./support.js";

const READ = text(policy(allow("s3:GetObject")));
const sized = (characters: number): string => {
  const base = text(policy(allow("s3:GetObject", "arn:aws:s3:::b/")));
  return base.replace("b/", `b/${"x".repeat(characters - base.length)}`);
};

describe("inline policies", () => {
  it("come back URL-encoded, byte for byte what was given, and are listed by name", async () => {
    const { root } = await house();
    await root.iam("CreateUser", { UserName: "u" });
    const document = `{ "Version":"2012-10-17",\n\t"Statement":[${text(allow("s3:*", "arn:aws:s3:::b/%3A!'()*é"))}]}`;
    await root.iam("PutUserPolicy", { UserName: "u", PolicyName: "p", PolicyDocument: document });
    const answer = await root.iam("GetUserPolicy", { UserName: "u", PolicyName: "p" });
    const encoded = str(answer["PolicyDocument"]);
    assert.match(encoded, /^[A-Za-z0-9\-._~%]+$/);
    assert.equal(decodeURIComponent(encoded), document);
    assert.equal(answer["UserName"], "u");
    await root.iam("PutUserPolicy", { UserName: "u", PolicyName: "a", PolicyDocument: READ });
    assert.deepEqual((await root.iam("ListUserPolicies", { UserName: "u" }))["PolicyNames"], ["a", "p"]);
    const first = await root.iam("ListUserPolicies", { UserName: "u", MaxItems: 1 });
    assert.equal(first["IsTruncated"], true);
    assert.deepEqual((await root.iam("ListUserPolicies", { UserName: "u", Marker: first["Marker"] }))["PolicyNames"], ["p"]);
  });

  it("an absent one answers with the kind's text", async () => {
    const { root } = await house();
    const trust = text(policy({ Effect: "Allow", Principal: { AWS: ACCOUNT }, Action: "sts:AssumeRole" }));
    await root.iam("CreateUser", { UserName: "x" });
    await root.iam("CreateGroup", { GroupName: "x" });
    await root.iam("CreateRole", { RoleName: "x", AssumeRolePolicyDocument: trust });
    for (const kind of ["User", "Role", "Group"]) {
      const message = `The ${kind.toLowerCase()} policy with name p cannot be found.`;
      await fails(root.iam(`Get${kind}Policy`, { [`${kind}Name`]: "x", PolicyName: "p" }), "NoSuchEntity", message);
      await fails(root.iam(`Delete${kind}Policy`, { [`${kind}Name`]: "x", PolicyName: "p" }), "NoSuchEntity", message);
      await fails(
        root.iam(`List${kind}Policies`, { [`${kind}Name`]: "y" }), "NoSuchEntity",
        `The ${kind.toLowerCase()} with name y cannot be found.`,
      );
    }
  });

  it("sizes count over all policies of the entity, without white space, up to the limit and not one more", async () => {
    const { root } = await house();
    await root.iam("CreateUser", { UserName: "u" });
    const put = (name: string, document: string): Promise<Answer> =>
      root.iam("PutUserPolicy", { UserName: "u", PolicyName: name, PolicyDocument: document });
    await put("p", sized(1024));
    await put("q", `${" ".repeat(3000)}${sized(1024)}`);
    await fails(put("r", sized(200)), "LimitExceeded", "Maximum policy size of 2048 bytes exceeded for user u");
    await put("q", sized(1023));
    await fails(put("q", sized(1025)), "LimitExceeded");
  });

  it("broken documents are MalformedPolicyDocument, duplicates of JSON members too", async () => {
    const { root } = await house();
    await root.iam("CreateUser", { UserName: "u" });
    const bad = ["{", text({ Statement: [allow("s3:*")] }), text(policy({ Effect: "Allow", Action: "s3:*" })), text(policy()),
      '{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Effect":"Allow","Action":"*","Resource":"*"}]}'];
    for (const PolicyDocument of bad) {
      await fails(root.iam("PutUserPolicy", { UserName: "u", PolicyName: "p", PolicyDocument }), "MalformedPolicyDocument");
    }
  });
});

describe("managed policies", () => {
  it("are created, read, listed with their use, and deleted once nothing uses them", async () => {
    const { root } = await house();
    const input = { PolicyName: "p", Path: "/x/", PolicyDocument: READ, Description: "d" };
    const made = (await root.iam("CreatePolicy", input))["Policy"] as Answer;
    const PolicyArn = `arn:aws:iam::${ACCOUNT}:policy/x/p`;
    assert.equal(made["Arn"], PolicyArn);
    assert.match(str(made["PolicyId"]), /^ANPA/);
    assert.equal(made["DefaultVersionId"], "v1");
    await fails(
      root.iam("CreatePolicy", { PolicyName: "P", PolicyDocument: READ }), "EntityAlreadyExists",
      "A policy called P already exists. Duplicate names are not allowed.",
    );
    await root.iam("CreateUser", { UserName: "u" });
    await root.iam("AttachUserPolicy", { UserName: "u", PolicyArn });
    await root.iam("CreateUser", { UserName: "bounded", PermissionsBoundary: PolicyArn });
    const read = (await root.iam("GetPolicy", { PolicyArn }))["Policy"] as Answer;
    assert.equal(read["AttachmentCount"], 1);
    assert.equal(read["PermissionsBoundaryUsageCount"], 1);
    assert.equal(read["Description"], "d");
    const entities = await root.iam("ListEntitiesForPolicy", { PolicyArn });
    assert.deepEqual(list(entities["PolicyUsers"]).map((user) => user["UserName"]), ["u"]);
    const used = "Cannot delete a policy attached to entities.";
    await fails(root.iam("DeletePolicy", { PolicyArn }), "DeleteConflict", used);
    await root.iam("DetachUserPolicy", { UserName: "u", PolicyArn });
    await fails(root.iam("DeletePolicy", { PolicyArn }), "DeleteConflict", used);
    await root.iam("DeleteUserPermissionsBoundary", { UserName: "bounded" });
    await root.iam("DeletePolicy", { PolicyArn });
    await fails(root.iam("GetPolicy", { PolicyArn }), "NoSuchEntity", `Policy ${PolicyArn} was not found.`);
    await fails(root.iam("DeletePolicy", { PolicyArn }), "NoSuchEntity", `Policy ${PolicyArn} was not found.`);
  });

  it("attaching an absent policy, another account's, or detaching what is not attached has its own text", async () => {
    const { root, as } = await house();
    await root.iam("CreateUser", { UserName: "u" });
    await as(OTHER_ROOT).iam("CreatePolicy", { PolicyName: "theirs", PolicyDocument: READ });
    const theirs = `arn:aws:iam::${OTHER}:policy/theirs`;
    for (const arn of [policyArn("no"), "arn:aws:iam::aws:policy/NoSuchPolicy", theirs]) {
      await fails(
        root.iam("AttachUserPolicy", { UserName: "u", PolicyArn: arn }), "NoSuchEntity",
        `Policy ${arn} does not exist or is not attachable.`,
      );
      await fails(
        root.iam("DetachUserPolicy", { UserName: "u", PolicyArn: arn }), "NoSuchEntity", `Policy ${arn} was not found.`,
      );
    }
    const long = policyArn("n".repeat(1950));
    await fails(
      root.iam("AttachUserPolicy", { UserName: "u", PolicyArn: long }), "NoSuchEntity",
      `Policy ${long} does not exist or is not attachable.`,
    );
    await fails(root.iam("GetPolicy", { PolicyArn: long }), "NoSuchEntity", `Policy ${long} was not found.`);
    await fails(root.iam("PutUserPermissionsBoundary", { UserName: "u", PermissionsBoundary: long }), "InvalidInput");
    await fails(root.iam("GetPolicy", { PolicyArn: theirs }), "NoSuchEntity", `Policy ${theirs} was not found.`);
    await fails(root.iam("GetPolicy", { PolicyArn: "arn:aws:iam::x" }), "ValidationError", "Invalid ARN:  Could not be parsed!");
    await fails(
      root.iam("GetPolicy", { PolicyArn: "AdministratorAccess" }), "ValidationError", "ARN AdministratorAccess is not valid.",
    );
  });

  it("attaching twice is one attachment; ten are the limit; the ARN must match in case and path", async () => {
    const { root } = await house();
    await root.iam("CreateUser", { UserName: "u" });
    for (let index = 0; index <= 10; index++) await root.iam("CreatePolicy", { PolicyName: `p${index}`, PolicyDocument: READ });
    for (let index = 0; index < 10; index++) {
      await root.iam("AttachUserPolicy", { UserName: "u", PolicyArn: policyArn(`p${index}`) });
    }
    await root.iam("AttachUserPolicy", { UserName: "u", PolicyArn: policyArn("p0") });
    await fails(
      root.iam("AttachUserPolicy", { UserName: "u", PolicyArn: policyArn("p10") }), "LimitExceeded",
      "Cannot exceed quota for PoliciesPerUser: 10",
    );
    await fails(root.iam("GetPolicy", { PolicyArn: policyArn("P0") }), "NoSuchEntity");
    await fails(root.iam("GetPolicy", { PolicyArn: policyArn("x/p0") }), "NoSuchEntity");
    const attached = await root.iam("ListAttachedUserPolicies", { UserName: "u", MaxItems: 9 });
    assert.equal(list(attached["AttachedPolicies"]).length, 9);
    assert.equal(attached["IsTruncated"], true);
  });

  it("hold at most five versions whose numbers are never used again; the default cannot go alone", async () => {
    const { root } = await house();
    const PolicyArn = policyArn("p");
    await root.iam("CreatePolicy", { PolicyName: "p", PolicyDocument: READ });
    for (const expected of ["v2", "v3", "v4", "v5"]) {
      const made = await root.iam("CreatePolicyVersion", { PolicyArn, PolicyDocument: READ, SetAsDefault: expected === "v3" });
      assert.equal(made["PolicyVersion"]?.["VersionId"], expected);
    }
    await fails(
      root.iam("CreatePolicyVersion", { PolicyArn, PolicyDocument: READ }), "LimitExceeded",
      "A managed policy can have up to 5 versions. Before you create a new version, you must delete an existing version.",
    );
    await fails(
      root.iam("DeletePolicyVersion", { PolicyArn, VersionId: "v3" }), "DeleteConflict",
      "Cannot delete the default version of a policy.",
    );
    await fails(
      root.iam("DeletePolicy", { PolicyArn }), "DeleteConflict",
      /^This policy has more than one version\. Before you delete a policy, /,
    );
    await root.iam("DeletePolicyVersion", { PolicyArn, VersionId: "v5" });
    assert.equal(
      (await root.iam("CreatePolicyVersion", { PolicyArn, PolicyDocument: READ }))["PolicyVersion"]?.["VersionId"], "v6",
    );
    await root.iam("SetDefaultPolicyVersion", { PolicyArn, VersionId: "v6" });
    const versions = list((await root.iam("ListPolicyVersions", { PolicyArn }))["Versions"]);
    assert.deepEqual(versions.map((version) => [version["VersionId"], version["IsDefaultVersion"]]),
      [["v6", true], ["v4", false], ["v3", false], ["v2", false], ["v1", false]]);
    const absent = `Policy ${PolicyArn} version v9 does not exist or is not attachable.`;
    for (const operation of ["GetPolicyVersion", "DeletePolicyVersion", "SetDefaultPolicyVersion"]) {
      await fails(root.iam(operation, { PolicyArn, VersionId: "v9" }), "NoSuchEntity", absent);
    }
    await fails(root.iam("GetPolicyVersion", { PolicyArn, VersionId: "9" }), "ValidationError");
    const read = await root.iam("GetPolicyVersion", { PolicyArn, VersionId: "v6" });
    assert.equal(decodeURIComponent(str(read["PolicyVersion"]?.["Document"])), READ);
  });

  it("are limited to 6,144 characters without white space", async () => {
    const { root } = await house();
    await root.iam("CreatePolicy", { PolicyName: "p", PolicyDocument: `${sized(6144)}\n\n ` });
    await fails(
      root.iam("CreatePolicy", { PolicyName: "q", PolicyDocument: sized(6145) }), "LimitExceeded",
      "Cannot exceed quota for PolicySize: 6144",
    );
  });

  it("built-in ones are listed, read and attached, but not changed", async () => {
    const { root, user } = await house();
    await root.iam("CreatePolicy", { PolicyName: "mine", PolicyDocument: READ });
    const arns: string[] = [];
    let page: Answer = await root.iam("ListPolicies", {});
    for (;;) {
      arns.push(...list(page["Policies"]).map((item) => str(item["Arn"])));
      if (String(page["IsTruncated"]) !== "true") break;
      page = await root.iam("ListPolicies", { Marker: page["Marker"] });
    }
    assert.equal(arns[0], policyArn("mine"));
    for (const name of ["AdministratorAccess", "ReadOnlyAccess", "AmazonS3FullAccess", "AmazonS3ReadOnlyAccess"]) {
      assert.ok(arns.includes(`arn:aws:iam::aws:policy/${name}`));
    }
    assert.equal(list((await root.iam("ListPolicies", { Scope: "Local" }))["Policies"]).length, 1);
    const PolicyArn = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess";
    const ann = await user("ann");
    await root.iam("AttachUserPolicy", { UserName: "ann", PolicyArn });
    assert.equal(await ann.may("s3:GetObject"), true);
    assert.equal(await ann.may("s3:PutObject"), false);
    const attached = list((await root.iam("ListPolicies", { Scope: "AWS", OnlyAttached: true }))["Policies"]);
    assert.deepEqual(attached.map((item) => item["PolicyName"]), ["AmazonS3ReadOnlyAccess"]);
    await fails(root.iam("CreatePolicyVersion", { PolicyArn, PolicyDocument: READ, SetAsDefault: true }), "AccessDenied");
    await fails(root.iam("DeletePolicy", { PolicyArn }), "AccessDenied");
  });

  it("tags of a policy are set, listed, taken away", async () => {
    const { root } = await house();
    await root.iam("CreatePolicy", { PolicyName: "p", PolicyDocument: READ, Tags: [{ Key: "a", Value: "1" }] });
    const PolicyArn = policyArn("p");
    await root.iam("TagPolicy", { PolicyArn, Tags: [{ Key: "A", Value: "2" }, { Key: "b", Value: "" }] });
    assert.deepEqual(
      (await root.iam("ListPolicyTags", { PolicyArn }))["Tags"], [{ Key: "A", Value: "2" }, { Key: "b", Value: "" }],
    );
    await root.iam("UntagPolicy", { PolicyArn, TagKeys: ["a", "absent"] });
    assert.deepEqual((await root.iam("GetPolicy", { PolicyArn }))["Policy"]?.["Tags"], [{ Key: "b", Value: "" }]);
  });

  it("a new default version counts at the next request", async () => {
    const { root, user } = await house();
    const ann = await user("ann");
    const PolicyArn = policyArn("p");
    await root.iam("CreatePolicy", { PolicyName: "p", PolicyDocument: READ });
    await root.iam("AttachUserPolicy", { UserName: "ann", PolicyArn });
    assert.equal(await ann.may("s3:GetObject"), true);
    await root.iam("CreatePolicyVersion", { PolicyArn, PolicyDocument: text(policy(deny("s3:*"))), SetAsDefault: true });
    assert.equal(await ann.may("s3:GetObject"), false);
    await root.iam("SetDefaultPolicyVersion", { PolicyArn, VersionId: "v1" });
    assert.equal(await ann.may("s3:GetObject"), true);
  });
});
