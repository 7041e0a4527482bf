/** Which audit events a lookup asks for. All members given must hold. Source: docs/reference/coffer-verbs.md. */
import { objectArn, parseArn } from "../lib/arn.js";
import { memberOf, resourcesOf, textOf, type AuditEvent } from "./audit-events.js";

export interface EventFilter {
  readonly Bucket?: string | undefined;
  readonly KeyArn?: string | undefined;
  readonly CiphertextId?: string | undefined;
  readonly EventName?: string | undefined;
  readonly PrincipalArn?: string | undefined;
  readonly AccessKeyId?: string | undefined;
  readonly StartTime?: Date | undefined;
  readonly EndTime?: Date | undefined;
}

/** Everything but the object, which needs memory: see ObjectTrail. */
export function matches(event: AuditEvent, filter: EventFilter): boolean {
  const { Bucket, KeyArn, CiphertextId, EventName, PrincipalArn, AccessKeyId, StartTime, EndTime } = filter;
  if (EventName !== undefined && textOf(event, "eventName") !== EventName) return false;
  if (AccessKeyId !== undefined && textOf(event, "userIdentity", "accessKeyId") !== AccessKeyId) return false;
  if (PrincipalArn !== undefined && !isPrincipal(textOf(event, "userIdentity", "arn"), PrincipalArn)) return false;
  if (KeyArn !== undefined && !resourcesOf(event).some(({ ARN }) => ARN === KeyArn)) return false;
  if (CiphertextId !== undefined && !ciphertextIds(event).includes(CiphertextId)) return false;
  if (Bucket !== undefined && !isOfBucket(event, Bucket)) return false;
  return isWithin(Date.parse(textOf(event, "eventTime") ?? ""), StartTime, EndTime);
}

/** `eventTime` has whole seconds: one within the second of a bound is within the bound. */
function isWithin(timeMs: number, start: Date | undefined, end: Date | undefined): boolean {
  if (start !== undefined && !(timeMs + 999 >= start.getTime())) return false;
  return end === undefined || timeMs <= end.getTime();
}

/** A role stands for its sessions. */
function isPrincipal(arn: string | undefined, wanted: string): boolean {
  if (arn === undefined || arn === wanted) return arn === wanted;
  const role = parseArn(wanted);
  if (role?.service !== "iam" || !role.resource.startsWith("role/")) return false;
  const name = role.resource.slice(role.resource.lastIndexOf("/") + 1);
  return arn.startsWith(`arn:aws:sts::${role.account}:assumed-role/${name}/`);
}

const BUCKET_KEY_USES = ["bucketKeyRead", "bucketKeyWrite"] as const;

function ciphertextIds(event: AuditEvent): readonly (string | undefined)[] {
  const used = BUCKET_KEY_USES.map((use) => textOf(event, "additionalEventData", use, "ciphertextId"));
  return [textOf(event, "additionalEventData", "ciphertextId"), ...used];
}

/** What S3 tells KMS an encryption context is for: the object, or under a bucket key the bucket. */
function contextArn(event: AuditEvent): string | undefined {
  return textOf(event, "requestParameters", "encryptionContext", "aws:s3:arn");
}

function isOfBucket(event: AuditEvent, bucket: string): boolean {
  const own = `arn:aws:s3:::${bucket}`;
  const isOwn = (arn: string | undefined): boolean => arn === own || arn?.startsWith(`${own}/`) === true;
  if (textOf(event, "requestParameters", "bucketName") === bucket) return true;
  return resourcesOf(event).some(({ ARN }) => isOwn(ARN)) || isOwn(contextArn(event)) || isOwn(copySourceArn(event));
}

/** The object that a copy reads. */
function copySourceArn(event: AuditEvent): string | undefined {
  const source = textOf(event, "requestParameters", "copySource")?.split("?versionId=")[0]?.replace(/^\//, "");
  const slash = source?.indexOf("/") ?? -1;
  if (source === undefined || slash <= 0) return undefined;
  try {
    return objectArn(source.slice(0, slash), decodeURIComponent(source.slice(slash + 1)));
  } catch {
    // Badly escaped: the copy was refused for it, and read nothing.
    return undefined;
  }
}

/** Bounds the state that a caller carries from page to page. */
const MAX_AWAITED = 2000;

/** More bucket keys were in use at once than a lookup can follow. */
export class TrailTooWide extends Error {
  override readonly name = "TrailTooWide";
}

/**
 * The events of one object: its own, and where an own event was served by a bucket key, the KMS event that brought that
 * key. Read newest first, the latter comes behind the former, so what is awaited is remembered.
 */
export class ObjectTrail {
  readonly #arn: string;
  /** `ciphertextId/s3RequestId` of KMS events still to come. */
  readonly #awaited: Set<string>;

  constructor(arn: string, awaited: readonly string[] = []) {
    this.#arn = arn;
    this.#awaited = new Set(awaited);
  }

  get awaited(): readonly string[] {
    return [...this.#awaited];
  }

  /** @throws TrailTooWide */
  relation(event: AuditEvent): "own" | "covers" | undefined {
    if (this.#isOwn(event)) {
      for (const use of BUCKET_KEY_USES) this.#await(memberOf(event, "additionalEventData", use) as AuditEvent | undefined);
      return "own";
    }
    const id = textOf(event, "additionalEventData", "ciphertextId");
    const name = keyEventName(id, textOf(event, "additionalEventData", "s3RequestId"));
    return name !== undefined && this.#awaited.delete(name) ? "covers" : undefined;
  }

  #await(use: AuditEvent | undefined): void {
    const name = use === undefined ? undefined : keyEventName(textOf(use, "ciphertextId"), textOf(use, "s3RequestId"));
    if (name === undefined) return;
    this.#awaited.add(name);
    if (this.#awaited.size > MAX_AWAITED) throw new TrailTooWide("bucket keys in use at once");
  }

  #isOwn(event: AuditEvent): boolean {
    const bucket = textOf(event, "requestParameters", "bucketName");
    const key = textOf(event, "requestParameters", "key");
    if (bucket !== undefined && key !== undefined && objectArn(bucket, key) === this.#arn) return true;
    return contextArn(event) === this.#arn || copySourceArn(event) === this.#arn;
  }
}

const keyEventName = (id: string | undefined, requestId: string | undefined): string | undefined =>
  id === undefined || requestId === undefined ? undefined : `${id}/${requestId}`;
