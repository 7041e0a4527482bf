/**
 * The audit log on disk: one append-only file a process, one JSON line a record, numbered without gaps. `append` returns
 * when the operating system has the line (it survives the death of this process); fsync follows within a second (it
 * survives the death of the machine). FORMAT: docs/spec/audit.md.
 */
import { closeSync, fsyncSync, mkdirSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { systemClock, type Clock } from "../lib/clock.js";
import { randomHex } from "../lib/ids.js";
import type { AuditRecord, AuditSink } from "./audit.js";
import { AuditNumbering } from "./audit-lines.js";

const FSYNC_EVERY_MS = 1000;

export class AuditFile implements AuditSink {
  readonly path: string;
  readonly #fd: number;
  readonly #numbering: AuditNumbering;
  #dirty = false;
  #broken: unknown;
  readonly #timer: NodeJS.Timeout;

  /** @param directory made if absent, mode 0700; the file's name tells when and by which process it was begun */
  constructor(directory: string, startedMs: number, clock: Clock = systemClock) {
    this.#numbering = new AuditNumbering(clock);
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const stamp = new Date(startedMs).toISOString().replace(/[-:]/g, "").replace(/\.\d+Z$/, "Z");
    this.path = join(directory, `audit-${stamp}-${process.pid}-${randomHex(4)}.jsonl`);
    this.#fd = openSync(this.path, "ax", 0o600);
    this.#timer = setInterval(() => this.#sync(), FSYNC_EVERY_MS);
    this.#timer.unref();
  }

  append(record: AuditRecord): void {
    if (this.#broken !== undefined) throw new Error("audit log failed earlier", { cause: this.#broken });
    const line = Buffer.from(`${this.#numbering.next(record).text}\n`, "utf8");
    try {
      for (let written = 0; written < line.length; ) written += writeSync(this.#fd, line, written);
    } catch (error) {
      // INVARIANT: a torn line is never followed by another; the next process begins a new file.
      this.#broken = error;
      throw error;
    }
    this.#dirty = true;
  }

  close(): void {
    clearInterval(this.#timer);
    this.#sync();
    closeSync(this.#fd);
  }

  #sync(): void {
    if (!this.#dirty || this.#broken !== undefined) return;
    this.#dirty = false;
    try {
      fsyncSync(this.#fd);
    } catch (error) {
      this.#broken = error;
    }
  }
}
