/**
 * A request's body as rooms read it. Of a request that is here whole by the time its body is asked for, as small ones mostly
 * are, it is taken from Node's buffer at once: listeners and promises of a stream's iterator cost more than the cipher.
 */
import type { IncomingMessage } from "node:http";

export class ReceivedBody implements AsyncIterable<Buffer> {
  readonly #request: IncomingMessage;

  constructor(request: IncomingMessage) {
    this.#request = request;
  }

  [Symbol.asyncIterator](): AsyncIterator<Buffer> {
    return this.iterator()[Symbol.asyncIterator]();
  }

  /** As Node's `Readable.iterator`. */
  iterator(options: { destroyOnReturn?: boolean } = {}): AsyncIterable<Buffer> {
    // INVARIANT: what is complete was parsed to its end: nothing comes after what is buffered, and nothing can break off.
    if (this.#request.complete && !this.#request.destroyed) return new WholeBody(this.#request);
    return this.#request.iterator(options) as AsyncIterable<Buffer>;
  }
}

class WholeBody implements AsyncIterableIterator<Buffer> {
  readonly #request: IncomingMessage;

  constructor(request: IncomingMessage) {
    this.#request = request;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<Buffer, undefined>> {
    const piece = this.#request.read() as Buffer | null;
    return piece === null ? { done: true, value: undefined } : { done: false, value: piece };
  }

  async return(): Promise<IteratorResult<Buffer, undefined>> {
    return { done: true, value: undefined };
  }
}
