/**
 * Which documents need Content-MD5 or a checksum. AWS's model says so of nearly all, as an order to its SDKs; AWS itself
 * takes some without: s3cmd and minio-js have sent ACLs and policies without it for years. We take those only in signed
 * requests, and where the signature covers the body's hash or TLS carries it: every document is proven one way or the other.
 */
import type { AuthorizationClaim } from "./claim.js";
import type { BodyPlan } from "./contract.js";
import type { RequestHead } from "./types.js";

const TAKEN_WITHOUT: ReadonlySet<string> = new Set([
  "PutBucketAcl",
  "PutBucketLogging",
  "PutBucketPolicy",
  "PutBucketRequestPayment",
  "PutBucketVersioning",
  "PutBucketWebsite",
  "PutObjectAcl",
]);
const HASH = /^[0-9a-fA-F]{64}$/;

/** Must the document of this request come with Content-MD5 or `x-amz-checksum-*`? */
export function documentNeedsChecksum(operation: string, plan: BodyPlan, head: RequestHead, claim: AuthorizationClaim): boolean {
  if (!plan.checksumRequired || !TAKEN_WITHOUT.has(operation)) return plan.checksumRequired;
  if (claim.kind !== "header") return true;
  const hash = head.headers["x-amz-content-sha256"];
  return !head.secure && (typeof hash !== "string" || !HASH.test(hash));
}
