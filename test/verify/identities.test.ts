/** Accounts, users, groups, roles, policies and keys as real calls and a seed file leave them are clean. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  AddUserToGroupCommand, AttachGroupPolicyCommand, AttachUserPolicyCommand, CreateAccessKeyCommand, CreateGroupCommand,
  CreatePolicyCommand, CreatePolicyVersionCommand, CreateRoleCommand, CreateUserCommand, DeleteUserCommand,
  DetachUserPolicyCommand, PutGroupPolicyCommand, PutUserPermissionsBoundaryCommand, RemoveUserFromGroupCommand,
  UpdateGroupCommand, UpdateUserCommand,
} from "@aws-sdk/client-iam";
import {
  CreateAliasCommand, CreateGrantCommand, DeleteAliasCommand, RetireGrantCommand, RotateKeyOnDemandCommand,
  ScheduleKeyDeletionCommand, UpdateAliasCommand,
} from "@aws-sdk/client-kms";
import { GetObjectCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import { ACCOUNT, accountStatement, bodyOf, openWorld, S3_ALL } from "../e2e/world.js";
import { coffer, placeFlags } from "../process/support.js";

const document = JSON.stringify({ Version: "2012-10-17", Statement: [S3_ALL] });
const READ_ONLY = "arn:aws:iam::aws:policy/ReadOnlyAccess";

test("identities and keys that were made, changed, renamed and deleted are clean", async () => {
  const world = await openWorld({ disk: true });
  const { iam, kms } = world;
  const { Policy } = await iam.send(new CreatePolicyCommand({ PolicyName: "Own", PolicyDocument: document }));
  await iam.send(new CreatePolicyVersionCommand({ PolicyArn: Policy?.Arn, PolicyDocument: document, SetAsDefault: true }));
  await iam.send(new CreateGroupCommand({ GroupName: "Writers" }));
  await iam.send(new AttachGroupPolicyCommand({ GroupName: "Writers", PolicyArn: READ_ONLY }));
  await iam.send(new PutGroupPolicyCommand({ GroupName: "Writers", PolicyName: "p", PolicyDocument: document }));
  for (const UserName of ["Ada", "Bob", "Eve"]) {
    await iam.send(new CreateUserCommand({ UserName, ...(UserName === "Bob" ? { PermissionsBoundary: Policy?.Arn } : {}) }));
    await iam.send(new AddUserToGroupCommand({ GroupName: "Writers", UserName }));
  }
  await iam.send(new CreateAccessKeyCommand({ UserName: "Ada" }));
  await iam.send(new AttachUserPolicyCommand({ UserName: "Ada", PolicyArn: Policy?.Arn }));
  await iam.send(new AttachUserPolicyCommand({ UserName: "Ada", PolicyArn: READ_ONLY }));
  await iam.send(new DetachUserPolicyCommand({ UserName: "Ada", PolicyArn: READ_ONLY }));
  await iam.send(new PutUserPermissionsBoundaryCommand({ UserName: "Ada", PermissionsBoundary: READ_ONLY }));
  await iam.send(new UpdateUserCommand({ UserName: "Ada", NewUserName: "Countess" }));
  await iam.send(new UpdateGroupCommand({ GroupName: "Writers", NewGroupName: "Readers" }));
  await iam.send(new RemoveUserFromGroupCommand({ GroupName: "Readers", UserName: "Eve" }));
  await iam.send(new DeleteUserCommand({ UserName: "Eve" }));
  const trust = {
    Version: "2012-10-17", Statement: [{ Effect: "Allow", Principal: { AWS: ACCOUNT }, Action: "sts:AssumeRole" }],
  };
  await iam.send(new CreateRoleCommand({ RoleName: "Role", AssumeRolePolicyDocument: JSON.stringify(trust) }));

  const [first, second] = [await world.key({ Version: "2012-10-17", Statement: [accountStatement()] }), await world.key()];
  for (const name of ["one", "two"]) await kms.send(new CreateAliasCommand({ AliasName: `alias/${name}`, TargetKeyId: first }));
  await kms.send(new UpdateAliasCommand({ AliasName: "alias/one", TargetKeyId: second }));
  await kms.send(new DeleteAliasCommand({ AliasName: "alias/two" }));
  const grant = { KeyId: first, Operations: ["Decrypt" as const], RetiringPrincipal: `arn:aws:iam::${ACCOUNT}:root` };
  const { GrantId } = await kms.send(new CreateGrantCommand({
    ...grant, GranteePrincipal: `arn:aws:iam::${ACCOUNT}:user/Bob`, Name: "named",
  }));
  await kms.send(new CreateGrantCommand({ ...grant, GranteePrincipal: `arn:aws:iam::${ACCOUNT}:user/Countess` }));
  await kms.send(new RetireGrantCommand({ KeyId: first, GrantId }));
  await kms.send(new RotateKeyOnDemandCommand({ KeyId: first }));
  await kms.send(new ScheduleKeyDeletionCommand({ KeyId: second, PendingWindowInDays: 7 }));
  // The managed key of the account.
  const Bucket = await world.bucket();
  await world.s3.send(new PutObjectCommand({ Bucket, Key: "k", Body: "hello", ServerSideEncryption: "aws:kms" }));
  assert.equal((await bodyOf(await world.s3.send(new GetObjectCommand({ Bucket, Key: "k" })))).toString(), "hello");

  await world.server.stop();
  const verified = await coffer(["verify", ...placeFlags(world.server.directory)]);
  assert.deepEqual(
    [verified.code, verified.stdout.trimEnd().split("\n").at(-1)], [0, "clean"], verified.stdout + verified.stderr,
  );
});
