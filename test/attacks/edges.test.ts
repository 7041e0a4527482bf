/** Sizes and counts of docs/reference/limits.md at their edge: what just fits is judged on its merits, one more is refused. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { ask, request, signerFor, startHere, type Answered, type Attacked } from "../server/support.js";

const code = (body: string): string => /<Code>(.*?)<\/Code>/.exec(body)?.[1] ?? "";
const MIB = 1024 * 1024;
const digest = (body: string): string => createHash("md5").update(body).digest("base64");

describe("limits at their edge", () => {
  let server: Attacked;
  before(async () => {
    server = await startHere();
    await ask(server, request(server, "PUT", "/edges"));
    await ask(server, request(server, "PUT", "/edges/x", { body: "x" }));
  });
  after(() => server.stop());
  const get = (target: string, unsigned: Record<string, string> = {}): Promise<Answered> =>
    ask(server, request(server, "GET", target, { unsigned }));
  const document = (method: string, target: string, body: string): Promise<Answered> =>
    ask(server, request(server, method, target, { body, headers: { "content-md5": digest(body) } }), 30_000);
  const call = (service: string, body: string, headers: Record<string, string>): Promise<Answered> =>
    ask(server, request(server, "POST", "/", { body, headers, signer: signerFor(service) }), 30_000);

  test("400 headers are read, 401 refused", async () => {
    // Host, three of the signature, and what is added.
    const plain = request(server, "GET", "/edges/x").toString("latin1").split("\r\n").length - 3;
    const more = (count: number) => Object.fromEntries(Array.from({ length: count - plain }, (_, at) => [`h${at}`, "1"]));
    assert.equal((await get("/edges/x", more(400))).status, 200);
    const refused = await get("/edges/x", more(401));
    assert.deepEqual([refused.status, code(refused.body)], [400, "RequestHeaderSectionTooLarge"]);
  });

  test("1000 query parameters are read, 1001 refused", async () => {
    const parameters = (count: number) => Array.from({ length: count }, (_, at) => `a${at}=`).join("&");
    assert.notEqual(code((await get(`/edges/x?${parameters(1000)}`)).body), "InvalidURI");
    const refused = await get(`/edges/x?${parameters(1001)}`);
    assert.deepEqual([refused.status, code(refused.body)], [400, "InvalidURI"]);
  });

  test("a document of 1 MiB is read and judged, one byte more is not; DeleteObjects may have 8 MiB", async () => {
    const tagging = (bytes: number): string => "<Tagging>".padEnd(bytes - 10, " ") + "</Tagging>";
    for (const [target, method, limit] of [
      ["/edges?tagging", "PUT", MIB],
      ["/edges?delete", "POST", 8 * MIB],
    ] as const) {
      const fits = await document(method, target, tagging(limit));
      assert.deepEqual([fits.status, code(fits.body)], [400, "MalformedXML"]);
      const over = await document(method, target, tagging(limit + 1));
      assert.deepEqual([over.status, code(over.body)], [400, "MaxMessageLengthExceeded"]);
      assert.match(over.body, new RegExp(`<MaxMessageLengthBytes>${limit}<`));
    }
  });

  test("a KMS call of 1 MiB is read, an IAM call of 512 KiB too; one byte more is 413", async () => {
    const kms = { "x-amz-target": "TrentService.ListKeys", "content-type": "application/x-amz-json-1.1" };
    assert.equal((await call("kms", "{}".padEnd(MIB, " "), kms)).status, 200);
    const large = await call("kms", "{}".padEnd(MIB + 1, " "), kms);
    assert.deepEqual([large.status, JSON.parse(large.body).__type], [413, "RequestEntityTooLargeException"]);
    const form = { "content-type": "application/x-www-form-urlencoded" };
    const users = (bytes: number): string => "Action=ListUsers&Version=2010-05-08&Z=".padEnd(bytes, "a");
    assert.equal((await call("iam", users(512 * 1024), form)).status, 200);
    const over = await call("iam", users(512 * 1024 + 1), form);
    assert.deepEqual([over.status, code(over.body)], [413, "RequestEntityTooLarge"]);
  });

  test("fields of a form: 20 KiB fit, more does not", async () => {
    const form = (bytes: number): string => {
      const part = (name: string, value: string): string =>
        `--b\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`;
      const rest = part("key", "k") + part("pad", "");
      return part("key", "k") + part("pad", "p".repeat(bytes - rest.length)) + `${part("file", "x")}--b--\r\n`;
    };
    const post = (bytes: number): Promise<Answered> =>
      ask(
        server,
        request(server, "POST", "/edges", {
          body: form(bytes),
          headers: { "content-type": "multipart/form-data; boundary=b" },
          anonymous: true,
        }),
      );
    // Judged: nobody may write here without a signature.
    const fits = await post(20 * 1024 - 200);
    assert.deepEqual([fits.status, code(fits.body)], [403, "AccessDenied"]);
    const over = await post(20 * 1024 + 200);
    assert.deepEqual([over.status, code(over.body)], [400, "MaxPostPreDataLengthExceededError"]);
  });

  test("JSON 32 deep is read, 33 deep is not", async () => {
    const kms = { "x-amz-target": "TrentService.ListKeys", "content-type": "application/x-amz-json-1.1" };
    const deep = (depth: number): string => `{"Unknown":${"[".repeat(depth - 1)}${"]".repeat(depth - 1)}}`;
    assert.equal((await call("kms", deep(32), kms)).status, 200);
    assert.match((await call("kms", deep(33), kms)).body, /SerializationException/);
  });

  test("16 requests may be sent ahead on a connection", async () => {
    const bytes = Buffer.concat(Array.from({ length: 17 }, () => request(server, "GET", "/edges/x")));
    const { Wire, answers } = await import("../server/support.js");
    const wire = new Wire(server).write(bytes);
    await wire.until((text, ended) => ended || answers(text).length === 17);
    assert.deepEqual(
      answers(wire.text).map(({ status }) => status),
      Array.from({ length: 17 }, () => 200),
    );
    wire.close();
  });

  test("parts are numbered 1 to 10000, pages hold a thousand", async () => {
    const begun = await ask(server, request(server, "POST", "/edges/multi?uploads"));
    const uploadId = /<UploadId>(.*?)<\/UploadId>/.exec(begun.body)?.[1] ?? assert.fail(begun.body);
    for (const [number, status] of [
      [1, 200],
      [10_000, 200],
      [0, 400],
      [10_001, 400],
    ] as const) {
      const target = `/edges/multi?partNumber=${number}&uploadId=${uploadId}`;
      assert.equal((await ask(server, request(server, "PUT", target, { body: "p" }))).status, status, `${number}`);
    }
    await ask(server, request(server, "DELETE", `/edges/multi?uploadId=${uploadId}`));
    assert.match((await get("/edges?list-type=2&max-keys=1000000")).body, /<MaxKeys>1000<\/MaxKeys>/);
  });
});
