import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { ConfigError, loadConfig } from "../../src/server/config.js";
import { environmentName, OPTIONS } from "../../src/server/options.js";

const directory = mkdtempSync(join(tmpdir(), "coffer-config-"));
after(() => rmSync(directory, { recursive: true }));
const file = (name: string, text: string): string => {
  const path = join(directory, name);
  writeFileSync(path, text);
  return path;
};

test("flag beats environment beats file beats default", () => {
  const config = file("a.yaml", "region: eu-west-3\n");
  assert.equal(loadConfig({}, {}).region, "us-east-1");
  assert.equal(loadConfig({ config }, {}).region, "eu-west-3");
  assert.equal(loadConfig({}, { COFFER_CONFIG: config }).region, "eu-west-3");
  assert.equal(loadConfig({ config }, { COFFER_REGION: "eu-west-2" }).region, "eu-west-2");
  assert.equal(loadConfig({ config, region: "eu-west-1" }, { COFFER_REGION: "eu-west-2" }).region, "eu-west-1");
});

test("every option of the schema can come from flag, environment and file", () => {
  const samples: Record<string, string> = {
    count: "3", size: "3M", switch: "true", address: "127.0.0.1:1", list: "10.0.0.0/8", path: "/tmp/x", text: "us-east-2",
  };
  const special: Record<string, string> = {
    "account-id": "123456789012", "root-access-key-id": "AKIAEXAMPLE1234567", "root-secret-access-key": "0123456789abcdef0123",
  };
  const partner: Record<string, Record<string, string>> = {
    "root-access-key-id": { "root-secret-access-key": "0123456789abcdef0123" }, "root-secret-access-key": { "root-access-key-id": "AKIAEXAMPLE1234567" },
    "tls-cert": { "tls-key": "/tmp/k" }, "tls-key": { "tls-cert": "/tmp/c" },
  };
  for (const { name, kind, choices } of OPTIONS) {
    const value = special[name] ?? choices?.at(-1) ?? samples[kind] ?? "";
    const more = partner[name] ?? {};
    const printable = (config: unknown): string => JSON.stringify(config);
    const byFlag = printable(loadConfig({ [name]: value, ...more }, {}));
    const byEnvironment = printable(loadConfig(more, { [environmentName(name)]: value }));
    const byFile = printable(loadConfig({ config: file("each.json", JSON.stringify({ [name]: value, ...more })) }, {}));
    assert.equal(byEnvironment, byFlag, name);
    assert.equal(byFile, byFlag, name);
    assert.notEqual(byFlag, printable(loadConfig({}, {})), name);
  }
});

test("a size is a number of bytes, or of K, M or G", () => {
  const bytes = (size: string): number => loadConfig({ "audit-max-file-size": size }, {}).auditMaxFileBytes;
  assert.deepEqual(["1", "67108864", "64M", "3K", "1G"].map(bytes), [1, 64 * 1024 ** 2, 64 * 1024 ** 2, 3072, 1024 ** 3]);
  for (const size of ["0", "64MB", "-1", "1.5G", "M", ""]) assert.throws(() => bytes(size), /audit-max-file-size/);
});

test("a secret can come from a file, and never from two places", () => {
  const path = file("secret", "wJalrXUtnFEMI/K7MDENG\n");
  const id = { "root-access-key-id": "AKIAEXAMPLE1234567" };
  assert.equal(loadConfig({ ...id, "root-secret-access-key-file": path }, {}).rootCredential?.secretAccessKey.utf8(), "wJalrXUtnFEMI/K7MDENG");
  assert.throws(() => loadConfig({ ...id, "root-secret-access-key-file": path, "root-secret-access-key": "x" }, {}), ConfigError);
  assert.throws(() => loadConfig({ ...id, "root-secret-access-key-file": join(directory, "absent") }, {}), /cannot read/);
});

test("a configuration never prints its secret", () => {
  const config = loadConfig({ "root-access-key-id": "AKIAEXAMPLE1234567", "root-secret-access-key": "canary-canary-canary" }, {});
  assert.equal(JSON.stringify(config).includes("canary"), false);
});

for (const [title, flags, message] of [
  ["an account that is not 12 digits", { "account-id": "12" }, /12 digits/],
  ["an address without port", { listen: "localhost" }, /HOST:PORT/],
  ["a port above 65535", { listen: "localhost:65536" }, /HOST:PORT/],
  ["no listener at all", { listen: "off", "tls-listen": "off" }, /nothing to serve/],
  ["zero workers", { workers: "0" }, /1 to 999/],
  ["several workers in memory", { memory: true, workers: "2" }, /one worker/],
  ["a CIDR that is none", { "trusted-proxies": "10.0.0.0/33" }, /no CIDR/],
  ["half a root credential", { "root-access-key-id": "AKIAEXAMPLE1234567" }, /go together/],
  ["a short secret", { "root-access-key-id": "AKIAEXAMPLE1234567", "root-secret-access-key": "short" }, /at least 16/],
  ["an unknown choice", { "new-bucket-defaults": "closed" }, /one of aws, open/],
  ["half a certificate", { "tls-cert": "/x" }, /go together/],
] as const) {
  test(`${title} stops the start`, () => assert.throws(() => loadConfig(flags, {}), message));
}

test("an unknown key or a broken configuration file stops the start", () => {
  assert.throws(() => loadConfig({ config: file("u.yaml", "regoin: x\n") }, {}), /unknown key "regoin"/);
  assert.throws(() => loadConfig({ config: file("b.yaml", "a: [") }, {}), /neither JSON nor YAML/);
  assert.throws(() => loadConfig({ config: file("l.yaml", "- a\n") }, {}), /mapping/);
});
