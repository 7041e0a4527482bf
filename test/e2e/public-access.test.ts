/**
 * Block Public Access, enforced; ACLs where ownership allows them; anonymous requests. Source: authorization reference
 * §5.2–§5.5.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  CreateBucketCommand,
  DeletePublicAccessBlockCommand,
  GetBucketAclCommand,
  GetBucketPolicyStatusCommand,
  GetObjectAclCommand,
  GetObjectCommand,
  GetPublicAccessBlockCommand,
  ListObjectsV2Command,
  PutBucketAclCommand,
  PutBucketPolicyCommand,
  PutObjectAclCommand,
  PutObjectCommand,
  PutPublicAccessBlockCommand,
  type PublicAccessBlockConfiguration,
} from "@aws-sdk/client-s3";
import { failure, s3Client } from "./server.js";
import { ACCOUNT, AWAY, AWAY_ROOT, bodyOf, codeOf, openWorld, unique, withBody } from "./world.js";

const world = await openWorld();
const { s3 } = world;
const away = s3Client(world.server, { credentials: AWAY_ROOT });
const OFF: PublicAccessBlockConfiguration = {
  BlockPublicAcls: false,
  IgnorePublicAcls: false,
  BlockPublicPolicy: false,
  RestrictPublicBuckets: false,
};
const block = (Bucket: string, over: PublicAccessBlockConfiguration = {}) =>
  s3.send(new PutPublicAccessBlockCommand({ Bucket, PublicAccessBlockConfiguration: { ...OFF, ...over } }));
const anonymous = async (path: string): Promise<string> => {
  const { status, text } = await world.raw({ path });
  return status === 200 ? text : `${status} ${codeOf(text)}`;
};
const publicRead = (Bucket: string): object => ({
  Effect: "Allow",
  Principal: "*",
  Action: ["s3:GetObject", "s3:ListBucket"],
  Resource: [`arn:aws:s3:::${Bucket}`, `arn:aws:s3:::${Bucket}/*`],
});
const putPolicy = (Bucket: string, ...Statement: object[]) =>
  s3.send(new PutBucketPolicyCommand({ Bucket, Policy: JSON.stringify({ Version: "2012-10-17", Statement }) }));

test("the configuration: all on for a new bucket, set and read back, gone after delete, never empty", async () => {
  const Bucket = await world.bucket("config");
  const read = async () => (await s3.send(new GetPublicAccessBlockCommand({ Bucket }))).PublicAccessBlockConfiguration;
  assert.deepEqual(await read(), {
    BlockPublicAcls: true,
    IgnorePublicAcls: true,
    BlockPublicPolicy: true,
    RestrictPublicBuckets: true,
  });
  await s3.send(new PutPublicAccessBlockCommand({ Bucket, PublicAccessBlockConfiguration: { BlockPublicAcls: true } }));
  assert.deepEqual(await read(), { ...OFF, BlockPublicAcls: true }, "missing members are false");
  const empty = withBody(
    new PutPublicAccessBlockCommand({ Bucket, PublicAccessBlockConfiguration: OFF }),
    "<PublicAccessBlockConfiguration/>",
  );
  assert.equal((await failure(s3.send(empty))).status, 400);
  for (let time = 0; time < 2; time++) await s3.send(new DeletePublicAccessBlockCommand({ Bucket }));
  assert.deepEqual(await failure(s3.send(new GetPublicAccessBlockCommand({ Bucket }))), {
    code: "NoSuchPublicAccessBlockConfiguration",
    status: 404,
    message: "The public access block configuration was not found",
  });
});

test("BlockPublicPolicy: a public policy is 403 and the stored one stays; one for fixed principals is taken", async () => {
  const Bucket = await world.bucket("policy");
  const fixed = {
    Effect: "Allow",
    Principal: { AWS: `arn:aws:iam::${AWAY}:root` },
    Action: "s3:GetObject",
    Resource: `arn:aws:s3:::${Bucket}/*`,
  };
  for (const statement of [
    publicRead(Bucket),
    { ...fixed, Principal: { AWS: "*" } },
    { ...fixed, Principal: "*", Condition: { StringLike: { "aws:PrincipalAccount": "*" } } },
  ]) {
    const error = await failure(putPolicy(Bucket, statement));
    assert.deepEqual([error.code, error.status], ["AccessDenied", 403]);
  }
  await putPolicy(Bucket, fixed, {
    Effect: "Deny",
    Principal: "*",
    Action: "s3:DeleteObject",
    Resource: `arn:aws:s3:::${Bucket}/*`,
  });
  assert.equal((await s3.send(new GetBucketPolicyStatusCommand({ Bucket }))).PolicyStatus?.IsPublic, false);
  await putPolicy(Bucket, { ...fixed, Principal: "*", Condition: { StringEquals: { "aws:PrincipalAccount": ACCOUNT } } });
  await putPolicy(Bucket, { ...fixed, Principal: "*", Condition: { IpAddress: { "aws:SourceIp": "203.0.113.0/24" } } });
});

test("a public policy opens a bucket to everyone; RestrictPublicBuckets closes it, to other accounts too", async () => {
  const Bucket = await world.bucket("open");
  await s3.send(new PutObjectCommand({ Bucket, Key: "k", Body: "public" }));
  await block(Bucket);
  assert.equal(await anonymous(`/${Bucket}/k`), "403 AccessDenied");
  await putPolicy(Bucket, publicRead(Bucket), {
    Effect: "Allow",
    Principal: { AWS: AWAY },
    Action: "s3:PutObject",
    Resource: `arn:aws:s3:::${Bucket}/*`,
  });
  assert.equal((await s3.send(new GetBucketPolicyStatusCommand({ Bucket }))).PolicyStatus?.IsPublic, true);
  assert.equal(await anonymous(`/${Bucket}/k`), "public");
  assert.equal(await anonymous(`/${Bucket}/absent`), "404 NoSuchKey");
  assert.match(await anonymous(`/${Bucket}?list-type=2`), /<Key>k<\/Key>/);
  assert.equal((await bodyOf(await away.send(new GetObjectCommand({ Bucket, Key: "k" })))).toString(), "public");
  await block(Bucket, { RestrictPublicBuckets: true });
  assert.equal(await anonymous(`/${Bucket}/k`), "403 AccessDenied");
  assert.equal((await failure(away.send(new GetObjectCommand({ Bucket, Key: "k" })))).status, 403);
  assert.equal(
    (await failure(away.send(new PutObjectCommand({ Bucket, Key: "k", Body: "x" })))).status,
    403,
    "the non-public statement as well",
  );
  const member = await world.user("member", []);
  assert.equal(
    (await bodyOf(await member.s3.send(new GetObjectCommand({ Bucket, Key: "k" })))).toString(),
    "public",
    "the owner's account goes on",
  );
  await block(Bucket);
  assert.equal(await anonymous(`/${Bucket}/k`), "public");
});

test("an SSE-KMS object in a public bucket stays closed to anonymous readers, in AWS's words", async () => {
  const Bucket = await world.bucket("kms");
  await block(Bucket);
  await putPolicy(Bucket, publicRead(Bucket));
  const key = await world.key();
  await s3.send(new PutObjectCommand({ Bucket, Key: "k", Body: "x", ServerSideEncryption: "aws:kms", SSEKMSKeyId: key }));
  for (const https of [false, true]) {
    const { status, text } = await world.raw({ path: `/${Bucket}/k`, https });
    assert.deepEqual([status, codeOf(text)], [400, "InvalidArgument"]);
    assert.match(text, /Requests specifying Server Side Encryption with AWS KMS managed keys require AWS Signature Version 4\./);
    assert.match(text, /<ArgumentName>Authorization<\/ArgumentName><ArgumentValue>null<\/ArgumentValue>/);
  }
});

test("ACLs under ObjectWriter: public-read opens, BlockPublicAcls refuses new ones, IgnorePublicAcls closes", async () => {
  const Bucket = await world.bucket("acl", { ObjectOwnership: "ObjectWriter" });
  await s3.send(new PutObjectCommand({ Bucket, Key: "private", Body: "private" }));
  for (const command of [
    new PutObjectCommand({ Bucket, Key: "k", Body: "x", ACL: "public-read" }),
    new PutBucketAclCommand({ Bucket, ACL: "public-read" }),
    new PutObjectAclCommand({ Bucket, Key: "private", ACL: "public-read" }),
  ]) {
    const error = await failure(s3.send(command as PutObjectCommand));
    assert.deepEqual([error.code, error.status], ["AccessDenied", 403], command.constructor.name);
  }
  await block(Bucket);
  await s3.send(new PutObjectCommand({ Bucket, Key: "k", Body: "public", ACL: "public-read" }));
  assert.equal(await anonymous(`/${Bucket}/k`), "public");
  assert.equal(await anonymous(`/${Bucket}/private`), "403 AccessDenied");
  const grants = (await s3.send(new GetObjectAclCommand({ Bucket, Key: "k" }))).Grants;
  assert.ok(
    grants?.some(
      ({ Grantee, Permission }) => Grantee?.URI === "http://acs.amazonaws.com/groups/global/AllUsers" && Permission === "READ",
    ),
  );
  await block(Bucket, { IgnorePublicAcls: true });
  assert.equal(await anonymous(`/${Bucket}/k`), "403 AccessDenied");
  await block(Bucket);
  await s3.send(new PutObjectAclCommand({ Bucket, Key: "k", ACL: "authenticated-read" }));
  assert.equal(await anonymous(`/${Bucket}/k`), "403 AccessDenied");
  assert.equal((await bodyOf(await away.send(new GetObjectCommand({ Bucket, Key: "k" })))).toString(), "public");
  await s3.send(new PutBucketAclCommand({ Bucket, ACL: "public-read" }));
  assert.match(await anonymous(`/${Bucket}`), /<Key>private<\/Key>/);
  await s3.send(new PutBucketAclCommand({ Bucket, ACL: "private" }));
  assert.equal(await anonymous(`/${Bucket}`), "403 AccessDenied");
  assert.equal((await s3.send(new GetBucketAclCommand({ Bucket }))).Grants?.length, 1);
});

test("ACL errors: unknown canned name, canned with grants, an unknown group, no ACL at all", async () => {
  const Bucket = await world.bucket("aclerrors", { ObjectOwnership: "ObjectWriter" });
  await block(Bucket);
  for (const [input, code, message] of [
    [{ ACL: "everyone" as "private" }, "InvalidArgument", undefined],
    [
      { ACL: "private" as const, GrantRead: 'uri="http://acs.amazonaws.com/groups/global/AllUsers"' },
      "InvalidRequest",
      "Specifying both Canned ACLs and Header Grants is not allowed",
    ],
    [{ GrantRead: "nonsense" }, "InvalidArgument", "Argument format not recognized"],
    [{ GrantRead: 'uri="http://example.com/group"' }, "InvalidArgument", "Invalid group uri"],
  ] as const) {
    const error = await failure(s3.send(new PutBucketAclCommand({ Bucket, ...input })));
    assert.deepEqual([error.code, error.status], [code, 400], JSON.stringify(input));
    if (message !== undefined) assert.equal(error.message, message);
  }
  assert.equal((await failure(s3.send(new PutBucketAclCommand({ Bucket })))).code, "MissingSecurityHeader");
});

test("CreateBucket with a public ACL under enforced ownership is refused", async () => {
  const error = await failure(
    s3.send(new CreateBucketCommand({ Bucket: unique("pub"), ACL: "public-read", ObjectOwnership: "BucketOwnerEnforced" })),
  );
  assert.deepEqual([error.code, error.status], ["InvalidBucketAclWithObjectOwnership", 400]);
});

test("anonymous requests: no bucket list, no writes, no KMS, IAM or STS", async () => {
  assert.equal((await world.raw({ path: "/" })).status, 403);
  const Bucket = await world.bucket("anon");
  for (const method of ["PUT", "DELETE", "POST"]) {
    const { status } = await world.raw({ method, path: `/${Bucket}/k`, headers: { "content-length": "0" } });
    assert.equal(status, method === "POST" ? 405 : 403, method);
  }
  const kms = await world.raw({
    method: "POST",
    path: "/",
    headers: { "x-amz-target": "TrentService.ListKeys", "content-type": "application/x-amz-json-1.1" },
    body: "{}",
  });
  assert.equal(kms.status, 400);
  assert.match(kms.text, /MissingAuthenticationToken/);
  const sts = await world.raw({
    method: "POST",
    path: "/",
    headers: { "content-type": "application/x-www-form-urlencoded" },
    body: "Action=GetCallerIdentity&Version=2011-06-15",
  });
  assert.equal(sts.status, 403);
  assert.match(sts.text, /MissingAuthenticationToken/);
});

test("--new-bucket-defaults open: ACLs on and nothing blocked, for older test suites", async () => {
  const open = await openWorld({ flags: ["--new-bucket-defaults", "open"] });
  const Bucket = await open.bucket("old");
  await open.s3.send(new PutObjectCommand({ Bucket, Key: "k", Body: "x", ACL: "public-read" }));
  assert.equal((await open.raw({ path: `/${Bucket}/k` })).text, "x");
  await open.s3.send(new ListObjectsV2Command({ Bucket }));
});
