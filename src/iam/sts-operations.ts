/**
 * STS: GetCallerIdentity, GetSessionToken, GetFederationToken, GetAccessKeyInfo, DecodeAuthorizationMessage.
 * Source: docs/reference/authorization.md §6.7, §6.9.
 */
import { ServiceError } from "../lib/errors.js";
import { defineOperation, type AnyOperation } from "../gate/contract.js";
import type { Principal } from "../policy/types.js";
import type {
  Credentials, DecodeAuthorizationMessageRequest, DecodeAuthorizationMessageResponse, GetAccessKeyInfoRequest,
  GetAccessKeyInfoResponse, GetCallerIdentityResponse, GetFederationTokenRequest, GetFederationTokenResponse,
  GetSessionTokenRequest, GetSessionTokenResponse,
} from "../wire/tables/sts-types.js";
import { wholeSeconds } from "./create-entity.js";
import { accountOf } from "./directory.js";
import { accessDenied, invalidParameterValue, validationError } from "./errors.js";
import { Fields, Rules, tagsOf, type Tag } from "./fields.js";
import { federatedUserArn } from "./names.js";
import { requestTags } from "./operation.js";
import { sessionOf } from "./principals.js";
import type { IamRoom } from "./room.js";
import { checkSessionPolicies, requireSessionPolicies } from "./session-policies.js";
import { issueSession, packedPercent, type IssuedCredentials, type Session, type SessionIssuer } from "./session-token.js";

const MIN_SECONDS = 900;
const MAX_SECONDS = 129_600;
const DEFAULT_SECONDS = 43_200;
const ROOT_SECONDS = 3600;

export const credentialsShape = (issued: IssuedCredentials): Credentials => ({
  AccessKeyId: issued.accessKeyId,
  SecretAccessKey: issued.secretAccessKey,
  SessionToken: issued.sessionToken,
  Expiration: new Date(issued.expiresMs),
});

/** @throws ServiceError AccessDenied: temporary credentials cannot make further ones this way */
function requireLongTerm(principal: Principal, operation: string): void {
  if (sessionOf(principal) !== undefined) throw accessDenied(`Cannot call ${operation} with session credentials`);
}

/** Root's own sessions last an hour at most, whatever was asked for. */
function expiryOf(principal: Principal, seconds: number | undefined, nowMs: number): number {
  const wanted = seconds ?? DEFAULT_SECONDS;
  return wholeSeconds(nowMs) + (principal.type === "Account" ? Math.min(wanted, ROOT_SECONDS) : wanted) * 1000;
}

const issuerOf = (principal: Principal): SessionIssuer =>
  principal.uniqueId === undefined ? { type: "root" } : { type: "user", id: principal.uniqueId };

const callerIdentity = (): AnyOperation =>
  defineOperation<object, Principal, GetCallerIdentityResponse>({
    service: "sts",
    name: "GetCallerIdentity",
    needsNoPermission: "AWS: GetCallerIdentity needs no permission and works under an explicit deny",
    resolve: async (_input, call) => call.principal,
    permissions: () => [],
    async run(_input, principal) {
      const arn = principal.arn === undefined ? {} : { Arn: principal.arn };
      return { UserId: principal.userId, Account: accountOf(principal), ...arn };
    },
  });

const sessionToken = (room: IamRoom): AnyOperation =>
  defineOperation<GetSessionTokenRequest, void, GetSessionTokenResponse>({
    service: "sts",
    name: "GetSessionToken",
    needsNoPermission: "AWS: GetSessionToken needs no permission",
    async resolve(input, call) {
      const fields = new Fields();
      fields.number("DurationSeconds", input.DurationSeconds, MIN_SECONDS, MAX_SECONDS);
      fields.done();
      requireLongTerm(call.principal, "GetSessionToken");
      refuseMfa(input);
    },
    permissions: () => [],
    async run(input, _facts, call) {
      const { principal, nowMs } = call;
      const session: Session = {
        kind: "session",
        accountId: accountOf(principal),
        issuer: issuerOf(principal),
        issuedMs: wholeSeconds(nowMs),
        expiresMs: expiryOf(principal, input.DurationSeconds, nowMs),
      };
      return { Credentials: credentialsShape(issueSession(room.sessionKey, session)) };
    },
  });

/** There are no MFA devices here, so no code can be right. */
export function refuseMfa(input: { readonly SerialNumber?: string | undefined; readonly TokenCode?: string | undefined }): void {
  if (input.SerialNumber === undefined && input.TokenCode === undefined) return;
  throw accessDenied("MultiFactorAuthentication failed with invalid MFA one time pass code.");
}

interface FederationFacts {
  readonly arn: string;
  readonly tags: readonly Tag[];
}

const federationToken = (room: IamRoom): AnyOperation =>
  defineOperation<GetFederationTokenRequest, FederationFacts, GetFederationTokenResponse>({
    service: "sts",
    name: "GetFederationToken",
    async resolve(input, call) {
      const fields = new Fields();
      const name = fields.text("Name", input.Name, Rules.federationName);
      fields.number("DurationSeconds", input.DurationSeconds, MIN_SECONDS, MAX_SECONDS);
      const tags = tagsOf(fields, input.Tags, invalidParameterValue);
      checkSessionPolicies(fields, input);
      requireLongTerm(call.principal, "GetFederationToken");
      return { arn: federatedUserArn(accountOf(call.principal), name), tags };
    },
    permissions(_input, { arn, tags }, call) {
      const permission = { resource: arn, resourceAccount: accountOf(call.principal), context: requestTags(tags) };
      return [
        { action: "sts:GetFederationToken", ...permission },
        ...(tags.length === 0 ? [] : [{ action: "sts:TagSession", ...permission }]),
      ];
    },
    async run(input, { arn, tags }, call) {
      const { principal, nowMs } = call;
      const accountId = accountOf(principal);
      const passed = await requireSessionPolicies(room, accountId, input);
      const session: Session = {
        kind: "federated",
        accountId,
        issuer: issuerOf(principal),
        name: input.Name,
        issuedMs: wholeSeconds(nowMs),
        expiresMs: expiryOf(principal, input.DurationSeconds, nowMs),
        ...passed,
        ...(tags.length === 0 ? {} : { tags }),
      };
      const packed = packedPercent(session);
      const limited = input.Policy !== undefined || (input.PolicyArns ?? []).length > 0 || tags.length > 0;
      return {
        Credentials: credentialsShape(issueSession(room.sessionKey, session)),
        FederatedUser: { Arn: arn, FederatedUserId: `${accountId}:${input.Name}` },
        ...(limited ? { PackedPolicySize: packed } : {}),
      };
    },
  });

const accessKeyInfo = (room: IamRoom): AnyOperation =>
  defineOperation<GetAccessKeyInfoRequest, void, GetAccessKeyInfoResponse>({
    service: "sts",
    name: "GetAccessKeyInfo",
    async resolve(input, call) {
      refuseRestrictedSts(call.principal);
      const fields = new Fields();
      fields.text("AccessKeyId", input.AccessKeyId, Rules.accessKeyId);
      fields.done();
    },
    permissions: () => [{ action: "sts:GetAccessKeyInfo", resource: "*" }],
    async run(input) {
      const { AccessKeyId: id } = input;
      const accountId = room.runtime.find(id)?.accountId ?? (await room.tables.accessKeys.get(id))?.clear.accountId;
      if (accountId === undefined) throw validationError(`Access key id ${id} is not known.`);
      return { Account: accountId };
    },
  });

const decodeMessage = (): AnyOperation =>
  defineOperation<DecodeAuthorizationMessageRequest, void, DecodeAuthorizationMessageResponse>({
    service: "sts",
    name: "DecodeAuthorizationMessage",
    async resolve(input, call) {
      refuseRestrictedSts(call.principal);
      const fields = new Fields();
      fields.text("EncodedMessage", input.EncodedMessage, Rules.encodedMessage);
      fields.done();
    },
    permissions: () => [{ action: "sts:DecodeAuthorizationMessage", resource: "*" }],
    // S3, KMS, IAM and STS never hand out encoded messages, so no message given here can be one of ours.
    async run() {
      throw new ServiceError("InvalidAuthorizationMessageException", "The authorization message is not valid.", { status: 400 });
    },
  });

/**
 * Sessions of GetSessionToken may call AssumeRole and GetCallerIdentity only, federated ones GetCallerIdentity only.
 * @throws ServiceError AccessDenied
 */
function refuseRestrictedSts(principal: Principal): void {
  const session = sessionOf(principal);
  if (session !== undefined && session.kind !== "role") throw accessDenied("Cannot call this operation with session credentials");
}

export const stsOperations = (room: IamRoom): AnyOperation[] => [
  callerIdentity(),
  sessionToken(room),
  federationToken(room),
  accessKeyInfo(room),
  decodeMessage(),
];
