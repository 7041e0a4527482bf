/**
 * IAM's quotas: AWS's defaults, fixed. Document sizes are the policy room's.
 * Source: docs/reference/authorization.md §6.4; IAM quotas page.
 */
import type { EntityKind } from "./errors.js";

export const Limits = {
  policies: 1500,
  accessKeysPerUser: 2,
  groupsPerUser: 10,
  attachedPolicies: 10,
  versionsPerPolicy: 5,
  entities: { user: 5000, role: 1000, group: 300 } satisfies Record<EntityKind, number>,
} as const;
