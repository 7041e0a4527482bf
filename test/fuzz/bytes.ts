/** An input read as a sequence of choices: so that structured inputs mutate and shrink as bytes do. */

/** Reads choices off an input; behind its end every choice is the first. */
export class Choices {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get done(): boolean {
    return this.#at >= this.#bytes.length;
  }

  byte(): number {
    return this.#bytes[this.#at++] ?? 0;
  }

  below(limit: number): number {
    return ((this.byte() << 8) | this.byte()) % limit;
  }

  pick<T>(items: readonly T[]): T {
    return chosen(items, this.below(items.length));
  }

  /** Up to `limit` bytes. */
  take(limit: number): Buffer {
    const part = this.#bytes.subarray(this.#at, this.#at + limit);
    this.#at += part.length;
    return part;
  }

  rest(): Buffer {
    return this.take(this.#bytes.length);
  }
}

function chosen<T>(items: readonly T[], at: number): T {
  const item = items[at];
  if (item === undefined) throw new RangeError("nothing to choose from");
  return item;
}

/** `bytes` in pieces whose sizes `choices` gives. */
export async function* chopped(bytes: Buffer, choices: Choices): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; ) {
    const size = choices.done ? bytes.length : 1 + (choices.byte() % 67);
    yield bytes.subarray(at, at + size);
    at += size;
  }
}
