/** Every bucket sub-resource. */
import type { AnyOperation } from "../gate/contract.js";
import { bucketAccessOperations } from "./bucket-access.js";
import { bucketEncryptionOperations } from "./bucket-encryption.js";
import { bucketLifecycleOperations } from "./bucket-lifecycle.js";
import { bucketPolicyOperations } from "./bucket-policy.js";
import { bucketSettingOperations } from "./bucket-settings.js";
import { bucketUnsetOperations } from "./bucket-unset.js";
import type { Room } from "./deps.js";

export const bucketConfigOperations = (room: Room): AnyOperation[] => [
  ...bucketPolicyOperations(room),
  ...bucketEncryptionOperations(room),
  ...bucketAccessOperations(room),
  ...bucketSettingOperations(room),
  ...bucketLifecycleOperations(room),
  ...bucketUnsetOperations(room),
];
