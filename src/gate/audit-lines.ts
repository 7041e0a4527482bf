/**
 * A line of the audit log, as it is written and found again: numbered, with the time at which it was recorded. Within one
 * source (a file, or the ring of `--memory`) neither ever falls, so a time can be searched for by halving. Numbers go on
 * from one file of a process to its next, so that a missing line, or a missing file, is seen.
 * FORMAT: docs/spec/audit.md §1, §3.
 */
import { isoSeconds, type Clock } from "../lib/clock.js";
import type { AuditRecord } from "./audit.js";

/** One line as stored, without its line feed. */
export interface AuditLine {
  /** Name of the file, or of the ring. */
  readonly source: string;
  /** Where the line begins; what counts the offset (bytes, records) is the source's affair. */
  readonly offset: number;
  /** ms since epoch; undefined for a line that is no record: damage. */
  readonly recordedMs: number | undefined;
  readonly text: string;
}

/** One file or ring, read from its end. Not shared: one a reader. */
export interface AuditSource {
  readonly name: string;
  /**
   * The last line that begins before `offset`, which is where another line begins; default: the last line of all.
   * @throws AuditPlaceError
   */
  before(offset?: number): Promise<AuditLine | undefined>;
  /** The offset behind the last line that was recorded at or before `timeMs`. */
  behind(timeMs: number): Promise<number>;
}

/** An offset that is none: made up, or of a file that was cut since. */
export class AuditPlaceError extends Error {
  override readonly name = "AuditPlaceError";
}

/** Every line of the server, whichever process wrote it. */
export interface AuditLog {
  sources(): Promise<readonly AuditSource[]>;
}

/** Gives records their number and time. One for all files of a process. */
export class AuditNumbering {
  readonly #clock: Clock;
  #sequence = 0;
  #recordedMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** INVARIANT: times never fall, whatever happens to the system's clock. */
  nowMs(): number {
    this.#recordedMs = Math.max(this.#recordedMs, this.#clock.now());
    return this.#recordedMs;
  }

  next(record: AuditRecord): { readonly recordedMs: number; readonly text: string } {
    const ms = this.nowMs();
    const recordedTime = `${isoSeconds(ms)}.${String(ms % 1000).padStart(3, "0")}Z`;
    const members = JSON.stringify(record).slice(1);
    const text = `{"sequence":${this.#sequence},"recordedTime":"${recordedTime}"${members === "}" ? "" : ","}${members}`;
    this.#sequence += 1;
    return { recordedMs: this.#recordedMs, text };
  }

  /** The last record was not accepted: its number goes to the next one that is. */
  takeBack(): void {
    this.#sequence -= 1;
  }
}

const START = /^\{"sequence":\d+,"recordedTime":"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)",/;

/** @returns undefined for a text that `AuditNumbering` has not made */
export function recordedMsOf(text: string): number | undefined {
  const time = START.exec(text)?.[1];
  const ms = time === undefined || !text.endsWith("}") ? Number.NaN : Date.parse(time);
  return Number.isNaN(ms) ? undefined : ms;
}
