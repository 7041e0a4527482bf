/**
 * Signing, the client's side of Signature Version 4: headers, presigned URLs, POST forms. For the CLI, S3-backed stores
 * and tests.
 *
 * It shares the canonical request with the server's side, so both are held to the published vectors and to the AWS SDK.
 */
import { createHash } from "node:crypto";
import { canonicalRequests } from "./canonical.js";
import { ALGORITHM, formatAmzDate, scopeText, signatureOf, signingKey, stringToSign } from "./sigv4.js";
import type { CredentialScope } from "./claim.js";
import { percentEncode } from "./uri.js";

export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string | undefined;
}

/** Who signs, for what, and when. */
export interface Signer {
  readonly credentials: Credentials;
  readonly region: string;
  /** Name in the scope: `s3`, `kms`, `iam`, `sts`, `coffer`. */
  readonly service: string;
  readonly nowMs: number;
}

/** A request before it is signed. */
export interface UnsignedRequest {
  readonly method: string;
  /** Path and query as they will be sent, encoded. */
  readonly target: string;
  /** Names lower case, `host` among them. All are signed but those that proxies change. */
  readonly headers: Readonly<Record<string, string>>;
}

/** Headers that intermediaries may touch. */
const UNSIGNED = new Set([
  "authorization",
  "connection",
  "expect",
  "te",
  "transfer-encoding",
  "user-agent",
  "accept-encoding",
  "content-length",
]);

const scopeOf = (signer: Signer): CredentialScope => ({
  date: formatAmzDate(signer.nowMs).slice(0, 8),
  region: signer.region,
  service: signer.service,
});

function signature(request: UnsignedRequest, signer: Signer, payloadHash: string, signedHeaders: readonly string[]): string {
  const rawHeaders = Object.entries(request.headers).flatMap(([name, value]) => [
    name,
    Buffer.from(value, "utf8").toString("latin1"),
  ]);
  const head = { method: request.method, target: request.target, headers: {}, rawHeaders, secure: false };
  const [canonical = ""] = canonicalRequests(head, signer.service === "s3", { signedHeaders, payloadHash });
  const scope = scopeOf(signer);
  return signatureOf(
    signingKey(signer.credentials.secretAccessKey, scope),
    stringToSign(formatAmzDate(signer.nowMs), scope, canonical),
  );
}

/** Hex SHA-256 of a body. */
export function sha256Hex(bytes: Uint8Array | string): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/**
 * All headers of the signed request: those given, `x-amz-date`, `x-amz-content-sha256` (S3), the session token, `authorization`.
 * @param payloadHash hex SHA-256 of the body, or for S3 `UNSIGNED-PAYLOAD` and the streaming forms
 */
export function signHeaders(request: UnsignedRequest, signer: Signer, payloadHash: string): Record<string, string> {
  const { credentials } = signer;
  const headers: Record<string, string> = { ...request.headers, "x-amz-date": formatAmzDate(signer.nowMs) };
  if (signer.service === "s3") headers["x-amz-content-sha256"] = payloadHash;
  if (credentials.sessionToken !== undefined) headers["x-amz-security-token"] = credentials.sessionToken;
  const names = Object.keys(headers)
    .filter((name) => !UNSIGNED.has(name))
    .sort();
  const hex = signature({ ...request, headers }, signer, payloadHash, names);
  headers["authorization"] =
    `${ALGORITHM} Credential=${credentials.accessKeyId}/${scopeText(scopeOf(signer))}, ` +
    `SignedHeaders=${names.join(";")}, Signature=${hex}`;
  return headers;
}

/**
 * Target of a presigned URL. Every header given is signed and must be sent by whoever uses it.
 * @param expiresSeconds 1 … 604800
 * @param payloadHash S3: `UNSIGNED-PAYLOAD`; others: of the body
 */
export function presignTarget(
  request: UnsignedRequest,
  signer: Signer,
  expiresSeconds: number,
  payloadHash = "UNSIGNED-PAYLOAD",
): string {
  const { credentials } = signer;
  const names = Object.keys(request.headers).sort();
  const parameters: [string, string][] = [
    ["X-Amz-Algorithm", ALGORITHM],
    ["X-Amz-Credential", `${credentials.accessKeyId}/${scopeText(scopeOf(signer))}`],
    ["X-Amz-Date", formatAmzDate(signer.nowMs)],
    ["X-Amz-Expires", String(expiresSeconds)],
    ["X-Amz-SignedHeaders", names.join(";")],
  ];
  if (credentials.sessionToken !== undefined) parameters.push(["X-Amz-Security-Token", credentials.sessionToken]);
  const query = parameters.map(([name, value]) => `${name}=${percentEncode(value)}`).join("&");
  const target = `${request.target}${request.target.includes("?") ? "&" : "?"}${query}`;
  return `${target}&X-Amz-Signature=${signature({ ...request, target }, signer, payloadHash, names)}`;
}

/** A condition of a POST policy, as AWS writes them. */
export type PostCondition =
  | Readonly<Record<string, string>>
  | readonly ["eq" | "starts-with", string, string]
  | readonly ["content-length-range", number, number];

/**
 * Fields of a signed POST form; the file goes behind them.
 * @param fields of the form; each is covered by an `eq` condition unless `conditions` names it
 */
export function signPostForm(
  signer: Signer,
  {
    bucket,
    expiresSeconds,
    fields,
    conditions = [],
  }: {
    bucket: string;
    expiresSeconds: number;
    fields: Readonly<Record<string, string>>;
    conditions?: readonly PostCondition[];
  },
): Record<string, string> {
  const scope = scopeOf(signer);
  const all: Record<string, string> = {
    ...fields,
    "x-amz-algorithm": ALGORITHM,
    "x-amz-credential": `${signer.credentials.accessKeyId}/${scopeText(scope)}`,
    "x-amz-date": formatAmzDate(signer.nowMs),
    ...(signer.credentials.sessionToken === undefined ? {} : { "x-amz-security-token": signer.credentials.sessionToken }),
  };
  const named = new Set(
    conditions.flatMap((condition) =>
      isList(condition)
        ? [String(condition[1]).slice(1).toLowerCase()]
        : Object.keys(condition).map((name) => name.toLowerCase()),
    ),
  );
  const policy = Buffer.from(
    JSON.stringify({
      expiration: new Date(signer.nowMs + expiresSeconds * 1000).toISOString(),
      conditions: [
        { bucket },
        ...conditions,
        ...Object.entries(all)
          .filter(([name]) => !named.has(name.toLowerCase()))
          .map(([name, value]) => ({ [name]: value })),
      ],
    }),
  ).toString("base64");
  return { ...all, policy, "x-amz-signature": signatureOf(signingKey(signer.credentials.secretAccessKey, scope), policy) };
}

const isList = (condition: PostCondition): condition is Exclude<PostCondition, Readonly<Record<string, string>>> =>
  Array.isArray(condition);
