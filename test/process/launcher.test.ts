/** `bin/coffer.cjs`, which `npx coffer` and `npm start` run: what it adds to the command itself. */
import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { root } from "../root.js";
import { MAIN } from "../e2e/server.js";
import { eventually, inDirectory, LAUNCHER, run } from "./support.js";

const built = { skip: existsSync(join(root, "dist", "src", "cli", "main.js")) ? false : "dist/ is not built" };

test("the launcher is the command", built, async () => {
  const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string };
  assert.deepEqual(await run(process.execPath, [LAUNCHER, "--version"]), { code: 0, stdout: `${version}\n`, stderr: "" });
  const { code, stdout } = await run(LAUNCHER, ["serve", "--help"]);
  assert.equal(code, 0);
  assert.match(stdout, /--data-dir <DIR>/);
});

test("an unknown command or flag ends with a message and a code", async () => {
  for (const args of [["sevre"], ["serve", "--memroy"]]) {
    const { code, stderr } = await run(process.execPath, [MAIN, ...args]);
    assert.equal(code, 1);
    assert.match(stderr, /^coffer: unknown (command|option)/);
  }
});

test("a reader that goes away ends a command quietly, and a server not at all", () =>
  inDirectory(async (directory) => {
    const config = join(directory, "config");
    mkdirSync(config);
    writeFileSync(join(config, "endpoint.json"), JSON.stringify({ httpUrl: "http://127.0.0.1:1", region: "us-east-1" }));
    writeFileSync(join(config, "root-credential.json"), JSON.stringify({ accessKeyId: "A", secretAccessKey: "b" }));
    const begin = (...args: string[]): { child: ChildProcess; stderr: () => string } => {
      const child = spawn(process.execPath, [MAIN, ...args], { stdio: ["ignore", "pipe", "pipe"], env: { HOME: directory, TMPDIR: directory } });
      let stderr = "";
      child.stdout.destroy();
      child.stderr.on("data", (piece: Buffer) => (stderr += piece.toString("utf8")));
      return { child, stderr: () => stderr };
    };
    const command = begin("env", "--key-file", join(config, "root.key"));
    assert.deepEqual([await once(command.child, "exit"), command.stderr()], [[0, null], ""]);
    const server = begin("serve", "--data-dir", join(directory, "data"), "--key-file", join(directory, "k", "root.key"),
      "--listen", "127.0.0.1:0", "--tls-listen", "off", "--workers", "1", "--log-level", "warn");
    const endpoint = join(directory, "k", "endpoint.json");
    await eventually("the server has told where it listens", () => existsSync(endpoint));
    const { httpUrl } = JSON.parse(readFileSync(endpoint, "utf8")) as { httpUrl: string };
    assert.equal((await fetch(`${httpUrl}/-/ready`)).status, 200);
    server.child.kill("SIGINT");
    assert.deepEqual([await once(server.child, "exit"), server.stderr()], [[0, null], ""]);
  }));

/** Threads of a server in memory once it has served; its pool is full-size as soon as it is used. */
async function threadsOf(program: string, environment: NodeJS.ProcessEnv): Promise<number> {
  let count = 0;
  await inDirectory(async (directory) => {
    const env = { PATH: process.env["PATH"], HOME: directory, TMPDIR: directory, ...environment };
    const child = spawn(process.execPath, [program, "serve", "--memory", "--listen", "127.0.0.1:0", "--tls-listen", "off"], {
      env,
      stdio: ["ignore", "pipe", "inherit"],
    });
    let stdout = "";
    child.stdout.on("data", (piece: Buffer) => (stdout += piece.toString("utf8")));
    const exited = once(child, "exit");
    try {
      await eventually("ready", () => stdout.includes("Coffer is ready"));
      count = readdirSync(`/proc/${child.pid ?? 0}/task`).length;
    } finally {
      child.kill("SIGKILL");
      await exited;
    }
  });
  return count;
}

test(
  "the launcher gives the server a pool of 16 threads, and leaves another size that is asked for",
  { skip: built.skip || (process.platform === "linux" ? false : "no /proc") },
  async () => {
    const four = await threadsOf(LAUNCHER, { UV_THREADPOOL_SIZE: "4" });
    assert.equal((await threadsOf(LAUNCHER, {})) - four, 12);
  },
);
