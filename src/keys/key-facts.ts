/** Facts of an operation on one key, and what its audit line says of it. */
import type { Call } from "../gate/contract.js";
import type { Batch } from "../stores/contract.js";
import { checkGrantTokens } from "./grant-tokens.js";
import { grantsOf, mayHaveGrants, NO_GRANTS } from "./grants.js";
import type { CallerGrants } from "./grants.js";
import { keyRow } from "./key.js";
import type { Key } from "./key.js";
import type { Kms } from "./kms.js";
import type { KeyClear, KeySecret } from "./records.js";
import { resolveKey } from "./resolve.js";
import type { KeyRules, ResolvedKey } from "./resolve.js";

export interface KeyFacts extends ResolvedKey {
  readonly grants: CallerGrants;
}

interface KeyRequest {
  readonly KeyId: string;
  readonly GrantTokens?: readonly string[] | undefined;
}

/** Resolves the key, reads the caller's grants on it, names it in the audit line. */
export async function keyFacts(
  kms: Kms, request: KeyRequest, rules: KeyRules, call: Call,
): Promise<KeyFacts> {
  checkGrantTokens(kms.keyring, request.GrantTokens);
  const { key, alias } = await resolveKey(kms, request.KeyId, rules, call);
  call.annotate({ resources: [auditResource(key)] });
  return { key, alias, grants: mayHaveGrants(key, call.principal) ? await grantsOf(kms, key, call.principal) : NO_GRANTS };
}

export function auditResource(key: Key): { readonly ARN: string; readonly accountId: string; readonly type: string } {
  return { ARN: key.arn, accountId: key.account, type: "AWS::KMS::Key" };
}

/** Rewrites a key's row, provided it is still the one read. */
export function updateKey(kms: Kms, key: Key, change: { readonly clear?: KeyClear; readonly secret?: KeySecret }): Batch {
  const row = keyRow(change.clear ?? key.clear, change.secret ?? key.secret);
  return { checks: [{ key: key.rowKey, stamp: key.stamp }], puts: [kms.tables.keys.put(key.rowKey, row)] };
}

/** Batches in one. */
export function together(...batches: readonly Batch[]): Batch {
  return {
    checks: batches.flatMap((batch) => batch.checks ?? []),
    puts: batches.flatMap((batch) => batch.puts ?? []),
    deletes: batches.flatMap((batch) => batch.deletes ?? []),
  };
}
