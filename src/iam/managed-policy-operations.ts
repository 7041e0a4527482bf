/**
 * CreatePolicy, GetPolicy, DeletePolicy, ListPolicies, ListEntitiesForPolicy and the tags of policies.
 * Source: docs/reference/authorization.md §6.5.
 */
import { policyArn } from "../lib/arn.js";
import { uniqueId } from "../lib/ids.js";
import { defineOperation, type AnyOperation } from "../gate/contract.js";
import { checkManagedPolicySize } from "../policy/validate-identity-policy.js";
import type { Tag } from "./fields.js";
import type {
  CreatePolicyRequest, CreatePolicyResponse, DeletePolicyRequest, GetPolicyRequest, GetPolicyResponse,
  ListPolicyTagsRequest, ListPolicyTagsResponse, TagPolicyRequest, UntagPolicyRequest,
} from "../wire/tables/iam-types.js";
import { wholeSeconds } from "./create-entity.js";
import { accountOf } from "./directory.js";
import { checkIdentityDocument } from "./documents.js";
import { policyDeleteConflict, policyExists, quotaExceeded } from "./errors.js";
import { Fields, pathOf, Rules, tagsOf } from "./fields.js";
import { Limits } from "./limits.js";
import { countRows } from "./listing.js";
import { refuseRestricted, requestTags } from "./operation.js";
import { pageSize } from "./pages.js";
import { changePolicy, policyOperation, useOf } from "./policy-operation.js";
import { lower, putPolicy, unused, type PolicyClear } from "./records.js";
import type { IamRoom } from "./room.js";
import { policyShape } from "./shapes.js";
import { checkTagKeys, givenTags, withoutTags, withTags } from "./tag-operations.js";

interface CreateFacts {
  readonly accountId: string;
  readonly path: string;
  readonly tags: readonly Tag[];
  readonly arn: string;
}

export interface NewPolicy {
  readonly accountId: string;
  readonly name: string;
  readonly path: string;
  readonly description?: string | undefined;
  readonly nowMs: number;
}

/** A policy's first row; its unique id is drawn here. */
export function newPolicyClear(made: NewPolicy): PolicyClear {
  const createdMs = wholeSeconds(made.nowMs);
  return {
    accountId: made.accountId,
    name: made.name,
    path: made.path,
    id: uniqueId("ANPA"),
    ...(made.description === undefined ? {} : { description: made.description }),
    createdMs,
    updatedMs: createdMs,
    defaultVersion: "v1",
    nextVersion: 2,
    versions: [{ id: "v1", createdMs }],
  };
}

function createPolicy(room: IamRoom): AnyOperation {
  return defineOperation<CreatePolicyRequest, CreateFacts, CreatePolicyResponse>({
    service: "iam",
    name: "CreatePolicy",
    async resolve(input, call) {
      refuseRestricted(call.principal);
      const fields = new Fields();
      const name = fields.text("PolicyName", input.PolicyName, Rules.policyName);
      fields.text("PolicyDocument", input.PolicyDocument, Rules.document);
      fields.optional("Description", input.Description, Rules.policyDescription);
      const tags = tagsOf(fields, input.Tags);
      const path = pathOf(input.Path, "policy");
      const accountId = accountOf(call.principal);
      return { accountId, path, tags, arn: policyArn(accountId, path, name) };
    },
    permissions(_input, { accountId, arn, tags }) {
      const permission = { resource: arn, resourceAccount: accountId, context: requestTags(tags) };
      return [
        { action: "iam:CreatePolicy", ...permission },
        ...(tags.length === 0 ? [] : [{ action: "iam:TagPolicy", ...permission }]),
      ];
    },
    async run(input, { accountId, path, tags, arn }, call) {
      const { PolicyName: name, PolicyDocument: document, Description: description } = input;
      checkIdentityDocument(document);
      checkManagedPolicySize(document);
      const { policies } = room.tables;
      if ((await countRows(room.store, policies.span(accountId), Limits.policies)) >= Limits.policies) {
        throw quotaExceeded("PoliciesPerAccount", Limits.policies);
      }
      const clear = newPolicyClear({ accountId, name, path, description, nowMs: call.nowMs });
      const result = await call.commit({
        checks: [{ key: policies.key(accountId, lower(name)), stamp: "absent" }],
        puts: [putPolicy(room.tables, clear, { tags, documents: { v1: document } })],
      });
      if (!result.ok) throw policyExists(name);
      const view = {
        arn, id: clear.id, name, path, description, createdMs: clear.createdMs, updatedMs: clear.updatedMs,
        defaultVersion: "v1", versions: clear.versions, documents: {}, tags,
      };
      return { Policy: policyShape(view, { attachments: 0, boundaries: 0 }, "full") };
    },
  });
}

function deletePolicy(room: IamRoom): AnyOperation {
  return policyOperation<DeletePolicyRequest, void>(room, {
    name: "DeletePolicy",
    changes: true,
    run: (scope) =>
      changePolicy(scope, async (view, row) => {
        const { attachments, boundaries } = await useOf(room, scope.accountId, view, 1);
        if (attachments + boundaries > 0) throw policyDeleteConflict("Cannot delete a policy attached to entities.");
        if (view.versions.length > 1) {
          throw policyDeleteConflict(
            "This policy has more than one version. Before you delete a policy, you must delete the policy's versions. " +
              "The default version is deleted with the policy.",
          );
        }
        return {
          checks: [
            { key: row.key, stamp: row.stamp },
            unused(room.tables, "policy", view.id),
            unused(room.tables, "boundary", view.id),
          ],
          deletes: [row.key],
        };
      }),
  });
}

function policyTagOperations(room: IamRoom): AnyOperation[] {
  return [
    policyOperation<TagPolicyRequest, void>(room, {
      name: "TagPolicy",
      changes: true,
      check: (_fields, input) => void givenTags(input.Tags),
      context: (input) => requestTags(input.Tags),
      run: (scope) =>
        changePolicy(scope, async (view, row) => ({
          checks: [{ key: row.key, stamp: row.stamp }],
          puts: [putPolicy(room.tables, row.clear, { ...row, tags: withTags(view.tags, scope.input.Tags, "TagsPerPolicy") })],
        })),
    }),
    policyOperation<UntagPolicyRequest, void>(room, {
      name: "UntagPolicy",
      changes: true,
      check: (fields, input) => checkTagKeys(fields, input.TagKeys),
      context: (input) => ({ "aws:TagKeys": input.TagKeys ?? [] }),
      run: (scope) =>
        changePolicy(scope, async (view, row) => ({
          checks: [{ key: row.key, stamp: row.stamp }],
          puts: [putPolicy(room.tables, row.clear, { ...row, tags: withoutTags(view.tags, scope.input.TagKeys ?? []) })],
        })),
    }),
    policyOperation<ListPolicyTagsRequest, ListPolicyTagsResponse>(room, {
      name: "ListPolicyTags",
      check: (fields, input) => void pageSize(fields, input),
      async run({ input, view }) {
        const { items, page } = room.markers.slice(["ListPolicyTags", view.id], view.tags, input, pageSize(new Fields(), input));
        return { Tags: items, ...page };
      },
    }),
  ];
}

export function managedPolicyOperations(room: IamRoom): AnyOperation[] {
  return [
    createPolicy(room),
    policyOperation<GetPolicyRequest, GetPolicyResponse>(room, {
      name: "GetPolicy",
      run: async ({ view, accountId }) => ({ Policy: policyShape(view, await useOf(room, accountId, view), "full") }),
    }),
    deletePolicy(room),
    ...policyTagOperations(room),
  ];
}
