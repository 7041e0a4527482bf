/**
 * The audit log on disk: append-only files, one JSON line a record, numbered without gaps. `append` returns when the
 * operating system has the line (it survives the death of this process); fsync follows within a second (it survives the
 * death of the machine). FORMAT: docs/spec/audit.md.
 */
import { closeSync, fsyncSync, mkdirSync, openSync, unlinkSync, writeSync } from "node:fs";
import { join } from "node:path";
import { SECOND_MS, systemClock, type Clock } from "../lib/clock.js";
import { randomHex } from "../lib/ids.js";
import type { AuditRecord, AuditSink } from "./audit.js";
import { AuditNumbering } from "./audit-lines.js";

const FSYNC_EVERY_MS = SECOND_MS;
/** After a failure: a full disk must not collect files. */
const RETRY_AFTER_MS = SECOND_MS;

const PROBE_BYTES = 64 * 1024;

interface OpenFile {
  readonly fd: number;
  readonly numbering: AuditNumbering;
}

/** One file a process; another one after each failure, so that a torn line is never followed by anything. */
export class AuditFile implements AuditSink {
  readonly #directory: string;
  readonly #clock: Clock;
  readonly #timer: NodeJS.Timeout;
  #file: OpenFile | undefined;
  #path = "";
  #dirty = false;
  #failure: { readonly atMs: number; readonly cause: unknown } | undefined;

  /**
   * @param directory made if absent, mode 0700; a file's name tells when and by which process it was begun
   * @throws Error when it cannot be written to: the server must not start
   */
  constructor(directory: string, startedMs: number, clock: Clock = systemClock) {
    this.#directory = directory;
    this.#clock = clock;
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    this.#file = this.#open(startedMs);
    this.#timer = setInterval(() => this.#sync(), FSYNC_EVERY_MS);
    this.#timer.unref();
  }

  /** Of the file in use, or last in use. */
  get path(): string {
    return this.#path;
  }

  append(record: AuditRecord): void {
    const { fd, numbering } = this.#writable();
    try {
      const line = Buffer.from(`${numbering.next(record).text}\n`, "utf8");
      for (let written = 0; written < line.length; ) written += writeSync(fd, line, written);
    } catch (cause) {
      this.#abandon(cause);
      throw cause;
    }
    this.#failure = undefined;
    this.#dirty = true;
  }

  /** Tries again where it is time to: a server that is not ready gets no requests. @throws Error while records are refused */
  assertWorks(): void {
    this.#writable();
  }

  close(): void {
    clearInterval(this.#timer);
    this.#sync();
    if (this.#file !== undefined) closeSync(this.#file.fd);
    this.#file = undefined;
  }

  #writable(): OpenFile {
    if (this.#file !== undefined) return this.#file;
    const now = this.#clock.now();
    if (this.#failure !== undefined && now < this.#failure.atMs + RETRY_AFTER_MS) {
      throw new Error("the audit log cannot be written", { cause: this.#failure.cause });
    }
    try {
      this.#probe();
      return (this.#file = this.#open(now));
    } catch (cause) {
      this.#failure = { atMs: now, cause };
      throw cause;
    }
  }

  /** Files can be made on a full disk; they cannot be filled. */
  #probe(): void {
    const path = join(this.#directory, `.probe-${process.pid}-${randomHex(4)}`);
    const fd = openSync(path, "wx", 0o600);
    try {
      writeSync(fd, Buffer.alloc(PROBE_BYTES));
      fsyncSync(fd);
    } finally {
      closeSync(fd);
      unlinkSync(path);
    }
  }

  #open(nowMs: number): OpenFile {
    const stamp = new Date(nowMs).toISOString().replace(/[-:]/g, "").replace(/\.\d+Z$/, "Z");
    const path = join(this.#directory, `audit-${stamp}-${process.pid}-${randomHex(4)}.jsonl`);
    const fd = openSync(path, "ax", 0o600);
    this.#path = path;
    return { fd, numbering: new AuditNumbering(this.#clock) };
  }

  /** INVARIANT: nothing more is written to a file that failed. */
  #abandon(cause: unknown): void {
    this.#failure = { atMs: this.#clock.now(), cause };
    const file = this.#file;
    this.#file = undefined;
    this.#dirty = false;
    if (file === undefined) return;
    try {
      closeSync(file.fd);
    } catch {
      // The failure that led here is the one to tell of.
    }
  }

  #sync(): void {
    if (!this.#dirty || this.#file === undefined) return;
    this.#dirty = false;
    try {
      fsyncSync(this.#file.fd);
    } catch (cause) {
      this.#abandon(cause);
    }
  }
}
