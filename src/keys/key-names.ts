/** What other rooms need to know of a key's name without deciding anything: the ARN behind it. */
import { keyArn } from "../lib/arn.js";
import { ServiceError } from "../lib/errors.js";
import { parseKeyReference } from "./identifiers.js";
import type { Kms } from "./kms.js";
import { loadAlias } from "./load.js";

/** Who asks for which key. */
export interface KeyName {
  readonly region: string;
  /** Account in which a bare id or alias name is looked up. */
  readonly account: string;
  /** Key id, key ARN, alias name or alias ARN. */
  readonly keyId: string;
}

/**
 * ARN of the key that a name stands for; undefined: there is none. Only looks: who is asked about a request that may yet
 * be denied must not make `aws/s3`, which comes into being at its first use.
 */
export async function resolveKeyArn(kms: Kms, { region, account, keyId }: KeyName): Promise<string | undefined> {
  let reference: ReturnType<typeof parseKeyReference>;
  try {
    reference = parseKeyReference(keyId, { region, aliases: true, invalidArn: true });
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    return undefined; // not a name of any key: using it says so, in the words of the operation that does
  }
  const owner = reference.account ?? account;
  if (reference.kind === "key") return keyArn(region, owner, reference.keyId);
  // Another account's aliases are its own: whoever may use the key is told its ARN by KMS, nobody by a condition.
  if (owner !== account) return undefined;
  const alias = await loadAlias(kms, owner, region, reference.name);
  return alias === undefined ? undefined : keyArn(region, owner, alias.clear.keyId);
}
