/** Changing what is kept beside a body (tags, ACL) without touching it: used by the tagging and ACL operations. */
import type { Call } from "../gate/contract.js";
import type { Permission } from "../policy/types.js";
import type { Room } from "./deps.js";
import { commitOnKey } from "./key-commit.js";
import { requireObject, type PresentObject, type ReadFacts } from "./read-facts.js";
import type { HeadSecrets } from "./records.js";
import { findVersion, planRewrite, secretsOf } from "./versions.js";

export interface Rewrite {
  permissions(facts: ReadFacts): readonly Permission[];
  /** Asked at each attempt, with bucket and version as they are then. @throws ServiceError for what they forbid */
  change(present: PresentObject): HeadSecrets;
}

/**
 * @returns version id of what was changed
 * @throws ServiceError as `requireObject`; AccessDenied when the object changed meanwhile and its new state forbids
 */
export async function rewriteSecrets(room: Room, call: Call, facts: ReadFacts, rewrite: Rewrite): Promise<string> {
  const seen = await requireObject(room, call, facts);
  return commitOnKey(room, call, {
    bucket: facts.bucket,
    key: facts.key,
    permissions: (bucket) => rewrite.permissions({ ...facts, bucket }),
    async plan({ bucket, head }, changes) {
      const { key, versionId } = facts;
      const current = head === undefined ? undefined : { row: head, record: head.clear, isCurrent: true };
      const version =
        head === undefined || versionId === undefined
          ? current
          : await findVersion(room, bucket.record.incarnation, head, versionId);
      const secrets = version === undefined ? undefined : secretsOf(version.row);
      const now: ReadFacts = { bucket, key, versionId, version, secrets };
      if (version?.row.stamp !== seen.version.row.stamp)
        for (const permission of rewrite.permissions(now)) await call.authorize(permission);
      const present = await requireObject(room, call, now);
      if (head !== undefined) planRewrite(room, head, present.version, rewrite.change(present), changes);
      return present.version.record.versionId;
    },
  });
}
