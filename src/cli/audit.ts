/** `coffer audit`: who did what, and with which key, for those with the right. Newest first. */
import type { Event, LookupAuditEventsRequest, LookupAuditEventsResponse } from "../wire/tables/coffer-types.js";
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from "../lib/clock.js";
import { ConfigError } from "../server/config.js";
import { parseObjectAddress, serviceOf, type Environment } from "./service.js";
import { print, printable, safeJson, shownTime } from "./text.js";

/** As typed. */
export interface AuditOptions {
  readonly object?: string;
  readonly bucket?: string;
  readonly key?: string;
  readonly event?: string;
  readonly principal?: string;
  readonly accessKey?: string;
  readonly since?: string;
  readonly until?: string;
  readonly limit?: string;
  readonly json?: boolean;
}

const DEFAULT_LIMIT = 100;

/** @throws ServiceError what the server refuses; ConfigError for a bad option or environment */
export async function audit(options: AuditOptions, environment: Environment, nowMs: number): Promise<void> {
  const filter = filterOf(options, nowMs);
  const limit = limitOf(options.limit);
  const ask = serviceOf(environment);
  const failed = new Set<string>();
  let shown = 0;
  let unreadable = 0;
  let token: string | undefined;
  do {
    const page = { ...filter, MaxResults: Math.min(limit - shown, 1000), ...(token === undefined ? {} : { NextToken: token }) };
    const answer = (await ask("LookupAuditEvents", page)) as LookupAuditEventsResponse;
    for (const event of answer.Events) {
      // Announced before its commit, and taken back by a later line: that one holds.
      if (options.json !== true && failed.has(event.EventId)) continue;
      const record = JSON.parse(event.CloudTrailEvent) as CloudTrailRecord;
      if (record.errorCode !== undefined) failed.add(event.EventId);
      print(options.json === true ? safeJson(event.CloudTrailEvent) : describe(event, record));
    }
    shown += answer.Events.length;
    unreadable += answer.UnreadableLines ?? 0;
    token = answer.NextToken;
  } while (token !== undefined && shown < limit);
  if (unreadable > 0) warn(`${unreadable} lines of the audit log are damaged; the server's log names them`);
  if (token !== undefined) warn(`there may be more: --limit ${limit * 10}`);
}

const warn = (text: string): void => void process.stderr.write(`coffer: ${text}\n`);

function filterOf(options: AuditOptions, nowMs: number): LookupAuditEventsRequest {
  const object = options.object === undefined ? undefined : parseObjectAddress(options.object);
  return {
    ...(object === undefined ? {} : { ObjectArn: `arn:aws:s3:::${object.bucket}/${object.key}` }),
    ...(options.bucket === undefined ? {} : { Bucket: options.bucket }),
    ...(options.key === undefined ? {} : { KeyArn: options.key }),
    ...(options.event === undefined ? {} : { EventName: options.event }),
    ...(options.principal === undefined ? {} : { PrincipalArn: options.principal }),
    ...(options.accessKey === undefined ? {} : { AccessKeyId: options.accessKey }),
    ...(options.since === undefined ? {} : { StartTime: timeOf("since", options.since, nowMs) }),
    ...(options.until === undefined ? {} : { EndTime: timeOf("until", options.until, nowMs) }),
  };
}

const UNITS: Readonly<Record<string, number>> = { s: SECOND_MS, m: MINUTE_MS, h: HOUR_MS, d: DAY_MS };

/** A time, or how long ago: `2026-01-31T12:00Z`, `90m`, `7d`. */
function timeOf(name: string, text: string, nowMs: number): Date {
  const [, count, unit = ""] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
  const written = /^\d{4}-/.test(text) ? Date.parse(text) : Number.NaN;
  const ms = count === undefined ? written : nowMs - Number(count) * (UNITS[unit] ?? 0);
  if (!Number.isNaN(ms)) return new Date(ms);
  throw new ConfigError(`--${name}: expected a time like 2026-01-31T12:00Z or 90m, 2h, 7d, not ${JSON.stringify(text)}`);
}

function limitOf(text: string | undefined): number {
  if (text === undefined) return DEFAULT_LIMIT;
  if (/^[1-9]\d{0,6}$/.test(text)) return Number(text);
  throw new ConfigError(`--limit: expected a number from 1 to 9999999, not ${JSON.stringify(text)}`);
}

interface BucketKeyUse {
  readonly ciphertextId?: string;
  readonly s3RequestId?: string;
}

interface CloudTrailRecord {
  readonly errorCode?: string;
  readonly requestID?: string;
  readonly sourceIPAddress?: string;
  readonly userIdentity?: { readonly arn?: string; readonly type?: string; readonly accountId?: string };
  readonly requestParameters?: {
    readonly bucketName?: string;
    readonly key?: string;
    readonly encryptionContext?: Readonly<Record<string, string>>;
  } | null;
  readonly additionalEventData?: {
    readonly s3RequestId?: string;
    readonly keyMaterialId?: string;
    readonly SSEApplied?: string;
    readonly bucketKeyRead?: BucketKeyUse;
    readonly bucketKeyWrite?: BucketKeyUse;
  };
}

/** One line an event: when, what, who, on what, with which key. */
function describe(event: Event, record: CloudTrailRecord): string {
  const { userIdentity, additionalEventData: extra } = record;
  const who = userIdentity?.arn ?? `${userIdentity?.type ?? "?"} ${userIdentity?.accountId ?? ""}`.trim();
  const service = event.EventSource.replace(".amazonaws.com", "");
  const words = [
    shownTime(event.EventTime),
    `${service}:${event.EventName}`,
    who,
    ...subjectOf(event, record),
    ...(extra?.SSEApplied === undefined ? [] : [extra.SSEApplied]),
    ...(extra?.keyMaterialId === undefined ? [] : [`material ${extra.keyMaterialId.slice(0, 16)}…`]),
    ...relationOf(event, record),
    ...(record.errorCode === undefined ? [] : [`REFUSED ${record.errorCode}`]),
    `event ${event.EventId}`,
  ];
  return words.map(printable).join("  ");
}

function subjectOf(event: Event, { requestParameters }: CloudTrailRecord): string[] {
  const { bucketName, key, encryptionContext } = requestParameters ?? {};
  if (bucketName !== undefined) return [key === undefined ? `s3://${bucketName}` : `s3://${bucketName}/${key}`];
  const named = event.Resources[0]?.ResourceName;
  const context = encryptionContext?.["aws:s3:arn"];
  return [...(named === undefined ? [] : [named]), ...(context === undefined ? [] : [`for ${context}`])];
}

/** Which request a KMS call was made for, and which request's KMS call covers the use of a bucket key. */
function relationOf(event: Event, { requestID, additionalEventData: extra }: CloudTrailRecord): string[] {
  const uses = [extra?.bucketKeyWrite, extra?.bucketKeyRead].filter((use) => use !== undefined);
  const request = extra?.s3RequestId ?? (event.EventSource.startsWith("s3.") ? requestID : undefined);
  return [
    ...(request === undefined ? [] : [`request ${request}`]),
    ...uses.map(({ ciphertextId, s3RequestId }) => `bucket key ${ciphertextId ?? "?"} of request ${s3RequestId ?? "?"}`),
    ...(event.CoversBucketKey === true ? ["brought the bucket key"] : []),
  ];
}
