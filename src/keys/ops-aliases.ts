/**
 * Aliases: names of keys within an account and region. The set of a key's aliases is kept in its row, since policies speak
 * of it (`kms:ResourceAliases`). Source: kms.md §1.3, §14 of the reference.
 */
import { defineOperation } from "../gate/contract.js";
import type { AnyOperation, Call } from "../gate/contract.js";
import { aliasArn } from "../lib/arn.js";
import { ServiceError } from "../lib/errors.js";
import type { Found } from "../stores/records.js";
import type {
  AliasListEntry, CreateAliasRequest, DeleteAliasRequest, ListAliasesRequest, ListAliasesResponse, UpdateAliasRequest,
} from "../wire/tables/kms-types.js";
import { defineChange } from "./change.js";
import { notFound } from "./identifiers.js";
import { requireState } from "./key.js";
import type { Key } from "./key.js";
import { auditResource, together, updateKey } from "./key-facts.js";
import type { Kms } from "./kms.js";
import { LIMITS, MAX_ALIASES_PER_KEY } from "./limits.js";
import { loadKey } from "./load.js";
import { PREDEFINED_ALIASES } from "./managed-keys.js";
import { accountOf, refuseManaged } from "./key-change.js";
import { page, pageSize, pageStart } from "./pages.js";
import { aliasPermission, iamPermission, keyPermission } from "./permission.js";
import type { AliasClear } from "./records.js";
import { resolveKey } from "./resolve.js";
import { invalid, validate } from "./validate.js";

export function aliasOperations(kms: Kms): AnyOperation[] {
  return [createAlias(kms), updateAlias(kms), deleteAlias(kms), listAliases(kms)];
}

const PREFIX = "alias/";

function checkName(name: string): void {
  if (!name.startsWith(PREFIX)) {
    throw invalid(
      'Alias must start with the prefix "alias/". Please see ' +
        "https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html",
    );
  }
  if (name.length === PREFIX.length) throw invalid("Alias name must not be empty.");
}

function refuseReservedName(name: string): void {
  if (name.startsWith("alias/aws/")) throw new ServiceError("NotAuthorizedException", "");
}

/** The alias row, unless its key is past its deletion date: then the name is free. */
async function liveAlias(
  kms: Kms, name: string, call: Call,
): Promise<{ readonly row: Found<AliasClear>; readonly key: Key } | undefined> {
  const row = await kms.tables.aliases.get(accountOf(call), call.region, name);
  if (row === undefined) return undefined;
  const key = await loadKey(kms, call.region, row.clear.keyId, call.nowMs);
  return key === undefined ? undefined : { row, key };
}

function aliasMissing(name: string, call: Call): ServiceError {
  return notFound(`Alias ${aliasArn(call.region, accountOf(call), name)} is not found.`);
}

function createAlias(kms: Kms): AnyOperation {
  return defineChange<CreateAliasRequest, { readonly key: Key }, undefined>({
    name: "CreateAlias",
    async resolve(input, call) {
      validate(input, LIMITS.CreateAlias);
      checkName(input.AliasName);
      const resolved = await resolveKey(kms, input.TargetKeyId, { action: "kms:CreateAlias", noInvalidArn: true }, call);
      call.annotate({ resources: [auditResource(resolved.key), auditAlias(input.AliasName, call)] });
      return resolved;
    },
    permissions: (input, facts, call) => [
      aliasPermission("CreateAlias", input.AliasName, call),
      keyPermission(facts, { action: "CreateAlias" }, call),
    ],
    async attempt({ AliasName: name }, { key }, call) {
      refuseReservedName(name);
      refuseManaged(key);
      requireState("CreateAlias", key);
      const rowKey = kms.tables.aliases.key(accountOf(call), call.region, name);
      const stale = await kms.tables.aliases.get(accountOf(call), call.region, name);
      if (stale !== undefined && (await liveAlias(kms, name, call)) !== undefined) {
        const arn = aliasArn(call.region, accountOf(call), name);
        throw new ServiceError("AlreadyExistsException", `An alias with the name ${arn} already exists`);
      }
      const clear = { name, keyId: key.keyId, createdMs: call.nowMs, updatedMs: call.nowMs };
      return {
        batch: together(withAlias(kms, key, name), {
          checks: [{ key: rowKey, stamp: stale?.stamp ?? "absent" }],
          puts: [kms.tables.aliases.put(rowKey, { clear })],
        }),
        output: undefined,
      };
    },
  });
}

interface UpdateFacts {
  readonly alias: Found<AliasClear>;
  readonly current: Key;
  readonly target: Key;
}

function updateAlias(kms: Kms): AnyOperation {
  return defineChange<UpdateAliasRequest, UpdateFacts, undefined>({
    name: "UpdateAlias",
    async resolve(input, call) {
      validate(input, LIMITS.UpdateAlias);
      checkName(input.AliasName);
      const alias = await liveAlias(kms, input.AliasName, call);
      if (alias === undefined) throw aliasMissing(input.AliasName, call);
      const target = await resolveKey(kms, input.TargetKeyId, { action: "kms:UpdateAlias", noInvalidArn: true }, call);
      call.annotate({ resources: [auditResource(target.key), auditAlias(input.AliasName, call)] });
      return { alias: alias.row, current: alias.key, target: target.key };
    },
    permissions(input, { current, target }, call) {
      const use = { action: "UpdateAlias" };
      return [
        aliasPermission("UpdateAlias", input.AliasName, call),
        keyPermission({ key: current }, use, call),
        ...(target.keyId === current.keyId ? [] : [keyPermission({ key: target }, use, call)]),
      ];
    },
    async attempt({ AliasName: name }, { alias, current, target }, call) {
      refuseReservedName(name);
      refuseManaged(target);
      requireState("UpdateAlias", target);
      // Today every key is symmetric; the rule is here so that a second kind cannot forget it.
      if (current.clear.spec !== target.clear.spec || current.clear.usage !== target.clear.usage) {
        throw invalid(`Alias ${aliasArn(call.region, accountOf(call), name)} cannot be changed to a key of another type.`);
      }
      const put = kms.tables.aliases.put(alias.key, { clear: { ...alias.clear, keyId: target.keyId, updatedMs: call.nowMs } });
      const row = { checks: [{ key: alias.key, stamp: alias.stamp }], puts: [put] };
      const keys = target.keyId === current.keyId
        ? [{ checks: [{ key: target.rowKey, stamp: target.stamp }] }]
        : [withAlias(kms, target, name), withoutAlias(kms, current, name)];
      return { batch: together(row, ...keys), output: undefined };
    },
  });
}

function deleteAlias(kms: Kms): AnyOperation {
  return defineChange<DeleteAliasRequest, { readonly alias: Found<AliasClear>; readonly key: Key }, undefined>({
    name: "DeleteAlias",
    async resolve(input, call) {
      validate(input, LIMITS.DeleteAlias);
      checkName(input.AliasName);
      const alias = await liveAlias(kms, input.AliasName, call);
      if (alias === undefined) throw aliasMissing(input.AliasName, call);
      call.annotate({ resources: [auditResource(alias.key), auditAlias(input.AliasName, call)] });
      return { alias: alias.row, key: alias.key };
    },
    permissions: (input, { key }, call) => [
      aliasPermission("DeleteAlias", input.AliasName, call),
      keyPermission({ key }, { action: "DeleteAlias" }, call),
    ],
    async attempt({ AliasName: name }, { alias, key }) {
      refuseReservedName(name);
      requireState("DeleteAlias", key);
      const row = { checks: [{ key: alias.key, stamp: alias.stamp }], deletes: [alias.key] };
      return { batch: together(row, withoutAlias(kms, key, name)), output: undefined };
    },
  });
}

function withAlias(kms: Kms, key: Key, name: string): ReturnType<typeof updateKey> {
  if (key.clear.aliases.length >= MAX_ALIASES_PER_KEY) {
    const message = `The number of aliases of ${key.arn} has reached its limit of ${MAX_ALIASES_PER_KEY}.`;
    throw new ServiceError("LimitExceededException", message);
  }
  return updateKey(kms, key, { clear: { ...key.clear, aliases: [...key.clear.aliases, name].sort() } });
}

function withoutAlias(kms: Kms, key: Key, name: string): ReturnType<typeof updateKey> {
  return updateKey(kms, key, { clear: { ...key.clear, aliases: key.clear.aliases.filter((alias) => alias !== name) } });
}

function auditAlias(name: string, call: Call): { readonly ARN: string; readonly accountId: string; readonly type: string } {
  return { ARN: aliasArn(call.region, accountOf(call), name), accountId: accountOf(call), type: "AWS::KMS::Alias" };
}

interface ListFacts {
  /** The filter. */
  readonly key: Key | undefined;
}

function listAliases(kms: Kms): AnyOperation {
  return defineOperation<ListAliasesRequest, ListFacts, ListAliasesResponse>({
    service: "kms",
    name: "ListAliases",
    async resolve(input, call) {
      validate(input, LIMITS.ListAliases);
      if (input.KeyId === undefined) return { key: undefined };
      return { key: (await resolveKey(kms, input.KeyId, { action: "kms:ListAliases" }, call)).key };
    },
    permissions: (_input, _facts, call) => [iamPermission("ListAliases", "*", call)],
    async run(input, { key }, call) {
      const scope = ["ListAliases", accountOf(call), call.region, key?.keyId ?? ""];
      const limit = pageSize(input, { byDefault: 50, max: 100 });
      const after = pageStart(kms.keyring, scope, input);
      const rows = key === undefined ? await allAliases(kms, call, after, limit + 1) : await aliasesOf(kms, key, after, call);
      const { items, ...rest } = page(kms.keyring, scope, limit, rows.slice(0, limit + 1));
      return { Aliases: items.filter((entry) => entry !== undefined), ...rest };
    },
  });
}

interface Line {
  readonly place: Buffer;
  /** Undefined: an alias of a key that is past its deletion date. */
  readonly item: AliasListEntry | undefined;
}

async function aliasesOf(kms: Kms, key: Key, after: Buffer | undefined, call: Call): Promise<Line[]> {
  const places = key.clear.aliases.map((name) => kms.tables.aliases.key(key.account, key.region, name));
  const rows = await kms.tables.aliases.getMany(places);
  const lines = key.clear.aliases.map((name, i): Line => {
    const row = rows[i];
    const place = kms.tables.aliases.key(key.account, key.region, name);
    return { place, item: row === undefined ? undefined : entry(name, call, row.clear) };
  });
  const behind = lines.filter((line) => after === undefined || Buffer.compare(line.place, after) > 0);
  return behind.sort((a, b) => Buffer.compare(a.place, b.place));
}

async function allAliases(kms: Kms, call: Call, after: Buffer | undefined, limit: number): Promise<Line[]> {
  const { tables } = kms;
  const account = accountOf(call);
  const rows = await tables.aliases.list({ prefix: [account, call.region], limit, ...(after === undefined ? {} : { after }) });
  const keys = await tables.keys.getMany(rows.map((row) => tables.keys.key(call.region, row.clear.keyId)));
  const lines = rows.map((row, i): Line => {
    const key = keys[i];
    const name = row.clear.name;
    const gone = key === undefined || (key.clear.deletionMs !== undefined && key.clear.deletionMs <= call.nowMs);
    return { place: row.key, item: gone ? undefined : entry(name, call, row.clear) };
  });
  // Predefined aliases are listed before their keys exist, then without TargetKeyId.
  for (const name of PREDEFINED_ALIASES) {
    const place = tables.aliases.key(account, call.region, name);
    const shown = lines.some((line) => line.place.equals(place)) || (after !== undefined && Buffer.compare(place, after) <= 0);
    if (!shown) lines.push({ place, item: { AliasName: name, AliasArn: aliasArn(call.region, account, name) } });
  }
  return lines.sort((a, b) => Buffer.compare(a.place, b.place));
}

function entry(name: string, call: Call, clear: AliasClear): AliasListEntry {
  return {
    AliasName: name,
    AliasArn: aliasArn(call.region, accountOf(call), name),
    TargetKeyId: clear.keyId,
    CreationDate: new Date(clear.createdMs),
    LastUpdatedDate: new Date(clear.updatedMs),
  };
}
