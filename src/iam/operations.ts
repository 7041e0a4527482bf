/**
 * Every IAM and STS operation of this room.
 */
import type { AnyOperation } from "../gate/contract.js";
import { accessKeyOperations } from "./access-key-operations.js";
import { accountOperations } from "./account-operations.js";
import { assumeRole } from "./assume-role.js";
import { attachmentOperations } from "./attachment-operations.js";
import { boundaryOperations } from "./boundary-operations.js";
import { groupOperations } from "./group-operations.js";
import { inlinePolicyOperations } from "./inline-policy-operations.js";
import { managedPolicyOperations } from "./managed-policy-operations.js";
import { policyListOperations } from "./policy-list-operations.js";
import { policyVersionOperations } from "./policy-version-operations.js";
import { roleOperations } from "./role-operations.js";
import type { IamRoom } from "./room.js";
import { stsOperations } from "./sts-operations.js";
import { tagOperations } from "./tag-operations.js";
import { userOperations } from "./user-operations.js";

export const iamOperations = (room: IamRoom): AnyOperation[] => [
  ...userOperations(room),
  ...accessKeyOperations(room),
  ...inlinePolicyOperations(room),
  ...managedPolicyOperations(room),
  ...policyVersionOperations(room),
  ...policyListOperations(room),
  ...attachmentOperations(room),
  ...tagOperations(room),
  ...boundaryOperations(room),
  ...groupOperations(room),
  ...roleOperations(room),
  ...accountOperations(room),
  ...stsOperations(room),
  assumeRole(room),
];
