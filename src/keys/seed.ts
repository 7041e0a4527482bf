/** Keys that a seed file declares: made if absent, brought to what is declared if present, untouched if so already. */
import { keyArn } from "../lib/arn.js";
import { uuid } from "../lib/ids.js";
import type { Batch } from "../stores/contract.js";
import type { Found } from "../stores/records.js";
import { newKeyBatch } from "./create.js";
import type { Key } from "./key.js";
import { together, updateKey } from "./key-facts.js";
import { defaultPolicy, storablePolicy } from "./key-policy.js";
import type { Kms } from "./kms.js";
import { loadKey } from "./load.js";
import { removeGoneKey } from "./maintenance.js";
import type { AliasClear } from "./records.js";

export interface KeyDeclaration {
  readonly account: string;
  readonly region: string;
  /** Fixed id, a lower-case UUID; absent: the alias tells whether the key is there. */
  readonly id?: string | undefined;
  /** With `alias/`. */
  readonly alias?: string | undefined;
  readonly description?: string | undefined;
  /** JSON text; absent: the default policy for a new key, no change to an old one. */
  readonly policy?: string | undefined;
}

const ATTEMPTS = 16;

/**
 * Applies one declaration; twice changes nothing.
 * @returns the key's ARN
 * @throws ServiceError for a policy that CreateKey would refuse; Error when id or alias belong to another key
 */
export async function seedKey(kms: Kms, declared: KeyDeclaration, nowMs: number): Promise<string> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const { keyId, batch } = await plan(kms, declared, nowMs);
    if (batch === undefined || (await kms.store.commit(batch)).ok) return keyArn(declared.region, declared.account, keyId);
  }
  throw new Error("seed: the key is being changed by others all the time");
}

async function plan(kms: Kms, declared: KeyDeclaration, nowMs: number): Promise<{ keyId: string; batch: Batch | undefined }> {
  const { account, region, alias } = declared;
  if (declared.id !== undefined) await removeGoneKey(kms, [region, declared.id], nowMs);
  const aliasRow = await aliasNow(kms, declared, nowMs);
  const keyId = declared.id ?? aliasRow?.clear.keyId;
  if (aliasRow !== undefined && aliasRow.clear.keyId !== keyId) {
    throw new Error(`seed: ${alias ?? ""} belongs to key ${aliasRow.clear.keyId} already`);
  }
  const key = keyId === undefined ? undefined : await loadKey(kms, region, keyId, nowMs);
  if (key !== undefined) {
    return { keyId: key.keyId, batch: await update(kms, key, declared, { nowMs, aliasExists: aliasRow !== undefined }) };
  }
  const policy = await storablePolicy(kms, declared.policy ?? defaultPolicy(account));
  const made = newKeyBatch(kms, {
    account,
    region,
    keyId: keyId ?? uuid(),
    nowMs,
    manager: "CUSTOMER",
    secret: { description: declared.description ?? "", tags: [], policy: policy.text },
    ...(alias === undefined ? {} : { alias }),
  });
  return { keyId: made.clear.keyId, batch: made.batch };
}

/** The alias row; one whose key is past its deletion date is removed with it. */
async function aliasNow(kms: Kms, declared: KeyDeclaration, nowMs: number): Promise<Found<AliasClear> | undefined> {
  const { account, region, alias } = declared;
  if (alias === undefined) return undefined;
  const row = await kms.tables.aliases.get(account, region, alias);
  if (row === undefined) return undefined;
  await removeGoneKey(kms, [region, row.clear.keyId], nowMs);
  return kms.tables.aliases.get(account, region, alias);
}

async function update(
  kms: Kms, key: Key, declared: KeyDeclaration, facts: { readonly nowMs: number; readonly aliasExists: boolean },
): Promise<Batch | undefined> {
  const { account, region, alias } = declared;
  if (key.account !== account) throw new Error(`seed: key ${key.keyId} belongs to account ${key.account}`);
  const policy = declared.policy === undefined ? key.secret.policy : (await storablePolicy(kms, declared.policy)).text;
  const description = declared.description ?? key.secret.description;
  const addsAlias = alias !== undefined && !facts.aliasExists;
  if (policy === key.secret.policy && description === key.secret.description && !addsAlias) return undefined;
  const clear = addsAlias ? { ...key.clear, aliases: [...key.clear.aliases, alias].sort() } : key.clear;
  const row = updateKey(kms, key, { clear, secret: { ...key.secret, policy, description } });
  if (!addsAlias) return row;
  const aliasKey = kms.tables.aliases.key(account, region, alias);
  const aliasClear = { name: alias, keyId: key.keyId, createdMs: facts.nowMs, updatedMs: facts.nowMs };
  const aliasPut = kms.tables.aliases.put(aliasKey, { clear: aliasClear });
  return together(row, { checks: [{ key: aliasKey, stamp: "absent" }], puts: [aliasPut] });
}
