/** What a request claims about its signature: types that its readers and its verifier share. */

/** `yyyyMMdd`, region and service that a signing key is for. */
export interface CredentialScope {
  readonly date: string;
  readonly region: string;
  readonly service: string;
}

/** What a signed request says about itself; nothing here is proven yet. */
export interface SignatureClaim {
  readonly kind: "header" | "query";
  readonly accessKeyId: string;
  /** From header or query; undefined for long-term credentials. */
  readonly sessionToken: string | undefined;
  /** Service is checked; region is the gate's to judge (`wrongRegion`). */
  readonly scope: CredentialScope;
  /** As in the string to sign: `20260131T120000Z`. */
  readonly amzDate: string;
  readonly signedAtMs: number;
  /** Query only: seconds that the URL is good for. */
  readonly expiresSeconds: number | undefined;
  /** Lower case, as listed. */
  readonly signedHeaders: readonly string[];
  readonly signature: string;
  /** S3: what stands for the body in the canonical request. Undefined: the hash of the body itself. */
  readonly payloadHash: string | undefined;
}

export type AuthorizationClaim = { readonly kind: "anonymous" } | SignatureClaim;
