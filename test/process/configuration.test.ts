/** Options do what the reference says, from the environment alone and from a configuration file alone. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import {
  CreateBucketCommand,
  GetBucketLocationCommand,
  GetBucketOwnershipControlsCommand,
  GetPublicAccessBlockCommand,
  PutObjectCommand,
} from "@aws-sdk/client-s3";
import { GetCallerIdentityCommand } from "@aws-sdk/client-sts";
import { stringify } from "yaml";
import { environmentName } from "../../src/server/options.js";
import { failure, failToStart, s3Client, startServer, stsClient, type TestServer } from "../e2e/server.js";
import { inDirectory, plain, withServer } from "./support.js";

const CREDENTIALS = { accessKeyId: "AKIACONFIGURED000001", secretAccessKey: "configured-secret-access-key-00000001" };
const ACCOUNT_ID = "210987654321";

/** Of every kind of option one whose effect can be seen from outside. */
const values = (directory: string): Record<string, string | boolean | string[]> => ({
  "data-dir": join(directory, "my data"),
  "key-file": join(directory, "my keys", "root.key"),
  "audit-dir": join(directory, "my audit"),
  "account-id": ACCOUNT_ID,
  region: "eu-west-3",
  regions: ["us-east-1", "eu-west-1"],
  "root-access-key-id": CREDENTIALS.accessKeyId,
  "root-secret-access-key-file": join(directory, "secret"),
  workers: "1",
  "log-level": "silent",
  domain: ["one.example", "two.example"],
  "new-bucket-defaults": "open",
  "sse-c-on-new-buckets": "allow",
  "insecure-sse-from": ["192.0.2.0/24"],
});

async function check(server: TestServer, directory: string): Promise<void> {
  for (const place of ["my data/format", "my keys/root.key", "my keys/endpoint.json"])
    assert.ok(existsSync(join(directory, place)), place);
  const options = { credentials: { ...CREDENTIALS }, region: "eu-west-3" };
  assert.equal((await stsClient(server, options).send(new GetCallerIdentityCommand({}))).Account, ACCOUNT_ID);
  assert.equal(readdirSync(join(directory, "my audit")).length, 1);
  assert.equal(existsSync(join(directory, "my data", "audit")), false);
  const s3 = s3Client(server, options);
  const Bucket = "letters";
  await s3.send(new CreateBucketCommand({ Bucket }));
  assert.equal((await s3.send(new GetBucketLocationCommand({ Bucket }))).LocationConstraint, "eu-west-3");
  await s3Client(server, { ...options, region: "eu-west-1" }).send(
    new CreateBucketCommand({ Bucket: "letters-west-1", CreateBucketConfiguration: { LocationConstraint: "eu-west-1" } }),
  );
  const away = s3Client(server, { ...options, region: "eu-north-1" });
  const refused = await failure(
    away.send(
      new CreateBucketCommand({ Bucket: "letters-north", CreateBucketConfiguration: { LocationConstraint: "eu-north-1" } }),
    ),
  );
  assert.ok(refused.status === 400 || refused.status === 403, `${refused.status ?? 0} ${refused.code}`);
  assert.equal(
    (await failure(s3.send(new GetPublicAccessBlockCommand({ Bucket })))).code,
    "NoSuchPublicAccessBlockConfiguration",
  );
  const { OwnershipControls } = await s3.send(new GetBucketOwnershipControlsCommand({ Bucket }));
  assert.deepEqual(OwnershipControls?.Rules, [{ ObjectOwnership: "ObjectWriter" }]);
  const key = Buffer.alloc(32, 7);
  const SSECustomerKeyMD5 = createHash("md5").update(key).digest("base64");
  await s3.send(
    new PutObjectCommand({
      Bucket,
      Key: "a",
      Body: "x",
      SSECustomerAlgorithm: "AES256",
      SSECustomerKey: key.toString("base64"),
      SSECustomerKeyMD5,
    }),
  );
  assert.match(server.stdout(), /accepted over clear HTTP from the networks of --insecure-sse-from/);
  for (const domain of ["one.example", "two.example"]) {
    const { status, body } = await plain(`${server.httpUrl}/a`, {
      headers: { host: `${Bucket}.${domain}:${new URL(server.httpUrl).port}` },
    });
    assert.deepEqual([status, /<Code>(\w+)/.exec(body)?.[1]], [403, "AccessDenied"], domain);
  }
  assert.equal(server.stderr(), "");
}

test("options from the environment alone", () =>
  inDirectory(async (directory) => {
    writeFileSync(join(directory, "secret"), `${CREDENTIALS.secretAccessKey}\n`);
    const entries = Object.entries(values(directory)).map(([name, value]) => [
      environmentName(name),
      Array.isArray(value) ? value.join(",") : String(value),
    ]);
    await withServer(
      startServer({ bare: true, directory, environment: Object.fromEntries(entries) as NodeJS.ProcessEnv }),
      (server) => check(server, directory),
    );
  }));

for (const [form, write] of [
  ["JSON", JSON.stringify],
  ["YAML", stringify],
] as const) {
  test(`options from a configuration file in ${form} alone, itself named by COFFER_CONFIG`, () =>
    inDirectory(async (directory) => {
      writeFileSync(join(directory, "secret"), `${CREDENTIALS.secretAccessKey}\n`);
      const file = join(directory, "coffer.conf");
      writeFileSync(file, write(values(directory)));
      await withServer(startServer({ bare: true, directory, environment: { COFFER_CONFIG: file } }), (server) =>
        check(server, directory),
      );
    }));
}

test("a configuration file with an unknown key, and one that is not there, refuse to start", () =>
  inDirectory(async (directory) => {
    const file = join(directory, "coffer.yaml");
    writeFileSync(file, "listne: off\n");
    for (const [path, reason] of [
      [file, /unknown key "listne"/],
      [`${file}.absent`, /cannot read/],
    ] as const) {
      const { code, stderr } = await failToStart(directory, { flags: ["--config", path] });
      assert.equal(code, 1);
      assert.match(stderr, reason);
      assert.match(stderr, /^coffer: [^\n]+\n$/);
    }
  }));
