/**
 * The table of sealed-stream suites. Chunk size, overhead and the text that enters key derivation come from here and
 * from nowhere else, so a second suite is a new line and never a parameter an attacker could turn.
 * Readers support every released suite for ever. FORMAT: docs/spec/sealed-stream.md §2.
 */
import { SealIntegrityError } from "./errors.js";

export interface Suite {
  /** One byte; enters the key derivation of every segment and the manifest. */
  readonly id: number;
  readonly name: string;
  /** Plaintext bytes of every chunk but the last, which is shorter. */
  readonly chunkBytes: number;
  /** Start of the key derivation's info, up to the salt. */
  readonly info: Buffer;
}

/** AES-GCM tag behind every chunk. */
export const TAG_BYTES = 16;
export const SALT_BYTES = 24;
export const COMMITMENT_BYTES = 32;
/** Salt and commitment, in front of the first chunk. */
export const PREFIX_BYTES = SALT_BYTES + COMMITMENT_BYTES;

/** Suite 1: the construction of C2SP chunked-encryption@v1 with chunks of 64 KiB, AES-256-GCM and SHA-512. */
export const SUITE_64K: Suite = Object.freeze({
  id: 1,
  name: "coffer-64k-aes256gcm-sha512",
  chunkBytes: 65536,
  info: Buffer.from("coffer/sealed-stream@v1+64KiB+AEAD_AES_256_GCM\0", "latin1"),
});

/** What new segments are written with. */
export const DEFAULT_SUITE: Suite = SUITE_64K;

const SUITES: ReadonlyMap<number, Suite> = new Map([[SUITE_64K.id, SUITE_64K]]);

/** @throws SealIntegrityError `format` for an id that no release has written */
export function suiteById(id: number): Suite {
  const suite = SUITES.get(id);
  if (suite === undefined) throw new SealIntegrityError("format", "suite");
  return suite;
}
