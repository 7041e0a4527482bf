import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeJson } from "../../src/wire/aws-json.js";
import { decodeForm } from "../../src/wire/aws-query.js";
import { decodeAnswer, encodeRequest } from "../../src/wire/client-codec.js";
import { decodeInput, encodeOutput } from "../../src/wire/codec.js";
import type { RoutedOperation } from "../../src/wire/contract.js";
import { route, routeForm } from "../../src/wire/route.js";
import { operationNames, operationTable, structureOf, TABLES, type ModelledService } from "../../src/wire/tables.js";
import { sample } from "./samples.js";
import { headOf } from "./sdk.js";

const IDS = { requestId: "R1", hostId: "H1" };
const SERVICES: readonly ModelledService[] = ["s3", "s3-control", "kms", "iam", "sts"];

/** Without those that need an endpoint of their own, and without the S3 Control operations that have no shapes. */
function offered(service: ModelledService): readonly string[] {
  return operationNames(service).filter(
    (name) =>
      !["ListDirectoryBuckets", "WriteGetObjectResponse"].includes(name) &&
      (service !== "s3-control" || operationTable(service, name)?.input !== undefined),
  );
}

function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString("hex");
  if (value instanceof Date) return value.getTime();
  if (Array.isArray(value)) return value.map(plain);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, plain(each)]));
}

function serverSide(service: ModelledService, operation: string, input: object): object {
  const request = encodeRequest(service, operation, input);
  const body = request.body ?? new Uint8Array();
  const head = headOf(request.method, request.path, { ...request.headers });
  const first = route(head, { domains: ["localhost"] });
  const routed = first.kind === "form" ? routeForm(first, body, service) : (first as RoutedOperation);
  assert.deepEqual([routed.service, routed.operation], [service, operation]);
  const table = TABLES[service];
  const shape = operationTable(service, operation)?.input;
  if (table.protocol === "aws-json") return decodeJson(table, shape, body);
  return table.protocol === "aws-query" ? decodeForm(table, shape, routed.form ?? new Map()) : decodeInput(routed, head, body);
}

for (const service of SERVICES) {
  test(`${service}: what our client sends is what our server reads, for every operation and member`, () => {
    for (const operation of offered(service)) {
      const shape = structureOf(TABLES[service], operationTable(service, operation)?.input);
      const input = sample(TABLES[service], operationTable(service, operation)?.input, {
        all: true,
        skip: (_structure, _member, entry) => entry.type === "stream" || entry.in === "status",
      });
      if (service === "s3-control") input["AccountId"] = "123456789012";
      if (shape?.members["EncodingType"] !== undefined) input["EncodingType"] = "url";
      assert.deepEqual(plain(serverSide(service, operation, input)), plain(input), operation);
    }
  });

  test(`${service}: what our server answers is what our client reads, for every operation and member`, () => {
    for (const operation of offered(service)) {
      const output = sample(TABLES[service], operationTable(service, operation)?.output, {
        all: true,
        skip: (_structure, member, entry) => entry.type === "stream" || entry.type === "events" || member === "ContentLength",
      });
      const response = encodeOutput(service, operation, output, IDS);
      const read = decodeAnswer(service, operation, {
        status: response.status,
        headers: response.headers,
        body: (response.body ?? new Uint8Array()) as Uint8Array,
      });
      const { ContentLength: _length, ...rest } = read as Record<string, unknown>;
      assert.deepEqual(plain(rest), plain(output), operation);
    }
  });
}

test("keys travel byte-exact in the path", () => {
  for (const Key of ["a/b c+d%2F?&=#", "/lead", "..", "é😀", "\u0001\n", "~'()*!"])
    assert.deepEqual(serverSide("s3", "GetObject", { Bucket: "b", Key }), { Bucket: "b", Key });
});
