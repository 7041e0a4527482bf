/** The audit log and coffer:LookupAuditEvents behind the real gate, without the rooms that would write to it. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import type { AuditLog } from "../../src/gate/audit-lines.js";
import { LiveCall } from "../../src/gate/call.js";
import type { GateDependencies } from "../../src/gate/dependencies.js";
import { lookupAuditEvents } from "../../src/gate/lookup-audit-events.js";
import { Registry } from "../../src/gate/registry.js";
import { ManualClock, type Clock } from "../../src/lib/clock.js";
import { silentLog } from "../../src/lib/log.js";
import { parsePolicy } from "../../src/policy/parse.js";
import type { Principal } from "../../src/policy/types.js";
import { memoryMetadataStore } from "../../src/stores/memory-metadata.js";
import type { LookupAuditEventsRequest, LookupAuditEventsResponse } from "../../src/wire/tables/coffer-types.js";

export const HOME = "111122223333";
export const AWAY = "444455556666";
export const START_MS = Date.UTC(2026, 0, 1);

export const root = (accountId = HOME): Principal => {
  const arn = `arn:aws:iam::${accountId}:root`;
  return { type: "Account", accountId, arn, principalArn: arn, userId: accountId };
};

export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), "coffer-audit-"));
  after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

export type Lookup = (input?: LookupAuditEventsRequest, as?: Principal) => Promise<LookupAuditEventsResponse>;

/** Asks as `as`, by default the root of HOME. @param policies identity policies by principal ARN */
export function lookupOver(log: AuditLog, clock: Clock = new ManualClock(), policies: Readonly<Record<string, object>> = {}): Lookup {
  const registry = new Registry([lookupAuditEvents(log)]);
  const deps: GateDependencies = {
    registry,
    directory: {
      credential: async () => "unknown",
      policiesOf: async ({ arn }) => {
        const text = JSON.stringify({ Version: "2012-10-17", Statement: policies[arn ?? ""] ?? [] });
        return { identity: policies[arn ?? ""] === undefined ? [] : [{ id: "test", policy: parsePolicy(text, "identity") }] };
      },
    },
    audit: { append: () => {} },
    store: memoryMetadataStore(),
    clock,
    log: silentLog,
    routing: { domains: ["localhost"] },
    regions: ["us-east-1"],
    observe: () => {},
  };
  return async (input = {}, as = root()) => {
    const call = new LiveCall(deps, registry.get("coffer", "LookupAuditEvents"), {
      principal: as, authentication: { type: "REST-HEADER", scopeRegion: "us-east-1" }, region: "us-east-1", requestId: "R", nowMs: clock.now(),
      secure: true, secureEnoughForSse: true, sourceIp: "127.0.0.1", signal: new AbortController().signal,
      userAgent: "test", referer: undefined, tlsVersion: undefined,
    });
    return (await call.execute(input)) as LookupAuditEventsResponse;
  };
}

/** Every page until the end; the ids in order. */
export async function allIds(lookup: Lookup, input: LookupAuditEventsRequest = {}, between = (): void => {}): Promise<string[]> {
  const ids: string[] = [];
  for (let token: string | undefined; ; ) {
    const page = await lookup({ ...input, ...(token === undefined ? {} : { NextToken: token }) });
    ids.push(...page.Events.map(({ EventId }) => EventId));
    if (page.NextToken === undefined) return ids;
    token = page.NextToken;
    between();
  }
}

/** A record as the gate makes them, with as much as lookups look at. */
export function record(eventID: string, over: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  return {
    eventVersion: "1.08",
    userIdentity: { type: "Root", principalId: HOME, arn: `arn:aws:iam::${HOME}:root`, accountId: HOME, accessKeyId: "AKIAHOMEHOMEHOMEHOME" },
    eventTime: "2026-01-01T00:00:00Z",
    eventSource: "s3.amazonaws.com",
    eventName: "PutObject",
    requestParameters: null,
    eventID,
    readOnly: false,
    recipientAccountId: HOME,
    ...over,
  };
}
