/**
 * A server in a process group of its own, so that kill -9 takes primary and workers at the same moment, as a power cut
 * does; or one of its workers alone.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { WireClient } from "../../src/wire/client.js";
import { MAIN, ROOT } from "../e2e/server.js";

const START_MS = 60_000;

export interface Place {
  /** Holds `data/` and `config/`. */
  readonly directory: string;
  readonly workers: number;
  /** Default: one that the server picks. Where every worker may die, one that the next finds again. */
  readonly port?: number;
}

/** A port that nobody listens on, below those that connections are given. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < 100; tries++) {
    const port = 15_000 + Math.floor(Math.random() * 15_000);
    const listener = createServer();
    const isFree = await new Promise<boolean>((resolve) => {
      listener.once("error", () => resolve(false));
      listener.listen(port, "127.0.0.1", () => resolve(true));
    });
    await new Promise((resolve) => listener.close(resolve));
    if (isFree) return port;
  }
  throw new Error("no free port");
}

export const dataOf = ({ directory }: Place): string => join(directory, "data");
export const keyFileOf = ({ directory }: Place): string => join(directory, "config", "root.key");

export class KillableServer {
  readonly #child: ChildProcess;
  #text = "";
  #errors = "";

  constructor(place: Place) {
    const args = [
      "serve", "--listen", `127.0.0.1:${place.port ?? 0}`, "--tls-listen", "off",
      "--data-dir", dataOf(place), "--key-file", keyFileOf(place),
      "--workers", String(place.workers), "--log-level", "error",
      "--root-access-key-id", ROOT.accessKeyId, "--root-secret-access-key", ROOT.secretAccessKey,
    ];
    const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(AWS_|COFFER_)/.test(name)));
    this.#child = spawn(process.execPath, ["--enable-source-maps", MAIN, ...args], {
      env: { ...env, UV_THREADPOOL_SIZE: "16" },
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
    this.#child.stdout?.on("data", (piece: Buffer) => (this.#text += piece.toString("utf8")));
    this.#child.stderr?.on("data", (piece: Buffer) => (this.#errors += piece.toString("utf8")));
    running.add(this);
    this.#child.once("close", () => running.delete(this));
  }

  get errors(): string {
    return this.#errors;
  }

  get hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** A client of the server, once it is ready. @throws Error with what it said when it ends instead */
  async ready(): Promise<WireClient> {
    const deadline = performance.now() + START_MS;
    while (!this.#text.includes("In another shell")) {
      const isLate = performance.now() > deadline;
      if (this.hasEnded || isLate) throw new Error(`the server did not start:\n${this.#text}${this.#errors}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    const endpoint = /http:\/\/[^\s]+/.exec(this.#text)?.[0] ?? "";
    return new WireClient({ endpoint, region: "us-east-1", credentials: ROOT });
  }

  /** kill -9 for every process of the server at once; resolves when all are gone. */
  async kill(): Promise<void> {
    const gone = this.hasEnded ? undefined : once(this.#child, "close");
    this.#signalGroup();
    await gone;
  }

  /** SIGTERM: the server begins to drain. */
  drain(): void {
    this.#child.kill("SIGTERM");
  }

  /** Process id of a worker. */
  worker(at: number): number {
    const pid = childrenOf(this.#child.pid ?? 0)[at];
    if (pid === undefined) throw new Error(`no worker ${at}`);
    return pid;
  }

  /** kill -9 for one worker. @returns false when there is none */
  killWorker(pick: (count: number) => number): boolean {
    const workers = childrenOf(this.#child.pid ?? 0);
    const chosen = workers[pick(Math.max(1, workers.length))];
    if (chosen === undefined) return false;
    return process.kill(chosen, "SIGKILL");
  }

  /** Without waiting. */
  end(): void {
    this.#signalGroup();
  }

  #signalGroup(): void {
    const { pid } = this.#child;
    if (pid === undefined) return;
    try {
      process.kill(-pid, "SIGKILL");
    } catch (error) {
      // Nobody of the group is left.
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
    }
  }
}

/** A test process that ends early takes its servers with it. */
const running = new Set<KillableServer>();
process.once("exit", () => running.forEach((server) => server.end()));
// A group of its own does not hear Ctrl-C.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130));

function childrenOf(pid: number): number[] {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8");
  return text.split(" ").filter((each) => each !== "").map(Number);
}
