/**
 * Metadata engine of the embedded store: one LMDB environment, shared by all processes of one host.
 *
 * Two rules keep it safe. Commits that wait go into one write transaction, whose fsync has finished before any of them
 * resolves (no overlapping sync). Reads share a snapshot that is taken by the first of a turn and given back at its end: none
 * is held while anything is waited for, so free pages are reused; long readers beside overlapping syncs are where LMDB was
 * seen to fail. A process that is killed in its turn leaves a snapshot, and the file grows, until the next one opens the
 * environment (whoever takes the place of a worker does) or, at the latest, for the ten minutes between lmdb-js's own checks.
 *
 * An environment that had a fatal error never answers a write again (lmdb-environment.ts). So before each transaction, and
 * after each failure, it is asked whether it still lives; a dead one is closed and opened again.
 *
 * FORMAT: database `rows`: key → stamp as little-endian float64 (lmdb-js's "version") ‖ bytes; database `meta`: `stamp`
 * → last stamp given out, u64 big-endian. docs/spec/data-directory.md §2.
 */
import { mkdir } from "node:fs/promises";
import { getLastVersion } from "lmdb";
import { checkBatch, checkKey, checkQuery, seekable } from "./batch.js";
import { collectGroups } from "./groups.js";
import { asBuffer } from "./byte-order.js";
import { CommitQueue } from "./commit-queue.js";
import {
  StoreError,
  type Batch,
  type Check,
  type CommitResult,
  type Entry,
  type GroupsItem,
  type GroupsQuery,
  type MetadataStore,
  type RangeQuery,
  type Stamp,
  type Value,
} from "./contract.js";
import { syncDirectory } from "./data-directory.js";
import { lives, openEnvironment, STAMP_KEY, type Bytes, type Environment } from "./lmdb-environment.js";

/**
 * Opens the store in `directory`, which is made (0700) when missing.
 * @throws StoreError when the engine cannot open it
 */
export async function lmdbMetadataStore(directory: string): Promise<MetadataStore> {
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const opened = openEnvironment(directory);
    await syncDirectory(directory);
    return new LmdbMetadataStore(directory, opened);
  } catch (error) {
    throw new StoreError("the metadata store cannot be opened", { cause: error });
  }
}

class LmdbMetadataStore implements MetadataStore {
  readonly #directory: string;
  readonly #queue: CommitQueue;
  /** Undefined while it is opened again, and when that failed. */
  #opened: Environment | undefined;
  #reviving: Promise<void> | undefined;
  #closed = false;
  /** How many more reads may use the snapshot of this turn; 0: the next one takes a fresh one. */
  #snapshotReads = 0;

  constructor(directory: string, opened: Environment) {
    this.#directory = directory;
    this.#opened = opened;
    this.#queue = new CommitQueue((take) => this.#transact(take));
  }

  async get(keys: readonly Uint8Array[]): Promise<(Value | undefined)[]> {
    keys.forEach(checkKey);
    if (this.#opened === undefined) await this.#revive();
    return this.#read(({ rows }) => keys.map((key) => valueOf(rows, key)));
  }

  async range(query: RangeQuery): Promise<Entry[]> {
    checkQuery(query);
    if (this.#opened === undefined) await this.#revive();
    const { limit } = query;
    const [from, to] = [seekable(query.from), seekable(query.to)];
    if (Buffer.compare(from, to) >= 0) return this.#read(() => []);
    const options = query.reverse === true
      ? { start: to, exclusiveStart: true, end: from, inclusiveEnd: true, reverse: true }
      : { start: from, end: to };
    return this.#read(({ rows }) => {
      const entries: Entry[] = [];
      for (const found of rows.getRange({ ...options, limit, versions: true })) entries.push(entryOf(found));
      return entries;
    });
  }

  async groups(query: GroupsQuery): Promise<GroupsItem[]> {
    checkQuery(query);
    if (this.#opened === undefined) await this.#revive();
    return this.#read(({ rows }) =>
      collectGroups(query, { first: (from) => firstKey(rows, from), rows: (from, to) => scan(rows, from, to) }),
    );
  }

  async commit(batch: Batch): Promise<CommitResult> {
    if (this.#closed) throw new StoreError("the store is closed");
    checkBatch(batch);
    return this.#queue.commit(batch);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#queue.idle();
    await this.#reviving;
    await this.#opened?.env.close();
    this.#opened = undefined;
  }

  /**
   * Runs `body` on this turn's snapshot. A turn: from what the event loop calls to the last promise that hangs on it. What
   * another process has committed is made known to this one by its next event at the earliest, and the same goes for our own
   * commits, so no reader knows of a commit that its snapshot does not hold. INVARIANT: `body` does not await.
   */
  #read<T>(body: (opened: Environment) => T): T {
    if (this.#closed) throw new StoreError("the store is closed");
    const opened = this.#opened;
    try {
      if (opened === undefined) throw new StoreError("the metadata store had a fatal error");
      if (this.#snapshotReads === 0) this.#beginTurn(opened);
      this.#snapshotReads--;
      return body(opened);
    } catch (error) {
      this.#snapshotReads = 0;
      void this.#revive();
      throw new StoreError("the metadata store cannot be read", { cause: error });
    }
  }

  #beginTurn({ env }: Environment): void {
    env.resetReadTxn();
    this.#snapshotReads = READS_PER_SNAPSHOT;
    process.nextTick(this.#endTurn);
  }

  /** Runs when no promise of the turn is left to go on. */
  readonly #endTurn = (): void => {
    this.#snapshotReads = 0;
    this.#opened?.env.resetReadTxn();
  };

  /** One write transaction for all batches; resolves when it is on disk. */
  async #transact(take: () => readonly Batch[]): Promise<CommitResult[]> {
    await this.#revive();
    const opened = this.#opened;
    if (opened === undefined) throw new StoreError("the metadata store had a fatal error and cannot be opened again");
    try {
      // A child transaction: should the engine fail half way, the whole group is undone.
      return await opened.env.childTransaction(() => apply(opened, take()));
    } catch (error) {
      const cause = await causeOf(error);
      await this.#revive();
      throw new StoreError("the commit failed", { cause });
    }
  }

  /** Opens an environment again that is dead; does nothing to one that lives. Never rejects: the next use tells. */
  #revive(): Promise<void> {
    if (this.#closed && this.#opened === undefined) return DONE;
    if (this.#reviving === undefined && this.#opened !== undefined && lives(this.#opened)) return DONE;
    return (this.#reviving ??= this.#openAgain().finally(() => {
      this.#reviving = undefined;
    }));
  }

  async #openAgain(): Promise<void> {
    const dead = this.#opened;
    this.#opened = undefined;
    try {
      await dead?.env.close();
      this.#opened = openEnvironment(this.#directory);
    } catch {
      // Whoever comes next is told that the store is not open, and tries again.
    }
  }
}

const DONE = Promise.resolve();
/** A walk through the whole store takes a fresh one now and then. */
const READS_PER_SNAPSHOT = 64;

function valueOf(rows: Bytes, key: Uint8Array): Value | undefined {
  const bytes = rows.get(key);
  return bytes === undefined ? undefined : { bytes, stamp: getLastVersion() };
}

/** One seek: without an end, a limit and a value, which would each cost as much again. */
function firstKey(rows: Bytes, from: Uint8Array): Buffer | undefined {
  const cursor = rows.getKeys({ start: seekable(from) })[Symbol.iterator]();
  const { done, value } = cursor.next();
  if (done === true) return undefined;
  cursor.return?.();
  return asBuffer(value);
}

function* scan(rows: Bytes, from: Uint8Array, to: Uint8Array | undefined): Generator<Entry, void, void> {
  const end = to === undefined ? {} : { end: seekable(to) };
  for (const found of rows.getRange({ start: seekable(from), ...end, versions: true })) yield entryOf(found);
}

/** INVARIANT: runs inside the write transaction, without an await. */
function apply({ rows, meta }: Environment, batches: readonly Batch[]): CommitResult[] {
  const last = meta.getBinary(STAMP_KEY);
  let stamp: Stamp = last === undefined ? 0 : Number(last.readBigUInt64BE());
  const before = stamp;
  const results = batches.map((batch): CommitResult => {
    const failed = (batch.checks ?? []).findIndex((check) => !holds(rows, check));
    if (failed >= 0) return { ok: false, failed };
    stamp++;
    for (const put of batch.puts ?? []) rows.putSync(put.key, asBuffer(put.bytes), stamp);
    for (const key of batch.deletes ?? []) rows.removeSync(key);
    return { ok: true, stamp };
  });
  if (stamp !== before) {
    const next = Buffer.alloc(8);
    next.writeBigUInt64BE(BigInt(stamp));
    meta.putSync(STAMP_KEY, next);
  }
  return results;
}

function holds(rows: Bytes, check: Check): boolean {
  if ("key" in check) {
    if (!rows.doesExist(check.key)) return check.stamp === "absent";
    return check.stamp === getLastVersion();
  }
  const [from, to] = [seekable(check.emptyRange.from), seekable(check.emptyRange.to)];
  if (Buffer.compare(from, to) >= 0) return true;
  return rows.getKeysCount({ start: from, end: to, limit: 1 }) === 0;
}

function entryOf(found: { key: Uint8Array; value: Buffer; version?: number }): Entry {
  return { key: asBuffer(found.key), bytes: found.value, stamp: found.version ?? 0 };
}

/** lmdb-js rejects with a general error that carries the promise of the real one. */
async function causeOf(error: unknown): Promise<unknown> {
  if (!(error instanceof Error) || !("commitError" in error)) return error;
  try {
    await error.commitError;
    return error;
  } catch (cause) {
    return cause;
  }
}
