/**
 * S3 Bucket Keys: a data key from KMS under which the data keys of many objects are wrapped, so that KMS is asked once in
 * a while. Per worker and requester, for minutes and a number of uses. Every hit asks the gate afresh whether this caller
 * may use this KMS key now (state, policy, grants): a key disabled or denied closes at once, cached or not.
 */
import { hash } from "node:crypto";
import { MINUTE_MS, type Clock } from "../lib/clock.js";
import { Secret } from "../lib/secret.js";

/** A bucket key in clear, with what must be stored to get it back. */
export interface BucketKey {
  /** 32 bytes; owned by the cache, which wipes it. */
  readonly key: Secret;
  /** Its id as a wrapping key. */
  readonly wrappingId: Buffer;
  /** KMS ciphertext of it. */
  readonly blob: Buffer;
  readonly keyArn: string;
  /** `ciphertextId` of the blob, for audit lines. */
  readonly id: string;
  /** Request id of the S3 call whose KMS call brought it: that call's audit line covers every later use. */
  readonly broughtBy: string;
}

interface Entry extends BucketKey {
  readonly madeMs: number;
  uses: number;
}

export interface BucketKeyLimits {
  readonly ageMs: number;
  readonly uses: number;
  readonly entries: number;
}

/** How often what has grown old is looked for, while there is anything. */
const LOOK_EVERY_MS = MINUTE_MS;

/**
 * Bounded cache of bucket keys.
 * INVARIANT: an entry's secret is used synchronously after `take`; entries are wiped when they leave the cache, which they
 * do when they are old, whether or not anybody asks again.
 */
export class BucketKeyCache {
  readonly #clock: Clock;
  readonly #limits: BucketKeyLimits;
  readonly #entries = new Map<string, Entry>();
  #look: NodeJS.Timeout | undefined;

  constructor(clock: Clock, limits: BucketKeyLimits) {
    this.#clock = clock;
    this.#limits = limits;
  }

  /** Is there a usable entry? Does not count as a use. */
  peek(name: string): BucketKey | undefined {
    const entry = this.#entries.get(name);
    if (entry === undefined) return undefined;
    const age = this.#clock.now() - entry.madeMs;
    if (age >= 0 && age < this.#limits.ageMs && entry.uses < this.#limits.uses) return entry;
    this.#drop(name);
    return undefined;
  }

  /** The entry, counted as used; undefined when it has left since `peek`. */
  take(name: string): BucketKey | undefined {
    if (this.peek(name) === undefined) return undefined;
    const entry = this.#entries.get(name);
    if (entry !== undefined) entry.uses++;
    return entry;
  }

  /** Takes ownership of `made.key`. */
  keep(name: string, made: BucketKey): void {
    this.#drop(name);
    while (this.#entries.size >= this.#limits.entries) {
      const oldest = this.#entries.keys().next();
      if (oldest.done === true) break;
      this.#drop(oldest.value);
    }
    this.#entries.set(name, { ...made, madeMs: this.#clock.now(), uses: 1 });
    this.#lookLater();
  }

  /** Wipes everything; at shutdown. */
  clear(): void {
    for (const name of [...this.#entries.keys()]) this.#drop(name);
  }

  #lookLater(): void {
    this.#look ??= setTimeout(() => {
      this.#look = undefined;
      for (const name of [...this.#entries.keys()]) this.peek(name);
      if (this.#entries.size > 0) this.#lookLater();
    }, LOOK_EVERY_MS).unref();
  }

  #drop(name: string): void {
    this.#entries.get(name)?.key.wipe();
    this.#entries.delete(name);
  }
}

/** Cache name for writing: one key a requester, bucket and KMS key. */
export const writeName = (requester: string, inc: string, keyArn: string): string => `w\0${requester}\0${inc}\0${keyArn}`;

/** Cache name for reading: one a requester and stored bucket key. */
export const readName = (requester: string, inc: string, blob: Uint8Array): string =>
  `r\0${requester}\0${inc}\0${hash("sha256", blob, "base64")}`;
