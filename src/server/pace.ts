/**
 * Ends requests that hold the server up by their pace: a body that drips in, an answer that nobody takes, one that would
 * outlast what the sweep leaves to readers. Whether the server waits for the client is looked at every few seconds, for
 * all requests under way at once, so that a request pays for none of it.
 *
 * Source: S3 "Error responses" (RequestTimeout); docs/reference/limits.md.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { PaceLimits } from "./limits.js";

export interface Watched {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** The client waits for `100 Continue`: it is not its turn. */
  readonly continueUnsent: () => boolean;
  /** Answers that the body was too slow, and gives it up. */
  readonly timeOut: () => void;
}

interface Mark {
  bytes: number;
  atMs: number;
}

interface Entry extends Watched {
  readonly mark: Mark;
  answeringSinceMs: number | undefined;
}

export class Pace {
  readonly #limits: PaceLimits;
  readonly #onCut: (why: string) => void;
  readonly #entries = new Set<Entry>();
  readonly #timer: NodeJS.Timeout;

  /** @param onCut told why an answer was broken off */
  constructor(limits: PaceLimits, onCut: (why: string) => void) {
    this.#limits = limits;
    this.#onCut = onCut;
    this.#timer = setInterval(() => this.#check(performance.now()), limits.checkEveryMs);
    this.#timer.unref();
  }

  /** @returns ends the watch: call it when the request is over */
  watch(watched: Watched): () => void {
    const mark = { bytes: watched.request.socket.bytesRead, atMs: performance.now() };
    const { request, response, continueUnsent, timeOut } = watched;
    const entry: Entry = { request, response, continueUnsent, timeOut, mark, answeringSinceMs: undefined };
    this.#entries.add(entry);
    return () => this.#entries.delete(entry);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #check(nowMs: number): void {
    for (const entry of this.#entries) {
      const { request, response } = entry;
      if (!response.headersSent && !request.complete) this.#checkBody(entry, nowMs);
      else this.#checkAnswer(entry, nowMs);
    }
  }

  #checkBody({ request, mark, continueUnsent, timeOut }: Entry, nowMs: number): void {
    const { bytesRead } = request.socket;
    // What has come and is not read yet waits for us. Before `100 Continue`, and until the body begins, the client may too.
    const ours = request.readableLength > 0 || continueUnsent();
    if (!ours && nowMs - mark.atMs < this.#limits.bodyWindowMs) return;
    const slow = !ours && bytesRead - mark.bytes < this.#limits.bodyBytesPerWindow;
    mark.bytes = bytesRead;
    mark.atMs = nowMs;
    if (slow) timeOut();
  }

  #checkAnswer(entry: Entry, nowMs: number): void {
    const { request, response, mark } = entry;
    const { socket } = request;
    if (entry.answeringSinceMs === undefined) {
      entry.answeringSinceMs = nowMs;
      mark.bytes = -1;
    }
    // Counts what has left whole: a piece that is half written is still all there.
    const left = socket.bytesWritten - socket.writableLength;
    if (left !== mark.bytes || socket.writableLength === 0) {
      mark.bytes = left;
      mark.atMs = nowMs;
    } else if (nowMs - mark.atMs >= this.#limits.stalledAnswerMs) {
      return this.#cut(response, "the client does not take it");
    }
    if (nowMs - entry.answeringSinceMs < this.#limits.longestAnswerMs) return;
    this.#cut(response, "it takes longer than --longest-answer-minutes");
  }

  #cut(response: ServerResponse, why: string): void {
    this.#onCut(why);
    // Closed, the request's signal aborts: blob and keys are given up.
    response.destroy();
  }
}
