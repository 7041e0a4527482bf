/**
 * From the identifier in a request to the key, without telling a stranger what exists: absent keys of the caller's own
 * account are named, everything about other accounts' keys has one answer until they allow access.
 */
import { aliasArn, keyArn } from "../lib/arn.js";
import type { Call } from "../gate/contract.js";
import { hiddenKey } from "./denials.js";
import { HOUSE_ACCOUNT, notFound, parseKeyReference } from "./identifiers.js";
import type { KeyReference } from "./identifiers.js";
import type { Key } from "./key.js";
import type { Kms } from "./kms.js";
import { loadAlias, loadKey } from "./load.js";
import { ensureHouseKey, ensureManagedKey, MANAGED_ALIAS } from "./managed-keys.js";

/** How an operation takes its key. */
export interface KeyRules {
  /** Action that a refusal names, e.g. `kms:Encrypt`. */
  readonly action: string;
  /** Accepts alias name and alias ARN. */
  readonly aliases?: boolean;
  /** Usable on a key of another account. */
  readonly crossAccount?: boolean;
  /** The operation does not model InvalidArnException. */
  readonly noInvalidArn?: boolean;
  /** A predefined alias whose key does not exist yet makes it. */
  readonly createsManaged?: boolean;
}

export interface ResolvedKey {
  readonly key: Key;
  /** Name with `alias/`, when the caller used one. */
  readonly alias?: string;
}

/**
 * @throws ServiceError NotFoundException, InvalidArnException; AccessDeniedException for what is not the caller's to know
 */
export async function resolveKey(kms: Kms, text: string, rules: KeyRules, call: Call): Promise<ResolvedKey> {
  const { region, principal } = call;
  const reference = parseKeyReference(text, { region, aliases: rules.aliases === true, invalidArn: rules.noInvalidArn !== true });
  const account = reference.account ?? principal.accountId;
  if (account === undefined || (account === HOUSE_ACCOUNT && principal.type !== "Service")) throw hiddenKey(call, rules.action);
  const own = account === principal.accountId;
  if (!own && account !== HOUSE_ACCOUNT && rules.crossAccount !== true) throw hiddenKey(call, rules.action);
  const keyId = reference.kind === "key" ? reference.keyId : await aliasTarget(kms, reference, account, { rules, call });
  const key = keyId === undefined ? undefined : await loadOwned(kms, account, keyId, call);
  if (key === undefined) {
    if (!own) throw hiddenKey(call, rules.action);
    throw notFound(
      reference.kind === "alias"
        ? `Alias ${aliasArn(region, account, reference.name)} is not found.`
        : `Key '${keyArn(region, account, reference.keyId)}' does not exist`,
    );
  }
  return reference.kind === "alias" ? { key, alias: reference.name } : { key };
}

async function aliasTarget(
  kms: Kms, reference: KeyReference & { kind: "alias" }, account: string, { rules, call }: { rules: KeyRules; call: Call },
): Promise<string | undefined> {
  const found = await loadAlias(kms, account, call.region, reference.name);
  if (found !== undefined) return found.clear.keyId;
  // S3 makes `aws/s3` by its first use, DescribeKey by asking; nobody makes another account's.
  const creates = rules.createsManaged === true || call.viaService?.startsWith("s3.") === true;
  if (!creates || reference.name !== MANAGED_ALIAS || account !== call.principal.accountId) return undefined;
  return (await ensureManagedKey(kms, account, call.region, call.nowMs)).keyId;
}

async function loadOwned(kms: Kms, account: string, keyId: string, call: Call): Promise<Key | undefined> {
  const key = await loadKey(kms, call.region, keyId, call.nowMs);
  if (key === undefined && account === HOUSE_ACCOUNT) return ensureHouseKey(kms, call.region, keyId, call.nowMs);
  return key?.account === account ? key : undefined;
}
