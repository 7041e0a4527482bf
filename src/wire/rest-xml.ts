/**
 * S3 and S3 Control: members of a shape are spread over path, query, headers and body; the tables say which goes where.
 * Decoder and encoder of each operation are compiled once, on first use.
 */
import { ServiceError } from "../lib/errors.js";
import type { ResponseIds, RoutedOperation, WireResponse } from "./contract.js";
import { MALFORMED_CODES } from "./constraints/s3.js";
import { formatValue, headerBytes, metadataValue, parseValue } from "./header-values.js";
import { requestHeaders, type RequestHeaders } from "./hoisted.js";
import type { MemberTable, OperationTable, ServiceTable, StructureTable } from "./shape.js";
import { structureOf } from "./tables.js";
import type { RequestHead } from "./types.js";
import { structureDecoder } from "./xml-decode.js";
import { structureEncoder } from "./xml-encode.js";
import { parseXml, XmlError } from "./xml-parse.js";
import { escapeXml, XML_DECLARATION } from "./xml-write.js";

const MALFORMED = "The XML you provided was not well-formed or did not validate against our published schema";

interface Request {
  readonly routed: RoutedOperation;
  readonly headers: RequestHeaders;
  readonly body: Uint8Array;
}

type MemberReader = (request: Request) => unknown;
export type RestDecoder = (routed: RoutedOperation, head: RequestHead, body: Uint8Array) => object;
export type RestEncoder = (output: unknown, ids: ResponseIds) => WireResponse;

/** @throws ServiceError MalformedXML, MissingRequestBodyError, MissingSecurityHeader, InvalidArgument */
export function compileDecoder(table: ServiceTable, name: string, operation: OperationTable): RestDecoder {
  const shape = structureOf(table, operation.input);
  if (shape === undefined) return () => ({});
  const readers: (readonly [string, MemberReader])[] = [];
  for (const [member, entry] of Object.entries(shape.members)) {
    if (entry.in === undefined || entry.type === "stream") continue;
    const required = shape.required?.includes(member) ?? false;
    readers.push([member, memberReader(table, name, member, entry, required)]);
  }
  const bodyShape = Object.values(shape.members).some((entry) => entry.in === undefined) ? operation.input : undefined;
  const root = shape.name ?? operation.input ?? "";
  return (routed, head, body) => {
    const request: Request = { routed, headers: requestHeaders(head, routed.query), body };
    const input: Record<string, unknown> =
      bodyShape === undefined ? {} : (decodeBody(table, name, bodyShape, root, body) as Record<string, unknown>);
    for (const [member, read] of readers) {
      const value = read(request);
      if (value !== undefined) input[member] = value;
    }
    return input;
  };
}

function memberReader(
  table: ServiceTable,
  operation: string,
  member: string,
  entry: MemberTable,
  required: boolean,
): MemberReader {
  const wire = entry.name ?? member;
  switch (entry.in) {
    case "label":
      if (member === "Bucket") return ({ routed }) => routed.labels?.["Bucket"] ?? routed.bucket;
      if (member === "Key") return ({ routed }) => routed.key;
      return ({ routed }) => routed.labels?.[member];
    case "query":
      return queryReader(entry, wire);
    case "queryMap":
      return undefinedReader;
    case "prefix":
      return ({ headers }) => {
        const found = headers.withPrefix(wire);
        return found.length === 0 ? undefined : Object.fromEntries(found);
      };
    case "payload":
      return payloadReader(table, operation, member, entry, required);
    default:
      return headerReader(entry, wire, required);
  }
}

const undefinedReader: MemberReader = () => undefined;

function queryReader(entry: MemberTable, wire: string): MemberReader {
  if (typeof entry.type === "object") return ({ routed }) => routed.query.get(wire);
  return ({ routed }) => {
    const text = routed.query.get(wire)?.[0];
    return text === undefined ? undefined : parseValue(entry, text);
  };
}

function headerReader(entry: MemberTable, wire: string, required: boolean): MemberReader {
  return ({ headers, routed }) => {
    const text = entry.host === true && routed.accountId !== undefined ? routed.accountId : headers.get(wire);
    if (text !== undefined) return parseValue(entry, text);
    if (!required) return undefined;
    throw new ServiceError("MissingSecurityHeader", "Your request was missing a required header", {
      status: 400,
      fields: { MissingHeaderName: wire },
    });
  };
}

function payloadReader(
  table: ServiceTable,
  operation: string,
  member: string,
  entry: MemberTable,
  required: boolean,
): MemberReader {
  const { type } = entry;
  const empty = (): undefined => {
    if (required) throw new ServiceError("MissingRequestBodyError", "Request Body is empty", { status: 400 });
    return undefined;
  };
  if (type === "blob") return ({ body }) => (body.length === 0 ? empty() : body);
  if (typeof type !== "string" || !type.startsWith("#")) {
    return ({ body }) =>
      body.length === 0 ? empty() : Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString("utf8");
  }
  const structure = type.slice(1);
  const root = entry.name ?? structureOf(table, structure)?.name ?? structure;
  return ({ body }) => (body.length === 0 ? empty() : decodeBody(table, operation, structure, root, body, member));
}

function decodeBody(
  table: ServiceTable,
  operation: string,
  structure: string,
  root: string,
  body: Uint8Array,
  member?: string,
): unknown {
  try {
    const node = parseXml(body);
    if (node.name !== root && node.name !== member) throw new XmlError(`root is ${node.name}`);
    return structureDecoder(table, structure)(node);
  } catch (cause) {
    if (!(cause instanceof XmlError)) throw cause;
    throw new ServiceError(MALFORMED_CODES[operation] ?? "MalformedXML", MALFORMED, { status: 400, cause });
  }
}

// ---- Output --------------------------------------------------------------------------------------------------------

type HeaderWriter = (value: unknown, headers: Record<string, string>) => void;
interface Body {
  readonly bytes: WireResponse["body"];
  readonly contentType?: string;
}
type BodyWriter = (output: Readonly<Record<string, unknown>>) => Body;

const NO_BODY: Body = { bytes: undefined };

export function compileEncoder(table: ServiceTable, name: string, operation: OperationTable): RestEncoder {
  const shape = structureOf(table, operation.output);
  const writers = new Map(Object.entries(shape?.members ?? {}).flatMap(([member, entry]) => headerWriter(member, entry)));
  const writeBody = shape === undefined ? () => NO_BODY : bodyWriter(table, name, operation.output ?? "", shape);
  return (output, ids) => {
    const value = (output ?? {}) as Readonly<Record<string, unknown>>;
    const extras = value as { readonly $status?: number; readonly $headers?: Readonly<Record<string, string>> };
    const headers: Record<string, string> = { "x-amz-request-id": ids.requestId, "x-amz-id-2": ids.hostId };
    for (const member of Object.keys(value)) writers.get(member)?.(value[member], headers);
    const status = extras.$status ?? operation.status;
    const { bytes, contentType } = operation.method === "HEAD" || status === 304 ? NO_BODY : writeBody(value);
    if (contentType !== undefined) headers["content-type"] ??= contentType;
    if (extras.$headers !== undefined) {
      for (const [header, text] of Object.entries(extras.$headers)) headers[header] = headerBytes(text);
    }
    if (bytes instanceof Uint8Array) headers["content-length"] = String(bytes.length);
    else if (bytes === undefined && operation.method !== "HEAD" && status !== 204 && status !== 304)
      headers["content-length"] = "0";
    return { status, headers, body: bytes };
  };
}

/** The members that stand in headers, each with what writes it. */
function headerWriter(member: string, entry: MemberTable): (readonly [string, HeaderWriter])[] {
  const wire = entry.name ?? member;
  const write: HeaderWriter = (value, headers) => {
    if (value !== undefined && value !== null) headers[wire] = formatValue(entry, value);
  };
  const writeAll: HeaderWriter = (values, headers) => {
    for (const [name, text] of Object.entries((values ?? {}) as Readonly<Record<string, string>>))
      headers[wire + name] = metadataValue(text);
  };
  if (entry.in === "prefix") return [[member, writeAll]];
  return entry.in === "header" ? [[member, write]] : [];
}

function bodyWriter(table: ServiceTable, name: string, structure: string, shape: StructureTable): BodyWriter {
  if (name === "GetBucketLocation") return locationWriter(table);
  const payload = Object.entries(shape.members).find(([, entry]) => entry.in === "payload");
  if (payload !== undefined) return payloadWriter(table, payload[0], payload[1]);
  const inBody = Object.values(shape.members).some((entry) => entry.in === undefined);
  return inBody ? documentWriter(table, structure, shape.name ?? structure, (output) => output) : () => NO_BODY;
}

function payloadWriter(table: ServiceTable, member: string, entry: MemberTable): BodyWriter {
  const { type } = entry;
  if (typeof type === "string" && type.startsWith("#")) {
    const structure = type.slice(1);
    const root = entry.name ?? structureOf(table, structure)?.name ?? structure;
    return documentWriter(table, structure, root, (output) => output[member]);
  }
  if (type === "string") {
    // Of all operations that answer with text, GetBucketPolicy is the one: a JSON document.
    return (output) =>
      output[member] === undefined
        ? NO_BODY
        : { bytes: Buffer.from(String(output[member]), "utf8"), contentType: "application/json" };
  }
  return (output) => ({ bytes: output[member] as WireResponse["body"] });
}

function documentWriter(
  table: ServiceTable,
  structure: string,
  root: string,
  pick: (output: Readonly<Record<string, unknown>>) => unknown,
): BodyWriter {
  const encoder = structureEncoder(table, structure);
  const open = `${XML_DECLARATION}<${root} xmlns="${table.xmlNamespace}"`;
  return (output) => {
    const value = pick(output);
    if (value === undefined || value === null) return NO_BODY;
    const text = `${open}${encoder.attributes(value)}>${encoder.content(value)}</${root}>`;
    return { bytes: utf8(text), contentType: "application/xml" };
  };
}

/** As `Buffer.from` gives it, but long ASCII text is not gone through twice, first for its length. */
function utf8(text: string): Uint8Array {
  if (text.length < LONG_TEXT) return Buffer.from(text, "utf8");
  const bytes = Buffer.allocUnsafeSlow(text.length);
  return encoder.encodeInto(text, bytes).read === text.length ? bytes : Buffer.from(text, "utf8");
}

const LONG_TEXT = 16 * 1024;
const encoder = new TextEncoder();

/** The one document whose root is itself the value: `<LocationConstraint>eu-west-1</LocationConstraint>`, empty for us-east-1. */
function locationWriter(table: ServiceTable): BodyWriter {
  return (output) => {
    const region = escapeXml(String(output["LocationConstraint"] ?? ""));
    const text = `${XML_DECLARATION}<LocationConstraint xmlns="${table.xmlNamespace}">${region}</LocationConstraint>`;
    return { bytes: Buffer.from(text, "utf8"), contentType: "application/xml" };
  };
}
