/**
 * Key policies as CreateKey and PutKeyPolicy accept them. KMS is lenient: statements without Action or Resource are
 * stored and do nothing; unknown actions match nothing. Whether the policy locks its author out is decided by the keys
 * room with `evaluate`. Source: kms reference §11.1, §4.3; authorization reference §1.1, §1.9.
 */
import { ServiceError } from "../lib/errors.js";
import { PolicyFault, readPolicy, type Fault } from "./parse.js";
import type { Policy } from "./types.js";

export const MAX_KEY_POLICY_BYTES = 32_768;

const malformed = (message: string): ServiceError => new ServiceError("MalformedPolicyDocumentException", message);

/** Also for a principal that the resolver does not know. */
export const invalidKeyPolicyPrincipal = (): ServiceError =>
  malformed("Policy contains a statement with one or more invalid principals.");

/** The lock-out check's refusal. */
export const keyPolicyLockout = (): ServiceError =>
  malformed("The new key policy will not allow you to update the key policy in the future.");

const PRINCIPAL_FAULTS: ReadonlySet<Fault> = new Set(["principal", "NotPrincipal with Allow"]);

/**
 * @throws ServiceError MalformedPolicyDocumentException; LimitExceededException beyond 32,768 bytes
 */
export function validateKeyPolicy(text: string): Policy {
  if (text.length > MAX_KEY_POLICY_BYTES || new TextEncoder().encode(text).length > MAX_KEY_POLICY_BYTES) {
    throw new ServiceError("LimitExceededException", `Key policy exceeds the maximum size of ${MAX_KEY_POLICY_BYTES} bytes.`);
  }
  try {
    return readPolicy(text, "key").policy;
  } catch (cause) {
    if (!(cause instanceof PolicyFault)) throw cause;
    if (PRINCIPAL_FAULTS.has(cause.fault)) throw invalidKeyPolicyPrincipal();
    if (cause.fault === "no principal") throw malformed("Policy contains a statement with no principal.");
    throw malformed(`The policy is not valid: ${wordsOf(cause)}.`);
  }
}

/** Our own words: AWS's are not known. */
function wordsOf({ fault, detail }: PolicyFault): string {
  if (fault === "json") return "it is not well-formed JSON of a policy document";
  return detail === "" ? fault : `${fault} ${JSON.stringify(detail)}`;
}
