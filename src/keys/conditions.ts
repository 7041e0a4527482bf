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
  const context: Writable = { ...callContext(call), ...ownContext(key) };
  if (alias !== undefined) context["kms:RequestAlias"] = alias;
  return context;
}

/** What a key says of itself, put together once for each version of its row. */
const ownContexts = new WeakMap<Key, Context>();

function ownContext(key: Key): Context {
  const known = ownContexts.get(key);
  if (known !== undefined) return known;
  const { aliases } = key.clear;
  const context = {
    ...specContext(key.clear),
    ...(aliases.length === 0 ? {} : { "kms:ResourceAliases": aliases }),
    ...prefixed("aws:ResourceTag/", key.secret.tags),
  };
  ownContexts.set(key, context);
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

/** `kms:EncryptionContext:<key>` and `kms:EncryptionContextKeys`. */
export function encryptionContextKeys(pairs: Readonly<Record<string, string>> | undefined): Context {
  const entries = Object.entries(pairs ?? {});
  if (entries.length === 0) return {};
  return {
    "kms:EncryptionContextKeys": entries.map(([name]) => name),
    ...prefixed("kms:EncryptionContext:", entries),
  };
}

/** `aws:RequestTag/…` and `aws:TagKeys` of a call that sets tags. */
export function requestTagContext(tags: readonly { readonly TagKey: string; readonly TagValue: string }[]): Context {
  if (tags.length === 0) return {};
  return {
    "aws:TagKeys": tags.map((tag) => tag.TagKey),
    ...prefixed("aws:RequestTag/", tags.map((tag) => [tag.TagKey, tag.TagValue] as const)),
  };
}

/**
 * Tags and encryption contexts are case-sensitive, condition keys are not: the evaluator takes names that differ in case only
 * as one key with several values, which fails closed.
 */
function prefixed(prefix: string, pairs: readonly (readonly [string, string])[]): Context {
  const context: Writable = {};
  for (const [name, value] of pairs) context[prefix + name] = value;
  return context;
}
