/**
 * Starts a real server for a test: its own process, free ports, throw-away directories; ended by process id.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { Agent as HttpsAgent } from "node:https";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { IAMClient } from "@aws-sdk/client-iam";
import { KMSClient } from "@aws-sdk/client-kms";
import { S3Client } from "@aws-sdk/client-s3";
import { STSClient } from "@aws-sdk/client-sts";
import { NodeHttpHandler } from "@smithy/node-http-handler";

export const ROOT = { accessKeyId: "AKIATESTROOT00000001", secretAccessKey: "test-root-secret-access-key-0000000000001" };
export const MAIN = join(dirname(fileURLToPath(import.meta.url)), "../../src/cli/main.js");
const START_MS = 20_000;

export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

export interface TestServer {
  readonly httpUrl: string;
  readonly httpsUrl: string;
  readonly caFile: string;
  /** Holds `data/` and `config/`; in memory, the local CA. */
  readonly directory: string;
  /** Made for this server, not given: goes with it. */
  readonly ownsDirectory: boolean;
  readonly process: ChildProcess;
  stdout(): string;
  stderr(): string;
  /** SIGINT; the exit code. */
  stop(): Promise<number | null>;
  kill(): Promise<void>;
}

export interface ServerOptions {
  /** Default `--memory`. */
  readonly flags?: readonly string[];
  /** Where an earlier server of the test kept its data. */
  readonly directory?: string;
  /** On disk instead of `--memory`. */
  readonly disk?: boolean;
  readonly rootByFlag?: boolean;
  /** The flags are all there are: places, root credential and workers are the server's own defaults. */
  readonly bare?: boolean;
  readonly environment?: NodeJS.ProcessEnv;
}

export async function startServer(options: ServerOptions = {}): Promise<TestServer> {
  const directory = options.directory ?? mkdtempSync(join(tmpdir(), "coffer-e2e-"));
  const { child, output } = spawnServer(directory, options);
  await until(() => output.text.includes("Coffer is ready"), child, output);
  await until(() => output.text.includes("https://"), child, output);
  const url = (scheme: string): string => new RegExp(`${scheme}://[^\\s]+`).exec(output.text)?.[0] ?? "";
  const end = async (signal: NodeJS.Signals): Promise<number | null> => {
    if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
    const exited = once(child, "exit");
    child.kill(signal);
    return (await exited)[0] as number | null;
  };
  return {
    httpUrl: url("http"),
    httpsUrl: url("https"),
    caFile: /CA bundle for https: (.+)/.exec(output.text)?.[1] ?? "",
    directory,
    ownsDirectory: options.directory === undefined,
    process: child,
    stdout: () => output.text,
    stderr: () => output.errors,
    stop: () => end("SIGINT"),
    kill: async () => void (await end("SIGKILL")),
  };
}

/** Starts a server that is expected to refuse. @returns exit code and what it said */
export async function failToStart(directory: string, options: ServerOptions): Promise<{ code: number | null; stderr: string }> {
  const { child, output } = spawnServer(directory, options);
  const timer = setTimeout(() => child.kill("SIGKILL"), START_MS);
  const [code] = (await once(child, "exit")) as [number | null];
  clearTimeout(timer);
  return { code, stderr: output.errors };
}

/** Ends the server and removes its directory. */
export async function discard(server: TestServer): Promise<void> {
  await server.kill();
  rmSync(server.directory, { recursive: true, force: true });
}

interface Output {
  text: string;
  errors: string;
}

function spawnServer(directory: string, options: ServerOptions): { child: ChildProcess; output: Output } {
  const place = ["--data-dir", join(directory, "data"), "--key-file", join(directory, "config", "root.key")];
  const root =
    options.rootByFlag === false
      ? []
      : ["--root-access-key-id", ROOT.accessKeyId, "--root-secret-access-key", ROOT.secretAccessKey];
  const storage =
    options.disk === true
      ? [...place, ...(options.flags?.includes("--workers") === true ? [] : ["--workers", "1"])]
      : ["--memory"];
  const listen = ["--listen", "127.0.0.1:0", "--tls-listen", "127.0.0.1:0"];
  const args = [
    "serve",
    ...listen,
    ...(options.bare === true ? [] : [...storage, "--log-level", "warn", ...root]),
    ...(options.flags ?? []),
  ];
  const temporary = options.disk === true || options.bare === true ? {} : { TMPDIR: directory };
  const env = { ...cleanEnvironment(), ...temporary, ...options.environment };
  const child = spawn(process.execPath, ["--enable-source-maps", MAIN, ...args], { env, stdio: ["ignore", "pipe", "pipe"] });
  // A test process that ends early takes its servers with it.
  process.once("exit", () => child.kill("SIGKILL"));
  const output: Output = { text: "", errors: "" };
  child.stdout.on("data", (piece: Buffer) => (output.text += piece.toString("utf8")));
  child.stderr.on("data", (piece: Buffer) => (output.errors += piece.toString("utf8")));
  return { child, output };
}

/** Nothing of the tester's own AWS or Coffer settings. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(AWS_|COFFER_)/.test(name)));
}

async function until(condition: () => boolean, child: ChildProcess, output: Output): Promise<void> {
  const deadline = Date.now() + START_MS;
  while (!condition()) {
    if (child.exitCode !== null || Date.now() > deadline) {
      child.kill("SIGKILL");
      throw new Error(`the server did not start:\n${output.text}${output.errors}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

export interface ClientOptions {
  readonly https?: boolean;
  readonly credentials?: Credentials;
  readonly region?: string;
}

function settings(server: TestServer, { https = false, credentials = ROOT, region = "us-east-1" }: ClientOptions) {
  const ca = https ? readFileSync(server.caFile) : undefined;
  return {
    endpoint: https ? server.httpsUrl : server.httpUrl,
    region,
    // A copy: the SDK marks the object it is given.
    credentials: { ...credentials },
    maxAttempts: 1,
    requestHandler: new NodeHttpHandler(
      ca === undefined ? {} : { httpsAgent: new HttpsAgent({ ca, keepAlive: true, maxSockets: 50 }) },
    ),
  };
}

export const s3Client = (server: TestServer, options: ClientOptions = {}): S3Client =>
  new S3Client({ ...settings(server, options), forcePathStyle: true });
export const kmsClient = (server: TestServer, options: ClientOptions = {}): KMSClient => new KMSClient(settings(server, options));
export const iamClient = (server: TestServer, options: ClientOptions = {}): IAMClient => new IAMClient(settings(server, options));
export const stsClient = (server: TestServer, options: ClientOptions = {}): STSClient => new STSClient(settings(server, options));

/** The error that `promise` rejects with, as `{ code, status, message }`. */
export async function failure(promise: Promise<unknown>): Promise<{ code: string; status: number | undefined; message: string }> {
  try {
    await promise;
  } catch (error) {
    const { name, message, $metadata } = error as Error & { $metadata?: { httpStatusCode?: number } };
    return { code: name, status: $metadata?.httpStatusCode, message };
  }
  throw new Error("expected a failure, but the call succeeded");
}
