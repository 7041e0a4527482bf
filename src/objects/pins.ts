/**
 * Pins: while one is held, the sweep takes nothing away, so that whoever copies the blobs of a snapshot (a backup) finds
 * them all. A pin is a lease in the ledger, renewed by its holder; when that dies, the pin runs out by itself.
 * FORMAT: docs/spec/objects.md §1, §4.
 */
import { MINUTE_MS, type Clock } from "../lib/clock.js";
import { randomHex } from "../lib/ids.js";
import { StoreError, type MetadataStore } from "../stores/contract.js";
import type { Table } from "../stores/records.js";
import type { LedgerRecord, PendingRecord } from "./records.js";

export const PIN = "b";
/** Longer than any pause of a living holder, which renews at a third of it. */
const PIN_MS = 10 * MINUTE_MS;
/** More than ever hold pins at once. */
const MAX_PINS = 1000;

export interface PinStore {
  readonly store: MetadataStore;
  readonly ledger: Table<LedgerRecord>;
  readonly clock: Clock;
}

export interface Pin {
  /** @throws StoreError when it has run out: the sweep may have been there */
  renew(): Promise<void>;
  release(): Promise<void>;
}

export async function takePin({ store, ledger, clock }: PinStore): Promise<Pin> {
  const key = ledger.key(PIN, randomHex(16));
  const write = async (stamp: number | "absent"): Promise<{ stamp: number; untilMs: number }> => {
    const leaseUntilMs = clock.now() + PIN_MS;
    const result = await store.commit({ checks: [{ key, stamp }], puts: [ledger.put(key, { clear: { leaseUntilMs } })] });
    if (!result.ok) throw new StoreError("the pin of this backup has run out");
    return { stamp: result.stamp, untilMs: leaseUntilMs };
  };
  let held = await write("absent");
  return {
    async renew() {
      if (clock.now() > held.untilMs) throw new StoreError("the pin of this backup has run out");
      if (clock.now() > held.untilMs - (2 * PIN_MS) / 3) held = await write(held.stamp);
    },
    release: async () => void (await store.commit({ deletes: [key] })),
  };
}

/** Must the sweep wait? Pins that have run out are removed. */
export async function isPinned({ store, ledger, clock }: PinStore): Promise<boolean> {
  const rows = await ledger.list({ prefix: [PIN], limit: MAX_PINS });
  const over = rows.filter(({ clear }) => (clear as PendingRecord).leaseUntilMs <= clock.now());
  for (const { key, stamp } of over) await store.commit({ checks: [{ key, stamp }], deletes: [key] });
  return over.length < rows.length;
}
