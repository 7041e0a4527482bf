/**
 * The message of AccessDenied for a Decision. Only callers of the owner's own account learn which kind of policy
 * decided; everybody else gets the service's plain text. Source: authorization reference §2.6; kms reference §4.3.
 */
import type { Decision, Permission, PolicyLayer, Principal } from "./types.js";

/** Layers as AWS names them, with article. */
const LAYER_NAMES: Partial<Record<PolicyLayer, { readonly text: string; readonly article: string }>> = {
  "identity-based": { text: "identity-based policy", article: "an" },
  "resource-based": { text: "resource-based policy", article: "a" },
  "permissions boundary": { text: "permissions boundary", article: "a" },
  session: { text: "session policy", article: "a" },
};

const BLOCKED: ReadonlyMap<string, string> = new Map([
  ["BlockPublicPolicy", "public policies are blocked by the BlockPublicPolicy block public access setting"],
  ["BlockPublicAcls", "public access control lists (ACLs) are blocked by the BlockPublicAcls block public access setting"],
]);

const subject = (principal: Principal, action: string): string =>
  `User: ${principal.arn ?? principal.service ?? principal.userId} is not authorized to perform: ${action}`;

/** What a stranger is told of a KMS key. INVARIANT: the same whether the key is absent or refuses him. */
export const hiddenKeyMessage = (principal: Principal, action: string): string =>
  `${subject(principal, action)} on this resource because the resource does not exist in this Region, no resource-based policies `
  + "allow access, or a resource-based policy explicitly denies access";

/**
 * AWS's text for a denial; the service is read off the action's prefix. S3 puts the resource ARN in quotes, the other
 * services don't.
 * @param decision with effect Deny; for Allow the plain text is returned
 */
export function denialMessage(principal: Principal, permission: Permission, decision: Decision): string {
  const { action, resource } = permission;
  const service = action.slice(0, Math.max(0, action.indexOf(":"))).toLowerCase();
  const sameAccount = principal.accountId !== undefined
    && (permission.resourceAccount ?? principal.accountId) === principal.accountId;
  if (service === "s3" && (!sameAccount || principal.arn === undefined)) return "Access Denied";
  if (service === "sts" && action.toLowerCase().startsWith("sts:assumerolewith")) return `Not authorized to perform ${action}`;
  if (service === "kms" && !sameAccount) return hiddenKeyMessage(principal, action);
  const shown = service === "s3" ? `"${resource === "*" ? "arn:aws:s3:::*" : resource}"` : resource;
  const what = `${subject(principal, action)} on resource: ${shown}`;
  // AssumeRole never says why: the role may not even exist.
  if (!sameAccount || action.toLowerCase() === "sts:assumerole") return what;
  const reason = reasonOf(decision, action);
  if (reason !== undefined) return `${what} ${reason}`;
  return service === "s3" ? "Access Denied" : what;
}

function reasonOf(decision: Decision, action: string): string | undefined {
  if (decision.effect === "Allow") return undefined;
  if (decision.layer === "public access block") {
    const blocked = BLOCKED.get(decision.because[0]?.source ?? "");
    return blocked === undefined ? undefined : `because ${blocked}`;
  }
  const name = LAYER_NAMES[decision.layer];
  if (name === undefined) return undefined;
  if (decision.explicit) return `with an explicit deny in ${name.article} ${name.text}`;
  return `because no ${name.text} allows the ${action} action`;
}
