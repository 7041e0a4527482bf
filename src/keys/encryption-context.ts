/** Limits of an encryption context. Its canonical bytes: @coffer/seal. Source: kms.md §8.2 of the reference. */
import type { ServiceError } from "../lib/errors.js";
import { invalid } from "./validate.js";

/** AWS's limit for the whole context. */
const MAX_BYTES = 8192;
const LONE_SURROGATE = /[\ud800-\udfff]/u;

/** @param member for the message, e.g. `encryptionContext` @throws ServiceError ValidationException */
export function checkEncryptionContext(context: Readonly<Record<string, string>> | undefined, member: string): void {
  if (context === undefined) return;
  let bytes = 0;
  for (const key of Object.keys(context)) {
    const value = context[key] ?? "";
    // Half a surrogate pair has no UTF-8 form: two different contexts would become one.
    if (LONE_SURROGATE.test(key) || LONE_SURROGATE.test(value)) {
      throw broken(member, "Member must be well-formed Unicode");
    }
    bytes += Buffer.byteLength(key, "utf8") + Buffer.byteLength(value, "utf8");
  }
  if (bytes > MAX_BYTES) {
    throw broken(member, `Member must have length less than or equal to ${MAX_BYTES}`);
  }
}

function broken(member: string, constraint: string): ServiceError {
  return invalid(`1 validation error detected: Value at '${member}' failed to satisfy constraint: ${constraint}`);
}
