/** The operations of a whole app behind a gate of the test's own: its audit, its store, its view of what runs. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { AuditRecord, AuditSink } from "../../src/gate/audit.js";
import type { AnyOperation } from "../../src/gate/contract.js";
import { Gate } from "../../src/gate/gate.js";
import type { GateDependencies, GateEvent } from "../../src/gate/dependencies.js";
import type { Answer, Incoming } from "../../src/gate/request.js";
import { Registry } from "../../src/gate/registry.js";
import { systemClock } from "../../src/lib/clock.js";
import { silentLog } from "../../src/lib/log.js";
import { openApp, type App } from "../../src/server/app.js";
import { loadConfig } from "../../src/server/config.js";
import { memoryMetadataStore } from "../../src/stores/memory-metadata.js";
import { presignTarget, sha256Hex, signHeaders, type Credentials, type Signer } from "../../src/wire/sign.js";

export const ROOT: Credentials = { accessKeyId: "AKIATESTROOT00000001", secretAccessKey: "test-root-secret-access-key-0000000000001" };
export const HOST = "localhost:9000";

/** A memory app with an account and its root key; nothing listens. */
export async function openTestApp(flags: Readonly<Record<string, string | boolean>> = {}): Promise<App & { release(): Promise<void> }> {
  const directory = mkdtempSync(join(tmpdir(), "coffer-gate-"));
  const config = loadConfig({
    "memory": true, "key-file": join(directory, "root.key"), "data-dir": join(directory, "data"),
    "root-access-key-id": ROOT.accessKeyId, "root-secret-access-key": ROOT.secretAccessKey, ...flags,
  }, {});
  const app = await openApp(config, systemClock, silentLog);
  await app.iam.seed.ensureAccount(config.accountId);
  return {
    ...app,
    release: async () => {
      await app.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** A gate over operations of an app. Its store accepts nothing: operations of the app commit through it, or not at all. */
export function gateOver(app: App, operations: readonly AnyOperation[], parts: Partial<GateDependencies> = {}): Gate {
  return new Gate({
    registry: new Registry(operations),
    directory: app.iam.directory,
    audit: { append: () => {} },
    store: { ...memoryMetadataStore(), commit: () => Promise.reject(new Error("nothing may be committed")) },
    clock: systemClock,
    log: silentLog,
    routing: { domains: ["localhost"] },
    regions: ["us-east-1"],
    observe: () => {},
    ...parts,
  });
}

export interface Sent {
  readonly method: string;
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | undefined;
}

export interface Observed extends Incoming {
  /** How many pieces of the body were pulled, and whether `100 Continue` was sent. */
  readonly seen: { pulled: number; continued: boolean };
}

/** A request as the server room hands it to the gate. */
export function incoming({ method, target, headers, body }: Sent): Observed {
  const length = body === undefined ? {} : { "content-length": String(body.length) };
  const all = { host: HOST, ...headers, ...length };
  const seen = { pulled: 0, continued: false };
  return {
    seen,
    head: { method, target, headers: all, rawHeaders: Object.entries(all).flat(), secure: true },
    body: (async function* () {
      seen.pulled += 1;
      if (body !== undefined && body.length > 0) yield Buffer.from(body);
    })(),
    sendContinue: () => (seen.continued = true),
    sourceIp: "192.0.2.1",
    secureEnoughForSse: true,
    tlsVersion: "1.3",
    signal: new AbortController().signal,
    operational: () => assert.fail("not operational"),
  };
}

export const signerOf = (service: string, credentials: Credentials = ROOT, nowMs = Date.now()): Signer => ({ credentials, region: "us-east-1", service, nowMs });

/** The request with signed headers. */
export function signed(request: Sent, signer: Signer): Sent {
  const { method, target, headers, body = new Uint8Array() } = request;
  return { ...request, headers: signHeaders({ method, target, headers: { host: HOST, ...headers } }, signer, sha256Hex(body)) };
}

/** The request signed in its query. */
export function presigned(request: Sent, signer: Signer, expiresSeconds: number): Sent {
  const { method, target, headers, body = new Uint8Array() } = request;
  const own = { host: HOST, ...headers };
  const payload = signer.service === "s3" ? "UNSIGNED-PAYLOAD" : sha256Hex(body);
  return { ...request, headers: own, target: presignTarget({ method, target, headers: own }, signer, expiresSeconds, payload) };
}

/** Text of an answer's body. */
export async function textOf({ body }: Answer): Promise<string> {
  if (body === undefined) return "";
  if (body instanceof Uint8Array) return Buffer.from(body).toString("utf8");
  const pieces: Uint8Array[] = [];
  for await (const piece of body) pieces.push(piece);
  return Buffer.concat(pieces).toString("utf8");
}

/** Error code in an answer, whatever the service's form. */
export const codeIn = (text: string): string => /<Code>([^<]*)<\/Code>/.exec(text)?.[1] ?? /"__type":"([^"]*)"/.exec(text)?.[1] ?? "";

/** Keeps what it is given; refuses when told to. */
export class TestAudit implements AuditSink {
  readonly records: AuditRecord[] = [];
  refuse: (record: AuditRecord) => boolean = () => false;

  append(record: AuditRecord): void {
    if (this.refuse(record)) throw new Error("no space left on device");
    this.records.push(record);
  }
}

export type { GateEvent };
