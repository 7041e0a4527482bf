/**
 * Buffers of one size, used again: a fresh megabyte costs page faults and garbage collection, three times the read
 * itself (DESIGN §7). What they held is ciphertext, so they are not wiped.
 */
export class BufferPool {
  readonly #sizeBytes: number;
  readonly #keep: number;
  readonly #free: Buffer[] = [];

  /** @param keep how many idle buffers to hold on to */
  constructor(sizeBytes: number, keep: number) {
    this.#sizeBytes = sizeBytes;
    this.#keep = keep;
  }

  /** Contents are undefined. */
  take(): Buffer {
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(this.#sizeBytes);
  }

  /** INVARIANT: nobody reads or writes `buffer` any more, the kernel included. */
  give(buffer: Buffer): void {
    if (this.#free.length < this.#keep) this.#free.push(buffer);
  }
}
