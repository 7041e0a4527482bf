/**
 * A KMS key as operations see it: its row opened, its policy parsed, its state on the clock. Always made from a fresh read
 * of the row; only what follows from the row's bytes is kept, found again by stamp.
 */
import type { KmsHeader } from "@coffer/seal";
import { keyArn } from "../lib/arn.js";
import { ServiceError } from "../lib/errors.js";
import { parsePolicy } from "../policy/parse.js";
import type { Policy, PolicySource } from "../policy/types.js";
import type { StampCache } from "../lib/stamp-cache.js";
import type { Found, Row } from "../stores/records.js";
import type { KeyClear, KeySecret } from "./records.js";

export type KeyState = "Enabled" | "Disabled" | "PendingDeletion";

export interface Key {
  readonly region: string;
  readonly keyId: string;
  readonly arn: string;
  readonly account: string;
  readonly rowKey: Buffer;
  readonly stamp: number;
  readonly clear: KeyClear;
  readonly secret: KeySecret;
  /** The key policy, principals bound to unique ids. */
  readonly policy: Policy;
  /** The same, as decisions ask for it. */
  readonly policySource: PolicySource;
  /** Of new encryptions. */
  readonly header: KmsHeader;
}

/** Opens a row. Costs a decryption and a policy parse: see `keyIn`. */
function decodeKey(found: Found<KeyClear>): Key {
  const { account, region, keyId } = found.clear;
  const sealed = found.sealed();
  if (sealed === undefined) throw new Error(`invariant: key ${keyId} has no sealed part`);
  const secret = JSON.parse(sealed.toString("utf8")) as KeySecret;
  const policy = parsePolicy(secret.policy, "key");
  return {
    region,
    keyId,
    arn: keyArn(region, account, keyId),
    account,
    rowKey: found.key,
    stamp: found.stamp,
    clear: found.clear,
    secret,
    policy,
    policySource: { id: `key/${keyId}`, policy },
    header: { keyId, materialId: found.clear.materialId, imported: false },
  };
}

/** The row to put for a key. */
export function keyRow(clear: KeyClear, secret: KeySecret): Row<KeyClear> {
  return { clear, sealed: Buffer.from(JSON.stringify(secret), "utf8") };
}

/** The key in a row, opened once a version of it; what is kept holds no key material. */
export function keyIn(decoded: StampCache<Key>, found: Found<KeyClear>): Key {
  return decoded.get(found, () => decodeKey(found));
}

export function stateOf(key: Key): KeyState {
  if (key.clear.deletionMs !== undefined) return "PendingDeletion";
  return key.clear.enabled ? "Enabled" : "Disabled";
}

/** Past its deletion date, whether or not the job has removed its rows. */
export function isGone(clear: KeyClear, nowMs: number): boolean {
  return clear.deletionMs !== undefined && clear.deletionMs <= nowMs;
}

/** What an operation does with a key that is disabled or pending deletion; Enabled always works. */
interface StateRule {
  readonly disabled: "ok" | "refused";
  readonly pendingDeletion: "ok" | "refused";
}
const ANY: StateRule = { disabled: "ok", pendingDeletion: "ok" };
const NOT_PENDING: StateRule = { disabled: "ok", pendingDeletion: "refused" };
const ENABLED: StateRule = { disabled: "refused", pendingDeletion: "refused" };

/** The key-state table of the developer guide, for keys with origin AWS_KMS in one region. CancelKeyDeletion stands apart. */
const STATE_RULES: Readonly<Record<string, StateRule>> = {
  CreateAlias: NOT_PENDING,
  CreateGrant: ENABLED,
  Decrypt: ENABLED,
  DeleteAlias: ANY,
  DescribeKey: ANY,
  DisableKey: NOT_PENDING,
  DisableKeyRotation: ENABLED,
  EnableKey: NOT_PENDING,
  EnableKeyRotation: ENABLED,
  Encrypt: ENABLED,
  GenerateDataKey: ENABLED,
  GenerateDataKeyWithoutPlaintext: ENABLED,
  GetKeyPolicy: ANY,
  GetKeyRotationStatus: ANY,
  ListAliases: ANY,
  ListGrants: ANY,
  ListKeyPolicies: ANY,
  ListKeyRotations: ANY,
  ListResourceTags: ANY,
  PutKeyPolicy: ANY,
  ReEncrypt: ENABLED,
  RetireGrant: ANY,
  RevokeGrant: ANY,
  RotateKeyOnDemand: ENABLED,
  ScheduleKeyDeletion: NOT_PENDING,
  TagResource: NOT_PENDING,
  UntagResource: NOT_PENDING,
  UpdateAlias: NOT_PENDING,
  UpdateKeyDescription: NOT_PENDING,
};

/**
 * Refuses where the key's state does not permit the operation.
 * @throws ServiceError DisabledException, KMSInvalidStateException
 */
export function requireState(operation: string, key: Key): void {
  const state = stateOf(key);
  if (operation === "CancelKeyDeletion") {
    if (state !== "PendingDeletion") throw new ServiceError("KMSInvalidStateException", `${key.arn} is not pending deletion.`);
    return;
  }
  const rule = STATE_RULES[operation];
  if (rule === undefined) throw new Error(`invariant: no key-state rule for ${operation}`);
  if (state === "Disabled" && rule.disabled === "refused") {
    throw new ServiceError("DisabledException", `${key.arn} is disabled.`);
  }
  if (state === "PendingDeletion" && rule.pendingDeletion === "refused") {
    throw new ServiceError("KMSInvalidStateException", `${key.arn} is pending deletion.`);
  }
}
