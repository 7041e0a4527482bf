/**
 * Audit records as read back, and what an account may see of them. As with CloudTrail, an event is delivered to the
 * caller's account whole, and to accounts that own its resources without what concerns the caller's own account only: who
 * exactly called, and by which policies it was denied.
 * Source: CloudTrail user guide, "userIdentity element", cross-account requests.
 */

/** A parsed line. */
export type AuditEvent = Readonly<Record<string, unknown>>;

/** @returns undefined for a text that is no JSON object */
export function parseEvent(text: string): AuditEvent | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as AuditEvent) : undefined;
  } catch {
    // Damage is counted, and named to the caller, by whoever reads the lines.
    return undefined;
  }
}

/** A member of a member …; undefined where the path ends early. */
export function memberOf(event: AuditEvent, ...path: readonly string[]): unknown {
  let value: unknown = event;
  for (const name of path) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, name)) return undefined;
    value = (value as Readonly<Record<string, unknown>>)[name];
  }
  return value;
}

/** The same where text is expected. */
export function textOf(event: AuditEvent, ...path: readonly string[]): string | undefined {
  const value = memberOf(event, ...path);
  return typeof value === "string" ? value : undefined;
}

export interface EventResource {
  readonly ARN?: string;
  readonly accountId?: string;
  readonly type?: string;
}

export function resourcesOf(event: AuditEvent): readonly EventResource[] {
  const list = memberOf(event, "resources");
  return Array.isArray(list) ? (list as readonly EventResource[]) : [];
}

/** What the account may see of the event; undefined: nothing. @param account 12 digits */
export function visibleTo(event: AuditEvent, account: string): AuditEvent | undefined {
  if (textOf(event, "recipientAccountId") === account || textOf(event, "userIdentity", "accountId") === account) return event;
  return resourcesOf(event).some(({ accountId }) => accountId === account) ? ownersView(event, account) : undefined;
}

function ownersView(event: AuditEvent, account: string): AuditEvent {
  const { additionalEventData, errorMessage: _message, userIdentity, ...rest } = event;
  const { denial: _denial, ...extra } = (additionalEventData ?? {}) as AuditEvent;
  const { type, principalId, accountId, invokedBy } = (userIdentity ?? {}) as AuditEvent;
  const caller = { type: type === "AWSService" ? type : "AWSAccount", principalId, accountId };
  return {
    ...rest,
    userIdentity: invokedBy === undefined ? caller : { ...caller, invokedBy },
    recipientAccountId: account,
    ...(Object.keys(extra).length === 0 ? {} : { additionalEventData: extra }),
  };
}
