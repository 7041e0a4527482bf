/** What the tests of the process share: throw-away directories, the `coffer` command, and requests of any pace. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { request, type IncomingHttpHeaders, type IncomingMessage } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { root } from "../root.js";
import { discard, MAIN, type Credentials, type TestServer } from "../e2e/server.js";

export const ACCOUNT = "000000000000";
export const LAUNCHER = join(root, "bin", "coffer.cjs");
const COMMAND_MS = 20_000;

/** Runs `work` with a directory of its own, removed afterwards. */
export async function inDirectory(work: (directory: string) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "coffer-process-"));
  try {
    await work(directory);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Runs `work` with a server that is started now and dead afterwards, whatever happens. */
export async function withServer(starting: Promise<TestServer>, work: (server: TestServer) => Promise<void>): Promise<void> {
  const server = await starting;
  try {
    await work(server);
  } finally {
    await (server.ownsDirectory ? discard(server) : server.kill());
  }
}

/** Data and key of a server that the harness started in `directory`. */
export const placeFlags = (directory: string): string[] => [
  "--data-dir",
  join(directory, "data"),
  "--key-file",
  join(directory, "config", "root.key"),
];

export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A program that ends by itself. `environment` is all that it sees, beside PATH. */
export async function run(
  program: string,
  args: readonly string[],
  environment: NodeJS.ProcessEnv = {},
  withinMs = COMMAND_MS,
): Promise<Finished> {
  const env = { PATH: process.env["PATH"], ...environment };
  const child = spawn(program, args, { env, stdio: ["ignore", "pipe", "pipe"], timeout: withinMs, killSignal: "SIGKILL" });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (piece: Buffer) => (stdout += piece.toString("utf8")));
  child.stderr.on("data", (piece: Buffer) => (stderr += piece.toString("utf8")));
  const [code] = (await once(child, "close")) as [number | null];
  return { code, stdout, stderr };
}

/** The `coffer` command. */
export const coffer = (args: readonly string[], environment: NodeJS.ProcessEnv = {}): Promise<Finished> =>
  run(process.execPath, [MAIN, ...args], environment);

/**
 * A server on a terminal of its own (script(1) makes one): Ctrl-C is typed as soon as it is ready.
 * @param command as a shell would take it
 * @returns what the terminal showed
 */
export async function onTerminal(command: string, environment: NodeJS.ProcessEnv): Promise<Finished> {
  const env = { PATH: process.env["PATH"], TERM: "dumb", ...environment };
  const child = spawn(SCRIPT, ["-qec", command, "/dev/null"], {
    env,
    stdio: ["pipe", "pipe", "inherit"],
    timeout: COMMAND_MS,
    killSignal: "SIGKILL",
  });
  let stdout = "";
  let typed = false;
  child.stdout.on("data", (piece: Buffer) => {
    stdout += piece.toString("utf8");
    if (typed || !stdout.includes("In another shell")) return;
    typed = true;
    child.stdin.write("\x03");
  });
  const [code] = (await once(child, "close")) as [number | null];
  return { code, stdout, stderr: "" };
}

const SCRIPT = "/usr/bin/script";
/** For `test`'s options. */
export const needsTerminal = { skip: existsSync(SCRIPT) ? false : `no ${SCRIPT} to make a terminal with` };

/** The credential that a first start wrote for its owner. */
export function storedRoot(configDirectory: string): Credentials {
  return JSON.parse(readFileSync(join(configDirectory, "root-credential.json"), "utf8")) as Credentials;
}

/** Every file below `directory`, relative to it; sockets included. */
export function filesBelow(directory: string): string[] {
  return readdirSync(directory, { recursive: true, encoding: "utf8" })
    .filter((name) => !statSync(join(directory, name)).isDirectory())
    .sort();
}

export const mode = (path: string): number => statSync(path).mode & 0o777;

export interface Plain {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** A request exactly as written: own Host header, no signature unless the URL carries one. */
export async function plain(
  url: string,
  options: { readonly headers?: Record<string, string>; readonly method?: string } = {},
): Promise<Plain> {
  const outgoing = request(url, { method: options.method ?? "GET", headers: options.headers ?? {}, agent: false });
  outgoing.end();
  const [response] = (await once(outgoing, "response")) as [IncomingMessage];
  let body = "";
  for await (const piece of response as AsyncIterable<Buffer>) body += piece.toString("utf8");
  return { status: response.statusCode ?? 0, headers: response.headers, body };
}

/** Records of every audit file of a data directory, in the order of each file. */
export function auditRecords(directory: string): Record<string, unknown>[] {
  const audit = join(directory, "data", "audit");
  return readdirSync(audit).flatMap((name) =>
    readFileSync(join(audit, name), "utf8")
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line)),
  );
}

/** Polls until `condition` holds. @throws Error after `withinMs` */
export async function eventually(what: string, condition: () => boolean | Promise<boolean>, withinMs = 10_000): Promise<void> {
  const deadline = performance.now() + withinMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`not within ${withinMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
