/**
 * Load by wrk, which costs a tenth of a server's work: for small messages. Its script judges every answer. It cannot read
 * answers to HEAD, and reads 8 KiB at a time: for those there is bench/sockets.ts.
 */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { WrongAnswer, type Load, type Measured } from "./load.js";
import { WRK_SCRIPT } from "./root.js";
import type { Subject } from "./server.js";

export function hasWrk(): boolean {
  return spawnSync("wrk", ["--version"]).error === undefined;
}

/** @throws WrongAnswer for any error and any wrong byte */
export async function runWrk(subject: Subject, load: Load): Promise<Measured> {
  const file = join(subject.directory, "wrk-requests");
  writeFileSync(file, describe(load));
  try {
    const how = ["-t1", `-c${load.concurrency}`, `-d${load.seconds}s`, "--timeout", "10s"];
    const args = [...how, "-s", WRK_SCRIPT, subject.url, "--", file];
    const child = spawn("wrk", args, { stdio: ["ignore", "pipe", "inherit"] });
    let output = "";
    child.stdout.on("data", (piece: Buffer) => (output += piece.toString("utf8")));
    const [code] = (await once(child, "close")) as [number | null];
    if (code !== 0) throw new Error(`wrk ended with ${code ?? "a signal"}: ${output}`);
    return read(output);
  } finally {
    rmSync(file, { force: true });
  }
}

function read(output: string): Measured {
  const numbers = /^RESULT ([\d ]+)$/m.exec(output)?.[1]?.split(" ").map(Number) ?? [];
  const [right, wrong, broken, , micros, p50, p99] = numbers;
  if (right === undefined || micros === undefined || p50 === undefined || p99 === undefined) {
    throw new Error(`wrk said nothing: ${output}`);
  }
  if (wrong !== 0 || broken !== 0 || right === 0) {
    const first = /^WRONG (.*)$/m.exec(output)?.[1] ?? "";
    throw new WrongAnswer(`${right} right, ${wrong} wrong, ${broken} broken: ${first}`);
  }
  return { operations: right, seconds: micros / 1e6, p50Ms: p50 / 1000, p99Ms: p99 / 1000 };
}

/** FORMAT: see bench/wrk.lua. */
function describe(load: Load): Buffer {
  const pieces: Buffer[] = [];
  const add = (value: string | number | Buffer): void => {
    const bytes = Buffer.isBuffer(value) ? value : Buffer.from(String(value), "latin1");
    pieces.push(Buffer.from(`${bytes.length}\n`), bytes);
  };
  add(load.status);
  add(load.once === true ? "once" : "again");
  add(load.body);
  add(load.pattern ?? "");
  add(load.heads.length);
  load.heads.forEach(add);
  add(load.bodies?.length ?? 0);
  load.bodies?.forEach(add);
  return Buffer.concat(pieces);
}
