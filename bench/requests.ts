/**
 * Requests as bytes, made before the clock runs: signed once each, by header or presigned, with the body in one of the
 * forms that clients use. Signatures hold for 15 minutes.
 */
import { crc32 } from "node:zlib";
import { presignTarget, sha256Hex, signHeaders, type Signer } from "../src/wire/sign.js";
import { CREDENTIALS, REGION, type Subject } from "./server.js";

const EXPIRES_SECONDS = 900;
/** Data of one chunk of an aws-chunked body, as the AWS SDKs cut it. */
const CHUNK_BYTES = 64 * 1024;

/** How a body is vouched for: not at all, by its SHA-256, or by a CRC32 behind it. */
export type PayloadForm = "unsigned" | "signed" | "trailer";

export interface RequestShape {
  readonly method: string;
  /** Path and query, encoded. */
  readonly target: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly service?: string;
  readonly presigned?: boolean;
}

/** A body on the wire and what the heads before it must say. */
export interface Payload {
  readonly bytes: Buffer;
  readonly hash: string;
  readonly headers: Readonly<Record<string, string>>;
}

export const noPayload: Payload = { bytes: Buffer.alloc(0), hash: sha256Hex(""), headers: {} };

export function payload(form: PayloadForm, body: Buffer): Payload {
  if (form === "signed") return { bytes: body, hash: sha256Hex(body), headers: {} };
  if (form === "unsigned") return { bytes: body, hash: "UNSIGNED-PAYLOAD", headers: {} };
  return {
    bytes: chunked(body),
    hash: "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
    headers: {
      "content-encoding": "aws-chunked",
      "x-amz-decoded-content-length": String(body.length),
      "x-amz-trailer": "x-amz-checksum-crc32",
      "x-amz-sdk-checksum-algorithm": "CRC32",
    },
  };
}

function chunked(body: Buffer): Buffer {
  const pieces: Buffer[] = [];
  for (let at = 0; at < body.length; at += CHUNK_BYTES) {
    const data = body.subarray(at, at + CHUNK_BYTES);
    pieces.push(Buffer.from(`${data.length.toString(16)}\r\n`), data, Buffer.from("\r\n"));
  }
  const checksum = Buffer.alloc(4);
  checksum.writeUInt32BE(crc32(body));
  pieces.push(Buffer.from(`0\r\nx-amz-checksum-crc32:${checksum.toString("base64")}\r\n\r\n`));
  return Buffer.concat(pieces);
}

/** Head of a request, signed now, its last line included. */
export function headOf(subject: Subject, shape: RequestShape, { bytes, hash, headers }: Payload = noPayload): string {
  const signer: Signer = { credentials: CREDENTIALS, region: REGION, service: shape.service ?? "s3", nowMs: Date.now() };
  const unsigned = {
    method: shape.method,
    target: shape.target,
    headers: { host: subject.host, ...shape.headers, ...headers },
  };
  const target = shape.presigned === true ? presignTarget(unsigned, signer, EXPIRES_SECONDS) : shape.target;
  const sent = shape.presigned === true ? unsigned.headers : signHeaders(unsigned, signer, hash);
  const lines = Object.entries(sent).map(([name, value]) => `${name}: ${value}\r\n`);
  const hasBody = shape.method === "PUT" || shape.method === "POST";
  const length = hasBody ? `content-length: ${bytes.length}\r\n` : "";
  return `${shape.method} ${target} HTTP/1.1\r\n${lines.join("")}${length}\r\n`;
}
