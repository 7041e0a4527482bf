/** The permission that an operation needs on a key: key policy, grants and condition keys put together. */
import type { Call } from "../gate/contract.js";
import type { Context, Permission, PolicySource, StatementRef } from "../policy/types.js";
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

/** A permission whose condition keys are put together when a decision looks one up, which most do not come to. */
class KeyPermission implements Permission {
  readonly action: string;
  readonly resource: string;
  readonly resourceAccount: string;
  readonly resourcePolicy: PolicySource;
  readonly resourcePolicyRequired = true;
  readonly allowedBy: readonly StatementRef[];
  readonly #contextOf: () => Context;

  constructor(key: Key, action: string, asked: Pick<KeyPermission, "resourcePolicy" | "allowedBy">, contextOf: () => Context) {
    this.action = action;
    this.resource = key.arn;
    this.resourceAccount = key.account;
    this.resourcePolicy = asked.resourcePolicy;
    this.allowedBy = asked.allowedBy;
    this.#contextOf = contextOf;
  }

  get context(): Context {
    return this.#contextOf();
  }
}

/** `kms:<action>` on a key. */
export function keyPermission(resolved: ResolvedKey, use: KeyUse, call: Call): Permission {
  const { key, alias } = resolved;
  const resourcePolicy = use.policy === undefined ? key.policySource : { id: `key/${key.keyId}`, policy: use.policy };
  const contextOf = (): Context =>
    ({ ...keyContext(key, alias, call), ...encryptionContextKeys(use.encryptionContext), ...use.context });
  return new KeyPermission(key, `kms:${use.action}`, { resourcePolicy, allowedBy: allowing(use, call) }, contextOf);
}

function allowing(use: KeyUse, call: Call): readonly StatementRef[] {
  const { action, encryptionContext, grants = NO_GRANTS, allowedBy: others = NO_REFS } = use;
  if (grants === NO_GRANTS) return others;
  const grantUse = use.grantUse ?? {
    operation: action,
    ...(encryptionContext === undefined ? {} : { context: encryptionContext }),
  };
  return [...allowedBy(grants, grantUse, call.principal), ...others];
}

const NO_REFS: readonly StatementRef[] = [];

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
