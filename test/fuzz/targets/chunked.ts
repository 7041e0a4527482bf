/** aws-chunked bodies: signed and unsigned, with trailers and without. */
import assert from "node:assert/strict";
import { openBody } from "../../../src/wire/payload.js";
import { ALGORITHM, EMPTY_SHA256, scopeText, signatureOf, type VerifiedSignature } from "../../../src/wire/sigv4.js";
import { sha256Hex } from "../../../src/wire/sign.js";
import { authenticate, claimOf, inPieces, signedHead } from "../../wire/signing.js";
import { Choices, chopped } from "../bytes.js";
import { toldLater, type Target } from "../target.js";

const CONTENT = Buffer.from("the quick brown fox jumps over the lazy dog, twice over");
const TRAILER = "x-amz-checksum-crc32";

interface Framing {
  readonly payloadHash: string;
  readonly headers: Readonly<Record<string, string>>;
}

const decodedLength = { "x-amz-decoded-content-length": String(CONTENT.length), "content-encoding": "aws-chunked" };
const FRAMINGS: readonly Framing[] = [
  { payloadHash: "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", headers: decodedLength },
  { payloadHash: "STREAMING-UNSIGNED-PAYLOAD-TRAILER", headers: { ...decodedLength, "x-amz-trailer": TRAILER } },
  { payloadHash: "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER", headers: { ...decodedLength, "x-amz-trailer": TRAILER } },
];

interface Prepared {
  readonly head: ReturnType<typeof signedHead>;
  readonly seed: VerifiedSignature;
  /** The body as an honest client sends it. */
  readonly wire: Buffer;
}

const prepared: readonly Prepared[] = FRAMINGS.map(({ payloadHash, headers }) => {
  const head = signedHead("PUT", "/b/k", { headers, payloadHash });
  const seed = authenticate(head);
  return { head, seed, wire: honest(payloadHash, seed) };
});

/** First byte: which framing; second: how many bytes say how it is cut; then the body. */
export const chunked: Target = {
  name: "chunked",
  claim: "a body is given out only when every byte is as declared, checked and (where signed) signed, however it is cut",
  seeds: prepared.map(({ wire }, at) => Buffer.concat([Buffer.from([at, 3, 5, 11, 60]), wire])),
  words: [
    "\r\n", "0\r\n", "\r\n\r\n", ";chunk-signature=", `${TRAILER}:`, "x-amz-trailer-signature:",
    "ffffffffffffffff", "10", "+1", "0x1", "-1", " ",
  ],
  maxBytes: 2048,
  async run(input) {
    const choices = new Choices(input);
    const one = prepared[choices.byte() % prepared.length];
    assert.ok(one !== undefined);
    const cuts = new Choices(choices.take(choices.byte() % 16));
    const wire = choices.rest();
    const whole = await read(one, inPieces(wire));
    const cut = await read(one, chopped(wire, cuts));
    assert.deepEqual(cut, whole, "it matters how the body is cut");
    if (whole !== undefined) assert.ok(whole.equals(CONTENT), "a body that nobody sent");
  },
};

/** What is handed out: every framing here pins the content, by signatures or by CRC-32 and length. */
function read({ head, seed }: Prepared, stream: AsyncIterable<Buffer>): Promise<Buffer | undefined> {
  return toldLater(async () => {
    const parts: Buffer[] = [];
    for await (const piece of openBody({ head, claim: claimOf(head), signature: seed, stream })) parts.push(Buffer.from(piece));
    return Buffer.concat(parts);
  });
}

function honest(payloadHash: string, seed: VerifiedSignature): Buffer {
  const signed = payloadHash.includes("HMAC");
  let previous = seed.signature;
  const sign = (kind: string, rest: string): string => {
    const text = [`${ALGORITHM}-${kind}`, seed.amzDate, scopeText(seed.scope), previous, rest].join("\n");
    previous = signatureOf(seed.signingKey, text);
    return previous;
  };
  const chunk = (data: Buffer): Buffer => {
    const signature = signed ? `;chunk-signature=${sign("PAYLOAD", `${EMPTY_SHA256}\n${sha256Hex(data)}`)}` : "";
    const end = data.length === 0 ? "" : "\r\n";
    return Buffer.concat([Buffer.from(`${data.length.toString(16)}${signature}\r\n`), data, Buffer.from(end)]);
  };
  const parts = [chunk(CONTENT.subarray(0, 20)), chunk(CONTENT.subarray(20)), chunk(CONTENT.subarray(0, 0))];
  if (payloadHash.endsWith("-TRAILER")) {
    const line = `${TRAILER}:${crc32(CONTENT)}`;
    parts.push(Buffer.from(`${line}\r\n`));
    if (signed) parts.push(Buffer.from(`x-amz-trailer-signature:${sign("TRAILER", sha256Hex(`${line}\n`))}\r\n`));
  }
  return Buffer.concat([...parts, Buffer.from("\r\n")]);
}

/** Base64, bit by bit: not the code under test. */
function crc32(bytes: Buffer): string {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  const out = Buffer.alloc(4);
  out.writeUInt32BE((crc ^ 0xffffffff) >>> 0);
  return out.toString("base64");
}
