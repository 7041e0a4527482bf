/** Signatures of the unmodified AWS SDK, sent through a real connection, are proven by our side. */
import assert from "node:assert/strict";
import { Agent, createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { after, before, test } from "node:test";
import { GetObjectCommand, ListObjectsV2Command, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { S3ControlClient, ListTagsForResourceCommand } from "@aws-sdk/client-s3-control";
import { KMSClient, ListKeysCommand } from "@aws-sdk/client-kms";
import { CreateUserCommand, IAMClient } from "@aws-sdk/client-iam";
import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import { ServiceError } from "../../src/lib/errors.js";
import { parseAuthorization } from "../../src/wire/authorization.js";
import { openBody } from "../../src/wire/payload.js";
import { readHashedBody, readSmallBody } from "../../src/wire/small-body.js";
import { verifySignature } from "../../src/wire/sigv4.js";
import type { Service } from "../../src/wire/types.js";
import { CREDENTIALS, collect } from "./signing.js";

interface Seen {
  readonly target: string;
  readonly mode: string | undefined;
  readonly body: Buffer;
  readonly claimed: string | undefined;
}

let server: Server;
let endpoint = "";
const seen: Seen[] = [];

async function handle(request: IncomingMessage): Promise<void> {
  const head = {
    method: request.method ?? "",
    target: request.url ?? "",
    headers: request.headers,
    rawHeaders: request.rawHeaders,
    secure: false,
  };
  const scope =
    /\/(s3|kms|iam|sts)\/aws4_request/.exec(decodeURIComponent(head.target) + (request.headers.authorization ?? ""))?.[1] ?? "s3";
  const service = scope as Service;
  const claim = parseAuthorization(head, { service, nowMs: Date.now() });
  if (claim.kind === "anonymous") throw new ServiceError("AccessDenied", "Access Denied");
  if (service !== "s3") {
    const { bytes, sha256 } = await readHashedBody({ head, stream: request, service, limitBytes: 1000_000 });
    verifySignature(claim, head, { service, secretAccessKey: CREDENTIALS.secretAccessKey, bodySha256: sha256 });
    seen.push({ target: head.target, mode: undefined, body: bytes, claimed: undefined });
    return;
  }
  const signature = verifySignature(claim, head, { service, secretAccessKey: CREDENTIALS.secretAccessKey });
  const mode = claim.payloadHash;
  if (head.method !== "PUT") {
    const body = await readSmallBody({ head, claim, signature, stream: request, limitBytes: 1000 });
    seen.push({ target: head.target, mode, body, claimed: undefined });
    return;
  }
  const body = openBody({ head, claim, signature, stream: request });
  seen.push({ target: head.target, mode, body: await collect(body), claimed: body.claimedAlgorithm });
}

before(async () => {
  server = createServer((request, response) => {
    handle(request).then(
      () =>
        response
          .writeHead(200, { "content-type": "application/json" })
          .end(request.headers["x-amz-target"] === undefined ? "" : "{}"),
      (error: unknown) => {
        request.resume();
        const code = error instanceof ServiceError ? error.code : "Bug";
        response.writeHead(400).end(`<Error><Code>${code}</Code><Message>${String(error)}</Message></Error>`);
      },
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

after(() => server.close());

const config = () => ({ endpoint, region: "eu-central-1", credentials: CREDENTIALS, maxAttempts: 1 });
const s3 = (): S3Client => new S3Client({ ...config(), forcePathStyle: true });
const last = (): Seen => seen.at(-1) ?? assert.fail("nothing arrived");

const KEYS = [
  "plain",
  "with space",
  "a+b",
  "a%2Fb",
  "a%20b",
  "~tilde",
  "ünïcödé/ключ/鍵/🗝",
  "a//b",
  "/lead",
  "./dot",
  "a/../b",
  "..",
  "trail/",
  "a=b&c?d#e",
  "!'()*",
  "\u0001control",
  "e\u0301 and \u00e9",
  "back\\slash",
  "semi;colon:at@,$",
  '"quote"<>[]{}|^`',
];

for (const key of KEYS) {
  test(`PutObject and a presigned GET of the key ${JSON.stringify(key)}`, async () => {
    await s3().send(new PutObjectCommand({ Bucket: "bucket", Key: key, Body: "x", Metadata: { a: "1", b: "two  blanks " } }));
    assert.equal(last().body.toString(), "x");
    assert.equal(last().claimed, "CRC32");
    const url = await getSignedUrl(
      s3(),
      new GetObjectCommand({ Bucket: "bucket", Key: key, ResponseContentType: "text/plain; a+b" }),
      { expiresIn: 60 },
    );
    const target = url.slice(endpoint.length);
    const claim = parseAuthorization(
      { method: "GET", target, headers: {}, rawHeaders: ["Host", new URL(endpoint).host], secure: false },
      { service: "s3", nowMs: Date.now() },
    );
    assert.equal(claim.kind, "query");
    if (claim.kind !== "query") return;
    const head = { method: "GET", target, headers: {}, rawHeaders: ["Host", new URL(endpoint).host], secure: false };
    verifySignature(claim, head, { service: "s3", secretAccessKey: CREDENTIALS.secretAccessKey });
  });
}

test("list parameters with blanks, plus signs, percent signs and unicode", async () => {
  await s3().send(new ListObjectsV2Command({ Bucket: "bucket", Prefix: "a b+c%2F/ü~*'()", Delimiter: "/", StartAfter: "" }));
  assert.match(last().target, /list-type=2/);
});

for (const sizeBytes of [0, 1, 65_536, 200_001]) {
  test(`PutObject of a stream of ${sizeBytes} bytes: aws-chunked with a trailer`, async () => {
    const body = Buffer.alloc(sizeBytes, "stream");
    await s3().send(new PutObjectCommand({ Bucket: "bucket", Key: "k", Body: Readable.from([body]), ContentLength: sizeBytes }));
    assert.deepEqual(last().body, body);
    assert.match(last().mode ?? "", /^STREAMING-/);
    assert.equal(last().claimed, "CRC32");
  });
}

for (const algorithm of ["CRC32C", "CRC64NVME", "SHA1", "SHA256"] as const) {
  test(`PutObject with ${algorithm}`, async (context) => {
    const command = new PutObjectCommand({ Bucket: "bucket", Key: "k", Body: "checked", ChecksumAlgorithm: algorithm });
    try {
      await s3().send(command);
    } catch (error) {
      if (error instanceof Error && /dependency|CRT/i.test(error.message)) return context.skip("this SDK cannot compute it here");
      throw error;
    }
    assert.equal(last().claimed, algorithm);
  });
}

test("presigned PUT: hoisted x-amz-* headers in the query, session token, content from any client", async () => {
  const client = new S3Client({
    ...config(),
    forcePathStyle: true,
    credentials: { ...CREDENTIALS, sessionToken: "to/ken+==" },
    requestChecksumCalculation: "WHEN_REQUIRED",
  });
  const url = await getSignedUrl(
    client,
    new PutObjectCommand({ Bucket: "bucket", Key: "k e+y", ContentType: "text/plain", Metadata: { m: "v w" } }),
    { expiresIn: 60 },
  );
  assert.equal((await fetch(url, { method: "PUT", body: "hello" })).status, 200);
  assert.equal(last().body.toString(), "hello");
  assert.equal((await fetch(`${url}&x-amz-acl=public-read`, { method: "PUT", body: "hello" })).status, 400);
  assert.equal((await fetch(url, { method: "PUT", body: "hello", headers: { "x-amz-acl": "public-read" } })).status, 400);
});

test("KMS, IAM, STS and S3 Control requests of the SDK verify, bodies included", async () => {
  await new KMSClient(config()).send(new ListKeysCommand({ Limit: 1 }));
  assert.equal(last().body.toString(), '{"Limit":1}');
  await new IAMClient(config()).send(new CreateUserCommand({ UserName: "a+b c" })).catch(() => undefined);
  assert.match(last().body.toString(), /Action=CreateUser/);
  await new STSClient(config()).send(new GetCallerIdentityCommand({})).catch(() => undefined);
  assert.match(last().body.toString(), /Action=GetCallerIdentity/);
  const before = seen.length;
  // The SDK puts the account id before the host name: every name leads here.
  const httpAgent = new Agent({ lookup: (_host, _options, found) => found(null, [{ address: "127.0.0.1", family: 4 }]) });
  const control = new S3ControlClient({
    ...config(),
    endpoint: endpoint.replace("127.0.0.1", "localhost"),
    requestHandler: { httpAgent },
  });
  await control
    .send(new ListTagsForResourceCommand({ AccountId: "123456789012", ResourceArn: "arn:aws:s3:::bucket" }))
    .catch(() => undefined);
  assert.equal(seen.length, before + 1);
  assert.match(last().target, /arn%3Aaws%3As3/);
});
