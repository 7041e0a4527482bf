/**
 * The codec seen from the other side: typed input → request, answer → typed output, from the same tables. For CLI,
 * console and S3-backed stores, which send what it makes with `WireClient` (client.ts). Streaming bodies stay with the
 * caller: the body of PutObject is added to the request, that of GetObject read from the answer.
 */
import { createHash } from "node:crypto";
import { decodeJson, JSON_CONTENT_TYPE, jsonValue } from "./aws-json.js";
import { formatValue, headerBytes, parseValue } from "./header-values.js";
import { headerText } from "./hoisted.js";
import type { MemberTable, OperationTable, ServiceTable, StructureTable, TypeRef } from "./shape.js";
import { operationTable, structureOf, tableOf } from "./tables.js";
import { formatTimestamp } from "./timestamps.js";
import type { Service } from "./types.js";
import { percentEncode } from "./uri.js";
import { structureDecoder } from "./xml-decode.js";
import { base64, structureEncoder } from "./xml-encode.js";
import { parseXml } from "./xml-parse.js";
import { XML_DECLARATION } from "./xml-write.js";

/** What `WireClient.send` takes. */
export interface EncodedRequest {
  /** Signing name. */
  readonly service: string;
  readonly method: string;
  /** Encoded path with its query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
}

/** What `WireClient.send` gives, of a status below 300. */
export interface DecodableAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: Uint8Array;
}

type Values = Readonly<Record<string, unknown>>;

function shapeOf(service: Service, operation: string): { readonly table: ServiceTable; readonly shape: OperationTable } {
  const shape = operationTable(service, operation);
  if (shape === undefined) throw new Error(`invariant: no operation ${service}:${operation}`);
  return { table: tableOf(service), shape };
}

/** What an aws-json service expects in X-Amz-Target before the operation. */
const targetPrefix = (service: Service): string => (service === "coffer" ? "Coffer" : "TrentService");

/** @param input as in the generated types; path style for S3 */
export function encodeRequest(service: Service, operation: string, input: object = {}): EncodedRequest {
  const { table, shape } = shapeOf(service, operation);
  switch (table.protocol) {
    case "aws-json":
      return {
        service,
        method: "POST",
        path: "/",
        body: Buffer.from(JSON.stringify(jsonValue(input))),
        headers: { "content-type": JSON_CONTENT_TYPE, "x-amz-target": `${targetPrefix(service)}.${operation}` },
      };
    case "aws-query":
      return {
        service,
        method: "POST",
        path: "/",
        body: Buffer.from(formOf(table, operation, shape.input, input as Values)),
        headers: { "content-type": "application/x-www-form-urlencoded; charset=utf-8" },
      };
    case "rest-xml":
      return encodeRest(table, shape, input as Values);
  }
}

// ---- rest-xml ------------------------------------------------------------------------------------------------------

function encodeRest(table: ServiceTable, shape: OperationTable, input: Values): EncodedRequest {
  const structure = structureOf(table, shape.input);
  const [pattern = "/", literals = ""] = shape.uri.split("?");
  const query = literals === "" ? [] : literals.split("&").map((literal) => (literal.includes("=") ? literal : `${literal}=`));
  const headers: Record<string, string> = {};
  for (const [member, entry] of Object.entries(structure?.members ?? {})) {
    const value = input[member];
    if (value === undefined || value === null) continue;
    const wire = entry.name ?? member;
    if (entry.in === "query") query.push(...queryPairs(wire, value));
    else if (entry.in === "header") headers[wire] = formatValue(entry, value);
    else if (entry.in === "prefix")
      for (const [name, text] of Object.entries(value as Record<string, string>))
        headers[wire + name.toLowerCase()] = headerBytes(text);
  }
  const body = restBody(table, shape, structure, input);
  if (body !== undefined && shape.checksumRequired === true)
    headers["x-amz-checksum-sha256"] = createHash("sha256").update(body).digest("base64");
  if (body !== undefined) headers["content-type"] ??= "application/xml";
  const path = restPath(table, pattern, input);
  return {
    service: "s3",
    method: shape.method,
    headers,
    path: query.length === 0 ? path : `${path}?${query.join("&")}`,
    ...(body === undefined ? {} : { body }),
  };
}

function queryPairs(name: string, value: unknown): readonly string[] {
  return (Array.isArray(value) ? value : [value]).map((each: unknown) => {
    const text = each instanceof Date ? formatTimestamp(each, "iso-seconds") : String(each);
    return `${percentEncode(name)}=${percentEncode(text)}`;
  });
}

function restPath(table: ServiceTable, pattern: string, input: Values): string {
  const bucket = table.service === "s3" && input["Bucket"] !== undefined ? `/${percentEncode(String(input["Bucket"]))}` : "";
  const path = pattern.replace(/\{(\w+)(\+?)\}/g, (_found, label: string, greedy: string) => {
    const text = percentEncode(String(input[label] ?? ""));
    return greedy === "+" && table.service === "s3" ? text.replaceAll("%2F", "/") : text;
  });
  return bucket === "" ? path : `${bucket}${path === "/" ? "" : path}`;
}

function restBody(
  table: ServiceTable,
  shape: OperationTable,
  structure: StructureTable | undefined,
  input: Values,
): Buffer | undefined {
  const payload = Object.entries(structure?.members ?? {}).find(([, entry]) => entry.in === "payload");
  if (payload === undefined) {
    const inBody = Object.values(structure?.members ?? {}).some((entry) => entry.in === undefined);
    return inBody && shape.input !== undefined ? document(table, shape.input, structure?.name ?? shape.input, input) : undefined;
  }
  const [member, entry] = payload;
  const value = input[member];
  if (value === undefined || entry.type === "stream") return undefined;
  if (typeof entry.type !== "string" || !entry.type.startsWith("#")) return Buffer.from(value as string | Uint8Array);
  const name = entry.type.slice(1);
  return document(table, name, entry.name ?? structureOf(table, name)?.name ?? name, value);
}

function document(table: ServiceTable, structure: string, root: string, value: unknown): Buffer {
  const { attributes, content } = structureEncoder(table, structure);
  return Buffer.from(
    `${XML_DECLARATION}<${root} xmlns="${table.xmlNamespace}"${attributes(value)}>${content(value)}</${root}>`,
    "utf8",
  );
}

// ---- aws-query -----------------------------------------------------------------------------------------------------

function formOf(table: ServiceTable, operation: string, structure: string | undefined, input: Values): string {
  const pairs: [string, string][] = [
    ["Action", operation],
    ["Version", table.version],
  ];
  if (structure !== undefined) flatten(table, `#${structure}`, input, "", pairs);
  return pairs.map(([name, value]) => `${percentEncode(name)}=${percentEncode(value)}`).join("&");
}

function flatten(table: ServiceTable, type: TypeRef, value: unknown, name: string, pairs: [string, string][]): void {
  if (value === undefined || value === null) return;
  if (typeof type === "object") {
    if ("list" in type) {
      const items = value as readonly unknown[];
      if (items.length === 0) pairs.push([name, ""]);
      items.forEach((item, index) => flatten(table, type.list, item, `${name}.${type.item ?? "member"}.${index + 1}`, pairs));
      return;
    }
    Object.entries(value as Values).forEach(([key, each], index) => {
      pairs.push([`${name}.entry.${index + 1}.key`, key]);
      flatten(table, type.map, each, `${name}.entry.${index + 1}.value`, pairs);
    });
    return;
  }
  if (!type.startsWith("#")) {
    pairs.push([
      name,
      value instanceof Date ? formatTimestamp(value, "iso-seconds") : value instanceof Uint8Array ? base64(value) : String(value),
    ]);
    return;
  }
  for (const [member, entry] of Object.entries(structureOf(table, type.slice(1))?.members ?? {})) {
    flatten(table, entry.type, (value as Values)[member], `${name === "" ? "" : `${name}.`}${entry.name ?? member}`, pairs);
  }
}

// ---- Answers -------------------------------------------------------------------------------------------------------

/**
 * Typed output of a successful answer; a streaming member is left to the caller, who has `answer.body`.
 * @throws XmlError, ServiceError SerializationException where the answer is not what the model promises
 */
export function decodeAnswer(service: Service, operation: string, answer: DecodableAnswer): object {
  const { table, shape } = shapeOf(service, operation);
  const structure = structureOf(table, shape.output);
  if (structure === undefined || shape.output === undefined) return {};
  switch (table.protocol) {
    case "aws-json":
      return decodeJson(table, shape.output, answer.body);
    case "aws-query": {
      const result = parseXml(answer.body).children.find((child) => child.name === `${operation}Result`);
      return result === undefined ? {} : (structureDecoder(table, shape.output)(result) as object);
    }
    case "rest-xml":
      return decodeRest(table, operation, shape.output, structure, answer);
  }
}

function decodeRest(
  table: ServiceTable,
  operation: string,
  name: string,
  structure: StructureTable,
  answer: DecodableAnswer,
): object {
  const entries = Object.entries(structure.members);
  const inBody = entries.some(([, entry]) => entry.in === undefined) && answer.body.length > 0;
  const output: Record<string, unknown> = inBody ? decodeDocument(table, operation, name, answer.body) : {};
  for (const [member, entry] of entries) {
    const value = entry.in === undefined ? undefined : decodePlaced(table, entry, entry.name ?? member, answer);
    if (value !== undefined) output[member] = value;
  }
  return output;
}

function decodeDocument(table: ServiceTable, operation: string, structure: string, body: Uint8Array): Record<string, unknown> {
  const node = parseXml(body);
  // The one document whose root is itself the value (rest-xml.ts).
  if (operation === "GetBucketLocation") return node.text === "" ? {} : { LocationConstraint: node.text };
  return structureDecoder(table, structure)(node) as Record<string, unknown>;
}

function decodePlaced(
  table: ServiceTable,
  entry: MemberTable,
  wire: string,
  { headers, body, status }: DecodableAnswer,
): unknown {
  switch (entry.in) {
    case "status":
      return status;
    case "header": {
      const text = textOf(headers[wire]);
      return text === undefined ? undefined : parseValue(entry, text);
    }
    case "prefix": {
      const found = Object.entries(headers).filter(([name]) => name.startsWith(wire) && name.length > wire.length);
      return found.length === 0
        ? undefined
        : Object.fromEntries(found.map(([name, value]) => [name.slice(wire.length), textOf(value) ?? ""]));
    }
    case "payload":
      if (body.length === 0 || entry.type === "stream") return undefined;
      if (entry.type === "string") return Buffer.from(body).toString("utf8");
      return typeof entry.type === "string" && entry.type.startsWith("#")
        ? structureDecoder(table, entry.type.slice(1))(parseXml(body))
        : body;
    default:
      return undefined;
  }
}

const textOf = (value: string | readonly string[] | undefined): string | undefined =>
  value === undefined ? undefined : headerText(typeof value === "string" ? value : value.join(","));
