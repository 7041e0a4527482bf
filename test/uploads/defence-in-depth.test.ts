/**
 * "How to Use Bucket Policies and Apply Defense-in-Depth to Help Secure Your Amazon S3 Data": the assembled policy, each of
 * its rows on every path that can send it; and the guide's policies on SSE-C. Source: S3 encryption reference §11.2, §11.3.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, describe, test } from "node:test";
import type { Credentials } from "../../src/wire/sign.js";
import { ROOT } from "../gate/support.js";
import { ACCOUNT, CUSTOMER, PATHS, SSE, UploadWorld, type Headers, type Outcome } from "./world.js";

const world = await UploadWorld.open();
after(() => world.release());
const DENIED = "403 AccessDenied";
const USE_SOURCE = { Effect: "Allow", Action: "s3:GetObject", Resource: "arn:aws:s3:::source/*" };
const SETTINGS = { Effect: "Allow", Action: "s3:*", Resource: "*" };
const alice = await world.user("Alice", [USE_SOURCE]);
const operator = await world.user("Operator", [SETTINGS]);
const admin = await world.user("Admin", [SETTINGS]);
const arnOf = (user: string): string => `arn:aws:iam::${ACCOUNT}:user/${user}`;

const CANNED = ["public-read", "public-read-write", "authenticated-read"];
const GROUPS = ["AllUsers", "AuthenticatedUsers"].map((name) => `http://acs.amazonaws.com/groups/global/${name}`);
const PATTERNS = GROUPS.map((group) => `*${group}*`);
const PUBLIC: readonly Headers[] = [
  ...CANNED.map((acl) => ({ "x-amz-acl": acl })),
  ...GROUPS.map((group) => ({ "x-amz-grant-read": `uri="${group}"` })),
  { "x-amz-grant-read": `id="${"a".repeat(64)}", uri="${GROUPS[0] ?? ""}"` },
];
/** A form has a field `acl`, and none for grants. */
const inForm = (headers: Headers): Headers | undefined =>
  headers["x-amz-acl"] === undefined ? undefined : { ...without(headers, "x-amz-acl"), acl: headers["x-amz-acl"] };
const without = (headers: Headers, name: string): Headers =>
  Object.fromEntries(Object.entries(headers).filter(([own]) => own !== name));

let buckets = 0;
async function newBucket(): Promise<string> {
  const Bucket = `depth-${++buckets}`;
  await world.call("s3", "CreateBucket", { Bucket, ObjectOwnership: "ObjectWriter" });
  // What the policy is to catch is not caught by the public access block already.
  await world.call("s3", "DeletePublicAccessBlock", { Bucket });
  return Bucket;
}

const OBJECT_WRITES = ["s3:PutObject", "s3:PutObjectAcl"];
/** The statements as published; the admin is a user here. */
function statements(bucket: string): object[] {
  const [bucketArn, objects] = [`arn:aws:s3:::${bucket}`, `arn:aws:s3:::${bucket}/*`];
  type Names = string | readonly string[];
  const deny = (Sid: string, Action: Names, Resource: Names, Condition: object) => ({
    Sid,
    Effect: "Deny",
    Principal: { AWS: "*" },
    Action,
    Resource,
    Condition,
  });
  return [
    { Sid: "AllowUploaders", Effect: "Allow", Principal: { AWS: [arnOf("Alice")] }, Action: OBJECT_WRITES, Resource: objects },
    deny("DenyPublicReadACL", OBJECT_WRITES, objects, { StringEquals: { "s3:x-amz-acl": CANNED } }),
    deny("DenyPublicReadGrant", OBJECT_WRITES, objects, { StringLike: { "s3:x-amz-grant-read": PATTERNS } }),
    deny("DenyPublicListACL", "s3:PutBucketAcl", bucketArn, { StringEquals: { "s3:x-amz-acl": CANNED } }),
    deny("DenyPublicListGrant", "s3:PutBucketAcl", bucketArn, { StringLike: { "s3:x-amz-grant-read": PATTERNS } }),
    deny("DenyInsecureTransport", "s3:*", [bucketArn, objects], { Bool: { "aws:SecureTransport": "false" } }),
    deny("DenyIncorrectEncryptionHeader", "s3:PutObject", objects, { StringNotEquals: { [`s3:${SSE}`]: "AES256" } }),
    deny("DenyUnEncryptedObjectUploads", "s3:PutObject", objects, { Null: { [`s3:${SSE}`]: "true" } }),
    deny("ProtectEncryptionSetting", "s3:PutEncryptionConfiguration", bucketArn, {
      ArnNotEquals: { "aws:PrincipalArn": arnOf("Admin") },
    }),
  ];
}

const write = (path: string, bucket: string, headers: Headers, as: Credentials): Promise<Outcome> => {
  const run = PATHS[path];
  assert.ok(run !== undefined);
  return run(world, { bucket, key: "key", headers, as });
};
const send = async (method: string, target: string, as: Credentials, headers: Headers = {}, secure = true): Promise<Outcome> =>
  (await world.send({ method, target, headers, ...(method === "PUT" ? { body: Buffer.alloc(0) } : {}) }, as, secure)).outcome;

describe("defence in depth", async () => {
  const bucket = await newBucket();
  await world.policy(bucket, statements(bucket));
  const right = { [SSE]: "AES256" };

  for (const path of Object.keys(PATHS)) {
    test(`${path}: private or without ACL, with the right header, by the allowed user`, async () => {
      assert.equal(await write(path, bucket, right, alice), "200");
      const own = { ...right, "x-amz-acl": "private" };
      assert.equal(await write(path, bucket, path === "POST form" ? (inForm(own) ?? own) : own, alice), "200");
    });

    test(`${path}: every public ACL and grant is denied, to the allowed user and to the owner's root`, async () => {
      for (const headers of PUBLIC) {
        const sent = path === "POST form" ? inForm(headers) : headers;
        if (sent === undefined) continue;
        for (const as of [alice, ROOT]) {
          assert.equal(await write(path, bucket, { ...right, ...sent }, as), DENIED, JSON.stringify(sent));
        }
      }
    });

    test(`${path}: without the header, or with another, denied`, async () => {
      for (const headers of [{}, { [SSE]: "aws:kms" }, CUSTOMER]) assert.equal(await write(path, bucket, headers, alice), DENIED);
    });

    test(`${path}: who is not named may not, whatever the header`, async () => {
      const stranger = await world.user(`stranger-${path.replaceAll(" ", "-")}`, [USE_SOURCE]);
      assert.equal(await write(path, bucket, right, stranger), DENIED);
    });
  }

  test("PutObjectAcl: every public ACL and grant is denied, private is not", async () => {
    assert.equal(await write("PutObject", bucket, right, alice), "200");
    for (const headers of PUBLIC) {
      for (const as of [alice, ROOT]) assert.equal(await send("PUT", `/${bucket}/key?acl=`, as, headers), DENIED);
    }
    assert.equal(await send("PUT", `/${bucket}/key?acl=`, alice, { "x-amz-acl": "private" }), "200");
  });

  test("PutBucketAcl: every public ACL and grant is denied, private is not", async () => {
    for (const headers of PUBLIC) {
      for (const as of [operator, ROOT]) assert.equal(await send("PUT", `/${bucket}?acl=`, as, headers), DENIED);
    }
    assert.equal(await send("PUT", `/${bucket}?acl=`, operator, { "x-amz-acl": "private" }), "200");
  });

  test("default encryption is changed and deleted by the admin only, not by the owner's root", async () => {
    const given = "<SSEAlgorithm>AES256</SSEAlgorithm>";
    const rule = `<Rule><ApplyServerSideEncryptionByDefault>${given}</ApplyServerSideEncryptionByDefault></Rule>`;
    const body = Buffer.from(`<ServerSideEncryptionConfiguration>${rule}</ServerSideEncryptionConfiguration>`);
    const target = `/${bucket}?encryption=`;
    const headers = { "content-md5": createHash("md5").update(body).digest("base64") };
    for (const [as, outcome] of [[operator, DENIED], [ROOT, DENIED], [admin, "200"]] as const) {
      assert.equal((await world.send({ method: "PUT", target, headers, body }, as)).outcome, outcome);
      assert.equal(await send("DELETE", target, as), outcome);
      assert.equal(await send("GET", target, as), "200", "reading it is not protected");
    }
  });

  test("anything over clear HTTP is denied, List included, whoever calls", async () => {
    const calls: readonly (readonly [string, string, Headers?])[] = [
      ["GET", `/${bucket}?list-type=2`],
      ["HEAD", `/${bucket}`],
      ["GET", `/${bucket}/key`],
      ["HEAD", `/${bucket}/key`],
      ["PUT", `/${bucket}/key`, right],
      ["DELETE", `/${bucket}/none`],
      ["GET", `/${bucket}?location=`],
      ["GET", `/${bucket}?versioning=`],
      ["PUT", `/${bucket}/key?acl=`, { "x-amz-acl": "private" }],
    ];
    for (const [method, target, headers] of calls) {
      for (const as of [operator, admin, ROOT]) {
        assert.match(await send(method, target, as, headers, false), /^403/, `${method} ${target} over http`);
        assert.equal(await send(method, target, as, headers), "200", `${method} ${target} over https`);
      }
    }
  });
});

describe("the guide's policies on SSE-C", () => {
  const ROWS: Readonly<Record<string, Headers>> = {
    "no header": {},
    "AES256": { [SSE]: "AES256" },
    "aws:kms": { [SSE]: "aws:kms" },
    "DSSE": { [SSE]: "aws:kms:dsse" },
    "SSE-C": CUSTOMER,
  };
  for (const [name, absent] of [["RequireSSECObjectUploads", true], ["RestrictSSECObjectUploads", false]] as const) {
    for (const value of [absent, String(absent)]) {
      test(`${name}, Null ${JSON.stringify(value)}: every request and path`, async () => {
        const bucket = await newBucket();
        const Condition = { Null: { [`s3:${SSE}-customer-algorithm`]: value } };
        const deny = { Effect: "Deny", Principal: "*", Action: "s3:PutObject", Resource: `arn:aws:s3:::${bucket}/*`, Condition };
        await world.policy(bucket, [deny]);
        for (const path of Object.keys(PATHS)) {
          for (const [row, headers] of Object.entries(ROWS)) {
            const want = (row === "SSE-C") === absent ? "200" : DENIED;
            assert.equal(await write(path, bucket, headers, ROOT), want, `${path}, ${row}`);
          }
        }
      });
    }
  }
});
