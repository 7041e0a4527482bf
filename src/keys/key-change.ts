/** The many operations that rewrite one key's row: same steps, different members. */
import type { AnyOperation, Call } from "../gate/contract.js";
import { ServiceError } from "../lib/errors.js";
import type { Context } from "../policy/types.js";
import { defineChange } from "./change.js";
import { requireState } from "./key.js";
import type { Key } from "./key.js";
import { keyFacts, updateKey } from "./key-facts.js";
import type { KeyFacts } from "./key-facts.js";
import type { Kms } from "./kms.js";
import { LIMITS } from "./limits.js";
import { keyPermission } from "./permission.js";
import type { KeyClear, KeySecret } from "./records.js";
import { validate } from "./validate.js";

interface RowChange {
  readonly clear?: KeyClear;
  readonly secret?: KeySecret;
}

/** An operation on a key of the caller's account that rewrites its row and needs `kms:<name>`. */
export function keyChange<I extends { readonly KeyId: string }, O>(
  kms: Kms,
  name: keyof typeof LIMITS,
  rule: {
    readonly context?: (input: I) => Context;
    /** Checked before anything is read. */
    readonly check?: (input: I) => void;
    /** New row parts; nothing: the key is so already. */
    readonly change: (input: I, key: Key, call: Call) => RowChange & { readonly output: O };
  },
): AnyOperation {
  return defineChange<I, KeyFacts, O>({
    name,
    async resolve(input, call) {
      validate(input, LIMITS[name]);
      rule.check?.(input);
      return keyFacts(kms, input, { action: `kms:${name}` }, call);
    },
    permissions: (input, facts, call) => [
      keyPermission(facts, { action: name, ...(rule.context === undefined ? {} : { context: rule.context(input) }) }, call),
    ],
    async attempt(input, { key }, call) {
      refuseManaged(key);
      requireState(name, key);
      const { output, ...change } = rule.change(input, key, call);
      if (change.clear === undefined && change.secret === undefined) return { output };
      return { batch: updateKey(kms, key, change), output };
    },
  });
}

/** The policies of AWS managed keys permit no change; this holds whatever a policy says. */
export function refuseManaged(key: Key): void {
  if (key.clear.manager === "AWS") {
    throw new ServiceError("UnsupportedOperationException", `${key.arn} is an AWS managed key, which cannot be changed.`);
  }
}

/** KMS never accepts anonymous callers, and services own no keys here. */
export function accountOf(call: Call): string {
  const { accountId } = call.principal;
  if (accountId === undefined) throw new ServiceError("AccessDeniedException", "The caller has no account.");
  return accountId;
}
