/**
 * What can go wrong when something sealed is opened. Bytes that do not authenticate are never released; the error says
 * which piece failed, for the log and the integrity event, and holds no secret. Callers outside see none of it.
 */

/** Which check failed. */
export type SealFault =
  /** A length that no sealed stream, row or blob can have. */
  | "size"
  /** Unknown magic, version, suite or flag, or a field that leaves the bytes. */
  | "format"
  /** Salt and commitment differ from those recorded, or the commitment from the derived one: wrong key, context or id. */
  | "commitment"
  /** An authentication tag or MAC does not verify. */
  | "tag"
  /** The stream ends before its last chunk is complete. */
  | "truncated"
  /** Bytes follow the last chunk. */
  | "trailing";

/** Sealed bytes that are not what was sealed: altered, moved, cut, or opened with another key. */
export class SealIntegrityError extends Error {
  override readonly name = "SealIntegrityError";
  readonly fault: SealFault;
  /** Which piece failed, where there are several: the chunk of a segment (of the layer that failed), the row of a page. */
  readonly index: number | undefined;

  /** @param what what was being opened, e.g. `segment`; no secret, no plaintext */
  constructor(fault: SealFault, what: string, index?: number) {
    super(`${what}: ${fault}${index === undefined ? "" : ` at ${index}`}`);
    this.fault = fault;
    this.index = index;
  }
}
