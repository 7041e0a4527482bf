/** KeyMetadata, as DescribeKey and CreateKey answer it. Source: kms.md §7 of the reference. */
import { keyArn } from "../lib/arn.js";
import type { KeyMetadata } from "../wire/tables/kms-types.js";
import type { KeyClear } from "./records.js";

export function keyMetadata(clear: KeyClear, description: string): KeyMetadata {
  const { region, keyId } = clear;
  const pending = clear.deletionMs !== undefined;
  return {
    AWSAccountId: clear.account,
    KeyId: keyId,
    Arn: keyArn(region, clear.account, keyId),
    CreationDate: new Date(clear.createdMs),
    Enabled: clear.enabled && !pending,
    Description: description,
    KeyUsage: clear.usage,
    KeyState: pending ? "PendingDeletion" : clear.enabled ? "Enabled" : "Disabled",
    ...(clear.deletionMs === undefined ? {} : { DeletionDate: new Date(clear.deletionMs) }),
    Origin: clear.origin,
    KeyManager: clear.manager,
    CustomerMasterKeySpec: clear.spec,
    KeySpec: clear.spec,
    EncryptionAlgorithms: ["SYMMETRIC_DEFAULT"],
    MultiRegion: false,
    CurrentKeyMaterialId: clear.materialId,
  };
}
