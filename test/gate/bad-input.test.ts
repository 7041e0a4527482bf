/**
 * Bad input gets an error of the caller's, never one of ours (attack A.6; RESTler found 500s for over-long keys in RGW).
 * Every operation of the registry: each text member too long, empty, and odd; documents cut off or of another kind.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { AnyOperation } from "../../src/gate/contract.js";
import type { Log } from "../../src/lib/log.js";
import { encodeRequest, type EncodedRequest } from "../../src/wire/client-codec.js";
import { operationTable, tableOf } from "../../src/wire/tables.js";
import { sample } from "../wire/samples.js";
import { gateOver, incoming, openTestApp, signed, signerOf, textOf } from "./support.js";

const ODD = ["a".repeat(3000), "", "a\u0000\u{1f600}", "__proto__", "arn:aws:s3:::"];
const BODIES = ["<", "<a/>", "{", "[]", "null", '{"\\ud800":1}', "Action", "\u0000", "%"];

/** The input with each of its texts replaced, one at a time: the first level and one below. */
function* variants(input: Readonly<Record<string, unknown>>): Generator<object> {
  yield input;
  for (const [name, value] of Object.entries(input)) {
    if (typeof value === "string") for (const odd of ODD) yield { ...input, [name]: odd };
    else if (typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype) {
      yield { ...input, [name]: {} };
      for (const below of variants(value as Record<string, unknown>)) yield { ...input, [name]: below };
    }
  }
}

function* requestsOf({ service, name }: AnyOperation): Generator<EncodedRequest> {
  const base = { ...sample(tableOf(service), operationTable(service, name)?.input, { all: false }) };
  for (const member of ["Bucket", "Key"]) if (service === "s3" && member in base) base[member] = member === "Bucket" ? "a-bucket" : "a-key";
  for (const input of variants(base)) {
    try {
      yield encodeRequest(service, name, input);
    } catch {
      // Our own client cannot say it: no header or path holds such a value.
    }
  }
  const whole = encodeRequest(service, name, base);
  if (whole.body !== undefined) for (const body of BODIES) yield { ...whole, body: Buffer.from(body) };
}

test("no operation answers bad input with an error of ours, and each call is recorded", async () => {
  const app = await openTestApp();
  const faults: string[] = [];
  const log: Log = { debug() {}, info() {}, warn() {}, error: (fields, message) => void faults.push(`${message} ${String((fields as { err?: Error }).err?.stack)}`) };
  let recorded = 0;
  const gate = gateOver(app, app.operations, { log, store: app.kms.store, audit: { append: () => void (recorded += 1) } });
  const root = { type: "Account", accountId: "000000000000", arn: "arn:aws:iam::000000000000:root", userId: "000000000000" } as const;
  let sent = 0;
  for (const operation of app.operations) {
    await app.gate.internal(root, "s3", "CreateBucket", { Bucket: "a-bucket" }).catch(() => {});
    for (const { method, path, headers, body } of requestsOf(operation)) {
      const account = operation.service === "s3-control" ? { "x-amz-account-id": "000000000000" } : {};
      const made = signed({ method, target: path, headers: { ...headers, ...account }, body }, signerOf(operation.service === "s3-control" ? "s3" : operation.service));
      const { status, ...answer } = await gate.handle(incoming(made));
      await textOf({ status, ...answer });
      sent += 1;
      if (status === 500 || faults.length > 0) assert.fail(`${operation.service}:${operation.name} ${status} ${path.slice(0, 200)} ${String(body).slice(0, 200)}\n${faults.join("\n")}`);
    }
  }
  assert.ok(sent > 2000, `${sent} requests`);
  assert.ok(recorded > sent / 2, `${recorded} of ${sent} recorded`);
  await app.release();
});
