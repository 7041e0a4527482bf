/** How CloudTrail writes values inside `responseElements`. Source: AWS KMS developer guide, log entry of CreateKey. */

/** CloudTrail's date inside `responseElements`: `Aug 10, 2022, 10:38:27 PM`. */
export function auditDate(ms: number): string {
  const parts = new Intl.DateTimeFormat("en-US", {
    timeZone: "UTC", month: "short", day: "numeric", year: "numeric",
    hour: "numeric", minute: "2-digit", second: "2-digit", hour12: true,
  });
  return parts.format(new Date(ms)).replace(/\u202f/g, " ");
}

/** `responseElements.keyMetadata` of CreateKey. */
export function auditMetadata(metadata: object): Record<string, unknown> {
  const shown = Object.entries(metadata).map(([name, value]) => {
    const member = name === "AWSAccountId" ? "aWSAccountId" : name.slice(0, 1).toLowerCase() + name.slice(1);
    return [member, value instanceof Date ? auditDate(value.getTime()) : value] as const;
  });
  return Object.fromEntries(shown);
}

