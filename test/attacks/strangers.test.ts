/**
 * Who has no credentials, made-up ones, or ones that everybody knows. Named after the advisories of comparable products
 * that they answer (catalogue.ts).
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { ask, presigned, request, ROOT, signerFor, startHere, type Attacked } from "../server/support.js";

const code = (body: string): string => /<Code>(.*?)<\/Code>/.exec(body)?.[1] ?? "";

describe("strangers", () => {
  let server: Attacked;
  before(async () => {
    server = await startHere();
    assert.equal((await ask(server, request(server, "PUT", "/vault"))).status, 200);
    assert.equal((await ask(server, request(server, "PUT", "/vault/secret", { body: "treasure" }))).status, 200);
  });
  after(() => server.stop());
  const plain = (line: string, ...headers: string[]): string =>
    [`${line} HTTP/1.1`, `Host: ${server.host}`, ...headers, "", ""].join("\r\n");
  const status = async (target: string): Promise<number> => (await ask(server, request(server, "GET", target))).status;

  test("minio-env-disclosure, rustfs-profile-open, rustfs-hardcoded-token: no path opens without credentials", async () => {
    const paths = [
      "/minio/bootstrap/v1/verify",
      "/minio/health/cluster",
      "/minio/v2/metrics/cluster",
      "/minio/admin/v3/info",
      "/debug/pprof/profile",
      "/debug/pprof/cmdline",
      "/debug/vars",
      "/metrics",
      "/-/env",
      "/-/config",
      "/-/debug",
      "/-/heap",
      "/-/../etc/passwd",
      "/-/metrics/..",
      "/rustfs/rpc/read_file_stream?disk=/&path=etc/passwd",
      "/admin/bucket",
      "/rustfs/admin/v3/info",
      "/_admin",
      "/.env",
      "/server-status",
    ];
    for (const path of paths) {
      for (const method of ["GET", "POST"]) {
        const { status: given, body } = await ask(
          server,
          plain(`${method} ${path}`, "Authorization: Bearer rustfs rpc", "Content-Length: 0"),
        );
        assert.ok(given >= 400 && given < 500, `${method} ${path}: ${given}`);
        for (const word of [ROOT.accessKeyId, ROOT.secretAccessKey, "root:", process.execPath, process.cwd()])
          assert.ok(!body.includes(word), `${path} shows ${word}`);
      }
    }
  });

  test("rustfs-default-root, floci-known-key-passes, minio-admin-no-secret: what everybody knows opens nothing", async () => {
    const known = [
      ["minioadmin", "minioadmin"],
      ["rustfsadmin", "rustfsadmin"],
      ["test", "test"],
      ["admin", "admin"],
      ["accessKey1", "verySecretKey1"],
      ["AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"],
      ["AKIA0123456789ABCDEF", "x"],
      ["GKCI0000000000000000", "y"],
      ["0555b35654ad1656d804", "h7GhxuBLTrlhVUyxSPUKUV8r/2EI4ngqJxD7iBdBYLhwluN30JaT3Q=="],
      ["any", ""],
      [ROOT.accessKeyId, ""],
      [ROOT.accessKeyId, "test"],
    ] as const;
    for (const [accessKeyId, secretAccessKey] of known) {
      const as = (service: string) => ({ signer: signerFor(service, { accessKeyId, secretAccessKey }) });
      const s3 = await ask(server, request(server, "GET", "/", as("s3")));
      assert.equal(s3.status, 403, accessKeyId);
      const expected = accessKeyId === ROOT.accessKeyId ? "SignatureDoesNotMatch" : "InvalidAccessKeyId";
      assert.equal(code(s3.body), expected, accessKeyId);
      const kms = await ask(
        server,
        request(server, "POST", "/", { ...as("kms"), body: "{}", headers: { "x-amz-target": "TrentService.ListKeys" } }),
      );
      assert.equal(kms.status, 400);
      assert.match(kms.body, /InvalidSignatureException|UnrecognizedClientException/);
    }
  });

  const trailer = "4\r\nmade\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n";
  const framing = {
    "x-amz-decoded-content-length": "4",
    "content-encoding": "aws-chunked",
    "x-amz-trailer": "x-amz-checksum-crc32",
  };
  const UNSIGNED = "STREAMING-UNSIGNED-PAYLOAD-TRAILER";

  test("minio-query-creds-unsigned-trailer: credentials in the query alone sign no unsigned trailer", async () => {
    const scope = `${ROOT.accessKeyId}%2F20260101%2Fus-east-1%2Fs3%2Faws4_request`;
    for (const query of [
      `X-Amz-Credential=${scope}`,
      `X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=${scope}`,
      `x-amz-credential=${scope}`,
      `X-Amz-Credential=${scope}&X-Amz-SignedHeaders=host`,
      `X-Amz-Security-Token=x&X-Amz-Credential=${scope}`,
    ]) {
      const headers = { ...framing, "x-amz-content-sha256": UNSIGNED };
      const { status: given } = await ask(
        server,
        request(server, "PUT", `/vault/made-up?${query}`, { body: trailer, headers, anonymous: true }),
      );
      assert.ok(given === 400 || given === 403, `${query}: ${given}`);
      assert.equal(await status("/vault/made-up"), 404);
    }
  });

  test("minio-unsigned-trailer-partial-check: a wrong signature over an unsigned trailer is refused", async () => {
    const signer = signerFor("s3", { ...ROOT, secretAccessKey: "not-the-secret-0000000000000000000000001" });
    const header = await ask(
      server,
      request(server, "PUT", "/vault/partial", { body: trailer, headers: framing, signer, payloadHash: UNSIGNED }),
    );
    assert.deepEqual([header.status, code(header.body)], [403, "SignatureDoesNotMatch"]);
    const target = presigned(server, "PUT", "/vault/partial", { signer, headers: framing });
    const query = await ask(server, request(server, "PUT", target, { body: trailer, headers: framing, anonymous: true }));
    assert.deepEqual([query.status, code(query.body)], [403, "SignatureDoesNotMatch"]);
    assert.equal(await status("/vault/partial"), 404);
  });

  test("minio-snowball-unsigned-trailer: archives are not opened, and the header opens nothing either", async () => {
    const tar = Buffer.concat([
      Buffer.from("inner.txt".padEnd(100, "\0")),
      Buffer.alloc(412),
      Buffer.from("inner"),
      Buffer.alloc(1019),
    ]);
    const headers = { "x-amz-meta-snowball-auto-extract": "true" };
    const forged = { ...headers, ...framing, "x-amz-content-sha256": UNSIGNED };
    const anonymous = await ask(
      server,
      request(server, "PUT", "/vault/forged.tar", { body: trailer, headers: forged, anonymous: true }),
    );
    assert.equal(anonymous.status, 403);
    assert.equal((await ask(server, request(server, "PUT", "/vault/signed.tar", { body: tar, headers }))).status, 200);
    const { body } = await ask(server, request(server, "GET", "/vault?list-type=2"));
    assert.deepEqual(
      [...body.matchAll(/<Key>(.*?)<\/Key>/g)].map(([, key]) => key),
      ["secret", "signed.tar"],
    );
    assert.equal((await ask(server, request(server, "GET", "/vault/signed.tar"))).body, tar.toString("latin1"));
    await ask(server, request(server, "DELETE", "/vault/signed.tar"));
  });

  test("rustfs-cors-reflect: no origin is ever let in, with or without credentials", async () => {
    const origin = "https://evil.example";
    const preflight = await ask(
      server,
      plain("OPTIONS /vault/secret", `Origin: ${origin}`, "Access-Control-Request-Method: GET"),
    );
    assert.deepEqual([preflight.status, code(preflight.body)], [403, "AccessForbidden"]);
    const signedGet = await ask(server, request(server, "GET", "/vault/secret", { unsigned: { origin } }));
    for (const { headers } of [preflight, signedGet])
      assert.deepEqual(
        Object.keys(headers).filter((name) => name.startsWith("access-control-")),
        [],
      );
  });

  test("vault-error-xss: what an error repeats is text, in a type that no browser runs", async () => {
    const {
      status: given,
      headers,
      body,
    } = await ask(server, plain("GET /%3Cscript%3Ealert(1)%3C%2Fscript%3E/%3Cimg%20onerror=x%3E"));
    assert.ok(given >= 400);
    assert.equal(headers["content-type"], "application/xml");
    assert.ok(!/<script|<img/i.test(body), body);
  });

  test("attack A.4 no. 24: without credentials every service but S3 says so, and S3 says AccessDenied", async () => {
    const kms = await ask(
      server,
      request(server, "POST", "/", { body: "{}", anonymous: true, headers: { "x-amz-target": "TrentService.ListKeys" } }),
    );
    assert.match(kms.body, /MissingAuthenticationTokenException/);
    const s3 = await ask(server, plain("GET /vault/secret"));
    assert.deepEqual([s3.status, code(s3.body)], [403, "AccessDenied"]);
  });

  test("refused signatures are logged with address and access key id, a few a minute, never with what was sent", async () => {
    const lines = (): string[] => server.logged.filter((line) => line.includes("signature refused"));
    const before = lines().length;
    const sent: string[] = [];
    for (let at = 0; at < 40; at += 1) {
      const bytes = request(server, "GET", "/vault/secret", {
        signer: signerFor("s3", { ...ROOT, secretAccessKey: `guess-number-${at}-00000000000` }),
      });
      sent.push(/Signature=([0-9a-f]{64})/.exec(bytes.toString("latin1"))?.[1] ?? assert.fail());
      await ask(server, bytes);
    }
    assert.ok(lines().length > 0 && lines().length <= 20, `${before} and ${lines().length} lines`);
    for (const line of lines()) {
      assert.ok(!sent.some((signature) => line.includes(signature)));
      assert.match(line, /"level":"info".*"sourceIp":"127\.0\.0\.1"/);
    }
  });

  test("a secret that somebody puts in the place of the access key id is not logged", async () => {
    const fresh = await startHere();
    const mistaken = { accessKeyId: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", secretAccessKey: "x" };
    await ask(fresh, request(fresh, "GET", "/", { signer: signerFor("s3", mistaken) }));
    await ask(
      fresh,
      request(fresh, "GET", "/", { signer: signerFor("s3", { ...ROOT, secretAccessKey: "wrong-0000000000000000" }) }),
    );
    const lines = fresh.logged.filter((line) => line.includes("signature refused"));
    assert.ok(
      lines.some((line) => line.includes(`"accessKeyId":"${ROOT.accessKeyId}"`)),
      lines.join("\n"),
    );
    assert.ok(!fresh.logged.join("").includes("wJalr"));
    await fresh.stop();
  });

  test("metrics are for loopback; elsewhere for the networks of --metrics-from", async () => {
    const target = "GET /-/metrics";
    assert.equal((await ask(server, plain(target))).status, 200);
    // What is forwarded comes from elsewhere, whoever forwards it.
    assert.equal((await ask(server, plain(target, "X-Forwarded-For: 127.0.0.1"))).status, 403);
    assert.equal((await ask(server, plain("GET /-/live", "X-Forwarded-For: 192.0.2.1"))).status, 200);
    const proxied = await startHere({ "trusted-proxies": "127.0.0.1/32", "metrics-from": "192.0.2.0/24" });
    const from = (address: string) =>
      [`GET /-/metrics HTTP/1.1`, "Host: localhost", `X-Forwarded-For: ${address}`, "", ""].join("\r\n");
    assert.equal((await ask(proxied, from("192.0.2.1"))).status, 200);
    assert.equal((await ask(proxied, from("198.51.100.1"))).status, 403);
    await proxied.stop();
  });

  test("none of this was an error of ours, and what was there is still there, unread", async () => {
    assert.deepEqual(
      server.logged.filter((line) => line.includes('"level":"error"')),
      [],
    );
    assert.equal((await ask(server, request(server, "GET", "/vault/secret"))).body, "treasure");
  });
});
