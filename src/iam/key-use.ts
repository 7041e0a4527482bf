/**
 * When each access key was last used. Requests note it in memory; a flush writes what is news, at most once an hour and
 * key: a request never waits for it, and a crash loses at most that. Source: IAM GetAccessKeyLastUsed.
 */
import { HOUR_MS } from "../lib/clock.js";
import type { Records } from "../stores/records.js";
import type { AccessKeyUseClear, IamTables } from "./records.js";

const MAX_PENDING = 10_000;

export class KeyUse {
  readonly #records: Records;
  readonly #tables: IamTables;
  readonly #latest = new Map<string, AccessKeyUseClear>();
  readonly #written = new Map<string, number>();

  constructor(records: Records, tables: IamTables) {
    this.#records = records;
    this.#tables = tables;
  }

  /** Notes an authenticated use. Temporary keys have no last use. */
  note(accessKeyId: string, service: string, region: string, nowMs: number): void {
    if (accessKeyId.startsWith("ASIA") || (this.#latest.size >= MAX_PENDING && !this.#latest.has(accessKeyId))) return;
    this.#latest.set(accessKeyId, { usedMs: nowMs, service, region });
  }

  async lastUse(accessKeyId: string): Promise<AccessKeyUseClear | undefined> {
    const stored = (await this.#tables.uses.get(accessKeyId))?.clear;
    const latest = this.#latest.get(accessKeyId);
    if (stored === undefined || latest === undefined) return latest ?? stored;
    return latest.usedMs >= stored.usedMs ? latest : stored;
  }

  /** Writes uses that are new or an hour younger than what was written, of keys that (still) are stored. */
  async flush(): Promise<void> {
    const due = [...this.#latest].filter(([id, use]) => use.usedMs - (this.#written.get(id) ?? -HOUR_MS) >= HOUR_MS);
    for (const [id, use] of due) {
      const key = await this.#tables.accessKeys.get(id);
      if (key === undefined) {
        this.#latest.delete(id);
        continue;
      }
      const put = this.#tables.uses.put(this.#tables.uses.key(id), { clear: use });
      // A key deleted meanwhile leaves no trace; a failed check is tried again at the next flush.
      const { ok } = await this.#records.store.commit({ checks: [{ key: key.key, stamp: key.stamp }], puts: [put] });
      if (ok) this.#written.set(id, use.usedMs);
    }
    if (this.#latest.size < MAX_PENDING) return;
    this.#latest.clear();
    this.#written.clear();
  }
}
