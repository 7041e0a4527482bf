import { inspect } from "node:util";

/**
 * Bytes that must not be printed, serialised or outlive their use.
 *
 * Wiping is best effort: the garbage collector may have copied the bytes (SECURITY.md).
 */
export class Secret {
  #bytes: Buffer | undefined;

  /** Takes ownership: `wipe` overwrites the very buffer given. */
  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }
  static fromUtf8(text: string): Secret {
    return new Secret(Buffer.from(text, "utf8"));
  }
  /** @throws Error after `wipe`: a use after wiping is a bug. */
  get bytes(): Buffer {
    if (this.#bytes === undefined) throw new Error("invariant: secret used after wipe");
    return this.#bytes;
  }
  utf8(): string {
    return this.bytes.toString("utf8");
  }
  wipe(): void {
    this.#bytes?.fill(0);
    this.#bytes = undefined;
  }
  toString(): string {
    return "[secret]";
  }
  toJSON(): string {
    return "[secret]";
  }
  [inspect.custom](): string {
    return "[secret]";
  }
}
