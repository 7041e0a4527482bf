/** Starts what is measured (Coffer, or the floor program) on a free port of 127.0.0.1, and ends it by its process id. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { WireClient } from "../src/wire/client.js";
import { build, root } from "./root.js";

export const REGION = "us-east-1";
export const CREDENTIALS = { accessKeyId: "AKIABENCHROOT0000001", secretAccessKey: "bench-root-secret-access-key-000000000001" };
const START_MS = 60_000;
const STOP_MS = 60_000;

export interface Subject {
  readonly name: string;
  readonly kind: "coffer" | "floor";
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  readonly host: string;
  readonly port: number;
  readonly pid: number;
  readonly directory: string;
  readonly client: WireClient;
  /** Spawn until it said that it is ready. */
  readonly startMs: number;
  stop(): Promise<void>;
}

export interface StartOptions {
  readonly name: string;
  /** Compiled tree that the server runs from. */
  readonly build?: string;
  readonly directory: string;
  readonly workers: number;
}

export function startCoffer(options: StartOptions): Promise<Subject> {
  const { directory, workers } = options;
  const flags = [
    "serve",
    ...["--data-dir", join(directory, "data"), "--key-file", join(directory, "config", "root.key")],
    ...["--listen", "127.0.0.1:0", "--tls-listen", "off", "--workers", String(workers), "--log-level", "warn"],
    ...["--root-access-key-id", CREDENTIALS.accessKeyId, "--root-secret-access-key", CREDENTIALS.secretAccessKey],
    ...["--sse-c-on-new-buckets", "allow"],
  ];
  return start("coffer", options, [...launcher(options.build ?? build), ...flags], "Coffer is ready");
}

export function startFloor(options: StartOptions): Promise<Subject> {
  mkdirSync(options.directory, { recursive: true });
  const program = join(build, "bench", "floor.js");
  return start("floor", options, [program, options.directory, String(options.workers)], "Floor is ready");
}

/** The `coffer` command for the checkout's own build; elsewhere its main file, with the same size of the thread pool. */
function launcher(from: string): string[] {
  return [from === join(root, "dist") ? join(root, "bin", "coffer.cjs") : join(from, "src", "cli", "main.js")];
}

async function start(
  kind: Subject["kind"],
  { name, directory }: StartOptions,
  args: readonly string[],
  ready: string,
): Promise<Subject> {
  const began = performance.now();
  const env = { PATH: process.env["PATH"], HOME: directory, UV_THREADPOOL_SIZE: "16" };
  const child = spawn(process.execPath, args, { env, stdio: ["ignore", "pipe", "pipe"] });
  const killed = (): void => void child.kill("SIGKILL");
  process.once("exit", killed);
  const output = { text: "", errors: "" };
  child.stdout.on("data", (piece: Buffer) => (output.text += piece.toString("utf8")));
  // What the server complains about is shown, but not for ever.
  child.stderr.on("data", (piece: Buffer) => {
    if (output.errors.length > 100_000) return;
    output.errors += piece.toString("utf8");
    process.stderr.write(`[${name}] ${piece.toString("utf8")}`);
  });
  await untilReady(child, output, ready);
  const startMs = performance.now() - began;
  const url = /http:\/\/[^\s]+/.exec(output.text)?.[0] ?? "";
  const { host, port } = new URL(url);
  const client = new WireClient({ endpoint: url, credentials: CREDENTIALS, region: REGION });
  const stop = async (): Promise<void> => {
    process.off("exit", killed);
    await end(child);
  };
  return { name, kind, url, host, port: Number(port), pid: child.pid ?? 0, directory, client, startMs, stop };
}

async function untilReady(child: ChildProcess, output: { text: string; errors: string }, ready: string): Promise<void> {
  const deadline = performance.now() + START_MS;
  while (!output.text.includes(ready)) {
    if (child.exitCode !== null || performance.now() > deadline) {
      child.kill("SIGKILL");
      throw new Error(`the server did not start:\n${output.text}${output.errors}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) {
    throw new Error(`the server ended by itself: ${child.exitCode ?? child.signalCode}`);
  }
  const exited = once(child, "exit");
  const timer = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
  child.kill("SIGINT");
  const [code] = (await exited) as [number | null];
  clearTimeout(timer);
  if (code !== 0) throw new Error(`the server ended with ${code ?? "a signal"}`);
}
