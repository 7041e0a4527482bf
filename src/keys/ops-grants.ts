/** Grants: give, list, retire, revoke. Source: AWS KMS developer guide "Grants"; kms.md §11.4 of the reference. */
import { defineOperation } from "../gate/contract.js";
import type { AnyOperation, Call } from "../gate/contract.js";
import { ServiceError } from "../lib/errors.js";
import type { Permission } from "../policy/types.js";
import type {
  CreateGrantRequest, CreateGrantResponse, GrantListEntry, ListGrantsRequest, ListGrantsResponse, ListRetirableGrantsRequest,
  RetireGrantRequest, RevokeGrantRequest,
} from "../wire/tables/kms-types.js";
import { defineChange } from "./change.js";
import { isChildOf } from "./grants.js";
import { retiringRefs } from "./grant-parties.js";
import { principalArn, principalId, readGrantRequest } from "./grant-request.js";
import { dropGrant, newGrant, sameGrant } from "./grant-rows.js";
import { grantToken, readGrantToken } from "./grant-tokens.js";
import { hiddenKey } from "./denials.js";
import { dryRunSucceeded } from "./dry-run.js";
import { notFound } from "./identifiers.js";
import { isGone, requireState } from "./key.js";
import type { Key } from "./key.js";
import { auditResource, keyFacts } from "./key-facts.js";
import type { KeyFacts } from "./key-facts.js";
import type { Kms } from "./kms.js";
import { LIMITS, MAX_GRANTS_PER_KEY } from "./limits.js";
import { loadGrant, loadKey } from "./load.js";
import { accountOf, refuseManaged } from "./key-change.js";
import { behind, page, pageSize, pageStart } from "./pages.js";
import { iamPermission, keyPermission } from "./permission.js";
import type { GrantClear } from "./records.js";
import { resolveKey } from "./resolve.js";
import type { ResolvedKey } from "./resolve.js";
import type { Found } from "../stores/records.js";
import { invalid, missing, validate } from "./validate.js";

export function grantOperations(kms: Kms): AnyOperation[] {
  return [createGrant(kms), listGrants(kms), listRetirableGrants(kms), retireGrant(kms), revokeGrant(kms)];
}

/** Only S3 makes grants on behalf of others here. */
const forService = (call: Call): { readonly "kms:GrantIsForAWSResource": string } => ({
  "kms:GrantIsForAWSResource": String(call.viaService !== undefined),
});

function createGrant(kms: Kms): AnyOperation {
  return defineChange<CreateGrantRequest, KeyFacts, CreateGrantResponse>({
    name: "CreateGrant",
    async resolve(input, call) {
      validate(input, LIMITS.CreateGrant);
      readGrantRequest(input);
      return keyFacts(kms, input, { action: "kms:CreateGrant", crossAccount: true }, call);
    },
    permissions(input, facts, call) {
      const asked = readGrantRequest(input);
      const { operations, contextEquals, contextSubset } = asked;
      const types = [
        ...(contextEquals === undefined ? [] : ["EncryptionContextEquals"]),
        ...(contextSubset === undefined ? [] : ["EncryptionContextSubset"]),
      ];
      const context = {
        ...forService(call),
        "kms:GrantOperations": operations,
        "kms:GranteePrincipal": asked.granteeArn,
        ...(asked.retiringArn === undefined ? {} : { "kms:RetiringPrincipal": asked.retiringArn }),
        ...(types.length === 0 ? {} : { "kms:GrantConstraintType": types.length === 1 ? (types[0] ?? "") : types }),
      };
      // INVARIANT: a grantee passes on no more than it was given.
      const grantUse = { operation: "CreateGrant", fits: (parent: GrantClear) => isChildOf(parent, asked) };
      const encryptionContext = { ...contextSubset, ...contextEquals };
      return [keyPermission(facts, { action: "CreateGrant", context, encryptionContext, grants: facts.grants, grantUse }, call)];
    },
    async attempt(input, { key }, call) {
      refuseManaged(key);
      requireState("CreateGrant", key);
      const asked = readGrantRequest(input);
      const grantee = await principalId(kms.principals, asked.granteeArn);
      const retiring = asked.retiringArn === undefined ? undefined : await principalId(kms.principals, asked.retiringArn);
      if (input.DryRun === true) throw dryRunSucceeded();
      const wanted = { ...asked, grantee, ...(retiring === undefined ? {} : { retiring }) };
      const answer = (grantId: string): CreateGrantResponse => {
        call.annotate({ responseElements: { grantId, keyId: key.arn } });
        const { account, region, keyId } = key;
        return { GrantToken: grantToken(kms.keyring, { account, region, keyId, grantId }), GrantId: grantId };
      };
      const same = await sameGrant(kms, key, wanted);
      if (same !== undefined) return { output: answer(same) };
      if (key.clear.grantCount >= MAX_GRANTS_PER_KEY) {
        const message = `The number of grants on ${key.arn} has reached its limit of ${MAX_GRANTS_PER_KEY}.`;
        throw new ServiceError("LimitExceededException", message);
      }
      const made = await newGrant(kms, key, wanted, { issuingAccount: accountOf(call), nowMs: call.nowMs });
      return { batch: made.batch, output: answer(made.grantId) };
    },
  });
}

async function grantEntry(kms: Kms, keyId: string, grant: GrantClear): Promise<GrantListEntry> {
  const { contextEquals, contextSubset, retiring, retiringArn } = grant;
  const known = retiring !== undefined && retiringArn !== undefined;
  const retires = known ? await shownPrincipal(kms, retiring, retiringArn) : undefined;
  const constraints = {
    ...(contextSubset === undefined ? {} : { EncryptionContextSubset: contextSubset }),
    ...(contextEquals === undefined ? {} : { EncryptionContextEquals: contextEquals }),
  };
  return {
    KeyId: keyId,
    GrantId: grant.grantId,
    ...(grant.name === undefined ? {} : { Name: grant.name }),
    CreationDate: new Date(grant.createdMs),
    GranteePrincipal: await shownPrincipal(kms, grant.grantee, grant.granteeArn),
    ...(retires === undefined ? {} : { RetiringPrincipal: retires }),
    IssuingAccount: `arn:aws:iam::${grant.issuingAccount}:root`,
    Operations: grant.operations,
    ...(Object.keys(constraints).length === 0 ? {} : { Constraints: constraints }),
  };
}

/** The form in which grants hold a principal; for one that does not exist, what matches no grant. */
async function storedPrincipal(kms: Kms, name: string): Promise<string> {
  const arn = principalArn(name);
  return (await kms.principals.uniqueIdOf(arn)) ?? arn;
}

/** The ARN that the principal has now; a deleted user or role shows as its unique id. */
async function shownPrincipal(kms: Kms, id: string, arn: string): Promise<string> {
  return id === arn ? arn : ((await kms.principals.arnOf(id)) ?? id);
}

function listGrants(kms: Kms): AnyOperation {
  return defineOperation<ListGrantsRequest, KeyFacts, ListGrantsResponse>({
    service: "kms",
    name: "ListGrants",
    async resolve(input, call) {
      validate(input, LIMITS.ListGrants);
      return keyFacts(kms, input, { action: "kms:ListGrants", crossAccount: true }, call);
    },
    permissions: (_input, facts, call) => [keyPermission(facts, { action: "ListGrants", context: forService(call) }, call)],
    async run(input, { key }) {
      const { region, keyId } = key;
      const wanted = input.GranteePrincipal;
      const grantee = wanted === undefined ? undefined : await storedPrincipal(kms, wanted);
      const scope = ["ListGrants", region, keyId, input.GrantId ?? "", grantee ?? ""];
      const limit = pageSize(input, { byDefault: 50, max: 100 });
      const after = pageStart(kms.keyring, scope, input);
      const rows = await matchingGrants(kms, key, { grantId: input.GrantId, grantee, after, limit: limit + 1 });
      const lines = rows.map((row) => ({ place: row.key, item: row.clear }));
      const { items, ...rest } = page(kms.keyring, scope, limit, lines);
      return { Grants: await Promise.all(items.map((grant) => grantEntry(kms, keyId, grant))), ...rest };
    },
  });
}

interface GrantFilter {
  readonly grantId: string | undefined;
  readonly grantee: string | undefined;
  readonly after: Buffer | undefined;
  readonly limit: number;
}

async function matchingGrants(kms: Kms, key: Key, filter: GrantFilter): Promise<Found<GrantClear>[]> {
  const { grantId, grantee, after, limit } = filter;
  const prefix = [key.region, key.keyId];
  if (grantId !== undefined) {
    const row = await loadGrant(kms, key, grantId);
    return row === undefined || (grantee !== undefined && row.clear.grantee !== grantee) ? [] : [row];
  }
  const page = { limit, ...behind(after) };
  if (grantee !== undefined) return kms.tables.grantees.list({ prefix: [...prefix, grantee], ...page });
  return kms.tables.grants.list({ prefix, ...page });
}

function listRetirableGrants(kms: Kms): AnyOperation {
  return defineOperation<ListRetirableGrantsRequest, { readonly principal: string }, ListGrantsResponse>({
    service: "kms",
    name: "ListRetirableGrants",
    async resolve(input, call) {
      validate(input, LIMITS.ListRetirableGrants);
      const { RetiringPrincipal: principal } = input;
      if (principal === undefined) throw missing("RetiringPrincipal");
      const account = /^arn:aws:(?:iam|sts)::(\d{12}):/.exec(principal)?.[1];
      if (account === undefined) throw new ServiceError("InvalidArnException", `Invalid arn ${principal}`);
      if (account !== call.principal.accountId) throw hiddenKey(call, "kms:ListRetirableGrants");
      return { principal };
    },
    permissions: (_input, _facts, call) => [iamPermission("ListRetirableGrants", "*", call)],
    async run(input, { principal }, call) {
      const { region, nowMs } = call;
      const retiring = await storedPrincipal(kms, principal);
      const scope = ["ListRetirableGrants", accountOf(call), region, retiring];
      const limit = pageSize(input, { byDefault: 50, max: 100 });
      const after = pageStart(kms.keyring, scope, input);
      const { tables } = kms;
      const rows = await tables.retirable.list({ prefix: [region, retiring], limit: limit + 1, ...behind(after) });
      const grants = await tables.grants.getMany(rows.map(({ clear }) => tables.grants.key(region, clear.keyId, clear.grantId)));
      const keys = await tables.keys.getMany(rows.map(({ clear }) => tables.keys.key(region, clear.keyId)));
      const lines = rows.map((row, i) => {
        const [grant, key] = [grants[i], keys[i]];
        const there = grant !== undefined && key !== undefined && !isGone(key.clear, nowMs);
        return { place: row.key, item: there ? { keyId: row.clear.keyId, grant: grant.clear } : undefined };
      });
      const { items, ...rest } = page(kms.keyring, scope, limit, lines);
      const shown = items.filter((item) => item !== undefined);
      return { Grants: await Promise.all(shown.map(({ keyId, grant }) => grantEntry(kms, keyId, grant))), ...rest };
    },
  });
}

interface GrantFacts extends ResolvedKey {
  readonly grant: Found<GrantClear>;
}

function retireGrant(kms: Kms): AnyOperation {
  return defineChange<RetireGrantRequest, GrantFacts, undefined>({
    name: "RetireGrant",
    async resolve(input, call) {
      validate(input, LIMITS.RetireGrant);
      const facts = await retirementFacts(kms, input, call);
      call.annotate({ resources: [auditResource(facts.key)] });
      return facts;
    },
    permissions: (_input, facts, call): Permission[] => {
      const parties = retiringRefs(facts.grant.clear, call.principal);
      return [keyPermission(facts, { action: "RetireGrant", allowedBy: parties }, call)];
    },
    async attempt(input, { key, grant }) {
      requireState("RetireGrant", key);
      if (input.DryRun === true) throw dryRunSucceeded();
      return { batch: await dropGrant(kms, key, grant), output: undefined };
    },
  });
}

async function retirementFacts(kms: Kms, input: RetireGrantRequest, call: Call): Promise<GrantFacts> {
  const { GrantToken, KeyId, GrantId } = input;
  if (GrantToken !== undefined) {
    if (KeyId !== undefined || GrantId !== undefined) throw invalid("Specify either GrantToken, or KeyId and GrantId.");
    const place = readGrantToken(kms.keyring, GrantToken);
    const key = place.region === call.region ? await loadKey(kms, place.region, place.keyId, call.nowMs) : undefined;
    const grant = key === undefined ? undefined : await loadGrant(kms, key, place.grantId);
    if (key !== undefined && grant !== undefined) return { key, grant };
    throw place.account === call.principal.accountId ? grantMissing(place.grantId) : hiddenKey(call, "kms:RetireGrant");
  }
  if (KeyId === undefined || GrantId === undefined) throw invalid("Specify either GrantToken, or KeyId and GrantId.");
  return grantFacts(kms, { keyId: KeyId, grantId: GrantId, action: "kms:RetireGrant" }, call);
}

async function grantFacts(
  kms: Kms, asked: { readonly keyId: string; readonly grantId: string; readonly action: string }, call: Call,
): Promise<GrantFacts> {
  const resolved = await resolveKey(kms, asked.keyId, { action: asked.action, crossAccount: true }, call);
  const { key } = resolved;
  const grant = await loadGrant(kms, key, asked.grantId);
  if (grant !== undefined) return { ...resolved, grant };
  throw key.account === call.principal.accountId ? grantMissing(asked.grantId) : hiddenKey(call, asked.action);
}

function grantMissing(grantId: string): ServiceError {
  return notFound(`Grant ID ${grantId} not found`);
}

function revokeGrant(kms: Kms): AnyOperation {
  return defineChange<RevokeGrantRequest, GrantFacts, undefined>({
    name: "RevokeGrant",
    async resolve(input, call) {
      validate(input, LIMITS.RevokeGrant);
      const facts = await grantFacts(kms, { keyId: input.KeyId, grantId: input.GrantId, action: "kms:RevokeGrant" }, call);
      call.annotate({ resources: [auditResource(facts.key)] });
      return facts;
    },
    permissions: (_input, facts, call) => [keyPermission(facts, { action: "RevokeGrant", context: forService(call) }, call)],
    async attempt(input, { key, grant }) {
      requireState("RevokeGrant", key);
      if (input.DryRun === true) throw dryRunSucceeded();
      return { batch: await dropGrant(kms, key, grant), output: undefined };
    },
  });
}
