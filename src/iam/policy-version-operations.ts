/**
 * Versions of managed policies: at most five, numbers never used again. Source: docs/reference/authorization.md §6.4, §6.5.
 */
import type { AnyOperation } from "../gate/contract.js";
import { checkManagedPolicySize } from "../policy/validate-identity-policy.js";
import type {
  CreatePolicyVersionRequest, CreatePolicyVersionResponse, DeletePolicyVersionRequest, GetPolicyVersionRequest,
  GetPolicyVersionResponse, ListPolicyVersionsRequest, ListPolicyVersionsResponse, SetDefaultPolicyVersionRequest,
} from "../wire/tables/iam-types.js";
import type { Batch } from "../stores/contract.js";
import { wholeSeconds } from "./create-entity.js";
import { checkIdentityDocument } from "./documents.js";
import { limitExceeded, policyDeleteConflict, policyVersionNotFound } from "./errors.js";
import { Fields, Rules } from "./fields.js";
import { Limits } from "./limits.js";
import type { PolicyView } from "./lookup.js";
import { pageSize } from "./pages.js";
import { changePolicy, policyOperation, type PolicyScope } from "./policy-operation.js";
import { putPolicy, type IamTables, type ManagedPolicy, type PolicyClear } from "./records.js";
import type { IamRoom } from "./room.js";
import { versionShape } from "./shapes.js";

const checkVersion = (fields: Fields, input: { readonly VersionId: string }): void =>
  void fields.text("VersionId", input.VersionId, Rules.versionId);

/** @throws ServiceError NoSuchEntity */
function requireVersion(view: PolicyView, id: string): void {
  if (!view.versions.some((version) => version.id === id)) throw policyVersionNotFound(view.arn, id);
}

function rewritten(
  tables: IamTables, row: ManagedPolicy, clear: Partial<PolicyClear>, documents: ManagedPolicy["documents"] = row.documents,
): Batch {
  return {
    checks: [{ key: row.key, stamp: row.stamp }],
    puts: [putPolicy(tables, { ...row.clear, ...clear }, { tags: row.tags, documents })],
  };
}

/** The policy with one more version. @throws ServiceError LimitExceeded */
export function addVersionBatch(
  tables: IamTables,
  row: ManagedPolicy,
  version: { readonly document: string; readonly isDefault: boolean; readonly nowMs: number },
): { readonly id: string; readonly batch: Batch } {
  const { versions, nextVersion, defaultVersion, updatedMs } = row.clear;
  if (versions.length >= Limits.versionsPerPolicy) {
    throw limitExceeded(
      `A managed policy can have up to ${Limits.versionsPerPolicy} versions. Before you create a new version, ` +
        "you must delete an existing version.",
    );
  }
  const id = `v${nextVersion}`;
  const createdMs = wholeSeconds(version.nowMs);
  const clear = {
    versions: [...versions, { id, createdMs }],
    nextVersion: nextVersion + 1,
    defaultVersion: version.isDefault ? id : defaultVersion,
    updatedMs: version.isDefault ? createdMs : updatedMs,
  };
  return { id, batch: rewritten(tables, row, clear, { ...row.documents, [id]: version.document }) };
}

async function createVersion(scope: PolicyScope<CreatePolicyVersionRequest>): Promise<CreatePolicyVersionResponse> {
  const { room, call, input } = scope;
  checkIdentityDocument(input.PolicyDocument);
  checkManagedPolicySize(input.PolicyDocument);
  const isDefault = input.SetAsDefault === true;
  let made = "";
  await changePolicy(scope, async (_view, row) => {
    const { id, batch } = addVersionBatch(room.tables, row, { document: input.PolicyDocument, isDefault, nowMs: call.nowMs });
    made = id;
    return batch;
  });
  return { PolicyVersion: { VersionId: made, IsDefaultVersion: isDefault, CreateDate: new Date(wholeSeconds(call.nowMs)) } };
}

const deleteVersion = (scope: PolicyScope<DeletePolicyVersionRequest>): Promise<void> =>
  changePolicy(scope, async (view, row) => {
    const { VersionId: id } = scope.input;
    requireVersion(view, id);
    if (view.defaultVersion === id) throw policyDeleteConflict("Cannot delete the default version of a policy.");
    const { [id]: _gone, ...documents } = row.documents;
    return rewritten(scope.room.tables, row, { versions: row.clear.versions.filter((version) => version.id !== id) }, documents);
  });

const setDefault = (scope: PolicyScope<SetDefaultPolicyVersionRequest>): Promise<void> =>
  changePolicy(scope, async (view, row) => {
    const { VersionId: id } = scope.input;
    requireVersion(view, id);
    if (view.defaultVersion === id) return undefined;
    return rewritten(scope.room.tables, row, { defaultVersion: id, updatedMs: wholeSeconds(scope.call.nowMs) });
  });

export function policyVersionOperations(room: IamRoom): AnyOperation[] {
  return [
    policyOperation<CreatePolicyVersionRequest, CreatePolicyVersionResponse>(room, {
      name: "CreatePolicyVersion",
      changes: true,
      check: (fields, input) => void fields.text("PolicyDocument", input.PolicyDocument, Rules.document),
      run: createVersion,
    }),
    policyOperation<GetPolicyVersionRequest, GetPolicyVersionResponse>(room, {
      name: "GetPolicyVersion",
      check: checkVersion,
      async run({ input, view }) {
        requireVersion(view, input.VersionId);
        return { PolicyVersion: versionShape(view, input.VersionId, true) };
      },
    }),
    policyOperation<DeletePolicyVersionRequest, void>(room, {
      name: "DeletePolicyVersion", changes: true, check: checkVersion, run: deleteVersion,
    }),
    policyOperation<SetDefaultPolicyVersionRequest, void>(room, {
      name: "SetDefaultPolicyVersion", changes: true, check: checkVersion, run: setDefault,
    }),
    policyOperation<ListPolicyVersionsRequest, ListPolicyVersionsResponse>(room, {
      name: "ListPolicyVersions",
      check: (fields, input) => void pageSize(fields, input),
      async run({ input, view }) {
        const all = view.versions.map(({ id }) => versionShape(view, id, false)).reverse();
        const { items, page } = room.markers.slice(["ListPolicyVersions", view.id], all, input, pageSize(new Fields(), input));
        return { Versions: items, ...page };
      },
    }),
  ];
}
