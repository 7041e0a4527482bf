import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeJson } from "../../src/wire/aws-json.js";
import { decodeForm } from "../../src/wire/aws-query.js";
import { decodeInput, encodeOutput } from "../../src/wire/codec.js";
import type { RoutedOperation } from "../../src/wire/contract.js";
import { route, routeForm, scopeServiceOf } from "../../src/wire/route.js";
import type { MemberTable } from "../../src/wire/shape.js";
import { operationNames, operationTable, structureOf, TABLES, type ModelledService } from "../../src/wire/tables.js";
import { sample } from "./samples.js";
import { capture, parse, type Captured } from "./sdk.js";

const CONFIG = { domains: ["localhost"] };
const IDS = { requestId: "R1", hostId: "H1" };

function routed({ head, body }: Captured): RoutedOperation {
  const first = route(head, CONFIG);
  if (first.kind === "form") return routeForm(first, body, scopeServiceOf(head));
  assert.equal(first.kind, "operation");
  return first as RoutedOperation;
}

/** Only Terraform's S3 Control calls have shapes. */
function operationsOf(service: ModelledService): readonly string[] {
  // WriteGetObjectResponse goes to a host of its own, which the SDK cannot make of this endpoint: route.test.ts has it.
  return operationNames(service).filter(
    (name) =>
      name !== "WriteGetObjectResponse" && (service !== "s3-control" || operationTable(service, name)?.input !== undefined),
  );
}

/** Differences that the SDK makes on purpose. */
function inputSkip(_structure: string, member: string, entry: MemberTable): boolean {
  // Rewritten by SDK middleware: SSE-C keys are hashed, checksums computed, lengths counted.
  if (/^(Checksum|ContentMD5|ContentLength|SSECustomerKey|CopySourceSSECustomerKey)/.test(member) && entry.in === "header")
    return true;
  if (member === "Expires" || member === "ResponseExpires") return true;
  return entry.in === "status" || entry.type === "stream";
}

for (const service of ["s3", "s3-control", "kms", "iam", "sts"] as const) {
  for (const all of [false, true]) {
    test(`${service}: the SDK's request of each operation routes to itself and decodes to its input (${all ? "all" : "required"} members)`, async () => {
      const wrong: string[] = [];
      for (const operation of operationsOf(service)) {
        try {
          await roundTrip(service, operation, all);
        } catch (error) {
          wrong.push(`${operation}: ${error instanceof Error ? error.message.slice(0, 900) : String(error)}`);
        }
      }
      assert.deepEqual(wrong, []);
    });
  }
}

async function roundTrip(service: ModelledService, operation: string, all: boolean): Promise<void> {
  const table = TABLES[service];
  const shape = operationTable(service, operation)?.input;
  const input = {
    ...sample(table, shape, { all, skip: inputSkip }),
    ...(service === "s3-control" ? { AccountId: "123456789012" } : {}),
  };
  const captured = await capture(service, operation, input);
  const found = routed(captured);
  assert.equal(found.operation, operation);
  assert.equal(found.service, service);
  // The samples keep to the shapes, not to lengths and patterns, so validation (constraints.test.ts) is left out.
  const decoded = (
    table.protocol === "aws-json"
      ? decodeJson(table, shape, captured.body)
      : table.protocol === "aws-query"
        ? decodeForm(table, shape, found.form ?? new Map())
        : decodeInput(found, captured.head, captured.body)
  ) as Record<string, unknown>;
  for (const [member, value] of Object.entries(input)) {
    if (isEmptyStructure(value) && decoded[member] === undefined) continue;
    assert.deepEqual(plain(decoded[member]), plain(value), member);
  }
}

/** Seven bytes for a streaming member, so that the sample's content length is true. */
function withBody(service: ModelledService, structure: string | undefined, output: object): object {
  const stream = Object.entries(structureOf(TABLES[service], structure)?.members ?? {}).find(
    ([, entry]) => entry.type === "stream",
  );
  return stream === undefined ? output : { ...output, [stream[0]]: Buffer.from("1234567") };
}

/** The query protocol has no way to send one. */
const isEmptyStructure = (value: unknown): boolean =>
  typeof value === "object" && value !== null && Object.keys(value).length === 0;

/** Buffers and Uint8Arrays alike. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString("hex");
  if (value instanceof Date) return value.getTime();
  if (Array.isArray(value)) return value.map(plain);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, plain(each)]));
}

for (const service of ["s3", "s3-control", "kms", "iam", "sts"] as const) {
  test(`${service}: the SDK reads every member of every output that we encode`, async () => {
    const table = TABLES[service];
    const wrong: string[] = [];
    for (const operation of operationsOf(service)) {
      try {
        const shape = operationTable(service, operation);
        const output = sample(table, shape?.output, {
          all: true,
          skip: (_structure, _member, entry) => entry.type === "events" || entry.type === "stream",
        });
        const input = {
          ...sample(table, shape?.input, { all: false, skip: inputSkip }),
          ...(service === "s3-control" ? { AccountId: "123456789012" } : {}),
        };
        const response = encodeOutput(service, operation, withBody(service, shape?.output, output), IDS);
        const read = await parse(service, operation, input, response);
        const { $metadata, ...members } = read;
        assert.equal(($metadata as { requestId?: string }).requestId, "R1");
        for (const [member, value] of Object.entries(output)) {
          if (member === "Expires") continue;
          assert.deepEqual(plain(members[member]), plain(value), member);
        }
      } catch (error) {
        wrong.push(`${operation}: ${error instanceof Error ? error.message.slice(0, 900) : String(error)}`);
      }
    }
    assert.deepEqual(wrong, []);
  });
}
