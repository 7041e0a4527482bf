/**
 * Who owns which piece, for any number of pieces in bounded memory: 24 bytes each. Where there are more than fit, the index
 * narrows to a range of ids, and the walk is made again for the rest.
 */
import { createHash } from "node:crypto";
import type { OwnedPiece } from "../wire/tables/coffer-types.js";

const ID_BYTES = 16;
const OWNER_BYTES = 8;
const ENTRY_BYTES = ID_BYTES + OWNER_BYTES;
const NOBODY = Buffer.alloc(OWNER_BYTES);
/** 192 MiB. */
const DEFAULT_LIMIT = 8 * 1024 * 1024;
const FIRST = 64 * 1024;
/** Ids are random: their first four bytes say where they stand. */
const END = 2 ** 32;

export class OwnerIndex {
  readonly #limit: number;
  #entries = Buffer.alloc(0);
  #count = 0;
  /** Only ids from here … */
  readonly from: number;
  /** … to here, exclusive, are kept. */
  to = END;

  constructor(from = 0, limit = DEFAULT_LIMIT) {
    this.from = from;
    this.#limit = limit;
  }

  /** The walk has to be made again, from `to` on. */
  get isPartial(): boolean {
    return this.to < END;
  }

  holds(id: string): boolean {
    const at = Number.parseInt(id.slice(0, 8), 16);
    return at >= this.from && at < this.to;
  }

  add({ Id, Owner }: OwnedPiece): void {
    if (!this.holds(Id)) return;
    while (this.#count === this.#limit && this.to - this.from > 1) this.#narrow();
    if (!this.holds(Id)) return;
    this.#reserve();
    const at = this.#count * ENTRY_BYTES;
    this.#entries.write(Id, at, "hex");
    (Owner === "" ? NOBODY : createHash("sha256").update(Owner).digest()).copy(this.#entries, at + ID_BYTES, 0, OWNER_BYTES);
    this.#count += 1;
  }

  /** Ends adding. @returns ids with more than one owner */
  settle(): string[] {
    const entries = Array.from({ length: this.#count }, (_, index) => index);
    entries.sort((a, b) => this.#compare(a, b));
    const sorted = Buffer.alloc(this.#count * ENTRY_BYTES);
    entries.forEach((from, to) => this.#entries.copy(sorted, to * ENTRY_BYTES, from * ENTRY_BYTES, (from + 1) * ENTRY_BYTES));
    this.#entries = sorted;
    const shared = new Set<string>();
    let owned = -1;
    for (let index = 0; index < this.#count; index++) {
      if (this.#owner(index).equals(NOBODY)) continue;
      if (owned >= 0 && this.#id(owned).equals(this.#id(index)) && !this.#owner(owned).equals(this.#owner(index))) {
        shared.add(this.#id(index).toString("hex"));
      }
      owned = index;
    }
    return [...shared];
  }

  /** After `settle`. */
  isOwned(id: string): boolean {
    const wanted = Buffer.from(id, "hex");
    let low = 0;
    let high = this.#count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (Buffer.compare(this.#id(middle), wanted) < 0) low = middle + 1;
      else high = middle;
    }
    return low < this.#count && this.#id(low).equals(wanted);
  }

  #narrow(): void {
    this.to = this.from + Math.floor((this.to - this.from) / 2);
    let kept = 0;
    for (let index = 0; index < this.#count; index++) {
      if (this.#entries.readUInt32BE(index * ENTRY_BYTES) >= this.to) continue;
      this.#entries.copy(this.#entries, kept * ENTRY_BYTES, index * ENTRY_BYTES, (index + 1) * ENTRY_BYTES);
      kept += 1;
    }
    this.#count = kept;
  }

  #reserve(): void {
    if ((this.#count + 1) * ENTRY_BYTES <= this.#entries.length) return;
    const larger = Buffer.alloc(Math.min(Math.max(FIRST, this.#count * 2), this.#limit) * ENTRY_BYTES);
    this.#entries.copy(larger);
    this.#entries = larger;
  }

  #compare(a: number, b: number): number {
    return this.#entries.compare(this.#entries, b * ENTRY_BYTES, (b + 1) * ENTRY_BYTES, a * ENTRY_BYTES, (a + 1) * ENTRY_BYTES);
  }

  #id = (index: number): Buffer => this.#entries.subarray(index * ENTRY_BYTES, index * ENTRY_BYTES + ID_BYTES);
  #owner = (index: number): Buffer => this.#entries.subarray(index * ENTRY_BYTES + ID_BYTES, (index + 1) * ENTRY_BYTES);
}
