/** Hand-made requests for the tests of signatures and bodies. */
import assert from "node:assert/strict";
import { ServiceError } from "../../src/lib/errors.js";
import { parseAuthorization, type AuthorizationClaim, type SignatureClaim } from "../../src/wire/authorization.js";
import { signHeaders, type Signer } from "../../src/wire/sign.js";
import { verifySignature, type VerifiedSignature } from "../../src/wire/sigv4.js";
import type { RequestHead, Service } from "../../src/wire/types.js";

/** AWS's documentation signs everything with these. */
export const CREDENTIALS = { accessKeyId: "AKIAIOSFODNN7EXAMPLE", secretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY" };
export const NOW_MS = Date.UTC(2013, 4, 24);
export const AMZ_DATE = "20130524T000000Z";
export const signer = (service = "s3", nowMs = NOW_MS): Signer => ({
  credentials: CREDENTIALS,
  region: "us-east-1",
  service,
  nowMs,
});

type HeaderInput = Readonly<Record<string, string>> | readonly (readonly [string, string])[];

/** A request head as Node would build it: values as latin1, duplicates of lists joined. */
export function requestHead(method: string, target: string, headers: HeaderInput = {}): RequestHead {
  const pairs = Array.isArray(headers) ? (headers as readonly (readonly [string, string])[]) : Object.entries(headers);
  const wire = pairs.map(([name, value]) => [name, Buffer.from(value, "utf8").toString("latin1")] as const);
  const folded: Record<string, string> = {};
  for (const [name, value] of wire) folded[name.toLowerCase()] ??= value;
  return { method, target, headers: folded, rawHeaders: wire.flat(), secure: false };
}

/** A head signed by our own signer. */
export function signedHead(
  method: string,
  target: string,
  {
    headers = {},
    payloadHash = "UNSIGNED-PAYLOAD",
    from = signer(),
  }: { headers?: Record<string, string>; payloadHash?: string; from?: Signer } = {},
): RequestHead {
  return requestHead(
    method,
    target,
    signHeaders({ method, target, headers: { host: "s3.example.org", ...headers } }, from, payloadHash),
  );
}

export function claimOf(head: RequestHead, service: Service = "s3", nowMs = NOW_MS): SignatureClaim {
  const claim: AuthorizationClaim = parseAuthorization(head, { service, nowMs });
  assert.notEqual(claim.kind, "anonymous");
  return claim as SignatureClaim;
}

/** Parses and proves; throws as the server would. */
export function authenticate(
  head: RequestHead,
  service: Service = "s3",
  options: { bodySha256?: string; nowMs?: number } = {},
): VerifiedSignature {
  const claim = claimOf(head, service, options.nowMs);
  return verifySignature(claim, head, { service, secretAccessKey: CREDENTIALS.secretAccessKey, bodySha256: options.bodySha256 });
}

/** The ServiceError that `run` throws. */
export function refusal(run: () => unknown): ServiceError {
  try {
    run();
  } catch (error) {
    if (error instanceof ServiceError) return error;
    throw error;
  }
  return assert.fail("expected a ServiceError");
}

/** The ServiceError that `run` rejects with. */
export async function rejection(run: () => Promise<unknown>): Promise<ServiceError> {
  try {
    await run();
  } catch (error) {
    if (error instanceof ServiceError) return error;
    throw error;
  }
  return assert.fail("expected a ServiceError");
}

/** A body in pieces of at most `size` bytes. */
export async function* inPieces(bytes: Uint8Array | string, size = Number.MAX_SAFE_INTEGER): AsyncGenerator<Buffer> {
  const buffer = Buffer.from(bytes as string);
  for (let at = 0; at < buffer.length; at += size) yield buffer.subarray(at, at + size);
}

export async function collect(source: AsyncIterable<Buffer>): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of source) parts.push(part);
  return Buffer.concat(parts);
}
