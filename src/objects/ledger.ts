/**
 * The blob ledger: pending → live → garbage. A blob is announced before it is written, with a lease that its writer renews;
 * the commit that makes an object exist turns the row live; whatever replaces or deletes turns it to garbage, which the
 * sweep takes away after the longest read. FORMAT: docs/spec/objects.md §1, §4.
 *
 * Pending rows and renewals are bookkeeping that no caller can see, so they go to the store without an audit line.
 */
import type { Check, Put, Stamp } from "../stores/contract.js";
import type { Room } from "./deps.js";
import { slowDown } from "./errors.js";
import type { GarbageRecord, ObjectBody } from "./records.js";

export const LIVE = "l";
export const PENDING = "p";
export const GARBAGE = "g";

/** What a commit writes and takes away, gathered piece by piece. */
export interface Changes {
  readonly checks: Check[];
  readonly puts: Put[];
  readonly deletes: Uint8Array[];
}

export const noChanges = (): Changes => ({ checks: [], puts: [], deletes: [] });

/** A blob under way. */
export class PendingBlob {
  readonly id: string;
  readonly #room: Room;
  readonly #key: Buffer;
  #stamp: Stamp;
  #leaseUntilMs: number;

  private constructor(room: Room, id: string, stamp: Stamp, leaseUntilMs: number) {
    this.#room = room;
    this.id = id;
    this.#key = room.tables.ledger.key(PENDING, id);
    this.#stamp = stamp;
    this.#leaseUntilMs = leaseUntilMs;
  }

  /** Announces a blob that does not exist yet. */
  static async announce(room: Room, id: string): Promise<PendingBlob> {
    const leaseUntilMs = room.clock.now() + room.settings.limits.leaseMs;
    const key = room.tables.ledger.key(PENDING, id);
    const put = room.tables.ledger.put(key, { clear: { leaseUntilMs } });
    const result = await room.store.commit({ checks: [{ key, stamp: "absent" }], puts: [put] });
    if (!result.ok) throw new Error("invariant: random blob id met another");
    return new PendingBlob(room, id, result.stamp, leaseUntilMs);
  }

  /** Renews the lease when half of it is over. @throws ServiceError when the sweep was faster */
  async renew(): Promise<void> {
    const { leaseMs } = this.#room.settings.limits;
    const now = this.#room.clock.now();
    if (now < this.#leaseUntilMs - leaseMs / 2) return;
    const leaseUntilMs = now + leaseMs;
    const put = this.#room.tables.ledger.put(this.#key, { clear: { leaseUntilMs } });
    const result = await this.#room.store.commit({ checks: [{ key: this.#key, stamp: this.#stamp }], puts: [put] });
    if (!result.ok) throw slowDown();
    this.#stamp = result.stamp;
    this.#leaseUntilMs = leaseUntilMs;
  }

  /** Adds to the commit that makes the blob's owner exist. @param upload upload id that owns it, for parts */
  goLive(changes: Changes, inc: string, upload?: string): void {
    changes.checks.push({ key: this.#key, stamp: this.#stamp });
    changes.deletes.push(this.#key);
    const clear = upload === undefined ? { inc } : { inc, upload };
    changes.puts.push(this.#room.tables.ledger.put(this.#room.tables.ledger.key(LIVE, this.id), { clear }));
  }

  /** Takes the blob away after a failure before any commit could own it. What cannot be taken now the sweep takes. */
  async discard(): Promise<void> {
    try {
      await this.#room.blobs.delete(this.id);
      await this.#room.store.commit({ checks: [{ key: this.#key, stamp: this.#stamp }], deletes: [this.#key] });
    } catch (error) {
      this.#room.log.warn({ blob: this.id, err: String(error) }, "unfinished blob left to the sweep");
    }
  }
}

/** A time as a key part: decimal, so that text order is time order (a key position holds either strings or numbers). */
export const timeText = (ms: number): string => String(ms).padStart(15, "0");

/** Schedules what the sweep shall take away. @param id makes the row's key unique within its millisecond */
export function addGarbage(room: Room, changes: Changes, id: string, clear: GarbageRecord, sinceMs = room.clock.now()): void {
  const key = room.tables.ledger.key(GARBAGE, timeText(sinceMs), id);
  changes.puts.push(room.tables.ledger.put(key, { clear }));
}

/** Adds what happens to a body whose owner goes away. */
export function dropBody(room: Room, changes: Changes, inc: string, body: ObjectBody): void {
  if (body.kind === "parts") {
    addGarbage(room, changes, body.uploadId, { kind: "parts", inc, uploadId: body.uploadId });
    return;
  }
  const { id, at } = body.segment;
  if (at === "inline") {
    // A reader between head and body row finds the row gone and reads the head again.
    changes.deletes.push(room.tables.bodies.key(inc, id));
    return;
  }
  // The live row stays until the sweep has taken the blob: until then it is no orphan.
  addGarbage(room, changes, id, { kind: "segment", inc, segment: id, at });
}
