/**
 * What an upload comes to, by the tables of "How to Prevent Uploads of Unencrypted Objects to Amazon S3" and the precedence
 * of headers over bucket defaults, written down a second time: nothing of the server's own judgement is used here.
 */

/** Who a key name stands for. `managed`: aws/s3. */
export type KeyName = "own" | "other" | "managed";
export type Mode = "AES256" | "aws:kms" | "aws:kms:dsse" | "SSE-C";

/** Encryption headers of an upload, in words. */
export interface Asked {
  /** `x-amz-server-side-encryption`, as sent. */
  readonly sse?: string;
  readonly keyId?: KeyName;
  /** SSE-C headers are there. */
  readonly customer?: boolean;
}

export interface BucketDefault {
  readonly mode: Exclude<Mode, "SSE-C">;
  readonly key?: KeyName;
}

/** What a policy demands; every condition that is there must hold. */
export interface Demand {
  /** The header is there and is one of these, to the letter. */
  readonly header?: readonly string[];
  /** The KMS key that S3 would use is this one. */
  readonly key?: KeyName;
}

export interface Stored {
  readonly mode: Mode;
  readonly key?: KeyName;
}

/** The policy speaks first, then validation; only then is an object stored. */
export type Expected = "403 AccessDenied" | "400 InvalidArgument" | Stored;

export function expected(demand: Demand, asked: Asked, fallback: BucketDefault | undefined): Expected {
  // A bucket default never stands in for the header…
  if (demand.header !== undefined && !(asked.sse !== undefined && demand.header.includes(asked.sse))) return "403 AccessDenied";
  // …but the key is the one that S3 would really use, through the default too.
  if (demand.key !== undefined && keyOf(asked, fallback) !== demand.key) return "403 AccessDenied";
  return stored(asked, fallback);
}

function keyOf({ sse, keyId, customer }: Asked, fallback: BucketDefault | undefined): KeyName | undefined {
  if (customer === true) return undefined;
  if (sse === "aws:kms" || sse === "aws:kms:dsse") return keyId ?? "managed";
  if (sse !== undefined || fallback === undefined || fallback.mode === "AES256") return undefined;
  return fallback.key ?? "managed";
}

function stored({ sse, keyId, customer }: Asked, fallback: BucketDefault | undefined): Expected {
  if (customer === true) return sse === undefined && keyId === undefined ? { mode: "SSE-C" } : "400 InvalidArgument";
  switch (sse) {
    case "aws:kms":
    case "aws:kms:dsse":
      return { mode: sse, key: keyId ?? "managed" };
    case "AES256":
      return keyId === undefined ? { mode: "AES256" } : "400 InvalidArgument";
    case undefined: {
      if (keyId !== undefined) return "400 InvalidArgument";
      const { mode, key = "managed" } = fallback ?? { mode: "AES256" };
      return mode === "AES256" ? { mode } : { mode, key };
    }
    default:
      return "400 InvalidArgument";
  }
}
