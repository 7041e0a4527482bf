/** AWS's published SigV4 examples: documentation of S3, "Signature calculations for the authorization header" and its neighbours. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { openBody } from "../../src/wire/payload.js";
import { readPostClaim, verifyPostSignature } from "../../src/wire/post-policy.js";
import { signHeaders, presignTarget } from "../../src/wire/sign.js";
import { EMPTY_SHA256 } from "../../src/wire/sigv4.js";
import { AMZ_DATE, CREDENTIALS, authenticate, claimOf, collect, inPieces, refusal, requestHead, signer } from "./signing.js";

const CREDENTIAL = "AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request";
const authorization = (signedHeaders: string, signature: string): string =>
  `AWS4-HMAC-SHA256 Credential=${CREDENTIAL},SignedHeaders=${signedHeaders},Signature=${signature}`;
const HOST = { Host: "examplebucket.s3.amazonaws.com" };

const EXAMPLES = [
  {
    name: "GET object",
    method: "GET",
    target: "/test.txt",
    headers: { ...HOST, Range: "bytes=0-9", "x-amz-content-sha256": EMPTY_SHA256, "x-amz-date": AMZ_DATE },
    signed: "host;range;x-amz-content-sha256;x-amz-date",
    signature: "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
  },
  {
    name: "PUT object",
    method: "PUT",
    target: "/test$file.text",
    headers: {
      ...HOST,
      Date: "Fri, 24 May 2013 00:00:00 GMT",
      "x-amz-date": AMZ_DATE,
      "x-amz-storage-class": "REDUCED_REDUNDANCY",
      "x-amz-content-sha256": "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
    },
    signed: "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
    signature: "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
  },
  {
    name: "GET bucket lifecycle",
    method: "GET",
    target: "/?lifecycle",
    headers: { ...HOST, "x-amz-date": AMZ_DATE, "x-amz-content-sha256": EMPTY_SHA256 },
    signed: "host;x-amz-content-sha256;x-amz-date",
    signature: "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
  },
  {
    name: "list objects",
    method: "GET",
    target: "/?max-keys=2&prefix=J",
    headers: { ...HOST, "x-amz-date": AMZ_DATE, "x-amz-content-sha256": EMPTY_SHA256 },
    signed: "host;x-amz-content-sha256;x-amz-date",
    signature: "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
  },
];

for (const { name, method, target, headers, signed, signature } of EXAMPLES) {
  test(`published example: ${name} verifies, and a changed signature does not`, () => {
    const proven = authenticate(requestHead(method, target, { ...headers, Authorization: authorization(signed, signature) }));
    assert.equal(proven.signature, signature);
    const forged = signature.replace(/.$/, (digit) => (digit === "0" ? "1" : "0"));
    const error = refusal(() =>
      authenticate(requestHead(method, target, { ...headers, Authorization: authorization(signed, forged) })),
    );
    assert.equal(error.code, "SignatureDoesNotMatch");
    assert.equal(error.detail.status, 403);
  });
}

test("our signer produces the published GET signature", () => {
  const headers = signHeaders(
    { method: "GET", target: "/test.txt", headers: { host: HOST.Host, range: "bytes=0-9" } },
    signer(),
    EMPTY_SHA256,
  );
  assert.match(headers["authorization"] ?? "", /Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41$/);
});

const PRESIGNED =
  "/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request" +
  "&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host" +
  "&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404";

test("published example: presigned URL verifies, and our presigner produces it", () => {
  assert.equal(
    authenticate(requestHead("GET", PRESIGNED, HOST)).signature,
    "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404",
  );
  assert.equal(presignTarget({ method: "GET", target: "/test.txt", headers: { host: HOST.Host } }, signer(), 86_400), PRESIGNED);
});

const chunked = (parts: readonly (readonly [size: number, signature: string])[]): Buffer =>
  Buffer.concat(
    parts.map(([size, signature]) =>
      Buffer.from(`${size.toString(16)};chunk-signature=${signature}\r\n${"a".repeat(size)}${size > 0 ? "\r\n" : ""}`),
    ),
  );

const STREAM_HEADERS = {
  Host: "s3.amazonaws.com",
  "x-amz-date": AMZ_DATE,
  "x-amz-storage-class": "REDUCED_REDUNDANCY",
  "Content-Encoding": "aws-chunked",
  "x-amz-decoded-content-length": "66560",
};

for (const pieceBytes of [1, 7, 65_536, 1_000_000]) {
  test(`published example: chunked upload of 66560 bytes, arriving in pieces of ${pieceBytes}`, async () => {
    const head = requestHead("PUT", "/examplebucket/chunkObject.txt", {
      ...STREAM_HEADERS,
      "Content-Length": "66824",
      "x-amz-content-sha256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
      Authorization: authorization(
        "content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;" +
          "x-amz-storage-class",
        "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
      ),
    });
    const wire = Buffer.concat([
      chunked([
        [65_536, "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648"],
        [1024, "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497"],
        [0, "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9"],
      ]),
      Buffer.from("\r\n"),
    ]);
    assert.equal(wire.length, 66_824);
    const body = openBody({ head, claim: claimOf(head), signature: authenticate(head), stream: inPieces(wire, pieceBytes) });
    assert.equal((await collect(body)).toString(), "a".repeat(66_560));
    assert.equal(body.result().sizeBytes, 66_560);
  });
}

for (const eol of ["\r\n", "\n\r\n"]) {
  test(`published example: chunked upload with a signed CRC32C trailer, lines ending in ${JSON.stringify(eol)}`, async () => {
    const head = requestHead("PUT", "/examplebucket/chunkObject.txt", {
      ...STREAM_HEADERS,
      "x-amz-trailer": "x-amz-checksum-crc32c",
      "x-amz-content-sha256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
      Authorization: authorization(
        "content-encoding;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class;" +
          "x-amz-trailer",
        "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e",
      ),
    });
    const wire = Buffer.concat([
      chunked([
        [65_536, "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2"],
        [1024, "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7"],
        [0, "2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992"],
      ]),
      Buffer.from(
        `x-amz-checksum-crc32c:sOO8/Q==${eol}` +
          "x-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n\r\n",
      ),
    ]);
    const body = openBody({ head, claim: claimOf(head), signature: authenticate(head), stream: inPieces(wire, 1000) });
    assert.equal(body.claimedAlgorithm, "CRC32C");
    assert.equal((await collect(body)).length, 66_560);
    assert.equal(body.result().digests.get("CRC32C")?.toString("base64"), "sOO8/Q==");
  });
}

test("published example: POST policy signature", () => {
  const policy =
    "eyAiZXhwaXJhdGlvbiI6ICIyMDE1LTEyLTMwVDEyOjAwOjAwLjAwMFoiLA0KICAiY29uZGl0aW9ucyI6IFsNCiAgICB7ImJ1Y2tldCI6ICJzaWd2NGV4YW1wbGVi" +
    "dWNrZXQifSwNCiAgICBbInN0YXJ0cy13aXRoIiwgIiRrZXkiLCAidXNlci91c2VyMS8iXSwNCiAgICB7ImFjbCI6ICJwdWJsaWMtcmVhZCJ9LA0KICAgIHsic3VjY2Vzc19h" +
    "Y3Rpb25fcmVkaXJlY3QiOiAiaHR0cDovL3NpZ3Y0ZXhhbXBsZWJ1Y2tldC5zMy5hbWF6b25hd3MuY29tL3N1Y2Nlc3NmdWxfdXBsb2FkLmh0bWwifSwNCiAgICBbInN0YXJ0" +
    "cy13aXRoIiwgIiRDb250ZW50LVR5cGUiLCAiaW1hZ2UvIl0sDQogICAgeyJ4LWFtei1tZXRhLXV1aWQiOiAiMTQzNjUxMjM2NTEyNzQifSwNCiAgICB7IngtYW16LXNlcnZl" +
    "ci1zaWRlLWVuY3J5cHRpb24iOiAiQUVTMjU2In0sDQogICAgWyJzdGFydHMtd2l0aCIsICIkeC1hbXotbWV0YS10YWciLCAiIl0sDQoNCiAgICB7IngtYW16LWNyZWRlbnRp" +
    "YWwiOiAiQUtJQUlPU0ZPRE5ON0VYQU1QTEUvMjAxNTEyMjkvdXMtZWFzdC0xL3MzL2F3czRfcmVxdWVzdCJ9LA0KICAgIHsieC1hbXotYWxnb3JpdGhtIjogIkFXUzQtSE1B" +
    "Qy1TSEEyNTYifSwNCiAgICB7IngtYW16LWRhdGUiOiAiMjAxNTEyMjlUMDAwMDAwWiIgfQ0KICBdDQp9";
  const claim = readPostClaim(
    new Map(
      Object.entries({
        policy,
        "x-amz-algorithm": "AWS4-HMAC-SHA256",
        "x-amz-credential": "AKIAIOSFODNN7EXAMPLE/20151229/us-east-1/s3/aws4_request",
        "x-amz-date": "20151229T000000Z",
        "x-amz-signature": "8afdbf4008c03f22c2cd3cdb72e4afbb1f6a588f3255ac628749a66d7f09699e",
      }),
    ),
  );
  assert.equal(claim.kind, "post");
  if (claim.kind === "post") {
    verifyPostSignature(claim, CREDENTIALS.secretAccessKey);
    assert.equal(refusal(() => verifyPostSignature(claim, "another")).code, "SignatureDoesNotMatch");
  }
});
