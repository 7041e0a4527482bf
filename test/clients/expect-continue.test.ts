/**
 * `100 Continue` over a bare socket: it comes once nothing but the body can fail, and whoever will be refused gets the final
 * status without being asked for the body (S3 API reference §5.2).
 */
import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";
import { test } from "node:test";
import { DisableKeyCommand } from "@aws-sdk/client-kms";
import { GetObjectCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import { signHeaders } from "../../src/wire/sign.js";
import { ROOT, type Credentials } from "../e2e/server.js";
import { bodyOf, codeOf, openWorld, S3_ALL } from "../e2e/world.js";

const world = await openWorld();
const bucket = await world.bucket("continue");
const stranger = await world.user("stranger");
const writer = await world.user("writer", [S3_ALL]);
const foreignKey = await world.key();
const disabledKey = await world.key();
await world.kms.send(new DisableKeyCommand({ KeyId: disabledKey }));
await world.s3.send(new PutObjectCommand({ Bucket: bucket, Key: "taken", Body: "1" }));
const guarded = await world.bucket("guarded");
const Condition = { Null: { "s3:x-amz-server-side-encryption": "true" } };
await world.policy(guarded, [
  { Effect: "Deny", Principal: "*", Action: "s3:PutObject", Resource: `arn:aws:s3:::${guarded}/*`, Condition },
]);
const BODY = "the body that is asked for";
const GRACE_MS = 300;

interface Put {
  readonly target?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly credentials?: Credentials | null;
  readonly length?: number;
}

/** Sends the head alone. */
async function sendHead({
  target = `/${bucket}/k`,
  headers = {},
  credentials = ROOT,
  length = BODY.length,
}: Put): Promise<Conversation> {
  const url = new URL(world.server.httpUrl);
  const plain = { host: url.host, expect: "100-continue", "content-length": String(length), ...headers };
  const signer = { credentials: credentials ?? ROOT, region: "us-east-1", service: "s3", nowMs: Date.now() };
  const request = { method: "PUT", target, headers: plain };
  const all: [string, string][] =
    credentials === null ? Object.entries(plain) : Object.entries(signHeaders(request, signer, "UNSIGNED-PAYLOAD"));
  const socket = connect(Number(url.port), url.hostname);
  const conversation = new Conversation(socket);
  socket.write(`PUT ${target} HTTP/1.1\r\n${all.map(([name, value]) => `${name}: ${value}\r\n`).join("")}\r\n`);
  return conversation;
}

class Conversation {
  readonly socket: Socket;
  received = "";
  closed = false;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.setEncoding("latin1");
    socket.on("data", (piece: string) => (this.received += piece));
    socket.on("close", () => (this.closed = true));
    // A reset after the answer is the server's way of not reading on.
    socket.on("error", () => (this.closed = true));
  }
  async until(pattern: RegExp): Promise<void> {
    const deadline = Date.now() + 10_000;
    while (!pattern.test(this.received)) {
      assert.ok(Date.now() < deadline && !this.closed, `waited for ${String(pattern)}, got ${JSON.stringify(this.received)}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
}

test("an upload that is allowed: 100 first, then the body, then 200", async () => {
  const conversation = await sendHead({});
  await conversation.until(/^HTTP\/1\.1 100 Continue\r\n\r\n$/);
  conversation.socket.write(BODY);
  await conversation.until(/\r\n\r\nHTTP\/1\.1 200 OK\r\n/);
  conversation.socket.destroy();
  const got = await world.s3.send(new GetObjectCommand({ Bucket: bucket, Key: "k" }));
  assert.equal((await bodyOf(got)).toString(), BODY);
});

const sse = (key: string): Record<string, string> => ({
  "x-amz-server-side-encryption": "aws:kms",
  "x-amz-server-side-encryption-aws-kms-key-id": key,
});

const REFUSED: readonly (readonly [string, Put, number, string])[] = [
  ["nobody", { credentials: null }, 403, "AccessDenied"],
  ["an unknown access key", { credentials: { ...ROOT, accessKeyId: "AKIAUNKNOWN000000001" } }, 403, "InvalidAccessKeyId"],
  ["a wrong secret", { credentials: { ...ROOT, secretAccessKey: "wrong" } }, 403, "SignatureDoesNotMatch"],
  ["a user without permission", { credentials: stranger.credentials }, 403, "AccessDenied"],
  ["the root user under a policy that denies unencrypted uploads", { target: `/${guarded}/k` }, 403, "AccessDenied"],
  ["a user whom KMS denies the key", { credentials: writer.credentials, headers: sse(foreignKey) }, 403, "AccessDenied"],
  ["a disabled key", { headers: sse(disabledKey) }, 400, "KMS.DisabledException"],
  ["a key that is not there", { headers: sse(foreignKey.replace(/.$/, "z")) }, 400, "KMS.NotFoundException"],
  ["an unknown encryption", { headers: { "x-amz-server-side-encryption": "AES512" } }, 400, "InvalidArgument"],
  ["a bucket that is not there", { target: "/no-such-bucket-here/k" }, 404, "NoSuchBucket"],
  ["an upload that is not there", { target: `/${bucket}/k?partNumber=1&uploadId=none` }, 404, "NoSuchUpload"],
  [
    "If-None-Match on an object that is there",
    { target: `/${bucket}/taken`, headers: { "if-none-match": "*" } },
    412,
    "PreconditionFailed",
  ],
  [
    "If-Match with another ETag",
    { target: `/${bucket}/taken`, headers: { "if-match": '"00000000000000000000000000000000"' } },
    412,
    "PreconditionFailed",
  ],
  ["more than 5 GiB", { length: 5 * 1024 ** 3 + 1 }, 400, "EntityTooLarge"],
  ["a malformed Content-MD5", { headers: { "content-md5": "no" } }, 400, "InvalidDigest"],
];

for (const [who, put, status, code] of REFUSED) {
  test(`${who}: ${status} ${code} at once, without 100 Continue`, async () => {
    const conversation = await sendHead(put);
    await conversation.until(/<\/Error>/);
    await new Promise((resolve) => setTimeout(resolve, GRACE_MS));
    assert.match(conversation.received, new RegExp(`^HTTP/1\\.1 ${status} `));
    assert.equal(codeOf(conversation.received), code);
    assert.doesNotMatch(conversation.received, /100 Continue/);
    conversation.socket.destroy();
  });
}

test("a client that sends its body unasked reads the refusal; no request is served out of that body", async () => {
  const hidden = `GET /${bucket}/taken HTTP/1.1\r\nHost: x\r\n\r\n`;
  const conversation = await sendHead({ credentials: stranger.credentials, length: hidden.length });
  conversation.socket.write(hidden);
  await conversation.until(/<\/Error>/);
  await new Promise((resolve) => setTimeout(resolve, GRACE_MS));
  assert.equal(conversation.received.match(/HTTP\/1\.1 /g)?.length, 1, conversation.received);
  conversation.socket.destroy();
});
