/**
 * Condition keys of KMS, filled from the key, the decoded request and the call: no header or caller-named value reaches a
 * server-owned key. Source: AWS KMS condition keys; kms service model.
 */
import type { Call } from "../gate/contract.js";
import type { Context } from "../policy/types.js";
import type { Key } from "./key.js";

type Writable = Record<string, string | readonly string[]>;

/** Keys of every operation, those without a key included. */
export function callContext(call: Call): Context {
  const context: Writable = {};
  if (call.principal.accountId !== undefined) context["kms:CallerAccount"] = call.principal.accountId;
  if (call.viaService !== undefined) context["kms:ViaService"] = call.viaService;
  return context;
}

/** Keys of every operation on a key. @param alias name with `alias/`, when the caller used one */
export function keyContext(key: Key, alias: string | undefined, call: Call): Context {
  const context: Writable = { ...callContext(call), ...specContext(key.clear) };
  if (alias !== undefined) context["kms:RequestAlias"] = alias;
  if (key.clear.aliases.length > 0) context["kms:ResourceAliases"] = key.clear.aliases;
  for (const [tag, value] of key.secret.tags) context[`aws:ResourceTag/${tag}`] = value;
  return context;
}

/** Keys that describe a key, existing or about to be made. */
export function specContext(key: { readonly spec: string; readonly usage: string; readonly origin: string }): Context {
  return {
    "kms:KeySpec": key.spec,
    "kms:CustomerMasterKeySpec": key.spec,
    "kms:KeyUsage": key.usage,
    "kms:CustomerMasterKeyUsage": key.usage,
    "kms:KeyOrigin": key.origin,
    "kms:MultiRegion": "false",
  };
}

/**
 * `kms:EncryptionContext:<key>` and `kms:EncryptionContextKeys`.
 *
 * Condition keys are looked up without regard to case, encryption contexts are case-sensitive: pairs that differ in case
 * only become one key with several values, which no Allow without a set operator matches. Fails closed.
 */
export function encryptionContextKeys(pairs: Readonly<Record<string, string>> | undefined): Context {
  const entries = Object.entries(pairs ?? {});
  if (entries.length === 0) return {};
  const byName = new Map<string, { readonly name: string; readonly values: string[] }>();
  for (const [name, value] of entries) {
    const seen = byName.get(name.toLowerCase());
    if (seen === undefined) byName.set(name.toLowerCase(), { name, values: [value] });
    else seen.values.push(value);
  }
  const context: Writable = { "kms:EncryptionContextKeys": entries.map(([name]) => name) };
  for (const { name, values } of byName.values()) {
    const [first] = values;
    context[`kms:EncryptionContext:${name}`] = values.length === 1 && first !== undefined ? first : values;
  }
  return context;
}

/** `aws:RequestTag/…` and `aws:TagKeys` of a call that sets tags. */
export function requestTagContext(tags: readonly { readonly TagKey: string; readonly TagValue: string }[]): Context {
  if (tags.length === 0) return {};
  const context: Writable = { "aws:TagKeys": tags.map((tag) => tag.TagKey) };
  for (const tag of tags) context[`aws:RequestTag/${tag.TagKey}`] = tag.TagValue;
  return context;
}
