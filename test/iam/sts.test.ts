import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { SECOND_MS } from "../../src/lib/clock.js";
import {
  ACCOUNT, allow, deny, fails, house, keysOf, OTHER, OTHER_ROOT, policy, policyArn, roleArn, text, trusting, userArn,
  type Answer, type Caller, type House,
} from "./support.js";

const session = (made: House, answer: Answer): Caller => made.as(keysOf(answer["Credentials"]));
const role = async (made: House, name: string, trust: string, document?: object): Promise<void> => {
  await made.root.iam("CreateRole", { RoleName: name, AssumeRolePolicyDocument: trust, MaxSessionDuration: 43_200 });
  if (document === undefined) return;
  await made.root.iam("PutRolePolicy", { RoleName: name, PolicyName: "p", PolicyDocument: text(document) });
};
const notAuthorized = (who: string, action: string, arn: string): string =>
  `User: ${who} is not authorized to perform: ${action} on resource: ${arn}`;

describe("GetCallerIdentity", () => {
  it("answers root, users, sessions, and needs no right, not even against an explicit deny", async () => {
    const made = await house();
    assert.deepEqual(
      await made.root.sts("GetCallerIdentity"), { UserId: ACCOUNT, Account: ACCOUNT, Arn: `arn:aws:iam::${ACCOUNT}:root` },
    );
    const ann = await made.user("ann", policy(deny("*")));
    const { UserId, Arn } = await ann.sts("GetCallerIdentity");
    assert.match(String(UserId), /^AIDA/);
    assert.equal(Arn, userArn("ann"));
  });
});

describe("GetSessionToken", () => {
  it("gives the user itself for a while: same rights, no IAM, no further tokens", async () => {
    const made = await house();
    const ann = await made.user("ann", policy(allow(["s3:*", "iam:*", "sts:*"])));
    const answer = await ann.sts("GetSessionToken", { DurationSeconds: 900 });
    const temporary = session(made, answer);
    assert.equal((await temporary.sts("GetCallerIdentity"))["Arn"], userArn("ann"));
    assert.equal(await temporary.may("s3:GetObject"), true);
    await fails(temporary.iam("ListUsers"), "InvalidClientTokenId", "The security token included in the request is invalid.");
    await fails(temporary.sts("GetSessionToken"), "AccessDenied", "Cannot call GetSessionToken with session credentials");
    await fails(temporary.sts("GetFederationToken", { Name: "xy" }), "AccessDenied");
    await fails(temporary.sts("GetAccessKeyInfo", { AccessKeyId: ann.keys.accessKeyId }), "AccessDenied");
    made.clock.advance(900 * SECOND_MS - 1);
    await temporary.sts("GetCallerIdentity");
    made.clock.advance(1);
    await fails(temporary.sts("GetCallerIdentity"), "expired");
  });

  it("durations are checked, and root's last an hour at most", async () => {
    const { root, clock, user } = await house();
    const ann = await user("ann");
    for (const DurationSeconds of [899, 129_601]) await fails(ann.sts("GetSessionToken", { DurationSeconds }), "ValidationError");
    const { Credentials } = await root.sts("GetSessionToken", { DurationSeconds: 43_200 });
    assert.deepEqual(Credentials?.["Expiration"], new Date(clock.now() + 3600 * SECOND_MS));
    await fails(ann.sts("GetSessionToken", { SerialNumber: "arn:aws:iam::1:mfa/x", TokenCode: "123456" }), "AccessDenied");
  });
});

describe("GetFederationToken", () => {
  it("has no rights without a session policy, and the intersection with one", async () => {
    const made = await house();
    const ann = await made.user("ann", policy(allow(["s3:GetObject", "s3:PutObject", "sts:GetFederationToken"])));
    const bare = session(made, await ann.sts("GetFederationToken", { Name: "bob" }));
    assert.deepEqual(
      await bare.sts("GetCallerIdentity"),
      { UserId: `${ACCOUNT}:bob`, Account: ACCOUNT, Arn: `arn:aws:sts::${ACCOUNT}:federated-user/bob` },
    );
    assert.equal(await bare.may("s3:GetObject"), false);
    const answer = await ann.sts(
      "GetFederationToken", { Name: "bob", Policy: text(policy(allow(["s3:GetObject", "s3:DeleteObject", "iam:*"]))) },
    );
    assert.ok(Number(answer["PackedPolicySize"]) > 0);
    const limited = session(made, answer);
    assert.equal(await limited.may("s3:GetObject"), true);
    assert.equal(await limited.may("s3:PutObject"), false);
    assert.equal(await limited.may("s3:DeleteObject"), false);
    await fails(limited.iam("GetUser", { UserName: "ann" }), "InvalidClientTokenId");
    await fails(limited.sts("AssumeRole", { RoleArn: roleArn("r"), RoleSessionName: "s1" }), "AccessDenied");
  });

  it("of root: the session policy is the only limit", async () => {
    const made = await house();
    const limited = session(
      made, await made.root.sts("GetFederationToken", { Name: "bob", Policy: text(policy(allow("s3:GetObject"))) }),
    );
    assert.equal(await limited.may("s3:GetObject"), true);
    assert.equal(await limited.may("s3:PutObject"), false);
    const bare = session(made, await made.root.sts("GetFederationToken", { Name: "bob" }));
    assert.equal(await bare.may("s3:GetObject"), false);
  });

  it("needs the right, and sts:TagSession for tags", async () => {
    const { user } = await house();
    const ann = await user("ann", policy(allow("sts:GetFederationToken")));
    await fails(
      ann.sts("GetFederationToken", { Name: "bob", Tags: [{ Key: "a", Value: "" }] }), "AccessDenied", /sts:TagSession/,
    );
    const bea = await user("bea");
    await fails(bea.sts("GetFederationToken", { Name: "bob" }), "AccessDenied");
    await fails(ann.sts("GetFederationToken", { Name: "b" }), "ValidationError");
  });
});

describe("AssumeRole", () => {
  it("a trust that names the user suffices; one that names the account needs the user's own right", async () => {
    const made = await house();
    const ann = await made.user("ann");
    const bea = await made.user("bea", policy(allow("sts:AssumeRole", roleArn("wide"))));
    await role(made, "direct", trusting({ AWS: userArn("ann") }), policy(allow("s3:GetObject")));
    await role(made, "wide", trusting({ AWS: ACCOUNT }), policy(allow("s3:GetObject")));
    const answer = await ann.sts("AssumeRole", { RoleArn: roleArn("direct"), RoleSessionName: "job" });
    assert.equal(answer["AssumedRoleUser"]?.["Arn"], `arn:aws:sts::${ACCOUNT}:assumed-role/direct/job`);
    assert.equal(answer["PackedPolicySize"], undefined);
    const assumed = session(made, answer);
    assert.match(String((await assumed.sts("GetCallerIdentity"))["UserId"]), /^AROA[A-Z2-7]{17}:job$/);
    assert.equal(await assumed.may("s3:GetObject"), true);
    assert.equal(await assumed.may("s3:PutObject"), false);
    await fails(
      ann.sts("AssumeRole", { RoleArn: roleArn("wide"), RoleSessionName: "job" }), "AccessDenied",
      notAuthorized(userArn("ann"), "sts:AssumeRole", roleArn("wide")),
    );
    await bea.sts("AssumeRole", { RoleArn: roleArn("wide"), RoleSessionName: "job" });
    await fails(bea.sts("AssumeRole", { RoleArn: roleArn("direct"), RoleSessionName: "job" }), "AccessDenied");
  });

  it("an absent role answers as a forbidden one; root may assume none; a bad ARN is invalid", async () => {
    const { user, root } = await house();
    const ann = await user("ann", policy(allow("*")));
    await fails(
      ann.sts("AssumeRole", { RoleArn: roleArn("absent"), RoleSessionName: "job" }), "AccessDenied",
      notAuthorized(userArn("ann"), "sts:AssumeRole", roleArn("absent")),
    );
    await fails(
      root.sts("AssumeRole", { RoleArn: roleArn("absent"), RoleSessionName: "job" }), "AccessDenied",
      "Roles may not be assumed by root accounts.",
    );
    await fails(
      ann.sts("AssumeRole", { RoleArn: "arn:aws:iam::1:role/x-and-more", RoleSessionName: "job" }), "ValidationError",
      "arn:aws:iam::1:role/x-and-more is invalid",
    );
    await fails(
      ann.sts("AssumeRole", { RoleArn: roleArn("absent"), RoleSessionName: "a b" }), "ValidationError",
      /at 'roleSessionName' failed .*: \[\\w\+=,\.@-\]\*$/,
    );
  });

  it("across accounts both sides must allow", async () => {
    const made = await house();
    await role(made, "r", trusting({ AWS: OTHER }), policy(allow("s3:GetObject")));
    const theirs = made.as(OTHER_ROOT);
    await theirs.iam("CreateUser", { UserName: "eve" });
    const eve = made.as(keysOf((await theirs.iam("CreateAccessKey", { UserName: "eve" }))["AccessKey"]));
    await fails(eve.sts("AssumeRole", { RoleArn: roleArn("r"), RoleSessionName: "job" }), "AccessDenied");
    await theirs.iam(
      "PutUserPolicy", { UserName: "eve", PolicyName: "p", PolicyDocument: text(policy(allow("sts:AssumeRole"))) },
    );
    const assumed = session(made, await eve.sts("AssumeRole", { RoleArn: roleArn("r"), RoleSessionName: "job" }));
    assert.equal((await assumed.sts("GetCallerIdentity"))["Account"], ACCOUNT);
  });

  it("an external id is asked for where the trust asks for it, ignored elsewhere", async () => {
    const made = await house();
    const ann = await made.user("ann");
    await role(
      made, "r",
      trusting({ AWS: userArn("ann") }, "sts:AssumeRole", { Condition: { StringEquals: { "sts:ExternalId": "secret-42" } } }),
    );
    const input = { RoleArn: roleArn("r"), RoleSessionName: "job" };
    await fails(ann.sts("AssumeRole", input), "AccessDenied");
    await fails(ann.sts("AssumeRole", { ...input, ExternalId: "other" }), "AccessDenied");
    await ann.sts("AssumeRole", { ...input, ExternalId: "secret-42" });
  });

  it("session policies, inline and managed, only take away; a deleted one takes all", async () => {
    const made = await house();
    const ann = await made.user("ann");
    await role(made, "r", trusting({ AWS: userArn("ann") }), policy(allow(["s3:GetObject", "s3:PutObject"])));
    await made.root.iam("CreatePolicy", { PolicyName: "m", PolicyDocument: text(policy(allow("s3:GetObject"))) });
    const input = { RoleArn: roleArn("r"), RoleSessionName: "job" };
    const inline = session(
      made, await ann.sts("AssumeRole", { ...input, Policy: text(policy(allow("*"), deny("s3:PutObject"))) }),
    );
    assert.deepEqual(
      [await inline.may("s3:GetObject"), await inline.may("s3:PutObject"), await inline.may("s3:DeleteObject")],
      [true, false, false],
    );
    const managed = session(made, await ann.sts("AssumeRole", { ...input, PolicyArns: [{ arn: policyArn("m") }] }));
    assert.deepEqual([await managed.may("s3:GetObject"), await managed.may("s3:PutObject")], [true, false]);
    await made.root.iam("DeletePolicy", { PolicyArn: policyArn("m") });
    assert.equal(await managed.may("s3:GetObject"), false);
    await fails(ann.sts("AssumeRole", { ...input, PolicyArns: [{ arn: policyArn("m") }] }), "ValidationError");
    await fails(ann.sts("AssumeRole", { ...input, Policy: "{" }), "MalformedPolicyDocument");
    await fails(ann.sts("AssumeRole", { ...input, Policy: "x".repeat(2049) }), "ValidationError", /less than or equal to 2048$/);
  });

  it("lasts as long as the role allows; a chained one an hour; what the role loses, its sessions lose", async () => {
    const made = await house();
    const ann = await made.user("ann");
    await role(made, "one", trusting({ AWS: userArn("ann") }), policy(allow("sts:AssumeRole")));
    await made.root.iam("CreateRole", { RoleName: "short", AssumeRolePolicyDocument: trusting({ AWS: userArn("ann") }) });
    await role(made, "two", trusting({ AWS: roleArn("one") }), policy(allow("s3:GetObject")));
    await fails(
      ann.sts("AssumeRole", { RoleArn: roleArn("short"), RoleSessionName: "job", DurationSeconds: 3601 }), "ValidationError",
      "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
    );
    const one = session(
      made, await ann.sts("AssumeRole", { RoleArn: roleArn("one"), RoleSessionName: "job", DurationSeconds: 43_200 }),
    );
    await fails(
      one.sts("AssumeRole", { RoleArn: roleArn("two"), RoleSessionName: "job", DurationSeconds: 3601 }), "ValidationError",
      "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.",
    );
    const two = session(made, await one.sts("AssumeRole", { RoleArn: roleArn("two"), RoleSessionName: "job" }));
    assert.equal(await two.may("s3:GetObject"), true);
    await made.root.iam("DeleteRolePolicy", { RoleName: "two", PolicyName: "p" });
    assert.equal(await two.may("s3:GetObject"), false);
    await made.root.iam("DeleteRole", { RoleName: "two" });
    await fails(two.sts("GetCallerIdentity"), "unknown");
    await role(made, "two", trusting({ AWS: roleArn("one") }), policy(allow("s3:GetObject")));
    await fails(two.sts("GetCallerIdentity"), "unknown");
  });

  it("session tags need sts:TagSession in the trust, override role tags, and pass on only if transitive", async () => {
    const made = await house();
    const ann = await made.user("ann");
    const actions = ["sts:AssumeRole", "sts:TagSession"];
    await role(made, "plain", trusting({ AWS: userArn("ann") }));
    await role(made, "one", trusting({ AWS: userArn("ann") }, actions));
    await role(made, "two", trusting({ AWS: roleArn("one") }, actions));
    await made.root.iam("TagRole", { RoleName: "one", Tags: [{ Key: "Team", Value: "role" }] });
    const Tags = [{ Key: "team", Value: "session" }, { Key: "cost", Value: "7" }];
    await fails(
      ann.sts("AssumeRole", { RoleArn: roleArn("plain"), RoleSessionName: "job", Tags }), "AccessDenied",
      notAuthorized(userArn("ann"), "sts:TagSession", roleArn("plain")),
    );
    const answer = await ann.sts(
      "AssumeRole", { RoleArn: roleArn("one"), RoleSessionName: "job", Tags, TransitiveTagKeys: ["Team"] },
    );
    assert.deepEqual((await made.credential(keysOf(answer["Credentials"]))).principal.tags, { team: "session", cost: "7" });
    const one = session(made, answer);
    const next = { RoleArn: roleArn("two"), RoleSessionName: "job" };
    assert.deepEqual(
      (await made.credential(keysOf((await one.sts("AssumeRole", next))["Credentials"]))).principal.tags, { team: "session" },
    );
    await fails(
      one.sts("AssumeRole", { ...next, Tags: [{ Key: "TEAM", Value: "mine" }] }), "InvalidParameterValue",
      "One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key from the " +
        "calling session.",
    );
    await fails(
      ann.sts("AssumeRole", { RoleArn: roleArn("one"), RoleSessionName: "job", Tags, TransitiveTagKeys: ["x"] }),
      "InvalidParameterValue",
      "The specified transitive tag key must be included in the requested tags.",
    );
    await fails(
      ann.sts("AssumeRole", { RoleArn: roleArn("one"), RoleSessionName: "job", Tags: [...Tags, { Key: "COST", Value: "" }] }),
      "InvalidParameterValue",
      "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
    );
  });

  it("sts:TransitiveTagKeys holds the keys as they were asked for", async () => {
    const made = await house();
    const ann = await made.user("ann");
    const Condition = { "ForAllValues:StringEquals": { "sts:TransitiveTagKeys": ["Project", "Department"] } };
    await role(made, "r", trusting({ AWS: userArn("ann") }, ["sts:AssumeRole", "sts:TagSession"], { Condition }));
    const assume = (Key: string): Promise<unknown> => ann.sts("AssumeRole", {
      RoleArn: roleArn("r"), RoleSessionName: "job", Tags: [{ Key, Value: "x" }], TransitiveTagKeys: [Key],
    });
    await assume("Project");
    await fails(assume("Team"), "AccessDenied");
  });

  it("a source identity needs its right, stays through a chain and cannot be changed", async () => {
    const made = await house();
    const ann = await made.user("ann");
    const actions = ["sts:AssumeRole", "sts:SetSourceIdentity"];
    await role(made, "plain", trusting({ AWS: userArn("ann") }));
    await role(made, "one", trusting({ AWS: userArn("ann") }, actions), policy(allow("sts:*")));
    await role(made, "two", trusting({ AWS: roleArn("one") }, actions));
    await fails(
      ann.sts("AssumeRole", { RoleArn: roleArn("plain"), RoleSessionName: "job", SourceIdentity: "ann" }), "AccessDenied",
    );
    const one = session(
      made, await ann.sts("AssumeRole", { RoleArn: roleArn("one"), RoleSessionName: "job", SourceIdentity: "ann" }),
    );
    assert.equal((await one.sts("AssumeRole", { RoleArn: roleArn("two"), RoleSessionName: "job" }))["SourceIdentity"], "ann");
    await fails(
      one.sts("AssumeRole", { RoleArn: roleArn("two"), RoleSessionName: "job", SourceIdentity: "bob" }), "AccessDenied",
    );
  });

  it("a session must say whom it means in IAM calls", async () => {
    const made = await house();
    const ann = await made.user("ann");
    await role(made, "r", trusting({ AWS: userArn("ann") }), policy(allow("iam:*")));
    const assumed = session(made, await ann.sts("AssumeRole", { RoleArn: roleArn("r"), RoleSessionName: "job" }));
    await fails(assumed.iam("GetUser"), "ValidationError", "Must specify userName when calling with non-User credentials");
    await assumed.iam("GetUser", { UserName: "ann" });
  });
});

describe("the rest of STS", () => {
  it("GetAccessKeyInfo tells the account of a key; DecodeAuthorizationMessage knows no message", async () => {
    const { root, user } = await house();
    const ann = await user("ann", policy(allow("sts:*")));
    assert.equal((await root.sts("GetAccessKeyInfo", { AccessKeyId: ann.keys.accessKeyId }))["Account"], ACCOUNT);
    assert.equal((await ann.sts("GetAccessKeyInfo", { AccessKeyId: OTHER_ROOT.accessKeyId }))["Account"], OTHER);
    await fails(root.sts("GetAccessKeyInfo", { AccessKeyId: "AKIAAAAAAAAAAAAAAAAA" }), "ValidationError");
    await fails(root.sts("DecodeAuthorizationMessage", { EncodedMessage: "x" }), "InvalidAuthorizationMessageException");
    const bea = await user("bea");
    await fails(bea.sts("GetAccessKeyInfo", { AccessKeyId: ann.keys.accessKeyId }), "AccessDenied");
  });
});
