/** Browser uploads: the form, its policy, its signature (attack row A.3, rustfs-post-conditions, minio-post-policy-meta-bucket). */
import assert from "node:assert/strict";
import { test } from "node:test";
import { S3Client } from "@aws-sdk/client-s3";
import { createPresignedPost } from "@aws-sdk/s3-presigned-post";
import {
  ANY_SIZE,
  isPostForm,
  openPostBody,
  postAnswer,
  postObjectHead,
  readPostForm,
  type PostForm,
} from "../../src/wire/post-form.js";
import { checkPostPolicy, readPostClaim, verifyPostSignature, type FormFields } from "../../src/wire/post-policy.js";
import { signPostForm, type PostCondition } from "../../src/wire/sign.js";
import { CREDENTIALS, NOW_MS, collect, inPieces, refusal, rejection, requestHead, signer } from "./signing.js";

type Part = readonly [name: string, value: string, disposition?: string];
const BOUNDARY = "----boundary";

function formBytes(parts: readonly Part[], boundary = BOUNDARY): Buffer {
  const text = parts
    .map(
      ([name, value, extra = ""]) =>
        `--${boundary}\r\nContent-Disposition: form-data; name="${name}"${extra}\r\n\r\n${value}\r\n`,
    )
    .join("");
  return Buffer.from(`${text}--${boundary}--\r\n`);
}
const file = (content: string, name = "photo.jpg"): Part => ["file", content, `; filename="${name}"\r\nContent-Type: image/jpeg`];

function read(
  bytes: Buffer | string,
  { pieceBytes = 1000, contentType = `multipart/form-data; boundary=${BOUNDARY}` } = {},
): Promise<PostForm> {
  const head = requestHead("POST", "/bucket", { host: "h", "content-type": contentType });
  return readPostForm({ head, stream: inPieces(bytes, pieceBytes) });
}

for (const pieceBytes of [1, 2, 13, 100_000]) {
  test(`fields and file, arriving in pieces of ${pieceBytes}`, async () => {
    const content = `\r\n--${BOUNDARY.slice(0, -1)}\r\n\r\n-binary-\u0000\r`;
    const form = await read(
      formBytes([
        ["Key", "user/${filename}"],
        ["x-amz-meta-Ü", "ü"],
        ["empty", ""],
        file(content, "C:\\dir\\ph oto.jpg"),
        ["submit", "ignored"],
      ]),
      { pieceBytes },
    );
    assert.equal(form.key, "user/ph oto.jpg");
    assert.equal(form.fields.get("key"), "user/ph oto.jpg");
    assert.equal(form.fields.get("x-amz-meta-ü"), "ü");
    assert.equal(form.fields.get("empty"), "");
    assert.equal(form.fields.has("submit"), false);
    assert.equal(form.fileContentType, "image/jpeg");
    assert.equal((await collect(form.file)).toString(), content);
  });
}

test("a big file, an empty file, a preamble, a quoted boundary, no file name", async () => {
  const big = "0123456789".repeat(100_000);
  assert.equal((await collect((await read(formBytes([["key", "k"], file(big)]), { pieceBytes: 65_536 })).file)).toString(), big);
  assert.equal((await collect((await read(formBytes([["key", "k"], file("")]))).file)).length, 0);
  const odd = Buffer.concat([
    Buffer.from("preamble\r\n"),
    formBytes(
      [
        ["key", "${filename}x"],
        ["file", "c"],
      ],
      "a b",
    ),
  ]);
  const form = await read(odd, { contentType: 'multipart/form-data; charset=utf-8; boundary="a b"' });
  assert.equal(form.key, "x");
});

const BAD_FORMS: readonly (readonly [string, Buffer | string, string])[] = [
  ["no bytes", "", "MalformedPOSTRequest"],
  ["no boundary", "hello", "MalformedPOSTRequest"],
  ["cut off in a field", formBytes([["key", "k"], file("x")]).subarray(0, 60), "MalformedPOSTRequest"],
  ["a part without disposition", `--${BOUNDARY}\r\nX: y\r\n\r\nv\r\n--${BOUNDARY}--\r\n`, "MalformedPOSTRequest"],
  [
    "a part without name",
    `--${BOUNDARY}\r\nContent-Disposition: form-data\r\n\r\nv\r\n--${BOUNDARY}--\r\n`,
    "MalformedPOSTRequest",
  ],
  ["endless part headers", `--${BOUNDARY}\r\n${"a: b\r\n".repeat(3000)}`, "MalformedPOSTRequest"],
  ["no file", formBytes([["key", "k"]]), "InvalidArgument"],
  ["no key", formBytes([file("x")]), "InvalidArgument"],
  ["key behind the file", formBytes([file("x"), ["key", "k"]]), "InvalidArgument"],
  ["an empty key", formBytes([["key", ""], file("x")]), "InvalidArgument"],
  ["a field twice", formBytes([["key", "k"], ["KEY", "k2"], file("x")]), "InvalidArgument"],
  [
    "fields beyond 20 KB",
    formBytes([["key", "k"], ["x-amz-meta-a", "v".repeat(20_480)], file("x")]),
    "MaxPostPreDataLengthExceededError",
  ],
  [
    "100000 fields",
    formBytes(Array.from({ length: 100_000 }, (_, i) => [`f${i}`, ""] as const)),
    "MaxPostPreDataLengthExceededError",
  ],
  [
    "not UTF-8",
    Buffer.from(
      formBytes([["key", "\u00ff"], file("x")])
        .toString()
        .replace("ÿ", "\u00ff"),
      "latin1",
    ),
    "MalformedPOSTRequest",
  ],
];
for (const [what, bytes, code] of BAD_FORMS) {
  test(`form refused: ${what}`, async () => assert.equal((await rejection(() => read(bytes))).code, code));
}

test("form refused: no multipart", async () => {
  const error = await rejection(() => read("", { contentType: "application/x-www-form-urlencoded" }));
  assert.deepEqual(
    [error.code, error.detail.status, error.detail.fields?.["Condition"]],
    ["PreconditionFailed", 412, "Bucket POST must be of the enclosure-type multipart/form-data"],
  );
  assert.equal(isPostForm(requestHead("POST", "/b", { "content-type": "Multipart/Form-Data; boundary=x" })), true);
  assert.equal(isPostForm(requestHead("POST", "/b", { "content-type": "text/xml" })), false);
});

for (const [what, bytes] of [
  ["a second file", formBytes([["key", "k"], file("x"), file("y")])],
  ["cut off in the file", formBytes([["key", "k"], file("x".repeat(300))]).subarray(0, -50)],
  ["endless bytes behind the end", Buffer.concat([formBytes([["key", "k"], file("x")]), Buffer.alloc(30_000)])],
] as const) {
  test(`file refused: ${what}`, async () => {
    const form = await read(bytes);
    const error = await rejection(() => collect(form.file));
    assert.match(error.code, /InvalidArgument|MalformedPOSTRequest/);
  });
}

const sign = (fields: Record<string, string>, conditions: readonly PostCondition[] = []): Record<string, string> =>
  signPostForm(signer(), { bucket: "bucket", expiresSeconds: 60, fields, conditions });
const asFields = (fields: Record<string, string>): FormFields =>
  new Map(Object.entries(fields).map(([name, value]) => [name.toLowerCase(), value]));

function check(fields: Record<string, string>, { bucket = "bucket", nowMs = NOW_MS } = {}) {
  const claim = readPostClaim(asFields(fields));
  assert.equal(claim.kind, "post");
  if (claim.kind !== "post") throw new Error("unreachable");
  verifyPostSignature(claim, CREDENTIALS.secretAccessKey);
  return checkPostPolicy(claim.policy, asFields(fields), { bucket, nowMs });
}

test("a signed form passes; the size range comes back", () => {
  assert.deepEqual(check(sign({ key: "k" })), ANY_SIZE);
  assert.deepEqual(
    check(
      sign({ key: "k" }, [
        ["content-length-range", 1, 10],
        ["content-length-range", 0, 5],
      ]),
    ),
    { minBytes: 1, maxBytes: 5 },
  );
  check(
    sign({ key: "user/a", "Content-Type": "image/png,image/jpeg" }, [
      ["starts-with", "$key", "user/"],
      ["starts-with", "$Content-Type", "image/"],
    ]),
  );
  check({ ...sign({ key: "k" }), "x-ignore-this": "whatever", file: "" });
  assert.equal(readPostClaim(asFields({ key: "k" })).kind, "anonymous");
});

const signed = sign({ key: "user/a", acl: "private" }, [
  ["starts-with", "$key", "user/"],
  ["starts-with", "$content-type", "image/"],
]);
const VIOLATIONS: readonly (readonly [string, Record<string, string>, string])[] = [
  [
    "an eq condition",
    { ...signed, "content-type": "image/png", acl: "public-read" },
    'Policy Condition failed: ["eq", "$acl", "private"]',
  ],
  [
    "a starts-with condition",
    { ...signed, "content-type": "image/png", key: "other/a" },
    'Policy Condition failed: ["starts-with", "$key", "user/"]',
  ],
  [
    "one of several content types",
    { ...signed, "content-type": "image/png,text/html" },
    'Policy Condition failed: ["starts-with", "$content-type", "image/"]',
  ],
  ["a missing field", signed, 'Policy Condition failed: ["starts-with", "$content-type", "image/"]'],
  ["an uncovered field", { ...signed, "content-type": "image/png", "x-amz-meta-a": "b" }, "Extra input fields: x-amz-meta-a"],
  [
    "an uncovered SSE field",
    { ...signed, "content-type": "image/png", "x-amz-server-side-encryption": "AES256" },
    "Extra input fields: x-amz-server-side-encryption",
  ],
];
for (const [what, fields, text] of VIOLATIONS) {
  test(`policy violated: ${what}`, () => {
    const error = refusal(() => check(fields));
    assert.deepEqual(
      [error.code, error.detail.status, error.message],
      ["AccessDenied", 403, `Invalid according to Policy: ${text}`],
    );
  });
}

test("policy violated: another bucket, expired", () => {
  assert.equal(
    refusal(() => check(sign({ key: "k" }), { bucket: "other" })).message,
    'Invalid according to Policy: Policy Condition failed: ["eq", "$bucket", "bucket"]',
  );
  assert.equal(refusal(() => check(sign({ key: "k", bucket: "other" }))).code, "AccessDenied");
  assert.equal(
    refusal(() => check(sign({ key: "k" }), { nowMs: NOW_MS + 60_000 })).message,
    "Invalid according to Policy: Policy expired.",
  );
  check(sign({ key: "k" }), { nowMs: NOW_MS + 59_999 });
});

for (const [what, document, message] of [
  ["no JSON", "{", "Invalid Policy: Invalid JSON."],
  ["a list", "[]", "Invalid Policy: Invalid JSON."],
  ["no expiration", '{"conditions":[]}', "Invalid Policy: Policy missing expiration."],
  ["no conditions", '{"expiration":"2100-01-01T00:00:00Z"}', "Invalid Policy: Policy missing conditions."],
  ["a bad expiration", '{"expiration":"soon","conditions":[]}', "Invalid Policy: Invalid 'expiration' value: 'soon'"],
  [
    "conditions that are no list",
    '{"expiration":"2100-01-01T00:00:00Z","conditions":{}}',
    "Invalid Policy: Invalid 'conditions' value: must be a List.",
  ],
  [
    "two properties",
    '{"expiration":"2100-01-01T00:00:00Z","conditions":[{"a":"b","c":"d"}]}',
    "Invalid Policy: Invalid Simple-Condition: Simple-Conditions must have exactly one property specified.",
  ],
  [
    "an unknown operation",
    '{"expiration":"2100-01-01T00:00:00Z","conditions":[["ends-with","$key","x"]]}',
    "Invalid Policy: Invalid Condition: unknown operation 'ends-with'.",
  ],
] as const) {
  test(`policy document refused: ${what}`, () => {
    const error = refusal(() =>
      checkPostPolicy(Buffer.from(document).toString("base64"), new Map(), { bucket: "b", nowMs: NOW_MS }),
    );
    assert.deepEqual([error.code, error.message], ["InvalidPolicyDocument", message]);
  });
}

test("policy documents may escape the dollar sign", () => {
  const document = Buffer.from('{"expiration":"2100-01-01T00:00:00Z","conditions":[{"key":"a\\$b"}]}').toString("base64");
  checkPostPolicy(document, new Map([["key", "a$b"]]), { bucket: "b", nowMs: NOW_MS });
});

for (const [what, change, code] of [
  ["forged signature", { "x-amz-signature": "0".repeat(64) }, "SignatureDoesNotMatch"],
  ["exchanged policy", { policy: "e30=" }, "SignatureDoesNotMatch"],
  ["exchanged date", { "x-amz-date": "20130524T000001Z" }, "AccessDenied"],
  ["other region", { "x-amz-credential": "AKIAIOSFODNN7EXAMPLE/20130524/eu-west-1/s3/aws4_request" }, "SignatureDoesNotMatch"],
  ["other service", { "x-amz-credential": "AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/kms/aws4_request" }, "InvalidArgument"],
  ["other algorithm", { "x-amz-algorithm": "AWS4-HMAC-SHA1" }, "InvalidArgument"],
  ["empty signature", { "x-amz-signature": "" }, "InvalidArgument"],
  ["Signature Version 2 beside it", { AWSAccessKeyId: "A", signature: "s" }, "InvalidRequest"],
] as const) {
  test(`form signature refused: ${what}`, () =>
    assert.equal(refusal(() => check({ ...sign({ key: "k" }), ...change })).code, code));
}

test("fields of a signature without a policy are not anonymous", () => {
  const error = refusal(() => readPostClaim(asFields({ key: "k", "x-amz-signature": "x" })));
  assert.equal(
    error.message,
    "Bucket POST must contain a field named 'policy'.  If it is specified, please check the order of the fields.",
  );
});

test("the SDK's presigned POST passes, key prefix and conditions included", async () => {
  const client = new S3Client({
    region: "us-east-1",
    credentials: { ...CREDENTIALS, sessionToken: "tok/en" },
    endpoint: "http://127.0.0.1:1",
    forcePathStyle: true,
  });
  const { fields } = await createPresignedPost(client, {
    Bucket: "bucket",
    Key: "up/${filename}",
    Fields: { acl: "private" },
    Conditions: [["content-length-range", 1, 100], { acl: "private" }],
    Expires: 60,
  });
  const form = await read(formBytes([...Object.entries(fields), file("hello", "a.txt")]));
  const claim = readPostClaim(form.fields);
  assert.equal(claim.kind, "post");
  if (claim.kind !== "post") return;
  assert.equal(claim.sessionToken, "tok/en");
  verifyPostSignature(claim, CREDENTIALS.secretAccessKey);
  assert.deepEqual(checkPostPolicy(claim.policy, form.fields, { bucket: "bucket", nowMs: Date.now() }), {
    minBytes: 1,
    maxBytes: 100,
  });
});

for (const [sizeBytes, code] of [
  [2, "EntityTooSmall"],
  [3, undefined],
  [5, undefined],
  [6, "EntityTooLarge"],
] as const) {
  test(`a file of ${sizeBytes} bytes against content-length-range 3–5: ${code ?? "accepted"}`, async () => {
    const body = openPostBody(await read(formBytes([["key", "k"], file("x".repeat(sizeBytes))])), { minBytes: 3, maxBytes: 5 });
    assert.equal(body.declaredSizeBytes, undefined);
    if (code === undefined) assert.equal((await collect(body)).length, sizeBytes);
    else assert.equal((await rejection(() => collect(body))).code, code);
  });
}

test("Content-MD5 and checksum fields are verified", async () => {
  const form = (value: string) => read(formBytes([["key", "k"], ["x-amz-checksum-crc32", value], file("hello")]));
  const body = openPostBody(await form("NhCmhg=="), ANY_SIZE);
  assert.equal(body.claimedAlgorithm, "CRC32");
  await collect(body);
  assert.equal((await rejection(async () => collect(openPostBody(await form("AAAAAA=="), ANY_SIZE)))).code, "BadDigest");
});

test("the form becomes a PutObject: headers by name, nothing of the signature, no way to another operation", async () => {
  const tagging = "<Tagging><TagSet><Tag><Key>a b</Key><Value>&amp;c</Value></Tag></TagSet></Tagging>";
  const form = await read(
    formBytes([
      ["key", "../ü key"],
      ["acl", "private"],
      ["Content-Type", "text/plain"],
      ["x-amz-meta-m", "ü"],
      ["tagging", tagging],
      ["x-amz-copy-source", "/other/key"],
      ["x-amz-credential", "x"],
      ["x-amz-content-sha256", "UNSIGNED-PAYLOAD"],
      ["aws:SourceIp", "1.2.3.4"],
      ["success_action_status", "201"],
      ["x-amz-server-side-encryption", " aws:kms "],
      file("x"),
    ]),
  );
  const head = postObjectHead(requestHead("POST", "/bucket", { host: "h" }), form, "bucket");
  assert.equal(head.method, "PUT");
  assert.equal(head.target, "/bucket/../%C3%BC%20key");
  assert.deepEqual(head.headers, {
    "x-amz-acl": "private",
    "content-type": "text/plain",
    "x-amz-meta-m": "Ã¼",
    "x-amz-tagging": "a%20b=%26c",
    "x-amz-server-side-encryption": "aws:kms",
  });
  const injected = await read(formBytes([["key", "k"], ["x-amz-meta-a", "b\r\nX: y"], file("x")]));
  assert.equal(refusal(() => postObjectHead(head, injected, "bucket")).code, "InvalidArgument");
  for (const bad of [
    "<Tagging>",
    "<!DOCTYPE a [<!ENTITY x 'y'>]><Tagging/>",
    "<Tagging><TagSet><Tag><Key>a</Key></Tag></TagSet></Tagging>",
    "<Other/>",
  ]) {
    const badForm = await read(formBytes([["key", "k"], ["tagging", bad], file("x")]));
    assert.equal(refusal(() => postObjectHead(head, badForm, "bucket")).code, "MalformedXML");
  }
});

test("answers: 204, 200, 201 with XML, redirect", () => {
  const posted = { bucket: "b", key: "a&b <c>", etag: '"e"', location: "http://h/b/a" };
  const answer = (fields: Record<string, string>) => postAnswer(asFields(fields), posted);
  assert.equal(answer({}).status, 204);
  assert.equal(answer({ success_action_status: "404" }).status, 204);
  assert.equal(answer({ success_action_status: "200" }).status, 200);
  assert.match(
    answer({ success_action_status: "201" }).body ?? "",
    /<PostResponse><Location>http:\/\/h\/b\/a<\/Location><Bucket>b<\/Bucket><Key>a&amp;b &lt;c&gt;<\/Key>/,
  );
  assert.equal(
    answer({ success_action_redirect: "https://x/done?a=1#f" }).headers["Location"],
    "https://x/done?a=1&bucket=b&key=a%26b%20%3Cc%3E&etag=%22e%22#f",
  );
  assert.equal(answer({ success_action_redirect: "https://x/done" }).status, 303);
  for (const bad of ["javascript:alert(1)", "nonsense", "/relative"])
    assert.equal(answer({ success_action_redirect: bad }).status, 204);
  assert.doesNotMatch(answer({ success_action_redirect: "https://x/a\r\nSet-Cookie: a=b" }).headers["Location"] ?? "", /[\r\n]/);
});
