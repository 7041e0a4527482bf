/**
 * Builds signed aws-chunked uploads byte by byte, as old SDKs send them, so that a test can also build wrong ones.
 * Written from AWS's "Signature calculations: transferring payload in multiple chunks", independent of the server's decoder.
 */
import { createHash, createHmac } from "node:crypto";
import { signHeaders, type Credentials } from "../../src/wire/sign.js";

export interface ChunkedUpload {
  readonly target: string;
  readonly host: string;
  readonly credentials: Credentials;
  readonly chunks: readonly Buffer[];
  /** Name and value of a trailer; signed as well. */
  readonly trailer?: readonly [string, string];
  /** Instead of the sum of the chunks. */
  readonly declaredBytes?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** May falsify the signature of a chunk. */
  readonly tamper?: (signature: string, chunk: number) => string;
  /** Leaves out the closing chunk. */
  readonly unterminated?: boolean;
}

export interface Framed {
  readonly headers: Record<string, string>;
  readonly body: Buffer;
}

const sha256 = (bytes: Buffer | string): string => createHash("sha256").update(bytes).digest("hex");
const hmac = (key: Buffer | string, text: string): Buffer => createHmac("sha256", key).update(text).digest();

/** Headers and body of a PUT with STREAMING-AWS4-HMAC-SHA256-PAYLOAD, or …-TRAILER. */
export function signedChunks(upload: ChunkedUpload): Framed {
  const { target, host, credentials, chunks, trailer } = upload;
  const payloadHash = trailer === undefined ? "STREAMING-AWS4-HMAC-SHA256-PAYLOAD" : "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER";
  const size = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  const signer = { credentials, region: "us-east-1", service: "s3", nowMs: Date.now() };
  const unsigned = {
    host,
    "content-encoding": "aws-chunked",
    "x-amz-decoded-content-length": String(upload.declaredBytes ?? size),
    ...(trailer === undefined ? {} : { "x-amz-trailer": trailer[0] }),
    ...upload.headers,
  };
  const headers = signHeaders({ method: "PUT", target, headers: unsigned }, signer, payloadHash);
  const date = headers["x-amz-date"] ?? "";
  const scope = `${date.slice(0, 8)}/us-east-1/s3/aws4_request`;
  const key = ["us-east-1", "s3", "aws4_request"].reduce<Buffer>(
    (secret, part) => hmac(secret, part),
    hmac(`AWS4${credentials.secretAccessKey}`, date.slice(0, 8)),
  );
  let previous = /Signature=([0-9a-f]{64})/.exec(headers["authorization"] ?? "")?.[1] ?? "";
  const pieces: Buffer[] = [];
  for (const [at, chunk] of [...chunks, ...(upload.unterminated === true ? [] : [Buffer.alloc(0)])].entries()) {
    const text = ["AWS4-HMAC-SHA256-PAYLOAD", date, scope, previous, sha256(""), sha256(chunk)].join("\n");
    previous = hmac(key, text).toString("hex");
    const shown = upload.tamper?.(previous, at) ?? previous;
    pieces.push(Buffer.from(`${chunk.length.toString(16)};chunk-signature=${shown}\r\n`), chunk);
    if (chunk.length > 0 || trailer === undefined) pieces.push(Buffer.from("\r\n"));
  }
  if (trailer !== undefined) {
    const line = `${trailer[0]}:${trailer[1]}`;
    const text = ["AWS4-HMAC-SHA256-TRAILER", date, scope, previous, sha256(`${line}\n`)].join("\n");
    const signature = hmac(key, text).toString("hex");
    pieces.push(Buffer.from(`${line}\r\nx-amz-trailer-signature:${upload.tamper?.(signature, -1) ?? signature}\r\n\r\n`));
  }
  const body = Buffer.concat(pieces);
  return { headers: { ...headers, "content-length": String(body.length) }, body };
}
