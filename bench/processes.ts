/**
 * What a server costs, as the kernel counts it: processor time and private memory of a process and all its children.
 * Linux only. Source: proc(5): /proc/PID/stat fields 14 and 15, /proc/PID/smaps_rollup, /proc/PID/task/TID/children.
 */
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";

/** Length of the kernel's clock tick. */
let tickMs: number | undefined;

/** The process and everything it has started. */
export function processTree(pid: number): number[] {
  const found = [pid];
  for (let at = 0; at < found.length; at++) found.push(...childrenOf(found[at] ?? pid));
  return found;
}

function childrenOf(pid: number): number[] {
  return tasksOf(pid).flatMap((task) =>
    readOrEmpty(`/proc/${pid}/task/${task}/children`)
      .split(" ")
      .filter((text) => text.trim() !== "")
      .map(Number),
  );
}

function tasksOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`);
  } catch (error) {
    if (isGone(error)) return [];
    throw error;
  }
}

/** Processor time that the whole tree has used so far, in milliseconds, user and system. */
export function processorMs(pid: number): number {
  tickMs ??= 1000 / Number(execFileSync("getconf", ["CLK_TCK"], { encoding: "utf8" }));
  let ticks = 0;
  for (const one of processTree(pid)) ticks += parseTicks(readOrEmpty(`/proc/${one}/stat`));
  return ticks * tickMs;
}

/** @param stat one line of /proc/PID/stat; the command in it may hold spaces and brackets */
export function parseTicks(stat: string): number {
  if (stat === "") return 0;
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return Number(fields[11]) + Number(fields[12]);
}

/** Memory that is nobody else's (USS), in bytes. */
export interface PrivateMemory {
  readonly bytes: number;
  /** Of it, not backed by a file: pages of LMDB's map that one process alone has touched count above, and not here. */
  readonly anonymousBytes: number;
}

/** Of the process and everything it has started. */
export function privateMemory(pid: number): PrivateMemory {
  const all = processTree(pid).map((one) => parsePrivate(readOrEmpty(`/proc/${one}/smaps_rollup`)));
  return {
    bytes: all.reduce((sum, { bytes }) => sum + bytes, 0),
    anonymousBytes: all.reduce((sum, { anonymousBytes }) => sum + anonymousBytes, 0),
  };
}

/** @param rollup /proc/PID/smaps_rollup; sizes in it are in KiB */
export function parsePrivate(rollup: string): PrivateMemory {
  const kib = (pattern: RegExp): number => [...rollup.matchAll(pattern)].reduce((sum, [, size]) => sum + Number(size), 0);
  return {
    bytes: kib(/^Private_(?:Clean|Dirty):\s+(\d+) kB$/gm) * 1024,
    anonymousBytes: kib(/^Pss_Anon:\s+(\d+) kB$/gm) * 1024,
  };
}

/** A process may end between being seen and being read. */
function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (isGone(error)) return "";
    throw error;
  }
}

const isGone = (error: unknown): boolean =>
  error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ESRCH");

/** Samples the private memory of a tree until it is stopped. */
export class MemoryWatch {
  readonly #pid: number;
  readonly #timer: NodeJS.Timeout;
  #peak: PrivateMemory = { bytes: 0, anonymousBytes: 0 };

  constructor(pid: number, everyMs = 250) {
    this.#pid = pid;
    this.#timer = setInterval(() => this.#sample(), everyMs);
    this.#timer.unref();
    this.#sample();
  }

  /** @returns the largest sample */
  stop(): PrivateMemory {
    clearInterval(this.#timer);
    this.#sample();
    return this.#peak;
  }

  #sample(): void {
    const now = privateMemory(this.#pid);
    if (now.bytes > this.#peak.bytes) this.#peak = now;
  }
}
