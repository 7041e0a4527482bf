/** What is refused before and by the signature: attack rows A.1, A.3 and the named regressions at this level. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { MINUTE_MS, SECOND_MS } from "../../src/lib/clock.js";
import { hoistedHeaders, parseAuthorization, peekScope } from "../../src/wire/authorization.js";
import { missingAuthentication, unknownAccessKey, wrongRegion } from "../../src/wire/auth-errors.js";
import { openBody } from "../../src/wire/payload.js";
import { presignTarget, sha256Hex, signHeaders } from "../../src/wire/sign.js";
import type { RequestHead, Service } from "../../src/wire/types.js";
import {
  AMZ_DATE,
  NOW_MS,
  authenticate,
  claimOf,
  collect,
  inPieces,
  refusal,
  requestHead,
  signedHead,
  signer,
} from "./signing.js";

/** The head with header `name` set to `value`, or removed. */
function withHeader(head: RequestHead, name: string, value: string | undefined): RequestHead {
  const pairs = Object.entries(head.headers as Record<string, string>).filter(([key]) => key !== name);
  return requestHead(head.method, head.target, value === undefined ? pairs : [...pairs, [name, value]]);
}
const good = signedHead("PUT", "/bucket/key", { headers: { "x-amz-acl": "private" } });
const goodAuthorization = String(good.headers.authorization);
const altered = (from: string | RegExp, to: string): RequestHead =>
  withHeader(good, "authorization", goodAuthorization.replace(from, to));
const parse = (head: RequestHead, service: Service = "s3", nowMs = NOW_MS) => parseAuthorization(head, { service, nowMs });

test("an untouched request verifies; without any signature it is anonymous", () => {
  assert.equal(authenticate(good).amzDate, AMZ_DATE);
  assert.deepEqual(parse(requestHead("GET", "/", { host: "h" })), { kind: "anonymous" });
  assert.deepEqual(peekScope(good), { date: "20130524", region: "us-east-1", service: "s3" });
});

const MALFORMED: readonly (readonly [string, RequestHead, string, RegExp | string])[] = [
  [
    "no signature component",
    altered(/, Signature=.*/, ""),
    "AuthorizationHeaderMalformed",
    /three components: Credential, SignedHeaders, and Signature\.$/,
  ],
  ["a component twice", altered(/$/, ", Signature=00"), "AuthorizationHeaderMalformed", /three components/],
  ["a component too many", altered(/$/, ", Extra=1"), "AuthorizationHeaderMalformed", /three components/],
  ["empty signed headers", altered(/SignedHeaders=[^,]*/, "SignedHeaders="), "AuthorizationHeaderMalformed", /three components/],
  [
    "a credential of four parts",
    altered("/aws4_request", ""),
    "AuthorizationHeaderMalformed",
    'The authorization header is malformed; the Credential is mal-formed; expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".',
  ],
  ["an empty access key", altered("AKIAIOSFODNN7EXAMPLE", ""), "AuthorizationHeaderMalformed", /non-empty Access Key \(AKID\)/],
  ["a bad scope date", altered("/20130524/", "/2013-5-24/"), "AuthorizationHeaderMalformed", /in the format "yyyyMMdd"\.$/],
  [
    "another day in the scope",
    altered("/20130524/", "/20130525/"),
    "AuthorizationHeaderMalformed",
    'The authorization header is malformed; Invalid credential date "20130525". This date is not the same as X-Amz-Date: "20130524".',
  ],
  [
    "another service",
    altered("/s3/", "/kms/"),
    "AuthorizationHeaderMalformed",
    'The authorization header is malformed; incorrect service "kms". This endpoint belongs to "s3".',
  ],
  [
    "a second S3 service name (seaweed-second-service-name)",
    altered("/s3/", "/s3tables/"),
    "AuthorizationHeaderMalformed",
    /incorrect service "s3tables"/,
  ],
  [
    "another terminator",
    altered("aws4_request", "aws5_request"),
    "AuthorizationHeaderMalformed",
    'The authorization header is malformed; incorrect terminator "aws5_request". This endpoint uses "aws4_request".',
  ],
  ["Basic", withHeader(good, "authorization", "Basic YTpi"), "InvalidArgument", "Unsupported Authorization Type"],
  ["an empty Authorization header", withHeader(good, "authorization", ""), "InvalidArgument", "Unsupported Authorization Type"],
  [
    "Signature Version 2",
    withHeader(good, "authorization", "AWS AKIA:c2ln"),
    "InvalidRequest",
    "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.",
  ],
  [
    "Signature Version 2 in the query",
    requestHead("GET", "/b/k?AWSAccessKeyId=A&Signature=s&Expires=1", { host: "h" }),
    "InvalidRequest",
    "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.",
  ],
  ["Signature Version 4A", altered("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256"), "NotImplemented", /implies functionality/],
  [
    "no date",
    withHeader(good, "x-amz-date", undefined),
    "AccessDenied",
    "AWS authentication requires a valid Date or x-amz-date header",
  ],
  [
    "a bad date",
    withHeader(good, "x-amz-date", "20130532T000000Z"),
    "AccessDenied",
    "AWS authentication requires a valid Date or x-amz-date header",
  ],
  [
    "no payload hash",
    withHeader(good, "x-amz-content-sha256", undefined),
    "InvalidRequest",
    "Missing required header for this request: x-amz-content-sha256",
  ],
  [
    "a payload hash of 63 digits",
    withHeader(good, "x-amz-content-sha256", "a".repeat(63)),
    "InvalidArgument",
    /or a valid sha256 value\.$/,
  ],
  [
    "ECDSA chunks",
    withHeader(good, "x-amz-content-sha256", "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD"),
    "NotImplemented",
    /implies functionality/,
  ],
];

for (const [name, head, code, message] of MALFORMED) {
  test(`refused: ${name}`, () => {
    const error = refusal(() => parse(head));
    assert.equal(error.code, code);
    if (typeof message === "string") assert.equal(error.message, message);
    else assert.match(error.message, message);
  });
}

for (const missing of ["host", "x-amz-acl", "x-amz-date", "x-amz-content-sha256"]) {
  test(`refused: ${missing} present but not signed`, () => {
    const names = (/SignedHeaders=([^,]*)/.exec(goodAuthorization)?.[1] ?? "").split(";").filter((name) => name !== missing);
    const error = refusal(() => parse(altered(/SignedHeaders=[^,]*/, `SignedHeaders=${names.join(";")}`)));
    assert.equal(error.code, "AccessDenied");
    assert.equal(error.message, "There were headers present in the request which were not signed");
    assert.equal(error.detail.fields?.["HeadersNotSigned"], missing);
  });
}

for (const added of ["x-amz-server-side-encryption", "X-Amz-Server-Side-Encryption-Customer-Key", "x-amz-meta-a"]) {
  test(`refused: ${added} added after signing`, () => {
    assert.equal(
      refusal(() => authenticate(withHeader(good, added, "AES256"))).message,
      "There were headers present in the request which were not signed",
    );
  });
}

for (const name of ["authorization", "host", "x-amz-date", "x-amz-content-sha256", "x-amz-acl", "X-AMZ-ACL", "content-md5"]) {
  test(`refused: ${name} sent twice`, () => {
    const pairs = Object.entries({ "content-md5": "x", ...(good.headers as Record<string, string>) });
    const error = refusal(() => parse(requestHead("PUT", "/bucket/key", [...pairs, [name, "other"]])));
    assert.equal(error.code, "InvalidArgument");
    assert.equal(error.detail.fields?.["ArgumentName"], name.toLowerCase());
  });
}

const CHANGED: readonly (readonly [string, RequestHead])[] = [
  ["method", { ...good, method: "DELETE" }],
  ["key", { ...good, target: "/bucket/key2" }],
  ["double slash", { ...good, target: "/bucket//key" }],
  ["dot segment", { ...good, target: "/bucket/./key" }],
  ["added sub-resource", { ...good, target: "/bucket/key?acl" }],
  ["signed header", withHeader(good, "x-amz-acl", "public-read")],
  ["signed header removed", withHeader(good, "x-amz-acl", undefined)],
  ["host", withHeader(good, "host", "other.example.org")],
  ["payload hash", withHeader(good, "x-amz-content-sha256", sha256Hex(""))],
  ["date within the day", withHeader(good, "x-amz-date", "20130524T000001Z")],
  ["region", altered("/us-east-1/", "/eu-west-1/")],
  ["truncated signature", altered(/.$/, "")],
  ["empty-looking signature", altered(/Signature=.*/, "Signature=0")],
];

for (const [what, head] of CHANGED) {
  test(`SignatureDoesNotMatch: changed after signing: ${what}`, () => {
    const error = refusal(() => authenticate(head));
    assert.equal(error.code, "SignatureDoesNotMatch");
    assert.equal(
      error.message,
      "The request signature we calculated does not match the signature you provided. Check your key and signing method.",
    );
  });
}

test("SignatureDoesNotMatch shows what was computed, but never a customer key or session token", () => {
  const from = { ...signer(), credentials: { ...signer().credentials, sessionToken: "SESSIONTOKEN" } };
  const head = signedHead("GET", "/b/k", {
    from,
    headers: {
      "x-amz-server-side-encryption-customer-key": "SECRETKEY",
      "x-amz-copy-source-server-side-encryption-customer-key": "SECRETKEY",
    },
  });
  const fields = refusal(() => authenticate({ ...head, method: "PUT" })).detail.fields ?? {};
  assert.match(
    fields["StringToSign"] ?? "",
    /^AWS4-HMAC-SHA256\n20130524T000000Z\n20130524\/us-east-1\/s3\/aws4_request\n[0-9a-f]{64}$/,
  );
  assert.match(fields["CanonicalRequest"] ?? "", /^PUT\n\/b\/k\n\nhost:s3\.example\.org\n/);
  assert.equal(
    Buffer.from((fields["CanonicalRequestBytes"] ?? "").replaceAll(" ", ""), "hex").toString(),
    fields["CanonicalRequest"],
  );
  assert.equal(fields["AWSAccessKeyId"], "AKIAIOSFODNN7EXAMPLE");
  assert.doesNotMatch(JSON.stringify(fields), /SECRETKEY|SESSIONTOKEN/);
});

for (const [offsetMs, ok] of [
  [-15 * MINUTE_MS - SECOND_MS, false],
  [-15 * MINUTE_MS, true],
  [15 * MINUTE_MS, true],
  [15 * MINUTE_MS + SECOND_MS, false],
] as const) {
  test(`clock ${offsetMs / 1000} s away is ${ok ? "accepted" : "RequestTimeTooSkewed"}`, () => {
    if (ok) {
      authenticate(good, "s3", { nowMs: NOW_MS + offsetMs });
      return;
    }
    const error = refusal(() => authenticate(good, "s3", { nowMs: NOW_MS + offsetMs }));
    assert.equal(error.code, "RequestTimeTooSkewed");
    assert.equal(error.detail.fields?.["MaxAllowedSkewMilliseconds"], "900000");
    assert.equal(error.detail.fields?.["RequestTime"], AMZ_DATE);
  });
}

const presigned = (expires: number, target = "/bucket/key", method = "GET"): RequestHead =>
  requestHead(method, presignTarget({ method, target, headers: { host: "h" } }, signer(), expires), { host: "h" });

for (const [expires, afterSeconds, message] of [
  [1, 1, undefined],
  [1, 2, "Request has expired"],
  [604_800, 604_800, undefined],
  [604_800, 604_801, "Request has expired"],
  [60, -15 * 60, undefined],
  [60, -15 * 60 - 1, "Request is not valid yet"],
] as const) {
  test(`presigned for ${expires} s, used after ${afterSeconds} s: ${message ?? "accepted"}`, () => {
    const run = () => authenticate(presigned(expires), "s3", { nowMs: NOW_MS + afterSeconds * SECOND_MS });
    if (message === undefined) return void run();
    const error = refusal(run);
    assert.equal(error.code, "AccessDenied");
    assert.equal(error.message, message);
    if (message === "Request has expired") {
      assert.deepEqual(Object.keys(error.detail.fields ?? {}), ["X-Amz-Expires", "Expires", "ServerTime"]);
      assert.match(error.detail.fields?.["Expires"] ?? "", /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    }
  });
}

for (const [expires, message] of [
  ["604801", /less than 604800 seconds$/],
  ["0", /must be non-negative$/],
  ["-1", /must be non-negative$/],
  ["abc", /should be a number$/],
  ["", /should be a number$/],
] as const) {
  test(`presigned with X-Amz-Expires=${expires} is refused`, () => {
    const head = presigned(60);
    const error = refusal(() => parse({ ...head, target: head.target.replace("X-Amz-Expires=60", `X-Amz-Expires=${expires}`) }));
    assert.equal(error.code, "AuthorizationQueryParametersError");
    assert.match(error.message, message);
  });
}

const url = presigned(60);
const PRESIGNED_CHANGES: readonly (readonly [string, RequestHead, string])[] = [
  ["method swapped", { ...url, method: "PUT" }, "SignatureDoesNotMatch"],
  ["response override added", { ...url, target: `${url.target}&response-content-type=text/html` }, "SignatureDoesNotMatch"],
  ["versionId added", { ...url, target: `${url.target}&versionId=1` }, "SignatureDoesNotMatch"],
  ["x-amz-acl added to the query", { ...url, target: `${url.target}&x-amz-acl=public-read` }, "SignatureDoesNotMatch"],
  ["x-amz header added", withHeader(url, "x-amz-tagging", "a=b"), "AccessDenied"],
  [
    "streaming body announced (minio-query-creds-unsigned-trailer)",
    withHeader(url, "x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"),
    "SignatureDoesNotMatch",
  ],
  ["a parameter missing", { ...url, target: url.target.replace(/&X-Amz-Date=[^&]*/, "") }, "AuthorizationQueryParametersError"],
  ["a parameter twice", { ...url, target: `${url.target}&X-Amz-Signature=00` }, "AuthorizationQueryParametersError"],
  ["names in lower case", { ...url, target: url.target.replaceAll("X-Amz-", "x-amz-") }, "AuthorizationQueryParametersError"],
  ["only the signature left", { ...url, target: "/bucket/key?X-Amz-Signature=00" }, "AuthorizationQueryParametersError"],
  [
    "another algorithm",
    { ...url, target: url.target.replace("AWS4-HMAC-SHA256", "AWS4-HMAC-SHA1") },
    "AuthorizationQueryParametersError",
  ],
  ["broken escape", { ...url, target: `${url.target}&a=%zz` }, "InvalidURI"],
];

for (const [what, head, code] of PRESIGNED_CHANGES) {
  test(`presigned URL refused: ${what}`, () => assert.equal(refusal(() => authenticate(head)).code, code));
}

test("credentials in two places are refused, whichever is right", () => {
  const both = withHeader(url, "authorization", goodAuthorization);
  const error = refusal(() => parse(both));
  assert.equal(error.code, "InvalidArgument");
  assert.equal(
    error.message,
    "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter or the Authorization header should be specified",
  );
  assert.equal(refusal(() => parse({ ...good, target: "/bucket/key?X-Amz-Security-Token=t" })).code, "InvalidArgument");
});

test("a hoisted parameter and a header of the same name must agree", () => {
  const target = presignTarget(
    { method: "PUT", target: "/b/k?x-amz-acl=private", headers: { host: "h", "x-amz-acl": "public-read" } },
    signer(),
    60,
  );
  assert.equal(
    refusal(() => parse(requestHead("PUT", target, { host: "h", "x-amz-acl": "public-read" }))).code,
    "InvalidArgument",
  );
  const twice = presignTarget(
    { method: "PUT", target: "/b/k?x-amz-acl=private&X-Amz-Acl=public-read", headers: { host: "h" } },
    signer(),
    60,
  );
  assert.equal(refusal(() => parse(requestHead("PUT", twice, { host: "h" }))).code, "InvalidArgument");
  const once = presignTarget({ method: "PUT", target: "/b/k?X-Amz-Acl=private", headers: { host: "h" } }, signer(), 60);
  authenticate(requestHead("PUT", once, { host: "h" }));
  assert.deepEqual(hoistedHeaders(once), { "x-amz-acl": "private" });
});

test("an unsigned trailer does not make a request unauthenticated (minio-snowball-unsigned-trailer, seaweed-streaming-unsigned-noerror)", () => {
  const head = signedHead("PUT", "/bucket/key", {
    payloadHash: "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
    headers: {
      "x-amz-decoded-content-length": "0",
      "x-amz-meta-snowball-auto-extract": "true",
    },
  });
  authenticate(head);
  const forged = withHeader(
    head,
    "authorization",
    String(head.headers.authorization).replace(/Signature=.{4}/, "Signature=0000"),
  );
  assert.equal(refusal(() => authenticate(forged)).code, "SignatureDoesNotMatch");
});

test("an anonymous request cannot open a body of signed chunks (seaweed-streaming-put-noauth)", () => {
  const head = requestHead("PUT", "/b/k", {
    host: "h",
    "x-amz-content-sha256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
    "x-amz-decoded-content-length": "1",
  });
  assert.equal(refusal(() => openBody({ head, claim: { kind: "anonymous" }, stream: inPieces("") })).code, "AccessDenied");
});

test("a body changed after signing is refused", async () => {
  const head = withHeader(
    signedHead("PUT", "/b/k", { payloadHash: sha256Hex("good"), headers: { "content-length": "4" } }),
    "content-length",
    "4",
  );
  const body = openBody({ head, claim: claimOf(head), signature: authenticate(head), stream: inPieces("evil") });
  await assert.rejects(collect(body), { code: "XAmzContentSHA256Mismatch" });
});

for (const sent of ["/b/a%2Fb", "/b/a%2fb", "/b/a/b"]) {
  test(`the path ${sent} may be signed with %2F as sent or as /`, () => {
    for (const signed of new Set([sent, sent.replace(/%2f/i, "/")])) {
      const head = { ...signedHead("GET", signed), target: sent };
      assert.equal(authenticate(head).amzDate, AMZ_DATE);
    }
  });
}

test("escapes are normalised, double encoding is not undone", () => {
  assert.equal(authenticate({ ...signedHead("GET", "/b/%C3%BC-%7E"), target: "/b/%c3%bc-~" }).amzDate, AMZ_DATE);
  assert.equal(refusal(() => authenticate({ ...signedHead("GET", "/b/%2520"), target: "/b/%20" })).code, "SignatureDoesNotMatch");
  assert.equal(refusal(() => authenticate({ ...signedHead("GET", "/b/a"), target: "/b/a%" })).code, "InvalidURI");
  assert.equal(authenticate(signedHead("GET", "/b/%FF%00")).amzDate, AMZ_DATE);
});

const OTHER_SERVICES: readonly (readonly [string, Service, (head: RequestHead) => RequestHead, string, RegExp])[] = (
  ["kms", "iam"] as const
).flatMap((service) => {
  const json = service === "kms";
  const incomplete = json ? "IncompleteSignatureException" : "IncompleteSignature";
  const refused = json ? "InvalidSignatureException" : "SignatureDoesNotMatch";
  const change = (from: string | RegExp, to: string) => (head: RequestHead) =>
    withHeader(head, "authorization", String(head.headers.authorization).replace(from, to));
  return [
    [
      "no signature",
      service,
      change(/, Signature=.*/, ""),
      incomplete,
      /^Authorization header requires 'Signature' parameter\. \(Hashed with SHA-256/,
    ],
    [
      "no date",
      service,
      (head) => withHeader(head, "x-amz-date", undefined),
      incomplete,
      /existence of either a 'X-Amz-Date' or a 'Date' header/,
    ],
    ["no words", service, change(/ .*/, " "), incomplete, /'Credential' parameter\. Authorization header requires 'Signature'/],
    [
      "Basic",
      service,
      (head) => withHeader(head, "authorization", "Basic x"),
      incomplete,
      /^Unsupported AWS 'algorithm': 'Basic'/,
    ],
    ["four parts", service, change("/aws4_request", ""), incomplete, /exactly 5 slash-delimited elements/],
    [
      "other service",
      service,
      change(`/${service}/`, "/s3/"),
      refused,
      new RegExp(`^Credential should be scoped to correct service: '${service}'\\.$`),
    ],
    ["other terminator", service, change("aws4_request", "x"), refused, /valid terminator: 'aws4_request'/],
    ["other day", service, change("/20130524/", "/20130523/"), refused, /'20130523' != '20130524', from '20130524T000000Z'\.$/],
    ["host unsigned", service, change("host;", ""), refused, /^'Host' or ':authority' must be a 'SignedHeader'/],
    [
      "target unsigned",
      service,
      (head) => withHeader(head, "x-amz-target", "TrentService.Decrypt2"),
      refused,
      json ? /./ : /'x-amz-target' must be/,
    ],
    [
      "wrong signature",
      service,
      change(/.$/, "g"),
      refused,
      /^The request signature we calculated does not match the signature you provided\. Check your AWS Secret Access Key/,
    ],
  ] satisfies readonly (readonly [string, Service, (head: RequestHead) => RequestHead, string, RegExp])[];
});

function serviceHead(service: string, body: string): RequestHead {
  const headers = { host: "h", "content-type": "x", ...(service === "kms" ? { "x-amz-target": "TrentService.Encrypt" } : {}) };
  return requestHead("POST", "/", signHeaders({ method: "POST", target: "/", headers }, signer(service), sha256Hex(body)));
}

for (const [name, service, change, code, message] of OTHER_SERVICES) {
  test(`${service}: refused: ${name}`, () => {
    const error = refusal(() => authenticate(change(serviceHead(service, "{}")), service, { bodySha256: sha256Hex("{}") }));
    assert.equal(error.code, code);
    assert.match(error.message, message);
  });
}

test("JSON and query services prove the body by its hash, and tell time in their words", () => {
  for (const service of ["kms", "iam", "sts", "coffer"] as const) {
    authenticate(serviceHead(service, "body"), service, { bodySha256: sha256Hex("body") });
    assert.match(
      refusal(() => authenticate(serviceHead(service, "body"), service, { bodySha256: sha256Hex("other") })).code,
      /Signature/,
    );
    assert.match(
      refusal(() => authenticate(serviceHead(service, ""), service, { nowMs: NOW_MS + 16 * MINUTE_MS })).message,
      /^Signature expired: 20130524T000000Z is now earlier than 20130524T000100Z \(20130524T001600Z - 15 min\.\)$/,
    );
    assert.match(
      refusal(() => authenticate(serviceHead(service, ""), service, { nowMs: NOW_MS - 16 * MINUTE_MS })).message,
      /^Signature not yet current/,
    );
  }
});

test("presigned GetCallerIdentity: no X-Amz-Expires means 15 minutes, the body is empty", () => {
  const unsigned = {
    method: "GET",
    target: "/?Action=GetCallerIdentity&Version=2011-06-15",
    headers: { host: "h", "x-k8s-aws-id": "cluster" },
  };
  const target = presignTarget(unsigned, signer("sts"), 60, sha256Hex(""));
  const head = requestHead("GET", target, unsigned.headers);
  authenticate(head, "sts", { bodySha256: sha256Hex("") });
  assert.match(refusal(() => authenticate(head, "sts", { nowMs: NOW_MS + 61_000 })).message, /^Signature expired/);
});

test("errors that need a directory speak each service's language", () => {
  assert.deepEqual(
    ["s3", "kms", "sts"].map((service) => unknownAccessKey(service as Service, "AKIA").code),
    ["InvalidAccessKeyId", "UnrecognizedClientException", "InvalidClientTokenId"],
  );
  assert.deepEqual(
    ["s3", "coffer", "iam"].map((service) => missingAuthentication(service as Service).code),
    ["AccessDenied", "MissingAuthenticationTokenException", "MissingAuthenticationToken"],
  );
  const error = wrongRegion({ kind: "header" }, "us-east-1", "eu-west-1");
  assert.equal(error.message, "The authorization header is malformed; the region 'us-east-1' is wrong; expecting 'eu-west-1'");
  assert.equal(error.detail.fields?.["Region"], "eu-west-1");
});
