/** One shell for a whole page, as a person has it: variables, functions and the directory stay from block to block. */
import { spawn, type ChildProcessByStdio } from "node:child_process";
import { once } from "node:events";
import { randomUUID } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";

/** Generous: one block of Terraform takes some ten seconds on a machine that is idle. */
const LONGEST_BLOCK_MS = 120_000;

export class Shell {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #directory: string;
  #output = "";
  #heard: () => void = () => {};
  #blocks = 0;

  /** @param directory for the blocks' texts */
  constructor(directory: string, cwd: string, env: NodeJS.ProcessEnv) {
    this.#directory = directory;
    this.#child = spawn("sh", [], { cwd, env, stdio: ["pipe", "pipe", "inherit"] });
    this.#child.stdout.setEncoding("utf8").on("data", (piece: string) => {
      this.#output += piece;
      this.#heard();
    });
    this.#child.on("close", () => this.#heard());
    this.#child.stdin.on("error", () => {});
    // What a person sees: both, in the order in which they come.
    this.#child.stdin.write("exec 2>&1\n");
  }

  /** Types a block. @returns all that was printed until it ended */
  async type(block: string): Promise<string> {
    const file = join(this.#directory, `block-${++this.#blocks}.sh`);
    writeFileSync(file, block);
    const mark = `--- ${randomUUID()}`;
    this.#output = "";
    this.#child.stdin.write(`. '${file}' </dev/null\nprintf '\\n%s\\n' '${mark}'\n`);
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), LONGEST_BLOCK_MS);
    try {
      while (!this.#output.includes(mark)) {
        if (this.#ended) throw new Error(`the shell ended:\n${this.#output}`);
        await new Promise<void>((resolve) => (this.#heard = resolve));
      }
    } finally {
      clearTimeout(timer);
    }
    return this.#output.slice(0, this.#output.indexOf(mark));
  }

  get #ended(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  async end(): Promise<void> {
    if (this.#ended) return;
    const closed = once(this.#child, "close");
    this.#child.stdin.end();
    await closed;
  }
}
