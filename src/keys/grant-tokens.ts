/**
 * Grant tokens. They are no secrets and give no right: a grant counts from its commit on, with or without token. A token
 * names its grant and is authenticated, so it can be told from noise without a row of its own; RetireGrant takes it instead
 * of key and grant id.
 */
import { equalBytes, lengthPrefixed } from "../lib/bytes.js";
import { ServiceError } from "../lib/errors.js";
import { randomHex } from "../lib/ids.js";
import type { Keyring } from "./root-key.js";

export interface GrantPlace {
  readonly account: string;
  readonly region: string;
  readonly keyId: string;
  readonly grantId: string;
}

/** Version, random bytes in hex, then the place. */
type TokenBody = [version: number, nonce: string, account: string, region: string, keyId: string, grantId: string];

const MAC_BYTES = 32;
/** Tokens begin alike, so that people recognise them in a log. */
const PREFIX = "AQpA";

/** A new token; every call gives another one, all are interchangeable. */
export function grantToken(keyring: Keyring, place: GrantPlace): string {
  const body = Buffer.from(JSON.stringify([1, randomHex(8), place.account, place.region, place.keyId, place.grantId]), "utf8");
  return PREFIX + Buffer.concat([mac(keyring, body), body]).toString("base64url");
}

/** @throws ServiceError InvalidGrantTokenException */
export function readGrantToken(keyring: Keyring, token: string): GrantPlace {
  const bytes = Buffer.from(token.slice(PREFIX.length), "base64url");
  const body = bytes.subarray(MAC_BYTES);
  const wellFormed = token.startsWith(PREFIX) && bytes.toString("base64url") === token.slice(PREFIX.length) && body.length > 0;
  if (!wellFormed || !equalBytes(bytes.subarray(0, MAC_BYTES), mac(keyring, body))) {
    throw new ServiceError("InvalidGrantTokenException", "The specified grant token is not valid.");
  }
  const [, , account, region, keyId, grantId] = JSON.parse(body.toString("utf8")) as TokenBody;
  return { account, region, keyId, grantId };
}

/** Every token given must be one of ours. @throws ServiceError InvalidGrantTokenException */
export function checkGrantTokens(keyring: Keyring, tokens: readonly string[] | undefined): void {
  for (const token of tokens ?? []) readGrantToken(keyring, token);
}

function mac(keyring: Keyring, body: Uint8Array): Buffer {
  return keyring.mac("grant-token", lengthPrefixed("coffer/grant-token/v1", body));
}
