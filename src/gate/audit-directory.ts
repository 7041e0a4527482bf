/**
 * The audit files of all processes, read from their ends with bounded memory. A file may grow while it is read; what is
 * not ended by a line feed is not there yet, or was torn by a crash. FORMAT: docs/spec/audit.md §1.
 */
import { open, readdir } from "node:fs/promises";
import { join } from "node:path";
import { AuditPlaceError, recordedMsOf, type AuditLine, type AuditLog, type AuditSource } from "./audit-lines.js";

/** The run (time of start aside: process id and a random part), and which of its files; files of older stores have no number. */
export const AUDIT_FILE_NAME = /^audit-\d{8}T\d{6}Z-(\d+-[0-9a-f]{8})(?:-(\d{6,}))?\.jsonl$/;
const LINE_FEED = 0x0a;
/** First read of a file: enough for its last line. Then larger ones. */
const FIRST_BYTES = 4 * 1024;
const NEXT_BYTES = 128 * 1024;
/** No record comes near it: request documents are bounded at the door. */
const MAX_LINE_BYTES = 32 * 1024 * 1024;

/** @param directory `--audit-dir`; other files in it are left alone */
export function auditDirectory(directory: string): AuditLog {
  return {
    async sources() {
      const names = (await readdir(directory)).filter((name) => AUDIT_FILE_NAME.test(name)).sort();
      return names.map((name) => new FileSource(directory, name));
    },
  };
}

/** No file stays open between reads, so any number of sources may wait for their turn. */
class FileSource implements AuditSource {
  readonly name: string;
  readonly #path: string;
  /** Bytes of the file from `#from` on. */
  #buffer = Buffer.alloc(0);
  #from = 0;
  #readBytes = FIRST_BYTES;

  constructor(directory: string, name: string) {
    this.name = name;
    this.#path = join(directory, name);
  }

  async before(offset?: number): Promise<AuditLine | undefined> {
    const end = offset ?? (await this.#end());
    if (end <= 0) return undefined;
    const start = await this.#lineStart(end);
    if (this.#buffer[end - 1 - this.#from] !== LINE_FEED) throw new AuditPlaceError(`no line of ${this.name} ends at ${end}`);
    const text = this.#buffer.toString("utf8", start - this.#from, end - 1 - this.#from);
    return { source: this.name, offset: start, recordedMs: recordedMsOf(text), text };
  }

  async behind(timeMs: number): Promise<number> {
    // INVARIANT: lines before `low` were recorded in time, those from `high` on were not; both are starts of lines.
    let low = 0;
    let high = await this.#end();
    while (low < high) {
      const line = await this.#around(Math.floor((low + high) / 2), high);
      if (line.recordedMs !== undefined && line.recordedMs <= timeMs) low = line.end;
      else high = line.start;
    }
    return low;
  }

  /** The line that holds byte `at`; a damaged one together with the next record, whose time it shares. */
  async #around(at: number, high: number): Promise<{ start: number; end: number; recordedMs: number | undefined }> {
    let end = await this.#lineEnd(at);
    const line = await this.before(end);
    const start = line?.offset ?? 0;
    let recordedMs = line?.recordedMs;
    while (recordedMs === undefined && end < high) {
      end = await this.#lineEnd(end);
      recordedMs = (await this.before(end))?.recordedMs;
    }
    return { start, end, recordedMs };
  }

  /** Behind the last line feed. */
  async #end(): Promise<number> {
    const sizeBytes = await this.#size();
    this.#buffer = Buffer.alloc(0);
    this.#from = sizeBytes;
    for (;;) {
      const at = this.#buffer.lastIndexOf(LINE_FEED);
      if (at >= 0) return this.#from + at + 1;
      if (this.#from === 0) return 0;
      await this.#readEarlier(sizeBytes);
    }
  }

  /** Where the line that ends (with its line feed) before `end` begins; the buffer holds it whole afterwards. */
  async #lineStart(end: number): Promise<number> {
    if (end < this.#from || end > this.#from + this.#buffer.length) {
      this.#buffer = Buffer.alloc(0);
      this.#from = end;
    }
    for (;;) {
      const last = end - 2 - this.#from;
      const at = last < 0 ? -1 : this.#buffer.lastIndexOf(LINE_FEED, last);
      if (at >= 0) return this.#from + at + 1;
      if (this.#from === 0) return 0;
      await this.#readEarlier(end);
    }
  }

  /** Behind the line feed of the line that holds byte `at`. */
  async #lineEnd(at: number): Promise<number> {
    for (let from = at; ; ) {
      const piece = await this.#read(from, NEXT_BYTES);
      const found = piece.indexOf(LINE_FEED);
      if (found >= 0) return from + found + 1;
      if (piece.length === 0 || from - at > MAX_LINE_BYTES) throw new Error(`audit file ${this.name} is no list of lines`);
      from += piece.length;
    }
  }

  /** Puts the bytes before the buffer in front of it, and forgets those from `end` on. */
  async #readEarlier(end: number): Promise<void> {
    const kept = this.#buffer.subarray(0, Math.max(0, end - this.#from));
    if (kept.length > MAX_LINE_BYTES) throw new Error(`audit file ${this.name} is no list of lines`);
    const from = Math.max(0, this.#from - this.#readBytes);
    const earlier = await this.#read(from, this.#from - from);
    if (earlier.length < this.#from - from) throw new AuditPlaceError(`${this.name} is shorter than ${this.#from}`);
    this.#buffer = Buffer.concat([earlier, kept]);
    this.#from = from;
    this.#readBytes = NEXT_BYTES;
  }

  async #size(): Promise<number> {
    const file = await open(this.#path, "r");
    try {
      return (await file.stat()).size;
    } finally {
      await file.close();
    }
  }

  /** Up to `length` bytes; fewer at the end of the file. */
  async #read(from: number, length: number): Promise<Buffer> {
    const file = await open(this.#path, "r");
    try {
      const buffer = Buffer.allocUnsafe(length);
      let filled = 0;
      while (filled < length) {
        const { bytesRead } = await file.read(buffer, filled, length - filled, from + filled);
        if (bytesRead === 0) break;
        filled += bytesRead;
      }
      return buffer.subarray(0, filled);
    } finally {
      await file.close();
    }
  }
}
