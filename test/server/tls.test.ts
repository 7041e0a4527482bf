import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { get } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { DAY_MS } from "../../src/lib/clock.js";
import { silentLog } from "../../src/lib/log.js";
import { newKeyPair, writeCertificate } from "../../src/server/certificate.js";
import { ConfigError, loadConfig } from "../../src/server/config.js";
import { listenHttps } from "../../src/server/listen.js";
import { ensureTlsMaterial, loadCredentials } from "../../src/server/tls.js";

const NOW = Date.now();

function withDirectory(run: (directory: string) => Promise<void> | void): () => Promise<void> {
  return async () => {
    const directory = mkdtempSync(join(tmpdir(), "coffer-tls-"));
    try {
      await run(directory);
    } finally {
      rmSync(directory, { recursive: true });
    }
  };
}

const configIn = (directory: string, flags = {}) => loadConfig({ "key-file": join(directory, "root.key"), "data-dir": join(directory, "data"), ...flags }, {});

test("the local CA is a CA, its server certificate is not, and the chain verifies", withDirectory((directory) => {
  const material = ensureTlsMaterial(configIn(directory), NOW);
  const ca = new X509Certificate(readFileSync(material.caFile ?? ""));
  const server = new X509Certificate(readFileSync(material.certFile));
  assert.equal(ca.ca, true);
  assert.equal(server.ca, false);
  assert.equal(server.checkIssued(ca), true);
  assert.equal(server.verify(ca.publicKey), true);
  // OpenSSL matches no wildcard directly under a top-level name, so `*.localhost` helps browsers only.
  for (const [name, by] of [["localhost", "localhost"], ["s3.amazonaws.com", "s3.amazonaws.com"], ["mybucket.s3.amazonaws.com", "*.s3.amazonaws.com"]] as const) {
    assert.equal(server.checkHost(name), by);
  }
  assert.equal(server.checkIP("127.0.0.1"), "127.0.0.1");
  assert.ok(server.checkIP("::1") !== undefined);
  for (const file of ["tls/ca.key", "tls/server.key"]) assert.equal(statSync(join(directory, file)).mode & 0o777, 0o600);
}));

test("a second start keeps the certificate; a new name, or an end in sight, renews it under the same CA", withDirectory((directory) => {
  const first = ensureTlsMaterial(configIn(directory), NOW);
  const before = readFileSync(first.certFile, "utf8");
  const caBefore = readFileSync(first.caFile ?? "", "utf8");
  assert.equal(readFileSync(ensureTlsMaterial(configIn(directory), NOW).certFile, "utf8"), before);
  const named = readFileSync(ensureTlsMaterial(configIn(directory, { domain: ["store.example"] }), NOW).certFile, "utf8");
  assert.notEqual(named, before);
  assert.notEqual(readFileSync(ensureTlsMaterial(configIn(directory, { domain: ["store.example"] }), NOW + 365 * DAY_MS).certFile, "utf8"), named);
  assert.equal(readFileSync(first.caFile ?? "", "utf8"), caBefore);
}));

test("dates after 2049 are written as GeneralizedTime", () => {
  const { publicKey, privateKey } = newKeyPair();
  const notAfterMs = Date.UTC(2051, 0, 2, 3, 4, 5);
  const pem = writeCertificate({ subject: "a", issuer: "a", publicKey, signingKey: privateKey, notBeforeMs: NOW, notAfterMs, use: { ca: true } });
  assert.equal(Date.parse(new X509Certificate(pem).validTo), notAfterMs);
});

test("a certificate and a key that are no pair stop the start", withDirectory((directory) => {
  const material = ensureTlsMaterial(configIn(directory), NOW);
  writeFileSync(material.keyFile, newKeyPair().privateKey.export({ type: "pkcs8", format: "pem" }) as string);
  assert.throws(() => loadCredentials(material), ConfigError);
}));

test("a changed certificate is taken up by a running server", withDirectory(async (directory) => {
  const config = configIn(directory, { "tls-listen": "127.0.0.1:0" });
  const material = ensureTlsMaterial(config, NOW);
  const listener = await listenHttps({ host: "127.0.0.1", port: 0 }, material, async (_request, response) => void response.end("ok"), { log: silentLog });
  const fingerprint = (): Promise<string> => new Promise((resolve, reject) => {
    get(listener.url, { ca: readFileSync(material.caFile ?? ""), agent: false }, (response) => {
      response.resume();
      resolve((response.socket as unknown as { getPeerCertificate(): { fingerprint256: string } }).getPeerCertificate().fingerprint256);
    }).on("error", reject);
  });
  try {
    const before = await fingerprint();
    ensureTlsMaterial(configIn(directory, { domain: ["new.example"] }), NOW);
    for (let tries = 0; tries < 50 && (await fingerprint()) === before; tries += 1) await new Promise((resolve) => setTimeout(resolve, 200));
    assert.notEqual(await fingerprint(), before);
  } finally {
    await listener.drain(100);
  }
}));
