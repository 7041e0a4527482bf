/**
 * GetAccountSummary, ListAccountAliases, and the lists of things this house does not keep (MFA devices, SSH keys,
 * certificates, instance profiles, login profiles): empty, since tools ask for them before they delete a user or role.
 * Source: docs/reference/authorization.md §6.5; s3-api reference §4.2.
 */
import { defineOperation, type AnyOperation } from "../gate/contract.js";
import type {
  GetAccountPasswordPolicyResponse, GetAccountSummaryResponse, GetLoginProfileResponse, ListAccountAliasesRequest,
  ListAccountAliasesResponse,
} from "../wire/tables/iam-types.js";
import { accountOf } from "./directory.js";
import { entityNotFound, loginProfileNotFound, noSuchEntity } from "./errors.js";
import { Fields, Rules } from "./fields.js";
import { Limits } from "./limits.js";
import { countRows } from "./listing.js";
import { listOperation } from "./list-operation.js";
import { entityOperation, iamPermission, refuseRestricted, resolveTarget, type NamedInput, type Target } from "./operation.js";
import { pageSize, type PageInput } from "./pages.js";
import type { IamRoom } from "./room.js";

async function summary(room: IamRoom, accountId: string): Promise<Readonly<Record<string, number>>> {
  const { tables, store } = room;
  const [users, groups, roles, policies, account] = await Promise.all([
    countRows(store, tables.user.span(accountId), Limits.entities.user),
    countRows(store, tables.group.span(accountId), Limits.entities.group),
    countRows(store, tables.role.span(accountId), Limits.entities.role),
    countRows(store, tables.policies.span(accountId), Limits.policies),
    tables.accounts.get(accountId),
  ]);
  return {
    Users: users,
    UsersQuota: Limits.entities.user,
    Groups: groups,
    GroupsQuota: Limits.entities.group,
    Roles: roles,
    RolesQuota: Limits.entities.role,
    Policies: policies,
    PoliciesQuota: Limits.policies,
    PolicySizeQuota: 6144,
    PolicyVersionsInUse: policies,
    PolicyVersionsInUseQuota: 10_000,
    VersionsPerPolicyQuota: Limits.versionsPerPolicy,
    UserPolicySizeQuota: 2048,
    GroupPolicySizeQuota: 5120,
    RolePolicySizeQuota: 10_240,
    AssumeRolePolicySizeQuota: 2048,
    AccessKeysPerUserQuota: Limits.accessKeysPerUser,
    GroupsPerUserQuota: Limits.groupsPerUser,
    AttachedPoliciesPerUserQuota: Limits.attachedPolicies,
    AttachedPoliciesPerGroupQuota: Limits.attachedPolicies,
    AttachedPoliciesPerRoleQuota: Limits.attachedPolicies,
    AccountAccessKeysPresent: (account?.clear.rootAccessKeys.length ?? 0) > 0 ? 1 : 0,
    AccountMFAEnabled: 0,
    AccountPasswordPresent: 0,
    AccountSigningCertificatesPresent: 0,
    MFADevices: 0,
    MFADevicesInUse: 0,
    InstanceProfiles: 0,
    InstanceProfilesQuota: 1000,
    Providers: 0,
    ServerCertificates: 0,
    ServerCertificatesQuota: 20,
    SigningCertificatesPerUserQuota: 2,
    GlobalEndpointTokenVersion: 1,
  };
}

function accountOperation<O>(name: string, run: (accountId: string) => Promise<O>): AnyOperation {
  return defineOperation<object, string, O>({
    service: "iam",
    name,
    async resolve(_input, call) {
      refuseRestricted(call.principal);
      return accountOf(call.principal);
    },
    permissions: () => [{ action: `iam:${name}`, resource: "*" }],
    run: (_input, accountId) => run(accountId),
  });
}

/** A list of a user's things, the caller's without a name, root's too: empty. */
function emptyList(room: IamRoom, name: string, member: string): AnyOperation {
  return defineOperation<NamedInput & PageInput, Target, object>({
    service: "iam",
    name,
    async resolve(input, call) {
      const fields = new Fields();
      fields.optional("UserName", input.UserName, Rules.userName);
      pageSize(fields, input);
      fields.done();
      return resolveTarget(room, call, "user", input.UserName);
    },
    permissions: (_input, target) => [iamPermission(name, target)],
    async run(_input, target) {
      if (!target.isRoot && target.entity === undefined) throw entityNotFound("user", target.name);
      return { [member]: [], IsTruncated: false };
    },
  });
}

export function accountOperations(room: IamRoom): AnyOperation[] {
  return [
    accountOperation<GetAccountSummaryResponse>("GetAccountSummary", async (accountId) => ({
      SummaryMap: await summary(room, accountId),
    })),
    accountOperation<GetAccountPasswordPolicyResponse>("GetAccountPasswordPolicy", async (accountId) => {
      throw noSuchEntity(`The Password Policy with domain name ${accountId} cannot be found.`);
    }),
    listOperation<ListAccountAliasesRequest, ListAccountAliasesResponse>(room, {
      name: "ListAccountAliases",
      run: async () => ({ AccountAliases: [], IsTruncated: false }),
    }),
    emptyList(room, "ListMFADevices", "MFADevices"),
    emptyList(room, "ListSSHPublicKeys", "SSHPublicKeys"),
    emptyList(room, "ListSigningCertificates", "Certificates"),
    emptyList(room, "ListServiceSpecificCredentials", "ServiceSpecificCredentials"),
    listOperation<PageInput, object>(room, {
      name: "ListVirtualMFADevices",
      run: async () => ({ VirtualMFADevices: [], IsTruncated: false }),
    }),
    listOperation<PageInput, object>(room, {
      name: "ListInstanceProfiles",
      run: async () => ({ InstanceProfiles: [], IsTruncated: false }),
    }),
    listOperation<PageInput, object>(room, {
      name: "ListOpenIDConnectProviders",
      run: async () => ({ OpenIDConnectProviderList: [] }),
    }),
    listOperation<PageInput, object>(room, { name: "ListSAMLProviders", run: async () => ({ SAMLProviderList: [] }) }),
    entityOperation<NamedInput & PageInput, object>(room, {
      name: "ListInstanceProfilesForRole",
      kind: "role",
      check: (fields, input) => void pageSize(fields, input),
      run: async () => ({ InstanceProfiles: [], IsTruncated: false }),
    }),
    entityOperation<NamedInput, GetLoginProfileResponse>(room, {
      name: "GetLoginProfile",
      kind: "user",
      callerByDefault: true,
      run: async ({ entity }) => {
        throw loginProfileNotFound(entity.clear.name);
      },
    }),
    entityOperation<NamedInput, void>(room, {
      name: "DeleteLoginProfile",
      kind: "user",
      callerByDefault: true,
      run: async ({ entity }) => {
        throw loginProfileNotFound(entity.clear.name);
      },
    }),
  ];
}
