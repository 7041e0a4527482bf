/**
 * Uploads by every path through the whole gate, in process: real signatures, decoding, policies, KMS, memory stores. What
 * would be a request on the wire is handed to `gate.handle` as the server room hands it over.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import type { App } from "../../src/server/app.js";
import { signPostForm, type Credentials } from "../../src/wire/sign.js";
import { codeIn, incoming, openTestApp, presigned, ROOT, signed, signerOf, textOf, type Sent } from "../gate/support.js";

export const ACCOUNT = "000000000000";
export const SSE = "x-amz-server-side-encryption";
export const SOURCE = "source";
const rootArn = `arn:aws:iam::${ACCOUNT}:root`;
const PRINCIPAL = { type: "Account", accountId: ACCOUNT, arn: rootArn, principalArn: rootArn, userId: ACCOUNT } as const;

const customerKey = Buffer.alloc(32, 7);
export const CUSTOMER: Headers = {
  [`${SSE}-customer-algorithm`]: "AES256",
  [`${SSE}-customer-key`]: customerKey.toString("base64"),
  [`${SSE}-customer-key-md5`]: createHash("md5").update(customerKey).digest("base64"),
};
const [ALGORITHM, KEY, MD5] = Object.values(CUSTOMER);
const CUSTOMER_INPUT = { SSECustomerAlgorithm: ALGORITHM, SSECustomerKey: KEY, SSECustomerKeyMD5: MD5 };

export type Headers = Readonly<Record<string, string>>;

export interface Upload {
  readonly bucket: string;
  readonly key: string;
  /** Sent as headers, or as form fields. */
  readonly headers: Headers;
  readonly as: Credentials;
}

/** `200`, or status and code of the refusal. */
export type Outcome = string;

export class UploadWorld {
  readonly #app: App & { release(): Promise<void> };
  constructor(app: App & { release(): Promise<void> }) {
    this.#app = app;
  }

  static async open(): Promise<UploadWorld> {
    const world = new UploadWorld(await openTestApp({ "sse-c-on-new-buckets": "allow" }));
    await world.call("s3", "CreateBucket", { Bucket: SOURCE });
    const sent = await world.send({ method: "PUT", target: `/${SOURCE}/object`, headers: {}, body: Buffer.from("source") }, ROOT);
    assert.equal(sent.outcome, "200");
    return world;
  }
  release(): Promise<void> {
    return this.#app.release();
  }

  /** An operation as the account's root, without a request. */
  call<O>(service: "s3" | "kms" | "iam", operation: string, input: object): Promise<O> {
    return this.#app.gate.internal<O>(PRINCIPAL, service, operation, input);
  }

  async key(): Promise<string> {
    return (await this.call<{ KeyMetadata: { Arn: string } }>("kms", "CreateKey", {})).KeyMetadata.Arn;
  }

  /** A user with one inline policy. */
  async user(UserName: string, statements: readonly object[]): Promise<Credentials> {
    await this.call("iam", "CreateUser", { UserName });
    if (statements.length > 0) {
      const PolicyDocument = JSON.stringify({ Version: "2012-10-17", Statement: statements });
      await this.call("iam", "PutUserPolicy", { UserName, PolicyName: "inline", PolicyDocument });
    }
    const { AccessKey } = await this.call<{ AccessKey: { AccessKeyId: string; SecretAccessKey: string } }>(
      "iam",
      "CreateAccessKey",
      { UserName },
    );
    return { accessKeyId: AccessKey.AccessKeyId, secretAccessKey: AccessKey.SecretAccessKey };
  }

  async policy(Bucket: string, statements: readonly object[]): Promise<void> {
    const Policy = JSON.stringify({ Version: "2012-10-17", Statement: statements });
    await this.call("s3", "PutBucketPolicy", { Bucket, Policy });
  }

  /** @param secure false: over clear HTTP, from another machine */
  async send(request: Sent, as: Credentials, secure = true): Promise<{ outcome: Outcome; text: string; headers: Headers }> {
    return this.handle(signed(request, signerOf("s3", as)), secure);
  }

  async handle(request: Sent, secure = true): Promise<{ outcome: Outcome; text: string; headers: Headers }> {
    const arriving = incoming(request);
    const head = { ...arriving.head, secure };
    const answer = await this.#app.gate.handle({ ...arriving, head, secureEnoughForSse: secure });
    const text = await textOf(answer);
    const outcome = answer.status < 300 ? "200" : `${answer.status} ${codeIn(text)}`;
    return { outcome, text, headers: answer.headers };
  }

  /** Mode and key ARN of a stored object. */
  async encryptionOf(Bucket: string, Key: string, customer: boolean): Promise<{ mode: string; keyArn?: string }> {
    const input = { Bucket, Key, ...(customer ? CUSTOMER_INPUT : {}) };
    const head = await this.call<Record<string, string | undefined>>("s3", "HeadObject", input);
    const { ServerSideEncryption, SSECustomerAlgorithm, SSEKMSKeyId } = head;
    const mode = ServerSideEncryption ?? (SSECustomerAlgorithm === undefined ? "none" : "SSE-C");
    return { mode, ...(SSEKMSKeyId === undefined ? {} : { keyArn: SSEKMSKeyId }) };
  }

  async keysIn(Bucket: string): Promise<string[]> {
    const keys: string[] = [];
    for (let ContinuationToken: string | undefined; ; ) {
      const page = await this.call<{ Contents?: { Key: string }[]; NextContinuationToken?: string }>("s3", "ListObjectsV2", {
        Bucket,
        ...(ContinuationToken === undefined ? {} : { ContinuationToken }),
      });
      keys.push(...(page.Contents ?? []).map(({ Key }) => Key));
      if (page.NextContinuationToken === undefined) return keys;
      ContinuationToken = page.NextContinuationToken;
    }
  }
}

/** Every way to write an object. Each ends with an object under the key, or with the first refusal. */
export const PATHS: Readonly<Record<string, (world: UploadWorld, upload: Upload) => Promise<Outcome>>> = {
  "PutObject": async (world, { bucket, key, headers, as }) =>
    (await world.send({ method: "PUT", target: `/${bucket}/${key}`, headers, body: Buffer.from("put") }, as)).outcome,

  "CopyObject": async (world, { bucket, key, headers, as }) => {
    const own = { ...headers, "x-amz-copy-source": `${SOURCE}/object` };
    return (await world.send({ method: "PUT", target: `/${bucket}/${key}`, headers: own }, as)).outcome;
  },

  "multipart": (world, upload) => multipart(world, upload, {}, Buffer.from("part")),

  "part copy": (world, upload) => multipart(world, upload, { "x-amz-copy-source": `${SOURCE}/object` }),

  "presigned PUT": async (world, { bucket, key, headers, as }) => {
    const request = { method: "PUT", target: `/${bucket}/${key}`, headers, body: Buffer.from("presigned") };
    return (await world.handle(presigned(request, signerOf("s3", as), 60))).outcome;
  },

  "POST form": async (world, { bucket, key, headers, as }) => {
    const fields = signPostForm(signerOf("s3", as), { bucket, expiresSeconds: 60, fields: { key, ...headers } });
    return (await world.handle(form(bucket, fields))).outcome;
  },
};

/** Parts take no encryption headers but the customer's key. */
async function multipart(world: UploadWorld, upload: Upload, part: Headers, body?: Buffer): Promise<Outcome> {
  const { bucket, key, headers, as } = upload;
  const target = `/${bucket}/${key}`;
  const created = await world.send({ method: "POST", target: `${target}?uploads=`, headers }, as);
  if (created.outcome !== "200") return created.outcome;
  const id = /<UploadId>([^<]+)/.exec(created.text)?.[1] ?? "";
  const own = headers[`${SSE}-customer-key`] === undefined ? {} : CUSTOMER;
  const request = { method: "PUT", target: `${target}?partNumber=1&uploadId=${id}`, headers: { ...own, ...part }, body };
  const sent = await world.send(request, as);
  if (sent.outcome !== "200") return `part: ${sent.outcome}`;
  const etag = /<ETag>(.+?)<\/ETag>/.exec(sent.text)?.[1] ?? sent.headers["etag"] ?? "";
  const list = `<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>${etag}</ETag></Part></CompleteMultipartUpload>`;
  const complete = { method: "POST", target: `${target}?uploadId=${id}`, headers: own, body: Buffer.from(list) };
  const { outcome } = await world.send(complete, as);
  return outcome === "200" ? outcome : `complete: ${outcome}`;
}

function form(bucket: string, fields: Headers): Sent {
  const parts = Object.entries(fields).map(
    ([name, value]) => `--B\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`,
  );
  const file = '--B\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\nposted\r\n--B--\r\n';
  const headers = { "content-type": "multipart/form-data; boundary=B" };
  return { method: "POST", target: `/${bucket}`, headers, body: Buffer.from(parts.join("") + file) };
}
