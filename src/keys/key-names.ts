/** What other rooms need to know of a key's name without deciding anything: the ARN behind it. */
import { keyArn } from "../lib/arn.js";
import { ServiceError } from "../lib/errors.js";
import { parseKeyReference } from "./identifiers.js";
import type { Kms } from "./kms.js";
import { loadAlias } from "./load.js";
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
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    return undefined; // not a name of any key: using it says so, in the words of the operation that does
  }
  const owner = reference.account ?? account;
  if (reference.kind === "key") return keyArn(region, owner, reference.keyId);
  const alias = await loadAlias(kms, owner, region, reference.name);
  if (alias !== undefined) return keyArn(region, owner, alias.clear.keyId);
  if (reference.name !== MANAGED_ALIAS || owner !== account || account === "") return undefined;
  return keyArn(region, owner, (await ensureManagedKey(kms, owner, region, nowMs)).keyId);
}
