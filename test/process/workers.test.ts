/**
 * Several workers, one truth: what one worker has written is what the other decides by at its next request. Which worker
 * holds a connection is read from the audit log: each process writes a file of its own, named by its process id.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { Agent } from "node:http";
import { join } from "node:path";
import { after, before, test } from "node:test";
import {
  CreateAccessKeyCommand,
  CreateUserCommand,
  DeleteUserPolicyCommand,
  IAMClient,
  PutUserPolicyCommand,
  UpdateAccessKeyCommand,
} from "@aws-sdk/client-iam";
import {
  CreateGrantCommand,
  CreateKeyCommand,
  DisableKeyCommand,
  EnableKeyCommand,
  KMSClient,
  PutKeyPolicyCommand,
  RevokeGrantCommand,
  ScheduleKeyDeletionCommand,
} from "@aws-sdk/client-kms";
import {
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteBucketPolicyCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListBucketsCommand,
  ListObjectsV2Command,
  PutBucketEncryptionCommand,
  PutBucketPolicyCommand,
  PutObjectCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { NodeHttpHandler } from "@smithy/node-http-handler";
import { discard, failToStart, failure, ROOT, startServer, type Credentials, type TestServer } from "../e2e/server.js";
import { ACCOUNT, eventually, plain } from "./support.js";

let server: TestServer;
/** Two connections that two different workers hold. */
let one: Line;
let two: Line;

/** Clients of every service that share one kept-alive connection. */
interface Line {
  /** Process id of the worker at its other end. */
  readonly worker: number;
  as(credentials: Credentials): { s3: S3Client; kms: KMSClient; iam: IAMClient; sts: STSClient };
}

function newLine(): Omit<Line, "worker"> {
  const requestHandler = new NodeHttpHandler({ httpAgent: new Agent({ keepAlive: true, maxSockets: 1 }) });
  return {
    as: (credentials) => {
      const settings = { endpoint: server.httpUrl, region: "us-east-1", credentials, maxAttempts: 1, requestHandler };
      return {
        s3: new S3Client({ ...settings, forcePathStyle: true }),
        kms: new KMSClient(settings),
        iam: new IAMClient(settings),
        sts: new STSClient(settings),
      };
    },
  };
}

/** The process whose audit file has this request. */
function workerOf(requestId: string | undefined): number {
  const directory = join(server.directory, "data", "audit");
  const file = readdirSync(directory).find((name) =>
    readFileSync(join(directory, name), "utf8").includes(`"${requestId ?? ""}"`),
  );
  return Number(/^audit-\w+-(\d+)-/.exec(file ?? "")?.[1]);
}

async function openLine(): Promise<Line> {
  const line = newLine();
  const { $metadata } = await line.as(ROOT).sts.send(new GetCallerIdentityCommand({}));
  return { ...line, worker: workerOf($metadata.requestId) };
}

/** @returns a line to a worker other than `than` */
async function openLineElsewhere(than: Line): Promise<Line> {
  let line = await openLine();
  await eventually("a connection to another worker", async () => {
    if (line.worker === than.worker) line = await openLine();
    return line.worker !== than.worker;
  });
  return line;
}

before(async () => {
  server = await startServer({ disk: true, flags: ["--workers", "2"] });
  one = await openLine();
  two = await openLineElsewhere(one);
});
after(() => discard(server));

let names = 0;
const unique = (stem: string): string => `${stem}-${(names += 1)}`;

async function userOn(line: Line, policy: object): Promise<{ name: string; credentials: Credentials }> {
  const { iam } = line.as(ROOT);
  const UserName = unique("user");
  await iam.send(new CreateUserCommand({ UserName }));
  await iam.send(
    new PutUserPolicyCommand({
      UserName,
      PolicyName: "p",
      PolicyDocument: JSON.stringify({ Version: "2012-10-17", Statement: [policy] }),
    }),
  );
  const { AccessKey } = await iam.send(new CreateAccessKeyCommand({ UserName }));
  return {
    name: UserName,
    credentials: { accessKeyId: AccessKey?.AccessKeyId ?? "", secretAccessKey: AccessKey?.SecretAccessKey ?? "" },
  };
}

test("two workers hold the two lines, neither is the primary", () => {
  assert.ok(one.worker > 0 && two.worker > 0);
  assert.notEqual(one.worker, two.worker);
  assert.notEqual(one.worker, server.process.pid);
});

for (const BucketKeyEnabled of [false, true]) {
  test(`a key disabled by one worker closes its objects on the other at the next request, ${BucketKeyEnabled ? "with" : "without"} a bucket key, and enabled again opens them`, async () => {
    const here = one.as(ROOT);
    const there = two.as(ROOT);
    const { KeyMetadata } = await here.kms.send(new CreateKeyCommand({}));
    const KeyId = KeyMetadata?.KeyId;
    const Bucket = unique("keys");
    await here.s3.send(new CreateBucketCommand({ Bucket }));
    const put = (Key: string) =>
      new PutObjectCommand({
        Bucket,
        Key,
        Body: "dear reader",
        ServerSideEncryption: "aws:kms",
        SSEKMSKeyId: KeyId,
        BucketKeyEnabled,
      });
    const get = new GetObjectCommand({ Bucket, Key: "a" });
    await there.s3.send(put("a"));
    for (let round = 0; round < 3; round += 1) {
      assert.equal(await (await there.s3.send(get)).Body?.transformToString(), "dear reader");
      await here.kms.send(new DisableKeyCommand({ KeyId }));
      assert.equal((await failure(there.s3.send(get))).code, "KMS.DisabledException");
      assert.equal((await failure(there.s3.send(put("b")))).code, "KMS.DisabledException");
      await here.kms.send(new EnableKeyCommand({ KeyId }));
    }
    assert.equal(await (await there.s3.send(get)).Body?.transformToString(), "dear reader");
    await here.kms.send(new ScheduleKeyDeletionCommand({ KeyId, PendingWindowInDays: 7 }));
    assert.equal((await failure(there.s3.send(get))).code, "KMS.KMSInvalidStateException");
  });
}

test("an access key deactivated by one worker is refused by the other at the next request, and active again it works", async () => {
  const { name: UserName, credentials } = await userOn(one, { Effect: "Allow", Action: "s3:*", Resource: "*" });
  const there = two.as(credentials).s3;
  const set = (Status: "Active" | "Inactive") =>
    one.as(ROOT).iam.send(new UpdateAccessKeyCommand({ UserName, AccessKeyId: credentials.accessKeyId, Status }));
  for (let round = 0; round < 3; round += 1) {
    await there.send(new ListBucketsCommand({}));
    await set("Inactive");
    assert.equal((await failure(there.send(new ListBucketsCommand({})))).code, "InvalidAccessKeyId");
    await set("Active");
  }
  await there.send(new ListBucketsCommand({}));
});

test("a user's policy taken away by one worker counts for the other at the next request", async () => {
  const { name: UserName, credentials } = await userOn(one, { Effect: "Allow", Action: "s3:ListAllMyBuckets", Resource: "*" });
  const there = two.as(credentials).s3;
  await there.send(new ListBucketsCommand({}));
  await one.as(ROOT).iam.send(new DeleteUserPolicyCommand({ UserName, PolicyName: "p" }));
  assert.equal((await failure(there.send(new ListBucketsCommand({})))).code, "AccessDenied");
});

test("a bucket policy, a default encryption and a bucket's end, written by one worker, bind the other at its next request", async () => {
  const here = one.as(ROOT).s3;
  const there = two.as(ROOT).s3;
  const Bucket = unique("rules");
  await here.send(new CreateBucketCommand({ Bucket }));
  const put = new PutObjectCommand({ Bucket, Key: "a", Body: "x" });
  const Policy = JSON.stringify({
    Version: "2012-10-17",
    Statement: [{ Effect: "Deny", Principal: "*", Action: "s3:PutObject", Resource: `arn:aws:s3:::${Bucket}/*` }],
  });
  for (let round = 0; round < 3; round += 1) {
    assert.equal((await there.send(put)).ServerSideEncryption, "AES256");
    await here.send(new PutBucketPolicyCommand({ Bucket, Policy }));
    assert.equal((await failure(there.send(put))).code, "AccessDenied");
    await here.send(new DeleteBucketPolicyCommand({ Bucket }));
  }
  const Rules = [{ ApplyServerSideEncryptionByDefault: { SSEAlgorithm: "aws:kms" as const } }];
  await here.send(new PutBucketEncryptionCommand({ Bucket, ServerSideEncryptionConfiguration: { Rules } }));
  assert.equal((await there.send(put)).ServerSideEncryption, "aws:kms");
  assert.equal((await here.send(new HeadObjectCommand({ Bucket, Key: "a" }))).ServerSideEncryption, "aws:kms");
  const empty = unique("empty");
  await here.send(new CreateBucketCommand({ Bucket: empty }));
  await there.send(new ListObjectsV2Command({ Bucket: empty }));
  await here.send(new DeleteBucketCommand({ Bucket: empty }));
  assert.equal((await failure(there.send(new PutObjectCommand({ Bucket: empty, Key: "a", Body: "x" })))).code, "NoSuchBucket");
});

test("a key policy and a grant, written by one worker, bind the other at its next request", async () => {
  const { kms } = one.as(ROOT);
  const { credentials, name } = await userOn(one, { Effect: "Allow", Action: "s3:*", Resource: "*" });
  const there = two.as(credentials).s3;
  const { KeyMetadata } = await kms.send(new CreateKeyCommand({}));
  const KeyId = KeyMetadata?.KeyId;
  const Bucket = unique("grants");
  await one.as(ROOT).s3.send(new CreateBucketCommand({ Bucket }));
  const put = new PutObjectCommand({ Bucket, Key: "a", Body: "x", ServerSideEncryption: "aws:kms", SSEKMSKeyId: KeyId });
  assert.equal((await failure(there.send(put))).code, "AccessDenied");
  const GranteePrincipal = `arn:aws:iam::${ACCOUNT}:user/${name}`;
  const { GrantId } = await kms.send(
    new CreateGrantCommand({ KeyId, GranteePrincipal, Operations: ["GenerateDataKey", "Decrypt"] }),
  );
  await there.send(put);
  await kms.send(new RevokeGrantCommand({ KeyId, GrantId }));
  assert.equal((await failure(there.send(put))).code, "AccessDenied");
  const statement = (Principal: object) => ({ Effect: "Allow", Principal, Action: "kms:*", Resource: "*" });
  const root = statement({ AWS: `arn:aws:iam::${ACCOUNT}:root` });
  const set = (...Statement: object[]) =>
    kms.send(new PutKeyPolicyCommand({ KeyId, Policy: JSON.stringify({ Version: "2012-10-17", Statement }) }));
  await set(root, statement({ AWS: GranteePrincipal }));
  await there.send(put);
  await set(root);
  assert.equal((await failure(there.send(new GetObjectCommand({ Bucket, Key: "a" })))).code, "AccessDenied");
});

test("/-/metrics answers for all workers, whichever is asked", async () => {
  const asked = async (): Promise<number> => {
    const { body } = await plain(`${server.httpUrl}/-/metrics`);
    return Number(/^coffer_requests_total\{[^}]*operation="GetCallerIdentity"[^}]*\} (\d+)$/m.exec(body)?.[1] ?? 0);
  };
  const before_ = await asked();
  for (let count = 0; count < 4; count += 1) await one.as(ROOT).sts.send(new GetCallerIdentityCommand({}));
  for (let count = 0; count < 3; count += 1) await two.as(ROOT).sts.send(new GetCallerIdentityCommand({}));
  for (let tries = 0; tries < 6; tries += 1) assert.equal(await asked(), before_ + 7);
});

test("a killed worker is replaced; the other serves on, and what was acknowledged is there", async () => {
  const Bucket = unique("survives");
  const { s3 } = two.as(ROOT);
  await s3.send(new CreateBucketCommand({ Bucket }));
  await one.as(ROOT).s3.send(new PutObjectCommand({ Bucket, Key: "a", Body: "acknowledged" }));
  process.kill(one.worker, "SIGKILL");
  assert.equal(await (await s3.send(new GetObjectCommand({ Bucket, Key: "a" }))).Body?.transformToString(), "acknowledged");
  await eventually("a new worker serves", async () => {
    const line = await openLine();
    return line.worker !== one.worker && line.worker !== two.worker;
  });
  assert.match(server.stderr(), /worker died/);
  const line = await openLineElsewhere(two);
  assert.equal(
    await (await line.as(ROOT).s3.send(new GetObjectCommand({ Bucket, Key: "a" }))).Body?.transformToString(),
    "acknowledged",
  );
  const { status } = await plain(`${server.httpUrl}/-/metrics`);
  assert.equal(status, 200);
});

test("workers that cannot listen stop the start with their reason, not in a loop", async () => {
  const { code, stderr } = await failToStart(`${server.directory}/second`, {
    disk: true,
    flags: ["--workers", "2", "--listen", new URL(server.httpUrl).host],
  });
  assert.equal(code, 1);
  assert.equal(stderr.match(/^coffer: cannot listen on /gm)?.length, 1, stderr);
});

test("Ctrl-C ends primary and workers, with exit code 0 and nobody left", async () => {
  const exited = once(server.process, "exit");
  // As a terminal does: to the whole group of processes.
  process.kill(two.worker, "SIGINT");
  server.process.kill("SIGINT");
  assert.deepEqual(await exited, [0, null]);
  assert.throws(() => process.kill(two.worker, 0), { code: "ESRCH" });
});
