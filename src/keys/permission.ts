/** The permission that an operation needs on a key: key policy, grants and condition keys put together. */
import type { Call } from "../gate/contract.js";
import type { Context, Permission, StatementRef } from "../policy/types.js";
import { aliasArn } from "../lib/arn.js";
import { callContext, encryptionContextKeys, keyContext } from "./conditions.js";
import { allowedBy, NO_GRANTS } from "./grants.js";
import type { CallerGrants, GrantUse } from "./grants.js";
import type { Key } from "./key.js";
import type { ResolvedKey } from "./resolve.js";

export interface KeyUse {
  /** Without `kms:`. */
  readonly action: string;
  /** Condition keys of this operation. */
  readonly context?: Context;
  /** Of symmetric cryptography and CreateGrant. */
  readonly encryptionContext?: Readonly<Record<string, string>> | undefined;
  readonly grants?: CallerGrants;
  /** How a grant may cover it; absent: as `action`, with the encryption context of the request. */
  readonly grantUse?: GrantUse;
  /** Grants that allow for another reason than their operations. */
  readonly allowedBy?: readonly StatementRef[];
  /** Instead of the key's own policy. */
  readonly policy?: Key["policy"];
}

/** `kms:<action>` on a key. */
export function keyPermission(resolved: ResolvedKey, use: KeyUse, call: Call): Permission {
  const { key, alias } = resolved;
  const grants = use.grants ?? NO_GRANTS;
  const grantUse = use.grantUse ?? {
    operation: use.action,
    ...(use.encryptionContext === undefined ? {} : { context: use.encryptionContext }),
  };
  const allowing = [...allowedBy(grants, grantUse, call.principal), ...(use.allowedBy ?? [])];
  return {
    action: `kms:${use.action}`,
    resource: key.arn,
    resourceAccount: key.account,
    context: { ...keyContext(key, alias, call), ...encryptionContextKeys(use.encryptionContext), ...use.context },
    resourcePolicy: { id: `key/${key.keyId}`, policy: use.policy ?? key.policy },
    resourcePolicyRequired: true,
    ...(allowing.length === 0 ? {} : { allowedBy: allowing }),
  };
}

/** `kms:<action>` where IAM alone decides. @param resource an ARN, or `*` for actions without a resource */
export function iamPermission(action: string, resource: string, call: Call, context: Context = {}): Permission {
  const { accountId } = call.principal;
  return {
    action: `kms:${action}`,
    resource,
    ...(accountId === undefined ? {} : { resourceAccount: accountId }),
    context: { ...callContext(call), ...context },
  };
}

/** `kms:<action>` on an alias of the caller's account: aliases have no policy of their own. */
export function aliasPermission(action: string, name: string, call: Call): Permission {
  return iamPermission(action, aliasArn(call.region, call.principal.accountId ?? "", name), call);
}
