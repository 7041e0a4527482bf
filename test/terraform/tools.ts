/**
 * Terraform as a person runs it, in a throw-away copy of a configuration. No registry is asked: the provider comes from a
 * mirror on this machine, where there is one.
 */
import { spawn, type ChildProcessByStdio } from "node:child_process";
import { once } from "node:events";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { arch, homedir, platform } from "node:os";
import { delimiter, dirname, join } from "node:path";
import type { Readable, Writable } from "node:stream";
import { root } from "../root.js";

const PROVIDER = join("registry.terraform.io", "hashicorp", "aws");
const PROGRAM = "terraform";
const LONGEST_RUN_MS = 600_000;

export interface Tools {
  readonly program: string;
  /** Directory of the provider mirror, and the version in it; undefined: no provider here. */
  readonly mirror?: { readonly path: string; readonly version: string };
}

/** undefined: no Terraform on this machine. */
export function findTools(): Tools | undefined {
  const directories = (process.env["PATH"] ?? "").split(delimiter);
  const program = directories.map((directory) => join(directory, PROGRAM)).find((path) => existsSync(path));
  if (program === undefined) return undefined;
  for (const path of mirrors()) {
    const version = versionIn(join(path, PROVIDER));
    if (version !== undefined) return { program, mirror: { path, version } };
  }
  return { program };
}

/** Newest 5.x for this platform, unpacked. Versions before 5.86 know lifecycle rules in another form. */
function versionIn(directory: string): string | undefined {
  const target = `${platform()}_${arch() === "x64" ? "amd64" : arch()}`;
  const minor = (version: string): number => Number(version.split(".")[1]);
  return namesIn(directory)
    .filter((version) => /^5\.\d+\.\d+$/.test(version) && minor(version) >= 86 && existsSync(join(directory, version, target)))
    .sort((a, b) => minor(b) - minor(a))[0];
}

/** Mirrors that the tester's Terraform is configured with, Terraform's implied ones, and directories that look like one. */
function mirrors(): string[] {
  const home = homedir();
  const configFiles = [process.env["TF_CLI_CONFIG_FILE"], join(home, ".terraformrc")].filter((path) => path !== undefined);
  const configured = configFiles.flatMap((path) => pathsIn(path));
  const data = process.env["XDG_DATA_HOME"] ?? join(home, ".local/share");
  const own = [join(home, ".terraform.d/plugins"), join(data, "terraform/plugins")];
  const implied = [...own, "/usr/local/share/terraform/plugins", "/usr/share/terraform/plugins"];
  const roots = ["/opt", "/usr/local", "/usr/local/share", "/usr/share", "/var/lib", home];
  const looked = roots.flatMap((directory) => namesIn(directory).map((name) => join(directory, name)));
  const cache = process.env["TF_PLUGIN_CACHE_DIR"];
  return [...configured, ...implied, ...(cache === undefined ? [] : [cache]), ...looked];
}

/** Values of `path = "…"` in a CLI configuration. */
function pathsIn(file: string): string[] {
  if (!existsSync(file)) return [];
  return [...readFileSync(file, "utf8").matchAll(/^\s*path\s*=\s*"([^"]+)"/gm)].map(([, path]) => path ?? "");
}

/** A directory that is not there, or not ours to read, has no names for us. */
function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

export interface Run {
  readonly code: number | null;
  /** stdout and stderr, as they came. */
  readonly output: string;
  readonly seconds: number;
}

/** One configuration, copied from `examples/`. */
export class Workspace {
  readonly directory: string;
  readonly #tools: Tools;
  readonly #env: NodeJS.ProcessEnv;

  /** @param env what `coffer env` said, and `TF_VAR_…` */
  constructor(tools: Tools, scratch: string, example: string, env: NodeJS.ProcessEnv) {
    this.#tools = tools;
    this.directory = join(scratch, example);
    const filter = (path: string): boolean => !/\.terraform|\.tfstate/.test(path);
    cpSync(join(root, "examples", example), this.directory, { recursive: true, filter });
    const home = join(scratch, "home");
    mkdirSync(home, { recursive: true });
    const config = join(home, "terraform.rc");
    const path = tools.mirror?.path;
    const source = path === undefined ? "direct {}" : `filesystem_mirror {\n    path = ${JSON.stringify(path)}\n  }`;
    writeFileSync(config, `disable_checkpoint = true\nprovider_installation {\n  ${source}\n}\n`);
    const { PATH = "" } = process.env;
    // GOGC: the provider builds a large schema at each start; a collector that runs less often saves a third of its CPU time.
    this.#env = { PATH, HOME: home, TF_CLI_CONFIG_FILE: config, TF_IN_AUTOMATION: "1", GOGC: "400", ...env };
  }

  start(...args: string[]): Running {
    const [command = "", ...rest] = args;
    const options = { cwd: this.directory, env: this.#env, stdio: "pipe" } as const;
    return new Running(spawn(this.#tools.program, [command, "-no-color", ...rest], options));
  }

  /** Nobody answers its questions. */
  run(...args: string[]): Promise<Run> {
    const running = this.start(...args);
    running.answer("");
    return running.end();
  }

  /** Values of all outputs. */
  async outputs(): Promise<Record<string, string>> {
    const { output } = await this.run("output", "-json");
    const parsed = JSON.parse(output) as Record<string, { value: string }>;
    return Object.fromEntries(Object.entries(parsed).map(([name, { value }]) => [name, value]));
  }
}

/** A command under way, ended by its process id when it takes too long. */
export class Running {
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #startedMs = performance.now();
  readonly #exited: Promise<unknown[]>;
  #output = "";

  constructor(child: ChildProcessByStdio<Writable, Readable, Readable>) {
    this.#child = child;
    const timer = setTimeout(() => child.kill("SIGKILL"), LONGEST_RUN_MS);
    this.#exited = once(child, "close").finally(() => clearTimeout(timer));
    // Whoever was killed reads no more answers.
    child.stdin.on("error", () => {});
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => (this.#output += text));
    }
  }

  /** Resolves once it has said this. */
  async said(text: string): Promise<void> {
    while (!this.#output.includes(text)) {
      if (this.#child.exitCode !== null) throw new Error(`ended without ${JSON.stringify(text)}:\n${this.#output}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** Its last input. */
  answer(text: string): void {
    this.#child.stdin.end(text);
  }

  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#exited;
  }

  async end(): Promise<Run> {
    const [code] = (await this.#exited) as [number | null];
    return { code, output: this.#output, seconds: Math.round((performance.now() - this.#startedMs) / 1000) };
  }
}

const MAIN = join(dirname(new URL(import.meta.url).pathname), "../../src/cli/main.js");

/** `eval "$(coffer env …)"` */
export async function cofferEnvironment(flags: readonly string[]): Promise<NodeJS.ProcessEnv> {
  const child = spawn(process.execPath, [MAIN, "env", ...flags], { stdio: ["ignore", "pipe", "inherit"] });
  let text = "";
  child.stdout.setEncoding("utf8").on("data", (piece: string) => (text += piece));
  await once(child, "close");
  return Object.fromEntries([...text.matchAll(/^export (\w+)='(.*)'$/gm)].map(([, name = "", value = ""]) => [name, value]));
}
