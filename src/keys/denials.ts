/**
 * What a refused caller is told. Callers of the key's own account learn which layer refused; everybody else learns the one
 * sentence that also stands for "there is no such key". Texts: kms.md §4.3 of the reference, as seen on AWS.
 */
import type { Call, Denial } from "../gate/contract.js";
import { ServiceError } from "../lib/errors.js";
import { denialMessage, hiddenKeyMessage } from "../policy/denial-text.js";

/** A key of another account that is absent, hidden, or out of reach for this operation. */
export function hiddenKey(call: Call, action: string): ServiceError {
  return accessDenied(hiddenKeyMessage(call.principal, action));
}

/** The key inside a ciphertext is gone, foreign, or not the caller's to use: one answer for all three. */
export function hiddenCiphertextKey(): ServiceError {
  return accessDenied(
    "The ciphertext refers to a customer master key that does not exist, does not exist in this region, or you are not " +
      "allowed to access.",
  );
}

/** The usual refusal. */
export function denial({ permission, decision }: Denial, call: Call): ServiceError {
  return accessDenied(denialMessage(call.principal, permission, decision));
}

function accessDenied(message: string): ServiceError {
  return new ServiceError("AccessDeniedException", message);
}
