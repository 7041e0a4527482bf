/**
 * The audit log on disk: append-only files, one JSON line a record, numbered without gaps. `append` returns when the
 * operating system has the line (it survives the death of this process); fsync follows within a second (it survives the
 * death of the machine). A process goes on in another file when one is full, when a day (UTC) ends, and after a failure;
 * files that are ended are never touched again. FORMAT: docs/spec/audit.md.
 */
import { closeSync, fsyncSync, mkdirSync, openSync, unlinkSync, writeSync } from "node:fs";
import { join } from "node:path";
import { DAY_MS, SECOND_MS, systemClock, type Clock } from "../lib/clock.js";
import { randomHex } from "../lib/ids.js";
import type { AuditRecord, AuditSink } from "./audit.js";
import { AuditNumbering } from "./audit-lines.js";

const FSYNC_EVERY_MS = SECOND_MS;
/** After a failure: a full disk must not collect files. */
const RETRY_AFTER_MS = SECOND_MS;

const PROBE_BYTES = 64 * 1024;
/** Default of `--audit-max-file-size`. */
export const DEFAULT_MAX_FILE_BYTES = 64 * 1024 * 1024;

interface OpenFile {
  readonly fd: number;
  /** Day (UTC) of its first line, counted from the epoch. */
  day: number;
  sizeBytes: number;
}

/** One file at a time a process; another one after each failure, so that a torn line is never followed by anything. */
export class AuditFile implements AuditSink {
  readonly #directory: string;
  readonly #clock: Clock;
  readonly #maxFileBytes: number;
  readonly #numbering: AuditNumbering;
  readonly #timer: NodeJS.Timeout;
  /** Same in the names of all files of this process. */
  readonly #run = `${process.pid}-${randomHex(4)}`;
  /** Files begun so far. */
  #begun = 0;
  #file: OpenFile | undefined;
  #path = "";
  #dirty = false;
  #failure: { readonly atMs: number; readonly cause: unknown } | undefined;

  /**
   * @param directory made if absent, mode 0700; a file's name tells when and by which process it was begun
   * @param options largest size of a file (a single longer record has a file of its own)
   * @throws Error when it cannot be written to: the server must not start
   */
  constructor(directory: string, clock: Clock = systemClock, options: { readonly maxFileBytes?: number } = {}) {
    this.#directory = directory;
    this.#clock = clock;
    this.#maxFileBytes = options.maxFileBytes ?? DEFAULT_MAX_FILE_BYTES;
    this.#numbering = new AuditNumbering(clock);
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    this.#file = this.#open();
    this.#timer = setInterval(() => this.#sync(), FSYNC_EVERY_MS);
    this.#timer.unref();
  }

  /** Of the file in use, or last in use. */
  get path(): string {
    return this.#path;
  }

  append(record: AuditRecord): void {
    let file = this.#writable();
    const line = Buffer.from(`${this.#numbering.next(record).text}\n`, "utf8");
    try {
      if (this.#isOver(file, line.length)) file = this.#nextFile(file);
      // An empty file may have waited for a day.
      if (file.sizeBytes === 0) file.day = dayOf(this.#numbering.nowMs());
      for (let written = 0; written < line.length; ) written += writeSync(file.fd, line, written);
      file.sizeBytes += line.length;
    } catch (cause) {
      this.#numbering.takeBack();
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
      return (this.#file = this.#open());
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
      // The last bytes of a disk are written, fewer than asked, before it says that it is full.
      for (let left = PROBE_BYTES; left > 0; ) left -= writeSync(fd, Buffer.alloc(left));
      fsyncSync(fd);
    } finally {
      closeSync(fd);
      unlinkSync(path);
    }
  }

  /** Full, or of another day. An empty file is neither. */
  #isOver({ sizeBytes, day }: OpenFile, moreBytes: number): boolean {
    return sizeBytes > 0 && (sizeBytes + moreBytes > this.#maxFileBytes || dayOf(this.#numbering.nowMs()) !== day);
  }

  /** Ends `file`, which is on disk then, and begins the next. */
  #nextFile({ fd }: OpenFile): OpenFile {
    if (this.#dirty) fsyncSync(fd);
    const next = this.#open();
    this.#file = next;
    closeSync(fd);
    return next;
  }

  #open(): OpenFile {
    const nowMs = this.#numbering.nowMs();
    const stamp = new Date(nowMs).toISOString().replace(/[-:]/g, "").replace(/\.\d+Z$/, "Z");
    const number = String(this.#begun).padStart(6, "0");
    const path = join(this.#directory, `audit-${stamp}-${this.#run}-${number}.jsonl`);
    const fd = openSync(path, "ax", 0o600);
    // INVARIANT: counted once it is there, so that a number that is missing later is a file that is missing.
    this.#begun += 1;
    this.#path = path;
    return { fd, day: dayOf(nowMs), sizeBytes: 0 };
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

const dayOf = (ms: number): number => Math.floor(ms / DAY_MS);
