/** Raw requests against a whole server: framing, hosts, ends of connections (attacks A.6 no. 31, A.8, A.12 no. 48). */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { answers, ask, presigned, request, ROOT, sha256, signerFor, startHere, Wire, type Attacked } from "./support.js";

const code = (body: string): string => /<Code>(.*?)<\/Code>/.exec(body)?.[1] ?? "";

describe("raw requests", () => {
  let server: Attacked;
  before(async () => {
    server = await startHere();
    for (const bucket of ["bucketa", "bucketb"]) assert.equal((await ask(server, request(server, "PUT", `/${bucket}`))).status, 200);
    await ask(server, request(server, "PUT", "/bucketa/x", { body: "of a" }));
    await ask(server, request(server, "PUT", "/bucketb/x", { body: "of b" }));
  });
  after(() => server.stop());
  const head = (line: string, ...headers: string[]): string => [line, ...headers, "", ""].join("\r\n");
  const here = (): string => `Host: ${server.host}`;

  describe("hosts", () => {
    test("a URL signed for one bucket's host opens no other by an absolute-form target", async () => {
      const target = presigned(server, "GET", "/x", { host: "bucketa.localhost" });
      const plain = await ask(server, head(`GET ${target} HTTP/1.1`, "Host: bucketa.localhost"));
      assert.deepEqual([plain.status, plain.body], [200, "of a"]);
      const same = await ask(server, head(`GET http://bucketa.localhost${target} HTTP/1.1`, "Host: bucketa.localhost"));
      assert.deepEqual([same.status, same.body], [200, "of a"]);
      for (const authority of ["bucketb.localhost", "bucketa.localhost:1", "x@bucketa.localhost", "localhost", ""]) {
        const { status, body } = await ask(server, head(`GET http://${authority}${target} HTTP/1.1`, "Host: bucketa.localhost"));
        assert.equal(status, 400, authority);
        assert.ok(!body.includes("of b"));
      }
    });

    test("two Host headers are refused, whichever comes first", async () => {
      const target = presigned(server, "GET", "/x", { host: "bucketa.localhost" });
      for (const hosts of [["bucketa", "bucketb"], ["bucketb", "bucketa"]]) {
        const { status, body } = await ask(server, head(`GET ${target} HTTP/1.1`, ...hosts.map((name) => `Host: ${name}.localhost`)));
        assert.ok(status === 400 || status === 403, `${status}`);
        assert.ok(!body.startsWith("of"));
      }
    });

    test("operational paths are on the service host only", async () => {
      assert.equal((await ask(server, head("GET /-/live HTTP/1.1", here()))).status, 200);
      assert.equal((await ask(server, head("GET /-/live HTTP/1.1", "Host: bucketa.localhost"))).status, 403);
      assert.equal((await ask(server, head("GET http://localhost/-/metrics HTTP/1.1", "Host: bucketa.localhost"))).status, 400);
    });

    test("a bucket in host and path is the host's: the path is all key", async () => {
      const { status, body } = await ask(server, request(server, "GET", "/bucketb/x", { host: "bucketa.localhost" }));
      assert.deepEqual([status, code(body)], [404, "NoSuchKey"]);
    });
  });

  describe("framing", () => {
    const forms: readonly (readonly [string, () => string])[] = [
      ["Content-Length beside Transfer-Encoding", () => head("PUT /bucketa/s HTTP/1.1", here(), "Content-Length: 5", "Transfer-Encoding: chunked") + "0\r\n\r\n"],
      ["an unknown transfer coding", () => head("PUT /bucketa/s HTTP/1.1", here(), "Transfer-Encoding: xchunked") + "0\r\n\r\n"],
      ["chunked not last", () => head("PUT /bucketa/s HTTP/1.1", here(), "Transfer-Encoding: chunked, identity") + "0\r\n\r\n"],
      ["two transfer encodings", () => head("PUT /bucketa/s HTTP/1.1", here(), "Transfer-Encoding: chunked", "Transfer-Encoding: identity") + "0\r\n\r\n"],
      ["two lengths", () => head("PUT /bucketa/s HTTP/1.1", here(), "Content-Length: 5", "Content-Length: 6") + "hello"],
      ["two equal lengths", () => head("PUT /bucketa/s HTTP/1.1", here(), "Content-Length: 5", "Content-Length: 5") + "hello"],
      ["a length with a sign", () => head("PUT /bucketa/s HTTP/1.1", here(), "Content-Length: +5") + "hello"],
      ["lines that end in LF alone", () => `GET /bucketa/x HTTP/1.1\n${here()}\n\n`],
      ["one line that ends in LF alone", () => `GET /bucketa/x HTTP/1.1\r\n${here()}\nX-A: b\r\n\r\n`],
      ["a folded header", () => `GET /bucketa/x HTTP/1.1\r\n${here()}\r\nX-A: b\r\n c\r\n\r\n`],
      ["a blank before the colon", () => `GET /bucketa/x HTTP/1.1\r\nHost : ${server.host}\r\n\r\n`],
      ["no host", () => "GET /bucketa/x HTTP/1.1\r\n\r\n"],
      ["a header of 70 KB", () => head("GET /bucketa/x HTTP/1.1", here(), `X-A: ${"a".repeat(70_000)}`)],
    ];
    for (const [what, make] of forms) {
      test(`${what}: refused, and the connection ends`, async () => {
        // What follows would be the smuggled request.
        const wire = new Wire(server).write(make() + head("GET /-/live HTTP/1.1", here()));
        const text = await wire.until((_text, ended) => ended);
        assert.ok(wire.ended, "the connection stays open");
        assert.match(text, /^HTTP\/1\.1 4\d\d /);
        assert.equal(text.split("HTTP/1.1 ").length - 1, 1, text);
      });
    }

    test("headers beyond 400 are refused, not dropped: a condition may be among them", async () => {
      const many = Object.fromEntries(Array.from({ length: 500 }, (_, at) => [`x-${at}`, "1"]));
      const { status, body } = await ask(server, request(server, "PUT", "/bucketa/x", { body: "over", unsigned: { ...many, "if-none-match": "*" } }));
      assert.deepEqual([status, code(body)], [400, "RequestHeaderSectionTooLarge"]);
      assert.equal((await ask(server, request(server, "GET", "/bucketa/x"))).body, "of a");
    });

    test("an error before the end of a body leaves the connection in step", async () => {
      const first = request(server, "PUT", "/bucketa/s", { body: head("GET /-/metrics HTTP/1.1", here()), anonymous: true });
      const wire = new Wire(server).write(first).write(head("GET /-/live HTTP/1.1", here()));
      await wire.until((text, ended) => ended || answers(text).length > 1);
      assert.deepEqual(answers(wire.text).map(({ status }) => status), [403, 200]);
      assert.ok(!wire.text.includes("coffer_requests_total"));
      wire.close();
    });

    test("a body that never comes ends with the connection, and the answer arrives before", async () => {
      const wire = new Wire(server).write(head("PUT /bucketa/s HTTP/1.1", here(), "Content-Length: 1000") + "some");
      assert.match(await wire.answer(), /^HTTP\/1\.1 403 /);
      await wire.until((_text, ended) => ended, 7000);
      assert.ok(wire.ended);
    });
  });

  describe("100 Continue", () => {
    const expecting = { "expect": "100-continue" };
    const headOnly = (bytes: Buffer): string => bytes.toString("latin1").split("\r\n\r\n")[0] + "\r\n\r\n";
    const body = "x".repeat(100_000);

    test("comes before the body of a PUT that is allowed", async () => {
      const wire = new Wire(server).write(headOnly(request(server, "PUT", "/bucketa/c", { body, unsigned: expecting })));
      assert.match(await wire.until((text) => text.includes("\r\n\r\n")), /^HTTP\/1\.1 100 /);
      wire.write(body);
      await wire.until((text) => answers(text).length === 2);
      assert.deepEqual(answers(wire.text).map(({ status }) => status), [100, 200]);
      wire.close();
    });

    const refused: readonly (readonly [string, () => Buffer])[] = [
      ["anonymous PUT", () => request(server, "PUT", "/bucketa/c", { body, anonymous: true, unsigned: expecting })],
      ["PUT to no bucket", () => request(server, "PUT", "/nobucket/c", { body, unsigned: expecting })],
      ["PUT under a wrong secret", () => request(server, "PUT", "/bucketa/c", { body, signer: signerFor("s3", { ...ROOT, secretAccessKey: "wrong" }), unsigned: expecting })],
      ["anonymous KMS call", () => request(server, "POST", "/", { body, anonymous: true, headers: { "x-amz-target": "TrentService.ListKeys" }, unsigned: expecting })],
      ["KMS call under an unknown key", () => request(server, "POST", "/", {
        body, signer: signerFor("kms", { ...ROOT, accessKeyId: "AKIAUNKNOWN000000001" }), headers: { "x-amz-target": "TrentService.ListKeys" }, unsigned: expecting,
      })],
      ["IAM call under an unknown key", () => request(server, "POST", "/", {
        body, signer: signerFor("iam", { ...ROOT, accessKeyId: "AKIAUNKNOWN000000001" }), headers: { "content-type": "application/x-www-form-urlencoded" }, unsigned: expecting,
      })],
    ];
    for (const [what, make] of refused) {
      test(`${what}: refused without it, and the connection ends`, async () => {
        const wire = new Wire(server).write(headOnly(make()));
        const text = await wire.until((_text, ended) => ended);
        assert.match(text, /^HTTP\/1\.1 4\d\d /);
        assert.match(text, /\r\nconnection: close\r\n/i);
        assert.ok(wire.ended);
      });
    }
  });

  describe("headers of answers", () => {
    const hostile = ["x-amz-meta-a%0d%0aset-cookie=1", "x-amz-meta-a%20b=1", "x-amz-meta-a=1%0d%0aset-cookie:%20a", "x-amz-website-redirect-location=%2Fa%0d%0ab", "x-amz-meta-%C3%A9=1"];
    for (const query of hostile) {
      test(`a presigned PUT with ${query} stores nothing`, async () => {
        const target = presigned(server, "PUT", `/bucketa/hostile?${query}`);
        const { status, body } = await ask(server, head(`PUT ${target} HTTP/1.1`, here(), "Content-Length: 1") + "x");
        assert.deepEqual([status, code(body)], [400, "InvalidArgument"]);
        assert.equal((await ask(server, request(server, "GET", "/bucketa/hostile"))).status, 404);
      });
    }

    test("response-* overrides hold no line break", async () => {
      for (const name of ["content-type", "content-disposition", "cache-control", "expires"]) {
        const { status } = await ask(server, request(server, "GET", `/bucketa/x?response-${name}=a%0d%0aset-cookie:%20b`));
        assert.equal(status, 400, name);
      }
    });

    test("metadata of any text comes back in one line", async () => {
      const value = Buffer.from("ü€😀 \u0085 x", "utf8").toString("latin1");
      const target = presigned(server, "PUT", `/bucketa/unicode?x-amz-meta-a=${encodeURIComponent("ü€😀 \u0085 x")}`);
      assert.equal((await ask(server, head(`PUT ${target} HTTP/1.1`, here(), "Content-Length: 1") + "x")).status, 200);
      const { status, headers } = await ask(server, request(server, "GET", "/bucketa/unicode"));
      assert.equal(status, 200);
      assert.ok(headers["x-amz-meta-a"]?.startsWith("=?UTF-8?B?"), `${headers["x-amz-meta-a"]} ${value}`);
    });

    test("a denial that names any key is one header", async () => {
      const { iam } = server.app;
      await iam.seed.putUser("000000000000", { name: "nobody", path: "/", accessKeys: [{ accessKeyId: "AKIANOBODY0000000001", secretAccessKey: "nobody-secret-0000000000001" }], policies: [], attached: [] } as never);
      const credentials = { accessKeyId: "AKIANOBODY0000000001", secretAccessKey: "nobody-secret-0000000000001" };
      const { status, headers } = await ask(server, request(server, "GET", "/bucketa/a%0d%0ab%F0%9F%98%80%00", { signer: signerFor("s3", credentials) }));
      assert.equal(status, 403);
      assert.match(headers["x-coffer-denial"] ?? "", /a%0D%0Ab%F0%9F%98%80%00/);
    });
  });

  describe("pipelining", () => {
    test("requests of a connection take turns, a GET sees the PUT before it", async () => {
      const bytes = ["1", "2", "3"].flatMap((body) => [request(server, "PUT", "/bucketa/turn", { body }), request(server, "GET", "/bucketa/turn")]);
      const wire = new Wire(server).write(Buffer.concat(bytes));
      await wire.until((text, ended) => ended || answers(text).length === 6);
      assert.deepEqual(answers(wire.text).filter((_answer, at) => at % 2 === 1).map(({ body }) => body), ["1", "2", "3"]);
      wire.close();
    });

    test("whoever sends too many ahead is cut off, and nothing of theirs goes on", async () => {
      const before = await requestsCounted();
      const wire = new Wire(server).write(Buffer.concat(Array.from({ length: 500 }, () => request(server, "GET", "/bucketa/x"))));
      await wire.until((_text, ended) => ended);
      assert.ok(wire.ended);
      await new Promise((resolve) => setTimeout(resolve, 100));
      assert.ok((await requestsCounted()) - before < 40);
    });

    async function requestsCounted(): Promise<number> {
      const { body } = await ask(server, head("GET /-/metrics HTTP/1.1", here()));
      return [...body.matchAll(/^coffer_requests_total\{[^}]*operation="GetObject"[^}]*\} (\d+)$/gm)].reduce((sum, [, count]) => sum + Number(count), 0);
    }
  });

  describe("what the caller claims to be", () => {
    test("made-up action names make no new metric", async () => {
      for (let at = 0; at < 20; at += 1) {
        await ask(server, request(server, "POST", "/", { body: "{}", anonymous: true, headers: { "x-amz-target": `Coffer.MadeUp${at}` } }));
      }
      assert.ok(!(await ask(server, head("GET /-/metrics HTTP/1.1", here()))).body.includes("MadeUp"));
    });

    test("an access key id of any length or kind is unknown, not an error of ours", async () => {
      for (const accessKeyId of ["AKIA", `AKIA${"A".repeat(5000)}`, "AKIA%00AAAAAAAAAAAAA", "ASIA", `ASIA${"A".repeat(5000)}`, "__proto__"]) {
        const { status, body } = await ask(server, request(server, "GET", "/bucketa/x", { signer: signerFor("s3", { ...ROOT, accessKeyId }) }));
        assert.ok(status === 403 || status === 400, `${accessKeyId.slice(0, 20)}: ${status} ${body}`);
      }
    });

    test("forwarding headers of a stranger change nothing but what is refused", async () => {
      const kms = { "x-amz-server-side-encryption": "aws:kms" };
      const put = (unsigned: Record<string, string>) => ask(server, request(server, "PUT", "/bucketa/f", { body: "f", headers: kms, unsigned }));
      assert.equal((await put({})).status, 200);
      for (const [name, value] of [["x-forwarded-proto", "https"], ["x-forwarded-for", "127.0.0.1"], ["forwarded", "proto=https"], ["via", "1.1 proxy"], ["x-real-ip", "127.0.0.1"]] as const) {
        assert.equal((await put({ [name]: value })).status, 400, name);
      }
    });
  });

  describe("bodies", () => {
    test("a client that goes away in the middle of a PUT leaves nothing", async () => {
      const whole = request(server, "PUT", "/bucketa/gone", { body: "x".repeat(300_000) });
      for (const share of [0.1, 0.5, 0.99]) {
        const wire = new Wire(server).write(whole.subarray(0, Math.floor(whole.length * share)));
        await new Promise((resolve) => setTimeout(resolve, 60));
        wire.close();
      }
      await new Promise((resolve) => setTimeout(resolve, 100));
      assert.equal((await ask(server, request(server, "GET", "/bucketa/gone"))).status, 404);
    });

    test("a body other than signed leaves nothing", async () => {
      const { status, body } = await ask(server, request(server, "PUT", "/bucketa/lie", { body: "lie", payloadHash: sha256("truth") }));
      assert.deepEqual([status, code(body)], [400, "XAmzContentSHA256Mismatch"]);
      assert.equal((await ask(server, request(server, "GET", "/bucketa/lie"))).status, 404);
    });

    test("documents too large are refused from their length", async () => {
      const claim = head("PUT /bucketa?policy HTTP/1.1", here(), "Content-Length: 99999999");
      assert.match(await new Wire(server).write(claim).answer(), /^HTTP\/1\.1 4\d\d /);
      const kms = request(server, "POST", "/", { signer: signerFor("kms"), headers: { "x-amz-target": "TrentService.ListKeys" } }).toString("latin1").replace("content-length: 0", "content-length: 99999999");
      assert.match(await new Wire(server).write(kms).answer(), /^HTTP\/1\.1 413 /);
    });
  });

  test("nothing of all this was an error of ours", () => {
    assert.deepEqual(server.logged.filter((line) => line.includes('"level":"error"')), []);
  });
});
