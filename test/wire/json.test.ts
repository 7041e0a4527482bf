import assert from "node:assert/strict";
import { test } from "node:test";
import { ServiceError } from "../../src/lib/errors.js";
import { decodeAnswer, encodeRequest } from "../../src/wire/client-codec.js";
import { decodeInput, encodeError, encodeOutput } from "../../src/wire/codec.js";
import type { RoutedOperation } from "../../src/wire/contract.js";
import { route } from "../../src/wire/route.js";
import { headOf, parse } from "./sdk.js";

const IDS = { requestId: "R1", hostId: "H1" };

function decode(operation: string, body: string | Uint8Array, prefix = "TrentService"): Record<string, unknown> {
  const head = headOf("POST", "/", { "x-amz-target": `${prefix}.${operation}` });
  return decodeInput(route(head, { domains: ["localhost"] }) as RoutedOperation, head, Buffer.from(body as string)) as Record<
    string,
    unknown
  >;
}
const serialization = (error: unknown): boolean =>
  error instanceof ServiceError && error.code === "SerializationException" && error.detail.status === 400;
function messageOf(operation: string, input: object): string {
  try {
    decode(operation, JSON.stringify(input));
  } catch (error) {
    assert.ok(error instanceof ServiceError);
    return `${error.code}: ${error.message}`;
  }
  return "accepted";
}

test("members decode by shape; unknown ones vanish, null is absent, the last duplicate wins", () => {
  const input = decode(
    "Encrypt",
    `{"KeyId":"first","KeyId":"k","Plaintext":"AAEC","EncryptionContext":{"a":"1","__proto__":"p"},"GrantTokens":null,"DryRun":true,"Extra":{"x":[]}}`,
  );
  assert.deepEqual(Object.keys(input).sort(), ["DryRun", "EncryptionContext", "KeyId", "Plaintext"]);
  assert.deepEqual([input["KeyId"], Buffer.from(input["Plaintext"] as Uint8Array).toString("hex")], ["k", "000102"]);
  assert.deepEqual(Object.entries(input["EncryptionContext"] as object), [
    ["a", "1"],
    ["__proto__", "p"],
  ]);
  assert.deepEqual(decode("ListKeys", ""), {});
  assert.deepEqual(
    decode("ImportKeyMaterial", `{"KeyId":"k","ImportToken":"AA==","EncryptedKeyMaterial":"AA==","ValidTo":1.5}`)["ValidTo"],
    new Date(1500),
  );
});

test("what is not JSON, or not of the member's type, is SerializationException", () => {
  const bad = [
    "{",
    "nonsense",
    "[]",
    '"x"',
    "7",
    "null",
    `{"KeyId":7}`,
    `{"KeyId":{}}`,
    `{"KeyId":["k"]}`,
    `{"KeyId":"k","Plaintext":"%%%"}`,
    `{"KeyId":"k","Plaintext":"AAE"}`,
    `{"KeyId":"k","EncryptionContext":[]}`,
    `{"KeyId":"k","EncryptionContext":{"a":1}}`,
    `{"KeyId":"k","GrantTokens":"t"}`,
    `{"KeyId":"k","DryRun":"true"}`,
  ];
  for (const body of bad) assert.throws(() => decode("Encrypt", body), serialization, body);
  for (const body of [`{"NumberOfBytes":"8"}`, `{"NumberOfBytes":1e12}`, `{"NumberOfBytes":true}`])
    assert.throws(() => decode("GenerateRandom", body), serialization, body);
  assert.throws(() => decode("ListKeys", Buffer.from([0x7b, 0xff, 0x7d])), serialization);
});

test("deep nesting is refused, also inside unknown members; braces in strings do not count", () => {
  const nested = (depth: number): string => `{"X":${"[".repeat(depth - 1)}${"]".repeat(depth - 1)}}`;
  assert.deepEqual(decode("ListKeys", nested(32)), {});
  assert.throws(() => decode("ListKeys", nested(33)), serialization);
  assert.throws(() => decode("ListKeys", `{"X":${"[".repeat(500_000)}`), serialization);
  assert.deepEqual(decode("ListKeys", JSON.stringify({ X: `${"{[".repeat(100)}\\"{` })), {});
});

test("validation names every fault in AWS's words", () => {
  assert.equal(
    messageOf("DescribeKey", {}),
    "ValidationException: 1 validation error detected: Value null at 'keyId' failed to satisfy constraint: Member must not be null",
  );
  assert.equal(
    messageOf("GenerateRandom", { NumberOfBytes: 0 }),
    "ValidationException: 1 validation error detected: Value '0' at 'numberOfBytes' failed to satisfy constraint: Member must have value greater than or equal to 1",
  );
  assert.equal(
    messageOf("GenerateRandom", { NumberOfBytes: 1025 }),
    "ValidationException: 1 validation error detected: Value '1025' at 'numberOfBytes' failed to satisfy constraint: Member must have value less than or equal to 1024",
  );
  assert.equal(
    messageOf("Encrypt", { KeyId: "k", Plaintext: Buffer.alloc(4097).toString("base64") }),
    "ValidationException: 1 validation error detected: Value at 'plaintext' failed to satisfy constraint: Member must have length less than or equal to 4096",
  );
  assert.equal(
    messageOf("Encrypt", {}),
    "ValidationException: 2 validation errors detected: Value null at 'keyId' failed to satisfy constraint: Member must not be null; " +
      "Value null at 'plaintext' failed to satisfy constraint: Member must not be null",
  );
  assert.equal(
    messageOf("CreateKey", {
      Tags: [
        { TagKey: "a", TagValue: "b" },
        { TagKey: "", TagValue: "b" },
      ],
    }),
    "ValidationException: 1 validation error detected: Value '' at 'tags.2.member.tagKey' failed to satisfy constraint: Member must have length greater than or equal to 1",
  );
  assert.equal(
    messageOf("DeriveSharedSecret", { KeyId: "k", KeyAgreementAlgorithm: "X", PublicKey: "AA==" }),
    "ValidationException: 1 validation error detected: Value 'X' at 'keyAgreementAlgorithm' failed to satisfy constraint: Member must satisfy enum value set: [ECDH]",
  );
  assert.match(
    messageOf("CreateGrant", { KeyId: "k", GranteePrincipal: "arn:aws:iam::1:root", Operations: ["Decrypt", "Fly"] }),
    /Value 'Fly' at 'operations\.2\.member' failed .* enum value set: \[/,
  );
  assert.match(
    messageOf("CreateAlias", { AliasName: "a b", TargetKeyId: "k" }),
    /Value 'a b' at 'aliasName' failed to satisfy constraint: Member must satisfy regular expression pattern: \^\[a-zA-Z0-9:\/_-\]\+\$/,
  );
});

test("edges of lengths: 1 and 4096 bytes pass, 0 and 4097 do not", () => {
  const encrypt = (size: number): string =>
    messageOf("Encrypt", { KeyId: "k", Plaintext: Buffer.alloc(size).toString("base64") });
  assert.deepEqual([encrypt(1), encrypt(4096)], ["accepted", "accepted"]);
  assert.match(encrypt(0), /greater than or equal to 1/);
  assert.match(encrypt(4097), /less than or equal to 4096/);
});

test("answers: blobs in base64, times in epoch seconds, only members of the shape; no output, no body", () => {
  const created = new Date(1_700_000_000_123);
  const response = encodeOutput(
    "kms",
    "DescribeKey",
    { KeyMetadata: { KeyId: "k", CreationDate: created, Enabled: false, Description: undefined }, Extra: 1, $status: 299 },
    IDS,
  );
  assert.equal(
    Buffer.from(response.body as Uint8Array).toString(),
    '{"KeyMetadata":{"KeyId":"k","CreationDate":1700000000.123,"Enabled":false}}',
  );
  assert.deepEqual(
    [response.status, response.headers["content-type"], response.headers["x-amzn-requestid"]],
    [200, "application/x-amz-json-1.1", "R1"],
  );
  assert.equal(
    Buffer.from(
      encodeOutput("kms", "GenerateRandom", { Plaintext: new Uint8Array([0, 255]) }, IDS).body as Uint8Array,
    ).toString(),
    '{"Plaintext":"AP8="}',
  );
  assert.equal((encodeOutput("kms", "EnableKey", undefined, IDS).body as Uint8Array).length, 0);
  assert.equal(Buffer.from(encodeOutput("kms", "DeleteCustomKeyStore", {}, IDS).body as Uint8Array).toString(), "{}");
});

test("errors: the message is left out where AWS sends none, and the SDK names the exception", async () => {
  const bare = encodeError("kms", new ServiceError("InvalidCiphertextException", ""), { ...IDS, isHead: false });
  assert.deepEqual(
    [bare.status, Buffer.from(bare.body as Uint8Array).toString()],
    [400, '{"__type":"InvalidCiphertextException"}'],
  );
  const absent = encodeError("kms", new ServiceError("NotFoundException", "Invalid keyId 'x'"), { ...IDS, isHead: false });
  assert.equal(absent.status, 400);
  await assert.rejects(parse("kms", "DescribeKey", { KeyId: "x" }, absent), {
    name: "NotFoundException",
    message: "Invalid keyId 'x'",
  });
  assert.equal(encodeError("kms", new ServiceError("KeyUnavailableException", ""), { ...IDS, isHead: false }).status, 500);
});

test("Coffer's own verbs decode and encode by their table, like KMS", () => {
  const input = decode("InspectObject", '{"Bucket":"b","Key":"k","MaxParts":2,"Other":1}', "Coffer");
  assert.deepEqual(input, { Bucket: "b", Key: "k", MaxParts: 2 });
  const size = 2 ** 40 + 1;
  const output = { LastModified: new Date(2000), Size: size, Secret: "s", Segments: [{ PartNumber: 1, StoredSize: undefined }], $status: 201 };
  const response = encodeOutput("coffer", "InspectObject", output, IDS);
  const text = Buffer.from(response.body as Uint8Array).toString();
  assert.equal(text, `{"LastModified":2,"Size":${size},"Segments":[{"PartNumber":1}]}`);
  const answer = { status: 200, headers: response.headers, body: response.body as Uint8Array };
  assert.deepEqual(decodeAnswer("coffer", "InspectObject", answer), {
    LastModified: new Date(2000), Size: size, Segments: [{ PartNumber: 1 }],
  });
  assert.equal(encodeRequest("coffer", "InspectObject", input).headers["x-amz-target"], "Coffer.InspectObject");
});

test("Coffer's own verbs are validated in KMS's words", () => {
  const message = (operation: string, input: object): string => {
    try {
      decode(operation, JSON.stringify(input), "Coffer");
    } catch (error) {
      assert.ok(error instanceof ServiceError);
      return `${error.code}: ${error.message}`;
    }
    return "accepted";
  };
  assert.match(message("InspectObject", { Bucket: "b" }), /^ValidationException: 1 validation error detected: Value null at 'key'/);
  assert.match(message("InspectObject", { Bucket: "b", Key: "k", MaxParts: 1001 }), /'maxParts' .* less than or equal to 1000/);
  assert.match(message("LookupAuditEvents", { ObjectArn: "arn:aws:s3:::bucket" }), /'objectArn' .* regular expression/);
  assert.match(message("LookupAuditEvents", { StartTime: "yesterday" }), /^SerializationException: /);
  assert.equal(message("LookupAuditEvents", { ObjectArn: "arn:aws:s3:::b/a\nb", StartTime: 1.5, MaxResults: 1000 }), "accepted");
  assert.equal(message("LookupAuditEvents", {}), "accepted");
});
