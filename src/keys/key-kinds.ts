/**
 * Which keys CreateKey makes: symmetric ones with AWS_KMS material. Everything else of AWS's model is refused by name, in
 * AWS's words where the request is wrong on AWS too.
 */
import { ServiceError } from "../lib/errors.js";
import type { CreateKeyRequest } from "../wire/tables/kms-types.js";
import { invalid } from "./validate.js";

/** KeySpec → usages, by prefix. Source: CreateKey, parameter KeyUsage. */
const USAGES: readonly (readonly [RegExp, readonly string[]])[] = [
  [/^SYMMETRIC_DEFAULT$/, ["ENCRYPT_DECRYPT"]],
  [/^RSA_/, ["ENCRYPT_DECRYPT", "SIGN_VERIFY"]],
  [/^ECC_NIST_P/, ["SIGN_VERIFY", "KEY_AGREEMENT"]],
  [/^(ECC_SECG_P256K1|ECC_NIST_EDWARDS25519|ML_DSA_)/, ["SIGN_VERIFY"]],
  [/^HMAC_/, ["GENERATE_VERIFY_MAC"]],
  [/^SM2$/, ["ENCRYPT_DECRYPT", "SIGN_VERIFY", "KEY_AGREEMENT"]],
];

/** @throws ServiceError ValidationException, UnsupportedOperationException */
export function requireCreatable(input: CreateKeyRequest): void {
  if (input.KeySpec !== undefined && input.CustomerMasterKeySpec !== undefined) {
    throw invalid(
      "You cannot specify KeySpec and CustomerMasterKeySpec in the same request. CustomerMasterKeySpec is deprecated. " +
        "Use KeySpec instead.",
    );
  }
  const spec = input.KeySpec ?? input.CustomerMasterKeySpec ?? "SYMMETRIC_DEFAULT";
  if (spec !== "SYMMETRIC_DEFAULT" && input.KeyUsage === undefined) {
    throw invalid("You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys.");
  }
  const usages = USAGES.find(([specs]) => specs.test(spec))?.[1];
  if (input.KeyUsage !== undefined && usages !== undefined && !usages.includes(input.KeyUsage)) {
    throw invalid(`KeyUsage ${input.KeyUsage} is not compatible with KeySpec ${spec}`);
  }
  if (spec !== "SYMMETRIC_DEFAULT") throw unsupported(`KeySpec ${spec}`);
  if (input.Origin !== undefined && input.Origin !== "AWS_KMS") throw unsupported(`Origin ${input.Origin}`);
  if (input.CustomKeyStoreId !== undefined) throw unsupported("CustomKeyStoreId");
  if (input.XksKeyId !== undefined) throw unsupported("XksKeyId");
  if (input.MultiRegion === true) throw unsupported("MultiRegion");
}

/** For members and values of AWS's model that are not served. */
export function unsupported(what: string): ServiceError {
  return new ServiceError("UnsupportedOperationException", `${what} is not supported by this server.`);
}
