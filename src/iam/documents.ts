/**
 * Policy documents as IAM takes, keeps and shows them: syntax and sizes are the policy room's; here is how they meet the
 * directory (principals of trust policies) and the wire (URL form). Source: docs/reference/authorization.md §1.2, §1.8,
 * §1.9, §6.1.
 */
import type { PrincipalResolver } from "../gate/contract.js";
import { parsePolicy } from "../policy/parse.js";
import { displayPrincipals, resolvePrincipals } from "../policy/principals.js";
import type { Policy } from "../policy/types.js";
import { validateIdentityPolicy } from "../policy/validate-identity-policy.js";
import { invalidTrustPolicyPrincipal, validateTrustPolicy } from "../policy/validate-trust-policy.js";

/** RFC 3986 percent encoding, as in every answer that carries a document. */
export const urlEncoded = (document: string): string =>
  encodeURIComponent(document).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);

/** A stored identity, boundary or session policy. @throws when it is broken: deny */
export const parseIdentityDocument = (document: string): Policy => parsePolicy(document, "identity");

/** @throws ServiceError MalformedPolicyDocument */
export function checkIdentityDocument(document: string): void {
  validateIdentityPolicy(document);
}

/**
 * A trust policy in the form that is stored: its user and role principals replaced by unique ids.
 * @throws ServiceError MalformedPolicyDocument, also where a principal does not exist; LimitExceeded
 */
export async function storedTrustDocument(document: string, resolver: PrincipalResolver): Promise<string> {
  validateTrustPolicy(document);
  const { text, unknown } = await resolvePrincipals(document, resolver);
  const [stranger] = unknown;
  if (stranger !== undefined) throw invalidTrustPolicyPrincipal(stranger);
  return text;
}

/** A stored trust policy for the evaluator. */
export const parseTrustDocument = (stored: string): Policy => parsePolicy(stored, "trust");

/** A stored trust policy as its readers expect it: with ARNs, or the unique ids of those who are gone. */
export const shownTrustDocument = (stored: string, resolver: PrincipalResolver): Promise<string> =>
  displayPrincipals(stored, resolver);
