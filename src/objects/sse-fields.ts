/**
 * Encryption members of answers. KMS key ids are always shown as ARN; the bucket-key flag only when true; SSE-C echoes the
 * request's algorithm and key MD5 and shows no `x-amz-server-side-encryption`. Source: S3 encryption reference §6.
 */
import type { CustomerHeaders } from "./encryption.js";
import type { ObjectEncryption } from "./records.js";

export interface SseMembers {
  readonly ServerSideEncryption?: string;
  readonly SSEKMSKeyId?: string;
  readonly BucketKeyEnabled?: boolean;
  readonly SSECustomerAlgorithm?: string;
  readonly SSECustomerKeyMD5?: string;
}

/** @param headers of this very request; its key has been verified */
export function shownEncryption(encryption: ObjectEncryption, headers: CustomerHeaders = {}): SseMembers {
  const { mode, keyArn } = encryption;
  if (mode === "SSE-C") {
    const md5 = headers.SSECustomerKeyMD5;
    return md5 === undefined ? {} : { SSECustomerAlgorithm: "AES256", SSECustomerKeyMD5: md5 };
  }
  if (mode === "AES256") return { ServerSideEncryption: mode };
  return {
    ServerSideEncryption: mode,
    ...(keyArn === undefined ? {} : { SSEKMSKeyId: keyArn }),
    ...(encryption.bucketKey === true ? { BucketKeyEnabled: true } : {}),
  };
}

/** PUT, copy and CreateMultipartUpload echo the caller's context. */
export const shownContext = (header: string | undefined): { readonly SSEKMSEncryptionContext?: string } =>
  header === undefined ? {} : { SSEKMSEncryptionContext: header };
