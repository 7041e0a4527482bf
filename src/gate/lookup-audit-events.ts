/**
 * `coffer:LookupAuditEvents`: the account's audit events, newest first, in the shape of CloudTrail's LookupEvents. Each
 * request reads a bounded piece of the log and says where to go on. Source: docs/reference/coffer-verbs.md.
 */
import { SECOND_MS, DAY_MS } from "../lib/clock.js";
import { ServiceError } from "../lib/errors.js";
import type { Permission } from "../policy/types.js";
import type { Event, LookupAuditEventsRequest, LookupAuditEventsResponse } from "../wire/tables/coffer-types.js";
import { memberOf, parseEvent, resourcesOf, textOf, visibleTo, type AuditEvent } from "./audit-events.js";
import { AuditPlaceError, type AuditLog } from "./audit-lines.js";
import { matches, ObjectTrail, TrailTooWide } from "./audit-match.js";
import { newestFirst, type ReadLine, type ReadRange, type SeenLine } from "./audit-read.js";
import { defineOperation, type AnyOperation, type Call } from "./contract.js";

const DEFAULT_RESULTS = 50;
/** Of one request, in characters: what is looked at, and what is answered. */
const SCAN_LIMIT = 16 * 1024 * 1024;
const ANSWER_LIMIT = 4 * 1024 * 1024;
/** A request may take a day to arrive, and its event has the time of its start. */
const LONGEST_CALL_MS = 2 * DAY_MS;

export const auditArn = (account: string): string => `arn:aws:coffer::${account}:audit`;

export function lookupAuditEvents(log: AuditLog): AnyOperation {
  return defineOperation<LookupAuditEventsRequest, Resumed, LookupAuditEventsResponse>({
    service: "coffer",
    name: "LookupAuditEvents",
    readOnly: true,
    resolve: async (input) => (input.NextToken === undefined ? { awaited: [] } : readToken(input.NextToken)),
    permissions: (_input, _facts, call) => [permission(call)],
    async run(input, resumed, call) {
      try {
        return await lookup(log, call, input, resumed);
      } catch (cause) {
        if (cause instanceof TrailTooWide) throw tooWide(cause);
        if (cause instanceof AuditPlaceError && resumed.after !== undefined) throw invalidToken(cause);
        throw cause;
      }
    },
    auditParameters: ({ NextToken: _token, ...input }) =>
      Object.fromEntries(Object.entries(input).map(([name, value]) => [name.slice(0, 1).toLowerCase() + name.slice(1), value])),
  });
}

function tooWide(cause: unknown): ServiceError {
  const message = "Too many bucket keys were in use at once: narrow the time range.";
  return new ServiceError("LimitExceededException", message, { cause });
}

function permission({ principal }: Call): Permission {
  const account = principal.accountId ?? "";
  return { action: "coffer:LookupAuditEvents", resource: auditArn(account), resourceAccount: account };
}

/** Where an earlier request ended. */
interface Resumed {
  readonly after?: SeenLine;
  readonly awaited: readonly string[];
}

async function lookup(
  log: AuditLog, call: Call, input: LookupAuditEventsRequest, resumed: Resumed,
): Promise<LookupAuditEventsResponse> {
  const account = call.principal.accountId ?? "";
  const trail = input.ObjectArn === undefined ? undefined : new ObjectTrail(input.ObjectArn, resumed.awaited);
  const events: Event[] = [];
  let damaged = 0;
  let looked = 0;
  let answered = 0;
  for await (const line of newestFirst(log, rangeOf(input, resumed))) {
    const event = line.damaged ? undefined : parseEvent(line.text);
    if (event === undefined) {
      damaged += 1;
      call.log.error({ event: "integrity", source: line.source, offset: line.offset }, "audit line is no record");
    }
    const found = event === undefined ? undefined : judge(event, { account, input, trail });
    if (found !== undefined) {
      events.push(found);
      answered += found.CloudTrailEvent.length;
    }
    looked += line.text.length;
    const full = events.length === (input.MaxResults ?? DEFAULT_RESULTS) || looked >= SCAN_LIMIT || answered >= ANSWER_LIMIT;
    if (full || call.signal.aborted) return { Events: events, ...damage(damaged), NextToken: writeToken(line, trail) };
  }
  return { Events: events, ...damage(damaged) };
}

function rangeOf({ StartTime, EndTime }: LookupAuditEventsRequest, { after }: Resumed): ReadRange {
  return {
    after,
    notAfterMs: EndTime === undefined ? undefined : EndTime.getTime() + LONGEST_CALL_MS,
    // Nothing is recorded before it has begun; the time of an event lacks its milliseconds.
    notBeforeMs: StartTime === undefined ? undefined : Math.floor(StartTime.getTime() / SECOND_MS) * SECOND_MS,
  };
}

function damage(lines: number): Pick<LookupAuditEventsResponse, "UnreadableLines"> {
  return lines === 0 ? {} : { UnreadableLines: lines };
}

interface Question {
  readonly account: string;
  readonly input: LookupAuditEventsRequest;
  readonly trail: ObjectTrail | undefined;
}

/** INVARIANT: judged on what the account may see, so that a filter cannot ask for what is hidden from it. */
function judge(event: AuditEvent, { account, input, trail }: Question): Event | undefined {
  const visible = visibleTo(event, account);
  if (visible === undefined) return undefined;
  const relation = trail === undefined ? "own" : trail.relation(visible);
  if (relation === undefined || !matches(visible, input)) return undefined;
  return shown(visible, relation === "covers");
}

function shown(event: AuditEvent, covers: boolean): Event {
  const accessKeyId = textOf(event, "userIdentity", "accessKeyId");
  const username = usernameOf(event);
  return {
    EventId: textOf(event, "eventID") ?? "",
    EventName: textOf(event, "eventName") ?? "",
    EventTime: new Date(Date.parse(textOf(event, "eventTime") ?? "") || 0),
    EventSource: textOf(event, "eventSource") ?? "",
    ReadOnly: String(memberOf(event, "readOnly") === true),
    ...(username === undefined ? {} : { Username: username }),
    ...(accessKeyId === undefined ? {} : { AccessKeyId: accessKeyId }),
    Resources: resourcesOf(event).map(({ ARN, type }) => ({ ResourceType: type, ResourceName: ARN })),
    ...(covers ? { CoversBucketKey: true } : {}),
    CloudTrailEvent: JSON.stringify(event),
  };
}

/** User name, `root`, or the name of the session. */
function usernameOf(event: AuditEvent): string | undefined {
  const name = textOf(event, "userIdentity", "userName");
  if (name !== undefined) return name;
  if (textOf(event, "userIdentity", "type") === "Root") return "root";
  const arn = textOf(event, "userIdentity", "arn");
  return arn?.includes("/") === true ? arn.slice(arn.lastIndexOf("/") + 1) : undefined;
}

/**
 * FORMAT of the token: base64url of JSON `[1, recorded ms, source, offset, [awaited …]]`. It gives no right: every event is
 * judged anew, so a forged one only leaves its maker's own events out.
 */
function writeToken({ recordedMs, source, offset }: ReadLine, trail: ObjectTrail | undefined): string {
  return Buffer.from(JSON.stringify([1, recordedMs, source, offset, trail?.awaited ?? []]), "utf8").toString("base64url");
}

function readToken(token: string): Resumed {
  const value: unknown = parseToken(token);
  if (!Array.isArray(value) || value.length !== 5) throw invalidToken();
  const [version, recordedMs, source, offset, awaited] = value as readonly unknown[];
  if (version !== 1 || !isCount(recordedMs) || !isCount(offset) || typeof source !== "string") throw invalidToken();
  if (!Array.isArray(awaited) || !awaited.every((name) => typeof name === "string")) throw invalidToken();
  return { after: { recordedMs, source, offset }, awaited: awaited as readonly string[] };
}

function parseToken(token: string): unknown {
  try {
    return JSON.parse(Buffer.from(token, "base64url").toString("utf8"));
  } catch (cause) {
    throw invalidToken(cause);
  }
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

function invalidToken(cause?: unknown): ServiceError {
  return new ServiceError("InvalidNextTokenException", "The next token is not valid.", cause === undefined ? {} : { cause });
}
