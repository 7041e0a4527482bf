/**
 * Terraform against a server on disk: the shipped examples, as their READMEs say. Each goes through apply, a plan that finds
 * nothing to do, a change, again a plan that finds nothing, and destroy. Each command's seconds are told as diagnostics: most
 * of them are the provider's own start (about 3 s of CPU, two or three times a command) and its wait until a lifecycle
 * configuration was read ten times, five seconds apart.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it, type TestContext } from "node:test";
import { GetPolicyVersionCommand, IAMClient, ListAttachedRolePoliciesCommand } from "@aws-sdk/client-iam";
import { CreateKeyCommand, DescribeKeyCommand, GetKeyRotationStatusCommand, KMSClient, ListAliasesCommand } from "@aws-sdk/client-kms";
import {
  CreateBucketCommand, GetBucketEncryptionCommand, GetBucketLifecycleConfigurationCommand, GetBucketVersioningCommand,
  GetObjectCommand, HeadBucketCommand, HeadObjectCommand, ListObjectsV2Command, PutObjectCommand, S3Client,
} from "@aws-sdk/client-s3";
import { AssumeRoleCommand } from "@aws-sdk/client-sts";
import { discard, failure, iamClient, kmsClient, s3Client, startServer, stsClient, type TestServer } from "../e2e/server.js";
import { cofferEnvironment, findTools, Workspace, type Run, type Tools } from "./tools.js";

const found = findTools();
const skip = found === undefined ? "terraform is not on the PATH" : false;
const lacksProvider = found !== undefined && found.mirror === undefined;
const skipProvider = lacksProvider ? "no mirror of the Terraform provider hashicorp/aws 5.86 or later" : skip;

/** `terraform plan -detailed-exitcode` */
const NOTHING_TO_DO = 0;

interface Place {
  readonly server: TestServer;
  readonly scratch: string;
  readonly env: NodeJS.ProcessEnv;
  readonly s3: S3Client;
  readonly kms: KMSClient;
  readonly iam: IAMClient;
}

async function openPlace(): Promise<Place> {
  const server = await startServer({ disk: true, rootByFlag: false });
  const place = ["--data-dir", join(server.directory, "data"), "--key-file", join(server.directory, "config", "root.key")];
  const env = await cofferEnvironment(place);
  const credentials = { accessKeyId: env["AWS_ACCESS_KEY_ID"] ?? "", secretAccessKey: env["AWS_SECRET_ACCESS_KEY"] ?? "" };
  const as = { https: true, credentials };
  const scratch = mkdtempSync(join(tmpdir(), "coffer-terraform-"));
  return { server, scratch, env, s3: s3Client(server, as), kms: kmsClient(server, as), iam: iamClient(server, as) };
}

/** Runs a command that has to succeed. */
async function does(t: TestContext, work: Workspace, ...args: string[]): Promise<Run> {
  const run = await work.run(...args);
  t.diagnostic(`terraform ${args[0]}: ${run.seconds} s`);
  assert.equal(run.code, 0, `terraform ${args.join(" ")}\n${run.output}`);
  return run;
}

async function isSettled(t: TestContext, work: Workspace, ...args: string[]): Promise<void> {
  const run = await work.run("plan", "-detailed-exitcode", "-input=false", ...args);
  t.diagnostic(`terraform plan: ${run.seconds} s`);
  assert.equal(run.code, NOTHING_TO_DO, run.output);
}

const NO_QUESTIONS = ["-auto-approve", "-input=false"];

/** What changed, as Terraform sums it up. */
const applied = (run: Run): string => /Apply complete! Resources: (.*)\./.exec(run.output)?.[1] ?? run.output;

describe("Terraform", { concurrency: true, skip }, () => {
  const tools = found as Tools;
  let place: Place;
  before(async () => {
    place = await openPlace();
  });
  after(async () => {
    await discard(place.server);
    rmSync(place.scratch, { recursive: true, force: true });
  });
  const workspace = (example: string, env: NodeJS.ProcessEnv = {}): Workspace =>
    new Workspace(tools, place.scratch, example, { ...place.env, ...env });

  it("applies, settles, changes, settles and destroys examples/terraform", { skip: skipProvider }, async (t) => {
    const work = workspace("terraform", { TF_VAR_endpoint: place.server.httpsUrl });
    t.diagnostic(`provider ${tools.mirror?.version ?? ""}`);
    await does(t, work, "init", "-input=false");
    assert.equal(applied(await does(t, work, "apply", ...NO_QUESTIONS)), "18 added, 0 changed, 0 destroyed");
    await isSettled(t, work);
    const made = await work.outputs();
    await checkMade(place, made);
    assert.equal(applied(await does(t, work, "apply", ...NO_QUESTIONS, ...CHANGES)), "0 added, 9 changed, 0 destroyed");
    await isSettled(t, work, ...CHANGES);
    await checkChanged(place, made);
    const destroyed = await does(t, work, "destroy", ...NO_QUESTIONS, ...CHANGES);
    assert.match(destroyed.output, /Destroy complete! Resources: 18 destroyed\./);
    await checkDestroyed(place, made);
  });

  it("applies, settles, changes, settles and destroys the old inline blocks over http", { skip: skipProvider }, async (t) => {
    const work = workspace("terraform-inline", { TF_VAR_endpoint: place.server.httpUrl });
    const head = () => place.s3.send(new HeadObjectCommand({ Bucket: "coffer-terraform-inline", Key: "reports/first.txt" }));
    await does(t, work, "init", "-input=false");
    assert.equal(applied(await does(t, work, "apply", ...NO_QUESTIONS)), "3 added, 0 changed, 0 destroyed");
    await isSettled(t, work);
    assert.equal((await head()).ServerSideEncryption, "aws:kms");
    const changes = ["-var", "sse_algorithm=AES256"];
    assert.equal(applied(await does(t, work, "apply", ...NO_QUESTIONS, ...changes)), "0 added, 1 changed, 0 destroyed");
    await isSettled(t, work, ...changes);
    const encryption = await place.s3.send(new GetBucketEncryptionCommand({ Bucket: "coffer-terraform-inline" }));
    const [rule] = encryption.ServerSideEncryptionConfiguration?.Rules ?? [];
    assert.equal(rule?.ApplyServerSideEncryptionByDefault?.SSEAlgorithm, "AES256");
    await does(t, work, "destroy", ...NO_QUESTIONS);
    assert.equal((await failure(head())).status, 404);
  });

  it("keeps its state encrypted in a bucket and is locked out while another run holds the lock file", async (t) => {
    const Bucket = "coffer-terraform-state";
    const Key = "example/terraform.tfstate";
    await place.s3.send(new CreateBucketCommand({ Bucket }));
    const work = workspace("terraform-state");
    await does(t, work, "init", "-input=false");
    await does(t, work, "apply", ...NO_QUESTIONS);
    await isSettled(t, work);
    assert.equal((await place.s3.send(new HeadObjectCommand({ Bucket, Key }))).ServerSideEncryption, "AES256");

    const holder = work.start("apply", "-var", "note=second");
    await holder.said("Enter a value:");
    const refused = await work.run("apply", ...NO_QUESTIONS, "-var", "note=third");
    assert.equal(refused.code, 1);
    assert.match(refused.output, /Error acquiring the state lock[^]*PreconditionFailed/);
    holder.answer("yes\n");
    assert.equal((await holder.end()).code, 0);
    assert.deepEqual(await work.outputs(), { note: "second" });
    const { Contents } = await place.s3.send(new ListObjectsV2Command({ Bucket }));
    assert.deepEqual(Contents?.map((object) => object.Key), [Key], "the lock file is gone");

    const killed = work.start("apply", "-var", "note=never");
    await killed.said("Enter a value:");
    await killed.kill();
    const stale = await work.run("apply", ...NO_QUESTIONS);
    const [, lock = ""] = /ID:\s+([0-9a-f-]{36})/.exec(stale.output) ?? [];
    await does(t, work, "force-unlock", "-force", lock);

    const { KeyMetadata } = await place.kms.send(new CreateKeyCommand({ Description: "state" }));
    const key = KeyMetadata?.Arn ?? "";
    await does(t, work, "init", "-reconfigure", "-input=false", `-backend-config=kms_key_id=${key}`);
    await does(t, work, "apply", ...NO_QUESTIONS);
    assert.equal((await place.s3.send(new HeadObjectCommand({ Bucket, Key }))).SSEKMSKeyId, key);
    await does(t, work, "destroy", ...NO_QUESTIONS);
  });
});

const BUCKET = "coffer-terraform-example";
const VARIABLES = {
  key_description: "Changed",
  rotation_period_days: 180,
  deletion_window_days: 8,
  bucket_key_enabled: false,
  versioning: "Suspended",
  noncurrent_days: 30,
  greeting: "Changed.\n",
  tags: { Project: "changed", Stage: "test" },
  uploader_may_delete: true,
};
const asText = (value: unknown): string => (typeof value === "object" ? JSON.stringify(value) : String(value));
const CHANGES = Object.entries(VARIABLES).flatMap(([name, value]) => ["-var", `${name}=${asText(value)}`]);

type Outputs = Record<string, string>;

async function checkMade({ server, s3, kms, iam }: Place, made: Outputs): Promise<void> {
  const greeting = await s3.send(new GetObjectCommand({ Bucket: BUCKET, Key: "greeting.txt" }));
  assert.equal(await greeting.Body?.transformToString(), "Hello, sealed world.\n");
  assert.equal(greeting.ServerSideEncryption, "aws:kms");
  assert.equal(greeting.SSEKMSKeyId, made["key_arn"]);
  assert.equal(greeting.BucketKeyEnabled, true);
  const rotation = await kms.send(new GetKeyRotationStatusCommand({ KeyId: made["key_arn"] }));
  assert.deepEqual([rotation.KeyRotationEnabled, rotation.RotationPeriodInDays], [true, 365]);
  const { Aliases } = await kms.send(new ListAliasesCommand({ KeyId: made["key_arn"] }));
  assert.deepEqual(Aliases?.map(({ AliasName }) => AliasName), [`alias/${BUCKET}`]);
  const { Rules } = await s3.send(new GetBucketLifecycleConfigurationCommand({ Bucket: BUCKET }));
  assert.deepEqual(Rules?.map(({ ID }) => ID), ["noncurrent-versions", "unfinished-uploads", "scratch"], "in the order written");
  const { AttachedPolicies } = await iam.send(new ListAttachedRolePoliciesCommand({ RoleName: `${BUCKET}-reader` }));
  assert.deepEqual(AttachedPolicies?.map(({ PolicyName }) => PolicyName), ["AmazonS3ReadOnlyAccess"]);

  const { key_arn = "", uploader_access_key_id = "", uploader_secret_access_key = "" } = made;
  const uploader = { accessKeyId: uploader_access_key_id, secretAccessKey: uploader_secret_access_key };
  const own = s3Client(server, { https: true, credentials: uploader });
  const put = { Bucket: BUCKET, Key: "by-uploader", Body: "x" };
  assert.equal((await failure(own.send(new PutObjectCommand(put)))).code, "AccessDenied", "no encryption header");
  const clear = s3Client(server, { credentials: uploader });
  const sealed = new PutObjectCommand({ ...put, ServerSideEncryption: "aws:kms", SSEKMSKeyId: key_arn });
  assert.equal((await failure(clear.send(sealed))).code, "AccessDenied", "clear HTTP");
  assert.equal((await own.send(sealed)).SSEKMSKeyId, made["key_arn"]);

  const sts = stsClient(server, { https: true, credentials: uploader });
  const assumed = await sts.send(new AssumeRoleCommand({ RoleArn: made["reader_role_arn"], RoleSessionName: "test" }));
  const { AccessKeyId = "", SecretAccessKey = "", SessionToken = "" } = assumed.Credentials ?? {};
  const session = { accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey, sessionToken: SessionToken };
  const reader = s3Client(server, { https: true, credentials: session });
  const read = await reader.send(new GetObjectCommand({ Bucket: BUCKET, Key: "by-uploader" }));
  assert.equal(await read.Body?.transformToString(), "x");
  assert.equal((await failure(reader.send(sealed))).code, "AccessDenied", "the role only reads");
}

async function checkChanged({ s3, kms, iam }: Place, made: Outputs): Promise<void> {
  const greeting = await s3.send(new GetObjectCommand({ Bucket: BUCKET, Key: "greeting.txt" }));
  assert.equal(await greeting.Body?.transformToString(), "Changed.\n");
  assert.notEqual(greeting.BucketKeyEnabled, true);
  assert.equal((await s3.send(new GetBucketVersioningCommand({ Bucket: BUCKET }))).Status, "Suspended");
  const { Rules } = await s3.send(new GetBucketLifecycleConfigurationCommand({ Bucket: BUCKET }));
  assert.equal(Rules?.[0]?.NoncurrentVersionExpiration?.NoncurrentDays, 30);
  const { KeyMetadata } = await kms.send(new DescribeKeyCommand({ KeyId: made["key_arn"] }));
  assert.equal(KeyMetadata?.Description, "Changed");
  assert.equal((await kms.send(new GetKeyRotationStatusCommand({ KeyId: made["key_arn"] }))).RotationPeriodInDays, 180);
  const PolicyArn = `arn:aws:iam::000000000000:policy/${BUCKET}-uploader`;
  const { PolicyVersion } = await iam.send(new GetPolicyVersionCommand({ PolicyArn, VersionId: "v2" }));
  assert.equal(PolicyVersion?.IsDefaultVersion, true);
  assert.match(decodeURIComponent(PolicyVersion?.Document ?? ""), /s3:DeleteObject/);
}

async function checkDestroyed({ s3, kms }: Place, made: Outputs): Promise<void> {
  assert.equal((await failure(s3.send(new HeadBucketCommand({ Bucket: BUCKET })))).status, 404);
  const { KeyMetadata } = await kms.send(new DescribeKeyCommand({ KeyId: made["key_arn"] }));
  assert.equal(KeyMetadata?.KeyState, "PendingDeletion");
  const days = ((KeyMetadata?.DeletionDate?.getTime() ?? 0) - Date.now()) / 86_400_000;
  assert.ok(days > 7 && days <= 8, `the window is ${days} days`);
}
