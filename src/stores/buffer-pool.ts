/**
 * Buffers of one size, used again: the page faults of a fresh megabyte cost as much as the read into it (measured: 8–10
 * GB/s fresh, 18–21 pooled). What they held is ciphertext, so they are not wiped.
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
