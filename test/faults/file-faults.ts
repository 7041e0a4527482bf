/**
 * Arms file-faults.c from within the process that it is preloaded into: which file operations fail, how, and from which
 * call on. The library is compiled by the test that needs it; the layout of the control file is `struct control` there.
 */
import { spawnSync } from "node:child_process";
import { closeSync, openSync, readSync, writeFileSync, writeSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import { root } from "../root.js";

/** Kinds of calls, to be joined with `|`. */
export const Calls = { open: 1, write: 2, sync: 4, read: 8, name: 16, length: 32 } as const;
export const ANY_WRITE = Calls.open | Calls.write | Calls.sync | Calls.name | Calls.length;
const ACTIONS = { fail: 1, short: 2, torn: 3, garble: 4 } as const;

export interface Fault {
  readonly calls: number;
  /** `fail`; `short`: half is done and said so; `torn`: half is done, then an error; `garble`: a read byte is another. */
  readonly action: keyof typeof ACTIONS;
  readonly error: "EIO" | "ENOSPC" | "EMFILE";
  /** The n-th call from now meets it. */
  readonly nth: number;
  /** So does every later one, until disarmed. */
  readonly sticky?: boolean;
}

export interface Met {
  readonly hits: number;
  /** The first call that was hit: its name and the path below the watched directory. */
  readonly call: string;
}

const NUMBERS_BYTES = 32;
const LAST_BYTES = 224;
const ROOT_BYTES = 1024;

/** @returns path of the compiled library, or why there is none */
export function compileFaults(directory: string): { readonly library: string } | { readonly reason: string } {
  if (process.platform !== "linux") return { reason: "file faults are injected on Linux only" };
  const library = join(directory, "file-faults.so");
  const source = join(root, "test", "faults", "file-faults.c");
  const words = ["-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"];
  const { status, stderr, error } = spawnSync("cc", words, { encoding: "utf8" });
  if (error !== undefined) return { reason: "no C compiler (cc) to build test/faults/file-faults.c with" };
  if (status !== 0) throw new Error(`file-faults.c does not compile:\n${stderr}`);
  return { library };
}

/** Environment of a process that shall have the library; its faults are armed through `control`. */
export function faultEnvironment(library: string, control: string): NodeJS.ProcessEnv {
  writeFileSync(control, Buffer.alloc(NUMBERS_BYTES + LAST_BYTES + ROOT_BYTES));
  return { LD_PRELOAD: library, COFFER_FAULTS: control, UV_USE_IO_URING: "0" };
}

/** In the process that carries the library. */
export class FileFaults {
  readonly #fd: number;

  /** @param watched files below this directory, and no others, meet faults */
  constructor(control: string, watched: string) {
    this.#fd = openSync(control, "r+");
    const path = Buffer.alloc(ROOT_BYTES);
    path.write(watched);
    this.#write(Buffer.alloc(NUMBERS_BYTES + LAST_BYTES), 0);
    this.#write(path, NUMBERS_BYTES + LAST_BYTES);
  }

  arm(fault: Fault): void {
    const numbers = [fault.nth, constants.errno[fault.error], 0, fault.calls, fault.sticky === true ? 1 : 0, 0, 0, 0];
    this.#write(Buffer.concat([int32(...numbers), Buffer.alloc(LAST_BYTES)]), 0);
    // Last: from now on calls meet it.
    this.#write(int32(ACTIONS[fault.action]), 8);
  }

  disarm(): Met {
    this.#write(int32(0), 8);
    const all = Buffer.alloc(NUMBERS_BYTES + LAST_BYTES);
    readSync(this.#fd, all, 0, all.length, 0);
    const call = all.subarray(NUMBERS_BYTES).toString("utf8").replace(/\0.*$/s, "");
    return { hits: all.readInt32LE(20), call };
  }

  close(): void {
    this.disarm();
    closeSync(this.#fd);
  }

  #write(bytes: Buffer, at: number): void {
    writeSync(this.#fd, bytes, 0, bytes.length, at);
  }
}

function int32(...values: number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length);
  values.forEach((value, at) => bytes.writeInt32LE(value, 4 * at));
  return bytes;
}
