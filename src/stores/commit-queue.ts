/**
 * Group commit: while one transaction is being made durable, further commits gather; together they are the next one.
 * Sixteen writers then share one fsync instead of waiting for sixteen. Who belongs to a transaction is settled when it has
 * begun: until then it may have waited long for another process's.
 */
import { StoreError, type Batch, type CommitResult } from "./contract.js";

/** Bounds of one transaction: it must not grow with the queue. */
const MAX_BATCHES = 1024;
const MAX_BYTES = 64 * 1024 * 1024;

interface Waiting {
  readonly batch: Batch;
  readonly sizeBytes: number;
  readonly resolve: (result: CommitResult) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Applies batches in order, in one durable transaction; one result each. A rejection means that none was applied.
 * @param take the batches, the same ones however often it is asked: to be asked within the transaction
 */
export type Transact = (take: () => readonly Batch[]) => Promise<readonly CommitResult[]>;

export class CommitQueue {
  readonly #transact: Transact;
  #waiting: Waiting[] = [];
  #running: Promise<void> | undefined;

  constructor(transact: Transact) {
    this.#transact = transact;
  }

  commit(batch: Batch): Promise<CommitResult> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ batch, sizeBytes: sizeOf(batch), resolve, reject });
      this.#running ??= this.#run();
    });
  }

  /** Resolves when everything queued has been answered. */
  async idle(): Promise<void> {
    await this.#running;
  }

  async #run(): Promise<void> {
    // Commits of this very turn belong to the first transaction.
    await Promise.resolve();
    while (this.#waiting.length > 0) await this.#runGroup();
    this.#running = undefined;
  }

  async #runGroup(): Promise<void> {
    let group: readonly Waiting[] | undefined;
    const taken = (): readonly Waiting[] => (group ??= this.#nextGroup());
    try {
      const results = await this.#transact(() => taken().map((waiting) => waiting.batch));
      taken().forEach((waiting, i) => {
        const result = results[i];
        if (result === undefined) waiting.reject(new StoreError("the engine answered too few results"));
        else waiting.resolve(result);
      });
    } catch (error) {
      for (const waiting of taken()) waiting.reject(error);
    }
  }

  #nextGroup(): Waiting[] {
    let count = 0;
    let bytes = 0;
    for (const waiting of this.#waiting) {
      bytes += waiting.sizeBytes;
      if (count > 0 && (count >= MAX_BATCHES || bytes > MAX_BYTES)) break;
      count++;
    }
    return this.#waiting.splice(0, count);
  }
}

function sizeOf(batch: Batch): number {
  let bytes = 0;
  for (const put of batch.puts ?? []) bytes += put.key.length + put.bytes.length;
  return bytes;
}
