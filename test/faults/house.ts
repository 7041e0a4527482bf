/**
 * A whole server in this process, on disk, that a test can open again as often as it likes; and what its directory holds
 * when everything was deleted and swept. No jobs run by themselves: faults meet what the test asks for.
 */
import { readdirSync } from "node:fs";
import http from "node:http";
import { join } from "node:path";
import { decodeAnswer, encodeRequest } from "../../src/wire/client-codec.js";
import { answerError, WireClient } from "../../src/wire/client.js";
import type { Credentials } from "../../src/wire/sign.js";
import type { Service } from "../../src/wire/types.js";
import { DAY_MS, ManualClock, SECOND_MS } from "../../src/lib/clock.js";
import { silentLog, type Log } from "../../src/lib/log.js";
import { DEFAULT_LIMITS } from "../../src/objects/deps.js";
import { openRoom } from "../../src/objects/operations.js";
import { sweepStep } from "../../src/objects/sweep.js";
import { openApp, type App } from "../../src/server/app.js";
import { loadConfig, type Config } from "../../src/server/config.js";
import { openStorage } from "../../src/server/storage.js";
import { startWorker, type RunningWorker } from "../../src/server/worker.js";
import { createRecords } from "../../src/stores/record-table.js";
import { Space } from "../../src/stores/spaces.js";

const ROOT = { accessKeyId: "AKIATESTROOT00000001", secretAccessKey: "test-root-secret-access-key-0000000000001" };
/** Longer than anything that a caller should wait for when a disk fails. */
const ANSWER_MS = 10_000;

/** What a call came to. */
export type Outcome =
  | { readonly ok: true; readonly out: Readonly<Record<string, unknown>>; readonly bytes: Buffer }
  | { readonly ok: false; readonly status: number | "broken" | "none"; readonly code: string };

export class House {
  readonly config: Config;
  /** Server and client have the same. */
  readonly #clock = new ManualClock(Date.now());
  readonly #log: Log;
  #app: App | undefined;
  #worker: RunningWorker | undefined;
  #url = "";
  #client: WireClient | undefined;

  /** @param directory absent: everything in memory */
  constructor(directory: string | undefined, log: Log = silentLog) {
    this.#log = log;
    const place = { "data-dir": join(directory ?? "", "data"), "key-file": join(directory ?? "", "config", "root.key") };
    this.config = loadConfig(
      {
        ...(directory === undefined ? { memory: true } : place),
        "root-access-key-id": ROOT.accessKeyId,
        "root-secret-access-key": ROOT.secretAccessKey,
        "sse-c-on-new-buckets": "allow",
        listen: "127.0.0.1:0",
        "tls-listen": "off",
        workers: "1",
      },
      {},
    );
  }

  async open(): Promise<void> {
    // A connection a call: an answer that came before the whole body was read may end its connection.
    http.globalAgent = new http.Agent({ keepAlive: false });
    const app = await openApp(this.config, this.#clock, this.#log);
    this.#app = app;
    await app.iam.seed.ensureAccount(this.config.accountId);
    // No jobs: they would meet the faults that the scenes are to meet.
    this.#worker = await startWorker(this.config, { ...app, startJobs: () => undefined }, undefined, this.#log);
    this.#url = this.#worker.urls.httpUrl ?? "";
    this.#client = this.#clientOf(ROOT);
  }

  #clientOf(credentials: Credentials): WireClient {
    return new WireClient({ endpoint: this.#url, credentials, region: "us-east-1", clock: this.#clock });
  }

  /** The rooms behind the listener. */
  get app(): App {
    if (this.#app === undefined) throw new Error("the house is closed");
    return this.#app;
  }

  /** The following calls are made by this caller; default: root. */
  actAs(credentials: Credentials = ROOT): void {
    this.#client = this.#clientOf(credentials);
  }

  /** Integrity events that operators have been told of. */
  async integrityEvents(): Promise<number> {
    const answer = await fetch(new URL("/-/metrics", this.#url));
    return Number(/^coffer_integrity_events_total (\d+)$/m.exec(await answer.text())?.[1] ?? "0");
  }

  async close(): Promise<void> {
    await this.#worker?.drain(0);
    await this.#app?.close();
    this.#worker = undefined;
    this.#app = undefined;
  }

  /** Default: after a failure the audit log is not tried again at once. */
  letTimePass(ms = 2 * SECOND_MS): void {
    this.#clock.advance(ms);
  }

  /** Readiness as a supervisor sees it. */
  async ready(): Promise<number> {
    const answer = await fetch(new URL("/-/ready", this.#url), { signal: AbortSignal.timeout(ANSWER_MS) });
    await answer.arrayBuffer();
    return answer.status;
  }

  async call(service: Service, operation: string, input: object = {}, body?: Buffer): Promise<Outcome> {
    const client = this.#client;
    if (client === undefined) throw new Error("the house is closed");
    const request = { ...encodeRequest(service, operation, input), ...(body === undefined ? {} : { body }) };
    const late = AbortSignal.timeout(ANSWER_MS);
    try {
      const answer = await client.send({ ...request, signal: late });
      if (answer.status < 300) {
        return { ok: true, out: decodeAnswer(service, operation, answer) as Record<string, unknown>, bytes: answer.body };
      }
      return { ok: false, status: answer.status, code: answerError(answer).code };
    } catch (error) {
      return { ok: false, status: late.aborted ? "none" : "broken", code: (error as Error).message };
    }
  }

  s3(operation: string, input: object, body?: Buffer): Promise<Outcome> {
    return this.call("s3", operation, input, body);
  }
}

/** The member `name` of an answer that must be one of success. */
export function member<T>(outcome: Outcome, name: string): T {
  if (!outcome.ok) throw new Error(`expected success, not ${outcome.status} ${outcome.code}`);
  return outcome.out[name] as T;
}

const SWEPT = [
  ...[Space.heads, Space.listable, Space.versions, Space.bodies, Space.partTables],
  ...[Space.ledger, Space.uploads, Space.uploadParts, Space.uploadsByKey],
] as const;
/** What a data directory may hold that is no blob. */
const KNOWN = /^(format|metadata\/(data|lock)\.mdb|audit\/audit-[\w-]+\.jsonl)$/;

/**
 * Sweeps a closed store as if days had gone by.
 * @returns what is still there: rows of objects and uploads, blobs, files that belong to nothing
 */
export async function leftAfterSweep(config: Config): Promise<string[]> {
  const storage = await openStorage(config);
  const clock = new ManualClock(Date.now());
  const unused = (): never => {
    throw new Error("the sweep asks for no keys and nobody's rights");
  };
  try {
    const { metadata, blobs } = storage.stores;
    const room = openRoom({
      records: createRecords(metadata, storage.keyring.records),
      blobs,
      clock,
      log: silentLog,
      houseKeyArn: unused,
      principals: { uniqueIdOf: unused, arnOf: unused, accountExists: unused },
      canonicalIdOf: unused,
      settings: { defaultRegion: "us-east-1", newBucketDefaults: "aws", sseCOnNewBuckets: "allow", limits: DEFAULT_LIMITS },
    });
    for (let round = 0; round < 4; round++) {
      clock.advance(2 * DAY_MS);
      while ((await sweepStep(room)) === "more");
    }
    const left: string[] = [];
    for (const space of SWEPT) {
      const rows = await metadata.range({ from: Buffer.from([space]), to: Buffer.from([space + 1]), limit: 5 });
      left.push(...rows.map((row) => `row ${row.key.toString("latin1")}`));
    }
    const files = readdirSync(config.dataDir, { recursive: true, withFileTypes: true }).filter((entry) => !entry.isDirectory());
    const names = files.map((file) => join(file.parentPath, file.name).slice(config.dataDir.length + 1));
    return [...left, ...names.filter((name) => !KNOWN.test(name)).map((name) => `file ${name}`)];
  } finally {
    await storage.close();
  }
}
