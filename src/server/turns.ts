/**
 * One request of a connection at a time. Node hands pipelined requests out at once; run together, a GET could overtake the
 * PUT before it (RFC 9112 §9.3.2 allows that between safe methods only), a connection could start any number of them, and
 * a response that never got its turn on a socket that broke would never be told.
 */
import type { ServerResponse } from "node:http";
import type { Socket } from "node:net";

/** Pipelining is rare and short. Whoever sends more ahead is cut off. */
const MAX_WAITING = 16;

export class Turns {
  readonly #waiting = new Map<Socket, (() => void)[]>();

  /** Runs `serve` when the responses before it on the socket are done; never, when the socket breaks or is closed before. */
  take(socket: Socket, response: ServerResponse, serve: () => void): void {
    const run = (): void => {
      response.once("close", () => this.#next(socket));
      serve();
    };
    const waiting = this.#waiting.get(socket);
    if (waiting === undefined) {
      this.#waiting.set(socket, []);
      run();
    } else if (waiting.length < MAX_WAITING) waiting.push(run);
    else socket.destroy();
  }

  #next(socket: Socket): void {
    // INVARIANT: a response that no socket will carry is never begun: it would never close, nor give back what it holds.
    // Ended, the socket may still be open: behind an answer with `Connection: close` nothing more is done (RFC 9112 §9.6).
    const next = socket.writable ? this.#waiting.get(socket)?.shift() : undefined;
    if (next === undefined) this.#waiting.delete(socket);
    else next();
  }
}
