/** Bodies that verify themselves: lengths, framings, hashes, checksums, trailers (attack rows A.2). */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { ServiceError } from "../../src/lib/errors.js";
import { CHECKSUM_ALGORITHMS, checksum, checksumHeader } from "../../src/wire/checksums.js";
import { openBody, storedContentEncoding, type OpenBodyOptions } from "../../src/wire/payload.js";
import { sha256Hex } from "../../src/wire/sign.js";
import { ALGORITHM, EMPTY_SHA256, scopeText, signatureOf, type VerifiedSignature } from "../../src/wire/sigv4.js";
import { readHashedBody, readSmallBody } from "../../src/wire/small-body.js";
import type { RequestBody } from "../../src/wire/body.js";
import { authenticate, claimOf, collect, inPieces, refusal, rejection, requestHead, signedHead } from "./signing.js";

interface Sent {
  readonly headers?: Record<string, string>;
  readonly payloadHash?: string;
  /** Bytes on the wire, given the proven seed. */
  readonly wire: string | Buffer | ((seed: VerifiedSignature) => string | Buffer);
  readonly pieceBytes?: number;
  readonly options?: Partial<OpenBodyOptions>;
}

function open({ headers = {}, payloadHash = "UNSIGNED-PAYLOAD", wire, pieceBytes = 1000, options = {} }: Sent): RequestBody {
  const head = signedHead("PUT", "/b/k", { headers, payloadHash });
  const signature = authenticate(head);
  const bytes = typeof wire === "function" ? wire(signature) : wire;
  return openBody({ head, claim: claimOf(head), signature, stream: inPieces(bytes, pieceBytes), ...options });
}

const plain = (
  wire: string | Buffer,
  headers: Record<string, string> = {},
  options: Partial<OpenBodyOptions> = {},
): RequestBody => open({ wire, headers: { "content-length": String(Buffer.byteLength(wire)), ...headers }, options });
const md5 = (text: string): string => createHash("md5").update(text).digest("base64");
const failure = (body: RequestBody): Promise<ServiceError> => rejection(() => collect(body));

test("a plain body: bytes, size, digests asked for", async () => {
  const body = plain("hello");
  assert.equal(body.declaredSizeBytes, 5);
  body.compute("MD5");
  body.compute("MD5");
  body.compute("CRC64NVME");
  assert.throws(() => body.result());
  assert.equal((await collect(body)).toString(), "hello");
  assert.equal(body.result().digests.get("MD5")?.toString("base64"), md5("hello"));
  assert.deepEqual(body.result().digests.get("CRC64NVME"), await checksum("CRC64NVME", Buffer.from("hello")));
  await assert.rejects(collect(body), /read once/);
});

test("100 Continue is asked for at the first pull, once, and not when the head is already wrong", async () => {
  let asked = 0;
  const onStart = (): void => void asked++;
  const body = plain("hello", {}, { onStart });
  assert.equal(asked, 0);
  await collect(body);
  assert.equal(asked, 1);
  refusal(() => plain("hello", { "content-md5": "nonsense" }, { onStart }));
  assert.equal(asked, 1);
});

test("pieces are at most 1 MiB", async () => {
  const bytes = Buffer.alloc(3 * 1024 * 1024 + 1, 7);
  const body = open({ wire: bytes, headers: { "content-length": String(bytes.length) }, pieceBytes: bytes.length });
  const sizes: number[] = [];
  for await (const piece of body) sizes.push(piece.length);
  assert.deepEqual(sizes, [1048576, 1048576, 1048576, 1]);
});

test("no length: 411; Transfer-Encoding without aws-chunked: 501; beyond the limit: EntityTooLarge", () => {
  const missing = refusal(() => open({ wire: "x" }));
  assert.deepEqual(
    [missing.code, missing.detail.status, missing.message],
    ["MissingContentLength", 411, "You must provide the Content-Length HTTP header."],
  );
  const te = refusal(() => open({ wire: "x", headers: { "transfer-encoding": "chunked" } }));
  assert.deepEqual([te.code, te.detail.status, te.detail.fields?.["Header"]], ["NotImplemented", 501, "Transfer-Encoding"]);
  const large = refusal(() => open({ wire: "", headers: { "content-length": String(5 * 1024 ** 3 + 1) } }));
  assert.deepEqual(
    [large.code, large.detail.fields],
    ["EntityTooLarge", { ProposedSize: "5368709121", MaxSizeAllowed: "5368709120" }],
  );
  assert.equal(open({ wire: "", headers: { "content-length": String(5 * 1024 ** 3) } }).declaredSizeBytes, 5 * 1024 ** 3);
  assert.equal(refusal(() => open({ wire: "x", headers: { "content-length": "-1" } })).code, "InvalidArgument");
});

test("fewer or more bytes than declared: IncompleteBody", async () => {
  assert.equal((await failure(open({ wire: "abc", headers: { "content-length": "4" } }))).code, "IncompleteBody");
  assert.equal((await failure(open({ wire: "abcde", headers: { "content-length": "4" } }))).code, "IncompleteBody");
});

test("a connection that breaks: IncompleteBody with its cause", async () => {
  async function* broken(): AsyncGenerator<Buffer> {
    yield Buffer.from("ab");
    throw new Error("aborted");
  }
  const error = await failure(plain("abcd", {}, { stream: broken() }));
  assert.equal(error.code, "IncompleteBody");
  assert.equal(error.message, "The request body terminated unexpectedly");
  assert.match(String(error.detail.cause), /aborted/);
});

test("the payload hash is compared; a mismatch names both", async () => {
  assert.equal(
    (await collect(open({ wire: "x", payloadHash: sha256Hex("x"), headers: { "content-length": "1" } }))).toString(),
    "x",
  );
  const error = await failure(open({ wire: "y", payloadHash: sha256Hex("x"), headers: { "content-length": "1" } }));
  assert.equal(error.code, "XAmzContentSHA256Mismatch");
  assert.deepEqual(error.detail.fields, { ClientComputedContentSHA256: sha256Hex("x"), S3ComputedContentSHA256: sha256Hex("y") });
});

test("Content-MD5: right, wrong, malformed, empty", async () => {
  await collect(plain("x", { "content-md5": md5("x") }));
  const wrong = await failure(plain("x", { "content-md5": md5("y") }));
  assert.equal(wrong.code, "BadDigest");
  assert.equal(wrong.message, "The Content-MD5 you specified did not match what we received.");
  assert.deepEqual(wrong.detail.fields, { ExpectedDigest: md5("y"), CalculatedDigest: md5("x") });
  for (const value of ["", "YWJj", `${md5("x")}=`, md5("x").slice(0, -2), createHash("md5").update("x").digest("hex")]) {
    const error = refusal(() => plain("x", { "content-md5": value }));
    assert.deepEqual([error.code, error.message], ["InvalidDigest", "The Content-MD5 you specified was invalid."]);
  }
});

for (const algorithm of CHECKSUM_ALGORITHMS) {
  test(`x-amz-checksum of ${algorithm}: right, wrong, malformed; in header and trailer`, async () => {
    const name = checksumHeader(algorithm);
    const right = (await checksum(algorithm, Buffer.from("hello"))).toString("base64");
    const wrong = (await checksum(algorithm, Buffer.from("other"))).toString("base64");
    const body = plain("hello", { [name]: right, "x-amz-sdk-checksum-algorithm": algorithm });
    assert.equal(body.claimedAlgorithm, algorithm);
    await collect(body);
    assert.equal(body.result().digests.get(algorithm)?.toString("base64"), right);
    const error = await failure(plain("hello", { [name]: wrong }));
    assert.deepEqual(
      [error.code, error.message],
      ["BadDigest", `The ${algorithm} you specified did not match the calculated checksum.`],
    );
    const bad = refusal(() => plain("hello", { [name]: "AAA=" }));
    assert.deepEqual([bad.code, bad.message], ["InvalidRequest", `Value for ${name} header is invalid.`]);
    const trailed = (value: string): RequestBody => unsignedTrailer(`5\r\nhello\r\n0\r\n${name}:${value}\r\n\r\n`, name);
    assert.equal((await collect(trailed(right))).toString(), "hello");
    assert.equal((await failure(trailed(wrong))).code, "BadDigest");
    assert.equal((await failure(trailed("AAA="))).message, `Value for ${name} trailing header is invalid.`);
  });
}

test("one checksum only, and an algorithm needs its value", () => {
  const two = refusal(() => plain("x", { "x-amz-checksum-crc32": "AAAAAA==", "x-amz-checksum-sha1": "x" }));
  assert.equal(two.message, "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.");
  const alone = refusal(() => plain("x", { "x-amz-sdk-checksum-algorithm": "CRC32" }));
  assert.equal(
    alone.message,
    "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers were found.",
  );
  assert.equal(
    refusal(() => plain("x", { "x-amz-sdk-checksum-algorithm": "CRC31" })).message,
    "Value for x-amz-sdk-checksum-algorithm header is invalid.",
  );
  for (const error of [two, alone]) assert.deepEqual([error.code, error.detail.status], ["InvalidRequest", 400]);
});

const TRAILER = "x-amz-checksum-crc32";
const CRC = "NhCmhg=="; // of "hello"

function unsignedTrailer(
  wire: string | Buffer,
  trailer: string | undefined = TRAILER,
  { size = 5, headers = {} }: { size?: number; headers?: Record<string, string> } = {},
): RequestBody {
  return open({
    wire,
    payloadHash: "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
    pieceBytes: 3,
    headers: {
      "content-encoding": "aws-chunked",
      "x-amz-decoded-content-length": String(size),
      ...(trailer === undefined ? {} : { "x-amz-trailer": trailer }),
      ...headers,
    },
  });
}

const GOOD_UNSIGNED = [
  `5\r\nhello\r\n0\r\n${TRAILER}:${CRC}\r\n\r\n`,
  `2\r\nhe\r\n3\r\nllo\r\n0\r\n${TRAILER}: ${CRC} \r\n\r\n`,
  `0005\r\nhello\r\n000\r\nX-Amz-Checksum-CRC32:${CRC}\n\r\n\r\n`,
];
for (const wire of GOOD_UNSIGNED) {
  test(`unsigned chunks accepted: ${JSON.stringify(wire)}`, async () =>
    assert.equal((await collect(unsignedTrailer(wire))).toString(), "hello"));
}

test("chunked over Transfer-Encoding, without Content-Length, and without a trailer", async () => {
  assert.equal(
    (await collect(unsignedTrailer(GOOD_UNSIGNED[0] ?? "", TRAILER, { headers: { "transfer-encoding": "chunked" } }))).toString(),
    "hello",
  );
  assert.equal((await collect(unsignedTrailer("5\r\nhello\r\n0\r\n\r\n", ""))).toString(), "hello");
});

test("what chunks were received in goes with the next piece that is given back, and not before it is spent", async () => {
  const [wire = ""] = [GOOD_UNSIGNED[1]];
  const headers = { "content-encoding": "aws-chunked", "x-amz-decoded-content-length": "5", "x-amz-trailer": TRAILER };
  const head = signedHead("PUT", "/b/k", { headers, payloadHash: "STREAMING-UNSIGNED-PAYLOAD-TRAILER" });
  const signature = authenticate(head);
  for (let size = 1; size <= wire.length; size++) {
    for (const own of [true, false]) {
      const whole = Buffer.from(wire, "latin1");
      const received: Buffer[] = [];
      for (let at = 0; at < whole.length; at += size) {
        const view = whole.subarray(at, at + size);
        received.push(own ? Buffer.allocUnsafeSlow(view.length).fill(view) : view);
      }
      const stream = (async function* () {
        yield* received;
      })();
      const body = openBody({ head, claim: claimOf(head), signature, stream });
      let text = "";
      const left: Buffer[] = [];
      for await (const piece of body) {
        text += piece.toString("latin1");
        const from = received.find((each) => each.buffer === piece.buffer) ?? whole;
        body.done?.(piece);
        // What is before it is gone; it itself only where nothing else is in its memory.
        for (const each of left) assert.ok(!own || each === from || each.length === 0, `a piece of ${size} stays`);
        if (from.length > piece.length) left.push(from);
      }
      assert.equal(text, "hello", `pieces of ${size}`);
      if (!own) assert.ok(received.every((each) => each.length > 0), "memory of others stays");
    }
  }
});

const BAD_UNSIGNED: readonly (readonly [what: string, wire: string, code: string])[] = [
  ["no final chunk", "5\r\nhello\r\n", "IncompleteBody"],
  ["ends inside a chunk", "5\r\nhel", "IncompleteBody"],
  ["no CRLF behind the data", `5\r\nhello0\r\n${TRAILER}:${CRC}\r\n\r\n`, "IncompleteBody"],
  ["LF without CR", `5\nhello\n0\n${TRAILER}:${CRC}\n\n`, "IncompleteBody"],
  ["size is no number", `x\r\nhello\r\n0\r\n${TRAILER}:${CRC}\r\n\r\n`, "IncompleteBody"],
  ["negative size", `-5\r\nhello\r\n0\r\n${TRAILER}:${CRC}\r\n\r\n`, "IncompleteBody"],
  ["empty size", `\r\nhello\r\n0\r\n${TRAILER}:${CRC}\r\n\r\n`, "IncompleteBody"],
  ["an extension", `5;a=b\r\nhello\r\n0\r\n${TRAILER}:${CRC}\r\n\r\n`, "IncompleteBody"],
  ["a huge size", `ffffffffffffffff\r\nhello\r\n0\r\n${TRAILER}:${CRC}\r\n\r\n`, "IncompleteBody"],
  ["17 digits", `${"0".repeat(16)}5\r\nhello\r\n0\r\n${TRAILER}:${CRC}\r\n\r\n`, "IncompleteBody"],
  ["an endless chunk header", `5;${"x".repeat(5000)}`, "IncompleteBody"],
  ["more decoded than declared", `6\r\nhello!\r\n0\r\n${TRAILER}:${CRC}\r\n\r\n`, "IncompleteBody"],
  ["less decoded than declared (s3s-chunk-length)", `4\r\nhell\r\n0\r\n${TRAILER}:${CRC}\r\n\r\n`, "IncompleteBody"],
  ["zero chunk early", `2\r\nhe\r\n0\r\n${TRAILER}:${CRC}\r\n\r\n3\r\nllo\r\n`, "IncompleteBody"],
  ["trailer absent", "5\r\nhello\r\n0\r\n\r\n", "MalformedTrailerError"],
  ["trailer cut off", `5\r\nhello\r\n0\r\n${TRAILER}:${CRC}`, "IncompleteBody"],
  ["trailer twice", `5\r\nhello\r\n0\r\n${TRAILER}:${CRC}\r\n${TRAILER}:${CRC}\r\n\r\n`, "MalformedTrailerError"],
  ["another trailer", `5\r\nhello\r\n0\r\nx-amz-checksum-crc32c:${CRC}\r\n\r\n`, "MalformedTrailerError"],
  ["an undeclared trailer besides", `5\r\nhello\r\n0\r\n${TRAILER}:${CRC}\r\nx-amz-meta-a:b\r\n\r\n`, "MalformedTrailerError"],
  [
    "a trailer signature where nothing is signed",
    `5\r\nhello\r\n0\r\n${TRAILER}:${CRC}\r\nx-amz-trailer-signature:${"0".repeat(64)}\r\n\r\n`,
    "MalformedTrailerError",
  ],
  ["a trailer without colon", "5\r\nhello\r\n0\r\nnonsense\r\n\r\n", "MalformedTrailerError"],
  ["bytes behind the end", `5\r\nhello\r\n0\r\n${TRAILER}:${CRC}\r\n\r\nGET / HTTP/1.1\r\n\r\n`, "MalformedTrailerError"],
  ["endless trailers", `5\r\nhello\r\n0\r\n${"a:b\r\n".repeat(1000)}\r\n`, "MalformedTrailerError"],
];
for (const [what, wire, code] of BAD_UNSIGNED) {
  test(`unsigned chunks refused: ${what}`, async () => assert.equal((await failure(unsignedTrailer(wire))).code, code));
}

test("x-amz-trailer: only one checksum, only where trailers can come, not besides a header", () => {
  for (const trailer of ["x-amz-meta-a", `${TRAILER},x-amz-checksum-sha1`]) {
    assert.equal(
      refusal(() => unsignedTrailer("", trailer)).message,
      "The value specified in the x-amz-trailer header is not supported",
    );
  }
  assert.equal(refusal(() => plain("x", { "x-amz-trailer": TRAILER })).code, "InvalidRequest");
  assert.equal(
    refusal(() => unsignedTrailer("", TRAILER, { headers: { [TRAILER]: CRC } })).message,
    "Expecting a single x-amz-checksum- header",
  );
  assert.equal(
    refusal(() => open({ wire: "", payloadHash: "STREAMING-UNSIGNED-PAYLOAD-TRAILER", headers: { "content-length": "20" } }))
      .code,
    "MissingContentLength",
  );
});

interface ChunkOptions {
  readonly trailer?: string;
  readonly swap?: boolean;
  readonly trailerSignature?: string | null;
  readonly tamper?: boolean;
}

/** A correctly signed aws-chunked body, unless told otherwise. */
function signedChunks(
  seed: VerifiedSignature,
  chunks: readonly string[],
  { trailer, swap, trailerSignature, tamper }: ChunkOptions = {},
): Buffer {
  const prefix = `${seed.amzDate}\n${scopeText(seed.scope)}\n`;
  let previous = seed.signature;
  const out = [...chunks, ""].map((chunk) => {
    previous = signatureOf(seed.signingKey, `${ALGORITHM}-PAYLOAD\n${prefix}${previous}\n${EMPTY_SHA256}\n${sha256Hex(chunk)}`);
    return `${Buffer.byteLength(chunk).toString(16)};chunk-signature=${previous}\r\n${chunk}${chunk === "" ? "" : "\r\n"}`;
  });
  if (swap) [out[0], out[1]] = [out[1] ?? "", out[0] ?? ""];
  if (tamper) out[0] = (out[0] ?? "").replace("hel", "HEL");
  if (trailer !== undefined) {
    const signature =
      trailerSignature ??
      signatureOf(seed.signingKey, `${ALGORITHM}-TRAILER\n${prefix}${previous}\n${sha256Hex(`${trailer}\n`)}`);
    out.push(`${trailer}\r\n`, trailerSignature === null ? "" : `x-amz-trailer-signature:${signature}\r\n`);
  }
  return Buffer.from(`${out.join("")}\r\n`);
}

function signedStream(
  wire: (seed: VerifiedSignature) => Buffer | string,
  { trailer, size = 6, options = {} }: { trailer?: string; size?: number; options?: Partial<OpenBodyOptions> } = {},
): RequestBody {
  return open({
    wire,
    options,
    payloadHash: `STREAMING-AWS4-HMAC-SHA256-PAYLOAD${trailer === undefined ? "" : "-TRAILER"}`,
    pieceBytes: 50,
    headers: {
      "content-encoding": "aws-chunked",
      "x-amz-decoded-content-length": String(size),
      ...(trailer === undefined ? {} : { "x-amz-trailer": trailer }),
    },
  });
}

test("signed chunks: any sizes, an empty body, a trailer", async () => {
  assert.equal((await collect(signedStream((seed) => signedChunks(seed, ["hel", "lo!"])))).toString(), "hello!");
  assert.equal((await collect(signedStream((seed) => signedChunks(seed, []), { size: 0 }))).length, 0);
  const crc = (await checksum("CRC32", Buffer.from("hello!"))).toString("base64");
  assert.equal(
    (
      await collect(
        signedStream((seed) => signedChunks(seed, ["hello!"], { trailer: `${TRAILER}:${crc}` }), { trailer: TRAILER }),
      )
    ).toString(),
    "hello!",
  );
});

const BAD_SIGNED: readonly (readonly [what: string, wire: (seed: VerifiedSignature) => Buffer | string, code: string])[] = [
  [
    "data changed (minio-stream-chunk-integrity)",
    (seed) => signedChunks(seed, ["hel", "lo!"], { tamper: true }),
    "SignatureDoesNotMatch",
  ],
  ["chunks exchanged", (seed) => signedChunks(seed, ["hel", "lo!"], { swap: true }), "SignatureDoesNotMatch"],
  [
    "another request's chunks",
    (seed) => signedChunks({ ...seed, signature: "0".repeat(64) }, ["hel", "lo!"]),
    "SignatureDoesNotMatch",
  ],
  ["no signature on a chunk", () => "6\r\nhello!\r\n0\r\n\r\n", "IncompleteBody"],
  ["a short signature", () => `6;chunk-signature=${"0".repeat(63)}\r\nhello!\r\n`, "IncompleteBody"],
  ["two extensions", () => `6;a=b;chunk-signature=${"0".repeat(64)}\r\nhello!\r\n`, "IncompleteBody"],
  [
    "final chunk dropped",
    (seed) =>
      signedChunks(seed, ["hello!"])
        .toString()
        .replace(/0;chunk-signature.*/s, ""),
    "IncompleteBody",
  ],
  ["last chunk dropped", (seed) => signedChunks(seed, ["hel"]), "IncompleteBody"],
  [
    "final signature forged",
    (seed) =>
      signedChunks(seed, ["hello!"])
        .toString()
        .replace(/(0;chunk-signature=).{4}/, "$10000"),
    "SignatureDoesNotMatch",
  ],
  ["bytes behind the end", (seed) => `${signedChunks(seed, ["hello!"]).toString()}x`, "IncompleteBody"],
  [
    "a trailer that was not announced",
    (seed) => signedChunks(seed, ["hello!"]).toString().replace(/\r\n$/, `${TRAILER}:x\r\n\r\n`),
    "IncompleteBody",
  ],
];
for (const [what, wire, code] of BAD_SIGNED) {
  test(`signed chunks refused: ${what}`, async () => assert.equal((await failure(signedStream(wire))).code, code));
}

test("a signed trailer must be signed, by this chain, over its very value", async () => {
  const crc = (await checksum("CRC32", Buffer.from("hello!"))).toString("base64");
  const trailer = `${TRAILER}:${crc}`;
  const run = (edit: (text: string) => string, options: ChunkOptions = { trailer }) =>
    failure(signedStream((seed) => edit(signedChunks(seed, ["hello!"], options).toString()), { trailer: TRAILER }));
  assert.equal((await run((text) => text, { trailer, trailerSignature: null })).code, "MalformedTrailerError");
  assert.equal((await run((text) => text, { trailer, trailerSignature: "0".repeat(64) })).code, "SignatureDoesNotMatch");
  assert.equal((await run((text) => text.replace(crc, "AAAAAA=="))).code, "SignatureDoesNotMatch");
  assert.equal((await run((text) => text, {})).code, "MalformedTrailerError");
  assert.equal((await run((text) => text, { trailer: `${TRAILER}:AAAAAA==` })).code, "BadDigest");
});

test("S3's smallest chunk can be asked for: InvalidChunkSizeError", async () => {
  const run = (chunks: string[]) =>
    signedStream((seed) => signedChunks(seed, chunks), { size: chunks.join("").length, options: { minChunkBytes: 8192 } });
  const error = await failure(run(["a".repeat(8191), "b"]));
  assert.deepEqual(
    [error.code, error.message],
    ["InvalidChunkSizeError", "Only the last chunk is allowed to have a size less than 8192 bytes"],
  );
  assert.equal((await collect(run(["a".repeat(8192), "b"]))).length, 8193);
});

test("unsigned requests: framing without x-amz-content-sha256 is recognised, its trailer verified", async () => {
  const head = requestHead("PUT", "/b/k", {
    host: "h",
    "content-encoding": "gzip,aws-chunked",
    "x-amz-decoded-content-length": "5",
    "x-amz-trailer": TRAILER,
  });
  const run = (wire: string): RequestBody => openBody({ head, claim: { kind: "anonymous" }, stream: inPieces(wire) });
  assert.equal((await collect(run(GOOD_UNSIGNED[0] ?? ""))).toString(), "hello");
  assert.equal((await failure(run(`5\r\nhellO\r\n0\r\n${TRAILER}:${CRC}\r\n\r\n`))).code, "BadDigest");
});

test("aws-chunked is not stored as a content encoding", () => {
  assert.equal(storedContentEncoding("aws-chunked"), undefined);
  assert.equal(storedContentEncoding("gzip, aws-chunked"), "gzip");
  assert.equal(storedContentEncoding("AWS-Chunked,gzip,br"), "gzip,br");
  assert.equal(storedContentEncoding("gzip"), "gzip");
  assert.equal(storedContentEncoding(undefined), undefined);
});

function small(
  wire: string,
  headers: Record<string, string>,
  more: { limitBytes?: number; checksumRequired?: boolean; objectChecksum?: boolean } = {},
): Promise<Buffer> {
  const head = signedHead("POST", "/b?delete", { headers });
  return readSmallBody({
    head,
    claim: claimOf(head),
    signature: authenticate(head),
    stream: inPieces(wire, 4),
    limitBytes: 100,
    ...more,
  });
}

test("small bodies: verified, bounded, checksum where required", async () => {
  const length = { "content-length": "5" };
  assert.equal(
    (await small("<a/>\n", { ...length, "content-md5": md5("<a/>\n") }, { checksumRequired: true })).toString(),
    "<a/>\n",
  );
  assert.equal(
    (await rejection(() => small("<a/>\n", length, { checksumRequired: true }))).message,
    "Missing required header for this request: Content-MD5",
  );
  assert.equal((await rejection(() => small("<b/>\n", { ...length, "content-md5": md5("<a/>\n") }))).code, "BadDigest");
  assert.equal((await small("", {})).length, 0);
  assert.equal((await small("<a/>\n", { "transfer-encoding": "chunked" })).length, 5);
  for (const run of [
    () => small("x".repeat(101), { "content-length": "101" }),
    () => small("x".repeat(101), { "transfer-encoding": "chunked" }),
  ]) {
    const error = await rejection(run);
    assert.deepEqual([error.code, error.detail.fields], ["MaxMessageLengthExceeded", { MaxMessageLengthBytes: "100" }]);
  }
  assert.equal((await small("<a/>\n", { ...length, "x-amz-checksum-crc32": "AAAAAA==" }, { objectChecksum: true })).length, 5);
  assert.equal((await rejection(() => small("<a/>\n", { ...length, "x-amz-checksum-crc32": "AAAAAA==" }))).code, "BadDigest");
});

test("JSON and query bodies are read whole, hashed and bounded", async () => {
  const head = requestHead("POST", "/", { host: "h", "content-length": "4" });
  const read = (wire: string, limitBytes = 4, service: "kms" | "iam" = "kms") =>
    readHashedBody({
      head: { ...head, headers: { "content-length": String(wire.length) } },
      service,
      limitBytes,
      stream: inPieces(wire, 3),
    });
  assert.deepEqual(await read("abcd"), { bytes: Buffer.from("abcd"), sha256: sha256Hex("abcd") });
  assert.equal((await rejection(() => read("abcde"))).code, "RequestEntityTooLargeException");
  assert.equal((await rejection(() => read("abcde", 4, "iam"))).detail.status, 413);
  const none = await readHashedBody({ head: requestHead("POST", "/"), service: "kms", limitBytes: 4, stream: inPieces("") });
  assert.equal(none.sha256, EMPTY_SHA256);
});
