/** `coffer inspect` and `coffer audit` against a server of two processes, as a person types them. Source: issue 3 item 6. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  UploadPartCommand,
  type PutObjectCommandInput,
  type S3Client,
} from "@aws-sdk/client-s3";
import { audit } from "../../src/cli/audit.js";
import { inspect } from "../../src/cli/inspect.js";
import type { InspectObjectResponse } from "../../src/wire/tables/coffer-types.js";
import { ROOT, type Credentials } from "../e2e/server.js";
import { ACCOUNT, AWAY_ROOT, bodyOf, bytesOf, CHUNK, openWorld, S3_ALL } from "../e2e/world.js";
import { coffer, placeFlags } from "../process/support.js";

const world = await openWorld({ disk: true, flags: ["--workers", "2"] });
const keyArn = await world.key();
const Bucket = await world.bucket("seen");

function environment(credentials: Credentials = ROOT, more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  const { accessKeyId, secretAccessKey } = credentials;
  const keys = { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey };
  return { ...keys, AWS_REGION: "us-east-1", AWS_ENDPOINT_URL: world.server.httpUrl, ...more };
}

/** Runs the command; it must succeed. @returns its lines */
async function lines(args: readonly string[], env = environment()): Promise<string[]> {
  const { code, stdout, stderr } = await coffer(args, env);
  assert.equal(code, 0, stderr);
  assert.equal(stderr, "");
  return stdout.split("\n").slice(0, -1);
}

async function refusal(args: readonly string[], env = environment()): Promise<string> {
  const { code, stdout, stderr } = await coffer(args, env);
  assert.deepEqual([code, stdout], [1, ""]);
  assert.equal(stderr.trimEnd().split("\n").length, 1, `one line, no stack: ${stderr}`);
  return stderr;
}

const put = (Key: string, Body: Buffer | string, over: Partial<PutObjectCommandInput> = {}, s3: S3Client = world.s3) =>
  s3.send(new PutObjectCommand({ Bucket, Key, Body, ...over }));
const get = async (Key: string, s3: S3Client = world.s3): Promise<Buffer> =>
  bodyOf(await s3.send(new GetObjectCommand({ Bucket, Key })));
const KMS = { ServerSideEncryption: "aws:kms", SSEKMSKeyId: keyArn } as const;

interface KeyUse {
  readonly s3RequestId?: string;
  readonly ciphertextId?: string;
}
interface Line {
  readonly eventName: string;
  readonly eventSource: string;
  readonly requestID: string;
  readonly additionalEventData?: Record<string, unknown> & KeyUse;
}

const audited = async (args: readonly string[], env = environment()): Promise<Line[]> =>
  (await lines(["audit", ...args, "--json"], env)).map((text) => JSON.parse(text) as Line);

test("inspect shows mode, key, material, context, segments: and the event that made the data key", async () => {
  const SSEKMSEncryptionContext = Buffer.from('{"team":"blue"}').toString("base64");
  await put("kms", bytesOf(2 * CHUNK + 1), { ...KMS, SSEKMSEncryptionContext });
  const text = (await lines(["inspect", `s3://${Bucket}/kms`])).join("\n");
  const found = JSON.parse((await lines(["inspect", `s3://${Bucket}/kms`, "--json"])).join("\n")) as InspectObjectResponse;
  const [dataKey] = found.Encryption.DataKeys;
  const [segment] = found.Segments;
  assert.ok(dataKey?.KeyMaterialId !== undefined && dataKey.CiphertextId !== undefined && segment !== undefined);
  for (const shown of [
    `arn:aws:s3:::${Bucket}/kms`,
    "SSE-KMS (aws:kms), 1 layer",
    keyArn,
    dataKey.KeyMaterialId,
    dataKey.CiphertextId,
    "team=blue",
    `aws:s3:arn=arn:aws:s3:::${Bucket}/kms`,
    "suite 1",
    "chunks of 65536 bytes",
    "3 chunks",
    `blob ${segment.SegmentId}`,
    segment.CommitmentPrefixes[0] ?? "-",
    `sealed ${segment.SealedSize}`,
    "made by     GenerateDataKey ",
  ])
    assert.ok(text.includes(shown), `${shown}\n${text}`);
  assert.deepEqual([found.Size, segment.Chunks, segment.StoredSize], [2 * CHUNK + 1, 3, segment.SealedSize]);
});

test("audit --object shows the GenerateDataKey of the write and each Decrypt of the reads, newest first", async () => {
  await put("tracked", "x", KMS);
  for (let at = 0; at < 3; at++) await get("tracked");
  await put("another", "x", KMS);
  await get("another");
  const found = await audited(["--object", `s3://${Bucket}/tracked`]);
  assert.deepEqual(
    found.map(({ eventName }) => eventName),
    ["GetObject", "Decrypt", "GetObject", "Decrypt", "GetObject", "Decrypt", "PutObject", "GenerateDataKey"],
  );
  for (let at = 0; at < found.length; at += 2)
    assert.equal(found[at + 1]?.additionalEventData?.s3RequestId, found[at]?.requestID);
  const text = await lines(["audit", "--object", `s3://${Bucket}/tracked`, "--event", "Decrypt"]);
  assert.equal(text.length, 3);
  for (const line of text)
    assert.match(line, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ {2}kms:Decrypt {2}arn:aws:iam::\d+:root {2}arn:aws:kms:/);
});

test("under a bucket key, every use by any process has its covering event in the list, and no other key event is", async () => {
  const reader = await world.user("reader", [S3_ALL, { Effect: "Allow", Action: "kms:*", Resource: "*" }]);
  for (let at = 0; at < 3; at++) await put(`bk/${at}`, "x", { ...KMS, BucketKeyEnabled: true });
  for (let at = 0; at < 12; at++) await get("bk/1", at % 2 === 0 ? world.s3 : reader.s3);
  for (let at = 0; at < 4; at++) await get("bk/0", reader.s3);
  const found = await audited(["--object", `s3://${Bucket}/bk/1`]);
  const kms = found.filter(({ eventSource }) => eventSource === "kms.amazonaws.com");
  const uses = found
    .filter(({ eventSource }) => eventSource === "s3.amazonaws.com")
    .map(({ additionalEventData: data }) => (data?.["bucketKeyWrite"] ?? data?.["bucketKeyRead"]) as KeyUse);
  assert.equal(uses.length, 13);
  const name = (use: KeyUse): string => `${use.ciphertextId ?? "?"} ${use.s3RequestId ?? "?"}`;
  const covering = kms.map(({ additionalEventData }) => name(additionalEventData ?? {}));
  assert.deepEqual([...new Set(uses.map(name))].sort(), [...covering].sort());
  const made = kms.filter(({ eventName }) => eventName === "GenerateDataKey");
  assert.equal(made.length, 1);
  const { Encryption } = JSON.parse(
    (await lines(["inspect", `s3://${Bucket}/bk/1`, "--json"])).join("\n"),
  ) as InspectObjectResponse;
  assert.equal(Encryption.DataKeys[0]?.CiphertextId, made[0]?.additionalEventData?.ciphertextId);
  const text = (await lines(["audit", "--object", `s3://${Bucket}/bk/1`])).join("\n");
  assert.ok(
    text.includes("brought the bucket key") &&
      text.includes(`bucket key ${Encryption.DataKeys[0]?.CiphertextId ?? "-"} of request `),
  );
});

test("the write of a multipart object is there with its parts", async () => {
  const Key = "parts";
  const { UploadId } = await world.s3.send(new CreateMultipartUploadCommand({ Bucket, Key, ...KMS }));
  const { ETag } = await world.s3.send(new UploadPartCommand({ Bucket, Key, UploadId, PartNumber: 1, Body: bytesOf(100) }));
  const MultipartUpload = { Parts: [{ PartNumber: 1, ETag }] };
  await world.s3.send(new CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload }));
  const names = (await audited(["--object", `s3://${Bucket}/${Key}`])).map(({ eventName }) => eventName);
  for (const name of ["CompleteMultipartUpload", "UploadPart", "CreateMultipartUpload", "GenerateDataKey"]) {
    assert.ok(names.includes(name), name);
  }
  assert.match((await lines(["inspect", `s3://${Bucket}/${Key}`])).join("\n"), /part table {2}verified/);
});

test("inspect --version-id shows that version", async () => {
  const versioned = await world.bucket("versions");
  await world.s3.send(new PutBucketVersioningCommand({ Bucket: versioned, VersioningConfiguration: { Status: "Enabled" } }));
  const old = await put("k", "one", { Bucket: versioned });
  await put("k", "three", { Bucket: versioned });
  const text = (await lines(["inspect", `s3://${versioned}/k`, "--version-id", old.VersionId ?? ""])).join("\n");
  assert.match(text, new RegExp(`version +${old.VersionId ?? ""}\\n`));
  assert.match(text, /size +3 bytes/);
  assert.match(text, /versions {2}2\n/);
});

test("without the right both are refused; with it alone they answer, without what asks for more", async () => {
  await put("guarded", "x", KMS);
  const object = `s3://${Bucket}/guarded`;
  const stranger = await world.user("stranger", [S3_ALL]);
  const without = environment(stranger.credentials);
  assert.match(await refusal(["inspect", object], without), /^coffer: AccessDeniedException: .*coffer:InspectObject/);
  assert.match(
    await refusal(["audit", "--object", object], without),
    /^coffer: AccessDeniedException: .*coffer:LookupAuditEvents/,
  );
  const auditor = await world.user("auditor", [
    { Effect: "Allow", Action: "coffer:InspectObject", Resource: `arn:aws:s3:::${Bucket}/*` },
    { Effect: "Allow", Action: "coffer:LookupAuditEvents", Resource: `arn:aws:coffer::${ACCOUNT}:audit` },
  ]);
  const alone = environment(auditor.credentials);
  const shown = (await lines(["inspect", object], alone)).join("\n");
  for (const part of [keyArn, "not shown: needs kms:DescribeKey", "not shown: needs s3:ListBucketVersions"])
    assert.ok(shown.includes(part), part);
  assert.ok((await audited(["--object", object], alone)).some(({ eventName }) => eventName === "GenerateDataKey"));
  const refused = (await lines(["audit", "--principal", stranger.arn])).filter((line) =>
    line.includes("REFUSED AccessDeniedException"),
  );
  assert.equal(refused.length, 2, "the refusals themselves are on record");
});

test("another account finds nothing of this one", async () => {
  assert.deepEqual(await lines(["audit", "--bucket", Bucket], environment(AWAY_ROOT)), []);
  assert.match(await refusal(["inspect", `s3://${Bucket}/kms`], environment(AWAY_ROOT)), /AccessDeniedException/);
});

test("audit by key, bucket, access key and time; --limit says when there is more", async () => {
  assert.ok((await audited(["--key", keyArn, "--event", "GenerateDataKey"])).length >= 3);
  assert.ok((await audited(["--access-key", ROOT.accessKeyId, "--bucket", Bucket, "--since", "10m"])).length > 10);
  assert.deepEqual(await lines(["audit", "--until", "2020-01-01T00:00Z"]), []);
  const { code, stdout, stderr } = await coffer(["audit", "--limit", "2"], environment());
  assert.deepEqual([code, stdout.split("\n").length - 1, stderr], [0, 2, "coffer: there may be more: --limit 20\n"]);
});

test("names that would steer a terminal are shown as escapes", async () => {
  const Key = "red\u001b[31m\u009bx\n\u202e";
  await put(Key, "x");
  const inspected = await lines(["inspect", `s3://${Bucket}/${Key}`]);
  const text = [...inspected, ...(await lines(["audit", "--bucket", Bucket, "--limit", "1000"]))].join("\n");
  assert.ok(text.includes("red\\x1b[31m\\x9bx\\x0a\\u{202e}"));
  const json = (await lines(["audit", "--event", "PutObject", "--json", "--limit", "1000"])).join("\n");
  for (const each of [text, json]) assert.ok(!/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/.test(each));
});

test("no body, metadata, tag, wrapped key or secret is ever printed", async () => {
  const canary = { Metadata: { note: "canary-metadata" }, Tagging: "name=canary-tag", ContentType: "text/canary-type" };
  const answers = [await put("named", "canary-body", { ...canary, ...KMS }), await put("named", "canary-body", canary)];
  await get("named");
  const inspected = [
    ...(await lines(["inspect", `s3://${Bucket}/named`])),
    ...(await lines(["inspect", `s3://${Bucket}/named`, "--json"])),
  ];
  const printed = [...inspected, ...(await lines(["audit", "--bucket", Bucket, "--json", "--limit", "1000"]))].join("\n");
  const etags = answers.map(({ ETag }) => (ETag ?? "").replaceAll('"', ""));
  for (const secret of ["canary", ROOT.secretAccessKey, "CiphertextBlob", "Plaintext", ...etags])
    assert.ok(!printed.includes(secret), secret);
});

test("over https with the CA of the server; with what coffer env prints", async () => {
  const tls = environment(ROOT, { AWS_ENDPOINT_URL: world.server.httpsUrl, AWS_CA_BUNDLE: world.server.caFile });
  assert.ok((await lines(["inspect", `s3://${Bucket}/kms`], tls)).length > 10);
  assert.match(
    await refusal(["inspect", `s3://${Bucket}/kms`], { ...tls, AWS_CA_BUNDLE: "" }),
    /does not answer: (UNABLE|SELF|DEPTH)/,
  );
  const rootFlags = ["--root-access-key-id", ROOT.accessKeyId, "--root-secret-access-key", ROOT.secretAccessKey];
  const flags = [...placeFlags(world.server.directory), ...rootFlags];
  const printed = (await lines(["env", ...flags], {})).flatMap((line) => {
    const [, name, value] = /^export (\w+)='(.*)'$/.exec(line) ?? [];
    return name === undefined || value === undefined ? [] : [[name, value] as const];
  });
  assert.ok((await lines(["inspect", `s3://${Bucket}/kms`], Object.fromEntries(printed))).length > 10);
});

test("mistakes are told in one line", async () => {
  assert.match(await refusal(["inspect", `s3://${Bucket}/absent`]), /^coffer: NoSuchKey: /);
  assert.match(await refusal(["audit", "--since", "yesterday"]), /^coffer: --since: expected a time/);
  const env = environment();
  const keyless = environment(ROOT, { AWS_ACCESS_KEY_ID: "" });
  const closed = environment(ROOT, { AWS_ENDPOINT_URL: "http://127.0.0.1:9" });
  const rows: [() => Promise<void>, RegExp][] = [
    [() => inspect("s3://bucket", {}, env), /expected s3:\/\/BUCKET\/KEY/],
    [() => inspect("s3://absent-bucket/k", {}, env), /The specified bucket does not exist/],
    [() => audit({ limit: "0" }, env, 0), /--limit: expected a number/],
    [() => audit({ until: "5 o'clock" }, env, 0), /--until: expected a time/],
    [() => audit({ key: "alias/x" }, env, 0), /'keyArn' failed to satisfy constraint/],
    [() => audit({}, keyless, 0), /AWS_ACCESS_KEY_ID is not set: eval "\$\(coffer env\)"/],
    [() => audit({}, closed, 0), /does not answer: ECONNREFUSED/],
    [() => audit({}, environment({ ...ROOT, secretAccessKey: "wrong" }), 0), /signature we calculated does not match/],
  ];
  for (const [work, message] of rows) await assert.rejects(work, { message });
});

test("with --memory the last events are kept, and nothing else changes", async () => {
  const small = await openWorld();
  const name = await small.bucket("memory");
  await put("k", "x", { Bucket: name, ...KMS, SSEKMSKeyId: await small.key() }, small.s3);
  const env = environment(ROOT, { AWS_ENDPOINT_URL: small.server.httpUrl });
  const names = (await audited(["--object", `s3://${name}/k`], env)).map(({ eventName }) => eventName);
  assert.deepEqual(names, ["PutObject", "GenerateDataKey"]);
  assert.ok((await lines(["inspect", `s3://${name}/k`], env)).join("\n").includes("inline"));
});
