/** What other rooms need to know of a key's name without deciding anything: the ARN behind it; and keys that a seed declares. */
import { keyArn } from "../lib/arn.js";
import { uuid } from "../lib/ids.js";
import { newKeyBatch } from "./create.js";
import { parseKeyReference } from "./identifiers.js";
import { keyRow } from "./key.js";
import { defaultPolicy, storablePolicy } from "./key-policy.js";
import type { Kms } from "./kms.js";
import { loadKey } from "./load.js";
import { ensureManagedKey, MANAGED_ALIAS } from "./managed-keys.js";

/** Who asks for which key, and when. */
export interface KeyName {
  readonly region: string;
  /** Account in which a bare id or alias name is looked up. */
  readonly account: string;
  /** Key id, key ARN, alias name or alias ARN. */
  readonly keyId: string;
  readonly nowMs: number;
}

/** ARN of the key that a name stands for; undefined: there is none. `alias/aws/s3` comes into being here. */
export async function resolveKeyArn(kms: Kms, { region, account, keyId, nowMs }: KeyName): Promise<string | undefined> {
  let reference: ReturnType<typeof parseKeyReference>;
  try {
    reference = parseKeyReference(keyId, { region, aliases: true, invalidArn: true });
  } catch {
    return undefined; // not a name of any key: using it says so, in the words of the operation that does
  }
  const owner = reference.account ?? account;
  if (reference.kind === "key") return keyArn(region, owner, reference.keyId);
  const alias = await kms.tables.aliases.get(owner, region, reference.name);
  if (alias !== undefined) return keyArn(region, owner, alias.clear.keyId);
  if (reference.name !== MANAGED_ALIAS || owner !== account || account === "") return undefined;
  return keyArn(region, owner, (await ensureManagedKey(kms, owner, region, nowMs)).keyId);
}

/** A key as a seed declares it; `id` or `alias` tells whether it is there. */
export interface KeyDeclaration {
  readonly account: string;
  readonly region: string;
  readonly id: string | undefined;
  readonly alias: string | undefined;
  readonly description: string;
  /** JSON text; undefined: the default policy for a new key, no change for one that exists. */
  readonly policy: string | undefined;
  readonly nowMs: number;
}

/**
 * Makes the key, or brings its description and policy to what is declared; material is never touched. Twice is once.
 * @throws ServiceError MalformedPolicyDocumentException; Error when id and alias name different keys
 */
export async function ensureKey(kms: Kms, declared: KeyDeclaration): Promise<void> {
  const { account, region, alias, nowMs, description } = declared;
  const aliasRow = alias === undefined ? undefined : await kms.tables.aliases.get(account, region, alias);
  const keyId = declared.id ?? aliasRow?.clear.keyId ?? uuid();
  if (aliasRow !== undefined && aliasRow.clear.keyId !== keyId) throw new Error(`${alias ?? ""} belongs to another key than ${keyId}`);
  const policy = declared.policy === undefined ? undefined : (await storablePolicy(kms, declared.policy)).text;
  const key = await loadKey(kms, region, keyId, nowMs);
  if (key === undefined) {
    const secret = { description, tags: [], policy: policy ?? defaultPolicy(account) };
    const { batch } = newKeyBatch(kms, { account, region, keyId, nowMs, manager: "CUSTOMER", secret, ...(alias === undefined ? {} : { alias }) });
    if (!(await kms.store.commit(batch)).ok) throw new Error(`key ${keyId} was made by somebody else at the same moment`);
    return;
  }
  if (key.account !== account) throw new Error(`key ${keyId} belongs to another account`);
  const secret = { ...key.secret, description, policy: policy ?? key.secret.policy };
  const same = secret.description === key.secret.description && secret.policy === key.secret.policy;
  const needsAlias = alias !== undefined && aliasRow === undefined;
  if (same && !needsAlias) return;
  const clear = needsAlias ? { ...key.clear, aliases: [...key.clear.aliases, alias] } : key.clear;
  const aliasKey = kms.tables.aliases.key(account, region, alias ?? "");
  const aliasPut = kms.tables.aliases.put(aliasKey, { clear: { name: alias ?? "", keyId, createdMs: nowMs, updatedMs: nowMs } });
  const result = await kms.store.commit({
    checks: [{ key: key.rowKey, stamp: key.stamp }, ...(needsAlias ? [{ key: aliasKey, stamp: "absent" as const }] : [])],
    puts: [kms.tables.keys.put(key.rowKey, keyRow(clear, secret)), ...(needsAlias ? [aliasPut] : [])],
  });
  if (!result.ok) throw new Error(`key ${keyId} changed at the same moment`);
}
