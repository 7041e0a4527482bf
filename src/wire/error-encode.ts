/** Errors in the form of each service (reference s3-api.md §2, kms.md §3.2, authorization.md §6.1). */
import type { ServiceError } from "../lib/errors.js";
import { jsonResponse } from "./aws-json.js";
import { xmlResponse } from "./aws-query.js";
import type { ErrorContext, WireResponse } from "./contract.js";
import { statusOf, wireCode } from "./error-status.js";
import { headerBytes } from "./header-values.js";
import { tableOf } from "./tables.js";
import type { Service } from "./types.js";
import { escapeXml, XML_DECLARATION } from "./xml-write.js";

const tag = (name: string, text: string): string => `<${name}>${escapeXml(text)}</${name}>`;

/** @returns status, headers and body; a HEAD, 304 or 204 has no body */
export function encodeError(service: Service, error: ServiceError, context: ErrorContext): WireResponse {
  const status = error.detail.status ?? statusOf(service, error.code);
  const response = bodyFor(service, error, status, context);
  const headers: Record<string, string> = { ...response.headers };
  for (const [name, value] of Object.entries(error.detail.headers ?? {})) headers[name.toLowerCase()] = headerBytes(value);
  if (!context.isHead && status !== 304 && status !== 204) return { status, headers, body: response.body };
  delete headers["content-length"];
  delete headers["content-type"];
  return { status, headers, body: undefined };
}

function bodyFor(service: Service, error: ServiceError, status: number, context: ErrorContext): WireResponse {
  switch (service) {
    case "s3":
      return s3Error(error, status, context);
    case "s3-control":
      return controlError(error, status, context);
    case "iam":
    case "sts":
      return queryError(service, error, status, context);
    default: {
      const message = error.message === "" ? {} : { message: error.message };
      return jsonResponse(status, JSON.stringify({ __type: error.code, ...message, ...error.detail.fields }), context);
    }
  }
}

/** Code, message and the error's own elements. */
function elements(error: ServiceError, code: string): string {
  const fields = Object.entries(error.detail.fields ?? {})
    .map(([name, value]) => tag(name, value))
    .join("");
  return `${tag("Code", code)}${tag("Message", error.message)}${fields}`;
}

function s3Error(error: ServiceError, status: number, context: ErrorContext): WireResponse {
  const resource =
    context.resource === undefined || error.detail.fields?.["Resource"] !== undefined ? "" : tag("Resource", context.resource);
  const text =
    `${XML_DECLARATION}<Error>${elements(error, error.code)}${resource}${tag("RequestId", context.requestId)}` +
    `${tag("HostId", context.hostId)}</Error>`;
  return s3Response(status, text, context);
}

function controlError(error: ServiceError, status: number, context: ErrorContext): WireResponse {
  const namespace = tableOf("s3-control")?.xmlNamespace ?? "";
  const text =
    `${XML_DECLARATION}<ErrorResponse xmlns="${namespace}"><Error>${elements(error, error.code)}</Error>` +
    `${tag("RequestId", context.requestId)}${tag("HostId", context.hostId)}</ErrorResponse>`;
  return s3Response(status, text, context);
}

function s3Response(status: number, text: string, context: ErrorContext): WireResponse {
  const body = Buffer.from(text, "utf8");
  const headers = {
    "x-amz-request-id": context.requestId,
    "x-amz-id-2": context.hostId,
    "content-type": "application/xml",
    "content-length": String(body.length),
  };
  return { status, headers, body };
}

function queryError(service: Service, error: ServiceError, status: number, context: ErrorContext): WireResponse {
  const type = status >= 500 ? "Receiver" : "Sender";
  const text =
    `<ErrorResponse xmlns="${tableOf(service)?.xmlNamespace ?? ""}"><Error><Type>${type}</Type>` +
    `${elements(error, wireCode(service, error.code))}</Error>${tag("RequestId", context.requestId)}</ErrorResponse>`;
  return xmlResponse(status, text, context);
}
