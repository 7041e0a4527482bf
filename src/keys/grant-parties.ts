/** Who may end a grant. Source: AWS KMS developer guide "Retiring and revoking grants". */
import { rootArn } from "../lib/arn.js";
import type { Principal, StatementRef } from "../policy/types.js";
import { covers, granteeNames } from "./grants.js";
import type { GrantClear } from "./records.js";

/**
 * How the grant itself lets the caller retire it: as retiring principal, as grantee with RetireGrant among its operations,
 * or by delegation of the account that made it. Everybody else needs the key policy.
 */
export function retiringRefs(grant: GrantClear, principal: Principal): StatementRef[] {
  const refs: StatementRef[] = [];
  const names = granteeNames(principal);
  const add = (party: string | undefined): void => {
    if (party === undefined) return;
    const ref = { layer: "grant", source: grant.grantId } as const;
    if (principal.accountId !== undefined && party === rootArn(principal.accountId)) refs.push({ ...ref, names: "account" });
    else if (names.includes(party)) refs.push({ ...ref, names: party === principal.uniqueId ? "principal" : "session" });
  };
  add(grant.retiring);
  if (covers(grant, { operation: "RetireGrant" })) add(grant.grantee);
  add(rootArn(grant.issuingAccount));
  return refs;
}
