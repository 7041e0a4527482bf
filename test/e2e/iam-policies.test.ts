/**
 * Users, keys, policies, and their enforcement on S3 and KMS; cross-account; who is told what exists. Source: authorization
 * reference §1–§6.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  AttachUserPolicyCommand,
  CreateAccessKeyCommand,
  CreatePolicyCommand,
  CreatePolicyVersionCommand,
  CreateRoleCommand,
  CreateUserCommand,
  DeleteAccessKeyCommand,
  DeletePolicyCommand,
  DeleteRoleCommand,
  DeleteUserCommand,
  DeleteUserPolicyCommand,
  DetachUserPolicyCommand,
  GetPolicyVersionCommand,
  GetUserCommand,
  GetUserPolicyCommand,
  ListAccessKeysCommand,
  ListAttachedUserPoliciesCommand,
  ListUserPoliciesCommand,
  ListUsersCommand,
  PutRolePolicyCommand,
  PutUserPermissionsBoundaryCommand,
  PutUserPolicyCommand,
  SetDefaultPolicyVersionCommand,
  UpdateAccessKeyCommand,
} from "@aws-sdk/client-iam";
import {
  CopyObjectCommand,
  CreateBucketCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  GetObjectTaggingCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListBucketsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  PutObjectTaggingCommand,
  type S3Client,
} from "@aws-sdk/client-s3";
import { AssumeRoleCommand, GetCallerIdentityCommand } from "@aws-sdk/client-sts";
import { failure, iamClient, ROOT, s3Client, stsClient } from "./server.js";
import { ACCOUNT, AWAY, AWAY_ROOT, bodyOf, openWorld, S3_ALL, unique } from "./world.js";

const world = await openWorld();
const { s3, iam } = world;
const Bucket = await world.bucket("policies");
const objects = `arn:aws:s3:::${Bucket}/*`;
await s3.send(new PutObjectCommand({ Bucket, Key: "k", Body: "x" }));
const awayS3 = s3Client(world.server, { credentials: AWAY_ROOT });
const DENIED = { code: "AccessDenied", status: 403, message: "Access Denied" };
const document = (...Statement: object[]): string => JSON.stringify({ Version: "2012-10-17", Statement });
const get = (client: S3Client, Key = "k", bucket = Bucket) =>
  client.send(new GetObjectCommand({ Bucket: bucket, Key })).then(bodyOf);

test("GetCallerIdentity: root, user, role session; under an explicit deny too; over https as well", async () => {
  const root = await world.sts(ROOT).send(new GetCallerIdentityCommand({}));
  assert.deepEqual([root.Account, root.Arn, root.UserId], [ACCOUNT, `arn:aws:iam::${ACCOUNT}:root`, ACCOUNT]);
  const person = await world.user("who", [{ Effect: "Deny", Action: "*", Resource: "*" }]);
  const user = await stsClient(world.server, { credentials: person.credentials, https: true }).send(
    new GetCallerIdentityCommand({}),
  );
  assert.deepEqual([user.Account, user.Arn], [ACCOUNT, person.arn]);
  assert.match(user.UserId ?? "", /^AIDA[A-Z0-9]{17}$/);
});

test("GetUser: by name, of oneself without a name, of root; an absent one is NoSuchEntity", async () => {
  const person = await world.user("self", [{ Effect: "Allow", Action: "iam:GetUser", Resource: "*" }]);
  const { User } = await iam.send(new GetUserCommand({ UserName: person.name }));
  assert.deepEqual([User?.Arn, User?.Path, User?.UserName], [person.arn, "/", person.name]);
  assert.equal((await person.iam.send(new GetUserCommand({}))).User?.UserName, person.name);
  assert.equal((await iam.send(new GetUserCommand({}))).User?.Arn, `arn:aws:iam::${ACCOUNT}:root`);
  const absent = await failure(iam.send(new GetUserCommand({ UserName: "nobody" })));
  assert.deepEqual([absent.status, absent.message], [404, "The user with name nobody cannot be found."]);
  assert.match(absent.code, /^NoSuchEntity/);
});

test("users: unique whatever the case; deleted only without keys and policies", async () => {
  const UserName = unique("Carol");
  await iam.send(new CreateUserCommand({ UserName, Path: "/team/" }));
  assert.match(
    (await failure(iam.send(new CreateUserCommand({ UserName: UserName.toUpperCase() })))).code,
    /^EntityAlreadyExists/,
  );
  assert.ok(
    (await iam.send(new ListUsersCommand({ PathPrefix: "/team/" }))).Users?.some(
      (user) => user.Arn === `arn:aws:iam::${ACCOUNT}:user/team/${UserName}`,
    ),
  );
  const { AccessKey } = await iam.send(new CreateAccessKeyCommand({ UserName }));
  await iam.send(new PutUserPolicyCommand({ UserName, PolicyName: "p", PolicyDocument: document(S3_ALL) }));
  assert.match((await failure(iam.send(new DeleteUserCommand({ UserName })))).code, /^DeleteConflict/);
  await iam.send(new DeleteAccessKeyCommand({ UserName, AccessKeyId: AccessKey?.AccessKeyId }));
  assert.match((await failure(iam.send(new DeleteUserCommand({ UserName })))).code, /^DeleteConflict/);
  await iam.send(new DeleteUserPolicyCommand({ UserName, PolicyName: "p" }));
  await iam.send(new DeleteUserCommand({ UserName }));
});

test("access keys: two at most; inactive or deleted they are refused at once; active again they work", async () => {
  const person = await world.user("keys", [S3_ALL]);
  const { AccessKeyId } = (await iam.send(new ListAccessKeysCommand({ UserName: person.name }))).AccessKeyMetadata?.[0] ?? {};
  assert.equal(AccessKeyId, person.credentials.accessKeyId);
  await get(person.s3);
  await iam.send(new UpdateAccessKeyCommand({ UserName: person.name, AccessKeyId, Status: "Inactive" }));
  assert.deepEqual([(await failure(get(person.s3))).code, (await failure(get(person.s3))).status], ["InvalidAccessKeyId", 403]);
  await iam.send(new UpdateAccessKeyCommand({ UserName: person.name, AccessKeyId, Status: "Active" }));
  await get(person.s3);
  await iam.send(new CreateAccessKeyCommand({ UserName: person.name }));
  assert.match((await failure(iam.send(new CreateAccessKeyCommand({ UserName: person.name })))).code, /^LimitExceeded/);
  await iam.send(new DeleteAccessKeyCommand({ UserName: person.name, AccessKeyId }));
  assert.equal((await failure(get(person.s3))).code, "InvalidAccessKeyId");
});

test("wrong secrets, unknown keys and made-up session tokens are refused by name", async () => {
  const wrong = s3Client(world.server, { credentials: { ...ROOT, secretAccessKey: `${ROOT.secretAccessKey}x` } });
  const signature = await failure(get(wrong));
  assert.deepEqual([signature.code, signature.status], ["SignatureDoesNotMatch", 403]);
  const unknown = await failure(get(s3Client(world.server, { credentials: { ...ROOT, accessKeyId: "AKIANOSUCHKEY0000001" } })));
  assert.deepEqual([unknown.code, unknown.status], ["InvalidAccessKeyId", 403]);
  const token = await failure(get(s3Client(world.server, { credentials: { ...ROOT, sessionToken: "made-up" } })));
  assert.ok(["InvalidToken", "InvalidAccessKeyId"].includes(token.code), token.code);
  const sts = await failure(
    stsClient(world.server, { credentials: { ...ROOT, accessKeyId: "AKIANOSUCHKEY0000001" } }).send(
      new GetCallerIdentityCommand({}),
    ),
  );
  assert.deepEqual([sts.code, sts.status], ["InvalidClientTokenId", 403]);
});

test("a user without policies may do nothing; an inline policy takes effect at once, and goes at once", async () => {
  const person = await world.user("inline");
  assert.deepEqual(await failure(get(person.s3)), DENIED);
  await iam.send(
    new PutUserPolicyCommand({
      UserName: person.name,
      PolicyName: "read",
      PolicyDocument: document({ Effect: "Allow", Action: "s3:GetObject", Resource: objects }),
    }),
  );
  await get(person.s3);
  assert.deepEqual(await failure(person.s3.send(new PutObjectCommand({ Bucket, Key: "k", Body: "y" }))), DENIED);
  assert.deepEqual((await iam.send(new ListUserPoliciesCommand({ UserName: person.name }))).PolicyNames, ["read"]);
  const { PolicyDocument } = await iam.send(new GetUserPolicyCommand({ UserName: person.name, PolicyName: "read" }));
  assert.equal((JSON.parse(decodeURIComponent(PolicyDocument ?? "")) as { Version: string }).Version, "2012-10-17");
  await iam.send(new DeleteUserPolicyCommand({ UserName: person.name, PolicyName: "read" }));
  assert.deepEqual(await failure(get(person.s3)), DENIED);
});

test("a managed policy: attached it counts, the default version decides, detached it counts no more", async () => {
  const person = await world.user("managed");
  const { Policy } = await iam.send(
    new CreatePolicyCommand({
      PolicyName: unique("policy"),
      PolicyDocument: document({ Effect: "Allow", Action: "s3:GetObject", Resource: objects }),
    }),
  );
  const PolicyArn = Policy?.Arn;
  await iam.send(new AttachUserPolicyCommand({ UserName: person.name, PolicyArn }));
  await get(person.s3);
  const denying = document({ Effect: "Deny", Action: "s3:*", Resource: "*" });
  const { PolicyVersion } = await iam.send(
    new CreatePolicyVersionCommand({ PolicyArn, PolicyDocument: denying, SetAsDefault: true }),
  );
  assert.equal(PolicyVersion?.VersionId, "v2");
  assert.deepEqual(await failure(get(person.s3)), DENIED);
  assert.equal(
    decodeURIComponent(
      (await iam.send(new GetPolicyVersionCommand({ PolicyArn, VersionId: "v2" }))).PolicyVersion?.Document ?? "",
    ),
    denying,
  );
  await iam.send(new SetDefaultPolicyVersionCommand({ PolicyArn, VersionId: "v1" }));
  await get(person.s3);
  assert.equal(
    (await iam.send(new ListAttachedUserPoliciesCommand({ UserName: person.name }))).AttachedPolicies?.[0]?.PolicyArn,
    PolicyArn,
  );
  assert.match((await failure(iam.send(new DeletePolicyCommand({ PolicyArn })))).code, /^DeleteConflict/);
  await iam.send(new DetachUserPolicyCommand({ UserName: person.name, PolicyArn }));
  assert.deepEqual(await failure(get(person.s3)), DENIED);
  await iam.send(
    new AttachUserPolicyCommand({ UserName: person.name, PolicyArn: "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess" }),
  );
  await get(person.s3);
});

test("a permissions boundary limits what policies give", async () => {
  const person = await world.user("bounded", [S3_ALL]);
  const { Policy } = await iam.send(
    new CreatePolicyCommand({
      PolicyName: unique("boundary"),
      PolicyDocument: document({ Effect: "Allow", Action: "s3:GetObject", Resource: "*" }),
    }),
  );
  await iam.send(new PutUserPermissionsBoundaryCommand({ UserName: person.name, PermissionsBoundary: Policy?.Arn }));
  await get(person.s3);
  assert.deepEqual(await failure(person.s3.send(new PutObjectCommand({ Bucket, Key: "k", Body: "y" }))), DENIED);
});

test("malformed policies are MalformedPolicyDocument, by name", async () => {
  const person = await world.user("malformed");
  for (const bad of [
    "{",
    "[]",
    "{}",
    '{"Version":"2012-10-17"}',
    document({ Effect: "Allow", Action: "s3:*" }),
    document({ Effect: "Sometimes", Action: "s3:*", Resource: "*" }),
    '{"Version":"2012-10-17","Version":"2012-10-17","Statement":[]}',
  ]) {
    const error = await failure(
      iam.send(new PutUserPolicyCommand({ UserName: person.name, PolicyName: "p", PolicyDocument: bad })),
    );
    assert.match(error.code, /^MalformedPolicyDocument/, bad);
    assert.equal(error.status, 400);
  }
});

test("IAM calls are themselves authorized: an S3 user makes no users and gives himself no rights", async () => {
  const person = await world.user("ambitious", [S3_ALL]);
  for (const command of [
    new CreateUserCommand({ UserName: unique("x") }),
    new PutUserPolicyCommand({
      UserName: person.name,
      PolicyName: "all",
      PolicyDocument: document({ Effect: "Allow", Action: "*", Resource: "*" }),
    }),
    new CreateAccessKeyCommand({ UserName: person.name }),
    new ListUsersCommand({}),
  ]) {
    const error = await failure(person.iam.send(command as ListUsersCommand));
    assert.equal(error.status, 403, command.constructor.name);
    assert.match(error.message, /^User: arn:aws:iam::.* is not authorized to perform: iam:/);
  }
});

test("NotAction, NotResource, variables, conditions of identity policies", async () => {
  const person = await world.user("language");
  const folder = `home/${person.name}/k`;
  for (const Key of [folder, "home/else/k"]) await s3.send(new PutObjectCommand({ Bucket, Key, Body: "x" }));
  await world.allow(person.name, [
    { Effect: "Allow", Action: "s3:GetObject", Resource: `arn:aws:s3:::${Bucket}/home/\${aws:username}/*` },
  ]);
  await get(person.s3, folder);
  assert.deepEqual(await failure(get(person.s3, "home/else/k")), DENIED);
  await world.allow(person.name, [{ Effect: "Allow", NotAction: "s3:Put*", Resource: "*" }]);
  await get(person.s3);
  assert.deepEqual(await failure(person.s3.send(new PutObjectCommand({ Bucket, Key: "k2", Body: "y" }))), DENIED);
  await world.allow(person.name, [S3_ALL, { Effect: "Deny", Action: "s3:*", NotResource: [`arn:aws:s3:::${Bucket}/home/*`] }]);
  await get(person.s3, folder);
  assert.deepEqual(await failure(get(person.s3)), DENIED);
  for (const [Condition, allowed] of [
    [{ IpAddress: { "aws:SourceIp": "127.0.0.0/8" } }, true],
    [{ IpAddress: { "aws:SourceIp": "10.0.0.0/8" } }, false],
    [{ DateGreaterThan: { "aws:CurrentTime": "2099-01-01T00:00:00Z" } }, false],
    [{ Bool: { "aws:SecureTransport": "true" } }, false],
    [{ StringEquals: { "aws:PrincipalType": "User", "s3:authType": "REST-HEADER" } }, true],
    [{ StringLike: { "aws:UserAgent": "aws-sdk-js/*" } }, true],
    [{ StringEquals: { "s3:ExistingObjectTag/a": "b" } }, false],
    [{ StringEqualsIfExists: { "s3:ExistingObjectTag/a": "b" } }, true],
    [{ Null: { "aws:MultiFactorAuthPresent": "true" } }, true],
  ] as const) {
    await world.allow(person.name, [{ ...S3_ALL, Condition }]);
    const outcome = await get(person.s3).then(
      () => true,
      () => false,
    );
    assert.equal(outcome, allowed, JSON.stringify(Condition));
  }
});

test("absent keys: 404 for those who may list, 403 for the others, with the same words as for a forbidden one", async () => {
  const reader = await world.user("reader", [{ Effect: "Allow", Action: "s3:GetObject", Resource: objects }]);
  assert.deepEqual(await failure(get(reader.s3, "absent")), DENIED);
  assert.equal((await failure(reader.s3.send(new HeadObjectCommand({ Bucket, Key: "absent" })))).status, 403);
  assert.deepEqual(
    await failure(reader.s3.send(new CopyObjectCommand({ Bucket, Key: "c", CopySource: `${Bucket}/absent` }))),
    DENIED,
  );
  await world.allow(reader.name, [{ Effect: "Allow", Action: ["s3:GetObject", "s3:ListBucket"], Resource: "*" }]);
  assert.equal((await failure(get(reader.s3, "absent"))).code, "NoSuchKey");
  const lister = await world.user("lister", [{ Effect: "Allow", Action: "s3:ListBucket", Resource: "*" }]);
  assert.deepEqual(await failure(get(lister.s3, "absent")), DENIED);
  assert.deepEqual(await failure(get(lister.s3)), DENIED);
});

test("an absent bucket is NoSuchBucket for everyone; a foreign one is 403, with its region for HEAD", async () => {
  const person = await world.user("nobody");
  assert.equal((await failure(get(person.s3, "k", "no-such-bucket-here"))).code, "NoSuchBucket");
  assert.deepEqual(await failure(get(awayS3)), DENIED);
  assert.equal((await failure(awayS3.send(new HeadBucketCommand({ Bucket })))).status, 403);
  const head = await world.wire({ credentials: AWAY_ROOT }).send({ method: "HEAD", path: `/${Bucket}` });
  assert.deepEqual([head.status, head.headers["x-amz-bucket-region"], head.body.length], [403, "us-east-1", 0]);
  const anonymous = await world.raw({ path: `/${Bucket}/k` });
  assert.equal(anonymous.status, 403);
});

test("conditional headers say nothing to those who may not read", async () => {
  const person = await world.user("blind", [{ Effect: "Allow", Action: "s3:ListBucket", Resource: "*" }]);
  const { ETag } = await s3.send(new HeadObjectCommand({ Bucket, Key: "k" }));
  for (const input of [{ IfNoneMatch: ETag }, { IfMatch: '"0"' }, { IfModifiedSince: new Date() }]) {
    assert.deepEqual(await failure(person.s3.send(new GetObjectCommand({ Bucket, Key: "k", ...input }))), DENIED);
  }
});

test("DeleteObjects decides for every entry by itself; a denied copy source or destination denies the copy", async () => {
  for (const Key of ["mine/1", "yours/1"]) await s3.send(new PutObjectCommand({ Bucket, Key, Body: "x" }));
  const person = await world.user("mixed", [
    { Effect: "Allow", Action: ["s3:DeleteObject", "s3:PutObject", "s3:GetObject"], Resource: `arn:aws:s3:::${Bucket}/mine/*` },
  ]);
  const copy = (from: string, to: string) =>
    person.s3.send(new CopyObjectCommand({ Bucket, Key: to, CopySource: `${Bucket}/${from}` }));
  await copy("mine/1", "mine/2");
  assert.deepEqual(await failure(copy("yours/1", "mine/2")), DENIED);
  assert.deepEqual(await failure(copy("mine/1", "yours/2")), DENIED);
  const { Deleted, Errors } = await person.s3.send(
    new DeleteObjectsCommand({ Bucket, Delete: { Objects: [{ Key: "mine/1" }, { Key: "yours/1" }, { Key: "yours/absent" }] } }),
  );
  assert.deepEqual(
    Deleted?.map(({ Key }) => Key),
    ["mine/1"],
  );
  assert.deepEqual(
    Errors?.map(({ Key, Code }) => [Key, Code]),
    [
      ["yours/1", "AccessDenied"],
      ["yours/absent", "AccessDenied"],
    ],
  );
  await s3.send(new HeadObjectCommand({ Bucket, Key: "yours/1" }));
  assert.deepEqual(await failure(person.s3.send(new DeleteObjectCommand({ Bucket, Key: "yours/absent" }))), DENIED);
});

test("tags decide: ExistingObjectTag on reads, RequestObjectTag on writes", async () => {
  await s3.send(new PutObjectCommand({ Bucket, Key: "red", Body: "x", Tagging: "team=red" }));
  const person = await world.user("red", [
    {
      Effect: "Allow",
      Action: ["s3:GetObject", "s3:GetObjectTagging"],
      Resource: "*",
      Condition: { StringEquals: { "s3:ExistingObjectTag/team": "red" } },
    },
    {
      Effect: "Allow",
      Action: ["s3:PutObject", "s3:PutObjectTagging"],
      Resource: objects,
      Condition: { StringEquals: { "s3:RequestObjectTag/team": "red" } },
    },
  ]);
  await get(person.s3, "red");
  await person.s3.send(new GetObjectTaggingCommand({ Bucket, Key: "red" }));
  assert.deepEqual(await failure(get(person.s3)), DENIED);
  await person.s3.send(new PutObjectCommand({ Bucket, Key: "red2", Body: "x", Tagging: "team=red" }));
  assert.deepEqual(
    await failure(person.s3.send(new PutObjectCommand({ Bucket, Key: "blue", Body: "x", Tagging: "team=blue" }))),
    DENIED,
  );
  assert.deepEqual(
    await failure(
      person.s3.send(new PutObjectTaggingCommand({ Bucket, Key: "red2", Tagging: { TagSet: [{ Key: "team", Value: "blue" }] } })),
    ),
    DENIED,
  );
});

test("ListAllMyBuckets and CreateBucket are permissions like any other", async () => {
  const person = await world.user("buckets", [{ Effect: "Allow", Action: "s3:GetObject", Resource: "*" }]);
  assert.deepEqual(await failure(person.s3.send(new ListBucketsCommand({}))), DENIED);
  assert.deepEqual(await failure(person.s3.send(new CreateBucketCommand({ Bucket: unique("denied") }))), DENIED);
  assert.deepEqual(await failure(person.s3.send(new CreateBucketCommand({ Bucket }))), DENIED, "no word on taken names");
});

test("cross-account: the bucket's policy and the caller's both must allow; a deny on either side wins", async () => {
  const awayIam = iamClient(world.server, { credentials: AWAY_ROOT });
  const visitor = await world.user("visitor", [S3_ALL], awayIam);
  assert.equal(visitor.arn.split(":")[4], AWAY);
  assert.deepEqual(await failure(get(visitor.s3)), DENIED);
  const shared = await world.bucket("shared");
  await s3.send(new PutObjectCommand({ Bucket: shared, Key: "k", Body: "x" }));
  await world.policy(shared, [
    { Effect: "Allow", Principal: { AWS: visitor.arn }, Action: "s3:GetObject", Resource: `arn:aws:s3:::${shared}/*` },
  ]);
  await get(visitor.s3, "k", shared);
  assert.deepEqual(await failure(visitor.s3.send(new PutObjectCommand({ Bucket: shared, Key: "k2", Body: "x" }))), DENIED);
  await world.allow(visitor.name, [{ Effect: "Allow", Action: "kms:*", Resource: "*" }], awayIam);
  assert.deepEqual(await failure(get(visitor.s3, "k", shared)), DENIED, "the caller's own account must allow as well");
  await world.allow(visitor.name, [S3_ALL], awayIam);
  await world.policy(shared, [
    {
      Effect: "Allow",
      Principal: { AWS: `arn:aws:iam::${AWAY}:root` },
      Action: "s3:*",
      Resource: [`arn:aws:s3:::${shared}`, `arn:aws:s3:::${shared}/*`],
    },
    { Effect: "Deny", Principal: { AWS: visitor.arn }, Action: "s3:DeleteObject", Resource: `arn:aws:s3:::${shared}/*` },
  ]);
  await visitor.s3.send(new PutObjectCommand({ Bucket: shared, Key: "k2", Body: "x" }));
  await visitor.s3.send(new ListObjectsV2Command({ Bucket: shared }));
  assert.deepEqual(await failure(visitor.s3.send(new DeleteObjectCommand({ Bucket: shared, Key: "k2" }))), DENIED);
});

test("in the same account the bucket's policy alone suffices for a user it names", async () => {
  const person = await world.user("named");
  const named = await world.bucket("named");
  await s3.send(new PutObjectCommand({ Bucket: named, Key: "k", Body: "x" }));
  await world.policy(named, [
    { Effect: "Allow", Principal: { AWS: person.arn }, Action: "s3:GetObject", Resource: `arn:aws:s3:::${named}/*` },
  ]);
  await get(person.s3, "k", named);
});

test("a user deleted and made again under the same name is another principal to old policies", async () => {
  const person = await world.user("again");
  const named = await world.bucket("again");
  await s3.send(new PutObjectCommand({ Bucket: named, Key: "k", Body: "x" }));
  await world.policy(named, [
    { Effect: "Allow", Principal: { AWS: person.arn }, Action: "s3:GetObject", Resource: `arn:aws:s3:::${named}/*` },
  ]);
  await iam.send(new DeleteAccessKeyCommand({ UserName: person.name, AccessKeyId: person.credentials.accessKeyId }));
  await iam.send(new DeleteUserCommand({ UserName: person.name }));
  await iam.send(new CreateUserCommand({ UserName: person.name }));
  const { AccessKey } = await iam.send(new CreateAccessKeyCommand({ UserName: person.name }));
  const credentials = { accessKeyId: AccessKey?.AccessKeyId ?? "", secretAccessKey: AccessKey?.SecretAccessKey ?? "" };
  assert.deepEqual(await failure(get(s3Client(world.server, { credentials }), "k", named)), DENIED);
});

test("AssumeRole: a session has the role's rights, limited by its session policy; a deleted role ends it", async () => {
  const person = await world.user("assumer", [{ Effect: "Allow", Action: "sts:AssumeRole", Resource: "*" }]);
  const RoleName = unique("role");
  const AssumeRolePolicyDocument = document({ Effect: "Allow", Principal: { AWS: person.arn }, Action: "sts:AssumeRole" });
  const { Role } = await iam.send(new CreateRoleCommand({ RoleName, AssumeRolePolicyDocument }));
  await iam.send(new PutRolePolicyCommand({ RoleName, PolicyName: "p", PolicyDocument: document(S3_ALL) }));
  const assume = async (Policy?: string) => {
    const { Credentials: made } = await world
      .sts(person.credentials)
      .send(new AssumeRoleCommand({ RoleArn: Role?.Arn, RoleSessionName: "session", Policy }));
    return {
      accessKeyId: made?.AccessKeyId ?? "",
      secretAccessKey: made?.SecretAccessKey ?? "",
      sessionToken: made?.SessionToken ?? "",
    };
  };
  const credentials = await assume();
  assert.match(credentials.accessKeyId, /^ASIA/);
  const identity = await world.sts(credentials).send(new GetCallerIdentityCommand({}));
  assert.equal(identity.Arn, `arn:aws:sts::${ACCOUNT}:assumed-role/${RoleName}/session`);
  const session = s3Client(world.server, { credentials });
  await get(session);
  await session.send(new PutObjectCommand({ Bucket, Key: "session", Body: "x" }));
  const limited = s3Client(world.server, {
    credentials: await assume(document({ Effect: "Allow", Action: "s3:GetObject", Resource: "*" })),
  });
  await get(limited);
  assert.deepEqual(await failure(limited.send(new PutObjectCommand({ Bucket, Key: "session", Body: "x" }))), DENIED);
  const stripped = await failure(
    get(s3Client(world.server, { credentials: { ...credentials, sessionToken: undefined as never } })),
  );
  assert.deepEqual([stripped.code, stripped.status], ["InvalidToken", 400], "a session's key without its token");
  const stranger = await world.user("stranger", [S3_ALL]);
  const refused = await failure(
    world.sts(stranger.credentials).send(new AssumeRoleCommand({ RoleArn: Role?.Arn, RoleSessionName: "session" })),
  );
  assert.deepEqual([refused.code, refused.status], ["AccessDenied", 403]);
  const { DeleteRolePolicyCommand } = await import("@aws-sdk/client-iam");
  await iam.send(new DeleteRolePolicyCommand({ RoleName, PolicyName: "p" }));
  assert.deepEqual(await failure(get(session)), DENIED);
  await iam.send(new DeleteRoleCommand({ RoleName }));
  assert.equal((await failure(get(session))).status, 403);
});
