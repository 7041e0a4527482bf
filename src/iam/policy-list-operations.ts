/**
 * ListPolicies and ListEntitiesForPolicy. Source: docs/reference/authorization.md §6.5, §6.6.
 */
import type { AnyOperation } from "../gate/contract.js";
import type {
  ListEntitiesForPolicyRequest, ListEntitiesForPolicyResponse, ListPoliciesRequest, ListPoliciesResponse, Policy,
} from "../wire/tables/iam-types.js";
import { BUILTIN_POLICIES } from "./builtin-policies.js";
import { Fields, Rules } from "./fields.js";
import { listByName } from "./listing.js";
import { listOperation, type ListScope } from "./list-operation.js";
import { viewOfBuiltin, type PolicyView } from "./lookup.js";
import { pageSize } from "./pages.js";
import { policyOperation, useOf, type PolicyScope } from "./policy-operation.js";
import type { Relation } from "./records.js";
import type { IamRoom } from "./room.js";
import { policyShape } from "./shapes.js";

const SCOPES = ["All", "AWS", "Local"] as const;
const USAGES = ["PermissionsPolicy", "PermissionsBoundary"] as const;
const ENTITIES = ["User", "Role", "Group", "LocalManagedPolicy", "AWSManagedPolicy"] as const;
/** Marker of the page that begins with the built-in policies: no policy can be named so. */
const BUILTIN = ["ListPolicies", "builtin"] as const;

async function listPolicies(scope: ListScope<ListPoliciesRequest>): Promise<ListPoliciesResponse> {
  const { room, input, accountId, size } = scope;
  const which = input.Scope ?? "All";
  const filters = [accountId, which, input.PathPrefix ?? "/", String(input.OnlyAttached === true), input.PolicyUsageFilter ?? ""];
  const builtinScope = [...BUILTIN, ...filters];
  const inBuiltin = which === "AWS" || (input.Marker !== undefined && room.markers.recognises(builtinScope, input.Marker));
  if (inBuiltin) return builtinPage(scope, builtinScope);
  const prefix = input.PathPrefix ?? "/";
  const { rows, page } = await listByName(room, {
    table: room.tables.policies, accountId, input, size, scope: ["ListPolicies", ...filters],
    matches: (clear) => clear.path.startsWith(prefix),
  });
  const Policies = await shapesOf(scope, rows.map((row) => room.lookup.openPolicy(row)));
  // The built-in ones come behind the account's own, on a page of their own.
  if (page.IsTruncated || which === "Local") return { Policies, ...page };
  return { Policies, IsTruncated: true, Marker: room.markers.make(builtinScope, "0") };
}

async function builtinPage(scope: ListScope<ListPoliciesRequest>, markerScope: readonly string[]): Promise<ListPoliciesResponse> {
  const { room, input, size } = scope;
  const prefix = input.PathPrefix ?? "/";
  const all = BUILTIN_POLICIES.filter(({ path }) => path.startsWith(prefix)).map(viewOfBuiltin);
  const { items, page } = room.markers.slice(markerScope, all, input, size);
  return { Policies: await shapesOf(scope, items), ...page };
}

/** With their use counted; filtered by it where asked. */
async function shapesOf(scope: ListScope<ListPoliciesRequest>, views: readonly PolicyView[]): Promise<Policy[]> {
  const { room, input, accountId } = scope;
  const shapes = await Promise.all(
    views.map(async (view) => ({ use: await useOf(room, accountId, view), view })),
  );
  return shapes
    .filter(({ use }) => input.OnlyAttached !== true || use.attachments > 0)
    .filter(({ use }) => input.PolicyUsageFilter !== "PermissionsBoundary" || use.boundaries > 0)
    .filter(({ use }) => input.PolicyUsageFilter !== "PermissionsPolicy" || use.attachments > 0)
    .map(({ use, view }) => policyShape(view, use, "listed"));
}

const MAX_ENTITIES = 10_000;

async function listEntities(scope: PolicyScope<ListEntitiesForPolicyRequest>): Promise<ListEntitiesForPolicyResponse> {
  const { room, input, view, accountId } = scope;
  const { EntityFilter: filter, PolicyUsageFilter: usage, PathPrefix: prefix = "/" } = input;
  const relation: Relation = usage === "PermissionsBoundary" ? "boundary" : "policy";
  const rows = await room.tables.attachments.list({ prefix: [relation, view.id, accountId], limit: MAX_ENTITIES });
  const wanted = rows.filter(({ clear }) => filter === undefined || filter.toLowerCase() === clear.kind);
  const markerScope = ["ListEntitiesForPolicy", view.id, accountId, relation, filter ?? "", prefix];
  const { items, page } = room.markers.slice(markerScope, wanted, input, pageSize(new Fields(), input));
  const entities = (await room.lookup.byUniqueIds(items.map(({ clear }) => clear.id)))
    .filter((entity) => entity !== undefined)
    .filter((entity) => entity.clear.path.startsWith(prefix));
  const of = (kind: string): typeof entities => entities.filter((entity) => entity.kind === kind);
  return {
    PolicyUsers: of("user").map(({ clear }) => ({ UserName: clear.name, UserId: clear.id })),
    PolicyRoles: of("role").map(({ clear }) => ({ RoleName: clear.name, RoleId: clear.id })),
    PolicyGroups: of("group").map(({ clear }) => ({ GroupName: clear.name, GroupId: clear.id })),
    ...page,
  };
}

export function policyListOperations(room: IamRoom): AnyOperation[] {
  return [
    listOperation<ListPoliciesRequest, ListPoliciesResponse>(room, {
      name: "ListPolicies",
      check(fields, input) {
        fields.oneOf("Scope", input.Scope, SCOPES);
        fields.oneOf("PolicyUsageFilter", input.PolicyUsageFilter, USAGES);
        fields.optional("PathPrefix", input.PathPrefix, Rules.pathPrefix);
      },
      run: listPolicies,
    }),
    policyOperation<ListEntitiesForPolicyRequest, ListEntitiesForPolicyResponse>(room, {
      name: "ListEntitiesForPolicy",
      check(fields, input) {
        fields.oneOf("EntityFilter", input.EntityFilter, ENTITIES);
        fields.oneOf("PolicyUsageFilter", input.PolicyUsageFilter, USAGES);
        fields.optional("PathPrefix", input.PathPrefix, Rules.pathPrefix);
        pageSize(fields, input);
      },
      run: listEntities,
    }),
  ];
}
