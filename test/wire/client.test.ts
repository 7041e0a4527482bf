/** The wire client over real connections, and bodies of real requests. */
import assert from "node:assert/strict";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, test } from "node:test";
import { ServiceError } from "../../src/lib/errors.js";
import { parseAuthorization } from "../../src/wire/authorization.js";
import { percentEncodePath } from "../../src/wire/canonical.js";
import { WireClient, answerError, expectOk } from "../../src/wire/client.js";
import { openBody } from "../../src/wire/payload.js";
import { readHashedBody } from "../../src/wire/small-body.js";
import { peekScope } from "../../src/wire/authorization.js";
import { verifySignature } from "../../src/wire/sigv4.js";
import type { Service } from "../../src/wire/types.js";
import { CREDENTIALS, collect, inPieces } from "./signing.js";

let server: Server;
let endpoint = "";
let connections = 0;

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const head = {
    method: request.method ?? "",
    target: request.url ?? "",
    headers: request.headers,
    rawHeaders: request.rawHeaders,
    secure: false,
  };
  const service = (peekScope(head)?.service ?? "s3") as Service;
  const claim = parseAuthorization(head, { service, nowMs: Date.now() });
  const secretAccessKey = CREDENTIALS.secretAccessKey;
  if (service !== "s3") {
    const { bytes, sha256 } = await readHashedBody({ head, stream: request, service, limitBytes: 1000 });
    if (claim.kind !== "anonymous") verifySignature(claim, head, { service, secretAccessKey, bodySha256: sha256 });
    response.end(service === "kms" ? JSON.stringify({ got: bytes.toString() }) : `<got>${bytes.toString()}</got>`);
    return;
  }
  const signature = claim.kind === "anonymous" ? undefined : verifySignature(claim, head, { service, secretAccessKey });
  const body =
    head.method === "PUT" ? await collect(openBody({ head, claim, signature, stream: request })) : Buffer.from(claim.kind);
  response.end(body);
}

before(async () => {
  server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => {
      request.resume();
      const code = error instanceof ServiceError ? error.code : "Bug";
      response.writeHead(400).end(`<Error><Code>${code}</Code><Message>a &lt;b&gt; &#x41;</Message></Error>`);
    });
  });
  server.on("connection", () => connections++);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

after(() => {
  server.closeAllConnections();
  server.close();
});

const client = (): WireClient =>
  new WireClient({ endpoint, credentials: { ...CREDENTIALS, sessionToken: "tok/en=" }, region: "eu-west-1" });

test("S3: bytes, text, a stream, odd keys, query, metadata in unicode", async () => {
  const path = `/bucket/${percentEncodePath("a+b c/ü//..~*'()")}`;
  assert.equal(
    expectOk(
      await client().send({ method: "PUT", path, body: "text", query: { tagging: "", a: undefined, "b c": "d+e" } }),
    ).body.toString(),
    "text",
  );
  assert.equal(
    (await client().send({ method: "PUT", path, body: Buffer.from("bytes"), headers: { "x-amz-meta-m": "ü" } })).body.toString(),
    "bytes",
  );
  const streamed = await client().send({
    method: "PUT",
    path,
    body: inPieces("streamed", 3),
    headers: { "content-length": "8" },
  });
  assert.equal(streamed.body.toString(), "streamed");
  assert.equal((await client().send({ method: "GET", path })).body.toString(), "header");
  assert.equal((await new WireClient({ endpoint, region: "x" }).send({ method: "GET", path })).body.toString(), "anonymous");
});

test("presigned URLs work with any HTTP client", async () => {
  const url = client().presign({ method: "GET", path: "/bucket/k", query: { versionId: "1" } }, 60);
  assert.equal(await (await fetch(url)).text(), "query");
  assert.equal((await fetch(url.replace("versionId=1", "versionId=2"))).status, 400);
});

test("JSON and query services", async () => {
  assert.deepEqual(await client().json("kms", "TrentService.ListKeys", { Limit: 1 }), { got: '{"Limit":1}' });
  assert.equal(
    await client().query("iam", "CreateUser", { UserName: "a b" }),
    "<got>Action=CreateUser&Version=2010-05-08&UserName=a%20b</got>",
  );
});

test("errors come back as ServiceError, XML and JSON", async () => {
  const wrong = new WireClient({ endpoint, credentials: { ...CREDENTIALS, secretAccessKey: "wrong" }, region: "eu-west-1" });
  const refused = await wrong.send({ method: "GET", path: "/" });
  assert.throws(() => expectOk(refused), { code: "SignatureDoesNotMatch", message: "a <b> A" });
  const json = (text: string) => answerError({ status: 400, headers: {}, body: Buffer.from(text) });
  assert.equal(json('{"__type":"com.amazon.kms#DisabledException","message":"a \\"b\\""}').message, 'a "b"');
  assert.equal(json('{"__type":"NotFoundException"}').code, "NotFoundException");
  assert.equal(json("").code, "Http400");
});

test("a body refused half-way leaves a connection on which the answer, and the next request, travel", async () => {
  const before = connections;
  const body = `5\r\nhello\r\nx\r\n${"z".repeat(200_000)}`;
  for (let i = 0; i < 3; i++) {
    const refused = await client().send({
      method: "PUT",
      path: "/b/k",
      body,
      headers: {
        "x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        "x-amz-decoded-content-length": "10",
        "content-encoding": "aws-chunked",
      },
    });
    assert.equal(answerError(refused).code, "IncompleteBody");
  }
  assert.ok(connections - before <= 1);
});
