/**
 * Background work in bounded units. Every process runs a runner; the row of a job says who may run it now (a lease) and
 * when it last ended, so that each job runs once per period however many workers there are, and goes on elsewhere when
 * its runner dies.
 */
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Clock } from "../lib/clock.js";
import { MINUTE_MS, SECOND_MS } from "../lib/clock.js";
import { uuid } from "../lib/ids.js";
import type { Log } from "../lib/log.js";
import type { Found, Records, Table } from "../stores/records.js";
import { Space } from "../stores/spaces.js";

export interface Job {
  readonly name: string;
  /** Time from the end of one run to the start of the next. */
  readonly everyMs: number;
  /** One bounded unit, well under a lease's length. `more`: call again at once. */
  step(): Promise<"more" | "done">;
}

interface JobRecord {
  readonly holder: string;
  readonly leaseUntilMs: number;
  readonly endedMs: number;
}

const LEASE_MS = 2 * MINUTE_MS;
const TICK_MS = 5 * SECOND_MS;

export class JobRunner {
  readonly #jobs: readonly Job[];
  readonly #table: Table<JobRecord>;
  readonly #records: Records;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #me = uuid();
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;
  #stopped = false;

  constructor(deps: { jobs: readonly Job[]; records: Records; clock: Clock; log: Log }) {
    this.#jobs = deps.jobs;
    this.#records = deps.records;
    this.#table = deps.records.table<JobRecord>({ space: Space.jobs, kind: "job", version: 1 });
    this.#clock = deps.clock;
    this.#log = deps.log;
  }

  start(): void {
    this.#timer = setInterval(() => {
      this.#running ??= this.runDue().finally(() => {
        this.#running = undefined;
      });
    }, TICK_MS);
    this.#timer.unref();
  }

  /** Ends after the unit under way. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearInterval(this.#timer);
    await this.#running;
  }

  /** Runs every job that is due and free. A failing job is logged and tried again in its next period. */
  async runDue(): Promise<void> {
    for (const job of this.#jobs) {
      if (this.#stopped) return;
      try {
        await this.#runIfDue(job);
      } catch (error) {
        this.#log.error({ err: error, job: job.name }, "job failed");
      }
    }
  }

  async #runIfDue(job: Job): Promise<void> {
    const found = await this.#table.get(job.name);
    const nowMs = this.#clock.now();
    if (found !== undefined && (found.clear.leaseUntilMs > nowMs || found.clear.endedMs + job.everyMs > nowMs)) return;
    let lease = await this.#write(job, found, { holder: this.#me, leaseUntilMs: nowMs + LEASE_MS, endedMs: found?.clear.endedMs ?? 0 });
    while (lease !== undefined && !this.#stopped) {
      if ((await job.step()) === "done") break;
      // Requests come first: a store in memory would never let them in between two steps.
      await nextTurn();
      const untilMs = this.#clock.now() + LEASE_MS;
      lease = await this.#write(job, lease, { ...lease.clear, leaseUntilMs: untilMs });
    }
    if (lease !== undefined) await this.#write(job, lease, { holder: "", leaseUntilMs: 0, endedMs: this.#clock.now() });
  }

  /** @returns the row as written, or undefined when another process was faster */
  async #write(job: Job, before: Found<JobRecord> | undefined, clear: JobRecord): Promise<Found<JobRecord> | undefined> {
    const key = this.#table.key(job.name);
    const check = { key, stamp: before?.stamp ?? ("absent" as const) };
    const result = await this.#records.store.commit({ checks: [check], puts: [this.#table.put(key, { clear })] });
    return result.ok ? this.#table.get(job.name) : undefined;
  }
}
