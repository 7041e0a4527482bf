import assert from "node:assert/strict";
import { test } from "node:test";
import { cpuMs } from "../cpu-time.js";
import { ServiceError } from "../../src/lib/errors.js";
import { decodeInput, encodeError, encodeOutput } from "../../src/wire/codec.js";
import type { RoutedOperation } from "../../src/wire/contract.js";
import { route } from "../../src/wire/route.js";
import type { CompleteMultipartUploadRequest } from "../../src/wire/tables/s3-types.js";
import { urlEncodeKey } from "../../src/wire/uri.js";
import { escapeXml } from "../../src/wire/xml-write.js";
import { code, decode, IDS, textOf, XMLNS } from "./s3-codec.js";
import { headOf } from "./sdk.js";

test("text is escaped as S3 does: quotes, carriage returns, control characters", () => {
  assert.equal(escapeXml("plain é 😀 '/"), "plain é 😀 '/");
  assert.equal(escapeXml(`"a"&<b>\r\n\t`), "&quot;a&quot;&amp;&lt;b&gt;&#13;\n\t");
  const quoted = ['"', '""', '"""', '"a"b"', '"&"', '"a', 'a"', '"\r"'].map(escapeXml);
  const q = "&quot;";
  assert.deepEqual(quoted, [q, q + q, q + q + q, `${q}a${q}b${q}`, `${q}&amp;${q}`, `${q}a`, `a${q}`, `${q}&#13;${q}`]);
  assert.equal(escapeXml('"'.repeat(100_000)), q.repeat(100_000));
  assert.equal(escapeXml("\u0000\u0001\u001f\u007f\ufffe\uffff"), "&#x0;&#x1;&#x1f;&#x7f;&#xfffe;&#xffff;");
});

test("a listing has AWS's root, flat entries, quoted ETags and .000Z times", () => {
  const text = textOf("ListObjectsV2", {
    Name: "b",
    Prefix: "",
    MaxKeys: 1000,
    KeyCount: 1,
    IsTruncated: false,
    Contents: [
      {
        Key: "a&b",
        ETag: '"d41d"',
        Size: 0,
        LastModified: new Date(Date.UTC(2026, 0, 31, 12, 0, 0, 789)),
        StorageClass: "STANDARD",
      },
    ],
    CommonPrefixes: [{ Prefix: "x/" }, { Prefix: "y/" }],
  });
  assert.ok(text.startsWith(`<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult ${XMLNS}>`));
  for (const part of [
    "<Prefix></Prefix>",
    "<Contents><Key>a&amp;b</Key><LastModified>2026-01-31T12:00:00.000Z</LastModified><ETag>&quot;d41d&quot;</ETag>",
    "<CommonPrefixes><Prefix>x/</Prefix></CommonPrefixes><CommonPrefixes><Prefix>y/</Prefix></CommonPrefixes>",
    "<IsTruncated>false</IsTruncated>",
  ]) {
    assert.ok(text.includes(part), part);
  }
});

test("a long document is the UTF-8 of its text, ASCII or not; elements of equal members are each their own", () => {
  const starts = { ascii: "key", latin: "ké", wide: "k漢😀" };
  for (const [name, start] of Object.entries(starts)) {
    const classes = ["STANDARD", "STANDARD", "GLACIER", "STANDARD"];
    const Contents = Array.from({ length: 400 }, (_, i) => ({ Key: `${start}-${i}`, StorageClass: classes[i % 4] }));
    const { body, headers } = encodeOutput("s3", "ListObjectsV2", { Contents }, IDS);
    const elementOf = ({ Key, StorageClass }: (typeof Contents)[number]): string =>
      `<Contents><Key>${Key}</Key><StorageClass>${StorageClass}</StorageClass></Contents>`;
    const entries = Contents.map(elementOf);
    assert.ok(body instanceof Uint8Array && body.length > 20_000, name);
    assert.equal(headers["content-length"], String(body.length));
    assert.ok(Buffer.from(body).toString("utf8").includes(`>${entries.join("")}</ListBucketResult>`), name);
  }
});

test("documents whose form is special: location, policy, empty versioning", () => {
  assert.equal(
    textOf("GetBucketLocation", {}),
    `<?xml version="1.0" encoding="UTF-8"?>\n<LocationConstraint ${XMLNS}></LocationConstraint>`,
  );
  assert.ok(textOf("GetBucketLocation", { LocationConstraint: "eu-west-1" }).endsWith(">eu-west-1</LocationConstraint>"));
  const policy = encodeOutput("s3", "GetBucketPolicy", { Policy: '{"a":"<é>"}' }, IDS);
  assert.equal(Buffer.from(policy.body as Uint8Array).toString("utf8"), '{"a":"<é>"}');
  assert.equal(policy.headers["content-type"], "application/json");
  assert.equal(
    textOf("GetBucketVersioning", {}),
    `<?xml version="1.0" encoding="UTF-8"?>\n<VersioningConfiguration ${XMLNS}></VersioningConfiguration>`,
  );
});

test("status and headers: table, $status, $headers, bodiless answers", () => {
  const removed = encodeOutput("s3", "DeleteObject", { DeleteMarker: true, VersionId: "v" }, IDS);
  assert.deepEqual(removed, {
    status: 204,
    headers: { "x-amz-request-id": "R1", "x-amz-id-2": "H1", "x-amz-delete-marker": "true", "x-amz-version-id": "v" },
    body: undefined,
  });
  const put = encodeOutput("s3", "PutObject", { ETag: '"e"' }, IDS);
  assert.deepEqual([put.status, put.headers["etag"], put.headers["content-length"], put.body], [200, '"e"', "0", undefined]);
  const body = Buffer.from("hello");
  const ranged = encodeOutput(
    "s3",
    "GetObject",
    {
      $status: 206,
      $headers: { "x-extra": "1" },
      Body: body,
      ContentRange: "bytes 0-4/9",
      LastModified: new Date(0),
      Metadata: { a: "x", u: "é" },
      Expires: "some day",
    },
    IDS,
  );
  assert.equal(ranged.status, 206);
  assert.equal(ranged.body, body);
  const { headers } = ranged;
  assert.deepEqual(
    [
      headers["content-length"],
      headers["content-range"],
      headers["last-modified"],
      headers["x-amz-meta-a"],
      headers["x-amz-meta-u"],
      headers["expires"],
      headers["x-extra"],
    ],
    ["5", "bytes 0-4/9", "Thu, 01 Jan 1970 00:00:00 GMT", "x", "=?UTF-8?B?w6k=?=", "some day", "1"],
  );
  const head = encodeOutput("s3", "HeadObject", { ContentLength: 7 }, IDS);
  assert.deepEqual([head.headers["content-length"], head.body], ["7", undefined]);
  const retention = encodeOutput("s3", "HeadObject", { ObjectLockRetainUntilDate: new Date(1) }, IDS);
  assert.equal(retention.headers["x-amz-object-lock-retain-until-date"], "1970-01-01T00:00:00.001Z");
});

test("a value with a line break cannot become a header", () => {
  assert.throws(() => encodeOutput("s3", "GetObject", { ContentType: "a\r\nset-cookie: x" }, IDS), code("InvalidArgument"));
  assert.throws(() => decode("GET", "/b/k?response-content-type=a%0d%0ax", ""), code("InvalidArgument"));
  assert.throws(() => decode("GET", "/b/k?response-content-disposition=%E2%82%AC", ""), code("InvalidArgument"));
});

test("errors: fields in order, Resource and ids, HEAD and 304 bare", () => {
  const context = { ...IDS, resource: "/b/k", isHead: false };
  const absent = encodeError(
    "s3",
    new ServiceError("NoSuchKey", "The specified key does not exist.", { fields: { Key: "k<" } }),
    context,
  );
  assert.equal(absent.status, 404);
  assert.equal(
    Buffer.from(absent.body as Uint8Array).toString(),
    '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>NoSuchKey</Code>' +
      "<Message>The specified key does not exist.</Message><Key>k&lt;</Key><Resource>/b/k</Resource><RequestId>R1</RequestId><HostId>H1</HostId></Error>",
  );
  const head = encodeError("s3", new ServiceError("NoSuchKey", ""), { ...context, isHead: true });
  assert.deepEqual([head.status, head.body, head.headers], [404, undefined, { "x-amz-request-id": "R1", "x-amz-id-2": "H1" }]);
  const unmodified = encodeError("s3", new ServiceError("NotModified", "", { headers: { ETag: '"e"' } }), context);
  assert.deepEqual([unmodified.status, unmodified.body, unmodified.headers["etag"]], [304, undefined, '"e"']);
  const control = Buffer.from(
    encodeError("s3-control", new ServiceError("NoSuchResource", "m"), context).body as Uint8Array,
  ).toString();
  assert.match(
    control,
    /<ErrorResponse xmlns="[^"]+"><Error><Code>NoSuchResource<\/Code><Message>m<\/Message><\/Error><RequestId>R1/,
  );
});

test("statuses of codes that the model does not know", () => {
  const status = (name: string): number => encodeError("s3", new ServiceError(name, ""), { ...IDS, isHead: true }).status;
  const expected: Record<string, number> = {
    AccessDenied: 403,
    NoSuchBucket: 404,
    NoSuchUpload: 404,
    NoSuchVersion: 404,
    NoSuchBucketPolicy: 404,
    OwnershipControlsNotFoundError: 404,
    NoSuchConfiguration: 404,
    BucketNotEmpty: 409,
    BucketAlreadyOwnedByYou: 409,
    ConditionalRequestConflict: 409,
    PreconditionFailed: 412,
    InvalidRange: 416,
    MissingContentLength: 411,
    BadDigest: 400,
    EntityTooLarge: 400,
    KeyTooLongError: 400,
    InvalidPart: 400,
    MalformedXML: 400,
    SignatureDoesNotMatch: 403,
    InvalidAccessKeyId: 403,
    RequestTimeTooSkewed: 403,
    AuthorizationHeaderMalformed: 400,
    MethodNotAllowed: 405,
    NotImplemented: 501,
    SlowDown: 503,
    InternalError: 500,
    "KMS.NotFoundException": 400,
    "KMS.DisabledException": 400,
    "KMS.KMSInternalException": 500,
    InvalidObjectState: 403,
    UnheardOf: 400,
  };
  for (const [name, value] of Object.entries(expected)) assert.equal(status(name), value, name);
});

test("headers and query decode to types, with S3's texts for bad numbers", () => {
  const listed = decode("GET", "/b?list-type=2&max-keys=7&fetch-owner=TRUE&encoding-type=url&prefix=a%20b+c", "");
  assert.deepEqual(listed, { Bucket: "b", MaxKeys: 7, FetchOwner: true, EncodingType: "url", Prefix: "a b c" });
  const message = (target: string): string => {
    try {
      decode("GET", target, "");
    } catch (error) {
      return error instanceof ServiceError
        ? `${error.code}: ${error.message} [${error.detail.fields?.["ArgumentName"]}]`
        : String(error);
    }
    return "accepted";
  };
  assert.equal(message("/b?max-keys=x"), "InvalidArgument: Provided max-keys not an integer or within integer range [max-keys]");
  assert.equal(
    message("/b?max-keys=-1"),
    "InvalidArgument: Argument maxKeys must be an integer between 0 and 2147483647 [max-keys]",
  );
  assert.equal(message("/b?max-keys="), "accepted");
  assert.equal(
    message("/b?encoding-type=base64"),
    "InvalidArgument: Invalid Encoding Method specified in Request [encoding-type]",
  );
  assert.equal(
    message("/b/k?partNumber=0"),
    "InvalidArgument: Part number must be an integer between 1 and 10000, inclusive [partNumber]",
  );
  assert.equal(message("/b/k?partNumber=10000"), "accepted");
  assert.equal(
    message("/b/k?partNumber=10001"),
    "InvalidArgument: Part number must be an integer between 1 and 10000, inclusive [partNumber]",
  );
});

test("bad conditional dates are ignored; metadata keeps UTF-8 and joins duplicates", () => {
  assert.deepEqual(decode("GET", "/b/k", "", { "if-modified-since": "yesterday", "if-none-match": "*" }), {
    Bucket: "b",
    Key: "k",
    IfNoneMatch: "*",
  });
  const raw = Buffer.from("é", "utf8").toString("latin1");
  const head = {
    ...headOf("PUT", "/b/k", { "x-amz-meta-u": raw }),
    rawHeaders: ["X-Amz-Meta-U", raw, "x-amz-meta-d", "1", "x-amz-meta-D", "2"],
  };
  const input = decodeInput(route(head, { domains: [] }) as RoutedOperation, head, new Uint8Array()) as { Metadata: object };
  assert.deepEqual(input.Metadata, { u: "é", d: "1,2" });
});

test("headers hoisted into a presigned query are headers; a real header wins", () => {
  const signed = "X-Amz-Signature=0&x-amz-acl=private&X-Amz-Meta-A=1&x-amz-server-side-encryption=AES256";
  assert.deepEqual(decode("PUT", `/b/k?${signed}`, "", { "x-amz-acl": "public-read" }), {
    Bucket: "b",
    Key: "k",
    ACL: "public-read",
    ServerSideEncryption: "AES256",
    Metadata: { a: "1" },
  });
  assert.deepEqual(decode("PUT", "/b/k?x-amz-acl=private", ""), { Bucket: "b", Key: "k" });
});

test("a missing required header is MissingSecurityHeader", () => {
  assert.throws(() => decode("GET", "/b/k?attributes", ""), code("MissingSecurityHeader"));
  assert.deepEqual(decode("GET", "/b/k?attributes", "", { "x-amz-object-attributes": "ETag, ObjectSize" }), {
    Bucket: "b",
    Key: "k",
    ObjectAttributes: ["ETag", "ObjectSize"],
  });
});

test("urlEncodeKey writes what encoding-type=url promises", () => {
  assert.equal(urlEncodeKey("a b/c+d*~'()!é\u0001"), "a+b/c%2Bd*%7E%27%28%29%21%C3%A9%01");
});

// ---- Speed (generous bounds: these catch a change of order, not of machine) -----------------------------------------

function millisecondsPer(runs: number, run: () => unknown): number {
  for (let index = 0; index < runs; index++) run();
  const started = cpuMs();
  for (let index = 0; index < runs; index++) run();
  return (cpuMs() - started) / runs;
}

test("a page of 1000 keys is encoded and a Complete of 1000 parts is parsed in a few milliseconds", (context) => {
  const entry = {
    ETag: '"9b2cf535f27731c974343645a3985328"',
    Size: 1234,
    LastModified: new Date(),
    StorageClass: "STANDARD",
    ChecksumAlgorithm: ["CRC64NVME"],
    ChecksumType: "FULL_OBJECT",
  };
  const page = {
    Name: "b",
    IsTruncated: true,
    KeyCount: 1000,
    MaxKeys: 1000,
    Contents: Array.from({ length: 1000 }, (_, index) => ({ ...entry, Key: `folder/sub/key-${index}.txt` })),
  };
  const encode = millisecondsPer(60, () => encodeOutput("s3", "ListObjectsV2", page, IDS));
  const parts = Array.from(
    { length: 1000 },
    (_, index) => `<Part><ETag>&quot;9b2cf535f27731c974343645a3985328&quot;</ETag><PartNumber>${index + 1}</PartNumber></Part>`,
  ).join("");
  const xml = `<CompleteMultipartUpload ${XMLNS}>${parts}</CompleteMultipartUpload>`;
  const parse = millisecondsPer(60, () => decode("POST", "/b/k?uploadId=u", xml));
  const input = decode("POST", "/b/k?uploadId=u", xml) as CompleteMultipartUploadRequest;
  assert.equal(input.MultipartUpload?.Parts?.length, 1000);
  context.diagnostic(`encode 1000 keys ${encode.toFixed(2)} ms, parse 1000 parts ${parse.toFixed(2)} ms`);
  assert.ok(encode < 20 && parse < 30);
});
