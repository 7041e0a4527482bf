/** What answers where: operational paths, own certificates, host names, proxies, and SSE over clear HTTP. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { get } from "node:https";
import { join } from "node:path";
import type { TLSSocket } from "node:tls";
import { after, before, test } from "node:test";
import {
  CreateBucketCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutBucketPolicyCommand,
  PutObjectCommand,
} from "@aws-sdk/client-s3";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import { newKeyPair, writeCertificate } from "../../src/server/certificate.js";
import { DAY_MS } from "../../src/lib/clock.js";
import { discard, failure, failToStart, s3Client, startServer, type TestServer } from "../e2e/server.js";
import { eventually, inDirectory, plain, withServer } from "./support.js";

let server: TestServer;
before(async () => {
  server = await startServer({ flags: ["--domain", "store.example", "--regions", "eu-west-1"] });
});
after(() => discard(server));
const port = (): string => new URL(server.httpUrl).port;

for (const host of [
  "127.0.0.1",
  "localhost",
  "s3.amazonaws.com",
  "s3.eu-west-1.amazonaws.com",
  "kms.us-east-1.amazonaws.com",
  "store.example",
]) {
  test(`live, ready and metrics answer on the service host ${host}, without credentials`, async () => {
    const headers = { host: `${host}:${port()}` };
    assert.deepEqual(
      [(await plain(`${server.httpUrl}/-/live`, { headers })).body, (await plain(`${server.httpUrl}/-/ready`, { headers })).body],
      ["live\n", "ready\n"],
    );
    const metrics = await plain(`${server.httpUrl}/-/metrics`, { headers });
    assert.equal(metrics.status, 200);
    assert.match(metrics.headers["content-type"] ?? "", /^text\/plain; version=0\.0\.4/);
    assert.match(metrics.body, /^# TYPE coffer_requests_total counter$/m);
  });
}

test("operational paths know GET and HEAD only, and nothing beside what they name", async () => {
  assert.equal((await plain(`${server.httpUrl}/-/live`, { method: "HEAD" })).status, 200);
  assert.equal((await plain(`${server.httpUrl}/-/live`, { method: "POST" })).status, 405);
  assert.equal((await plain(`${server.httpUrl}/-/nothing`)).status, 404);
});

test("on a bucket's virtual host the operational paths are object keys, refused and kept like any other", async () => {
  const s3 = s3Client(server);
  const Bucket = "letters";
  await s3.send(new CreateBucketCommand({ Bucket }));
  for (const Key of ["-/live", "-/ready", "-/metrics"])
    await s3.send(new PutObjectCommand({ Bucket, Key, Body: `mine: ${Key}` }));
  for (const domain of ["localhost", "s3.amazonaws.com", "store.example"]) {
    const host = `${Bucket}.${domain}:${port()}`;
    for (const Key of ["-/live", "-/ready", "-/metrics"]) {
      const anonymous = await plain(`${server.httpUrl}/${Key}`, { headers: { host } });
      assert.equal(anonymous.status, 403, `${host} ${Key}`);
      assert.match(anonymous.body, /<Code>AccessDenied<\/Code>/);
    }
  }
  const url = new URL(await getSignedUrl(s3, new GetObjectCommand({ Bucket, Key: "-/metrics" })));
  assert.equal((await plain(url.href)).body, "mine: -/metrics");
});

for (const Bucket of ["123456789012", "v20180820", "metrics", "live"]) {
  test(`a bucket named ${Bucket} stays reachable, path style and virtual-host style`, async () => {
    const s3 = s3Client(server);
    await s3.send(new CreateBucketCommand({ Bucket }));
    for (const Key of ["live", "configuration/publicAccessBlock", "-/live"]) {
      await s3.send(new PutObjectCommand({ Bucket, Key, Body: Key }));
      assert.equal(await (await s3.send(new GetObjectCommand({ Bucket, Key }))).Body?.transformToString(), Key);
    }
    assert.equal((await s3.send(new ListObjectsV2Command({ Bucket }))).KeyCount, 3);
    const { status, body } = await plain(`${server.httpUrl}/live`, { headers: { host: `${Bucket}.localhost:${port()}` } });
    assert.deepEqual([status, /<Code>(\w+)/.exec(body)?.[1]], [403, "AccessDenied"]);
  });
}

/** A certificate of its own for 127.0.0.1, as an operator would bring one. */
function ownCertificate(directory: string, subject: string): { cert: string; key: string } {
  const { publicKey, privateKey } = newKeyPair();
  const dates = { notBeforeMs: Date.now() - DAY_MS, notAfterMs: Date.now() + 30 * DAY_MS };
  const paths = { cert: join(directory, "own.pem"), key: join(directory, "own.key") };
  const pem = writeCertificate({
    subject,
    issuer: subject,
    publicKey,
    signingKey: privateKey,
    ...dates,
    use: { ca: false, names: ["127.0.0.1", "localhost"] },
  });
  writeFileSync(paths.key, privateKey.export({ type: "pkcs8", format: "pem" }) as string);
  writeFileSync(paths.cert, pem);
  return paths;
}

function servedSubject(url: string): Promise<string> {
  return new Promise((resolve, reject) => {
    get(`${url}/-/live`, { rejectUnauthorized: false, agent: false }, (response) => {
      response.resume();
      resolve(String((response.socket as TLSSocket).getPeerCertificate().subject.CN));
    }).on("error", reject);
  });
}

for (const workers of ["1", "2"]) {
  test(`own certificates are served and, changed on disk, reloaded by each of ${workers} worker(s) without a restart`, () =>
    inDirectory(async (directory) => {
      const { cert, key } = ownCertificate(directory, "first");
      const flags = ["--tls-cert", cert, "--tls-key", key, "--workers", workers];
      await withServer(startServer({ disk: true, directory, flags }), async (own) => {
        assert.equal(await servedSubject(own.httpsUrl), "first");
        assert.doesNotMatch(own.stdout(), /CA bundle/);
        ownCertificate(directory, "second");
        await eventually("every worker has the new certificate", async () => {
          const seen = await Promise.all(Array.from({ length: 6 }, () => servedSubject(own.httpsUrl)));
          return seen.every((subject) => subject === "second");
        });
        writeFileSync(cert, "no certificate");
        await eventually("the broken one is refused", () => own.stderr().includes("not reloaded"));
        assert.equal(await servedSubject(own.httpsUrl), "second");
      });
    }));
}

test("own certificates that are no pair, or not there, refuse to start", () =>
  inDirectory(async (directory) => {
    const { cert, key } = ownCertificate(directory, "own");
    writeFileSync(key, newKeyPair().privateKey.export({ type: "pkcs8", format: "pem" }) as string);
    for (const flags of [
      ["--tls-cert", cert, "--tls-key", key],
      ["--tls-cert", `${cert}.absent`, "--tls-key", key],
    ]) {
      const { code, stderr } = await failToStart(directory, { flags });
      assert.equal(code, 1);
      assert.match(stderr, /^coffer: tls: [^\n]+\n$/);
    }
  }));

const SSE = { "x-amz-server-side-encryption": "aws:kms" };

/** Uploads with SSE-KMS over clear HTTP, with the headers of a proxy. @returns status, and the error's code */
async function putSse(to: TestServer, Key: string, proxy: Record<string, string>): Promise<string> {
  const command = new PutObjectCommand({ Bucket: "letters", Key, ServerSideEncryption: "aws:kms" });
  const url = await getSignedUrl(s3Client(to), command, { unhoistableHeaders: new Set(Object.keys(SSE)) });
  const { status, body } = await plain(url, { method: "PUT", headers: { ...SSE, ...proxy, "content-length": "0" } });
  return `${status} ${/<Code>(\w+)/.exec(body)?.[1] ?? ""}`.trim();
}

const withLetters = (flags: readonly string[], work: (to: TestServer) => Promise<void>): Promise<void> =>
  withServer(startServer({ flags }), async (to) => {
    await s3Client(to).send(new CreateBucketCommand({ Bucket: "letters" }));
    await work(to);
  });

test("SSE-KMS over clear HTTP: loopback may, whoever forwards for others may not, unless --insecure-sse-from names it", async () => {
  const forwarded = { "x-forwarded-for": "198.51.100.7" };
  await withLetters([], async (to) => {
    assert.equal(await putSse(to, "a", {}), "200");
    for (const headers of [forwarded, { forwarded: "for=198.51.100.7" }, { "x-forwarded-proto": "https" }] as Record<
      string,
      string
    >[]) {
      assert.notEqual(await putSse(to, "a", headers), "200");
    }
  });
  await withLetters(["--insecure-sse-from", "127.0.0.0/8"], async (to) => {
    assert.match(to.stdout(), /accepted over clear HTTP/);
    assert.equal(await putSse(to, "a", forwarded), "200");
  });
});

test("a trusted proxy's word makes a request secure and names the caller's address; nobody else's does", async () => {
  const Policy = (condition: object): string =>
    JSON.stringify({
      Version: "2012-10-17",
      Statement: [
        { Effect: "Deny", Principal: "*", Action: "s3:GetObject", Resource: "arn:aws:s3:::letters/*", Condition: condition },
      ],
    });
  const read = async (to: TestServer, headers: Record<string, string>): Promise<number> =>
    (await plain(await getSignedUrl(s3Client(to), new GetObjectCommand({ Bucket: "letters", Key: "a" })), { headers })).status;
  const secure = { "x-forwarded-proto": "https" };
  const from = { "x-forwarded-for": "198.51.100.7, 127.0.0.1" };
  for (const [flags, trusted] of [
    [[], false],
    [["--trusted-proxies", "127.0.0.0/8,::1"], true],
  ] as const) {
    await withLetters(flags, async (to) => {
      const s3 = s3Client(to);
      await s3.send(new PutObjectCommand({ Bucket: "letters", Key: "a", Body: "x" }));
      await s3.send(
        new PutBucketPolicyCommand({ Bucket: "letters", Policy: Policy({ Bool: { "aws:SecureTransport": "false" } }) }),
      );
      assert.equal(await read(to, {}), 403);
      assert.equal(await read(to, secure), trusted ? 200 : 403);
      await s3.send(
        new PutBucketPolicyCommand({ Bucket: "letters", Policy: Policy({ IpAddress: { "aws:SourceIp": "198.51.100.0/24" } }) }),
      );
      assert.equal(await read(to, {}), 200);
      assert.equal(await read(to, from), trusted ? 403 : 200);
      assert.equal((await putSse(to, "b", { ...from, ...secure })) === "200", trusted);
    });
  }
});

test("a listener that is off is neither opened nor told of", () =>
  inDirectory(async (directory) => {
    await withServer(startServer({ disk: true, directory, flags: ["--listen", "off"] }), async (to) => {
      assert.doesNotMatch(to.stdout(), /http:\/\//);
      const { httpUrl, httpsUrl, caFile } = JSON.parse(
        readFileSync(join(directory, "config", "endpoint.json"), "utf8"),
      ) as Record<string, string>;
      assert.deepEqual([httpUrl, httpsUrl, caFile], [undefined, to.httpsUrl, to.caFile]);
      const { code } = await failure(s3Client(to, { https: true }).send(new GetObjectCommand({ Bucket: "none", Key: "a" })));
      assert.equal(code, "NoSuchBucket");
    });
  }));
