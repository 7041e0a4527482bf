/**
 * Temporary credentials without a row: the session token is an authenticated ciphertext that carries everything, the
 * secret access key included, bound to its access key id. Whoever it speaks of must still exist when it is used.
 * FORMAT: docs/spec/session-token.md.
 */
import { createCipheriv, createDecipheriv, createHmac, randomBytes, type KeyObject } from "node:crypto";
import { deflateRawSync, inflateRawSync } from "node:zlib";
import { lengthPrefixed } from "../lib/bytes.js";
import { ServiceError } from "../lib/errors.js";
import { accessKeyId, secretAccessKey } from "../lib/ids.js";
import type { Tag } from "./fields.js";

/** Who was given the session. */
export type SessionIssuer =
  | { readonly type: "root" }
  | { readonly type: "user"; readonly id: string }
  | { readonly type: "role"; readonly id: string };

/** What a token holds, apart from key id and secret. FORMAT: JSON inside the token. */
export interface Session {
  readonly kind: "session" | "federated" | "role";
  readonly accountId: string;
  readonly issuer: SessionIssuer;
  /** Role session or federated user name. */
  readonly name?: string;
  readonly issuedMs: number;
  readonly expiresMs: number;
  /** Session policies; absent: none were passed. */
  readonly policy?: string;
  readonly policyArns?: readonly string[];
  readonly tags?: readonly Tag[];
  /** Lower-case keys of the tags that pass on to further roles. */
  readonly transitive?: readonly string[];
  readonly sourceIdentity?: string;
}

export interface OpenedToken {
  readonly secretAccessKey: string;
  readonly session: Session;
}

export interface IssuedCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
  readonly expiresMs: number;
}

const VERSION = 1;
const SALT_BYTES = 32;
const TAG_BYTES = 16;
const HEAD_BYTES = 1 + SALT_BYTES;
const MAX_PLAINTEXT_BYTES = 64 * 1024;
const MAX_TOKEN_CHARACTERS = 64 * 1024;

/** Key and nonce of one token: HMAC-SHA-512 over its random salt, so no two tokens share a key. */
function tokenKey(sessionKey: KeyObject, salt: Buffer): { readonly key: Buffer; readonly nonce: Buffer } {
  const bytes = createHmac("sha512", sessionKey).update(lengthPrefixed("coffer session token v1", salt)).digest();
  return { key: bytes.subarray(0, 32), nonce: bytes.subarray(32, 44) };
}

const boundTo = (version: number, id: string): Buffer => lengthPrefixed("coffer session token", Buffer.of(version), id);

/** New credentials for `session`. */
export function issueSession(sessionKey: KeyObject, session: Session): IssuedCredentials {
  const id = accessKeyId("ASIA");
  const secret = secretAccessKey();
  return {
    accessKeyId: id,
    secretAccessKey: secret,
    sessionToken: sealToken(sessionKey, id, { secretAccessKey: secret, session }, randomBytes(SALT_BYTES)),
    expiresMs: session.expiresMs,
  };
}

/** @param salt 32 bytes, random; given by test vectors only */
export function sealToken(sessionKey: KeyObject, id: string, content: OpenedToken, salt: Buffer): string {
  const { key, nonce } = tokenKey(sessionKey, salt);
  const cipher = createCipheriv("aes-256-gcm", key, nonce);
  cipher.setAAD(boundTo(VERSION, id));
  const plaintext = deflateRawSync(JSON.stringify(content));
  const body = Buffer.concat([cipher.update(plaintext), cipher.final()]);
  plaintext.fill(0);
  key.fill(0);
  return Buffer.concat([Buffer.of(VERSION), salt, body, cipher.getAuthTag()]).toString("base64");
}

/**
 * @returns the content, whether or not it has expired; undefined where the token was made by another store or for
 *   another key id, altered or cut
 */
export function openToken(sessionKey: KeyObject, id: string, token: string): OpenedToken | undefined {
  const bytes = token.length > MAX_TOKEN_CHARACTERS ? Buffer.alloc(0) : Buffer.from(token, "base64");
  if (bytes.length < HEAD_BYTES + TAG_BYTES || bytes.toString("base64") !== token || bytes[0] !== VERSION) return undefined;
  const { key, nonce } = tokenKey(sessionKey, bytes.subarray(1, HEAD_BYTES));
  const decipher = createDecipheriv("aes-256-gcm", key, nonce, { authTagLength: TAG_BYTES });
  decipher.setAAD(boundTo(VERSION, id));
  decipher.setAuthTag(bytes.subarray(bytes.length - TAG_BYTES));
  const plaintext = [decipher.update(bytes.subarray(HEAD_BYTES, bytes.length - TAG_BYTES))];
  try {
    plaintext.push(decipher.final());
  } catch {
    // GCM's only failure here: the tag does not match.
    return undefined;
  } finally {
    key.fill(0);
  }
  const json = inflateRawSync(Buffer.concat(plaintext), { maxOutputLength: MAX_PLAINTEXT_BYTES });
  return JSON.parse(json.toString("utf8")) as OpenedToken;
}

/** Deflated size that session policies and tags may take. AWS's packed limit is unpublished; ours is this. */
const PACKED_LIMIT_BYTES = 4096;

/**
 * Part of the packed limit that policies and tags of a session take, in percent.
 * @throws ServiceError PackedPolicyTooLarge above 100 %
 */
export function packedPercent(session: Pick<Session, "policy" | "policyArns" | "tags">): number {
  const { policy, policyArns, tags } = session;
  const size = deflateRawSync(JSON.stringify([policy ?? "", policyArns ?? [], tags ?? []])).length;
  const percent = Math.ceil((size * 100) / PACKED_LIMIT_BYTES);
  if (percent > 100) {
    const message = `Packed policy consumes ${percent}% of allotted space, please use smaller policy.`;
    throw new ServiceError("PackedPolicyTooLarge", message, { status: 400 });
  }
  return percent;
}
