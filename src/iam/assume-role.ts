/**
 * AssumeRole: the trust policy decides, together with the caller's own policies where it only names the account; tags and
 * source identity need rights of their own. A role that is absent answers as one that is forbidden.
 * Source: docs/reference/authorization.md §2.6, §6.7.
 */
import { defineOperation, type AnyOperation, type Call, type Context, type Permission } from "../gate/contract.js";
import type { Principal } from "../policy/types.js";
import type { AssumeRoleRequest, AssumeRoleResponse } from "../wire/tables/sts-types.js";
import { wholeSeconds } from "./create-entity.js";
import { accessDenied, invalidParameterValue, validationError } from "./errors.js";
import { Fields, MAX_TAGS, Rules, tagsOf, type Tag } from "./fields.js";
import { assumedRoleArn, parseEntityArn } from "./names.js";
import { requestTags, resourceTags } from "./operation.js";
import { sessionOf } from "./principals.js";
import { lower, type Entity } from "./records.js";
import type { IamRoom } from "./room.js";
import { checkSessionPolicies, requireSessionPolicies } from "./session-policies.js";
import { issueSession, packedPercent, type Session } from "./session-token.js";
import { credentialsShape, refuseMfa } from "./sts-operations.js";

interface Facts {
  /** Absent, or not by this very ARN. */
  readonly role: Entity | undefined;
  readonly accountId: string;
  /** Of the request. */
  readonly tags: readonly Tag[];
  /** Request tags, and those the calling session passes on. */
  readonly sessionTags: readonly Tag[];
  /** Lower-case keys. */
  readonly transitive: readonly string[];
  readonly sourceIdentity: string | undefined;
}

const MIN_SECONDS = 900;
const MAX_SECONDS = 43_200;
const DEFAULT_SECONDS = 3600;
const CHAINED_SECONDS = 3600;

const notAuthorized = (principal: Principal, action: string, arn: string): string =>
  `User: ${principal.arn ?? principal.userId} is not authorized to perform: ${action} on resource: ${arn}`;

/** @throws ServiceError AccessDenied: root users and federated sessions can never assume a role */
function refuseCallers(principal: Principal, roleArn: string): void {
  if (principal.type === "Account") throw accessDenied("Roles may not be assumed by root accounts.");
  if (principal.type === "FederatedUser") throw accessDenied(notAuthorized(principal, "sts:AssumeRole", roleArn));
}

function checkInput(input: AssumeRoleRequest): readonly Tag[] {
  const fields = new Fields();
  fields.text("RoleArn", input.RoleArn, Rules.roleArn);
  fields.text("RoleSessionName", input.RoleSessionName, Rules.roleSessionName);
  fields.number("DurationSeconds", input.DurationSeconds, MIN_SECONDS, MAX_SECONDS);
  fields.optional("ExternalId", input.ExternalId, Rules.externalId);
  fields.optional("SourceIdentity", input.SourceIdentity, Rules.sourceIdentity);
  fields.count("TransitiveTagKeys", input.TransitiveTagKeys, MAX_TAGS);
  const tags = tagsOf(fields, input.Tags, invalidParameterValue);
  checkSessionPolicies(fields, input);
  return tags;
}

/** Tags and transitive keys of the new session, the calling session's transitive ones included. @throws InvalidParameterValue */
function sessionTagsOf(
  tags: readonly Tag[], keys: readonly string[], calling: Session | undefined,
): Pick<Facts, "sessionTags" | "transitive"> {
  const requested = new Set(tags.map(({ Key }) => lower(Key)));
  const passedOn = new Set(calling?.kind === "role" ? (calling.transitive ?? []) : []);
  if (keys.some((key) => !requested.has(lower(key)))) {
    throw invalidParameterValue("The specified transitive tag key must be included in the requested tags.");
  }
  if ([...requested].some((key) => passedOn.has(key))) {
    throw invalidParameterValue(
      "One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key from the " +
        "calling session.",
    );
  }
  const inherited = (calling?.tags ?? []).filter(({ Key }) => passedOn.has(lower(Key)));
  return { sessionTags: [...inherited, ...tags], transitive: [...passedOn, ...keys.map(lower)] };
}

async function resolve(room: IamRoom, input: AssumeRoleRequest, call: Call): Promise<Facts> {
  const tags = checkInput(input);
  const name = parseEntityArn(input.RoleArn);
  if (name === undefined || name.kind !== "role") throw validationError(`${input.RoleArn} is invalid`);
  refuseCallers(call.principal, input.RoleArn);
  refuseMfa(input);
  const calling = sessionOf(call.principal);
  const inherited = calling?.kind === "role" ? calling.sourceIdentity : undefined;
  if (inherited !== undefined && input.SourceIdentity !== undefined && input.SourceIdentity !== inherited) {
    throw accessDenied(notAuthorized(call.principal, "sts:SetSourceIdentity", input.RoleArn));
  }
  return {
    role: await room.lookup.entityOfArn("role", name.account, name.name, input.RoleArn),
    accountId: name.account,
    tags,
    ...sessionTagsOf(tags, input.TransitiveTagKeys ?? [], calling),
    sourceIdentity: inherited ?? input.SourceIdentity,
  };
}

function contextOf(input: AssumeRoleRequest, facts: Facts): Context {
  const { role, tags, sourceIdentity } = facts;
  const asked = input.TransitiveTagKeys ?? [];
  const optional: Record<string, string | undefined> = {
    "sts:ExternalId": input.ExternalId,
    "sts:SourceIdentity": sourceIdentity,
    "sts:DurationSeconds": input.DurationSeconds === undefined ? undefined : String(input.DurationSeconds),
  };
  const present = Object.entries(optional).flatMap(([key, value]) => (value === undefined ? [] : [[key, value] as const]));
  return {
    ...resourceTags(role?.tags),
    ...requestTags(tags),
    ...Object.fromEntries(present),
    "sts:RoleSessionName": input.RoleSessionName,
    ...(asked.length === 0 ? {} : { "sts:TransitiveTagKeys": asked }),
  };
}

/** AssumeRole, and TagSession and SetSourceIdentity where they are asked for: the trust policy must take part in each. */
function permissionsOf(room: IamRoom, input: AssumeRoleRequest, facts: Facts): Permission[] {
  const { role, accountId, tags, transitive, sourceIdentity } = facts;
  const context = contextOf(input, facts);
  const trust =
    role === undefined ? {} : { resourcePolicy: { id: `role/${role.clear.name}/trust`, policy: room.lookup.trustPolicy(role) } };
  const permission = (action: string): Permission => ({
    action, resource: input.RoleArn, resourceAccount: accountId, context, resourcePolicyRequired: true, ...trust,
  });
  return [
    permission("sts:AssumeRole"),
    ...(tags.length === 0 && transitive.length === 0 ? [] : [permission("sts:TagSession")]),
    ...(sourceIdentity === undefined ? [] : [permission("sts:SetSourceIdentity")]),
  ];
}

/** @throws ServiceError ValidationError: longer than the role, or a chained role, allows */
function secondsOf(input: AssumeRoleRequest, role: Entity, principal: Principal): number {
  const asked = input.DurationSeconds;
  const most = role.clear.maxSessionSeconds ?? DEFAULT_SECONDS;
  if (asked !== undefined && asked > most) {
    throw validationError("The requested DurationSeconds exceeds the MaxSessionDuration set for this role.");
  }
  if (asked !== undefined && asked > CHAINED_SECONDS && principal.type === "AssumedRole") {
    throw validationError("The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.");
  }
  return asked ?? DEFAULT_SECONDS;
}

async function run(room: IamRoom, input: AssumeRoleRequest, facts: Facts, call: Call): Promise<AssumeRoleResponse> {
  const { role, accountId, tags, sessionTags, transitive, sourceIdentity } = facts;
  if (role === undefined) throw accessDenied(notAuthorized(call.principal, "sts:AssumeRole", input.RoleArn));
  const passed = await requireSessionPolicies(room, accountId, input);
  const issuedMs = wholeSeconds(call.nowMs);
  const session: Session = {
    kind: "role",
    accountId,
    issuer: { type: "role", id: role.clear.id },
    name: input.RoleSessionName,
    issuedMs,
    expiresMs: issuedMs + secondsOf(input, role, call.principal) * 1000,
    ...passed,
    ...(sessionTags.length === 0 ? {} : { tags: sessionTags }),
    ...(transitive.length === 0 ? {} : { transitive }),
    ...(sourceIdentity === undefined ? {} : { sourceIdentity }),
  };
  const packed = packedPercent(session);
  const issued = issueSession(room.sessionKey, session);
  const user = {
    Arn: assumedRoleArn(accountId, role.clear.name, input.RoleSessionName),
    AssumedRoleId: `${role.clear.id}:${input.RoleSessionName}`,
  };
  call.annotate({
    responseElements: {
      credentials: { accessKeyId: issued.accessKeyId, expiration: new Date(issued.expiresMs).toISOString() },
      assumedRoleUser: { arn: user.Arn, assumedRoleId: user.AssumedRoleId },
    },
    resources: [{ ARN: role.arn, accountId, type: "AWS::IAM::Role" }],
  });
  const limited = Object.keys(passed).length > 0 || tags.length > 0;
  return {
    Credentials: credentialsShape(issued),
    AssumedRoleUser: user,
    ...(limited ? { PackedPolicySize: packed } : {}),
    ...(sourceIdentity === undefined ? {} : { SourceIdentity: sourceIdentity }),
  };
}

export const assumeRole = (room: IamRoom): AnyOperation =>
  defineOperation<AssumeRoleRequest, Facts, AssumeRoleResponse>({
    service: "sts",
    name: "AssumeRole",
    resolve: (input, call) => resolve(room, input, call),
    permissions: (input, facts) => permissionsOf(room, input, facts),
    run: (input, facts, call) => run(room, input, facts, call),
    denied: ({ permission }, input, _facts, call) =>
      accessDenied(notAuthorized(call.principal, permission.action, input.RoleArn)),
  });
