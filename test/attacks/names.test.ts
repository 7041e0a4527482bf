/**
 * Keys, buckets and copy sources that look like paths to somewhere else (attacks A.4 no. 22, A.5 no. 26), as raw targets: what an
 * HTTP client would tidy up before it sends it. On disk, so that a way out of the data directory would be seen.
 */
import assert from "node:assert/strict";
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { ask, request, startHere } from "../server/support.js";

const code = (body: string): string => /<Code>(.*?)<\/Code>/.exec(body)?.[1] ?? "";

describe("names", () => {
  let server: Awaited<ReturnType<typeof startHere>>;
  before(async () => {
    server = await startHere({}, true);
    for (const bucket of ["alpha", "beta"]) await ask(server, request(server, "PUT", `/${bucket}`));
    await ask(server, request(server, "PUT", "/beta/secret", { body: "of beta" }));
  });
  after(() => server.stop());
  const get = (target: string) => ask(server, request(server, "GET", target));
  const put = (target: string, body: string | Buffer) => ask(server, request(server, "PUT", target, { body }));
  /** Keys as listed, percent-encoded by S3. */
  async function keysOf(bucket: string): Promise<string[]> {
    const { body } = await get(`/${bucket}?encoding-type=url&list-type=2`);
    return [...body.matchAll(/<Key>(.*?)<\/Key>/g)].map(([, key]) => key ?? "");
  }

  test("seaweed-dotdot-url, minio-backslash-cross-bucket, vault-path-dotdot: a key never leaves its bucket", async () => {
    const targets = [
      "/alpha/../beta/secret",
      "/alpha/%2e%2e/beta/secret",
      "/alpha/..%2Fbeta%2Fsecret",
      "/alpha/..%5Cbeta%5Csecret",
      "/alpha/./../beta/secret",
      "/alpha//..//beta/secret",
      "/alpha/%252e%252e/beta/secret",
      "/alpha/..;/beta/secret",
      "/alpha/%2E%2E%5C%2E%2E%5Cbeta%5Csecret",
      "/alpha/a/../../beta/secret",
      "/alpha/%c0%ae%c0%ae/beta/secret",
    ];
    for (const target of targets) {
      const read = await get(target);
      assert.ok(read.status === 404 || read.status === 400, `GET ${target}: ${read.status}`);
      assert.ok(!read.body.includes("of beta"));
      const written = await put(target, "of alpha");
      assert.ok(written.status === 200 || written.status === 400, `PUT ${target}: ${written.status}`);
      if (written.status === 200) assert.equal((await get(target)).body, "of alpha");
      assert.equal((await get("/beta/secret")).body, "of beta", target);
      await ask(server, request(server, "DELETE", target));
    }
    assert.deepEqual(await keysOf("beta"), ["secret"]);
    assert.deepEqual(await keysOf("alpha"), []);
  });

  test("seaweed-dotdot-copysource: a copy source names a bucket and a key, and nothing beside them", async () => {
    for (const source of [
      "alpha/../beta/secret",
      "/alpha/../beta/secret",
      "alpha/%2e%2e/beta/secret",
      "../beta/secret",
      "alpha/..%2Fbeta%2Fsecret",
      "./beta/secret",
      "alpha\\..\\beta\\secret",
      "http://127.0.0.1/beta/secret",
      "file:///etc/passwd",
      "alpha/..%5C..%5Cbeta",
    ]) {
      const copied = await ask(server, request(server, "PUT", "/alpha/copy", { headers: { "x-amz-copy-source": source } }));
      assert.ok(copied.status === 404 || copied.status === 400, `${source}: ${copied.status} ${copied.body}`);
      assert.equal((await get("/alpha/copy")).status, 404);
    }
  });

  test("rgw-empty-copysource: an empty or overlong source is an error of the caller, on objects and parts", async () => {
    const begun = await ask(server, request(server, "POST", "/alpha/multi?uploads"));
    const uploadId = /<UploadId>(.*?)<\/UploadId>/.exec(begun.body)?.[1] ?? assert.fail(begun.body);
    for (const source of [
      "",
      "/",
      "//",
      "alpha",
      "alpha/",
      "?",
      "?versionId=",
      "alpha/?versionId=x",
      `alpha/${"a".repeat(1025)}`,
      "a".repeat(8000),
      "%",
      "%zz",
    ]) {
      for (const target of ["/alpha/copy", `/alpha/multi?partNumber=1&uploadId=${uploadId}`]) {
        const { status, body } = await ask(server, request(server, "PUT", target, { headers: { "x-amz-copy-source": source } }));
        assert.ok(status >= 400 && status < 500, `${JSON.stringify(source)}: ${status} ${body}`);
      }
    }
    assert.deepEqual(await keysOf("alpha"), []);
    await ask(server, request(server, "DELETE", `/alpha/multi?uploadId=${uploadId}`));
  });

  test("keys of 1024 bytes fit, of 1025 do not, whatever they are made of", async () => {
    for (const [unit, bytes] of [
      ["a", 1],
      ["/", 1],
      ["%C3%A9", 2],
      ["%F0%9F%98%80", 4],
      ["%5C", 1],
    ] as const) {
      const fits = unit.repeat(1024 / bytes);
      assert.equal((await put(`/alpha/${fits}`, "fits")).status, 200, unit);
      assert.equal((await get(`/alpha/${fits}`)).body, "fits");
      for (const method of ["PUT", "GET", "DELETE"]) {
        const { status, body } = await ask(
          server,
          request(server, method, `/alpha/${fits}a`, method === "PUT" ? { body: "x" } : {}),
        );
        assert.deepEqual([status, code(body)], [400, "KeyTooLongError"], `${method} ${unit}`);
      }
      assert.equal((await ask(server, request(server, "DELETE", `/alpha/${fits}`))).status, 204);
    }
  });

  test("device names, case, trailing dots and blanks, and one letter in two forms are keys like any other", async () => {
    const keys = [
      "CON",
      "con",
      "nul",
      "COM1.txt",
      "aux.",
      "a.",
      "a",
      "a%20",
      "A",
      "%C3%A9",
      "e%CC%81",
      "%00",
      "a%00b",
      "%7F",
      "%FF".replace("%FF", "%C3%BF"),
      "~",
      "-rf",
      "$HOME",
      "%60id%60",
      ".git",
      "..a",
      "...",
      "data.mdb",
      "lock.mdb",
      "format.json",
      "audit",
      "%E2%80%AE",
      "%25",
      "a%2Fb",
      "a//b",
    ];
    for (const key of keys) assert.equal((await put(`/alpha/${key}`, `body of ${key}`)).status, 200, key);
    for (const key of keys) assert.equal((await get(`/alpha/${key}`)).body, `body of ${key}`, key);
    assert.equal((await keysOf("alpha")).length, keys.length);
    for (const key of keys) assert.equal((await ask(server, request(server, "DELETE", `/alpha/${key}`))).status, 204);
    assert.deepEqual(await keysOf("alpha"), []);
  });

  test("buckets named like what is inside are refused or are buckets like any other", async () => {
    for (const name of [
      "..",
      ".",
      "-",
      "CON",
      "data.mdb",
      "audit",
      "blobs",
      "a..b",
      "192.168.0.1",
      "xn--a",
      "a-s3alias",
      "_meta",
      ".minio.sys",
      "%2e%2e",
    ]) {
      const { status, body } = await ask(server, request(server, "PUT", `/${name}`));
      assert.ok(
        status === 200 || (status === 400 && /InvalidBucketName|InvalidURI/.test(body)) || status === 405,
        `${name}: ${status} ${body}`,
      );
    }
  });

  test("nothing was written outside of the data directory, and nothing in it is named after a key", async () => {
    await put("/alpha/..%2F..%2F..%2F..%2Fescaped-key", Buffer.alloc(200_000, 1));
    const names = readdirSync(server.directory, { recursive: true, encoding: "utf8" });
    assert.ok(names.length > 3);
    assert.deepEqual(
      names.filter((name) => /escaped|secret|passwd|copy/.test(name)),
      [],
    );
    for (const name of readdirSync(server.directory)) assert.ok(["data", "config"].includes(name), name);
    assert.ok(statSync(join(server.directory, "data")).isDirectory());
    assert.deepEqual(
      server.logged.filter((line) => line.includes('"level":"error"')),
      [],
    );
  });
});
