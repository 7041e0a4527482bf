/**
 * Condition keys that the server itself fills, for every permission of a call. No request header, query parameter or
 * form field reaches a server-owned key: the values come from typed facts about the connection and the principal only.
 * Source: AWS global condition context keys; S3 keys for every action.
 */
import type { Context, Permission } from "../policy/types.js";
import type { Call } from "./contract.js";

/** Header-borne facts that are spoofable by nature and documented as such. */
export interface ClientFacts {
  readonly userAgent: string | undefined;
  readonly referer: string | undefined;
  /** `1.2`, `1.3`; undefined on clear HTTP. */
  readonly tlsVersion: string | undefined;
}

type Writable = Record<string, string | readonly string[]>;

/** The permission's keys with the global ones merged in; the operation's own never override them. */
export function fullContext(permission: Permission, call: Call, client: ClientFacts): Context {
  const context: Writable = { ...permission.context };
  addRequestKeys(context, call, client);
  addPrincipalKeys(context, call);
  if (permission.resourceAccount !== undefined) context["aws:ResourceAccount"] = permission.resourceAccount;
  if (permission.action.startsWith("s3:")) addS3Keys(context, permission, call, client);
  return context;
}

function addRequestKeys(context: Writable, call: Call, client: ClientFacts): void {
  context["aws:CurrentTime"] = new Date(call.nowMs).toISOString();
  context["aws:EpochTime"] = String(Math.floor(call.nowMs / 1000));
  context["aws:SecureTransport"] = String(call.secure);
  context["aws:RequestedRegion"] = call.service === "iam" ? "us-east-1" : call.region;
  context["aws:UserAgent"] = client.userAgent ?? "";
  setOrRemove(context, "aws:SourceIp", call.sourceIp);
  setOrRemove(context, "aws:Referer", client.referer);
}

function addPrincipalKeys(context: Writable, call: Call): void {
  const { principal } = call;
  const isService = principal.type === "Service";
  context["aws:PrincipalType"] = principal.type;
  context["aws:userid"] = principal.userId;
  context["aws:PrincipalIsAWSService"] = String(isService);
  context["aws:ViaAWSService"] = String(call.viaService !== undefined);
  setOrRemove(context, "aws:PrincipalArn", principal.principalArn ?? principal.arn);
  setOrRemove(context, "aws:PrincipalAccount", principal.accountId);
  setOrRemove(context, "aws:username", principal.userName);
  setOrRemove(context, "aws:PrincipalServiceName", principal.service);
  setOrRemove(context, "aws:SourceIdentity", principal.sourceIdentity);
  const issued = principal.tokenIssuedMs;
  setOrRemove(context, "aws:TokenIssueTime", issued === undefined ? undefined : new Date(issued).toISOString());
  if (issued !== undefined) context["aws:MultiFactorAuthPresent"] = "false";
  for (const [name, value] of Object.entries(principal.tags ?? {})) context[`aws:PrincipalTag/${name}`] = value;
}

function addS3Keys(context: Writable, permission: Permission, call: Call, client: ClientFacts): void {
  const { authentication } = call;
  if (permission.resourceAccount !== undefined) context["s3:ResourceAccount"] = permission.resourceAccount;
  const signed = authentication.type !== "Anonymous" && authentication.type !== "Internal";
  setOrRemove(context, "s3:authType", signed ? authentication.type : undefined);
  setOrRemove(context, "s3:signatureversion", signed ? "AWS4-HMAC-SHA256" : undefined);
  const age = authentication.signedAtMs === undefined ? undefined : Math.max(0, call.nowMs - authentication.signedAtMs);
  setOrRemove(context, "s3:signatureAge", age === undefined ? undefined : String(age));
  setOrRemove(context, "s3:x-amz-content-sha256", authentication.contentSha256);
  setOrRemove(context, "s3:TlsVersion", client.tlsVersion);
}

/** Server-owned keys are set or absent: an operation that filled one by mistake is overruled. */
function setOrRemove(context: Writable, key: string, value: string | undefined): void {
  if (value === undefined) delete context[key];
  else context[key] = value;
}
