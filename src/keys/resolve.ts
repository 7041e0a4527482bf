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
  readonly alias?: string | undefined;
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
  const found = keyId === undefined ? undefined : await loadKey(kms, region, keyId, call.nowMs);
  const there = found ?? await missingHouseKey(kms, account, keyId, call);
  const key = there?.account === account ? there : undefined;
  if (key === undefined) {
    if (!own) throw hiddenKey(call, rules.action);
    throw notFound(
      reference.kind === "alias"
        ? `Alias ${aliasArn(region, account, reference.name)} is not found.`
        : `Key '${keyArn(region, account, reference.keyId)}' does not exist`,
    );
  }
  return { key, alias: reference.kind === "alias" ? reference.name : undefined };
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

/** Of all keys, those of the house are made where they are asked for. */
async function missingHouseKey(kms: Kms, account: string, keyId: string | undefined, call: Call): Promise<Key | undefined> {
  if (account !== HOUSE_ACCOUNT || keyId === undefined) return undefined;
  return ensureHouseKey(kms, call.region, keyId, call.nowMs);
}
