/**
 * How a caller names a key: id, key ARN, alias name, alias ARN. Source: AWS KMS developer guide "Key identifiers"; texts as
 * observed on AWS.
 */
import { parseArn } from "../lib/arn.js";
import { ServiceError } from "../lib/errors.js";

export type KeyReference =
  | { readonly kind: "key"; readonly account: string | undefined; readonly keyId: string }
  /** @property name with its `alias/` */
  | { readonly kind: "alias"; readonly account: string | undefined; readonly name: string };

export interface ReferenceRules {
  readonly region: string;
  /** May an alias stand for the key? */
  readonly aliases: boolean;
  /** The operation models InvalidArnException; else a malformed ARN is a NotFoundException. */
  readonly invalidArn: boolean;
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const MULTI_REGION_ID = /^mrk-[0-9a-f]{32}$/;
const ACCOUNT = /^\d{12}$/;

/** Account that owns the house keys. No 12-digit number, so no caller's ARN can name it and no account can collide with it. */
export const HOUSE_ACCOUNT = "coffer-house";

/** True for the shape of a KMS key id: a lower-case UUID, or `mrk-` and 32 hex digits. */
export function isKeyId(text: string): boolean {
  return UUID.test(text) || MULTI_REGION_ID.test(text);
}

/**
 * Reads a key identifier; `account` is undefined where the caller's own is meant.
 * @throws ServiceError NotFoundException `Invalid keyId …` / `Invalid arn <region>`, InvalidArnException
 */
export function parseKeyReference(text: string, rules: ReferenceRules): KeyReference {
  if (text.startsWith("arn:")) return parseKeyArn(text, rules);
  if (isKeyId(text)) return { kind: "key", account: undefined, keyId: text };
  if (rules.aliases && text.startsWith("alias/") && text.length > 6) return { kind: "alias", account: undefined, name: text };
  throw notFound(`Invalid keyId '${text}'`);
}

/** A key's ARN, which says the same under every rule but for its Region. */
interface KeyArn {
  readonly region: string;
  readonly reference: KeyReference;
}

/** ARNs that were read before: every object's data key names the same few. Bounded: they are callers' text. */
const keyArns = new Map<string, KeyArn>();
const MAX_KEY_ARNS = 1024;

function parseKeyArn(text: string, rules: ReferenceRules): KeyReference {
  const known = keyArns.get(text);
  if (known?.region === rules.region) return known.reference;
  const arn = parseArn(text);
  const wellFormed = arn !== undefined && arn.partition === "aws" && arn.service === "kms";
  if (!wellFormed || !(ACCOUNT.test(arn.account) || arn.account === HOUSE_ACCOUNT)) throw malformed(text, rules);
  if (arn.region !== rules.region) throw notFound(`Invalid arn ${arn.region}`);
  if (arn.resource.startsWith("key/")) {
    const keyId = arn.resource.slice(4);
    if (!isKeyId(keyId)) throw notFound(`Invalid keyId '${keyId}'`);
    const reference: KeyReference = { kind: "key", account: arn.account, keyId: ownText(keyId) };
    if (keyArns.size >= MAX_KEY_ARNS) keyArns.clear();
    keyArns.set(ownText(text), { region: ownText(arn.region), reference });
    return reference;
  }
  if (rules.aliases && arn.resource.startsWith("alias/")) return { kind: "alias", account: arn.account, name: arn.resource };
  throw malformed(text, rules);
}

/** A copy: a part of a string keeps the whole, which may be a document. @param text ASCII */
const ownText = (text: string): string => Buffer.from(text, "latin1").toString("latin1");

function malformed(text: string, rules: ReferenceRules): ServiceError {
  return rules.invalidArn ? new ServiceError("InvalidArnException", `Invalid arn ${text}`) : notFound(`Invalid arn ${text}`);
}

export function notFound(message: string): ServiceError {
  return new ServiceError("NotFoundException", message);
}
