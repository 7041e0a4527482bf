/** What is attached to a key: tags and its policy. Source: kms service model; kms.md §4, §11 of the reference. */
import { defineOperation } from "../gate/contract.js";
import type { AnyOperation } from "../gate/contract.js";
import type {
  GetKeyPolicyRequest, GetKeyPolicyResponse, ListKeyPoliciesRequest, ListKeyPoliciesResponse, ListResourceTagsRequest,
  ListResourceTagsResponse, PutKeyPolicyRequest, TagResourceRequest, UntagResourceRequest,
} from "../wire/tables/kms-types.js";
import { defineChange } from "./change.js";
import { keyContext, requestTagContext } from "./conditions.js";
import { notFound } from "./identifiers.js";
import { requireState } from "./key.js";
import { keyFacts, updateKey } from "./key-facts.js";
import type { KeyFacts } from "./key-facts.js";
import { checkLockout, shownPolicy, storablePolicy } from "./key-policy.js";
import type { Kms } from "./kms.js";
import { LIMITS, MAX_TAGS } from "./limits.js";
import { keyChange, refuseManaged } from "./key-change.js";
import { page, pageSize, pageStart } from "./pages.js";
import { keyPermission } from "./permission.js";
import { checkNewTags, refuseReserved, tagError } from "./tags.js";
import { validate } from "./validate.js";

export function settingOperations(kms: Kms): AnyOperation[] {
  return [
    tagResource(kms), untagResource(kms), listResourceTags(kms), getKeyPolicy(kms), putKeyPolicy(kms), listKeyPolicies(kms),
  ];
}

function tagResource(kms: Kms): AnyOperation {
  return keyChange<TagResourceRequest, undefined>(kms, "TagResource", {
    check: (input) => void checkNewTags(input.Tags),
    context: (input) => requestTagContext(checkNewTags(input.Tags)),
    change(input, { secret }) {
      const tags = new Map(secret.tags);
      for (const { TagKey, TagValue } of checkNewTags(input.Tags)) tags.set(TagKey, TagValue);
      if (tags.size > MAX_TAGS) throw tagError("Too many tags");
      return { secret: { ...secret, tags: sortedTags(tags) }, output: undefined };
    },
  });
}

function untagResource(kms: Kms): AnyOperation {
  return keyChange<UntagResourceRequest, undefined>(kms, "UntagResource", {
    check(input) {
      for (const name of input.TagKeys) refuseReserved(name);
    },
    context: (input) => (input.TagKeys.length === 0 ? {} : { "aws:TagKeys": input.TagKeys }),
    change(input, { secret }) {
      const tags = new Map(secret.tags);
      const removed = input.TagKeys.filter((name) => tags.delete(name));
      return removed.length === 0 ? { output: undefined } : { secret: { ...secret, tags: sortedTags(tags) }, output: undefined };
    },
  });
}

/** In the order of their keys, which is the order of pages. */
function sortedTags(tags: ReadonlyMap<string, string>): (readonly [string, string])[] {
  return [...tags].sort(([a], [b]) => (a < b ? -1 : 1));
}

function listResourceTags(kms: Kms): AnyOperation {
  return defineOperation<ListResourceTagsRequest, KeyFacts, ListResourceTagsResponse>({
    service: "kms",
    name: "ListResourceTags",
    async resolve(input, call) {
      validate(input, LIMITS.ListResourceTags);
      return keyFacts(kms, input, { action: "kms:ListResourceTags" }, call);
    },
    permissions: (_input, facts, call) => [keyPermission(facts, { action: "ListResourceTags" }, call)],
    async run(input, { key }) {
      const scope = ["ListResourceTags", key.region, key.keyId];
      const limit = pageSize(input, { byDefault: 50, max: 50 });
      const after = pageStart(kms.keyring, scope, input)?.toString("utf8");
      const tags = [...key.secret.tags].sort(([a], [b]) => (a < b ? -1 : 1));
      const lines = tags
        .filter(([name]) => after === undefined || name > after)
        .map(([name, value]) => ({ place: Buffer.from(name, "utf8"), item: { TagKey: name, TagValue: value } }));
      const { items, ...rest } = page(kms.keyring, scope, limit, lines);
      return { Tags: items, ...rest };
    },
  });
}

function requireDefault(policyName: string | undefined): void {
  if (policyName !== undefined && policyName !== "default") throw notFound("No such policy exists");
}

function getKeyPolicy(kms: Kms): AnyOperation {
  return defineOperation<GetKeyPolicyRequest, KeyFacts, GetKeyPolicyResponse>({
    service: "kms",
    name: "GetKeyPolicy",
    async resolve(input, call) {
      validate(input, LIMITS.GetKeyPolicy);
      return keyFacts(kms, input, { action: "kms:GetKeyPolicy" }, call);
    },
    permissions: (_input, facts, call) => [keyPermission(facts, { action: "GetKeyPolicy" }, call)],
    async run(input, { key }) {
      requireDefault(input.PolicyName);
      return { Policy: await shownPolicy(kms, key.secret.policy), PolicyName: "default" };
    },
  });
}

function putKeyPolicy(kms: Kms): AnyOperation {
  const bypass = (input: PutKeyPolicyRequest): boolean => input.BypassPolicyLockoutSafetyCheck === true;
  return defineChange<PutKeyPolicyRequest, KeyFacts, undefined>({
    name: "PutKeyPolicy",
    async resolve(input, call) {
      validate(input, LIMITS.PutKeyPolicy);
      return keyFacts(kms, input, { action: "kms:PutKeyPolicy" }, call);
    },
    permissions(input, facts, call) {
      const context = { "kms:BypassPolicyLockoutSafetyCheck": String(bypass(input)) };
      return [keyPermission(facts, { action: "PutKeyPolicy", context }, call)];
    },
    async attempt(input, { key }, call) {
      requireDefault(input.PolicyName);
      refuseManaged(key);
      requireState("PutKeyPolicy", key);
      const policy = await storablePolicy(kms, input.Policy);
      const { keyId, account, secret } = key;
      if (!bypass(input)) {
        await checkLockout({ keyId, account, policy: policy.policy, context: keyContext(key, undefined, call) }, call);
      }
      return { batch: updateKey(kms, key, { secret: { ...secret, policy: policy.text } }), output: undefined };
    },
  });
}

function listKeyPolicies(kms: Kms): AnyOperation {
  return defineOperation<ListKeyPoliciesRequest, KeyFacts, ListKeyPoliciesResponse>({
    service: "kms",
    name: "ListKeyPolicies",
    async resolve(input, call) {
      validate(input, LIMITS.ListKeyPolicies);
      return keyFacts(kms, input, { action: "kms:ListKeyPolicies" }, call);
    },
    permissions: (_input, facts, call) => [keyPermission(facts, { action: "ListKeyPolicies" }, call)],
    async run(input, { key }) {
      // One policy, one page: no marker is ever given out, so none is genuine.
      pageStart(kms.keyring, ["ListKeyPolicies", key.region, key.keyId], input);
      return { PolicyNames: ["default"], Truncated: false };
    },
  });
}
