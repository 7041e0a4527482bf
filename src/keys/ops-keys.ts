/** The life of a key: create, describe, list, enable, disable, delete. Source: kms service model; kms.md §1, §6, §7. */
import { defineOperation } from "../gate/contract.js";
import type { AnyOperation } from "../gate/contract.js";
import { keyArn } from "../lib/arn.js";
import { DAY_MS } from "../lib/clock.js";
import { uuid } from "../lib/ids.js";
import type { Context } from "../policy/types.js";
import type {
  CancelKeyDeletionRequest, CancelKeyDeletionResponse, CreateKeyRequest, CreateKeyResponse, DescribeKeyRequest,
  DescribeKeyResponse, DisableKeyRequest, EnableKeyRequest, ListKeysRequest, ListKeysResponse,
  ScheduleKeyDeletionRequest, ScheduleKeyDeletionResponse, UpdateKeyDescriptionRequest,
} from "../wire/tables/kms-types.js";
import { auditDate, auditMetadata } from "./audit-values.js";
import { defineChange } from "./change.js";
import { requestTagContext, specContext } from "./conditions.js";
import { newKeyBatch } from "./create.js";
import { requireCreatable } from "./key-kinds.js";
import { accountOf, keyChange } from "./key-change.js";
import { isGone } from "./key.js";
import { keyFacts } from "./key-facts.js";
import type { KeyFacts } from "./key-facts.js";
import { checkLockout, defaultPolicy, storablePolicy } from "./key-policy.js";
import type { Kms } from "./kms.js";
import { DEFAULT_DELETION_WINDOW_DAYS, LIMITS } from "./limits.js";
import { keyMetadata } from "./metadata.js";
import { behind, page, pageSize, pageStart } from "./pages.js";
import { iamPermission, keyPermission } from "./permission.js";
import type { KeySecret } from "./records.js";
import { checkNewTags } from "./tags.js";
import { validate } from "./validate.js";

export function keyOperations(kms: Kms): AnyOperation[] {
  return [
    createKey(kms),
    describeKey(kms),
    listKeys(kms),
    ...stateChanges(kms),
    scheduleKeyDeletion(kms),
    cancelKeyDeletion(kms),
  ];
}

interface CreateFacts {
  readonly keyId: string;
  readonly tags: readonly { readonly TagKey: string; readonly TagValue: string }[];
  readonly context: Context;
}

function createKey(kms: Kms): AnyOperation {
  return defineChange<CreateKeyRequest, CreateFacts, CreateKeyResponse>({
    name: "CreateKey",
    async resolve(input) {
      validate(input, LIMITS.CreateKey);
      requireCreatable(input);
      const tags = checkNewTags(input.Tags ?? []);
      const kind = specContext({ spec: "SYMMETRIC_DEFAULT", usage: "ENCRYPT_DECRYPT", origin: "AWS_KMS" });
      const bypass = String(input.BypassPolicyLockoutSafetyCheck ?? false);
      const context = { ...kind, ...requestTagContext(tags), "kms:BypassPolicyLockoutSafetyCheck": bypass };
      return { keyId: uuid(), tags, context };
    },
    permissions(_input, { keyId, tags, context }, call) {
      const create = iamPermission("CreateKey", "*", call, context);
      if (tags.length === 0) return [create];
      return [create, iamPermission("TagResource", keyArn(call.region, accountOf(call), keyId), call, context)];
    },
    async attempt(input, { keyId, tags, context }, call) {
      const account = accountOf(call);
      const policy = await storablePolicy(kms, input.Policy ?? defaultPolicy(account));
      const arn = keyArn(call.region, account, keyId);
      if (input.Policy !== undefined && input.BypassPolicyLockoutSafetyCheck !== true) {
        await checkLockout({ keyId, account, policy: policy.policy, context }, call);
      }
      const { region, nowMs } = call;
      const secret: KeySecret = {
        description: input.Description ?? "",
        tags: tags.map((tag) => [tag.TagKey, tag.TagValue] as const),
        policy: policy.text,
      };
      const made = newKeyBatch(kms, { account, region, keyId, nowMs, manager: "CUSTOMER", secret });
      const metadata = keyMetadata(made.clear, secret.description);
      call.annotate({
        resources: [{ ARN: arn, accountId: account, type: "AWS::KMS::Key" }],
        responseElements: { keyMetadata: auditMetadata(metadata) },
      });
      return { batch: made.batch, output: { KeyMetadata: metadata } };
    },
  });
}

function describeKey(kms: Kms): AnyOperation {
  return defineOperation<DescribeKeyRequest, KeyFacts, DescribeKeyResponse>({
    service: "kms",
    name: "DescribeKey",
    async resolve(input, call) {
      validate(input, LIMITS.DescribeKey);
      return keyFacts(kms, input, { action: "kms:DescribeKey", aliases: true, crossAccount: true, createsManaged: true }, call);
    },
    // A grant's constraints do not restrict DescribeKey: it has no encryption context.
    permissions: (_input, facts, call) => [keyPermission(facts, { action: "DescribeKey", grants: facts.grants }, call)],
    async run(_input, { key }) {
      return { KeyMetadata: keyMetadata(key.clear, key.secret.description) };
    },
  });
}

function listKeys(kms: Kms): AnyOperation {
  return defineOperation<ListKeysRequest, null, ListKeysResponse>({
    service: "kms",
    name: "ListKeys",
    async resolve(input) {
      validate(input, LIMITS.ListKeys);
      return null;
    },
    permissions: (_input, _facts, call) => [iamPermission("ListKeys", "*", call)],
    async run(input, _facts, call) {
      const { region, nowMs } = call;
      const account = accountOf(call);
      const scope = ["ListKeys", account, region];
      const limit = pageSize(input, { byDefault: 100, max: 1000 });
      const after = pageStart(kms.keyring, scope, input);
      const owned = await kms.tables.byAccount.list({ prefix: [account, region], limit: limit + 1, ...behind(after) });
      const ids = owned.map((row) => row.clear.keyId);
      const rows = await kms.tables.keys.getMany(ids.map((id) => kms.tables.keys.key(region, id)));
      const entries = owned.map((row, i) => {
        const found = rows[i];
        const keyId = row.clear.keyId;
        const there = found !== undefined && !isGone(found.clear, nowMs);
        return { place: row.key, item: there ? { KeyId: keyId, KeyArn: keyArn(region, account, keyId) } : undefined };
      });
      const { items, ...rest } = page(kms.keyring, scope, limit, entries);
      return { Keys: items.filter((entry) => entry !== undefined), ...rest };
    },
  });
}

function stateChanges(kms: Kms): AnyOperation[] {
  const switchTo = (name: "EnableKey" | "DisableKey", enabled: boolean): AnyOperation =>
    keyChange<EnableKeyRequest | DisableKeyRequest, undefined>(kms, name, {
      change(_input, { clear }) {
        return clear.enabled === enabled ? { output: undefined } : { clear: { ...clear, enabled }, output: undefined };
      },
    });
  return [
    switchTo("EnableKey", true),
    switchTo("DisableKey", false),
    keyChange<UpdateKeyDescriptionRequest, undefined>(kms, "UpdateKeyDescription", {
      change: (input, { secret }) => ({ secret: { ...secret, description: input.Description }, output: undefined }),
    }),
  ];
}

function scheduleKeyDeletion(kms: Kms): AnyOperation {
  const days = (input: ScheduleKeyDeletionRequest): number => input.PendingWindowInDays ?? DEFAULT_DELETION_WINDOW_DAYS;
  return keyChange<ScheduleKeyDeletionRequest, ScheduleKeyDeletionResponse>(kms, "ScheduleKeyDeletion", {
    context: (input) => ({ "kms:ScheduleKeyDeletionPendingWindowInDays": String(days(input)) }),
    change(input, { arn, clear }, call) {
      const [pendingWindowInDays, keyState] = [days(input), "PendingDeletion"];
      const deletionMs = call.nowMs + pendingWindowInDays * DAY_MS;
      call.annotate({ responseElements: { keyId: arn, keyState, deletionDate: auditDate(deletionMs), pendingWindowInDays } });
      return {
        clear: { ...clear, deletionMs },
        output: { KeyId: arn, DeletionDate: new Date(deletionMs), KeyState: keyState, PendingWindowInDays: pendingWindowInDays },
      };
    },
  });
}

function cancelKeyDeletion(kms: Kms): AnyOperation {
  return keyChange<CancelKeyDeletionRequest, CancelKeyDeletionResponse>(kms, "CancelKeyDeletion", {
    change(_input, { arn, clear }, call) {
      call.annotate({ responseElements: { keyId: arn } });
      const { deletionMs: _cancelled, ...rest } = clear;
      return { clear: { ...rest, enabled: false }, output: { KeyId: arn } };
    },
  });
}
