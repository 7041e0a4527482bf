/**
 * The well-known bucket policies on every write path: deny-unencrypted uploads in all variants, TLS only, one key only,
 * defence in depth. Every row of the expected-result tables is a test. Source: S3 encryption reference §10, §11.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateMultipartUploadCommand,
  DeleteBucketEncryptionCommand,
  DeleteBucketPolicyCommand,
  DeleteObjectCommand,
  GetBucketPolicyCommand,
  GetBucketPolicyStatusCommand,
  GetBucketVersioningCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutBucketAclCommand,
  PutBucketEncryptionCommand,
  PutBucketPolicyCommand,
  PutObjectAclCommand,
  PutObjectCommand,
  UploadPartCommand,
  UploadPartCopyCommand,
} from "@aws-sdk/client-s3";
import { createPresignedPost } from "@aws-sdk/s3-presigned-post";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import { failure } from "./server.js";
import { ACCOUNT, bodyOf, openWorld, S3_ALL, withHeaders, codeOf } from "./world.js";

const world = await openWorld({ flags: ["--sse-c-on-new-buckets", "allow"] });
const { s3, s3tls } = world;
const keyArn = await world.key();
const otherArn = await world.key();
const source = await world.bucket("source");
await s3.send(new PutObjectCommand({ Bucket: source, Key: "src", Body: "source" }));

const customerKey = Buffer.alloc(32, 7);
const SSE = "x-amz-server-side-encryption";
const CUSTOMER = {
  [`${SSE}-customer-algorithm`]: "AES256",
  [`${SSE}-customer-key`]: customerKey.toString("base64"),
  [`${SSE}-customer-key-md5`]: createHash("md5").update(customerKey).digest("base64"),
};

type Headers = Readonly<Record<string, string>>;
const UPLOADS: Readonly<Record<string, Headers>> = {
  "no header": {},
  AES256: { [SSE]: "AES256" },
  "aws:kms": { [SSE]: "aws:kms" },
  "aws:kms with a key": { [SSE]: "aws:kms", [`${SSE}-aws-kms-key-id`]: keyArn },
  "aws:kms:dsse": { [SSE]: "aws:kms:dsse" },
  "SSE-C": CUSTOMER,
  "bogus AES192": { [SSE]: "AES192" },
};

/** Outcome of a write: 200, or the status and code of its refusal. */
async function outcome(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => "200",
    (error: Error & { $metadata?: { httpStatusCode?: number } }) =>
      `${String(error.$metadata?.httpStatusCode)} ${error.name}: ${error.message}`,
  );
}
const DENIED = "403 AccessDenied: Access Denied";

/** Every way to write an object; each sends `headers` as headers, or as form fields. */
const PATHS: Readonly<Record<string, (Bucket: string, headers: Headers) => Promise<string>>> = {
  PutObject: (Bucket, headers) => outcome(s3.send(withHeaders(new PutObjectCommand({ Bucket, Key: "k", Body: "x" }), headers))),
  CopyObject: (Bucket, headers) =>
    outcome(s3.send(withHeaders(new CopyObjectCommand({ Bucket, Key: "k", CopySource: `${source}/src` }), headers))),
  multipart: (Bucket, headers) => outcome(multipart(Bucket, headers)),
  "presigned PUT": presignedPut,
  "POST form": postForm,
};

/** The whole upload: Create with the headers, a part, a copied part, Complete; parts may carry SSE-C headers only. */
async function multipart(Bucket: string, headers: Headers): Promise<void> {
  const { UploadId } = await s3.send(withHeaders(new CreateMultipartUploadCommand({ Bucket, Key: "k" }), headers));
  const own = headers[`${SSE}-customer-key`] === undefined ? {} : CUSTOMER;
  try {
    await s3.send(withHeaders(new UploadPartCommand({ Bucket, Key: "k", UploadId, PartNumber: 1, Body: "early" }), own));
    const copied = await s3.send(
      withHeaders(new UploadPartCopyCommand({ Bucket, Key: "k", UploadId, PartNumber: 1, CopySource: `${source}/src` }), own),
    );
    const Parts = [{ PartNumber: 1, ETag: copied.CopyPartResult?.ETag }];
    await s3.send(
      withHeaders(new CompleteMultipartUploadCommand({ Bucket, Key: "k", UploadId, MultipartUpload: { Parts } }), own),
    );
  } catch (error) {
    await s3.send(new AbortMultipartUploadCommand({ Bucket, Key: "k", UploadId }));
    throw new Error(`after Create: ${String(error)}`, { cause: error });
  }
}

async function presignedPut(Bucket: string, headers: Headers): Promise<string> {
  const signable = new Set(Object.keys(headers));
  const url = await getSignedUrl(s3, withHeaders(new PutObjectCommand({ Bucket, Key: "k" }), headers), {
    expiresIn: 60,
    unhoistableHeaders: signable,
    signableHeaders: new Set([...signable, "host"]),
  });
  const { status, text } = await world.raw({
    method: "PUT",
    path: url.replace(/^https?:\/\/[^/]+/, ""),
    headers: { host: new URL(url).host, ...headers },
    body: "x",
  });
  return status === 200 ? "200" : `${status} ${codeOf(text)}: ${/<Message>([^<]*)/.exec(text)?.[1] ?? ""}`;
}

async function postForm(Bucket: string, headers: Headers): Promise<string> {
  const { url, fields } = await createPresignedPost(s3, {
    Bucket,
    Key: "k",
    Fields: { ...headers },
    Conditions: Object.entries(headers).map(([name, value]) => ({ [name]: value })),
  });
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.append(name, value);
  form.append("file", new Blob(["x"]), "file.txt");
  const answer = await fetch(url, { method: "POST", body: form });
  const text = await answer.text();
  return answer.ok ? "200" : `${answer.status} ${codeOf(text)}: ${/<Message>([^<]*)/.exec(text)?.[1] ?? ""}`;
}

function denyUnencrypted(Bucket: string, wanted: string | readonly string[]): readonly object[] {
  const base = { Effect: "Deny", Principal: "*", Action: "s3:PutObject", Resource: `arn:aws:s3:::${Bucket}/*` };
  return [
    { Sid: "DenyIncorrectEncryptionHeader", ...base, Condition: { StringNotEquals: { [`s3:${SSE}`]: wanted } } },
    { Sid: "DenyUnEncryptedObjectUploads", ...base, Condition: { Null: { [`s3:${SSE}`]: true } } },
  ];
}

const FAMILY: readonly {
  readonly name: string;
  readonly wanted: string | readonly string[];
  readonly default: string;
  readonly allowed: readonly string[];
}[] = [
  { name: "AES256", wanted: "AES256", default: "AES256", allowed: ["AES256"] },
  { name: "aws:kms", wanted: "aws:kms", default: "aws:kms", allowed: ["aws:kms", "aws:kms with a key"] },
  { name: "either", wanted: ["AES256", "aws:kms"], default: "aws:kms", allowed: ["AES256", "aws:kms", "aws:kms with a key"] },
  { name: "DSSE", wanted: "aws:kms:dsse", default: "aws:kms:dsse", allowed: ["aws:kms:dsse"] },
];

for (const family of FAMILY) {
  for (const withDefault of [false, true]) {
    const fallback = withDefault ? family.default : "none";
    test(`deny unencrypted, variant ${family.name}, bucket default ${fallback}: every row, every path`, async () => {
      const Bucket = await world.bucket("deny");
      if (withDefault) await setDefault(Bucket, family.default);
      await world.policy(Bucket, denyUnencrypted(Bucket, family.wanted));
      for (const [path, write] of Object.entries(PATHS)) {
        for (const [upload, headers] of Object.entries(UPLOADS)) {
          const expected = family.allowed.includes(upload) ? "200" : DENIED;
          assert.equal(await write(Bucket, headers), expected, `${path} with ${upload}`);
        }
      }
    });
  }
}

const setDefault = (Bucket: string, SSEAlgorithm: string, KMSMasterKeyID?: string) =>
  s3.send(
    new PutBucketEncryptionCommand({
      Bucket,
      ServerSideEncryptionConfiguration: {
        Rules: [
          {
            ApplyServerSideEncryptionByDefault: {
              SSEAlgorithm: SSEAlgorithm as "aws:kms",
              ...(KMSMasterKeyID === undefined ? {} : { KMSMasterKeyID }),
            },
            BlockedEncryptionTypes: { EncryptionType: ["NONE"] },
          },
        ],
      },
    }),
  );

test("under a deny-unencrypted policy GET, HEAD, DELETE and List are unaffected", async () => {
  const Bucket = await world.bucket("unaffected");
  await s3.send(new PutObjectCommand({ Bucket, Key: "old", Body: "old" }));
  await world.policy(Bucket, denyUnencrypted(Bucket, "aws:kms"));
  assert.equal((await bodyOf(await s3.send(new GetObjectCommand({ Bucket, Key: "old" })))).toString(), "old");
  await s3.send(new HeadObjectCommand({ Bucket, Key: "old" }));
  await s3.send(new ListObjectsV2Command({ Bucket }));
  await s3.send(new DeleteObjectCommand({ Bucket, Key: "old" }));
});

test("a refused write leaves no object and is told to nobody why in the message", async () => {
  const Bucket = await world.bucket("refused");
  await world.policy(Bucket, denyUnencrypted(Bucket, "AES256"));
  const error = await failure(s3.send(new PutObjectCommand({ Bucket, Key: "k", Body: "x" })));
  assert.deepEqual(error, { code: "AccessDenied", status: 403, message: "Access Denied" });
  assert.equal((await failure(s3.send(new HeadObjectCommand({ Bucket, Key: "k" })))).status, 404);
});

test("one key only, by ARN: other keys, modes and defaults are denied, whatever the key is called", async () => {
  const Bucket = await world.bucket("onekey");
  const condition = { ArnNotEqualsIfExists: { [`s3:${SSE}-aws-kms-key-id`]: keyArn } };
  await world.policy(Bucket, [
    { Effect: "Deny", Principal: "*", Action: "s3:PutObject", Resource: `arn:aws:s3:::${Bucket}/*`, Condition: condition },
  ]);
  const put = (headers: Headers) => outcome(s3.send(withHeaders(new PutObjectCommand({ Bucket, Key: "k", Body: "x" }), headers)));
  const withKey = (id: string): Headers => ({ [SSE]: "aws:kms", [`${SSE}-aws-kms-key-id`]: id });
  assert.equal(await put(withKey(keyArn)), "200");
  assert.equal(await put(withKey(keyArn.split("/")[1] ?? "")), "200", "an id stands for its ARN");
  assert.equal(await put(withKey(otherArn)), DENIED);
  assert.equal(await put(withKey(otherArn.split("/")[1] ?? "")), DENIED);
  assert.equal(await put({ [SSE]: "aws:kms" }), DENIED, "aws/s3 is another key");
  assert.equal(await put({ [SSE]: "AES256" }), DENIED, "IfExists of a negated operator matches an absent key");
  await setDefault(Bucket, "aws:kms", otherArn);
  assert.equal(await put({}), DENIED, "the default's key counts");
  await setDefault(Bucket, "aws:kms", keyArn);
  assert.equal(await put({}), "200");
});

test("DenyObjectsThatAreNotSSEKMS: Null of the key id", async () => {
  const Bucket = await world.bucket("notkms");
  const condition = { Null: { [`s3:${SSE}-aws-kms-key-id`]: "true" } };
  await world.policy(Bucket, [
    { Effect: "Deny", Principal: "*", Action: "s3:PutObject", Resource: `arn:aws:s3:::${Bucket}/*`, Condition: condition },
  ]);
  const expected: Readonly<Record<string, string>> = {
    "no header": DENIED,
    AES256: DENIED,
    "aws:kms": "200",
    "aws:kms with a key": "200",
    "aws:kms:dsse": "200",
    "SSE-C": DENIED,
  };
  for (const [upload, result] of Object.entries(expected)) {
    for (const [path, write] of Object.entries(PATHS))
      assert.equal(await write(Bucket, UPLOADS[upload] ?? {}), result, `${path} with ${upload}`);
  }
  await setDefault(Bucket, "aws:kms");
  assert.equal(await (PATHS["PutObject"] ?? presignedPut)(Bucket, {}), "200", "through the default as well");
});

for (const [name, value, allowed] of [
  ["RequireSSECObjectUploads", "true", ["SSE-C"]],
  ["RestrictSSECObjectUploads", "false", ["no header", "AES256", "aws:kms", "aws:kms:dsse"]],
] as const) {
  test(`${name}: every path`, async () => {
    const Bucket = await world.bucket("ssec-policy");
    const condition = { Null: { [`s3:${SSE}-customer-algorithm`]: value } };
    await world.policy(Bucket, [
      { Effect: "Deny", Principal: "*", Action: "s3:PutObject", Resource: `arn:aws:s3:::${Bucket}/*`, Condition: condition },
    ]);
    for (const upload of ["no header", "AES256", "aws:kms", "aws:kms:dsse", "SSE-C"]) {
      for (const [path, write] of Object.entries(PATHS)) {
        const expected = (allowed as readonly string[]).includes(upload) ? "200" : DENIED;
        assert.equal(await write(Bucket, UPLOADS[upload] ?? {}), expected, `${path} with ${upload}`);
      }
    }
  });
}

const tlsOnly = (Bucket: string): object => ({
  Sid: "DenyInsecureTransport",
  Effect: "Deny",
  Principal: "*",
  Action: "s3:*",
  Resource: [`arn:aws:s3:::${Bucket}`, `arn:aws:s3:::${Bucket}/*`],
  Condition: { Bool: { "aws:SecureTransport": "false" } },
});

test("TLS only: http is 403, https is 200, a forged X-Forwarded-Proto or aws:SecureTransport header is 403", async () => {
  const Bucket = await world.bucket("tls");
  await s3.send(new PutObjectCommand({ Bucket, Key: "k", Body: "x" }));
  await world.policy(Bucket, [tlsOnly(Bucket)]);
  const forged = {
    "x-forwarded-proto": "https",
    forwarded: "proto=https",
    "x-amz-securetransport": "true",
    "aws-securetransport": "true",
    "front-end-https": "on",
    "x-forwarded-ssl": "on",
  };
  for (const make of [
    () => new GetObjectCommand({ Bucket, Key: "k" }),
    () => new HeadObjectCommand({ Bucket, Key: "k" }),
    () => new ListObjectsV2Command({ Bucket }),
    () => new PutObjectCommand({ Bucket, Key: "k", Body: "x" }),
    () => new DeleteObjectCommand({ Bucket, Key: "other" }),
    () => new GetBucketVersioningCommand({ Bucket }),
  ] as const) {
    assert.equal((await failure(s3.send(make() as GetObjectCommand))).status, 403, make().constructor.name);
    for (const [name, value] of Object.entries(forged)) {
      assert.equal(
        (await failure(s3.send(withHeaders(make() as GetObjectCommand, { [name]: value })))).status,
        403,
        `${make().constructor.name} ${name}`,
      );
    }
    await s3tls.send(make() as GetObjectCommand);
  }
  await s3tls.send(new DeleteBucketPolicyCommand({ Bucket }));
  await s3.send(new GetObjectCommand({ Bucket, Key: "k" })).then(bodyOf);
});

test("the owner's root user can always read, replace and delete a bucket policy that locks everyone out", async () => {
  const Bucket = await world.bucket("lockout");
  await world.policy(Bucket, [
    { Effect: "Deny", Principal: "*", Action: "s3:*", Resource: [`arn:aws:s3:::${Bucket}`, `arn:aws:s3:::${Bucket}/*`] },
  ]);
  assert.equal((await failure(s3.send(new ListObjectsV2Command({ Bucket })))).status, 403);
  await s3.send(new GetBucketPolicyCommand({ Bucket }));
  await s3.send(new DeleteBucketPolicyCommand({ Bucket }));
  await s3.send(new ListObjectsV2Command({ Bucket }));
});

const PUBLIC = ["public-read", "public-read-write", "authenticated-read"] as const;
const GROUPS = ["AllUsers", "AuthenticatedUsers"].map((name) => `uri="http://acs.amazonaws.com/groups/global/${name}"`);

test("defence in depth: ACL, grant, transport, encryption and settings statements, each with its rows", async () => {
  const admin = await world.user("admin", [S3_ALL]);
  const alice = await world.user("alice", []);
  const Bucket = await world.bucket("depth", { ObjectOwnership: "ObjectWriter" });
  const deny = (Action: string | readonly string[], Resource: string, Condition: object) => ({
    Effect: "Deny",
    Principal: { AWS: "*" },
    Action,
    Resource,
    Condition,
  });
  const [bucketArn, objects] = [`arn:aws:s3:::${Bucket}`, `arn:aws:s3:::${Bucket}/*`];
  const groupPatterns = [
    "*http://acs.amazonaws.com/groups/global/AllUsers*",
    "*http://acs.amazonaws.com/groups/global/AuthenticatedUsers*",
  ];
  const writes = ["s3:PutObject", "s3:PutObjectAcl"];
  await world.policy(Bucket, [
    { Sid: "AllowUploaders", Effect: "Allow", Principal: { AWS: [alice.arn] }, Action: writes, Resource: objects },
    deny(writes, objects, { StringEquals: { "s3:x-amz-acl": PUBLIC } }),
    deny(writes, objects, { StringLike: { "s3:x-amz-grant-read": groupPatterns } }),
    deny("s3:PutBucketAcl", bucketArn, { StringEquals: { "s3:x-amz-acl": PUBLIC } }),
    deny("s3:PutBucketAcl", bucketArn, { StringLike: { "s3:x-amz-grant-read": groupPatterns } }),
    tlsOnly(Bucket),
    ...denyUnencrypted(Bucket, "AES256"),
    {
      Effect: "Deny",
      Principal: "*",
      Action: "s3:PutEncryptionConfiguration",
      Resource: bucketArn,
      Condition: { ArnNotEquals: { "aws:PrincipalArn": admin.arn } },
    },
  ]);
  const aliceTls = world.server;
  const { s3Client } = await import("./server.js");
  const tls = s3Client(aliceTls, { https: true, credentials: alice.credentials });
  const adminTls = s3Client(aliceTls, { https: true, credentials: admin.credentials });
  const put = { Bucket, Key: "k", Body: "x", ServerSideEncryption: "AES256" } as const;
  await tls.send(new PutObjectCommand(put));
  await tls.send(new PutObjectCommand({ ...put, ACL: "private" }));
  for (const ACL of PUBLIC) {
    assert.equal((await failure(tls.send(new PutObjectCommand({ ...put, ACL })))).status, 403, `put ${ACL}`);
    assert.equal((await failure(tls.send(new PutObjectAclCommand({ Bucket, Key: "k", ACL })))).status, 403, `put acl ${ACL}`);
    assert.equal((await failure(adminTls.send(new PutBucketAclCommand({ Bucket, ACL })))).status, 403, `bucket acl ${ACL}`);
  }
  for (const GrantRead of GROUPS) {
    assert.equal((await failure(tls.send(new PutObjectCommand({ ...put, GrantRead })))).status, 403, `put ${GrantRead}`);
    assert.equal(
      (await failure(adminTls.send(new PutBucketAclCommand({ Bucket, GrantRead })))).status,
      403,
      `bucket ${GrantRead}`,
    );
  }
  assert.equal((await failure(alice.s3.send(new PutObjectCommand(put)))).status, 403, "http");
  assert.equal((await failure(s3.send(new ListObjectsV2Command({ Bucket })))).status, 403, "List over http");
  assert.equal((await failure(tls.send(new PutObjectCommand({ Bucket, Key: "k", Body: "x" })))).status, 403, "no SSE header");
  assert.equal(
    (await failure(tls.send(new PutObjectCommand({ ...put, ServerSideEncryption: "aws:kms" })))).status,
    403,
    "wrong SSE header",
  );
  const Rules = [{ ApplyServerSideEncryptionByDefault: { SSEAlgorithm: "AES256" as const } }];
  const change = () => new PutBucketEncryptionCommand({ Bucket, ServerSideEncryptionConfiguration: { Rules } });
  assert.equal((await failure(s3tls.send(change()))).status, 403, "root is not the admin");
  assert.equal((await failure(s3tls.send(new DeleteBucketEncryptionCommand({ Bucket })))).status, 403);
  await adminTls.send(change());
  await adminTls.send(new DeleteBucketEncryptionCommand({ Bucket }));
});

test("the stored policy comes back as it was put; its status is told; without one it is NoSuchBucketPolicy", async () => {
  const Bucket = await world.bucket("document");
  const none = await failure(s3.send(new GetBucketPolicyCommand({ Bucket })));
  assert.deepEqual([none.code, none.status, none.message], ["NoSuchBucketPolicy", 404, "The bucket policy does not exist"]);
  const Policy = `{ "Version": "2012-10-17",\n  "Statement": [ {"Effect":"Allow","Principal":{"AWS":"${ACCOUNT}"},"Action":"s3:GetObject","Resource":"arn:aws:s3:::${Bucket}/*"} ] }`;
  await s3.send(new PutBucketPolicyCommand({ Bucket, Policy }));
  const got = await s3.send(new GetBucketPolicyCommand({ Bucket }));
  const statement = (JSON.parse(got.Policy ?? "") as { Statement: { Action: string }[] }).Statement[0];
  assert.equal(statement?.Action, "s3:GetObject");
  assert.equal((await s3.send(new GetBucketPolicyStatusCommand({ Bucket }))).PolicyStatus?.IsPublic, false);
  for (let time = 0; time < 2; time++) await s3.send(new DeleteBucketPolicyCommand({ Bucket }));
});

for (const [what, make] of [
  ["not JSON", () => "{"],
  ["no statement", () => `{"Version":"2012-10-17"}`],
  [
    "an unknown effect",
    (b: string) => `{"Statement":[{"Effect":"Maybe","Principal":"*","Action":"s3:*","Resource":"arn:aws:s3:::${b}"}]}`,
  ],
  ["no principal", (b: string) => `{"Statement":[{"Effect":"Deny","Action":"s3:*","Resource":"arn:aws:s3:::${b}"}]}`],
  [
    "another bucket's resource",
    () => `{"Statement":[{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"arn:aws:s3:::another-bucket"}]}`,
  ],
  [
    "an action of another service",
    (b: string) => `{"Statement":[{"Effect":"Deny","Principal":"*","Action":"kms:*","Resource":"arn:aws:s3:::${b}"}]}`,
  ],
  [
    "an unknown action",
    (b: string) => `{"Statement":[{"Effect":"Deny","Principal":"*","Action":"s3:NoSuchThing","Resource":"arn:aws:s3:::${b}"}]}`,
  ],
  [
    "an unknown operator",
    (b: string) =>
      `{"Statement":[{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"arn:aws:s3:::${b}","Condition":{"StringIs":{"aws:SourceIp":"x"}}}]}`,
  ],
  [
    "a principal that does not exist",
    (b: string) =>
      `{"Statement":[{"Effect":"Deny","Principal":{"AWS":"arn:aws:iam::${ACCOUNT}:user/nobody"},"Action":"s3:*","Resource":"arn:aws:s3:::${b}"}]}`,
  ],
] as const) {
  test(`a bucket policy with ${what} is MalformedPolicy, and the old one stays`, async () => {
    const Bucket = await world.bucket("malformed");
    await world.policy(Bucket, [tlsOnly(Bucket)]);
    const error = await failure(s3tls.send(new PutBucketPolicyCommand({ Bucket, Policy: make(Bucket) })));
    assert.deepEqual([error.code, error.status], ["MalformedPolicy", 400]);
    assert.match((await s3tls.send(new GetBucketPolicyCommand({ Bucket }))).Policy ?? "", /DenyInsecureTransport/);
  });
}
