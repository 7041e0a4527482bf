/**
 * The deny-unencrypted policies, generated: policy variants × the forms in which they are published × bucket defaults ×
 * callers × requests × write paths. What must come out is computed by an oracle of its own (`oracle.ts`); an accepted upload
 * must be stored under the mode and key that the oracle names, a refused one must leave nothing.
 * Source: S3 encryption reference §2, §10, §11.1, §11.4. A few of these end to end: test/e2e/bucket-policy.test.ts.
 */
import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import type { Credentials } from "../../src/wire/sign.js";
import { presigned, ROOT, signerOf } from "../gate/support.js";
import { expected, type Asked, type BucketDefault, type Demand, type KeyName, type Stored } from "./oracle.js";
import { ACCOUNT, CUSTOMER, PATHS, SSE, UploadWorld, type Headers } from "./world.js";

const world = await UploadWorld.open();
after(() => world.release());
const KEY_ID = `${SSE}-aws-kms-key-id`;
const own = await world.key();
const other = await world.key();
await world.call("kms", "CreateAlias", { AliasName: "alias/own", TargetKeyId: own });
const managed = await managedKey();
const ARNS: Readonly<Record<KeyName, string>> = { own, other, managed };
const ANYTHING = { Effect: "Allow", Action: ["s3:*", "kms:*"], Resource: "*" };
const CALLERS: Readonly<Record<string, Credentials>> = {
  "the owner's root": ROOT,
  "a user": await world.user("uploader", [ANYTHING]),
};

/** aws/s3 comes into being with its first use. */
async function managedKey(): Promise<string> {
  await world.call("s3", "CreateBucket", { Bucket: "first" });
  const first = { method: "PUT", target: "/first/object", headers: { [SSE]: "aws:kms" }, body: Buffer.from("first") };
  assert.equal((await world.send(first, ROOT)).outcome, "200");
  return (await world.encryptionOf("first", "object", false)).keyArn ?? "";
}

type Condition = Readonly<Record<string, Readonly<Record<string, string | boolean | readonly string[]>>>>;
type Form = (demand: Demand) => readonly Condition[];

const wanted = ({ header = [] }: Demand): string | readonly string[] => (header.length === 1 ? (header[0] ?? "") : header);
const pinned = ({ key }: Demand): string => ARNS[key ?? "own"];

/** The forms in which people publish the same demand on the header: conditions of one Deny statement each. */
const HEADER_FORMS: Readonly<Record<string, Form>> = {
  "two statements": (demand) => [{ StringNotEquals: { [`s3:${SSE}`]: wanted(demand) } }, { Null: { [`s3:${SSE}`]: true } }],
  "two statements, Null as text, IfExists": (demand) => [
    { StringNotEqualsIfExists: { [`s3:${SSE}`]: wanted(demand) } },
    { Null: { [`s3:${SSE}`]: "true" } },
  ],
  "one statement": (demand) => [{ StringNotEquals: { [`s3:${SSE}`]: wanted(demand) } }],
};
const KEY_FORMS: Readonly<Record<string, Form>> = {
  "ArnNotEqualsIfExists": (demand) => [{ ArnNotEqualsIfExists: { [`s3:${KEY_ID}`]: pinned(demand) } }],
  "StringNotEquals": (demand) => [{ StringNotEquals: { [`s3:${KEY_ID}`]: pinned(demand) } }],
};
const published: Form = (demand) => HEADER_FORMS["two statements"]?.(demand) ?? [];
const both: Form = (demand) => [...published(demand), ...(KEY_FORMS["StringNotEquals"]?.(demand) ?? [])];

const VARIANTS: readonly { readonly name: string; readonly demand: Demand; readonly forms: Readonly<Record<string, Form>> }[] = [
  { name: "AES256", demand: { header: ["AES256"] }, forms: HEADER_FORMS },
  { name: "aws:kms", demand: { header: ["aws:kms"] }, forms: HEADER_FORMS },
  { name: "either", demand: { header: ["AES256", "aws:kms"] }, forms: HEADER_FORMS },
  { name: "DSSE", demand: { header: ["aws:kms:dsse"] }, forms: HEADER_FORMS },
  { name: "one key", demand: { key: "own" }, forms: KEY_FORMS },
  { name: "aws:kms and one key", demand: { header: ["aws:kms"], key: "own" }, forms: { "three statements": both } },
];

const DEFAULTS: Readonly<Record<string, BucketDefault | undefined>> = {
  "none": undefined,
  "AES256": { mode: "AES256" },
  "aws:kms": { mode: "aws:kms" },
  "aws:kms under the own key": { mode: "aws:kms", key: "own" },
  "aws:kms under another key": { mode: "aws:kms", key: "other" },
  "DSSE under the own key": { mode: "aws:kms:dsse", key: "own" },
};

/** Crossed with everything. */
const MAIN_DEFAULTS = new Set(["none", "AES256", "aws:kms", "aws:kms under the own key"]);

interface Row {
  readonly asked: Asked;
  /** How the key is called, where not by its ARN. */
  readonly called?: string;
}

const ROWS: Readonly<Record<string, Row>> = {
  "no header": { asked: {} },
  "AES256": { asked: { sse: "AES256" } },
  "aws:kms": { asked: { sse: "aws:kms" } },
  "aws:kms, own key": { asked: { sse: "aws:kms", keyId: "own" } },
  "aws:kms, own key by id": { asked: { sse: "aws:kms", keyId: "own" }, called: own.split("/")[1] ?? "" },
  "aws:kms, own key by alias": { asked: { sse: "aws:kms", keyId: "own" }, called: "alias/own" },
  "aws:kms, own key by alias ARN": {
    asked: { sse: "aws:kms", keyId: "own" },
    called: `arn:aws:kms:us-east-1:${ACCOUNT}:alias/own`,
  },
  "aws:kms, other key": { asked: { sse: "aws:kms", keyId: "other" } },
  "DSSE": { asked: { sse: "aws:kms:dsse" } },
  "DSSE, own key": { asked: { sse: "aws:kms:dsse", keyId: "own" } },
  "SSE-C": { asked: { customer: true } },
  "bogus AES192": { asked: { sse: "AES192" } },
  "aes256 in small letters": { asked: { sse: "aes256" } },
  "SSE-C with AES256": { asked: { sse: "AES256", customer: true } },
  "SSE-C with aws:kms": { asked: { sse: "aws:kms", customer: true } },
  "AES256 with a key": { asked: { sse: "AES256", keyId: "own" } },
  "bogus with a key": { asked: { sse: "AES192", keyId: "own" } },
  "a key alone": { asked: { keyId: "own" } },
};

function headersOf({ asked: { sse, keyId, customer }, called }: Row): Headers {
  return {
    ...(sse === undefined ? {} : { [SSE]: sse }),
    ...(keyId === undefined ? {} : { [KEY_ID]: called ?? ARNS[keyId] }),
    ...(customer === true ? CUSTOMER : {}),
  };
}

let buckets = 0;

async function bucketWith(fallback: BucketDefault | undefined): Promise<string> {
  const Bucket = `bucket-${++buckets}`;
  await world.call("s3", "CreateBucket", { Bucket });
  if (fallback === undefined) return Bucket;
  const key = fallback.key === undefined ? {} : { KMSMasterKeyID: ARNS[fallback.key] };
  const Rules = [
    {
      ApplyServerSideEncryptionByDefault: { SSEAlgorithm: fallback.mode, ...key },
      BlockedEncryptionTypes: { EncryptionType: ["NONE"] },
    },
  ];
  await world.call("s3", "PutBucketEncryption", { Bucket, ServerSideEncryptionConfiguration: { Rules } });
  return Bucket;
}

const deny = (bucket: string, conditions: readonly Condition[]): object[] =>
  conditions.map((Condition, at) => ({
    Sid: `Deny${at}`,
    Effect: "Deny",
    Principal: "*",
    Action: "s3:PutObject",
    Resource: `arn:aws:s3:::${bucket}/*`,
    Condition,
  }));

interface Case {
  readonly demand: Demand;
  readonly fallback: BucketDefault | undefined;
  /** Every caller and path; else the root by PutObject and multipart, for what differs in little from a whole case. */
  readonly whole: boolean;
}

/** As `encryptionOf` tells it. */
const shown = ({ mode, key }: Stored): object => ({ mode, ...(key === undefined ? {} : { keyArn: ARNS[key] }) });

/** Every row by callers and paths. @returns the cases that came out differently than the oracle says */
async function cross(bucket: string, { demand, fallback, whole }: Case): Promise<string[]> {
  const callers = Object.entries(CALLERS).slice(0, whole ? undefined : 1);
  const paths = Object.entries(PATHS).filter(([path]) => whole || path === "PutObject" || path === "multipart");
  const wrong: string[] = [];
  const accepted: string[] = [];
  let count = 0;
  for (const [caller, as] of callers) {
    for (const [row, how] of Object.entries(ROWS)) {
      const right = expected(demand, how.asked, fallback);
      const want = typeof right === "string" ? right : shown(right);
      for (const [path, write] of paths) {
        const key = `key-${++count}`;
        const outcome = await write(world, { bucket, key, headers: headersOf(how), as });
        if (outcome === "200") accepted.push(key);
        const got = outcome === "200" ? await world.encryptionOf(bucket, key, how.asked.customer === true) : outcome;
        const [is, be] = [JSON.stringify(got), JSON.stringify(want)];
        if (is !== be) wrong.push(`${caller}, ${path}, ${row}: ${is} instead of ${be}`);
      }
    }
  }
  assert.deepEqual(await world.keysIn(bucket), accepted.sort(), "a refused upload leaves nothing");
  return wrong;
}

for (const { name, demand, forms } of VARIANTS) {
  describe(`deny unencrypted, variant ${name}`, () => {
    for (const [at, [form, conditions]] of Object.entries(forms).entries()) {
      for (const [fallbackName, fallback] of Object.entries(DEFAULTS)) {
        const whole = at === 0 && MAIN_DEFAULTS.has(fallbackName);
        test(`as ${form}, bucket default ${fallbackName}: every request${whole ? ", caller and path" : ""}`, async () => {
          const bucket = await bucketWith(fallback);
          await world.policy(bucket, deny(bucket, conditions(demand)));
          assert.deepEqual(await cross(bucket, { demand, fallback, whole }), []);
        });
      }
    }
  });
}

for (const [name, fallback] of Object.entries(DEFAULTS)) {
  test(`without a policy, bucket default ${name}: every upload is stored as header, else default say`, async () => {
    const whole = MAIN_DEFAULTS.has(name);
    assert.deepEqual(await cross(await bucketWith(fallback), { demand: {}, fallback, whole }), []);
  });
}

test("the header's value in a presigned query counts as the header, in another query it does not", async () => {
  const bucket = await bucketWith(undefined);
  await world.policy(bucket, deny(bucket, published({ header: ["AES256"] })));
  const put = async (query: string): Promise<string> => {
    const request = { method: "PUT", target: `/${bucket}/key?${query}`, headers: {}, body: Buffer.from("x") };
    return (await world.handle(presigned(request, signerOf("s3"), 60))).outcome;
  };
  assert.equal(await put(`${SSE}=AES256`), "200");
  assert.equal(await put(`X-Amz-Server-Side-Encryption=AES256`), "200");
  assert.equal(await put(`${SSE}=aws%3Akms`), "403 AccessDenied");
  assert.equal(await put(`${SSE}=AES192`), "403 AccessDenied");
  const inQuery = { method: "PUT", target: `/${bucket}/key?${SSE}=AES256`, headers: {}, body: Buffer.from("x") };
  assert.equal((await world.send(inQuery, ROOT)).outcome, "403 AccessDenied", "signed by header, the query is no header");
});

test("an upload begun before the policy is judged by its own header at every part; no part can mend it", async () => {
  const bucket = await bucketWith({ mode: "AES256" });
  const begin = async (headers: Headers): Promise<string> => {
    const { text } = await world.send({ method: "POST", target: `/${bucket}/key?uploads=`, headers }, ROOT);
    return /<UploadId>([^<]+)/.exec(text)?.[1] ?? "";
  };
  const [plain, right] = [await begin({}), await begin({ [SSE]: "AES256" })];
  await world.policy(bucket, deny(bucket, published({ header: ["AES256"] })));
  const part = async (id: string, headers: Headers): Promise<string> => {
    const target = `/${bucket}/key?partNumber=1&uploadId=${id}`;
    return (await world.send({ method: "PUT", target, headers, body: Buffer.from("x") }, ROOT)).outcome;
  };
  const copy = { "x-amz-copy-source": "source/object" };
  assert.equal(await part(right, {}), "200");
  assert.equal(await part(right, copy), "200");
  for (const headers of [{}, copy]) {
    assert.equal(await part(plain, headers), "403 AccessDenied");
    assert.notEqual(await part(plain, { ...headers, [SSE]: "AES256" }), "200");
  }
});

test("GET, HEAD, DELETE and List are unaffected, for the user and the owner's root", async () => {
  for (const [caller, as] of Object.entries(CALLERS)) {
    const bucket = await bucketWith(undefined);
    const target = `/${bucket}/old`;
    assert.equal((await world.send({ method: "PUT", target, headers: {}, body: Buffer.from("old") }, as)).outcome, "200");
    await world.policy(bucket, deny(bucket, published({ header: ["aws:kms"] })));
    const list = `/${bucket}?list-type=2`;
    for (const [method, path] of [["GET", target], ["HEAD", target], ["GET", list], ["DELETE", target]] as const) {
      assert.equal((await world.send({ method, target: path, headers: {} }, as)).outcome, "200", `${caller} ${method} ${path}`);
    }
  }
});
