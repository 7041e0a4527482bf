/**
 * Attack A.1 no. 1: a fabricated signature on every auth type × every operation. The operations come from the server's own
 * registry, so a new one is attacked without anybody thinking of it.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { AnyOperation } from "../../src/gate/contract.js";
import type { Gate } from "../../src/gate/gate.js";
import type { App } from "../../src/server/app.js";
import { encodeRequest } from "../../src/wire/client-codec.js";
import type { Signer } from "../../src/wire/sign.js";
import { operationTable, tableOf } from "../../src/wire/tables.js";
import type { Service } from "../../src/wire/types.js";
import { sample } from "../wire/samples.js";
import { codeIn, gateOver, incoming, openTestApp, presigned, ROOT, signed, signerOf, textOf, type Sent } from "./support.js";

const RAN = "the operation ran";
const KINDS = { s3: "s3", "s3-control": "s3", kms: "json", coffer: "json", iam: "query", sts: "query" } as const;
type Kind = (typeof KINDS)[Service];

/** What an operation of this test was made to do. */
interface Traces {
  resolved: boolean;
  ran: boolean;
}

function traced(operation: AnyOperation, traces: Map<string, Traces>): AnyOperation {
  const trace: Traces = { resolved: false, ran: false };
  traces.set(`${operation.service}:${operation.name}`, trace);
  const overrides = {
    resolve: (input: never, call: never) => {
      trace.resolved = true;
      return operation.resolve(input, call);
    },
    // Where each entry is decided by itself, that is part of the work: it goes on, and the store refuses what it may not do.
    run: (input: never, facts: never, call: never) => {
      if (operation.service === "s3" && operation.needsNoPermission !== undefined) return operation.run(input, facts, call);
      trace.ran = true;
      throw new Error(RAN);
    },
  };
  return Object.assign(Object.create(operation) as AnyOperation, overrides);
}

/** A request as our own client writes it: required members, the bucket that exists, bodies where the operation streams. */
function requestFor({ service, name }: AnyOperation): Sent {
  const shape = operationTable(service, name);
  assert.ok(shape !== undefined, `${service}:${name} is in no table: add it there, or this test cannot attack it`);
  const input = sample(tableOf(service), shape.input, { all: false });
  for (const member of Object.keys(input)) {
    if (member === "Bucket") input[member] = "a-bucket";
    if (member === "Key" && service === "s3") input[member] = "a-key";
    if (member === "CopySource") input[member] = "a-bucket/a-key";
  }
  const { method, path, headers, body } = encodeRequest(service, name, input);
  const streams = service === "s3" && ["PutObject", "UploadPart"].includes(name);
  const account = service === "s3-control" ? { "x-amz-account-id": "000000000000" } : {};
  return { method, target: path, headers: { ...headers, ...account }, body: streams ? Buffer.from("body") : body };
}

const signingName = (service: Service): string => (service === "s3-control" ? "s3" : service);
const wrongSecret = (signer: Signer): Signer => ({ ...signer, credentials: { ...signer.credentials, secretAccessKey: "wrong-secret-0000000000000000000000001" } });
const unknownKey = (signer: Signer): Signer => ({ ...signer, credentials: { ...ROOT, accessKeyId: "AKIAUNKNOWN000000001" } });
const withToken = (signer: Signer): Signer => ({ ...signer, credentials: { ...ROOT, sessionToken: "bm90IGEgdG9rZW4=" } });
const hoursAgo = (signer: Signer, hours: number): Signer => ({ ...signer, nowMs: signer.nowMs - hours * 3_600_000 });
const forAnother = (signer: Signer): Signer => ({ ...signer, service: signer.service === "kms" ? "s3" : "kms" });

interface Attack {
  readonly name: string;
  /** Known to be refused from the head alone: no byte of the body may be read for it. */
  readonly byHead?: true;
  make(request: Sent, signer: Signer): Sent;
  /** Code of the refusal, by protocol. */
  readonly codes: Readonly<Record<Kind, readonly string[]>>;
}

const MISMATCH = { s3: ["SignatureDoesNotMatch"], json: ["InvalidSignatureException"], query: ["SignatureDoesNotMatch"] };
const UNKNOWN = { s3: ["InvalidAccessKeyId"], json: ["UnrecognizedClientException"], query: ["InvalidClientTokenId"] };
const SCOPE = { s3: ["AuthorizationHeaderMalformed"], json: ["InvalidSignatureException"], query: ["SignatureDoesNotMatch", "MissingAuthenticationToken"] };

const ATTACKS: readonly Attack[] = [
  { name: "a wrong secret in the header", make: (request, signer) => signed(request, wrongSecret(signer)), codes: MISMATCH },
  { name: "a wrong secret in the query", make: (request, signer) => presigned(request, wrongSecret(signer), 300), codes: MISMATCH },
  { name: "an unknown access key in the header", byHead: true, make: (request, signer) => signed(request, unknownKey(signer)), codes: UNKNOWN },
  { name: "an unknown access key in the query", byHead: true, make: (request, signer) => presigned(request, unknownKey(signer), 300), codes: UNKNOWN },
  {
    name: "a session token beside a long-term key",
    byHead: true,
    make: (request, signer) => signed(request, withToken(signer)),
    codes: { ...UNKNOWN, s3: ["InvalidToken"] },
  },
  {
    name: "a signature of yesterday",
    byHead: true,
    make: (request, signer) => signed(request, hoursAgo(signer, 24)),
    codes: { s3: ["RequestTimeTooSkewed"], json: ["InvalidSignatureException"], query: ["SignatureDoesNotMatch"] },
  },
  {
    name: "an expired presigned URL",
    byHead: true,
    make: (request, signer) => presigned(request, hoursAgo(signer, 1), 60),
    codes: { s3: ["AccessDenied"], json: ["InvalidSignatureException"], query: ["SignatureDoesNotMatch"] },
  },
  { name: "a signature for another service", make: (request, signer) => signed(request, forAnother(signer)), codes: SCOPE },
  {
    name: "a signature for another request",
    make: (request, signer) => ({ ...signed({ ...request, headers: { ...request.headers, "x-amz-meta-a": "1" } }, signer), target: request.target }),
    codes: MISMATCH,
  },
  {
    name: "a security header that is not signed",
    make: (request, signer) => {
      const made = signed(request, signer);
      return { ...made, headers: { ...made.headers, "x-amz-server-side-encryption": "AES256" } };
    },
    codes: { s3: ["AccessDenied"], json: ["InvalidSignatureException"], query: ["SignatureDoesNotMatch"] },
  },
];
// Signed with one more header than is sent afterwards.
const STRIPPED = ATTACKS.find(({ name }) => name === "a signature for another request");
assert.ok(STRIPPED !== undefined);

describe("every operation of the registry", () => {
  let app: App & { release(): Promise<void> };
  let gate: Gate;
  const traces = new Map<string, Traces>();
  const traceOf = ({ service, name }: AnyOperation): Traces => traces.get(`${service}:${name}`) ?? assert.fail(`${service}:${name} is not traced`);

  before(async () => {
    app = await openTestApp();
    const root = { type: "Account", accountId: "000000000000", arn: "arn:aws:iam::000000000000:root", userId: "000000000000" } as const;
    await app.gate.internal(root, "s3", "CreateBucket", { Bucket: "a-bucket" });
    gate = gateOver(app, app.operations.map((operation) => traced(operation, traces)));
  });
  after(() => app.release());

  interface Seen {
    readonly status: number;
    readonly text: string;
    readonly code: string;
    readonly read: boolean;
  }

  async function answer(operation: AnyOperation, request: Sent): Promise<Seen> {
    Object.assign(traceOf(operation), { resolved: false, ran: false });
    const received = incoming(request);
    const given = await gate.handle(received);
    const text = await textOf(given);
    return { status: given.status, text, code: codeIn(text), read: received.seen.pulled > 0 || received.seen.continued };
  }

  test("is attacked: there are many, and the signed request reaches each", async () => {
    assert.ok(app.operations.length > 150, `${app.operations.length} operations`);
    const missed: string[] = [];
    for (const operation of app.operations) {
      const { code } = await answer(operation, signed(requestFor(operation), signerOf(signingName(operation.service))));
      const { resolved } = traceOf(operation);
      // Sample values may be refused by validation, which comes behind authentication.
      const decoded = resolved || /Validation|InvalidArgument|InvalidParameter|Malformed|InvalidRequest|Missing(RequestBody|Parameter)|Serialization|InvalidTag|InvalidDigest/.test(code);
      if (!decoded) missed.push(`${operation.service}:${operation.name} ${code}`);
    }
    assert.deepEqual(missed, []);
  });

  for (const attack of ATTACKS) {
    test(`refuses ${attack.name}, before anything is looked up`, async () => {
      for (const operation of app.operations) {
        const of = `${operation.service}:${operation.name}`;
        const made = attack.make(requestFor(operation), signerOf(signingName(operation.service)));
        if (attack === STRIPPED) delete (made.headers as Record<string, string>)["x-amz-meta-a"];
        const { status, code, text, read } = await answer(operation, made);
        const trace = traceOf(operation);
        if (attack.byHead === true || KINDS[operation.service] === "s3") assert.ok(!read, `${of} had its body read`);
        assert.ok(!trace.resolved && !trace.ran, `${of} was reached`);
        assert.ok(status >= 400 && status < 500, `${of} answered ${status} ${text}`);
        if (made.method !== "HEAD") assert.ok(attack.codes[KINDS[operation.service]].includes(code), `${of} answered ${code}`);
      }
    });
  }

  test("refuses anonymous callers: nothing runs, nothing is committed", async () => {
    let decided = 0;
    for (const operation of app.operations) {
      const of = `${operation.service}:${operation.name}`;
      const made = requestFor(operation);
      const { status, code, text, read } = await answer(operation, made);
      const trace = traceOf(operation);
      if (KINDS[operation.service] === "json") assert.ok(!read, `${of} had its body read`);
      assert.ok(!trace.ran, `${of} ran for anybody`);
      if (operation.service === "s3" && operation.needsNoPermission !== undefined) {
        assert.ok(!text.includes("<Deleted>") && text.includes("AccessDenied"), `${of} answered ${text}`);
        continue;
      }
      assert.ok(status >= 400 && status < 500, `${of} answered ${status} ${text}`);
      const kind = KINDS[operation.service];
      if (operation.service === "s3" && trace.resolved) {
        if (code === "AccessDenied" || (made.method === "HEAD" && status === 403)) decided += 1;
      } else if (kind === "json") assert.equal(code, "MissingAuthenticationTokenException", of);
      else if (kind === "query") assert.equal(code, "MissingAuthenticationToken", of);
    }
    assert.ok(decided > 40, `only ${decided} S3 operations came to a decision`);
  });
});
