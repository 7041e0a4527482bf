/**
 * Log lines that anybody can cause come a few at a time: whoever knocks a thousand times a second must not fill the disk,
 * nor slow the server down. The next line that is let through says how many were not.
 */
import { MINUTE_MS } from "./clock.js";

export class Occasional {
  readonly #most: number;
  readonly #periodMs: number;
  #beganMs = Number.NEGATIVE_INFINITY;
  #passed = 0;
  #suppressed = 0;

  constructor(most = 20, periodMs: number = MINUTE_MS) {
    this.#most = most;
    this.#periodMs = periodMs;
  }

  /** @returns how many were held back since the last that passed; undefined: this one is held back too */
  pass(nowMs: number): { readonly suppressed: number } | undefined {
    if (nowMs - this.#beganMs >= this.#periodMs || nowMs < this.#beganMs) {
      this.#beganMs = nowMs;
      this.#passed = 0;
    }
    if (this.#passed >= this.#most) {
      this.#suppressed += 1;
      return undefined;
    }
    this.#passed += 1;
    const suppressed = this.#suppressed;
    this.#suppressed = 0;
    return { suppressed };
  }
}
