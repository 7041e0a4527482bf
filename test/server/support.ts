/** A whole server in this process, in memory, and raw sockets to attack it with. */
import { createHash } from "node:crypto";
import { connect, type Socket } from "node:net";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../src/lib/clock.js";
import type { Log } from "../../src/lib/log.js";
import { openApp, type App } from "../../src/server/app.js";
import { loadConfig } from "../../src/server/config.js";
import { limitsOf, type ServerLimits } from "../../src/server/limits.js";
import { startWorker } from "../../src/server/worker.js";
import { presignTarget, signHeaders, type Credentials, type Signer } from "../../src/wire/sign.js";

export const ROOT: Credentials = { accessKeyId: "AKIATESTROOT00000001", secretAccessKey: "test-root-secret-access-key-0000000000001" };

export interface Attacked {
  readonly app: App;
  readonly port: number;
  readonly host: string;
  /** What the server logged, as JSON lines. */
  readonly logged: string[];
  stop(): Promise<void>;
}

/**
 * @param disk keep data in a throw-away directory instead of memory, audit log included
 * @param limits other than the usual ones: times that a test can wait for
 */
export async function startHere(
  flags: Readonly<Record<string, string | boolean>> = {}, disk = false, limits: (usual: ServerLimits) => ServerLimits = (usual) => usual,
): Promise<Attacked & { directory: string }> {
  const directory = mkdtempSync(join(tmpdir(), "coffer-attack-"));
  const place = disk ? { workers: "1" } : { memory: true };
  const config = loadConfig({
    ...place, "key-file": join(directory, "config", "root.key"), "data-dir": join(directory, "data"), "listen": "127.0.0.1:0", "tls-listen": "off",
    "root-access-key-id": ROOT.accessKeyId, "root-secret-access-key": ROOT.secretAccessKey, ...flags,
  }, {});
  const logged: string[] = [];
  const note = (level: string) => (fields: object, message: string): void =>
    void logged.push(JSON.stringify({ level, message, ...fields }, (_name, value: unknown) => (value instanceof Error ? String(value.stack) : value)));
  const log: Log = { debug: note("debug"), info: note("info"), warn: note("warn"), error: note("error") };
  const app = await openApp(config, systemClock, log);
  await app.iam.seed.ensureAccount(config.accountId);
  const worker = await startWorker(config, app, undefined, log, limits(limitsOf(config)));
  const port = Number(new URL(worker.urls.httpUrl ?? "").port);
  return {
    app, port, logged, directory,
    host: `127.0.0.1:${port}`,
    stop: async () => {
      await worker.drain(500);
      await app.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

export const signerFor = (service = "s3", credentials: Credentials = ROOT, nowMs = Date.now()): Signer => ({ credentials, region: "us-east-1", service, nowMs });

export const sha256 = (body: string | Uint8Array): string => createHash("sha256").update(body).digest("hex");

export interface Sending {
  readonly body?: string | Buffer;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signer?: Signer;
  readonly payloadHash?: string;
  /** Sent but not signed. */
  readonly unsigned?: Readonly<Record<string, string>>;
  readonly anonymous?: boolean;
  readonly host?: string;
}

/** Bytes of one signed request. */
export function request(server: Attacked, method: string, target: string, sending: Sending = {}): Buffer {
  const { body = "", headers = {}, signer = signerFor(), unsigned = {}, anonymous = false, host = server.host } = sending;
  const bytes = Buffer.from(body as string);
  const own = { host, ...headers };
  const all = anonymous ? own : signHeaders({ method, target, headers: own }, signer, sending.payloadHash ?? sha256(bytes));
  const length = bytes.length > 0 || ["PUT", "POST"].includes(method) ? { "content-length": String(bytes.length) } : {};
  const lines = Object.entries({ ...all, ...length, ...unsigned }).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.concat([Buffer.from(`${method} ${target} HTTP/1.1\r\n${lines.join("")}\r\n`, "latin1"), bytes]);
}

export function presigned(server: Attacked, method: string, target: string, options: { headers?: Record<string, string>; signer?: Signer; host?: string; expires?: number } = {}): string {
  const headers = { host: options.host ?? server.host, ...options.headers };
  return presignTarget({ method, target, headers }, options.signer ?? signerFor(), options.expires ?? 300);
}

/** A socket that remembers what came. */
export class Wire {
  readonly socket: Socket;
  #text = "";
  #ended = false;

  constructor(server: Pick<Attacked, "port">) {
    this.socket = connect({ host: "127.0.0.1", port: server.port });
    this.socket.on("data", (piece: Buffer) => (this.#text += piece.toString("latin1")));
    this.socket.on("error", () => {});
    this.socket.on("close", () => (this.#ended = true));
  }

  get text(): string {
    return this.#text;
  }
  get ended(): boolean {
    return this.#ended;
  }
  write(bytes: string | Buffer): this {
    this.socket.write(bytes);
    return this;
  }
  /** Until `done` holds or the time is over; what came so far. */
  async until(done: (text: string, ended: boolean) => boolean, timeoutMs = 10_000): Promise<string> {
    const deadline = Date.now() + timeoutMs;
    while (!done(this.#text, this.#ended) && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 5));
    return this.#text;
  }
  /** The whole first answer: by its content-length, or until the connection ends. */
  async answer(timeoutMs = 10_000): Promise<string> {
    return this.until((text, ended) => ended || answers(text).length > 0, timeoutMs);
  }
  close(): void {
    this.socket.destroy();
  }
}

export interface Answered {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Complete answers in what a connection received; `100 Continue` is one. Chunked bodies are left as framed. */
export function answers(text: string): Answered[] {
  const out: Answered[] = [];
  let rest = text;
  for (;;) {
    const end = rest.indexOf("\r\n\r\n");
    if (end < 0) return out;
    const [status = "", ...lines] = rest.slice(0, end).split("\r\n");
    const headers = Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf(":")).toLowerCase(), line.slice(line.indexOf(":") + 1).trim()]));
    const code = Number(status.split(" ")[1]);
    const chunked = headers["transfer-encoding"] === "chunked";
    const length = chunked ? rest.indexOf("0\r\n\r\n", end) + 5 - end - 4 : Number(headers["content-length"] ?? 0);
    if (rest.length < end + 4 + length || (chunked && length < 5)) return out;
    out.push({ status: code, headers, body: rest.slice(end + 4, end + 4 + length) });
    rest = rest.slice(end + 4 + length);
  }
}

/** Sends one request over a fresh connection. @returns the first final answer; status 0 where none came */
export async function ask(server: Attacked, bytes: Buffer | string, timeoutMs = 15_000): Promise<Answered> {
  const wire = new Wire(server).write(bytes);
  await wire.until((text, ended) => ended || answers(text).some(({ status }) => status !== 100), timeoutMs);
  wire.close();
  return answers(wire.text).find(({ status }) => status !== 100) ?? { status: 0, headers: {}, body: wire.text };
}
