import assert from "node:assert/strict";
import { test } from "node:test";
import { cpuMs } from "../cpu-time.js";
import { ServiceError } from "../../src/lib/errors.js";
import type { Routed, RoutedForm, RoutedOperation } from "../../src/wire/contract.js";
import { errorServiceOf, route, routeForm } from "../../src/wire/route.js";
import { headOf } from "./sdk.js";

const CONFIG = { domains: ["localhost", "s3.example.org", "example.org"] };
const at = (method: string, target: string, headers: Record<string, string> = {}): Routed =>
  route(headOf(method, target, headers), CONFIG);
const operation = (method: string, target: string, headers: Record<string, string> = {}): RoutedOperation => {
  const routed = at(method, target, headers);
  assert.equal(routed.kind, "operation");
  return routed as RoutedOperation;
};
const named = (method: string, target: string, headers: Record<string, string> = {}): string =>
  operation(method, target, headers).operation;
const refused =
  (code: string, fields?: object) =>
  (error: unknown): boolean => {
    assert.ok(error instanceof ServiceError);
    assert.equal(error.code, code);
    if (fields !== undefined) assert.deepEqual(error.detail.fields, fields);
    return true;
  };

test("path style: bucket and key come from the path, byte-exact", () => {
  const cases: [string, string | undefined, string | undefined][] = [
    ["/", undefined, undefined],
    ["/b", "b", undefined],
    ["/b/", "b", undefined],
    ["/b/k", "b", "k"],
    ["/b//k", "b", "/k"],
    ["/b/a//b/", "b", "a//b/"],
    ["/b/.", "b", "."],
    ["/b/..", "b", ".."],
    ["/b/../x", "b", "../x"],
    ["/b/%2e%2E%2fx", "b", "../x"],
    ["/b/a+b", "b", "a+b"],
    ["/b/a%2Bb%20c", "b", "a+b c"],
    ["/b/%00%01%7f", "b", "\u0000\u0001\u007f"],
    ["/b/%F0%9F%98%80", "b", "😀"],
    ["/b/e%CC%81", "b", "e\u0301"],
    ["/b/%C3%A9", "b", "\u00e9"],
    ["/b/%EF%BB%BFx", "b", "\ufeffx"],
    ["/b/%EF%BF%BE", "b", "\ufffe"],
    ["/b/a%252Fb", "b", "a%2Fb"],
    ["/b/x\\y", "b", "x\\y"],
  ];
  for (const [target, bucket, key] of cases) {
    const routed = operation("GET", target);
    assert.deepEqual([routed.bucket, routed.key], [bucket, key], target);
  }
});

test("raw UTF-8 bytes in the target are taken for what they are", () => {
  const raw = Buffer.from("/b/é😀", "utf8").toString("latin1");
  assert.equal(operation("GET", raw).key, "é😀");
});

test("broken percent sequences and bytes that are not UTF-8 are InvalidURI", () => {
  for (const target of [
    "/b/%",
    "/b/%4",
    "/b/%zz",
    "/b/%ff",
    "/b/%C3",
    "/b/%ED%A0%80",
    "/b/%C0%AF",
    "/b/%F8%88%80%80%80",
    "/b?prefix=%ff",
    "/b?%zz",
    "b",
    "/%ff/k",
  ]) {
    assert.throws(() => at("GET", target), refused("InvalidURI"), target);
  }
});

test("a missing bucket before a key is InvalidBucketName", () => {
  assert.throws(() => at("GET", "//k"), refused("InvalidBucketName"));
});

test("virtual-host style: sub-domains of AWS's and of our own names are buckets", () => {
  const cases: [string, string | undefined][] = [
    ["bucket.s3.amazonaws.com", "bucket"],
    ["bucket.s3.amazonaws.com:9000", "bucket"],
    ["BUCKET.S3.AMAZONAWS.COM", "bucket"],
    ["bucket.s3.eu-central-1.amazonaws.com", "bucket"],
    ["bucket.s3-us-west-2.amazonaws.com", "bucket"],
    ["bucket.s3.dualstack.us-gov-west-1.amazonaws.com", "bucket"],
    ["my.dotted.bucket.s3.us-east-1.amazonaws.com", "my.dotted.bucket"],
    ["a.s3.b.s3.amazonaws.com", "a.s3.b"],
    ["bucket.localhost:9000", "bucket"],
    ["bucket.localhost.", "bucket"],
    ["a.b.localhost", "a.b"],
    ["bucket.s3.example.org", "bucket"],
    ["bucket.example.org", "bucket"],
    ["s3.amazonaws.com", undefined],
    ["s3.eu-central-1.amazonaws.com", undefined],
    ["kms.us-east-1.amazonaws.com", undefined],
    ["localhost:9000", undefined],
    ["s3.localhost", undefined],
    ["s3.example.org", undefined],
    ["unknown.test", undefined],
    ["127.0.0.1:9000", undefined],
    ["10.0.0.7", undefined],
    ["[::1]:9000", undefined],
    ["[fe80::1]", undefined],
  ];
  for (const [host, bucket] of cases) {
    const routed = operation("GET", "/some/key", { host });
    assert.deepEqual(
      [routed.bucket, routed.key, routed.style],
      bucket === undefined ? ["some", "key", "path"] : [bucket, "some/key", "virtual"],
      host,
    );
  }
  assert.equal(named("GET", "/", { host: "bucket.localhost" }), "ListObjects");
  assert.equal(named("GET", "/", { host: "localhost" }), "ListBuckets");
  assert.equal(operation("GET", "//k", { host: "bucket.localhost" }).key, "/k");
});

test("a host that is too long to be a name is path style, and takes no time", () => {
  const started = cpuMs();
  assert.equal(operation("GET", "/b", { host: `${".s3-aa".repeat(2500)}.amazonaws.com` }).style, "path");
  assert.ok(cpuMs() - started < 100);
});

test("an absolute-form target must name the host of the Host header, which is the one that is signed", () => {
  const target = "http://bucket.localhost:9000/k?versionId=v";
  const routed = operation("GET", target, { host: "BUCKET.localhost:9000" });
  assert.deepEqual([routed.bucket, routed.key, routed.query.get("versionId")], ["bucket", "k", ["v"]]);
  for (const host of ["other.localhost:9000", "bucket.localhost", "other.localhost", ""]) {
    assert.throws(() => operation("GET", target, { host }), { code: "InvalidURI" }, host);
  }
  assert.throws(() => operation("GET", target, {}), { code: "InvalidURI" });
  assert.throws(() => operation("GET", "http://user@bucket.localhost/k", { host: "bucket.localhost" }), { code: "InvalidURI" });
  assert.equal(operation("GET", "http://bucket.localhost:80/k", { host: "bucket.localhost" }).key, "k");
});

test("PUT on a key: put, copy, part, part copy are told apart", () => {
  assert.equal(named("PUT", "/b/k"), "PutObject");
  assert.equal(named("PUT", "/b/k?x-id=GetObject"), "PutObject");
  assert.equal(named("PUT", "/b/k", { "x-amz-copy-source": "/b/x" }), "CopyObject");
  assert.equal(named("PUT", "/b/k", { "x-amz-copy-source": "" }), "CopyObject");
  assert.equal(named("PUT", "/b/k?partNumber=1&uploadId=u"), "UploadPart");
  assert.equal(named("PUT", "/b/k?partNumber=1&uploadId=u", { "x-amz-copy-source": "/b/x" }), "UploadPartCopy");
  assert.equal(named("POST", "/b/k?uploads"), "CreateMultipartUpload");
  assert.equal(named("POST", "/b/k?uploads="), "CreateMultipartUpload");
  assert.equal(named("POST", "/b/k?uploadId=u"), "CompleteMultipartUpload");
  assert.equal(named("DELETE", "/b/k?uploadId=u"), "AbortMultipartUpload");
  assert.equal(named("GET", "/b/k?uploadId=u"), "ListParts");
  assert.equal(named("GET", "/b/k?partNumber=2"), "GetObject");
  assert.equal(named("DELETE", "/b/k?versionId=v"), "DeleteObject");
});

test("a copy source hoisted into a presigned query counts as the header, and only there", () => {
  assert.equal(named("PUT", "/b/k?X-Amz-Signature=s&x-amz-copy-source=%2Fb%2Fx"), "CopyObject");
  assert.equal(named("PUT", "/b/k?x-amz-copy-source=%2Fb%2Fx"), "PutObject");
});

test("parameters that would be lost are refused: half a part, a version on a write", () => {
  assert.throws(
    () => at("PUT", "/b/k?partNumber=1"),
    refused("InvalidArgument", { ArgumentName: "partNumber", ArgumentValue: "1" }),
  );
  assert.throws(() => at("PUT", "/b/k?uploadId=u"), refused("InvalidArgument", { ArgumentName: "uploadId", ArgumentValue: "u" }));
  assert.throws(
    () => at("PUT", "/b/k?versionId=v"),
    refused("InvalidArgument", { ArgumentName: "versionId", ArgumentValue: "v" }),
  );
  assert.throws(() => at("POST", "/b/k?uploads&versionId=v"), refused("InvalidArgument"));
  assert.equal(named("PUT", "/b/k?tagging&versionId=v"), "PutObjectTagging");
  assert.equal(named("PUT", "/b/k?encryption&versionId=v"), "UpdateObjectEncryption");
});

test("bucket lists and sub-resources are told apart by their literals and the id", () => {
  assert.equal(named("GET", "/b?list-type=2"), "ListObjectsV2");
  assert.equal(named("GET", "/b?list-type=1"), "ListObjects");
  assert.equal(named("GET", "/b?versions&prefix=a"), "ListObjectVersions");
  assert.equal(named("GET", "/b?uploads"), "ListMultipartUploads");
  assert.equal(named("GET", "/b?inventory"), "ListBucketInventoryConfigurations");
  assert.equal(named("GET", "/b?inventory&id=x"), "GetBucketInventoryConfiguration");
  assert.equal(named("GET", "/b?unknown=1"), "ListObjects");
  assert.equal(named("POST", "/b?delete"), "DeleteObjects");
  assert.equal(named("GET", "/?x-id=ListDirectoryBuckets"), "ListDirectoryBuckets");
  assert.equal(named("POST", "/WriteGetObjectResponse", { "x-amz-request-route": "r" }), "WriteGetObjectResponse");
});

test("deprecated pairs fold into the modern operations", () => {
  assert.equal(named("GET", "/b?lifecycle"), "GetBucketLifecycleConfiguration");
  assert.equal(named("PUT", "/b?lifecycle"), "PutBucketLifecycleConfiguration");
  assert.equal(named("GET", "/b?notification"), "GetBucketNotificationConfiguration");
  assert.equal(named("PUT", "/b?notification"), "PutBucketNotificationConfiguration");
});

test("a sub-resource that the method does not know is refused, never ignored", () => {
  const cases: [string, string, string][] = [
    ["DELETE", "/b?acl", "ACL"],
    ["DELETE", "/b?versioning", "VERSIONING"],
    ["PUT", "/b?location", "LOCATION"],
    ["DELETE", "/b/k?acl", "ACL"],
    ["DELETE", "/b/k?uploads", "UPLOADS"],
    ["PUT", "/b/k?policy", "POLICY"],
    ["PUT", "/b/k?torrent", "TORRENT"],
    ["POST", "/b?acl", "ACL"],
    ["DELETE", "/b?delete", "DELETE"],
    ["GET", "/b/k?delete", "DELETE"],
    ["PUT", "/?acl", "ACL"],
  ];
  for (const [method, target, ResourceType] of cases) {
    assert.throws(() => at(method, target), refused("MethodNotAllowed", { Method: method, ResourceType }), `${method} ${target}`);
  }
});

test("methods without an operation are MethodNotAllowed with the resource", () => {
  assert.throws(() => at("PUT", "/"), refused("MethodNotAllowed", { Method: "PUT", ResourceType: "SERVICE" }));
  assert.throws(() => at("POST", "/b/k"), refused("MethodNotAllowed", { Method: "POST", ResourceType: "OBJECT" }));
  assert.throws(() => at("PATCH", "/b"), refused("MethodNotAllowed", { Method: "PATCH", ResourceType: "BUCKET" }));
  assert.throws(() => at("get", "/b"), refused("MethodNotAllowed"));
});

test("two sub-resources at once conflict", () => {
  assert.throws(
    () => at("GET", "/b?policy&acl"),
    (error: unknown) => {
      assert.ok(error instanceof ServiceError);
      assert.equal(error.message, "Conflicting query string parameters: acl, policy");
      return error.code === "InvalidArgument";
    },
  );
});

test("a form posted to a bucket is PostObject; other posts are refused as AWS does", () => {
  const multipart = { "content-type": "multipart/form-data; boundary=x" };
  assert.equal(named("POST", "/b", multipart), "PostObject");
  assert.equal(named("POST", "/b/", multipart), "PostObject");
  assert.equal(named("POST", "/", { ...multipart, host: "b.localhost" }), "PostObject");
  assert.throws(() => at("POST", "/b", { "content-type": "text/plain" }), refused("PreconditionFailed"));
  assert.throws(
    () => at("POST", "/", { "content-type": "application/x-www-form-urlencoded", "host": "b.localhost" }),
    refused("PreconditionFailed"),
  );
});

test("OPTIONS is a preflight on bucket and key", () => {
  const routed = at("OPTIONS", "/b/k");
  assert.equal(routed.kind, "preflight");
  assert.ok(routed.kind === "preflight" && routed.bucket === "b" && routed.key === "k");
});

test("operational paths exist on service hosts only", () => {
  assert.equal(at("GET", "/-/live").kind, "operational");
  assert.equal(at("GET", "/-/live", { host: "127.0.0.1:9000" }).kind, "operational");
  const routed = operation("GET", "/-/live", { host: "bucket.localhost" });
  assert.deepEqual([routed.bucket, routed.key], ["bucket", "-/live"]);
});

test("S3 Control needs its path and an account id; the bucket names stay legal", () => {
  const arn = "arn%3Aaws%3As3%3A%3A%3Ab";
  const byHeader = operation("GET", `/v20180820/tags/${arn}`, { "x-amz-account-id": "123456789012" });
  assert.deepEqual(
    [byHeader.service, byHeader.operation, byHeader.accountId, byHeader.labels],
    ["s3-control", "ListTagsForResource", "123456789012", { ResourceArn: "arn:aws:s3:::b" }],
  );
  const byHost = operation("DELETE", `/v20180820/tags/${arn}?tagKeys=a`, { host: "123456789012.localhost:9000" });
  assert.deepEqual([byHost.service, byHost.operation, byHost.accountId], ["s3-control", "UntagResource", "123456789012"]);
  assert.equal(
    operation("GET", "/v20180820/tags/x", { host: "123456789012.s3-control.us-east-1.amazonaws.com" }).service,
    "s3-control",
  );
  assert.deepEqual(
    [operation("GET", "/v20180820/tags/x").service, operation("GET", "/v20180820/tags/x").bucket],
    ["s3", "v20180820"],
  );
  assert.equal(operation("GET", "/k", { host: "123456789012.localhost" }).bucket, "123456789012");
  assert.equal(
    operation("GET", "/v20180820/x", { host: "bucket.localhost", "x-amz-account-id": "123456789012" }).bucket,
    "bucket",
  );
  assert.throws(() => at("PATCH", `/v20180820/tags/${arn}`, { "x-amz-account-id": "123456789012" }), refused("MethodNotAllowed"));
});

test("KMS and Coffer's verbs are told by X-Amz-Target", () => {
  assert.deepEqual(
    [
      operation("POST", "/", { "x-amz-target": "TrentService.Encrypt" }).service,
      named("POST", "/", { "x-amz-target": "TrentService.Encrypt" }),
    ],
    ["kms", "Encrypt"],
  );
  assert.equal(operation("POST", "/", { "x-amz-target": "Coffer.InspectObject" }).service, "coffer");
  for (const target of [
    "TrentService.Nope",
    "TrentService.",
    "TrentService.__proto__",
    "TrentService.constructor",
    "Other.Encrypt",
    "Coffer.../x",
    "Coffer.Nope",
    "Coffer.__proto__",
  ]) {
    assert.throws(() => at("POST", "/", { "x-amz-target": target }), refused("UnknownOperationException"), target);
  }
});

test("IAM and STS are told by Version, else by the credential scope", () => {
  const head = { "content-type": "application/x-www-form-urlencoded; charset=utf-8" };
  const form = at("POST", "/", head) as RoutedForm;
  assert.equal(form.kind, "form");
  const call = (body: string, scope?: string): string => {
    const found = routeForm(form, Buffer.from(body), scope);
    return `${found.service}:${found.operation}`;
  };
  assert.equal(call("Action=CreateUser&Version=2010-05-08&UserName=x"), "iam:CreateUser");
  assert.equal(call("Action=GetCallerIdentity&Version=2011-06-15", "iam"), "sts:GetCallerIdentity");
  assert.throws(() => call("Version=2010-05-08"), refused("MissingAction"));
  assert.throws(() => call("Action=CreateUser&Version=2011-06-15"), refused("InvalidAction"));
  assert.throws(() => call("Action=__proto__&Version=2010-05-08"), refused("InvalidAction"));
  assert.throws(
    () => call("Action=CreateUser", "iam"),
    (error: unknown) =>
      error instanceof ServiceError && error.message === "Could not find operation CreateUser for version NO_VERSION_SPECIFIED",
  );
  assert.throws(() => call("Action=%zz"), refused("MalformedInput"));
  const found = routeForm(form, Buffer.from("Action=CreateUser&Version=2010-05-08&UserName=a%2Bb+c&UserName=second"), "iam");
  assert.equal(found.form?.get("UserName"), "a+b c");
});

test("GET / with an Action is the query protocol, as presigned GetCallerIdentity uses it", () => {
  const routed = operation("GET", "/?Action=GetCallerIdentity&Version=2011-06-15");
  assert.deepEqual([routed.service, routed.operation], ["sts", "GetCallerIdentity"]);
});

test("routing errors are answered in the service's own form", () => {
  const scoped = (service: string): string =>
    `AWS4-HMAC-SHA256 Credential=AKIA/20260101/us-east-1/${service}/aws4_request, SignedHeaders=host, Signature=0`;
  assert.equal(errorServiceOf(headOf("POST", "/", { "x-amz-target": "TrentService.Nope" })), "kms");
  assert.equal(errorServiceOf(headOf("POST", "/", { authorization: scoped("iam") })), "iam");
  assert.equal(errorServiceOf(headOf("POST", "/", { authorization: scoped("sts") })), "sts");
  assert.equal(errorServiceOf(headOf("GET", "/%zz")), "s3");
  assert.equal(errorServiceOf(headOf("GET", "/?X-Amz-Credential=AKIA%2F20260101%2Fus-east-1%2Fsts%2Faws4_request")), "sts");
  assert.equal(errorServiceOf(headOf("POST", "/", { "content-type": "application/x-www-form-urlencoded" })), "sts");
  assert.equal(errorServiceOf(headOf("POST", "/", { "x-amz-target": "Other.Thing" })), "kms");
});

test("too many query parameters are refused", () => {
  const query = (count: number): string => Array.from({ length: count }, (_, index) => `a${index}`).join("&");
  assert.equal(named("GET", `/b?${query(1000)}`), "ListObjects");
  assert.throws(() => at("GET", `/b?${query(1001)}`), refused("InvalidURI"));
});
