/**
 * Decoding and encoding of every operation: picks the protocol's codec and keeps the compiled closures.
 * The gate's only door to the wire beside routing and signatures.
 */
import { decodeJson, encodeJson } from "./aws-json.js";
import { decodeForm, encodeForm } from "./aws-query.js";
import { validateInput } from "./constraints.js";
import type { ResponseIds, RoutedOperation, WireResponse } from "./contract.js";
import { compileDecoder, compileEncoder, type RestDecoder, type RestEncoder } from "./rest-xml.js";
import type { OperationTable } from "./shape.js";
import { operationTable, tableOf } from "./tables.js";
import type { RequestHead, Service } from "./types.js";

const decoders = new Map<OperationTable, RestDecoder>();
const encoders = new Map<OperationTable, RestEncoder>();

/**
 * Typed input of the routed operation, validated as far as AWS does before authorization. `PostObject` has none: its
 * fields are in the form.
 * @param body the whole body when `bodyOf` says `memory`; else empty
 * @throws ServiceError MalformedXML, MissingRequestBodyError, InvalidArgument, SerializationException,
 *   ValidationException, ValidationError, MalformedInput
 */
export function decodeInput(routed: RoutedOperation, head: RequestHead, body: Uint8Array): object {
  const { service, operation } = routed;
  const table = tableOf(service);
  const shape = operationTable(service, operation);
  if (shape === undefined) return {};
  if (table.protocol === "rest-xml") {
    return memoized(decoders, shape, () => compileDecoder(table, operation, shape))(routed, head, body);
  }
  const input =
    table.protocol === "aws-json"
      ? decodeJson(table, shape.input, body)
      : decodeForm(table, shape.input, routed.form ?? new Map());
  validateInput(service, shape.input, input);
  return input;
}

/**
 * @param output the operation's output, with OutputExtras if any; undefined where it has none
 * @throws ServiceError InvalidArgument where a value cannot stand in a header
 */
export function encodeOutput(service: Service, operation: string, output: unknown, ids: ResponseIds): WireResponse {
  const table = tableOf(service);
  const shape = operationTable(service, operation);
  if (shape === undefined) return restWithoutModel(output, ids);
  switch (table.protocol) {
    case "rest-xml":
      return memoized(encoders, shape, () => compileEncoder(table, operation, shape))(output, ids);
    case "aws-json":
      return encodeJson(table, shape.output, output, ids);
    case "aws-query":
      return encodeForm(table, operation, shape.output, output, ids);
  }
}

/** `PostObject`: AWS has no model for it. The operation gives status, headers and, for 201, `Body`: the document's bytes. */
function restWithoutModel(output: unknown, ids: ResponseIds): WireResponse {
  const given = (output ?? {}) as {
    readonly $status?: number;
    readonly $headers?: Readonly<Record<string, string>>;
    readonly Body?: Uint8Array;
  };
  const headers = { "x-amz-request-id": ids.requestId, "x-amz-id-2": ids.hostId, ...given.$headers };
  const status = given.$status ?? 204;
  if (given.Body === undefined)
    return { status, headers: status === 204 ? headers : { ...headers, "content-length": "0" }, body: undefined };
  return {
    status,
    headers: { "content-type": "application/xml", ...headers, "content-length": String(given.Body.length) },
    body: given.Body,
  };
}

function memoized<V>(cache: Map<OperationTable, V>, key: OperationTable, make: () => V): V {
  let value = cache.get(key);
  if (value === undefined) cache.set(key, (value = make()));
  return value;
}

export { encodeError } from "./error-encode.js";
export { bodyOf } from "./tables.js";
