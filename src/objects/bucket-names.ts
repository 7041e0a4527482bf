/** Names that general purpose buckets may have. Source: S3 "General purpose bucket naming rules". */
import { ServiceError } from "../lib/errors.js";

const FORM = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;
const ADDRESS = /^\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}$/;
const PREFIXES = ["xn--", "sthree-", "amzn-s3-demo-"];
const SUFFIXES = ["-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"];

/** Can there be a bucket of this name? No other name is looked for: it might not fit into a row's key. */
export const canBeBucket = (name: string): boolean => FORM.test(name);

/** @throws ServiceError InvalidBucketName */
export function checkBucketName(name: string): void {
  const wellFormed = FORM.test(name) && !name.includes("..") && !ADDRESS.test(name);
  const reserved = PREFIXES.some((prefix) => name.startsWith(prefix)) || SUFFIXES.some((suffix) => name.endsWith(suffix));
  if (wellFormed && !reserved) return;
  throw new ServiceError("InvalidBucketName", "The specified bucket is not valid.", {
    status: 400,
    fields: { BucketName: name },
  });
}
