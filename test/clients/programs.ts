/**
 * Other people's programs as children of a test: found on the PATH, run without the tester's own settings, in a home
 * directory of their own. A missing program skips its file with one line; with CI=true one that Debian packages fails it.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { accessSync, constants, mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { after, test } from "node:test";

/** Generous: a command takes a second or two, unless everything else runs at the same time. */
const TIMEOUT_MS = 240_000;
const IN_CI = process.env.CI === "true";
/** Where Debian's packages are, whatever the tester's PATH says first. */
const SYSTEM_DIRECTORIES = ["/usr/local/bin", "/usr/bin", "/bin"];
/** Settings of the tester that would lead a program elsewhere. */
const FOREIGN = /^(AWS_|COFFER_|RCLONE_|RESTIC_|S3CMD_|MINIO_|BOTO|PYTHON|SSL_CERT_)|_proxy$|^(CURL|REQUESTS)_CA_BUNDLE$/i;

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly input?: Buffer | string;
}

/** Every program of that name, PATH first, each real file once. */
export function allPrograms(name: string): string[] {
  const directories = [...(process.env.PATH ?? "").split(delimiter), ...SYSTEM_DIRECTORIES];
  const seen = new Set<string>();
  return directories
    .map((directory) => join(directory, name))
    .filter((path) => {
      if (!isExecutable(path)) return false;
      const real = realpathSync(path);
      return !seen.has(real) && seen.add(real) !== undefined;
    });
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Runs `tests` with the program's path; without the program there is one test that says so. */
export async function withProgram(
  name: string,
  debianPackage: string | undefined,
  tests: (path: string) => Promise<void>,
): Promise<void> {
  const [path] = allPrograms(name);
  if (path === undefined) reportMissing(name, debianPackage);
  else await tests(path);
}

/** One line instead of the tests of a file: skipped, or failed where CI installs the package. */
export function reportMissing(what: string, debianPackage: string | undefined): void {
  if (IN_CI && debianPackage !== undefined)
    test(what, () => assert.fail(`${what} is missing: Debian's package ${debianPackage}`));
  else test(what, { skip: `${what} is not installed` }, () => {});
}

/** A directory that goes with the tests of the file. */
export function scratch(): string {
  const directory = mkdtempSync(join(tmpdir(), "coffer-clients-"));
  after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** The tester's environment without settings that would reach a program, with a home of its own. */
export function environmentOf(home: string, env: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  const own = Object.fromEntries(Object.entries(process.env).filter(([name]) => !FOREIGN.test(name)));
  return {
    ...own,
    HOME: home,
    XDG_CONFIG_HOME: join(home, ".config"),
    XDG_CACHE_HOME: join(home, ".cache"),
    LC_ALL: "C.UTF-8",
    ...env,
  };
}

/** Runs a program to its end. */
export async function run(path: string, args: readonly string[], home: string, options: RunOptions = {}): Promise<Outcome> {
  const child = spawn(path, args, {
    cwd: options.cwd ?? home,
    env: environmentOf(home, options.env),
    timeout: TIMEOUT_MS,
    killSignal: "SIGKILL",
  });
  const out: Buffer[] = [];
  const errors: Buffer[] = [];
  child.stdout.on("data", (piece: Buffer) => out.push(piece));
  child.stderr.on("data", (piece: Buffer) => errors.push(piece));
  // A program that refuses before it has read its input closes the pipe: its exit code tells.
  child.stdin.on("error", () => {});
  child.stdin.end(options.input ?? "");
  const [code] = (await once(child, "close")) as [number | null];
  return { code, stdout: Buffer.concat(out).toString("utf8"), stderr: Buffer.concat(errors).toString("utf8") };
}

/** Runs a program that must succeed. @returns what it printed */
export async function succeed(path: string, args: readonly string[], home: string, options: RunOptions = {}): Promise<string> {
  const { code, stdout, stderr } = await run(path, args, home, options);
  assert.equal(code, 0, `${path} ${args.join(" ")}\n${stdout}${stderr}`);
  return stdout;
}
