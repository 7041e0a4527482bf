/** The seed file on a real server: JSON and YAML, once and twice, and what a mistake in it does. */
import assert from "node:assert/strict";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { DescribeKeyCommand, GetKeyPolicyCommand } from "@aws-sdk/client-kms";
import {
  GetBucketEncryptionCommand,
  GetBucketPolicyCommand,
  GetBucketVersioningCommand,
  ListBucketsCommand,
  PutObjectCommand,
} from "@aws-sdk/client-s3";
import { GetCallerIdentityCommand } from "@aws-sdk/client-sts";
import { stringify } from "yaml";
import { openStores } from "../../src/stores/open-stores.js";
import { Space } from "../../src/stores/spaces.js";
import { failToStart, failure, kmsClient, s3Client, startServer, stsClient, type TestServer } from "../e2e/server.js";
import { ACCOUNT, auditRecords, inDirectory, withServer } from "./support.js";

const OTHER = "111122223333";
const OTHER_ROOT = { accessKeyId: "AKIASEEDOTHERROOT001", secretAccessKey: "seeded-other-root-secret-000001" };
const ALICE = { accessKeyId: "AKIASEEDALICE0000001", secretAccessKey: "seeded-alice-secret-00000000001" };
const BOB = { accessKeyId: "AKIASEEDBOB000000001", secretAccessKey: "seeded-bob-secret-0000000000001" };
const KEY_ID = "1234abcd-12ab-34cd-56ef-1234567890ab";
const keyPolicy = {
  Version: "2012-10-17",
  Statement: [{ Effect: "Allow", Principal: { AWS: `arn:aws:iam::${ACCOUNT}:root` }, Action: "kms:*", Resource: "*" }],
};
const bucketPolicy = {
  Version: "2012-10-17",
  Statement: [
    {
      Sid: "OnlyKms",
      Effect: "Deny",
      Principal: "*",
      Action: "s3:PutObject",
      Resource: "arn:aws:s3:::letters/*",
      Condition: { StringNotEquals: { "s3:x-amz-server-side-encryption": "aws:kms" } },
    },
  ],
};
const document = {
  accounts: [{ id: OTHER, rootAccessKeys: [OTHER_ROOT] }],
  users: [
    {
      name: "alice",
      path: "/team/",
      accessKeys: [ALICE],
      policies: { all: { Version: "2012-10-17", Statement: [{ Effect: "Allow", Action: ["s3:*", "kms:*"], Resource: "*" }] } },
    },
    { account: OTHER, name: "bob", accessKeys: [BOB], managedPolicyArns: ["arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"] },
  ],
  keys: [
    { id: KEY_ID, alias: "alias/letters", description: "letters", policy: keyPolicy },
    { alias: "alias/by-alias-only" },
    { account: OTHER, region: "eu-west-1", alias: "alias/away" },
  ],
  buckets: [
    {
      name: "letters",
      policy: bucketPolicy,
      encryption: { algorithm: "aws:kms", kmsKeyId: "alias/letters", bucketKey: true },
      versioning: "Enabled",
    },
    { account: OTHER, name: "away-letters", region: "eu-west-1" },
  ],
};

interface Seen {
  readonly keyId: string | undefined;
  readonly aliasKeyId: string | undefined;
}

/** Everything the seed names is there, and works. */
async function check(server: TestServer): Promise<Seen> {
  // Copies: the SDK writes into the objects it is given.
  const who = async (credentials: typeof ALICE) =>
    (await stsClient(server, { credentials: { ...credentials } }).send(new GetCallerIdentityCommand({}))).Arn;
  assert.equal(await who(OTHER_ROOT), `arn:aws:iam::${OTHER}:root`);
  assert.equal(await who(ALICE), `arn:aws:iam::${ACCOUNT}:user/team/alice`);
  assert.equal(await who(BOB), `arn:aws:iam::${OTHER}:user/bob`);
  const alice = s3Client(server, { credentials: { ...ALICE } });
  const refused = await failure(alice.send(new PutObjectCommand({ Bucket: "letters", Key: "a", Body: "x" })));
  assert.equal(refused.code, "AccessDenied");
  const put = await alice.send(
    new PutObjectCommand({
      Bucket: "letters",
      Key: "a",
      Body: "x",
      ServerSideEncryption: "aws:kms",
      SSEKMSKeyId: "alias/letters",
    }),
  );
  assert.equal(put.SSEKMSKeyId, `arn:aws:kms:us-east-1:${ACCOUNT}:key/${KEY_ID}`);
  assert.equal(put.BucketKeyEnabled, true);
  assert.ok(put.VersionId !== undefined);
  const { Policy } = await alice.send(new GetBucketPolicyCommand({ Bucket: "letters" }));
  assert.deepEqual(JSON.parse(Policy ?? ""), bucketPolicy);
  assert.equal((await alice.send(new GetBucketVersioningCommand({ Bucket: "letters" }))).Status, "Enabled");
  const { ServerSideEncryptionConfiguration } = await alice.send(new GetBucketEncryptionCommand({ Bucket: "letters" }));
  assert.equal(ServerSideEncryptionConfiguration?.Rules?.[0]?.BucketKeyEnabled, true);
  const bob = s3Client(server, { credentials: { ...BOB }, region: "eu-west-1" });
  assert.deepEqual(
    (await bob.send(new ListBucketsCommand({}))).Buckets?.map(({ Name }) => Name),
    ["away-letters"],
  );
  const kms = kmsClient(server);
  assert.deepEqual(JSON.parse((await kms.send(new GetKeyPolicyCommand({ KeyId: KEY_ID }))).Policy ?? ""), keyPolicy);
  const byId = await kms.send(new DescribeKeyCommand({ KeyId: "alias/letters" }));
  assert.equal(byId.KeyMetadata?.Description, "letters");
  const byAlias = await kms.send(new DescribeKeyCommand({ KeyId: "alias/by-alias-only" }));
  return { keyId: byId.KeyMetadata?.KeyId, aliasKeyId: byAlias.KeyMetadata?.KeyId };
}

/** Each row of a stopped server's store with the stamp of its last write; leases of jobs and uses of keys move by themselves. */
async function rows(directory: string): Promise<Map<string, number>> {
  const stores = await openStores(join(directory, "data"));
  try {
    const found = new Map<string, number>();
    for (let from = Buffer.alloc(0); ;) {
      const page = await stores.metadata.range({ from, to: Buffer.from([0xff]), limit: 500 });
      for (const { key, stamp } of page)
        if (key[0] !== Space.jobs && key[0] !== Space.accessKeyUses) found.set(key.toString("hex"), stamp);
      const last = page.at(-1);
      if (last === undefined) return found;
      from = Buffer.concat([last.key, Buffer.from([0])]);
    }
  } finally {
    await stores.close();
  }
}

for (const [form, write] of [
  ["JSON", JSON.stringify],
  ["YAML", stringify],
] as const) {
  test(`a seed in ${form} makes accounts, users, keys and buckets; applied again it writes no row and audits no change`, () =>
    inDirectory(async (directory) => {
      const seed = join(directory, `seed.${form.toLowerCase()}`);
      writeFileSync(seed, write(document));
      const flags = ["--seed", seed, "--regions", "eu-west-1"];
      let first: Seen | undefined;
      await withServer(startServer({ disk: true, directory, flags }), async (server) => {
        first = await check(server);
        assert.equal(first.keyId, KEY_ID);
        assert.equal(await server.stop(), 0);
      });
      const before = await rows(directory);
      const changes = auditRecords(directory).filter(({ readOnly }) => readOnly !== true).length;
      await withServer(startServer({ disk: true, directory, flags }), async (server) => assert.equal(await server.stop(), 0));
      assert.deepEqual(await rows(directory), before);
      assert.equal(auditRecords(directory).filter(({ readOnly }) => readOnly !== true).length, changes);
      await withServer(startServer({ disk: true, directory, flags }), async (server) =>
        assert.deepEqual(await check(server), first),
      );
    }));
}

test("a seed works in memory, with several accounts at once", () =>
  inDirectory(async (directory) => {
    const seed = join(directory, "seed.yaml");
    writeFileSync(seed, stringify(document));
    await withServer(
      startServer({ flags: ["--seed", seed, "--regions", "eu-west-1"] }),
      async (server) => void (await check(server)),
    );
  }));

for (const [mistake, text, reason] of [
  [
    "a misspelt member",
    'buckets: [{ name: letters, polcy: { Version: "2012-10-17" } }]',
    /seed: seed\.buckets\[0\] has an unknown member "polcy"/,
  ],
  ["a misspelt section", "bucket: []", /seed: seed has an unknown member "bucket"/],
  ["an account id that is a number", "accounts: [{ id: 111122223333 }]", /must be text \(put numbers/],
  [
    "a secret of a wrong form",
    "users: [{ name: a, accessKeys: [{ accessKeyId: AKIASEEDALICE0000001, secretAccessKey: canary }] }]",
    /has a secretAccessKey of a wrong form/,
  ],
  ["text that is neither JSON nor YAML", "{ buckets: [", /neither JSON nor YAML/],
] as const) {
  test(`a seed with ${mistake} stops the start before anything is made, and no secret is repeated`, () =>
    inDirectory(async (directory) => {
      const seed = join(directory, "seed.yaml");
      writeFileSync(seed, text);
      const { code, stderr } = await failToStart(directory, { disk: true, flags: ["--seed", seed] });
      assert.equal(code, 1);
      assert.match(stderr, reason);
      assert.match(stderr, /^coffer: [^\n]+\n$/);
      assert.equal(stderr.includes("canary"), false);
      assert.equal(existsSync(join(directory, "data")), false);
    }));
}

for (const [mistake, document_, reason] of [
  [
    "a policy that the bucket refuses",
    {
      buckets: [
        {
          name: "letters",
          policy: { Version: "2012-10-17", Statement: [{ Effect: "Deny", Principal: "*", Action: "s3:Nothing", Resource: "*" }] },
        },
      ],
    },
    /seed: bucket letters: /,
  ],
  [
    "a key policy that locks everyone out of it",
    { keys: [{ alias: "alias/a", policy: { Version: "2012-10-17", Statement: [] } }] },
    /seed: key alias\/a: /,
  ],
  [
    "an unknown managed policy",
    { users: [{ name: "a", managedPolicyArns: ["arn:aws:iam::aws:policy/NoSuch"] }] },
    /seed: user a: /,
  ],
  [
    "a region that this server does not answer for",
    { buckets: [{ name: "letters", region: "mars-north-1" }] },
    /seed: bucket letters: /,
  ],
] as const) {
  test(`a seed with ${mistake} stops the start, names the place, and ends the process`, () =>
    inDirectory(async (directory) => {
      const seed = join(directory, "seed.json");
      writeFileSync(seed, JSON.stringify(document_));
      const { code, stderr } = await failToStart(directory, { disk: true, flags: ["--seed", seed] });
      assert.equal(code, 1);
      assert.match(stderr, reason);
      assert.match(stderr, /^coffer: [^\n]+\n$/);
    }));
}
