/**
 * Names service and operation of a request, as AWS clients address them on one endpoint:
 * KMS by `X-Amz-Target: TrentService.…`, Coffer's own verbs by `Coffer.…`, IAM and STS by form parameters, S3 Control by
 * `/v20180820/` with an account id, S3 by everything else, path style or virtual-host style.
 */
import { ServiceError } from "../lib/errors.js";
import type { Routed, RouteConfig, RoutedForm, RoutedOperation, Query } from "./contract.js";
import { assertOneHost, hostOf, parseHost } from "./host.js";
import { requestHeaders } from "./hoisted.js";
import { routeControl } from "./route-control.js";
import { nameS3Operation } from "./route-s3.js";
import { operationTable, TABLES } from "./tables.js";
import type { RequestHead, Service } from "./types.js";
import { partsOf } from "./request-parts.js";
import { parseQuery, percentDecode } from "./uri.js";

const TARGETS: readonly (readonly [string, "kms" | "coffer"])[] = [
  ["TrentService.", "kms"],
  ["Coffer.", "coffer"],
];
const CONTROL_PREFIX = "/v20180820/";
const OPERATIONAL_PREFIX = "/-/";
const ACCOUNT_ID = /^\d{12}$/;
/** Node drops what is beyond its own limit without a word, conditions and digests among it; this one is told. */
const MAX_HEADERS = 400;

/**
 * @throws ServiceError InvalidURI, MethodNotAllowed, InvalidArgument, PreconditionFailed, NotImplemented,
 *   UnknownOperationException; encode it for `errorServiceOf(head)`
 */
export function route(head: RequestHead, config: RouteConfig): Routed {
  assertOneHost(head);
  if (head.rawHeaders.length > 2 * MAX_HEADERS) throw tooManyHeaders();
  const { rawPath, rawQuery } = partsOf(head);
  const target = headerValue(head, "x-amz-target");
  if (target !== undefined && head.method === "POST" && rawPath === "/") return routeTarget(target, rawPath);
  const query = parseQuery(rawQuery);
  const host = parseHost(hostOf(head), config.domains);
  const control = controlAccount(head, host.bucket, rawPath);
  if (control !== undefined) return routeControl(head, rawPath, query, control);
  if (host.bucket === undefined) {
    if (rawPath.startsWith(OPERATIONAL_PREFIX)) return { kind: "operational", rawPath, query, method: head.method };
    if (rawPath === "/" && isForm(head)) return { kind: "form", rawPath, query };
    if (rawPath === "/" && head.method === "GET" && query.has("Action")) {
      return routeForm({ kind: "form", rawPath, query }, new Uint8Array(), scopeServiceOf(head));
    }
  }
  return routeS3(head, host.bucket, rawPath, query);
}

function tooManyHeaders(): ServiceError {
  const message = "Your request header section exceeds the maximum allowed request header section size";
  return new ServiceError("RequestHeaderSectionTooLarge", message, { status: 400, fields: { MaxHeadersAllowed: String(MAX_HEADERS) } });
}

/** In whose form to answer when routing fails, from the head alone. Never throws. */
export function errorServiceOf(head: RequestHead): Service {
  const target = headerValue(head, "x-amz-target");
  if (target !== undefined) return target.startsWith("Coffer.") ? "coffer" : "kms";
  const scope = credentialOf(head)?.split("/")[3];
  if (scope === "kms" || scope === "iam" || scope === "sts" || scope === "coffer") return scope;
  return scope === undefined && isForm(head) ? "sts" : "s3";
}

/** Service named in the credential scope of a signed request. */
export function scopeServiceOf(head: RequestHead): string | undefined {
  return credentialOf(head)?.split("/")[3];
}

const MAX_CREDENTIAL_LENGTH = 512;

/** `AKIA…/20260101/us-east-1/s3/aws4_request`, from header or query; only looked at, proven elsewhere. */
export function credentialOf(head: RequestHead): string | undefined {
  const header = head.headers.authorization ?? "";
  const at = header.indexOf("Credential=");
  if (at >= 0) return /^[^,\s]*/.exec(header.slice(at + 11, at + 11 + MAX_CREDENTIAL_LENGTH))?.[0];
  const query = head.target.indexOf("X-Amz-Credential=");
  if (query < 0) return undefined;
  return /^[^&]*/.exec(head.target.slice(query + 17, query + 17 + MAX_CREDENTIAL_LENGTH))?.[0].replace(/%2f/gi, "/");
}

function routeTarget(target: string, rawPath: string): RoutedOperation {
  for (const [prefix, service] of TARGETS) {
    if (!target.startsWith(prefix)) continue;
    const operation = target.slice(prefix.length);
    if (operationTable(service, operation) === undefined) break;
    return { kind: "operation", service, operation, rawPath, query: new Map() };
  }
  throw new ServiceError("UnknownOperationException", "", { status: 400 });
}

/**
 * The IAM or STS operation of a form.
 * @param scopeService service in the credential scope: decides where the form names no version
 * @throws ServiceError MissingAction, InvalidAction, MalformedInput
 */
export function routeForm(routed: RoutedForm, body: Uint8Array, scopeService: string | undefined): RoutedOperation {
  const form = new Map<string, string>();
  for (const [name, values] of [...routed.query, ...formParameters(body)]) {
    // A name that comes twice would be read differently by signature, policy and operation: the first one counts.
    if (!form.has(name)) form.set(name, values[0] ?? "");
  }
  const action = form.get("Action");
  const version = form.get("Version");
  const service =
    version === TABLES.iam.version ? "iam" : version === TABLES.sts.version ? "sts" : scopeService === "iam" ? "iam" : "sts";
  if (action === undefined || action === "")
    throw new ServiceError("MissingAction", "The request must contain the parameter Action.", { status: 400 });
  if (version !== TABLES[service].version || operationTable(service, action) === undefined) {
    const shown = version ?? "NO_VERSION_SPECIFIED";
    throw new ServiceError(
      "InvalidAction",
      `Could not find operation ${action.slice(0, 128)} for version ${shown.slice(0, 32)}`,
      { status: 400 },
    );
  }
  return { kind: "operation", service, operation: action, rawPath: routed.rawPath, query: routed.query, form };
}

function formParameters(body: Uint8Array): Query {
  try {
    return parseQuery(Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString("latin1"));
  } catch (cause) {
    throw new ServiceError("MalformedInput", "Malformed query string.", { status: 400, cause });
  }
}

function routeS3(head: RequestHead, hostBucket: string | undefined, rawPath: string, query: Query): Routed {
  const virtual = hostBucket !== undefined;
  const slash = virtual ? 0 : rawPath.indexOf("/", 1);
  const bucket = virtual ? hostBucket : percentDecode(slash < 0 ? rawPath.slice(1) : rawPath.slice(1, slash));
  const key = slash < 0 ? "" : percentDecode(rawPath.slice(slash + 1));
  const named: { bucket?: string; key?: string } = {};
  if (bucket !== "") named.bucket = bucket;
  if (key !== "") named.key = key;
  if (bucket === "" && key !== "") {
    throw new ServiceError("InvalidBucketName", "The specified bucket is not valid.", {
      status: 400,
      fields: { BucketName: "" },
    });
  }
  if (head.method === "OPTIONS") return { kind: "preflight", rawPath, query, ...named };
  const style = virtual ? "virtual" : "path";
  if (
    head.method === "POST" &&
    !virtual &&
    rawPath === "/WriteGetObjectResponse" &&
    headerValue(head, "x-amz-request-route") !== undefined
  ) {
    return { kind: "operation", service: "s3", operation: "WriteGetObjectResponse", rawPath, query, style };
  }
  const header = requestHeaders(head, query).get;
  const operation = nameS3Operation({ method: head.method, bucket: named.bucket, key: named.key, query, header });
  return { kind: "operation", service: "s3", operation, rawPath, query, style, ...named };
}

/** Account id, if the request is for S3 Control; bucket names `v20180820` and `123456789012` stay S3's. */
function controlAccount(head: RequestHead, hostBucket: string | undefined, rawPath: string): string | undefined {
  if (!rawPath.startsWith(CONTROL_PREFIX)) return undefined;
  if (hostBucket !== undefined) return ACCOUNT_ID.test(hostBucket) ? hostBucket : undefined;
  return headerValue(head, "x-amz-account-id");
}

function isForm(head: RequestHead): boolean {
  return head.method === "POST" && /^application\/x-www-form-urlencoded\b/i.test(headerValue(head, "content-type") ?? "");
}

function headerValue(head: RequestHead, name: string): string | undefined {
  const value = head.headers[name];
  return typeof value === "string" ? value : value?.[0];
}
