/**
 * Which blocks of Coffer's own code have run: V8's precise coverage, asked of this very process. Inputs that reach new ones
 * are kept and mutated further. Source: V8 "JavaScript code coverage"; Chrome DevTools Protocol, domain Profiler.
 */
import { Session, type Profiler } from "node:inspector";

const OURS = /\/(?:src|seal\/dist)\/[^/]+/;

export class Coverage {
  readonly #session = new Session();
  readonly #seen = new Set<string>();

  constructor() {
    this.#session.connect();
    this.#session.post("Profiler.enable");
    this.#session.post("Profiler.startPreciseCoverage", { callCount: true, detailed: true });
  }

  /** Blocks seen so far. */
  get blocks(): number {
    return this.#seen.size;
  }

  /** How many blocks have run since the last call that had never run before. */
  fresh(): number {
    return this.#unseen().length;
  }

  /** As `fresh`, and takes them as seen. */
  note(): number {
    const unseen = this.#unseen();
    for (const block of unseen) this.#seen.add(block);
    return unseen.length;
  }

  #unseen(): string[] {
    const found: string[] = [];
    for (const { url, scriptId, functions } of this.#take()) {
      if (!OURS.test(url)) continue;
      for (const { ranges } of functions) {
        for (const { startOffset, endOffset, count } of ranges) {
          const block = `${scriptId}:${startOffset}:${endOffset}`;
          if (count > 0 && !this.#seen.has(block)) found.push(block);
        }
      }
    }
    return found;
  }

  close(): void {
    this.#session.post("Profiler.stopPreciseCoverage");
    this.#session.disconnect();
  }

  #take(): readonly Profiler.ScriptCoverage[] {
    let result: readonly Profiler.ScriptCoverage[] = [];
    // The callback comes before `post` returns.
    this.#session.post("Profiler.takePreciseCoverage", (error, taken) => {
      if (error !== null) throw error;
      result = taken.result;
    });
    return result;
  }
}
