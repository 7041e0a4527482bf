/**
 * KMS as callers see it. Operations of AWS's model that are not in this list (asymmetric and HMAC keys, import, multi-Region,
 * custom key stores, GetKeyLastUsage) get a named error from the gate.
 */
import type { AnyOperation } from "../gate/contract.js";
import type { Kms } from "./kms.js";
import { aliasOperations } from "./ops-aliases.js";
import { cryptoOperations } from "./ops-crypto.js";
import { decryptOperations } from "./ops-decrypt.js";
import { grantOperations } from "./ops-grants.js";
import { keyOperations } from "./ops-keys.js";
import { rotationOperations } from "./ops-rotation.js";
import { settingOperations } from "./ops-settings.js";

export function kmsOperations(kms: Kms): AnyOperation[] {
  return [
    ...keyOperations(kms),
    ...aliasOperations(kms),
    ...settingOperations(kms),
    ...grantOperations(kms),
    ...cryptoOperations(kms),
    ...decryptOperations(kms),
    ...rotationOperations(kms),
  ];
}
