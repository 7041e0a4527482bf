/** The audit log of `--memory`: the last records, bounded in number and size. Nothing is written anywhere. */
import type { Clock } from "../lib/clock.js";
import type { AuditRecord, AuditSink } from "./audit.js";
import { AuditNumbering, type AuditLine, type AuditLog, type AuditSource } from "./audit-lines.js";

export interface RingLimits {
  readonly records: number;
  /** UTF-16 units of the records' JSON. */
  readonly characters: number;
}

const DEFAULT_LIMITS: RingLimits = { records: 20_000, characters: 16 * 1024 * 1024 };
const NAME = "memory";

interface Kept {
  readonly recordedMs: number;
  readonly text: string;
}

export class AuditRing implements AuditSink, AuditLog {
  readonly #numbering: AuditNumbering;
  readonly #limits: RingLimits;
  /** By number, oldest first: a Map keeps the order in which keys came. */
  readonly #kept = new Map<number, Kept>();
  #next = 0;
  #characters = 0;

  constructor(clock: Clock, limits: RingLimits = DEFAULT_LIMITS) {
    this.#numbering = new AuditNumbering(clock);
    this.#limits = limits;
  }

  append(record: AuditRecord): void {
    const kept = this.#numbering.next(record);
    this.#kept.set(this.#next, kept);
    this.#next += 1;
    this.#characters += kept.text.length;
    for (const [number, oldest] of this.#kept) {
      if (this.#kept.size <= this.#limits.records && this.#characters <= this.#limits.characters) break;
      this.#kept.delete(number);
      this.#characters -= oldest.text.length;
    }
  }

  /** For symmetry with the file. */
  close(): void {
    this.#kept.clear();
    this.#characters = 0;
  }

  async sources(): Promise<readonly AuditSource[]> {
    return [{ name: NAME, before: async (offset) => this.#before(offset), behind: async (timeMs) => this.#behind(timeMs) }];
  }

  #before(offset = this.#next): AuditLine | undefined {
    const kept = this.#kept.get(offset - 1);
    return kept === undefined ? undefined : { source: NAME, offset: offset - 1, ...kept };
  }

  #behind(timeMs: number): number {
    let low = this.#next - this.#kept.size;
    let high = this.#next;
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      if ((this.#kept.get(middle)?.recordedMs ?? 0) <= timeMs) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
