/**
 * Who calls: reads the claim, finds the credential, proves the signature. IAM and STS name their operation in the body,
 * and the JSON and query services sign the body itself, so for those the body is read (bounded) first.
 */
import type { Principal } from "../policy/types.js";
import {
  expiredSessionToken, invalidSessionToken, missingAuthentication, refusedSignature, unknownAccessKey, wrongRegion,
} from "../wire/auth-errors.js";
import { parseAuthorization, peekScope, type AuthorizationClaim, type SignatureClaim } from "../wire/authorization.js";
import { bodyOf } from "../wire/codec.js";
import type { RoutedForm, RoutedOperation } from "../wire/contract.js";
import { readHashedBody, type HashedBody } from "../wire/small-body.js";
import { routeForm } from "../wire/route.js";
import { verifySignature, type VerifiedSignature } from "../wire/sigv4.js";
import type { Service } from "../wire/types.js";
import type { Authentication, Credential } from "./contract.js";
import type { GateDependencies } from "./dependencies.js";
import type { Incoming, Receiving } from "./request.js";

export interface Authenticated {
  readonly principal: Principal;
  readonly authentication: Authentication;
  readonly routed: RoutedOperation;
  readonly claim: AuthorizationClaim;
  /** Undefined for anonymous requests. */
  readonly signature: VerifiedSignature | undefined;
  /** The body where it had to be read already: every service but S3. */
  readonly body: Uint8Array | undefined;
}

export const ANONYMOUS: Principal = { type: "Anonymous", userId: "anonymous" };
/** Query services: AWS accepts 512 KiB of form at most. */
const FORM_LIMIT_BYTES = 512 * 1024;
/** Unsigned forms carry a web identity token and little else. */
const UNSIGNED_FORM_LIMIT_BYTES = 64 * 1024;
/** A key id that is longer is nobody's, and no key of the store either. Source: IAM `accessKeyIdType`. */
export const ACCESS_KEY_ID = /^\w{16,128}$/;

/**
 * INVARIANT: no byte of a body is read, and `100 Continue` not sent, for a caller whose access key is unknown; but unsigned
 * forms, up to 64 KiB.
 * @throws ServiceError in the dialect of the service addressed
 */
export async function authenticate(
  deps: GateDependencies, receiving: Receiving, routed: RoutedOperation | RoutedForm, nowMs: number,
): Promise<Authenticated> {
  if (routed.kind === "form") return authenticateForm(deps, receiving, routed, nowMs);
  const { incoming } = receiving;
  const { claim, credential } = await findClaim(deps, incoming, routed, nowMs);
  const { service, operation } = routed;
  const isS3 = service === "s3" || service === "s3-control";
  const body = isS3 ? undefined : await readFirst(receiving, service, bodyOf(service, operation).limitBytes);
  return prove(deps, incoming, { claim, credential, routed, body });
}

/** Whose signature it claims to be is asked before the form is read, and again when the form has named the service. */
async function authenticateForm(
  deps: GateDependencies, receiving: Receiving, form: RoutedForm, nowMs: number,
): Promise<Authenticated> {
  const { incoming } = receiving;
  const scoped = peekScope(incoming.head)?.service;
  const early = scoped === "iam" || scoped === "sts" ? scoped : undefined;
  if (early !== undefined) {
    const claim = parseAuthorization(incoming.head, { service: early, nowMs });
    if (claim.kind === "anonymous") throw missingAuthentication(early);
    await findCredential(deps, early, claim, nowMs);
  }
  const body = await readFirst(receiving, early ?? "sts", early === undefined ? UNSIGNED_FORM_LIMIT_BYTES : FORM_LIMIT_BYTES);
  const routed = routeForm(form, body.bytes, scoped);
  return prove(deps, incoming, { ...(await findClaim(deps, incoming, routed, nowMs)), routed, body });
}

interface Claimed {
  readonly claim: AuthorizationClaim;
  /** Undefined for anonymous requests. */
  readonly credential: Credential | undefined;
}

/** @throws ServiceError also where an anonymous call cannot be right */
async function findClaim(
  deps: GateDependencies, { head }: Incoming, { service, operation }: RoutedOperation, nowMs: number,
): Promise<Claimed> {
  const claim = parseAuthorization(head, { service, nowMs });
  if (claim.kind !== "anonymous") return { claim, credential: await findCredential(deps, service, claim, nowMs) };
  // A browser form carries its signature in its fields; post-object.ts proves it.
  if (!(deps.registry.find(service, operation)?.unsigned ?? service === "s3")) throw missingAuthentication(service);
  return { claim, credential: undefined };
}

function prove(
  deps: GateDependencies, { head }: Incoming,
  { claim, credential, routed, body }: Claimed & { routed: RoutedOperation; body: HashedBody | undefined },
): Authenticated {
  if (claim.kind === "anonymous" || credential === undefined) {
    return { principal: ANONYMOUS, authentication: { type: "Anonymous" }, routed, claim, signature: undefined, body: body?.bytes };
  }
  const { service } = routed;
  const signature = verifySignature(claim, head, { service, secretAccessKey: credential.secretAccessKey, bodySha256: body?.sha256 });
  checkRegion(deps, service, claim);
  const sha256 = head.headers["x-amz-content-sha256"];
  const authentication: Authentication = {
    type: claim.kind === "header" ? "REST-HEADER" : "REST-QUERY-STRING",
    scopeRegion: claim.scope.region,
    signedAtMs: claim.signedAtMs,
    contentSha256: typeof sha256 === "string" ? sha256 : undefined,
  };
  return { principal: credential.principal, authentication, routed, claim, signature, body: body?.bytes };
}

/** For GetAccessKeyLastUsed; once the signature is proven. */
export function noteUse(deps: GateDependencies, service: Service, { accessKeyId, scope }: Pick<SignatureClaim, "accessKeyId" | "scope">, nowMs: number): void {
  deps.directory.noteUse?.(accessKeyId, service, scope.region, nowMs);
}

/** @throws ServiceError unknown key, bad or expired session token, in the service's words */
export async function findCredential(
  deps: GateDependencies, service: Service, claim: Pick<SignatureClaim, "accessKeyId" | "sessionToken">, nowMs: number,
): Promise<Credential> {
  if (!ACCESS_KEY_ID.test(claim.accessKeyId)) throw unknownAccessKey(service, claim.accessKeyId);
  const found = await deps.directory.credential(claim.accessKeyId, claim.sessionToken, nowMs);
  switch (found) {
    case "unknown": throw unknownAccessKey(service, claim.accessKeyId);
    case "invalid-token": throw invalidSessionToken(service);
    case "expired": throw expiredSessionToken(service);
    default: return found;
  }
}

async function readFirst(
  { incoming: { head, body, sendContinue }, memory }: Receiving, service: Service, limitBytes: number,
): Promise<HashedBody> {
  memory.take(head, service, limitBytes);
  return readHashedBody({ head, stream: body, service, limitBytes, onStart: sendContinue });
}

/** The scope must name a region that this server answers for; which one a bucket is in, the objects room checks. */
export function checkRegion(deps: GateDependencies, service: Service, claim: Pick<SignatureClaim, "kind" | "scope">): void {
  const { region } = claim.scope;
  const [home = "us-east-1"] = deps.regions;
  // IAM is global, signed for us-east-1.
  if (deps.regions.includes(region) || (service === "iam" && region === "us-east-1")) return;
  if (service === "s3" || service === "s3-control") throw wrongRegion(claim, region, home);
  throw refusedSignature(service === "iam" || service === "sts" ? "query" : "json", "Credential should be scoped to a valid region. ");
}
