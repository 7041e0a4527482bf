/**
 * Attack A.4 no. 24, rustfs-anon-version-list: anonymous callers against public access block, on every S3 operation that the
 * server has. The same requests before the block is on show that the policy does open, so that "refused" means the block.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, before, describe, test } from "node:test";
import type { AnyOperation } from "../../src/gate/contract.js";
import type { App } from "../../src/server/app.js";
import { encodeRequest } from "../../src/wire/client-codec.js";
import { operationTable, tableOf } from "../../src/wire/tables.js";
import { codeIn, incoming, openTestApp, textOf, type Sent } from "../gate/support.js";
import { sample } from "../wire/samples.js";

const OWNER = {
  type: "Account",
  accountId: "000000000000",
  arn: "arn:aws:iam::000000000000:root",
  userId: "000000000000",
} as const;
const Bucket = "opened";
const BLOCK = { BlockPublicAcls: false, IgnorePublicAcls: false, BlockPublicPolicy: false, RestrictPublicBuckets: false };
/** Of the account, not of a bucket: no policy of a bucket opens them. */
const OF_THE_ACCOUNT = new Set(["ListBuckets", "CreateBucket"]);

describe("anonymous callers and public access block", () => {
  let app: App & { release(): Promise<void> };
  const owner = (name: string, input: object) => app.gate.internal(OWNER, "s3", name, input);
  before(async () => {
    app = await openTestApp();
    await owner("CreateBucket", { Bucket });
    await owner("PutPublicAccessBlock", { Bucket, PublicAccessBlockConfiguration: BLOCK });
    const Statement = [
      { Effect: "Allow", Principal: "*", Action: "s3:*", Resource: [`arn:aws:s3:::${Bucket}`, `arn:aws:s3:::${Bucket}/*`] },
    ];
    await owner("PutBucketPolicy", { Bucket, Policy: JSON.stringify({ Version: "2012-10-17", Statement }) });
  });
  after(() => app.release());

  function requestFor({ name }: AnyOperation): Sent {
    const shape = operationTable("s3", name);
    assert.ok(shape !== undefined, name);
    const input = sample(tableOf("s3"), shape.input, { all: false });
    for (const member of Object.keys(input)) {
      if (member === "Bucket") input[member] = Bucket;
      if (member === "Key") input[member] = "a-key";
      if (member === "CopySource") input[member] = `${Bucket}/a-key`;
    }
    const { method, path, headers, body: document } = encodeRequest("s3", name, input);
    const body = ["PutObject", "UploadPart"].includes(name) ? Buffer.from("body") : document;
    // Documents are refused without a checksum before anybody is asked for a right.
    const digest =
      method === "PUT"
        ? {
            "content-md5": createHash("md5")
              .update(body ?? "")
              .digest("base64"),
          }
        : {};
    return { method, target: path, headers: { ...headers, ...digest }, body };
  }

  const operations = (): AnyOperation[] =>
    app.operations.filter(({ service, name }) => service === "s3" && !OF_THE_ACCOUNT.has(name));

  /** `denied`: refused for want of a right; `opened`: anything else, an error of the input included. */
  async function asked(operation: AnyOperation): Promise<"denied" | "opened"> {
    const request = requestFor(operation);
    const answer = await app.gate.handle(incoming(request));
    const text = await textOf(answer);
    if (answer.status === 403) return "denied";
    // DeleteObjects answers 200, with a verdict for each entry.
    return text.includes("<Deleted>") || codeIn(text) !== "AccessDenied" ? "opened" : "denied";
  }

  test("rustfs-anon-version-list: RestrictPublicBuckets closes to strangers whatever a public policy opens", async () => {
    // What would change the bucket itself is asked last, and only while it is closed.
    const harmless = operations().filter(({ name }) => !/^(Put|Delete|Create|Complete|Abort)(Bucket|PublicAccess)/.test(name));
    assert.ok(harmless.some(({ name }) => name === "ListObjectVersions") && harmless.length > 20);
    const opened: string[] = [];
    for (const operation of harmless) if ((await asked(operation)) === "opened") opened.push(operation.name);
    const expected = [
      "GetObject",
      "PutObject",
      "ListObjectsV2",
      "ListObjectVersions",
      "HeadObject",
      "CopyObject",
      "DeleteObjects",
      "PutObjectAcl",
    ];
    for (const name of expected) assert.ok(opened.includes(name), `the policy does not open ${name}`);
    await owner("PutPublicAccessBlock", { Bucket, PublicAccessBlockConfiguration: { ...BLOCK, RestrictPublicBuckets: true } });
    const through: string[] = [];
    for (const operation of operations()) if ((await asked(operation)) === "opened") through.push(operation.name);
    assert.deepEqual(through, []);
  });
});
