/**
 * Who calls: reads the claim, finds the credential, proves the signature. IAM and STS name their operation in the body,
 * and the JSON and query services sign the body itself, so for those the body is read (bounded) first.
 */
import type { Principal } from "../policy/types.js";
import { expiredSessionToken, invalidSessionToken, missingAuthentication, refusedSignature, unknownAccessKey, wrongRegion } from "../wire/auth-errors.js";
import { parseAuthorization, peekScope, type AuthorizationClaim, type SignatureClaim } from "../wire/authorization.js";
import { bodyOf } from "../wire/codec.js";
import type { RoutedForm, RoutedOperation } from "../wire/contract.js";
import { readHashedBody, type HashedBody } from "../wire/small-body.js";
import { routeForm } from "../wire/route.js";
import { verifySignature, type VerifiedSignature } from "../wire/sigv4.js";
import type { Service } from "../wire/types.js";
import type { Authentication, Credential } from "./contract.js";
import type { GateDependencies, Incoming } from "./gate.js";

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

/** @throws ServiceError in the dialect of the service addressed */
export async function authenticate(
  deps: GateDependencies, incoming: Incoming, routed: RoutedOperation | RoutedForm, nowMs: number,
): Promise<Authenticated> {
  const { head } = incoming;
  const isS3 = routed.kind === "operation" && (routed.service === "s3" || routed.service === "s3-control");
  const body = isS3 ? undefined : await readBodyFirst(incoming, routed);
  const named = routed.kind === "form" ? routeForm(routed, body?.bytes ?? new Uint8Array(), peekScope(head)?.service) : routed;
  const { service } = named;
  const claim = parseAuthorization(head, { service, nowMs });
  if (claim.kind === "anonymous") {
    const operation = deps.registry.find(service, named.operation);
    // A browser form carries its signature in its fields; body.ts proves it.
    if (!(operation?.unsigned ?? service === "s3")) throw missingAuthentication(service);
    return { principal: ANONYMOUS, authentication: { type: "Anonymous" }, routed: named, claim, signature: undefined, body: body?.bytes };
  }
  const credential = await findCredential(deps, service, claim, nowMs);
  const signature = verifySignature(claim, head, { service, secretAccessKey: credential.secretAccessKey, bodySha256: body?.sha256 });
  checkRegion(deps, service, claim);
  deps.directory.noteUse?.(claim.accessKeyId, service, claim.scope.region, nowMs);
  const sha256 = head.headers["x-amz-content-sha256"];
  const authentication: Authentication = {
    type: claim.kind === "header" ? "REST-HEADER" : "REST-QUERY-STRING",
    scopeRegion: claim.scope.region,
    signedAtMs: claim.signedAtMs,
    ...(typeof sha256 === "string" ? { contentSha256: sha256 } : {}),
  };
  return { principal: credential.principal, authentication, routed: named, claim, signature, body: body?.bytes };
}

/** @throws ServiceError unknown key, bad or expired session token, in the service's words */
export async function findCredential(
  deps: GateDependencies, service: Service, claim: Pick<SignatureClaim, "accessKeyId" | "sessionToken">, nowMs: number,
): Promise<Credential> {
  const found = await deps.directory.credential(claim.accessKeyId, claim.sessionToken, nowMs);
  switch (found) {
    case "unknown": throw unknownAccessKey(service, claim.accessKeyId);
    case "invalid-token": throw invalidSessionToken(service);
    case "expired": throw expiredSessionToken(service);
    default: return found;
  }
}

function readBodyFirst({ head, body, sendContinue }: Incoming, routed: RoutedOperation | RoutedForm): Promise<HashedBody> {
  const service = routed.kind === "form" ? "sts" : routed.service;
  const limitBytes = routed.kind === "form" ? FORM_LIMIT_BYTES : bodyOf(routed.service, routed.operation).limitBytes;
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
